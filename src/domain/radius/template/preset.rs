//! Rules that gateways' manuals ask for, by a name.

use super::{Rule, RuleFault};
use crate::domain::radius::dictionary::{instead, nearest};

/// A set of rules by a name.
pub struct Preset {
    pub name: &'static str,
    pub argument: Argument,
    /// Whom it is for and what it sends.
    pub about: &'static str,
    /// Attribute and value of each rule; `ARG` stands for the argument.
    rules: &'static [(&'static str, &'static str)],
}

/// What may stand behind a preset's name and a `:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Must, and is called so.
    Needed(&'static str),
    /// May: a pattern, and only the groups that look like it are sent.
    Groups,
}

const fn groups(name: &'static str, about: &'static str, rules: &'static [(&'static str, &'static str)]) -> Preset {
    Preset { name, argument: Argument::Groups, about, rules }
}

const fn needs(
    name: &'static str,
    argument: &'static str,
    about: &'static str,
    rules: &'static [(&'static str, &'static str)],
) -> Preset {
    Preset { name, argument: Argument::Needed(argument), about, rules }
}

pub const PRESETS: &[Preset] = &[
    groups(
        "netscaler-groups",
        "NetScaler: all groups in Class, as its default prefix and separator want them",
        &[("Class", "CTXSUserGroups=${groupsARG}")],
    ),
    groups(
        "netscaler-vendor-groups",
        "NetScaler with group vendor id 66 and attribute type 16: all groups, separated by ;",
        &[("Citrix-User-Groups", "${groupsARG}")],
    ),
    groups("class-group", "One Class for each group", &[("Class", "${groupARG}")]),
    groups(
        "filter-id-group",
        "One Filter-Id for each group (WatchGuard, SonicWall, Sophos)",
        &[("Filter-Id", "${groupARG}")],
    ),
    groups(
        "fortinet-group",
        "FortiGate: one Fortinet-Group-Name for each group",
        &[("Fortinet-Group-Name", "${groupARG}")],
    ),
    groups(
        "palo-alto-group",
        "Palo Alto: one PaloAlto-User-Group for each group",
        &[("PaloAlto-User-Group", "${groupARG}")],
    ),
    groups(
        "sonicwall-group",
        "SonicWall: one SonicWall-User-Group for each group",
        &[("SonicWall-User-Group", "${groupARG}")],
    ),
    needs("palo-alto-role", "ROLE", "Palo Alto: an administrator's role", &[("PaloAlto-Admin-Role", "ARG")]),
    needs(
        "fortinet-profile",
        "PROFILE",
        "FortiGate: an administrator's access profile",
        &[("Fortinet-Access-Profile", "ARG")],
    ),
    needs("cisco-avpair", "NAME=VALUE", "Cisco IOS: a pair, such as shell:priv-lvl=15", &[("Cisco-AVPair", "ARG")]),
    needs("cisco-asa-policy", "POLICY", "Cisco ASA: a group policy, by Class", &[("Class", "OU=ARG;")]),
    needs("juniper-user", "NAME", "Junos: the local user whose rights apply", &[("Juniper-Local-User-Name", "ARG")]),
    needs("aruba-role", "ROLE", "Aruba: a user's role", &[("Aruba-User-Role", "ARG")]),
    needs("mikrotik-group", "GROUP", "MikroTik: an administrator's group", &[("Mikrotik-Group", "ARG")]),
    needs(
        "vlan",
        "ID",
        "A VLAN by its number or name (RFC 3580 §3.31)",
        &[("Tunnel-Type:1", "VLAN"), ("Tunnel-Medium-Type:1", "IEEE-802"), ("Tunnel-Private-Group-Id:1", "ARG")],
    ),
];

/// Why there is no preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetFault {
    #[error("there is no preset {name:?}; {}", instead(near, &format!("there are {}", known())))]
    Unknown { name: String, near: Vec<String> },
    #[error("the preset {name} needs {argument} behind a colon, as in --preset {name}:{argument}")]
    NeedsArgument { name: &'static str, argument: &'static str },
    #[error(transparent)]
    Rule(#[from] RuleFault),
}

fn known() -> String {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}

/// The rules behind `NAME` or `NAME:ARGUMENT`, for everybody.
pub fn preset(text: &str) -> Result<Vec<Rule>, PresetFault> {
    let (name, argument) = text.split_once(':').map_or((text, None), |(name, argument)| (name, Some(argument)));
    let argument = argument.filter(|argument| !argument.is_empty());
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
        let near = nearest(name, PRESETS.iter().map(|preset| preset.name));
        return Err(PresetFault::Unknown { name: name.to_owned(), near });
    };
    let argument = match (preset.argument, argument) {
        (Argument::Needed(argument), None) => {
            return Err(PresetFault::NeedsArgument { name: preset.name, argument });
        }
        (Argument::Needed(_), Some(argument)) => argument.replace('$', "$$"),
        (Argument::Groups, None) => String::new(),
        (Argument::Groups, Some(pattern)) => format!("|only={}", escaped(pattern)),
    };
    let rule = |(attribute, value): &(&str, &str)| Ok(Rule::new(attribute, &value.replace("ARG", &argument))?);
    preset.rules.iter().map(rule).collect()
}

/// Plain within `${}`.
fn escaped(pattern: &str) -> String {
    pattern.chars().fold(String::new(), |mut text, letter| {
        if matches!(letter, '\\' | '|' | '}') {
            text.push('\\');
        }
        text.push(letter);
        text
    })
}
