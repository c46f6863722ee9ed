//! A whole restore: the empty database is brought to the backup's schema version, filled, looked at with the master key,
//! kept, and brought up to date. Until the look has succeeded nothing is kept.

use std::io::Read;

use sqlx::PgPool;

use super::backup::{BackupFault, BackupSummary, OpenBackup};
use super::seal::{Keyring, SealFault};
use super::{MIGRATIONS, StoreFault, migrate, rotate, schema_version};

/// Why there is no restored database.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFault {
    #[error(transparent)]
    Backup(BackupFault),
    #[error("the backup is damaged: it holds a row that the database refuses ({0}); use another one")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(
        "the backup is at schema version {found}, newer than this program knows ({known}); restore it with the vestibule \
         that made it or a newer one"
    )]
    Newer { found: i64, known: i64 },
    #[error("the backup has no canary, so it cannot be told whether the master key fits; use another one")]
    NoCanary,
    #[error(
        "the backup holds values sealed with master key {id}, which is not among the given keys; add its line back"
    )]
    MissingKey { id: u32 },
}

/// SQLSTATE classes 22 (a value that is none) and 23 (rows that do not belong together): damage that shows before the
/// checksum is reached.
impl From<BackupFault> for RestoreFault {
    fn from(fault: BackupFault) -> Self {
        if let BackupFault::Database(sqlx::Error::Database(inner)) = &fault
            && inner.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
        {
            return Self::Refused(inner.to_string());
        }
        Self::Backup(fault)
    }
}

/// Nothing stays of a restore that did not succeed, but for the schema.
pub async fn restore(pool: &PgPool, input: impl Read, keyring: &Keyring) -> Result<BackupSummary, RestoreFault> {
    let open = OpenBackup::open(input)?;
    let version = open.header().schema_version;
    let known = schema_version();
    if version > known {
        return Err(RestoreFault::Newer { found: version, known });
    }
    MIGRATIONS.run_to(version, pool).await.map_err(StoreFault::Migration)?;
    let mut restored = open.restore(pool, version).await?;
    let connection = restored.connection();
    let canary = sqlx::query_scalar!("select key_sealed from data_keys where purpose = 'canary'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreFault::from)?
        .ok_or(RestoreFault::NoCanary)?;
    keyring.check_canary(&canary).map_err(|fault: SealFault| StoreFault::from(fault))?;
    let ours = keyring.ids();
    if let Some(id) = rotate::sealing_keys(connection).await?.into_iter().find(|id| !ours.contains(id)) {
        return Err(RestoreFault::MissingKey { id });
    }
    let summary = restored.commit().await?;
    migrate(pool).await?;
    Ok(summary)
}
