//! LDAP on the wire: bytes to messages and back (RFC 4511 §5.1). Pure, bounded and fuzzed; knows no socket, no policy.
//! Both the door that gateways speak to and the client that speaks to directories stand on it.

pub mod ber;
pub mod changes;
pub mod filter;
pub mod frame;
pub mod message;
pub mod password;
