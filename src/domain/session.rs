//! A session of the portal: who is signed in, how far, and for how long.

use std::net::IpAddr;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::factor::Factor;
use super::ids::{DirectoryId, UserId};

/// What a session opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The wizard of somebody's first enrolment; the password alone is proven.
    Enrolling,
    /// The page of those who have lost what they sign in with.
    Recovery,
    /// All of one's own.
    Full,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolling => "enrolling",
            Self::Recovery => "recovery",
            Self::Full => "full",
        }
    }
}

impl FromStr for Level {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Enrolling, Self::Recovery, Self::Full].into_iter().find(|level| level.as_str() == text).ok_or(())
    }
}

/// How long sessions last (SP 800-63B §2.2.3: at most 12 hours, 30 minutes without use).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub idle: SignedDuration,
    pub absolute: SignedDuration,
    /// How long a proven second factor serves for changes of what one signs in with (R30).
    pub fresh: SignedDuration,
}

impl Limits {
    pub const DEFAULT: Self = Self {
        idle: SignedDuration::from_mins(30),
        absolute: SignedDuration::from_hours(12),
        fresh: SignedDuration::from_mins(10),
    };
}

/// A session that is open.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: Uuid,
    pub user: UserId,
    pub directory: DirectoryId,
    pub name: String,
    pub level: Level,
    /// What the second factor was.
    pub factor: Option<Factor>,
    pub proven_at: Option<Timestamp>,
    pub source: IpAddr,
    pub agent: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// Language tags: what the person chose for good, and what the directory says.
    pub language_chosen: Option<String>,
    pub language: Option<String>,
}

impl Session {
    /// Was the second factor proven a short time ago?
    pub fn is_fresh(&self, now: Timestamp, limits: Limits) -> bool {
        let proven = self.proven_at.filter(|_| self.level == Level::Full);
        proven.is_some_and(|proven| proven <= now && now.duration_since(proven) < limits.fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn session(level: Level, proven_at: Option<Timestamp>) -> Session {
        Session {
            id: Uuid::nil(),
            user: UserId(Uuid::nil()),
            directory: DirectoryId(Uuid::nil()),
            name: "anna".into(),
            level,
            factor: None,
            proven_at,
            source: Ipv4Addr::LOCALHOST.into(),
            agent: String::new(),
            created_at: NOW,
            seen_at: NOW,
            expires_at: NOW,
            language_chosen: None,
            language: None,
        }
    }

    #[test]
    fn a_proof_is_fresh_for_ten_minutes_and_never_from_the_future_or_below_a_full_session() {
        let limits = Limits::DEFAULT;
        let ago = |minutes| NOW.checked_sub(SignedDuration::from_mins(minutes)).unwrap();
        assert!(session(Level::Full, Some(ago(9))).is_fresh(NOW, limits));
        assert!(!session(Level::Full, Some(ago(10))).is_fresh(NOW, limits));
        assert!(!session(Level::Full, Some(ago(-1))).is_fresh(NOW, limits), "clocks of replicas differ");
        assert!(!session(Level::Full, None).is_fresh(NOW, limits));
        for level in [Level::Enrolling, Level::Recovery] {
            assert!(!session(level, Some(NOW)).is_fresh(NOW, limits));
        }
    }
}
