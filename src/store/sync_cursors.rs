//! From where runs of changes go on. A mark is written with its run and counts once that run has finished: one that
//! failed, was cancelled, only looked, or awaits approval moves nothing.

use jiff::Timestamp;

use super::sync_writes::Run;
use super::{Store, StoreFault, sql};
use crate::domain::cursor::Cursor;
use crate::domain::directory_diff::Fingerprint;
use crate::domain::ids::DirectoryId;

/// A mark, and what it is good for.
#[derive(Debug, Clone)]
pub struct Bookmark {
    pub cursor: Cursor,
    /// What the directory's settings and items were ([`crate::domain::cursor::settings`]).
    pub settings: Fingerprint,
    /// When everything was last read.
    pub full_at: Timestamp,
    /// Unique ids to look at again whether they change or not.
    pub pending: Vec<String>,
}

/// More accounts that share names are read with all others.
const MOST_PENDING: i64 = 1000;

impl Store {
    /// The mark of the last run that finished; `None` if it left none.
    pub async fn bookmark(&self, directory: DirectoryId) -> Result<Option<Bookmark>, StoreFault> {
        let row = sqlx::query!(
            r#"with last as (select id from sync_runs where directory_id = $1 and status = 'finished' and not dry_run
                             order by started_at desc, id desc limit 1)
               select method, server, cookie, shows_deletions, settings, full_at, pending
               from sync_cursors where run_id = (select id from last)"#,
            directory.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        // What a newer release wrote in a way of its own is read in full.
        Ok(row.and_then(|row| {
            Some(Bookmark {
                cursor: Cursor {
                    method: row.method.parse().ok()?,
                    server: row.server,
                    cookie: row.cookie,
                    shows_deletions: row.shows_deletions,
                },
                settings: row.settings.try_into().ok()?,
                full_at: row.full_at.to_jiff(),
                pending: row.pending,
            })
        }))
    }

    /// Leaves a mark with a run; its contested accounts are the pending ones. Without a mark if they are too many.
    pub async fn keep_bookmark(
        &self,
        run: Run<'_>,
        cursor: &Cursor,
        settings: &Fingerprint,
        full_at: Timestamp,
    ) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        // Only the last finished run's mark is of use until this run has finished.
        sqlx::query!(
            "delete from sync_cursors c using sync_runs r
             where r.id = c.run_id and r.directory_id = $1 and r.id <> coalesce(
                 (select id from sync_runs where directory_id = $1 and status = 'finished' and not dry_run
                  order by started_at desc, id desc limit 1), $2)",
            run.directory.0,
            run.id.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "insert into sync_cursors (run_id, method, server, cookie, shows_deletions, settings, full_at, pending)
             select $1, $2, $3, $4, $5, $6, $7, coalesce(array_agg(unique_id), '{}')
             from sync_changes where run_id = $1 and contested is not null
             having count(*) <= $8",
            run.id.0,
            cursor.method.as_str(),
            cursor.server,
            cursor.cookie,
            cursor.shows_deletions,
            &settings[..],
            sql(full_at) as _,
            MOST_PENDING,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}
