//! The same request again, in every way gateways repeat themselves: nobody is asked twice, no code is used twice.

use std::net::IpAddr;

use super::openldap;
use super::support::appliance::{Appliance, RADIUS_SECRET, vpn};
use super::support::eventually;
use super::support::people::{app, hotp};
use super::support::radius::{ACCESS_ACCEPT, ACCESS_REJECT, Nas, Request};

async fn resends(appliance: &Appliance, when: &str) -> u64 {
    appliance.count(&format!("vestibule_radius_resends_total{{when=\"{when}\"}}")).await
}

#[tokio::test]
async fn r37_a_request_sent_five_times_while_a_phone_rings_and_five_times_after_is_one_prompt_and_one_answer() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(app()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let sent = nas.send(&Request::pap("user0001", &user.password)).await;
    let prompt = appliance.prompt().await;
    for _ in 0..5 {
        nas.resend(&sent).await;
    }
    eventually("the resends have come", async || resends(&appliance, "waiting").await == 5).await;
    appliance.approve(&prompt).await;
    let answer = nas.answer(&sent).await;
    assert_eq!(answer.code, ACCESS_ACCEPT);
    for _ in 0..5 {
        nas.resend(&sent).await;
        assert_eq!(nas.answer(&sent).await.bytes, answer.bytes);
    }
    assert_eq!(resends(&appliance, "answered").await, 5);
    assert_eq!(appliance.events("prompt-sent").await.len(), 1);
    assert_eq!(appliance.recorded().await, ["app"]);
}

#[tokio::test]
async fn r37_a_lost_answer_is_sent_again_and_the_code_counts_once() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    for (code, answer) in [(user.hotp(), ACCESS_ACCEPT), (user.wrong_code(), ACCESS_REJECT)] {
        let sent = nas.send(&Request::pap("user0001", &user.with(&code))).await;
        let first = nas.answer(&sent).await;
        assert_eq!(first.code, answer);
        nas.resend(&sent).await;
        assert_eq!(nas.answer(&sent).await.bytes, first.bytes);
    }
    assert_eq!(appliance.recorded().await, ["hotp", "wrong-code"]);
    assert_eq!(appliance.failures("user0001").await, 1);
}

#[tokio::test]
async fn r37_a_new_authenticator_under_the_same_identifier_is_a_new_request() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let request = |code: &str| Request::pap("user0001", &user.with(code)).identified(5);
    let code = user.hotp();
    assert_eq!(nas.ask(&request(&code)).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&request(&code)).await.code, ACCESS_REJECT, "the code is used");
    assert_eq!(nas.ask(&request(&user.hotp())).await.code, ACCESS_ACCEPT);
    assert_eq!(appliance.recorded().await, ["hotp", "reused-code", "hotp"]);
}

#[tokio::test]
async fn the_same_login_under_another_identifier_from_another_port_and_to_another_replica_joins_the_prompt() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(app()).await;
    let replica = appliance.replica().await;
    let user = appliance.person("user0001");
    let here = IpAddr::from([127, 0, 0, 1]);
    let gateways = [
        appliance.nas().await,
        Nas::at(here, appliance.radius_addr, RADIUS_SECRET).await,
        Nas::at(here, replica.radius_addr, RADIUS_SECRET).await,
    ];
    let mut sent = vec![];
    for nas in &gateways {
        sent.push(nas.send(&Request::pap("user0001", &user.password)).await);
    }
    let again = gateways[0].send(&Request::pap("user0001", &user.password)).await;
    let waiting = async || {
        let query = "select coalesce(max(waiters), 0) from challenges where status = 'waiting'";
        sqlx::query_scalar::<_, i32>(query).fetch_one(appliance.store().pool()).await.unwrap()
    };
    eventually("four wait for one prompt", async || waiting().await == 4).await;
    appliance.approve(&appliance.prompt().await).await;
    for (nas, sent) in gateways.iter().zip(&sent).skip(1) {
        assert_eq!(nas.answer(sent).await.code, ACCESS_ACCEPT);
    }
    // Two answers to one port, in whichever order.
    let mut codes = vec![];
    for _ in 0..2 {
        let bytes = gateways[0].datagram().await;
        assert!([sent[0].bytes[1], again.bytes[1]].contains(&bytes[1]));
        codes.push(bytes[0]);
    }
    assert_eq!(codes, [ACCESS_ACCEPT; 2]);
    assert_eq!(appliance.events("prompt-sent").await.len(), 1);
}

#[tokio::test]
async fn a_prompt_that_waits_over_ldap_is_joined_over_radius_where_both_are_one_gateway() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(app()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut gateway = super::support::ldap::Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    let sent = nas.send(&Request::pap("user0001", &user.password)).await;
    let query = "select waiters from challenges where status = 'waiting'";
    let waiters = async || sqlx::query_scalar::<_, i32>(query).fetch_one(appliance.store().pool()).await.unwrap();
    eventually("both wait", async || waiters().await == 2).await;
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, vestibule::wire::frame::op::BIND_RESPONSE).await.0, 0);
    assert_eq!(nas.answer(&sent).await.code, ACCESS_ACCEPT);
    assert_eq!(appliance.events("prompt-sent").await.len(), 1);
}
