//! Whom a rule is for: those in some groups, and not in others.

use std::fmt;

use super::{GroupOf, Left, Rule};
use crate::domain::dn::Dn;
use crate::domain::name::{FoldFault, Folded, LoginName, fold};

/// Holds for who is in one of `any_of`, if it names any, and in none of `none_of`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    pub any_of: Vec<GroupName>,
    pub none_of: Vec<GroupName>,
}

/// A group by its name, which several groups may have, or by its DN, which one has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName {
    text: String,
    key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Name(Folded),
    Dn(Folded),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GroupFault(#[from] FoldFault);

impl GroupName {
    pub fn parse(text: &str) -> Result<Self, GroupFault> {
        // A group's name may hold what an account's may not.
        let key = match LoginName::parse(text) {
            Ok(dn @ LoginName::Dn { .. }) => Key::Dn(dn.folded()),
            Ok(_) | Err(_) => Key::Name(fold(text)?),
        };
        Ok(Self { text: text.to_owned(), key })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In comparison form.
    pub fn folded(&self) -> &Folded {
        match &self.key {
            Key::Name(folded) | Key::Dn(folded) => folded,
        }
    }

    /// Is it one of these? A group that is called like another's DN is not that other.
    pub fn is_among(&self, groups: &[GroupOf]) -> bool {
        groups.iter().any(|group| match &self.key {
            Key::Name(folded) => fold(&group.name).is_ok_and(|name| name == *folded),
            Key::Dn(folded) => Dn::parse(&group.dn).is_ok_and(|dn| dn.folded() == *folded),
        })
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A person's groups in comparison form; those that have none are in no condition.
pub struct Keys {
    names: Vec<Folded>,
    dns: Vec<Folded>,
}

impl Keys {
    /// Only as far as these rules look at them.
    pub fn of(groups: &[GroupOf], rules: &[Rule]) -> Self {
        let asked = || rules.iter().flat_map(|rule| rule.when.any_of.iter().chain(&rule.when.none_of));
        let mut keys = Self { names: vec![], dns: vec![] };
        if asked().any(|name| matches!(name.key, Key::Name(_))) {
            keys.names = groups.iter().filter_map(|group| fold(&group.name).ok()).collect();
        }
        if asked().any(|name| matches!(name.key, Key::Dn(_))) {
            keys.dns = groups.iter().filter_map(|group| Dn::parse(&group.dn).ok()).map(|dn| dn.folded()).collect();
        }
        keys
    }

    fn have(&self, name: &GroupName) -> bool {
        // A group that is called like another's DN is not that other.
        match &name.key {
            Key::Name(folded) => self.names.contains(folded),
            Key::Dn(folded) => self.dns.contains(folded),
        }
    }
}

impl Condition {
    pub(super) fn holds(&self, groups: &Keys) -> Result<(), Left> {
        if let Some(barred) = self.none_of.iter().find(|name| groups.have(name)) {
            return Err(Left::InGroup(barred.text.clone()));
        }
        if self.any_of.is_empty() || self.any_of.iter().any(|name| groups.have(name)) {
            return Ok(());
        }
        Err(Left::NotInGroup(self.any_of.iter().map(|name| name.text.clone()).collect()))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[GroupName]| names.iter().map(GroupName::as_str).collect::<Vec<_>>().join(" or ");
        match (self.any_of.as_slice(), self.none_of.as_slice()) {
            ([], []) => f.write_str("always"),
            (any, []) => write!(f, "in {}", names(any)),
            ([], none) => write!(f, "not in {}", names(none)),
            (any, none) => write!(f, "in {}, not in {}", names(any), names(none)),
        }
    }
}
