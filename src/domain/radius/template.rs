//! Reply rules: which attributes an Access-Accept carries for whom.
//!
//! Nothing is cut to fit: a list of groups that is too long goes on in a further attribute, between two groups, and what
//! cannot be divided is a fault that says so (SECURITY R18).

mod condition;
mod encode;
mod explain;
mod preset;
mod value;

use std::fmt;

use super::dictionary::{Attribute, Code, Dictionary, NoAttribute, instead};

pub use condition::{Condition, GroupFault, GroupName};
pub use explain::{Explained, Fate, Readable, explain, readable};
pub use preset::{Argument, PRESETS, Preset, PresetFault, preset};
pub use value::{Left, Template, ValueFault};

/// Whom an answer is about, and who asks.
pub struct Person<'a> {
    /// The account's name.
    pub name: &'a str,
    /// What people call them.
    pub display: Option<&'a str>,
    pub mail: Option<&'a str>,
    /// `user@domain`.
    pub upn: Option<&'a str>,
    /// The client's name.
    pub client: &'a str,
    /// Every group they are in, those by way of other groups included.
    pub groups: &'a [GroupOf],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOf {
    pub name: String,
    /// Empty for a group of ours, which is no entry of the directory.
    pub dn: String,
}

/// One attribute that an answer may carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// As a dictionary has it.
    pub attribute: String,
    /// Which of several tunnels is meant, 1 to 31 (RFC 2868 §3.1).
    pub tag: Option<u8>,
    pub value: Template,
    pub when: Condition,
    /// Takes the place of what earlier rules, or an upstream server, say of the same attribute.
    pub replace: bool,
}

impl Rule {
    /// Reads `ATTRIBUTE=VALUE` or `ATTRIBUTE:TAG=VALUE`, for everybody. Quotes around the value are left out.
    pub fn parse(text: &str) -> Result<Self, RuleFault> {
        let (attribute, value) = text.split_once('=').ok_or(RuleFault::NoValue)?;
        let (attribute, value) = (attribute.trim(), value.trim());
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        Self::new(attribute, quoted.unwrap_or(value))
    }

    /// `attribute` may have a tag behind a `:`.
    pub fn new(attribute: &str, value: &str) -> Result<Self, RuleFault> {
        let (attribute, tag) = match attribute.split_once(':') {
            Some((attribute, tag)) => {
                let tag = tag.parse().ok().filter(|tag| (1..=31).contains(tag));
                (attribute, Some(tag.ok_or(RuleFault::Tag)?))
            }
            None => (attribute, None),
        };
        if attribute.is_empty() {
            return Err(RuleFault::NoValue);
        }
        let value = Template::parse(value)?;
        Ok(Self { attribute: attribute.to_owned(), tag, value, when: Condition::default(), replace: false })
    }

    /// The attribute with its tag, as [`Rule::new`] reads it.
    pub fn target(&self) -> String {
        self.tag.map_or_else(|| self.attribute.clone(), |tag| format!("{}:{tag}", self.attribute))
    }

    /// Can it be carried out, as far as that does not hang on the person?
    pub fn check(&self, dictionary: &Dictionary) -> Result<(), TemplateFault> {
        let attribute = self.attribute_in(dictionary)?;
        match self.value.fixed() {
            Some(text) => encode::values(attribute, self.tag, &value::Values::Fixed(text)).map(|_| ()),
            None => encode::holds_text(attribute),
        }
    }

    /// Is its value one that nobody may read? Rules are kept in the clear.
    pub fn is_secret(&self, dictionary: &Dictionary) -> bool {
        self.attribute_in(dictionary).is_ok_and(|attribute| attribute.is_hidden)
    }

    fn attribute_in<'d>(&self, dictionary: &'d Dictionary) -> Result<&'d Attribute, TemplateFault> {
        let name = &self.attribute;
        let attribute = dictionary.attribute(name).map_err(|fault| match fault {
            NoAttribute::Unknown { near } => TemplateFault::UnknownAttribute { name: name.clone(), near },
            NoAttribute::Unsendable { why } => TemplateFault::Unsendable { name: name.clone(), why },
        })?;
        if RESERVED.contains(&attribute.code) {
            return Err(TemplateFault::Reserved { name: name.clone() });
        }
        if self.tag.is_some() && !attribute.has_tag {
            return Err(TemplateFault::NoTag { name: name.clone() });
        }
        Ok(attribute)
    }
}

/// As [`Rule::parse`] reads it, with the condition behind it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.target(), self.value)?;
        if self.when != Condition::default() {
            write!(f, " ({})", self.when)?;
        }
        if self.replace { f.write_str(" (replaces)") } else { Ok(()) }
    }
}

/// What the protocol itself says by: a rule about these would forge or break answers.
const RESERVED: [Code; 7] = [
    Code::Standard(2),  // User-Password
    Code::Standard(3),  // CHAP-Password
    Code::Standard(24), // State
    Code::Standard(33), // Proxy-State
    Code::Standard(60), // CHAP-Challenge
    Code::Standard(79), // EAP-Message
    Code::Standard(80), // Message-Authenticator
];

/// RFC 2865 §5.26.
pub const VENDOR_SPECIFIC: u8 = 26;

/// Bytes that all attributes of an answer may take: a packet (RFC 2865 §3) less its header and the Message-Authenticator
/// that comes first. Proxy-State, if the request has it, needs room besides.
pub const ROOM: usize = 4096 - 20 - 18;

/// An attribute ready for a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// 26 if it is a vendor's.
    pub kind: u8,
    /// The vendor, and its own number of the attribute.
    pub vendor: Option<(u32, u8)>,
    pub value: Vec<u8>,
    pub encrypt: Encrypt,
    /// What an upstream server says of the same attribute gives way.
    pub replaces: bool,
}

/// How the value is hidden on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encrypt {
    None,
    /// RFC 2868 §3.5: the first byte is the tag, which stays readable before the salt; the rest is hidden.
    TunnelPassword,
    /// RFC 2548 §2.4.2: all of it is hidden.
    Mppe,
}

impl Encoded {
    pub fn code(&self) -> Code {
        self.vendor.map_or(Code::Standard(self.kind), |(vendor, kind)| Code::Vendor { vendor, kind })
    }

    /// Bytes it takes in a packet, headers and hiding included.
    pub fn wire_len(&self) -> usize {
        let header = if self.vendor.is_some() { 8 } else { 2 };
        header + encode::hidden_len(self.encrypt, self.value.len())
    }
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    #[error("write ATTRIBUTE=VALUE, such as Filter-Id=staff")]
    NoValue,
    #[error("a tag is a number from 1 to 31, such as Tunnel-Type:1=VLAN")]
    Tag,
    #[error(transparent)]
    Value(#[from] ValueFault),
}

/// Why an answer cannot be made as the rules say. Never the person's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    #[error(
        "no dictionary has an attribute {name}; {}",
        instead(near, "correct the name, or load the vendor's dictionary (radius.dictionaries)")
    )]
    UnknownAttribute { name: String, near: Vec<String> },
    #[error("{name} cannot be sent: {why}")]
    Unsendable { name: String, why: String },
    #[error("{name} is the protocol's own; it cannot be set by a rule")]
    Reserved { name: String },
    #[error("{name} has no tag; leave out the : and what follows it")]
    NoTag { name: String },
    #[error("{name} holds {holds}, which {value:?} is not; {instead}")]
    Value { name: String, holds: &'static str, value: String, instead: String },
    #[error("{name} holds {holds}, which is not put together from names; write the value itself")]
    NotText { name: String, holds: &'static str },
    #[error("{name} holds at most {most} bytes, and {what} makes it {bytes}; shorten the value")]
    TooLong { name: String, what: String, bytes: usize, most: usize },
    #[error(
        "the answer would need {bytes} bytes and a packet has room for {ROOM}; {name} takes most of them: send fewer groups \
         (|only=PATTERN)"
    )]
    TooLarge { bytes: usize, name: String },
}

/// The attributes that the rules give this person, in the rules' order.
pub fn answer(dictionary: &Dictionary, rules: &[Rule], person: &Person<'_>) -> Result<Vec<Encoded>, TemplateFault> {
    let groups = condition::Keys::of(person.groups, rules);
    let mut answer = vec![];
    for rule in rules {
        if let Outcome::Sent(sent, _) = apply(dictionary, rule, person, &groups)? {
            join(&mut answer, sent);
        }
    }
    fits(dictionary, &answer)?;
    Ok(answer)
}

/// Does any rule ask for more of a person than the name they typed?
pub fn needs_person(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| rule.value.fixed().is_none() || rule.when != Condition::default())
}

/// What became of one rule.
enum Outcome {
    /// And groups that were left out of it, with the reason.
    Sent(Vec<Encoded>, Vec<(String, &'static str)>),
    Left(Left),
}

fn apply(
    dictionary: &Dictionary,
    rule: &Rule,
    person: &Person<'_>,
    groups: &condition::Keys,
) -> Result<Outcome, TemplateFault> {
    if let Err(left) = rule.when.holds(groups) {
        return Ok(Outcome::Left(left));
    }
    let attribute = rule.attribute_in(dictionary)?;
    let filled = match rule.value.fill(person) {
        Ok(filled) => filled,
        Err(left) => return Ok(Outcome::Left(left)),
    };
    let values = encode::values(attribute, rule.tag, &filled.values)?;
    let (kind, vendor) = match attribute.code {
        Code::Standard(kind) => (kind, None),
        Code::Vendor { vendor, kind } => (VENDOR_SPECIFIC, Some((vendor, kind))),
    };
    let encrypt = encode::encryption(attribute);
    let sent = values.into_iter().map(|value| Encoded { kind, vendor, value, encrypt, replaces: rule.replace });
    Ok(Outcome::Sent(sent.collect(), filled.left_out))
}

fn join(answer: &mut Vec<Encoded>, sent: Vec<Encoded>) {
    if let Some(first) = sent.first().filter(|first| first.replaces) {
        answer.retain(|earlier| earlier.code() != first.code());
    }
    answer.extend(sent);
}

/// Is there room for all of it?
fn fits(dictionary: &Dictionary, answer: &[Encoded]) -> Result<(), TemplateFault> {
    let bytes = answer.iter().map(Encoded::wire_len).sum();
    if bytes <= ROOM {
        return Ok(());
    }
    let mut taken = std::collections::HashMap::<Code, usize>::new();
    for encoded in answer {
        *taken.entry(encoded.code()).or_default() += encoded.wire_len();
    }
    let largest = taken.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(code, _)| code);
    let name =
        largest.map(|code| dictionary.by_code(code).map_or_else(|| code.to_string(), |known| known.name.clone()));
    Err(TemplateFault::TooLarge { bytes, name: name.unwrap_or_default() })
}

#[cfg(test)]
mod tests;
