//! What passes between binds: everything, byte for byte, except what would test or change a second factor's ground.

use bytes::Bytes;
use tokio::sync::watch;
use vestibule::domain::client::Client;
use vestibule::wire::ber;
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::{Frame, op};
use vestibule::wire::message::{Control, PASSWORD_MODIFY, Scope, abandon_request, paged};

use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::{Ldap, WHO_AM_I, compare, extended, message, modify, result, search_request};
use super::support::people::{hotp, totp};
use super::support::scripted::{self, Reaction, Scripted};
use super::support::slapd::SlapdOptions;
use super::{answer, openldap, openldap_with};

/// Entries that no search for people is about: a referral, names beyond ASCII, bytes that are no text.
const ODD_ENTRIES: &str = "\
dn: ou=elsewhere,dc=example,dc=test
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://other.example.test/ou=elsewhere,dc=example,dc=test

dn:: dWlkPXpvw6ssb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9dGVzdA==
objectClass: inetOrgPerson
uid:: em/Dqw==
cn:: Wm/DqyDDhnNpciDnjos=
sn:: w4ZzaXI=
userPassword: pw-zoe
jpegPhoto:: /9j/4AAQAIAwgAAAAAMAAP//

dn:: Y249TcO8bGxlclwsIErDvHJnZW4sb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9dGVzdA==
objectClass: inetOrgPerson
uid: jmueller
cn:: TcO8bGxlciwgSsO8cmdlbg==
sn:: TcO8bGxlcg==
userPassword: pw-jmueller

";

fn control(oid: &str, critical: bool, value: Option<&[u8]>) -> Control {
    Control { oid: oid.into(), critical, value: value.map(<[u8]>::to_vec) }
}

/// RFC 3296.
const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";

fn search(id: u32, base: &str, scope: Scope, filter: &str, controls: &[Control]) -> Vec<u8> {
    search_request(id, base, scope, filter, &[], controls)
}

fn change(tag: u8, body: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&mut Vec<u8>) {
    move |out| ber::put(out, tag, body)
}

const ALICE: &str = "uid=user0001,ou=people,dc=example,dc=test";

/// Requests of every kind, each with one final answer.
fn conversation() -> Vec<(&'static str, Vec<u8>)> {
    [searches(), changes(), extended_operations()].concat()
}

fn searches() -> Vec<(&'static str, Vec<u8>)> {
    let base = "dc=example,dc=test";
    let alice = ALICE;
    let limited = |id| {
        let filter = Filter::present("objectClass");
        let (size_limit, time_limit, attributes, controls) = (1, 5, &["1.1"][..], &[][..]);
        vestibule::wire::message::SearchRequest {
            base,
            scope: Scope::Subtree,
            filter: &filter,
            size_limit,
            time_limit,
            attributes,
            controls,
        }
        .encode(id)
    };
    vec![
        ("a subtree with a continuation reference", search(11, base, Scope::Subtree, "(objectClass=*)", &[])),
        (
            "a base that is a referral",
            search(12, "ou=elsewhere,dc=example,dc=test", Scope::Base, "(objectClass=*)", &[]),
        ),
        (
            "the referral itself, by a critical control",
            search(
                13,
                "ou=elsewhere,dc=example,dc=test",
                Scope::Base,
                "(objectClass=*)",
                &[control(MANAGE_DSA_IT, true, None)],
            ),
        ),
        (
            "an unknown control",
            search(14, alice, Scope::Base, "(objectClass=*)", &[control("1.2.3.4", false, Some(&[0, 255]))]),
        ),
        (
            "an unknown critical control",
            search(15, alice, Scope::Base, "(objectClass=*)", &[control("1.2.3.4", true, None)]),
        ),
        ("a first page", search(16, "ou=people,dc=example,dc=test", Scope::OneLevel, "(uid=*)", &[paged(2, b"")])),
        ("a size limit", limited(17)),
        ("names beyond ASCII", search(18, "uid=zoë,ou=people,dc=example,dc=test", Scope::Base, "(cn=*æ*)", &[])),
        (
            "an escaped name",
            search(19, "cn=Müller\\, Jürgen,ou=people,dc=example,dc=test", Scope::Base, "(objectClass=*)", &[]),
        ),
        ("an extensible match", search(20, base, Scope::Subtree, "(cn:caseExactMatch:=User 1)", &[])),
        ("a name that is none", search(21, "no name", Scope::Base, "(objectClass=*)", &[])),
        ("a base that is not there", search(22, "ou=nowhere,dc=example,dc=test", Scope::Base, "(objectClass=*)", &[])),
        ("the schema, which is long", search(23, "cn=subschema", Scope::Base, "(objectClass=*)", &[])),
    ]
}

/// Compares, changes without the right to make them, and one message as AD's clients write it.
fn changes() -> Vec<(&'static str, Vec<u8>)> {
    let alice = ALICE;
    vec![
        ("a Compare that is true", message(24, &[], |out| compare(out, alice, "uid", "user0001"))),
        ("a Compare that is false", message(25, &[], |out| compare(out, alice, "uid", "somebody"))),
        ("a Modify without the right", message(26, &[], |out| modify(out, alice, "sn", "x"))),
        (
            "a Modify with a control",
            message(27, &[control("1.2.3.4", true, None)], |out| modify(out, alice, "sn", "x")),
        ),
        (
            "an Add without the right",
            message(
                28,
                &[],
                change(op::ADD_REQUEST, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, b"ou=new,dc=example,dc=test");
                    ber::put(out, ber::SEQUENCE, |out| {
                        ber::put(out, ber::SEQUENCE, |out| {
                            ber::put_bytes(out, ber::OCTET_STRING, b"objectClass");
                            ber::put(out, ber::SET, |out| {
                                ber::put_bytes(out, ber::OCTET_STRING, b"organizationalUnit");
                            });
                        });
                    });
                }),
            ),
        ),
        (
            "a Delete without the right",
            message(29, &[], |out| ber::put_bytes(out, op::DELETE_REQUEST, alice.as_bytes())),
        ),
        (
            "a ModifyDN without the right",
            message(
                30,
                &[],
                change(op::MODIFY_DN_REQUEST, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, alice.as_bytes());
                    ber::put_bytes(out, ber::OCTET_STRING, b"uid=other");
                    ber::put_bytes(out, ber::BOOLEAN, &[0xff]);
                }),
            ),
        ),
        ("lengths longer than they need be", {
            let short = message(35, &[], |out| compare(out, alice, "uid", "user0001"));
            // AD's own clients write every length in four octets.
            [&[0x30, 0x84, 0, 0, 0, u8::try_from(short.len() - 2).unwrap()], &short[2..]].concat()
        }),
    ]
}

fn extended_operations() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("Who am I?", extended(31, WHO_AM_I, None)),
        ("an unknown extended operation", extended(32, "1.2.3.4.5", Some(&[0, 1, 2, 255]))),
        ("an unknown extended operation without a value", extended(33, "1.2.3.4.5", None)),
        (
            "a Cancel of what was never asked (RFC 3909)",
            extended(34, "1.3.6.1.1.8", Some(&[0x30, 4, 2, 2, 0x27, 0x0f])),
        ),
    ]
}

/// Everything that comes back for one request.
async fn answers(connection: &mut Ldap, request: &[u8]) -> Vec<Bytes> {
    connection.send(request).await;
    let mut frames = vec![];
    loop {
        let frame = connection.frame().await.expect("an answer");
        let is_last = ![op::SEARCH_ENTRY, op::SEARCH_REFERENCE, 0x79].contains(&frame.op());
        frames.push(frame.bytes().clone());
        if is_last {
            return frames;
        }
    }
}

#[tokio::test]
async fn r52_every_kind_of_request_gets_the_same_bytes_relayed_as_from_the_directory_itself() {
    let slapd = openldap_with(SlapdOptions { ldif: ODD_ENTRIES.into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    let (mut relayed, mut direct) = (Ldap::connect(appliance.ldap_addr).await, Ldap::connect(slapd.addr).await);
    assert_eq!(relayed.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    assert_eq!(direct.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    for (what, request) in conversation() {
        let expected = answers(&mut direct, &request).await;
        assert_eq!(answers(&mut relayed, &request).await, expected, "{what}");
    }
}

#[tokio::test]
async fn r52_requests_sent_in_one_go_are_answered_like_the_directory_would() {
    let slapd = openldap_with(SlapdOptions { ldif: ODD_ENTRIES.into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    let mut all = vec![];
    for to in [slapd.addr, appliance.ldap_addr] {
        let mut connection = Ldap::connect(to).await;
        assert_eq!(connection.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
        let requests = conversation();
        connection.send(&requests.iter().flat_map(|(_, request)| request.clone()).collect::<Vec<u8>>()).await;
        // slapd answers what runs at once in any order; each request's own answers stay in theirs.
        let mut by_id: std::collections::BTreeMap<u32, Vec<Bytes>> = std::collections::BTreeMap::new();
        let mut ended = 0;
        while ended < requests.len() {
            let frame = connection.frame().await.unwrap();
            ended += usize::from(![op::SEARCH_ENTRY, op::SEARCH_REFERENCE].contains(&frame.op()));
            by_id.entry(frame.message_id()).or_default().push(frame.bytes().clone());
        }
        all.push(by_id);
    }
    for ((id, direct), (_, relayed)) in all[0].iter().zip(&all[1]) {
        assert_eq!(relayed, direct, "request {id}");
    }
}

#[tokio::test]
async fn r52_bytes_that_only_the_two_ends_understand_pass_unchanged_in_both_directions() {
    // Answers no library would write: an intermediate response, an unsolicited notification, a result code nobody
    // defined, lengths in four octets, controls with odd values, and an operation of a later standard.
    let odd_answers: Vec<Vec<u8>> = vec![
        message(7, &[], |out| ber::put_bytes(out, 0x79, &[0x80, 3, b'1', b'.', b'2', 0x81, 2, 0, 255])),
        message(0, &[], |out| {
            ber::put_bytes(out, op::EXTENDED_RESPONSE, &[10, 1, 0, 4, 0, 4, 0, 0x8a, 3, b'1', b'.', b'9']);
        }),
        vec![0x30, 0x84, 0, 0, 0, 16, 2, 1, 7, 0x64, 0x84, 0, 0, 0, 5, 4, 1, b'x', 0x30, 0, 0xa0, 0],
        message(7, &[control("9.9", true, Some(&[]))], |out| ber::put_bytes(out, 0x7d, &[1, 2, 3])),
        message(7, &[], |out| ber::put_bytes(out, op::SEARCH_DONE, &[10, 2, 0x10, 0x0e, 4, 0, 4, 0])),
    ];
    let said: Vec<u8> = odd_answers.concat();
    let directory = Scripted::start(move |frame| match (frame.message_id(), frame.op()) {
        (7, op::MODIFY_REQUEST) => Some(Reaction::Send(said.clone())),
        (6, op::SEARCH_REQUEST) => Some(Reaction::Nothing),
        _ => None,
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    let odd_requests: Vec<Vec<u8>> = vec![
        message(5, &[], |out| ber::put_bytes(out, 0x7d, &[0, 255, 1])),
        vec![0x30, 0x84, 0, 0, 0, 13, 2, 1, 6, 0x63, 0x84, 0, 0, 0, 2, 5, 0, 0xa0, 0],
        message(7, &[control("9.9", true, Some(&[0; 300]))], |out| {
            ber::put_bytes(out, op::MODIFY_REQUEST, b"not even BER");
        }),
    ];
    for request in &odd_requests {
        gateway.send(request).await;
    }
    for expected in &odd_answers {
        assert_eq!(gateway.frame().await.unwrap().bytes(), expected);
    }
    let is_ours = |frame: &Frame| odd_requests.iter().any(|request| request[..] == frame.bytes()[..]);
    directory.seen.wait_for("the last request", |frame| frame.bytes()[..] == odd_requests[2][..]).await;
    assert_eq!(directory.seen.with(is_ours).len(), odd_requests.len());
}

#[tokio::test]
async fn a_slow_reader_gets_a_large_answer_whole_and_stops_nobody_else() {
    let slapd = openldap_with(SlapdOptions { people: 2_000, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    let mut slow = Ldap::connect(appliance.ldap_addr).await;
    let mut quick = Ldap::connect(appliance.ldap_addr).await;
    for connection in [&mut slow, &mut quick] {
        assert_eq!(connection.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    }
    for id in 100..110 {
        slow.send(&search(id, &slapd.base, Scope::Subtree, "(uid=*)", &[])).await;
    }
    // Far more than the buffers in between hold is on its way; nobody reads it yet.
    for _ in 0..20 {
        assert_eq!(quick.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 0);
    }
    let mut ended = 0;
    let mut entries = 0;
    while ended < 10 {
        match slow.frame().await.unwrap().op() {
            op::SEARCH_ENTRY => entries += 1,
            _ => ended += 1,
        }
    }
    assert_eq!(entries, 20_000);
}

#[tokio::test]
async fn an_abandon_is_the_directorys_to_obey_and_gets_no_answer() {
    let directory = Scripted::start(|frame| {
        let is_asked = frame.op() == op::SEARCH_REQUEST && frame.message_id() == 1_000;
        is_asked.then_some(Reaction::Nothing)
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    // Before a bind there is nothing to abandon.
    gateway.send(&abandon_request(2, 1)).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    gateway.send(&search(1_000, "dc=test", Scope::Base, "(objectClass=*)", &[])).await;
    let abandon = abandon_request(1_001, 1_000);
    gateway.send(&abandon).await;
    directory.seen.wait_for("the Abandon", |frame| frame.bytes()[..] == abandon[..]).await;
    assert_eq!(gateway.search("dc=test", Scope::Base, "(objectClass=*)").await.code, 0, "the next is answered first");
}

#[tokio::test]
async fn an_answer_that_is_late_still_belongs_to_its_request_and_never_to_the_next_user() {
    let (release, released) = watch::channel(false);
    let directory = Scripted::start(move |frame| {
        let is_asked = frame.op() == op::COMPARE_REQUEST;
        let late =
            message(frame.message_id(), &[], |out| ber::put_bytes(out, op::COMPARE_RESPONSE, &[10, 1, 6, 4, 0, 4, 0]));
        is_asked.then(|| Reaction::SendWhen(released.clone(), late))
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory())
        .claimed_user("alice", scripted::DN, scripted::UNIQUE_ID)
        .with(hotp())
        .await;
    let user = appliance.person("alice");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    gateway.send(&message(900, &[], |out| compare(out, scripted::DN, "uid", "alice"))).await;
    directory.seen.wait_for("the Compare", |frame| frame.op() == op::COMPARE_REQUEST).await;
    // RFC 4511 §4.2.1: a bind ends what is outstanding; its answer must not come to whoever is bound next.
    assert_eq!(gateway.bind("alice", &user.with(&user.hotp())).await, answer(0));
    release.send_replace(true);
    assert_eq!(gateway.search("dc=test", Scope::Base, "(objectClass=*)").await.code, 0, "and nothing before it");
}

#[tokio::test]
async fn a_user_changes_the_password_by_modify_and_the_old_one_is_void() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    let changed = gateway.ask(op::MODIFY_RESPONSE, |out| modify(out, &user.dn, "userPassword", "new-secret")).await;
    assert_eq!(changed, answer(0));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(49), "the old password");
    assert_eq!(gateway.bind(&user.dn, &format!("new-secret,{}", user.hotp())).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, "new-secret").await, answer(49), "a new password brings no second factor");
}

#[tokio::test]
async fn a_user_changes_the_password_by_password_modify_and_the_old_one_is_void() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let mut value = vec![];
    ber::put(&mut value, ber::SEQUENCE, |out| {
        ber::put_bytes(out, 0x81, user.password.as_bytes());
        ber::put_bytes(out, 0x82, b"new-secret");
    });
    // Nobody's connection changes nothing.
    gateway.send(&extended(80, PASSWORD_MODIFY, Some(&value))).await;
    assert_eq!(gateway.answer_to(80, op::EXTENDED_RESPONSE).await.0, 1);

    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    gateway.send(&extended(81, PASSWORD_MODIFY, Some(&value))).await;
    assert_eq!(gateway.answer_to(81, op::EXTENDED_RESPONSE).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(49), "the old password");
    assert_eq!(gateway.bind(&user.dn, &format!("new-secret,{}", user.hotp())).await, answer(0));
}

#[tokio::test]
async fn a_compare_that_tests_a_password_is_refused_by_any_of_its_names_and_never_reaches_the_directory() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(0));
    for attribute in ["userPassword", "USERPASSWORD", "2.5.4.35", "userPassword;lang-en", "authPassword", "unicodePwd"]
    {
        let asked = gateway.ask(op::COMPARE_RESPONSE, |out| compare(out, &user.dn, attribute, &user.password)).await;
        assert_eq!(asked.0, 50, "{attribute}: {}", asked.1);
    }
    assert_eq!(slapd.logged(" CMP "), Vec::<String>::new());
    let asked = gateway.ask(op::COMPARE_RESPONSE, |out| compare(out, &user.dn, "uid", "user0001")).await;
    assert_eq!(asked, answer(6), "other attributes are compared");
    assert_eq!(slapd.logged(" CMP ").len(), 1);
}

#[tokio::test]
async fn a_client_that_may_compare_passwords_gets_the_directorys_answer() {
    let slapd = openldap();
    let client = Client { allow_password_compare: true, ..netscaler() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(0));
    for (value, expected) in [(user.password.as_str(), 6), ("wrong", 5)] {
        let asked = gateway.ask(op::COMPARE_RESPONSE, |out| compare(out, &user.dn, "userPassword", value)).await;
        assert_eq!(asked.0, expected, "{value}");
    }
}

#[tokio::test]
async fn groups_within_groups_are_found_the_way_gateways_look_for_them() {
    let group = |name: &str, member: &str| {
        format!(
            "dn: cn={name},ou=groups,dc=example,dc=test\nobjectClass: groupOfNames\ncn: {name}\nmember: {member}\n\n"
        )
    };
    let ldif = group("team", "uid=user0001,ou=people,dc=example,dc=test")
        + &group("department", "cn=team,ou=groups,dc=example,dc=test")
        + &group("company", "cn=department,ou=groups,dc=example,dc=test");
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(0));
    // Level by level, by who has the last one as a member.
    let (mut groups, mut level) = (vec![], vec![user.dn.clone()]);
    while let Some(member) = level.pop() {
        let found = gateway
            .search(&slapd.base, Scope::Subtree, &format!("(&(objectClass=groupOfNames)(member={member}))"))
            .await;
        assert_eq!(found.code, 0);
        level.extend(found.entries.into_iter().map(|entry| entry.dn));
        groups.extend(level.last().cloned());
    }
    let name = |name| format!("cn={name},ou=groups,dc=example,dc=test");
    assert_eq!(groups, [name("team"), name("department"), name("company")]);
}

#[tokio::test]
async fn a_search_that_is_answered_by_referrals_counts_them_all() {
    let slapd = openldap_with(SlapdOptions { ldif: ODD_ENTRIES.into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let found = gateway.search(&slapd.base, Scope::Subtree, "(objectClass=*)").await;
    assert_eq!((found.code, found.references), (0, 1));
    gateway.send(&search(77, "ou=elsewhere,dc=example,dc=test", Scope::Base, "(objectClass=*)", &[])).await;
    let frame = gateway.frame().await.unwrap();
    assert_eq!(result(&frame).0, 10);
    assert!(frame.bytes().windows(18).any(|part| part == b"other.example.test"), "the client is told where");
}
