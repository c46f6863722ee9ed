//! What a client's policy asks of one sign-in.

use std::net::IpAddr;

use jiff::Timestamp;

use super::client::{Client, UserMatch};
use super::directory::state::AccountState;
use super::factor::Factor;
use super::outcome::{Denial, Exemption};
use super::user::Account;

/// What policy asks, beyond the password. The password is always asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    PasswordOnly(Exemption),
    /// One of these; never empty.
    AnyOf(Vec<Factor>),
    Deny(Denial),
}

/// Decides from the client's policy and the account, before anything is asked of anybody. `account` is `None` for an
/// entry of the directory that Vestibule does not know; `state` is what the directory says of the entry now.
pub fn requirement(
    client: &Client,
    account: Option<&Account>,
    state: AccountState,
    whereabouts: Option<IpAddr>,
    now: Timestamp,
) -> Requirement {
    // Before everything else: no network, bypass or grace is trusted more than the directory.
    if let Some(denial) = state.denial(now) {
        return Requirement::Deny(denial);
    }
    let Some(account) = account else {
        return match client.user_match {
            UserMatch::Refuse => Requirement::Deny(Denial::UnknownUser),
            UserMatch::MustEnrol => Requirement::Deny(Denial::MustEnrol),
            UserMatch::PasswordOnly => Requirement::PasswordOnly(Exemption::NotEnrolled),
        };
    };
    if let Some(denial) = barred(account, now) {
        return Requirement::Deny(denial);
    }
    if client.trusts(whereabouts) {
        return Requirement::PasswordOnly(Exemption::TrustedNetwork);
    }
    let usable: Vec<Factor> = client.factors.iter().copied().filter(|factor| account.has(*factor, now)).collect();
    if !usable.is_empty() {
        return Requirement::AnyOf(usable);
    }
    match client.user_match {
        UserMatch::PasswordOnly if !account.is_enrolled() => Requirement::PasswordOnly(Exemption::NotEnrolled),
        UserMatch::MustEnrol if !account.is_enrolled() => Requirement::Deny(Denial::MustEnrol),
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{NOW, account, client};
    use super::*;

    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn asked(user_match: UserMatch, account: Option<&Account>) -> Requirement {
        let mut client = client();
        client.user_match = user_match;
        requirement(&client, account, AccountState::ENABLED, Some(ELSEWHERE), NOW)
    }

    #[test]
    fn whom_we_do_not_know_policy_lets_in_or_keeps_out_and_says_why() {
        assert_eq!(asked(UserMatch::Refuse, None), Requirement::Deny(Denial::UnknownUser));
        assert_eq!(asked(UserMatch::MustEnrol, None), Requirement::Deny(Denial::MustEnrol));
        assert_eq!(asked(UserMatch::PasswordOnly, None), Requirement::PasswordOnly(Exemption::NotEnrolled));
        let bare = account(&[]);
        assert_eq!(asked(UserMatch::Refuse, Some(&bare)), Requirement::Deny(Denial::NoFactor));
        assert_eq!(asked(UserMatch::MustEnrol, Some(&bare)), Requirement::Deny(Denial::MustEnrol));
        assert_eq!(asked(UserMatch::PasswordOnly, Some(&bare)), Requirement::PasswordOnly(Exemption::NotEnrolled));
    }

    #[test]
    fn an_enrolled_user_never_gets_by_on_the_password() {
        let mut client = client();
        client.user_match = UserMatch::PasswordOnly;
        client.factors = vec![Factor::Hotp];
        let enrolled = account(&[Factor::Totp]);
        let asked = requirement(&client, Some(&enrolled), AccountState::ENABLED, Some(ELSEWHERE), NOW);
        assert_eq!(asked, Requirement::Deny(Denial::NoFactor));
    }

    #[test]
    fn a_trusted_network_spares_the_factor_but_not_the_block() {
        let mut client = client();
        client.trusted_networks = vec!["198.51.100.0/24".parse().unwrap()];
        let mut enrolled = account(&[Factor::Totp]);
        let trusted = Requirement::PasswordOnly(Exemption::TrustedNetwork);
        let asked =
            |account: &Account| requirement(&client, Some(account), AccountState::ENABLED, Some(ELSEWHERE), NOW);
        assert_eq!(asked(&enrolled), trusted);
        enrolled.user.blocked = true;
        assert_eq!(asked(&enrolled), Requirement::Deny(Denial::Blocked));
    }

    #[test]
    fn whom_the_directory_disabled_nothing_lets_in() {
        let mut client = client();
        client.user_match = UserMatch::PasswordOnly;
        client.trusted_networks = vec!["198.51.100.0/24".parse().unwrap()];
        let disabled = AccountState { disabled: Some(true), until: None };
        let expired = AccountState { disabled: Some(false), until: Some(NOW) };
        let mut known = account(&Factor::ALL);
        known.grace_until = Some(NOW + jiff::SignedDuration::from_mins(1));
        for account in [Some(&known), None] {
            let asked = |state| requirement(&client, account, state, Some(ELSEWHERE), NOW);
            assert_eq!(asked(disabled), Requirement::Deny(Denial::DisabledInDirectory));
            assert_eq!(asked(expired), Requirement::Deny(Denial::ExpiredInDirectory));
            assert!(!matches!(asked(AccountState::default()), Requirement::Deny(_)), "unknown is the bind's to say");
        }
    }
}
