//! Two processes on one database are one appliance: one prompt for a login wherever it comes in, each code once, one
//! count of failures; and either may die at any moment.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use tokio::task::JoinSet;
use vestibule::domain::client::Client;
use vestibule::wire::frame::op;

use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::{Answer, Ldap};
use super::support::people::{Person, app, hotp, totp};
use super::support::slapd::{Slapd, SlapdOptions};
use super::support::{eventually, in_time};

fn slapd(people: usize) -> Slapd {
    Slapd::start(&SlapdOptions { address: IpAddr::from([127, 0, 10, 2]), people, ..SlapdOptions::default() })
}

/// A bind under way.
async fn begin(to: SocketAddr, name: &str, field: &str) -> (Ldap, u32) {
    let mut gateway = Ldap::connect(to).await;
    let id = gateway.send_bind(name, field).await;
    (gateway, id)
}

async fn end((mut gateway, id): (Ldap, u32)) -> u32 {
    gateway.answer_to(id, op::BIND_RESPONSE).await.0
}

/// The same bind so many times at once, by turns at each of these addresses.
async fn storm(to: &[SocketAddr], name: &str, field: &str, count: usize) -> Vec<u32> {
    let mut all = JoinSet::new();
    for to in to.iter().copied().cycle().take(count) {
        let (name, field) = (name.to_owned(), field.to_owned());
        all.spawn(async move { Ldap::connect(to).await.bind(&name, &field).await.0 });
    }
    all.join_all().await
}

fn successes(codes: &[u32]) -> usize {
    assert!(codes.iter().all(|code| [0, 49].contains(code)), "neither yes nor no: {codes:?}");
    codes.iter().filter(|code| **code == 0).count()
}

/// How many prompts have ever been out.
async fn prompts_sent(appliance: &Appliance) -> usize {
    appliance.events("prompt-sent").await.len()
}

/// Waits until so many sign-ins wait for one prompt.
async fn waiters(appliance: &Appliance, count: i32) {
    eventually("all of them wait", async || {
        let waiting: Option<i64> = sqlx::query_scalar("select sum(waiters) from challenges where status = 'waiting'")
            .fetch_one(appliance.store().pool())
            .await
            .unwrap();
        waiting == Some(i64::from(count))
    })
    .await;
}

#[tokio::test]
async fn an_approval_that_the_other_replica_takes_wakes_the_one_that_waits() {
    let slapd = slapd(1);
    let a = Appliance::before(&slapd).user("user0001").with(app()).await;
    let b = a.replica().await;
    let user = a.person("user0001");
    let waiting = begin(a.ldap_addr, &user.dn, &user.password).await;
    let prompt = a.prompt().await;
    // From another process altogether, on the other replica's configuration.
    let id = prompt.id.0.to_string();
    let approved = b.command().args(["challenge", "approve", &id]).output().unwrap();
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    assert_eq!(end(waiting).await, 0);
}

#[tokio::test]
async fn four_binds_of_one_login_over_two_replicas_are_one_prompt_and_all_get_in() {
    let slapd = slapd(1);
    let a = Appliance::before(&slapd).user("user0001").with(app()).await;
    let b = a.replica().await;
    let user = a.person("user0001");
    let mut all = vec![];
    for to in [a.ldap_addr, b.ldap_addr, a.ldap_addr, b.ldap_addr] {
        all.push(begin(to, &user.dn, &user.password).await);
    }
    waiters(&a, 4).await;
    a.approve(&a.prompt().await).await;
    for waiting in all {
        assert_eq!(end(waiting).await, 0);
    }
    assert_eq!(prompts_sent(&a).await, 1);
}

#[tokio::test]
async fn a_retry_joins_the_prompt_of_a_replica_that_died() {
    let slapd = slapd(1);
    let mut a = Appliance::before(&slapd).user("user0001").with(app()).await;
    let b = a.replica().await;
    let (dn, password) = (a.person("user0001").dn.clone(), a.person("user0001").password.clone());
    let _lost = begin(a.ldap_addr, &dn, &password).await;
    let prompt = b.prompt().await;
    a.kill9();
    let mut retry = begin(b.ldap_addr, &dn, &password).await;
    waiters(&b, 2).await;
    assert!(retry.0.has_nothing(), "nobody has approved");
    b.approve(&prompt).await;
    assert_eq!(end(retry).await, 0);
    assert_eq!(prompts_sent(&b).await, 1);
}

#[tokio::test]
async fn an_approval_for_a_replica_that_died_serves_the_retry_and_only_once() {
    let slapd = slapd(1);
    let mut a = Appliance::before(&slapd).user("user0001").with(app()).await;
    let b = a.replica().await;
    let (dn, password) = (a.person("user0001").dn.clone(), a.person("user0001").password.clone());
    let _lost = begin(a.ldap_addr, &dn, &password).await;
    let prompt = b.prompt().await;
    a.kill9();
    b.approve(&prompt).await;
    assert_eq!(Ldap::connect(b.ldap_addr).await.bind(&dn, &password).await.0, 0, "the retry");
    assert_eq!(prompts_sent(&b).await, 1);

    // The next login is asked anew.
    let next = begin(b.ldap_addr, &dn, &password).await;
    b.refuse(&b.prompt().await).await;
    assert_eq!(end(next).await, 49);
    assert_eq!(prompts_sent(&b).await, 2);
}

#[tokio::test]
async fn r20_a_code_that_comes_to_both_replicas_at_once_works_once() {
    let slapd = slapd(6);
    let names: Vec<String> = (1..=6).map(|number| format!("user{number:04}")).collect();
    let mut arrangement = Appliance::before(&slapd);
    for (at, name) in names.iter().enumerate() {
        arrangement = arrangement.user(name).with(if at % 2 == 0 { totp() } else { hotp() });
    }
    let a = arrangement.set("sign_in.denials_per_source_per_minute", "100000").await;
    let b = a.replica().await;
    for (at, name) in names.iter().enumerate() {
        let user = a.person(name);
        // One step ahead of the clock, so that the code stays good whatever the second.
        let code = if at % 2 == 0 { user.totp_at(1) } else { user.hotp() };
        let codes = storm(&[a.ldap_addr, b.ldap_addr], &user.dn, &user.with(&code), 32).await;
        assert_eq!(successes(&codes), 1, "{name}: {codes:?}");
    }
}

#[tokio::test]
async fn r14_wrong_codes_to_both_replicas_under_every_name_count_to_the_threshold_and_not_beyond() {
    let slapd = slapd(1);
    let client = Client { grace: std::time::Duration::ZERO, ..netscaler() };
    let arrangement = Appliance::before(&slapd).client(client).user("user0001").with(totp());
    let a = arrangement.set("sign_in.denials_per_source_per_minute", "100000").await;
    let b = a.replica().await;
    let user = a.person("user0001");
    let field = user.with(&user.wrong_code());
    let mut all = JoinSet::new();
    for name in [user.dn.as_str(), "user0001", "USER0001@example.test"] {
        let (to, name, field) = ([a.ldap_addr, b.ldap_addr], name.to_owned(), field.clone());
        all.spawn(async move { storm(&to, &name, &field, 20).await });
    }
    let codes = all.join_all().await.concat();
    assert_eq!((codes.len(), successes(&codes)), (60, 0));
    assert_eq!(a.failures("user0001").await, 10, "the default threshold");
    let recorded = a.recorded().await;
    let checked = recorded.iter().filter(|reason| *reason == "wrong-code").count();
    assert_eq!((checked, recorded.len()), (10, 60), "{recorded:?}");
    assert_eq!(a.events("locked-out").await.len(), 1);

    let right = user.with(&user.totp());
    for to in [a.ldap_addr, b.ldap_addr] {
        assert_eq!(Ldap::connect(to).await.bind(&user.dn, &right).await.0, 49, "locked out, even with the right code");
    }
}

/// Binds with one code after the other until the appliance is gone; which codes got in.
async fn until_it_dies(to: SocketAddr, dn: String, password: String, codes: Vec<String>) -> Vec<String> {
    let mut granted = vec![];
    for code in codes {
        let Some(answer) = bind_if_there(to, &dn, &format!("{password},{code}")).await else { break };
        if answer.0 == 0 {
            granted.push(code);
        }
    }
    granted
}

async fn bind_if_there(to: SocketAddr, dn: &str, field: &str) -> Option<Answer> {
    let stream = tokio::net::TcpStream::connect(to).await.ok()?;
    let mut gateway = Ldap::over(stream);
    let id = gateway.id();
    let password = vestibule::domain::secret::Password::new(field.as_bytes());
    gateway.try_send(&vestibule::wire::message::bind_request(id, dn, &password, &[])).await.ok()?;
    let frame = gateway.frame().await?;
    let result = vestibule::wire::message::LdapResult::parse(&frame, op::BIND_RESPONSE).unwrap();
    Some((result.code, result.diagnostic))
}

#[tokio::test]
async fn r55_a_replica_killed_at_any_moment_leaves_no_code_to_use_again_and_no_grant_without_a_record() {
    let slapd = slapd(6);
    let names: Vec<String> = (1..=6).map(|number| format!("user{number:04}")).collect();
    let arrangement = names.iter().fold(Appliance::before(&slapd), |so_far, name| so_far.user(name).with(hotp()));
    let arrangement = arrangement.set("sign_in.lockout_failures", "90");
    let a = arrangement.set("sign_in.denials_per_source_per_minute", "100000").await;

    let mut granted: Vec<(&Person, String)> = vec![];
    for kill_after in [1, 4, 9, 17] {
        let mut b = a.replica().await;
        let before = a.recorded().await.len();
        let mut all = JoinSet::new();
        for (at, name) in names.iter().enumerate() {
            let user = a.person(name);
            // Fewer than the look-ahead, so that a round that nobody heard of loses no token.
            let codes: Vec<String> = (0..8).map(|_| user.hotp()).collect();
            let (to, dn, password) = (b.ldap_addr, user.dn.clone(), user.password.clone());
            all.spawn(async move { (at, until_it_dies(to, dn, password, codes).await) });
        }
        eventually("some are recorded", async || a.recorded().await.len() >= before + kill_after).await;
        b.kill9();
        for (at, codes) in in_time("the end of the round", all.join_all()).await {
            granted.extend(codes.into_iter().map(|code| (a.person(&names[at]), code)));
        }
        // The tokens of those who were cut off are ahead; one good code brings each back.
        for name in &names {
            let user = a.person(name);
            let code = user.hotp();
            assert_eq!(Ldap::connect(a.ldap_addr).await.bind(&user.dn, &user.with(&code)).await.0, 0);
            granted.push((user, code));
        }
    }
    let recorded = a.recorded().await.iter().filter(|reason| *reason == "hotp").count();
    assert!(recorded >= granted.len(), "{} granted, {recorded} recorded", granted.len());
    assert!(granted.len() > names.len() * 4, "the killed one granted some");
    assert_eq!(a.store().verify_audit().await.unwrap().faults, []);

    let all: HashSet<_> = granted.iter().map(|(user, code)| (user.dn.clone(), code)).collect();
    assert_eq!(all.len(), granted.len(), "no code was granted twice");
    for (user, code) in &granted {
        let answer = Ldap::connect(a.ldap_addr).await.bind(&user.dn, &user.with(code)).await;
        assert_eq!(answer.0, 49, "{} got in again with {code}", user.dn);
    }
}
