//! How bytes come in: StartTLS and LDAPS, who may do without, and what an attacker in the middle cannot slip in.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use vestibule::domain::client::Client;
use vestibule::domain::secret::Password;
use vestibule::wire::frame::op;
use vestibule::wire::message::{START_TLS, Scope, bind_request, response, start_tls_request};

use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::{Answer, Ldap, PlainTls, extended, handshake, result, search_request, socket_from};
use super::support::people::{hotp, totp};
use super::support::scripted::{Reaction, Scripted};
use super::support::{in_time, scripted};
use super::{answer, openldap};

/// A client as it is by default: passwords only over TLS.
fn careful() -> Client {
    Client { allow_plaintext: false, ..netscaler() }
}

/// Asks for StartTLS and leaves the connection as it is.
async fn ask_start_tls(gateway: &mut Ldap) -> Answer {
    let id = gateway.id();
    gateway.send(&extended(id, START_TLS, None)).await;
    let frame = gateway.frame().await.expect("StartTLS is answered");
    assert_eq!((frame.message_id(), frame.op()), (id, op::EXTENDED_RESPONSE));
    result(&frame)
}

#[tokio::test]
async fn r43_a_bind_without_tls_is_refused_before_its_password_is_used_and_with_tls_it_is_not() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(careful()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let field = user.with(&user.hotp());
    let mut plain = Ldap::connect(appliance.ldap_addr).await;
    for (name, field) in [(&user.dn, &field), (&user.dn, &"wrong".to_owned())] {
        assert_eq!(plain.bind(name, field).await.0, 13);
    }
    assert_eq!(plain.bind(&slapd.service_dn, &slapd.service_password).await.0, 13);
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
    assert_eq!(appliance.recorded().await, Vec::<String>::new());
    assert_eq!(appliance.failures("user0001").await, 0);

    let mut tls = Ldap::connect_start_tls(appliance.ldap_addr, &appliance.ca_path).await;
    assert_eq!(tls.bind(&user.dn, &field).await, answer(0), "the code was not used up");
    assert_eq!(tls.who_am_i().await, format!("dn:{}", user.dn));
    let mut tls = Ldap::connect_tls(appliance.ldaps_addr, &appliance.ca_path).await;
    assert_eq!(tls.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    assert_eq!(tls.who_am_i().await, format!("dn:{}", user.dn));
}

#[tokio::test]
async fn r11_start_tls_twice_is_refused_and_the_first_tls_goes_on() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(careful()).await;
    for mut gateway in [
        Ldap::connect_start_tls(appliance.ldap_addr, &appliance.ca_path).await,
        Ldap::connect_tls(appliance.ldaps_addr, &appliance.ca_path).await,
    ] {
        assert_eq!(ask_start_tls(&mut gateway).await.0, 1);
        assert_eq!(gateway.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
        assert_eq!(ask_start_tls(&mut gateway).await.0, 1, "nor when somebody is signed in");
        assert_eq!(gateway.who_am_i().await, format!("dn:{}", slapd.service_dn));
    }
}

#[tokio::test]
async fn r11_a_bind_in_one_segment_with_start_tls_is_never_run() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let password = Password::new(user.with(&user.totp()).into_bytes());
    let injected = bind_request(2, &user.dn, &password, &[]);
    let mut segment = start_tls_request(1);
    segment.extend_from_slice(&injected);

    let mut gateway = Ldap::over(socket_from([127, 0, 11, 5], appliance.ldap_addr).await.unwrap());
    gateway.send(&segment).await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(2));
    appliance.log().await_line(&["\"127.0.11.5\"", "bytes followed a StartTLS request"]).await;
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
    assert_eq!(appliance.recorded().await, Vec::<String>::new());
}

#[tokio::test]
async fn r11_a_bind_slipped_in_between_the_answer_to_start_tls_and_the_handshake_is_never_run() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let injected = bind_request(2, &user.dn, &Password::new(user.with(&user.totp()).into_bytes()), &[]);
    let mut plain = PlainTls { stream: socket_from([127, 0, 11, 6], appliance.ldap_addr).await.unwrap() };
    assert_eq!(plain.start().await.0, 0);
    plain.stream.write_all(&injected).await.unwrap();
    let outcome = in_time("a handshake", handshake(plain.stream, IpAddr::from([127, 0, 0, 1]), &appliance.ca_path));
    assert!(outcome.await.is_err(), "no TLS over injected bytes");
    appliance.log().await_line(&["\"127.0.11.6\"", "TLS handshake failed"]).await;
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
    assert_eq!(appliance.recorded().await, Vec::<String>::new());
}

#[tokio::test]
async fn r11_start_tls_is_refused_while_a_search_is_outstanding() {
    let (tell, told) = watch::channel(false);
    let directory = Scripted::start(move |frame| {
        let is_compare = frame.op() == op::COMPARE_REQUEST;
        let late = response(frame.message_id(), op::COMPARE_RESPONSE, 6, "").to_vec();
        is_compare.then(|| Reaction::SendWhen(told.clone(), late))
    })
    .await;
    let appliance = Appliance::before_directory(directory.directory()).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind("cn=svc,ou=service,dc=example,dc=test", "svc-secret").await, answer(0));
    let compare = super::support::ldap::message(77, &[], |out| {
        super::support::ldap::compare(out, scripted::DN, "uid", "alice");
    });
    gateway.send(&compare).await;
    directory.seen.wait_for("the comparison", |frame| frame.op() == op::COMPARE_REQUEST).await;
    assert_eq!(ask_start_tls(&mut gateway).await.0, 1);
    tell.send(true).unwrap();
    assert_eq!(gateway.answer_to(77, op::COMPARE_RESPONSE).await.0, 6, "it is answered as if nothing had been");
}

#[tokio::test]
async fn start_tls_on_a_signed_in_connection_signs_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut stream = TcpStream::connect(appliance.ldap_addr).await.unwrap();
    let password = Password::new(slapd.service_password.as_bytes());
    stream.write_all(&bind_request(9, &slapd.service_dn, &password, &[])).await.unwrap();
    let mut buffer = bytes::BytesMut::new();
    let bound = super::support::stub::request(&mut stream, &mut buffer).await.unwrap();
    assert_eq!(result(&bound).0, 0);
    let mut plain = PlainTls { stream };
    assert_eq!(plain.start().await.0, 0);
    let tls = handshake(plain.stream, IpAddr::from([127, 0, 0, 1]), &appliance.ca_path).await.unwrap();
    let mut gateway = Ldap::over(tls);
    assert_eq!(gateway.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 1, "bind first");
}

#[tokio::test]
async fn garbage_after_start_tls_closes_that_connection_with_one_log_line_and_no_other() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut other = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(other.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let plain_search = search_request(2, "", Scope::Base, "(objectClass=*)", &[], &[]);
    let garbage: [(u8, &[u8]); 3] =
        [(20, b"garbage instead of a handshake\r\n"), (21, &plain_search), (22, &[0x16, 3, 1, 0, 4, 1, 0, 0, 0])];
    for (last, bytes) in garbage {
        let mut plain = PlainTls { stream: socket_from([127, 0, 11, last], appliance.ldap_addr).await.unwrap() };
        assert_eq!(plain.start().await.0, 0);
        plain.stream.write_all(bytes).await.unwrap();
        let mut rest = vec![];
        // A reset is a close too.
        let _ = in_time("the end of the connection", plain.stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty() || rest[0] == 0x15, "nothing but a TLS alert: {rest:?}");
        let source = format!("\"127.0.11.{last}\"");
        appliance.log().await_line(&[&source, "TLS handshake failed"]).await;
        assert_eq!(appliance.log().with(&[&source]).len(), 1);
        assert_eq!(other.search(&slapd.base, Scope::Base, "(objectClass=*)").await.code, 0);
    }
}

#[tokio::test]
async fn garbage_inside_tls_gets_a_notice_inside_tls() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect_tls(appliance.ldaps_addr, &appliance.ca_path).await;
    gateway.send(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(gateway.goodbye().await.map(|(code, _)| code), Some(2));
    appliance.log().await_line(&["connection closed", "not an LDAP message"]).await;
}

#[tokio::test]
async fn plain_ldap_on_the_tls_port_is_closed_and_named_in_the_log() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut stream = socket_from([127, 0, 11, 30], appliance.ldaps_addr).await.unwrap();
    stream.write_all(&search_request(1, "", Scope::Base, "(objectClass=*)", &[], &[])).await.unwrap();
    let mut rest = vec![];
    let _ = in_time("the end of the connection", stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty() || rest[0] == 0x15, "no LDAP comes back: {rest:?}");
    appliance.log().await_line(&["\"127.0.11.30\"", "TLS handshake failed"]).await;
    let counted = "vestibule_ldap_connections_refused_total{reason=\"tls\"}";
    super::support::eventually("it is counted", async || appliance.metric(counted).await >= 1.0).await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_at_its_limit() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).set("ldap.handshake_timeout", "\"1s\"").await;
    let mut ldaps = socket_from([127, 0, 11, 31], appliance.ldaps_addr).await.unwrap();
    let mut plain = PlainTls { stream: socket_from([127, 0, 11, 32], appliance.ldap_addr).await.unwrap() };
    assert_eq!(plain.start().await.0, 0);
    for (source, stream) in [("\"127.0.11.31\"", &mut ldaps), ("\"127.0.11.32\"", &mut plain.stream)] {
        let mut rest = vec![];
        let _ = in_time("the end of the connection", stream.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"");
        appliance.log().await_line(&[source, "not finished within 1s"]).await;
    }
}

/// A handshake as these versions and this name have it; the version that was agreed on.
async fn negotiate(
    stream: TcpStream,
    ca: &Path,
    name: ServerName<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> io::Result<rustls::ProtocolVersion> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&std::fs::read(ca).unwrap()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(tls.get_ref().1.protocol_version().unwrap())
}

#[tokio::test]
async fn ldaps_speaks_tls_1_2_and_1_3_with_and_without_a_server_name() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    // A client that knows an address only sends no SNI (RFC 6066 §3).
    let names = [ServerName::from(IpAddr::from([127, 0, 0, 1])), ServerName::try_from("localhost").unwrap()];
    for name in names {
        for (version, expected) in
            [(&TLS12, rustls::ProtocolVersion::TLSv1_2), (&TLS13, rustls::ProtocolVersion::TLSv1_3)]
        {
            let stream = TcpStream::connect(appliance.ldaps_addr).await.unwrap();
            let agreed = negotiate(stream, &appliance.ca_path, name.clone(), &[version]).await.unwrap();
            assert_eq!(agreed, expected, "{name:?}");
        }
    }
}

/// A ClientHello as clients sent it before `supported_versions`: suites old and new, two groups, three signature
/// algorithms (RFC 5246 §7.4.1.2, RFC 8422 §5.1). Only the version tells one from another.
fn hello(minor: u8) -> Vec<u8> {
    let suites: [u8; 12] = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 0xc0, 0x13, 0x00, 0x2f, 0x00, 0x35];
    let groups: [u8; 10] = [0, 10, 0, 6, 0, 4, 0, 0x17, 0, 0x1d];
    let points: [u8; 6] = [0, 11, 0, 2, 1, 0];
    let signatures: [u8; 12] = [0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1];
    let mut body = vec![3, minor];
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    body.extend_from_slice(&[0, u8::try_from(suites.len()).unwrap()]);
    body.extend_from_slice(&suites);
    body.extend_from_slice(&[1, 0]);
    body.extend_from_slice(&[0, u8::try_from(groups.len() + points.len() + signatures.len()).unwrap()]);
    for extension in [&groups[..], &points[..], &signatures[..]] {
        body.extend_from_slice(extension);
    }
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend_from_slice(&body);
    record
}

#[tokio::test]
async fn r43_tls_1_1_and_older_are_refused_and_the_same_hello_of_tls_1_2_is_not() {
    /// RFC 5246 §7.2: a record with a fatal alert "protocol_version".
    const ALERT: u8 = 0x15;
    const PROTOCOL_VERSION: [u8; 2] = [2, 70];
    const HANDSHAKE: u8 = 0x16;
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    for minor in [0, 1, 2, 3] {
        let ldaps = TcpStream::connect(appliance.ldaps_addr).await.unwrap();
        let mut plain = PlainTls { stream: TcpStream::connect(appliance.ldap_addr).await.unwrap() };
        assert_eq!(plain.start().await.0, 0);
        for mut stream in [ldaps, plain.stream] {
            stream.write_all(&hello(minor)).await.unwrap();
            let mut record = [0; 7];
            in_time("a record", stream.read_exact(&mut record)).await.unwrap();
            if minor == 3 {
                assert_eq!(record[0], HANDSHAKE, "TLS 1.2: {record:?}");
            } else {
                assert_eq!((record[0], &record[5..]), (ALERT, &PROTOCOL_VERSION[..]), "3.{minor}: {record:?}");
            }
        }
    }
}
