//! A server that cannot prove who it is gets no password.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vestibule::directory::{DirectoryClient, DirectoryFault, Verdict};
use vestibule::domain::directory::{Directory, Server, Transport};
use vestibule::wire::frame::op;
use vestibule::wire::message;

use super::slapd::{Slapd, SlapdOptions, authority};
use super::stub::{self, Stub, rightly_named};
use super::{Background, client, directory, of, password, server, within};

/// A server with this certificate that accepts everything over TLS, and how many bytes it was told.
async fn accepts_all(params: &CertificateParams, ca: Option<&CertifiedIssuer<'static, KeyPair>>) -> Told {
    let acceptor = stub::acceptor(params, ca);
    let told = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&told);
    let stub = Stub::start(move |stream, _| {
        let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                counter.fetch_add(count, Ordering::SeqCst);
                let answer = message::response(7, op::BIND_RESPONSE, 0, "");
                if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    Told { stub, bytes: told }
}

struct Told {
    stub: Stub,
    bytes: Arc<AtomicUsize>,
}

/// A bind over LDAPS with only this CA trusted.
async fn bind_over_tls(told: &Told, ca_pem: String) -> Result<Verdict, DirectoryFault> {
    let directory = Directory { ca_pem: Some(ca_pem), ..directory(vec![server(told.stub.addr, Transport::Ldaps)]) };
    client(directory).bind(7, "cn=a", &password("secret"), &[], within(10)).await
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_not_good_means_that_no_bind_is_sent() {
    let (ca, stranger) = (authority("ours"), authority("somebody else's"));
    let mut expired = rightly_named();
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let cases = [
        ("another name", accepts_all(&named("ldap.example.test"), Some(&ca)).await, "not valid for name"),
        ("expired", accepts_all(&expired, Some(&ca)).await, "expired"),
        ("self-signed", accepts_all(&rightly_named(), None).await, "unknownissuer"),
        ("another authority's", accepts_all(&rightly_named(), Some(&stranger)).await, "unknownissuer"),
    ];
    for (case, told, reason) in cases {
        let fault = bind_over_tls(&told, ca.pem()).await.err().unwrap();
        let DirectoryFault::Tls { reason: seen, .. } = &fault else { panic!("{case}: {fault}") };
        assert!(seen.contains(reason), "{case}: {fault}");
        assert_eq!(told.bytes.load(Ordering::SeqCst), 0, "{case}");
    }
    let good = accepts_all(&rightly_named(), Some(&ca)).await;
    assert!(matches!(bind_over_tls(&good, ca.pem()).await, Ok(Verdict::Accepted { .. })));
    assert!(good.bytes.load(Ordering::SeqCst) > 0, "the count of what a server is told is not always 0");
}

#[tokio::test]
async fn without_a_ca_of_its_own_a_directory_is_checked_against_the_systems() {
    let slapd = Slapd::start(&SlapdOptions::default());
    for transport in [Transport::Ldaps, Transport::StartTls] {
        let client = client(Directory { ca_pem: None, ..of(&slapd, transport) });
        let fault = client.bind(1, &slapd.dn_of("user0001"), &password("pw-user0001"), &[], within(10)).await.err();
        assert!(matches!(fault, Some(DirectoryFault::Tls { .. })), "{fault:?}");
    }
    assert_eq!(slapd.logged(" BIND "), Vec::<String>::new());
}

#[tokio::test]
async fn a_ca_that_cannot_be_read_is_a_fault_and_not_an_empty_list() {
    let good = authority("ours").pem();
    let half = format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for pem in ["", "no certificate", &good[..good.len() / 2], &half] {
        let servers = vec![Server { host: "localhost".into(), port: 636, transport: Transport::Ldaps }];
        let directory = Directory { ca_pem: Some(pem.to_owned()), ..directory(servers) };
        let fault = DirectoryClient::new(directory, &Background::default()).err();
        assert!(matches!(fault, Some(DirectoryFault::Ca { .. })), "{fault:?}");
    }
}

/// What becomes of a bind when StartTLS is answered like this, and what the server was told after that.
async fn start_tls_answered(answer: fn(u32) -> Vec<u8>) -> (DirectoryFault, usize) {
    let told = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&told);
    let stub = Stub::start(move |mut stream, _| {
        let counter = Arc::clone(&counter);
        async move {
            let mut buffer = BytesMut::new();
            let frame = stub::request(&mut stream, &mut buffer).await.unwrap();
            assert_eq!(frame.op(), op::EXTENDED_REQUEST);
            stream.write_all(&answer(frame.message_id())).await.unwrap();
            let mut rest = vec![];
            let _ = stream.read_to_end(&mut rest).await;
            counter.fetch_add(rest.len(), Ordering::SeqCst);
        }
    })
    .await;
    let directory = directory(vec![server(stub.addr, Transport::StartTls)]);
    let fault = client(directory).bind(7, "cn=a", &password("x"), &[], within(10)).await.err().unwrap();
    (fault, told.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_refused_start_tls_is_a_fault_and_never_plain_text() {
    let (fault, told) = start_tls_answered(|id| message::extended_response(id, 2, "no TLS here", None).to_vec()).await;
    assert!(matches!(fault, DirectoryFault::StartTlsRefused { code: 2, .. }), "{fault}");
    assert_eq!(told, 0);
}

#[tokio::test]
async fn bytes_put_between_the_start_tls_answer_and_the_handshake_end_the_connection() {
    let (fault, told) = start_tls_answered(|id| {
        let mut answer = message::extended_response(id, 0, "", None).to_vec();
        answer.extend_from_slice(&message::response(7, op::BIND_RESPONSE, 0, ""));
        answer
    })
    .await;
    assert!(matches!(fault, DirectoryFault::Protocol { .. }), "{fault}");
    assert_eq!(told, 0);
}

#[tokio::test]
async fn a_start_tls_answer_that_is_not_ours_ends_the_connection() {
    let answers: [fn(u32) -> Vec<u8>; 3] = [
        |id| message::extended_response(id + 1, 0, "", None).to_vec(),
        |_| message::extended_response(0, 0, "", None).to_vec(),
        |id| message::response(id, op::BIND_RESPONSE, 0, "").to_vec(),
    ];
    for answer in answers {
        let (fault, told) = start_tls_answered(answer).await;
        assert!(matches!(fault, DirectoryFault::Protocol { .. }), "{fault}");
        assert_eq!(told, 0);
    }
}

#[tokio::test]
async fn a_server_that_speaks_plain_ldap_on_the_tls_port_is_told_nothing() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let directory = Directory { servers: vec![server(slapd.addr, Transport::Ldaps)], ..of(&slapd, Transport::Plain) };
    let fault = client(directory).bind(1, "cn=a", &password("x"), &[], within(10)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Tls { .. }), "{fault}");
    assert_eq!(slapd.logged(" BIND "), Vec::<String>::new());
}
