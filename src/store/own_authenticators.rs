//! A person's own authenticators as the person manages them: list, rename, try out, remove.

use jiff::Timestamp;

use super::audit::Actor;
use super::enrolments::{locked, proven};
use super::users::end_graces;
use super::{Store, StoreFault, challenges, sql};
use crate::domain::audit::Event;
use crate::domain::factor::Factor;
use crate::domain::ids::{AuthenticatorId, ChallengeId, UserId};
use crate::domain::label::Label;
use crate::domain::user::{Authenticator, Token};

/// An authenticator as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub id: AuthenticatorId,
    pub factor: Factor,
    pub label: String,
    pub serial: Option<String>,
    pub added_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// A recovery code as its owner sees it: never the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnRecoveryCode {
    pub used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    Done,
    Gone,
    Barred,
}

/// Is it to go even if it is the last one?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvenTheLast {
    No,
    Yes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Done(Factor),
    /// It is the last one; nothing was changed.
    IsLast,
    Gone,
    Barred,
}

impl Store {
    /// A person's authenticators that count, the oldest first.
    pub async fn own_authenticators(&self, user: UserId) -> Result<Vec<Own>, StoreFault> {
        let rows = sqlx::query!(
            r#"select id, factor, label, serial, proven_at as "proven_at!", last_used_at from authenticators
               where user_id = $1 and proven_at is not null order by proven_at, id"#,
            user.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let unreadable = |_| StoreFault::Unreadable {
                    table: "authenticators",
                    row: row.id.to_string(),
                    what: "factor".to_owned(),
                };
                Ok(Own {
                    id: AuthenticatorId(row.id),
                    factor: row.factor.parse().map_err(unreadable)?,
                    label: row.label,
                    serial: row.serial,
                    added_at: row.proven_at.to_jiff(),
                    last_used_at: row.last_used_at.map(jiff_sqlx::Timestamp::to_jiff),
                })
            })
            .collect()
    }

    /// A person's recovery codes, the used ones last.
    pub async fn own_recovery_codes(&self, user: UserId) -> Result<Vec<OwnRecoveryCode>, StoreFault> {
        let rows = sqlx::query!(
            "select used_at from recovery_codes where user_id = $1 order by used_at nulls first, handle",
            user.0
        )
        .fetch_all(&self.pool)
        .await?;
        let code = |used_at: Option<jiff_sqlx::Timestamp>| OwnRecoveryCode {
            used_at: used_at.map(jiff_sqlx::Timestamp::to_jiff),
        };
        Ok(rows.into_iter().map(|row| code(row.used_at)).collect())
    }

    pub async fn rename_authenticator(
        &self,
        user: UserId,
        id: AuthenticatorId,
        label: &Label,
        by: &Actor,
    ) -> Result<Renamed, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, self.ambient.now()).await? else { return Ok(Renamed::Barred) };
        let done = sqlx::query!(
            "update authenticators set label = $3 where id = $1 and user_id = $2 and proven_at is not null",
            id.0,
            user.0,
            label.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(Renamed::Gone);
        }
        let event = Event::AuthenticatorRenamed { user, name, authenticator: id, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(Renamed::Done)
    }

    /// Takes an authenticator from a person. What a phone was asked and has not answered ends with it.
    pub async fn remove_authenticator(
        &self,
        user: UserId,
        id: AuthenticatorId,
        even_the_last: EvenTheLast,
        by: &Actor,
    ) -> Result<Removed, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, self.ambient.now()).await? else { return Ok(Removed::Barred) };
        let count = proven(&mut tx, user, None).await?;
        let gone = sqlx::query_scalar!(
            "delete from authenticators where id = $1 and user_id = $2 and proven_at is not null returning factor",
            id.0,
            user.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(factor) = gone else { return Ok(Removed::Gone) };
        if count == 1 && even_the_last == EvenTheLast::No {
            // The transaction ends without a commit.
            return Ok(Removed::IsLast);
        }
        let parsed: Factor = factor.parse().map_err(|_| StoreFault::Unreadable {
            table: "authenticators",
            row: id.to_string(),
            what: "factor".to_owned(),
        })?;
        if parsed == Factor::App {
            let open = sqlx::query_scalar!(
                "update challenges set status = 'cancelled' where user_id = $1 and status in ('waiting', 'approved') returning id",
                user.0,
            )
            .fetch_all(&mut *tx)
            .await?;
            for challenge in open {
                challenges::notify(&mut tx, ChallengeId(challenge)).await?;
            }
        }
        sqlx::query!(
            "update users set preferred_factor = null where id = $1 and preferred_factor = $2
               and not exists (select from authenticators where user_id = $1 and factor = $2 and proven_at is not null)",
            user.0,
            factor,
        )
        .execute(&mut *tx)
        .await?;
        end_graces(&mut tx, user).await?;
        let event = Event::AuthenticatorRemoved { user, name, authenticator: id, factor, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(Removed::Done(parsed))
    }

    /// What a person chose to be asked for first.
    pub async fn preferred(&self, user: UserId) -> Result<Option<Factor>, StoreFault> {
        let name = sqlx::query_scalar!("select preferred_factor from users where id = $1", user.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(name.flatten().and_then(|name| name.parse().ok()))
    }

    /// Asks a person for this first from now on; false if they do not have it, or may not sign in.
    pub async fn prefer(&self, user: UserId, factor: Factor, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, self.ambient.now()).await? else { return Ok(false) };
        if proven(&mut tx, user, Some(factor)).await? == 0 {
            return Ok(false);
        }
        sqlx::query!("update users set preferred_factor = $2 where id = $1", user.0, factor.as_str())
            .execute(&mut *tx)
            .await?;
        let event = Event::FactorPreferred { user, name, factor: factor.as_str(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Uses up a right code that was only tried out; false if it was used up before.
    pub async fn spend_code(&self, user: UserId, after: &Authenticator) -> Result<bool, StoreFault> {
        let (anchor, drift, position) = match &after.token {
            Token::App | Token::Passkey(_) => return Ok(false),
            Token::Totp { memory, .. } => (memory.anchor, memory.drift, memory.last_accepted),
            Token::Hotp { next_counter, .. } => (0, 0, Some(*next_counter)),
        };
        let mut tx = self.pool.begin().await?;
        // As everywhere a token moves: a sign-in in flight must not write an older position over it.
        sqlx::query!("select id from users where id = $1 for no key update", user.0).fetch_optional(&mut *tx).await?;
        let moved = sqlx::query!(
            "update authenticators set anchor = $3, drift = $4, position = $5, last_used_at = $6
             where id = $1 and user_id = $2 and proven_at is not null and (position is null or position < $5)",
            after.id.0,
            user.0,
            anchor,
            drift,
            position.map(|position| i64::try_from(position).unwrap_or(i64::MAX)),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(moved.rows_affected() > 0)
    }
}
