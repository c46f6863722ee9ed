//! PROXY protocol version 2: whose connection it is when a balancer stands in front.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::AsyncReadExt as _;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, Arrangement, client_at};
use super::support::ldap::{Ldap, handshake, socket_from};
use super::support::people::hotp;
use super::support::slapd::Slapd;
use super::support::{eventually, in_time};
use super::{answer, openldap};

/// The balancer, and a gateway behind it.
const BALANCER: [u8; 4] = [127, 0, 11, 40];
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// Trusts one balancer; only the gateway behind it is a client.
fn behind_a_balancer(slapd: &Slapd) -> Arrangement {
    Appliance::before(slapd)
        .client(client_at("gateway", "192.0.2.7/32"))
        .set("ldap.proxy_protocol_from", "[\"127.0.11.40/32\"]")
        .user("user0001")
        .with(hotp())
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// §2.2 of the specification: signature, version and command, family and transport, length, addresses and what follows.
fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&[command, family]);
    out.extend_from_slice(&u16::try_from(rest.len()).unwrap().to_be_bytes());
    out.extend_from_slice(rest);
    out
}

fn ports() -> [u8; 4] {
    [0xc0, 0, 1, 0x85]
}

fn over_tcp4(source: Ipv4Addr) -> Vec<u8> {
    header(PROXY, 0x11, &[&source.octets()[..], &[192, 0, 2, 1], &ports()].concat())
}

fn over_tcp6(source: Ipv6Addr) -> Vec<u8> {
    header(PROXY, 0x21, &[&source.octets()[..], &Ipv6Addr::LOCALHOST.octets(), &ports()].concat())
}

async fn through_the_balancer(appliance: &Appliance, header: &[u8]) -> Ldap {
    let mut gateway = Ldap::connect_from(BALANCER, appliance.ldap_addr).await;
    gateway.send(header).await;
    gateway
}

#[tokio::test]
async fn a_trusted_balancer_says_whose_connection_it_is() {
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).await;
    let user = appliance.person("user0001");
    let extra = [&GATEWAY.octets()[..], &[192, 0, 2, 1], &ports(), &[4, 0, 3, 1, 2, 3]].concat();
    for header in [over_tcp4(GATEWAY), over_tcp6(GATEWAY.to_ipv6_mapped()), header(PROXY, 0x11, &extra)] {
        let mut gateway = through_the_balancer(&appliance, &header).await;
        assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
        assert_eq!(gateway.who_am_i().await, format!("dn:{}", user.dn));
    }
    for event in appliance.events("sign-in").await {
        assert_eq!((&event["client_name"], &event["source"]), (&"gateway".into(), &"192.0.2.7".into()), "{event}");
    }
}

#[tokio::test]
async fn the_header_comes_before_the_tls_handshake_on_the_tls_port() {
    use tokio::io::AsyncWriteExt as _;
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).await;
    let user = appliance.person("user0001");
    let mut stream = socket_from(BALANCER, appliance.ldaps_addr).await.unwrap();
    stream.write_all(&over_tcp4(GATEWAY)).await.unwrap();
    let tls = handshake(stream, IpAddr::from([127, 0, 0, 1]), &appliance.ca_path).await.unwrap();
    let mut gateway = Ldap::over(tls);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
}

#[tokio::test]
async fn a_source_that_is_no_client_is_a_stranger_behind_the_balancer_too() {
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).await;
    let user = appliance.person("user0001");
    let field = user.with(&user.hotp());
    for header in [over_tcp4(Ipv4Addr::new(192, 0, 2, 8)), over_tcp6("2001:db8::7".parse().unwrap())] {
        let mut gateway = through_the_balancer(&appliance, &header).await;
        assert_eq!(gateway.bind(&user.dn, &field).await.0, 53);
        assert_eq!(gateway.frame().await, None, "closed");
    }
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
}

#[tokio::test]
async fn a_balancers_connection_without_a_usable_header_is_closed_logged_and_counted() {
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).await;
    let too_long = [&GATEWAY.octets()[..], &[192, 0, 2, 1], &ports(), &[0; 5_000]].concat();
    let search =
        super::support::ldap::search_request(1, "", Scope::Base, "(objectClass=*)", &["supportedLDAPVersion"], &[]);
    let mut version_3 = over_tcp4(GATEWAY);
    version_3[12] = 0x31;
    let unusable: [(&str, Vec<u8>); 7] = [
        ("no header", search),
        ("version 1", b"PROXY TCP4 192.0.2.7 192.0.2.1 49152 389\r\n".to_vec()),
        ("version 3", version_3),
        ("a UNIX socket", header(PROXY, 0x31, &[b'x'; 216])),
        ("no address", header(PROXY, 0x00, &[])),
        ("an address that is cut", header(PROXY, 0x11, &GATEWAY.octets())),
        ("one that is too long", header(PROXY, 0x11, &too_long)),
    ];
    let counted = "vestibule_ldap_connections_refused_total{reason=\"proxy_header\"}";
    for (number, (what, bytes)) in unusable.into_iter().enumerate() {
        let mut stream = Ldap::connect_from(BALANCER, appliance.ldap_addr).await;
        // It may close while we still write.
        let _ = stream.try_send(&bytes).await;
        assert_eq!(stream.frame().await, None, "{what} is answered by a close");
        appliance.log().await_count(number + 1, &["127.0.11.40", "without a usable PROXY header"]).await;
    }
    eventually("all are counted", async || appliance.metric(counted).await >= 7.0).await;
    assert!((appliance.metric(counted).await - 7.0).abs() < 0.5);
}

#[tokio::test]
async fn a_balancer_that_sends_no_header_is_not_waited_for_any_longer_than_for_a_handshake() {
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).set("ldap.handshake_timeout", "\"1s\"").await;
    let mut stream = socket_from(BALANCER, appliance.ldap_addr).await.unwrap();
    let mut rest = vec![];
    let _ = in_time("the end of the connection", stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
    appliance.log().await_line(&["127.0.11.40", "no PROXY header in time"]).await;
}

#[tokio::test]
async fn r15_a_header_from_a_peer_that_is_no_trusted_balancer_is_no_ldap_and_moves_nobody() {
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).client(client_at("other", "127.0.11.41/32")).await;
    // A client of ours that would rather be another one.
    let mut liar = Ldap::connect_from([127, 0, 11, 41], appliance.ldap_addr).await;
    liar.send(&over_tcp4(GATEWAY)).await;
    assert_eq!(liar.goodbye().await.map(|(code, _)| code), Some(2));
    appliance.log().await_line(&["\"127.0.11.41\"", "not an LDAP message"]).await;
    // A stranger who would like to be a client.
    let mut liar = Ldap::connect_from([127, 0, 11, 42], appliance.ldap_addr).await;
    liar.send(&over_tcp4(GATEWAY)).await;
    assert_eq!(liar.frame().await, None, "closed");
    appliance.log().await_line(&["127.0.11.42", "address of no client"]).await;
}

#[tokio::test]
async fn a_balancers_own_health_check_speaks_for_the_balancer() {
    let slapd = openldap();
    let appliance = behind_a_balancer(&slapd).await;
    let local = header(LOCAL, 0x00, &[]);
    let mut probe = through_the_balancer(&appliance, &local).await;
    assert_eq!(probe.search("", Scope::Base, "(objectClass=*)").await.code, 53, "a balancer is no client by itself");

    let appliance = behind_a_balancer(&slapd).client(client_at("balancer", "127.0.11.40/32")).await;
    let mut probe = through_the_balancer(&appliance, &local).await;
    assert_eq!(probe.search("", Scope::Base, "(objectClass=*)").await.code, 0);
    // What addresses such a header holds all the same is of no meaning.
    let addressed = header(LOCAL, 0x11, &[&GATEWAY.octets()[..], &[192, 0, 2, 1], &ports()].concat());
    let mut probe = through_the_balancer(&appliance, &addressed).await;
    assert_eq!(probe.bind(&slapd.service_dn, &slapd.service_password).await, answer(0));
    let user = appliance.person("user0001");
    assert_eq!(probe.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    let events = appliance.events("sign-in").await;
    assert_eq!((&events[0]["client_name"], &events[0]["source"]), (&"balancer".into(), &"127.0.11.40".into()));
}
