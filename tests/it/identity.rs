//! Who somebody is: the directory's entry by its unique id, never a name. Whatever the directory takes for a user asks
//! for that user's factor.

use vestibule::domain::client::{Client, UserMatch};
use vestibule::wire::ber;
use vestibule::wire::frame::op;

use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::Ldap;
use super::support::people::hotp;
use super::support::slapd::{Slapd, SlapdOptions};
use super::{answer, openldap, openldap_with};

/// Lets everybody whom it does not know in by the password, so that a name it fails to tie to a user would show.
fn lenient() -> Client {
    Client { user_match: UserMatch::PasswordOnly, ..netscaler() }
}

async fn admin(slapd: &Slapd) -> Ldap {
    let mut admin = Ldap::connect(slapd.addr).await;
    assert_eq!(admin.bind(&slapd.admin_dn, &slapd.admin_password).await, answer(0));
    admin
}

/// RFC 4511 §4.9: another first part for a name, the old value gone.
async fn rename(slapd: &Slapd, dn: &str, rdn: &str) {
    let mut admin = admin(slapd).await;
    let renamed = admin.ask(op::MODIFY_DN_RESPONSE, |out| {
        ber::put(out, op::MODIFY_DN_REQUEST, |out| {
            ber::put_bytes(out, ber::OCTET_STRING, dn.as_bytes());
            ber::put_bytes(out, ber::OCTET_STRING, rdn.as_bytes());
            ber::put_bytes(out, ber::BOOLEAN, &[0xff]);
        });
    });
    assert_eq!(renamed.await, answer(0));
}

#[tokio::test]
async fn r01_every_spelling_that_binds_as_the_user_in_the_directory_asks_for_the_users_factor() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(lenient()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let spellings = [
        "uid=user0001,ou=people,dc=example,dc=test",
        "UID=USER0001,OU=People,DC=Example,DC=Test",
        "uid = user0001 , ou = people , dc = example , dc = test",
        "uid=  user0001  ,ou=people,dc=example,dc=test",
        "uid=\\75ser0001,ou=people,dc=example,dc=test",
        "uid=user0001\\20,ou=people,dc=example,dc=test",
        "uid=\\20user0001,ou=people,dc=example,dc=test",
        "uid=\"user0001\",ou=people,dc=example,dc=test",
        "uid=#0408757365723030303 1,ou=people,dc=example,dc=test",
        "uid=#04087573657230303031,ou=people,dc=example,dc=test",
        "0.9.2342.19200300.100.1.1=user0001,ou=people,dc=example,dc=test",
        "OID.0.9.2342.19200300.100.1.1=user0001,ou=people,dc=example,dc=test",
        "userid=user0001,ou=people,dc=example,dc=test",
        "uid=user0001;ou=people;dc=example;dc=test",
        "uid=user0001,organizationalUnitName=people,domainComponent=example,dc=test",
        "uid=\u{ff55}ser0001,ou=people,dc=example,dc=test",
        "uid=us\u{ad}er0001,ou=people,dc=example,dc=test",
        "uid=user0001\u{200b},ou=people,dc=example,dc=test",
        "uid=user0001,,ou=people,dc=example,dc=test",
        "uid=user0001+cn=User 1,ou=people,dc=example,dc=test",
        " uid=user0001,ou=people,dc=example,dc=test ",
        "user0001",
        "user0001@example.test",
    ];
    let mut accepted = 0;
    for name in spellings {
        let mut direct = Ldap::connect(slapd.addr).await;
        let takes_it = direct.bind(name, &user.password).await.0 == 0;
        let mut gateway = Ldap::connect(appliance.ldap_addr).await;
        assert_ne!(gateway.bind(name, &user.password).await.0, 0, "{name:?} without a code");
        if takes_it {
            accepted += 1;
            assert_eq!(direct.who_am_i().await, format!("dn:{}", user.dn));
            assert_eq!(gateway.bind(name, &user.with(&user.hotp())).await, answer(0), "{name:?} with a code");
            assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn), "{name:?}");
        }
    }
    assert!(accepted >= 8, "the directory itself took only {accepted}");
}

#[tokio::test]
async fn r03_a_renamed_user_keeps_the_factor_under_the_new_name() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(lenient()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    rename(&slapd, &user.dn, "uid=married").await;
    let dn = slapd.dn_of("married");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in [dn.as_str(), "married", "user0001@example.test"] {
        assert_eq!(gateway.bind(name, &user.password).await, answer(49), "{name} without a code");
        assert_eq!(gateway.bind(name, &user.with(&user.hotp())).await, answer(0), "{name}");
        assert_eq!(gateway.who_am_i().await, format!("dn:{dn}"));
    }
    assert_ne!(gateway.bind(&user.dn, &user.password).await.0, 0, "nobody has the old name");
}

#[tokio::test]
async fn r03_whoever_takes_over_a_name_takes_over_no_factor() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    rename(&slapd, &user.dn, "uid=gone").await;
    rename(&slapd, &slapd.dn_of("user0002"), "uid=user0001").await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let password = Slapd::password_of("user0002");
    for name in [user.dn.as_str(), "user0001"] {
        assert_eq!(gateway.bind(name, &password).await, answer(49));
        assert_eq!(gateway.bind(name, &format!("{password},{}", user.hotp())).await, answer(49));
    }
    assert_eq!(appliance.recorded().await, ["unknown-user"; 4]);
}

#[tokio::test]
async fn r02_a_name_that_two_entries_share_lets_neither_in() {
    let twin = "dn: cn=twin,ou=service,dc=example,dc=test\nobjectClass: inetOrgPerson\ncn: twin\nsn: T\nuid: user0001\n\
                mail: user0001@example.test\nuserPassword: pw-user0001\n\n";
    let slapd = openldap_with(SlapdOptions { ldif: twin.into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).client(lenient()).user("user0002").with(hotp()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in ["user0001", "user0001@example.test", "USER0001"] {
        assert_ne!(gateway.bind(name, "pw-user0001").await.0, 0, "{name}");
    }
    assert_eq!(
        gateway.bind("cn=twin,ou=service,dc=example,dc=test", "pw-user0001").await,
        answer(0),
        "one entry is one"
    );
}

#[tokio::test]
async fn r01_an_alias_of_a_user_is_no_way_round_the_users_factor() {
    let alias = "dn: uid=other,ou=service,dc=example,dc=test\nobjectClass: alias\nobjectClass: extensibleObject\nuid: other\n\
                 aliasedObjectName: uid=user0001,ou=people,dc=example,dc=test\n\n";
    let slapd = openldap_with(SlapdOptions { ldif: alias.into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).client(lenient()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in ["uid=other,ou=service,dc=example,dc=test", "other"] {
        assert_ne!(gateway.bind(name, &user.password).await.0, 0, "{name}");
    }
}
