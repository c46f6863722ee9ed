//! Guessing made hopeless: after so many tries in a row there is a wait, and each wait is twice the one before. A try is
//! counted before it is known what it is worth (SECURITY R14), and given back if it was right.

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Tries before each wait.
    pub tries: u32,
    /// The first wait.
    pub wait: SignedDuration,
    pub longest: SignedDuration,
    /// After so long without a try, all are forgotten. Longer than the longest wait.
    pub forgotten: SignedDuration,
}

/// One-time codes that a person types for a token of their own.
pub const CODES: Rule = Rule {
    tries: 10,
    wait: SignedDuration::from_mins(1),
    longest: SignedDuration::from_hours(1),
    forgotten: SignedDuration::from_hours(2),
};

/// Short activation codes from one address.
pub const SHORT_CODES: Rule = Rule {
    tries: 10,
    wait: SignedDuration::from_mins(10),
    longest: SignedDuration::from_hours(1),
    forgotten: SignedDuration::from_hours(2),
};

/// Short activation codes from everywhere. Of 2^40 codes, with a hundred waiting at any time, a guess is right once in ten
/// thousand million; 600 an hour need some two thousand years. Codes in QR form stay open meanwhile.
pub const ALL_SHORT_CODES: Rule = Rule {
    tries: 100,
    wait: SignedDuration::from_mins(10),
    longest: SignedDuration::from_mins(10),
    forgotten: SignedDuration::from_mins(20),
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// In a row, those under way among them.
    pub wrong: u32,
    pub last: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Attempts {
    /// One more; or until when none is taken.
    pub fn taken(self, rule: Rule, now: Timestamp) -> Result<Self, Timestamp> {
        // A wait with more left than any wait has was begun before the clock was set back (R61).
        let waits = |until: &Timestamp| now < *until && until.duration_since(now) <= rule.longest;
        if let Some(until) = self.until.filter(waits) {
            return Err(until);
        }
        let is_old = self.last.is_some_and(|last| now.duration_since(last) >= rule.forgotten);
        let wrong = if is_old { 0 } else { self.wrong }.saturating_add(1);
        let round = wrong / rule.tries.max(1);
        let until = (round > 0 && wrong.is_multiple_of(rule.tries)).then(|| {
            let doubled = 1_i32.checked_shl((round - 1).min(20)).unwrap_or(i32::MAX);
            now.saturating_add(rule.wait.saturating_mul(doubled).min(rule.longest)).unwrap_or(Timestamp::MAX)
        });
        Ok(Self { wrong, last: Some(now), until })
    }

    /// The last one was right, which says nothing of those before it.
    #[must_use]
    pub fn given_back(self) -> Self {
        Self { wrong: self.wrong.saturating_sub(1), until: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::NOW;
    use super::*;

    fn after(tries: u32) -> Attempts {
        (0..tries).fold(Attempts::default(), |so_far, _| Attempts { until: None, ..so_far }.taken(CODES, NOW).unwrap())
    }

    #[test]
    fn r14_of_thirty_wrong_codes_ten_are_looked_at_and_then_there_is_a_wait() {
        let mut attempts = Attempts::default();
        let mut looked_at = 0;
        for _ in 0..30 {
            match attempts.taken(CODES, NOW) {
                Ok(more) => (attempts, looked_at) = (more, looked_at + 1),
                Err(until) => assert_eq!(until, NOW + CODES.wait),
            }
        }
        assert_eq!(looked_at, 10);
        assert_eq!(attempts.taken(CODES, NOW + CODES.wait).unwrap().wrong, 11);
    }

    #[test]
    fn each_wait_is_twice_the_last_up_to_the_longest() {
        let waits = [10, 20, 30, 40, 200].map(|tries| after(tries).until.unwrap().duration_since(NOW).as_secs());
        assert_eq!(waits, [60, 120, 240, 480, 3600]);
    }

    #[test]
    fn a_right_one_is_given_back_with_the_wait_that_it_began() {
        let back = after(10).given_back();
        assert_eq!((back.wrong, back.until), (9, None));
    }

    #[test]
    fn after_two_hours_without_a_try_all_is_forgotten() {
        let tired = Attempts { until: None, ..after(25) };
        assert_eq!(tired.taken(CODES, NOW + SignedDuration::from_mins(119)).unwrap().wrong, 26);
        assert_eq!(tired.taken(CODES, NOW + CODES.forgotten).unwrap().wrong, 1);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_a_wait() {
        let waiting = after(10);
        let earlier = NOW - SignedDuration::from_hours(5);
        assert!(waiting.taken(CODES, earlier).is_ok());
    }
}
