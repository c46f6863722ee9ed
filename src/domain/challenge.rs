//! A challenge: the question put to a phone, and the rules that keep people from being bombed with them.

use jiff::{SignedDuration, Timestamp};

use super::outcome::Denial;

/// How a challenge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Waiting,
    Approved,
    Refused,
    Expired,
    Cancelled,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Approved, Self::Refused, Self::Expired, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// Guards against prompt bombing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptRule {
    /// Prompts within an hour without a success between them (R25).
    pub per_hour: u32,
    /// Silence after a refusal.
    pub cool_down: SignedDuration,
}

/// What a user has been asked lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptHistory {
    /// Prompts in the last hour and since the last success.
    pub recent: u32,
    pub last_refused: Option<Timestamp>,
    /// Another question for the same user and client is open (a different password or source asked it).
    pub other_waiting: bool,
}

/// May one more prompt be sent?
pub fn may_ask(history: PromptHistory, rule: PromptRule, now: Timestamp) -> Result<(), Denial> {
    if history.other_waiting {
        return Err(Denial::AlreadyAsking);
    }
    let cooling = |refused: Timestamp| refused.saturating_add(rule.cool_down).is_ok_and(|until| now < until);
    if history.recent >= rule.per_hour || history.last_refused.is_some_and(cooling) {
        return Err(Denial::TooManyPrompts);
    }
    Ok(())
}

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// With the number typed on the phone, if one was shown.
    Approve { number: Option<u8> },
    /// "I did not mean to."
    Refuse,
    /// "It wasn't me": blocks the user until a person looks.
    ReportFraud,
}

/// What a reply makes of a waiting challenge. One wrong number ends it (R26).
pub fn answered(shown: Option<u8>, reply: Reply) -> Status {
    match reply {
        Reply::Approve { number } if number == shown => Status::Approved,
        Reply::Approve { .. } | Reply::Refuse | Reply::ReportFraud => Status::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::NOW;
    use super::*;

    const RULE: PromptRule = PromptRule { per_hour: 5, cool_down: SignedDuration::from_secs(30) };

    #[test]
    fn r25_prompts_stop_before_they_become_a_bombardment() {
        let history = PromptHistory::default();
        assert_eq!(may_ask(history, RULE, NOW), Ok(()));
        assert_eq!(may_ask(PromptHistory { recent: 5, ..history }, RULE, NOW), Err(Denial::TooManyPrompts));
        let refused = |ago| PromptHistory { last_refused: Some(NOW - SignedDuration::from_secs(ago)), ..history };
        assert_eq!(may_ask(refused(29), RULE, NOW), Err(Denial::TooManyPrompts));
        assert_eq!(may_ask(refused(30), RULE, NOW), Ok(()));
        assert_eq!(may_ask(PromptHistory { other_waiting: true, ..history }, RULE, NOW), Err(Denial::AlreadyAsking));
    }

    #[test]
    fn r26_a_wrong_number_ends_the_challenge() {
        assert_eq!(answered(Some(42), Reply::Approve { number: Some(42) }), Status::Approved);
        assert_eq!(answered(Some(42), Reply::Approve { number: Some(24) }), Status::Refused);
        assert_eq!(
            answered(Some(42), Reply::Approve { number: None }),
            Status::Refused,
            "R24: the number is not optional"
        );
        assert_eq!(answered(None, Reply::Approve { number: None }), Status::Approved);
        assert_eq!(answered(None, Reply::Approve { number: Some(1) }), Status::Refused);
        assert_eq!(answered(None, Reply::ReportFraud), Status::Refused);
    }
}
