//! A value as a rule writes it: text with `${user}`, `${groups}` and their like in it.

use std::fmt;

use super::{GroupOf, Person};

/// Longest value that is read, in bytes.
const MAX_BYTES: usize = 4096;
/// Placeholders in one value.
const MAX_PARTS: usize = 64;

/// Reads and fills a value.
///
/// `${user}`, `${name}`, `${mail}`, `${upn}` and `${client}` are what they say; `${groups}` is all groups in one value,
/// `${group}` a value for each. Behind these two may stand, each after a `|`: `only=PATTERN` (`*` is anything; more than
/// one is any of them), `strip=PREFIX`, `separator=TEXT` (of `${groups}`, else `;`) and `as=dn`. `$$` is a `$`; within
/// `${}` a `\` makes the next character plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    User,
    Display,
    Mail,
    Upn,
    Client,
    Groups(Groups),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Groups {
    /// `None`: a value for each.
    separator: Option<String>,
    only: Vec<String>,
    strip: String,
    as_dn: bool,
}

/// Why a text is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    #[error("the value is empty, and RFC 2865 §5 has no empty attributes; write a value")]
    Empty,
    #[error("the value is longer than {MAX_BYTES} bytes; shorten it")]
    TooLong,
    #[error("the value holds a control character; write bytes as 0x and hexadecimal digits")]
    Control,
    #[error("a $ begins a name such as ${{user}}; write $$ for the character itself")]
    Dollar,
    #[error("the {{ behind $ is not closed; write the }}")]
    Open,
    #[error("there is no ${{{0}}}; there are user, name, mail, upn, client, groups and group")]
    NoSuch(String),
    #[error("{option:?} is nothing that ${{{name}}} takes; {takes}")]
    Option { name: String, option: String, takes: &'static str },
    #[error("a value names the groups once; use one rule for each list")]
    GroupsTwice,
    #[error("the value is put together from more than {MAX_PARTS} parts; simplify it")]
    TooMany,
}

/// Why a rule adds nothing for somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Left {
    #[error("in none of the groups {}", .0.join(", "))]
    NotInGroup(Vec<String>),
    #[error("in the group {0}")]
    InGroup(String),
    #[error("the person has no {0}")]
    Lacks(&'static str),
    #[error("the person's {0} holds a control character")]
    Unfit(&'static str),
    #[error("no group is left to name")]
    NoGroups,
}

/// A value, or several, for one person.
pub struct Filled {
    pub values: Values,
    /// Groups that could not be named, with the reason.
    pub left_out: Vec<(String, &'static str)>,
}

pub enum Values {
    /// As the rule wrote it.
    Fixed(String),
    One(String),
    /// One for each group: the group, the value.
    Each(Vec<(String, String)>),
    /// As many as it takes.
    List {
        before: String,
        items: Vec<String>,
        separator: String,
        after: String,
    },
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, ValueFault> {
        if text.is_empty() {
            return Err(ValueFault::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(ValueFault::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(ValueFault::Control);
        }
        let mut parts = vec![];
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(behind) = behind.strip_prefix('$') {
                plain.push('$');
                rest = behind;
                continue;
            }
            let inner = behind.strip_prefix('{').ok_or(ValueFault::Dollar)?;
            let (words, behind) = words(inner).ok_or(ValueFault::Open)?;
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            parts.push(part(&words)?);
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        if parts.len() > MAX_PARTS {
            return Err(ValueFault::TooMany);
        }
        if parts.iter().filter(|part| matches!(part, Part::Groups(_))).count() > 1 {
            return Err(ValueFault::GroupsTwice);
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value, if it is the same for everybody.
    pub fn fixed(&self) -> Option<String> {
        match self.parts.as_slice() {
            [Part::Plain(text)] => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn fill(&self, person: &Person<'_>) -> Result<Filled, Left> {
        if let Some(text) = self.fixed() {
            return Ok(Filled { values: Values::Fixed(text), left_out: vec![] });
        }
        let (mut before, mut after) = (String::new(), String::new());
        let mut groups = None;
        for part in &self.parts {
            let side = if groups.is_none() { &mut before } else { &mut after };
            match part {
                Part::Plain(text) => side.push_str(text),
                Part::User => side.push_str(fact(Some(person.name), "name")?),
                Part::Display => side.push_str(fact(person.display, "display name")?),
                Part::Mail => side.push_str(fact(person.mail, "mail address")?),
                Part::Upn => side.push_str(fact(person.upn, "user principal name")?),
                Part::Client => side.push_str(person.client),
                Part::Groups(wanted) => groups = Some(wanted),
            }
        }
        let Some(wanted) = groups else { return Ok(Filled { values: Values::One(before), left_out: vec![] }) };
        let (items, left_out) = wanted.of(person.groups);
        if items.is_empty() {
            return Err(Left::NoGroups);
        }
        let values = match &wanted.separator {
            Some(separator) => Values::List { before, items, separator: separator.clone(), after },
            None => {
                Values::Each(items.into_iter().map(|item| (item.clone(), format!("{before}{item}{after}"))).collect())
            }
        };
        Ok(Filled { values, left_out })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something about the person. Gateways that cut texts at a control character would read another name.
fn fact<'p>(fact: Option<&'p str>, what: &'static str) -> Result<&'p str, Left> {
    match fact {
        None | Some("") => Err(Left::Lacks(what)),
        Some(text) if text.chars().any(char::is_control) => Err(Left::Unfit(what)),
        Some(text) => Ok(text),
    }
}

impl Groups {
    /// The groups as they are named, each once, and those that cannot be.
    fn of(&self, groups: &[GroupOf]) -> (Vec<String>, Vec<(String, &'static str)>) {
        let (mut items, mut left_out) = (vec![], vec![]);
        for group in groups {
            if !self.only.is_empty() && !self.only.iter().any(|pattern| matches(pattern, &group.name)) {
                continue;
            }
            let named = if self.as_dn { group.dn.as_str() } else { without(&self.strip, &group.name) };
            let odd = if named.is_empty() {
                Some("nothing is left of its name")
            } else if named.chars().any(char::is_control) {
                Some("its name holds a control character")
            } else if self.separator.as_ref().is_some_and(|separator| named.contains(separator.as_str())) {
                // Whoever may name a group must not make the gateway read two.
                Some("its name holds the separator")
            } else {
                None
            };
            match odd {
                Some(why) => left_out.push((group.name.clone(), why)),
                None if items.iter().any(|item| item == named) => {}
                None => items.push(named.to_owned()),
            }
        }
        (items, left_out)
    }
}

fn without<'n>(prefix: &str, name: &'n str) -> &'n str {
    match (name.get(..prefix.len()), name.get(prefix.len()..)) {
        (Some(head), Some(tail)) if head.eq_ignore_ascii_case(prefix) => tail,
        _ => name,
    }
}

/// Does the name look like the pattern, in any case, `*` being anything?
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// What stands between the braces, taken apart at `|`, and what stands behind them.
fn words(inner: &str) -> Option<(Vec<String>, &str)> {
    let mut words = vec![String::new()];
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        let plain = match letter {
            '}' => return Some((words, inner.get(at + 1..)?)),
            '|' => {
                words.push(String::new());
                continue;
            }
            '\\' => letters.next()?.1,
            letter => letter,
        };
        words.last_mut()?.push(plain);
    }
    None
}

fn part(words: &[String]) -> Result<Part, ValueFault> {
    let [name, options @ ..] = words else { return Err(ValueFault::Open) };
    let simple = match name.as_str() {
        "user" => Part::User,
        "name" => Part::Display,
        "mail" => Part::Mail,
        "upn" => Part::Upn,
        "client" => Part::Client,
        "groups" => return groups(name, Some(";".to_owned()), options),
        "group" => return groups(name, None, options),
        _ => return Err(ValueFault::NoSuch(name.clone())),
    };
    match options.first() {
        None => Ok(simple),
        Some(option) => {
            let (name, option) = (name.clone(), option.clone());
            Err(ValueFault::Option { name, option, takes: "leave it out" })
        }
    }
}

fn groups(name: &str, separator: Option<String>, options: &[String]) -> Result<Part, ValueFault> {
    let mut groups = Groups { separator, ..Groups::default() };
    for option in options {
        match (option.split_once('='), &mut groups.separator) {
            (Some(("only", pattern)), _) => groups.only.push(pattern.to_owned()),
            (Some(("strip", prefix)), _) => groups.strip = prefix.to_owned(),
            (Some(("as", "dn")), _) => groups.as_dn = true,
            (Some(("separator", text)), Some(separator)) if !text.is_empty() => text.clone_into(separator),
            _ => {
                let takes = "write only=PATTERN, strip=PREFIX, separator=TEXT (of ${groups}) or as=dn";
                return Err(ValueFault::Option { name: name.to_owned(), option: option.clone(), takes });
            }
        }
    }
    Ok(Part::Groups(groups))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_whole_name_in_any_case_with_stars_for_anything() {
        for (pattern, name, fits) in [
            ("vpn-*", "VPN-Users", true),
            ("vpn-*", "my-vpn-users", false),
            ("*-users", "vpn-users", true),
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("staff", "Staff", true),
            ("staff", "staff2", false),
            ("vpn-*ä*", "VPN-ÄRZTE", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
