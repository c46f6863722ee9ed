//! The history of runs: begun, ended, and what each found.

use jiff::Timestamp;

use super::audit::Actor;
use super::leases::Lease;
use super::sync_writes::Run;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::cursor::Read;
use crate::domain::ids::{DirectoryId, SyncRunId};
use crate::domain::sync::{Counts, Every, RunState, SyncRun};

/// A change as a run found it, and has not applied.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Change {
    /// `add`, `update`, `keep`, `disable` or `remove`.
    pub kind: String,
    pub name: String,
    pub dn: String,
    /// The name it shares with another account, because of which it is not applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contested: Option<String>,
    /// The DN of the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rival: Option<String>,
}

/// How the synchronisation of a directory stands.
#[derive(Debug)]
pub struct Standing {
    pub directory: String,
    pub every: Option<Every>,
    /// When a run last ended well.
    pub finished_at: Option<Timestamp>,
    /// The last run, if it has stopped and asks.
    pub awaiting: Option<SyncRunId>,
    /// Whether the last run failed.
    pub failed: bool,
    /// Why it stopped or failed, or a remark.
    pub why: Option<String>,
}

/// Runs kept of each directory.
const HISTORY: i64 = 200;

impl Store {
    /// Begins a run. One that still seems to run has lost its runner; one that awaited approval is overtaken.
    pub async fn begin_run(
        &self,
        lease: &Lease,
        directory: DirectoryId,
        dry_run: bool,
        by: &Actor,
    ) -> Result<SyncRunId, StoreFault> {
        let (id, now) = (SyncRunId(self.ambient.id()), sql(self.ambient.now()));
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        sqlx::query!(
            "update sync_runs set ended_at = $2,
                 status = case status when 'running' then 'failed' else 'cancelled' end,
                 why = case status when 'running' then 'its runner ended before the run did'
                       else 'a newer run took its place' end
             where directory_id = $1 and (status = 'running' or status = 'awaiting-approval' and not $3)",
            directory.0,
            now as _,
            dry_run,
        )
        .execute(&mut *tx)
        .await?;
        // Only the newest findings can be looked at or approved.
        sqlx::query!(
            "delete from sync_changes c using sync_runs r
             where r.id = c.run_id and r.directory_id = $1 and r.status <> 'awaiting-approval'",
            directory.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "delete from sync_runs where id in
                 (select id from sync_runs where directory_id = $1 and status <> 'awaiting-approval'
                  order by started_at desc offset $2)",
            directory.0,
            HISTORY,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "insert into sync_runs (id, directory_id, status, dry_run, started_by, started_at)
             values ($1, $2, 'running', $3, $4, $5)",
            id.0,
            directory.0,
            dry_run,
            by.to_string(),
            now as _,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// An approved run goes on. False if it does not await approval (any more).
    pub async fn resume_run(&self, lease: &Lease, run: SyncRunId, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        let resumed = sqlx::query!(
            "update sync_runs set status = 'running', ended_at = null, why = null,
                 added = 0, updated = 0, kept = 0, disabled = 0, removed = 0
             where id = $1 and status = 'awaiting-approval'",
            run.0,
        )
        .execute(&mut *tx)
        .await?;
        if resumed.rows_affected() == 0 {
            return Ok(false);
        }
        self.administer(&mut tx, vec![Event::SyncApproved { run, by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Writes down what a run reads, when that is decided.
    pub async fn note_read(&self, run: Run<'_>, read: &Read) -> Result<(), StoreFault> {
        let (kind, how) = read.parts();
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        sqlx::query!("update sync_runs set read_kind = $2, read_how = $3 where id = $1", run.id.0, kind, how)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes down how a run ended. `counts` if they are not those that were counted while changes were applied.
    pub async fn end_run(
        &self,
        run: SyncRunId,
        directory: &str,
        counts: Option<&Counts>,
        state: &RunState,
    ) -> Result<(), StoreFault> {
        let (at, why) = state.end();
        let at = sql(at.unwrap_or_else(|| self.ambient.now()));
        let wire = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut tx = self.pool.begin().await?;
        let ended = sqlx::query!(
            "update sync_runs set status = $2, ended_at = $3, why = $4 where id = $1 and status = 'running'",
            run.0,
            state.as_str(),
            at as _,
            why,
        )
        .execute(&mut *tx)
        .await?;
        if ended.rows_affected() == 0 {
            return Ok(());
        }
        if let Some(counts) = counts {
            sqlx::query!(
                "update sync_runs set found = $2, added = $3, updated = $4, unchanged = $5, kept = $6, disabled = $7,
                                      removed = $8, conflicts = $9, skipped = $10, groups = $11 where id = $1",
                run.0,
                wire(counts.found),
                wire(counts.added),
                wire(counts.updated),
                wire(counts.unchanged),
                wire(counts.kept),
                wire(counts.disabled),
                wire(counts.removed),
                wire(counts.conflicts),
                wire(counts.skipped),
                wire(counts.groups),
            )
            .execute(&mut *tx)
            .await?;
        }
        if matches!(state, RunState::Failed { .. } | RunState::Cancelled { .. }) {
            sqlx::query!("delete from sync_changes where run_id = $1", run.0).execute(&mut *tx).await?;
        }
        if let RunState::AwaitingApproval { why, .. } = state {
            let event = Event::SyncStopped { run, directory: directory.to_owned(), why: why.clone() };
            self.administer(&mut tx, vec![event]).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The newest first; of one directory, or all.
    pub async fn sync_runs(&self, directory: Option<DirectoryId>, limit: i64) -> Result<Vec<SyncRun>, StoreFault> {
        self.runs(directory, None, limit).await
    }

    pub async fn sync_run(&self, run: SyncRunId) -> Result<Option<SyncRun>, StoreFault> {
        Ok(self.runs(None, Some(run), 1).await?.pop())
    }

    async fn runs(
        &self,
        directory: Option<DirectoryId>,
        run: Option<SyncRunId>,
        limit: i64,
    ) -> Result<Vec<SyncRun>, StoreFault> {
        let rows = sqlx::query!(
            "select r.id, d.name as directory, r.status, r.dry_run, r.started_by, r.started_at, r.ended_at, r.why, r.read_kind,
                    r.read_how, r.found, r.added, r.updated, r.unchanged, r.kept, r.disabled, r.removed, r.conflicts, r.skipped,
                    r.groups
             from sync_runs r join directories d on d.id = r.directory_id
             where ($1::uuid is null or r.directory_id = $1) and ($2::uuid is null or r.id = $2)
             order by r.started_at desc, r.id desc limit $3",
            directory.map(|directory| directory.0),
            run.map(|run| run.0),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        rows.into_iter()
            .map(|row| {
                let ended = row.ended_at.map(|at: jiff_sqlx::Timestamp| at.to_jiff());
                Ok(SyncRun {
                    state: state(&row.status, ended, row.why).ok_or_else(|| StoreFault::Unreadable {
                        table: "sync_runs",
                        row: row.id.to_string(),
                        what: row.status,
                    })?,
                    id: SyncRunId(row.id),
                    directory: row.directory,
                    started_at: row.started_at.to_jiff(),
                    dry_run: row.dry_run,
                    by: row.started_by,
                    read: read(row.read_kind.as_deref(), row.read_how),
                    counts: Counts {
                        found: count(row.found),
                        added: count(row.added),
                        updated: count(row.updated),
                        unchanged: count(row.unchanged),
                        kept: count(row.kept),
                        disabled: count(row.disabled),
                        removed: count(row.removed),
                        conflicts: count(row.conflicts),
                        skipped: count(row.skipped),
                        groups: count(row.groups),
                    },
                })
            })
            .collect()
    }

    /// How each directory that has sync items stands.
    pub async fn sync_standings(&self) -> Result<Vec<Standing>, StoreFault> {
        let rows = sqlx::query!(
            r#"select d.name, s.every_ms as "every_ms?", last.id as "id?", last.status as "status?", last.why as "why?",
                      (select max(r.ended_at) from sync_runs r
                       where r.directory_id = d.id and r.status = 'finished' and not r.dry_run)
                          as "finished_at: jiff_sqlx::Timestamp"
               from directories d
                    left join sync_settings s on s.directory_id = d.id
                    left join lateral (select id, status, why from sync_runs r
                                       where r.directory_id = d.id and not r.dry_run and r.status <> 'running'
                                       order by r.started_at desc limit 1) last on true
               where exists (select 1 from sync_items i where i.directory_id = d.id)
               order by d.name"#,
        )
        .fetch_all(&self.pool)
        .await?;
        let standings = rows.into_iter().map(|row| Standing {
            directory: row.name,
            every: row.every_ms.and_then(super::sync_items::every),
            finished_at: row.finished_at.map(jiff_sqlx::Timestamp::to_jiff),
            awaiting: row.id.filter(|_| row.status.as_deref() == Some("awaiting-approval")).map(SyncRunId),
            failed: row.status.as_deref() == Some("failed"),
            why: row.why,
        });
        Ok(standings.collect())
    }

    /// What a run found and did not apply, people who lose something first.
    pub async fn sync_changes(&self, run: SyncRunId, limit: i64) -> Result<Vec<Change>, StoreFault> {
        let changes = sqlx::query_as!(
            Change,
            "select kind, name, dn, contested, rival from sync_changes where run_id = $1
             order by array_position(array['remove', 'disable', 'keep', 'update', 'add'], kind), name limit $2",
            run.0,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(changes)
    }
}

fn read(kind: Option<&str>, how: Option<String>) -> Option<Read> {
    match kind? {
        "incremental" => Some(Read::Incremental { how: how? }),
        _ => Some(Read::Full { why: how? }),
    }
}

fn state(status: &str, at: Option<Timestamp>, why: Option<String>) -> Option<RunState> {
    Some(match (status, at, why) {
        ("running", None, _) => RunState::Running,
        ("finished", Some(at), note) => RunState::Finished { at, note },
        ("awaiting-approval", Some(at), Some(why)) => RunState::AwaitingApproval { at, why },
        ("failed", Some(at), Some(why)) => RunState::Failed { at, why },
        ("cancelled", Some(at), Some(why)) => RunState::Cancelled { at, why },
        _ => return None,
    })
}
