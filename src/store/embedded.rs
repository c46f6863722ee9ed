//! The embedded default: without a `database.url` the process runs a private PostgreSQL from installed programs. Same
//! SQL as any other database; reached by a Unix socket only; a child of the process that dies with it.
//!
//! This file owns what callers see. Below it: [`binaries`] finds the programs, [`account`] whom they run as, [`lock`]
//! whose the directory is, [`cluster`] what is in it, [`orphan`] what an earlier process left, [`login`] the way in,
//! [`child`] one running server, [`supervisor`] the thread that keeps one running.
//!
//! Who may use a `state_dir` is settled by a lock on a file in it, not by PostgreSQL's pid file: a pid can be reused or
//! belong to a zombie, while the kernel drops a lock with its holder.

mod account;
mod binaries;
mod child;
mod cluster;
mod lock;
mod login;
mod orphan;
mod supervisor;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;

use crate::ambient::Ambient;
use cluster::Layout;
use lock::{Holder, Lock};
use supervisor::Supervisor;

/// The hidden subcommand of our own program that becomes PostgreSQL; `cli::embedded_child` answers to it.
pub const CHILD_SUBCOMMAND: &str = "embedded-postgres-child";

/// How long a command waits for another command's database, or for a serving one to be ready.
const ATTACH_LIMIT: Duration = Duration::from_secs(30);

/// What the embedded database needs to know.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// Everything is kept under `state_dir/postgres`.
    pub state_dir: PathBuf,
    /// Where `postgres` and `initdb` are; looked for when not given.
    pub bin_dir: Option<PathBuf>,
    /// The account to become when started as root: a name, or `uid:gid`. Else the first of vestibule, postgres, nobody
    /// that exists. Of no effect for a process that is not root.
    pub run_as: Option<String>,
    /// The program that answers to [`CHILD_SUBCOMMAND`]; this process's own unless given.
    pub executable: Option<PathBuf>,
}

impl Embedded {
    pub fn under(state_dir: impl Into<PathBuf>) -> Self {
        Self { state_dir: state_dir.into(), bin_dir: None, run_as: None, executable: None }
    }
}

/// Why there is no embedded database. Every text says what to do.
#[derive(Debug, Error)]
pub enum EmbeddedFault {
    #[error(
        "no PostgreSQL 15 or newer is installed for the embedded database; install the package `postgresql`, or set \
         database.url to a PostgreSQL server"
    )]
    NotInstalled,
    #[error(
        "the embedded database was made by PostgreSQL {data}, but only {installed} is installed; install \
         `postgresql-{data}`, or there run `vestibule backup` and here restore it into a new state_dir"
    )]
    WrongMajor { data: u32, installed: u32 },
    #[error("PostgreSQL does not run as root and there is no unprivileged account {name}; set database.run_as to one")]
    NoAccount { name: String },
    #[error(
        "account {account} cannot pass through {} on the way to the embedded database; run `chmod o+x` on it or choose \
         another state_dir",
        dir.display()
    )]
    Unreachable { account: String, dir: PathBuf },
    #[error("another vestibule (pid {pid}) uses state_dir {}; stop it, or give each its own", state_dir.display())]
    InUse { state_dir: PathBuf, pid: u32 },
    #[error(
        "a PostgreSQL that vestibule did not start (pid {pid}) serves {}; stop it with `pg_ctl stop -D`",
        data.display()
    )]
    Foreign { data: PathBuf, pid: u32 },
    #[error("{} is neither empty nor a PostgreSQL data directory; move it away", data.display())]
    NotADataDirectory { data: PathBuf },
    #[error("the password of the embedded database is missing; put {} back from a backup", path.display())]
    PasswordMissing { path: PathBuf },
    #[error("cannot {what} {}: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("PostgreSQL's initdb failed: {said}")]
    Initdb { said: String },
    #[error("the embedded PostgreSQL did not start: {said}")]
    Start { said: String },
    #[error("the embedded PostgreSQL was not ready after {limit:?}: {said}; try again when the disk is less busy")]
    Slow { limit: Duration, said: String },
    #[error("the embedded PostgreSQL refuses our own login: {0}")]
    Login(#[source] sqlx::Error),
    #[error("the embedded PostgreSQL was stopped while it was being started")]
    Stopped,
}

/// Where the embedded database stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Starting,
    Ready,
    /// It ended by itself and is being brought back; the number counts tries.
    Restarting {
        attempt: u32,
    },
    Stopped,
}

/// What a process wants the database for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Serve,
    Command,
}

/// An embedded PostgreSQL in use: one this process keeps running, or one that another process does.
///
/// Dropping it stops the one we keep and blocks until it is down; in async code prefer [`EmbeddedPostgres::stop`].
pub struct EmbeddedPostgres {
    options: PgConnectOptions,
    kept: Option<Supervisor>,
}

impl EmbeddedPostgres {
    /// For `serve`: makes the database on first use, starts it and keeps it running. A command that happens to use it is
    /// waited for; another `serve` is a fault.
    pub async fn start(settings: &Embedded, ambient: &Ambient) -> Result<Self, EmbeddedFault> {
        Self::keep(settings, ambient, Role::Serve).await
    }

    /// For commands: connects to the database that a running `serve` keeps, or keeps it for as long as the command takes.
    pub async fn attach_or_start(settings: &Embedded, ambient: &Ambient) -> Result<Self, EmbeddedFault> {
        if let Some(attached) = Self::attach(settings).await? {
            return Ok(attached);
        }
        match Self::keep(settings, ambient, Role::Command).await {
            // A `serve` was quicker.
            Err(fault @ EmbeddedFault::InUse { .. }) => Self::attach(settings).await?.ok_or(fault),
            kept => kept,
        }
    }

    async fn keep(settings: &Embedded, ambient: &Ambient, role: Role) -> Result<Self, EmbeddedFault> {
        let (kept, options) = Supervisor::start(settings.clone(), ambient.clone(), role).await?;
        Ok(Self { options, kept: Some(kept) })
    }

    /// `None` unless a `serve` holds the lock.
    async fn attach(settings: &Embedded) -> Result<Option<Self>, EmbeddedFault> {
        let layout = Layout::under(&settings.state_dir)?;
        let Some(Holder { role: Role::Serve, .. }) = Lock::holder(&layout)? else { return Ok(None) };
        let deadline = tokio::time::Instant::now() + ATTACH_LIMIT;
        loop {
            // Read anew each time: a serving process that is still at its first start has not written them yet.
            let fault = match layout.connect_options() {
                Ok(options) => match login::log_in(&options).await {
                    Ok(()) => return Ok(Some(Self { options, kept: None })),
                    Err(fault) => EmbeddedFault::Login(fault),
                },
                Err(fault) => fault,
            };
            if Lock::holder(&layout)?.is_none() {
                return Ok(None);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(fault);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// How to reach it; good for as long as the process lives, over restarts of the server too. Holds the password, so
    /// never print it.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Where the server stands, as far as this process knows; one that another process keeps counts as ready.
    pub fn health(&self) -> Health {
        self.kept.as_ref().map_or(Health::Ready, Supervisor::health)
    }

    pub fn healthy(&self) -> bool {
        self.health() == Health::Ready
    }

    /// The server's process, while one runs that we keep.
    pub fn pid(&self) -> Option<u32> {
        self.kept.as_ref().and_then(Supervisor::pid)
    }

    /// Stops the server if we keep it: clients are sent away and everything is flushed. Harmless otherwise.
    pub async fn stop(self) {
        if let Some(kept) = self.kept {
            kept.stop().await;
        }
    }
}
