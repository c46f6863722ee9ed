//! Which parts of a directory are followed, in which order, when, and when to stop.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::audit::Actor;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::cursor::FULL_AT_LEAST_EVERY;
use crate::domain::ids::{DirectoryId, SyncItemId};
use crate::domain::sync::{Brake, Every, GroupName, Leavers, Pick, Reach, SyncItem};

/// When a directory is followed, and when a run of it stops.
#[derive(Debug, Clone, Copy)]
pub struct SyncSettings {
    /// `None`: only when asked to.
    pub every: Option<Every>,
    pub next_at: Option<Timestamp>,
    pub brake: Brake,
    /// Everything is read at least this often, though the directory can tell what has changed.
    pub full_every: SignedDuration,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self { every: None, next_at: None, brake: Brake::default(), full_every: FULL_AT_LEAST_EVERY }
    }
}

impl Store {
    /// In the order in which they are asked.
    pub async fn sync_items(&self, directory: DirectoryId) -> Result<Vec<SyncItem>, StoreFault> {
        let rows = sqlx::query!(
            "select id, name, base, reach, filter, group_dn, enabled, language, phone, user_group, leavers, delete_after, invite_at_most
             from sync_items where directory_id = $1 order by position",
            directory.0,
        )
        .fetch_all(&self.pool)
        .await?;
        let items = rows.into_iter().map(|row| SyncItem {
            id: SyncItemId(row.id),
            directory,
            name: row.name,
            pick: match row.group_dn {
                Some(dn) => Pick::Group { dn },
                None => Pick::Below {
                    base: row.base,
                    reach: if row.reach.as_deref() == Some("one-level") { Reach::OneLevel } else { Reach::Subtree },
                    filter: row.filter,
                },
            },
            enabled: row.enabled,
            language: row.language,
            phone: row.phone,
            user_group: row.user_group.and_then(|name| GroupName::parse(&name).ok()),
            leavers: match (row.leavers.as_str(), row.delete_after) {
                ("delete", Some(days)) => Leavers::DisableThenDelete { days: u16::try_from(days).unwrap_or(u16::MAX) },
                ("disable", _) => Leavers::Disable,
                // What we cannot read takes nobody's access or factors away.
                _ => Leavers::Keep,
            },
            invite_at_most: row.invite_at_most.and_then(|most| u32::try_from(most).ok()),
        });
        Ok(items.collect())
    }

    /// Adds it behind the others.
    pub async fn add_sync_item(&self, item: &SyncItem, by: &Actor) -> Result<(), StoreFault> {
        let (base, reach, filter, group) = match &item.pick {
            Pick::Below { base, reach, filter } => {
                let reach = if *reach == Reach::OneLevel { "one-level" } else { "subtree" };
                (base.as_deref(), Some(reach), filter.as_deref(), None)
            }
            Pick::Group { dn } => (None, None, None, Some(dn.as_str())),
        };
        let (leavers, days) = match item.leavers {
            Leavers::Keep => ("keep", None),
            Leavers::Disable => ("disable", None),
            Leavers::DisableThenDelete { days } => ("delete", i16::try_from(days).ok()),
        };
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into sync_items (id, directory_id, position, name, base, reach, filter, group_dn, enabled, language, phone,
                                     leavers, delete_after, created_at, user_group, user_group_folded, invite_at_most)
             select $1, $2, coalesce(max(position), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
             from sync_items where directory_id = $2",
            item.id.0,
            item.directory.0,
            item.name,
            base,
            reach,
            filter,
            group,
            item.enabled,
            item.language,
            item.phone,
            leavers,
            days,
            sql(self.ambient.now()) as _,
            item.user_group.as_ref().map(GroupName::as_str),
            item.user_group.as_ref().map(|group| group.folded().as_str()),
            item.invite_at_most.map(|most| i32::try_from(most).unwrap_or(i32::MAX)),
        )
        .execute(&mut *tx)
        .await?;
        if let Some(group) = &item.user_group {
            super::groups::add_own_group(&mut tx, self.ambient.id(), item.directory, group).await?;
        }
        self.administer(&mut tx, vec![Event::SyncItemAdded { name: item.name.clone(), by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// False if there is none. Its users stay, and no longer leave by themselves.
    pub async fn remove_sync_item(&self, directory: DirectoryId, name: &str, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query!("delete from sync_items where directory_id = $1 and name = $2", directory.0, name)
            .execute(&mut *tx)
            .await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        super::groups::drop_unused_own_groups(&mut tx, directory).await?;
        renumber(&mut tx, directory).await?;
        self.administer(&mut tx, vec![Event::SyncItemRemoved { name: name.to_owned(), by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Puts an item at a place, counted from 1; the others close up. False if there is none of that name.
    pub async fn move_sync_item(
        &self,
        directory: DirectoryId,
        name: &str,
        to: u16,
        by: &Actor,
    ) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        // Between two others, behind whom it passes on its way; numbers are dense again afterwards.
        let moved = sqlx::query!(
            "with old as (select position from sync_items where directory_id = $1 and name = $2)
             update sync_items
             set position = case
                 when name <> $2 then position * 2
                 when $3 > (select position from old) then $3 * 2 + 1
                 else $3 * 2 - 1 end
             where directory_id = $1 and exists (select 1 from old)",
            directory.0,
            name,
            i32::from(to),
        )
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        renumber(&mut tx, directory).await?;
        let event = Event::SyncItemMoved { name: name.to_owned(), to, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub async fn sync_settings(&self, directory: DirectoryId) -> Result<SyncSettings, StoreFault> {
        let row = sqlx::query!(
            "select every_ms, next_at, brake_count, brake_percent, full_every_ms from sync_settings where directory_id = $1",
            directory.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map_or_else(SyncSettings::default, |row| SyncSettings {
            every: row.every_ms.and_then(every),
            next_at: row.next_at.map(|at: jiff_sqlx::Timestamp| at.to_jiff()),
            brake: Brake {
                count: u32::try_from(row.brake_count).unwrap_or(0),
                percent: u8::try_from(row.brake_percent).unwrap_or(0),
            },
            full_every: SignedDuration::from_millis(row.full_every_ms),
        }))
    }

    pub async fn set_sync_settings(
        &self,
        directory: DirectoryId,
        settings: SyncSettings,
        by: &Actor,
    ) -> Result<(), StoreFault> {
        let millis = settings.every.map(|every| i64::try_from(every.get().as_millis()).unwrap_or(i64::MAX));
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into sync_settings (directory_id, every_ms, next_at, brake_count, brake_percent, full_every_ms)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (directory_id) do update
                 set every_ms = $2, next_at = $3, brake_count = $4, brake_percent = $5, full_every_ms = $6",
            directory.0,
            millis,
            settings.next_at.map(sql) as _,
            i32::try_from(settings.brake.count).unwrap_or(i32::MAX),
            i16::from(settings.brake.percent),
            i64::try_from(settings.full_every.as_millis()).unwrap_or(i64::MAX),
        )
        .execute(&mut *tx)
        .await?;
        let seconds = settings.every.map(|every| every.get().as_secs());
        let Brake { count, percent } = settings.brake;
        let event = Event::SyncScheduled {
            directory,
            every_seconds: seconds,
            full_every_seconds: settings.full_every.as_secs(),
            count,
            percent,
            by: by.to_string(),
        };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Directories whose turn it is, and how often it comes. One that awaits approval is not among them: a new run would
    /// throw away what is to be approved. One whose runner died in a run is, at once; and one whose turn is so far off that the
    /// clock must have gone backwards since it was set.
    pub async fn sync_due(&self) -> Result<Vec<(DirectoryId, Every)>, StoreFault> {
        let rows = sqlx::query!(
            r#"select s.directory_id, s.every_ms as "every_ms!" from sync_settings s
               where s.every_ms is not null
                 and (s.next_at is null or s.next_at <= $1
                      or s.next_at > $1 + make_interval(secs => s.every_ms / 500.0)
                      or exists (select 1 from sync_runs r join leases l on l.name = 'sync ' || r.directory_id
                                 where r.directory_id = s.directory_id and r.status = 'running'
                                   and l.until < clock_timestamp()))
                 and not exists (select 1 from sync_runs r
                                 where r.directory_id = s.directory_id and r.status = 'awaiting-approval')
               order by s.next_at nulls first"#,
            sql(self.ambient.now()) as _,
        )
        .fetch_all(&self.pool)
        .await?;
        let due = rows.into_iter().filter_map(|row| Some((DirectoryId(row.directory_id), every(row.every_ms)?)));
        Ok(due.collect())
    }

    /// Takes a directory's turn for this process. False if another was faster.
    pub async fn take_turn(&self, directory: DirectoryId, next: Timestamp) -> Result<bool, StoreFault> {
        let taken = sqlx::query!(
            "update sync_settings s set next_at = $2 where directory_id = $1
               and (next_at is null or next_at <= $3 or next_at > $3 + make_interval(secs => every_ms / 500.0)
                    or exists (select 1 from sync_runs r where r.directory_id = $1 and r.status = 'running'))",
            directory.0,
            sql(next) as _,
            sql(self.ambient.now()) as _,
        )
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected() == 1)
    }
}

pub(super) fn every(millis: i64) -> Option<Every> {
    u64::try_from(millis).ok().and_then(|millis| Every::new(Duration::from_millis(millis)))
}

async fn renumber(connection: &mut sqlx::PgConnection, directory: DirectoryId) -> Result<(), StoreFault> {
    sqlx::query!(
        "update sync_items i set position = n.place::integer
         from (select id, row_number() over (order by position) as place from sync_items where directory_id = $1) n
         where n.id = i.id",
        directory.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}
