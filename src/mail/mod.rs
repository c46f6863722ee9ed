//! The client of the mail server (RFC 5321, RFC 6409): connects, makes sure that it is the right server, signs in, hands over.
//! What mails say and when they are tried is decided above.
//!
//! Each step waits for the server's timeout and no longer. With TLS, chain and name are always verified; there is no switch
//! for it. A password is sent under TLS only.

mod fault;
mod message;

pub use fault::MailFault;
pub use message::{Letter, Prepared, prepare};

use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use crate::domain::mail::server::{MailServer, Security};

/// One step of reaching the server, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: &'static str,
    pub seen: String,
}

/// A connection that takes mail.
pub struct Connection {
    inner: AsyncSmtpConnection,
    server: MailServer,
}

impl Connection {
    /// Connects, secures and signs in; `step` hears of each step that went well.
    pub async fn open(server: &MailServer, mut step: impl FnMut(Step)) -> Result<Self, MailFault> {
        let mut told = |name, seen: String| step(Step { name, seen });
        let addresses = resolve(server).await?;
        told("resolve", addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", "));
        let hello = hello(&server.ehlo);
        let tls = match server.security {
            Security::Tls | Security::StartTls => Some(tls(server)?),
            Security::None => None,
        };
        let at_once = tls.clone().filter(|_| server.security == Security::Tls);
        let connect =
            AsyncSmtpConnection::connect_tokio1(addresses.as_slice(), Some(server.timeout), &hello, at_once, None);
        let mut inner = within(server, "connect", connect, MailFault::connecting).await?;
        told("connect", format!("{} says it is {}", server.address(), inner.server_info().name()));
        match (server.security, tls) {
            (Security::StartTls, Some(tls)) => {
                if !inner.can_starttls() {
                    return Err(MailFault::NoStartTls { server: server.address() });
                }
                within(server, "tls", inner.starttls(tls, &hello), MailFault::connecting).await?;
                told("tls", format!("STARTTLS; the certificate is that of {}", server.host));
            }
            (Security::Tls, _) => {
                told("tls", format!("from the first byte; the certificate is that of {}", server.host));
            }
            (Security::StartTls | Security::None, _) => {}
        }
        if let Some(login) = &server.login {
            let password = String::from_utf8_lossy(login.password.expose()).into_owned();
            let credentials = Credentials::new(login.user.clone(), password);
            let sign_in = inner.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            let response = within(server, "login", sign_in, MailFault::login).await?;
            told("login", words(&response));
        }
        Ok(Self { inner, server: server.clone() })
    }

    /// Hands over one mail; the server's words when it took it. After a fault the connection is over.
    pub async fn send(&mut self, mail: &Prepared) -> Result<String, MailFault> {
        let send = self.inner.send(&mail.envelope, &mail.bytes);
        let response = within(&self.server, "accepted", send, MailFault::sending).await?;
        Ok(words(&response))
    }

    /// Says goodbye. That nobody answers is of no interest any more.
    pub async fn close(mut self) {
        let _ = timeout(self.server.timeout, self.inner.quit()).await;
    }
}

async fn resolve(server: &MailServer) -> Result<Vec<SocketAddr>, MailFault> {
    let fault = |why: String| MailFault::Resolve { host: server.host.clone(), why };
    let found = timeout(server.timeout, tokio::net::lookup_host((server.host.as_str(), server.port))).await;
    let found = found.map_err(|_| MailFault::timeout(server, "resolve"))?;
    let found: Vec<SocketAddr> = found.map_err(|error| fault(error.to_string()))?.take(MOST_ADDRESSES).collect();
    if found.is_empty() { Err(fault("the name has no address".to_owned())) } else { Ok(found) }
}

/// Each of them may take the whole timeout.
const MOST_ADDRESSES: usize = 4;

/// Believed: the server's own CA and no other where one is given, else the system's.
fn tls(server: &MailServer) -> Result<TlsParameters, MailFault> {
    let fault = |error: lettre::transport::smtp::Error| MailFault::Ca { why: error.to_string() };
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(pem) = &server.ca_pem {
        builder = builder.certificate_store(CertificateStore::None);
        builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(fault)?);
    }
    builder.build().map_err(fault)
}

fn hello(ehlo: &str) -> ClientId {
    match ehlo.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(ehlo.to_owned()),
    }
}

async fn within<T>(
    server: &MailServer,
    step: &'static str,
    work: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    fault: fn(&MailServer, &lettre::transport::smtp::Error) -> MailFault,
) -> Result<T, MailFault> {
    // Connecting tries each address for as long, and then waits for the greeting.
    let limit = server.timeout * if step == "connect" { u32::try_from(MOST_ADDRESSES + 1).unwrap_or(1) } else { 1 };
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| fault(server, &error)),
        Err(_) => Err(MailFault::timeout(server, step)),
    }
}

fn words(response: &Response) -> String {
    let said = response.message().collect::<Vec<_>>().join(" ");
    fault::shown(&format!("{} {said}", response.code()))
}
