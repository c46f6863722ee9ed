//! What bad input and bad days get: the table of the product's promises, row by row.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule::domain::client::{Client, CodeForm};
use vestibule::wire::ber;
use vestibule::wire::frame::op;
use vestibule::wire::message::{Control, Scope, response};

use super::support::appliance::{Appliance, client_at, netscaler};
use super::support::eventually;
use super::support::ldap::{Ldap, message, search_request, socket_from};
use super::support::people::{app, hotp, totp};
use super::support::scripted::{self, Reaction, Scripted, binds_the_person};
use super::support::slapd::SlapdOptions;
use super::{answer, openldap, openldap_with};

#[tokio::test]
async fn r07_a_name_with_an_empty_password_is_refused_and_never_reaches_the_directory() {
    // A directory that would take it for success.
    let global = "allow bind_anon_cred bind_anon_dn".to_owned();
    let slapd = openldap_with(SlapdOptions { global, ..SlapdOptions::default() });
    let form = CodeForm { delimiter: None, fixed_length: Some(6) };
    let fixed = Client { code_form: form, ..client_at("fixed", "127.0.7.31/32") };
    let appliance =
        Appliance::before(&slapd).client(netscaler()).client(fixed).user("user0001").with(totp()).with(app()).await;
    let user = appliance.person("user0001");

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let code = format!(",{}", user.totp());
    for field in ["", &code, ",push", ",AB23-4567-89CD-EFGH"] {
        for name in [user.dn.as_str(), "user0001", "user0001@example.test", slapd.service_dn.as_str()] {
            let (code, text) = gateway.bind(name, field).await;
            // A service account has no code behind its password.
            let expected = if name == slapd.service_dn && !field.is_empty() { 49 } else { 53 };
            assert_eq!(code, expected, "{name} with {field:?}: {text}");
        }
    }
    let mut fixed = Ldap::connect_from([127, 0, 7, 31], appliance.ldap_addr).await;
    assert_eq!(fixed.bind(&user.dn, &user.totp()).await.0, 53, "all of the field is the code");

    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
    assert_eq!(slapd.logged("BIND anonymous"), Vec::<String>::new());
}

#[tokio::test]
async fn an_unknown_source_is_refused_in_the_terms_of_what_it_asks_closed_and_counted() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(client_at("gateway", "127.0.7.30/32")).user("user0001").await;
    let user = appliance.person("user0001");
    let mut known = Ldap::connect_from([127, 0, 7, 30], appliance.ldap_addr).await;
    let mut stranger = Ldap::connect_from([127, 0, 7, 31], appliance.ldap_addr).await;
    assert_eq!(stranger.bind(&user.dn, &user.password).await.0, 53);
    assert_eq!(stranger.frame().await, None, "closed");

    let mut stranger = Ldap::connect_from([127, 0, 7, 31], appliance.ldap_addr).await;
    assert_eq!(stranger.search("", Scope::Base, "(objectClass=*)").await.code, 53);
    assert_eq!(stranger.frame().await, None, "closed");

    let mut stranger = socket_from([127, 0, 7, 31], appliance.ldaps_addr).await.unwrap();
    let mut nothing = vec![];
    stranger.read_to_end(&mut nothing).await.unwrap();
    assert_eq!(nothing, b"", "no TLS for strangers");

    let counted = "vestibule_ldap_connections_refused_total{reason=\"unknown_source\"}";
    eventually("three are counted", async || appliance.metric(counted).await >= 3.0).await;
    assert_eq!(appliance.log().with(&["127.0.7.31", "address of no client"]).len(), 3);
    assert_eq!(known.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
}

/// A message around an operation's bytes.
fn around(operation: &[u8]) -> Vec<u8> {
    message(5, &[], |out| out.extend_from_slice(operation))
}

/// Input no LDAP client sends, and what the log calls it.
fn broken() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let long = |length: usize| message(5, &[], |out| ber::put_bytes(out, op::BIND_REQUEST, &vec![0; length]));
    let odd = Control { oid: "1.2.3".into(), critical: false, value: None };
    let mut control = message(5, &[odd], |out| out.extend_from_slice(&[0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]));
    // BOOLEAN 01 behind the control's OID.
    for (at, grown) in [(1, 3), (15, 3), (17, 3)] {
        control[at] += grown;
    }
    control.extend_from_slice(&[1, 1, 1]);
    vec![
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not an LDAP message"),
        ("an indefinite length", vec![0x30, 0x80, 2, 1, 1, 0x60, 0, 0, 0], "indefinite or malformed length"),
        (
            "a length in five octets",
            vec![0x30, 0x85, 0, 0, 0, 0, 5, 2, 1, 1, 0x60, 0],
            "indefinite or malformed length",
        ),
        ("a claim of 2 GiB", vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], "over the limit"),
        ("a claim of 4 GiB", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "over the limit"),
        ("a message one byte over the limit", long(65_536), "over the limit"),
        ("message id 0", vec![0x30, 12, 2, 1, 0, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0], "impossible message id"),
        ("a negative message id", vec![0x30, 12, 2, 1, 0xff, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0], "impossible message id"),
        ("a message id of five octets", vec![0x30, 9, 2, 5, 1, 0, 0, 0, 0, 0x42, 0], "impossible message id"),
        ("no message id", vec![0x30, 2, 0x42, 0], "impossible message id"),
        ("no operation", vec![0x30, 3, 2, 1, 1], "no known protocol operation"),
        ("a request nobody defined", around(&[0x7e, 0]), "no known protocol operation"),
        ("an answer instead of a request", around(&[0x61, 7, 10, 1, 0, 4, 0, 4, 0]), "no known protocol operation"),
        ("a bind with more behind its password", around(&[0x60, 9, 2, 1, 3, 4, 0, 0x80, 0, 0x80, 0]), "broken request"),
        ("a bind with a constructed name", around(&[0x60, 9, 2, 1, 3, 0x24, 2, 4, 0, 0x80, 0]), "broken request"),
        ("a bind that ends too early", around(&[0x60, 7, 2, 1, 3, 4, 0, 0x80, 9]), "broken request"),
        ("a BOOLEAN that is neither TRUE nor FALSE", control, "broken request"),
        ("an extended request without a name", around(&[0x77, 0]), "broken request"),
    ]
}

#[tokio::test]
async fn r12_each_kind_of_broken_message_ends_its_own_connection_with_a_notice_and_one_log_line() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut other = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(other.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));

    for (last, (what, bytes, reason)) in (100..).zip(broken()) {
        let source = format!("127.0.7.{last}");
        let mut broken = Ldap::connect_from([127, 0, 7, last], appliance.ldap_addr).await;
        // It may close while we still write.
        let _ = broken.try_send(&bytes).await;
        let goodbye = broken.goodbye().await;
        assert_eq!(goodbye.map(|(code, _)| code), Some(2), "{what}");
        let line = appliance.log().await_line(&[&format!("\"{source}\""), reason]).await;
        assert!(line.contains("WARN"), "{what}: {line}");
        assert_eq!(appliance.log().with(&[&format!("\"{source}\"")]).len(), 1, "{what}");
        assert_eq!(other.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 0, "after {what}");
    }
}

#[tokio::test]
async fn r12_broken_messages_after_a_bind_end_the_connection_and_never_reach_the_directory() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut other = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(other.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    for (what, bytes, _) in broken() {
        // What is whole and within the limit is the directory's to judge, unless it is a bind.
        if ["a message one byte over the limit", "a request nobody defined", "an answer instead of a request"]
            .contains(&what)
        {
            continue;
        }
        let mut broken = Ldap::connect(appliance.ldap_addr).await;
        assert_eq!(broken.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
        let _ = broken.try_send(&bytes).await;
        assert_eq!(broken.goodbye().await.map(|(code, _)| code), Some(2), "{what}");
        assert_eq!(other.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 0, "after {what}");
    }
}

#[tokio::test]
async fn a_tls_handshake_on_the_plain_port_is_closed_and_named_in_the_log() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut stream = socket_from([127, 0, 7, 99], appliance.ldap_addr).await.unwrap();
    stream.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await.unwrap();
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"", "a TLS client would not understand a notice");
    appliance.log().await_line(&["127.0.7.99", "TLS handshake on a port without TLS"]).await;
}

#[tokio::test]
async fn r12_messages_that_never_end_take_bounded_memory() {
    const CONNECTIONS: usize = 60;
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut probe = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(probe.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let before = memory(appliance.pid());
    let mut open = vec![];
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(appliance.ldap_addr).await.unwrap();
        // As much as may be claimed, and never the last byte of it.
        stream.write_all(&[0x30, 0x82, 0xff, 0xf0, 2, 1, 1, 0x60, 0x82, 0xff, 0xe9]).await.unwrap();
        stream.write_all(&vec![0; 65_000]).await.unwrap();
        open.push(stream);
    }
    assert_eq!(probe.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 0);
    let grown = memory(appliance.pid()).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for {CONNECTIONS} half messages");
}

/// Resident memory of a process, bytes.
fn memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn r12_a_directory_that_claims_more_than_64_mib_ends_the_relay_with_a_notice() {
    let script = |frame: &vestibule::wire::frame::Frame| {
        (frame.op() == op::COMPARE_REQUEST).then(|| Reaction::Send(vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]))
    };
    let directory = Scripted::start(script).await;
    let appliance = Appliance::before_directory(directory.directory()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    gateway.send(&message(9, &[], |out| super::support::ldap::compare(out, "dc=test", "cn", "x"))).await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(52));
    appliance.log().await_line(&["the directory does not keep to LDAP", "over the limit"]).await;
}

/// How AD refuses a wrong password, down to the byte, with a control nobody here knows.
fn refusal(id: u32) -> Vec<u8> {
    let text = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580";
    let control = Control { oid: "1.3.6.1.4.1.42.2.27.8.5.1".into(), critical: false, value: Some(vec![0x30, 0]) };
    message(id, &[control], |out| {
        ber::put(out, op::BIND_RESPONSE, |out| {
            ber::put_number(out, ber::ENUMERATED, 49);
            ber::put_bytes(out, ber::OCTET_STRING, b"");
            ber::put_bytes(out, ber::OCTET_STRING, text.as_bytes());
        });
    })
}

#[tokio::test]
async fn a_wrong_password_gets_the_directorys_own_answer_to_the_byte_and_prompts_nobody() {
    let directory = Scripted::start(|frame| {
        let is_wrong = binds_the_person(frame) && scripted::password(frame) != "geheim";
        is_wrong.then(|| Reaction::Send(refusal(frame.message_id())))
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory())
        .claimed_user("alice", scripted::DN, scripted::UNIQUE_ID)
        .with(app())
        .with(totp())
        .await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for field in ["wrong", "wrong,push", "wrong,123456", "geheimer"] {
        let id = gateway.send_bind(scripted::DN, field).await;
        assert_eq!(gateway.frame().await.unwrap().bytes(), &refusal(id), "{field}");
    }
    // Our own no reads the same, so that nobody can tell which of the two was wrong (R19).
    let user = appliance.person("alice");
    let (code, text) = gateway.bind(scripted::DN, &user.with(&user.wrong_code())).await;
    assert_eq!((code, text.contains("data 52e")), (49, true), "{text}");

    assert!(appliance.events("prompt-sent").await.is_empty());
    assert_eq!(appliance.recorded().await, [vec!["wrong-password"; 4], vec!["wrong-code"]].concat());
    assert_eq!(appliance.failures("alice").await, 1, "wrong passwords are the directory's to count");
}

#[tokio::test]
async fn a_wrong_reused_or_missing_code_is_a_wrong_password_to_the_client_and_told_apart_in_the_record() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let wrong_password = gateway.bind(&user.dn, "wrong").await;
    assert_eq!(wrong_password, answer(49));

    let used = user.with(&user.hotp());
    assert_eq!(gateway.bind(&user.dn, &used).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, &used).await, wrong_password);
    assert_eq!(appliance.failures("user0001").await, 1);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.wrong_code())).await, wrong_password);
    assert_eq!(gateway.bind(&user.dn, &user.password).await, wrong_password);
    assert_eq!(appliance.failures("user0001").await, 3);
    assert_eq!(appliance.recorded().await, ["wrong-password", "hotp", "reused-code", "wrong-code", "missing-code"]);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    assert_eq!(appliance.failures("user0001").await, 0, "a success forgives");
}

/// A client that has to be answered soon.
fn hasty() -> Client {
    Client { answer_by: Duration::from_secs(3), ..netscaler() }
}

#[tokio::test]
async fn a_directory_that_is_down_makes_binds_unavailable_until_it_is_back_and_counts_against_nobody() {
    let mut slapd = openldap();
    let appliance = Appliance::before(&slapd).client(hasty()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    slapd.kill();
    // Whoever was signed in there is told.
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(52));
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let (name, field) = (user.dn.clone(), user.with(&user.hotp()));
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(gateway.bind(&name, &field).await.0, 52);
        assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await.0, 52);
        assert!(begin.elapsed() < Duration::from_secs(6), "each within the client's three seconds");
    }
    slapd.revive();
    // The same code: nothing was used up meanwhile.
    assert_eq!(gateway.bind(&name, &field).await, answer(0));
    assert_eq!(appliance.recorded().await, ["hotp", "hotp"], "a fault is no outcome");
    assert_eq!(appliance.failures("user0001").await, 0);
}

#[tokio::test]
async fn a_directory_that_hangs_makes_binds_unavailable_within_the_clients_time() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(hasty()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let field = user.with(&user.hotp());
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    slapd.freeze();
    let begin = Instant::now();
    assert_eq!(gateway.bind(&user.dn, &field).await.0, 52);
    assert!(begin.elapsed() < Duration::from_millis(3_500), "{:?}", begin.elapsed());
    slapd.thaw();
    let mut retried = (52, String::new());
    for _ in 0..10 {
        retried = gateway.bind(&user.dn, &field).await;
        if retried.0 == 0 {
            break;
        }
    }
    assert_eq!(retried, answer(0));
    assert_eq!(appliance.failures("user0001").await, 0);
}

#[tokio::test]
async fn a_directory_that_resets_or_closes_in_the_middle_of_a_bind_makes_it_unavailable() {
    for reaction in [|| Reaction::Reset, || Reaction::Close] {
        let directory = Scripted::start(move |frame| binds_the_person(frame).then(reaction)).await;
        let appliance = Appliance::before_directory(directory.directory())
            .client(hasty())
            .claimed_user("alice", scripted::DN, scripted::UNIQUE_ID)
            .with(totp())
            .await;
        let user = appliance.person("alice");
        let mut gateway = Ldap::connect(appliance.ldap_addr).await;
        assert_eq!(gateway.bind("alice", &user.with(&user.totp())).await.0, 52);
        assert_eq!(appliance.recorded().await, Vec::<String>::new());
        assert_eq!(appliance.failures("alice").await, 0);
    }
}

#[tokio::test]
async fn r08_nothing_but_a_bind_response_with_code_0_lets_anybody_in() {
    // The code comes with the password, so that one directory can say them all.
    let directory = Scripted::start(|frame| {
        binds_the_person(frame).then(|| {
            let code = String::from_utf8(scripted::password(frame).to_vec()).unwrap().parse().unwrap();
            Reaction::Send(response(frame.message_id(), op::BIND_RESPONSE, code, "scripted").to_vec())
        })
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory())
        .client(Client { trusted_networks: vec!["127.0.0.0/8".parse().unwrap()], ..netscaler() })
        .claimed_user("alice", scripted::DN, scripted::UNIQUE_ID)
        .await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let mut granted = vec![];
    for code in 0..=90 {
        let (ours, _) = gateway.bind("alice", &code.to_string()).await;
        if ours == 0 {
            granted.push(code);
        } else {
            assert!([code, 49, 51, 52].contains(&ours), "{code} became {ours}");
            assert_eq!(gateway.search("", Scope::Base, "(cn=x)").await.code, 0, "only the root DSE, as nobody");
            assert_eq!(gateway.search("dc=test", Scope::Base, "(cn=x)").await.code, 1, "after {code}");
        }
    }
    assert_eq!(granted, [0]);
}

/// Makes an answer with this message id.
type Say = Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>;

#[tokio::test]
async fn r08_an_answer_that_only_looks_like_success_lets_nobody_in() {
    let result = |tag: u8, parts: &[u8]| {
        let parts = parts.to_vec();
        move |id: u32| message(id, &[], |out| ber::put_bytes(out, tag, &parts))
    };
    let success = result(op::BIND_RESPONSE, &[10, 1, 0, 4, 0, 4, 0]);
    let lies: Vec<(&str, Say)> = vec![
        (
            "another message id",
            Box::new({
                let success = success.clone();
                move |id| success(id + 1)
            }),
        ),
        (
            "message id 0",
            Box::new({
                let success = success.clone();
                move |_| success(0)
            }),
        ),
        ("a search's end", Box::new(result(op::SEARCH_DONE, &[10, 1, 0, 4, 0, 4, 0]))),
        ("an extended success", Box::new(result(op::EXTENDED_RESPONSE, &[10, 1, 0, 4, 0, 4, 0]))),
        ("an intermediate response", Box::new(result(0x79, &[0x80, 3, b'1', b'.', b'2']))),
        ("a matched name", Box::new(result(op::BIND_RESPONSE, &[10, 1, 0, 4, 4, b'c', b'n', b'=', b'x', 4, 0]))),
        ("a referral with success", Box::new(result(op::BIND_RESPONSE, &[10, 1, 0, 4, 0, 4, 0, 0xa3, 3, 4, 1, b'x']))),
        ("a code of two octets", Box::new(result(op::BIND_RESPONSE, &[10, 2, 1, 0, 4, 0, 4, 0]))),
        ("a code of no octets", Box::new(result(op::BIND_RESPONSE, &[10, 0, 4, 0, 4, 0]))),
        ("no code", Box::new(result(op::BIND_RESPONSE, &[]))),
        ("bytes behind it", Box::new(result(op::BIND_RESPONSE, &[10, 1, 0, 4, 0, 4, 0, 5, 0]))),
        (
            "an unsolicited notice",
            Box::new(|_| {
                vestibule::wire::message::extended_response(0, 52, "", Some("1.3.6.1.4.1.1466.20036")).to_vec()
            }),
        ),
        ("plain text", Box::new(|_| b"220 ready\r\n".to_vec())),
    ];
    let lies: std::sync::Arc<[(&str, Say)]> = lies.into();
    let said = std::sync::Arc::clone(&lies);
    let directory = Scripted::start(move |frame| {
        binds_the_person(frame).then(|| {
            let which: usize = String::from_utf8(scripted::password(frame).to_vec()).unwrap().parse().unwrap();
            Reaction::Send(said[which].1(frame.message_id()))
        })
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory())
        .client(Client { trusted_networks: vec!["127.0.0.0/8".parse().unwrap()], ..hasty() })
        .claimed_user("alice", scripted::DN, scripted::UNIQUE_ID)
        .await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for (which, (what, _)) in lies.iter().enumerate() {
        let (code, text) = gateway.bind("alice", &which.to_string()).await;
        assert_eq!(code, 52, "{what}: {text}");
    }
}

#[tokio::test]
async fn r09_requests_during_a_pending_bind_are_not_passed_on_until_it_ends() {
    let directory = Scripted::start(|frame| {
        (frame.op() == op::COMPARE_REQUEST)
            .then(|| Reaction::Send(response(frame.message_id(), op::COMPARE_RESPONSE, 6, "").to_vec()))
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory())
        .claimed_user("alice", scripted::DN, scripted::UNIQUE_ID)
        .with(app())
        .await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    // Signed in as the service account, which must not be whom these requests run as.
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    let bind = gateway.send_bind(scripted::DN, "geheim").await;
    let compare = |id| message(id, &[], |out| super::support::ldap::compare(out, scripted::DN, "uid", "alice"));
    for id in [101, 102, 103] {
        gateway.send(&compare(id)).await;
    }
    let prompt = appliance.prompt().await;
    let compares = || directory.seen.with(|frame| frame.op() == op::COMPARE_REQUEST).len();
    assert_eq!((compares(), gateway.has_nothing()), (0, true));
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    for id in [101, 102, 103] {
        assert_eq!(gateway.answer_to(id, op::COMPARE_RESPONSE).await.0, 6);
    }
    assert_eq!(compares(), 3);
}

#[tokio::test]
async fn r09_what_piles_up_during_a_pending_bind_is_bounded_and_refused_if_the_bind_fails() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let search = search_request(500, &slapd.base, Scope::Base, "(objectClass=*)", &[], &[]);
    let count = 200_000 / search.len();
    for _ in 0..count {
        gateway.send(&search).await;
    }
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    for _ in 0..count {
        assert_eq!(gateway.answer_to(500, op::SEARCH_DONE).await.0, 1);
    }
    assert_eq!(slapd.logged(&format!("SRCH base=\"{}\" scope=0", slapd.base)), Vec::<String>::new());
}

/// What it is, version, name, proof, and the code it gets.
type OddBind = (&'static str, u32, &'static [u8], &'static [u8], u32);

#[tokio::test]
async fn binds_that_are_no_simple_version_3_binds_are_refused_in_their_own_terms() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = |version: u32, name: &'static [u8], proof: &'static [u8]| {
        move |out: &mut Vec<u8>| {
            ber::put(out, op::BIND_REQUEST, |out| {
                ber::put_number(out, ber::INTEGER, version);
                ber::put_bytes(out, ber::OCTET_STRING, name);
                out.extend_from_slice(proof);
            });
        }
    };
    let cases: [OddBind; 6] = [
        ("version 2", 2, b"cn=x", &[0x80, 1, b'x'], 2),
        ("SASL EXTERNAL", 3, b"", &[0xa3, 10, 4, 8, b'E', b'X', b'T', b'E', b'R', b'N', b'A', b'L'], 7),
        (
            "SASL GSS-SPNEGO",
            3,
            b"",
            &[0xa3, 14, 4, 10, b'G', b'S', b'S', b'-', b'S', b'P', b'N', b'E', b'G', b'O', 4, 0],
            7,
        ),
        ("Sicily negotiation", 3, b"NTLM", &[0x8a, 1, 0], 7),
        ("a name that is not UTF-8", 3, &[b'c', b'n', b'=', 0xff], &[0x80, 1, b'x'], 34),
        ("a password without a name", 3, b"", &[0x80, 1, b'x'], 48),
    ];
    for (what, version, name, proof, expected) in cases {
        let (code, text) = gateway.ask(op::BIND_RESPONSE, bind(version, name, proof)).await;
        assert_eq!(code, expected, "{what}: {text}");
    }
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0), "it goes on");
}

/// Names and passwords whose last byte makes the difference.
const LENGTHS: [usize; 8] = [52, 71, 72, 73, 128, 256, 900, 16_384];

#[tokio::test]
async fn r18_passwords_of_every_length_are_taken_whole_and_a_last_byte_makes_the_difference() {
    let mut ldif = String::new();
    for length in LENGTHS {
        let password = "p".repeat(length);
        let _ = write!(
            ldif,
            "dn: uid=long{length},ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: long{length}\ncn: long\n\
             sn: long\nuserPassword: {password}\n\n"
        );
    }
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let mut arrangement = Appliance::before(&slapd);
    for length in LENGTHS {
        arrangement = arrangement.user_with_password(&format!("long{length}"), &"p".repeat(length)).with(hotp());
    }
    let appliance = arrangement.await;
    let (mut gateway, mut direct) = (Ldap::connect(appliance.ldap_addr).await, Ldap::connect(slapd.addr).await);
    for length in LENGTHS {
        let user = appliance.person(&format!("long{length}"));
        let last_differs = format!("{}q", "p".repeat(length - 1));
        let cut = "p".repeat(length - 1);
        let longer = "p".repeat(length + 1);
        for (field, expected) in [(&user.password, 0), (&last_differs, 49), (&cut, 49), (&longer, 49)] {
            assert_eq!(direct.bind(&user.dn, field).await.0, expected, "the directory, {length}");
            let field = format!("{field},{}", user.hotp());
            assert_eq!(gateway.bind(&user.dn, &field).await.0, expected, "{length}");
        }
    }
}

#[tokio::test]
async fn r18_a_password_too_long_to_be_read_is_refused_and_never_cut() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let id = gateway.id();
    let long = "p".repeat(65_535);
    let request = vestibule::wire::message::bind_request(
        id,
        &user.dn,
        &vestibule::domain::secret::Password::new(long.as_bytes()),
        &[],
    );
    let _ = gateway.try_send(&request).await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(2));
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
}

#[tokio::test]
async fn r18_names_that_differ_in_their_last_byte_are_different_people() {
    let mut ldif = String::new();
    for length in [52, 72, 73, 128, 256] {
        for last in ["a", "b"] {
            let uid = format!("{}{last}", "n".repeat(length - 1));
            let _ = write!(
                ldif,
                "dn: cn={length}{last},ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\n\
                 cn: {length}{last}\nsn: long\nuserPassword: same\n\n"
            );
        }
    }
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let mut arrangement = Appliance::before(&slapd);
    let name = |length: usize, last: &str| format!("{}{last}", "n".repeat(length - 1));
    for length in [52, 72, 73, 128, 256] {
        arrangement = arrangement.user_with_password(&name(length, "a"), "same").with(hotp());
    }
    let appliance = arrangement.await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for length in [52, 72, 73, 128, 256] {
        let user = appliance.person(&name(length, "a"));
        let field = user.with(&user.hotp());
        assert_eq!(gateway.bind(&name(length, "b"), &field).await.0, 49, "{length}: another person's code");
        assert_ne!(gateway.bind(&"n".repeat(length - 1), &field).await.0, 0, "{length}: nobody's name");
        assert_eq!(gateway.bind(&name(length, "a"), &field).await.0, 0, "{length}");
    }
    assert_eq!(gateway.bind(&"n".repeat(2_000), "same").await.0, 49, "longer than any name");
}

/// Names that would forge a line, colour a terminal or turn the reading direction.
const HOSTILE: [&str; 6] = [
    "mallory\n{\"level\":\"INFO\",\"message\":\"sign-in\",\"outcome\":\"granted\"}",
    "mallory\r\nINFO vestibule: sign-in outcome=\"granted\"",
    "mallory\u{1b}[2K\u{1b}[1A",
    "mallory\u{202e}detnarg",
    "mallory\u{0}",
    "=cmd|' /C calc'!A0",
];

#[tokio::test]
async fn r47_a_hostile_name_stays_one_harmless_log_line_and_one_record() {
    for (format, ready) in [("json", "\"ready\""), ("pretty", "ready")] {
        let slapd = openldap();
        let appliance = Appliance::before(&slapd).set("log.format", &format!("\"{format}\"")).await;
        let mut gateway = Ldap::connect(appliance.ldap_addr).await;
        let lines = appliance.log().lines().len();
        assert!(!appliance.log().with(&[ready]).is_empty());
        for name in HOSTILE {
            assert_ne!(gateway.bind(name, "x").await.0, 0, "{name:?}");
        }
        let logged = appliance.log().await_count(HOSTILE.len(), &["denied"]).await;
        assert_eq!(appliance.log().lines().len() - lines, HOSTILE.len(), "a line each:\n{}", appliance.log().text());
        for line in logged {
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\0', '\r']), "{line:?}");
            if format == "json" {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(line["outcome"], "denied");
            } else {
                assert!(!line.contains("outcome=\"granted\""), "{line}");
            }
        }
        for event in appliance.events("sign-in").await {
            let name = event["name"].as_str().unwrap();
            assert!(!name.contains(|letter: char| letter.is_control() || letter == '\u{202e}'), "{name:?}");
        }
        assert_eq!(appliance.events("sign-in").await.len(), HOSTILE.len());
    }
}

#[tokio::test]
async fn a_message_in_single_bytes_is_read_like_any_other() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut stream = TcpStream::connect(appliance.ldap_addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let search = search_request(7, "", Scope::Base, "(objectClass=*)", &["supportedLDAPVersion"], &[]);
    for byte in search {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut buffer = BytesMut::new();
    let frame = super::support::stub::request(&mut stream, &mut buffer).await.unwrap();
    assert_eq!((frame.message_id(), frame.op()), (7, op::SEARCH_ENTRY));
}
