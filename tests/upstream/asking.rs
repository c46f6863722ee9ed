//! Asking a real server, whatever the method; and servers that are not well.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use vestibule::domain::secret::Password;
use vestibule::upstream::{Answered, Question, UpstreamFault};
use vestibule::wire::radius::Packet;
use vestibule::wire::radius::attribute::{FILTER_ID, STATE, microsoft};

use crate::support::eventually;
use crate::support::freeradius::{FreeRadius, FreeRadiusOptions};
use crate::support::radius::{ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, Exchange, Request};
use crate::{LONG, at, client, server};

/// What a gateway sent us under another secret, as a question to a server of ours.
fn relayed(request: &Request, password: Option<&str>) -> Question {
    let packet = Packet::parse(Bytes::from(request.encode(b"the gateway's own secret"))).unwrap();
    Question::relayed(&packet, password.map(|password| Password::new(password.as_bytes())))
}

async fn ask(freeradius: &FreeRadius, question: &Question) -> Result<Answered, UpstreamFault> {
    let (upstreams, names) = client(vec![at("one", freeradius)]);
    upstreams.ask(&names, question, Instant::now() + LONG).await
}

#[tokio::test]
async fn every_method_is_checked_by_a_real_server_under_its_own_secret() {
    let freeradius = FreeRadius::start(&FreeRadiusOptions { wants_signature: true, ..FreeRadiusOptions::default() });
    let code = async |request: &Request, password| ask(&freeradius, &relayed(request, password)).await.unwrap().code();
    assert_eq!(code(&Request::pap("bob", "hello123456"), Some("hello")).await, ACCESS_ACCEPT);
    assert_eq!(code(&Request::pap("bob", "hello"), Some("hellO")).await, ACCESS_REJECT);
    assert_eq!(code(&Request::chap("bob", "hello"), None).await, ACCESS_ACCEPT);
    assert_eq!(code(&Request::chap("bob", "hellO"), None).await, ACCESS_REJECT);

    let exchange = Exchange::new("bob", "hello");
    let answered = ask(&freeradius, &relayed(&Request::mschap2("bob", &exchange), None)).await.unwrap();
    assert_eq!(answered.code(), ACCESS_ACCEPT);
    assert_eq!(answered.packet.first(FILTER_ID), Some(&b"staff"[..]));
    let key = |kind| {
        let hidden = answered.packet.vendor(microsoft::VENDOR, kind).next().unwrap();
        answered.reveal(hidden).unwrap().to_vec()
    };
    assert_eq!((key(microsoft::MPPE_SEND_KEY), key(microsoft::MPPE_RECV_KEY)), exchange.keys());
}

#[tokio::test]
async fn a_dialog_of_a_server_goes_on_at_that_server() {
    let (one, two) =
        (FreeRadius::start(&FreeRadiusOptions::default()), FreeRadius::start(&FreeRadiusOptions::default()));
    let (upstreams, names) = client(vec![at("one", &one), at("two", &two)]);
    let password = |text: &str| Some(Password::new(text.as_bytes()));
    let first = Question::access("otp", password("hello"));
    let asked = upstreams.ask(&names, &first, Instant::now() + LONG).await.unwrap();
    assert_eq!((asked.code(), asked.server.as_str()), (ACCESS_CHALLENGE, "one"));
    let mut second = Question::access("otp", password("123456")).with(STATE, asked.packet.first(STATE).unwrap());
    second.only = Some("two".into());
    let answered = upstreams.ask(&names, &second, Instant::now() + LONG).await.unwrap();
    assert_eq!((answered.code(), answered.server.as_str()), (ACCESS_ACCEPT, "two"), "whom `only` names is asked");
}

#[tokio::test]
async fn a_wrong_secret_is_a_fault_and_never_a_denial() {
    let freeradius = FreeRadius::start(&FreeRadiusOptions::default());
    let mut wrong = at("one", &freeradius);
    wrong.secret = vestibule::domain::secret::SharedSecret::new(&b"another"[..]);
    wrong.tries = 1;
    wrong.timeout = Duration::from_millis(300);
    let (upstreams, names) = client(vec![wrong]);
    let question = Question::access("bob", Some(Password::new(&b"hello"[..])));
    let fault = upstreams.ask(&names, &question, Instant::now() + LONG).await.err().unwrap();
    // FreeRADIUS drops what is signed with another secret.
    assert!(matches!(fault, UpstreamFault::NoAnswer { .. }), "{fault}");
}

#[tokio::test]
async fn the_next_server_takes_over_and_the_first_comes_back() {
    let mut one = FreeRadius::start(&FreeRadiusOptions::default());
    let two = FreeRadius::start(&FreeRadiusOptions::default());
    let (upstreams, names) = client(vec![at("one", &one), at("two", &two)]);
    let question = Question::access("bob", Some(Password::new(&b"hello"[..])));
    let who = async || upstreams.ask(&names, &question, Instant::now() + LONG).await.unwrap().server;
    assert_eq!(who().await, "one");
    one.kill();
    assert_eq!(who().await, "two", "nobody listens at the first");
    one.revive();
    eventually("the first is asked again", async || who().await == "one").await;
}

#[tokio::test]
async fn a_server_that_hangs_costs_its_tries_once() {
    let (one, two) =
        (FreeRadius::start(&FreeRadiusOptions::default()), FreeRadius::start(&FreeRadiusOptions::default()));
    let mut first = at("one", &one);
    (first.timeout, first.tries) = (Duration::from_millis(750), 2);
    let (upstreams, names) = client(vec![first, at("two", &two)]);
    one.freeze();
    let question = Question::access("bob", Some(Password::new(&b"hello"[..])));
    let who = async || upstreams.ask(&names, &question, Instant::now() + LONG).await.unwrap().server;
    let begin = Instant::now();
    assert_eq!(who().await, "two");
    assert!(begin.elapsed() >= Duration::from_millis(1500), "both tries of the first were waited for");
    let begin = Instant::now();
    assert_eq!(who().await, "two");
    assert!(begin.elapsed() < Duration::from_millis(1500), "it is asked last from then on");
    one.thaw();
}

#[tokio::test]
async fn when_all_are_down_it_is_a_fault_before_the_deadline() {
    let mut one = FreeRadius::start(&FreeRadiusOptions::default());
    let two = FreeRadius::start(&FreeRadiusOptions::default());
    one.kill();
    two.freeze();
    let (upstreams, names) = client(vec![at("one", &one), at("two", &two)]);
    let question = Question::access("bob", Some(Password::new(&b"hello"[..])));
    let deadline = Instant::now() + Duration::from_millis(500);
    let fault = upstreams.ask(&names, &question, deadline).await.err().unwrap();
    assert!(matches!(fault, UpstreamFault::AllDown { .. }), "{fault}");
    assert!(deadline.elapsed() < Duration::from_secs(5));
    let fault = upstreams.ask(&["three".into()], &question, deadline).await.err().unwrap();
    assert!(matches!(fault, UpstreamFault::NoServer { .. }), "{fault}");
    let long = Question::access("bob", Some(Password::new(vec![b'x'; 129])));
    let fault = upstreams.ask(&names, &long, Instant::now() + LONG).await.err().unwrap();
    assert!(matches!(fault, UpstreamFault::Password(_)), "refused, never cut: {fault}");
    two.thaw();
}

#[tokio::test]
async fn a_test_tells_step_by_step_what_a_server_says() {
    let freeradius = FreeRadius::start(&FreeRadiusOptions { signs: false, ..FreeRadiusOptions::default() });
    let examine = async |require| {
        let settings = server("one", freeradius.addr, &freeradius.secret);
        let settings = vestibule::domain::radius::upstream::UpstreamServer {
            require_message_authenticator: require,
            timeout: Duration::from_millis(500),
            tries: 1,
            ..settings
        };
        let person = Some(("bob", Password::new(&b"hello"[..])));
        vestibule::upstream::examine(settings, person, &crate::ambient(), crate::background()).await
    };
    let steps = examine(false).await;
    assert_eq!(steps.iter().map(|step| step.step).collect::<Vec<_>>(), ["address", "status", "sign-in"]);
    let signed_in = steps[2].outcome.clone().unwrap();
    assert!(signed_in.contains("Access-Accept") && signed_in.contains("without Message-Authenticator"), "{signed_in}");
    let refused = examine(true).await[2].outcome.clone().unwrap_err();
    assert!(refused.contains("CVE-2024-3596"), "{refused}");
}
