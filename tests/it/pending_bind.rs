//! What a client sends while its bind waits for a person: nothing of it runs before the bind has ended, and then as
//! whom the bind made it (RFC 4511 §4.2.1).

use vestibule::wire::frame::op;
use vestibule::wire::message::{Scope, abandon_request, start_tls_request};

use super::support::appliance::Appliance;
use super::support::ldap::{Ldap, WHO_AM_I, extended, search_request};
use super::support::people::app;
use super::support::slapd::{Slapd, SlapdOptions};
use super::{answer, openldap, openldap_with};

/// The service account may not see `user0002`, which everybody else may.
fn one_that_the_service_cannot_see() -> Slapd {
    let access = "access to dn.regex=\"^uid=user0002,\" by dn.regex=\"^cn=svc,\" none by users read".to_owned();
    openldap_with(SlapdOptions { access, ..SlapdOptions::default() })
}

#[tokio::test]
async fn r09_a_search_behind_a_waiting_bind_runs_as_the_user_once_the_user_has_approved() {
    let slapd = one_that_the_service_cannot_see();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let seen = gateway.search(&slapd.base, Scope::Subtree, "(uid=user0002)").await;
    assert!(seen.names().is_empty(), "the service account does not see it");

    let bind = gateway.send_bind(&user.dn, &user.password).await;
    gateway.send(&search_request(71, &slapd.base, Scope::Subtree, "(uid=user0002)", &[], &[])).await;
    let prompt = appliance.prompt().await;
    assert!(gateway.has_nothing(), "nothing is answered yet");
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.found(71).await.names(), [slapd.dn_of("user0002")]);
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
}

#[tokio::test]
async fn r09_what_waits_behind_a_bind_is_told_to_bind_first_if_the_user_refuses() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    // Whoever was signed in before is not any more.
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    gateway.send(&search_request(71, &slapd.base, Scope::Subtree, "(uid=user0003)", &[], &[])).await;
    gateway.send(&extended(72, WHO_AM_I, None)).await;
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    let found = gateway.found(71).await;
    assert_eq!((found.code, found.names()), (1, vec![]));
    assert_eq!(gateway.answer_to(72, op::EXTENDED_RESPONSE).await.0, 1);
    let ours = slapd.logged("SRCH base=").iter().filter(|line| line.contains("uid=user0003")).count();
    assert_eq!(ours, 0, "the directory never heard of it");
}

#[tokio::test]
async fn r09_a_second_bind_behind_a_waiting_one_is_decided_after_it() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let first = gateway.send_bind(&user.dn, &user.password).await;
    let second = gateway.send_bind(&slapd.service_dn, &slapd.service_password).await;
    let prompt = appliance.prompt().await;
    assert!(gateway.has_nothing(), "the second does not overtake");
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(first, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.answer_to(second, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", slapd.service_dn));
}

#[tokio::test]
async fn r53_a_waiting_bind_cannot_be_abandoned() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    gateway.send(&abandon_request(71, bind)).await;
    let prompt = appliance.prompt().await;
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
}

#[tokio::test]
async fn r11_start_tls_behind_a_waiting_bind_begins_after_it() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    gateway.send(&start_tls_request(71)).await;
    let prompt = appliance.prompt().await;
    assert!(gateway.has_nothing(), "no handshake in the middle of a bind");
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.answer_to(71, op::EXTENDED_RESPONSE).await.0, 0);
}
