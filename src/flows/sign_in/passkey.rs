//! Passkeys in a sign-in: beside the password, or in the place of name and password.

use tokio::time::Instant;

use super::SignInError;
use super::first_factor::{Accepted, First};
use super::run::{Held, Run, Subject, Who};
use crate::domain::dialog::Question;
use crate::domain::directory::state::AccountState;
use crate::domain::name::LoginName;
use crate::domain::offered::{Extra, Offered};
use crate::domain::outcome::Denial;
use crate::domain::passkey::Used;
use crate::domain::secret::Password;
use crate::domain::user::Account;
use crate::factors::passkey::Refused;
use crate::flows::policy::Upstream;
use crate::flows::resolve::{self, Resolved};
use crate::store::passkeys::Owner;
use crate::telemetry;

/// A passkey in the place of name and password: whose it claims to be, what was asked, and what the browser answered.
pub struct Assertion<'a> {
    /// `None`: it is nobody's.
    pub owner: Option<&'a Owner>,
    pub ceremony: &'a [u8],
    pub answer: &'a str,
}

impl Run<'_> {
    /// The entry of a passkey's owner as the directory has it now: nobody types a name that could be looked up.
    pub(super) async fn owner(&self, upstream: &Upstream, owner: Option<&Owner>) -> Result<Who, SignInError> {
        if self.desk.throttle(&self.attempt.client).is_over(self.attempt.source, Instant::now()) {
            return Ok(Who::Throttled);
        }
        let Some(owner) = owner else { return Ok(Who::Nobody(Denial::WrongPasskey)) };
        let known = resolve::Account {
            dn: owner.dn.clone(),
            unique_id: owner.unique_id.clone(),
            state: AccountState::default(),
        };
        let state = Box::pin(resolve::state_of(&upstream.client, &known, self.deadline)).await?;
        let account = match (state, LoginName::parse(&owner.name)) {
            (Some(state), _) => Some(resolve::Account { state, ..known }),
            // Moved since the last run of the sync; the unique id says if it is still the same account.
            (None, Ok(name)) => match Box::pin(resolve::resolve(&upstream.client, &name, self.deadline)).await? {
                Resolved::One(found) if found.unique_id == owner.unique_id => Some(found),
                Resolved::One(_) | Resolved::NotOne => None,
            },
            (None, Err(_)) => None,
        };
        Ok(Who::Person(Subject { bind_name: owner.dn.clone(), account }))
    }

    /// The passkey as the first factor, which it is together with the second one: it was opened by its user (SP 800-63B
    /// §3.1.7). What it is worth is judged as any other proof.
    pub(super) fn passkey_first(&self, assertion: &Assertion<'_>, account: Option<&Account>) -> (First, Offered) {
        let alone = self.switches.as_ref().is_some_and(|switches| switches.passkey_first);
        let used = match account {
            Some(_) if !alone => Err(Denial::FactorNotAllowed),
            Some(account) => self.verify(assertion.ceremony, account, assertion.answer),
            None => Err(Denial::NotOneEntry),
        };
        let (first, extra) = match used {
            Ok(used) => (First::Accepted(Accepted::Unchecked), Extra::Passkey(used)),
            Err(denial) => (First::NotProven(denial), Extra::Nothing),
        };
        (first, Offered { password: Password::new([]), extra })
    }

    /// The passkey beside a password that was accepted.
    pub(super) fn passkey_second(&self, ceremony: &[u8], account: Option<&Account>, answer: &str) -> Extra {
        let used = account.map_or(Err(Denial::FactorNotAllowed), |account| self.verify(ceremony, account, answer));
        used.map_or_else(Extra::NotProven, Extra::Passkey)
    }

    fn verify(&self, ceremony: &[u8], account: &Account, answer: &str) -> Result<Used, Denial> {
        let passkeys = self.desk.passkeys.as_ref().ok_or(Denial::FactorNotAllowed)?;
        passkeys.finish_authentication(ceremony, account, answer).map_err(|refused| {
            tracing::info!(
                target: "vestibule::sign_in",
                sign_in = %self.attempt.id.0,
                user = %telemetry::shown(&account.user.name),
                why = %telemetry::shown(&refused.to_string()),
                "a passkey was refused",
            );
            match refused {
                Refused::Copied => Denial::CopiedPasskey,
                Refused::Malformed(_)
                | Refused::Ceremony
                | Refused::Origin(_)
                | Refused::CrossOrigin
                | Refused::NotTheirs
                | Refused::LongId
                | Refused::NotVerified(_) => Denial::WrongPasskey,
            }
        })
    }

    /// What the browser is to be asked.
    pub(super) fn passkey_question(&self, held: &Held) -> Result<Question, SignInError> {
        let (Some(passkeys), Some(account)) = (&self.desk.passkeys, &held.account) else {
            return Err(SignInError::Broken);
        };
        let started = passkeys.start_authentication(account)?;
        Ok(Question::Passkey { options: started.options, ceremony: started.ceremony })
    }
}
