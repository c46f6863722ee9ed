//! LDAP messages as bytes: requests written by hand, answers read as far as they are checked. Written apart from the
//! product's own codec, so that one cannot hide the other's mistakes.

pub const SEARCH_ENTRY: u8 = 0x64;
pub const SEARCH_DONE: u8 = 0x65;
pub const BIND_RESPONSE: u8 = 0x61;

/// One tag, its length and its value (X.690 §8.1).
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 5);
    out.push(tag);
    let length = value.len();
    let [.., high, middle, low] = length.to_be_bytes();
    match length {
        0..0x80 => out.push(low),
        0x80..0x100 => out.extend([0x81, low]),
        0x100..0x1_0000 => out.extend([0x82, middle, low]),
        _ => out.extend([0x83, high, middle, low]),
    }
    out.extend_from_slice(value);
    out
}

/// A non-negative INTEGER in the fewest bytes (X.690 §8.3.2).
fn integer(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut rest = bytes.as_slice();
    while let [0, next, ..] = rest
        && *next < 0x80
    {
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut value = Vec::with_capacity(5);
    if rest.first().is_some_and(|first| *first >= 0x80) {
        value.push(0);
    }
    value.extend_from_slice(rest);
    tlv(0x02, &value)
}

fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    let mut body = integer(id);
    body.extend_from_slice(operation);
    tlv(0x30, &body)
}

/// A simple bind, version 3 (RFC 4511 §4.2).
pub fn bind(id: u32, dn: &str, password: &str) -> Vec<u8> {
    let mut body = integer(3);
    body.extend(tlv(0x04, dn.as_bytes()));
    body.extend(tlv(0x80, password.as_bytes()));
    message(id, &tlv(0x60, &body))
}

/// Where a search looks (RFC 4511 §4.5.1.2).
#[derive(Clone, Copy)]
pub enum Scope {
    Base = 0,
    Subtree = 2,
}

/// A search with an equality filter (RFC 4511 §4.5.1).
pub fn search(id: u32, base: &str, scope: Scope, equal: (&str, &str), attributes: &[&str]) -> Vec<u8> {
    let mut body = tlv(0x04, base.as_bytes());
    body.extend(tlv(0x0a, &[scope as u8]));
    body.extend(tlv(0x0a, &[0]));
    body.extend(integer(0));
    body.extend(integer(0));
    body.extend(tlv(0x01, &[0]));
    let mut filter = tlv(0x04, equal.0.as_bytes());
    filter.extend(tlv(0x04, equal.1.as_bytes()));
    body.extend(tlv(0xa3, &filter));
    let attributes: Vec<u8> = attributes.iter().flat_map(|name| tlv(0x04, name.as_bytes())).collect();
    body.extend(tlv(0x30, &attributes));
    message(id, &tlv(0x63, &body))
}

/// RFC 4511 §4.3.
pub fn unbind(id: u32) -> Vec<u8> {
    message(id, &[0x42, 0])
}

/// An answer that is whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Bytes of the whole message.
    pub length: usize,
    pub id: u32,
    /// The operation's tag.
    pub operation: u8,
    /// Inside the operation.
    pub body: &'a [u8],
}

/// The first message of `bytes`; `None` until it is whole.
pub fn answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, &'static str> {
    let Some((tag, header, length)) = header(bytes)? else { return Ok(None) };
    if tag != 0x30 {
        return Err("an answer is not a SEQUENCE");
    }
    let Some(message) = bytes.get(header..header + length) else { return Ok(None) };
    let (id, rest) = value(message, 0x02)?;
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let operation = *rest.first().ok_or("an answer has no operation")?;
    let (body, _) = value(rest, operation)?;
    Ok(Some(Answer { length: header + length, id, operation, body }))
}

impl Answer<'_> {
    /// The result code of an LDAPResult (RFC 4511 §4.1.9).
    pub fn code(&self) -> Result<u32, &'static str> {
        let (code, _) = value(self.body, 0x0a)?;
        Ok(code.iter().fold(0, |code, byte| code << 8 | u32::from(*byte)))
    }

    /// The name of a SearchResultEntry (RFC 4511 §4.5.2).
    pub fn name(&self) -> Result<&[u8], &'static str> {
        Ok(value(self.body, 0x04)?.0)
    }
}

/// Tag, bytes of the header, bytes of the value; `None` until the header is whole.
fn header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, &'static str> {
    let [tag, first, rest @ ..] = bytes else { return Ok(None) };
    if *first < 0x80 {
        return Ok(Some((*tag, 2, usize::from(*first))));
    }
    let count = usize::from(*first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err("an answer has a length that LDAP does not know");
    }
    let Some(length) = rest.get(..count) else { return Ok(None) };
    Ok(Some((*tag, 2 + count, length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))))
}

/// The value at the front, which must have this tag, and what follows it.
fn value(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), &'static str> {
    let (found, header, length) = header(bytes)?.ok_or("an answer is cut")?;
    if found != tag {
        return Err("an answer has another tag than its place asks for");
    }
    let end = header + length;
    Ok((bytes.get(header..end).ok_or("an answer is cut")?, bytes.get(end..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_is_written_as_the_standard_has_it() {
        let written = bind(1, "cn=a", "b");
        assert_eq!(written, b"\x30\x11\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x04cn=a\x80\x01b");
    }

    #[test]
    fn message_ids_take_the_fewest_bytes_and_stay_positive() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 127]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(0x7fff_ffff), [2, 4, 0x7f, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let whole = b"\x30\x0c\x02\x01\x07\x61\x07\x0a\x01\x31\x04\x00\x04\x00tail";
        for cut in 0..14 {
            assert_eq!(answer(&whole[..cut]), Ok(None), "{cut}");
        }
        let read = answer(whole).unwrap().unwrap();
        assert_eq!((read.length, read.id, read.operation, read.code()), (14, 7, BIND_RESPONSE, Ok(49)));
    }
}
