//! Why no upstream server could be asked: which one, and what to do about it. Never a word about a password: "no" is an answer.

use std::time::Duration;

use crate::wire::radius::BuildFault;
use crate::wire::radius::hidden::HiddenFault;

use super::socket::Discard;

/// Each says in one sentence who failed and, where we know, what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFault {
    #[error("none of the upstream servers is known ({names}); `vestibule upstream list` shows those that are")]
    NoServer { names: String },
    #[error("the name of upstream server {server} cannot be resolved ({reason}); check the name and DNS")]
    Resolve { server: String, reason: String },
    #[error("upstream server {server} is at a link-local address, which is never connected to")]
    LinkLocal { server: String },
    #[error("no socket to upstream server {server}: {reason}")]
    Socket { server: String, reason: String },
    #[error("nobody listens at upstream server {server}; check that it runs, and its port")]
    Refused { server: String },
    #[error("upstream server {server} did not answer within {waited:?}; check that it runs and knows us as a client")]
    NoAnswer { server: String, waited: Duration },
    #[error("upstream server {server} gave no answer that counts within {waited:?}: {last}")]
    Discarded { server: String, waited: Duration, last: Discard },
    #[error("upstream server {server} has {limit} requests under way, and no more are sent")]
    Busy { server: String, limit: usize },
    #[error("no upstream server answered; the last: {last}")]
    AllDown { last: String },
    #[error("the request cannot be passed on: {0}")]
    Build(#[from] BuildFault),
    #[error("the password cannot be passed on: {0}")]
    Password(#[from] HiddenFault),
}

impl UpstreamFault {
    /// Would be the same with any server.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Build(_) | Self::Password(_))
    }

    /// Does it say that the server is not well? One that had less than its own time-out to answer has shown nothing.
    pub(super) fn is_sign_of_illness(&self, timeout: Duration) -> bool {
        match self {
            Self::Resolve { .. } | Self::LinkLocal { .. } | Self::Socket { .. } | Self::Refused { .. } => true,
            Self::NoAnswer { waited, .. } | Self::Discarded { waited, .. } => *waited >= timeout,
            Self::NoServer { .. } | Self::Busy { .. } | Self::AllDown { .. } | Self::Build(_) | Self::Password(_) => {
                false
            }
        }
    }
}
