//! Sign-ins that go on with the person's next answer: taking up a dialog, and asking the next question.
//!
//! An answer is a sign-in of its own, with the first factor and what else was given taken from the dialog: everything
//! is looked up, checked and judged anew.

use std::time::Duration;

use super::first_factor::Accepted;
use super::run::{Decided, Held, Run, Subject};
use super::{Ended, SignInError};
use crate::domain::audit::Event;
use crate::domain::dialog::{Again, Dialog, MOST_ROUNDS, Question};
use crate::domain::directory::password::PasswordChange;
use crate::domain::factor::Factor;
use crate::domain::ids::ChallengeId;
use crate::domain::offered::{Extra, Offered};
use crate::domain::otp::{self, Hash, Parameters, TotpMemory, TotpVerdict, Window};
use crate::domain::outcome::Outcome;
use crate::domain::pin::{PinCheck, PinHash};
use crate::domain::secret::{Code, Password, Seed};
use crate::domain::sign_in::Prompt;
use crate::domain::user::{Account, Token};
use crate::domain::ways;
use crate::flows::enrol;
use crate::flows::policy::Upstream;
use crate::store::audit::Actor;
use crate::store::authenticators::Enrolment;
use crate::store::recorder::Leaving;
use crate::telemetry;
use zeroize::Zeroizing;

/// What an earlier part of a dialog has brought. All empty where a sign-in begins.
#[derive(Default)]
pub(super) struct Carried {
    /// The first factor as it was accepted, and what the answer offers.
    pub offered: Option<Offered>,
    pub accepted: Option<Vec<u8>>,
    pub join_key: Option<[u8; 32]>,
    pub rounds: u8,
    /// The number that was shown.
    pub number: Option<u8>,
    /// This answer came before.
    pub again: bool,
    /// A recovery code was asked for.
    pub recovery: bool,
    /// What was typed as the PIN, in this answer.
    pub typed_pin: Option<Code>,
    /// The PIN that was right in an earlier one.
    pub pin: Option<PinHash>,
    pub enrolling: Option<(Seed, Code)>,
    /// What was proven for the change, and the new password.
    pub change: Option<(Option<Factor>, Password)>,
}

/// What a State led to.
pub(super) enum Resumed {
    Carried(Box<Carried>),
    /// Nothing has to be looked up to know the next question.
    Asked(Ended),
    /// There is no such dialog, or it is not this client's and user's.
    Over,
}

/// Time to answer a question, and one that takes thought or another device.
const ANSWER: Duration = Duration::from_mins(2);
const LONG_ANSWER: Duration = Duration::from_mins(5);
/// The longest answer that is a code; a dialog holds no more.
const LONGEST_CODE: usize = 64;

impl Run<'_> {
    /// Takes the dialog up: a State opens once (RFC 2865 §5.24), and only for the client and name it was given to. The
    /// one exception is a number that was shown: whoever waits for it may be sent to another replica meanwhile.
    pub(super) async fn resume(&self, state: &[u8]) -> Result<Resumed, SignInError> {
        let store = &self.desk.store;
        let Some(taken) = store.take_dialog(self.attempt.client.id, state).await? else { return Ok(Resumed::Over) };
        let Ok(dialog) = Dialog::read(&taken.bytes) else { return Ok(Resumed::Over) };
        let is_number = matches!(dialog.question, Question::Number { .. });
        if dialog.name != self.attempt.name || dialog.rounds >= MOST_ROUNDS || (taken.used && !is_number) {
            return Ok(Resumed::Over);
        }
        let field = self.attempt.field;
        let code = || Code::new(field.expose().get(..LONGEST_CODE).unwrap_or(field.expose()));
        let mut carried = Carried {
            accepted: dialog.accepted.clone(),
            join_key: Some(dialog.join_key),
            pin: dialog.pin.clone(),
            rounds: dialog.rounds,
            again: taken.used,
            ..Carried::default()
        };
        if let Some(pick) = self.attempt.pick
            && dialog.question.may_be_left()
        {
            if let (Question::Number { challenge, .. }, false) = (&dialog.question, taken.used) {
                // Whoever goes another way waits for the phone no more.
                self.desk.recorder.leave(*challenge, Leaving::Gone).await?;
            }
            carried.offered = Some(Offered { password: dialog.password, extra: Extra::Name(pick) });
            return Ok(Resumed::Carried(Box::new(carried)));
        }
        let extra = match dialog.question {
            Question::Code | Question::RecoveryCode if self.attempt.screen.picks => {
                carried.recovery = matches!(dialog.question, Question::RecoveryCode);
                Offered::code(field).unwrap_or_else(|| Extra::Digits(code()))
            }
            // A phone is to hand for whoever just goes on.
            Question::Choice if field.is_empty() => Extra::Name(Factor::App),
            Question::Choice | Question::Code | Question::RecoveryCode => {
                Offered::answer(field).unwrap_or_else(|| Extra::Digits(code()))
            }
            Question::Number { challenge, number } => {
                carried.number = Some(number);
                Extra::Shown(challenge)
            }
            Question::NextCode { first } => Extra::Pair(first, code()),
            Question::Pin { with } => {
                carried.typed_pin = Some(code());
                Offered::answer(&Password::new(with.expose())).unwrap_or(Extra::Nothing)
            }
            Question::Passkey { ceremony, .. } => {
                Extra::Assertion { ceremony, answer: String::from_utf8_lossy(field.expose()).into_owned() }
            }
            Question::Enrol { seed } => {
                carried.enrolling = Some((seed, code()));
                Extra::Nothing
            }
            Question::NewPassword { proven } => {
                let question = if field.is_empty() {
                    Question::NewPassword { proven }
                } else {
                    Question::RepeatPassword { proven, new: field.clone() }
                };
                return self.ask_on(Dialog { question, ..dialog }, None).await.map(Resumed::Asked);
            }
            Question::RepeatPassword { proven, new } => {
                if !new.same_as(field.expose()) {
                    let dialog = Dialog { question: Question::NewPassword { proven }, ..dialog };
                    return self.ask_on(dialog, Some(Again::NoMatch)).await.map(Resumed::Asked);
                }
                carried.change = Some((proven, new));
                Extra::Nothing
            }
        };
        carried.offered = Some(Offered { password: dialog.password, extra });
        Ok(Resumed::Carried(Box::new(carried)))
    }

    /// Asks the person what the machine wants to know.
    pub(super) async fn prompt(
        &self,
        what: Prompt,
        held: &Held,
        accepted: Option<&Accepted>,
    ) -> Result<Decided, SignInError> {
        let question = match what {
            Prompt::Choice => Question::Choice,
            Prompt::Code => Question::Code,
            Prompt::RecoveryCode => Question::RecoveryCode,
            Prompt::Pin => Question::Pin { with: held.offered.extra.typed().unwrap_or_else(|| Code::new([])) },
            Prompt::Passkey => self.passkey_question(held)?,
            Prompt::Enrol => Question::Enrol {
                // Another try is for the key that the person has typed in already.
                seed: self
                    .carried
                    .enrolling
                    .as_ref()
                    .map_or_else(|| enrol::fresh_seed(Hash::Sha1, self.desk.store.ambient()), |(seed, _)| seed.clone()),
            },
            Prompt::NewPassword(proven) => Question::NewPassword { proven },
        };
        let ended = self.ask_on(self.dialog(question, held, accepted), held.again).await?;
        Ok(Decided::unrecorded(ended))
    }

    /// Shows the number of a question that is out.
    pub(super) async fn asked_number(
        &self,
        challenge: ChallengeId,
        number: u8,
        held: &Held,
        accepted: Option<&Accepted>,
    ) -> Result<Decided, SignInError> {
        let dialog = self.dialog(Question::Number { challenge, number }, held, accepted);
        Ok(Decided::unrecorded(self.ask_on(dialog, None).await?))
    }

    /// The code was wrong, and recorded so; its neighbour shows whether the token has drifted away.
    pub(super) async fn ask_next_code(
        &self,
        first: Code,
        held: &Held,
        accepted: Option<&Accepted>,
        outcome: Outcome,
    ) -> Result<Decided, SignInError> {
        let ended = self.ask_on(self.dialog(Question::NextCode { first }, held, accepted), None).await?;
        Ok(Decided { ended, outcome: Some(outcome) })
    }

    fn dialog(&self, question: Question, held: &Held, accepted: Option<&Accepted>) -> Dialog {
        let accepted = match accepted {
            Some(Accepted::Checked(answer)) => Some(answer.to_vec()),
            Some(Accepted::Bound { .. } | Accepted::Unchecked) | None => None,
        };
        let ways = ways::ways(&held.ways, question.factor());
        Dialog {
            name: self.attempt.name.to_owned(),
            password: held.offered.password.clone(),
            accepted,
            join_key: held.join_key,
            pin: if let PinCheck::Right(hash) = &held.pin { Some(hash.clone()) } else { None },
            rounds: self.carried.rounds,
            ways: if question.may_be_left() { ways } else { vec![] },
            again: None,
            question,
        }
    }

    async fn ask_on(&self, mut dialog: Dialog, again: Option<Again>) -> Result<Ended, SignInError> {
        dialog.rounds = dialog.rounds.saturating_add(1);
        dialog.again = again;
        let (seed, limit) = match &dialog.question {
            Question::Enrol { seed } => (Some(seed), LONG_ANSWER),
            // A recovery code lies in a drawer; browsers wait as long for a passkey (WebAuthn L3 §15.1).
            Question::NewPassword { .. }
            | Question::RepeatPassword { .. }
            | Question::RecoveryCode
            | Question::Passkey { .. } => (None, LONG_ANSWER),
            Question::Choice
            | Question::Code
            | Question::Pin { .. }
            | Question::Number { .. }
            | Question::NextCode { .. } => (None, ANSWER),
        };
        let text = dialog.question.text(again, &seed.map(seed_text).unwrap_or_default());
        let state = self.desk.store.keep_dialog(self.attempt.client.id, &dialog.write(), limit).await?;
        tracing::debug!(
            target: "vestibule::sign_in",
            sign_in = %self.attempt.id.0,
            client = %telemetry::shown(&self.attempt.client.name),
            user = %telemetry::shown(self.attempt.name),
            question = dialog.question.name(),
            "the person is asked",
        );
        Ok(Ended::Asked { state, text, ways: dialog.ways, again })
    }

    /// Enrols the person's first token if the code shows that it was taken down rightly. The code itself is then judged
    /// like any other, and used up.
    pub(super) async fn enrol(&self, account: &Account, seed: &Seed, code: &Code) -> Result<bool, SignInError> {
        let store = &self.desk.store;
        let parameters = Parameters::default();
        let token = otp::Token { seed, parameters };
        let typed = std::str::from_utf8(code.expose()).ok();
        let Some(typed) = typed.and_then(|typed| otp::typed_code(typed, parameters.digits).ok()) else {
            return Ok(false);
        };
        let now = store.ambient().now().as_second();
        let verdict = token.verify_totp(&typed, now, Window::default(), TotpMemory::default());
        if !matches!(verdict, TotpVerdict::Accepted { .. }) {
            return Ok(false);
        }
        let token = Token::Totp { seed: seed.clone(), parameters, memory: TotpMemory::default() };
        let enrolment = Enrolment { token: &token, label: "authenticator app", serial: None };
        let by = Actor(format!("dialog at {}", self.attempt.client.name));
        Ok(store.enrol_first(account.user.id, &account.user.name, &enrolment, &by).await?.is_some())
    }

    /// Changes the expired password. What follows goes on with the new one; with the old one, and a reason to ask again,
    /// if the directory does not take it.
    pub(super) async fn change_password(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        account: Option<&Account>,
    ) -> Result<(Option<Offered>, Option<Again>), SignInError> {
        let (Some((proven, new)), Some(old)) = (&self.carried.change, &self.carried.offered) else {
            return Ok((None, None));
        };
        let change = upstream.client.change_password(&subject.bind_name, &old.password, new, self.deadline);
        match Box::pin(change).await? {
            PasswordChange::Changed => {
                let event = Event::PasswordChanged {
                    user: account.map(|account| account.user.id),
                    name: account.map_or_else(|| self.attempt.name.to_owned(), |account| account.user.name.clone()),
                    client_name: self.attempt.client.name.clone(),
                };
                self.desk.store.note(vec![event]).await?;
                Ok((Some(Offered { password: new.clone(), extra: Extra::Proven(*proven) }), None))
            }
            PasswordChange::Refused(refusal) => {
                // The proof is not asked for again.
                let offered = Offered { password: old.password.clone(), extra: Extra::Proven(*proven) };
                Ok((Some(offered), Some(Again::NotTaken(refusal.kind))))
            }
        }
    }

    pub(super) fn changes_passwords(&self) -> bool {
        let allowed = self.switches.as_ref().is_none_or(|switches| switches.change_expired_password);
        allowed && self.attempt.screen.asks && self.attempt.client.changes_passwords()
    }
}

/// In groups of four, as people type it.
fn seed_text(seed: &Seed) -> Zeroizing<String> {
    let text = otp::seed_to_base32(seed);
    let mut grouped = Zeroizing::new(String::with_capacity(text.expose().len() * 5 / 4 + 1));
    for (at, letter) in text.expose().chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(letter);
    }
    grouped
}

/// The number is still waited for; its State stays good.
pub(super) fn still_asked(state: [u8; 16], held: &Held) -> Decided {
    let ways = ways::ways(&held.ways, Some(Factor::App));
    Decided::unrecorded(Ended::Asked { state, text: String::new(), ways, again: None })
}
