//! The second look: values that parsed, held against their range and against each other. It speaks only of keys that
//! somebody set, and only once of each.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::faults::{ConfigFault, Origin};
use super::forms::{duration, size};
use super::sources::Settings;

/// Gathers faults, knowing who set what.
pub(super) struct Check<'a> {
    settings: &'a Settings,
    faults: &'a mut Vec<ConfigFault>,
    /// Keys already reported: their value is the default by now, so nothing can be said about it.
    known_bad: BTreeSet<String>,
    /// False when the file could not be understood: what seems missing may stand in it.
    complete: bool,
    taken: Vec<(&'static str, Protocol, SocketAddr)>,
}

/// A TCP port and a UDP port of one number are two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl<'a> Check<'a> {
    pub(super) fn new(settings: &'a Settings, faults: &'a mut Vec<ConfigFault>) -> Self {
        let known_bad = faults
            .iter()
            .filter_map(|fault| match fault {
                ConfigFault::Unfit { key, .. } | ConfigFault::GivenTwice { key, .. } => Some(key.clone()),
                ConfigFault::FileUnreadable { .. }
                | ConfigFault::NotToml { .. }
                | ConfigFault::UnknownKey { .. }
                | ConfigFault::UnknownVariable { .. } => None,
            })
            .collect();
        let complete = !faults.iter().any(|fault| matches!(fault, ConfigFault::NotToml { .. }));
        Self { settings, faults, known_bad, complete, taken: Vec::new() }
    }

    pub(super) fn unfit(&mut self, key: &str, reason: impl Into<String>) {
        if let Some(origin) = self.origin(key)
            && self.known_bad.insert(key.to_owned())
        {
            self.faults.push(ConfigFault::Unfit { key: key.to_owned(), origin, reason: reason.into() });
        }
    }

    pub(super) fn count(&mut self, key: &str, value: usize, range: RangeInclusive<usize>) {
        self.within(key, &value, &range, usize::to_string);
    }

    pub(super) fn size(&mut self, key: &str, value: usize, range: RangeInclusive<usize>) {
        self.within(key, &value, &range, |bytes| size::written(*bytes));
    }

    pub(super) fn duration(&mut self, key: &str, value: Duration, range: RangeInclusive<Duration>) {
        self.within(key, &value, &range, |span| duration::written(*span));
    }

    fn within<T: PartialOrd>(&mut self, key: &str, value: &T, range: &RangeInclusive<T>, written: fn(&T) -> String) {
        if !range.contains(value) {
            let (low, high) = (written(range.start()), written(range.end()));
            self.unfit(key, format!("must be between {low} and {high}"));
        }
    }

    /// Blames whichever of the two was set; the smaller side first.
    pub(super) fn at_most(&mut self, (small, low): (&str, usize), (large, high): (&str, usize)) {
        if low > high && self.complete && !self.known_bad.contains(small) && !self.known_bad.contains(large) {
            if self.origin(small).is_some() {
                self.unfit(small, format!("must not be more than {large}"));
            } else {
                self.unfit(large, format!("must not be less than {small}, which is {low} unless set"));
            }
        }
    }

    pub(super) fn both_or_none(&mut self, first: (&str, bool), second: (&str, bool)) {
        for ((key, here), (other, there)) in [(first, second), (second, first)] {
            if here && !there && self.complete && !self.known_bad.contains(other) {
                self.unfit(key, format!("goes with {other}; set both or none"));
            }
        }
    }

    pub(super) fn filled_path(&mut self, key: &str, path: Option<&Path>) {
        if path.is_some_and(|path| path.as_os_str().is_empty()) {
            self.unfit(key, "must be a path, or be left out");
        }
    }

    /// No two listeners on one address. Port 0 lets the system choose, so it never clashes.
    pub(super) fn addresses(&mut self, key: &'static str, protocol: Protocol, addresses: &[SocketAddr]) {
        for address in addresses.iter().filter(|address| address.port() != 0) {
            let taken = self.taken.iter().find(|(_, by, taken)| (*by, taken) == (protocol, address));
            let clash = taken.map(|(by, ..)| *by);
            match clash {
                Some(by) if by == key => self.unfit(key, "names one address twice"),
                Some(by) if self.origin(key).is_some() => self.unfit(key, uses_address_of(by)),
                Some(by) => self.unfit(by, uses_address_of(key)),
                None => self.taken.push((key, protocol, *address)),
            }
        }
    }

    fn origin(&self, key: &str) -> Option<Origin> {
        self.settings.get(key).map(|setting| setting.origin.clone())
    }
}

fn uses_address_of(other: impl Display) -> String {
    format!("names an address that {other} uses as well")
}
