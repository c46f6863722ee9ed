//! The RFC 4514 §3 reader: text to attribute types and values, nothing guessed.

use super::attribute;
use super::{Ava, DnFault, MAX_LENGTH, MAX_RDNS, Rdn, Value};

pub(super) fn rdns(text: &str) -> Result<Vec<Rdn>, DnFault> {
    if text.len() > MAX_LENGTH {
        return Err(DnFault::TooLong { length: text.len() });
    }
    let mut rdns = Vec::new();
    if text.is_empty() {
        return Ok(rdns);
    }
    let mut reader = Reader { rest: text, length: text.len() };
    loop {
        if rdns.len() == MAX_RDNS {
            return Err(DnFault::TooManyRdns);
        }
        rdns.push(rdn(&mut reader)?);
        if reader.take().is_none() {
            return Ok(rdns);
        }
    }
}

/// Reads up to, not past, the `,` or `;` that ends the RDN.
fn rdn(reader: &mut Reader) -> Result<Rdn, DnFault> {
    let mut avas = Vec::new();
    loop {
        avas.push(ava(reader)?);
        if reader.peek() != Some('+') {
            return Rdn::new(avas);
        }
        reader.take();
    }
}

fn ava(reader: &mut Reader) -> Result<Ava, DnFault> {
    reader.skip_spaces();
    let at = reader.at();
    let spelled = reader.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let attribute = attribute::normal_name(spelled).ok_or(DnFault::Attribute { at })?;
    reader.skip_spaces();
    let at = reader.at();
    if reader.take() != Some('=') {
        return Err(DnFault::Attribute { at });
    }
    reader.skip_spaces();
    let at = reader.at();
    let value = match reader.peek() {
        Some('#') => hex_value(reader)?,
        Some('"') => text_value(quoted(reader)?, at)?,
        Some(_) | None => text_value(plain(reader)?, at)?,
    };
    reader.skip_spaces();
    match reader.peek() {
        None | Some(',' | ';' | '+') => Ava::new(attribute, value, at),
        Some(found) => Err(DnFault::Unescaped { found, at: reader.at() }),
    }
}

fn text_value(bytes: Vec<u8>, at: usize) -> Result<Value, DnFault> {
    String::from_utf8(bytes).map(Value::Text).map_err(|_| DnFault::NotUtf8 { at })
}

/// RFC 4514 §3 `string`. Unescaped outer spaces belong to the separators (RFC 2253 §4), escaped ones to the value.
fn plain(reader: &mut Reader) -> Result<Vec<u8>, DnFault> {
    let mut value = Vec::new();
    let mut kept = 0;
    while let Some(c) = reader.peek() {
        let at = reader.at();
        match c {
            ',' | ';' | '+' => break,
            '\\' => escaped(reader, &mut value)?,
            '"' | '<' | '>' => return Err(DnFault::Unescaped { found: c, at }),
            c => {
                literal(reader, c, &mut value)?;
                if c == ' ' {
                    continue;
                }
            }
        }
        kept = value.len();
    }
    value.truncate(kept);
    Ok(value)
}

/// RFC 2253 §4: LDAPv2 wrote values in quotation marks; inside, only `"` and `\` need escaping.
fn quoted(reader: &mut Reader) -> Result<Vec<u8>, DnFault> {
    let opened = reader.at();
    reader.take();
    let mut value = Vec::new();
    while let Some(c) = reader.peek() {
        match c {
            '"' => {
                reader.take();
                return Ok(value);
            }
            '\\' => escaped(reader, &mut value)?,
            c => literal(reader, c, &mut value)?,
        }
    }
    Err(DnFault::Unclosed { at: opened })
}

fn literal(reader: &mut Reader, c: char, value: &mut Vec<u8>) -> Result<(), DnFault> {
    if c.is_control() {
        return Err(DnFault::Unescaped { found: c, at: reader.at() });
    }
    reader.take();
    value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

/// RFC 4514 §3 `pair`: a backslash, then a special character or two hex digits that make one byte.
fn escaped(reader: &mut Reader, value: &mut Vec<u8>) -> Result<(), DnFault> {
    let at = reader.at();
    reader.take();
    let byte = match reader.take() {
        Some(special @ ('"' | '+' | ',' | ';' | '<' | '>' | '\\' | ' ' | '#' | '=')) => u8::try_from(special).ok(),
        Some(high) => reader.take().and_then(|low| hex_pair(high, low)),
        None => None,
    };
    value.push(byte.ok_or(DnFault::Escape { at })?);
    Ok(())
}

fn hex_pair(high: char, low: char) -> Option<u8> {
    u8::try_from(high.to_digit(16)? << 4 | low.to_digit(16)?).ok()
}

/// RFC 4514 §2.4: `#` and the BER encoding of the value in hex.
fn hex_value(reader: &mut Reader) -> Result<Value, DnFault> {
    let at = reader.at();
    reader.take();
    let digits = reader.take_while(|c| c.is_ascii_hexdigit());
    let ber = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| DnFault::Hex { at })?;
    ber_value(ber).ok_or(DnFault::Ber { at })
}

/// Decodes the primitive string types of X.690 to text, so that `#0403616263` and `abc` are one value. Other types stay
/// bytes. `None` for what is not exactly one definite-length element, for a string with bytes its type does not allow,
/// and for strings whose text cannot be told for certain (constructed ones, T61String and its kin).
fn ber_value(ber: Vec<u8>) -> Option<Value> {
    let (&tag, after_tag) = ber.split_first()?;
    let content = sole_content(after_tag)?;
    let text = match tag {
        // UTF8String.
        0x0c => Some(std::str::from_utf8(content).ok()?.to_owned()),
        // OCTET STRING: bytes unless they happen to be text.
        0x04 => std::str::from_utf8(content).ok().map(str::to_owned),
        // NumericString, PrintableString, IA5String, VisibleString: all within ASCII.
        0x12 | 0x13 | 0x16 | 0x1a => Some(std::str::from_utf8(content).ok().filter(|text| text.is_ascii())?.to_owned()),
        // UniversalString, BMPString: fixed-width big-endian code points.
        0x1c => Some(wide_text(content, 4)?),
        0x1e => Some(wide_text(content, 2)?),
        // T61String, VideotexString, GraphicString, GeneralString; constructed octet and character strings; a tag that
        // goes on in the next byte.
        0x14 | 0x15 | 0x19 | 0x1b | 0x24 | 0x2c | 0x32..=0x36 | 0x39..=0x3c | 0x3e => return None,
        tag if tag & 0x1f == 0x1f => return None,
        _ => None,
    };
    Some(match text {
        Some(text) => Value::Text(text),
        None => Value::Ber(ber),
    })
}

/// The content of an element, if its definite length (X.690 §8.1.3) covers exactly the bytes there are.
fn sole_content(after_tag: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = after_tag.split_first()?;
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, content) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet)), content)
        }
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

fn wide_text(content: &[u8], width: usize) -> Option<String> {
    let chunks = content.chunks_exact(width);
    if !chunks.remainder().is_empty() {
        return None;
    }
    chunks.map(|unit| char::from_u32(unit.iter().fold(0, |code, &byte| code << 8 | u32::from(byte)))).collect()
}

struct Reader<'a> {
    rest: &'a str,
    length: usize,
}

impl<'a> Reader<'a> {
    /// Bytes read so far.
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }
}
