//! How often a mail is tried and how many a person gets.

use jiff::SignedDuration;

/// A mail that has not been taken for so long is given up.
pub const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);

/// What has ended stays this long, to be looked at.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Notices to one address in 24 hours; the last says that more may have happened. Invitations do not count.
pub const MOST_A_DAY: u32 = 20;

const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// While the server as a whole does not take mail: it concerns all mails, and none should be late once it is back.
const LONGEST_PAUSE_OF_SERVER: SignedDuration = SignedDuration::from_mins(5);

/// Whose fault a failed try was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The server was not reached, not believed, or takes nothing from us.
    Server,
    /// It did not take this mail.
    Mail,
}

/// How long to wait after so many tries: a minute, then twice as long each time, up to an hour. `chance` (any number) moves it by
/// up to a fifth, so that mails that failed together do not all come back together.
pub fn pause(tries: u32, blame: Blame, chance: u32) -> SignedDuration {
    let longest = match blame {
        Blame::Server => LONGEST_PAUSE_OF_SERVER,
        Blame::Mail => LONGEST_PAUSE,
    };
    let doubled = FIRST_PAUSE.checked_mul(1 << tries.saturating_sub(1).min(10)).unwrap_or(longest).min(longest);
    let fifth = u32::try_from(doubled.as_millis() / 5).unwrap_or(u32::MAX).max(1);
    doubled - SignedDuration::from_millis(i64::from(chance % fifth))
}

/// What becomes of one more notice to an address that had so many in the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    Free,
    /// It goes out and says that it is the last for now.
    Last,
    Spent,
}

pub fn quota(sent: u64) -> Quota {
    match sent.cmp(&u64::from(MOST_A_DAY - 1)) {
        std::cmp::Ordering::Less => Quota::Free,
        std::cmp::Ordering::Equal => Quota::Last,
        std::cmp::Ordering::Greater => Quota::Spent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_minute_to_an_hour_and_vary_by_a_fifth() {
        for (tries, minutes) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)] {
            assert_eq!(pause(tries, Blame::Mail, 0), SignedDuration::from_mins(minutes), "{tries}");
            let soonest = pause(tries, Blame::Mail, u32::MAX);
            assert!(
                soonest <= SignedDuration::from_mins(minutes) && soonest * 5 >= SignedDuration::from_mins(minutes * 4)
            );
        }
        assert_eq!(pause(9, Blame::Server, 0), SignedDuration::from_mins(5));
    }

    #[test]
    fn the_twentieth_notice_of_a_day_is_the_last() {
        assert_eq!(
            [0, 18, 19, 20, 500].map(quota),
            [Quota::Free, Quota::Free, Quota::Last, Quota::Spent, Quota::Spent]
        );
    }
}
