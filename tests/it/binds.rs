//! Binds as gateways make them: which connection, how often, by whom; joining and grace; who a connection is after each.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vestibule::domain::client::Client;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, client_at, netscaler};
use super::support::eventually;
use super::support::ldap::Ldap;
use super::support::people::{Person, app, give, hotp, tester, totp};
use super::support::slapd::{Slapd, SlapdOptions};
use super::{answer, openldap, openldap_with};

#[tokio::test]
async fn service_bind_search_and_user_bind_on_one_connection_let_the_user_in_with_the_second_factor() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let found = gateway.search(&slapd.base, Scope::Subtree, "(uid=user0001)").await;
    assert_eq!((found.names(), found.code), (vec![user.dn.as_str()], 0));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(0));
    assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
    gateway.unbind().await;

    assert_eq!(appliance.recorded().await, ["totp"]);
}

#[tokio::test]
async fn service_bind_and_search_on_one_connection_and_the_user_bind_on_another_stay_apart() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");

    let mut service = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(service.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let found = service.search(&slapd.base, Scope::Subtree, "(uid=user0001)").await;
    let mut person = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(person.bind(found.names()[0], &user.with(&user.totp())).await, answer(0));

    assert_eq!(service.who_am_i().await, format!("dn:{}", slapd.service_dn));
    assert_eq!(person.who_am_i().await, format!("dn:{}", user.dn));
    person.unbind().await;
    assert_eq!(service.search(&slapd.base, Scope::Subtree, "(uid=user0002)").await.code, 0, "it goes on");
}

#[tokio::test]
async fn a_user_who_is_in_searches_with_the_rights_of_that_user() {
    let access = "access to dn.regex=\"^uid=user0002,\" by dn.regex=\"^cn=svc,\" read by * none".to_owned();
    let slapd = openldap_with(SlapdOptions { access, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(0));
    let mut direct = Ldap::connect(slapd.addr).await;
    assert_eq!(direct.bind(&user.dn, &user.password).await, answer(0));
    let relayed = gateway.search(&slapd.base, Scope::Subtree, "(objectClass=person)").await;
    let straight = direct.search(&slapd.base, Scope::Subtree, "(objectClass=person)").await;
    assert_eq!(relayed.names(), [slapd.dn_of("user0001"), slapd.dn_of("user0003")]);
    assert_eq!(relayed.entries, straight.entries);
}

#[tokio::test]
async fn one_connection_takes_any_number_of_binds_by_anybody() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for _ in 0..3 {
        for name in ["user0001", "user0002"] {
            let user = appliance.person(name);
            assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
            assert_eq!(gateway.bind(&user.dn, &user.with("000000")).await.0, 49);
            assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
            assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
        }
    }
}

#[tokio::test]
async fn r09_after_a_failed_bind_nobody_is_signed_in_on_the_connection() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for (name, field) in [
        (user.dn.as_str(), user.with(&user.wrong_code())),
        (user.dn.as_str(), "wrong".to_owned()),
        (user.dn.as_str(), String::new()),
        ("", String::new()),
        ("not a name=", "x".to_owned()),
    ] {
        assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
        assert_ne!(gateway.bind(name, &field).await.0, 0, "{name:?}");
        let found = gateway.search(&slapd.base, Scope::Subtree, "(uid=user0001)").await;
        assert_eq!((found.code, found.entries.len()), (1, 0), "after {name:?}: {}", found.text);
    }
}

#[tokio::test]
async fn r09_many_clients_that_bind_anew_all_the_time_are_always_who_they_last_were() {
    const PEOPLE: usize = 12;
    let slapd = openldap_with(SlapdOptions { people: PEOPLE, ..SlapdOptions::default() });
    let trusting = Client { trusted_networks: vec!["127.0.0.0/8".parse().unwrap()], ..netscaler() };
    let mut arrangement = Appliance::before(&slapd).client(trusting);
    for number in 1..=PEOPLE {
        arrangement = arrangement.user(&format!("user{number:04}"));
    }
    let appliance = arrangement.await;
    let mut clients = JoinSet::new();
    for client in 0..64 {
        let (to, base) = (appliance.ldap_addr, slapd.base.clone());
        clients.spawn(async move {
            let mut connection = Ldap::connect(to).await;
            for turn in 0..6 {
                // A different order for each client; every third bind fails.
                let uid = format!("user{:04}", (client * 7 + turn * 5) % PEOPLE + 1);
                let dn = format!("uid={uid},ou=people,{base}");
                if (client + turn) % 3 == 0 {
                    assert_eq!(connection.bind(&dn, "wrong").await.0, 49);
                    assert_eq!(connection.search(&dn, Scope::Base, "(objectClass=*)").await.code, 1);
                } else {
                    assert_eq!(connection.bind(&dn, &Slapd::password_of(&uid)).await.0, 0);
                    assert_eq!(connection.who_am_i().await, format!("dn:{dn}"));
                }
            }
        });
    }
    clients.join_all().await;
}

/// Binds at once on this many connections; the answers come to whoever awaits them.
async fn bind_at_once(to: SocketAddr, user: &Person, field: &str, times: usize) -> JoinSet<u32> {
    let mut binds = JoinSet::new();
    for _ in 0..times {
        let (name, field) = (user.dn.clone(), field.to_owned());
        let mut connection = Ldap::connect(to).await;
        binds.spawn(async move { connection.bind(&name, &field).await.0 });
    }
    binds
}

async fn waiters(appliance: &Appliance) -> i64 {
    let waiting = sqlx::query_scalar("select coalesce(sum(waiters), 0) from challenges where status = 'waiting'");
    waiting.fetch_one(appliance.store().pool()).await.unwrap()
}

async fn prompts_ever(appliance: &Appliance) -> i64 {
    sqlx::query_scalar("select count(*) from challenges").fetch_one(appliance.store().pool()).await.unwrap()
}

#[tokio::test]
async fn four_binds_of_one_login_at_once_put_one_prompt_and_its_approval_lets_all_four_in() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let binds = bind_at_once(appliance.ldap_addr, user, &user.password, 4).await;
    eventually("four wait", async || waiters(&appliance).await == 4).await;
    let prompt = appliance.prompt().await;
    appliance.approve(&prompt).await;
    assert_eq!(binds.join_all().await, [0, 0, 0, 0]);
    assert_eq!(prompts_ever(&appliance).await, 1);
    assert_eq!(appliance.recorded().await, ["app"; 4]);
}

#[tokio::test]
async fn four_binds_of_one_login_at_once_are_all_refused_by_one_refusal() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let binds = bind_at_once(appliance.ldap_addr, user, &user.password, 4).await;
    eventually("four wait", async || waiters(&appliance).await == 4).await;
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    assert_eq!(binds.join_all().await, [49, 49, 49, 49]);
    assert_eq!(prompts_ever(&appliance).await, 1);
}

#[tokio::test]
async fn a_login_with_another_password_joins_no_prompt() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let waiting = bind_at_once(appliance.ldap_addr, user, &user.password, 1).await;
    let prompt = appliance.prompt().await;
    let mut guesser = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(guesser.bind(&user.dn, "wrong").await.0, 49);
    // The same person from another field is another login: it gets no second prompt, and none of the first one's answer.
    assert_eq!(guesser.bind(&user.dn, &user.with("push")).await.0, 49);
    appliance.approve(&prompt).await;
    assert_eq!(waiting.join_all().await, [0]);
    assert_eq!(appliance.recorded().await, ["wrong-password", "already-asking", "app"]);
}

fn with_grace() -> Client {
    Client { grace: Duration::from_mins(1), ..netscaler() }
}

/// Lets the time of all graces pass.
async fn let_graces_run_out(appliance: &Appliance) {
    let done = sqlx::query("update graces set until = until - interval '61 seconds'");
    assert_eq!(done.execute(appliance.store().pool()).await.unwrap().rows_affected(), 1, "there is one");
}

#[tokio::test]
async fn within_grace_the_same_bind_needs_no_second_prompt_and_after_it_does() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(with_grace()).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let first = bind_at_once(appliance.ldap_addr, user, &user.password, 1).await;
    let prompt = appliance.prompt().await;
    appliance.approve(&prompt).await;
    assert_eq!(first.join_all().await, [0]);
    let again = bind_at_once(appliance.ldap_addr, user, &user.password, 1).await;
    assert_eq!(again.join_all().await, [0]);
    assert_eq!(prompts_ever(&appliance).await, 1);

    let_graces_run_out(&appliance).await;
    let late = bind_at_once(appliance.ldap_addr, user, &user.password, 1).await;
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    assert_eq!(late.join_all().await, [49]);
    assert_eq!(appliance.recorded().await, ["app", "grace", "prompt-refused"]);
}

#[tokio::test]
async fn within_grace_the_same_code_serves_the_same_bind_again_and_after_it_is_used_up() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(with_grace()).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let field = user.with(&user.totp());
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(0));
    assert_eq!(gateway.bind("user0001", &field).await, answer(0), "another spelling is the same user");
    let_graces_run_out(&appliance).await;
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(49));
    assert_eq!(appliance.recorded().await, ["totp", "grace", "grace", "reused-code"]);
}

#[tokio::test]
async fn two_binds_with_one_code_at_the_same_time_are_one_login_where_there_is_grace() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(with_grace()).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let binds = bind_at_once(appliance.ldap_addr, user, &user.with(&user.totp()), 4).await;
    assert_eq!(binds.join_all().await, [0, 0, 0, 0]);
    let mut recorded = appliance.recorded().await;
    recorded.sort();
    assert_eq!(recorded, ["grace", "grace", "grace", "totp"]);
}

#[tokio::test]
async fn a_denial_leaves_no_grace() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(with_grace()).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let first = bind_at_once(appliance.ldap_addr, user, &user.password, 1).await;
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    assert_eq!(first.join_all().await, [49]);
    let again = bind_at_once(appliance.ldap_addr, user, &user.password, 1).await;
    assert_eq!(again.join_all().await, [49]);
    assert_eq!(appliance.recorded().await, ["prompt-refused", "too-many-prompts"]);
}

#[tokio::test]
async fn grace_does_not_serve_another_source_address_or_another_password() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(with_grace()).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let field = user.with(&user.totp());
    let mut here = Ldap::connect_from([127, 0, 7, 51], appliance.ldap_addr).await;
    let mut elsewhere = Ldap::connect_from([127, 0, 7, 52], appliance.ldap_addr).await;
    assert_eq!(here.bind(&user.dn, &field).await, answer(0));
    assert_eq!(elsewhere.bind(&user.dn, &field).await, answer(49));
    assert_eq!(here.bind(&user.dn, "wrong,123456").await, answer(49));
    assert_eq!(here.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(appliance.recorded().await, ["totp", "reused-code", "wrong-password", "missing-code"]);
}

#[tokio::test]
async fn r17_grace_ends_with_a_wrong_password_in_the_directory_a_disabled_user_or_another_factor() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(with_grace()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;

    let field = user.with(&user.hotp());
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(0));
    give(appliance.store(), &user.listed, totp()).await;
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(49), "a factor was added");

    let field = user.with(&user.hotp());
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(0));
    appliance.store().set_enabled(&user.listed, false, &tester()).await.unwrap();
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(49), "the user was disabled");
    appliance.store().set_enabled(&user.listed, true, &tester()).await.unwrap();
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(49), "enabling brings no grace back");

    let field = user.with(&user.hotp());
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(0));
    let mut admin = Ldap::connect(slapd.addr).await;
    assert_eq!(admin.bind(&slapd.admin_dn, &slapd.admin_password).await, answer(0));
    let changed = admin.ask(0x67, |out| super::support::ldap::modify(out, &user.dn, "userPassword", "another")).await;
    assert_eq!(changed, answer(0));
    assert_eq!(gateway.bind(&user.dn, &field).await, answer(49), "the password was changed");
    assert_eq!(
        appliance.recorded().await,
        ["hotp", "reused-code", "hotp", "disabled", "reused-code", "hotp", "wrong-password"]
    );
}

#[tokio::test]
async fn health_probes_prompt_nobody_and_leave_no_sign_in_behind() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;

    // A balancer that only connects.
    drop(TcpStream::connect(appliance.ldap_addr).await.unwrap());
    drop(TcpStream::connect(appliance.ldaps_addr).await.unwrap());
    // One that asks for the root DSE.
    let mut probe = Ldap::connect(appliance.ldap_addr).await;
    let attributes = ["supportedLDAPVersion"];
    let dse = probe.search_for("", Scope::Base, "(objectClass=*)", &attributes, &[]).await;
    assert_eq!((dse.code, dse.entries[0].text("supportedLDAPVersion")), (0, Some("3")));
    probe.unbind().await;
    // One with an account of its own.
    let mut monitor = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(monitor.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    monitor.unbind().await;

    assert_eq!(appliance.recorded().await, Vec::<String>::new());
    assert_eq!(prompts_ever(&appliance).await, 0);
    assert_eq!(appliance.log().with(&["\"WARN\""]), Vec::<String>::new(), "a probe is nothing to worry about");
}

#[tokio::test]
async fn before_a_bind_only_the_root_dse_is_shown_unless_the_client_may_do_more() {
    let slapd = openldap();
    let open = Client { allow_anonymous: true, ..client_at("open", "127.0.7.61/32") };
    let shut = Client { allow_root_dse: false, ..client_at("shut", "127.0.7.62/32") };
    let appliance = Appliance::before(&slapd).client(netscaler()).client(open).client(shut).await;
    let from = async |last: u8| Ldap::connect_from(IpAddr::from([127, 0, 7, last]), appliance.ldap_addr).await;
    let (mut usual, mut open, mut shut) = (from(60).await, from(61).await, from(62).await);
    let mut direct = Ldap::connect(slapd.addr).await;
    let codes = async |connection: &mut Ldap| {
        let dse = connection.search("", Scope::Base, "(objectClass=*)").await.code;
        let entry = connection.search(&slapd.base, Scope::Subtree, "(uid=user0001)").await.code;
        let bind = connection.bind("", "").await.0;
        (dse, entry, bind)
    };
    assert_eq!(codes(&mut usual).await, (0, 1, 48));
    assert_eq!(codes(&mut direct).await, (0, 32, 0), "this directory hides its entries from nobody in particular");
    assert_eq!(codes(&mut open).await, (0, 32, 0));
    assert_eq!(codes(&mut shut).await, (1, 1, 48));
}
