//! The mail server that takes our mail, and what we call ourselves to it.

use std::time::Duration;

use super::Address;
use crate::domain::secret::Password;

/// How the connection is kept from being read and forged. The certificate is always checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte on (RFC 8314 §3.3).
    Tls,
    /// After STARTTLS (RFC 3207), which the server must offer.
    StartTls,
    /// Not at all; for a server on this machine. No password is sent.
    None,
}

impl Security {
    pub const ALL: [Self; 3] = [Self::Tls, Self::StartTls, Self::None];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }

    /// RFC 8314 §7.3, RFC 6409 §3.1, RFC 5321 §4.5.4.2.
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

/// An account at the mail server.
#[derive(Clone)]
pub struct Login {
    pub user: String,
    pub password: Password,
}

#[derive(Clone)]
pub struct MailServer {
    /// A host name or address; with TLS the name its certificate must have.
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Never with [`Security::None`].
    pub login: Option<Login>,
    pub from: Address,
    /// Shown before the address.
    pub from_name: Option<String>,
    pub reply_to: Option<Address>,
    /// PEM certificates believed instead of the system's.
    pub ca_pem: Option<String>,
    /// What we call ourselves (RFC 5321 §4.1.1.1).
    pub ehlo: String,
    /// How long each step waits.
    pub timeout: Duration,
}

impl MailServer {
    /// Host and port, an IPv6 address in brackets.
    pub fn address(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }
}
