//! RADIUS over TLS: who is let in by which certificate, several requests at once, and the end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vestibule::domain::client::Client;

use super::openldap;
use super::support::appliance::{Appliance, vpn_with};
use super::support::in_time;
use super::support::people::{app, hotp};
use super::support::radius::{ACCESS_ACCEPT, ACCESS_REJECT, ACCOUNTING_RESPONSE, Answer, Request, STATUS_SERVER};

const SECRET: &[u8] = b"radsec";
const PROTOCOL_ERROR: u8 = 52;

fn proxy() -> Client {
    vpn_with(|radius| radius.radsec_name = Some("proxy.example.test".into()))
}

/// A certificate that names its holder by DNS.
fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

/// One that does so by its common name alone, as old proxies have.
fn commonly_named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

struct Connection {
    stream: TlsStream<TcpStream>,
    next: u8,
}

impl Connection {
    /// The certificate is judged when the first bytes are read (RFC 8446: the client has finished before the server says no).
    async fn open(appliance: &Appliance, identity: Option<CertificateParams>, from: [u8; 4]) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&appliance.ca_path).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity.map(|params| appliance.radsec_identity(&params)) {
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let stream = socket.connect(appliance.radsec_addr).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream, next: 0 })
    }

    async fn trusted(appliance: &Appliance) -> Self {
        Self::open(appliance, Some(named("proxy.example.test")), [127, 0, 0, 1]).await.unwrap()
    }

    async fn send(&mut self, request: &Request) -> Vec<u8> {
        self.next = self.next.wrapping_add(1);
        let bytes = request.clone().identified(self.next).encode(SECRET);
        self.stream.write_all(&bytes).await.unwrap();
        bytes
    }

    async fn packet(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; 4];
        in_time("an answer", self.stream.read_exact(&mut bytes)).await?;
        bytes.resize(usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 0);
        in_time("an answer", self.stream.read_exact(&mut bytes[4..])).await?;
        Ok(bytes)
    }

    async fn answer(&mut self, sent: &[u8]) -> Answer {
        let bytes = self.packet().await.unwrap();
        Answer::read(&bytes, sent, SECRET).unwrap()
    }

    async fn ask(&mut self, request: &Request) -> Answer {
        let sent = self.send(request).await;
        self.answer(&sent).await
    }

    async fn is_closed(&mut self) {
        assert!(self.packet().await.is_err(), "an answer instead of the end");
    }
}

#[tokio::test]
async fn r40_a_client_with_its_certificate_signs_in_accounts_and_watches() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(proxy()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    for identity in [named("PROXY.example.test"), commonly_named("proxy.example.test")] {
        let mut proxy = Connection::open(&appliance, Some(identity), [127, 0, 0, 1]).await.unwrap();
        assert_eq!(proxy.ask(&Request::new(STATUS_SERVER)).await.code, ACCESS_ACCEPT);
        let right = Request::pap("user0001", &user.with(&user.hotp()));
        assert_eq!(proxy.ask(&right).await.code, ACCESS_ACCEPT);
        assert_eq!(proxy.ask(&Request::pap("user0001", "wrong")).await.code, ACCESS_REJECT);
        let start = super::radius_accounting::start("4711", "user0001");
        assert_eq!(proxy.ask(&start).await.code, ACCOUNTING_RESPONSE);
    }
    let events = appliance.events("sign-in").await;
    assert!(events.iter().all(|event| event["client_name"] == "vpn"), "{events:?}");
}

#[tokio::test]
async fn r40_without_the_right_certificate_and_address_nothing_is_answered() {
    let slapd = openldap();
    let client = Client { addresses: vec!["127.0.0.1/32".parse().unwrap()], ..proxy() };
    let appliance = Appliance::before(&slapd).client(client).await;
    let here = [127, 0, 0, 1];
    let status = Request::new(STATUS_SERVER);
    // A common name beside a DNS name counts for nothing (RFC 6125 section 6.4.4).
    let mut two_faced = named("somebody.example.test");
    two_faced.distinguished_name.push(DnType::CommonName, "proxy.example.test");
    for (what, identity, from) in [
        ("none", None, here),
        ("another name", Some(named("somebody.example.test")), here),
        ("a common name beside another name", Some(two_faced), here),
        ("another address", Some(named("proxy.example.test")), [127, 0, 12, 6]),
    ] {
        match Connection::open(&appliance, identity, from).await {
            Ok(mut connection) => {
                let bytes = status.clone().identified(1).encode(SECRET);
                let _ = connection.stream.write_all(&bytes).await;
                connection.is_closed().await;
            }
            Err(error) => assert_ne!(what, "another name", "{error}"),
        }
    }
    let mut trusted = Connection::trusted(&appliance).await;
    assert_eq!(trusted.ask(&status).await.code, ACCESS_ACCEPT);
}

#[tokio::test]
async fn r40_no_session_is_resumed() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(proxy()).await;
    let mut first = Connection::trusted(&appliance).await;
    first.ask(&Request::new(STATUS_SERVER)).await;
    let kind = first.stream.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(rustls::HandshakeKind::Full));
    assert_eq!(first.stream.get_ref().1.tls13_tickets_received(), 0);
}

#[tokio::test]
async fn requests_overtake_one_that_waits_for_a_phone() {
    let slapd = openldap();
    let appliance =
        Appliance::before(&slapd).client(proxy()).user("user0001").with(hotp()).user("user0002").with(app()).await;
    let (user, waiter) = (appliance.person("user0001"), appliance.person("user0002"));
    let mut proxy = Connection::trusted(&appliance).await;
    let waiting = proxy.send(&Request::pap("user0002", &waiter.password)).await;
    let prompt = appliance.prompt().await;
    for _ in 0..3 {
        let request = Request::pap("user0001", &user.with(&user.hotp()));
        assert_eq!(proxy.ask(&request).await.code, ACCESS_ACCEPT);
    }
    appliance.approve(&prompt).await;
    assert_eq!(proxy.answer(&waiting).await.code, ACCESS_ACCEPT);
}

#[tokio::test]
async fn an_unknown_request_is_told_so_and_a_broken_one_ends_its_connection() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(proxy()).await;
    let mut proxy = Connection::trusted(&appliance).await;
    let answer = proxy.ask(&Request::new(99)).await;
    assert_eq!((answer.code, answer.all(241)), (PROTOCOL_ERROR, vec![vec![4, 0, 0, 0, 99]]));
    // An answer gets none.
    proxy.send(&Request::new(ACCESS_ACCEPT)).await;
    assert_eq!(proxy.ask(&Request::new(STATUS_SERVER)).await.code, ACCESS_ACCEPT);
    for length in [19_u16, 4_097, 0] {
        let mut proxy = Connection::trusted(&appliance).await;
        let mut bytes = vec![1, 1];
        bytes.extend(length.to_be_bytes());
        proxy.stream.write_all(&bytes).await.unwrap();
        proxy.is_closed().await;
    }
}

#[tokio::test]
async fn a_stop_drains_what_waits_on_a_connection() {
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).client(proxy()).user("user0001").with(app()).await;
    let password = appliance.person("user0001").password.clone();
    let mut proxy = Connection::trusted(&appliance).await;
    let waiting = proxy.send(&Request::pap("user0001", &password)).await;
    let prompt = appliance.prompt().await;
    appliance.signal(rustix::process::Signal::TERM);
    appliance.log().await_line(&["stopping"]).await;
    appliance.approve(&prompt).await;
    assert_eq!(proxy.answer(&waiting).await.code, ACCESS_ACCEPT);
    proxy.is_closed().await;
    assert!(appliance.ended().await.success());
}
