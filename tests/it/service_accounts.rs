//! Who passes on the password alone, and who only looks like it: service accounts, trusted networks, and what becomes of
//! accounts that have no factor.

use vestibule::domain::client::{Client, ServiceAccount, ServiceAccounts, UserMatch};
use vestibule::domain::dn::Dn;
use vestibule::wire::frame::op;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, client_at, netscaler};
use super::support::ldap::{Ldap, modify};
use super::support::people::{app, hotp, totp};
use super::support::slapd::SlapdOptions;
use super::{answer, openldap, openldap_with};

fn exempting(who: ServiceAccounts) -> Client {
    Client { service_accounts: vec![ServiceAccount { who, from: vec![] }], ..netscaler() }
}

fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap()
}

/// An account that can bind.
fn machine(dn: &str) -> String {
    let cn = dn.strip_prefix("cn=").unwrap().split(",ou=").next().unwrap().split(",cn=").next().unwrap();
    format!(
        "dn: {dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: {cn}\nuserPassword: machine\n\n"
    )
}

#[tokio::test]
async fn a_service_account_is_one_in_every_spelling_that_the_directory_takes_for_it() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for spelling in [
        "cn=svc,ou=service,dc=example,dc=test",
        "CN=SVC,OU=Service,DC=Example,DC=Test",
        "cn=svc, ou=service, dc=example, dc=test",
        "cn=\\73vc,ou=service,dc=example,dc=test",
        "2.5.4.3=svc,ou=service,dc=example,dc=test",
        "cn=svc,organizationalUnitName=service,dc=example,dc=test",
        "cn=  svc ,ou=service,dc=example,dc=test",
    ] {
        let mut direct = Ldap::connect(slapd.addr).await;
        let expected = direct.bind(spelling, &slapd.service_password).await;
        let bound = gateway.bind(spelling, &slapd.service_password).await;
        assert_eq!(bound, expected, "{spelling}");
        if bound.0 == 0 {
            assert_eq!(gateway.who_am_i().await, format!("dn:{}", slapd.service_dn));
        }
    }
    assert_eq!(appliance.recorded().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_service_accounts_wrong_password_is_refused_and_recorded_and_takes_no_code() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&slapd.service_dn, "wrong").await, answer(49));
    let with_code = format!("{},123456", slapd.service_password);
    assert_eq!(gateway.bind(&slapd.service_dn, &with_code).await, answer(49));
    assert_eq!(appliance.recorded().await, ["wrong-password", "wrong-password"]);
}

#[tokio::test]
async fn service_account_sign_ins_are_summed_up_in_the_record_instead_of_listed() {
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for _ in 0..7 {
        assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    }
    let counted = "vestibule_service_account_binds_total{client=\"netscaler\",outcome=\"granted\"}";
    assert!((appliance.metric(counted).await - 7.0).abs() < f64::EPSILON);
    assert!(appliance.stop().await.success());
    let sums = appliance.events("service-account-binds").await;
    assert_eq!(sums.len(), 1, "{sums:?}");
    assert_eq!((sums[0]["account"].as_str(), sums[0]["granted"].as_u64()), (Some(slapd.service_dn.as_str()), Some(7)));
    assert_eq!(appliance.recorded().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_subtree_exempts_what_is_below_it_and_neither_itself_nor_what_is_only_named_like_it() {
    let below = "cn=robot,cn=svc,ou=service,dc=example,dc=test";
    let alike = "cn=robot\\,cn=svc\\,ou=service\\,dc=example\\,dc=test,ou=people,dc=example,dc=test";
    let odd = format!(
        "dn: {alike}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: robot,cn=svc,ou=service,dc=example,dc=test\nuserPassword: machine\n\n"
    );
    let slapd = openldap_with(SlapdOptions { ldif: machine(below) + &odd, ..SlapdOptions::default() });
    let tree = ServiceAccounts::Subtree(dn("cn=svc,ou=service,dc=example,dc=test"));
    let appliance = Appliance::before(&slapd).client(exempting(tree)).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(below, "machine").await, answer(0));
    assert_eq!(gateway.bind(&below.to_uppercase(), "machine").await, answer(0));
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(49), "the base itself");
    assert_eq!(gateway.bind(alike, "machine").await, answer(49));
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(appliance.recorded().await, ["unknown-user", "unknown-user", "missing-code"]);
}

#[tokio::test]
async fn members_of_a_group_are_exempt_for_as_long_as_they_are_members() {
    let robot = "cn=robot,ou=service,dc=example,dc=test";
    let group = "cn=machines,ou=groups,dc=example,dc=test";
    let ldif = machine(robot) + &format!("dn: {group}\nobjectClass: groupOfNames\ncn: machines\nmember: {robot}\n\n");
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let client = exempting(ServiceAccounts::Group(group.into()));
    let appliance = Appliance::before(&slapd).client(client).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(robot, "machine").await, answer(0));
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(49), "no member");

    let mut admin = Ldap::connect(slapd.addr).await;
    assert_eq!(admin.bind(&slapd.admin_dn, &slapd.admin_password).await, answer(0));
    let changed = admin.ask(op::MODIFY_RESPONSE, |out| modify(out, group, "member", &slapd.service_dn)).await;
    assert_eq!(changed, answer(0));
    assert_eq!(gateway.bind(robot, "machine").await, answer(49), "no member any more");
    assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
}

#[tokio::test]
async fn r06_while_the_directory_cannot_say_who_is_in_the_group_nobody_is_exempt_by_it() {
    let robot = "cn=robot,ou=service,dc=example,dc=test";
    let group = "cn=machines,ou=groups,dc=example,dc=test";
    let ldif = machine(robot) + &format!("dn: {group}\nobjectClass: groupOfNames\ncn: machines\nmember: {robot}\n\n");
    let mut slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let client = exempting(ServiceAccounts::Group(group.into()));
    let appliance = Appliance::before(&slapd).client(client).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    slapd.kill();
    assert_eq!(gateway.bind(robot, "machine").await.0, 52);
    slapd.revive();
    assert_eq!(gateway.bind(robot, "machine").await, answer(0));
}

#[tokio::test]
async fn a_group_that_is_not_there_exempts_nobody() {
    let slapd = openldap();
    let group = ServiceAccounts::Group("cn=nowhere,ou=groups,dc=example,dc=test".into());
    let appliance = Appliance::before(&slapd).client(exempting(group)).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_ne!(gateway.bind(&user.dn, &user.password).await.0, 0);
    assert_ne!(gateway.bind(&slapd.service_dn, &slapd.service_password).await.0, 0);
}

#[tokio::test]
async fn an_exemption_for_some_addresses_holds_from_these_alone() {
    let slapd = openldap();
    let who = ServiceAccounts::Exact(dn(&slapd.service_dn));
    let from = vec!["127.0.7.40/32".parse().unwrap()];
    let client = Client { service_accounts: vec![ServiceAccount { who, from }], ..netscaler() };
    let appliance = Appliance::before(&slapd).client(client).await;
    let mut inside = Ldap::connect_from([127, 0, 7, 40], appliance.ldap_addr).await;
    let mut outside = Ldap::connect_from([127, 0, 7, 41], appliance.ldap_addr).await;
    assert_eq!(inside.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    assert_eq!(outside.bind(&slapd.service_dn, &slapd.service_password).await, answer(49));
    let shouted = slapd.service_dn.to_uppercase();
    assert_eq!(outside.bind(&shouted, &slapd.service_password).await, answer(49));
}

#[tokio::test]
async fn one_clients_service_account_is_another_clients_user() {
    let slapd = openldap();
    let machines = Client {
        service_accounts: vec![ServiceAccount {
            who: ServiceAccounts::Exact(dn("uid=user0001,ou=people,dc=example,dc=test")),
            from: vec![],
        }],
        ..client_at("machines", "127.0.7.42/32")
    };
    let appliance = Appliance::before(&slapd).client(netscaler()).client(machines).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut machine = Ldap::connect_from([127, 0, 7, 42], appliance.ldap_addr).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(machine.bind(&user.dn, &user.password).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(machine.bind("user0001", &user.password).await, answer(0), "by its other name as well");
}

#[tokio::test]
async fn from_a_trusted_network_the_password_is_enough_and_the_record_says_so() {
    let slapd = openldap();
    let client = Client { trusted_networks: vec!["127.0.7.44/31".parse().unwrap()], ..netscaler() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut inside = Ldap::connect_from([127, 0, 7, 45], appliance.ldap_addr).await;
    let mut outside = Ldap::connect_from([127, 0, 7, 46], appliance.ldap_addr).await;
    assert_eq!(inside.bind(&user.dn, &user.password).await, answer(0));
    assert_eq!(inside.bind(&user.dn, "wrong").await, answer(49));
    assert_eq!(outside.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(appliance.recorded().await, ["trusted-network", "wrong-password", "missing-code"]);
}

#[tokio::test]
async fn r02_accounts_without_a_factor_get_what_the_client_says_of_them() {
    let slapd = openldap();
    let with =
        |name: &str, last: u8, user_match| Client { user_match, ..client_at(name, &format!("127.0.7.{last}/32")) };
    // The first user is known and has nothing, the second is not known at all, the third is enrolled.
    let appliance = Appliance::before(&slapd)
        .client(with("refuse", 81, UserMatch::Refuse))
        .client(with("must-enrol", 82, UserMatch::MustEnrol))
        .client(with("password-only", 83, UserMatch::PasswordOnly))
        .user("user0001")
        .user("user0003")
        .with(app())
        .await;
    let mut codes = vec![];
    for last in [81, 82, 83] {
        let mut gateway = Ldap::connect_from([127, 0, 7, last], appliance.ldap_addr).await;
        for name in ["user0001", "user0002"] {
            codes.push(gateway.bind(&slapd.dn_of(name), &format!("pw-{name}")).await.0);
        }
    }
    assert_eq!(codes, [49, 49, 49, 49, 0, 0]);
    assert_eq!(
        appliance.recorded().await,
        ["no-factor", "unknown-user", "must-enrol", "must-enrol", "not-enrolled", "not-enrolled"]
    );
    // Whoever is enrolled is asked, whatever becomes of the others; a code in place of the phone is no way round.
    let user = appliance.person("user0003");
    let mut gateway = Ldap::connect_from([127, 0, 7, 83], appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with("123456")).await, answer(49));
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0));
    let found = gateway.search(&slapd.base, Scope::Base, "(objectClass=*)").await;
    assert_eq!(found.code, 0);
}
