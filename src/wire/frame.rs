//! Where one LDAPMessage ends and the next begins (RFC 4511 §4.1.1), without copying and without looking inside.

use bytes::{Buf as _, Bytes, BytesMut};

use super::ber::{self, BerFault};

/// Why a byte stream cannot be LDAP, or is more of it than we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    #[error("the bytes are a TLS handshake on a port without TLS")]
    Tls,
    #[error("the bytes are not an LDAP message (first byte {0:#04x})")]
    NotLdap(u8),
    #[error("a message of {claimed} bytes is over the limit of {limit}")]
    TooLong { claimed: usize, limit: usize },
    #[error("a message has an indefinite or malformed length")]
    Length,
    #[error("a message has an impossible message id")]
    MessageId,
    #[error("a message has no known protocol operation")]
    Operation,
}

impl FrameFault {
    /// A metric label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Tls => "tls_on_plain_port",
            Self::NotLdap(_) => "not_ldap",
            Self::TooLong { .. } => "too_long",
            Self::Length => "length",
            Self::MessageId => "message_id",
            Self::Operation => "operation",
        }
    }
}

/// The tag of `protocolOp`, RFC 4511 §4.1.1 and appendix B.
pub mod op {
    pub const BIND_REQUEST: u8 = 0x60;
    pub const BIND_RESPONSE: u8 = 0x61;
    pub const UNBIND_REQUEST: u8 = 0x42;
    pub const SEARCH_REQUEST: u8 = 0x63;
    pub const SEARCH_ENTRY: u8 = 0x64;
    pub const SEARCH_DONE: u8 = 0x65;
    pub const MODIFY_REQUEST: u8 = 0x66;
    pub const MODIFY_RESPONSE: u8 = 0x67;
    pub const ADD_REQUEST: u8 = 0x68;
    pub const ADD_RESPONSE: u8 = 0x69;
    pub const DELETE_REQUEST: u8 = 0x4a;
    pub const DELETE_RESPONSE: u8 = 0x6b;
    pub const MODIFY_DN_REQUEST: u8 = 0x6c;
    pub const MODIFY_DN_RESPONSE: u8 = 0x6d;
    pub const COMPARE_REQUEST: u8 = 0x6e;
    pub const COMPARE_RESPONSE: u8 = 0x6f;
    pub const ABANDON_REQUEST: u8 = 0x50;
    pub const SEARCH_REFERENCE: u8 = 0x73;
    pub const EXTENDED_REQUEST: u8 = 0x77;
    pub const EXTENDED_RESPONSE: u8 = 0x78;
    pub const INTERMEDIATE_RESPONSE: u8 = 0x79;
}

/// One whole LDAPMessage, bytes untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    message_id: u32,
    /// Where `protocolOp` starts.
    op_at: usize,
    op: u8,
}

impl Frame {
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    pub fn message_id(&self) -> u32 {
        self.message_id
    }
    /// The tag of `protocolOp`.
    pub fn op(&self) -> u8 {
        self.op
    }
    /// `protocolOp` and, after it, the controls.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.op_at..).unwrap_or_default()
    }
}

/// Takes the next whole message off the front of `buffer`; `None` until it has arrived. The limit counts the whole
/// message and is checked as soon as its length can be read, before anything is buffered for it.
///
/// `buffer` is never longer than one message plus what one read brought, if the caller reads at most up to the limit.
pub fn split(buffer: &mut BytesMut, limit: usize) -> Result<Option<Frame>, FrameFault> {
    let Some(total) = total_length(buffer, limit)? else { return Ok(None) };
    if buffer.len() < total {
        buffer.reserve(total - buffer.len());
        return Ok(None);
    }
    frame(buffer.split_to(total).freeze()).map(Some)
}

/// What the front of a buffer holds, without taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peek {
    /// Length of the whole message.
    pub total: usize,
    pub message_id: u32,
    pub op: u8,
}

/// The next whole message on the front of `bytes`, looked at only; `None` until it has arrived.
pub fn peek(bytes: &[u8], limit: usize) -> Result<Option<Peek>, FrameFault> {
    let Some(total) = total_length(bytes, limit)? else { return Ok(None) };
    let Some(whole) = bytes.get(..total) else { return Ok(None) };
    let envelope = envelope(whole)?;
    Ok(Some(Peek { total, message_id: envelope.message_id, op: envelope.op }))
}

/// The parts of a whole message that stays where it is.
pub fn open(bytes: &[u8]) -> Result<(u32, &[u8]), FrameFault> {
    let envelope = envelope(bytes)?;
    Ok((envelope.message_id, bytes.get(envelope.op_at..).unwrap_or_default()))
}

struct Envelope {
    message_id: u32,
    op_at: usize,
    op: u8,
}

/// Reads the envelope of one whole message.
pub fn frame(bytes: Bytes) -> Result<Frame, FrameFault> {
    let Envelope { message_id, op_at, op } = envelope(&bytes)?;
    Ok(Frame { bytes, message_id, op_at, op })
}

fn envelope(bytes: &[u8]) -> Result<Envelope, FrameFault> {
    let outer = ber::header(bytes).map_err(|_| FrameFault::Length)?.ok_or(FrameFault::Length)?;
    let inner = bytes.get(outer.size..).unwrap_or_default();
    let id = ber::header(inner).map_err(|_| FrameFault::MessageId)?.ok_or(FrameFault::MessageId)?;
    let id_end = id.size.saturating_add(id.length);
    let digits = inner.get(id.size..id_end).ok_or(FrameFault::MessageId)?;
    if id.tag != ber::INTEGER {
        return Err(FrameFault::MessageId);
    }
    let message_id = ber::number(digits).map_err(|_| FrameFault::MessageId)?;
    let operation = inner.get(id_end..).unwrap_or_default();
    let header = ber::header(operation).map_err(|_| FrameFault::Operation)?.ok_or(FrameFault::Operation)?;
    // Class APPLICATION (RFC 4511 §4.1.1); the operation must lie within the message.
    if header.tag & 0xc0 != 0x40 || header.size.saturating_add(header.length) > operation.len() {
        return Err(FrameFault::Operation);
    }
    Ok(Envelope { message_id, op_at: outer.size + id_end, op: header.tag })
}

fn total_length(bytes: &[u8], limit: usize) -> Result<Option<usize>, FrameFault> {
    match bytes.first() {
        None => return Ok(None),
        Some(&ber::SEQUENCE) => {}
        // A TLS record starts with its content type, 22 = handshake (RFC 8446 §5.1).
        Some(0x16) => return Err(FrameFault::Tls),
        Some(other) => return Err(FrameFault::NotLdap(*other)),
    }
    let header = match ber::header(bytes) {
        Ok(Some(header)) => header,
        Ok(None) => return Ok(None),
        Err(
            BerFault::Length
            | BerFault::Truncated
            | BerFault::Tag { .. }
            | BerFault::Number
            | BerFault::Boolean
            | BerFault::Trailing
            | BerFault::Text
            | BerFault::Depth(_),
        ) => return Err(FrameFault::Length),
    };
    let total = header.size.saturating_add(header.length);
    if total > limit {
        return Err(FrameFault::TooLong { claimed: total, limit });
    }
    Ok(Some(total))
}

/// Follows messages through a stream that is passed on as it arrives, so that a relay knows when it may put one of its
/// own in between and which answers went by. Holds at most the front of one message.
#[derive(Default)]
pub struct Boundaries {
    /// Bytes of the current message that are still to come.
    owed: usize,
    /// The front of a message that has not arrived far enough to tell its operation.
    front: [u8; FRONT],
    front_length: usize,
}

/// Longest front: tag and length of the message, the message id, the operation's tag.
const FRONT: usize = 6 + 10 + 1;

impl Boundaries {
    /// True between messages.
    pub fn at_boundary(&self) -> bool {
        self.owed == 0 && self.front_length == 0
    }

    /// Accounts for `chunk` and tells the operation of each message that begins in it.
    pub fn pass(&mut self, mut chunk: &[u8], limit: usize, mut begins: impl FnMut(u8)) -> Result<(), FrameFault> {
        while !chunk.is_empty() {
            if self.owed > 0 {
                let step = self.owed.min(chunk.len());
                chunk.advance(step);
                self.owed -= step;
                continue;
            }
            if self.front_length == 0
                && let Some((total, op)) = front(chunk, limit)?
            {
                begins(op);
                self.owed = total;
                continue;
            }
            let Some(slot) = self.front.get_mut(self.front_length) else { return Err(FrameFault::Operation) };
            *slot = chunk.first().copied().unwrap_or_default();
            self.front_length += 1;
            chunk.advance(1);
            let seen = self.front.get(..self.front_length).unwrap_or_default();
            if let Some((total, op)) = front(seen, limit)? {
                begins(op);
                self.owed = total.checked_sub(self.front_length).ok_or(FrameFault::Operation)?;
                self.front_length = 0;
            }
        }
        Ok(())
    }
}

/// Total length and operation of the message that begins here; `None` until enough of it is there to tell.
fn front(bytes: &[u8], limit: usize) -> Result<Option<(usize, u8)>, FrameFault> {
    let Some(total) = total_length(bytes, limit)? else { return Ok(None) };
    // What comes behind the message is not its operation.
    let bytes = bytes.get(..total).unwrap_or(bytes);
    let Ok(Some(outer)) = ber::header(bytes) else { return Err(FrameFault::Length) };
    let inner = bytes.get(outer.size..).unwrap_or_default();
    let Some(id) = ber::header(inner).map_err(|_| FrameFault::MessageId)? else { return short(bytes, total) };
    if id.tag != ber::INTEGER || id.length == 0 || id.length > 4 {
        return Err(FrameFault::MessageId);
    }
    match inner.get(id.size + id.length) {
        Some(op) => Ok(Some((total, *op))),
        None => short(bytes, total),
    }
}

/// More has to come, unless the message itself is too short to hold an operation.
fn short(bytes: &[u8], total: usize) -> Result<Option<(usize, u8)>, FrameFault> {
    if bytes.len() >= total { Err(FrameFault::Operation) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNBIND: [u8; 7] = [0x30, 5, 2, 1, 4, 0x42, 0];

    fn split_all(bytes: &[u8]) -> Result<Option<Frame>, FrameFault> {
        split(&mut BytesMut::from(bytes), 1024)
    }

    #[test]
    fn a_message_is_found_whole_and_untouched() {
        let frame = split_all(&UNBIND).unwrap().unwrap();
        assert_eq!((frame.message_id(), frame.op()), (4, op::UNBIND_REQUEST));
        assert_eq!(frame.bytes(), &UNBIND[..]);
        assert_eq!(frame.body(), [0x42, 0]);
        assert_eq!(split_all(&UNBIND[..6]), Ok(None), "not whole yet");
    }

    #[test]
    fn bytes_that_are_not_ldap_are_named() {
        assert_eq!(split_all(&[0x16, 3, 1]), Err(FrameFault::Tls));
        assert_eq!(split_all(b"GET / HTTP/1.1"), Err(FrameFault::NotLdap(b'G')));
        assert_eq!(split_all(&[0x30, 0x80, 0]), Err(FrameFault::Length));
        assert_eq!(
            split_all(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
            Err(FrameFault::TooLong { claimed: 6 + 0xffff_ffff, limit: 1024 })
        );
        assert_eq!(split_all(&[0x30, 5, 2, 1, 0x84, 0x42, 0]), Err(FrameFault::MessageId), "negative");
        assert_eq!(split_all(&[0x30, 8, 2, 4, 0x80, 0, 0, 1, 0x42, 0]), Err(FrameFault::MessageId), "over 31 bits");
        assert_eq!(split_all(&[0x30, 3, 2, 1, 4]), Err(FrameFault::Operation), "none");
        assert_eq!(split_all(&[0x30, 5, 2, 1, 4, 0x04, 0]), Err(FrameFault::Operation), "not APPLICATION");
        assert_eq!(split_all(&[0x30, 5, 2, 1, 4, 0x42, 9]), Err(FrameFault::Operation), "longer than the message");
    }

    #[test]
    fn what_comes_behind_a_message_is_not_taken_for_its_operation() {
        // Two bytes long, and its message id would need three.
        let bytes = [0x30, 2, ber::INTEGER, 1, 2, 0x63];
        let mut begun = vec![];
        assert_eq!(Boundaries::default().pass(&bytes, 1024, |op| begun.push(op)), Err(FrameFault::Operation));
        assert!(begun.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = split_all(&bytes);
            let _ = Boundaries::default().pass(&bytes, 1024, |_| {});
        }

        #[test]
        fn boundaries_are_the_same_however_the_bytes_arrive(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            cuts in prop::collection::vec(1_usize..50, 1..100),
        ) {
            let mut stream = vec![];
            for body in &bodies {
                ber::put(&mut stream, ber::SEQUENCE, |out| {
                    ber::put_number(out, ber::INTEGER, 1);
                    ber::put_bytes(out, 0x64, body);
                });
            }
            let mut boundaries = Boundaries::default();
            let (mut begun, mut at) = (0, 0);
            for cut in cuts.iter().cycle() {
                let end = (at + cut).min(stream.len());
                boundaries.pass(&stream[at..end], 1 << 20, |op| { assert_eq!(op, 0x64); begun += 1 }).unwrap();
                at = end;
                if at == stream.len() { break }
            }
            prop_assert_eq!(begun, bodies.len());
            prop_assert!(boundaries.at_boundary());
        }
    }
}
