//! Enrolment as people do it: an authenticator is begun with a fresh seed, and counts once a right code has shown that it
//! was taken down rightly. What a code is worth is decided above; that it counts once, and for one person, is decided here,
//! under the user's lock.

use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::Actor;
use super::authenticators::{TokenRow, place};
use super::users::end_graces;
use super::{Store, StoreFault, activations, enrolment_links, sql};
use crate::domain::audit::Event;
use crate::domain::factor::Factor;
use crate::domain::ids::{AuthenticatorId, UserId};
use crate::domain::label::Label;
use crate::domain::otp::{Parameters, TotpMemory};
use crate::domain::secret::Seed;
use crate::domain::user::Authenticator;

/// How long a pending authenticator waits for its first code.
const PENDING: SignedDuration = SignedDuration::from_hours(1);
/// Pending authenticators of one person.
const MOST: usize = 3;
/// Wrong tries and used activation codes stay this long.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// In what kind of session somebody enrols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolling {
    /// Their first authenticator, in this session of the portal; only the password is proven there.
    First(Uuid),
    /// One in the place of what was lost, in this session of the recovery page. Only the password and the answers to security
    /// questions are proven there.
    Recovery(Uuid),
    /// Another one, beside the second factor that the session was begun with.
    More,
}

impl Enrolling {
    pub(super) fn session(self) -> Option<Uuid> {
        match self {
            Self::First(session) | Self::Recovery(session) => Some(session),
            Self::More => None,
        }
    }

    pub(super) fn is_first(self) -> bool {
        matches!(self, Self::First(_))
    }
}

/// An authenticator that has shown no right code yet.
pub struct Pending {
    pub authenticator: Authenticator,
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Pending(AuthenticatorId),
    /// So many wait already.
    TooMany,
    /// It was to be the first, and there is one by now.
    Taken,
    /// The user may not sign in, and so changes nothing.
    Barred,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    Done,
    /// By the same person, in another tab.
    Already,
    /// It was never begun here, or its time is up.
    Gone,
    /// It was to be the first, and there is another by now.
    Taken,
    Barred,
}

/// The user's lock, and the user's name if the user may sign in: whoever may not changes nothing.
pub(super) async fn locked(tx: &mut PgConnection, user: UserId, now: Timestamp) -> Result<Option<String>, StoreFault> {
    Ok(sqlx::query_scalar!(
        "select name from users
         where id = $1 and enabled and not blocked and directory_disabled is not true
           and (directory_until is null or directory_until > $2)
         for no key update",
        user.0,
        sql(now) as _,
    )
    .fetch_optional(tx)
    .await?)
}

/// How many authenticators of this factor, or of any, count.
pub(super) async fn proven(tx: &mut PgConnection, user: UserId, factor: Option<Factor>) -> Result<i64, StoreFault> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "proven!" from authenticators
           where user_id = $1 and proven_at is not null and ($2::text is null or factor = $2)"#,
        user.0,
        factor.map(Factor::as_str),
    )
    .fetch_one(tx)
    .await?)
}

impl Store {
    /// Begins with a TOTP authenticator. Of those whom somebody else began who knows the password, the oldest makes room.
    pub async fn begin_totp(
        &self,
        user: UserId,
        enrolling: Enrolling,
        label: &Label,
        (seed, parameters): (&Seed, Parameters),
        by: &Actor,
    ) -> Result<Begun, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, now).await? else { return Ok(Begun::Barred) };
        let session = enrolling.session();
        if enrolling.is_first() && proven(&mut tx, user, None).await? > 0 {
            return Ok(Begun::Taken);
        }
        sqlx::query!("delete from authenticators where user_id = $1 and pending_until <= $2", user.0, sql(now) as _)
            .execute(&mut *tx)
            .await?;
        let waiting = sqlx::query!(
            r#"select id, first_session is not distinct from $2 as "own!" from authenticators
               where user_id = $1 and proven_at is null order by created_at, id"#,
            user.0,
            session,
        )
        .fetch_all(&mut *tx)
        .await?;
        if waiting.iter().filter(|row| row.own).count() >= MOST {
            return Ok(Begun::TooMany);
        }
        if waiting.len() >= MOST
            && let Some(oldest) = waiting.iter().find(|row| !row.own)
        {
            sqlx::query!("delete from authenticators where id = $1", oldest.id).execute(&mut *tx).await?;
        }
        let id = self.ambient.id();
        let sealed = self.keyring.seal(&place(&id), seed.expose(), self.ambient.bytes());
        sqlx::query!(
            "insert into authenticators (id, user_id, factor, label, seed_sealed, hash, digits, period, created_at,
                                         pending_until, first_session)
             values ($1, $2, 'totp', $3, $4, $5, $6, $7, $8, $9, $10)",
            id,
            user.0,
            label.as_str(),
            sealed,
            parameters.hash.name(),
            i16::from(parameters.digits.count()),
            i16::from(parameters.period.seconds()),
            sql(now) as _,
            sql(self.ambient.after(PENDING)) as _,
            session,
        )
        .execute(&mut *tx)
        .await?;
        let authenticator = AuthenticatorId(id);
        let event =
            Event::EnrolmentBegun { user, name, authenticator, factor: Factor::Totp.as_str(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(Begun::Pending(authenticator))
    }

    /// What a person has begun with and not proven, the newest first; in a first enrolment only what this session began.
    pub async fn pending(&self, user: UserId, enrolling: Enrolling) -> Result<Vec<Pending>, StoreFault> {
        let rows = sqlx::query!(
            r#"select id, user_id, factor, label, seed_sealed, hash, digits, period, anchor, drift, position,
                      pending_until as "pending_until!"
               from authenticators
               where user_id = $1 and proven_at is null and pending_until > $2 and first_session is not distinct from $3
               order by created_at desc, id desc"#,
            user.0,
            sql(self.ambient.now()) as _,
            enrolling.session(),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let until = row.pending_until.to_jiff();
                let row = TokenRow {
                    id: row.id,
                    user_id: row.user_id,
                    factor: row.factor,
                    label: row.label,
                    seed_sealed: row.seed_sealed,
                    hash: row.hash,
                    digits: row.digits,
                    period: row.period,
                    anchor: row.anchor,
                    drift: row.drift,
                    position: row.position,
                    // Passkeys are proven by the ceremony that makes them.
                    credential_id: None,
                    credential: None,
                    sign_count: None,
                    backup_eligible: None,
                    backed_up: None,
                    model: None,
                };
                Ok(Pending { authenticator: row.open(self)?, until })
            })
            .collect()
    }

    /// Lets a pending authenticator count: a right code has come, and `memory` has used it up.
    pub async fn prove(
        &self,
        user: UserId,
        id: AuthenticatorId,
        enrolling: Enrolling,
        memory: TotpMemory,
        by: &Actor,
    ) -> Result<Proved, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, now).await? else { return Ok(Proved::Barred) };
        let is_proven = sqlx::query_scalar!(
            r#"select proven_at is not null as "is_proven!" from authenticators where id = $1 and user_id = $2"#,
            id.0,
            user.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if is_proven == Some(true) {
            return Ok(Proved::Already);
        }
        let session = enrolling.session();
        if enrolling.is_first() && proven(&mut tx, user, None).await? > 0 {
            return Ok(Proved::Taken);
        }
        let done = sqlx::query!(
            "update authenticators
             set proven_at = $3, pending_until = null, first_session = null, last_used_at = $3, drift = $5, position = $6
             where id = $1 and user_id = $2 and proven_at is null and pending_until > $3
               and first_session is not distinct from $4",
            id.0,
            user.0,
            sql(now) as _,
            session,
            memory.drift,
            memory.last_accepted.map(|step| i64::try_from(step).unwrap_or(i64::MAX)),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(Proved::Gone);
        }
        let event = Event::Enrolled {
            user,
            name: name.clone(),
            authenticator: id,
            factor: Factor::Totp.as_str(),
            by: by.to_string(),
        };
        self.administer(&mut tx, vec![event]).await?;
        end_graces(&mut tx, user).await?;
        if enrolling.is_first() {
            self.end_first_enrolments(&mut tx, (user, &name), session, by).await?;
        }
        tx.commit().await?;
        Ok(Proved::Done)
    }

    /// Drops what was begun and not proven; false if there is no such.
    pub async fn discard_pending(
        &self,
        user: UserId,
        id: AuthenticatorId,
        enrolling: Enrolling,
    ) -> Result<bool, StoreFault> {
        let gone = sqlx::query!(
            "delete from authenticators
             where id = $1 and user_id = $2 and proven_at is null and first_session is not distinct from $3",
            id.0,
            user.0,
            enrolling.session(),
        );
        Ok(gone.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Somebody has a first authenticator: whatever else was begun with the password alone ends, in every session but the
    /// one that `keeps` its place, and the link that invited them is used up.
    pub(super) async fn end_first_enrolments(
        &self,
        tx: &mut PgConnection,
        (user, name): (UserId, &str),
        keeps: Option<Uuid>,
        by: &Actor,
    ) -> Result<(), StoreFault> {
        let now = self.ambient.now();
        sqlx::query!(
            "delete from authenticators where user_id = $1 and proven_at is null and first_session is not null",
            user.0
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "delete from sessions where user_id = $1 and level = 'enrolling' and id is distinct from $2",
            user.0,
            keeps
        )
        .execute(&mut *tx)
        .await?;
        activations::cancel_first(tx, user, now).await?;
        if enrolment_links::use_up(tx, user, now).await? {
            let event = Event::EnrolmentLinkUsed { user, name: name.to_owned(), by: by.to_string() };
            self.administer(tx, vec![event]).await?;
        }
        Ok(())
    }

    /// What has run out: authenticators never proven, codes, links, tries.
    pub(super) async fn forget_unproven(&self, now: Timestamp) -> Result<(), StoreFault> {
        let old = now.saturating_sub(KEPT).unwrap_or(now);
        sqlx::query!("delete from authenticators where pending_until <= $1", sql(now) as _).execute(&self.pool).await?;
        sqlx::query!("delete from activations where expires_at < $1", sql(old) as _).execute(&self.pool).await?;
        // People follow old links; they are told that one is used, or too old.
        let long_ago = now.saturating_sub(KEPT * 30).unwrap_or(now);
        sqlx::query!("delete from enrolment_links where expires_at < $1", sql(long_ago) as _)
            .execute(&self.pool)
            .await?;
        sqlx::query!("delete from attempts where last_at < $1", sql(old) as _).execute(&self.pool).await?;
        Ok(())
    }
}
