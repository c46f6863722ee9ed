//! HMAC-SHA256 (RFC 2104) under our own 32-byte keys.

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

/// A code in the making.
pub fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104 §2 pads a short key with zeros to the block; doing so here leaves no length that could be refused.
    let mut block = [0; 64];
    for (at, byte) in block.iter_mut().zip(key) {
        *at = *byte;
    }
    Hmac::new(&block.into())
}
