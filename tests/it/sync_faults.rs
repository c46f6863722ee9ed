//! Whatever becomes of a directory while it is followed: nobody is added, changed or taken away by half an answer, and the
//! run says which server it was and what to do.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vestibule::domain::directory::{Directory, Server, Transport};
use vestibule::wire::frame::op;
use vestibule::wire::message::{extended_response, response};

use super::openldap_with;
use super::support::appliance::{Appliance, directory_at, plain_server};
use super::support::ldap::{asks_for, message};
use super::support::paged::{Page, Paged, dn_of, done, person, unique_id, usual};
use super::support::scripted::{Reaction, entry};
use super::support::slapd::{SlapdOptions, authority, free_port};
use super::support::stub::{self, Stub, rightly_named};
use super::sync_openldap::{change, counts, follow, run, user, vestibule};

/// A directory of three people that was followed once. Commands wait for its server, which is a task of the test itself: it
/// needs a thread of its own.
struct Followed {
    appliance: Appliance,
    server: Paged,
    people: Value,
}

async fn followed() -> Followed {
    let server = Paged::start().await;
    let appliance = Appliance::before_directory(server.directory()).await;
    follow(&appliance, &["--leavers", "delete", "--delete-after", "0"]);
    assert_eq!(counts(&run(&appliance, &[])), [3, 0, 0, 0, 0]);
    let people = people(&appliance);
    Followed { appliance, server, people }
}

impl Followed {
    /// A run fails with these words and the server's address, in the history too; everybody is as before.
    fn fails(&self, what: &str, words: &[&str]) {
        let server = self.server.scripted.addr.to_string();
        fails(&self.appliance, what, &[words, &[server.as_str()]].concat());
        assert_eq!(people(&self.appliance), self.people, "{what}");
    }

    /// All is well again, and nothing had to be put right.
    fn recovers(&self) {
        self.server.as_usual();
        assert_eq!(counts(&run(&self.appliance, &[])), [0, 0, 3, 0, 0]);
        assert_eq!(people(&self.appliance), self.people);
    }
}

fn people(appliance: &Appliance) -> Value {
    json(appliance, &["user", "list", "--json"])
}

fn last_run(appliance: &Appliance) -> Value {
    json(appliance, &["sync", "history", "--limit", "1", "--json"])[0].clone()
}

fn json(appliance: &Appliance, command: &[&str]) -> Value {
    let (code, out, err) = vestibule(appliance, command);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn fails(appliance: &Appliance, what: &str, words: &[&str]) {
    let (code, _, err) = vestibule(appliance, &["sync", "run", "--directory", "corp"]);
    let last = last_run(appliance);
    let why = last["why"].as_str().unwrap_or_default();
    assert_eq!((code, &last["state"]), (3, &Value::from("failed")), "{what}: {err}");
    for word in words {
        assert!(err.contains(word) && why.contains(word), "{what}: {word:?} is missing in {err:?} or {why:?}");
    }
}

/// What is sent instead of an answer to the request with an id.
type Lie = fn(u32) -> Vec<u8>;

type Attributes = &'static [(&'static str, &'static [u8])];

/// The directory has these servers from now on.
async fn served_by(appliance: &Appliance, servers: &[Server], ca_pem: Option<&str>) {
    sqlx::query("update directories set servers = $1, ca_pem = $2")
        .bind(sqlx::types::Json(servers))
        .bind(ca_pem)
        .execute(appliance.store().pool())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r58_a_server_that_dies_between_its_pages_or_within_one_changes_nothing() {
    let followed = followed().await;
    let at = |page: Page, reaction: fn(u32) -> Reaction| {
        followed.server.henceforth(move |frame, asked| (asked == Some(page)).then(|| reaction(frame.message_id())));
    };
    at(Page::Second, |_| Reaction::Close);
    followed.fails("closed between the pages", &["closed the connection during a search", "look in its log"]);
    at(Page::Second, |_| Reaction::Reset);
    followed.fails("reset between the pages", &["closed the connection during a search"]);
    at(Page::Second, |_| Reaction::Nothing);
    followed.fails("silent between the pages", &["did not finish a search within", "check its load"]);
    // The answer to a search stops in the middle of a person.
    followed.server.henceforth(|frame, asked| {
        let whole = usual(frame.message_id(), Page::Second);
        let goes_on = frame.op() != op::UNBIND_REQUEST;
        (goes_on && asked == Some(Page::Second)).then(|| Reaction::Send(whole[..20].to_vec()))
    });
    followed.fails("cut short within a person", &["did not finish a search within"]);
    followed.recovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn r58_a_limit_a_busy_server_or_a_referral_on_the_last_page_changes_nothing() {
    let followed = followed().await;
    for (code, words) in [
        (1, "result code 1 "),
        (3, "time limit"),
        (4, "size limit"),
        (10, "a referral to another server"),
        (11, "administrative limit"),
        (50, "result code 50"),
        (51, "result code 51"),
        (52, "result code 52"),
    ] {
        followed.server.instead_of(Page::Second, move |id| [person(id, 3), done(id, code, false)].concat());
        let advice = if matches!(code, 3 | 4 | 10 | 11) { "check its limits" } else { "look in its log" };
        followed.fails(&format!("code {code}"), &[words, advice]);
    }
    followed.recovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn r58_an_empty_answer_or_pages_without_end_remove_nobody() {
    let followed = followed().await;
    followed.server.instead_of(Page::First, |id| done(id, 0, false));
    fails(
        &followed.appliance,
        "empty",
        &["an empty answer removes nobody", "3 users came by it", "rights of our account"],
    );
    assert_eq!(people(&followed.appliance), followed.people);
    followed.server.henceforth(|frame, asked| asked.map(|_| Reaction::Send(done(frame.message_id(), 0, true))));
    followed.fails("in a circle", &["its pages never end"]);
    followed.recovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_from_the_first_word_on_is_named_and_changes_nothing() {
    let followed = followed().await;
    for code in [51, 52] {
        followed.server.henceforth(move |frame, _| {
            let answer = response(frame.message_id(), op::BIND_RESPONSE, code, "too much to do");
            (frame.op() == op::BIND_REQUEST).then(|| Reaction::Send(answer.to_vec()))
        });
        followed.fails("busy", &[&format!("result code {code}"), "too much to do", "look in its log"]);
    }
    followed.recovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_an_answer_that_is_no_ldap_is_told_as_such_and_changes_nothing() {
    let followed = followed().await;
    let ends = |out: &mut Vec<u8>| out.extend([10, 1, 0, 4, 0, 4, 0]);
    let lies: [(&str, Lie); 7] = [
        ("an indefinite length", |_| vec![0x30, 0x80, 2, 1, 3, 0x65, 7, 10, 1, 0, 4, 0, 4, 0, 0, 0]),
        ("a claim of four gigabytes", |_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 3]),
        ("a constructed string", |id| message(id, &[], |out| out.extend([0x64, 6, 0x24, 2, 4, 0, 0x30, 0]))),
        ("an entry that is longer than its message", |id| message(id, &[], |out| out.extend([0x64, 0x7f, 4, 0]))),
        ("a result of half a code", |id| message(id, &[], |out| out.extend([0x65, 3, 10, 2, 0]))),
        ("a name that is not UTF-8", |id| message(id, &[], |out| out.extend([0x64, 6, 4, 2, 0xff, 0xfe, 0x30, 0]))),
        ("a web page", |_| b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec()),
    ];
    for (what, lie) in lies {
        followed.server.instead_of(Page::Second, lie);
        followed.fails(what, &["does not keep to LDAP", "check that its port is one for LDAP"]);
    }
    let others: [(&str, u32, u8); 3] = [
        ("a notice", 0, op::EXTENDED_RESPONSE),
        ("another id", 1, op::SEARCH_DONE),
        ("a bind answer", 2, op::BIND_RESPONSE),
    ];
    for (what, which, tag) in others {
        followed.server.instead_of(Page::Second, move |id| {
            let id = [0, id + 1, id][which as usize];
            [person(id, 3), message(id, &[], |out| vestibule::wire::ber::put(out, tag, ends))].concat()
        });
        followed.fails(what, &["does not keep to LDAP"]);
    }
    followed.recovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_read_is_skipped_and_has_not_left() {
    let followed = followed().await;
    // (the attributes of person 3, skipped, note)
    let garbage: [(Attributes, u64, Option<&str>); 5] = [
        (&[("uid", b"user0003")], 1, Some("shows our account no unique id; nobody was taken for a leaver")),
        (&[("uid", b"user0003"), ("entryUUID", b"\x00\xff\xfe")], 1, Some("no unique id")),
        (&[("entryUUID", UNIQUE_ID_3)], 1, None),
        (&[("entryUUID", UNIQUE_ID_3), ("uid", b"\xff\xfe\x00")], 1, None),
        (&[("entryUUID", UNIQUE_ID_3), ("uid", b"user0003"), ("sn", b"\x80\x81"), ("mobile", b"\xff")], 0, None),
    ];
    assert_eq!(unique_id(3).as_bytes(), UNIQUE_ID_3);
    for (attributes, skipped, note) in garbage {
        followed
            .server
            .instead_of(Page::Second, move |id| [entry(id, &dn_of(3), attributes), done(id, 0, false)].concat());
        let run = run(&followed.appliance, &[]);
        let what = format!("{attributes:?}: {run}");
        assert_eq!((&run["state"], run["counts"]["skipped"].as_u64()), (&"finished".into(), Some(skipped)), "{what}");
        assert_eq!(run["note"].as_str().is_some(), note.is_some(), "{what}");
        assert!(run["note"].as_str().unwrap_or_default().contains(note.unwrap_or_default()), "{what}");
        assert_eq!(people(&followed.appliance), followed.people, "{what}");
    }
    followed.recovers();
}

const UNIQUE_ID_3: &[u8] = b"7d2f1c34-0f6e-4b7a-9d0e-000000000003";

#[tokio::test(flavor = "multi_thread")]
async fn of_many_servers_one_that_works_is_enough() {
    let slapd = openldap_with(SlapdOptions::default());
    let mute = Stub::start(|stream, _| stub::until_closed(stream)).await;
    let web = Stub::start(|stream, _| stub::converse(stream, |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let dead = free_port(IpAddr::from([127, 0, 7, 3]));
    let unresolved = Server { host: "nowhere.invalid".into(), port: 389, transport: Transport::Plain };
    let wrong = [dead, web.addr, mute.addr].map(plain_server);
    let servers = [&[unresolved][..], &wrong, &[plain_server(slapd.addr)]].concat();
    let operation_timeout = Duration::from_secs(1);
    let directory = Directory { operation_timeout, ..directory_at(servers.clone()) };
    let appliance = Appliance::before_directory(directory).await;
    follow(&appliance, &[]);
    assert_eq!(counts(&run(&appliance, &[])), [3, 0, 0, 0, 0]);
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0]);
    let before = people(&appliance);
    served_by(&appliance, &servers[..4], None).await;
    fails(&appliance, "only the wrong ones", &["no server of directory \"corp\" answered; the last: ", "ldap://"]);
    assert_eq!(people(&appliance), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn r42_a_server_with_a_bad_certificate_or_without_start_tls_is_sent_no_bind_and_named() {
    let followed = followed().await;
    let (ca, stranger) = (authority("ours"), authority("somebody else's"));
    let mut expired = rightly_named();
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let elsewhere = CertificateParams::new(["ldap.example.test".to_owned()]).unwrap();
    for (what, params, issuer, words) in [
        ("expired", &expired, Some(&ca), "expired"),
        ("another name", &elsewhere, Some(&ca), "not valid for name"),
        ("another authority's", &rightly_named(), Some(&stranger), "unknownissuer"),
        ("self-signed", &rightly_named(), None, "unknownissuer"),
    ] {
        let (addr, told, _stub) = listens_over_tls(params, issuer).await;
        let server = Server { transport: Transport::Ldaps, ..plain_server(addr) };
        served_by(&followed.appliance, &[server], Some(&ca.pem())).await;
        let addr = addr.to_string();
        fails(
            &followed.appliance,
            what,
            &[words, "failed the TLS handshake, nothing was sent", "check its certificate", &addr],
        );
        assert_eq!(told.load(Ordering::SeqCst), 0, "{what}");
    }
    followed.server.henceforth(|frame, _| {
        let refusal = extended_response(frame.message_id(), 52, "no TLS here", None);
        asks_for(frame, "1.3.6.1.4.1.1466.20037").then(|| Reaction::Send(refusal.to_vec()))
    });
    let server = Server { transport: Transport::StartTls, ..plain_server(followed.server.scripted.addr) };
    served_by(&followed.appliance, &[server], Some(&ca.pem())).await;
    let binds = || followed.server.scripted.seen.with(|frame| frame.op() == op::BIND_REQUEST).len();
    let before = binds();
    followed.fails("no StartTLS", &["refused StartTLS", "use ldaps"]);
    assert_eq!(binds(), before);
    served_by(&followed.appliance, &[plain_server(followed.server.scripted.addr)], None).await;
    followed.recovers();
}

/// A TLS server with this certificate, and how many bytes it was told inside.
async fn listens_over_tls(
    params: &CertificateParams,
    issuer: Option<&CertifiedIssuer<'static, KeyPair>>,
) -> (SocketAddr, Arc<AtomicUsize>, Stub) {
    let (acceptor, told) = (stub::acceptor(params, issuer), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&told);
    let stub = Stub::start(move |stream, _| {
        let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                counter.fetch_add(count, Ordering::SeqCst);
                let _ = stream.write_all(b"?").await;
            }
        }
    });
    let stub = stub.await;
    (stub.addr, told, stub)
}

#[tokio::test]
async fn a_bind_account_that_is_locked_is_named_and_changes_nothing() {
    let slapd = super::directory_state::strict();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    let before = people(&appliance);
    let lock = |how: &str| change(&slapd, &format!("dn: {}\nchangetype: modify\n{how}\n", slapd.service_dn));
    lock("add: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z");
    let addr = slapd.addr.to_string();
    fails(&appliance, "locked", &["refused our own account", "whether the account is locked", &addr]);
    assert_eq!(people(&appliance), before);
    lock("delete: pwdAccountLockedTime");
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0]);
}

#[tokio::test]
async fn r58_a_part_that_lies_on_another_server_is_not_followed_and_makes_nobody_a_leaver() {
    let referral = "dn: ou=moved,dc=example,dc=test\nobjectClass: referral\nobjectClass: extensibleObject\nou: moved\n\
                    ref: ldap://127.0.7.3:9/ou=moved,dc=example,dc=test\n\n";
    let slapd = openldap_with(SlapdOptions { ldif: referral.into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--leavers", "delete", "--delete-after", "0"]);
    run(&appliance, &[]);
    let before = people(&appliance);
    change(&slapd, &format!("dn: {}\nchangetype: delete\n", slapd.dn_of("user0002")));
    let partial = run(&appliance, &[]);
    assert_eq!((counts(&partial), &partial["state"]), ([0, 0, 2, 0, 0], &"finished".into()));
    assert!(partial["note"].as_str().unwrap().contains("parts on other servers that were not read"), "{partial}");
    assert_eq!(people(&appliance), before);
    sqlx::query("update sync_items set base = 'ou=moved,dc=example,dc=test'")
        .execute(appliance.store().pool())
        .await
        .unwrap();
    let addr = slapd.addr.to_string();
    fails(&appliance, "the base itself", &["a referral to another server", "and the base", &addr]);
    assert_eq!(people(&appliance), before);
}

#[tokio::test]
async fn r10_names_and_groups_of_letters_that_mean_something_are_followed_as_they_are() {
    let people = [
        ("uid=m\u{fc}ller\\, j\u{f6}rg,ou=people,dc=example,dc=test", "m\u{fc}ller, j\u{f6}rg"),
        ("uid=a*(b)\\\\c,ou=people,dc=example,dc=test", "a*(b)\\c"),
        ("uid=\\#x\\+y\\;\\<\\>\\\"q\\\",ou=people,dc=example,dc=test", "#x+y;<>\"q\""),
        ("uid=\u{674e}\u{96f7},ou=people,dc=example,dc=test", "\u{674e}\u{96f7}"),
    ];
    let group = "cn=all*(of\\, them)\\\\ \\+1,ou=groups,dc=example,dc=test";
    let mut ldif = String::new();
    for (dn, uid) in people {
        let _ =
            write!(ldif, "dn:: {}\nobjectClass: inetOrgPerson\nuid:: {}\ncn: x\nsn: x\n\n", base64(dn), base64(uid));
    }
    let _ = write!(ldif, "dn:: {}\nobjectClass: groupOfNames\ncn: all\n", base64(group));
    for (dn, _) in people {
        let _ = writeln!(ldif, "member:: {}", base64(dn));
    }
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--group", group]);
    let first = run(&appliance, &[]);
    assert_eq!(counts(&first), [4, 0, 0, 0, 0], "{first}");
    for (dn, uid) in people {
        let (by_dn, by_name) = (user(&appliance, dn), user(&appliance, uid));
        assert_eq!((by_dn["id"].as_str(), by_dn["name"].as_str()), (by_name["id"].as_str(), Some(uid)));
    }
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 4, 0, 0]);
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

#[tokio::test]
async fn a_clock_that_went_backwards_neither_stops_the_schedule_nor_hurries_a_removal() {
    let slapd = openldap_with(SlapdOptions::default());
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--leavers", "delete", "--delete-after", "0"]);
    run(&appliance, &[]);
    change(&slapd, &format!("dn: {}\nchangetype: delete\n", slapd.dn_of("user0001")));
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 2, 1, 0]);
    // What the clock said an hour ahead, it says of turns and leavers still.
    let ahead = "update users set left_at = left_at + interval '1 hour' where left_at is not null;
                 insert into sync_settings (directory_id, every_ms, next_at, brake_count, brake_percent)
                 select id, 60000, clock_timestamp() + interval '1 hour', 5, 10 from directories";
    sqlx::raw_sql(ahead).execute(appliance.store().pool()).await.unwrap();
    let by_itself = async || json(&appliance, &["sync", "history", "--json"])[0]["by"] == "schedule";
    super::support::eventually("a turn comes", by_itself).await;
    assert_eq!(user(&appliance, "user0001")["enabled"], false, "still there");
    let back = "update users set left_at = clock_timestamp() - interval '1 second' where left_at is not null";
    sqlx::raw_sql(back).execute(appliance.store().pool()).await.unwrap();
    assert_eq!(counts(&run(&appliance, &[]))[4], 1);
}
