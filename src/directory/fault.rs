//! Why a directory could not be asked: which server, at which step, within which limit. Never a word about a password:
//! "no" is a [`Verdict`](super::Verdict), "we could not tell" is one of these.

use std::time::Duration;

use crate::domain::directory::Server;

/// What was being done with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Waiting for one of the bounded number of connection attempts.
    Queue,
    Resolve,
    Connect,
    StartTls,
    Tls,
    Bind,
    Search,
    /// It was asked to change a password; without its answer nobody knows whether it has.
    PasswordChange,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a free connection attempt",
            Self::Resolve => "resolving its name",
            Self::Connect => "connecting",
            Self::StartTls => "asking for StartTLS",
            Self::Tls => "the TLS handshake",
            Self::Bind => "the bind",
            Self::Search => "a search",
            Self::PasswordChange => "a password change",
        })
    }
}

/// Each says in one sentence who failed and, where we know, what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    #[error("the name of directory server {server} cannot be resolved ({reason}); check the name and DNS")]
    Resolve { server: Server, reason: String },
    #[error(
        "directory server {server} cannot be reached: {reason}; check that it runs, and what lies on the way to its port"
    )]
    Connect { server: Server, reason: String },
    #[error(
        "directory server {server} failed the TLS handshake, nothing was sent to it: {reason}; check its certificate, and the \
         CA certificates that the directory trusts"
    )]
    Tls { server: Server, reason: String },
    #[error(
        "directory server {server} refused StartTLS (result code {code} {diagnostic:?}), nothing was sent to it; allow \
         StartTLS there or use ldaps"
    )]
    StartTlsRefused { server: Server, code: u32, diagnostic: String },
    #[error("directory server {server} closed the connection during {step}; look in its log for the reason")]
    Closed { server: Server, step: Step },
    #[error("directory server {server} did not finish {step} within {limit:?}; check its load and the network")]
    Timeout { server: Server, step: Step, limit: Duration },
    #[error("directory server {server} does not keep to LDAP: {what}; check that its port is one for LDAP")]
    Protocol { server: Server, what: String },
    #[error(
        "directory server {server} cannot answer now (result code {code} {diagnostic:?}); look in its log for the reason"
    )]
    Unavailable { server: Server, code: u32, diagnostic: String },
    #[error(
        "directory server {server} gave only part of a search result ({what}), so none of it is used; check its limits for \
         our account, and the base"
    )]
    Incomplete { server: Server, what: String },
    #[error(
        "directory server {server} refused our own account (result code {code} {diagnostic:?}); check the bind DN and \
         its password, and whether the account is locked"
    )]
    ServiceBind { server: Server, code: u32, diagnostic: String },
    #[error("no server of directory {directory:?} answered; the last: {last}")]
    AllDown { directory: String, last: String },
    #[error("directory {directory:?} has too many searches waiting (limit {limit})")]
    Busy { directory: String, limit: usize },
    #[error("the CA certificates of directory {directory:?} cannot be used: {reason}")]
    Ca { directory: String, reason: String },
    #[error("directory {directory:?} cannot be used: {reason}")]
    Settings { directory: String, reason: String },
    #[error(
        "directory {directory:?} has no server that is reached over TLS, and passwords are changed over nothing else; give it \
         ldaps:// servers, or ldap:// ones without --allow-plaintext"
    )]
    NoTls { directory: String },
    #[error("nothing was sent to the directory: {what}")]
    NotSent { what: &'static str },
}

impl DirectoryFault {
    /// A metric label: the part that failed.
    pub fn part(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "resolve",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::StartTlsRefused { .. } => "start_tls",
            Self::Closed { .. } => "closed",
            Self::Timeout { .. } => "timeout",
            Self::Protocol { .. } => "protocol",
            Self::Unavailable { .. } => "unavailable",
            Self::Incomplete { .. } => "incomplete",
            Self::ServiceBind { .. } => "service_bind",
            Self::AllDown { .. } => "all_down",
            Self::Busy { .. } => "busy",
            Self::Ca { .. } => "ca",
            Self::Settings { .. } => "settings",
            Self::NoTls { .. } => "no_tls",
            Self::NotSent { .. } => "not_sent",
        }
    }

    /// Whether the server is to blame and should be passed over for a while.
    pub(super) fn blames_server(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::StartTlsRefused { .. }
            | Self::Closed { .. }
            | Self::Protocol { .. } => true,
            // Given less time than this, the caller was late, not the server.
            Self::Timeout { step, limit, .. } => *step != Step::Queue && *limit >= FAIR_WAIT,
            // Other codes depend on what was asked; a client must not be able to talk a server down with them.
            Self::Unavailable { code, .. } => matches!(*code, BUSY | UNAVAILABLE),
            Self::Incomplete { .. }
            | Self::ServiceBind { .. }
            | Self::AllDown { .. }
            | Self::Busy { .. }
            | Self::Ca { .. }
            | Self::Settings { .. }
            | Self::NoTls { .. }
            | Self::NotSent { .. } => false,
        }
    }

    /// Whether another server may know better.
    pub(super) fn may_succeed_elsewhere(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::StartTlsRefused { .. }
            | Self::Closed { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. }
            | Self::Unavailable { .. } => true,
            Self::Incomplete { .. }
            | Self::ServiceBind { .. }
            | Self::AllDown { .. }
            | Self::Busy { .. }
            | Self::Ca { .. }
            | Self::Settings { .. }
            | Self::NoTls { .. }
            | Self::NotSent { .. } => false,
        }
    }
}

/// The shortest wait that says something about the server.
pub(super) const FAIR_WAIT: Duration = Duration::from_millis(200);

/// RFC 4511 §4.1.9.
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
