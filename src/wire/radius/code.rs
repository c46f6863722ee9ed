//! What a packet is for: the first octet.

/// RFC 2865 §4.1.
pub const ACCESS_REQUEST: u8 = 1;
/// RFC 2865 §4.2.
pub const ACCESS_ACCEPT: u8 = 2;
/// RFC 2865 §4.3.
pub const ACCESS_REJECT: u8 = 3;
/// RFC 2866 §4.1.
pub const ACCOUNTING_REQUEST: u8 = 4;
/// RFC 2866 §4.2.
pub const ACCOUNTING_RESPONSE: u8 = 5;
/// RFC 2865 §4.4.
pub const ACCESS_CHALLENGE: u8 = 11;
/// RFC 5997 §3.
pub const STATUS_SERVER: u8 = 12;
/// RFC 5176 §2.1.
pub const DISCONNECT_REQUEST: u8 = 40;
/// RFC 5176 §2.2.
pub const COA_REQUEST: u8 = 43;
/// RFC 7930 §4.
pub const PROTOCOL_ERROR: u8 = 52;
