//! A user: an account that Vestibule knows, with everything that decides about it.

use jiff::Timestamp;

use super::directory::UniqueId;
use super::factor::Factor;
use super::ids::{AuthenticatorId, DirectoryId, UserId};
use super::otp::{Parameters, TotpMemory};
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
}

impl Token {
    pub fn factor(&self) -> Factor {
        match self {
            Self::App => Factor::App,
            Self::Totp { .. } => Factor::Totp,
            Self::Hotp { .. } => Factor::Hotp,
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
    pub bypass_until: Option<Timestamp>,
    /// The remembered success for this very bind, if there is one.
    pub grace_until: Option<Timestamp>,
}

impl Account {
    pub fn has(&self, factor: Factor, now: Timestamp) -> bool {
        match factor {
            Factor::App | Factor::Totp | Factor::Hotp => {
                self.authenticators.iter().any(|authenticator| authenticator.token.factor() == factor)
            }
            Factor::RecoveryCode => self.recovery_codes > 0,
            Factor::Bypass => self.bypass_until.is_some_and(|until| now < until),
        }
    }

    /// Has this person ever proven anything beyond the password? Recovery codes and bypasses are no enrolment.
    pub fn is_enrolled(&self) -> bool {
        !self.authenticators.is_empty()
    }
}
