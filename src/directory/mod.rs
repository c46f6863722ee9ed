//! The client of upstream directories: binds on connections of their own, searches through a few shared ones, and
//! fail-over between servers. It reports what a directory said; what that means for a sign-in is decided above.
//!
//! ```text
//! client    which server next, within one deadline          Verdict or DirectoryFault
//!   bind      one bind on one connection                     service   searches on shared connections
//!   password  a change, bound as ourselves or the owner
//!   warm      never-bound connections kept ready               line      one of them      account  bound as ourselves
//!   peer      one server: addresses, health, its probe       search    what is asked, what counts as whole
//!     connect   TCP, TLS, StartTLS      trust  certificates  direct    one search at a time on its own connection:
//!                                                                      paged, examine (`directory test`),
//!                                                                      changes (what is new since)
//! ```
//!
//! Three rules hold everywhere: a connection is bound at most once, TLS is verified or not spoken at all, and a fault
//! is never a verdict.

use std::pin::Pin;

mod account;
mod bind;
pub mod changes;
mod client;
mod connect;
mod direct;
mod examine;
mod fault;
mod health;
mod line;
mod paged;
mod password;
mod peer;
mod ranges;
mod search;
mod service;
mod trust;
mod upstream;
mod warm;

pub use bind::{Verdict, is_invalid_credentials};
pub use client::DirectoryClient;
pub use examine::TestStep;
pub use fault::{DirectoryFault, Step};
pub use health::ServerHealth;
pub use paged::{Pages, Session};
pub use search::Search;
pub use upstream::{Upstream, UpstreamStream};

/// Who runs what goes on in the background (probes, refills, shared connections). Each future ends by itself soon
/// after the last handle of its [`DirectoryClient`] is gone.
pub trait Spawn: Send + Sync {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>);
}
