//! Servers that lie, stall and answer late: what is not proved to be the answer is dropped, and the wait goes on.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;
use vestibule::domain::radius::upstream::UpstreamServer;
use vestibule::domain::secret::Password;
use vestibule::upstream::{Question, UpstreamFault};

use crate::support::in_time;
use crate::support::radius::{ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_REQUEST, ACCOUNTING_RESPONSE, hmac_md5, md5};
use crate::{LONG, client, server};

const SECRET: &[u8] = b"between us";

/// A server that does what the test says.
struct Liar(UdpSocket);

impl Liar {
    async fn start() -> Self {
        Self(UdpSocket::bind((IpAddr::from([127, 0, 9, 3]), 0)).await.unwrap())
    }

    fn settings(&self) -> UpstreamServer {
        server("liar", self.0.local_addr().unwrap(), "between us")
    }

    /// The next Access-Request. Probes go unheard.
    async fn request(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 4096];
        loop {
            let (length, from) = in_time("a request", self.0.recv_from(&mut buffer)).await.unwrap();
            if buffer[0] == ACCESS_REQUEST {
                return (buffer[..length].to_vec(), from);
            }
        }
    }
}

/// A right answer, signed if wanted.
fn answer(request: &[u8], code: u8, signed: bool) -> Vec<u8> {
    let mut bytes = vec![code, request[1], 0, if signed { 38 } else { 20 }];
    bytes.extend(&request[4..20]);
    if signed {
        bytes.extend([80, 18]);
        bytes.extend([0; 16]);
        let signature = hmac_md5(SECRET, &bytes);
        bytes[22..38].copy_from_slice(&signature);
    }
    let authenticator = md5(&[&bytes, SECRET]);
    bytes[4..20].copy_from_slice(&authenticator);
    bytes
}

fn question() -> Question {
    Question::access("bob", Some(Password::new(&b"hello"[..])))
}

#[tokio::test]
async fn what_is_not_proved_to_be_the_answer_is_dropped_and_the_wait_goes_on() {
    let liar = Liar::start().await;
    let (upstreams, names) = client(vec![liar.settings()]);
    let question = question();
    let asking = upstreams.ask(&names, &question, Instant::now() + LONG);
    let lying = async {
        let (request, from) = liar.request().await;
        let right = answer(&request, ACCESS_ACCEPT, true);
        let changed = |at: usize| {
            let mut bytes = right.clone();
            bytes[at] ^= 1;
            bytes
        };
        let mut signed_wrongly = right.clone();
        signed_wrongly[22] ^= 1;
        signed_wrongly[4..20].copy_from_slice(&request[4..20]);
        let authenticator = md5(&[&signed_wrongly, SECRET]);
        signed_wrongly[4..20].copy_from_slice(&authenticator);
        let lies = [
            changed(0),
            changed(1),
            changed(4),
            changed(30),
            signed_wrongly,
            answer(&request, ACCESS_ACCEPT, false),
            answer(&request, ACCOUNTING_RESPONSE, true),
            right[..19].to_vec(),
            vec![],
        ];
        for lie in lies {
            liar.0.send_to(&lie, from).await.unwrap();
        }
        // The right bytes from another port are not this server's.
        let other = Liar::start().await;
        other.0.send_to(&answer(&request, ACCESS_ACCEPT, true), from).await.unwrap();
        liar.0.send_to(&answer(&request, ACCESS_REJECT, true), from).await.unwrap();
    };
    let (answered, ()) = tokio::join!(asking, lying);
    assert_eq!(answered.unwrap().code(), ACCESS_REJECT, "no lie was taken for the answer");
}

#[tokio::test]
async fn a_server_that_only_lies_is_a_fault_that_says_how() {
    let liar = Liar::start().await;
    let settings = UpstreamServer { timeout: Duration::from_secs(1), tries: 1, ..liar.settings() };
    let (upstreams, names) = client(vec![settings]);
    for (signed, flip, said) in [(true, true, "shared secrets"), (false, false, "CVE-2024-3596")] {
        let question = question();
        let asking = upstreams.ask(&names, &question, Instant::now() + LONG);
        let lying = async {
            let (request, from) = liar.request().await;
            let mut lie = answer(&request, ACCESS_ACCEPT, signed);
            lie[4] ^= u8::from(flip);
            liar.0.send_to(&lie, from).await.unwrap();
        };
        let (answered, ()) = tokio::join!(asking, lying);
        let fault = answered.err().unwrap();
        assert!(matches!(fault, UpstreamFault::Discarded { .. }) && fault.to_string().contains(said), "{fault}");
    }
}

#[tokio::test]
async fn an_unsigned_answer_counts_where_the_server_is_known_to_sign_nothing() {
    let liar = Liar::start().await;
    let settings = UpstreamServer { require_message_authenticator: false, ..liar.settings() };
    let (upstreams, names) = client(vec![settings]);
    let question = question();
    let asking = upstreams.ask(&names, &question, Instant::now() + LONG);
    let answering = async {
        let (request, from) = liar.request().await;
        liar.0.send_to(&answer(&request, ACCESS_ACCEPT, false), from).await.unwrap();
    };
    assert_eq!(tokio::join!(asking, answering).0.unwrap().code(), ACCESS_ACCEPT);
}

#[tokio::test]
async fn a_resend_is_the_same_bytes() {
    let liar = Liar::start().await;
    let settings = UpstreamServer { timeout: Duration::from_millis(50), tries: 1000, ..liar.settings() };
    let (upstreams, names) = client(vec![settings]);
    let question = question();
    let asking = upstreams.ask(&names, &question, Instant::now() + LONG);
    let answering = async {
        let (first, from) = liar.request().await;
        for _ in 0..3 {
            assert_eq!(liar.request().await, (first.clone(), from));
        }
        liar.0.send_to(&answer(&first, ACCESS_ACCEPT, true), from).await.unwrap();
    };
    assert_eq!(tokio::join!(asking, answering).0.unwrap().code(), ACCESS_ACCEPT);
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_that_of_a_later_request() {
    let liar = Liar::start().await;
    let (upstreams, names) = client(vec![liar.settings()]);
    let question = question();
    assert!(upstreams.ask(&names, &question, Instant::now() + Duration::from_millis(100)).await.is_err());
    let (late, _) = liar.request().await;
    let asking = upstreams.ask(&names, &question, Instant::now() + LONG);
    let answering = async {
        let (request, from) = liar.request().await;
        let mut lie = answer(&late, ACCESS_ACCEPT, true);
        liar.0.send_to(&lie, from).await.unwrap();
        lie[1] = request[1];
        liar.0.send_to(&lie, from).await.unwrap();
        liar.0.send_to(&answer(&request, ACCESS_REJECT, true), from).await.unwrap();
    };
    assert_eq!(tokio::join!(asking, answering).0.unwrap().code(), ACCESS_REJECT);
}

#[tokio::test]
async fn more_requests_than_identifiers_are_under_way_at_once() {
    const COUNT: usize = 300;
    let liar = Liar::start().await;
    let settings = UpstreamServer { timeout: LONG, tries: 1, ..liar.settings() };
    let (upstreams, names) = client(vec![settings]);
    let question = question();
    let asking = (0..COUNT).map(|_| upstreams.ask(&names, &question, Instant::now() + LONG));
    let asking = futures_util::future::join_all(asking);
    let answering = async {
        let mut requests = vec![];
        while requests.len() < COUNT {
            requests.push(liar.request().await);
        }
        let ports: BTreeSet<u16> = requests.iter().map(|(_, from)| from.port()).collect();
        assert!(ports.len() >= 2, "one socket has 256 identifiers");
        for (request, from) in &requests {
            liar.0.send_to(&answer(request, ACCESS_ACCEPT, true), from).await.unwrap();
        }
    };
    let (answers, ()) = tokio::join!(asking, answering);
    assert!(answers.into_iter().all(|answered| answered.is_ok_and(|answered| answered.code() == ACCESS_ACCEPT)));
}
