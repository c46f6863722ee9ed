//! The subset of BER that LDAP allows (RFC 4511 §5.1): definite lengths, primitive strings, low tag numbers.
//! Anything a lenient parser could read differently from the directory's is refused here.

/// What is wrong with the bytes; all of it is the sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BerFault {
    #[error("an element ends before its length says")]
    Truncated,
    #[error("an element has an indefinite or oversized length")]
    Length,
    #[error("expected tag {expected:#04x}, found {found:#04x}")]
    Tag { expected: u8, found: u8 },
    #[error("a number does not fit its range")]
    Number,
    #[error("a BOOLEAN is neither 00 nor FF")]
    Boolean,
    #[error("bytes follow where nothing may follow")]
    Trailing,
    #[error("text is not UTF-8")]
    Text,
    #[error("nested more than {0} levels deep")]
    Depth(usize),
}

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTET_STRING: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// A cursor over the elements of one constructed value.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn peek_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub fn element(&mut self) -> Result<(u8, &'a [u8]), BerFault> {
        let header = header(self.rest)?.ok_or(BerFault::Truncated)?;
        let end = header.size.checked_add(header.length).ok_or(BerFault::Length)?;
        let body = self.rest.get(header.size..end).ok_or(BerFault::Truncated)?;
        self.rest = self.rest.get(end..).ok_or(BerFault::Truncated)?;
        Ok((header.tag, body))
    }

    /// The contents of the next element, which must carry this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], BerFault> {
        match self.element()? {
            (found, body) if found == tag => Ok(body),
            (found, _) => Err(BerFault::Tag { expected: tag, found }),
        }
    }

    /// The contents of the next element if it carries this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BerFault> {
        if self.peek_tag() == Some(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// An INTEGER or ENUMERATED from 0 to 2³¹-1, as every number in LDAP is (RFC 4511 §4.1.1 `maxInt`).
    pub fn number(&mut self, tag: u8) -> Result<u32, BerFault> {
        number(self.expect(tag)?)
    }

    pub fn text(&mut self, tag: u8) -> Result<&'a str, BerFault> {
        std::str::from_utf8(self.expect(tag)?).map_err(|_| BerFault::Text)
    }

    pub fn boolean(&mut self, tag: u8) -> Result<bool, BerFault> {
        boolean(self.expect(tag)?)
    }

    pub fn end(&self) -> Result<(), BerFault> {
        if self.rest.is_empty() { Ok(()) } else { Err(BerFault::Trailing) }
    }
}

/// RFC 4511 §5.1(3): TRUE is FF and nothing else.
pub fn boolean(body: &[u8]) -> Result<bool, BerFault> {
    match body {
        [0x00] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(BerFault::Boolean),
    }
}

pub fn number(body: &[u8]) -> Result<u32, BerFault> {
    // A fifth octet is only ever a leading zero; none of ours needs one.
    match body {
        [first, ..] if body.len() <= 4 && first & 0x80 == 0 => {
            Ok(body.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
        }
        _ => Err(BerFault::Number),
    }
}

/// Tag, size of tag and length octets, length of the contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub tag: u8,
    pub size: usize,
    pub length: usize,
}

/// Reads a tag and a length; `None` while too few bytes have arrived to tell.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, BerFault> {
    let Some((&tag, rest)) = bytes.split_first() else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(BerFault::Length);
    }
    let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some(Header { tag, size: 2, length: usize::from(first) }));
    }
    let octets = usize::from(first & 0x7f);
    if octets == 0 || octets > 4 {
        return Err(BerFault::Length);
    }
    let Some(octets_read) = rest.get(..octets) else { return Ok(None) };
    // AD always sends four length octets, so a longer form than needed is not an error.
    let length = octets_read.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    Ok(Some(Header { tag, size: 2 + octets, length }))
}

/// Appends one element whose contents `body` writes. Lengths take the shortest form.
pub fn put(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    body(out);
    let (octets, used) = length_octets(out.len() - at);
    // A full `insert` of each octet would move the contents up to five times.
    out.extend_from_slice(octets.get(..used).unwrap_or_default());
    if let Some(tail) = out.get_mut(at..) {
        tail.rotate_right(used);
    }
}

pub fn put_bytes(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    put(out, tag, |out| out.extend_from_slice(body));
}

/// A number from 0 to 2³¹-1.
pub fn put_number(out: &mut Vec<u8>, tag: u8, value: u32) {
    let bytes = value.to_be_bytes();
    let skip = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    let digits = bytes.get(skip..).unwrap_or_default();
    put(out, tag, |out| {
        if digits.first().is_some_and(|first| first & 0x80 != 0) {
            out.push(0);
        }
        out.extend_from_slice(digits);
    });
}

fn length_octets(length: usize) -> ([u8; 5], usize) {
    let [.., a, b, c, d] = length.to_be_bytes();
    match length {
        0..0x80 => ([d, 0, 0, 0, 0], 1),
        0x80..0x100 => ([0x81, d, 0, 0, 0], 2),
        0x100..0x1_0000 => ([0x82, c, d, 0, 0], 3),
        0x1_0000..0x100_0000 => ([0x83, b, c, d, 0], 4),
        _ => ([0x84, a, b, c, d], 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_element_is_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 1 << 20] {
            let body = vec![7_u8; length];
            let mut out = vec![];
            put_bytes(&mut out, OCTET_STRING, &body);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.expect(OCTET_STRING).unwrap(), body);
            reader.end().unwrap();
        }
        for value in [0, 1, 127, 128, 255, 256, 32_768, 1 << 23, (1 << 31) - 1] {
            let mut out = vec![];
            put_number(&mut out, INTEGER, value);
            assert_eq!(Reader::new(&out).number(INTEGER), Ok(value));
        }
    }

    #[test]
    fn what_ldap_forbids_is_refused() {
        let read = |bytes: &[u8]| Reader::new(bytes).element().map(|_| ());
        assert_eq!(read(&[0x30, 0x80, 0, 0]), Err(BerFault::Length), "indefinite length");
        assert_eq!(read(&[0x30, 0x85, 0, 0, 0, 0, 1]), Err(BerFault::Length), "five length octets");
        assert_eq!(read(&[0x3f, 0x81, 1, 0]), Err(BerFault::Length), "high tag number");
        assert_eq!(read(&[0x04, 3, 1]), Err(BerFault::Truncated));
        assert_eq!(Reader::new(&[0x01, 1, 0x01]).boolean(BOOLEAN), Err(BerFault::Boolean));
        assert_eq!(Reader::new(&[0x02, 1, 0x80]).number(INTEGER), Err(BerFault::Number), "negative");
        assert_eq!(Reader::new(&[0x02, 5, 0, 1, 0, 0, 0]).number(INTEGER), Err(BerFault::Number), "over 31 bits");
        assert_eq!(Reader::new(&[0x02, 0]).number(INTEGER), Err(BerFault::Number), "no octets");
        assert!(Reader::new(&[0x24, 2, 4, 0]).expect(OCTET_STRING).is_err(), "constructed string");
    }
}
