//! A database with people and a mail server, and no appliance: the tests empty the outbox themselves.

use std::time::Duration;

use uuid::Uuid;
use vestibule::ambient::Ambient;
use vestibule::config::PublicUrl;
use vestibule::domain::directory::UniqueId;
use vestibule::domain::directory::profile::Profile;
use vestibule::domain::directory::state::AccountState;
use vestibule::domain::ids::{DirectoryId, UserId};
use vestibule::domain::mail::notice::{By, Notice, What};
use vestibule::domain::mail::server::MailServer;
use vestibule::domain::name::fold;
use vestibule::flows::mail::{Pass, deliver};
use vestibule::store::mail_outbox::{Queued, Waiting};
use vestibule::store::seal::Keyring;
use vestibule::store::users::{Found, Listed};
use vestibule::store::{Connect, Store};

use crate::support::appliance::{MASTER_KEY, directory_at, import};
use crate::support::people::tester;
use crate::support::postgres::{TestDatabase, database};
use crate::support::smtp::MailPeer;

pub struct World {
    pub store: Store,
    database: TestDatabase,
    directory: DirectoryId,
}

impl World {
    pub async fn with(server: &MailServer) -> Self {
        let world = Self::without_server().await;
        world.store.set_mail_server(server, &tester()).await.unwrap();
        world
    }

    pub async fn before(peer: &MailPeer) -> Self {
        Self::with(&peer.server()).await
    }

    pub async fn without_server() -> Self {
        let database = database().await;
        let store = open(&database).await;
        let directory = directory_at(vec![]);
        store.add_directory(&directory, &tester()).await.unwrap();
        Self { store, database, directory: directory.id }
    }

    /// The same database as another process sees it.
    pub async fn replica(&self) -> Store {
        open(&self.database).await
    }

    /// Somebody with this address, who reads this language.
    pub async fn person(&self, first: &str, mail: &str, language: &str) -> Listed {
        let name = format!("p{}", Uuid::simple(Ambient::system().id()));
        let found = Found {
            unique_id: UniqueId(name.clone()),
            dn: format!("uid={name},ou=people,dc=example,dc=test"),
            profile: Profile {
                first: Some(first.into()),
                mail: (!mail.is_empty()).then(|| mail.to_owned()),
                language: Some(language.into()),
                ..Profile::default()
            },
            state: AccountState::default(),
            member_of: vec![],
            primary_group: None,
            names: vec![fold(&name).unwrap()],
            name,
        };
        import(&self.store, self.directory, found).await
    }

    pub async fn queue(&self, user: UserId, what: What) -> Queued {
        let notice = Notice::new(what, self.store.ambient().now(), By::Person);
        let mut tx = self.store.pool().begin().await.unwrap();
        let queued = self.store.queue_mail(&mut tx, user, notice, None).await.unwrap();
        tx.commit().await.unwrap();
        queued
    }

    pub async fn deliver(&self) -> Pass {
        deliver(&self.store, &portal()).await.unwrap()
    }

    /// Lets time pass for whatever waits.
    pub async fn wait_over(&self) {
        self.sql("update mail_outbox set next_try_at = clock_timestamp() where status in ('queued', 'sending')").await;
    }

    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.store.pool()).await.unwrap();
    }

    pub async fn waiting(&self) -> Vec<Waiting> {
        self.store.outbox(false).await.unwrap()
    }

    pub async fn failed(&self) -> Vec<Waiting> {
        self.store.outbox(true).await.unwrap()
    }
}

pub fn portal() -> PublicUrl {
    PublicUrl::parse("https://mfa.example.test").unwrap()
}

async fn open(database: &TestDatabase) -> Store {
    let connect = Connect { options: database.options(), max_connections: 3, acquire_timeout: Duration::from_secs(30) };
    Store::open(connect, Keyring::parse(MASTER_KEY).unwrap(), Ambient::system()).await.unwrap()
}
