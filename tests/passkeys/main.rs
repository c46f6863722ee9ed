//! Passkeys against an authenticator written for it: ceremonies, and what is kept of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod ceremonies;
mod kept;

#[path = "../support/mod.rs"]
mod support;

use vestibule::config::PublicUrl;
use vestibule::domain::directory::UniqueId;
use vestibule::domain::ids::{AuthenticatorId, DirectoryId, UserId};
use vestibule::domain::passkey::Credential;
use vestibule::domain::user::{Account, Authenticator as Enrolled, Failures, Token, User};
use vestibule::factors::passkey::{Passkeys, Person};

use support::authenticator::Authenticator;

const ORIGIN: &str = "https://mfa.example.test:8443";

fn passkeys() -> Passkeys {
    Passkeys::new(&PublicUrl::parse(ORIGIN).unwrap()).unwrap()
}

/// Somebody with these passkeys.
fn person(number: u128, passkeys: &[&Credential]) -> Account {
    let enrolled = |(at, credential): (usize, &&Credential)| Enrolled {
        id: AuthenticatorId(uuid::Uuid::from_u128(at as u128)),
        label: "test".into(),
        token: Token::Passkey(Box::new((*credential).clone())),
    };
    Account {
        user: User {
            id: UserId(uuid::Uuid::from_u128(number)),
            directory: DirectoryId(uuid::Uuid::nil()),
            unique_id: UniqueId(number.to_string()),
            name: format!("user{number}"),
            enabled: true,
            blocked: false,
        },
        failures: Failures::default(),
        authenticators: passkeys.iter().enumerate().map(enrolled).collect(),
        recovery_codes: 0,
        bypass_until: None,
        grace_until: None,
        preferred_factor: None,
        last_factor: None,
        was_enrolled: false,
        pin: None,
    }
}

fn asked(account: &Account) -> Person<'_> {
    Person { user: account.user.id, name: &account.user.name, display: "", has: &account.authenticators }
}

/// A new passkey of this person.
fn registered(passkeys: &Passkeys, account: &Account) -> (Authenticator, Credential) {
    let mut authenticator = Authenticator::at(ORIGIN);
    let started = passkeys.start_registration(&asked(account)).unwrap();
    let answer = authenticator.create(&started.options, |_| {});
    let credential = passkeys.finish_registration(&started.ceremony, account.user.id, &answer).unwrap();
    (authenticator, credential)
}
