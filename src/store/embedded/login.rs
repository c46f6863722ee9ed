//! How the application gets into the embedded database: its role, its database, one password.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use zeroize::Zeroizing;

use super::EmbeddedFault;

/// The application's role and database. Not a superuser: SQL alone must not be a way to run programs.
const NAME: &str = "vestibule";
/// Made by initdb, used to make the other one.
pub const SUPERUSER: &str = "postgres";

pub struct Login {
    socket_dir: PathBuf,
    password: Zeroizing<String>,
}

impl Login {
    pub fn new(socket_dir: PathBuf, password: Zeroizing<String>) -> Self {
        Self { socket_dir, password }
    }

    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub fn options(&self) -> PgConnectOptions {
        self.options_for(NAME, NAME)
    }

    fn options_for(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(5432)
            .ssl_mode(PgSslMode::Disable)
            .username(role)
            .password(&self.password)
            .database(database)
    }

    /// Logs the application in. A start that was cut off between initdb and the making of our role is made up for.
    pub async fn verify(&self) -> Result<(), EmbeddedFault> {
        match log_in(&self.options()).await {
            Err(sqlx::Error::Database(refused)) if is_unprovisioned(refused.code().as_deref()) => {}
            found => return found.map_err(EmbeddedFault::Login),
        }
        self.provision().await?;
        log_in(&self.options()).await.map_err(EmbeddedFault::Login)
    }

    /// Makes the application's role and database where they are missing.
    pub async fn provision(&self) -> Result<(), EmbeddedFault> {
        self.create_missing().await.map_err(EmbeddedFault::Login)
    }

    async fn create_missing(&self) -> Result<(), sqlx::Error> {
        // The role's password stands in the statement, so the statement is not logged.
        let options = self.options_for(SUPERUSER, "postgres").disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options).await?;
        let missing = |found: Option<(i32,)>| found.is_none();
        let role = sqlx::query_as("SELECT 1 FROM pg_roles WHERE rolname = $1").bind(NAME);
        if missing(role.fetch_optional(&mut connection).await?) {
            let password = self.password.replace('\'', "''");
            let create = format!("CREATE ROLE {NAME} LOGIN PASSWORD '{password}'");
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        }
        let database = sqlx::query_as("SELECT 1 FROM pg_database WHERE datname = $1").bind(NAME);
        if missing(database.fetch_optional(&mut connection).await?) {
            let create = format!("CREATE DATABASE {NAME} OWNER {NAME}");
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        }
        connection.close().await
    }
}

/// `invalid_catalog_name`, and `invalid_password`, which is also what SCRAM says of a role that does not exist.
fn is_unprovisioned(code: Option<&str>) -> bool {
    matches!(code, Some("3D000" | "28P01"))
}

/// One connection and back, within ten seconds.
pub async fn log_in(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let attempt = async { PgConnection::connect_with(options).await?.close().await };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
}
