//! The words tests of the domain arrange their world in.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::client::{Client, CodeForm, UserMatch};
use super::directory::attributes::AttributeMap;
use super::directory::{Directory, DirectoryKind, PageSize, UniqueId};
use super::factor::Factor;
use super::ids::{AuthenticatorId, ClientId, DirectoryId, UserId};
use super::judgement::LockRule;
use super::otp::{self, Parameters, TotpMemory};
use super::passkey::{Credential, CredentialId, Standing};
use super::secret::{Password, Seed};
use super::sign_in::Screen;
use super::user::{Account, Authenticator, Failures, Token, User};

pub const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
pub const RULE: LockRule = LockRule { failures: 10, duration: SignedDuration::from_mins(15) };

pub fn no_screen() -> Screen {
    Screen { shows_numbers: false, asks: false, picks: false, passkeys: false }
}

pub fn directory(kind: DirectoryKind) -> Directory {
    Directory {
        id: DirectoryId(Uuid::nil()),
        name: "corp".into(),
        kind,
        servers: vec![],
        base_dn: "dc=example".into(),
        bind_dn: "cn=svc,dc=example".into(),
        bind_password: Password::new([]),
        ca_pem: None,
        domain: None,
        attributes: AttributeMap::default(),
        page_size: PageSize::default(),
        connect_timeout: Duration::ZERO,
        operation_timeout: Duration::ZERO,
    }
}

pub fn client() -> Client {
    Client {
        id: ClientId(Uuid::nil()),
        name: "netscaler".into(),
        group: "netscaler".into(),
        directory: DirectoryId(Uuid::nil()),
        addresses: vec!["192.0.2.0/24".parse().unwrap()],
        user_match: UserMatch::Refuse,
        factors: Factor::ALL.to_vec(),
        bare_approval: true,
        answer_by: Duration::from_secs(55),
        grace: Duration::ZERO,
        trusted_networks: vec![],
        service_accounts: vec![],
        code_form: CodeForm::DEFAULT,
        allow_plaintext: false,
        allow_anonymous: false,
        allow_root_dse: true,
        allow_password_compare: false,
        portal: false,
        first_enrolment: false,
        radius: None,
    }
}

pub fn seed() -> Seed {
    Seed::new(*b"12345678901234567890")
}

/// A passkey that has not been used yet; no ceremony reads it.
pub fn passkey() -> Credential {
    Credential {
        id: CredentialId::new([7; 16]).unwrap(),
        key: "{}".into(),
        standing: Standing { sign_count: 0, backup_eligible: true, backed_up: true },
        model: None,
    }
}

/// An account that has these factors.
pub fn account(factors: &[Factor]) -> Account {
    let authenticator =
        |at: u128, token| Authenticator { id: AuthenticatorId(Uuid::from_u128(at)), label: "test".into(), token };
    let mut authenticators = vec![];
    if factors.contains(&Factor::App) {
        authenticators.push(authenticator(1, Token::App));
    }
    if factors.contains(&Factor::Totp) {
        let token = Token::Totp { seed: seed(), parameters: Parameters::default(), memory: TotpMemory::default() };
        authenticators.push(authenticator(2, token));
    }
    if factors.contains(&Factor::Hotp) {
        let seed = Seed::new(*b"a counter's own seed");
        authenticators.push(authenticator(3, Token::Hotp { seed, parameters: Parameters::default(), next_counter: 0 }));
    }
    if factors.contains(&Factor::Passkey) {
        authenticators.push(authenticator(4, Token::Passkey(Box::new(passkey()))));
    }
    Account {
        user: User {
            id: UserId(Uuid::nil()),
            directory: DirectoryId(Uuid::nil()),
            unique_id: UniqueId("id".into()),
            name: "alice".into(),
            enabled: true,
            blocked: false,
        },
        failures: Failures::default(),
        authenticators,
        recovery_codes: if factors.contains(&Factor::RecoveryCode) { 10 } else { 0 },
        pin: None,
        bypass_until: factors.contains(&Factor::Bypass).then(|| NOW + SignedDuration::from_mins(5)),
        grace_until: None,
        preferred_factor: None,
        last_factor: None,
        was_enrolled: factors.iter().any(|factor| *factor != Factor::Bypass),
    }
}

/// What the account's TOTP token shows at a time.
pub fn code_at(account: &Account, now: Timestamp) -> String {
    let token = account.authenticators.iter().find_map(|authenticator| match &authenticator.token {
        Token::Totp { seed, parameters, .. } => Some((seed, *parameters)),
        Token::App | Token::Hotp { .. } | Token::Passkey(_) => None,
    });
    let (seed, parameters) = token.unwrap();
    let code = otp::Token { seed, parameters }.code(otp::totp_step(now.as_second(), parameters.period));
    String::from_utf8(code.expose().to_vec()).unwrap()
}
