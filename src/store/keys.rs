//! Keys that must outlive a change of the master key: random, sealed under it, one row each. A canary row among them
//! shows a wrong master key before anything is written with it.

use sqlx::PgPool;
use zeroize::Zeroizing;

use super::seal::{Keyring, Place, SealFault};
use super::{StoreFault, sql};
use crate::ambient::Ambient;

/// The keys a running process holds.
pub struct DataKeys {
    audit: Zeroizing<[u8; 32]>,
    join: Zeroizing<[u8; 32]>,
}

impl DataKeys {
    /// Signs the audit chain.
    pub fn audit(&self) -> &[u8; 32] {
        &self.audit
    }

    /// Turns a password into a join key that says nothing about it.
    pub fn join(&self) -> &[u8; 32] {
        &self.join
    }
}

pub(super) const CANARY: &str = "canary";
const AUDIT: &str = "audit-chain";
const JOIN: &str = "join";

pub(super) fn place(purpose: &str) -> Place<'_> {
    Place::new("data_keys", "key_sealed", purpose.as_bytes())
}

/// Has some master key sealed this database before?
pub async fn is_sealed(pool: &PgPool) -> Result<bool, StoreFault> {
    Ok(read(pool, CANARY).await?.is_some())
}

/// Checks the canary, and makes what is missing in a new database.
pub async fn open(pool: &PgPool, keyring: &Keyring, ambient: &Ambient) -> Result<DataKeys, StoreFault> {
    if let Some(canary) = read(pool, CANARY).await? {
        keyring.check_canary(&canary)?;
    } else {
        // Another replica may be first; what is there afterwards counts.
        insert(pool, CANARY, &keyring.canary(ambient.bytes()), ambient).await?;
        let canary = read(pool, CANARY).await?.unwrap_or_default();
        keyring.check_canary(&canary)?;
    }
    Ok(DataKeys { audit: key(pool, keyring, ambient, AUDIT).await?, join: key(pool, keyring, ambient, JOIN).await? })
}

async fn key(
    pool: &PgPool,
    keyring: &Keyring,
    ambient: &Ambient,
    purpose: &'static str,
) -> Result<Zeroizing<[u8; 32]>, StoreFault> {
    let sealed = if let Some(sealed) = read(pool, purpose).await? {
        sealed
    } else {
        let fresh = Zeroizing::new(ambient.bytes::<32>());
        insert(pool, purpose, &keyring.seal(&place(purpose), fresh.as_slice(), ambient.bytes()), ambient).await?;
        read(pool, purpose).await?.unwrap_or_default()
    };
    let opened = keyring.open(&place(purpose), &sealed)?;
    let key = <[u8; 32]>::try_from(opened.as_slice());
    key.map(Zeroizing::new)
        .map_err(|_| SealFault::NotSealed { table: "data_keys".into(), column: "key_sealed".into() }.into())
}

async fn read(pool: &PgPool, purpose: &str) -> Result<Option<Vec<u8>>, StoreFault> {
    Ok(sqlx::query_scalar!("select key_sealed from data_keys where purpose = $1", purpose).fetch_optional(pool).await?)
}

async fn insert(pool: &PgPool, purpose: &str, sealed: &[u8], ambient: &Ambient) -> Result<(), StoreFault> {
    sqlx::query!(
        "insert into data_keys (purpose, key_sealed, created_at) values ($1, $2, $3) on conflict do nothing",
        purpose,
        sealed,
        sql(ambient.now()) as _,
    )
    .execute(pool)
    .await?;
    Ok(())
}
