//! What the rules do for one person, told rule by rule, and attributes as people read them.

use super::{Encoded, Encrypt, Outcome, Person, Rule, TemplateFault, apply, condition, fits, join};
use crate::domain::radius::dictionary::{Attribute, Dictionary, Form};

/// An answer and how it came about.
pub struct Explained {
    /// One for each rule.
    pub fates: Vec<Fate>,
    /// As [`super::answer`] gives it.
    pub answer: Result<Vec<Encoded>, TemplateFault>,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Applied {
        attributes: usize,
        /// Groups that could not be named, with the reason.
        left_out: Vec<(String, &'static str)>,
    },
    Left(super::Left),
    Failed(TemplateFault),
}

pub fn explain(dictionary: &Dictionary, rules: &[Rule], person: &Person<'_>) -> Explained {
    let groups = condition::Keys::of(person.groups, rules);
    let mut fates = vec![];
    let mut sent = vec![];
    let mut failed = None;
    for rule in rules {
        fates.push(match apply(dictionary, rule, person, &groups) {
            Ok(Outcome::Sent(some, left_out)) => {
                let attributes = some.len();
                join(&mut sent, some);
                Fate::Applied { attributes, left_out }
            }
            Ok(Outcome::Left(left)) => Fate::Left(left),
            Err(fault) => {
                failed.get_or_insert_with(|| fault.clone());
                Fate::Failed(fault)
            }
        });
    }
    let answer = match failed {
        Some(fault) => Err(fault),
        None => fits(dictionary, &sent).map(|()| sent),
    };
    Explained { fates, answer }
}

/// An attribute as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    pub name: String,
    pub value: String,
}

/// By its name and its type; hidden values stay hidden.
pub fn readable(dictionary: &Dictionary, encoded: &Encoded) -> Readable {
    let Some(attribute) = dictionary.by_code(encoded.code()) else {
        return Readable { name: encoded.code().to_string(), value: hex(&encoded.value) };
    };
    let (tag, value) = untagged(attribute, &encoded.value);
    let name =
        tag.filter(|tag| *tag != 0).map_or_else(|| attribute.name.clone(), |tag| format!("{}:{tag}", attribute.name));
    let value = match encoded.encrypt {
        Encrypt::None => shown(attribute, value),
        Encrypt::TunnelPassword | Encrypt::Mppe => "(hidden)".to_owned(),
    };
    Readable { name, value }
}

fn untagged<'v>(attribute: &Attribute, value: &'v [u8]) -> (Option<u8>, &'v [u8]) {
    match value {
        [tag, rest @ ..] if attribute.has_tag && *tag <= 0x1f => (Some(*tag), rest),
        _ => (None, value),
    }
}

fn shown(attribute: &Attribute, value: &[u8]) -> String {
    let number = || value.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    match attribute.form {
        Form::Text | Form::Octets => match std::str::from_utf8(value) {
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            Ok(_) | Err(_) => hex(value),
        },
        Form::Byte | Form::Short | Form::Integer | Form::Integer64 => {
            attribute.value_name(number()).map_or_else(|| number().to_string(), str::to_owned)
        }
        Form::Date => i64::try_from(number())
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            .map_or_else(|| number().to_string(), |at| at.to_string()),
        Form::Ipv4 => <[u8; 4]>::try_from(value)
            .map_or_else(|_| hex(value), |octets| std::net::Ipv4Addr::from(octets).to_string()),
        Form::Ipv6 => <[u8; 16]>::try_from(value)
            .map_or_else(|_| hex(value), |octets| std::net::Ipv6Addr::from(octets).to_string()),
        Form::Ipv6Prefix => match value {
            [_, length, prefix @ ..] => <[u8; 16]>::try_from(prefix)
                .map_or_else(|_| hex(value), |octets| format!("{}/{length}", std::net::Ipv6Addr::from(octets))),
            _ => hex(value),
        },
        Form::InterfaceId => {
            let groups =
                value.chunks(2).map(|pair| format!("{:x}", pair.iter().fold(0_u16, |n, b| n << 8 | u16::from(*b))));
            groups.collect::<Vec<_>>().join(":")
        }
    }
}

fn hex(value: &[u8]) -> String {
    format!("0x{}", data_encoding::HEXLOWER.encode(value))
}
