//! Whose rule counts: for each switch the first group rule that sets it and whose group the person is in, else the default
//! rule, else what the product was built with.

use super::Switches;
use super::table::{Overrides, SWITCHES, Switch};
use crate::domain::radius::template::{GroupName, GroupOf};

/// What one group's people may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    pub group: GroupName,
    pub overrides: Overrides,
}

/// All rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// For everybody.
    pub default: Overrides,
    /// In the order in which they are looked at.
    pub groups: Vec<GroupRule>,
}

/// Where a switch has its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'r> {
    BuiltIn,
    Default,
    Group(&'r GroupName),
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Default => f.write_str("set for everybody"),
            Self::Group(group) => write!(f, "set for {group}"),
        }
    }
}

impl Rules {
    /// The switches of a person in these groups.
    pub fn of(&self, groups: &[GroupOf]) -> Switches {
        self.explained(groups).0
    }

    /// The same, and where each switch has its value from, in the order of [`SWITCHES`].
    pub fn explained(&self, groups: &[GroupOf]) -> (Switches, Vec<(&'static Switch, Origin<'_>)>) {
        let theirs: Vec<&GroupRule> = self.groups.iter().filter(|rule| rule.group.is_among(groups)).collect();
        let mut switches = Switches::default();
        let mut origins = Vec::with_capacity(SWITCHES.len());
        for switch in &SWITCHES {
            let by_group = theirs.iter().find(|rule| rule.overrides.apply(switch, &mut switches));
            let origin = match by_group {
                Some(rule) => Origin::Group(&rule.group),
                None if self.default.apply(switch, &mut switches) => Origin::Default,
                None => Origin::BuiltIn,
            };
            origins.push((switch, origin));
        }
        (switches, origins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(pairs: &[(&str, &str)]) -> Overrides {
        Overrides::read(pairs.iter().copied()).unwrap()
    }

    fn rule(group: &str, pairs: &[(&str, &str)]) -> GroupRule {
        GroupRule { group: GroupName::parse(group).unwrap(), overrides: overrides(pairs) }
    }

    fn groups(names: &[&str]) -> Vec<GroupOf> {
        let group = |name: &&str| GroupOf { name: (*name).to_owned(), dn: format!("cn={name},ou=groups,dc=corp") };
        names.iter().map(group).collect()
    }

    #[test]
    fn for_each_switch_the_first_rule_that_sets_it_counts() {
        let rules = Rules {
            default: overrides(&[("bypass", "on"), ("devices", "2"), ("questions", "on")]),
            groups: vec![
                rule("admins", &[("bypass", "off")]),
                rule("CN=Staff,OU=Groups,DC=corp", &[("bypass", "on"), ("devices", "3")]),
                rule("staff", &[("devices", "4"), ("passkey-first", "on")]),
            ],
        };
        for (member_of, bypass, devices, questions, passkey_first) in [
            (&[][..], true, 2, true, false),
            (&["others"], true, 2, true, false),
            (&["Admins"], false, 2, true, false),
            (&["staff"], true, 3, true, true),
            (&["staff", "admins"], false, 3, true, true),
        ] {
            let got = rules.of(&groups(member_of));
            let got = (got.bypass, got.devices, got.questions, got.passkey_first);
            assert_eq!(got, (bypass, devices, questions, passkey_first), "{member_of:?}");
        }
    }

    #[test]
    fn a_value_says_where_it_is_from() {
        let rules =
            Rules { default: overrides(&[("bypass", "off")]), groups: vec![rule("staff", &[("devices", "3")])] };
        let staff = groups(&["staff"]);
        let (_, origins) = rules.explained(&staff);
        let origin = |name: &str| origins.iter().find(|(switch, _)| switch.name == name).unwrap().1.to_string();
        assert_eq!(origin("bypass"), "set for everybody", "although it is what it would be without");
        assert_eq!(origin("devices"), "set for staff");
        assert_eq!(origin("sign-in"), "built in");
    }

    #[test]
    fn a_group_that_is_called_like_anothers_dn_is_not_that_other() {
        let rules = Rules {
            groups: vec![rule("cn=admins,ou=groups,dc=corp", &[("recovery-enrols", "on")])],
            ..Rules::default()
        };
        let impostor = GroupOf { name: "cn=admins,ou=groups,dc=corp".into(), dn: "cn=x,dc=corp".into() };
        assert!(!rules.of(&[impostor]).recovery_enrols);
        assert!(rules.of(&groups(&["admins"])).recovery_enrols);
    }
}
