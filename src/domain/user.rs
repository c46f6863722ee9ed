//! A user: an account that Vestibule knows, with everything that decides about it.

use jiff::Timestamp;

use super::directory::UniqueId;
use super::factor::Factor;
use super::ids::{AuthenticatorId, DirectoryId, UserId};
use super::otp::{Parameters, TotpMemory};
use super::passkey::Credential;
use super::pin::Pin;
use super::secret::Seed;

/// Who it is. The key is (directory, unique id); the name is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub directory: DirectoryId,
    pub unique_id: UniqueId,
    pub name: String,
    pub enabled: bool,
    /// Set by a person or a fraud report; ends only by a person.
    pub blocked: bool,
}

/// One enrolled instance of a factor.
pub struct Authenticator {
    pub id: AuthenticatorId,
    pub label: String,
    pub token: Token,
}

#[derive(Clone)]
pub enum Token {
    /// Approves on a phone.
    App,
    Totp {
        seed: Seed,
        parameters: Parameters,
        memory: TotpMemory,
    },
    Hotp {
        seed: Seed,
        parameters: Parameters,
        next_counter: u64,
    },
    Passkey(Box<Credential>),
}

impl Token {
    pub fn factor(&self) -> Factor {
        match self {
            Self::App => Factor::App,
            Self::Totp { .. } => Factor::Totp,
            Self::Hotp { .. } => Factor::Hotp,
            Self::Passkey(_) => Factor::Passkey,
        }
    }
}

/// Failures since the last success, over all doors, names and replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    /// Lockouts since the last success; each one lasts longer.
    pub lockouts: u32,
    pub locked_until: Option<Timestamp>,
}

/// A user with all that decides about a sign-in.
pub struct Account {
    pub user: User,
    pub failures: Failures,
    pub authenticators: Vec<Authenticator>,
    /// Recovery codes not used yet.
    pub recovery_codes: u32,
    pub pin: Option<Pin>,
    pub bypass_until: Option<Timestamp>,
    /// The remembered success for this very bind, if there is one.
    pub grace_until: Option<Timestamp>,
    /// What the person wants to be asked for first.
    pub preferred_factor: Option<Factor>,
    /// What they proved themselves by last; never a bypass or a recovery code.
    pub last_factor: Option<Factor>,
    /// They have enrolled, or recovery codes were made for them, since an administrator's last reset; it may all be gone.
    pub was_enrolled: bool,
}

impl Account {
    pub fn has(&self, factor: Factor, now: Timestamp) -> bool {
        match factor {
            Factor::App | Factor::Totp | Factor::Hotp | Factor::Passkey => {
                self.authenticators.iter().any(|authenticator| authenticator.token.factor() == factor)
            }
            Factor::RecoveryCode => self.recovery_codes > 0,
            Factor::Bypass => self.bypass_until.is_some_and(|until| now < until),
        }
    }

    /// Has this person anything to prove beyond the password? Recovery codes and bypasses are no enrolment.
    pub fn is_enrolled(&self) -> bool {
        !self.authenticators.is_empty()
    }

    /// Has this person had a factor at any time since an administrator's last reset? Whoever has lost all of them has: the
    /// password alone must not get such a person new ones (R29).
    pub fn was_ever_enrolled(&self) -> bool {
        self.was_enrolled || self.is_enrolled() || self.recovery_codes > 0 || self.last_factor.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::account;
    use super::*;

    #[test]
    fn r29_whoever_has_lost_all_factors_has_still_been_enrolled() {
        let bare = || account(&[]);
        let cases: [(&str, Account, bool); 7] = [
            ("nothing at all", bare(), false),
            ("a bypass from the help desk", account(&[Factor::Bypass]), false),
            ("failures", Account { failures: Failures { count: 3, ..Failures::default() }, ..bare() }, false),
            ("a token", account(&[Factor::Totp]), true),
            ("recovery codes and nothing else", account(&[Factor::RecoveryCode]), true),
            ("nothing that is left", Account { was_enrolled: true, ..bare() }, true),
            ("a sign-in by an app that is gone", Account { last_factor: Some(Factor::App), ..bare() }, true),
        ];
        for (what, account, expected) in cases {
            assert_eq!(account.was_ever_enrolled(), expected, "{what}");
        }
    }
}
