//! The LDAP door: accepts, finds the client, reads one message at a time; binds are sign-ins, everything else is
//! relayed byte for byte.
//!
//! ```text
//! listener   sockets, limits, PROXY protocol, TLS, whose address it is
//! session    one connection: what each message is, StartTLS, drain
//!   bind       BindRequest → sign-in → answer
//!   relay      both directions between binds, untouched
//! reply      outcomes and faults as LDAP results; the only file that knows result codes
//! stream     the client's connection, plain or TLS
//! ```

mod bind;
pub mod listener;
mod relay;
mod reply;
mod session;
mod stream;

pub use listener::{Door, ListenFault};
