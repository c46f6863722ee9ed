//! What a client's policy asks of one sign-in.

use std::net::IpAddr;

use jiff::Timestamp;

use super::client::{Client, UserMatch};
use super::factor::Factor;
use super::outcome::{Denial, Exemption};
use super::user::Account;

/// What policy asks, beyond the password. The password is always asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    PasswordOnly(Exemption),
    /// One of these, most wanted first; never empty.
    AnyOf(Vec<Factor>),
    Deny(Denial),
}

/// Decides from the client's policy and the account, before anything is asked of anybody. `account` is `None` for an
/// entry of the directory that Vestibule does not know.
pub fn requirement(client: &Client, account: Option<&Account>, source: IpAddr, now: Timestamp) -> Requirement {
    let Some(account) = account else {
        return match client.user_match {
            UserMatch::Refuse | UserMatch::MustEnrol => Requirement::Deny(Denial::UnknownUser),
            UserMatch::PasswordOnly => Requirement::PasswordOnly(Exemption::NotEnrolled),
        };
    };
    if let Some(denial) = barred(account, now) {
        return Requirement::Deny(denial);
    }
    if client.trusts(source) {
        return Requirement::PasswordOnly(Exemption::TrustedNetwork);
    }
    // A bypass comes last in every list: it is used up only where nothing else was offered.
    let usable: Vec<Factor> = client.factors.iter().copied().filter(|factor| account.has(*factor, now)).collect();
    if !usable.is_empty() {
        return Requirement::AnyOf(usable);
    }
    match client.user_match {
        UserMatch::PasswordOnly if !account.is_enrolled() => Requirement::PasswordOnly(Exemption::NotEnrolled),
        UserMatch::PasswordOnly | UserMatch::Refuse | UserMatch::MustEnrol => Requirement::Deny(Denial::NoFactor),
    }
}

/// Why an account may not sign in at all, whatever it offers.
pub fn barred(account: &Account, now: Timestamp) -> Option<Denial> {
    if !account.user.enabled {
        return Some(Denial::Disabled);
    }
    if account.user.blocked {
        return Some(Denial::Blocked);
    }
    account.failures.locked_until.is_some_and(|until| now < until).then_some(Denial::LockedOut)
}
