//! Users of the appliance and what they carry: tokens that show codes, a phone that approves.

use std::sync::Mutex;

use argon2::password_hash::{PasswordHasher as _, SaltString};
use vestibule::ambient::Ambient;
use vestibule::domain::otp::{self, Parameters, TotpMemory};
use vestibule::domain::secret::Seed;
use vestibule::domain::user::Token;
use vestibule::store::Store;
use vestibule::store::audit::Actor;
use vestibule::store::authenticators::Enrolment;
use vestibule::store::users::Listed;

/// What a user is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    Totp,
    Hotp,
    /// A phone; its prompts are answered with [`super::appliance::Appliance::approve`].
    App,
    RecoveryCode,
}

pub fn totp() -> Carries {
    Carries::Totp
}

pub fn hotp() -> Carries {
    Carries::Hotp
}

pub fn app() -> Carries {
    Carries::App
}

pub fn recovery_code() -> Carries {
    Carries::RecoveryCode
}

/// The recovery code that everybody with one has.
pub const RECOVERY_CODE: &str = "AB23-4567-89CD-EFGH";

/// A user with what they carry.
pub struct Person {
    pub listed: Listed,
    /// As the directory spells it.
    pub dn: String,
    pub password: String,
    next_hotp: Mutex<u64>,
}

pub fn tester() -> Actor {
    Actor("test".into())
}

impl Person {
    pub fn new(listed: Listed, password: String) -> Self {
        Self { dn: listed.dn.clone(), listed, password, next_hotp: Mutex::new(0) }
    }

    /// What the TOTP token shows now.
    pub fn totp(&self) -> String {
        self.totp_at(0)
    }

    /// What the TOTP token shows so many steps from now. The window takes the steps -1, 0 and 1, in this order.
    pub fn totp_at(&self, steps: i64) -> String {
        let parameters = Parameters::default();
        let now = otp::totp_step(Ambient::system().now().as_second(), parameters.period);
        self.code(Carries::Totp, now.checked_add_signed(steps).unwrap())
    }

    /// The next code of the HOTP token.
    pub fn hotp(&self) -> String {
        let mut next = self.next_hotp.lock().unwrap();
        let code = self.code(Carries::Hotp, *next);
        *next += 1;
        code
    }

    /// A code that no token of this person shows anywhere near now.
    pub fn wrong_code(&self) -> String {
        let near = |code: &String| {
            (-12..=12).any(|steps| *code == self.totp_at(steps))
                || (0..100).any(|counter| *code == self.code(Carries::Hotp, counter))
        };
        (0..1_000_000).map(|number| format!("{number:06}")).find(|code| !near(code)).unwrap()
    }

    /// The password field with a code behind the password.
    pub fn with(&self, code: &str) -> String {
        format!("{},{code}", self.password)
    }

    fn code(&self, carries: Carries, counter: u64) -> String {
        let token = otp::Token { seed: &seed(&self.listed.name, carries), parameters: Parameters::default() };
        String::from_utf8(token.code(counter).expose().to_vec()).unwrap()
    }
}

fn seed(name: &str, carries: Carries) -> Seed {
    Seed::new(format!("{carries:?} of {name:020}").into_bytes())
}

/// Gives a user something to carry.
pub async fn give(store: &Store, user: &Listed, carries: Carries) {
    let parameters = Parameters::default();
    let seed = seed(&user.name, carries);
    let token = match carries {
        Carries::Totp => Token::Totp { seed, parameters, memory: TotpMemory::default() },
        Carries::Hotp => Token::Hotp { seed, parameters, next_counter: 0 },
        Carries::App => Token::App,
        Carries::RecoveryCode => {
            let code = RECOVERY_CODE.replace('-', "");
            let (handle, secret) = code.split_at(2);
            let salt = SaltString::encode_b64(b"salt of the tests").unwrap();
            let hash = argon2::Argon2::default().hash_password(secret.as_bytes(), &salt).unwrap().to_string();
            return store.replace_recovery_codes(user, &[(handle.to_owned(), hash)], &tester()).await.unwrap();
        }
    };
    let enrolment = Enrolment { token: &token, label: "test", serial: None };
    store.enrol(user, &enrolment, &tester()).await.unwrap();
}
