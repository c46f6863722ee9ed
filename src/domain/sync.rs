//! Synchronisation as decisions: which part of a directory is followed with which defaults, what becomes of who leaves,
//! when a run must stop and ask. Comparing is [`super::directory_diff`]'s.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cursor::Read;
use super::directory::profile::Profile;
use super::ids::{DirectoryId, SyncItemId, SyncRunId};
use super::name::{Folded, fold};

/// One part of a directory that is followed. Items are asked in order; an account belongs to the first that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncItem {
    pub id: SyncItemId,
    pub directory: DirectoryId,
    /// What people call it; unique in its directory.
    pub name: String,
    pub pick: Pick,
    /// Whether new users may sign in at once.
    pub enabled: bool,
    /// The language tag (RFC 5646) of people of whom the directory says none.
    pub language: Option<String>,
    /// The label of the phones that come first.
    pub phone: Option<String>,
    /// A group of ours that everybody who comes by the item is in.
    pub user_group: Option<GroupName>,
    pub leavers: Leavers,
    /// New users get an invitation by mail, unless one run would send more than this many: then it stops and asks.
    pub invite_at_most: Option<u32>,
}

/// What a group of ours is called. Two names that compare equal are one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName {
    text: String,
    folded: Folded,
}

/// Longest name of a group of ours, in bytes.
const LONGEST_GROUP_NAME: usize = 256;

impl GroupName {
    /// 1 to 256 bytes that can be compared, without control characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_GROUP_NAME {
            return Err(format!("a group's name has at most {LONGEST_GROUP_NAME} bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err("a group's name has no control characters".to_owned());
        }
        let folded = fold(text).map_err(|fault| fault.to_string())?;
        Ok(Self { text: text.to_owned(), folded })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In comparison form.
    pub fn folded(&self) -> &Folded {
        &self.folded
    }
}

impl SyncItem {
    /// What the item says of a person beside the directory.
    pub fn complete(&self, profile: &mut Profile) {
        if profile.language.is_none() {
            profile.language.clone_from(&self.language);
        }
        if let Some(label) = &self.phone {
            profile.prefer(label);
        }
    }
}

/// Which accounts an item shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "pick")]
pub enum Pick {
    /// Those under an entry; without a filter, all people there. Without a base, the directory's own.
    Below { base: Option<String>, reach: Reach, filter: Option<String> },
    /// The members of a group and of the groups within it.
    Group { dn: String },
}

/// How far below the base (RFC 4511 §4.5.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    OneLevel,
    Subtree,
}

/// What becomes of users whom the directory no longer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leavers {
    Keep,
    Disable,
    /// Disabled at once, removed with all their factors after so many days.
    DisableThenDelete {
        days: u16,
    },
}

impl Leavers {
    /// Until when somebody must have left to be removed now; `None` where nobody is removed.
    pub fn removed_if_left_by(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Keep | Self::Disable => None,
            Self::DisableThenDelete { days } => {
                Some(now.saturating_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN))
            }
        }
    }
}

/// When a run stops and asks before it disables or removes anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Brake {
    /// More users than this.
    pub count: u32,
    /// More than this part of the users who could leave, in percent.
    pub percent: u8,
}

impl Default for Brake {
    fn default() -> Self {
        Self { count: 5, percent: 10 }
    }
}

/// Why a run must not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    #[error("it would disable or remove {leaving} users, more than {limit}")]
    Count { leaving: u64, limit: u32 },
    #[error("it would disable or remove {leaving} of {of} users, more than {limit} %")]
    Percent { leaving: u64, of: u64, limit: u8 },
    #[error("it would send {count} invitations by mail to those who come by sync item {item:?}, more than {limit}")]
    Invitations { item: String, count: u64, limit: u32 },
}

impl Brake {
    /// Either limit stops: a small directory is guarded by the percentage, a large one by the count. One single user may
    /// always leave, or a directory of nine could never lose anybody.
    pub fn check(self, leaving: u64, of: u64) -> Result<(), Stopped> {
        if leaving > u64::from(self.count) {
            return Err(Stopped::Count { leaving, limit: self.count });
        }
        if leaving > 1 && leaving * 100 > of * u64::from(self.percent) {
            return Err(Stopped::Percent { leaving, of, limit: self.percent });
        }
        Ok(())
    }
}

/// What a run changed, or would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub found: u64,
    pub added: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// Left, and kept as they are.
    pub kept: u64,
    pub disabled: u64,
    pub removed: u64,
    pub conflicts: u64,
    pub skipped: u64,
    /// Groups added, changed or removed.
    pub groups: u64,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum RunState {
    Running,
    Finished {
        at: Timestamp,
        /// Why nobody was taken for a leaver, if the read was not whole.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A brake stopped it; what it found is kept.
    AwaitingApproval {
        at: Timestamp,
        why: String,
    },
    Failed {
        at: Timestamp,
        why: String,
    },
    Cancelled {
        at: Timestamp,
        why: String,
    },
}

impl RunState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished { .. } => "finished",
            Self::AwaitingApproval { .. } => "awaiting-approval",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// When it came to stand so, and why or with which remark.
    pub fn end(&self) -> (Option<Timestamp>, Option<&str>) {
        match self {
            Self::Running => (None, None),
            Self::Finished { at, note } => (Some(*at), note.as_deref()),
            Self::AwaitingApproval { at, why } | Self::Failed { at, why } | Self::Cancelled { at, why } => {
                (Some(*at), Some(why))
            }
        }
    }
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SyncRun {
    pub id: SyncRunId,
    pub directory: String,
    pub started_at: Timestamp,
    pub dry_run: bool,
    pub by: String,
    /// `None` if it ended before that was decided, or is from before there was a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Read>,
    pub counts: Counts,
    #[serde(flatten)]
    pub state: RunState,
}

/// When a directory is followed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Duration);

/// The shortest and the longest time from one start to the next.
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(24);

impl Every {
    /// `None` outside of 1 minute to 24 hours.
    pub fn new(every: Duration) -> Option<Self> {
        (SHORTEST..=LONGEST).contains(&every).then_some(Self(every))
    }

    pub fn get(self) -> Duration {
        self.0
    }

    /// The next start, measured from this one. `chance` (any number) moves it by up to a tenth, so that directories and
    /// appliances set up alike do not all ask at once; never below a minute.
    pub fn next(self, start: Timestamp, chance: u32) -> Timestamp {
        let tenth = u32::try_from(self.0.as_millis() / 10).unwrap_or(u32::MAX);
        let late = Duration::from_millis(u64::from(chance % tenth.max(1)));
        let every = (self.0.saturating_sub(Duration::from_millis(u64::from(tenth) / 2)) + late).max(SHORTEST);
        start.saturating_add(SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_limit_stops_a_run() {
        let brake = Brake::default();
        // (leaving, of, may go on)
        let table = [
            (0, 0, true),
            (1, 3, true),
            (2, 3, false),
            (2, 20, true),
            (3, 20, false),
            (5, 50, true),
            (5, 49, false),
            (5, 100_000, true),
            (6, 100_000, false),
        ];
        for (leaving, of, goes_on) in table {
            assert_eq!(brake.check(leaving, of).is_ok(), goes_on, "{leaving} of {of}");
        }
    }

    #[test]
    fn who_leaves_is_removed_only_where_that_was_chosen_and_the_days_are_over() {
        let now = Timestamp::from_second(10 * 86_400).unwrap();
        assert_eq!(Leavers::Keep.removed_if_left_by(now), None);
        assert_eq!(Leavers::Disable.removed_if_left_by(now), None);
        let by = Leavers::DisableThenDelete { days: 3 }.removed_if_left_by(now);
        assert_eq!(by, Timestamp::from_second(7 * 86_400).ok());
    }

    #[test]
    fn an_interval_lies_between_a_minute_and_a_day_and_moves_by_a_twentieth_at_most() {
        assert_eq!(Every::new(Duration::from_secs(59)), None);
        assert_eq!(Every::new(Duration::from_hours(25)), None);
        let start = Timestamp::from_second(0).unwrap();
        let every = Every::new(Duration::from_mins(20)).unwrap();
        for chance in [0, 1, 77_777, 119_999, u32::MAX] {
            let next = every.next(start, chance).as_second();
            assert!((1_140..=1_260).contains(&next), "{next}");
        }
        assert!(Every::new(SHORTEST).unwrap().next(start, 0).as_second() >= 60);
    }
}
