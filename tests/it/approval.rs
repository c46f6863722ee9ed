//! Approval on a phone: asked once the password is right, answered by a person or by time, and good for nothing else.

use std::time::{Duration, Instant};

use vestibule::domain::challenge::{Reply, Status};
use vestibule::domain::client::Client;
use vestibule::store::challenges::Answered;
use vestibule::wire::ber;
use vestibule::wire::frame::op;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, netscaler};
use super::support::eventually;
use super::support::ldap::{Ldap, message, modify, unbind_request};
use super::support::people::{app, hotp, tester};
use super::{answer, openldap};

async fn prompts_ever(appliance: &Appliance) -> i64 {
    sqlx::query_scalar("select count(*) from challenges").fetch_one(appliance.store().pool()).await.unwrap()
}

#[tokio::test]
async fn an_approval_lets_in_and_a_refusal_keeps_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    assert_eq!(
        (prompt.user.as_str(), prompt.client.as_str(), prompt.source.as_str()),
        ("user0001", "netscaler", "127.0.0.1")
    );
    assert_eq!(appliance.approve(&prompt).await, Answered::Now(Status::Approved));
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));

    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    let searched = gateway.search(&slapd.base, Scope::Base, "(objectClass=*)").await;
    assert_eq!(searched.code, 1, "nobody is signed in any more");
    assert_eq!(appliance.approve(&prompt).await, Answered::TooLate(Status::Refused));
    assert_eq!(appliance.recorded().await, ["app", "prompt-refused"]);
}

#[tokio::test]
async fn nobody_is_asked_before_the_password_is_right() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for field in ["wrong", "wrong,push", "pw-user0002"] {
        assert_eq!(gateway.bind(&user.dn, field).await, answer(49));
    }
    assert_eq!(prompts_ever(&appliance).await, 0);
}

#[tokio::test]
async fn r54_a_prompt_nobody_answers_ends_before_the_client_gives_up_and_a_late_approval_grants_nothing() {
    let slapd = openldap();
    let client = Client { answer_by: Duration::from_secs(3), ..netscaler() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let began = Instant::now();
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(appliance.approve(&prompt).await, Answered::TooLate(Status::Expired));
    assert_eq!(appliance.recorded().await, ["prompt-expired"]);
    assert!(gateway.has_nothing());
}

#[tokio::test]
async fn r53_a_client_that_leaves_cancels_its_prompt_and_a_late_approval_grants_nothing() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    for says_so in [false, true] {
        let mut gateway = Ldap::connect(appliance.ldap_addr).await;
        gateway.send_bind(&user.dn, &user.password).await;
        let prompt = appliance.prompt().await;
        if says_so {
            gateway.send(&unbind_request(99)).await;
            assert_eq!(gateway.frame().await, None, "an Unbind is not answered, it closes");
        }
        drop(gateway);
        eventually("no prompt waits", async || appliance.prompts().await.is_empty()).await;
        assert_eq!(appliance.approve(&prompt).await, Answered::TooLate(Status::Cancelled));
    }
    eventually("both are recorded", async || appliance.recorded().await.len() == 2).await;
    assert_eq!(appliance.recorded().await, ["prompt-cancelled", "prompt-cancelled"]);
}

#[tokio::test]
async fn r53_a_pending_bind_cannot_be_abandoned() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    // RFC 4511 §4.11: the id to abandon, as a primitive INTEGER.
    let abandon = message(77, &[], |out| ber::put_bytes(out, op::ABANDON_REQUEST, &[u8::try_from(bind).unwrap()]));
    gateway.send(&abandon).await;
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
}

#[tokio::test]
async fn a_password_changed_while_the_phone_rings_keeps_its_old_holder_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    let mut admin = Ldap::connect(slapd.addr).await;
    assert_eq!(admin.bind(&slapd.admin_dn, &slapd.admin_password).await, answer(0));
    let changed = admin.ask(op::MODIFY_RESPONSE, |out| modify(out, &user.dn, "userPassword", "changed")).await;
    assert_eq!(changed, answer(0));
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    assert_eq!(appliance.recorded().await, ["wrong-password"]);
}

#[tokio::test]
async fn a_user_disabled_while_the_phone_rings_stays_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    appliance.store().set_enabled(&user.listed, false, &tester()).await.unwrap();
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    assert_eq!(appliance.recorded().await, ["disabled"]);
}

#[tokio::test]
async fn r25_a_phone_rings_no_more_often_than_the_budget_until_a_success() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .user("user0001")
        .with(app())
        .set("sign_in.prompts_per_hour", "3")
        .set("sign_in.prompt_cooldown", "\"0s\"")
        .await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let ring = async |gateway: &mut Ldap, reply| {
        let bind = gateway.send_bind(&user.dn, &user.password).await;
        appliance.answer(&appliance.prompt().await, reply).await;
        gateway.answer_to(bind, op::BIND_RESPONSE).await
    };
    for _ in 0..2 {
        assert_eq!(ring(&mut gateway, Reply::Refuse).await, answer(49));
    }
    assert_eq!(ring(&mut gateway, Reply::Approve { number: None }).await, answer(0));
    for _ in 0..3 {
        assert_eq!(ring(&mut gateway, Reply::Refuse).await, answer(49));
    }
    for _ in 0..10 {
        assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    }
    assert_eq!(prompts_ever(&appliance).await, 6);
    assert_eq!(appliance.recorded().await.last().map(String::as_str), Some("too-many-prompts"));
}

#[tokio::test]
async fn r25_after_a_refusal_the_phone_is_left_in_peace_for_a_while() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    appliance.refuse(&appliance.prompt().await).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(prompts_ever(&appliance).await, 1);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0), "a code bothers nobody");
}

#[tokio::test]
async fn r26_a_fraud_report_blocks_the_user_until_a_person_looks() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    appliance.answer(&appliance.prompt().await, Reply::ReportFraud).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    let field = user.with(&user.hotp());
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(49), "not even with another factor");
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(prompts_ever(&appliance).await, 1);
    assert_eq!(appliance.recorded().await, ["prompt-refused", "blocked", "blocked"]);
    assert_eq!(appliance.events("user-blocked").await.len(), 1);
    appliance.store().unlock(&user.listed, &tester()).await.unwrap();
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(0));
}

#[tokio::test]
async fn the_name_of_a_factor_behind_the_password_picks_it() {
    let slapd = openldap();
    let appliance =
        Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).user("user0002").with(hotp()).await;
    let (both, token) = (appliance.person("user0001"), appliance.person("user0002"));
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in ["push", "app"] {
        let bind = gateway.send_bind(&both.dn, &both.with(name)).await;
        appliance.approve(&appliance.prompt().await).await;
        assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0), "{name}");
    }
    assert_eq!(gateway.bind(&token.dn, &token.with("push")).await, answer(49), "there is no phone");
    assert_eq!(appliance.recorded().await, ["app", "app", "factor-not-allowed"]);
}

#[tokio::test]
async fn r24_where_bare_approvals_are_off_nobody_is_asked_and_codes_still_work() {
    let slapd = openldap();
    let client = Client { bare_approval: false, ..netscaler() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(gateway.bind(&user.dn, &user.with("push")).await, answer(49));
    assert_eq!(prompts_ever(&appliance).await, 0);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
}

#[tokio::test]
async fn a_command_in_another_process_approves_or_refuses() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let run = |arguments: &[&str]| {
        let output = appliance.command().args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    for (verb, expected) in [("approve", 0), ("refuse", 49)] {
        let mut gateway = Ldap::connect(appliance.ldap_addr).await;
        let bind = gateway.send_bind(&user.dn, &user.password).await;
        let id = appliance.prompt().await.id.to_string();
        let (listed, list) = run(&["challenge", "list", "--json"]);
        assert!(listed && list.contains(&id) && list.contains("user0001"), "{list}");
        assert!(run(&["challenge", verb, &id]).0);
        assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(expected), "{verb}");
        assert!(!run(&["challenge", "approve", &id]).0, "it is answered already");
    }
}
