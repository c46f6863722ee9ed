//! Users: found by (directory, unique id) for a sign-in, by any of their names for people.

use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::audit::Actor;
use super::authenticators::TokenRow;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::directory::UniqueId;
use crate::domain::directory::profile::Profile;
use crate::domain::directory::state::AccountState;
use crate::domain::ids::{ChallengeId, DirectoryId, UserId};
use crate::domain::name::Folded;
use crate::domain::pin::{Pin, PinHash};
use crate::domain::user::{Account, Failures, User};

/// An account as the directory shows it, on its way into our books.
#[derive(Debug, Clone)]
pub struct Found {
    pub unique_id: UniqueId,
    pub name: String,
    pub dn: String,
    pub profile: Profile,
    /// Groups the account itself names, by DN in comparison form, and its primary group by SID or gidNumber.
    pub member_of: Vec<Folded>,
    pub primary_group: Option<String>,
    pub state: AccountState,
    /// Every name it can be called by, in comparison form.
    pub names: Vec<Folded>,
}

/// What an import did with one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    Added,
    Updated,
    Unchanged,
    /// Somebody else has this name already; neither was touched.
    NameTaken {
        name: String,
    },
}

/// A user as lists show it.
#[derive(Debug, Clone, serde::Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Listed {
    pub id: UserId,
    pub name: String,
    pub directory: String,
    pub dn: String,
    pub mail: Option<String>,
    pub profile: Profile,
    /// What the directory said of the account when it was last read.
    pub in_directory: AccountState,
    /// Whether we let the account be used.
    pub enabled: bool,
    pub blocked: bool,
    pub locked_until: Option<Timestamp>,
    pub bypass_until: Option<Timestamp>,
    pub has_pin: bool,
    pub pin_must_change: bool,
    pub factors: Vec<String>,
    /// A language tag: the person's own choice, before the directory's in the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_chosen: Option<String>,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a column")]
pub(super) struct UserRow {
    pub id: Uuid,
    pub directory_id: Uuid,
    pub unique_id: String,
    pub name: String,
    pub enabled: bool,
    pub blocked: bool,
    pub failures: i32,
    pub lockouts: i32,
    pub locked_until: Option<jiff_sqlx::Timestamp>,
    pub bypass_until: Option<jiff_sqlx::Timestamp>,
    pub preferred_factor: Option<String>,
    pub last_factor: Option<String>,
    pub recovery_codes: i64,
    pub had_recovery_codes: bool,
    pub pin_hash: Option<String>,
    pub pin_must_change: bool,
}

impl UserRow {
    pub(super) fn account(self, tokens: Vec<TokenRow>, store: &Store) -> Result<Account, StoreFault> {
        let factor = |kept: Option<String>| kept.and_then(|factor| factor.parse().ok());
        Ok(Account {
            user: User {
                id: UserId(self.id),
                directory: DirectoryId(self.directory_id),
                unique_id: UniqueId(self.unique_id),
                name: self.name,
                enabled: self.enabled,
                blocked: self.blocked,
            },
            failures: Failures {
                count: u32::try_from(self.failures).unwrap_or(0),
                lockouts: u32::try_from(self.lockouts).unwrap_or(0),
                locked_until: self.locked_until.map(from_sql),
            },
            authenticators: tokens.into_iter().map(|token| token.open(store)).collect::<Result<_, _>>()?,
            recovery_codes: u32::try_from(self.recovery_codes).unwrap_or(u32::MAX),
            bypass_until: self.bypass_until.map(from_sql),
            grace_until: None,
            preferred_factor: factor(self.preferred_factor),
            last_factor: factor(self.last_factor),
            had_recovery_codes: self.had_recovery_codes,
            pin: self.pin_hash.map(|hash| Pin { hash: PinHash::new(hash), must_change: self.pin_must_change }),
        })
    }
}

fn from_sql(at: jiff_sqlx::Timestamp) -> Timestamp {
    at.to_jiff()
}

pub(super) fn state_from_sql(disabled: Option<bool>, until: Option<jiff_sqlx::Timestamp>) -> AccountState {
    AccountState { disabled, until: until.map(from_sql) }
}

impl Store {
    /// Everything that decides about one account's sign-in; `None` if we do not know it.
    pub async fn account(
        &self,
        directory: DirectoryId,
        unique_id: &UniqueId,
        join_key: &[u8],
    ) -> Result<Option<Account>, StoreFault> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query!(
            r#"select u.id, u.unique_id, u.name, u.enabled, u.blocked, u.failures, u.lockouts,
                      u.locked_until, u.bypass_until, u.preferred_factor, u.last_factor, u.pin_hash, u.pin_must_change,
                      exists (select from recovery_codes r where r.user_id = u.id) as "had_recovery_codes!",
                      (select count(*) from recovery_codes r where r.user_id = u.id and r.used_at is null)
                          as "recovery_codes!",
                      (select until from graces g where g.join_key = $3 and g.user_id = u.id) as grace_until
               from users u where u.directory_id = $1 and u.unique_id = $2"#,
            directory.0,
            unique_id.0,
            join_key,
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let tokens = super::authenticators::tokens(&mut connection, &[row.id]).await?;
        drop(connection);
        let user = UserRow {
            id: row.id,
            directory_id: directory.0,
            unique_id: row.unique_id,
            name: row.name,
            enabled: row.enabled,
            blocked: row.blocked,
            failures: row.failures,
            lockouts: row.lockouts,
            locked_until: row.locked_until,
            bypass_until: row.bypass_until,
            preferred_factor: row.preferred_factor,
            last_factor: row.last_factor,
            recovery_codes: row.recovery_codes,
            had_recovery_codes: row.had_recovery_codes,
            pin_hash: row.pin_hash,
            pin_must_change: row.pin_must_change,
        };
        let mut account = user.account(tokens, self)?;
        account.grace_until = row.grace_until.map(from_sql);
        Ok(Some(account))
    }

    /// The user a person means by a name, in any of its forms. Several directories may each have one.
    pub async fn find_users(&self, name: &Folded) -> Result<Vec<Listed>, StoreFault> {
        let ids = sqlx::query_scalar!("select user_id from user_names where folded = $1", name.as_str())
            .fetch_all(&self.pool)
            .await?;
        self.listed(Some(&ids)).await
    }

    /// The directories in which somebody is known by this name.
    pub async fn directories_of_name(&self, name: &Folded) -> Result<Vec<DirectoryId>, StoreFault> {
        let ids = sqlx::query_scalar!("select directory_id from user_names where folded = $1", name.as_str())
            .fetch_all(&self.pool)
            .await?;
        Ok(ids.into_iter().map(DirectoryId).collect())
    }

    pub async fn users(&self) -> Result<Vec<Listed>, StoreFault> {
        self.listed(None).await
    }

    /// One of them.
    pub async fn user(&self, id: UserId) -> Result<Option<Listed>, StoreFault> {
        Ok(self.listed(Some(&[id.0])).await?.pop())
    }

    pub(super) async fn listed(&self, ids: Option<&[Uuid]>) -> Result<Vec<Listed>, StoreFault> {
        let rows = sqlx::query!(
            r#"select u.id, u.name, d.name as directory, u.dn, u.mail, u.profile as "profile: Json<Profile>",
                      u.directory_disabled, u.directory_until, u.enabled, u.blocked, u.locked_until, u.bypass_until,
                      u.language_chosen, u.pin_hash is not null as "has_pin!", u.pin_must_change,
                      array(select a.factor from authenticators a where a.user_id = u.id and a.proven_at is not null
                            order by a.factor) as "factors!",
                      (select count(*) from recovery_codes r where r.user_id = u.id and r.used_at is null) as "codes!"
               from users u join directories d on d.id = u.directory_id
               where $1::uuid[] is null or u.id = any($1)
               order by u.name"#,
            ids as _,
        )
        .fetch_all(&self.pool)
        .await?;
        let now = self.ambient.now();
        let still = |at: Option<jiff_sqlx::Timestamp>| at.map(from_sql).filter(|at| now < *at);
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut factors = row.factors;
                if row.codes > 0 {
                    factors.push(format!("recovery-code ({})", row.codes));
                }
                Listed {
                    id: UserId(row.id),
                    name: row.name,
                    directory: row.directory,
                    dn: row.dn,
                    profile: Profile { mail: row.mail.clone(), ..row.profile.0 },
                    mail: row.mail,
                    in_directory: state_from_sql(row.directory_disabled, row.directory_until),
                    enabled: row.enabled,
                    blocked: row.blocked,
                    locked_until: still(row.locked_until),
                    bypass_until: still(row.bypass_until),
                    factors,
                    has_pin: row.has_pin,
                    pin_must_change: row.pin_must_change,
                    language_chosen: row.language_chosen,
                }
            })
            .collect())
    }

    /// Takes accounts of a directory into our books, one transaction for all of them. Known ones get their new names.
    pub async fn import_users(
        &self,
        directory: DirectoryId,
        found: &[Found],
        by: &Actor,
    ) -> Result<Vec<Imported>, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let mut results = Vec::with_capacity(found.len());
        let mut events = vec![];
        for account in found {
            let result = self.import_one(&mut tx, directory, account).await?;
            if let (Imported::Added, Some(id)) = (&result.0, result.1) {
                events.push(Event::UserImported { user: id, name: account.name.clone(), by: by.to_string() });
            }
            results.push(result.0);
        }
        if !events.is_empty() {
            self.administer(&mut tx, events).await?;
        }
        tx.commit().await?;
        Ok(results)
    }

    async fn import_one(
        &self,
        tx: &mut PgConnection,
        directory: DirectoryId,
        found: &Found,
    ) -> Result<(Imported, Option<UserId>), StoreFault> {
        let mut names: Vec<String> = found.names.iter().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let taken = sqlx::query_scalar!(
            "select n.folded from user_names n join users u on u.id = n.user_id
             where n.directory_id = $1 and n.folded = any($2) and u.unique_id <> $3 limit 1",
            directory.0,
            &names,
            found.unique_id.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(name) = taken {
            return Ok((Imported::NameTaken { name }, None));
        }
        let known = sqlx::query!(
            r#"select id, name, dn, mail, profile as "profile: Json<Profile>", member_of, primary_group, directory_disabled,
                      directory_until,
                      array(select folded from user_names n where n.user_id = users.id order by folded) as "names!"
               from users where directory_id = $1 and unique_id = $2 for no key update"#,
            directory.0,
            found.unique_id.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let member_of: Vec<String> = found.member_of.iter().map(|group| group.as_str().to_owned()).collect();
        let (id, result) = if let Some(known) = known {
            let profile = Profile { mail: known.mail, ..known.profile.0 };
            let same = known.name == found.name
                && known.dn == found.dn
                && profile == found.profile
                && state_from_sql(known.directory_disabled, known.directory_until) == found.state
                && known.names == names;
            let same_groups = known.member_of == member_of && known.primary_group == found.primary_group;
            if same && same_groups {
                return Ok((Imported::Unchanged, Some(UserId(known.id))));
            }
            sqlx::query!(
                "update users set name = $2, dn = $3, mail = $4, profile = $5, member_of = $6, primary_group = $7,
                                  directory_disabled = $8, directory_until = $9, fingerprint = null where id = $1",
                known.id,
                found.name,
                found.dn,
                found.profile.mail,
                Json(&found.profile) as _,
                &member_of,
                found.primary_group,
                found.state.disabled,
                found.state.until.map(sql) as _,
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query!("delete from user_names where user_id = $1", known.id).execute(&mut *tx).await?;
            (known.id, Imported::Updated)
        } else {
            let id = self.ambient.id();
            sqlx::query!(
                "insert into users (id, directory_id, unique_id, name, dn, mail, profile, directory_disabled, directory_until,
                                    created_at, member_of, primary_group)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                id,
                directory.0,
                found.unique_id.0,
                found.name,
                found.dn,
                found.profile.mail,
                Json(&found.profile) as _,
                found.state.disabled,
                found.state.until.map(sql) as _,
                sql(self.ambient.now()) as _,
                &member_of,
                found.primary_group,
            )
            .execute(&mut *tx)
            .await?;
            (id, Imported::Added)
        };
        sqlx::query!(
            "insert into user_names (directory_id, folded, user_id) select $1, unnest($2::text[]), $3",
            directory.0,
            &names,
            id,
        )
        .execute(&mut *tx)
        .await?;
        super::groups::groups_changed(tx, directory).await?;
        Ok((result, Some(UserId(id))))
    }

    /// Disabled in our books; graces end at once.
    pub async fn set_enabled(&self, user: &Listed, enabled: bool, by: &Actor) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        // A person's word: a run of the sync does not take it back.
        sqlx::query!("update users set enabled = $2, enabled_by = 'person' where id = $1", user.id.0, enabled)
            .execute(&mut *tx)
            .await?;
        end_graces(&mut tx, user.id).await?;
        if !enabled {
            sqlx::query!("delete from sessions where user_id = $1", user.id.0).execute(&mut *tx).await?;
        }
        let (user, name, by) = (user.id, user.name.clone(), by.to_string());
        let event =
            if enabled { Event::UserEnabled { user, name, by } } else { Event::UserDisabled { user, name, by } };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends lockout and block.
    pub async fn unlock(&self, user: &Listed, by: &Actor) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "update users set failures = 0, lockouts = 0, locked_until = null, blocked = false where id = $1",
            user.id.0,
        )
        .execute(&mut *tx)
        .await?;
        let event = Event::UserUnlocked { user: user.id, name: user.name.clone(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One sign-in without a second factor, until the time is up.
    pub async fn grant_bypass(
        &self,
        user: &Listed,
        span: SignedDuration,
        reason: Option<&str>,
        by: &Actor,
    ) -> Result<Timestamp, StoreFault> {
        let until = self.ambient.after(span);
        let mut tx = self.pool.begin().await?;
        sqlx::query!("update users set bypass_until = $2 where id = $1", user.id.0, sql(until) as _)
            .execute(&mut *tx)
            .await?;
        let (id, name, reason) = (user.id, user.name.clone(), reason.map(str::to_owned));
        let event = Event::BypassGranted { user: id, name, until, reason, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(until)
    }

    /// Takes a bypass back; false if there was none that could still be used.
    pub async fn end_bypass(&self, user: &Listed, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let ended = sqlx::query!(
            "update users set bypass_until = null where id = $1 and bypass_until > $2",
            user.id.0,
            sql(self.ambient.now()) as _,
        );
        if ended.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let event = Event::BypassEnded { user: user.id, name: user.name.clone(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes every factor, the PIN, grace, bypass and lockout away; the person enrols anew. Returns the authenticators removed.
    pub async fn reset(&self, user: &Listed, by: &Actor) -> Result<u64, StoreFault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "update users set failures = 0, lockouts = 0, locked_until = null, bypass_until = null,
                              preferred_factor = null, last_factor = null, pin_hash = null, pin_must_change = false
             where id = $1",
            user.id.0,
        )
        .execute(&mut *tx)
        .await?;
        let gone = sqlx::query_scalar!(
            r#"delete from authenticators where user_id = $1 returning proven_at is not null as "counts!""#,
            user.id.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        super::activations::cancel_all(&mut tx, user.id, self.ambient.now()).await?;
        sqlx::query!("delete from recovery_codes where user_id = $1", user.id.0).execute(&mut *tx).await?;
        super::questions::forget(&mut tx, user.id).await?;
        // Whoever is signed in as the person may be why this is done.
        sqlx::query!("delete from sessions where user_id = $1", user.id.0).execute(&mut *tx).await?;
        sqlx::query!("delete from enrolment_links where user_id = $1 and used_at is null", user.id.0)
            .execute(&mut *tx)
            .await?;
        // A lost phone must not answer what was asked before.
        let open = sqlx::query_scalar!(
            "update challenges set status = 'cancelled' where user_id = $1 and status in ('waiting', 'approved') returning id",
            user.id.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        for challenge in open {
            super::challenges::notify(&mut tx, ChallengeId(challenge)).await?;
        }
        end_graces(&mut tx, user.id).await?;
        let authenticators = gone.iter().filter(|counts| **counts).count() as u64;
        let event = Event::UserReset { user: user.id, name: user.name.clone(), authenticators, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(authenticators)
    }
}

pub(super) async fn end_graces(connection: &mut PgConnection, user: UserId) -> Result<(), StoreFault> {
    sqlx::query!("delete from graces where user_id = $1", user.0).execute(connection).await?;
    Ok(())
}
