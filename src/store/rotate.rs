//! After a change of the master key: every sealed column is opened with the key that sealed it and sealed anew with the
//! current one, a batch at a time, while sign-ins go on. A row that changes meanwhile is left for the next round.

use std::collections::BTreeSet;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use super::audit::Actor;
use super::keys::CANARY;
use super::seal::{Keyring, Place, SealFault};
use super::{
    Store, StoreFault, authenticators, directories, keys, mail_outbox, mail_server, radius_clients, token_stock,
    upstream_servers,
};
use crate::domain::audit::Event;

const BATCH: i64 = 500;

/// Rounds over everything before giving up on rows that keep changing.
const ROUNDS: u32 = 10;

/// Any number, as long as nobody else uses it: one rotation at a time for a database.
const LOCK: i64 = 0x7665_7374_6b65_7973;

/// Held while keys change; gone with the process.
pub struct RotationLock(#[allow(dead_code, reason = "held for its lock")] PoolConnection<Postgres>);

/// Something sealed and where it belongs.
struct Sealed<Id> {
    id: Id,
    value: Vec<u8>,
}

impl Store {
    /// The same database with other master keys; they must open what is in it.
    #[must_use]
    pub fn with_keyring(&self, keyring: Keyring) -> Self {
        Self { keyring: keyring.into(), ..self.clone() }
    }

    /// `None` while somebody else rotates keys.
    pub async fn rotation_lock(&self) -> Result<Option<RotationLock>, StoreFault> {
        let mut connection = self.pool.acquire().await?;
        let taken = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "taken!""#, LOCK)
            .fetch_one(&mut *connection)
            .await?;
        Ok(taken.then_some(RotationLock(connection)))
    }

    /// Connections of other vestibules to this database: their processes hold the keys they started with.
    pub async fn others_connected(&self) -> Result<i64, StoreFault> {
        let all = sqlx::query_scalar!(
            r#"select count(*) as "all!" from pg_stat_activity
               where datname = current_database() and application_name = 'vestibule'"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(all - i64::from(self.pool.size()))
    }

    /// Ids of the master keys that something in the database is sealed with.
    pub async fn sealing_keys(&self) -> Result<BTreeSet<u32>, StoreFault> {
        let mut connection = self.pool.acquire().await?;
        sealing_keys(&mut connection).await
    }

    /// Seals everything with the current key and records it. Returns how many values were sealed anew.
    pub async fn reseal(&self, by: &Actor) -> Result<u64, StoreFault> {
        let current = self.keyring.current_id();
        let mut resealed = 0;
        for _ in 0..ROUNDS {
            resealed += self.reseal_data_keys().await?;
            resealed += self.reseal_directories().await?;
            resealed += self.reseal_radius_clients().await?;
            resealed += self.reseal_upstream_servers().await?;
            resealed += self.reseal_authenticators().await?;
            resealed += self.reseal_token_stock().await?;
            resealed += self.reseal_mail().await?;
            if self.sealing_keys().await?.iter().all(|id| *id == current) {
                break;
            }
        }
        if resealed > 0 {
            self.note(vec![Event::KeyRotated { key: current, resealed, by: by.to_string() }]).await?;
        }
        Ok(resealed)
    }

    fn anew(&self, place: &Place<'_>, value: &[u8]) -> Result<Vec<u8>, SealFault> {
        let plain = self.keyring.open(place, value)?;
        Ok(self.keyring.seal(place, &plain, self.ambient.bytes()))
    }

    async fn reseal_data_keys(&self) -> Result<u64, StoreFault> {
        let rows = sqlx::query!("select purpose, key_sealed from data_keys").fetch_all(&self.pool).await?;
        let mut resealed = 0;
        for row in rows.iter().filter(|row| self.keyring.needs_reseal(&row.key_sealed)) {
            let anew = if row.purpose == CANARY {
                self.keyring.check_canary(&row.key_sealed)?;
                self.keyring.canary(self.ambient.bytes())
            } else {
                self.anew(&keys::place(&row.purpose), &row.key_sealed)?
            };
            let done = sqlx::query!(
                "update data_keys set key_sealed = $3 where purpose = $1 and key_sealed = $2",
                row.purpose,
                row.key_sealed,
                anew,
            )
            .execute(&self.pool)
            .await?;
            resealed += done.rows_affected();
        }
        Ok(resealed)
    }

    /// A handful of rows: one batch.
    async fn reseal_directories(&self) -> Result<u64, StoreFault> {
        let rows = sqlx::query_as!(Sealed, "select id, bind_password_sealed as value from directories")
            .fetch_all(&self.pool)
            .await?;
        let (ids, old, new) = self.batch(&rows, directories::place)?;
        let done = sqlx::query!(
            "update directories d set bind_password_sealed = n.anew
             from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, anew)
             where d.id = n.id and d.bind_password_sealed = n.old",
            &ids,
            &old,
            &new,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    async fn reseal_radius_clients(&self) -> Result<u64, StoreFault> {
        let rows = sqlx::query_as!(Sealed, "select client_id as id, secret_sealed as value from radius_clients")
            .fetch_all(&self.pool)
            .await?;
        let (ids, old, new) = self.batch(&rows, radius_clients::place)?;
        let done = sqlx::query!(
            "update radius_clients c set secret_sealed = n.anew
             from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, anew)
             where c.client_id = n.id and c.secret_sealed = n.old",
            &ids,
            &old,
            &new,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    async fn reseal_upstream_servers(&self) -> Result<u64, StoreFault> {
        let rows = sqlx::query_as!(Sealed, "select id, secret_sealed as value from upstream_servers")
            .fetch_all(&self.pool)
            .await?;
        let (ids, old, new) = self.batch(&rows, upstream_servers::place)?;
        let done = sqlx::query!(
            "update upstream_servers s set secret_sealed = n.anew
             from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, anew)
             where s.id = n.id and s.secret_sealed = n.old",
            &ids,
            &old,
            &new,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    async fn reseal_authenticators(&self) -> Result<u64, StoreFault> {
        let mut resealed = 0;
        let mut after = Uuid::nil();
        loop {
            let rows = sqlx::query_as!(
                Sealed,
                r#"select id, seed_sealed as "value!" from authenticators
                   where seed_sealed is not null and id > $1 order by id limit $2"#,
                after,
                BATCH,
            )
            .fetch_all(&self.pool)
            .await?;
            let Some(last) = rows.last() else { return Ok(resealed) };
            after = last.id;
            let (ids, old, new) = self.batch(&rows, authenticators::place)?;
            let done = sqlx::query!(
                "update authenticators a set seed_sealed = n.anew
                 from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, anew)
                 where a.id = n.id and a.seed_sealed = n.old",
                &ids,
                &old,
                &new,
            )
            .execute(&self.pool)
            .await?;
            resealed += done.rows_affected();
        }
    }

    /// The server's password, and what waits to be sent or was given up: a few rows as long as the server is well.
    async fn reseal_mail(&self) -> Result<u64, StoreFault> {
        let mut resealed = 0;
        let password =
            sqlx::query_scalar!("select password_sealed from mail_server").fetch_optional(&self.pool).await?;
        if let Some(old) = password.flatten().filter(|old| self.keyring.needs_reseal(old)) {
            let anew = self.anew(&mail_server::place(), &old)?;
            let done =
                sqlx::query!("update mail_server set password_sealed = $2 where password_sealed = $1", old, anew)
                    .execute(&self.pool)
                    .await?;
            resealed += done.rows_affected();
        }
        let mut after = Uuid::nil();
        loop {
            let rows = sqlx::query_as!(
                Sealed,
                r#"select id, body_sealed as "value!" from mail_outbox
                   where body_sealed is not null and id > $1 order by id limit $2"#,
                after,
                BATCH,
            )
            .fetch_all(&self.pool)
            .await?;
            let Some(last) = rows.last() else { return Ok(resealed) };
            after = last.id;
            let (ids, old, new) = self.batch(&rows, mail_outbox::place)?;
            let done = sqlx::query!(
                "update mail_outbox o set body_sealed = n.anew
                 from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, anew)
                 where o.id = n.id and o.body_sealed = n.old",
                &ids,
                &old,
                &new,
            )
            .execute(&self.pool)
            .await?;
            resealed += done.rows_affected();
        }
    }

    async fn reseal_token_stock(&self) -> Result<u64, StoreFault> {
        let mut resealed = 0;
        let mut after = Uuid::nil();
        loop {
            let rows = sqlx::query_as!(
                Sealed,
                "select id, seed_sealed as value from token_stock where id > $1 order by id limit $2",
                after,
                BATCH,
            )
            .fetch_all(&self.pool)
            .await?;
            let Some(last) = rows.last() else { return Ok(resealed) };
            after = last.id;
            let (ids, old, new) = self.batch(&rows, token_stock::place)?;
            let done = sqlx::query!(
                "update token_stock t set seed_sealed = n.anew
                 from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as n (id, old, anew)
                 where t.id = n.id and t.seed_sealed = n.old",
                &ids,
                &old,
                &new,
            )
            .execute(&self.pool)
            .await?;
            resealed += done.rows_affected();
        }
    }

    /// Row, old value and new value of what is not under the current key yet.
    #[allow(clippy::type_complexity, reason = "three columns of one statement")]
    fn batch(
        &self,
        rows: &[Sealed<Uuid>],
        place: fn(&Uuid) -> Place<'_>,
    ) -> Result<(Vec<Uuid>, Vec<Vec<u8>>, Vec<Vec<u8>>), SealFault> {
        let (mut ids, mut old, mut new) = (vec![], vec![], vec![]);
        for row in rows.iter().filter(|row| self.keyring.needs_reseal(&row.value)) {
            new.push(self.anew(&place(&row.id), &row.value)?);
            ids.push(row.id);
            old.push(row.value.clone());
        }
        Ok((ids, old, new))
    }
}

/// A sealed value names its key in bytes 2 to 5 ([`super::seal`]).
pub(super) async fn sealing_keys(connection: &mut PgConnection) -> Result<BTreeSet<u32>, StoreFault> {
    let ids = sqlx::query_scalar!(
        r#"select distinct substring(value from 2 for 4) as "id!"
           from (select key_sealed as value from data_keys
                 union all select bind_password_sealed from directories
                 union all select secret_sealed from radius_clients
                 union all select secret_sealed from upstream_servers
                 union all select seed_sealed from token_stock
                 union all select seed_sealed from authenticators where seed_sealed is not null
                 union all select password_sealed from mail_server where password_sealed is not null
                 union all select body_sealed from mail_outbox where body_sealed is not null) sealed"#
    )
    .fetch_all(connection)
    .await?;
    Ok(ids.iter().map(|id| id.iter().fold(0, |id, byte| (id << 8) | u32::from(*byte))).collect())
}
