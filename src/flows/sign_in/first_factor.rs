//! The first factor: checked by the directory's bind, by somebody else for us, or by the gateway before it came here.

use std::pin::Pin;

use bytes::Bytes;
use tokio::time::Instant;

use super::SignInError;
use super::passkey::Assertion;
use super::run::{Run, Subject};
use crate::directory::{Upstream as Connection, Verdict};
use crate::domain::directory::DirectoryKind;
use crate::domain::factor::Factor;
use crate::domain::offered::{Extra, Offered};
use crate::domain::outcome::Denial;
use crate::domain::secret::Password;
use crate::domain::user::Account;
use crate::flows::policy::Upstream;
use crate::flows::resolve;
use crate::wire::message::Control;
use crate::wire::password::policy_request;

/// Who checks the first factor.
#[derive(Clone, Copy)]
pub enum FirstFactor<'a> {
    /// The directory, by a bind. Id and controls are the door's own, for the answer that it passes on.
    Bind { message_id: u32, controls: &'a [Control] },
    /// Somebody else. `in_field`: by the password in the field; otherwise by what the checker has beside it.
    Checker { by: &'a dyn Checker, in_field: bool },
    /// Nobody here: the gateway has, and the field holds the second factor.
    Nobody,
    /// We do, by a passkey that is both factors in one.
    Passkey(&'a Assertion<'a>),
}

/// Somebody who checks first factors for us.
pub trait Checker: Send + Sync {
    /// `password`: one reading of the field, where the field holds one.
    fn check<'a>(
        &'a self,
        password: Option<&'a Password>,
        deadline: Instant,
    ) -> Pin<Box<dyn Future<Output = Result<Checked, CheckFault>> + Send + 'a>>;
}

/// What a checker said, in its own words.
pub enum Checked {
    Accepted(Bytes),
    Refused(Bytes),
}

/// A checker could not tell.
#[derive(Debug, thiserror::Error)]
#[error("the first factor could not be checked: {0}")]
pub struct CheckFault(pub String);

/// What an accepted first factor leaves in our hands.
pub enum Accepted {
    /// The directory's own answer, and the connection that is now the user's.
    Bound { answer: Bytes, upstream: Connection },
    /// The checker's words.
    Checked(Bytes),
    /// Nobody was asked.
    Unchecked,
}

/// What the first factor came to.
pub(super) enum First {
    Accepted(Accepted),
    /// `due`: the password is right and has expired.
    Refused {
        answer: Bytes,
        due: bool,
    },
    /// A passkey, and why it proves nothing.
    NotProven(Denial),
}

impl Run<'_> {
    /// Has the first factor checked. A field that can be read with and without a code is tried in that order; `None` if
    /// a password would be empty.
    pub(super) async fn first_factor(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        account: Option<&Account>,
        readings: Vec<Offered>,
        now: jiff::Timestamp,
    ) -> Result<Option<(First, Offered)>, SignInError> {
        let mut readings = readings.into_iter();
        let Some(first) = readings.next() else { return Ok(None) };
        if first.password.is_empty() && self.reads_password() {
            return Ok(None);
        }
        let checked = Box::pin(self.check(upstream, &subject.bind_name, &first.password)).await?;
        let First::Refused { .. } = &checked else { return Ok(Some((checked, first))) };
        // Whoever has such a factor meant it as one: the password is wrong, and asking again would only count against the
        // account in the directory. Whether the code itself is right must not matter here: it is not counted yet.
        let meant = account.is_some_and(|account| match &first.extra {
            Extra::Digits(_) => account.has(Factor::Totp, now) || account.has(Factor::Hotp, now),
            Extra::Recovery(_) => account.has(Factor::RecoveryCode, now),
            Extra::Name(factor) => account.has(*factor, now),
            Extra::Nothing
            | Extra::Pair(..)
            | Extra::Shown(_)
            | Extra::Proven(_)
            | Extra::Assertion { .. }
            | Extra::Passkey(_)
            | Extra::NotProven(_) => false,
        });
        match readings.next() {
            Some(whole) if !meant => {
                let checked = Box::pin(self.check(upstream, &subject.bind_name, &whole.password)).await?;
                Ok(Some((checked, whole)))
            }
            Some(_) | None => Ok(Some((checked, first))),
        }
    }

    /// Does somebody check a password that stands in the field?
    pub(super) fn reads_password(&self) -> bool {
        match self.attempt.first {
            FirstFactor::Bind { .. } => true,
            FirstFactor::Checker { in_field, .. } => in_field,
            FirstFactor::Nobody | FirstFactor::Passkey(_) => false,
        }
    }

    async fn check(&self, upstream: &Upstream, name: &str, password: &Password) -> Result<First, SignInError> {
        match self.attempt.first {
            FirstFactor::Bind { .. } => self.bind(upstream, name, password).await,
            FirstFactor::Checker { by, in_field } => {
                if let Some(accepted) = &self.carried.accepted {
                    // It said so earlier in this dialog; what it checked may be good only once.
                    return Ok(First::Accepted(Accepted::Checked(Bytes::copy_from_slice(accepted))));
                }
                Ok(match by.check(in_field.then_some(password), self.deadline).await? {
                    Checked::Accepted(answer) => First::Accepted(Accepted::Checked(answer)),
                    Checked::Refused(answer) => First::Refused { answer, due: false },
                })
            }
            FirstFactor::Nobody => Ok(First::Accepted(Accepted::Unchecked)),
            // It is verified before, with the account.
            FirstFactor::Passkey(_) => Err(SignInError::Broken),
        }
    }

    pub(super) async fn bind(
        &self,
        upstream: &Upstream,
        name: &str,
        password: &Password,
    ) -> Result<First, SignInError> {
        let policy = self.asks_password_policy(upstream).then(policy_request);
        let (message_id, controls) = match (&policy, self.attempt.first) {
            (None, FirstFactor::Bind { message_id, controls }) => (message_id, controls),
            // A door that changes passwords passes on no answer of the directory's.
            (policy, _) => (1, policy.as_slice()),
        };
        let verdict = Box::pin(upstream.client.bind(message_id, name, password, controls, self.deadline)).await?;
        let due = self.changes_passwords() && verdict.password_due(upstream.client.directory().kind).is_some();
        Ok(match verdict {
            // A grace login: the directory would let the person in a few times more.
            Verdict::Accepted { answer, upstream } if due => {
                upstream.stream.hang_up();
                First::Refused { answer, due }
            }
            Verdict::Accepted { answer, upstream } => First::Accepted(Accepted::Bound { answer, upstream }),
            Verdict::Refused { code, diagnostic, answer } => {
                upstream.heard_refusal(code, &diagnostic);
                First::Refused { answer, due }
            }
        })
    }

    /// Active Directory says unasked that a password has expired.
    fn asks_password_policy(&self, upstream: &Upstream) -> bool {
        self.changes_passwords() && upstream.client.directory().kind == DirectoryKind::OpenLdap
    }

    /// The first factor and the account once more, after somebody was waited for: both may have changed. They are asked
    /// at once, so that it takes no longer than the bind. What is not the directory's to check is not asked again.
    pub(super) async fn recheck(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        password: &Password,
        kept: Option<Accepted>,
    ) -> Result<(First, Option<Denial>), SignInError> {
        let state = async {
            let Some(account) = &subject.account else { return Ok(None) };
            let state = resolve::state_of(&upstream.client, account, self.deadline).await?;
            Ok::<_, SignInError>(match state {
                Some(state) => state.denial(self.desk.store.ambient().now()),
                None => Some(Denial::NotOneEntry),
            })
        };
        match kept {
            Some(kept @ (Accepted::Checked(_) | Accepted::Unchecked)) => Ok((First::Accepted(kept), state.await?)),
            Some(Accepted::Bound { .. }) | None => {
                tokio::try_join!(self.bind(upstream, &subject.bind_name, password), state)
            }
        }
    }
}
