//! What people do with their own authenticators: begin one and prove it, claim a hardware token, try one out, find a
//! drifted one again, rename and remove. The pages call this; that a second factor was proven a short time ago (SECURITY
//! R30) is their guard's to see to. Who may not sign in changes nothing here, whatever session is open.
//!
//! Every change is an event of the audit trail, and mail to the person is made of those.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::enrol::{self, RecoveryCode};
use crate::domain::activation::{DeviceLimit, Purpose, State};
use crate::domain::audit::Event;
use crate::domain::crockford;
use crate::domain::factor::Factor;
use crate::domain::ids::{ActivationId, AuthenticatorId, UserId};
use crate::domain::label::Label;
use crate::domain::otp::{
    self, CodeFault, Hash, Parameters, SecretText, TotpMemory, TotpVerdict, Window, otpauth_uri, seed_to_base32,
    typed_code,
};
use crate::domain::otp::{HotpVerdict, LookAhead};
use crate::domain::secret::{Code, Seed};
use crate::domain::user::{Authenticator, Token};
use crate::store::activations::Made;
use crate::store::attempts::{Scope, Try};
use crate::store::audit::Actor;
use crate::store::enrolments::{Begun, Enrolling, Pending, Proved};
use crate::store::own_authenticators::{EvenTheLast, Own, OwnRecoveryCode, Removed, Renamed};
use crate::store::token_stock::Claimed;
use crate::store::users::Listed;
use crate::store::{Store, StoreFault};

/// Steps or codes that a drifted authenticator is looked for, when one code is tried out.
const DRIFT: u32 = 20;

/// A person who manages what they sign in with.
pub struct Person<'a> {
    store: &'a Store,
    pub user: Listed,
    pub enrolling: Enrolling,
    by: Actor,
}

/// What came of beginning with an authenticator.
pub enum Start {
    Pending(Pending),
    TooMany,
    Taken,
    Barred,
}

/// What came of a code for a pending authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It counts from now on.
    Done,
    /// It does already: proven in another tab.
    Already,
    /// With a wait, if it was one wrong code too many.
    Wrong {
        wait: Option<Timestamp>,
    },
    Malformed(CodeFault),
    /// No code is looked at before then.
    Wait {
        until: Timestamp,
    },
    Gone,
    /// The first authenticator is somebody else's who knew the password; or the same person's, at a gateway.
    Taken,
    Barred,
}

/// What came of claiming a hardware token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    Done(AuthenticatorId),
    /// No token in stock of this serial number shows these codes: which of the two it is is not told.
    NoMatch {
        wait: Option<Timestamp>,
    },
    Malformed,
    Wait {
        until: Timestamp,
    },
    Taken,
    Barred,
}

/// What came of trying codes of one's own authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Right, and used up.
    Right,
    Wrong {
        wait: Option<Timestamp>,
    },
    /// Wrong now, and right some minutes or codes away: two codes in a row find it again.
    Drifted {
        wait: Option<Timestamp>,
    },
    /// Right, and used up before.
    Used,
    Malformed(CodeFault),
    Wait {
        until: Timestamp,
    },
    /// There is no such authenticator, or it shows no codes.
    Gone,
}

/// What a person takes a pending TOTP authenticator down from. Shown to nobody else.
pub struct Taken {
    /// For a QR code, or as a link on the phone itself.
    pub uri: SecretText,
    /// For typing, in groups of four.
    pub secret: Zeroizing<String>,
    /// What the app will call it.
    pub account: String,
}

impl<'a> Person<'a> {
    /// `None` for somebody who may not sign in (blocked, disabled here or in the directory), or is gone.
    pub async fn of(
        store: &'a Store,
        user: UserId,
        enrolling: Enrolling,
        by: Actor,
    ) -> Result<Option<Self>, StoreFault> {
        let now = store.ambient().now();
        let fine = |user: &Listed| user.enabled && !user.blocked && user.in_directory.denial(now).is_none();
        let user = store.user(user).await?.filter(fine);
        Ok(user.map(|user| Self { store, user, enrolling, by }))
    }

    pub async fn list(&self) -> Result<Vec<Own>, StoreFault> {
        self.store.own_authenticators(self.user.id).await
    }

    pub async fn recovery_codes(&self) -> Result<Vec<OwnRecoveryCode>, StoreFault> {
        self.store.own_recovery_codes(self.user.id).await
    }

    /// What was begun and is not proven yet, the newest first.
    pub async fn pending(&self) -> Result<Vec<Pending>, StoreFault> {
        self.store.pending(self.user.id, self.enrolling).await
    }

    /// The TOTP authenticator that was begun last and is not proven, or a new one.
    pub async fn start_totp(&self, label: &Label) -> Result<Start, StoreFault> {
        match self.pending().await?.into_iter().next() {
            Some(pending) => Ok(Start::Pending(pending)),
            None => self.start_another_totp(label).await,
        }
    }

    /// A new TOTP authenticator: SHA-1, six digits, thirty seconds, which every app knows.
    pub async fn start_another_totp(&self, label: &Label) -> Result<Start, StoreFault> {
        let seed = enrol::fresh_seed(Hash::Sha1, self.store.ambient());
        let token = (&seed, Parameters::default());
        match self.store.begin_totp(self.user.id, self.enrolling, label, token, &self.by).await? {
            Begun::Pending(id) => {
                let pending = self.pending().await?.into_iter().find(|pending| pending.authenticator.id == id);
                // Gone again: the clock has jumped an hour.
                Ok(pending.map_or(Start::TooMany, Start::Pending))
            }
            Begun::TooMany => Ok(Start::TooMany),
            Begun::Taken => Ok(Start::Taken),
            Begun::Barred => Ok(Start::Barred),
        }
    }

    pub async fn discard(&self, id: AuthenticatorId) -> Result<bool, StoreFault> {
        self.store.discard_pending(self.user.id, id, self.enrolling).await
    }

    /// How a pending TOTP authenticator is taken down; `None` for one that is none.
    pub fn taken(&self, issuer: &str, pending: &Pending) -> Option<Taken> {
        let Token::Totp { seed, parameters, .. } = &pending.authenticator.token else { return None };
        let account = account_name(&self.user.name, pending.authenticator.id);
        let uri = otpauth_uri(issuer, &account, seed, *parameters);
        let secret = crockford::grouped(seed_to_base32(seed).expose()).replace('-', " ");
        Some(Taken { uri, secret: Zeroizing::new(secret), account })
    }

    /// Looks at the first code of a pending authenticator.
    pub async fn prove(&self, id: AuthenticatorId, typed: &str) -> Result<Proof, StoreFault> {
        let pending = self.pending().await?.into_iter().find(|pending| pending.authenticator.id == id);
        let Some(Token::Totp { seed, parameters, .. }) = pending.map(|pending| pending.authenticator.token) else {
            // Proven already, or gone: the store tells which, and uses nothing up.
            return self.proved(id, TotpMemory::default()).await;
        };
        let code = match typed_code(typed, parameters.digits) {
            Ok(code) => code,
            Err(fault) => return Ok(Proof::Malformed(fault)),
        };
        let scope = Scope::Proof(self.user.id);
        let closes = match self.store.take_try(scope).await? {
            Try::Closed { until } => return Ok(Proof::Wait { until }),
            Try::Taken { closes } => closes,
        };
        let now = self.store.ambient().now().as_second();
        let token = otp::Token { seed: &seed, parameters };
        let verdict = token.verify_totp(&code, now, Window::default(), TotpMemory::default());
        let TotpVerdict::Accepted { step, drift } = verdict else {
            self.alert(scope, closes).await?;
            return Ok(Proof::Wrong { wait: closes });
        };
        self.store.forget_tries(scope).await?;
        self.proved(id, TotpMemory { anchor: 0, drift, last_accepted: Some(step) }).await
    }

    async fn proved(&self, id: AuthenticatorId, memory: TotpMemory) -> Result<Proof, StoreFault> {
        Ok(match self.store.prove(self.user.id, id, self.enrolling, memory, &self.by).await? {
            Proved::Done => Proof::Done,
            Proved::Already => Proof::Already,
            Proved::Gone => Proof::Gone,
            Proved::Taken => Proof::Taken,
            Proved::Barred => Proof::Barred,
        })
    }

    /// Claims a token of the stock by its serial number and two codes it shows one after the other.
    pub async fn claim(&self, serial: &str, codes: (&str, &str), label: &Label) -> Result<Claim, StoreFault> {
        // Of a shape that any token's codes may have: what this one's look like would tell that it is there.
        let is_code = |text: &str| {
            [otp::Digits::SIX, otp::Digits::SEVEN, otp::Digits::EIGHT]
                .into_iter()
                .any(|digits| typed_code(text, digits).is_ok())
        };
        if !is_code(codes.0) || !is_code(codes.1) {
            return Ok(Claim::Malformed);
        }
        let scope = Scope::Claim(self.user.id);
        let closes = match self.store.take_try(scope).await? {
            Try::Closed { until } => return Ok(Claim::Wait { until }),
            Try::Taken { closes } => closes,
        };
        let now = self.store.ambient().now();
        let no_match = Claim::NoMatch { wait: closes };
        let Some(claimable) = self.store.claimable(serial.trim()).await? else {
            // As much work as for a token that is there.
            let (seed, memory) = (Seed::new(self.store.ambient().bytes::<20>()), TotpMemory::default());
            found(&Token::Totp { seed, parameters: Parameters::default(), memory }, codes, now);
            self.alert(scope, closes).await?;
            return Ok(no_match);
        };
        let Some(token) = found(&claimable.token, codes, now) else {
            self.alert(scope, closes).await?;
            return Ok(no_match);
        };
        let claimed = claimable.at(token);
        match self.store.claim_token(self.user.id, self.enrolling, &claimed, label, &self.by).await? {
            Claimed::Done(id) => {
                self.store.forget_tries(scope).await?;
                Ok(Claim::Done(id))
            }
            Claimed::Gone => Ok(no_match),
            Claimed::Taken => Ok(Claim::Taken),
            Claimed::Barred => Ok(Claim::Barred),
        }
    }

    pub async fn preferred(&self) -> Result<Option<Factor>, StoreFault> {
        self.store.preferred(self.user.id).await
    }

    /// False for a factor the person does not have.
    pub async fn prefer(&self, factor: Factor) -> Result<bool, StoreFault> {
        self.store.prefer(self.user.id, factor, &self.by).await
    }

    pub async fn make_activation(&self, limit: DeviceLimit) -> Result<Made, StoreFault> {
        self.store.make_activation(self.user.id, self.enrolling, Purpose::App, limit, &self.by).await
    }

    pub async fn activation_state(&self, id: ActivationId) -> Result<Option<State>, StoreFault> {
        self.store.activation_state(self.user.id, id).await
    }

    pub async fn cancel_activation(&self, id: ActivationId) -> Result<bool, StoreFault> {
        self.store.cancel_activation(self.user.id, id, &self.by).await
    }

    pub async fn rename(&self, id: AuthenticatorId, label: &Label) -> Result<Renamed, StoreFault> {
        self.store.rename_authenticator(self.user.id, id, label, &self.by).await
    }

    pub async fn remove(&self, id: AuthenticatorId, even_the_last: EvenTheLast) -> Result<Removed, StoreFault> {
        self.store.remove_authenticator(self.user.id, id, even_the_last, &self.by).await
    }

    /// Looks at a code without signing anybody in by it. A right one is used up.
    pub async fn test(&self, id: AuthenticatorId, typed: &str) -> Result<Trial, StoreFault> {
        let Some(authenticator) = self.own(id).await? else { return Ok(Trial::Gone) };
        let Some(digits) = digits(&authenticator.token) else { return Ok(Trial::Gone) };
        let code = match typed_code(typed, digits) {
            Ok(code) => code,
            Err(fault) => return Ok(Trial::Malformed(fault)),
        };
        let closes = match self.store.take_try(self.test_scope()).await? {
            Try::Closed { until } => return Ok(Trial::Wait { until }),
            Try::Taken { closes } => closes,
        };
        let now = self.store.ambient().now();
        let trial = match tried(authenticator, &code, now) {
            Tried::Right(after) if self.store.spend_code(self.user.id, &after).await? => Trial::Right,
            Tried::Right(_) | Tried::Used => Trial::Used,
            Tried::Drifted => Trial::Drifted { wait: closes },
            Tried::Wrong => Trial::Wrong { wait: closes },
        };
        let result = match trial {
            Trial::Right => "right",
            Trial::Used => "used",
            Trial::Drifted { .. } => "drifted",
            Trial::Wrong { .. } | Trial::Malformed(_) | Trial::Wait { .. } | Trial::Gone => "wrong",
        };
        let (user, name, by) = (self.user.id, self.user.name.clone(), self.by.to_string());
        self.store.note(vec![Event::AuthenticatorTested { user, name, authenticator: id, result, by }]).await?;
        self.ended(trial == Trial::Right, closes).await?;
        Ok(trial)
    }

    /// Finds a drifted authenticator again by two codes it shows one after the other.
    pub async fn resync(&self, id: AuthenticatorId, codes: (&str, &str)) -> Result<Trial, StoreFault> {
        let Some(authenticator) = self.own(id).await? else { return Ok(Trial::Gone) };
        let Some(digits) = digits(&authenticator.token) else { return Ok(Trial::Gone) };
        if let Some(fault) = [codes.0, codes.1].into_iter().find_map(|code| typed_code(code, digits).err()) {
            return Ok(Trial::Malformed(fault));
        }
        let closes = match self.store.take_try(self.test_scope()).await? {
            Try::Closed { until } => return Ok(Trial::Wait { until }),
            Try::Taken { closes } => closes,
        };
        let trial = match enrol::found_again(authenticator, codes, self.store.ambient().now()) {
            Ok(Some(found)) if self.store.resynchronise(&self.user, &found, &self.by).await? => Trial::Right,
            Ok(Some(_)) => Trial::Used,
            Ok(None) => Trial::Wrong { wait: closes },
            Err(fault) => Trial::Malformed(fault),
        };
        self.ended(trial == Trial::Right, closes).await?;
        Ok(trial)
    }

    /// New recovery codes, shown once; the old ones are void.
    pub async fn new_recovery_codes(&self) -> Result<Vec<RecoveryCode>, StoreFault> {
        enrol::replace_recovery_codes(self.store, &self.user, &self.by).await
    }

    fn test_scope(&self) -> Scope {
        Scope::Test(self.user.id)
    }

    async fn own(&self, id: AuthenticatorId) -> Result<Option<Authenticator>, StoreFault> {
        Ok(self.store.authenticators(self.user.id).await?.into_iter().find(|own| own.id == id))
    }

    async fn ended(&self, was_right: bool, closes: Option<Timestamp>) -> Result<(), StoreFault> {
        if was_right {
            self.store.forget_tries(self.test_scope()).await
        } else {
            self.alert(self.test_scope(), closes).await
        }
    }

    /// That no more codes are looked at is told to whoever watches the trail.
    async fn alert(&self, scope: Scope, closes: Option<Timestamp>) -> Result<(), StoreFault> {
        let Some(until) = closes else { return Ok(()) };
        let (user, by) = (Some(self.user.id), self.by.to_string());
        self.store.note(vec![Event::CodesThrottled { user, what: scope.purpose(), until, by }]).await
    }
}

/// What an authenticator app calls the account. Two of one name overwrite each other in some apps, so that four characters
/// of its own follow.
fn account_name(name: &str, id: AuthenticatorId) -> String {
    let own = id.0.as_bytes().get(12..).map(crockford::letters).unwrap_or_default();
    format!("{name}#{}", *own)
}

fn digits(token: &Token) -> Option<otp::Digits> {
    match token {
        Token::App | Token::Passkey(_) => None,
        Token::Totp { parameters, .. } | Token::Hotp { parameters, .. } => Some(parameters.digits),
    }
}

/// The token, where two consecutive codes show it to be.
fn found(token: &Token, codes: (&str, &str), now: Timestamp) -> Option<Token> {
    let nobody = Authenticator { id: AuthenticatorId(uuid::Uuid::nil()), label: String::new(), token: token.clone() };
    enrol::found_again(nobody, codes, now).ok().flatten().map(|found| found.token)
}

enum Tried {
    /// As it stands after the code.
    Right(Authenticator),
    Used,
    Drifted,
    Wrong,
}

fn tried(authenticator: Authenticator, code: &Code, now: Timestamp) -> Tried {
    let Authenticator { id, label, token } = authenticator;
    let at = now.as_second();
    match token {
        Token::App | Token::Passkey(_) => Tried::Wrong,
        Token::Totp { seed, parameters, memory } => {
            let oath = otp::Token { seed: &seed, parameters };
            match oath.verify_totp(code, at, Window::default(), memory) {
                TotpVerdict::Accepted { step, drift } => {
                    let memory = TotpMemory { drift, last_accepted: Some(step), ..memory };
                    Tried::Right(Authenticator { id, label, token: Token::Totp { seed, parameters, memory } })
                }
                TotpVerdict::Replayed { .. } => Tried::Used,
                TotpVerdict::Wrong if oath.is_near_totp(code, at, DRIFT, memory.last_accepted) => Tried::Drifted,
                TotpVerdict::Wrong => Tried::Wrong,
            }
        }
        Token::Hotp { seed, parameters, next_counter } => {
            let oath = otp::Token { seed: &seed, parameters };
            match oath.verify_hotp(code, next_counter, LookAhead::default()) {
                HotpVerdict::Accepted { next_counter } => {
                    Tried::Right(Authenticator { id, label, token: Token::Hotp { seed, parameters, next_counter } })
                }
                HotpVerdict::Replayed { .. } => Tried::Used,
                HotpVerdict::Wrong if oath.is_near_hotp(code, next_counter, DRIFT) => Tried::Drifted,
                HotpVerdict::Wrong => Tried::Wrong,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_enrolment_has_an_account_name_of_its_own() {
        let ambient = crate::ambient::Ambient::system();
        let names: std::collections::HashSet<String> =
            (0..50).map(|_| account_name("alice", AuthenticatorId(ambient.id()))).collect();
        assert!(names.len() > 45, "{names:?}");
        assert!(names.iter().all(|name| name.len() == "alice#ABCD".len() && name.starts_with("alice#")));
    }
}
