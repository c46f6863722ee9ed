//! The end of a process on purpose: nobody is dropped silently.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::sync::watch;
use vestibule::wire::frame::op;
use vestibule::wire::message::{Scope, response};

use super::support::appliance::Appliance;
use super::support::ldap::{Answer, Ldap, compare, message};
use super::support::people::{app, hotp};
use super::support::scripted::{self, Reaction, Scripted};
use super::support::{eventually, in_time};
use super::{answer, openldap};

/// How a session is told that the process ends.
fn stopping() -> Answer {
    (52, "the server is stopping".into())
}

#[tokio::test]
async fn idle_sessions_get_a_notice_at_once_and_the_process_ends_well() {
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut nobody = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(nobody.bind("cn=x", "").await.0, 53, "its session has begun");
    let mut service = Ldap::connect_tls(appliance.ldaps_addr, &appliance.ca_path).await;
    assert_eq!(service.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let mut person = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(person.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));

    let begin = Instant::now();
    let status = appliance.stop().await;
    assert_eq!(status.code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(10), "nothing was under way: {:?}", begin.elapsed());
    for gateway in [&mut nobody, &mut service, &mut person] {
        assert_eq!(gateway.goodbye().await, Some(stopping()));
    }
    appliance.log().closed().await;
    assert_eq!(appliance.log().with(&["\"stopped\""]).len(), 1);
    assert!(TcpStream::connect(appliance.ldap_addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_sign_in_that_waits_for_a_person_at_the_drain_deadline_is_answered_and_its_prompt_stays_for_the_retry() {
    let slapd = openldap();
    let mut appliance =
        Appliance::before(&slapd).user("user0001").with(app()).set("ldap.drain_timeout", "\"1s\"").await;
    let (dn, field) = (appliance.person("user0001").dn.clone(), appliance.person("user0001").password.clone());
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&dn, &field).await;
    let prompt = appliance.prompt().await;

    let begin = Instant::now();
    appliance.signal(Signal::TERM);
    let (code, text) = gateway.answer_to(bind, op::BIND_RESPONSE).await;
    assert_eq!(code, 52, "{text}");
    assert!(begin.elapsed() >= Duration::from_millis(900), "it had the drain time: {:?}", begin.elapsed());
    assert_eq!(gateway.goodbye().await, Some(stopping()));
    assert_eq!(appliance.ended().await.code(), Some(0));
    assert_eq!(appliance.recorded().await, Vec::<String>::new(), "nothing was decided");
    assert_eq!(appliance.failures("user0001").await, 0);

    // The gateway tries again where the next process runs; the person has one prompt to answer.
    let next = appliance.replica().await;
    let mut gateway = Ldap::connect(next.ldap_addr).await;
    let bind = gateway.send_bind(&dn, &field).await;
    eventually("the retry waits", async || next.metric("vestibule_challenge_pending").await >= 1.0).await;
    assert_eq!(next.prompt().await.id, prompt.id);
    next.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(next.events("prompt-sent").await.len(), 1);
}

#[tokio::test]
async fn a_sign_in_that_is_approved_within_the_drain_time_is_let_in_before_the_process_ends() {
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;

    appliance.signal(Signal::TERM);
    appliance.log().await_line(&["stopping: no new connections"]).await;
    eventually("nobody is let in", async || TcpStream::connect(appliance.ldap_addr).await.is_err()).await;
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.goodbye().await, Some(stopping()));
    assert_eq!(appliance.ended().await.code(), Some(0));
    assert_eq!(appliance.recorded().await, ["app"]);
}

#[tokio::test]
async fn a_request_that_the_directory_still_works_on_is_answered_before_the_notice() {
    let (tell, told) = watch::channel(false);
    let directory = Scripted::start(move |frame| {
        let late = response(frame.message_id(), op::COMPARE_RESPONSE, 6, "").to_vec();
        (frame.op() == op::COMPARE_REQUEST).then(|| Reaction::SendWhen(told.clone(), late))
    })
    .await;
    let mut appliance = Appliance::before_directory(directory.directory()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    gateway.send(&message(77, &[], |out| compare(out, scripted::DN, "uid", "alice"))).await;
    directory.seen.wait_for("the comparison", |frame| frame.op() == op::COMPARE_REQUEST).await;

    appliance.signal(Signal::TERM);
    appliance.log().await_line(&["stopping: no new connections"]).await;
    tell.send(true).unwrap();
    assert_eq!(gateway.answer_to(77, op::COMPARE_RESPONSE).await.0, 6);
    assert_eq!(gateway.goodbye().await, Some(stopping()));
    assert_eq!(appliance.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_that_the_directory_never_answers_does_not_keep_the_process_from_ending() {
    let directory = Scripted::start(|frame| (frame.op() == op::COMPARE_REQUEST).then(|| Reaction::Nothing)).await;
    let mut appliance = Appliance::before_directory(directory.directory()).set("ldap.drain_timeout", "\"1s\"").await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    gateway.send(&message(77, &[], |out| compare(out, scripted::DN, "uid", "alice"))).await;
    directory.seen.wait_for("the comparison", |frame| frame.op() == op::COMPARE_REQUEST).await;

    assert_eq!(appliance.stop().await.code(), Some(0));
    assert_eq!(in_time("the end", gateway.frame()).await, None, "cut at the end of all limits");
    assert_eq!(appliance.log().with(&["connections had to be cut"]).len(), 1);
}

#[tokio::test]
async fn sigint_ends_it_the_same_way() {
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.search("", Scope::Base, "(objectClass=*)").await.code, 0);
    appliance.signal(Signal::INT);
    assert_eq!(gateway.goodbye().await, Some(stopping()));
    assert_eq!(appliance.ended().await.code(), Some(0));
}
