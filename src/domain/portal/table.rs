//! How each switch is called, what it does, what it may be: the one table that commands, pages and documentation go by.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::SignedDuration;

use super::{FirstEnrolment, Kind, SHORTEST_BYPASS, Switches};
use crate::domain::radius::dictionary::{instead, nearest};

/// One switch.
pub struct Switch {
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// What may stand behind the `=`.
    pub values: &'static str,
    read: fn(&mut Switches, &str) -> Result<(), String>,
    show: fn(&Switches) -> String,
}

impl Switch {
    /// Its value, as it is written.
    pub fn value(&self, switches: &Switches) -> String {
        (self.show)(switches)
    }
}

macro_rules! on_off {
    ($name:literal, $field:ident, $about:literal) => {
        Switch {
            name: $name,
            about: $about,
            values: "on or off",
            read: |switches, text| on(text).map(|value| switches.$field = value),
            show: |switches| if switches.$field { "on" } else { "off" }.to_owned(),
        }
    };
}

macro_rules! number {
    ($name:literal, $field:ident, $range:expr, $values:literal, $about:literal) => {
        Switch {
            name: $name,
            about: $about,
            values: $values,
            read: |switches, text| {
                let number = text.parse().ok().filter(|number| $range.contains(number));
                switches.$field = number.ok_or_else(|| concat!("write ", $values).to_owned())?;
                Ok(())
            },
            show: |switches| switches.$field.to_string(),
        }
    };
}

/// Longest bypass that a person may be allowed: a day.
const LONGEST_BYPASS: u32 = 86_400;

/// All of them, in the order in which they are shown.
pub const SWITCHES: [Switch; 20] = [
    on_off!("sign-in", sign_in, "People may sign in to the portal; off closes enrolment as well."),
    Switch {
        name: "first-enrolment",
        about: "How somebody without a factor comes to the first: by the directory password, only by a link from an \
                administrator, or not in the portal.",
        values: "password, link or off",
        read: |switches, text| {
            switches.first_enrolment = match text {
                "password" => FirstEnrolment::Password,
                "link" => FirstEnrolment::Link,
                "off" => FirstEnrolment::Off,
                _ => return Err("write password, link or off".to_owned()),
            };
            Ok(())
        },
        show: |switches| {
            match switches.first_enrolment {
                FirstEnrolment::Password => "password",
                FirstEnrolment::Link => "link",
                FirstEnrolment::Off => "off",
            }
            .to_owned()
        },
    },
    on_off!("second-way", second_way, "The first enrolment goes on to a second factor, for the day the first is lost."),
    Switch {
        name: "kinds",
        about: "What people may add alone.",
        values: "none, or some of app,passkey,totp,hardware-token",
        read: |switches, text| list(text, kind).map(|kinds| switches.kinds = kinds),
        show: |switches| shown(&switches.kinds.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>()),
    },
    number!("devices", devices, 1..=10, "a number from 1 to 10", "How many phones with the app one person may have."),
    on_off!("select-method", select_method, "People may choose the factor they are asked for first."),
    on_off!(
        "select-language",
        select_language,
        "People may choose their language for good; what they choose in a browser holds there all the same."
    ),
    on_off!("bypass", bypass, "People may let themselves in once without their second factor, for a short time ahead."),
    number!(
        "bypass-longest",
        bypass_longest,
        SHORTEST_BYPASS..=LONGEST_BYPASS,
        "seconds from 60 to 86400",
        "How long such a bypass waits to be used, or the most that may be chosen."
    ),
    on_off!("bypass-choose-length", bypass_choose_length, "People may choose a shorter time for their bypass."),
    on_off!(
        "questions",
        questions,
        "Security questions, behind the password, open the recovery page: never a gateway, never the portal."
    ),
    number!("questions-set", questions_set, 2..=8, "a number from 2 to 8", "How many questions a person sets up."),
    number!(
        "questions-asked",
        questions_asked,
        2..=8,
        "a number from 2 to 8",
        "How many of them are asked, by chance; all have to be answered."
    ),
    on_off!("code-fall-back", code_fall_back, "Who is asked on the phone may type a code of a token instead."),
    on_off!(
        "passkey-first",
        passkey_first,
        "A passkey that verifies its user (fingerprint, face, PIN) opens the portal without the directory password."
    ),
    Switch {
        name: "trusted-networks",
        about: "Signing in to the portal from these networks needs no second factor; changes do all the same.",
        values: "none, or networks such as 10.1.0.0/16,2001:db8::/32",
        read: |switches, text| list(text, network).map(|networks| switches.trusted_networks = networks),
        show: |switches| shown(&switches.trusted_networks.iter().map(IpNet::to_string).collect::<Vec<_>>()),
    },
    on_off!(
        "change-expired-password",
        change_expired_password,
        "Whose directory password has expired changes it at sign-in, after the second factor."
    ),
    on_off!(
        "recovery-enrols",
        recovery_enrols,
        "The recovery page lets a new factor be added, so that password and questions together are enough for one."
    ),
    Switch {
        name: "session-idle",
        about: "A session ends after so long without use.",
        values: "minutes from 1 to 720",
        read: |switches, text| minutes(text, 12 * 60).map(|span| switches.session_idle = span),
        show: |switches| switches.session_idle.as_mins().to_string(),
    },
    Switch {
        name: "session-longest",
        about: "A session ends after so long, whatever happens.",
        values: "minutes from 1 to 1440",
        read: |switches, text| minutes(text, 24 * 60).map(|span| switches.session_longest = span),
        show: |switches| switches.session_longest.as_mins().to_string(),
    },
];

fn on(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write on or off".to_owned()),
    }
}

fn minutes(text: &str, most: i64) -> Result<SignedDuration, String> {
    let minutes = text.parse().ok().filter(|minutes| (1..=most).contains(minutes));
    minutes.map(SignedDuration::from_mins).ok_or_else(|| format!("write minutes from 1 to {most}"))
}

/// Entries that a list may have.
const LONGEST_LIST: usize = 100;

/// Sorted, each once; `none` is no entry.
fn list<T: Ord>(text: &str, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    if text == "none" {
        return Ok(vec![]);
    }
    let mut found = text.split(',').map(|entry| read(entry.trim())).collect::<Result<Vec<T>, String>>()?;
    if found.len() > LONGEST_LIST {
        return Err(format!("write no more than {LONGEST_LIST} entries"));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn shown(entries: &[String]) -> String {
    if entries.is_empty() { "none".to_owned() } else { entries.join(",") }
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| format!("{text:?} is no kind; write none, or some of app,passkey,totp,hardware-token"))
}

fn network(text: &str) -> Result<IpNet, String> {
    let wanted = || format!("{text:?} is no network; write one such as 10.1.0.0/16");
    let alone = || text.parse::<IpAddr>().map(IpNet::from);
    let network: IpNet = text.parse().or_else(|_| alone()).map_err(|_| wanted())?;
    if network.prefix_len() == 0 {
        return Err(format!("{text} is everywhere, and would leave nobody a second factor"));
    }
    Ok(network.trunc())
}

/// Why a switch cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchFault {
    #[error("there is no switch {name:?}; {instead}")]
    Unknown { name: String, instead: String },
    #[error("{name}: {why}")]
    Value { name: &'static str, why: String },
}

/// The switch of a name.
pub fn switch(name: &str) -> Result<&'static Switch, SwitchFault> {
    SWITCHES.iter().find(|switch| switch.name == name).ok_or_else(|| {
        let near = nearest(name, SWITCHES.iter().map(|switch| switch.name));
        let instead = instead(&near, "`vestibule portal set --help` lists them");
        SwitchFault::Unknown { name: name.to_owned(), instead }
    })
}

/// Switches that a rule sets. Each value has been read, and is kept as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<&'static str, String>);

impl Overrides {
    /// Reads what was kept.
    pub fn read<'t>(kept: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, SwitchFault> {
        let mut overrides = Self::default();
        for (name, value) in kept {
            overrides.set(name, value)?;
        }
        Ok(overrides)
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SwitchFault> {
        let switch = switch(name)?;
        let mut scratch = Switches::default();
        let read = (switch.read)(&mut scratch, value.trim());
        read.map_err(|why| SwitchFault::Value { name: switch.name, why })?;
        self.0.insert(switch.name, switch.value(&scratch));
        Ok(())
    }

    /// What `other` sets, beside or in the place of what is set here.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, value)| (*name, value.clone())));
    }

    /// False if it was not set.
    pub fn unset(&mut self, switch: &Switch) -> bool {
        self.0.remove(switch.name).is_some()
    }

    pub fn get(&self, switch: &Switch) -> Option<&str> {
        self.0.get(switch.name).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// What differs from `before`, as `name=value` or `name unset`.
    pub fn changes(&self, before: &Self) -> Vec<String> {
        let set = self.iter().filter(|(name, value)| before.0.get(name).map(String::as_str) != Some(*value));
        let mut changes: Vec<String> = set.map(|(name, value)| format!("{name}={value}")).collect();
        changes.extend(before.0.keys().filter(|name| !self.0.contains_key(*name)).map(|name| format!("{name} unset")));
        changes
    }

    pub(super) fn apply(&self, switch: &Switch, switches: &mut Switches) -> bool {
        // What is in here has been read once, and reads again.
        self.get(switch).is_some_and(|value| (switch.read)(switches, value).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Result<Overrides, SwitchFault> {
        Overrides::read(pairs.iter().copied())
    }

    #[test]
    fn every_switch_reads_what_it_shows() {
        for switch in &SWITCHES {
            let shown = switch.value(&Switches::default());
            let overrides = set(&[(switch.name, &shown)]).unwrap();
            assert_eq!(overrides.get(switch), Some(shown.as_str()), "{}", switch.name);
            assert!(switch.about.ends_with('.') && !switch.values.is_empty(), "{}", switch.name);
        }
    }

    #[test]
    fn every_switch_moves_its_own_field_and_no_other() {
        let others = [
            ("sign-in", "off"),
            ("first-enrolment", "link"),
            ("second-way", "off"),
            ("kinds", "totp,app"),
            ("devices", "1"),
            ("select-method", "off"),
            ("select-language", "off"),
            ("bypass", "on"),
            ("bypass-longest", "600"),
            ("bypass-choose-length", "on"),
            ("questions", "on"),
            ("questions-set", "5"),
            ("questions-asked", "3"),
            ("code-fall-back", "off"),
            ("passkey-first", "on"),
            ("trusted-networks", "10.1.0.0/16"),
            ("change-expired-password", "off"),
            ("recovery-enrols", "on"),
            ("session-idle", "5"),
            ("session-longest", "60"),
        ];
        assert_eq!(others.len(), SWITCHES.len());
        for (name, value) in others {
            let overrides = set(&[(name, value)]).unwrap();
            let mut switches = Switches::default();
            for switch in &SWITCHES {
                overrides.apply(switch, &mut switches);
            }
            let moved: Vec<&str> = SWITCHES
                .iter()
                .filter(|switch| switch.value(&switches) != switch.value(&Switches::default()))
                .map(|switch| switch.name)
                .collect();
            assert_eq!(moved, [name]);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_what_can() {
        for (name, value, word) in [
            ("bypass", "yes", "on or off"),
            ("devices", "0", "1 to 10"),
            ("devices", "11", "1 to 10"),
            ("bypass-longest", "59", "60 to 86400"),
            ("kinds", "phone", "app,passkey,totp,hardware-token"),
            ("kinds", "", "is no kind"),
            ("trusted-networks", "0.0.0.0/0", "everywhere"),
            ("trusted-networks", "::/0", "everywhere"),
            ("trusted-networks", "10.0.0.0/33", "is no network"),
            ("session-idle", "0", "1 to 720"),
            ("questions-asked", "1", "2 to 8"),
        ] {
            let fault = set(&[(name, value)]).unwrap_err().to_string();
            assert!(fault.contains(word), "{name}={value}: {fault}");
        }
        let fault = set(&[("bypas", "on")]).unwrap_err().to_string();
        assert!(fault.contains("did you mean bypass"), "{fault}");
        assert!(set(&[("x", "on")]).unwrap_err().to_string().contains("--help"));
    }

    #[test]
    fn lists_are_kept_in_order_and_each_entry_once() {
        let overrides = set(&[("kinds", "totp, app,app"), ("trusted-networks", "10.1.2.3/16,192.0.2.1")]).unwrap();
        let shown: Vec<_> = overrides.iter().collect();
        assert_eq!(shown, [("kinds", "app,totp"), ("trusted-networks", "10.1.0.0/16,192.0.2.1/32")]);
        assert_eq!(set(&[("kinds", "none")]).unwrap().iter().collect::<Vec<_>>(), [("kinds", "none")]);
    }

    #[test]
    fn a_change_is_told_by_what_differs() {
        let before = set(&[("bypass", "on"), ("devices", "2")]).unwrap();
        let after = set(&[("bypass", "on"), ("questions", "on")]).unwrap();
        assert_eq!(after.changes(&before), ["questions=on", "devices unset"]);
        assert!(after.changes(&after).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_was_read_reads_again(at in 0..SWITCHES.len(), text in ".{0,40}") {
            let switch = &SWITCHES[at];
            let mut overrides = Overrides::default();
            if overrides.set(switch.name, &text).is_ok() {
                let kept = overrides.get(switch).unwrap().to_owned();
                let mut again = Overrides::default();
                again.set(switch.name, &kept).unwrap();
                prop_assert_eq!(overrides, again);
            }
        }
    }
}
