//! Portal switches: a rule for everybody, and rules for groups in their order.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json;

use super::audit::Actor;
use super::{Store, StoreFault};
use crate::domain::audit::Event;
use crate::domain::directory::UniqueId;
use crate::domain::ids::{DirectoryId, UserId};
use crate::domain::portal::Switches;
use crate::domain::portal::rules::{GroupRule, Rules};
use crate::domain::portal::table::{Overrides, Switch};
use crate::domain::radius::template::{GroupName, GroupOf};

/// Group rules that there may be; each costs time at every sign-in to the portal.
pub const MOST_RULES: usize = 200;

type Kept = Json<BTreeMap<String, String>>;

impl Store {
    pub async fn portal_rules(&self) -> Result<Rules, StoreFault> {
        read(&mut *self.pool.acquire().await?).await
    }

    /// What a person may do in the portal.
    pub async fn portal_switches(&self, user: UserId) -> Result<Switches, StoreFault> {
        Ok(self.portal_rules().await?.of(&self.portal_groups(user).await?))
    }

    /// The same for an account of a directory; for one that is not in our books, what is set for everybody.
    pub async fn portal_switches_at(
        &self,
        directory: DirectoryId,
        account: Option<&UniqueId>,
    ) -> Result<Switches, StoreFault> {
        match self.user_of(directory, account).await? {
            Some(user) => self.portal_switches(user).await,
            None => Ok(self.portal_rules().await?.of(&[])),
        }
    }

    /// The user that an account of a directory is.
    pub async fn user_of(
        &self,
        directory: DirectoryId,
        account: Option<&UniqueId>,
    ) -> Result<Option<UserId>, StoreFault> {
        let Some(account) = account else { return Ok(None) };
        let id = sqlx::query_scalar!(
            "select id from users where directory_id = $1 and unique_id = $2",
            directory.0,
            account.0,
        );
        Ok(id.fetch_optional(&self.pool).await?.map(UserId))
    }

    /// The groups that rules go by: those a person is in, directly or by way of others.
    pub async fn portal_groups(&self, user: UserId) -> Result<Vec<GroupOf>, StoreFault> {
        Ok(sqlx::query_as!(
            GroupOf,
            "select g.name, g.dn from user_groups x join groups g on g.id = x.group_id where x.user_id = $1",
            user.0,
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Sets switches and takes others out of a rule: the one for everybody, or a group's, which is made behind the others if
    /// there is none, and gone when it sets nothing more. Tells what has changed; `None` if there would be too many rules.
    pub async fn change_portal_rule(
        &self,
        group: Option<&GroupName>,
        set: &Overrides,
        unset: &[&'static Switch],
        by: &Actor,
    ) -> Result<Option<Vec<String>>, StoreFault> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        let rules = read(&mut tx).await?;
        let at = group.and_then(|group| rules.groups.iter().position(|rule| rule.group.folded() == group.folded()));
        let before = match (group, at) {
            (None, _) => rules.default.clone(),
            (Some(_), at) => {
                at.and_then(|at| rules.groups.get(at)).map(|rule| rule.overrides.clone()).unwrap_or_default()
            }
        };
        let mut after = before.clone();
        after.merge(set);
        for switch in unset {
            after.unset(switch);
        }
        let changes = after.changes(&before);
        if changes.is_empty() {
            return Ok(Some(changes));
        }
        if group.is_some() && at.is_none() && rules.groups.len() >= MOST_RULES {
            return Ok(None);
        }
        let position = match group {
            None => 0,
            Some(_) => place(at.unwrap_or(rules.groups.len())),
        };
        if group.is_some() && after.is_empty() {
            sqlx::query!("delete from portal_rules where position = $1", position).execute(&mut *tx).await?;
            sqlx::query!("update portal_rules set position = position - 1 where position > $1", position)
                .execute(&mut *tx)
                .await?;
        } else {
            let kept: Kept = Json(after.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
            sqlx::query!(
                "with changed as (update portal_rules set switches = $4 where position = $1 returning position)
                 insert into portal_rules (position, for_group, folded_group, switches)
                 select $1, $2, $3, $4 where not exists (select 1 from changed)",
                position,
                group.map(GroupName::as_str),
                group.map(|group| group.folded().as_str()),
                kept as _,
            )
            .execute(&mut *tx)
            .await?;
        }
        self.noted(&mut tx, group, changes.clone(), by).await?;
        tx.commit().await?;
        Ok(Some(changes))
    }

    /// Puts a group's rule at another place, from 1 on; false if the group has none, or there is no such place.
    pub async fn move_portal_rule(&self, group: &GroupName, to: usize, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx).await?;
        let rules = read(&mut tx).await?;
        let from = rules.groups.iter().position(|rule| rule.group.folded() == group.folded());
        let (Some(from), Some(to)) = (from, to.checked_sub(1).filter(|to| *to < rules.groups.len())) else {
            return Ok(false);
        };
        sqlx::query!(
            "update portal_rules set position = case
                 when position = $1 then $2
                 when position > $1 and position <= $2 then position - 1
                 when position < $1 and position >= $2 then position + 1
                 else position end
             where position > 0",
            place(from),
            place(to),
        )
        .execute(&mut *tx)
        .await?;
        self.noted(&mut tx, Some(group), vec![format!("rule moved to {}", to + 1)], by).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn noted(
        &self,
        connection: &mut PgConnection,
        group: Option<&GroupName>,
        changes: Vec<String>,
        by: &Actor,
    ) -> Result<(), StoreFault> {
        let group = group.map(|group| group.as_str().to_owned());
        self.administer(connection, vec![Event::PortalChanged { group, changes, by: by.to_string() }]).await
    }
}

/// One administrator at a time changes rules; those who only read them do not wait.
async fn lock(connection: &mut PgConnection) -> Result<(), StoreFault> {
    sqlx::query!("lock table portal_rules in share row exclusive mode").execute(connection).await?;
    Ok(())
}

async fn read(connection: &mut PgConnection) -> Result<Rules, StoreFault> {
    let rows =
        sqlx::query!(r#"select position, for_group, switches as "switches: Kept" from portal_rules order by position"#)
            .fetch_all(connection)
            .await?;
    let mut rules = Rules::default();
    for row in rows {
        let unreadable =
            |what: String| StoreFault::Unreadable { table: "portal_rules", row: row.position.to_string(), what };
        let kept = row.switches.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let overrides = Overrides::read(kept).map_err(|fault| unreadable(fault.to_string()))?;
        match row.for_group {
            None => rules.default = overrides,
            Some(group) => {
                let group = GroupName::parse(&group).map_err(|fault| unreadable(fault.to_string()))?;
                rules.groups.push(GroupRule { group, overrides });
            }
        }
    }
    Ok(rules)
}

/// Of a group rule; the rule for everybody stands before them.
fn place(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX - 1) + 1
}
