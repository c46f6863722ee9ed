//! What a run reads of our books and writes to them: sets of rows at a time, each transaction under the run's lease.
//!
//! Findings are staged in `sync_changes` while the directory is read, and applied once the read has ended and no brake
//! has stopped the run. A run that dies in between leaves the books as they were; one that dies while applying leaves
//! whole batches, and the next run goes on from there.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::leases::Lease;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::directory::UniqueId;
use crate::domain::directory::profile::Profile;
use crate::domain::directory_diff::{self, Claim, Comparison, Contest, Fingerprint, Known, NO_PLACE, Place};
use crate::domain::ids::{DirectoryId, SyncItemId, SyncRunId, UserId};
use crate::domain::name::Folded;
use crate::domain::sync::{Counts, Stopped, SyncItem};
use crate::store::users::Found;

/// Where a run writes, and under which right.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub id: SyncRunId,
    pub directory: DirectoryId,
    pub lease: &'a Lease,
}

/// An account to add or to update.
pub struct Staged {
    pub found: Found,
    pub fingerprint: Fingerprint,
    pub item: SyncItemId,
    pub is_new: bool,
}

/// Everybody we know of a directory, in few bytes each, and how many may leave of each item.
pub struct Books {
    pub known: Vec<Known>,
    pub of_item: HashMap<SyncItemId, u64>,
}

/// An account and the names it claims, as the database gives it.
pub struct Claimant {
    id: UniqueId,
    dn: String,
    names: Vec<String>,
}

impl Claimant {
    pub fn claim(&self) -> Claim<'_> {
        Claim { id: &self.id, dn: &self.dn, names: self.names.iter().map(String::as_str).collect() }
    }
}

/// Between the names of one account on their way to the database; no name in comparison form holds it (RFC 4518 §2.2
/// maps control characters to nothing).
const BETWEEN: &str = "\u{1f}";

fn joined(names: &[Folded]) -> String {
    names.iter().map(Folded::as_str).collect::<Vec<_>>().join(BETWEEN)
}

impl Store {
    pub async fn sync_books(&self, directory: DirectoryId, items: &[SyncItem]) -> Result<Books, StoreFault> {
        let places: HashMap<Uuid, Place> = items.iter().map(|item| item.id.0).zip(0..).collect();
        let mut books = Books { known: vec![], of_item: HashMap::new() };
        let mut rows = sqlx::query!(
            r#"select unique_id, fingerprint, sync_item, left_at is not null as "left!"
               from users where directory_id = $1"#,
            directory.0,
        )
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            let may_leave = row.sync_item.is_some() && !row.left;
            if let (Some(item), true) = (row.sync_item, may_leave) {
                *books.of_item.entry(SyncItemId(item)).or_default() += 1;
            }
            let fingerprint = row.fingerprint.filter(|_| !row.left).and_then(|bytes| bytes.try_into().ok());
            let place = row.sync_item.and_then(|item| places.get(&item).copied()).unwrap_or(NO_PLACE);
            books.known.push(Known { key: directory_diff::key(&row.unique_id), fingerprint, may_leave, place });
        }
        Ok(books)
    }

    /// Keeps accounts to add or update. One that is staged already stays as it is: the first item has it.
    pub async fn stage(&self, run: Run<'_>, staged: &[Staged]) -> Result<(), StoreFault> {
        let column = |of: fn(&Staged) -> String| staged.iter().map(of).collect::<Vec<String>>();
        let ids = column(|staged| staged.found.unique_id.0.clone());
        let kinds = column(|staged| if staged.is_new { "add" } else { "update" }.to_owned());
        let names = column(|staged| staged.found.name.clone());
        let dns = column(|staged| staged.found.dn.clone());
        let folded = column(|staged| joined(&staged.found.names));
        let member_of = column(|staged| joined(&staged.found.member_of));
        let primary: Vec<Option<String>> = staged.iter().map(|staged| staged.found.primary_group.clone()).collect();
        let mails: Vec<Option<String>> = staged.iter().map(|staged| staged.found.profile.mail.clone()).collect();
        let profiles: Vec<Json<&Profile>> = staged.iter().map(|staged| Json(&staged.found.profile)).collect();
        let items: Vec<Uuid> = staged.iter().map(|staged| staged.item.0).collect();
        let disabled: Vec<Option<bool>> = staged.iter().map(|staged| staged.found.state.disabled).collect();
        let until: Vec<Option<jiff_sqlx::Timestamp>> =
            staged.iter().map(|staged| staged.found.state.until.map(sql)).collect();
        let prints: Vec<Vec<u8>> = staged.iter().map(|staged| staged.fingerprint.to_vec()).collect();
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        sqlx::query!(
            "insert into sync_changes (run_id, unique_id, kind, sync_item, name, dn, mail, profile, names,
                                       fingerprint, member_of, primary_group, directory_disabled, directory_until)
             select $1, s.unique_id, s.kind, s.item, s.name, s.dn, s.mail, s.profile, string_to_array(s.names, $11),
                    s.fingerprint, string_to_array(s.member_of, $11), s.primary_group, s.disabled, s.until
             from unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[],
                         $10::bytea[], $12::text[], $13::text[], $14::boolean[], $15::timestamptz[])
                  as s (unique_id, kind, item, name, dn, mail, profile, names, fingerprint, member_of, primary_group,
                        disabled, until)
             on conflict do nothing",
            run.id.0,
            &ids,
            &kinds,
            &items,
            &names,
            &dns,
            &mails as _,
            &profiles as _,
            &folded,
            &prints,
            BETWEEN,
            &member_of,
            &primary as _,
            &disabled as _,
            &until as _,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The unique ids of those who were not in a whole read.
    pub async fn leavers(&self, directory: DirectoryId, read: &Comparison) -> Result<Vec<String>, StoreFault> {
        let mut left = vec![];
        let mut rows = sqlx::query_scalar!(
            "select unique_id from users where directory_id = $1 and sync_item is not null and left_at is null",
            directory.0,
        )
        .fetch(&self.pool);
        while let Some(id) = rows.try_next().await? {
            if read.has_left(&directory_diff::key(&id)) {
                left.push(id);
            }
        }
        Ok(left)
    }

    /// Keeps leavers, by what their items say of them.
    pub async fn stage_leavers(&self, run: Run<'_>, ids: &[String]) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        sqlx::query!(
            "insert into sync_changes (run_id, unique_id, kind, sync_item, name, dn, names)
             select $1, u.unique_id, case when i.leavers = 'keep' or not u.enabled then 'keep' else 'disable' end,
                    u.sync_item, u.name, u.dn, '{}'
             from users u join sync_items i on i.id = u.sync_item
             where u.directory_id = $2 and u.unique_id = any($3) and u.left_at is null
             on conflict do nothing",
            run.id.0,
            run.directory.0,
            ids,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps those who left so long ago that their item has them removed. Whom a person disabled or enabled stays.
    pub async fn stage_removals(&self, run: Run<'_>, items: &[SyncItem]) -> Result<(), StoreFault> {
        let now = self.ambient.now();
        let due = items.iter().filter_map(|item| Some((item.id, item.leavers.removed_if_left_by(now)?)));
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        for (item, by) in due {
            sqlx::query!(
                "insert into sync_changes (run_id, unique_id, kind, sync_item, name, dn, names)
                 select $1, unique_id, 'remove', sync_item, name, dn, '{}' from users
                 where directory_id = $2 and sync_item = $3 and left_at <= $4 and not enabled and enabled_by = 'sync'
                 on conflict do nothing",
                run.id.0,
                run.directory.0,
                item.0,
                sql(by) as _,
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Accounts that claim a name another claims or has, and who has it now. A leaver gives all names up.
    pub async fn sync_claims(&self, run: Run<'_>) -> Result<(Vec<Claimant>, Vec<Claimant>), StoreFault> {
        let mut tx = self.pool.begin().await?;
        unhurried(&mut tx).await?;
        let owned = sqlx::query!(
            "with claimed as (select unique_id, unnest(names) as folded from sync_changes
                              where run_id = $1 and kind in ('add', 'update'))
             select distinct u.unique_id, u.dn, n.folded
             from claimed c join user_names n on n.directory_id = $2 and n.folded = c.folded
                  join users u on u.id = n.user_id
             where u.unique_id <> c.unique_id and u.left_at is null
               and not exists (select 1 from sync_changes l
                               where l.run_id = $1 and l.unique_id = u.unique_id and l.kind not in ('add', 'update'))",
            run.id.0,
            run.directory.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut owners: HashMap<String, Claimant> = HashMap::new();
        for row in owned {
            let id = UniqueId(row.unique_id.clone());
            let owner = owners.entry(row.unique_id);
            owner.or_insert(Claimant { id, dn: row.dn, names: vec![] }).names.push(row.folded);
        }
        // Hundreds of thousands of rows have come since statistics were last made, and every batch is planned by them.
        sqlx::query!("analyze sync_changes (run_id, unique_id, kind, turn)").execute(&mut *tx).await?;
        let of_owners: Vec<String> = owners.keys().cloned().collect();
        let found = sqlx::query!(
            r#"with claimed as (select unique_id, unnest(names) as folded from sync_changes
                                where run_id = $1 and kind in ('add', 'update')),
                   shared as (select folded from claimed group by folded having count(*) > 1
                              union select n.folded from user_names n join users u on u.id = n.user_id
                              where n.directory_id = $2 and u.unique_id = any($3)),
                   involved as (select unique_id from claimed where folded in (select folded from shared)
                                union select unnest($3::text[]))
               update sync_changes c set first = true from involved i
               where c.run_id = $1 and c.unique_id = i.unique_id and c.kind in ('add', 'update')
               returning c.unique_id, c.dn, c.names"#,
            run.id.0,
            run.directory.0,
            &of_owners,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let found = found.into_iter().map(|row| Claimant { id: UniqueId(row.unique_id), dn: row.dn, names: row.names });
        let mut found: Vec<Claimant> = found.collect();
        found.sort_by(|a, b| a.dn.cmp(&b.dn));
        Ok((owners.into_values().collect(), found))
    }

    /// Takes accounts out of what is applied.
    pub async fn mark_contested(&self, run: Run<'_>, contests: &[Contest]) -> Result<(), StoreFault> {
        let ids: Vec<&str> = contests.iter().map(|contest| contest.id.0.as_str()).collect();
        let names: Vec<&str> = contests.iter().map(|contest| contest.name.as_str()).collect();
        let rivals: Vec<&str> = contests.iter().map(|contest| contest.other.as_str()).collect();
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        sqlx::query!(
            "update sync_changes c set contested = s.name, rival = s.rival
             from unnest($2::text[], $3::text[], $4::text[]) as s (unique_id, name, rival)
             where c.run_id = $1 and c.unique_id = s.unique_id",
            run.id.0,
            &ids as _,
            &names as _,
            &rivals as _,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is staged, counted. `found`, `unchanged` and `skipped` are the reader's to fill in.
    pub async fn count_staged(&self, run: SyncRunId) -> Result<Counts, StoreFault> {
        let row = sqlx::query!(
            r#"select count(*) filter (where kind = 'add' and contested is null) as "added!",
                      count(*) filter (where kind = 'update' and contested is null) as "updated!",
                      count(*) filter (where kind = 'keep') as "kept!",
                      count(*) filter (where kind = 'disable') as "disabled!",
                      count(*) filter (where kind = 'remove') as "removed!",
                      count(*) filter (where contested is not null) as "conflicts!"
               from sync_changes where run_id = $1"#,
            run.0,
        )
        .fetch_one(&self.pool)
        .await?;
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        Ok(Counts {
            added: count(row.added),
            updated: count(row.updated),
            kept: count(row.kept),
            disabled: count(row.disabled),
            removed: count(row.removed),
            conflicts: count(row.conflicts),
            ..Counts::default()
        })
    }

    /// The first item by which more invitations would go out than it may send without being asked.
    pub async fn too_many_invitations(&self, run: SyncRunId) -> Result<Option<Stopped>, StoreFault> {
        let row = sqlx::query!(
            r#"select i.name, i.invite_at_most as "limit!", count(*) as "count!"
               from sync_changes c join sync_items i on i.id = c.sync_item
               where c.run_id = $1 and c.kind = 'add' and c.contested is null and c.mail is not null and i.enabled
                 and exists (select from mail_server)
               group by i.id having count(*) > i.invite_at_most order by i.position limit 1"#,
            run.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Stopped::Invitations {
            item: row.name,
            count: u64::try_from(row.count).unwrap_or(0),
            limit: u32::try_from(row.limit).unwrap_or(0),
        }))
    }

    /// Applies the next changes, `limit` of them or all that belong together, in one transaction; how many. Nought: done.
    pub async fn apply_batch(&self, run: Run<'_>, limit: i64) -> Result<usize, StoreFault> {
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        // Those who take names from each other go all at once.
        let batch = sqlx::query!(
            r#"with next as (select unique_id, turn from sync_changes where run_id = $1 and contested is null
                             order by turn, unique_id limit $2)
               select unique_id as "unique_id!" from next
               union select unique_id from sync_changes
               where run_id = $1 and contested is null and turn = 1 and exists (select 1 from next where turn = 1)"#,
            run.id.0,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        let ids: Vec<String> = batch.into_iter().map(|row| row.unique_id).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        // In the order in which everybody locks users.
        let back = sqlx::query!(
            r#"select id, name, left_at is not null and not enabled and enabled_by = 'sync' as "back!" from users
               where directory_id = $1 and unique_id = any($2) order by id for update"#,
            run.directory.0,
            &ids,
        )
        .fetch_all(&mut *tx)
        .await?;
        let back = back.into_iter().filter(|row| row.back).map(|row| (row.id, row.name)).collect();
        let by = format!("sync run {}", run.id);
        let mut events = self.apply_leaving(&mut tx, run, &ids, &by).await?;
        events.extend(self.apply_taking(&mut tx, run, &ids, back, &by).await?);
        sqlx::query!("delete from sync_changes where run_id = $1 and unique_id = any($2)", run.id.0, &ids)
            .execute(&mut *tx)
            .await?;
        if !events.is_empty() {
            self.administer(&mut tx, events).await?;
        }
        tx.commit().await?;
        Ok(ids.len())
    }

    async fn apply_leaving(
        &self,
        tx: &mut PgConnection,
        run: Run<'_>,
        ids: &[String],
        by: &str,
    ) -> Result<Vec<Event>, StoreFault> {
        let left = sqlx::query!(
            r#"with mine as (
                   select u.id, c.kind = 'disable' and u.enabled as off from users u
                   join sync_changes c on c.run_id = $1 and c.unique_id = u.unique_id and c.kind in ('keep', 'disable')
                   where u.directory_id = $2 and u.unique_id = any($3) and u.left_at is null)
               update users u set left_at = $4, fingerprint = null, enabled = u.enabled and not mine.off,
                                  enabled_by = case when mine.off then 'sync' else u.enabled_by end
               from mine where mine.id = u.id returning u.id, u.name, mine.off as "off!""#,
            run.id.0,
            run.directory.0,
            ids,
            sql(self.ambient.now()) as _,
        )
        .fetch_all(&mut *tx)
        .await?;
        if !left.is_empty() {
            super::groups::groups_changed(tx, run.directory).await?;
        }
        let off: Vec<Uuid> = left.iter().filter(|row| row.off).map(|row| row.id).collect();
        sqlx::query!("delete from graces where user_id = any($1)", &off).execute(&mut *tx).await?;
        let disabled = left.into_iter().filter(|row| row.off);
        let disabled =
            disabled.map(|row| Event::UserDisabled { user: UserId(row.id), name: row.name, by: by.to_owned() });
        let mut events: Vec<Event> = disabled.collect();
        let gone = sqlx::query!(
            "delete from users u using sync_changes c
             where c.run_id = $1 and c.unique_id = u.unique_id and c.kind = 'remove' and u.directory_id = $2
               and u.unique_id = any($3) and u.left_at is not null and not u.enabled and u.enabled_by = 'sync'
             returning u.id, u.name",
            run.id.0,
            run.directory.0,
            ids,
        )
        .fetch_all(&mut *tx)
        .await?;
        events.extend(gone.into_iter().map(|row| Event::UserRemoved {
            user: UserId(row.id),
            name: row.name,
            by: by.to_owned(),
        }));
        Ok(events)
    }

    /// `back`: users a run disabled when they left.
    async fn apply_taking(
        &self,
        tx: &mut PgConnection,
        run: Run<'_>,
        ids: &[String],
        back: HashMap<Uuid, String>,
        by: &str,
    ) -> Result<Vec<Event>, StoreFault> {
        let updated = sqlx::query_scalar!(
            "update users u set name = c.name, dn = c.dn, mail = c.mail, profile = c.profile, member_of = c.member_of,
                    primary_group = c.primary_group, directory_disabled = c.directory_disabled,
                    directory_until = c.directory_until, sync_item = i.id, fingerprint = c.fingerprint,
                    left_at = null, enabled = u.enabled or u.left_at is not null and u.enabled_by = 'sync'
             from sync_changes c left join sync_items i on i.id = c.sync_item
             where c.run_id = $1 and c.unique_id = u.unique_id and c.kind in ('add', 'update')
               and u.directory_id = $2 and u.unique_id = any($3)
             returning u.id",
            run.id.0,
            run.directory.0,
            ids,
        )
        .fetch_all(&mut *tx)
        .await?;
        let enabled = updated.iter().filter_map(|id| Some((*id, back.get(id)?.clone())));
        let mut events: Vec<Event> =
            enabled.map(|(id, name)| Event::UserEnabled { user: UserId(id), name, by: by.to_owned() }).collect();
        let new: Vec<Uuid> = ids.iter().map(|_| self.ambient.id()).collect();
        let added = sqlx::query!(
            r#"insert into users (id, directory_id, unique_id, name, dn, mail, profile, member_of, primary_group,
                                directory_disabled, directory_until, sync_item, fingerprint, enabled, enabled_by, created_at)
             select n.id, $2, c.unique_id, c.name, c.dn, c.mail, c.profile, c.member_of, c.primary_group,
                    c.directory_disabled, c.directory_until, i.id, c.fingerprint, coalesce(i.enabled, false), 'sync', $5
             from unnest($3::text[], $4::uuid[]) as n (unique_id, id)
                  join sync_changes c on c.run_id = $1 and c.unique_id = n.unique_id and c.kind = 'add'
                  left join sync_items i on i.id = c.sync_item
             on conflict (directory_id, unique_id) do nothing
             returning id, name,
                 enabled and exists (select from sync_items i where i.id = sync_item and i.invite_at_most is not null)
                     as "is_invited!""#,
            run.id.0,
            run.directory.0,
            ids,
            &new,
            sql(self.ambient.now()) as _,
        )
        .fetch_all(&mut *tx)
        .await?;
        // Names that were theirs, and names of leavers that are theirs now.
        sqlx::query!("delete from user_names where user_id = any($1)", &updated).execute(&mut *tx).await?;
        sqlx::query!(
            "delete from user_names n using users u
             where u.id = n.user_id and u.left_at is not null and n.directory_id = $2
               and n.folded in (select unnest(c.names) from sync_changes c where c.run_id = $1 and c.unique_id = any($3))",
            run.id.0,
            run.directory.0,
            ids,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "insert into user_names (directory_id, folded, user_id)
             select $2, unnest(c.names), u.id
             from sync_changes c join users u on u.directory_id = $2 and u.unique_id = c.unique_id
             where c.run_id = $1 and c.unique_id = any($3) and c.kind in ('add', 'update')",
            run.id.0,
            run.directory.0,
            ids,
        )
        .execute(&mut *tx)
        .await?;
        if !updated.is_empty() || !added.is_empty() {
            super::groups::groups_changed(tx, run.directory).await?;
        }
        for row in added {
            let user = UserId(row.id);
            events.push(Event::UserImported { user, name: row.name.clone(), by: by.to_owned() });
            if row.is_invited {
                let once = format!("invitation to {user}");
                events.extend(self.invite(tx, user, &row.name, Some(&once), by).await?.1);
            }
        }
        Ok(events)
    }
}

/// A comparison of a whole directory takes longer than what a sign-in may take.
pub(super) async fn unhurried(connection: &mut PgConnection) -> Result<(), StoreFault> {
    sqlx::query!("set local statement_timeout = '10min'").execute(connection).await?;
    Ok(())
}
