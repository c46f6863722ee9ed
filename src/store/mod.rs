//! Postgres: rows in, domain types out. The only place that speaks SQL; one file per aggregate.
//!
//! Everything that decides about a user happens under that user's row lock ([`recorder`]), so replicas agree without
//! knowing of each other.

pub mod accounting;
pub mod activations;
pub mod attempts;
pub mod audit;
pub mod authenticators;
pub mod backup;
pub mod challenges;
pub mod clients;
pub mod dialogs;
pub mod directories;
pub mod embedded;
pub mod enrolment_links;
pub mod enrolments;
pub mod groups;
pub mod housekeeping;
pub mod imports;
pub mod keys;
pub mod leases;
pub mod mail_outbox;
pub mod mail_server;
pub mod own_authenticators;
pub mod passkeys;
pub mod people;
mod pins;
pub mod portal_rules;
pub mod questions;
mod radius_clients;
pub mod recorder;
pub mod reply_rules;
pub mod restore;
pub mod rotate;
pub mod seal;
pub mod self_help;
pub mod sessions;
pub mod snapshot;
pub mod sync_cursors;
pub mod sync_items;
pub mod sync_runs;
pub mod sync_writes;
pub mod token_stock;
pub mod upstream_servers;
pub mod users;
pub mod waits;

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, PgPool};

use crate::ambient::Ambient;
use keys::DataKeys;
use seal::{Keyring, SealFault};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// What can go wrong between us and the database. Always ours to fix, never the user's.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    #[error("the database cannot be reached or does not answer: {0}")]
    Unreachable(#[source] sqlx::Error),
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
    #[error(
        "the database is at schema version {found}, newer than this program knows ({known}); run the newer program, or \
         restore a backup made with this one"
    )]
    Newer { found: i64, known: i64 },
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error(transparent)]
    Seal(#[from] SealFault),
    #[error("{table} row {row} holds a value this program cannot read: {what}")]
    Unreadable { table: &'static str, row: String, what: String },
    #[error("the writer of the audit trail has stopped")]
    Stopped,
    #[error("the database did not commit within {0:?}")]
    Slow(Duration),
    #[error("the lease {name:?} has passed to another process; nothing more was written under it")]
    LeaseLost { name: String },
    #[error("too many sign-ins wait to be recorded")]
    Full,
    /// One failure of a batch, told to everybody in it.
    #[error(transparent)]
    Shared(Arc<StoreFault>),
}

impl From<sqlx::Error> for StoreFault {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(inner) = &error
            && !is_connection_trouble(inner.code().as_deref())
        {
            return Self::Refused(error);
        }
        Self::Unreachable(error)
    }
}

/// SQLSTATE classes 08 (connection), 53 (resources), 57 (operator intervention): the server is there but cannot.
fn is_connection_trouble(code: Option<&str>) -> bool {
    code.is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class)))
}

impl StoreFault {
    /// Did a unique value exist already?
    pub fn is_duplicate(&self) -> bool {
        self.sqlstate().as_deref() == Some("23505")
    }

    /// PostgreSQL's code for what it refused (appendix A of its manual).
    fn sqlstate(&self) -> Option<String> {
        if let Self::Refused(sqlx::Error::Database(inner)) = self {
            return inner.code().map(std::borrow::Cow::into_owned);
        }
        None
    }
}

/// The database, and the keys that open what is sealed in it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) keys: Arc<DataKeys>,
    pub(crate) ambient: Ambient,
}

/// How to reach a database.
pub struct Connect {
    pub options: PgConnectOptions,
    pub max_connections: u32,
    /// Longest wait for a free connection, and for a new one.
    pub acquire_timeout: Duration,
}

impl Store {
    /// Connects, brings the schema up to date under a lock, and checks that the master key is the right one.
    pub async fn open(connect: Connect, keyring: Keyring, ambient: Ambient) -> Result<Self, StoreFault> {
        let pool = pool(connect).await?;
        migrate(&pool).await?;
        Self::unseal(pool, keyring, ambient).await
    }

    /// The rest of [`Store::open`], for who has to look at the migrated database before it knows the key.
    pub async fn unseal(pool: PgPool, keyring: Keyring, ambient: Ambient) -> Result<Self, StoreFault> {
        let keys = keys::open(&pool, &keyring, &ambient).await?;
        Ok(Self { pool, keyring: Arc::new(keyring), keys: Arc::new(keys), ambient })
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Turns a login into a join key that says nothing about it.
    pub fn join_secret(&self) -> &[u8; 32] {
        self.keys.join()
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// What the server itself gives up on: a statement, a wait for somebody's lock, a transaction whose process has gone.
const BOUNDS: [(&str, &str); 3] =
    [("statement_timeout", "15s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")];

/// A pool without schema or key checks, for backup and restore.
pub async fn pool(connect: Connect) -> Result<PgPool, StoreFault> {
    let options = connect.options.application_name("vestibule").disable_statement_logging().options(BOUNDS);
    let pool = PgPoolOptions::new()
        .max_connections(connect.max_connections)
        .acquire_timeout(connect.acquire_timeout)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(pool)
}

/// Brings the schema up to date; replicas that start together wait for each other.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreFault> {
    // A migration may take its time, and wait for the replica that migrates already.
    let mut connection = pool.acquire().await?;
    sqlx::query!("set statement_timeout = 0").execute(&mut *connection).await?;
    sqlx::query!("set lock_timeout = 0").execute(&mut *connection).await?;
    let migrated = MIGRATIONS.run(&mut *connection).await;
    connection.close().await?;
    match migrated {
        Ok(()) => Ok(()),
        Err(sqlx::migrate::MigrateError::VersionMissing(found)) => {
            Err(StoreFault::Newer { found, known: schema_version() })
        }
        Err(sqlx::migrate::MigrateError::Execute(error)) => Err(error.into()),
        Err(error) => Err(StoreFault::Migration(error)),
    }
}

/// What is in a database, before anything is made or changed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing of ours, or a beginning that nobody has finished: [`Store::open`] makes the rest.
    Empty,
    /// An older schema, of this version; [`Store::open`] brings it up to date.
    Older(i64),
    Current,
}

/// Looks, and changes nothing. A newer schema than this program knows is a fault, as it is to [`Store::open`].
pub async fn look(pool: &PgPool) -> Result<Found, StoreFault> {
    // Unchecked when built: the table is sqlx's own, and need not be there.
    let begun: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(pool).await?;
    if !begun {
        return Ok(Found::Empty);
    }
    let version: Option<i64> =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(pool).await?;
    let known = schema_version();
    match version {
        None => Ok(Found::Empty),
        Some(found) if found > known => Err(StoreFault::Newer { found, known }),
        Some(found) if found < known => Ok(Found::Older(found)),
        Some(_) => Ok(if keys::is_sealed(pool).await? { Found::Current } else { Found::Empty }),
    }
}

/// The schema version this program brings.
pub fn schema_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// A time as the database keeps it.
pub(crate) fn sql(at: jiff::Timestamp) -> jiff_sqlx::Timestamp {
    use jiff_sqlx::ToSqlx as _;
    // Postgres keeps microseconds; what is signed must be what is read back.
    jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at).to_sqlx()
}
