//! `[database]`: where the state lives. Without `url` the process runs its own private PostgreSQL.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::forms::{count, duration};
use super::secret_text::{self, SecretText};

/// The database.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database` of a PostgreSQL 15 or newer. Absent: the embedded one is used.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret_text::masked")]
    pub url: Option<SecretText>,
    /// Connections the pool may hold.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_connections: u32,
    /// How long a piece of work waits for a free connection before it counts as a database fault.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub acquire_timeout: Duration,
    /// The embedded PostgreSQL.
    pub embedded: EmbeddedConfig,
}

/// The embedded PostgreSQL; used only while `database.url` is absent.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EmbeddedConfig {
    /// Directory with `postgres` and `initdb`. Absent: the newest installed version is found by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin_dir: Option<PathBuf>,
    /// User that PostgreSQL runs as when this process is root. Absent: `postgres` if there is one, else `nobody`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
            embedded: EmbeddedConfig::default(),
        }
    }
}

impl DatabaseConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if let Some(url) = &self.url
            && !["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme))
        {
            check.unfit("database.url", "must begin with postgres:// or postgresql://");
        }
        // Two: one connection is kept for LISTEN.
        check.count("database.max_connections", self.max_connections as usize, 2..=1_000);
        check.duration(
            "database.acquire_timeout",
            self.acquire_timeout,
            Duration::from_millis(100)..=Duration::from_mins(1),
        );
        check.filled_path("database.embedded.bin_dir", self.embedded.bin_dir.as_deref());
        if self.embedded.run_as.as_deref() == Some("") {
            check.unfit("database.embedded.run_as", "must be the name of a user, or be left out");
        }
    }
}
