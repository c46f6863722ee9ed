//! Who wrote a packet: Request and Response Authenticators (RFC 2865 §3, RFC 2866 §3) and the Message-Authenticator (RFC 3579
//! §3.2). All comparisons take the same time whatever differs.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::domain::secret::SharedSecret;

use super::{Packet, attribute, code};

/// Whether a packet carries a Message-Authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There is none.
    Absent,
    Right,
    /// It is not that of this packet under this secret, is not 16 octets long, or there are several.
    Wrong,
}

impl Packet {
    /// Checks the Message-Authenticator. For an answer, `request` is the authenticator of the request it answers; for a request it
    /// is `None`: then the packet's own stands in place, or zeros where it is computed over the packet (RFC 5176 §2.3).
    pub fn message_authenticator(&self, secret: &SharedSecret, request: Option<&[u8; 16]>) -> Presence {
        let mut claimed = self.all(attribute::MESSAGE_AUTHENTICATOR);
        let Some(value) = claimed.next() else { return Presence::Absent };
        if claimed.next().is_some() || value.len() != 16 {
            return Presence::Wrong;
        }
        let in_place =
            request.unwrap_or(if has_computed_authenticator(self.code()) { &[0; 16] } else { self.authenticator() });
        let mut hmac = keyed(secret);
        hmac.update(self.head());
        hmac.update(in_place);
        for field in self.attributes() {
            let length = u8::try_from(field.value.len() + 2).unwrap_or_default();
            hmac.update(&[field.kind, length]);
            let is_itself = field.kind == attribute::MESSAGE_AUTHENTICATOR;
            hmac.update(if is_itself { &[0; 16] } else { field.value });
        }
        if hmac.finalize().as_bytes().as_slice().ct_eq(value).into() { Presence::Right } else { Presence::Wrong }
    }

    /// RFC 3579 §3.2: EAP without a right Message-Authenticator is silently discarded.
    pub fn has_eap(&self) -> bool {
        self.first(attribute::EAP_MESSAGE).is_some()
    }

    /// Whether the Request Authenticator of an Accounting-Request is right (RFC 2866 §3).
    pub fn is_authentic_accounting(&self, secret: &SharedSecret) -> bool {
        self.has_authenticator(&[0; 16], secret)
    }

    /// Whether this answers `request`: identifier and Response Authenticator (RFC 2865 §3).
    pub fn is_response_to(&self, request: &Packet, secret: &SharedSecret) -> bool {
        self.identifier() == request.identifier() && self.has_authenticator(request.authenticator(), secret)
    }

    fn has_authenticator(&self, in_place: &[u8; 16], secret: &SharedSecret) -> bool {
        let right = digest(&[self.head(), in_place, self.attribute_bytes(), secret.expose()]);
        right.ct_eq(self.authenticator()).into()
    }

    /// Code, identifier and length.
    fn head(&self) -> &[u8] {
        self.bytes().get(..4).unwrap_or_default()
    }
}

/// Requests whose Request Authenticator is a digest of the packet (RFC 2866 §3, RFC 5176 §2.3).
pub(super) fn has_computed_authenticator(kind: u8) -> bool {
    matches!(kind, code::ACCOUNTING_REQUEST | code::DISCONNECT_REQUEST | code::COA_REQUEST)
}

/// The Message-Authenticator of a packet whose authenticator is in place and whose own Message-Authenticator is zero.
pub(super) fn sign(bytes: &[u8], secret: &SharedSecret) -> [u8; 16] {
    let mut hmac = keyed(secret);
    hmac.update(bytes);
    hmac.finalize().into_bytes().into()
}

/// Request or Response Authenticator of a packet whose authenticator is in place.
pub(super) fn over(bytes: &[u8], secret: &SharedSecret) -> [u8; 16] {
    digest(&[bytes, secret.expose()])
}

pub(super) fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    md5.finalize().into()
}

/// HMAC-MD5. RFC 2104 §2 pads a short key with zeros to the block and hashes a long one; doing so here leaves no length that
/// could be refused.
fn keyed(secret: &SharedSecret) -> Hmac<Md5> {
    let mut block = zeroize::Zeroizing::new([0; 64]);
    let hashed;
    let key = if secret.expose().len() > block.len() {
        hashed = digest(&[secret.expose()]);
        &hashed[..]
    } else {
        secret.expose()
    };
    for (at, byte) in block.iter_mut().zip(key) {
        *at = *byte;
    }
    Hmac::new(&(*block).into())
}
