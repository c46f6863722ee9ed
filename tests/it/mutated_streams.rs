//! A real conversation with bytes changed, lost, doubled and swapped, a thousand times over: whatever comes of it, it
//! ends, it lets nobody in, and nobody else notices.

use std::net::SocketAddr;

use tokio::task::JoinSet;
use vestibule::domain::secret::Password;
use vestibule::wire::frame::op;
use vestibule::wire::message::{Control, Scope, bind_request};

use super::support::appliance::Appliance;
use super::support::ldap::{Ldap, WHO_AM_I, compare, extended, message, result, search_request};
use super::support::people::{Person, hotp};
use super::support::slapd::Slapd;
use super::{answer, openldap};

const STREAMS: u64 = 1_000;
/// Streams under way at once.
const AT_ONCE: usize = 16;

/// Numbers that are the same in every run (xorshift64*), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(rolled).unwrap() % limit
    }
}

/// What a gateway says, with the right password and a wrong code: unchanged, it is refused.
fn conversation(slapd: &Slapd, user: &Person) -> Vec<u8> {
    let field = Password::new(user.with(&user.wrong_code()).into_bytes());
    let control = Control { oid: "1.2.840.113556.1.4.319".into(), critical: true, value: Some(vec![0x30, 0]) };
    let mut stream = search_request(1, "", Scope::Base, "(objectClass=*)", &[], &[]);
    stream.extend_from_slice(&bind_request(2, &user.dn, &field, &[]));
    stream.extend_from_slice(&search_request(
        3,
        &slapd.base,
        Scope::Subtree,
        "(&(uid=user0001)(!(cn=x*y)))",
        &["cn"],
        &[control],
    ));
    stream.extend_from_slice(&extended(4, WHO_AM_I, None));
    stream.extend_from_slice(&message(5, &[], |out| compare(out, &user.dn, "userPassword", "x")));
    stream
}

fn mutated(mut stream: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.below(4) {
        let at = dice.below(stream.len());
        match dice.below(6) {
            0 => stream[at] ^= 1 << dice.below(8),
            1 => stream[at] = [0, 1, 0x30, 0x7f, 0x80, 0x84, 0xff][dice.below(7)],
            2 => drop(stream.remove(at)),
            3 => stream.insert(at, u8::try_from(dice.below(256)).unwrap()),
            4 => {
                let other = dice.below(stream.len());
                stream.swap(at, other);
            }
            _ => {
                let end = (at + 1 + dice.below(24)).min(stream.len());
                let piece = stream[at..end].to_vec();
                stream.splice(at..at, piece);
            }
        }
    }
    // More than any message may have, and no message: whatever was begun comes to an end.
    stream.resize(stream.len() + 70_000, 0);
    stream
}

/// Says it all and listens to the end; the result codes of the binds.
async fn say(to: SocketAddr, stream: Vec<u8>) -> Vec<u32> {
    let mut gateway = Ldap::connect(to).await;
    // It may close while we still write.
    let _ = gateway.try_send(&stream).await;
    let mut codes = vec![];
    while let Some(frame) = gateway.frame().await {
        if frame.op() == op::BIND_RESPONSE {
            codes.push(result(&frame).0);
        }
    }
    codes
}

#[tokio::test]
async fn r12_no_change_of_bytes_lets_anybody_in_hangs_a_session_or_disturbs_another() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .user("user0001")
        .with(hotp())
        .user("user0002")
        .with(hotp())
        .set("sign_in.lockout_failures", "1000")
        .set("sign_in.denials_per_source_per_minute", "1000000")
        .await;
    let user = appliance.person("user0001");
    let mut other = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(other.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let whole = conversation(&slapd, user);

    let mut under_way = JoinSet::new();
    let mut heard: Vec<u32> = vec![];
    for seed in 1..=STREAMS {
        let stream = mutated(whole.clone(), &mut Dice(seed));
        under_way.spawn(say(appliance.ldap_addr, stream));
        if under_way.len() >= AT_ONCE {
            heard.extend(under_way.join_next().await.unwrap().unwrap());
        }
        if seed % 100 == 0 {
            let found = other.search(&slapd.base, Scope::Base, "(objectClass=*)").await;
            assert_eq!((found.code, found.entries.len()), (0, 1), "after {seed} streams");
        }
    }
    heard.extend(under_way.join_all().await.into_iter().flatten());
    assert!(!heard.contains(&0), "{heard:?}");
    assert!(heard.iter().filter(|code| **code == 49).count() > 20, "many still are sign-ins: {heard:?}");
    for event in appliance.events("sign-in").await {
        assert_eq!(event["outcome"], "denied", "{event}");
    }
    assert!(appliance.log().with(&["panicked"]).is_empty());
    let (honest, mut gateway) = (appliance.person("user0002"), Ldap::connect(appliance.ldap_addr).await);
    assert_eq!(gateway.bind(&honest.dn, &honest.with(&honest.hotp())).await, answer(0), "others get in as ever");
}
