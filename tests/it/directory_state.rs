//! Whom the directory lets nobody be any more: disabled or expired there, out here at the next sign-in, whatever the person
//! has, and shown as such by the next import or run.

use vestibule::domain::client::{Client, ServiceAccount, ServiceAccounts, UserMatch};
use vestibule::domain::dn::Dn;
use vestibule::wire::frame::op;

use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::Ldap;
use super::support::people::{app, hotp, tester};
use super::support::slapd::{Slapd, SlapdOptions};
use super::sync_openldap::{change, counts, follow, run, user, vestibule};
use super::{answer, openldap, openldap_with};

/// A directory that holds its users to pwdAccountLockedTime, and knows the attribute of 389, which it does not enforce.
pub(super) fn strict() -> Slapd {
    openldap_with(SlapdOptions {
        global: "moduleload ppolicy\n\
                 attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch \
                 SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )"
            .into(),
        database: "overlay ppolicy\nppolicy_default cn=policy,ou=service,dc=example,dc=test".into(),
        ldif: "dn: cn=policy,ou=service,dc=example,dc=test\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\n\
               cn: policy\npwdAttribute: userPassword\npwdLockout: TRUE\n\n"
            .into(),
        ..SlapdOptions::default()
    })
}

fn locked(slapd: &Slapd, uid: &str) {
    set(slapd, uid, "replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z");
}

/// Expired long ago, for whoever reads this attribute; OpenLDAP does not.
fn expired(slapd: &Slapd, uid: &str) {
    set(slapd, uid, "add: objectClass\nobjectClass: shadowAccount\n-\nreplace: shadowExpire\nshadowExpire: 10000");
}

fn set(slapd: &Slapd, uid: &str, how: &str) {
    change(slapd, &format!("dn: {}\nchangetype: modify\n{how}\n", slapd.dn_of(uid)));
}

#[tokio::test]
async fn r04_who_is_disabled_in_the_directory_is_out_with_the_next_sign_in_and_loses_no_code_by_it() {
    let slapd = strict();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let code = user.with(&user.hotp());
    set(
        &slapd,
        "user0001",
        "add: objectClass\nobjectClass: extensibleObject\n-\nadd: nsAccountLock\nnsAccountLock: true",
    );
    assert_eq!(Ldap::connect(slapd.addr).await.bind(&user.dn, &user.password).await, answer(0), "slapd lets it bind");
    for field in [code.as_str(), &user.password, &user.with("push"), "wrong"] {
        assert_eq!(gateway.bind(&user.dn, field).await, answer(49));
    }
    assert_eq!(appliance.recorded().await, ["disabled-in-directory"; 4]);
    assert!(appliance.prompts().await.is_empty(), "nobody's phone rings");
    assert_eq!(appliance.failures("user0001").await, 0);
    set(&slapd, "user0001", "delete: nsAccountLock");
    assert_eq!(gateway.bind(&user.dn, &code).await, answer(0), "the code was not used up");
}

#[tokio::test]
async fn r04_the_directorys_own_answer_to_a_locked_account_is_passed_on() {
    let slapd = strict();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    locked(&slapd, "user0001");
    let mut direct = Ldap::connect(slapd.addr).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let expected = direct.bind(&user.dn, &user.password).await;
    assert_eq!(expected.0, 49);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, expected);
    assert_eq!(gateway.bind(&user.dn, "wrong").await, direct.bind(&user.dn, "wrong").await);
    assert_eq!(appliance.recorded().await, ["disabled-in-directory", "disabled-in-directory"]);
}

#[tokio::test]
async fn neither_bypass_nor_trusted_network_nor_exemption_nor_being_unknown_lets_an_expired_account_in() {
    let slapd = openldap();
    let exempt = Dn::parse(&slapd.dn_of("user0003")).unwrap();
    let client = Client {
        user_match: UserMatch::PasswordOnly,
        trusted_networks: vec!["127.0.0.0/8".parse().unwrap()],
        service_accounts: vec![ServiceAccount { who: ServiceAccounts::Exact(exempt), from: vec![] }],
        ..netscaler()
    };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(hotp()).await;
    let bypassed = &appliance.person("user0001").listed;
    appliance.store().grant_bypass(bypassed, jiff::SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    let everybody = ["user0001", "user0002", "user0003"];
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for uid in everybody {
        assert_eq!(gateway.bind(uid, &Slapd::password_of(uid)).await, answer(0), "{uid} before");
    }
    for uid in everybody {
        expired(&slapd, uid);
        assert_eq!(gateway.bind(uid, &Slapd::password_of(uid)).await, answer(49), "{uid} after");
    }
    let recorded = appliance.recorded().await;
    assert_eq!(recorded[recorded.len() - 3..], ["expired-in-directory"; 3]);
}

#[tokio::test]
async fn r04_an_account_that_expires_while_the_phone_rings_stays_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    expired(&slapd, "user0001");
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49));
    assert_eq!(appliance.recorded().await, ["expired-in-directory"]);
}

#[tokio::test]
async fn r02_whom_a_sync_disables_and_then_removes_is_out_although_the_directory_still_knows_them() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let person = appliance.person("user0001");
    follow(&appliance, &["--leavers", "delete", "--delete-after", "0"]);
    run(&appliance, &[]);
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&person.dn, &person.with(&person.hotp())).await, answer(0));
    let pool = appliance.store().pool();
    sqlx::query("update sync_items set filter = '(!(uid=user0001))'").execute(pool).await.unwrap();
    for _ in 0..2 {
        run(&appliance, &[]);
        for field in [person.with(&person.hotp()), person.password.clone()] {
            assert_eq!(gateway.bind(&person.dn, &field).await, answer(49));
        }
    }
    assert_eq!(appliance.recorded().await, ["hotp", "disabled", "disabled", "unknown-user", "unknown-user"]);
}

#[tokio::test]
async fn a_state_that_our_account_may_not_read_locks_nobody_out() {
    let access = "access to attrs=shadowExpire by * none".to_owned();
    let slapd = openldap_with(SlapdOptions { access, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    expired(&slapd, "user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
}

#[tokio::test]
async fn a_sync_and_an_import_show_who_is_disabled_in_the_directory_and_leave_our_own_switch_alone() {
    let slapd = strict();
    let appliance = Appliance::before(&slapd).await;
    locked(&slapd, "user0001");
    follow(&appliance, &[]);
    assert_eq!(counts(&run(&appliance, &[])), [3, 0, 0, 0, 0]);
    let shown = |name: &str| {
        let (code, out, err) = vestibule(&appliance, &["user", "show", name]);
        assert_eq!(code, 0, "{err}");
        out.lines().find(|line| line.starts_with("state")).unwrap().split_once(' ').unwrap().1.trim().to_owned()
    };
    assert_eq!(shown("user0001"), "disabled in the directory");
    assert_eq!(user(&appliance, "user0001")["enabled"], true);
    assert_eq!(shown("user0002"), "enabled");
    expired(&slapd, "user0002");
    assert_eq!(counts(&run(&appliance, &[])), [0, 1, 2, 0, 0]);
    assert_eq!(shown("user0002"), "expired in the directory since 1997-05-19T00:00:00Z");
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0], "the second run writes nothing");
    set(&slapd, "user0001", "delete: pwdAccountLockedTime");
    let (code, out, err) = vestibule(&appliance, &["user", "import", "--directory", "corp"]);
    assert!(code == 0 && out.contains("updated 1, unchanged 2"), "{out}{err}");
    assert_eq!(shown("user0001"), "enabled");
}
