//! Reaching the mail server: what is believed, what is sent to whom, and what is said when it does not work.

use std::time::Duration;

use vestibule::domain::mail::notice::What;
use vestibule::domain::mail::server::{Login, Security};
use vestibule::domain::secret::Password;
use vestibule::flows::mail::Pass;
use vestibule::mail::MailFault;

use super::support::slapd::free_port;
use super::support::smtp::MailPeer;
use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives_over_starttls_with_its_headers_and_both_parts() {
    let peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    let anna = world.person("Anna", "anna@example.test", "de-AT").await;
    world.queue(anna.id, What::RecoveryCodeUsed { left: 3 }).await;
    world.queue(anna.id, What::PasswordChanged).await;
    assert_eq!(world.deliver().await, Pass::Done { tried: 2 });
    let inbox = peer.inbox();
    let mail = &inbox[0];
    assert_eq!((mail["secure"].as_bool(), mail["ehlo"].as_str()), (Some(true), Some("vestibule.example.test")));
    assert_eq!(mail["defects"].as_array().unwrap().len(), 0, "{mail}");
    let header = |name: &str| mail["headers"][name].as_str().unwrap().to_owned();
    assert_eq!(header("From"), "\"Anmeldung – IT\" <mfa@example.test>".replace('"', ""));
    assert_eq!(header("To"), "anna@example.test");
    assert_eq!(header("Subject"), "Einer Ihrer Wiederherstellungscodes wurde benutzt");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    let text = mail["parts"]["text/plain"].as_str().unwrap();
    assert!(text.contains("Anna") && text.contains('3') && text.contains("(UTC+00:00)"), "{text}");
    let html = mail["parts"]["text/html"].as_str().unwrap();
    assert!(html.contains("https://mfa.example.test/security/not-me"), "{html}");
    assert_eq!(inbox[0]["connection"], inbox[1]["connection"], "one connection for both");
    assert!(world.waiting().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn r47_whatever_a_name_is_made_of_the_mail_has_our_headers_and_no_others() {
    let peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    let names =
        ["Anna\r\nBcc: eve@example.test\r\n\r\nhi", "<script>alert(1)</script>", "\u{202e}ליאת", "🦊 \"x\" & co"];
    for name in names {
        let person = world.person(name, "anna@example.test", "en").await;
        world.queue(person.id, What::PasswordChanged).await;
    }
    world.deliver().await;
    let inbox = peer.inbox();
    assert_eq!(inbox.len(), names.len());
    for mail in &inbox {
        assert_eq!(mail["to"], serde_json::json!(["anna@example.test"]));
        assert_eq!(mail["names"], inbox[0]["names"], "{mail}");
        assert!(mail["headers"].get("Bcc").is_none());
        assert!(!mail["parts"]["text/html"].as_str().unwrap().contains("<script>"));
    }
    assert!(inbox[2]["parts"]["text/plain"].as_str().unwrap().contains("\u{2068}ליאת\u{2069}"));
    assert!(inbox[3]["parts"]["text/html"].as_str().unwrap().contains('🦊'));
}

/// What is said of a server that does not work, and that the mail waits.
async fn down(peer: &MailPeer, change: impl FnOnce(&mut vestibule::domain::mail::server::MailServer)) -> MailFault {
    let mut server = peer.server();
    server.timeout = Duration::from_secs(2);
    change(&mut server);
    let world = World::with(&server).await;
    let anna = world.person("Anna", "anna@example.test", "en").await;
    world.queue(anna.id, What::PasswordChanged).await;
    let Pass::ServerDown(fault) = world.deliver().await else { panic!("the server works") };
    let waiting = world.waiting().await;
    assert_eq!((waiting[0].status.as_str(), waiting[0].tries), ("queued", 1));
    assert_eq!(waiting[0].last_error.as_deref(), Some(fault.to_string().as_str()));
    assert!(peer.inbox().is_empty());
    fault
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_wrong_certificate_is_not_believed_and_gets_no_password() {
    let peer = MailPeer::start().await;
    let other = MailPeer::start().await;
    let fault = down(&peer, |server| server.ca_pem = Some(other.ca_pem.clone())).await;
    assert!(matches!(fault, MailFault::Tls { .. }), "{fault:?}");
    let fault = down(&peer, |server| server.ca_pem = None).await;
    assert!(matches!(fault, MailFault::Tls { .. }), "not the system's either: {fault:?}");
    // The right CA, and another name than the certificate's.
    let fault = down(&peer, |server| server.host = "127.0.0.1".into()).await;
    assert!(matches!(fault, MailFault::Tls { .. }), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_a_silent_server_and_one_that_is_not_there_are_told_apart() {
    let peer = MailPeer::start().await;
    let fault = down(&peer, |server| {
        server.login = Some(Login { user: "vestibule".into(), password: Password::new(*b"wrong") });
    })
    .await;
    assert!(matches!(&fault, MailFault::Login { why, .. } if why.contains("535")), "{fault:?}");
    let fault = down(&peer, |server| server.login = None).await;
    assert!(matches!(fault, MailFault::Login { .. }), "it wants a login: {fault:?}");
    let nobody = free_port("127.0.0.1".parse().unwrap()).port();
    let fault = down(&peer, |server| server.port = nobody).await;
    assert!(matches!(fault, MailFault::Unreachable { .. }), "{fault:?}");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let fault = down(&peer, |server| {
        server.port = port;
        server.timeout = Duration::from_secs(1);
    })
    .await;
    assert!(matches!(fault, MailFault::Timeout { step: "connect", .. }), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_starttls_nothing_is_sent_and_tls_from_the_first_byte_needs_a_server_that_speaks_it() {
    let peer = MailPeer::start().await;
    let bare = bare_server().await;
    let fault = down(&peer, |server| server.port = bare).await;
    assert!(matches!(fault, MailFault::NoStartTls { .. }), "{fault:?}");
    let fault = down(&peer, |server| server.security = Security::Tls).await;
    assert!(matches!(fault, MailFault::Tls { .. }), "{fault:?}");
}

/// A server that greets, and offers nothing.
async fn bare_server() -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::runtime::Handle::current().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 bare\r\n").await;
            let mut said = [0; 512];
            while stream.read(&mut said).await.is_ok_and(|read| read > 0) {
                assert!(!said.starts_with(b"AUTH") && !said.starts_with(b"MAIL"), "something was sent");
                let _ = stream.write_all(b"250 bare\r\n").await;
            }
        }
    });
    port
}
