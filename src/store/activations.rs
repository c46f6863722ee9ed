//! Activation codes: kept hashed, redeemed once, under the user's lock (SECURITY R28).

use hmac::Mac as _;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use zeroize::Zeroizing;

use super::audit::Actor;
use super::authenticators::Enrolment;
use super::enrolments::{Enrolling, locked, proven};
use super::{Store, StoreFault, sql};
use crate::domain::activation::{ActivationCode, DeviceLimit, LIFETIME, LONG, Purpose, SHORT, State, long_text, state};
use crate::domain::audit::Event;
use crate::domain::crockford;
use crate::domain::factor::Factor;
use crate::domain::ids::{ActivationId, AuthenticatorId, UserId};
use crate::domain::label::Label;
use crate::domain::mac;
use crate::domain::user::Token;

/// A code that was just made: what is shown once.
pub struct Activation {
    pub id: ActivationId,
    /// For a QR code or a link.
    pub long: Zeroizing<String>,
    /// For typing: `XXXX-XXXX`.
    pub short: Zeroizing<String>,
    pub until: Timestamp,
}

pub enum Made {
    Activation(Activation),
    /// The person has so many phones already.
    TooMany,
    /// It was to be the first, and there is one by now.
    Taken,
    Barred,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    Done {
        user: UserId,
        authenticator: AuthenticatorId,
    },
    /// No such code, or not for this.
    Unknown,
    /// Its time is up, or the person took it back.
    Over,
    /// For the second time: it is recorded as an alert.
    Reused,
    TooMany,
    Taken,
    Barred,
}

impl Store {
    /// Makes a code for a person. Those made before and not used are void: the page shows one.
    pub async fn make_activation(
        &self,
        user: UserId,
        enrolling: Enrolling,
        purpose: Purpose,
        limit: DeviceLimit,
        by: &Actor,
    ) -> Result<Made, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, now).await? else { return Ok(Made::Barred) };
        let session = enrolling.session().filter(|_| enrolling.is_first());
        if session.is_some() && proven(&mut tx, user, None).await? > 0 {
            return Ok(Made::Taken);
        }
        if proven(&mut tx, user, Some(Factor::App)).await? >= i64::from(limit.get()) {
            return Ok(Made::TooMany);
        }
        sqlx::query!(
            "update activations set cancelled_at = $2
             where user_id = $1 and used_at is null and cancelled_at is null and first_session is not distinct from $3",
            user.0,
            sql(now) as _,
            session,
        )
        .execute(&mut *tx)
        .await?;
        let id = ActivationId(self.ambient.id());
        let long = Zeroizing::new(self.ambient.bytes::<LONG>());
        let short = crockford::letters(&*Zeroizing::new(self.ambient.bytes::<SHORT>()));
        let until = self.ambient.after(LIFETIME);
        sqlx::query!(
            "insert into activations (id, user_id, purpose, code_hash, short_mac, device_limit, first_session, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            id.0,
            user.0,
            purpose.as_str(),
            &Sha256::digest(*long)[..],
            &self.short_mac(short.as_bytes())[..],
            i16::from(limit.get()),
            session,
            sql(now) as _,
            sql(until) as _,
        )
        .execute(&mut *tx)
        .await?;
        let event =
            Event::ActivationMade { user, name, activation: id, purpose: purpose.as_str(), until, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(Made::Activation(Activation { id, long: long_text(&long), short: crockford::grouped(&short), until }))
    }

    /// What has become of a person's code.
    pub async fn activation_state(&self, user: UserId, id: ActivationId) -> Result<Option<State>, StoreFault> {
        let row = sqlx::query!(
            r#"select expires_at, used_at is not null as "used!", cancelled_at is not null as "cancelled!"
               from activations where id = $1 and user_id = $2"#,
            id.0,
            user.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| state(row.used, row.cancelled, row.expires_at.to_jiff(), self.ambient.now())))
    }

    /// Takes a code back; false if it waits no more.
    pub async fn cancel_activation(&self, user: UserId, id: ActivationId, by: &Actor) -> Result<bool, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let name = sqlx::query_scalar!("select name from users where id = $1 for no key update", user.0)
            .fetch_optional(&mut *tx)
            .await?;
        let done = sqlx::query!(
            "update activations set cancelled_at = $3
             where id = $1 and user_id = $2 and used_at is null and cancelled_at is null and expires_at > $3",
            id.0,
            user.0,
            sql(now) as _,
        )
        .execute(&mut *tx)
        .await?;
        let Some(name) = name.filter(|_| done.rows_affected() > 0) else { return Ok(false) };
        let event = Event::ActivationCancelled { user, name, activation: id, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Redeems a code: a phone is the person's authenticator from now on. Of two that try, one wins.
    pub async fn redeem_activation(
        &self,
        code: &ActivationCode,
        purpose: Purpose,
        label: &Label,
        by: &Actor,
    ) -> Result<Redeemed, StoreFault> {
        let now = self.ambient.now();
        let (long, short) = match code {
            ActivationCode::Long(code) => (Some(Sha256::digest(code.expose()).to_vec()), None),
            ActivationCode::Short(code) => (None, Some(self.short_mac(code.expose()).to_vec())),
        };
        let mut tx = self.pool.begin().await?;
        let found = sqlx::query!(
            "select id, user_id from activations where (code_hash = $1 or short_mac = $2) and purpose = $3",
            long,
            short,
            purpose.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else { return Ok(Redeemed::Unknown) };
        let (id, user) = (ActivationId(found.id), UserId(found.user_id));
        // The user's lock comes first, as everywhere; what the code is worth is read under it.
        let Some(name) = locked(&mut tx, user, now).await? else { return Ok(Redeemed::Barred) };
        let row = sqlx::query!(
            r#"select expires_at, used_at is not null as "used!", cancelled_at is not null as "cancelled!", device_limit,
                      first_session
               from activations where id = $1 for update"#,
            id.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        match state(row.used, row.cancelled, row.expires_at.to_jiff(), now) {
            State::Waiting => {}
            State::Expired | State::Cancelled => return Ok(Redeemed::Over),
            State::Used => {
                let event = Event::ActivationReused { user, name, activation: id, by: by.to_string() };
                self.administer(&mut tx, vec![event]).await?;
                tx.commit().await?;
                return Ok(Redeemed::Reused);
            }
        }
        if row.first_session.is_some() && proven(&mut tx, user, None).await? > 0 {
            return Ok(Redeemed::Taken);
        }
        if proven(&mut tx, user, Some(Factor::App)).await? >= i64::from(row.device_limit) {
            return Ok(Redeemed::TooMany);
        }
        sqlx::query!("update activations set used_at = $2 where id = $1", id.0, sql(now) as _)
            .execute(&mut *tx)
            .await?;
        let enrolment = Enrolment { token: &Token::App, label: label.as_str(), serial: None };
        let authenticator = self.insert_authenticator(&mut tx, (user, &name), &enrolment, by).await?;
        if row.first_session.is_some() {
            self.end_first_enrolments(&mut tx, (user, &name), row.first_session, by).await?;
        }
        let event = Event::ActivationUsed { user, name, activation: id, authenticator, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(Redeemed::Done { user, authenticator })
    }

    fn short_mac(&self, code: &[u8]) -> [u8; 32] {
        let mut mac = mac::keyed(self.join_secret());
        mac.update(b"activation ");
        mac.update(code);
        mac.finalize().into_bytes().into()
    }
}

/// Codes made in a first enrolment, once there is a first authenticator.
pub(super) async fn cancel_first(tx: &mut PgConnection, user: UserId, now: Timestamp) -> Result<(), StoreFault> {
    sqlx::query!(
        "update activations set cancelled_at = $2
         where user_id = $1 and used_at is null and cancelled_at is null and first_session is not null",
        user.0,
        sql(now) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// All codes of a person that wait.
pub(super) async fn cancel_all(tx: &mut PgConnection, user: UserId, now: Timestamp) -> Result<(), StoreFault> {
    sqlx::query!(
        "update activations set cancelled_at = $2 where user_id = $1 and used_at is null and cancelled_at is null",
        user.0,
        sql(now) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}
