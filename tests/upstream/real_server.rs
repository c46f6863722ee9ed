//! What tests stand on: our own client and a real server agree.

use std::net::IpAddr;

use crate::support::eapol::{Inner, signs_in};
use crate::support::freeradius::{FreeRadius, FreeRadiusOptions};
use crate::support::radius::{
    ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, CLASS, Exchange, FILTER_ID, Nas, REPLY_MESSAGE, Request, STATE,
    STATUS_SERVER, Signature, Signed,
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 9, 2));

#[tokio::test]
async fn a_real_server_and_the_client_of_the_tests_agree() {
    let server = FreeRadius::start(&FreeRadiusOptions::default());
    let nas = Nas::at(HERE, server.addr, &server.secret).await;
    let pap = nas.ask_unsigned(&Request::pap("bob", "hello")).await;
    assert_eq!((pap.code, pap.text(FILTER_ID).as_str()), (ACCESS_ACCEPT, "staff"));
    assert_eq!(pap.all(CLASS), [[1, 2]]);
    assert_eq!(pap.vendor(9, 1), [b"shell:priv-lvl=15"]);
    assert_ne!(pap.signature, Signature::Wrong);
    assert_ne!(pap.signature, Signature::None);
    assert_eq!(nas.ask_unsigned(&Request::pap("bob", "hellO")).await.code, ACCESS_REJECT);
    assert_eq!(nas.ask_unsigned(&Request::chap("bob", "hello")).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask_unsigned(&Request::chap("bob", "hellO")).await.code, ACCESS_REJECT);
    assert_eq!(nas.ask_unsigned(&Request::new(STATUS_SERVER)).await.code, ACCESS_ACCEPT);

    let exchange = Exchange::new("bob", "hello");
    let answer = nas.ask_unsigned(&Request::mschap2("bob", &exchange)).await;
    assert_eq!(answer.code, ACCESS_ACCEPT);
    assert!(exchange.is_proved_by(&answer));
    assert_eq!(answer.keys(), Some(exchange.keys()));
    let wrong = Exchange::new("bob", "hellO");
    assert_eq!(nas.ask_unsigned(&Request::mschap2("bob", &wrong)).await.code, ACCESS_REJECT);

    let challenge = nas.ask_unsigned(&Request::pap("otp", "hello")).await;
    assert_eq!((challenge.code, challenge.text(REPLY_MESSAGE).as_str()), (ACCESS_CHALLENGE, "Enter the code"));
    let code = Request::pap("otp", "123456").with(STATE, &challenge.first(STATE).unwrap());
    assert_eq!(nas.ask_unsigned(&code).await.code, ACCESS_ACCEPT);
}

#[tokio::test]
async fn a_real_server_judges_the_signature_of_the_client_of_the_tests() {
    let server = FreeRadius::start(&FreeRadiusOptions { wants_signature: true, ..FreeRadiusOptions::default() });
    let nas = Nas::at(HERE, server.addr, &server.secret).await;
    for ignored in [Signed::No, Signed::Wrong] {
        nas.send(&Request::pap("bob", "hello").signed(ignored)).await;
    }
    // The next answer is to this one.
    assert_eq!(nas.ask_unsigned(&Request::pap("bob", "hello").signed(Signed::Last)).await.code, ACCESS_ACCEPT);
    assert_eq!(nas.ask_unsigned(&Request::pap("bob", "hello")).await.code, ACCESS_ACCEPT);
}

#[tokio::test]
async fn a_real_server_and_a_real_supplicant_agree() {
    let server = FreeRadius::start(&FreeRadiusOptions::default());
    let eap = async |inner, password| {
        signs_in(server.addr, &server.secret, HERE, &server.ca_path, (inner, "bob", password)).await
    };
    for inner in [Inner::TtlsPap, Inner::PeapMschap2] {
        assert!(eap(inner, "hello").await, "{inner:?}");
        assert!(!eap(inner, "hellO").await, "{inner:?}");
    }
}
