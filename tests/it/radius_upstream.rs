//! First factors that an upstream RADIUS server checks, a real one, with the second factor ours.

use std::net::IpAddr;
use std::time::Duration;

use vestibule::domain::client::radius::{FirstFactor, RadiusPolicy};
use vestibule::domain::client::{Client, UserMatch};
use vestibule::domain::radius::template::Rule;
use vestibule::domain::radius::upstream::UpstreamServer;
use vestibule::domain::secret::SharedSecret;

use super::openldap;
use super::support::appliance::{Appliance, RADIUS_SECRET, vpn_with};
use super::support::eapol::{Inner, signs_in};
use super::support::eventually;
use super::support::freeradius::{FreeRadius, FreeRadiusOptions};
use super::support::people::{app, hotp, tester};
use super::support::radius::{
    ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, Answer, CLASS, Exchange, FILTER_ID, MICROSOFT, MS_CHAP_ERROR, Nas,
    Request, STATE, STATUS_SERVER,
};

fn upstream() -> FreeRadius {
    let person = |name: &str| {
        format!("{name} Cleartext-Password := \"hello\"\n    Class := 0x0102,\n    Filter-Id := \"staff\"\n\n")
    };
    FreeRadius::start(&FreeRadiusOptions {
        address: IpAddr::from([127, 0, 12, 20]),
        people: ["user0001", "user0002"].map(person).concat(),
        ..FreeRadiusOptions::default()
    })
}

fn client(change: impl FnOnce(&mut RadiusPolicy)) -> Client {
    let client = vpn_with(|radius| {
        radius.first_factor = FirstFactor::Upstream;
        radius.upstreams = vec!["nps".into()];
        change(radius);
    });
    Client { answer_by: Duration::from_secs(6), ..client }
}

/// Names the server to the appliance, and waits until it is known there.
async fn introduce(appliance: &Appliance, server: &FreeRadius) {
    let server = UpstreamServer {
        name: "nps".into(),
        host: server.addr.ip().to_string(),
        port: server.addr.port(),
        secret: SharedSecret::new(server.secret.as_bytes()),
        timeout: Duration::from_secs(1),
        tries: 2,
        require_message_authenticator: true,
    };
    appliance.store().add_upstream_server(&server, &tester()).await.unwrap();
    let nas = appliance.nas().await;
    eventually("the server is asked", async || {
        nas.send(&Request::pap("nobody", "nothing")).await;
        nas.send(&Request::new(STATUS_SERVER)).await;
        // The status comes at once; a reject comes when there is somebody to say no.
        let codes = [
            nas.datagram().await[0],
            tokio::time::timeout(Duration::from_millis(300), nas.datagram()).await.map_or(0, |bytes| bytes[0]),
        ];
        codes.contains(&ACCESS_REJECT)
    })
    .await;
}

async fn approved(appliance: &Appliance, nas: &Nas, request: &Request) -> Answer {
    let sent = nas.send(request).await;
    appliance.approve(&appliance.prompt().await).await;
    nas.answer(&sent).await
}

#[tokio::test]
async fn a_password_by_pap_chap_or_mschapv2_is_checked_by_the_upstream_and_the_second_factor_by_us() {
    let (slapd, server) = (openldap(), upstream());
    let appliance = Appliance::before(&slapd)
        .client(client(|_| {}))
        .user("user0001")
        .with(app())
        .user("user0002")
        .with(hotp())
        .await;
    introduce(&appliance, &server).await;
    let (nas, coded) = (appliance.nas().await, appliance.person("user0002"));
    let pap = Request::pap("user0002", &format!("hello,{}", coded.hotp()));
    assert_eq!(nas.ask(&pap).await.code, ACCESS_ACCEPT);
    let pap = Request::pap("user0002", &format!("wrong,{}", coded.hotp()));
    assert_eq!(nas.ask(&pap).await.code, ACCESS_REJECT);
    assert_eq!(
        nas.ask(&Request::pap("user0002", &coded.with(&coded.hotp()))).await.code,
        ACCESS_REJECT,
        "the directory's"
    );

    assert_eq!(approved(&appliance, &nas, &Request::chap("user0001", "hello")).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&Request::chap("user0001", "wrong")).await.code, ACCESS_REJECT);

    let exchange = Exchange::new("user0001", "hello");
    let answer = approved(&appliance, &nas, &Request::mschap2("user0001", &exchange)).await;
    assert_eq!(answer.code, ACCESS_ACCEPT);
    assert!(exchange.is_proved_by(&answer));
    assert_eq!(answer.keys(), Some(exchange.keys()), "hidden anew, with the secret of this gateway");
    assert_eq!((answer.first(CLASS), answer.first(FILTER_ID)), (None, None), "nobody said that these go on");
}

#[tokio::test]
async fn every_refusal_of_mschapv2_says_the_same() {
    let (slapd, server) = (openldap(), upstream());
    let appliance = Appliance::before(&slapd).client(client(|_| {})).user("user0001").with(app()).await;
    introduce(&appliance, &server).await;
    let nas = appliance.nas().await;
    let wrong = nas.ask(&Request::mschap2("user0001", &Exchange::new("user0001", "wrong"))).await;
    let sent = nas.send(&Request::mschap2("user0001", &Exchange::new("user0001", "hello"))).await;
    appliance.refuse(&appliance.prompt().await).await;
    let refused = nas.answer(&sent).await;
    for answer in [wrong, refused] {
        assert_eq!(answer.code, ACCESS_REJECT);
        assert_eq!(answer.vendor(MICROSOFT, MS_CHAP_ERROR), [b"\x09E=691 R=0 V=3"]);
    }
}

#[tokio::test]
async fn what_the_policy_names_goes_on_and_a_rule_may_take_its_place() {
    let (slapd, server) = (openldap(), upstream());
    let client = client(|radius| radius.pass_through = vec!["Class".into(), "Filter-Id".into()]);
    let client = Client { user_match: UserMatch::PasswordOnly, ..client };
    let appliance = Appliance::before(&slapd).client(client.clone()).user("user0001").await;
    introduce(&appliance, &server).await;
    let nas = appliance.nas().await;
    let answer = nas.ask(&Request::pap("user0001", "hello")).await;
    assert_eq!(answer.code, ACCESS_ACCEPT);
    assert_eq!((answer.all(CLASS), answer.text(FILTER_ID).as_str()), (vec![vec![1, 2]], "staff"));

    let rule = Rule { replace: true, ..Rule::parse("Filter-Id=vpn users").unwrap() };
    appliance.store().add_reply_rules(&client, &[rule], &tester()).await.unwrap();
    eventually("the rule is in force", async || {
        let answer = nas.ask(&Request::pap("user0001", "hello")).await;
        answer.all(CLASS) == [[1, 2]] && answer.all(FILTER_ID) == [b"vpn users"]
    })
    .await;
}

#[tokio::test]
async fn an_upstream_that_is_down_is_silence_and_counts_against_nobody() {
    let (slapd, mut server) = (openldap(), upstream());
    let appliance = Appliance::before(&slapd).client(client(|_| {})).user("user0002").with(hotp()).await;
    introduce(&appliance, &server).await;
    let (nas, user) = (appliance.nas().await, appliance.person("user0002"));
    server.kill();
    let sent = nas.send(&Request::pap("user0002", &format!("hello,{}", user.hotp()))).await;
    let silence = "vestibule_radius_answers_total{kind=\"silence\"}";
    let before = appliance.count(silence).await;
    eventually("it is given up", async || appliance.count(silence).await > before).await;
    assert_eq!(appliance.failures("user0002").await, 0);
    server.revive();
    eventually("a resend is decided", async || {
        nas.resend(&sent).await;
        tokio::time::timeout(Duration::from_millis(500), nas.answer(&sent))
            .await
            .is_ok_and(|answer| answer.code == ACCESS_ACCEPT)
    })
    .await;
}

#[tokio::test]
async fn a_code_is_asked_for_after_mschapv2_and_the_keys_come_with_the_end() {
    let (slapd, server) = (openldap(), upstream());
    let appliance =
        Appliance::before(&slapd).client(client(|radius| radius.dialogs = true)).user("user0002").with(hotp()).await;
    introduce(&appliance, &server).await;
    let (nas, user) = (appliance.nas().await, appliance.person("user0002"));
    let exchange = Exchange::new("user0002", "hello");
    let asked = nas.ask(&Request::mschap2("user0002", &exchange)).await;
    assert_eq!(asked.code, ACCESS_CHALLENGE);
    let code = Request::pap("user0002", &user.hotp()).with(STATE, &asked.first(STATE).unwrap());
    let answer = nas.ask(&code).await;
    assert_eq!(answer.code, ACCESS_ACCEPT);
    assert!(exchange.is_proved_by(&answer));
    assert_eq!(answer.keys(), Some(exchange.keys()));
}

#[tokio::test]
async fn eap_goes_through_and_the_phone_is_asked_before_the_last_answer() {
    let (slapd, server) = (openldap(), upstream());
    let client = client(|radius| radius.eap = true);
    let client = Client { answer_by: Duration::from_secs(15), ..client };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).await;
    introduce(&appliance, &server).await;
    let here = IpAddr::from([127, 0, 12, 21]);
    for (inner, password, is_in) in
        [(Inner::PeapMschap2, "hello", true), (Inner::TtlsPap, "hello", true), (Inner::TtlsPap, "wrong", false)]
    {
        let how = (inner, "user0001", password);
        let supplicant = signs_in(appliance.radius_addr, RADIUS_SECRET, here, &server.ca_path, how);
        let phone = async {
            if is_in {
                appliance.approve(&appliance.prompt().await).await;
            }
        };
        assert_eq!(tokio::join!(supplicant, phone).0, is_in, "{inner:?} {password}");
    }
    let how = (Inner::TtlsPap, "user0001", "hello");
    let supplicant = signs_in(appliance.radius_addr, RADIUS_SECRET, here, &server.ca_path, how);
    let phone = async { appliance.refuse(&appliance.prompt().await).await };
    assert!(!tokio::join!(supplicant, phone).0);
    let reasons = appliance.recorded().await;
    assert_eq!(reasons[reasons.len() - 4..], ["app", "app", "wrong-password", "prompt-refused"]);
}

#[tokio::test]
async fn a_cisco_gateway_fetches_its_access_lists_from_the_upstream_and_nobody_signs_in_by_their_name() {
    const CISCO: u32 = 9;
    let list = "#ACSACL#-IP-staff-5f1";
    let slapd = openldap();
    let server = FreeRadius::start(&FreeRadiusOptions {
        address: IpAddr::from([127, 0, 12, 22]),
        people: format!(
            "\"{list}\" Cleartext-Password := \"cisco\"\n    Cisco-AVPair := \"ip:inacl#1=permit ip any any\"\n\n"
        ),
        ..FreeRadiusOptions::default()
    });
    let appliance = Appliance::before(&slapd).client(client(|_| {})).await;
    introduce(&appliance, &server).await;
    let nas = appliance.nas().await;
    let before = appliance.recorded().await.len();
    let fetch = Request::pap(list, "cisco").vendor(CISCO, 1, b"aaa:service=ip_admission").vendor(
        CISCO,
        1,
        b"aaa:event=acl-download",
    );
    let answer = nas.ask(&fetch).await;
    assert_eq!((answer.code, answer.vendor(CISCO, 1)), (ACCESS_ACCEPT, vec![b"ip:inacl#1=permit ip any any".to_vec()]));
    assert_eq!(appliance.recorded().await.len(), before);
    assert_eq!(nas.ask(&Request::pap(list, "cisco")).await.code, ACCESS_REJECT, "as somebody typed it");
}
