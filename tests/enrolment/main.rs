//! The life of authenticators in a real database: begun, proven, claimed, tried out, removed; activation codes and links.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod activations;
mod first;
mod own;
mod stock;

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use vestibule::ambient::{Ambient, Clock};
use vestibule::domain::directory::UniqueId;
use vestibule::domain::directory::profile::Profile;
use vestibule::domain::directory::state::AccountState;
use vestibule::domain::label::Label;
use vestibule::domain::name::fold;
use vestibule::domain::otp::{self, Parameters, totp_step};
use vestibule::domain::secret::Seed;
use vestibule::domain::user::{Account, Token};
use vestibule::flows::authenticators::{Person, Start};
use vestibule::store::audit::Actor;
use vestibule::store::enrolments::{Enrolling, Pending};
use vestibule::store::seal::Keyring;
use vestibule::store::users::{Found, Listed};
use vestibule::store::{Connect, Store};

use support::PATIENCE;
use support::appliance::{MASTER_KEY, directory_at, import};
use support::people::tester;
use support::postgres::{TestDatabase, database};

/// A clock that stands still until it is moved.
struct Held(AtomicI64);

impl Clock for Held {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A database with a person.
struct World {
    store: Store,
    anna: Listed,
    clock: Arc<Held>,
    database: TestDatabase,
}

impl World {
    async fn new() -> Self {
        let database = database().await;
        let clock = Arc::new(Held(AtomicI64::new(1_800_000_000)));
        let store = store(&database, &clock).await;
        let directory = directory_at(vec![]);
        store.add_directory(&directory, &tester()).await.unwrap();
        let found = Found {
            unique_id: UniqueId("anna".to_owned()),
            name: "anna".to_owned(),
            dn: "uid=anna,dc=example,dc=test".to_owned(),
            profile: Profile::default(),
            state: AccountState::default(),
            member_of: vec![],
            primary_group: None,
            names: vec![fold("anna").unwrap()],
        };
        let anna = import(&store, directory.id, found).await;
        Self { store, anna, clock, database }
    }

    /// Another process on the same database.
    async fn replica(&self) -> Store {
        store(&self.database, &self.clock).await
    }

    fn later(&self, span: SignedDuration) {
        self.clock.0.fetch_add(span.as_secs(), Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn person<'s>(&self, store: &'s Store, enrolling: Enrolling) -> Person<'s> {
        Person::of(store, self.anna.id, enrolling, by()).await.unwrap().unwrap()
    }

    /// In a session with a second factor.
    async fn anna(&self) -> Person<'_> {
        self.person(&self.store, Enrolling::More).await
    }

    async fn account(&self) -> Account {
        let directory = self.store.directories().await.unwrap()[0].id;
        self.store.account(directory, &UniqueId("anna".to_owned()), &[]).await.unwrap().unwrap()
    }

    /// What the audit trail names, in its order, from this one on.
    async fn recorded(&self) -> Vec<String> {
        sqlx::query_scalar("select body::json->>'event' from audit_events order by at, seq")
            .fetch_all(self.store.pool())
            .await
            .unwrap()
    }

    /// An authenticator that counts, begun and proven by anna.
    async fn enrolled(&self, label: &str) -> Pending {
        let person = self.anna().await;
        let pending = started(person.start_another_totp(&Label::parse(label).unwrap()).await.unwrap());
        person.prove(pending.authenticator.id, &self.code(&pending, 0)).await.unwrap();
        pending
    }

    /// What the app shows so many steps from now.
    fn code(&self, pending: &Pending, steps: i64) -> String {
        let Token::Totp { seed, parameters, .. } = &pending.authenticator.token else { panic!("no TOTP token") };
        shown(seed, totp_step(self.now().as_second(), parameters.period).checked_add_signed(steps).unwrap())
    }

    /// A code that it shows nowhere near now.
    fn wrong(&self, pending: &Pending) -> String {
        let near: Vec<String> = (-30..=30).map(|steps| self.code(pending, steps)).collect();
        (0..1_000_000).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

async fn store(database: &TestDatabase, clock: &Arc<Held>) -> Store {
    let connect = Connect { options: database.options(), max_connections: 3, acquire_timeout: PATIENCE };
    let ambient = Ambient::with_clock(Arc::clone(clock) as Arc<dyn Clock>);
    Store::open(connect, Keyring::parse(MASTER_KEY).unwrap(), ambient).await.unwrap()
}

fn by() -> Actor {
    Actor::themselves([192, 0, 2, 1].into())
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// The session of a first enrolment.
fn first(number: u128) -> Enrolling {
    Enrolling::First(Uuid::from_u128(number))
}

fn started(start: Start) -> Pending {
    match start {
        Start::Pending(pending) => pending,
        Start::TooMany | Start::Taken | Start::Barred => panic!("nothing was begun"),
    }
}

/// A code of six digits.
fn shown(seed: &Seed, counter: u64) -> String {
    let code = otp::Token { seed, parameters: Parameters::default() }.code(counter);
    String::from_utf8(code.expose().to_vec()).unwrap()
}
