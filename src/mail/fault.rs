//! Why a mail was not taken, by whose fault.

use std::error::Error as _;
use std::time::Duration;

use lettre::transport::smtp::Error;

use crate::domain::mail::outbox::Blame;
use crate::domain::mail::server::MailServer;

/// Most of a server's words that are kept, in characters.
const MOST_WORDS: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    #[error("the CA certificate for the mail server cannot be used: {why}")]
    Ca { why: String },
    #[error("the mail server's name {host:?} was not found: {why}")]
    Resolve { host: String, why: String },
    #[error("mail server {server} cannot be reached: {why}")]
    Unreachable { server: String, why: String },
    #[error("mail server {server} is not believed: {why}")]
    Tls { server: String, why: String },
    #[error(
        "mail server {server} does not offer STARTTLS, so nothing was sent; use --security tls if it expects TLS from the \
         first byte"
    )]
    NoStartTls { server: String },
    #[error("mail server {server} does not let us in: {why}")]
    Login { server: String, why: String },
    #[error("mail server {server} did not answer within {limit:?} ({step})")]
    Timeout { server: String, step: &'static str, limit: Duration },
    /// In the middle of it.
    #[error("the connection to mail server {server} broke off: {why}")]
    Broken { server: String, why: String },
    /// RFC 5321 §4.2.1: 4yz, or something of ours that another try may heal.
    #[error("the mail server said {words:?}, and may take it later")]
    Later { words: String },
    /// 5yz, or a mail that cannot be sent to this server at all.
    #[error("the mail server refused it: {words}")]
    Refused { words: String },
}

impl MailFault {
    /// `None` where no further try would help.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::Ca { .. }
            | Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::NoStartTls { .. }
            | Self::Login { .. }
            | Self::Timeout { .. }
            | Self::Broken { .. } => Some(Blame::Server),
            Self::Later { .. } => Some(Blame::Mail),
            Self::Refused { .. } => None,
        }
    }

    /// Where on the way it happened, for whoever sets the server up.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Ca { .. } | Self::Tls { .. } | Self::NoStartTls { .. } => "tls",
            Self::Resolve { .. } => "resolve",
            Self::Unreachable { .. } => "connect",
            Self::Login { .. } => "login",
            Self::Timeout { step, .. } => step,
            Self::Broken { .. } | Self::Later { .. } | Self::Refused { .. } => "accepted",
        }
    }

    pub(super) fn timeout(server: &MailServer, step: &'static str) -> Self {
        Self::Timeout { server: server.address(), step, limit: server.timeout }
    }

    pub(super) fn connecting(server: &MailServer, error: &Error) -> Self {
        let (server, why) = (server.address(), why(error));
        if is_tls(error) { Self::Tls { server, why } } else { Self::Unreachable { server, why } }
    }

    pub(super) fn login(server: &MailServer, error: &Error) -> Self {
        Self::Login { server: server.address(), why: why(error) }
    }

    pub(super) fn sending(server: &MailServer, error: &Error) -> Self {
        let (server, why) = (server.address(), why(error));
        let code = error.status().map(u16::from);
        match code {
            // It goes away (RFC 5321 §3.8), or wants another login (RFC 4954 §6): that concerns all mails.
            Some(421 | 454) => Self::Unreachable { server, why },
            Some(530 | 534 | 535 | 538) => Self::Login { server, why },
            Some(400..=499) => Self::Later { words: why },
            Some(_) => Self::Refused { words: why },
            // It cannot take an address with letters beyond ASCII (RFC 6531), for one.
            None if error.is_client() => Self::Refused { words: why },
            None => Self::Broken { server, why },
        }
    }
}

/// The server's code and words, or what the library knows.
fn why(error: &Error) -> String {
    let source = error.source().map(ToString::to_string);
    shown(&match (error.status(), source) {
        (Some(code), Some(words)) => format!("{code} {words}"),
        (Some(code), None) => code.to_string(),
        (None, Some(words)) if !words.is_empty() => words,
        (None, _) => error.to_string(),
    })
}

/// What a server says, on one line and not too long.
pub(super) fn shown(words: &str) -> String {
    let line = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    line.take(MOST_WORDS).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_tls(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<rustls::Error>() {
            return true;
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && let Some(inner) = io.get_ref()
            && inner.is::<rustls::Error>()
        {
            return true;
        }
        source = inner.source();
    }
    error.is_tls()
}
