//! Names against OpenLDAP: whichever form a person types, it is one account or none, and it asks for its factor.

use vestibule::domain::client::Client;
use vestibule::domain::directory::Directory;

use super::support::appliance::{Appliance, directory_of, netscaler};
use super::support::ldap::Ldap;
use super::support::people::hotp;
use super::support::slapd::SlapdOptions;
use super::{answer, openldap, openldap_with};

#[tokio::test]
async fn every_form_of_a_name_means_the_same_user_and_asks_for_the_factor() {
    let slapd = openldap();
    let directory = Directory { domain: Some("CORP".into()), ..directory_of(&slapd) };
    let appliance = Appliance::before_directory(directory).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in [
        "user0001",
        "USER0001",
        " user0001 ",
        "user0001@example.test",
        "User0001@EXAMPLE.test",
        "CORP\\user0001",
        "corp\\USER0001",
        "uid=user0001,ou=people,dc=example,dc=test",
        "UID=User0001, OU=People, DC=example, DC=test",
        "uid=\\75ser0001,ou=people,dc=example,dc=test",
        "0.9.2342.19200300.100.1.1=user0001,ou=people,dc=example,dc=test",
        "ｕｓｅｒ０００１",
    ] {
        assert_eq!(gateway.bind(name, &user.password).await, answer(49), "{name} without a code");
        let (code, text) = gateway.bind(name, &user.with(&user.hotp())).await;
        assert_eq!(code, 0, "{name}: {text}");
        assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn), "{name}");
    }
    let recorded = appliance.events("sign-in").await;
    assert!(recorded.iter().all(|event| event["name"] == "user0001"), "one user in the record: {recorded:?}");
}

#[tokio::test]
async fn names_of_no_account_here_let_nobody_in() {
    let slapd = openldap();
    let directory = Directory { domain: Some("CORP".into()), ..directory_of(&slapd) };
    let appliance = Appliance::before_directory(directory).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let field = user.with(&user.hotp());
    for name in [
        "OTHER\\user0001",
        "CORP\\\\user0001",
        "user0001@elsewhere.test",
        "user0001@@example.test",
        "user0001\\",
        "user0001/",
        "user 0001",
        "uid=user0001,ou=people,dc=example",
        "uid=user0001,ou=people,dc=elsewhere,dc=test",
        "uid=user0001",
        "cn=User 1",
        "ou=people,dc=example,dc=test",
        "uid=user0001+sn=1,ou=people,dc=example,dc=test",
        "<GUID=00112233445566778899aabbccddeeff>",
        "dn:uid=user0001,ou=people,dc=example,dc=test",
        "*",
    ] {
        assert_ne!(gateway.bind(name, &field).await.0, 0, "{name}");
    }
    assert_eq!(gateway.bind("user0001", &field).await, answer(0), "the code was not used up by any of them");
}

#[tokio::test]
async fn r10_what_means_something_in_a_filter_is_a_plain_character_in_a_name() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let field = user.with(&user.hotp());
    for name in [
        "*",
        "user*",
        "user000?",
        "user0001)(uid=*",
        "user0001)(|(uid=*)",
        "*)(objectClass=*",
        "*)(userPassword=*",
        "(uid=user0001)",
        "\\2a",
        "user0001\\00",
        "user0001\u{0}",
        "user0001)(&",
        "x)(!(uid=nobody",
        "*@example.test",
        "user0001@example.test)(uid=*",
        "&(uid=user0001)",
        "user0001\\29\\28uid=\\2a",
    ] {
        assert_ne!(gateway.bind(name, &field).await.0, 0, "{name:?}");
    }
    let searched = slapd.logged("filter=");
    let of_names: Vec<&String> =
        searched.iter().filter(|line| line.contains("(uid=") || line.contains("(mail=")).collect();
    assert!(of_names.len() >= 5, "the names were looked for: {searched:?}");
    for line in of_names {
        // slapd shows its own reading: a literal star as \2A, a presence or substring test as *.
        assert!(!line.contains('*'), "{line}");
        assert!(line.matches("(uid=").count() + line.matches("(mail=").count() == 1, "one assertion: {line}");
        assert!(!line.contains("objectClass") && !line.contains("userPassword"), "{line}");
    }
    assert_eq!(gateway.bind("user0001", &field).await, answer(0));
}

#[tokio::test]
async fn r10_what_means_something_in_a_dn_is_a_plain_character_in_a_name() {
    let ldif = "\
dn:: Y249TcO8bGxlclwsIErDvHJnZW4sb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9dGVzdA==
objectClass: inetOrgPerson
uid: jmueller
cn:: TcO8bGxlciwgSsO8cmdlbg==
sn:: TcO8bGxlcg==
mail: jmueller@example.test
userPassword: pw-jmueller

dn: cn=a\\+b\\\"c\\\\d\\<e\\>\\;f,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
uid: odd
cn: a+b\"c\\d<e>;f
sn: odd
userPassword: pw-odd

"
    .to_owned();
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).user("jmueller").with(hotp()).user("odd").with(hotp()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in ["jmueller", "odd"] {
        let user = appliance.person(name);
        assert_eq!(gateway.bind(name, &user.with(&user.hotp())).await, answer(0), "{name}");
        assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0), "{}", user.dn);
        assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49), "{}", user.dn);
    }
    let user = appliance.person("jmueller");
    for spelling in [
        "cn=Müller\\, Jürgen,ou=people,dc=example,dc=test",
        "cn=Müller\\2C Jürgen,ou=people,dc=example,dc=test",
        "cn=M\\C3\\BCller\\, J\\C3\\BCrgen,ou=people,dc=example,dc=test",
        "cn=MÜLLER\\, JÜRGEN,ou=people,dc=example,dc=test",
        "cn=Mu\u{308}ller\\, Ju\u{308}rgen,ou=people,dc=example,dc=test",
    ] {
        assert_eq!(gateway.bind(spelling, &user.password).await, answer(49), "{spelling} without a code");
        assert_eq!(gateway.bind(spelling, &user.with(&user.hotp())).await, answer(0), "{spelling}");
    }
}

#[tokio::test]
async fn a_user_with_a_name_beyond_ascii_is_found_however_it_is_composed() {
    let ldif = "\
dn:: dWlkPXpvw6ssb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9dGVzdA==
objectClass: inetOrgPerson
uid:: em/Dqw==
cn: Zoe
sn: Zoe
userPassword: pw-zoë

"
    .to_owned();
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).user("zoë").with(hotp()).await;
    let user = appliance.person("zoë");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in [
        "zoë",
        "ZOË",
        "zoe\u{308}",
        "uid=zoë,ou=people,dc=example,dc=test",
        "uid=zo\\c3\\ab,ou=people,dc=example,dc=test",
    ] {
        assert_eq!(gateway.bind(name, &user.password).await, answer(49), "{name} without a code");
        assert_eq!(gateway.bind(name, &user.with(&user.hotp())).await, answer(0), "{name}");
    }
    assert_ne!(gateway.bind("zoe", &user.with(&user.hotp())).await.0, 0, "another letter is another name");
}

#[tokio::test]
async fn r19_an_unknown_name_reads_like_a_wrong_password() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for (known, unknown) in [
        ("user0001", "nobody"),
        ("user0001@example.test", "nobody@example.test"),
        ("uid=user0001,ou=people,dc=example,dc=test", "uid=nobody,ou=people,dc=example,dc=test"),
    ] {
        assert_eq!(gateway.bind(unknown, "wrong").await, gateway.bind(known, "wrong").await, "{unknown}");
    }
}

#[tokio::test]
async fn where_unknown_users_may_pass_on_the_password_an_account_that_is_not_one_still_may_not() {
    let twin = |ou: &str| {
        format!(
            "dn: ou={ou},dc=example,dc=test\nobjectClass: organizationalUnit\nou: {ou}\n\n\
             dn: uid=twin,ou={ou},dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: twin\ncn: Twin\nsn: Twin\n\
             userPassword: pw-twin\n\n"
        )
    };
    let slapd = openldap_with(SlapdOptions { ldif: twin("here") + &twin("there"), ..SlapdOptions::default() });
    let client = Client { user_match: vestibule::domain::client::UserMatch::PasswordOnly, ..netscaler() };
    let appliance = Appliance::before(&slapd).client(client).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_ne!(gateway.bind("twin", "pw-twin").await.0, 0, "which of the two?");
    assert_eq!(gateway.bind("uid=twin,ou=here,dc=example,dc=test", "pw-twin").await, answer(0), "this one");
}
