//! Values as bytes, by what their attribute holds, and divided where one attribute has no room for them.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;
use jiff::Timestamp;

use super::value::Values;
use super::{Encrypt, TemplateFault};
use crate::domain::radius::dictionary::{Attribute, Code, Form, instead, nearest};

/// RFC 2865 §5: an attribute has 255 bytes, two of them its header; §5.26: a vendor's has six more.
const STANDARD: usize = 253;
const VENDOR: usize = 247;
/// RFC 2868 §3.5: 15 blocks of 16 bytes fit behind tag and salt; the first byte is the length.
const HIDDEN: usize = 239;

pub fn encryption(attribute: &Attribute) -> Encrypt {
    match (attribute.is_hidden, attribute.has_tag) {
        (false, _) => Encrypt::None,
        (true, true) => Encrypt::TunnelPassword,
        (true, false) => Encrypt::Mppe,
    }
}

/// Bytes that a value takes in its attribute.
pub fn hidden_len(encrypt: Encrypt, value: usize) -> usize {
    const SALT: usize = 2;
    match encrypt {
        Encrypt::None => value,
        Encrypt::TunnelPassword => 1 + SALT + value.max(1).next_multiple_of(16),
        Encrypt::Mppe => SALT + (1 + value).next_multiple_of(16),
    }
}

/// Only these take what is known of a person.
pub fn holds_text(attribute: &Attribute) -> Result<(), TemplateFault> {
    match attribute.form {
        Form::Text | Form::Octets => Ok(()),
        Form::Byte
        | Form::Short
        | Form::Integer
        | Form::Integer64
        | Form::Ipv4
        | Form::Ipv6
        | Form::Ipv6Prefix
        | Form::Date
        | Form::InterfaceId => {
            Err(TemplateFault::NotText { name: attribute.name.clone(), holds: attribute.form.name() })
        }
    }
}

/// The values of as many attributes as they need, tags included.
pub fn values(attribute: &Attribute, tag: Option<u8>, values: &Values) -> Result<Vec<Vec<u8>>, TemplateFault> {
    let most = room(attribute, tag);
    let bare = match values {
        Values::Fixed(text) => return fixed(attribute, tag, text, most),
        Values::One(text) => whole(attribute, text.as_bytes(), most, "the value for this person")?,
        Values::Each(each) => {
            let mut all = vec![];
            for (group, text) in each {
                all.extend(whole(attribute, text.as_bytes(), most, group)?);
            }
            all
        }
        Values::List { before, items, separator, after } => {
            let list = List { before, separator, after, most };
            list.divided(items).map_err(|(group, bytes)| too_long(attribute, &group, bytes, most))?
        }
    };
    holds_text(attribute)?;
    Ok(bare.into_iter().map(|value| tagged(attribute, tag, value)).collect())
}

/// Bytes of a value beside its tag.
fn room(attribute: &Attribute, tag: Option<u8>) -> usize {
    if attribute.is_hidden {
        return HIDDEN;
    }
    let all = match attribute.code {
        Code::Standard(_) => STANDARD,
        Code::Vendor { .. } => VENDOR,
    };
    // Without a tag one may have to be put in the way of a first byte that looks like one.
    if attribute.has_tag || tag.is_some() { all - 1 } else { all }
}

fn too_long(attribute: &Attribute, what: &str, bytes: usize, most: usize) -> TemplateFault {
    TemplateFault::TooLong { name: attribute.name.clone(), what: what.to_owned(), bytes, most }
}

/// A value in one attribute, or in several where its kind goes on in the next.
fn whole(attribute: &Attribute, value: &[u8], most: usize, what: &str) -> Result<Vec<Vec<u8>>, TemplateFault> {
    if value.len() <= most {
        return Ok(vec![value.to_vec()]);
    }
    if !attribute.concat {
        return Err(too_long(attribute, what, value.len(), most));
    }
    let mut rest = value;
    let mut parts = vec![];
    while !rest.is_empty() {
        let mut at = most.min(rest.len());
        // Text is divided between characters.
        while attribute.form == Form::Text && at > 1 && rest.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
            at -= 1;
        }
        let (part, behind) = rest.split_at(at);
        parts.push(part.to_vec());
        rest = behind;
    }
    Ok(parts)
}

/// A list of groups on its way into attributes of `most` bytes.
struct List<'l> {
    before: &'l str,
    separator: &'l str,
    after: &'l str,
    most: usize,
}

impl List<'_> {
    /// Every part has the text around the list; no group is cut. Fails with a group that has no room.
    fn divided(&self, items: &[String]) -> Result<Vec<Vec<u8>>, (String, usize)> {
        let around = self.before.len() + self.after.len();
        let mut parts = vec![];
        let mut part = String::new();
        for item in items {
            if around + item.len() > self.most {
                return Err((item.clone(), around + item.len()));
            }
            if part.is_empty() {
                part.push_str(item);
            } else if around + part.len() + self.separator.len() + item.len() <= self.most {
                part.push_str(self.separator);
                part.push_str(item);
            } else {
                parts.push(self.wrapped(&std::mem::replace(&mut part, item.clone())));
            }
        }
        parts.push(self.wrapped(&part));
        Ok(parts)
    }

    fn wrapped(&self, part: &str) -> Vec<u8> {
        format!("{}{part}{}", self.before, self.after).into_bytes()
    }
}

/// The tag before a value that is text or bytes (RFC 2868 §3.3).
fn tagged(attribute: &Attribute, tag: Option<u8>, mut value: Vec<u8>) -> Vec<u8> {
    if attribute.has_tag {
        let looks_tagged = value.first().is_some_and(|first| *first <= 0x1f);
        match tag {
            Some(tag) => value.insert(0, tag),
            None if attribute.is_hidden || looks_tagged => value.insert(0, 0),
            None => {}
        }
    }
    value
}

/// A value that the rule itself wrote.
fn fixed(attribute: &Attribute, tag: Option<u8>, text: &str, most: usize) -> Result<Vec<Vec<u8>>, TemplateFault> {
    let wrong = |instead: String| TemplateFault::Value {
        name: attribute.name.clone(),
        holds: attribute.form.name(),
        value: text.to_owned(),
        instead,
    };
    let value = match attribute.form {
        Form::Text | Form::Octets => {
            let bytes = match (attribute.form, text.strip_prefix("0x")) {
                (Form::Octets, Some(digits)) => data_encoding::HEXLOWER_PERMISSIVE
                    .decode(digits.as_bytes())
                    .ok()
                    .filter(|bytes| !bytes.is_empty())
                    .ok_or_else(|| wrong("write an even number of hexadecimal digits behind 0x".to_owned()))?,
                _ => text.as_bytes().to_vec(),
            };
            let parts = whole(attribute, &bytes, most, "the value")?;
            return Ok(parts.into_iter().map(|part| tagged(attribute, tag, part)).collect());
        }
        Form::Byte => named(attribute, text).map_err(wrong)?.to_be_bytes()[7..].to_vec(),
        Form::Short => named(attribute, text).map_err(wrong)?.to_be_bytes()[6..].to_vec(),
        Form::Integer64 => named(attribute, text).map_err(wrong)?.to_be_bytes().to_vec(),
        Form::Integer if attribute.has_tag => {
            // RFC 2868 §3.1: the tag is the first of the four bytes.
            let number = named(attribute, text).map_err(wrong)?;
            if number > 0x00ff_ffff {
                return Err(wrong("beside a tag a number has 24 bits".to_owned()));
            }
            [&[tag.unwrap_or(0)], &number.to_be_bytes()[5..]].concat()
        }
        Form::Integer => named(attribute, text).map_err(wrong)?.to_be_bytes()[4..].to_vec(),
        Form::Date => {
            let seconds = match text.parse::<Timestamp>() {
                Ok(at) => u32::try_from(at.as_second()).ok(),
                Err(_) => text.parse().ok(),
            };
            seconds
                .ok_or_else(|| wrong("write a moment such as 2030-01-31T12:00:00Z".to_owned()))?
                .to_be_bytes()
                .to_vec()
        }
        Form::Ipv4 => {
            text.parse::<Ipv4Addr>().map_err(|_| wrong("write one such as 10.0.0.5".to_owned()))?.octets().to_vec()
        }
        Form::Ipv6 => {
            text.parse::<Ipv6Addr>().map_err(|_| wrong("write one such as 2001:db8::5".to_owned()))?.octets().to_vec()
        }
        Form::Ipv6Prefix => {
            let net = text.parse::<Ipv6Net>().ok().filter(|net| net.addr() == net.network());
            let net = net.ok_or_else(|| wrong("write one such as 2001:db8::/64, without bits of a host".to_owned()))?;
            // RFC 3162 §2.3: a reserved byte, the length, the prefix.
            [&[0, net.prefix_len()], &net.addr().octets()[..]].concat()
        }
        Form::InterfaceId => interface_id(text)
            .ok_or_else(|| wrong("write four groups of hexadecimal digits such as 0:0:0:1".to_owned()))?,
    };
    Ok(vec![value])
}

/// A number by its name in the dictionary, or as it is; or what to write instead.
fn named(attribute: &Attribute, text: &str) -> Result<u64, String> {
    let largest = attribute.form.largest().unwrap_or_default();
    let digits = text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok());
    if let Some(number) = attribute.value(text).or(digits).filter(|number| *number <= largest) {
        return Ok(number);
    }
    let near = nearest(text, attribute.value_names());
    let mut names = attribute.value_names();
    let some: Vec<&str> = names.by_ref().take(8).collect();
    let otherwise = match (some.is_empty(), names.next()) {
        (true, _) => format!("write a number up to {largest}"),
        (false, None) => format!("there are {}", some.join(", ")),
        (false, Some(_)) => format!("there are {} and others", some.join(", ")),
    };
    Err(instead(&near, &otherwise))
}

/// RFC 3162 §2.2, written as the lower half of an IPv6 address is.
fn interface_id(text: &str) -> Option<Vec<u8>> {
    let groups: Vec<u16> = text
        .split(':')
        .map(|group| u16::from_str_radix(group, 16).ok().filter(|_| group.len() <= 4 && !group.starts_with('+')))
        .collect::<Option<_>>()?;
    (groups.len() == 4).then(|| groups.into_iter().flat_map(u16::to_be_bytes).collect())
}
