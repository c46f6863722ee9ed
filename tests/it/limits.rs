//! What one client, or everybody together, may take: connections, time, bytes, waiting places. What is over a limit is
//! told so, and nobody else notices.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use vestibule::domain::client::Client;
use vestibule::wire::ber;
use vestibule::wire::frame::op;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, client_at, netscaler};
use super::support::ldap::{Answer, Ldap, compare, message, search_request, socket_from};
use super::support::people::{app, hotp};
use super::support::slapd::SlapdOptions;
use super::support::{PATIENCE, eventually, in_time};
use super::{answer, openldap, openldap_with};

fn full() -> Answer {
    (51, "too many connections".into())
}

fn idle() -> Answer {
    (52, "the connection was idle for too long".into())
}

/// Connections that were refused for this reason.
async fn refused(appliance: &Appliance, reason: &str) -> f64 {
    appliance.metric(&format!("vestibule_ldap_connections_refused_total{{reason=\"{reason}\"}}")).await
}

/// A connection whose session has begun.
async fn open(appliance: &Appliance, from: [u8; 4]) -> Ldap {
    let mut gateway = Ldap::connect_from(from, appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=x", "").await.0, 53);
    gateway
}

#[tokio::test]
async fn r60_more_connections_than_all_clients_may_have_are_told_that_it_is_full_until_one_leaves() {
    let slapd = openldap();
    let appliance =
        Appliance::before(&slapd).set("ldap.max_connections", "3").set("ldap.max_connections_per_client", "3").await;
    let mut held = vec![];
    for _ in 0..3 {
        held.push(open(&appliance, [127, 0, 0, 1]).await);
    }
    for _ in 0..2 {
        assert_eq!(Ldap::connect(appliance.ldap_addr).await.goodbye().await, Some(full()));
    }
    assert!(
        in_time("a close", Ldap::connect(appliance.ldaps_addr).await.frame()).await.is_none(),
        "a TLS client would not understand a notice"
    );
    assert!((refused(&appliance, "full").await - 3.0).abs() < 0.5);
    assert_eq!(held[1].bind(&slapd.service_dn, &slapd.service_password).await, answer(0), "who is in stays in");

    held.pop().unwrap().unbind().await;
    eventually("a place is free", async || {
        let mut next = Ldap::connect(appliance.ldap_addr).await;
        // What is full closes before it reads.
        let request = search_request(7, "", Scope::Base, "(objectClass=*)", &["1.1"], &[]);
        next.try_send(&request).await.is_ok() && next.frame().await.is_some_and(|frame| frame.message_id() == 7)
    })
    .await;
}

#[tokio::test]
async fn r60_a_client_with_all_its_connections_does_not_take_those_of_another() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .client(client_at("greedy", "127.0.11.50/31"))
        .client(client_at("modest", "127.0.11.52/32"))
        .set("ldap.max_connections_per_client", "2")
        .await;
    // Two addresses of one client.
    let _held = [open(&appliance, [127, 0, 11, 50]).await, open(&appliance, [127, 0, 11, 51]).await];
    for last in [50, 51] {
        let mut third = Ldap::connect_from([127, 0, 11, last], appliance.ldap_addr).await;
        assert_eq!(third.goodbye().await, Some(full()));
    }
    appliance.log().await_count(2, &["too many connections from one client", "greedy"]).await;
    assert!((refused(&appliance, "client_full").await - 2.0).abs() < 0.5);
    let mut modest = open(&appliance, [127, 0, 11, 52]).await;
    assert_eq!(modest.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_after_the_idle_time_whoever_is_signed_in() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).set("ldap.idle_timeout", "\"1s\"").await;
    let begin = Instant::now();
    let mut silent = Ldap::connect(appliance.ldap_addr).await;
    let mut half = Ldap::connect(appliance.ldap_addr).await;
    half.send(&search_request(1, "", Scope::Base, "(objectClass=*)", &[], &[])[..9]).await;
    let mut service = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(service.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    for gateway in [&mut silent, &mut half, &mut service] {
        assert_eq!(gateway.goodbye().await, Some(idle()));
    }
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn r13_a_message_in_drops_does_not_hold_a_connection_longer_than_silence_would() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).set("ldap.idle_timeout", "\"1s\"").await;
    let mut slow = Ldap::connect(appliance.ldap_addr).await;
    let request = message(1, &[], |out| ber::put_bytes(out, op::BIND_REQUEST, &[0; 1_000]));
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    let mut sent = 0;
    for byte in &request {
        beat.tick().await;
        if slow.try_send(std::slice::from_ref(byte)).await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!((5..60).contains(&sent), "{sent} bytes, a tenth of a second each");
}

#[tokio::test]
async fn a_wait_for_a_person_is_not_idle_time() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).set("ldap.idle_timeout", "\"1s\"").await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let mut silent = open(&appliance, [127, 0, 0, 1]).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    // Another connection marks the time: it began later and is closed for its silence.
    assert_eq!(silent.goodbye().await, Some(idle()));
    let mut silent = open(&appliance, [127, 0, 0, 1]).await;
    assert_eq!(silent.goodbye().await, Some(idle()));
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
}

#[tokio::test]
async fn a_directory_that_does_not_answer_a_relayed_request_in_time_ends_the_session_with_a_notice() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).set("ldap.operation_timeout", "\"1s\"").await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    slapd.freeze();
    let begin = Instant::now();
    gateway.send(&search_request(9, &slapd.base, Scope::Subtree, "(uid=user0001)", &[], &[])).await;
    let goodbye = gateway.goodbye().await;
    slapd.thaw();
    assert_eq!(goodbye.map(|(code, _)| code), Some(52));
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(900) && took < PATIENCE, "{took:?}");
    appliance.log().await_line(&["the directory did not answer in time"]).await;
}

#[tokio::test]
async fn the_largest_message_is_smaller_before_a_bind_than_after_it() {
    let slapd = openldap();
    let appliance =
        Appliance::before(&slapd).set("ldap.max_frame_before_bind", "\"1KiB\"").set("ldap.max_frame", "\"4KiB\"").await;
    // An envelope of this size in all, compared against an entry.
    let sized = |total: usize, id: u32| {
        let of = |length: usize| message(id, &[], |out| compare(out, "dc=example,dc=test", "dc", &"x".repeat(length)));
        let request = of(total - of(300).len() + 300);
        assert_eq!(request.len(), total);
        request
    };
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    gateway.send(&sized(1_024, 5)).await;
    assert_eq!(gateway.answer_to(5, op::COMPARE_RESPONSE).await.0, 1, "bind first");
    gateway.send(&sized(1_025, 6)).await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(2));
    appliance.log().await_line(&["a message of 1025 bytes is over the limit of 1024"]).await;

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    gateway.send(&sized(4_096, 5)).await;
    assert_eq!(gateway.answer_to(5, op::COMPARE_RESPONSE).await.0, 5, "compareFalse, the directory says");
    gateway.send(&sized(4_097, 6)).await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(2));
    appliance.log().await_line(&["a message of 4097 bytes is over the limit of 4096"]).await;
    assert!((refused(&appliance, "too_long").await - 2.0).abs() < 0.5);

    // A refused bind lowers it again.
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    assert_eq!(gateway.bind(&slapd.service_dn, "wrong").await, answer(49));
    gateway.send(&sized(4_096, 7)).await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(2));
}

#[tokio::test]
async fn r13_five_hundred_silent_connections_with_and_without_half_a_message_do_not_disturb_a_sign_in() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let half = &search_request(1, "", Scope::Base, "(objectClass=*)", &[], &[])[..9];
    let mut held: Vec<TcpStream> = vec![];
    for number in 0..500 {
        let (to, bytes): (_, &[u8]) = match number % 3 {
            0 => (appliance.ldap_addr, &[]),
            1 => (appliance.ldap_addr, half),
            _ => (appliance.ldaps_addr, &[0x16, 3, 1]),
        };
        let mut stream = socket_from([127, 0, 11, 60], to).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        held.push(stream);
    }
    eventually("the plain ones are all open", async || {
        appliance.metric("vestibule_ldap_connections_open{listener=\"ldap\"}").await > 333.0
    })
    .await;
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let begin = Instant::now();
        let mut gateway = Ldap::connect(appliance.ldap_addr).await;
        assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
        slowest = slowest.max(begin.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!((refused(&appliance, "full").await + refused(&appliance, "client_full").await).abs() < 0.5);
}

#[tokio::test]
async fn r60_sign_ins_past_the_waiting_places_of_the_house_are_told_to_come_back() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .user("user0001")
        .with(app())
        .user("user0002")
        .with(app())
        .with(hotp())
        .set("sign_in.max_waiting", "1")
        .set("sign_in.max_waiting_per_client", "1")
        .await;
    let (first, second) = (appliance.person("user0001"), appliance.person("user0002"));
    let mut waiting = Ldap::connect(appliance.ldap_addr).await;
    let bind = waiting.send_bind(&first.dn, &first.password).await;
    let prompt = appliance.prompt().await;

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&second.dn, &format!("{},push", second.password)).await.0, 51);
    assert_eq!(appliance.prompts().await.len(), 1, "nobody was asked");
    assert_eq!(gateway.bind(&second.dn, &second.with(&second.hotp())).await, answer(0), "a code waits for nobody");
    assert_eq!(appliance.failures("user0002").await, 0);
    appliance.approve(&prompt).await;
    assert_eq!(waiting.answer_to(bind, op::BIND_RESPONSE).await, answer(0));

    let bind = gateway.send_bind(&second.dn, &format!("{},push", second.password)).await;
    let prompt = appliance.prompt().await;
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0), "the place is free again");
}

#[tokio::test]
async fn r60_one_client_cannot_take_every_waiting_place() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .client(client_at("greedy", "127.0.11.70/32"))
        .client(client_at("modest", "127.0.11.71/32"))
        .user("user0001")
        .with(app())
        .user("user0002")
        .with(app())
        .user("user0003")
        .with(app())
        .set("sign_in.max_waiting", "5")
        .set("sign_in.max_waiting_per_client", "1")
        .await;
    let [first, second, third] = ["user0001", "user0002", "user0003"].map(|name| appliance.person(name));
    let mut waiting = Ldap::connect_from([127, 0, 11, 70], appliance.ldap_addr).await;
    waiting.send_bind(&first.dn, &first.password).await;
    appliance.prompt().await;
    let mut over = Ldap::connect_from([127, 0, 11, 70], appliance.ldap_addr).await;
    assert_eq!(over.bind(&second.dn, &second.password).await.0, 51);

    let mut modest = Ldap::connect_from([127, 0, 11, 71], appliance.ldap_addr).await;
    let bind = modest.send_bind(&third.dn, &third.password).await;
    eventually("the other client's prompt", async || appliance.prompts().await.len() == 2).await;
    let prompts = appliance.prompts().await;
    let prompt = prompts.iter().find(|prompt| prompt.client == "modest").unwrap();
    appliance.approve(prompt).await;
    assert_eq!(modest.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
}

#[tokio::test]
async fn a_source_with_too_many_denials_is_put_off_for_a_minute_and_no_other_is() {
    let slapd = openldap();
    let appliance =
        Appliance::before(&slapd).user("user0001").with(hotp()).set("sign_in.denials_per_source_per_minute", "3").await;
    let user = appliance.person("user0001");
    let mut guesser = Ldap::connect_from([127, 0, 11, 80], appliance.ldap_addr).await;
    let mut codes = vec![];
    // The minute may turn once in the middle, and then they start anew.
    while codes.last() != Some(&51) && codes.len() < 8 {
        codes.push(guesser.bind(&user.dn, "wrong").await.0);
    }
    assert!(codes.len() > 3 && codes[..codes.len() - 1].iter().all(|code| *code == 49), "{codes:?}");
    assert_eq!(codes.last(), Some(&51), "{codes:?}");
    let mut honest = Ldap::connect_from([127, 0, 11, 81], appliance.ldap_addr).await;
    assert_eq!(honest.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
}

#[tokio::test]
async fn r13_a_client_that_does_not_read_stops_only_itself_takes_bounded_memory_and_loses_nothing() {
    /// More than the kernel keeps for both connections together.
    const SEARCHES: u32 = 400;
    let picture = "x".repeat(100_000);
    let ldif = format!(
        "dn: cn=large,ou=groups,dc=example,dc=test\nobjectClass: organizationalRole\ncn: large\ndescription: {picture}\n\n"
    );
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    let mut other = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(other.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let mut deaf = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(deaf.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let before = resident(appliance.pid());
    let asked = 1_000..1_000 + SEARCHES;
    for id in asked.clone() {
        deaf.send(&search_request(id, "cn=large,ou=groups,dc=example,dc=test", Scope::Base, "(cn=*)", &[], &[])).await;
    }
    for _ in 0..20 {
        assert_eq!(other.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 0);
    }
    let mut unanswered: BTreeSet<u32> = asked.collect();
    while !unanswered.is_empty() {
        let frame = deaf.frame().await.expect("every answer arrives");
        if frame.op() == op::SEARCH_DONE {
            assert!(unanswered.remove(&frame.message_id()));
        }
    }
    let grown = resident(appliance.pid()).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for 40 MB of answers");
}

/// The largest resident memory a process has had so far, bytes.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn a_sign_in_is_answered_within_the_clients_time_even_if_nobody_answers_the_prompt() {
    let slapd = openldap();
    let hasty = Client { answer_by: Duration::from_secs(2), ..netscaler() };
    let appliance = Appliance::before(&slapd).client(hasty).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let begin = Instant::now();
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(appliance.recorded().await, ["prompt-expired"]);
    assert!(appliance.prompts().await.is_empty());
}
