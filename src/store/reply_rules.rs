//! What a client's Access-Accepts carry: rules, in order, beside its RADIUS policy.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::Actor;
use super::{Store, StoreFault};
use crate::domain::audit::Event;
use crate::domain::client::Client;
use crate::domain::ids::{ClientId, UserId};
use crate::domain::radius::template::{Condition, GroupName, GroupOf, Rule};

/// What rules say of a person, as we know them.
pub struct Known {
    pub name: String,
    pub display: Option<String>,
    pub mail: Option<String>,
    /// In comparison form.
    pub upn: Option<String>,
    pub groups: Vec<GroupOf>,
}

impl Store {
    /// Of every client that has some.
    pub(super) async fn reply_rules(&self) -> Result<HashMap<Uuid, Vec<Rule>>, StoreFault> {
        let rows = sqlx::query!(
            "select client_id, position, attribute, value, when_groups, unless_groups, replaces
             from reply_rules order by client_id, position"
        )
        .fetch_all(&self.pool)
        .await?;
        let mut rules = HashMap::<Uuid, Vec<Rule>>::new();
        for row in rows {
            let rule = rule(&row.attribute, &row.value, &row.when_groups, &row.unless_groups, row.replaces);
            let rule = rule.map_err(|what| StoreFault::Unreadable {
                table: "reply_rules",
                row: format!("{} of client {}", row.position, row.client_id),
                what,
            })?;
            rules.entry(row.client_id).or_default().push(rule);
        }
        Ok(rules)
    }

    /// Adds rules behind the others. False if the client is gone, or speaks no RADIUS.
    pub async fn add_reply_rules(&self, client: &Client, rules: &[Rule], by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, client.id).await? {
            return Ok(false);
        }
        let mut events = vec![];
        for rule in rules {
            sqlx::query!(
                "insert into reply_rules (client_id, position, attribute, value, when_groups, unless_groups, replaces)
                 select $1, coalesce(max(position), 0) + 1, $2, $3, $4, $5, $6 from reply_rules where client_id = $1",
                client.id.0,
                rule.target(),
                rule.value.as_str(),
                &texts(&rule.when.any_of),
                &texts(&rule.when.none_of),
                rule.replace,
            )
            .execute(&mut *tx)
            .await?;
            let (client_name, by) = (client.name.clone(), by.to_string());
            events.push(Event::ReplyRuleAdded { client: client.id, client_name, rule: rule.to_string(), by });
        }
        self.administer(&mut tx, events).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes the rule at a place, if it still is the one that stands there. False if not.
    pub async fn remove_reply_rule(
        &self,
        client: &Client,
        position: usize,
        rule: &Rule,
        by: &Actor,
    ) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query!(
            "delete from reply_rules where client_id = $1 and position = $2 and attribute = $3 and value = $4",
            client.id.0,
            place(position),
            rule.target(),
            rule.value.as_str(),
        );
        if !lock(&mut tx, client.id).await? || gone.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        renumber(&mut tx, client.id).await?;
        let (client_name, by) = (client.name.clone(), by.to_string());
        let event = Event::ReplyRuleRemoved { client: client.id, client_name, rule: rule.to_string(), by };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Puts the rule at a place to another, if it still is the one that stands there; the others close up. False if not.
    pub async fn move_reply_rule(
        &self,
        client: &Client,
        position: usize,
        rule: &Rule,
        to: usize,
        by: &Actor,
    ) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        // Between two others, behind whom it passes on its way; numbers are dense again afterwards.
        let between = if to > position { place(to) * 2 + 1 } else { place(to) * 2 - 1 };
        let moved = sqlx::query!(
            "update reply_rules set position = case when position = $2 then $5 else position * 2 end
             where client_id = $1 and exists (select 1 from reply_rules where client_id = $1 and position = $2
                                                                          and attribute = $3 and value = $4)",
            client.id.0,
            place(position),
            rule.target(),
            rule.value.as_str(),
            between,
        );
        if !lock(&mut tx, client.id).await? || moved.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        renumber(&mut tx, client.id).await?;
        let (client_name, by) = (client.name.clone(), by.to_string());
        let to = u32::try_from(to).unwrap_or(u32::MAX);
        let event = Event::ReplyRuleMoved { client: client.id, client_name, rule: rule.to_string(), to, by };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What rules may say of a user; `None` if we do not know them.
    pub async fn reply_person(&self, user: UserId) -> Result<Option<Known>, StoreFault> {
        let row = sqlx::query!(
            r#"select u.name, u.mail, u.profile ->> 'first' as first, u.profile ->> 'last' as last,
                      (select min(n.folded) from user_names n
                       where n.user_id = u.id and n.folded like '%@%' and n.folded not like '%=%'
                         and n.folded <> lower(coalesce(u.mail, ''))) as upn,
                      array(select g.name from user_groups x join groups g on g.id = x.group_id
                            where x.user_id = u.id order by g.name, g.dn) as "names!",
                      array(select g.dn from user_groups x join groups g on g.id = x.group_id
                            where x.user_id = u.id order by g.name, g.dn) as "dns!"
               from users u where u.id = $1"#,
            user.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| {
            let called: Vec<String> = [row.first, row.last].into_iter().flatten().collect();
            Known {
                name: row.name,
                display: (!called.is_empty()).then(|| called.join(" ")),
                upn: row.upn.or_else(|| row.mail.clone()),
                mail: row.mail,
                groups: row.names.into_iter().zip(row.dns).map(|(name, dn)| GroupOf { name, dn }).collect(),
            }
        }))
    }
}

/// One administrator at a time changes a client's rules. False if there is nothing to change.
async fn lock(connection: &mut PgConnection, client: ClientId) -> Result<bool, StoreFault> {
    let there = sqlx::query!("select client_id from radius_clients where client_id = $1 for update", client.0)
        .fetch_optional(connection)
        .await?;
    Ok(there.is_some())
}

async fn renumber(connection: &mut PgConnection, client: ClientId) -> Result<(), StoreFault> {
    sqlx::query!(
        "update reply_rules r set position = n.place::integer
         from (select position, row_number() over (order by position) as place from reply_rules where client_id = $1) n
         where r.client_id = $1 and r.position = n.position",
        client.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn rule(attribute: &str, value: &str, when: &[String], unless: &[String], replace: bool) -> Result<Rule, String> {
    let rule = Rule::new(attribute, value).map_err(|fault| format!("{attribute}={value}: {fault}"))?;
    let names = |texts: &[String]| {
        let names = texts.iter().map(|text| GroupName::parse(text).map_err(|fault| format!("group {text:?}: {fault}")));
        names.collect::<Result<Vec<_>, _>>()
    };
    let when = Condition { any_of: names(when)?, none_of: names(unless)? };
    Ok(Rule { when, replace, ..rule })
}

fn texts(names: &[GroupName]) -> Vec<String> {
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

fn place(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX / 4)
}
