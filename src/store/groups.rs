//! Groups of directories: what a run reads of them, and the closure that policies and attributes go by.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::sync_writes::Run;
use super::{Store, StoreFault};
use crate::domain::directory_diff::{self, Fingerprint, Key};
use crate::domain::ids::{DirectoryId, GroupId, UserId};
use crate::domain::name::Folded;
use crate::domain::sync::GroupName;

/// A group as the directory shows it.
pub struct FoundGroup {
    pub unique_id: String,
    pub name: String,
    pub folded: Folded,
    pub dn: String,
    pub folded_dn: Folded,
    /// Its SID or its gidNumber: what accounts name as their primary group.
    pub primary_id: Option<String>,
    /// Each once.
    pub members: Vec<Folded>,
    pub fingerprint: Fingerprint,
}

/// A group as lists show it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ListedGroup {
    pub id: GroupId,
    pub name: String,
    pub directory: String,
    pub dn: String,
    /// Users in it, those in groups within it included.
    pub users: i64,
}

/// A user in a group, or a group a user is in.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Membership {
    pub name: String,
    pub dn: String,
    pub direct: bool,
    /// If it is not direct: the groups within the group that the user is directly in, by name; of many, the first.
    pub by_way_of: Vec<String>,
}

/// Groups named where a membership is not direct.
const NAMED: i64 = 5;

impl Store {
    /// What is known of a directory's groups: by key, where it is kept and what it was read as.
    pub async fn known_groups(
        &self,
        directory: DirectoryId,
    ) -> Result<HashMap<Key, (GroupId, Fingerprint)>, StoreFault> {
        let mut known = HashMap::new();
        let mut rows = sqlx::query!(
            "select id, unique_id, fingerprint from groups where directory_id = $1 and not starts_with(unique_id, $2)",
            directory.0,
            OWN,
        )
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            // A fingerprint that cannot be read is none: the group is written again.
            let fingerprint = row.fingerprint.try_into().unwrap_or_default();
            known.insert(directory_diff::key(&row.unique_id), (GroupId(row.id), fingerprint));
        }
        Ok(known)
    }

    /// Takes groups into our books, each wholly.
    pub async fn write_groups(&self, run: Run<'_>, groups: &[FoundGroup]) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        super::sync_writes::unhurried(&mut tx).await?;
        for group in groups {
            let id = sqlx::query_scalar!(
                "insert into groups (id, directory_id, unique_id, name, folded, dn, folded_dn, primary_id, fingerprint)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 on conflict (directory_id, unique_id) do update
                     set name = $4, folded = $5, dn = $6, folded_dn = $7, primary_id = $8, fingerprint = $9
                 returning id",
                self.ambient.id(),
                run.directory.0,
                group.unique_id,
                group.name,
                group.folded.as_str(),
                group.dn,
                group.folded_dn.as_str(),
                group.primary_id,
                &group.fingerprint,
            )
            .fetch_one(&mut *tx)
            .await?;
            let members: Vec<&str> = group.members.iter().map(Folded::as_str).collect();
            sqlx::query!(
                "with wanted as materialized (select member from unnest($2::text[]) as w (member)),
                 gone as (delete from group_members m where m.group_id = $1
                              and not exists (select 1 from wanted w where w.member = m.member))
                 insert into group_members (group_id, member)
                 select $1, w.member from wanted w
                 where not exists (select 1 from group_members m where m.group_id = $1 and m.member = w.member)",
                id,
                &members as _,
            )
            .execute(&mut *tx)
            .await?;
        }
        groups_changed(&mut tx, run.directory).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets groups that a whole reading did not show.
    pub async fn remove_groups(&self, run: Run<'_>, groups: &[GroupId]) -> Result<(), StoreFault> {
        let ids: Vec<Uuid> = groups.iter().map(|group| group.0).collect();
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        super::sync_writes::unhurried(&mut tx).await?;
        sqlx::query!("delete from groups where directory_id = $1 and id = any($2)", run.directory.0, &ids)
            .execute(&mut *tx)
            .await?;
        groups_changed(&mut tx, run.directory).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the closure is older than the groups or accounts.
    pub async fn groups_are_stale(&self, directory: DirectoryId) -> Result<bool, StoreFault> {
        let stale = sqlx::query_scalar!(
            r#"select exists (select 1 from groups_stale where directory_id = $1) as "stale!""#,
            directory.0
        );
        Ok(stale.fetch_one(&self.pool).await?)
    }

    /// Groups that are members of groups: (member, group), each once; one more than `limit` if there are more.
    pub async fn group_edges(
        &self,
        directory: DirectoryId,
        limit: usize,
    ) -> Result<Vec<(GroupId, GroupId)>, StoreFault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut tx = self.pool.begin().await?;
        super::sync_writes::unhurried(&mut tx).await?;
        let rows = sqlx::query!(
            "select distinct inner_group.id as member, m.group_id as holder
             from groups inner_group
                  join group_members m on m.member = inner_group.folded_dn
                  join groups outer_group on outer_group.id = m.group_id and outer_group.directory_id = $1
             where inner_group.directory_id = $1 limit $2",
            directory.0,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        Ok(rows.into_iter().map(|row| (GroupId(row.member), GroupId(row.holder))).collect())
    }

    pub async fn group_dn(&self, group: GroupId) -> Result<Option<String>, StoreFault> {
        Ok(sqlx::query_scalar!("select dn from groups where id = $1", group.0).fetch_optional(&self.pool).await?)
    }

    /// Works out who is in which group, and writes what differs. `edges`: members that are groups, with their groups;
    /// `above`: groups, with every group they lie in.
    pub async fn close_groups(
        &self,
        run: Run<'_>,
        edges: &[(GroupId, GroupId)],
        above: &[(GroupId, GroupId)],
    ) -> Result<(), StoreFault> {
        let columns = |pairs: &[(GroupId, GroupId)]| -> (Vec<Uuid>, Vec<Uuid>) {
            pairs.iter().map(|(inner, outer)| (inner.0, outer.0)).unzip()
        };
        let (child, parent) = columns(edges);
        let (inner, outer) = columns(above);
        let mut tx = self.pool.begin().await?;
        run.lease.check(&mut tx).await?;
        super::sync_writes::unhurried(&mut tx).await?;
        // First, so that whoever changes a group meanwhile leaves the mark again.
        sqlx::query!("delete from groups_stale where directory_id = $1", run.directory.0).execute(&mut *tx).await?;
        sqlx::query!(
            "with wanted as materialized (
                 select child, parent from unnest($2::uuid[], $3::uuid[]) as w (child, parent)
             ), gone as (
                 delete from group_parents p using groups g
                 where g.id = p.child and g.directory_id = $1
                   and not exists (select 1 from wanted w where w.child = p.child and w.parent = p.parent)
             )
             insert into group_parents (child, parent)
             select child, parent from wanted w
             where not exists (select 1 from group_parents p where p.child = w.child and p.parent = w.parent)",
            run.directory.0,
            &child,
            &parent,
        )
        .execute(&mut *tx)
        .await?;
        // What an account that left names itself is no longer looked at; what groups name is. Where a group names its members,
        // its word is the newer: a change of `memberOf`, which the server makes up, is no change of the account to a run that
        // asks for changes only. Active Directory's groups always name theirs, but for the primary group's.
        sqlx::query!(
            "with direct as (
                 select n.user_id, g.id as group_id from groups g join group_members m on m.group_id = g.id
                     join user_names n on n.directory_id = $1 and n.folded = m.member
                 where g.directory_id = $1
                 union
                 select u.id, g.id from users u cross join lateral unnest(u.member_of) as named (dn)
                     join groups g on g.directory_id = $1 and g.folded_dn = named.dn
                     join directories d on d.id = $1 and d.kind <> 'active-directory'
                 where u.directory_id = $1 and u.left_at is null
                   and not exists (select 1 from group_members m where m.group_id = g.id)
                 union
                 select u.id, g.id from users u join groups g on g.directory_id = $1 and g.primary_id = u.primary_group
                 where u.directory_id = $1 and u.left_at is null
                 union
                 select u.id, g.id from users u join sync_items i on i.id = u.sync_item
                     join groups g on g.directory_id = $1 and g.unique_id = $4 || i.user_group_folded
                 where u.directory_id = $1 and u.left_at is null
             ), reached as (
                 select user_id, group_id, true as direct from direct
                 union all
                 select direct.user_id, above.holder, false
                 from direct join unnest($2::uuid[], $3::uuid[]) as above (member, holder) on above.member = direct.group_id
             ), wanted as materialized (
                 select user_id, group_id, bool_or(direct) as direct from reached group by user_id, group_id
             ), gone as (
                 delete from user_groups x using groups g
                 where g.id = x.group_id and g.directory_id = $1
                   and not exists (select 1 from wanted w where w.user_id = x.user_id and w.group_id = x.group_id)
             )
             insert into user_groups (user_id, group_id, direct)
             select user_id, group_id, direct from wanted w
             where not exists (select 1 from user_groups x
                               where x.user_id = w.user_id and x.group_id = w.group_id and x.direct = w.direct)
             on conflict (user_id, group_id) do update set direct = excluded.direct",
            run.directory.0,
            &inner,
            &outer,
            OWN,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// All groups, of one directory or every one, by name.
    pub async fn groups(&self, directory: Option<DirectoryId>) -> Result<Vec<ListedGroup>, StoreFault> {
        self.listed_groups(directory, None).await
    }

    /// Those of this name or DN; several directories, and several branches of one, may each have one.
    pub async fn find_groups(
        &self,
        directory: Option<DirectoryId>,
        name: &Folded,
    ) -> Result<Vec<ListedGroup>, StoreFault> {
        self.listed_groups(directory, Some(name.as_str())).await
    }

    async fn listed_groups(
        &self,
        directory: Option<DirectoryId>,
        name: Option<&str>,
    ) -> Result<Vec<ListedGroup>, StoreFault> {
        let rows = sqlx::query!(
            r#"select g.id, g.name, d.name as directory, g.dn,
                      (select count(*) from user_groups x where x.group_id = g.id) as "users!"
               from groups g join directories d on d.id = g.directory_id
               where ($1::uuid is null or g.directory_id = $1)
                 and ($2::text is null or g.folded = $2 or g.folded_dn = $2)
               order by g.name, g.dn"#,
            directory.map(|directory| directory.0),
            name,
        )
        .fetch_all(&self.pool)
        .await?;
        let listed = rows.into_iter().map(|row| ListedGroup {
            id: GroupId(row.id),
            name: row.name,
            directory: row.directory,
            dn: row.dn,
            users: row.users,
        });
        Ok(listed.collect())
    }

    /// The users in a group, by name.
    pub async fn users_of(&self, group: GroupId) -> Result<Vec<Membership>, StoreFault> {
        let users = sqlx::query_as!(
            Membership,
            r#"with recursive within (id) as (
                   select child from group_parents where parent = $1
                   union
                   select p.child from within w join group_parents p on p.parent = w.id
               )
               select u.name, u.dn, x.direct,
                      array(select g.name from user_groups y join within w on w.id = y.group_id
                                               join groups g on g.id = y.group_id
                            where y.user_id = x.user_id and y.direct and not x.direct
                            order by g.name limit $2) as "by_way_of!"
               from user_groups x join users u on u.id = x.user_id
               where x.group_id = $1 order by u.name, u.dn"#,
            group.0,
            NAMED,
        );
        Ok(users.fetch_all(&self.pool).await?)
    }

    /// The groups a user is in, by name.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<Membership>, StoreFault> {
        let groups = sqlx::query_as!(
            Membership,
            r#"with recursive above (origin, id) as (
                   select group_id, group_id from user_groups where user_id = $1 and direct
                   union
                   select a.origin, p.parent from above a join group_parents p on p.child = a.id
               )
               select g.name, g.dn, x.direct,
                      array(select o.name from above a join groups o on o.id = a.origin
                            where a.id = x.group_id and not x.direct order by o.name limit $2) as "by_way_of!"
               from user_groups x join groups g on g.id = x.group_id
               where x.user_id = $1 order by g.name, g.dn"#,
            user.0,
            NAMED,
        );
        Ok(groups.fetch_all(&self.pool).await?)
    }
}

/// What the unique id of a group of ours begins with; a directory's unique ids hold no control characters.
const OWN: &str = "\u{1f}";

/// Makes a group of ours, unless a sync item has made it already.
pub(super) async fn add_own_group(
    connection: &mut PgConnection,
    id: Uuid,
    directory: DirectoryId,
    name: &GroupName,
) -> Result<(), StoreFault> {
    sqlx::query!(
        "insert into groups (id, directory_id, unique_id, name, folded, dn, folded_dn, fingerprint)
         values ($1, $2, $3 || $5, $4, $5, '', '', '') on conflict do nothing",
        id,
        directory.0,
        OWN,
        name.as_str(),
        name.folded().as_str(),
    )
    .execute(&mut *connection)
    .await?;
    groups_changed(connection, directory).await
}

/// Puts a user into the group of ours that their sync item names, before the closure is worked out again.
pub(super) async fn join_own_group(connection: &mut PgConnection, user: UserId) -> Result<(), StoreFault> {
    sqlx::query!(
        "insert into user_groups (user_id, group_id, direct)
         select u.id, g.id, true from users u join sync_items i on i.id = u.sync_item
             join groups g on g.directory_id = u.directory_id and g.unique_id = $2 || i.user_group_folded
         where u.id = $1 on conflict do nothing",
        user.0,
        OWN,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets groups of ours that no sync item names any more.
pub(super) async fn drop_unused_own_groups(
    connection: &mut PgConnection,
    directory: DirectoryId,
) -> Result<(), StoreFault> {
    sqlx::query!(
        "delete from groups g where g.directory_id = $1 and starts_with(g.unique_id, $2)
           and not exists (select 1 from sync_items i where i.directory_id = $1 and i.user_group_folded = g.folded)",
        directory.0,
        OWN,
    )
    .execute(&mut *connection)
    .await?;
    groups_changed(connection, directory).await
}

/// Notes that the closure has to be worked out again.
pub(super) async fn groups_changed(connection: &mut PgConnection, directory: DirectoryId) -> Result<(), StoreFault> {
    sqlx::query!("insert into groups_stale (directory_id) values ($1) on conflict do nothing", directory.0)
        .execute(connection)
        .await?;
    Ok(())
}
