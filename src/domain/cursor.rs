//! Where a run goes on that asks for changes only: how the directory tells what has changed in it, and from which of its
//! own marks on. Never from a clock of ours, which may go backwards.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::directory::Directory;
use super::directory_diff::{self, Fingerprint};
use super::sync::{Pick, SyncItem};

/// How a directory tells what has changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// MS-ADTS §3.1.1.3.4.1.3; our account has the right to replicate.
    DirSync,
    /// The same without that right: what our account may read.
    DirSyncOwnRights,
    /// Active Directory's update sequence numbers and its deleted objects.
    UpdateNumbers,
    /// RFC 4533, refreshOnly.
    SyncRepl,
    /// When entries were changed last; deletions cannot be seen.
    Timestamps,
}

impl Method {
    const ALL: [Self; 5] =
        [Self::DirSync, Self::DirSyncOwnRights, Self::UpdateNumbers, Self::SyncRepl, Self::Timestamps];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DirSync => "dirsync",
            Self::DirSyncOwnRights => "dirsync-own-rights",
            Self::UpdateNumbers => "usn-changed",
            Self::SyncRepl => "syncrepl",
            Self::Timestamps => "modify-timestamp",
        }
    }
}

impl FromStr for Method {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or(())
    }
}

/// A mark in a server's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub method: Method,
    /// Whose history; the marks of another server, or of the same restored from a backup, mean something else.
    pub server: String,
    /// As the server gave it.
    pub cookie: Vec<u8>,
    /// Whether the server tells our account what has been deleted.
    pub shows_deletions: bool,
}

/// What a run read of the directory.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Read {
    /// Everything; because.
    Full { why: String },
    /// Only what had changed; how that was known.
    Incremental { how: String },
}

impl Read {
    /// Its kind and the words to it.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Full { why } => ("full", why),
            Self::Incremental { how } => ("incremental", how),
        }
    }
}

/// The longest time from one full run to the next: what changes cannot show is found by then.
pub const FULL_AT_LEAST_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Whether it is time to read everything again. A clock that went backwards cannot put that off.
pub fn is_full_due(last_full: Timestamp, now: Timestamp, every: SignedDuration) -> bool {
    let passed = now.duration_since(last_full);
    passed.is_negative() || passed >= every
}

/// Everything that decides what a directory's accounts come to: a cursor is void once any of it has changed. `read` is what
/// is read of an account, which a newer release may have more of.
pub fn settings(directory: &Directory, items: &[SyncItem], read: &[&str]) -> Fingerprint {
    let map = serde_json::to_string(&directory.attributes).unwrap_or_default();
    let kind = serde_json::to_string(&directory.kind).unwrap_or_default();
    let mut fields = vec![Some(kind), Some(directory.base_dn.clone()), Some(directory.bind_dn.clone()), Some(map)];
    fields.push(directory.domain.clone());
    for item in items {
        // Which group of ours somebody is in goes by the item and is not read; nor is whether new users are invited.
        let SyncItem {
            id,
            directory: _,
            name: _,
            pick,
            enabled: _,
            language,
            phone,
            user_group: _,
            leavers: _,
            invite_at_most: _,
        } = item;
        let pick = serde_json::to_string(pick).unwrap_or_default();
        fields.extend([Some(id.to_string()), Some(pick), language.clone(), phone.clone()]);
    }
    let read = read.iter().map(|attribute| Some(*attribute));
    directory_diff::fingerprint(fields.iter().map(Option::as_deref).chain(read))
}

/// Whether a change in what the item shows is a change of the account itself. Who is in a group is written with the group,
/// and in Active Directory so is `memberOf`: such items are read as a whole in every run.
pub fn shows_in_accounts(directory: &Directory, item: &SyncItem) -> bool {
    /// Attributes a server makes up from other entries; the number is that of `memberOf`.
    const ELSEWHERE: [&str; 4] = ["memberof", "1.2.840.113556.1.2.102", "tokengroups", "nsrole"];
    match &item.pick {
        Pick::Group { .. } => false,
        Pick::Below { filter, .. } => {
            let filter = filter.as_deref().unwrap_or(directory.people_filter()).to_ascii_lowercase();
            !ELSEWHERE.iter().any(|attribute| filter.contains(attribute))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::directory::DirectoryKind;
    use super::super::ids::{DirectoryId, SyncItemId};
    use super::super::sync::{Leavers, Reach};
    use super::*;
    use crate::domain::fixture;

    fn item(pick: Pick) -> SyncItem {
        SyncItem {
            id: SyncItemId(Uuid::nil()),
            directory: DirectoryId(Uuid::nil()),
            name: "staff".into(),
            pick,
            enabled: true,
            language: None,
            phone: None,
            user_group: None,
            leavers: Leavers::Disable,
            invite_at_most: None,
        }
    }

    fn below(filter: Option<&str>) -> SyncItem {
        item(Pick::Below { base: None, reach: Reach::Subtree, filter: filter.map(str::to_owned) })
    }

    #[test]
    fn a_method_is_found_by_its_name() {
        for method in Method::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        assert_eq!("".parse::<Method>(), Err(()));
    }

    #[test]
    fn a_full_run_is_due_after_its_time_and_when_the_clock_went_backwards() {
        let last = Timestamp::from_second(1_000_000).unwrap();
        let at = |second| is_full_due(last, Timestamp::from_second(second).unwrap(), FULL_AT_LEAST_EVERY);
        assert!(!at(1_000_000));
        assert!(!at(1_000_000 + 86_399));
        assert!(at(1_000_000 + 86_400));
        assert!(at(999_999));
    }

    #[test]
    fn an_item_whose_accounts_are_listed_elsewhere_is_not_followed_by_changes() {
        let mut directory = fixture::directory(DirectoryKind::OpenLdap);
        assert!(shows_in_accounts(&directory, &below(None)));
        assert!(shows_in_accounts(&directory, &below(Some("(&(objectClass=person)(mail=*))"))));
        assert!(!shows_in_accounts(&directory, &below(Some("(&(mail=*)(MemberOf=cn=vpn,dc=x))"))));
        assert!(!shows_in_accounts(&directory, &item(Pick::Group { dn: "cn=vpn,dc=x".into() })));
        directory.attributes.people_filter = Some("(memberOf=cn=vpn,dc=x)".into());
        assert!(!shows_in_accounts(&directory, &below(None)));
    }

    #[test]
    fn whatever_changes_what_accounts_come_to_makes_a_cursor_void() {
        let directory = fixture::directory(DirectoryKind::OpenLdap);
        let items = [below(None), item(Pick::Group { dn: "cn=vpn,dc=x".into() })];
        let before = settings(&directory, &items, &["mail"]);
        assert_eq!(settings(&directory, &items, &["mail"]), before);
        assert_ne!(settings(&directory, &items, &["mail", "uid"]), before, "what is read");
        let mut other = directory.clone();
        other.base_dn.push_str(",dc=more");
        assert_ne!(settings(&other, &items, &["mail"]), before, "base");
        let mut other = directory.clone();
        other.attributes.people_filter = Some("(uid=*)".into());
        assert_ne!(settings(&other, &items, &["mail"]), before, "attribute map");
        let [first, second] = items.clone();
        assert_ne!(settings(&directory, &[second.clone(), first.clone()], &["mail"]), before, "order");
        assert_ne!(settings(&directory, std::slice::from_ref(&first), &["mail"]), before, "fewer");
        assert_ne!(settings(&directory, &[below(Some("(uid=a)")), second.clone()], &["mail"]), before, "filter");
        assert_ne!(
            settings(&directory, &[SyncItem { language: Some("de".into()), ..first }, second], &["mail"]),
            before
        );
    }
}
