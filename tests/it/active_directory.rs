//! In front of Active Directory (Samba): every form of a name it knows, its own words for why not, its nested groups.

use std::time::Duration;

use vestibule::domain::client::{Client, ServiceAccount, ServiceAccounts};
use vestibule::domain::directory::{Directory, DirectoryKind, Server, Transport};
use vestibule::domain::dn::Dn;
use vestibule::domain::secret::Password;
use vestibule::wire::frame::op;

use super::support::appliance::{Appliance, Arrangement, directory_at, netscaler};
use super::support::ldap::{Answer, Ldap};
use super::support::people::{app, hotp};
use super::sync_openldap::{counts, follow, run, user, vestibule};

#[path = "../support/samba.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
pub mod samba;

use samba::{BASE, DNS_DOMAIN, LOCKOUT_THRESHOLD, NETBIOS_DOMAIN, PASSWORD, STAFF, Samba, change};

fn directory_of(samba: &Samba) -> Directory {
    let server = Server { host: samba.addr.ip().to_string(), port: samba.tls_addr.port(), transport: Transport::Ldaps };
    Directory {
        kind: DirectoryKind::ActiveDirectory,
        base_dn: BASE.into(),
        bind_dn: Samba::service_upn(),
        bind_password: Password::new(PASSWORD.as_bytes()),
        ca_pem: Some(samba.ca_pem.clone()),
        domain: Some(NETBIOS_DOMAIN.into()),
        // Samba in one process is busy for a while with each bind.
        operation_timeout: Duration::from_secs(10),
        ..directory_at(vec![server])
    }
}

/// In front of a domain, for another client.
pub fn before_with(samba: &Samba, client: Client) -> Arrangement {
    Appliance::before_directory(directory_of(samba)).client(client)
}

pub fn before(samba: &Samba) -> Arrangement {
    let service = ServiceAccounts::Exact(Dn::parse(&Samba::service_dn()).unwrap());
    let client = Client { service_accounts: vec![ServiceAccount { who: service, from: vec![] }], ..netscaler() };
    Appliance::before_directory(directory_of(samba)).client(client)
}

async fn direct(samba: &Samba, name: &str, password: &str) -> Answer {
    Ldap::connect(samba.addr).await.bind(name, password).await
}

#[tokio::test]
async fn every_name_that_active_directory_takes_for_a_user_asks_for_the_factor() {
    let samba = Samba::start();
    let appliance = before(&samba)
        .user_with_password("alice", PASSWORD)
        .with(hotp())
        .user_with_password("jmueller", PASSWORD)
        .with(hotp())
        .await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for (account, cn) in [("alice", "Alice Adams"), ("jmueller", "Müller, Jörg")] {
        let user = appliance.person(account);
        let dn = Samba::dn_of(cn);
        assert_eq!(user.dn, dn);
        for name in [
            dn.clone(),
            dn.to_uppercase(),
            dn.replace("\\,", "\\2C"),
            format!("{account}@{DNS_DOMAIN}"),
            format!("{}@{}", account.to_uppercase(), DNS_DOMAIN.to_uppercase()),
            format!("{NETBIOS_DOMAIN}\\{account}"),
            format!("corp\\{}", account.to_uppercase()),
        ] {
            assert_eq!(direct(&samba, &name, PASSWORD).await.0, 0, "the directory knows {name}");
            let (code, _) = gateway.bind(&name, PASSWORD).await;
            assert_eq!(code, 49, "{name} without a code");
            let bound = gateway.bind(&name, &user.with(&user.hotp())).await;
            assert_eq!(bound.0, 0, "{name} with a code: {}", bound.1);
            let found = gateway.search(BASE, vestibule::wire::message::Scope::Base, "(objectClass=*)").await;
            assert_eq!(found.code, 0);
        }
        // Names that AD itself does not bind by, and one that it finds by mail: the appliance asks for the entry's DN.
        for name in [account.to_owned(), format!("{account}@mail.example.test")] {
            assert_eq!(gateway.bind(&name, PASSWORD).await.0, 49, "{name} without a code");
            assert_eq!(gateway.bind(&name, &user.with(&user.hotp())).await.0, 0, "{name} with a code");
        }
    }
    // Names that AD takes and we do not: never a way round.
    let other_forms = [
        format!("alice@{NETBIOS_DOMAIN}"),
        format!("{DNS_DOMAIN}\\alice"),
        format!("{DNS_DOMAIN}/Acme/Staff/Alice Adams"),
        "Alice Adams".to_owned(),
        "OTHER\\alice".to_owned(),
    ];
    for name in other_forms {
        assert_ne!(gateway.bind(&name, PASSWORD).await.0, 0, "{name}");
    }
}

#[tokio::test]
async fn rows_of_a_file_find_their_accounts_by_every_form_of_the_name() {
    let samba = Samba::start();
    let appliance = before(&samba).await;
    let file = format!(
        "username;serial\nALICE;\nCORP\\bob;\n{};\nerik@{DNS_DOMAIN};\nOTHER\\mona;\nnobody;\n",
        Samba::dn_of("Müller, Jörg")
    );
    let (code, said) = super::people_files::import(&appliance, &file);
    assert_eq!(code, 1, "{said}");
    for words in [
        "+ row 2  alice",
        "+ row 3  bob",
        "+ row 4  jmueller",
        "+ row 5  erik",
        "! row 6  OTHER",
        "none of directory corp",
        "! row 7  nobody",
        "added 4, changed 0, unchanged 0, refused 2",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (_, said) = super::people_files::import(&appliance, &file);
    assert!(said.contains("added 0, changed 0, unchanged 4, refused 2"), "{said}");
}

#[tokio::test]
async fn r04_why_active_directory_refuses_reaches_the_client_in_its_own_words() {
    let samba = Samba::start();
    let mut arranged = before(&samba);
    for (account, _, _) in STATES {
        arranged = arranged.user_with_password(account, PASSWORD).with(hotp());
    }
    let appliance = arranged.await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for (account, cn, data) in STATES {
        let user = appliance.person(account);
        let dn = Samba::dn_of(cn);
        let (code, text) = gateway.bind(&dn, &user.with(&user.hotp())).await;
        assert_eq!(code, 49, "{account}");
        assert!(text.contains(&format!("data {data}")), "{account}: {text}");
        assert_eq!((code, text), direct(&samba, &dn, PASSWORD).await, "{account}");
        let wrong = gateway.bind(&dn, "wrong").await;
        assert!(wrong.1.contains("data 52e"), "{account}: {}", wrong.1);
        assert_eq!(wrong, direct(&samba, &dn, "wrong").await, "{account}");
        assert_eq!(appliance.failures(account).await, 0, "the directory's refusals are not ours to count");
    }
    let recorded = appliance.recorded().await;
    assert_eq!(recorded[..2], ["disabled-in-directory"; 2]);
    assert_eq!(recorded[2..4], ["expired-in-directory"; 2]);
    assert_eq!(
        recorded[4..],
        ["wrong-password"; 4],
        "a password that must be changed is no account that nobody may use"
    );
}

const STATES: [(&str, &str, &str); 4] = [
    ("dora", "Dora Disabled", "533"),
    ("erik", "Erik Expired", "701"),
    ("mona", "Mona MustChange", "773"),
    ("wim", "Wim Worn", "532"),
];

#[tokio::test]
async fn r04_an_account_locked_by_the_domain_stays_out_with_the_right_password_and_code() {
    let samba = Samba::start();
    let appliance = before(&samba).user_with_password("leo", PASSWORD).with(hotp()).await;
    let user = appliance.person("leo");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for _ in 0..LOCKOUT_THRESHOLD {
        assert_eq!(gateway.bind(&user.dn, "wrong").await.0, 49);
    }
    let (code, text) = gateway.bind(&user.dn, &user.with(&user.hotp())).await;
    assert_eq!(code, 49);
    assert!(text.contains("data 775"), "{text}");
}

#[tokio::test]
async fn r04_an_account_disabled_while_the_phone_rings_stays_out() {
    let samba = Samba::start();
    let appliance = before(&samba).user_with_password("rita", PASSWORD).with(app()).await;
    let user = appliance.person("rita");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&format!("rita@{DNS_DOMAIN}"), PASSWORD).await;
    let prompt = appliance.prompt().await;
    samba.modify(&change(&user.dn, "replace", "userAccountControl", "514"));
    appliance.approve(&prompt).await;
    let (code, text) = gateway.answer_to(bind, op::BIND_RESPONSE).await;
    assert_eq!(code, 49);
    assert!(text.contains("data 533"), "{text}");
    assert_eq!(appliance.recorded().await, ["disabled-in-directory"]);
}

#[tokio::test]
async fn r19_our_denials_read_like_active_directorys_wrong_password_before_any_was_heard() {
    let samba = Samba::start();
    let appliance = before(&samba).user_with_password("alice", PASSWORD).with(hotp()).await;
    let user = appliance.person("alice");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let missing = gateway.bind(&user.dn, PASSWORD).await;
    let wrong_code = gateway.bind(&user.dn, &user.with(&user.wrong_code())).await;
    let unknown = gateway.bind(&Samba::dn_of("Bob Braun"), PASSWORD).await;
    let nobody = gateway.bind(&format!("nobody@{DNS_DOMAIN}"), PASSWORD).await;
    let wrong = gateway.bind(&user.dn, "wrong").await;
    for (what, heard) in [("missing", missing), ("wrong code", wrong_code), ("unknown", unknown), ("nobody", nobody)] {
        assert_eq!(heard, wrong, "{what}");
    }
    assert!(wrong.1.contains("data 52e"), "{}", wrong.1);
}

#[tokio::test]
async fn the_service_account_searches_by_its_upn_and_by_the_domains_name() {
    let samba = Samba::start();
    let appliance = before(&samba).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for name in [Samba::service_dn(), Samba::service_upn(), format!("{NETBIOS_DOMAIN}\\svc-mfa")] {
        assert_eq!(gateway.bind(&name, PASSWORD).await.0, 0, "{name}");
        let found = gateway.search(BASE, vestibule::wire::message::Scope::Subtree, "(sAMAccountName=alice)").await;
        assert_eq!((found.code, found.names()), (0, vec![Samba::dn_of("Alice Adams").as_str()]), "{name}");
    }
    assert_eq!(appliance.recorded().await, Vec::<String>::new());
}

#[tokio::test]
async fn members_of_groups_within_the_exempt_group_are_exempt() {
    let samba = Samba::start();
    let who = ServiceAccounts::Group(Samba::group("vpn-users"));
    let client = Client { service_accounts: vec![ServiceAccount { who, from: vec![] }], ..netscaler() };
    let appliance = Appliance::before_directory(directory_of(&samba))
        .client(client)
        .user_with_password("alice", PASSWORD)
        .with(hotp())
        .user_with_password("bob", PASSWORD)
        .with(hotp())
        .await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    // Alice is in engineering, that is in all-staff, that is in vpn-users.
    assert_eq!(gateway.bind(&format!("alice@{DNS_DOMAIN}"), PASSWORD).await.0, 0);
    assert_eq!(gateway.bind(&format!("bob@{DNS_DOMAIN}"), PASSWORD).await.0, 49);
    samba.modify(&change(&Samba::group("all-staff"), "delete", "member", &Samba::group("engineering")));
    assert_eq!(gateway.bind(&format!("alice@{DNS_DOMAIN}"), PASSWORD).await.0, 49, "no member any more");
}

#[tokio::test]
async fn r03_a_deleted_account_that_is_made_again_by_the_same_name_has_no_factor() {
    let samba = Samba::start();
    samba.add(&Samba::user("Nils Neu", "nils"));
    let appliance = before(&samba).user_with_password("nils", PASSWORD).with(hotp()).await;
    let user = appliance.person("nils");
    let upn = format!("nils@{DNS_DOMAIN}");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&upn, &user.with(&user.hotp())).await.0, 0);
    samba.delete(&Samba::dn_of("Nils Neu"));
    samba.add(&Samba::user("Nils Neu", "nils"));
    assert_eq!(direct(&samba, &upn, PASSWORD).await.0, 0, "the directory has him again");
    for name in [upn, "nils".to_owned(), user.dn.clone(), format!("{NETBIOS_DOMAIN}\\nils")] {
        assert_eq!(gateway.bind(&name, &user.with(&user.hotp())).await.0, 49, "{name}");
        assert_eq!(gateway.bind(&name, PASSWORD).await.0, 49, "{name}");
    }
    assert!(appliance.recorded().await.iter().skip(1).all(|reason| reason == "unknown-user"));
}

/// Follows the staff; the domain's own accounts are left out.
fn follow_staff(appliance: &Appliance) -> u64 {
    follow(appliance, &["--base", &format!("{STAFF},{BASE}")]);
    counts(&run(appliance, &[]))[0]
}

#[tokio::test]
async fn r04_a_sync_shows_who_is_disabled_or_expired_in_the_domain() {
    let samba = Samba::start();
    let appliance = before(&samba).await;
    let people = follow_staff(&appliance);
    let state = |name: &str| {
        let (code, out, err) = vestibule(&appliance, &["user", "show", name]);
        assert_eq!(code, 0, "{err}");
        out.lines().find(|line| line.starts_with("state")).unwrap().split_once(' ').unwrap().1.trim().to_owned()
    };
    assert_eq!(state("dora"), "disabled in the directory");
    assert_eq!(state("erik"), "expired in the directory since 2012-12-14T23:06:40Z");
    assert_eq!(state(&format!("rita@{DNS_DOMAIN}")), "enabled");
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, people, 0, 0]);
    samba.modify(&change(&Samba::dn_of("Rita Later"), "replace", "userAccountControl", "514"));
    samba.modify(&change(&Samba::dn_of("Dora Disabled"), "replace", "userAccountControl", "512"));
    assert_eq!(counts(&run(&appliance, &[])), [0, 2, people - 2, 0, 0]);
    assert_eq!((state("rita").as_str(), state("dora").as_str()), ("disabled in the directory", "enabled"));
}

#[tokio::test]
async fn r03_a_sync_takes_an_account_made_again_by_the_same_name_for_somebody_else() {
    let samba = Samba::start();
    samba.add(&Samba::user("Nils Neu", "nils"));
    let appliance = before(&samba).user_with_password("nils", PASSWORD).with(hotp()).await;
    follow_staff(&appliance);
    let before = user(&appliance, "nils");
    samba.delete(&Samba::dn_of("Nils Neu"));
    samba.add(&Samba::user("Nils Neu", "nils"));
    let again = run(&appliance, &[]);
    assert_eq!(counts(&again)[0], 1, "{again}");
    let after = user(&appliance, "nils");
    assert_ne!(after["id"], before["id"]);
    assert_eq!((&before["factors"], &after["factors"]), (&serde_json::json!(["hotp"]), &serde_json::json!([])));
}

#[tokio::test]
async fn a_sync_whose_account_the_domain_has_locked_changes_nothing_and_says_so() {
    let samba = Samba::start();
    let appliance = before(&samba).await;
    let people = follow_staff(&appliance);
    for _ in 0..LOCKOUT_THRESHOLD {
        assert_eq!(direct(&samba, &Samba::service_dn(), "wrong").await.0, 49);
    }
    let (code, _, err) = vestibule(&appliance, &["sync", "run", "--directory", "corp"]);
    let server = samba.tls_addr.to_string();
    for word in ["refused our own account", "data 775", "whether the account is locked", &server] {
        assert!(code == 3 && err.contains(word), "{code}: {word:?} is missing in {err}");
    }
    let (_, out, _) = vestibule(&appliance, &["user", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(u64::try_from(listed.len()).unwrap(), people);
    assert!(listed.iter().all(|user| user["enabled"] == true));
}
