//! A RADIUS server behind us, which checks first factors.

use std::time::Duration;

use crate::domain::secret::SharedSecret;

/// Where it is and how it is asked.
#[derive(Clone)]
pub struct UpstreamServer {
    pub name: String,
    /// A host name or address.
    pub host: String,
    pub port: u16,
    pub secret: SharedSecret,
    /// How long one try waits for an answer.
    pub timeout: Duration,
    /// How often the same request is sent before another server is asked; at least 1.
    pub tries: u32,
    /// Drop answers without a Message-Authenticator (CVE-2024-3596). Off only for servers that cannot send it.
    pub require_message_authenticator: bool,
}

impl UpstreamServer {
    /// Host and port, an IPv6 address in brackets.
    pub fn address(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }

    /// Named one by one, so that a new setting cannot be forgotten: the build stops here.
    pub fn same_as(&self, other: &Self) -> bool {
        let Self { name, host, port, secret, timeout, tries, require_message_authenticator } = self;
        *name == other.name
            && *host == other.host
            && *port == other.port
            && secret.same_as(other.secret.expose())
            && *timeout == other.timeout
            && *tries == other.tries
            && *require_message_authenticator == other.require_message_authenticator
    }
}
