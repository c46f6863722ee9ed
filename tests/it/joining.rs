//! One login, one prompt: over connections, over replicas, and for whoever comes late or leaves early.

use vestibule::domain::challenge::Status;
use vestibule::store::challenges::Answered;
use vestibule::wire::frame::op;

use super::support::appliance::{Appliance, client_at};
use super::support::eventually;
use super::support::ldap::Ldap;
use super::support::people::app;
use super::{answer, openldap};

async fn prompts_ever(appliance: &Appliance) -> i64 {
    sqlx::query_scalar("select count(*) from challenges").fetch_one(appliance.store().pool()).await.unwrap()
}

/// Waits until so many sign-ins wait for the one prompt.
async fn await_waiters(appliance: &Appliance, count: i32) {
    eventually("all wait", async || {
        let waiters: i64 =
            sqlx::query_scalar("select coalesce(sum(waiters), 0) from challenges where status = 'waiting'")
                .fetch_one(appliance.store().pool())
                .await
                .unwrap();
        waiters == i64::from(count)
    })
    .await;
}

#[tokio::test]
async fn r56_four_binds_of_one_login_over_two_replicas_are_one_prompt_and_one_answer_serves_them_all() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let replica = appliance.replica().await;
    let user = appliance.person("user0001");
    for (says, expected) in [("yes", 0), ("no", 49)] {
        let before = prompts_ever(&appliance).await;
        let mut waiting = vec![];
        // The same login by its DN and by its short name is the same login.
        for (at, door) in [&appliance, &replica, &appliance, &replica].into_iter().enumerate() {
            let mut gateway = Ldap::connect(door.ldap_addr).await;
            let name = if at < 2 { user.dn.as_str() } else { "user0001" };
            let bind = gateway.send_bind(name, &user.password).await;
            waiting.push((gateway, bind));
        }
        await_waiters(&appliance, 4).await;
        let prompt = appliance.prompt().await;
        if says == "yes" {
            appliance.approve(&prompt).await
        } else {
            appliance.refuse(&prompt).await
        };
        for (mut gateway, bind) in waiting {
            assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(expected), "{says}");
        }
        assert_eq!(prompts_ever(&appliance).await, before + 1);
    }
}

#[tokio::test]
async fn whoever_comes_while_the_phone_rings_joins_and_whoever_leaves_takes_nobody_along() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut first = Ldap::connect(appliance.ldap_addr).await;
    first.send_bind(&user.dn, &user.password).await;
    await_waiters(&appliance, 1).await;
    let prompt = appliance.prompt().await;
    let mut second = Ldap::connect(appliance.ldap_addr).await;
    let bind = second.send_bind(&user.dn, &user.password).await;
    await_waiters(&appliance, 2).await;
    drop(first);
    await_waiters(&appliance, 1).await;
    assert_eq!(appliance.approve(&prompt).await, Answered::Now(Status::Approved));
    assert_eq!(second.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(prompts_ever(&appliance).await, 1);
    eventually("both are recorded", async || appliance.recorded().await.len() == 2).await;
}

#[tokio::test]
async fn the_last_to_leave_takes_the_prompt_along() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let replica = appliance.replica().await;
    let user = appliance.person("user0001");
    let mut waiting = vec![];
    for door in [&appliance, &replica] {
        let mut gateway = Ldap::connect(door.ldap_addr).await;
        gateway.send_bind(&user.dn, &user.password).await;
        waiting.push(gateway);
    }
    await_waiters(&appliance, 2).await;
    let prompt = appliance.prompt().await;
    drop(waiting);
    eventually("no prompt waits", async || appliance.prompts().await.is_empty()).await;
    assert_eq!(appliance.approve(&prompt).await, Answered::TooLate(Status::Cancelled));
}

#[tokio::test]
async fn another_source_is_another_login_and_rings_no_second_time_at_once() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    let mut stranger = Ldap::connect_from([127, 0, 8, 3], appliance.ldap_addr).await;
    assert_eq!(stranger.bind(&user.dn, &user.password).await, answer(49), "an approval must not serve two people");
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    assert_eq!(prompts_ever(&appliance).await, 1);
    assert_eq!(appliance.recorded().await, ["already-asking", "app"]);
}

#[tokio::test]
async fn an_approval_for_one_client_opens_no_other() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .client(client_at("vpn", "127.0.8.4/32"))
        .client(client_at("mail", "127.0.8.5/32"))
        .user("user0001")
        .with(app())
        .await;
    let user = appliance.person("user0001");
    let mut vpn = Ldap::connect_from([127, 0, 8, 4], appliance.ldap_addr).await;
    let mut mail = Ldap::connect_from([127, 0, 8, 5], appliance.ldap_addr).await;
    let for_vpn = vpn.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    let for_mail = mail.send_bind(&user.dn, &user.password).await;
    eventually("two prompts", async || appliance.prompts().await.len() == 2).await;
    appliance.approve(&prompt).await;
    assert_eq!(vpn.answer_to(for_vpn, op::BIND_RESPONSE).await, answer(0));
    assert!(mail.has_nothing());
    appliance.refuse(&appliance.prompt().await).await;
    assert_eq!(mail.answer_to(for_mail, op::BIND_RESPONSE).await, answer(49));
}
