//! Sign-ins over RADIUS: PAP with codes, phones and dialogs, what a gateway says of the person, and how it all ends.

use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vestibule::domain::client::radius::FirstFactor;
use vestibule::domain::client::{Client, ServiceAccount, ServiceAccounts, UserMatch};
use vestibule::domain::dn::Dn;

use super::support::appliance::{Appliance, RADIUS_SECRET, vpn, vpn_with};
use super::support::ldap::Ldap;
use super::support::people::{Person, app, hotp, tester, totp};
use super::support::radius::{
    ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, ACCESS_REQUEST, Answer, NAS_IDENTIFIER, Nas, REPLY_MESSAGE,
    Request, STATE, Signed, USER_NAME, USER_PASSWORD,
};
use super::support::slapd::SlapdOptions;
use super::{openldap, openldap_with};

const CALLING_STATION_ID: u8 = 31;

fn with_code(user: &Person, code: &str) -> Request {
    Request::pap(&user.listed.name, &user.with(code))
}

#[tokio::test]
async fn a_password_and_a_code_are_accepted_together_and_each_alone_is_not() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    for (request, code) in [
        (with_code(user, &user.hotp()), ACCESS_ACCEPT),
        (with_code(user, &user.wrong_code()), ACCESS_REJECT),
        (Request::pap("user0001", &format!("wrong,{}", user.hotp())), ACCESS_REJECT),
        (Request::pap("user0001", &user.password), ACCESS_REJECT),
        (with_code(user, &user.hotp()), ACCESS_ACCEPT),
    ] {
        assert_eq!(nas.ask(&request).await.code, code);
    }
    assert_eq!(appliance.recorded().await, ["hotp", "wrong-code", "wrong-password", "missing-code", "hotp"]);
    let events = appliance.events("sign-in").await;
    assert!(events.iter().all(|event| event["door"] == "radius" && event["client_name"] == "vpn"), "{events:?}");
}

#[tokio::test]
async fn radclient_signs_in_as_a_gateway_would() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    for (field, said) in [(user.with(&user.hotp()), "Access-Accept"), (user.with("000"), "Access-Reject")] {
        let mut radclient = Command::new("radclient")
            .args(["-x", "-r", "1", "-t", "10", &appliance.radius_addr.to_string(), "auth", RADIUS_SECRET])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("radclient runs; its package is freeradius-utils");
        let request = format!("User-Name=user0001,User-Password=\"{field}\",Message-Authenticator=0x00\n");
        std::io::Write::write_all(&mut radclient.stdin.take().unwrap(), request.as_bytes()).unwrap();
        let output = radclient.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("Received {said}")), "{text}");
    }
}

#[tokio::test]
async fn a_phone_lets_in_and_keeps_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(app()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let request = || Request::pap("user0001", &user.password);
    let sent = nas.send(&request()).await;
    appliance.approve(&appliance.prompt().await).await;
    assert_eq!(nas.answer(&sent).await.code, ACCESS_ACCEPT);
    let sent = nas.send(&request()).await;
    appliance.refuse(&appliance.prompt().await).await;
    assert_eq!(nas.answer(&sent).await.code, ACCESS_REJECT);
    assert_eq!(appliance.recorded().await, ["app", "prompt-refused"]);
}

#[tokio::test]
async fn r54_a_reject_leaves_before_the_gateway_gives_up_and_a_late_approval_grants_nothing() {
    let slapd = openldap();
    let client = Client { answer_by: Duration::from_secs(3), ..vpn() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let begin = Instant::now();
    let sent = nas.send(&Request::pap("user0001", &user.password)).await;
    let prompt = appliance.prompt().await;
    assert_eq!(nas.answer(&sent).await.code, ACCESS_REJECT);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    appliance.approve(&prompt).await;
    assert_eq!(appliance.recorded().await, ["prompt-expired"]);
    nas.resend(&sent).await;
    assert_eq!(nas.answer(&sent).await.code, ACCESS_REJECT, "r38: the answer stays what it was");
}

#[tokio::test]
async fn r07_an_empty_password_is_rejected_and_never_reaches_the_directory() {
    let slapd = openldap_with(SlapdOptions { global: "allow bind_anon_cred".into(), ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    for field in [String::new(), format!(",{}", user.hotp()), "\0\0".to_owned()] {
        assert_eq!(nas.ask(&Request::pap("user0001", &field)).await.code, ACCESS_REJECT, "{field:?}");
    }
    assert_eq!(nas.ask(&with_code(user, &user.hotp())).await.code, ACCESS_ACCEPT);
    assert_eq!(appliance.recorded().await, ["hotp"]);
}

#[tokio::test]
async fn r18_a_password_is_taken_whole_up_to_128_bytes_and_refused_beyond() {
    let password = "p".repeat(121);
    let ldif = format!(
        "dn: uid=long,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: long\ncn: Long\nsn: L\nuserPassword: {password}\n\n"
    );
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).client(vpn()).user_with_password("long", &password).with(hotp()).await;
    let (user, nas) = (appliance.person("long"), appliance.nas().await);
    let code = user.hotp();
    let other = format!("{}q,{code}", "p".repeat(120));
    assert_eq!(nas.ask(&Request::pap("long", &other)).await.code, ACCESS_REJECT, "the last byte makes the difference");
    assert_eq!(nas.ask(&Request::pap("long", &format!("{password}p,{code}"))).await.code, ACCESS_REJECT, "129 bytes");
    let field = user.with(&code);
    assert_eq!(field.len(), 128);
    assert_eq!(nas.ask(&Request::pap("long", &field)).await.code, ACCESS_ACCEPT);
    // Cut, empty, not whole blocks, or twice.
    for values in [vec![15], vec![0], vec![17], vec![144], vec![16, 16]] {
        let request = Request::new(ACCESS_REQUEST).with(USER_NAME, b"long");
        let request = values.iter().fold(request, |request, length| request.with(USER_PASSWORD, &vec![7; *length]));
        assert_eq!(nas.ask(&request).await.code, ACCESS_REJECT, "{values:?}");
    }
    assert_eq!(appliance.recorded().await, ["wrong-password", "hotp"]);
}

#[tokio::test]
async fn a_name_that_is_missing_empty_or_not_text_is_rejected() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let nas = appliance.nas().await;
    let password = || Request { password: Some(b"pw-user0001,123456".to_vec()), ..Request::new(ACCESS_REQUEST) };
    for request in [password(), password().with(USER_NAME, b""), password().with(USER_NAME, b"user\xff")] {
        assert_eq!(nas.ask(&request).await.code, ACCESS_REJECT);
    }
    assert_eq!(nas.ask(&Request::new(ACCESS_REQUEST).with(USER_NAME, b"user0001")).await.code, ACCESS_REJECT);
    assert!(appliance.count("vestibule_radius_refused_total{reason=\"name\"}").await >= 3);
    assert!(appliance.count("vestibule_radius_refused_total{reason=\"method\"}").await >= 1);
}

/// What can be told of an answer besides what is computed from its request.
fn looks(answer: &Answer) -> (u8, usize, Vec<u8>) {
    (answer.code, answer.bytes.len(), answer.attributes.iter().map(|(kind, _)| *kind).collect())
}

#[tokio::test]
async fn r19_every_denial_looks_the_same() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .client(vpn())
        .user("user0001")
        .with(hotp())
        .user("user0002")
        .user("user0003")
        .with(hotp())
        .await;
    let nas = appliance.nas().await;
    let [user, bare, locked] = ["user0001", "user0002", "user0003"].map(|name| appliance.person(name));
    for _ in 0..10 {
        nas.ask(&with_code(locked, &locked.wrong_code())).await;
    }
    let requests = [
        with_code(user, &user.wrong_code()),
        Request::pap("user0001", "wrong"),
        Request::pap("nobody at all", "wrong"),
        Request::pap("user0002", &bare.password),
        Request::pap("user0004", "pw-user0004"),
        with_code(locked, &locked.hotp()),
    ];
    for request in requests {
        let answer = nas.ask(&request).await;
        assert_eq!(looks(&answer), (ACCESS_REJECT, 38, vec![80]));
    }
    let reasons = appliance.recorded().await;
    let seen: std::collections::BTreeSet<&str> = reasons.iter().map(String::as_str).collect();
    assert!(seen.len() >= 4, "they were different denials: {seen:?}");
}

#[tokio::test]
async fn r05_what_one_door_grants_or_denies_the_other_does_too() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .client(vpn())
        .user("user0001")
        .with(hotp())
        .user("user0002")
        .user("user0003")
        .with(hotp())
        .await;
    let [user, bare, disabled] = ["user0001", "user0002", "user0003"].map(|name| appliance.person(name));
    appliance.store().set_enabled(&disabled.listed, false, &tester()).await.unwrap();
    let nas = appliance.nas().await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let fields: [(&Person, &dyn Fn() -> String, bool); 6] = [
        (user, &|| user.with(&user.hotp()), true),
        (user, &|| user.with(&user.wrong_code()), false),
        (user, &|| user.password.clone(), false),
        (user, &|| format!("wrong,{}", user.hotp()), false),
        (bare, &|| bare.password.clone(), false),
        (disabled, &|| disabled.with(&disabled.hotp()), false),
    ];
    for (at, (user, field, is_granted)) in fields.into_iter().enumerate() {
        let over_radius = nas.ask(&Request::pap(&user.listed.name, &field())).await.code;
        assert_eq!(over_radius, if is_granted { ACCESS_ACCEPT } else { ACCESS_REJECT }, "{at}");
        let over_ldap = gateway.bind(&user.dn, &field()).await.0;
        assert_eq!(over_ldap, if is_granted { 0 } else { 49 }, "{at}");
    }
    let reasons = appliance.recorded().await;
    assert!(reasons.chunks(2).all(|pair| pair[0] == pair[1]), "for the same reasons: {reasons:?}");
}

#[tokio::test]
async fn r14_wrong_codes_count_together_whichever_door_they_come_by() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for _ in 0..5 {
        assert_eq!(nas.ask(&with_code(user, &user.wrong_code())).await.code, ACCESS_REJECT);
        assert_eq!(gateway.bind(&user.dn, &user.with(&user.wrong_code())).await.0, 49);
    }
    assert_eq!(nas.ask(&with_code(user, &user.hotp())).await.code, ACCESS_REJECT);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await.0, 49);
    assert_eq!(appliance.recorded().await[10..], ["locked-out", "locked-out"]);
}

#[tokio::test]
async fn r10_what_means_something_in_a_filter_is_a_plain_character_in_a_user_name() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    for name in ["*", "user*", "user0001)(uid=*", "user0001)(|(uid=user0001", "user0001\\2a", "user0001\0", "a\\"] {
        assert_eq!(nas.ask(&Request::pap(name, &user.with(&user.hotp()))).await.code, ACCESS_REJECT, "{name:?}");
    }
    assert!(appliance.recorded().await.iter().all(|reason| reason == "not-one-entry" || reason == "wrong-password"));
    assert_eq!(nas.ask(&with_code(user, &user.hotp())).await.code, ACCESS_ACCEPT);
}

#[tokio::test]
async fn r15_nothing_that_a_gateway_writes_escapes_a_lockout() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let from = |request: Request, last: u8| {
        request
            .with(CALLING_STATION_ID, format!("198.51.100.{last}").as_bytes())
            .with(NAS_IDENTIFIER, format!("vpn{last}").as_bytes())
    };
    for last in 1..=10 {
        assert_eq!(nas.ask(&from(with_code(user, &user.wrong_code()), last)).await.code, ACCESS_REJECT);
    }
    assert_eq!(nas.ask(&from(with_code(user, &user.hotp()), 99)).await.code, ACCESS_REJECT);
    assert_eq!(appliance.recorded().await.last().unwrap(), "locked-out");
}

#[tokio::test]
async fn where_the_person_is_counts_for_trusted_networks_if_nobody_can_have_changed_it_and_stands_in_the_record() {
    let slapd = openldap();
    let client = Client { trusted_networks: vec!["198.51.100.0/24".parse().unwrap()], ..vpn() };
    let mut legacy = vpn_with(|radius| radius.require_message_authenticator = false);
    (legacy.name, legacy.group) = ("legacy".into(), "legacy".into());
    legacy.trusted_networks.clone_from(&client.trusted_networks);
    legacy.addresses = vec!["127.0.12.9/32".parse().unwrap()];
    let appliance = Appliance::before(&slapd).client(client).client(legacy).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let old = Nas::at(IpAddr::from([127, 0, 12, 9]), appliance.radius_addr, RADIUS_SECRET).await;
    let from = |address: &[u8]| Request::pap("user0001", &user.password).with(CALLING_STATION_ID, address);
    assert_eq!(nas.ask(&from(b"198.51.100.7")).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&from(b"203.0.113.7")).await.code, ACCESS_REJECT);
    assert_eq!(old.ask(&from(b"198.51.100.7").signed(Signed::No)).await.code, ACCESS_REJECT);
    assert_eq!(appliance.recorded().await, ["trusted-network", "missing-code", "missing-code"]);
    let events = appliance.events("sign-in").await;
    assert_eq!(
        (events[0]["source"].as_str(), events[0]["whereabouts"].as_str()),
        (Some("127.0.0.1"), Some("198.51.100.7"))
    );
}

#[tokio::test]
async fn a_probe_is_rejected_at_once_and_a_service_account_accepted_on_its_password_and_nobody_is_asked() {
    let slapd = openldap();
    let client = vpn_with(|radius| radius.monitors = vec!["probe".into()]);
    let service = ServiceAccounts::Exact(Dn::parse(&slapd.dn_of("user0002")).unwrap());
    let client = Client { service_accounts: vec![ServiceAccount { who: service, from: vec![] }], ..client };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).await;
    let nas = appliance.nas().await;
    for _ in 0..3 {
        assert_eq!(nas.ask(&Request::pap("probe", "whatever")).await.code, ACCESS_REJECT);
        assert_eq!(nas.ask(&Request::pap("user0002", "pw-user0002")).await.code, ACCESS_ACCEPT);
    }
    assert!(appliance.recorded().await.is_empty(), "neither is a sign-in of a person");
    assert_eq!(nas.ask(&Request::pap("Probe", "whatever")).await.code, ACCESS_REJECT, "that is another name");
    assert_eq!(appliance.recorded().await.len(), 1);
}

#[tokio::test]
async fn where_the_gateway_has_checked_the_password_the_field_is_the_second_factor() {
    let slapd = openldap();
    let client = vpn_with(|radius| radius.first_factor = FirstFactor::None);
    let appliance =
        Appliance::before(&slapd).client(client).user("user0001").with(hotp()).user("user0002").with(app()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    assert_eq!(nas.ask(&Request::pap("user0001", &user.hotp())).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&Request::pap("user0001", &user.wrong_code())).await.code, ACCESS_REJECT);
    assert_eq!(nas.ask(&Request::pap("user0001", &user.password)).await.code, ACCESS_REJECT);
    for request in [Request::pap("user0002", ""), Request::new(ACCESS_REQUEST).with(USER_NAME, b"user0002")] {
        let sent = nas.send(&request).await;
        appliance.approve(&appliance.prompt().await).await;
        assert_eq!(nas.answer(&sent).await.code, ACCESS_ACCEPT, "an empty field asks the phone");
    }
}

#[tokio::test]
async fn r38_a_state_is_used_once_and_by_the_client_and_user_it_was_given_to() {
    let slapd = openldap();
    let mut other = vpn_with(|radius| radius.dialogs = true);
    (other.name, other.group, other.addresses) =
        ("other".into(), "other".into(), vec!["127.0.12.8/32".parse().unwrap()]);
    let appliance = Appliance::before(&slapd)
        .client(vpn_with(|radius| radius.dialogs = true))
        .client(other)
        .user("user0001")
        .with(hotp())
        .user("user0002")
        .with(hotp())
        .await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let stranger = Nas::at(IpAddr::from([127, 0, 12, 8]), appliance.radius_addr, RADIUS_SECRET).await;
    let asked = async || {
        let answer = nas.ask(&Request::pap("user0001", &user.password)).await;
        assert_eq!(answer.code, ACCESS_CHALLENGE);
        assert!(!answer.text(REPLY_MESSAGE).is_empty());
        answer.first(STATE).unwrap()
    };
    let answer = |name: &str, state: &[u8], code: &str| Request::pap(name, code).with(STATE, state);

    let state = asked().await;
    assert_eq!(state.len(), 16);
    assert_eq!(stranger.ask(&answer("user0001", &state, &user.hotp())).await.code, ACCESS_REJECT, "another client");
    let state = asked().await;
    assert_eq!(nas.ask(&answer("user0002", &state, &user.hotp())).await.code, ACCESS_REJECT, "another user");
    let state = asked().await;
    assert_eq!(nas.ask(&answer("user0001", &state, &user.hotp())).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&answer("user0001", &state, &user.hotp())).await.code, ACCESS_REJECT, "used");
    let mut guessed = asked().await;
    guessed[15] ^= 1;
    assert_eq!(nas.ask(&answer("user0001", &guessed, &user.hotp())).await.code, ACCESS_REJECT, "guessed");
}

#[tokio::test]
async fn a_client_that_lets_people_in_who_have_not_enrolled_accepts_their_password() {
    let slapd = openldap();
    let client = Client { user_match: UserMatch::PasswordOnly, ..vpn() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(totp()).await;
    let nas = appliance.nas().await;
    assert_eq!(nas.ask(&Request::pap("user0003", "pw-user0003")).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&Request::pap("user0001", "pw-user0001")).await.code, ACCESS_REJECT);
}
