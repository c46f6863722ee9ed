//! A state directory of its own for each test, and the words the tests are written in.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use vestibule::ambient::Ambient;
use vestibule::store::embedded::{Embedded, EmbeddedFault, EmbeddedPostgres};

/// A directory that every account can pass through, gone at the end.
pub struct StateDir(PathBuf);

impl StateDir {
    pub fn new() -> Self {
        Self::at(Path::new("/tmp").join(format!("vestibule-test-{}", Ambient::system().id())))
    }

    /// One so deep that a socket's path in it does not fit a socket address.
    pub fn deep() -> Self {
        let top = Self::new();
        let deep = Self::at(top.0.join("d".repeat(110)));
        std::mem::forget(top);
        deep
    }

    fn at(path: PathBuf) -> Self {
        DirBuilder::new().recursive(true).mode(0o755).create(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("postgres/data")
    }

    pub async fn start(&self) -> Result<EmbeddedPostgres, EmbeddedFault> {
        start(&settings(&self.0)).await
    }

    pub async fn attach_or_start(&self) -> Result<EmbeddedPostgres, EmbeddedFault> {
        EmbeddedPostgres::attach_or_start(&settings(&self.0), &Ambient::system()).await
    }

    /// The pid that PostgreSQL's own pid file names.
    pub fn postmaster(&self) -> Option<i32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let top = self.0.ancestors().find(|dir| dir.parent() == Some(Path::new("/tmp")));
        let _ = fs::remove_dir_all(top.unwrap_or(&self.0));
    }
}

pub fn settings(state_dir: &Path) -> Embedded {
    Embedded { executable: Some(env!("CARGO_BIN_EXE_vestibule").into()), ..Embedded::under(state_dir) }
}

pub async fn start(settings: &Embedded) -> Result<EmbeddedPostgres, EmbeddedFault> {
    EmbeddedPostgres::start(settings, &Ambient::system()).await
}

pub fn pool(postgres: &EmbeddedPostgres) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_lazy_with(postgres.connect_options())
}

pub async fn note(pool: &PgPool, text: &str) {
    sqlx::query("CREATE TABLE IF NOT EXISTS notes (text text NOT NULL)").execute(pool).await.unwrap();
    sqlx::query("INSERT INTO notes VALUES ($1)").bind(text).execute(pool).await.unwrap();
}

pub async fn notes(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT text FROM notes ORDER BY text").fetch_all(pool).await.unwrap()
}

/// Looks again and again until it is so; a failure after a minute, which a busy machine may need for a first start.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    while !is_so().await {
        assert!(begin.elapsed() < Duration::from_mins(1), "never: {what}");
        looks.tick().await;
    }
}
