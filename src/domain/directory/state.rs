//! Whether a directory lets an account be used at all, read from the entry that a sign-in looks up anyway and that an
//! import or a sync reads.
//!
//! The bind of a password says the same, where the directory enforces it: Active Directory and 389 do, OpenLDAP enforces
//! `pwdAccountLockedTime` with its overlay `ppolicy` and never `shadowExpire`. So a clear word here denies, and anything
//! less does not: an attribute that our own account may not read must not lock everybody out. What is missing or cannot be
//! understood is *unknown*, not enabled; a door that has the directory check a password can leave it at that, one that does
//! not must not let anybody in on it.

use jiff::Timestamp;

use super::DirectoryKind;
use crate::domain::outcome::Denial;

/// What a directory says of an account, free of the time at which it is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct AccountState {
    /// `None` if the directory does not say, or not so that it can be understood.
    pub disabled: Option<bool>,
    /// From then on the account is expired; `None` if it never is, or nothing is known of it.
    pub until: Option<Timestamp>,
}

impl AccountState {
    pub const ENABLED: Self = Self { disabled: Some(false), until: None };

    /// Why nobody may sign in by it, if that is clear.
    pub fn denial(self, now: Timestamp) -> Option<Denial> {
        if self.disabled == Some(true) {
            return Some(Denial::DisabledInDirectory);
        }
        self.until.is_some_and(|until| until <= now).then_some(Denial::ExpiredInDirectory)
    }
}

/// The attributes that [`state`] asks for.
pub fn state_attributes(kind: DirectoryKind) -> &'static [&'static str] {
    match kind {
        DirectoryKind::ActiveDirectory => &["userAccountControl", "accountExpires"],
        DirectoryKind::OpenLdap => &["pwdAccountLockedTime", "nsAccountLock", "shadowExpire"],
    }
}

/// Reads an entry; `values` gives all values of an attribute, none if the entry lacks it.
pub fn state<'e>(kind: DirectoryKind, values: impl Fn(&str) -> &'e [Vec<u8>]) -> AccountState {
    match kind {
        DirectoryKind::ActiveDirectory => {
            // Each account has the first, so a missing one is one that we may not read; the second may be missing.
            let disabled =
                one(values("userAccountControl")).and_then(|value| Some(integer(value)? & ACCOUNT_DISABLE != 0));
            end(disabled, values("accountExpires"), filetime)
        }
        // Accounts in good standing have none of these.
        DirectoryKind::OpenLdap => {
            let locks = [lock(values("pwdAccountLockedTime"), locked_time), lock(values("nsAccountLock"), boolean)];
            let disabled = if locks.contains(&Some(true)) {
                Some(true)
            } else {
                locks.into_iter().all(|lock| lock == Some(false)).then_some(false)
            };
            end(disabled, values("shadowExpire"), shadow_day)
        }
    }
}

/// MS-ADTS §2.2.16: ADS_UF_ACCOUNTDISABLE.
const ACCOUNT_DISABLE: i64 = 0x2;

/// When something ends: at a time, or never.
enum End {
    At(Timestamp),
    Never,
}

/// An end that cannot be understood leaves open whether the account is in good standing.
fn end(disabled: Option<bool>, values: &[Vec<u8>], read: fn(&[u8]) -> Option<End>) -> AccountState {
    if values.is_empty() {
        return AccountState { disabled, until: None };
    }
    match one(values).and_then(read) {
        Some(End::At(until)) => AccountState { disabled, until: Some(until) },
        Some(End::Never) => AccountState { disabled, until: None },
        None => AccountState { disabled: disabled.filter(|disabled| *disabled), until: None },
    }
}

/// Whether a lock is on; one that is not there is off.
fn lock(values: &[Vec<u8>], read: fn(&[u8]) -> Option<bool>) -> Option<bool> {
    if values.is_empty() { Some(false) } else { one(values).and_then(read) }
}

fn one(values: &[Vec<u8>]) -> Option<&[u8]> {
    if let [value] = values { Some(value) } else { None }
}

fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// MS-ADTS §2.2.1.4 and MS-SAMR §3.1.1.8.3: intervals of 100 ns since 1601-01-01; 0 and 2⁶³ - 1 are never.
fn filetime(value: &[u8]) -> Option<End> {
    /// Seconds from 1601 to 1970.
    const EPOCH: i64 = 11_644_473_600;
    match integer(value)? {
        0 | i64::MAX => Some(End::Never),
        ticks if ticks < 0 => None,
        // Beyond the year 9999 is never, too.
        ticks => Some(Timestamp::from_second(ticks / 10_000_000 - EPOCH).map_or(End::Never, End::At)),
    }
}

/// draft-behera-ldap-password-policy-10 §5.3.3: the first of these is "until an administrator unlocks it"; slapo-ppolicy
/// takes the second for the same. Any other time is when too many wrong passwords locked it, and stays there after the lock
/// is over: whether it is, depends on a password policy that we do not read.
fn locked_time(value: &[u8]) -> Option<bool> {
    matches!(value, b"000001010000Z" | b"00000101000000Z").then_some(true)
}

/// RFC 4517 §3.3.3, in any case as 389 takes it.
fn boolean(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"true") {
        return Some(true);
    }
    value.eq_ignore_ascii_case(b"false").then_some(false)
}

/// shadow(5): the day since 1970-01-01 (UTC) from which the account is expired, as pam_unix reads it; -1 is never. Of 0 its
/// readers disagree, and the manual says that it should not be used.
fn shadow_day(value: &[u8]) -> Option<End> {
    match integer(value)? {
        -1 => Some(End::Never),
        day if day < 1 => None,
        day => {
            let second = day.checked_mul(86_400).and_then(|second| Timestamp::from_second(second).ok());
            Some(second.map_or(End::Never, End::At))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
    const UNKNOWN: AccountState = AccountState { disabled: None, until: None };
    const DISABLED: AccountState = AccountState { disabled: Some(true), until: None };

    fn read(kind: DirectoryKind, entry: &[(&str, &[&str])]) -> AccountState {
        let entry: Vec<(&str, Vec<Vec<u8>>)> = entry
            .iter()
            .map(|(name, values)| (*name, values.iter().map(|value| value.as_bytes().to_vec()).collect()))
            .collect();
        state(kind, |wanted| {
            entry.iter().find(|(name, _)| *name == wanted).map(|(_, values)| values.as_slice()).unwrap_or_default()
        })
    }

    fn until(second: i64) -> AccountState {
        AccountState { disabled: Some(false), until: Timestamp::from_second(second).ok() }
    }

    #[test]
    fn active_directory_says_it_by_a_flag_and_a_filetime() {
        let table: [(&[&str], &[&str], AccountState); 13] = [
            (&["512"], &["0"], AccountState::ENABLED),
            (&["512"], &["9223372036854775807"], AccountState::ENABLED),
            (&["66048"], &[], AccountState::ENABLED),
            (&["514"], &["0"], DISABLED),
            (&["-2147483646"], &[], DISABLED),
            (&["512"], &["133444736000000000"], until(1_700_000_000)),
            (&["512"], &["9223372036854775806"], AccountState::ENABLED),
            (&[], &["0"], UNKNOWN),
            (&["disabled"], &["0"], UNKNOWN),
            (&["512", "514"], &[], UNKNOWN),
            (&["512"], &["never"], UNKNOWN),
            (&["512"], &["-1"], UNKNOWN),
            (&["514"], &["never"], DISABLED),
        ];
        for (control, expires, expected) in table {
            let entry = [("userAccountControl", control), ("accountExpires", expires)];
            assert_eq!(read(DirectoryKind::ActiveDirectory, &entry), expected, "{control:?} {expires:?}");
        }
    }

    #[test]
    fn elsewhere_each_product_has_an_attribute_and_accounts_in_good_standing_have_none() {
        let table: [(&str, &[&str], AccountState); 15] = [
            ("description", &["x"], AccountState::ENABLED),
            ("pwdAccountLockedTime", &["000001010000Z"], DISABLED),
            ("pwdAccountLockedTime", &["00000101000000Z"], DISABLED),
            // Locked by wrong passwords; it may be over.
            ("pwdAccountLockedTime", &["20231114221320Z"], UNKNOWN),
            ("pwdAccountLockedTime", &[""], UNKNOWN),
            ("nsAccountLock", &["TRUE"], DISABLED),
            ("nsAccountLock", &["true"], DISABLED),
            ("nsAccountLock", &["FALSE"], AccountState::ENABLED),
            ("nsAccountLock", &["1"], UNKNOWN),
            ("nsAccountLock", &["true", "false"], UNKNOWN),
            ("shadowExpire", &["-1"], AccountState::ENABLED),
            ("shadowExpire", &["19675"], until(19_675 * 86_400)),
            ("shadowExpire", &["9999999999999999"], AccountState::ENABLED),
            ("shadowExpire", &["0"], UNKNOWN),
            ("shadowExpire", &["tomorrow"], UNKNOWN),
        ];
        for (name, values, expected) in table {
            assert_eq!(read(DirectoryKind::OpenLdap, &[(name, values)]), expected, "{name} {values:?}");
        }
        let both: [(&str, &[&str]); 2] = [("nsAccountLock", &["true"]), ("pwdAccountLockedTime", &["20231114221320Z"])];
        assert_eq!(read(DirectoryKind::OpenLdap, &both), DISABLED, "a clear word wins");
    }

    #[test]
    fn an_account_is_expired_from_its_end_on_and_disabled_comes_first() {
        let at = |seconds: i64| until(NOW.as_second() + seconds).denial(NOW);
        assert_eq!(at(1), None);
        assert_eq!(at(0), Some(Denial::ExpiredInDirectory));
        assert_eq!(AccountState { disabled: None, ..until(0) }.denial(NOW), Some(Denial::ExpiredInDirectory));
        assert_eq!(AccountState { disabled: Some(true), ..until(0) }.denial(NOW), Some(Denial::DisabledInDirectory));
        assert_eq!(UNKNOWN.denial(NOW), None, "the bind has the word");
        assert_eq!(AccountState::ENABLED.denial(NOW), None);
    }

    proptest! {
        #[test]
        fn no_bytes_disable_an_account_but_those_that_say_so(values in proptest::collection::vec(any::<Vec<u8>>(), 1..3)) {
            for kind in [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap] {
                let said = state(kind, |_| &values);
                let text = values.first().map(|value| String::from_utf8_lossy(value).to_lowercase()).unwrap_or_default();
                let clear = text.parse::<i64>().is_ok() || text == "true" || text.starts_with("00000101");
                prop_assert!(clear || said.denial(NOW).is_none());
            }
        }
    }
}
