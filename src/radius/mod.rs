//! The RADIUS door: finds the client a packet is from, and answers each request once, however often it is asked.
//!
//! ```text
//! listener     UDP sockets, limits; where packets come in
//!   socket       one socket, which answers from the address that was asked
//! radsec       the same requests over TLS (RFC 6614)
//! desk         a packet's way from its bytes to its answer
//!   admit        whose request it is, and whether it is to be believed
//!   answers      what is under way and what was answered: resends
//!   access       Access-Request → sign-in → answer
//!     relay        first factors that an upstream server checks
//!   accounting   Accounting-Request → record → answer
//!   whereabouts  what a request says of the person and the gateway
//! reply        outcomes and faults as answers; the only file that knows their codes
//! ```

mod access;
mod accounting;
mod admit;
mod answers;
mod desk;
pub mod listener;
mod radsec;
mod relay;
mod reply;
mod seldom;
mod socket;
mod whereabouts;

pub use desk::House;
pub use listener::{Door, ListenFault};
