//! RADIUS packets as bytes and back (RFC 2865 §3). Pure and bounded; what an attribute means for a sign-in, and which packets are
//! answered at all, is decided elsewhere.

pub mod attribute;
mod authenticator;
mod build;
pub mod code;
pub mod hidden;
mod packet;
#[cfg(test)]
mod tests;

pub use authenticator::Presence;
pub use build::{BuildFault, Reply, Request};
pub use packet::{Attribute, MAX_LENGTH, MAX_VALUE, Packet, PacketFault};

/// Where the attributes begin: code, identifier, length (two octets) and authenticator lie before them.
const HEADER: usize = 20;
