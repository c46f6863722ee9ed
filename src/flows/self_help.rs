//! What people do for themselves in the portal, as far as the switches allow: a bypass, "this wasn't me", security questions,
//! a language. Pages come here; the command line's help desk goes to the store.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::throttle::Throttle;
use crate::domain::factor::Factor;
use crate::domain::ids::{SignInId, UserId};
use crate::domain::judgement::LockRule;
use crate::domain::outcome::Denial;
use crate::domain::portal::{NoBypass, Switches};
use crate::domain::questions::{self, Question, SetFault};
use crate::factors;
use crate::store::audit::Actor;
use crate::store::questions::Judged;
use crate::store::self_help::Reported;
use crate::store::users::Listed;
use crate::store::{Store, StoreFault};
use crate::telemetry::{self, metrics};

/// One per process.
pub struct SelfHelp {
    store: Store,
    lock: LockRule,
    /// Answers hashed at once; each takes 19 MiB for a moment.
    hashing: Arc<Semaphore>,
    /// Wrong answers by source, beside those that count against the person.
    throttle: Throttle,
}

/// Wrong sets of answers from one source in a minute.
const WRONG_PER_MINUTE: u32 = 10;
/// Sets of answers hashed at once over the whole process.
const HASHING: usize = 2;
/// Letters of a reason for a bypass.
const LONGEST_REASON: usize = 200;

/// Why a person's bypass does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    No(NoBypass),
    /// Whoever came in without a lasting factor may not do so again and again.
    NotProven,
    /// None was given, or it is too long.
    Reason,
}

/// That somebody knows the answers to their questions. Opens the recovery page and nothing else; only
/// [`SelfHelp::answer`] makes one.
pub struct Recovered {
    user: UserId,
}

impl Recovered {
    pub fn user(&self) -> UserId {
        self.user
    }
}

/// What came of answers.
pub enum Answered {
    Recovered(Recovered),
    Wrong,
    /// The person may not come in, whatever is answered.
    Barred(Denial),
    /// Too many wrong answers from this source lately; nothing was looked at.
    Throttled,
    /// Questions are switched off, not set up, or have been answered meanwhile.
    NotAsked,
}

/// What came of setting questions up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    Set,
    SwitchedOff,
    Not(SetFault),
}

impl SelfHelp {
    pub fn new(store: Store, lock: LockRule) -> Self {
        let hashing = Arc::new(Semaphore::new(HASHING));
        Self { store, lock, hashing, throttle: Throttle::new(WRONG_PER_MINUTE) }
    }

    pub async fn switches(&self, user: UserId) -> Result<Switches, StoreFault> {
        self.store.portal_switches(user).await
    }

    /// Lets the person in once without a second factor, `wanted` seconds from now on or as long as the switches say. `proven`
    /// is the second factor that the person has just shown.
    pub async fn start_bypass(
        &self,
        user: &Listed,
        proven: Option<Factor>,
        wanted: Option<u32>,
        reason: &str,
        by: &Actor,
    ) -> Result<Result<Timestamp, Refused>, StoreFault> {
        if !is_lasting(proven) {
            return Ok(Err(Refused::NotProven));
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
            return Ok(Err(Refused::Reason));
        }
        let span = match self.switches(user.id).await?.bypass(wanted) {
            Ok(span) => span,
            Err(no) => return Ok(Err(Refused::No(no))),
        };
        let until = self.store.grant_bypass(user, span, Some(reason), by).await?;
        metrics::bypass_started();
        telemetry::bypass_started(&user.name, until, by);
        Ok(Ok(until))
    }

    /// False if there was none that could still be used.
    pub async fn end_bypass(&self, user: &Listed, by: &Actor) -> Result<bool, StoreFault> {
        self.store.end_bypass(user, by).await
    }

    /// "This wasn't me", of a sign-in or a prompt that waits, or of nothing in particular.
    pub async fn report_fraud(
        &self,
        user: &Listed,
        sign_in: Option<SignInId>,
        by: &Actor,
    ) -> Result<Reported, StoreFault> {
        let reported = self.store.report_fraud(user, sign_in, by).await?;
        metrics::fraud_reported();
        telemetry::fraud_reported(&user.name, sign_in, by);
        Ok(reported)
    }

    /// A person's questions and answers, in the place of all from before.
    pub async fn choose_questions(
        &self,
        user: &Listed,
        chosen: &[(Question, &str)],
        by: &Actor,
    ) -> Result<Chosen, StoreFault> {
        let switches = self.switches(user.id).await?;
        if !switches.questions {
            return Ok(Chosen::SwitchedOff);
        }
        let set = match questions::set(chosen, usize::from(switches.questions_set)) {
            Ok(set) => set,
            Err(fault) => return Ok(Chosen::Not(fault)),
        };
        let hashed = factors::questions::hashed(&self.store, user.id, &set, &self.hashing).await?;
        self.store.set_answers(user, &hashed, by).await?;
        Ok(Chosen::Set)
    }

    /// Could the person be asked? Nothing is begun by finding out.
    pub async fn may_ask(&self, user: UserId) -> Result<bool, StoreFault> {
        let switches = self.switches(user).await?;
        Ok(switches.questions && self.store.questions_of(user).await?.len() >= switches.asked())
    }

    /// What the person is asked: the same until it is answered. Empty where questions are switched off or not set up.
    pub async fn ask(&self, user: UserId) -> Result<Vec<Question>, StoreFault> {
        Ok(self.round(user).await?.into_iter().map(|(question, _)| question).collect())
    }

    /// Judges answers, in the order in which the questions were asked. Call it only for who has proven the password.
    pub async fn answer(&self, user: UserId, answers: &[&str], source: IpAddr) -> Result<Answered, StoreFault> {
        if self.throttle.is_over(source, Instant::now()) {
            return Ok(Answered::Throttled);
        }
        let asked = self.round(user).await?;
        if asked.is_empty() {
            return Ok(Answered::NotAsked);
        }
        let answers: Vec<_> = answers.iter().map(|text| questions::answer(text).ok()).collect();
        let right = factors::questions::all_match(&self.store, user, &asked, &answers, &self.hashing).await?;
        let asked: Vec<Question> = asked.into_iter().map(|(question, _)| question).collect();
        Ok(match self.store.judge_answers(user, &asked, right, self.lock, source).await? {
            Judged::Right => Answered::Recovered(Recovered { user }),
            Judged::Wrong => {
                self.throttle.count(source, Instant::now());
                Answered::Wrong
            }
            Judged::Barred(denial) => Answered::Barred(denial),
            Judged::Over => Answered::NotAsked,
        })
    }

    async fn round(&self, user: UserId) -> Result<Vec<(Question, String)>, StoreFault> {
        let switches = self.switches(user).await?;
        if !switches.questions {
            return Ok(vec![]);
        }
        let (count, ambient) = (switches.asked(), self.store.ambient());
        self.store.ask_questions(user, count, |set| questions::choose(set, count, |below| ambient.number(below))).await
    }
}

/// A bypass and a recovery code are used up; neither may make another.
fn is_lasting(proven: Option<Factor>) -> bool {
    match proven {
        Some(Factor::App | Factor::Totp | Factor::Hotp | Factor::Passkey) => true,
        Some(Factor::RecoveryCode | Factor::Bypass) | None => false,
    }
}
