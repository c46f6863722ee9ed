//! LDAP and RADIUS on the wire: bytes to messages and back (RFC 4511 §5.1, RFC 2865 §3). Pure, bounded and fuzzed; knows no
//! socket, no policy. Both the doors that gateways speak to and the clients that speak to servers behind us stand on it.

pub mod ber;
pub mod changes;
pub mod filter;
pub mod frame;
pub mod message;
pub mod password;
pub mod radius;
