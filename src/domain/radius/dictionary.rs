//! Dictionaries: what attributes are called, how their values are encoded, and which values have names of their own.
//!
//! The files are FreeRADIUS's in form, so that administrators can load the ones their vendors publish. What a packet of
//! ours cannot carry (attributes within attributes, vendors with other headers) is known by name, with the reason, so that
//! a rule that asks for it is told more than "unknown".

mod read;
mod shipped;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub use shipped::{SHIPPED, shipped};

/// Larger files, in bytes, are no dictionaries.
pub const MAX_BYTES: usize = 1024 * 1024;
pub const MAX_FILES: usize = 64;
/// Longest line, in bytes.
pub const MAX_LINE: usize = 4096;
/// Longest name of an attribute, a value or a vendor, in bytes.
pub const MAX_NAME: usize = 128;
/// Of all files together.
pub const MAX_ATTRIBUTES: usize = 32 * 1024;
pub const MAX_VALUES: usize = 64 * 1024;
/// Faults told; the first of many say enough.
const MAX_FAULTS: usize = 20;

/// Where an attribute stands in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// RFC 2865 §5.
    Standard(u8),
    /// RFC 2865 §5.26, with its recommended header of one byte type and one byte length.
    Vendor { vendor: u32, kind: u8 },
}

/// How a value is encoded (RFC 8044 §3 has their names today).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Octets,
    Byte,
    Short,
    Integer,
    Integer64,
    Ipv4,
    Ipv6,
    Ipv6Prefix,
    /// Seconds since 1970, 32 bits.
    Date,
    /// The lower half of an IPv6 address (RFC 3162 §2.2).
    InterfaceId,
}

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Octets => "bytes",
            Self::Byte => "a number of 8 bits",
            Self::Short => "a number of 16 bits",
            Self::Integer => "a number of 32 bits",
            Self::Integer64 => "a number of 64 bits",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Ipv6Prefix => "an IPv6 network",
            Self::Date => "a time",
            Self::InterfaceId => "an interface id",
        }
    }

    /// The largest number; `None` if it is none.
    pub fn largest(self) -> Option<u64> {
        match self {
            Self::Byte => Some(u64::from(u8::MAX)),
            Self::Short => Some(u64::from(u16::MAX)),
            Self::Integer | Self::Date => Some(u64::from(u32::MAX)),
            Self::Integer64 => Some(u64::MAX),
            Self::Text | Self::Octets | Self::Ipv4 | Self::Ipv6 | Self::Ipv6Prefix | Self::InterfaceId => None,
        }
    }
}

/// An attribute that a packet of ours can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// As its dictionary spells it; any case means it.
    pub name: String,
    pub code: Code,
    pub form: Form,
    /// One of several tunnels may be meant (RFC 2868 §3.1).
    pub has_tag: bool,
    /// Hidden with a salt (RFC 2868 §3.5, RFC 2548 §2.4.2).
    pub is_hidden: bool,
    /// A value that is too long goes on in the next attribute of its kind (RFC 2869 §5.13).
    pub concat: bool,
    values: Values,
}

/// Names of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Values {
    /// By name in lower case.
    numbers: HashMap<String, u64>,
    /// The first name of each.
    names: BTreeMap<u64, String>,
}

impl Attribute {
    /// The number that a name stands for; any case means it.
    pub fn value(&self, name: &str) -> Option<u64> {
        self.values.numbers.get(&name.to_ascii_lowercase()).copied()
    }

    /// What a number is called.
    pub fn value_name(&self, number: u64) -> Option<&str> {
        self.values.names.get(&number).map(String::as_str)
    }

    /// One name for each number that has one.
    pub fn value_names(&self) -> impl Iterator<Item = &str> {
        self.values.names.values().map(String::as_str)
    }
}

/// Why a name gives no attribute that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAttribute {
    /// No dictionary has it; names that are spelled alike.
    Unknown { near: Vec<String> },
    /// It is known, and a packet of ours cannot carry it.
    Unsendable { why: String },
}

/// Names and numbers of attributes, from all files.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    attributes: Vec<Attribute>,
    by_name: HashMap<String, usize>,
    /// The first name of several.
    by_code: HashMap<Code, usize>,
    unsendable: HashMap<String, String>,
    vendors: HashMap<String, Vendor>,
    notes: Vec<Remark>,
    values: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Vendor {
    id: u32,
    /// Why none of its attributes can be sent.
    unsendable: Option<String>,
}

impl Dictionary {
    /// The shipped files and then these, each with its name and its text. All faults at once.
    pub fn with(files: &[(&str, &str)]) -> Result<Self, Faults> {
        let mut dictionary = shipped().clone();
        dictionary.add(files)?;
        Ok(dictionary)
    }

    /// These files alone.
    pub fn of(files: &[(&str, &str)]) -> Result<Self, Faults> {
        let mut dictionary = Self::default();
        dictionary.add(files)?;
        Ok(dictionary)
    }

    fn add(&mut self, files: &[(&str, &str)]) -> Result<(), Faults> {
        let mut faults = Faults::default();
        if let Some((file, _)) = files.get(MAX_FILES) {
            faults.push(file, 0, format!("this is one dictionary too many; name {MAX_FILES} at most"));
        }
        for (file, text) in files.iter().take(MAX_FILES) {
            read::file(self, file, text, &mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// By name, in any case.
    pub fn attribute(&self, name: &str) -> Result<&Attribute, NoAttribute> {
        let folded = name.to_ascii_lowercase();
        if let Some(attribute) = self.by_name.get(&folded).and_then(|at| self.attributes.get(*at)) {
            return Ok(attribute);
        }
        match self.unsendable.get(&folded) {
            Some(why) => Err(NoAttribute::Unsendable { why: why.clone() }),
            None => Err(NoAttribute::Unknown { near: self.near(&folded) }),
        }
    }

    pub fn by_code(&self, code: Code) -> Option<&Attribute> {
        self.by_code.get(&code).and_then(|at| self.attributes.get(*at))
    }

    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// What was read otherwise than it was written.
    pub fn notes(&self) -> &[Remark] {
        &self.notes
    }

    fn near(&self, folded: &str) -> Vec<String> {
        nearest(folded, self.attributes.iter().map(|attribute| attribute.name.as_str()))
    }

    /// An attribute joins. The same again is nothing new; a later file may correct how its values are encoded.
    fn define(&mut self, attribute: Attribute) -> Result<(), String> {
        let folded = attribute.name.to_ascii_lowercase();
        self.unsendable.remove(&folded);
        match self.by_name.entry(folded) {
            Entry::Occupied(taken) => {
                let Some(known) = self.attributes.get_mut(*taken.get()) else { return Ok(()) };
                if known.code != attribute.code {
                    return Err(format!(
                        "{} is {} already; give it another name, or leave the line out",
                        known.name, known.code
                    ));
                }
                let values = std::mem::take(&mut known.values);
                *known = Attribute { values, ..attribute };
            }
            Entry::Vacant(free) => {
                if self.attributes.len() >= MAX_ATTRIBUTES {
                    return Err(format!("there are more than {MAX_ATTRIBUTES} attributes; load fewer dictionaries"));
                }
                let at = *free.insert(self.attributes.len());
                self.by_code.entry(attribute.code).or_insert(at);
                self.attributes.push(attribute);
            }
        }
        Ok(())
    }

    /// An attribute that is known and cannot be sent.
    fn refuse(&mut self, name: &str, why: String) {
        let folded = name.to_ascii_lowercase();
        if !self.by_name.contains_key(&folded) && self.unsendable.len() < MAX_ATTRIBUTES {
            self.unsendable.insert(folded, why);
        }
    }

    /// Is this the name of an attribute, be it one that cannot be sent?
    fn knows(&self, name: &str) -> bool {
        let folded = name.to_ascii_lowercase();
        self.by_name.contains_key(&folded) || self.unsendable.contains_key(&folded)
    }

    /// A value's name. A number may have several; a name has one number, which a later file may correct.
    fn name_value(&mut self, attribute: &str, name: &str, number: &str) -> Result<(), String> {
        let known = self.by_name.get(&attribute.to_ascii_lowercase()).and_then(|at| self.attributes.get_mut(*at));
        // Some dictionaries name values of texts and bytes, which need no names.
        let Some(known) = known else { return Ok(()) };
        let Some(largest) = known.form.largest() else { return Ok(()) };
        let number = read::number(number)
            .filter(|number| *number <= largest)
            .ok_or_else(|| format!("{number} is no value of {}; write a number up to {largest}", known.name))?;
        let before = known.values.numbers.insert(name.to_ascii_lowercase(), number);
        if let Some(before) = before.filter(|before| *before != number) {
            known.values.names.retain(|named, known| *named != before || !known.eq_ignore_ascii_case(name));
        }
        known.values.names.entry(number).or_insert_with(|| name.to_owned());
        self.values += usize::from(before.is_none());
        if self.values > MAX_VALUES {
            return Err(format!("there are more than {MAX_VALUES} named values; load fewer dictionaries"));
        }
        Ok(())
    }
}

/// Up to three names that may be meant by another.
pub fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let wrong = wrong.to_ascii_lowercase();
    let mut near: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_ascii_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= 0.85)
        .collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// What to do about a name that is not known.
pub fn instead(near: &[String], otherwise: &str) -> String {
    if near.is_empty() { otherwise.to_owned() } else { format!("did you mean {}?", near.join(" or ")) }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(kind) => write!(f, "attribute {kind}"),
            Self::Vendor { vendor, kind } => write!(f, "attribute {kind} of vendor {vendor}"),
        }
    }
}

/// Something about a line of a file: what is wrong with it and what to do, or how it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub file: String,
    /// From 1; 0 is the file as a whole.
    pub line: usize,
    pub why: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.why),
            line => write!(f, "{}, line {line}: {}", self.file, self.why),
        }
    }
}

/// Everything that is wrong with the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults {
    /// The first of them.
    pub faults: Vec<Remark>,
    pub more: usize,
}

impl Faults {
    fn push(&mut self, file: &str, line: usize, why: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Remark { file: file.to_owned(), line, why: why.into() });
        } else {
            self.more += 1;
        }
    }

    fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    fn is_full(&self) -> bool {
        self.faults.len() >= MAX_FAULTS
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "\n" })?;
        }
        if self.more > 0 { write!(f, "\nand {} more", self.more) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
