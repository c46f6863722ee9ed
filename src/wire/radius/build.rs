//! Packets of ours: answers and requests, signed as they leave.

use bytes::Bytes;

use crate::domain::secret::SharedSecret;

use super::authenticator::{has_computed_authenticator, over, sign};
use super::{HEADER, MAX_LENGTH, MAX_VALUE, Packet, attribute, code};

/// Octets of a Message-Authenticator with its head.
const SIGNATURE: usize = 18;

/// Why something cannot be put into a packet. The packet stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildFault {
    #[error("attribute {kind} cannot hold {length} bytes")]
    ValueTooLong { kind: u8, length: usize },
    #[error("a packet holds 4096 bytes, and attribute {kind} would make it longer")]
    PacketFull { kind: u8 },
    /// What only signing and echoing put in.
    #[error("attribute {kind} is not for its sender to choose")]
    Reserved { kind: u8 },
}

/// An answer in the making. `sign` puts the Message-Authenticator first (what draft-ietf-radext-deprecating-radius asks for
/// against CVE-2024-3596) and every Proxy-State of the request, unmodified and in order, last (RFC 2865 §5.33).
///
/// An Accounting-Response to an Accounting-Request carries no Message-Authenticator: no RFC says over which authenticator it
/// would be computed, and clients differ. Both packets depend on the secret in every octet without one.
pub struct Reply {
    code: u8,
    identifier: u8,
    request_authenticator: [u8; 16],
    is_signed: bool,
    attributes: Attributes,
    proxy_states: Vec<u8>,
}

impl Reply {
    /// Fails when the Proxy-States of `request` leave no room for a signature.
    pub fn to(request: &Packet, code: u8) -> Result<Self, BuildFault> {
        let is_signed = request.code() != code::ACCOUNTING_REQUEST;
        let mut proxy_states = Attributes::with_room(if is_signed { SIGNATURE } else { 0 });
        for value in request.all(attribute::PROXY_STATE) {
            proxy_states.push(attribute::PROXY_STATE, &[value])?;
        }
        let attributes = Attributes::with_room(proxy_states.length());
        Ok(Self {
            code,
            identifier: request.identifier(),
            request_authenticator: *request.authenticator(),
            is_signed,
            attributes,
            proxy_states: proxy_states.bytes,
        })
    }

    /// Adds one attribute. Proxy-State and Message-Authenticator are put in by themselves.
    pub fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<&mut Self, BuildFault> {
        if matches!(kind, attribute::PROXY_STATE | attribute::MESSAGE_AUTHENTICATOR) {
            return Err(BuildFault::Reserved { kind });
        }
        self.attributes.push(kind, &[value])?;
        Ok(self)
    }

    /// Adds a value that may be longer than one attribute holds, as several attributes of the same type: EAP-Message (RFC 3579
    /// §3.1), and texts whose readers join them.
    pub fn pieces(&mut self, kind: u8, value: &[u8]) -> Result<&mut Self, BuildFault> {
        for piece in value.chunks(MAX_VALUE) {
            self.attribute(kind, piece)?;
        }
        Ok(self)
    }

    /// Adds one sub-attribute in a Vendor-Specific attribute of its own.
    pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<&mut Self, BuildFault> {
        self.attributes.push_vendor(vendor, kind, value)?;
        Ok(self)
    }

    /// Octets that are still free for attributes, their heads included.
    pub fn room(&self) -> usize {
        self.attributes.room()
    }

    /// The whole answer.
    pub fn sign(&self, secret: &SharedSecret) -> Bytes {
        let mut bytes = open(self.code, self.identifier, &self.request_authenticator);
        let signature_at = self.is_signed.then(|| reserve_signature(&mut bytes));
        bytes.extend_from_slice(&self.attributes.bytes);
        bytes.extend_from_slice(&self.proxy_states);
        close(&mut bytes, signature_at, secret);
        let authenticator = over(&bytes, secret);
        put(&mut bytes, 4, &authenticator);
        bytes.into()
    }
}

/// A request in the making, for servers behind us. Access-Request and Status-Server get a Message-Authenticator, first; an
/// Accounting-Request has its authenticator computed (RFC 2866 §3), whatever it was made with.
pub struct Request {
    code: u8,
    identifier: u8,
    authenticator: [u8; 16],
    attributes: Attributes,
}

impl Request {
    /// `authenticator`: sixteen octets that never repeat under this secret (RFC 2865 §3).
    pub fn new(code: u8, identifier: u8, authenticator: [u8; 16]) -> Self {
        let attributes = Attributes::with_room(if has_computed_authenticator(code) { 0 } else { SIGNATURE });
        Self { code, identifier, authenticator, attributes }
    }

    /// Adds one attribute; the Message-Authenticator is put in by itself.
    pub fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<&mut Self, BuildFault> {
        if kind == attribute::MESSAGE_AUTHENTICATOR {
            return Err(BuildFault::Reserved { kind });
        }
        self.attributes.push(kind, &[value])?;
        Ok(self)
    }

    /// Adds one sub-attribute in a Vendor-Specific attribute of its own.
    pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<&mut Self, BuildFault> {
        self.attributes.push_vendor(vendor, kind, value)?;
        Ok(self)
    }

    /// The whole request.
    pub fn sign(&self, secret: &SharedSecret) -> Bytes {
        let is_computed = has_computed_authenticator(self.code);
        let in_place = if is_computed { &[0; 16] } else { &self.authenticator };
        let mut bytes = open(self.code, self.identifier, in_place);
        let signature_at = (!is_computed).then(|| reserve_signature(&mut bytes));
        bytes.extend_from_slice(&self.attributes.bytes);
        close(&mut bytes, signature_at, secret);
        if is_computed {
            let authenticator = over(&bytes, secret);
            put(&mut bytes, 4, &authenticator);
        }
        bytes.into()
    }
}

/// Attributes one behind the other, never more than a packet holds.
struct Attributes {
    bytes: Vec<u8>,
    limit: usize,
}

impl Attributes {
    /// `taken`: octets of the packet that are spoken for, beside its header.
    fn with_room(taken: usize) -> Self {
        Self { bytes: vec![], limit: MAX_LENGTH.saturating_sub(HEADER + taken) }
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    /// Octets of the packet that are spoken for with these in it.
    fn length(&self) -> usize {
        MAX_LENGTH - HEADER - self.room()
    }

    fn push(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), BuildFault> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let octet = u8::try_from(length + 2).map_err(|_| BuildFault::ValueTooLong { kind, length })?;
        if length + 2 > self.room() {
            return Err(BuildFault::PacketFull { kind });
        }
        self.bytes.extend([kind, octet]);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }

    fn push_vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), BuildFault> {
        let too_long = BuildFault::ValueTooLong { kind, length: value.len() };
        let octet = u8::try_from(value.len() + 2).map_err(|_| too_long)?;
        self.push(attribute::VENDOR_SPECIFIC, &[&vendor.to_be_bytes(), &[kind, octet], value]).map_err(|fault| {
            match fault {
                BuildFault::ValueTooLong { .. } => too_long,
                BuildFault::PacketFull { .. } | BuildFault::Reserved { .. } => fault,
            }
        })
    }
}

fn open(code: u8, identifier: u8, authenticator: &[u8; 16]) -> Vec<u8> {
    let mut bytes = vec![code, identifier, 0, 0];
    bytes.extend_from_slice(authenticator);
    bytes
}

/// An empty Message-Authenticator; tells where its value lies.
fn reserve_signature(bytes: &mut Vec<u8>) -> usize {
    bytes.extend([attribute::MESSAGE_AUTHENTICATOR, 18]);
    let at = bytes.len();
    bytes.extend([0; 16]);
    at
}

fn close(bytes: &mut [u8], signature_at: Option<usize>, secret: &SharedSecret) {
    // 4096 at most, as the attributes are counted when they are put in.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    put(bytes, 2, &length.to_be_bytes());
    if let Some(at) = signature_at {
        let signature = sign(bytes, secret);
        put(bytes, at, &signature);
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (slot, byte) in bytes.iter_mut().skip(at).zip(value) {
        *slot = *byte;
    }
}
