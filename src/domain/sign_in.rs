//! The sign-in machine: which step comes next. It asks for things to be done and is told what came of them; it does
//! nothing itself. A fault of any part ends the sign-in outside this machine, without an outcome.
//!
//! ```text
//! Password ──refused──────────────────────────────► Judge(denied) ──► Done
//!    │ accepted
//!    ├── nothing to wait for ─────────────────────► Judge(proof) ───► Done
//!    └── Ask ──refused, expired, cancelled────────► Judge(denied) ──► Done
//!         └── approved ──► Recheck (the password) ► Judge(approved) ► Done
//! ```

use super::client::Client;
use super::factor::Factor;
use super::ids::ChallengeId;
use super::offered::Extra;
use super::outcome::{Denial, Exemption, Outcome};
use super::policy::Requirement;
use super::secret::Code;
use super::user::Account;

/// What the door can do for the person in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Can it show a number to match?
    pub shows_numbers: bool,
}

/// What the outcome will rest on. It is judged under the user's lock, where codes are used up.
#[derive(Clone)]
pub enum Proof {
    Denied(Denial),
    Exempt(Exemption),
    Grace,
    Bypass,
    Digits(Code),
    Recovery(Code),
    Approved(ChallengeId),
}

/// What to do next.
pub enum Step {
    /// Have the directory check the password.
    Password,
    /// Put the question to this factor and wait for the answer.
    Ask(Factor),
    /// Have the directory check the password once more: the account may have been disabled during the wait.
    Recheck,
    /// Judge the proof, use it up and record the outcome.
    Judge(Proof),
    Done(Outcome),
}

/// How the wait for a challenge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Approved(ChallengeId),
    Refused,
    Expired,
    Cancelled,
    /// It was never put: too many prompts, or another one waits.
    NotAsked(Denial),
}

/// What came of a step.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    PasswordAccepted,
    PasswordRefused,
    /// The directory lets nobody use the account any more, or it is gone; whatever it says of the password.
    Barred(Denial),
    Answered(Answer),
    Judged(Outcome),
}

enum State {
    Password(Plan),
    Asking,
    Rechecking(ChallengeId),
    /// With the denial that no judgement can lift, if that is what is judged.
    Judging(Option<Denial>),
    Done(Outcome),
}

enum Plan {
    Judge(Proof),
    Ask(Factor),
}

/// One sign-in on its way.
pub struct SignIn {
    state: State,
}

impl SignIn {
    /// Decides the way from policy, account and what was offered. The first step is always the password.
    pub fn begin(
        requirement: &Requirement,
        client: &Client,
        account: Option<&Account>,
        extra: &Extra,
        screen: Screen,
        now: jiff::Timestamp,
    ) -> (Self, Step) {
        let plan = match requirement {
            Requirement::Deny(denial) => Plan::Judge(Proof::Denied(*denial)),
            Requirement::PasswordOnly(exemption) => Plan::Judge(Proof::Exempt(*exemption)),
            Requirement::AnyOf(factors) => second_factor(factors, client, account, extra, screen, now),
        };
        (Self { state: State::Password(plan) }, Step::Password)
    }

    /// Takes what came of the last step. An event that does not belong to the step ends in a denial: a driver that
    /// answers out of turn must not open a door.
    pub fn on(self, event: Event) -> (Self, Step) {
        match (self.state, event) {
            (State::Password(Plan::Judge(proof)), Event::PasswordAccepted) => judge(proof),
            (State::Password(Plan::Ask(factor)), Event::PasswordAccepted) => {
                (Self { state: State::Asking }, Step::Ask(factor))
            }
            // Refused as an account that nobody may use, or as a wrong password: which, the directory need not say.
            (State::Password(Plan::Judge(Proof::Denied(denial))), Event::PasswordRefused)
                if denial.is_of_the_directory() =>
            {
                judge(Proof::Denied(denial))
            }
            (State::Password(_) | State::Rechecking(_), Event::PasswordRefused) => {
                judge(Proof::Denied(Denial::WrongPassword))
            }
            (State::Rechecking(_), Event::Barred(denial)) => judge(Proof::Denied(denial)),
            (State::Asking, Event::Answered(answer)) => match answer {
                Answer::Approved(challenge) => (Self { state: State::Rechecking(challenge) }, Step::Recheck),
                Answer::Refused => judge(Proof::Denied(Denial::PromptRefused)),
                Answer::Expired => judge(Proof::Denied(Denial::PromptExpired)),
                Answer::Cancelled => judge(Proof::Denied(Denial::PromptCancelled)),
                Answer::NotAsked(denial) => judge(Proof::Denied(denial)),
            },
            (State::Rechecking(challenge), Event::PasswordAccepted) => judge(Proof::Approved(challenge)),
            (State::Judging(denied), Event::Judged(outcome)) => {
                let outcome = match (denied, outcome) {
                    (Some(denial), Outcome::Granted(_)) => Outcome::Denied(denial),
                    (_, outcome) => outcome,
                };
                (Self { state: State::Done(outcome) }, Step::Done(outcome))
            }
            (State::Done(outcome), _) => (Self { state: State::Done(outcome) }, Step::Done(outcome)),
            (State::Password(_) | State::Asking | State::Rechecking(_) | State::Judging(_), _) => {
                let outcome = Outcome::Denied(Denial::PromptCancelled);
                (Self { state: State::Done(outcome) }, Step::Done(outcome))
            }
        }
    }
}

fn judge(proof: Proof) -> (SignIn, Step) {
    let denied = match &proof {
        Proof::Denied(denial) => Some(*denial),
        Proof::Exempt(_)
        | Proof::Grace
        | Proof::Bypass
        | Proof::Digits(_)
        | Proof::Recovery(_)
        | Proof::Approved(_) => None,
    };
    (SignIn { state: State::Judging(denied) }, Step::Judge(proof))
}

/// Which factor: a code in the field wins, a name in the field picks, else a bypass, else the one the door can ask for.
fn second_factor(
    factors: &[Factor],
    client: &Client,
    account: Option<&Account>,
    extra: &Extra,
    screen: Screen,
    now: jiff::Timestamp,
) -> Plan {
    let deny = |denial| Plan::Judge(Proof::Denied(denial));
    let allowed = |factor: Factor| factors.contains(&factor);
    // The same bind a moment ago: the same name, password, code and source.
    if account.is_some_and(|account| account.grace_until.is_some_and(|until| now < until)) {
        return Plan::Judge(Proof::Grace);
    }
    let can_ask = allowed(Factor::App) && (screen.shows_numbers || client.bare_approval);
    match extra {
        Extra::Digits(code) if allowed(Factor::Totp) || allowed(Factor::Hotp) => {
            Plan::Judge(Proof::Digits(code.clone()))
        }
        Extra::Recovery(code) if allowed(Factor::RecoveryCode) => Plan::Judge(Proof::Recovery(code.clone())),
        Extra::Name(Factor::App) if can_ask => Plan::Ask(Factor::App),
        Extra::Digits(_) | Extra::Recovery(_) | Extra::Name(_) => deny(Denial::FactorNotAllowed),
        Extra::Nothing => {
            // A bypass is there because nothing else is to hand; whoever has one is not asked.
            if allowed(Factor::Bypass) {
                Plan::Judge(Proof::Bypass)
            } else if can_ask {
                Plan::Ask(Factor::App)
            } else {
                deny(Denial::MissingCode)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{NOW, account, client, no_screen};
    use super::super::outcome::Grant;
    use super::*;

    fn begin(requirement: &Requirement, extra: &Extra) -> (SignIn, Step) {
        SignIn::begin(requirement, &client(), Some(&account(&Factor::ALL)), extra, no_screen(), NOW)
    }

    #[test]
    fn nobody_is_asked_before_the_password_is_right() {
        let (machine, step) = begin(&Requirement::AnyOf(vec![Factor::App]), &Extra::Nothing);
        assert!(matches!(step, Step::Password));
        let (machine, step) = machine.on(Event::PasswordRefused);
        assert!(matches!(step, Step::Judge(Proof::Denied(Denial::WrongPassword))));
        let outcome = Outcome::Denied(Denial::WrongPassword);
        assert!(matches!(machine.on(Event::Judged(outcome)).1, Step::Done(done) if done == outcome));
    }

    #[test]
    fn after_an_approval_the_password_is_checked_again() {
        let challenge = ChallengeId(uuid::Uuid::nil());
        let (machine, _) = begin(&Requirement::AnyOf(vec![Factor::App]), &Extra::Nothing);
        let (machine, step) = machine.on(Event::PasswordAccepted);
        assert!(matches!(step, Step::Ask(Factor::App)));
        let (machine, step) = machine.on(Event::Answered(Answer::Approved(challenge)));
        assert!(matches!(step, Step::Recheck));
        let (_, step) = machine.on(Event::PasswordRefused);
        assert!(matches!(step, Step::Judge(Proof::Denied(Denial::WrongPassword))), "disabled meanwhile");
    }

    #[test]
    fn an_account_that_the_directory_disabled_is_so_before_and_after_any_prompt() {
        let disabled = Denial::DisabledInDirectory;
        for event in [Event::PasswordAccepted, Event::PasswordRefused] {
            let (machine, _) = begin(&Requirement::Deny(disabled), &Extra::Nothing);
            assert!(matches!(machine.on(event).1, Step::Judge(Proof::Denied(denial)) if denial == disabled));
        }
        let (machine, _) = begin(&Requirement::AnyOf(vec![Factor::App]), &Extra::Nothing);
        let (machine, _) = machine.on(Event::PasswordAccepted);
        let (machine, _) = machine.on(Event::Answered(Answer::Approved(ChallengeId(uuid::Uuid::nil()))));
        let (_, step) = machine.on(Event::Barred(disabled));
        assert!(matches!(step, Step::Judge(Proof::Denied(denial)) if denial == disabled));
    }

    #[test]
    fn a_code_wins_over_a_prompt_and_a_name_picks() {
        let both = || Requirement::AnyOf(vec![Factor::App, Factor::Totp]);
        let plan = |extra: Extra| begin(&both(), &extra).0.on(Event::PasswordAccepted).1;
        assert!(matches!(plan(Extra::Digits(Code::new(*b"123456"))), Step::Judge(Proof::Digits(_))));
        assert!(matches!(plan(Extra::Name(Factor::App)), Step::Ask(Factor::App)));
        assert!(matches!(plan(Extra::Nothing), Step::Ask(Factor::App)));
        let (machine, _) = begin(&Requirement::AnyOf(vec![Factor::Totp]), &Extra::Name(Factor::App));
        assert!(matches!(machine.on(Event::PasswordAccepted).1, Step::Judge(Proof::Denied(Denial::FactorNotAllowed))));
    }

    #[test]
    fn r24_a_door_without_a_screen_prompts_only_where_the_client_allows_a_bare_approval() {
        let mut client = client();
        client.bare_approval = false;
        let requirement = Requirement::AnyOf(vec![Factor::App, Factor::Totp]);
        let account = account(&Factor::ALL);
        let step = |screen| {
            let machine = SignIn::begin(&requirement, &client, Some(&account), &Extra::Nothing, screen, NOW).0;
            machine.on(Event::PasswordAccepted).1
        };
        assert!(matches!(step(no_screen()), Step::Judge(Proof::Denied(Denial::MissingCode))));
        assert!(matches!(step(Screen { shows_numbers: true }), Step::Ask(Factor::App)));
    }

    fn events() -> impl Strategy<Value = Event> {
        let challenge = ChallengeId(uuid::Uuid::nil());
        (0..10_u8).prop_map(move |which| match which {
            0 | 1 => Event::PasswordAccepted,
            2 => Event::PasswordRefused,
            3 => Event::Answered(Answer::Approved(challenge)),
            4 => Event::Answered(Answer::Refused),
            5 => Event::Answered(Answer::Expired),
            6 => Event::Answered(Answer::NotAsked(Denial::TooManyPrompts)),
            7 => Event::Judged(Outcome::Granted(Grant::Factor(Factor::App))),
            8 => Event::Barred(Denial::DisabledInDirectory),
            _ => Event::Judged(Outcome::Denied(Denial::WrongCode)),
        })
    }

    fn requirements() -> impl Strategy<Value = Requirement> {
        prop_oneof![
            Just(Requirement::Deny(Denial::Blocked)),
            Just(Requirement::PasswordOnly(Exemption::ServiceAccount)),
            prop::sample::subsequence(Factor::ALL.to_vec(), 1..=5).prop_map(Requirement::AnyOf),
        ]
    }

    proptest! {
        /// R5: one path grants, and it leads over an accepted password and a judged proof.
        #[test]
        fn r05_no_order_of_events_grants_without_password_and_judgement(
            requirement in requirements(),
            typed in 0..3_u8,
            events in prop::collection::vec(events(), 0..12),
        ) {
            let extra = match typed {
                0 => Extra::Nothing,
                1 => Extra::Digits(Code::new(*b"123456")),
                _ => Extra::Name(Factor::App),
            };
            let denied_by_policy = matches!(requirement, Requirement::Deny(_));
            let (mut machine, mut step) = begin(&requirement, &extra);
            let (mut passwords, mut judged, mut asked) = (0, None, false);
            for event in events {
                match (&step, &event) {
                    (Step::Password | Step::Recheck, Event::PasswordAccepted) => passwords += 1,
                    (Step::Judge(proof), Event::Judged(Outcome::Granted(_))) => judged = Some(proof.clone()),
                    (Step::Ask(_), _) => asked = true,
                    _ => {}
                }
                (machine, step) = machine.on(event);
                if let Step::Done(Outcome::Granted(_)) = step {
                    prop_assert!(passwords >= 1);
                    prop_assert!(judged.is_some());
                    if matches!(judged, Some(Proof::Approved(_))) {
                        prop_assert!(asked && passwords == 2);
                    }
                }
                if let Step::Judge(Proof::Exempt(_)) = step {
                    prop_assert!(!denied_by_policy);
                }
            }
        }
    }
}
