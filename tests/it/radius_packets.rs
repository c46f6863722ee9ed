//! What is answered at all: whose packets are believed, what is malformed, and what an administrator hears of it.

use std::net::IpAddr;

use vestibule::domain::client::Client;
use vestibule::domain::client::radius::RadiusPolicy;
use vestibule::domain::secret::SharedSecret;

use super::openldap;
use super::support::appliance::{Appliance, RADIUS_SECRET, vpn, vpn_with};
use super::support::eventually;
use super::support::people::{Person, hotp};
use super::support::radius::{
    ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_REQUEST, ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE, EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR, NAS_IDENTIFIER, Nas, PROXY_STATE, Request, STATUS_SERVER, Signed, USER_NAME,
    VENDOR_SPECIFIC,
};

fn sign_in(user: &Person) -> Request {
    Request::pap(&user.listed.name, &user.with(&user.hotp()))
}

/// The next answer of the server is this request's, so whatever was sent before it has got none.
async fn is_next_answered(nas: &Nas) {
    assert_eq!(nas.ask(&Request::new(STATUS_SERVER)).await.code, ACCESS_ACCEPT);
}

async fn dropped(appliance: &Appliance, reason: &str) -> u64 {
    appliance.count(&format!("vestibule_radius_dropped_total{{reason=\"{reason}\"}}")).await
}

#[tokio::test]
async fn r33_without_a_right_message_authenticator_there_is_no_answer_and_the_log_says_what_to_do() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    nas.send(&sign_in(user).signed(Signed::No)).await;
    nas.send(&sign_in(user).signed(Signed::Wrong)).await;
    is_next_answered(&nas).await;
    assert_eq!((dropped(&appliance, "unsigned").await, dropped(&appliance, "wrong_secret").await), (1, 1));
    appliance.log().await_line(&["not answered", "messageAuthenticator", "127.0.0.1"]).await;
    appliance.log().await_line(&["not answered", "wrong shared secret?", "127.0.0.1"]).await;
    assert_eq!(appliance.recorded().await, [""; 0]);
    assert_eq!(nas.ask(&sign_in(user).signed(Signed::Last)).await.code, ACCESS_ACCEPT, "wherever it stands");
}

#[tokio::test]
async fn r33_a_legacy_client_is_taken_without_one_and_the_log_names_it() {
    let slapd = openldap();
    let client = vpn_with(|radius| radius.require_message_authenticator = false);
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    assert_eq!(nas.ask(&sign_in(user).signed(Signed::No)).await.code, ACCESS_ACCEPT);
    appliance
        .log()
        .await_line(&["without Message-Authenticator", "\"vpn\"", "--legacy-no-message-authenticator"])
        .await;
    nas.send(&sign_in(user).signed(Signed::Wrong)).await;
    let eap = Request::new(ACCESS_REQUEST).with(USER_NAME, b"user0001").with(EAP_MESSAGE, &[2, 0, 0, 4]);
    nas.send(&eap.signed(Signed::No)).await;
    nas.send(&Request::new(STATUS_SERVER).signed(Signed::No)).await;
    is_next_answered(&nas).await;
    assert_eq!((dropped(&appliance, "wrong_secret").await, dropped(&appliance, "unsigned_eap").await), (1, 1));
}

#[tokio::test]
async fn r35_a_proxy_state_in_an_unsigned_request_is_no_ones_to_echo() {
    let slapd = openldap();
    let client = vpn_with(|radius| radius.require_message_authenticator = false);
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    nas.send(&sign_in(user).with(PROXY_STATE, b"a collision's other half").signed(Signed::No)).await;
    is_next_answered(&nas).await;
    assert_eq!(dropped(&appliance, "unsigned_proxy_state").await, 1);
    assert_eq!(appliance.recorded().await, [""; 0]);
}

#[tokio::test]
async fn r34_answers_are_signed_first_and_bring_every_proxy_state_back_in_order() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let states: Vec<Vec<u8>> = [&b"one"[..], b"", b"two", b"one", &[0xff; 253]].map(<[u8]>::to_vec).to_vec();
    for (request, code) in [(sign_in(user), ACCESS_ACCEPT), (Request::pap("user0001", "wrong"), ACCESS_REJECT)] {
        let request = states.iter().fold(request, |request, state| request.with(PROXY_STATE, state));
        let answer = nas.ask(&request).await;
        assert_eq!((answer.code, answer.all(PROXY_STATE)), (code, states.clone()));
    }
}

#[tokio::test]
async fn r36_malformed_packets_get_no_answer_and_disturb_nobody() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let right = Request::pap("user0001", "wrong").identified(9).encode(RADIUS_SECRET.as_bytes());
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = right.clone();
        change(&mut bytes);
        bytes
    };
    // Behind the Message-Authenticator stands the User-Name.
    let at = 20 + 18 + 1;
    let mut long = right.clone();
    long.resize(4_097, 0);
    let malformed = [
        ("empty", vec![], "too_short"),
        ("nineteen bytes", right[..19].to_vec(), "too_short"),
        (
            "a length beyond its end",
            changed(&|bytes| bytes[2..4].copy_from_slice(&2_000_u16.to_be_bytes())),
            "truncated",
        ),
        ("a length of 19", changed(&|bytes| bytes[2..4].copy_from_slice(&19_u16.to_be_bytes())), "length"),
        ("a length of 4097", changed(&|bytes| bytes[2..4].copy_from_slice(&4_097_u16.to_be_bytes())), "length"),
        ("4097 bytes", long, "too_long"),
        ("an attribute of length 0", changed(&|bytes| bytes[at] = 0), "attribute_length"),
        ("an attribute of length 1", changed(&|bytes| bytes[at] = 1), "attribute_length"),
        ("an attribute beyond the end", changed(&|bytes| bytes[at] = 255), "attribute_length"),
        ("an Access-Accept", changed(&|bytes| bytes[0] = ACCESS_ACCEPT), "code"),
        ("an Accounting-Request", Request::new(ACCOUNTING_REQUEST).encode(RADIUS_SECRET.as_bytes()), "code"),
        ("code 0", changed(&|bytes| bytes[0] = 0), "code"),
        ("code 255", changed(&|bytes| bytes[0] = 255), "code"),
    ];
    for (what, bytes, reason) in malformed {
        let before = dropped(&appliance, reason).await;
        nas.send_bytes(&bytes).await;
        is_next_answered(&nas).await;
        assert_eq!(dropped(&appliance, reason).await - before, 1, "{what}");
    }
    // A Vendor-Specific attribute is its vendor's to read: cut, it hides nothing else.
    let cut = sign_in(user).with(VENDOR_SPECIFIC, &[0, 0, 0, 9, 1, 200, b'x']).with(VENDOR_SPECIFIC, &[0, 0]);
    assert_eq!(nas.ask(&cut).await.code, ACCESS_ACCEPT);
    // RFC 2865 section 3: what comes behind the length is padding.
    let sent = sign_in(user).identified(77).encode(RADIUS_SECRET.as_bytes());
    nas.send_bytes(&[&sent[..], &[0; 100]].concat()).await;
    assert_eq!(nas.datagram().await[..2], [ACCESS_ACCEPT, 77]);
}

#[tokio::test]
async fn r36_an_unknown_source_is_told_nothing_and_counted() {
    let slapd = openldap();
    let client = Client { addresses: vec!["127.0.0.1/32".parse().unwrap()], ..vpn() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let stranger = Nas::at(IpAddr::from([127, 0, 12, 7]), appliance.radius_addr, RADIUS_SECRET).await;
    for _ in 0..20 {
        stranger.send(&sign_in(user)).await;
    }
    eventually("all are counted", async || dropped(&appliance, "unknown_source").await == 20).await;
    is_next_answered(&appliance.nas().await).await;
    let mut buffer = [0; 64];
    let nothing = stranger.socket.try_recv(&mut buffer);
    assert_eq!(nothing.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let said = || appliance.log().with(&["not answered", "127.0.12.7", "client add"]).len();
    eventually("it is said", async || said() > 0).await;
    assert_eq!(said(), 1, "said once, not twenty times");
}

#[tokio::test]
async fn two_clients_behind_one_address_are_told_apart_by_secret_and_then_by_nas_identifier() {
    let slapd = openldap();
    let at_one_address = |name: &str, secret: &str| {
        let nas_identifier = Some(name.to_owned());
        let radius = RadiusPolicy { nas_identifier, ..RadiusPolicy::new(SharedSecret::new(secret.as_bytes())) };
        Client { name: name.into(), group: name.into(), radius: Some(radius), ..vpn() }
    };
    let shared = "a secret of two gateways";
    let appliance = Appliance::before(&slapd)
        .client(at_one_address("front", shared))
        .client(at_one_address("back", shared))
        .client(at_one_address("other", RADIUS_SECRET))
        .user("user0001")
        .with(hotp())
        .await;
    let user = appliance.person("user0001");
    let here = IpAddr::from([127, 0, 0, 1]);
    let two = Nas::at(here, appliance.radius_addr, shared).await;
    let one = appliance.nas().await;
    for (nas, identifier) in [(&two, "back"), (&two, "front"), (&one, "front")] {
        let request = sign_in(user).with(NAS_IDENTIFIER, identifier.as_bytes());
        assert_eq!(nas.ask(&request).await.code, ACCESS_ACCEPT, "{identifier}");
    }
    let events = appliance.events("sign-in").await;
    let clients: Vec<&str> = events.iter().map(|event| event["client_name"].as_str().unwrap()).collect();
    assert_eq!(clients, ["back", "front", "other"], "the secret decides, and a name of another's does not help");
    two.send(&sign_in(user).with(NAS_IDENTIFIER, b"other")).await;
    two.send(&sign_in(user)).await;
    is_next_answered(&one).await;
    eventually("both are counted", async || dropped(&appliance, "unknown_nas").await == 2).await;
}

#[tokio::test]
async fn a_status_server_is_answered_on_both_ports_and_kept_apart_from_sign_ins() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").await;
    let status = Request::new(STATUS_SERVER);
    assert_eq!(appliance.nas().await.ask(&status).await.code, ACCESS_ACCEPT);
    let answer = appliance.accounting().await.ask(&status).await;
    assert_eq!((answer.code, answer.attributes[0].0), (ACCOUNTING_RESPONSE, MESSAGE_AUTHENTICATOR));
    assert_eq!(appliance.recorded().await, [""; 0]);
}

#[tokio::test]
async fn r60_requests_past_the_places_of_the_door_are_rejected_and_said_once() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .client(vpn())
        .user("user0001")
        .with(super::support::people::app())
        .user("user0002")
        .with(hotp())
        .set("radius.max_waiting", "1")
        .await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let waiting = nas.send(&Request::pap("user0001", &user.password)).await;
    let prompt = appliance.prompt().await;
    for _ in 0..3 {
        assert_eq!(nas.ask(&sign_in(appliance.person("user0002"))).await.code, ACCESS_REJECT);
    }
    assert_eq!(appliance.log().with(&["radius.max_waiting"]).len(), 1);
    appliance.approve(&prompt).await;
    assert_eq!(nas.answer(&waiting).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask(&sign_in(appliance.person("user0002"))).await.code, ACCESS_ACCEPT, "there is room again");
}
