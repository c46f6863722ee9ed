//! Distinguished names: reading them strictly (RFC 4514), comparing them by meaning (RFC 4518), writing them in one form.
//!
//! Read more leniently than RFC 4514 §3 only where Active Directory and OpenLDAP both are, after RFC 2253 §4: spaces
//! around separators, `;` for `,`, values in quotation marks, `OID.` before an object identifier. Refused although the
//! grammar allows them: a value that is empty once prepared (RFC 4517 §3.3.6), a NUL, one attribute type twice in an RDN
//! (X.501 §9.3). Every text value compares by caseIgnoreMatch, whatever its attribute: a directory that tells `A` from
//! `a` in some odd naming attribute only means that two such entries may not both be users here.
//!
//! Whether a name is a DN at all is decided in [`super::name`].

mod attribute;
mod read;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use super::name::{FoldFault, Folded, fold};

/// Longest text read, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// Most RDNs read.
pub const MAX_RDNS: usize = 64;

/// A distinguished name. Equal to every other spelling of itself; shown in RFC 4514 form with the letters it was given in.
#[derive(Clone, Debug)]
pub struct Dn {
    rdns: Vec<Rdn>,
}

/// One step of the path: one or more attribute values, in normal order (they are a set).
#[derive(Clone, Debug)]
pub struct Rdn {
    avas: Vec<Ava>,
    normal: String,
}

/// One attribute type and value.
#[derive(Clone, Debug)]
pub struct Ava {
    attribute: Cow<'static, str>,
    value: Value,
    normal: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// As spelled, escapes undone.
    Text(String),
    /// A BER element that is not text, tag and length included.
    Ber(Vec<u8>),
}

/// Why a text is not a DN. Positions are bytes from the start.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DnFault {
    #[error("the DN is {length} bytes long; shorten it to {MAX_LENGTH}")]
    TooLong { length: usize },
    #[error("the DN has more than {MAX_RDNS} parts; shorten it")]
    TooManyRdns,
    #[error("no attribute type and \"=\" at byte {at} of the DN; write each part as type=value")]
    Attribute { at: usize },
    #[error(
        "{found:?} at byte {at} of the DN must be escaped; put a backslash before it or write it as \\ and two hex digits"
    )]
    Unescaped { found: char, at: usize },
    #[error("the backslash at byte {at} of the DN escapes nothing; follow it by a special character or two hex digits")]
    Escape { at: usize },
    #[error("the quotation mark at byte {at} of the DN is not closed; close it or escape it")]
    Unclosed { at: usize },
    #[error("the value at byte {at} of the DN is not UTF-8; write the hex pairs of whole UTF-8 characters")]
    NotUtf8 { at: usize },
    #[error("the value at byte {at} of the DN is not hex; write an even number of hex digits after #")]
    Hex { at: usize },
    #[error("the value at byte {at} of the DN is not one readable BER element; write the value as text")]
    Ber { at: usize },
    #[error("the value at byte {at} of the DN holds a NUL; leave it out")]
    Nul { at: usize },
    #[error("the value at byte {at} of the DN cannot be compared: {why}")]
    Incomparable { at: usize, why: FoldFault },
    #[error("{attribute} stands twice in one part of the DN; give each attribute type once")]
    Repeated { attribute: String },
}

impl Dn {
    /// Reads a DN; the empty text is the root (RFC 4514 §2.1).
    pub fn parse(text: &str) -> Result<Self, DnFault> {
        read::rdns(text).map(|rdns| Self { rdns })
    }

    /// The parts, the entry's own first.
    pub fn rdns(&self) -> &[Rdn] {
        &self.rdns
    }

    pub fn is_root(&self) -> bool {
        self.rdns.is_empty()
    }

    /// The entry above, `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.rdns.split_first().map(|(_, above)| Self { rdns: above.to_vec() })
    }

    /// Whether this is `base` itself or lies anywhere below it, part by part (`dc=xexample` is not under `dc=example`).
    /// Everything is under the root.
    pub fn is_under(&self, base: &Self) -> bool {
        self.rdns.ends_with(&base.rdns)
    }

    /// The comparison form: equal texts for equal DNs and for no others.
    pub fn folded(&self) -> Folded {
        let normals: Vec<&str> = self.rdns.iter().map(|rdn| rdn.normal.as_str()).collect();
        Folded::prepared(normals.join(","))
    }
}

impl Rdn {
    /// The attribute values, sorted by their normal form.
    pub fn avas(&self) -> &[Ava] {
        &self.avas
    }

    fn new(mut avas: Vec<Ava>) -> Result<Self, DnFault> {
        avas.sort_by(|a, b| a.attribute.cmp(&b.attribute));
        let mut normal = String::new();
        let mut last: Option<&Ava> = None;
        for ava in &avas {
            if let Some(last) = last {
                if last.attribute == ava.attribute {
                    return Err(DnFault::Repeated { attribute: ava.attribute.to_string() });
                }
                normal.push('+');
            }
            normal.push_str(&ava.normal);
            last = Some(ava);
        }
        Ok(Self { avas, normal })
    }
}

impl Ava {
    /// The attribute type by its normal name: `cn` for `CN`, `commonName` and `2.5.4.3`.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    pub fn value(&self) -> &Value {
        &self.value
    }

    fn new(attribute: Cow<'static, str>, value: Value, at: usize) -> Result<Self, DnFault> {
        let normal = match &value {
            Value::Text(text) if text.contains('\0') => return Err(DnFault::Nul { at }),
            Value::Text(text) => {
                let folded = fold(text).map_err(|why| DnFault::Incomparable { at, why })?;
                format!("{attribute}={}", value_text(folded.as_str()))
            }
            Value::Ber(ber) => format!("{attribute}={}", hex_text(ber)),
        };
        Ok(Self { attribute, value, normal })
    }
}

impl PartialEq for Rdn {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for Rdn {}

impl Hash for Rdn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.rdns == other.rdns
    }
}

impl Eq for Dn {}

impl Hash for Dn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rdns.hash(state);
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rdn) in self.rdns.iter().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            rdn.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ava) in self.avas.iter().enumerate() {
            if i > 0 {
                f.write_char('+')?;
            }
            let value = match &ava.value {
                Value::Text(text) => value_text(text),
                Value::Ber(ber) => hex_text(ber),
            };
            write!(f, "{}={value}", ava.attribute)?;
        }
        Ok(())
    }
}

/// A value as it is written into a DN, escaped by RFC 4514 §2.4; control characters become hex pairs.
pub fn value_text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', c]),
            '#' if i == 0 => text.push_str("\\#"),
            ' ' if i == 0 || i == last => text.push_str("\\ "),
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    text.push('\\');
                    text.push_str(&data_encoding::HEXLOWER.encode(&[byte]));
                }
            }
            c => text.push(c),
        }
    }
    text
}

fn hex_text(ber: &[u8]) -> String {
    format!("#{}", data_encoding::HEXLOWER.encode(ber))
}

/// Whether a spelling is one that no two DN readers can take differently: printable ASCII; no escapes, quotes, `#`, `+`,
/// `;`, `<`, `>`; one `=` in each part; no doubled or outer spaces, but for one after a comma.
pub fn is_plain(text: &str) -> bool {
    text.split(',').enumerate().all(|(i, part)| {
        let part = if i == 0 { part } else { part.strip_prefix(' ').unwrap_or(part) };
        part.split_once('=').is_some_and(|(attribute, value)| {
            (attribute::is_descriptor(attribute) || attribute::is_numeric_oid(attribute)) && is_plain_value(value)
        })
    })
}

fn is_plain_value(value: &str) -> bool {
    let is_special = |byte| matches!(byte, b'\\' | b'"' | b'#' | b'+' | b';' | b'<' | b'>' | b'=');
    !value.is_empty()
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !is_special(byte))
        && !value.starts_with(' ')
        && !value.ends_with(' ')
        && !value.contains("  ")
}

#[cfg(test)]
mod tests;
