//! The sign-in machine: which step comes next. It asks for things to be done and is told what came of them; it does
//! nothing itself. A fault of any part ends the sign-in outside this machine, without an outcome.
//!
//! ```text
//! Password ──refused──────────────────────────────► Judge(denied) ──► Done
//!    │ accepted, or right and expired
//!    ├── nothing to wait for ─────────────────────► Judge(proof) ───► Done
//!    ├── Prompt ─ this request ends; the person's answer begins the next one
//!    └── Ask, Show, Wait ──refused, expired ──────► Judge(denied) ──► Done
//!         └── approved ──► Recheck (the password) ► Judge(approved) ► Done
//!
//! A proof judged for an expired password does not open: a new password is asked for instead.
//! ```

use super::client::Client;
use super::factor::Factor;
use super::ids::ChallengeId;
use super::offered::Extra;
use super::outcome::{Denial, Exemption, Grant, Outcome};
use super::passkey;
use super::policy::Requirement;
use super::secret::Code;
use super::user::Account;
use super::ways;

/// What the door can do for the person in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is something of its own that a door can or cannot")]
pub struct Screen {
    /// Can it show a number to match?
    pub shows_numbers: bool,
    /// Can it show a text and bring back what the person types?
    pub asks: bool,
    /// Does it offer other ways beside each question? Then the best one is asked for at once.
    pub picks: bool,
    /// Is it a page of ours in a browser that can be asked for a passkey?
    pub passkeys: bool,
}

/// What the outcome will rest on. It is judged under the user's lock, where codes are used up.
#[derive(Clone)]
pub enum Proof {
    Denied(Denial),
    Exempt(Exemption),
    Grace,
    /// The person has never had a factor.
    Enrolment,
    Bypass,
    Digits(Code),
    /// Two consecutive codes of a token that has drifted away.
    Pair(Code, Code),
    Recovery(Code),
    Approved(ChallengeId),
    /// Its signature was verified; its counter is judged.
    Passkey(passkey::Used),
    /// Judged earlier in this dialog, before an expired password was changed.
    Proven(Factor),
}

/// What the person at the door is asked, with an answer in another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// Approve on the phone, or a code?
    Choice,
    Code,
    RecoveryCode,
    /// What the person knows beside the second factor, and is asked before it.
    Pin,
    /// The browser, for one of the person's passkeys.
    Passkey,
    /// A first token, since there is none.
    Enrol,
    /// In place of the expired one; what was proven for it.
    NewPassword(Option<Factor>),
}

/// What to do next.
pub enum Step {
    /// Have the first factor checked.
    Password,
    /// Put the question to this factor and wait for the answer.
    Ask(Factor),
    /// Put the question to this factor with a number, show the number, and let the person come back.
    Show(Factor),
    /// Wait for the answer to a question put earlier in the dialog.
    Wait(ChallengeId),
    /// Ask the person; this request is over.
    Prompt(Prompt),
    /// Have the first factor checked once more: the account may have been disabled during the wait.
    Recheck,
    /// Judge the proof, use it up and record the outcome. `due`: the password has expired, so nothing opens yet.
    Judge {
        proof: Proof,
        due: bool,
    },
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
    /// Right, but it has expired; and this door can have it changed.
    PasswordDue,
    /// The directory lets nobody use the account any more, or it is gone; whatever it says of the password.
    Barred(Denial),
    /// A passkey in the place of the password, and why it proves nothing.
    PasskeyRefused(Denial),
    Answered(Answer),
    Judged(Outcome),
}

enum State {
    Password(Plan),
    Asking {
        /// What the person is asked if the question cannot be put.
        instead: Option<Prompt>,
    },
    Rechecking(ChallengeId),
    Judging {
        /// The denial that no judgement can lift, if that is what is judged.
        denied: Option<Denial>,
        due: bool,
    },
    /// The person is asked; nothing more happens in this request.
    Prompted,
    Done(Outcome),
}

enum Plan {
    Judge(Proof),
    Ask(Factor),
    Show(Factor, Option<Prompt>),
    Wait(ChallengeId),
    Prompt(Prompt),
}

/// One sign-in on its way.
pub struct SignIn {
    state: State,
}

/// What a sign-in begins with, beside the requirement.
#[derive(Clone, Copy)]
pub struct Begin<'a> {
    pub client: &'a Client,
    pub account: Option<&'a Account>,
    pub extra: &'a Extra,
    pub screen: Screen,
    /// Is the person's PIN asked for here, and not given yet?
    pub pin_missing: bool,
    pub now: jiff::Timestamp,
}

impl SignIn {
    /// Decides the way from policy, account and what was offered. The first step is always the first factor.
    pub fn begin(requirement: &Requirement, begin: Begin<'_>) -> (Self, Step) {
        let plan = match requirement {
            Requirement::Deny(Denial::NoFactor | Denial::MustEnrol) if begin.may_enrol() => Plan::Prompt(Prompt::Enrol),
            Requirement::Deny(denial) => Plan::Judge(Proof::Denied(*denial)),
            // Whatever would do, what was proven is judged: its counter is kept by that.
            Requirement::PasswordOnly(_) if let Extra::Passkey(used) = begin.extra => {
                Plan::Judge(Proof::Passkey(*used))
            }
            Requirement::PasswordOnly(exemption) => Plan::Judge(Proof::Exempt(*exemption)),
            Requirement::Enrolment => Plan::Judge(Proof::Enrolment),
            Requirement::AnyOf(factors) => begin.second_factor(factors),
        };
        (Self { state: State::Password(plan) }, Step::Password)
    }

    /// Takes what came of the last step. An event that does not belong to the step ends in a denial: a driver that
    /// answers out of turn must not open a door.
    pub fn on(self, event: Event) -> (Self, Step) {
        match (self.state, event) {
            (State::Password(plan), Event::PasswordAccepted) => plan.step(false),
            (State::Password(plan), Event::PasswordDue) => plan.step(true),
            // Refused as an account that nobody may use, or as a wrong password: which, the directory need not say.
            (State::Password(Plan::Judge(Proof::Denied(denial))), Event::PasswordRefused)
                if denial.is_of_the_directory() =>
            {
                judge(Proof::Denied(denial), false)
            }
            (State::Password(_) | State::Rechecking(_), Event::PasswordRefused) => {
                judge(Proof::Denied(Denial::WrongPassword), false)
            }
            (State::Password(_), Event::PasskeyRefused(denial)) | (State::Rechecking(_), Event::Barred(denial)) => {
                judge(Proof::Denied(denial), false)
            }
            (State::Asking { instead }, Event::Answered(answer)) => match answer {
                Answer::Approved(challenge) => (Self { state: State::Rechecking(challenge) }, Step::Recheck),
                Answer::Refused => judge(Proof::Denied(Denial::PromptRefused), false),
                Answer::Expired => judge(Proof::Denied(Denial::PromptExpired), false),
                Answer::Cancelled => judge(Proof::Denied(Denial::PromptCancelled), false),
                // A phone that was asked too often must not keep its owner out who has another way.
                Answer::NotAsked(denial) => instead.map_or_else(|| judge(Proof::Denied(denial), false), prompt),
            },
            (State::Rechecking(challenge), Event::PasswordAccepted) => judge(Proof::Approved(challenge), false),
            (State::Rechecking(challenge), Event::PasswordDue) => judge(Proof::Approved(challenge), true),
            (State::Judging { denied, due }, Event::Judged(outcome)) => match (denied, outcome) {
                (Some(denial), Outcome::Granted(_)) => done(Outcome::Denied(denial)),
                (None, Outcome::Granted(grant)) if due => {
                    let proven = match grant {
                        Grant::Factor(factor) => Some(factor),
                        Grant::Exempt(_) | Grant::Grace | Grant::Enrolment => None,
                    };
                    prompt(Prompt::NewPassword(proven))
                }
                (_, outcome) => done(outcome),
            },
            (State::Done(outcome), _) => done(outcome),
            (
                State::Password(_)
                | State::Asking { .. }
                | State::Rechecking(_)
                | State::Judging { .. }
                | State::Prompted,
                _,
            ) => done(Outcome::Denied(Denial::PromptCancelled)),
        }
    }
}

impl Plan {
    /// What follows once the password is right.
    fn step(self, due: bool) -> (SignIn, Step) {
        let asking = |step, instead| (SignIn { state: State::Asking { instead } }, step);
        match self {
            Self::Judge(proof) => judge(proof, due),
            Self::Ask(factor) => asking(Step::Ask(factor), None),
            Self::Show(factor, instead) => asking(Step::Show(factor), instead),
            Self::Wait(challenge) => asking(Step::Wait(challenge), None),
            Self::Prompt(what) => prompt(what),
        }
    }
}

fn done(outcome: Outcome) -> (SignIn, Step) {
    (SignIn { state: State::Done(outcome) }, Step::Done(outcome))
}

fn prompt(what: Prompt) -> (SignIn, Step) {
    (SignIn { state: State::Prompted }, Step::Prompt(what))
}

fn judge(proof: Proof, due: bool) -> (SignIn, Step) {
    let denied = match &proof {
        Proof::Denied(denial) => Some(*denial),
        Proof::Exempt(_)
        | Proof::Grace
        | Proof::Enrolment
        | Proof::Bypass
        | Proof::Digits(_)
        | Proof::Pair(..)
        | Proof::Recovery(_)
        | Proof::Approved(_)
        | Proof::Passkey(_)
        | Proof::Proven(_) => None,
    };
    (SignIn { state: State::Judging { denied, due } }, Step::Judge { proof, due })
}

impl Begin<'_> {
    /// May this person enrol a first token here and now?
    fn may_enrol(&self) -> bool {
        let allowed = self.client.radius.as_ref().is_some_and(|radius| radius.enrol);
        allowed
            && self.screen.asks
            && self.client.factors.contains(&Factor::Totp)
            && self.account.is_some_and(|account| !account.is_enrolled())
    }

    /// Which factor: a code in the field wins, a name in the field picks, else a bypass, else what the door can ask for.
    fn second_factor(&self, factors: &[Factor]) -> Plan {
        let Self { client, account, screen, now, .. } = *self;
        let deny = |denial| Plan::Judge(Proof::Denied(denial));
        let allowed = |factor: Factor| factors.contains(&factor);
        if let Extra::Passkey(used) = self.extra
            && allowed(Factor::Passkey)
        {
            return Plan::Judge(Proof::Passkey(*used));
        }
        // The same sign-in a moment ago: the same name, password, code and source.
        if account.is_some_and(|account| account.grace_until.is_some_and(|until| now < until)) {
            return Plan::Judge(Proof::Grace);
        }
        if self.pin_missing {
            return Plan::Prompt(Prompt::Pin);
        }
        let app = if !allowed(Factor::App) {
            None
        } else if client.bare_approval {
            Some(Plan::Ask(Factor::App))
        } else if screen.asks {
            Some(Plan::Show(Factor::App, None))
        } else {
            screen.shows_numbers.then_some(Plan::Ask(Factor::App))
        };
        let digits = allowed(Factor::Totp) || allowed(Factor::Hotp);
        let codes = digits || allowed(Factor::RecoveryCode);
        match self.extra {
            Extra::Digits(code) if digits => Plan::Judge(Proof::Digits(code.clone())),
            Extra::Pair(first, second) if digits => Plan::Judge(Proof::Pair(first.clone(), second.clone())),
            Extra::Recovery(code) if allowed(Factor::RecoveryCode) => Plan::Judge(Proof::Recovery(code.clone())),
            Extra::Name(factor) if screen.picks => self.put(*factor, factors),
            Extra::Name(Factor::App) => app.unwrap_or_else(|| deny(Denial::FactorNotAllowed)),
            Extra::Name(Factor::Totp | Factor::Hotp | Factor::RecoveryCode) if codes && screen.asks => {
                Plan::Prompt(Prompt::Code)
            }
            Extra::Shown(challenge) if allowed(Factor::App) => Plan::Wait(*challenge),
            Extra::Proven(Some(factor)) => Plan::Judge(Proof::Proven(*factor)),
            Extra::NotProven(denial) => deny(*denial),
            Extra::Digits(_)
            | Extra::Pair(..)
            | Extra::Recovery(_)
            | Extra::Name(_)
            | Extra::Shown(_)
            | Extra::Assertion { .. }
            | Extra::Passkey(_) => deny(Denial::FactorNotAllowed),
            Extra::Nothing | Extra::Proven(None) => {
                // A bypass is there because nothing else is to hand; whoever has one is not asked.
                if allowed(Factor::Bypass) {
                    return Plan::Judge(Proof::Bypass);
                }
                if screen.picks {
                    let best = ways::first(factors, account);
                    return best.map_or_else(|| deny(Denial::MissingCode), |factor| self.put(factor, factors));
                }
                match app {
                    Some(_) if codes && screen.asks => Plan::Prompt(Prompt::Choice),
                    Some(plan) => plan,
                    None if codes && screen.asks => Plan::Prompt(Prompt::Code),
                    None if matches!(self.extra, Extra::Proven(None)) => deny(Denial::FactorNotAllowed),
                    None => deny(Denial::MissingCode),
                }
            }
        }
    }

    /// The question that a factor is, where the person picks among several.
    fn put(&self, factor: Factor, factors: &[Factor]) -> Plan {
        let prompt = |factor| match factor {
            Factor::Totp | Factor::Hotp => Some(Prompt::Code),
            Factor::RecoveryCode => Some(Prompt::RecoveryCode),
            Factor::Passkey if self.screen.passkeys => Some(Prompt::Passkey),
            Factor::App | Factor::Bypass | Factor::Passkey => None,
        };
        let plan = if factor == Factor::App {
            let instead = ways::ways(factors, Some(factor)).into_iter().find_map(prompt);
            Some(Plan::Show(factor, instead))
        } else {
            prompt(factor).map(Plan::Prompt)
        };
        plan.filter(|_| factors.contains(&factor)).unwrap_or(Plan::Judge(Proof::Denied(Denial::FactorNotAllowed)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{NOW, account, client, no_screen};
    use super::super::ids::AuthenticatorId;
    use super::super::outcome::Grant;
    use super::*;

    fn with<'a>(client: &'a Client, account: &'a Account, extra: &'a Extra, screen: Screen) -> Begin<'a> {
        Begin { client, account: Some(account), extra, screen, pin_missing: false, now: NOW }
    }

    fn begin(requirement: &Requirement, extra: &Extra) -> (SignIn, Step) {
        SignIn::begin(requirement, with(&client(), &account(&Factor::ALL), extra, no_screen()))
    }

    #[test]
    fn nobody_is_asked_before_the_password_is_right() {
        let (machine, step) = begin(&Requirement::AnyOf(vec![Factor::App]), &Extra::Nothing);
        assert!(matches!(step, Step::Password));
        let (machine, step) = machine.on(Event::PasswordRefused);
        assert!(matches!(step, Step::Judge { proof: Proof::Denied(Denial::WrongPassword), .. }));
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
        assert!(matches!(step, Step::Judge { proof: Proof::Denied(Denial::WrongPassword), .. }), "disabled meanwhile");
    }

    #[test]
    fn an_account_that_the_directory_disabled_is_so_before_and_after_any_prompt() {
        let disabled = Denial::DisabledInDirectory;
        for event in [Event::PasswordAccepted, Event::PasswordRefused] {
            let (machine, _) = begin(&Requirement::Deny(disabled), &Extra::Nothing);
            assert!(
                matches!(machine.on(event).1, Step::Judge { proof: Proof::Denied(denial), .. } if denial == disabled)
            );
        }
        let (machine, _) = begin(&Requirement::AnyOf(vec![Factor::App]), &Extra::Nothing);
        let (machine, _) = machine.on(Event::PasswordAccepted);
        let (machine, _) = machine.on(Event::Answered(Answer::Approved(ChallengeId(uuid::Uuid::nil()))));
        let (_, step) = machine.on(Event::Barred(disabled));
        assert!(matches!(step, Step::Judge { proof: Proof::Denied(denial), .. } if denial == disabled));
    }

    #[test]
    fn a_code_wins_over_a_prompt_and_a_name_picks() {
        let both = || Requirement::AnyOf(vec![Factor::App, Factor::Totp]);
        let plan = |extra: Extra| begin(&both(), &extra).0.on(Event::PasswordAccepted).1;
        assert!(matches!(plan(Extra::Digits(Code::new(*b"123456"))), Step::Judge { proof: Proof::Digits(_), .. }));
        assert!(matches!(plan(Extra::Name(Factor::App)), Step::Ask(Factor::App)));
        assert!(matches!(plan(Extra::Nothing), Step::Ask(Factor::App)));
        let (machine, _) = begin(&Requirement::AnyOf(vec![Factor::Totp]), &Extra::Name(Factor::App));
        assert!(matches!(
            machine.on(Event::PasswordAccepted).1,
            Step::Judge { proof: Proof::Denied(Denial::FactorNotAllowed), .. }
        ));
    }

    #[test]
    fn r24_a_door_without_a_screen_prompts_only_where_the_client_allows_a_bare_approval() {
        let mut client = client();
        client.bare_approval = false;
        let requirement = Requirement::AnyOf(vec![Factor::App, Factor::Totp]);
        let account = account(&Factor::ALL);
        let step = |screen| {
            let machine = SignIn::begin(&requirement, with(&client, &account, &Extra::Nothing, screen)).0;
            machine.on(Event::PasswordAccepted).1
        };
        assert!(matches!(step(no_screen()), Step::Judge { proof: Proof::Denied(Denial::MissingCode), .. }));
        assert!(matches!(step(Screen { shows_numbers: true, ..no_screen() }), Step::Ask(Factor::App)));
    }

    fn page() -> Screen {
        Screen { shows_numbers: true, asks: true, picks: true, passkeys: true }
    }

    fn at_a_page(account: &Account, extra: &Extra) -> (SignIn, Step) {
        let mut client = client();
        client.bare_approval = false;
        let usable = Factor::ALL.into_iter().filter(|factor| account.has(*factor, NOW)).collect();
        let begin = with(&client, account, extra, page());
        SignIn::begin(&Requirement::AnyOf(usable), begin).0.on(Event::PasswordAccepted)
    }

    #[test]
    fn a_page_asks_for_the_best_way_at_once_and_for_another_when_it_is_picked() {
        let mut known = account(&[Factor::App, Factor::Totp, Factor::RecoveryCode]);
        let step = |account: &Account, extra: Extra| at_a_page(account, &extra).1;
        assert!(matches!(step(&known, Extra::Nothing), Step::Show(Factor::App)));
        assert!(matches!(step(&known, Extra::Name(Factor::Totp)), Step::Prompt(Prompt::Code)));
        assert!(matches!(step(&known, Extra::Name(Factor::RecoveryCode)), Step::Prompt(Prompt::RecoveryCode)));
        let refused = step(&known, Extra::Name(Factor::Bypass));
        assert!(matches!(refused, Step::Judge { proof: Proof::Denied(Denial::FactorNotAllowed), .. }));
        known.last_factor = Some(Factor::Totp);
        assert!(matches!(step(&known, Extra::Nothing), Step::Prompt(Prompt::Code)));
        let lost = account(&[Factor::RecoveryCode]);
        assert!(matches!(step(&lost, Extra::Nothing), Step::Prompt(Prompt::RecoveryCode)));
    }

    #[test]
    fn a_passkey_is_asked_for_only_by_a_browser_of_ours_and_an_unproven_one_is_no_password() {
        let account = account(&[Factor::Passkey, Factor::Totp]);
        let mut client = client();
        client.bare_approval = false;
        let step = |screen: Screen, extra: &Extra| {
            let begin = with(&client, &account, extra, screen);
            let factors = if screen.passkeys { vec![Factor::Totp, Factor::Passkey] } else { vec![Factor::Totp] };
            SignIn::begin(&Requirement::AnyOf(factors), begin).0.on(Event::PasswordAccepted).1
        };
        assert!(matches!(step(page(), &Extra::Nothing), Step::Prompt(Prompt::Passkey)));
        assert!(matches!(step(page(), &Extra::Name(Factor::Totp)), Step::Prompt(Prompt::Code)));
        let elsewhere = Screen { passkeys: false, ..page() };
        assert!(matches!(step(elsewhere, &Extra::Nothing), Step::Prompt(Prompt::Code)));
        let refused = step(elsewhere, &Extra::Name(Factor::Passkey));
        assert!(matches!(refused, Step::Judge { proof: Proof::Denied(Denial::FactorNotAllowed), .. }));
        let wrong = step(page(), &Extra::NotProven(Denial::WrongPasskey));
        assert!(matches!(wrong, Step::Judge { proof: Proof::Denied(Denial::WrongPasskey), .. }));

        let first =
            SignIn::begin(&Requirement::AnyOf(vec![Factor::Passkey]), with(&client, &account, &Extra::Nothing, page()));
        let (_, step) = first.0.on(Event::PasskeyRefused(Denial::WrongPasskey));
        assert!(matches!(step, Step::Judge { proof: Proof::Denied(Denial::WrongPasskey), .. }));
    }

    #[test]
    fn a_pin_is_asked_for_before_anything_of_the_second_factor_and_after_the_password() {
        let (client, account) = (client(), account(&Factor::ALL));
        let both = Requirement::AnyOf(vec![Factor::App, Factor::Totp]);
        let step = |requirement: &Requirement, extra: &Extra, event| {
            let begin = Begin { pin_missing: true, ..with(&client, &account, extra, page()) };
            SignIn::begin(requirement, begin).0.on(event).1
        };
        for extra in [Extra::Nothing, Extra::Digits(Code::new(*b"123456")), Extra::Name(Factor::App)] {
            assert!(matches!(step(&both, &extra, Event::PasswordAccepted), Step::Prompt(Prompt::Pin)));
            assert!(matches!(step(&both, &extra, Event::PasswordRefused), Step::Judge { .. }));
        }
        let exempt = Requirement::PasswordOnly(Exemption::TrustedNetwork);
        assert!(matches!(step(&exempt, &Extra::Nothing, Event::PasswordAccepted), Step::Judge { .. }));
    }

    #[test]
    fn r25_a_phone_that_may_not_be_asked_leaves_the_other_ways_open() {
        let not_asked = || Event::Answered(Answer::NotAsked(Denial::TooManyPrompts));
        let (machine, _) = at_a_page(&account(&[Factor::App, Factor::Totp]), &Extra::Nothing);
        assert!(matches!(machine.on(not_asked()).1, Step::Prompt(Prompt::Code)));
        let (machine, _) = at_a_page(&account(&[Factor::App]), &Extra::Nothing);
        let step = machine.on(not_asked()).1;
        assert!(matches!(step, Step::Judge { proof: Proof::Denied(Denial::TooManyPrompts), .. }));
    }

    #[test]
    fn a_first_enrolment_is_judged_and_waits_for_an_expired_password() {
        let enrolment = Outcome::Granted(Grant::Enrolment);
        let begin = || begin(&Requirement::Enrolment, &Extra::Nothing).0;
        let (machine, step) = begin().on(Event::PasswordAccepted);
        assert!(matches!(step, Step::Judge { proof: Proof::Enrolment, due: false }));
        assert!(matches!(machine.on(Event::Judged(enrolment)).1, Step::Done(outcome) if outcome == enrolment));
        let (machine, _) = begin().on(Event::PasswordDue);
        assert!(matches!(machine.on(Event::Judged(enrolment)).1, Step::Prompt(Prompt::NewPassword(None))));
        assert!(matches!(
            begin().on(Event::PasswordRefused).1,
            Step::Judge { proof: Proof::Denied(Denial::WrongPassword), .. }
        ));
    }

    fn events() -> impl Strategy<Value = Event> {
        let challenge = ChallengeId(uuid::Uuid::nil());
        (0..12_u8).prop_map(move |which| match which {
            0 | 1 => Event::PasswordAccepted,
            2 => Event::PasswordRefused,
            3 => Event::Answered(Answer::Approved(challenge)),
            4 => Event::Answered(Answer::Refused),
            5 => Event::Answered(Answer::Expired),
            6 => Event::Answered(Answer::NotAsked(Denial::TooManyPrompts)),
            7 => Event::Judged(Outcome::Granted(Grant::Factor(Factor::App))),
            8 => Event::Barred(Denial::DisabledInDirectory),
            9 => Event::PasswordDue,
            10 => Event::PasskeyRefused(Denial::WrongPasskey),
            _ => Event::Judged(Outcome::Denied(Denial::WrongCode)),
        })
    }

    fn requirements() -> impl Strategy<Value = Requirement> {
        prop_oneof![
            Just(Requirement::Deny(Denial::Blocked)),
            Just(Requirement::Enrolment),
            Just(Requirement::PasswordOnly(Exemption::ServiceAccount)),
            prop::sample::subsequence(Factor::ALL.to_vec(), 1..=6).prop_map(Requirement::AnyOf),
        ]
    }

    proptest! {
        /// R5: one path grants, and it leads over an accepted first factor and a judged proof. A passkey that was accepted in
        /// the place of the password is what is judged then.
        #[test]
        fn r05_no_order_of_events_grants_without_password_and_judgement(
            requirement in requirements(),
            typed in 0..5_u8,
            events in prop::collection::vec(events(), 0..12),
        ) {
            let standing = passkey::Standing { sign_count: 1, backup_eligible: false, backed_up: false };
            let used = passkey::Used { authenticator: AuthenticatorId(uuid::Uuid::nil()), standing };
            let extra = match typed {
                0 => Extra::Nothing,
                1 => Extra::Digits(Code::new(*b"123456")),
                2 => Extra::Passkey(used),
                3 => Extra::NotProven(Denial::WrongPasskey),
                _ => Extra::Name(Factor::App),
            };
            let denied_by_policy = matches!(requirement, Requirement::Deny(_));
            let (mut machine, mut step) = begin(&requirement, &extra);
            let (mut firsts, mut judged, mut asked, mut is_due) = (0, None, false, false);
            for event in events {
                match (&step, &event) {
                    (Step::Password | Step::Recheck, Event::PasswordAccepted) => firsts += 1,
                    (Step::Judge { proof, .. }, Event::Judged(Outcome::Granted(_))) => judged = Some(proof.clone()),
                    (Step::Ask(_) | Step::Show(_) | Step::Wait(_), _) => asked = true,
                    (Step::Password | Step::Recheck, Event::PasswordDue) => is_due = true,
                    _ => {}
                }
                (machine, step) = machine.on(event);
                if let Step::Done(Outcome::Granted(_)) = step {
                    prop_assert!(firsts >= 1);
                    prop_assert!(!is_due, "an expired password opens nothing");
                    prop_assert!(judged.is_some());
                    prop_assert!(typed != 3 || !matches!(requirement, Requirement::AnyOf(_)), "it was not proven");
                    let allowed = match &requirement {
                        Requirement::AnyOf(factors) => factors.contains(&Factor::Passkey),
                        Requirement::PasswordOnly(_) => true,
                        Requirement::Deny(_) | Requirement::Enrolment => false,
                    };
                    prop_assert!(typed != 2 || !allowed || matches!(judged, Some(Proof::Passkey(_))));
                    if matches!(judged, Some(Proof::Approved(_))) {
                        prop_assert!(asked && firsts == 2);
                    }
                }
                if let Step::Judge { proof: Proof::Exempt(_), .. } = step {
                    prop_assert!(!denied_by_policy);
                }
            }
        }
    }
}
