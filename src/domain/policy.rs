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
    /// Nothing: whoever has never had a factor is let in to enrol, and for nothing else. At the portal alone.
    Enrolment,
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
            UserMatch::MustEnrol | UserMatch::PasswordOnly if may_enrol_first(client, None) => Requirement::Enrolment,
            UserMatch::MustEnrol => Requirement::Deny(Denial::MustEnrol),
            // The portal shows more than one application would.
            UserMatch::PasswordOnly if client.portal => Requirement::Deny(Denial::MustEnrol),
            UserMatch::PasswordOnly => Requirement::PasswordOnly(Exemption::NotEnrolled),
        };
    };
    if let Some(denial) = barred(account, now) {
        return Requirement::Deny(denial);
    }
    let usable: Vec<Factor> = client.factors.iter().copied().filter(|factor| account.has(*factor, now)).collect();
    // A bypass is worth keeping for where it is needed.
    if usable.iter().all(|factor| *factor == Factor::Bypass) && may_enrol_first(client, Some(account)) {
        return Requirement::Enrolment;
    }
    if client.trusts(whereabouts) {
        return Requirement::PasswordOnly(Exemption::TrustedNetwork);
    }
    if !usable.is_empty() {
        return Requirement::AnyOf(usable);
    }
    match client.user_match {
        UserMatch::PasswordOnly if !account.was_ever_enrolled() && !client.portal => {
            Requirement::PasswordOnly(Exemption::NotEnrolled)
        }
        UserMatch::MustEnrol if !account.is_enrolled() => Requirement::Deny(Denial::MustEnrol),
        UserMatch::PasswordOnly | UserMatch::Refuse | UserMatch::MustEnrol => Requirement::Deny(Denial::NoFactor),
    }
}

impl Requirement {
    /// Without a factor that this door cannot ask for.
    #[must_use]
    pub fn without(self, factor: Factor) -> Self {
        let Self::AnyOf(mut factors) = self else { return self };
        factors.retain(|known| *known != factor);
        if factors.is_empty() { Self::Deny(Denial::NoFactor) } else { Self::AnyOf(factors) }
    }
}

/// The same for a sign-in that was proven by a factor earlier: a bypass or the last recovery code is used up by then.
pub fn requirement_after(proven: Option<Factor>, client: &Client, requirement: Requirement) -> Requirement {
    match (requirement, proven) {
        (Requirement::Deny(Denial::NoFactor | Denial::MustEnrol), Some(factor)) if client.factors.contains(&factor) => {
            Requirement::AnyOf(vec![factor])
        }
        (requirement, _) => requirement,
    }
}

/// May the password alone let this person in to enrol? `None`: somebody whom we have never seen.
pub fn may_enrol_first(client: &Client, account: Option<&Account>) -> bool {
    client.portal && client.first_enrolment && account.is_none_or(|account| !account.was_ever_enrolled())
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
    fn whoever_has_a_passkey_alone_is_enrolled_and_has_no_factor_where_no_browser_is() {
        let mut client = client();
        client.user_match = UserMatch::PasswordOnly;
        let account = account(&[Factor::Passkey]);
        let asked = requirement(&client, Some(&account), AccountState::ENABLED, Some(ELSEWHERE), NOW);
        assert_eq!(asked, Requirement::AnyOf(vec![Factor::Passkey]));
        assert_eq!(asked.without(Factor::Passkey), Requirement::Deny(Denial::NoFactor));
        let both = Requirement::AnyOf(vec![Factor::Totp, Factor::Passkey]);
        assert_eq!(both.without(Factor::Passkey), Requirement::AnyOf(vec![Factor::Totp]));
        let spared = Requirement::PasswordOnly(Exemption::TrustedNetwork);
        assert_eq!(spared.clone().without(Factor::Passkey), spared);
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
    fn r29_whoever_removed_the_last_factor_does_not_get_by_on_the_password() {
        let mut lost = account(&[]);
        assert_eq!(asked(UserMatch::PasswordOnly, Some(&lost)), Requirement::PasswordOnly(Exemption::NotEnrolled));
        lost.was_enrolled = true;
        assert_eq!(asked(UserMatch::PasswordOnly, Some(&lost)), Requirement::Deny(Denial::NoFactor));
    }

    #[test]
    fn only_the_portal_lets_in_to_enrol_and_only_whoever_never_had_a_factor() {
        let portal = Client { portal: true, first_enrolment: true, user_match: UserMatch::MustEnrol, ..client() };
        let asked = |client: &Client, account: Option<&Account>| {
            requirement(client, account, AccountState::ENABLED, Some(ELSEWHERE), NOW)
        };
        let mut lost = account(&[]);
        assert_eq!(asked(&portal, Some(&lost)), Requirement::Enrolment);
        assert_eq!(asked(&portal, None), Requirement::Enrolment);
        assert_eq!(asked(&portal, Some(&account(&[Factor::Bypass]))), Requirement::Enrolment);
        assert_eq!(asked(&portal, Some(&account(&[Factor::Totp]))), Requirement::AnyOf(vec![Factor::Totp]));
        lost.was_enrolled = true;
        assert_eq!(asked(&portal, Some(&lost)), Requirement::Deny(Denial::MustEnrol));
        lost.bypass_until = Some(NOW + jiff::SignedDuration::from_mins(1));
        assert_eq!(asked(&portal, Some(&lost)), Requirement::AnyOf(vec![Factor::Bypass]));
        let bare = account(&[]);
        let shut = Client { first_enrolment: false, ..portal.clone() };
        let gateway = Client { portal: false, ..portal.clone() };
        for client in [&shut, &gateway] {
            assert_eq!(asked(client, Some(&bare)), Requirement::Deny(Denial::MustEnrol));
            assert_eq!(asked(client, None), Requirement::Deny(Denial::MustEnrol));
        }
        let strangers_stay_out = Client { user_match: UserMatch::Refuse, ..portal.clone() };
        assert_eq!(asked(&strangers_stay_out, None), Requirement::Deny(Denial::UnknownUser));
        let mut blocked = account(&[]);
        blocked.user.blocked = true;
        assert_eq!(asked(&portal, Some(&blocked)), Requirement::Deny(Denial::Blocked));
    }

    #[test]
    fn what_was_proven_stays_proven_though_it_is_used_up() {
        let client = client();
        let after = |proven, requirement| requirement_after(proven, &client, requirement);
        let bypass = Some(Factor::Bypass);
        assert_eq!(after(bypass, Requirement::Deny(Denial::NoFactor)), Requirement::AnyOf(vec![Factor::Bypass]));
        assert_eq!(after(bypass, Requirement::Deny(Denial::Blocked)), Requirement::Deny(Denial::Blocked));
        assert_eq!(after(None, Requirement::Deny(Denial::NoFactor)), Requirement::Deny(Denial::NoFactor));
        let strict = Client { factors: vec![Factor::Totp], ..client.clone() };
        let denied = Requirement::Deny(Denial::NoFactor);
        assert_eq!(requirement_after(bypass, &strict, denied.clone()), denied);
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
    fn whoever_never_had_a_factor_enrols_at_the_portal_though_the_network_is_trusted() {
        let trusted_networks = vec!["198.51.100.0/24".parse().unwrap()];
        let portal = Client { portal: true, first_enrolment: true, trusted_networks, ..client() };
        let asked = |client: &Client, account: &Account| {
            requirement(client, Some(account), AccountState::ENABLED, Some(ELSEWHERE), NOW)
        };
        let trusted = Requirement::PasswordOnly(Exemption::TrustedNetwork);
        assert_eq!(asked(&portal, &account(&[])), Requirement::Enrolment);
        assert_eq!(asked(&portal, &account(&[Factor::Totp])), trusted);
        let lost = Account { was_enrolled: true, ..account(&[]) };
        assert_eq!(asked(&portal, &lost), trusted, "to look, and not to change");
        assert_eq!(asked(&Client { portal: false, ..portal }, &account(&[])), trusted);
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
