//! Hardware tokens in stock: they belong to nobody until somebody claims one. Seeds are sealed to their row.

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::Actor;
use super::authenticators::Enrolment;
use super::enrolments::{Enrolling, locked, proven};
use super::seal::Place;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::ids::{AuthenticatorId, UserId};
use crate::domain::label::Label;
use crate::domain::otp::{Digits, Hash, Parameters, Period, TotpMemory};
use crate::domain::secret::Seed;
use crate::domain::user::Token;

pub(super) fn place(id: &Uuid) -> Place<'_> {
    Place::new("token_stock", "seed_sealed", id.as_bytes())
}

/// A token in stock, without its seed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Stocked {
    pub serial: String,
    pub factor: String,
    pub digits: i16,
    pub period: i16,
    pub hash: String,
    pub counter: i64,
    pub added_at: Timestamp,
}

/// A token in stock that somebody may claim.
pub struct Claimable {
    id: Uuid,
    pub serial: String,
    pub token: Token,
}

impl Claimable {
    /// The same token, where its codes have shown it to be.
    #[must_use]
    pub fn at(self, token: Token) -> Self {
        Self { token, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    Done(AuthenticatorId),
    /// Somebody else was quicker.
    Gone,
    /// It was to be the person's first authenticator, and there is one by now.
    Taken,
    Barred,
}

impl Store {
    /// Puts a token into stock; false if one of this serial number is there already, or is somebody's.
    pub async fn stock_token(&self, serial: &str, token: &Token, by: &Actor) -> Result<bool, StoreFault> {
        let (seed, parameters, counter) = match token {
            Token::App | Token::Passkey(_) => return Ok(false),
            Token::Totp { seed, parameters, .. } => (seed, parameters, 0),
            Token::Hotp { seed, parameters, next_counter } => (seed, parameters, *next_counter),
        };
        let id = self.ambient.id();
        let sealed = self.keyring.seal(&place(&id), seed.expose(), self.ambient.bytes());
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query!(
            "insert into token_stock (id, serial, factor, seed_sealed, hash, digits, period, counter, added_at)
             select $1, $2, $3, $4, $5, $6, $7, $8, $9
             where not exists (select from authenticators where serial = $2)
             on conflict (serial) do nothing",
            id,
            serial,
            token.factor().as_str(),
            sealed,
            parameters.hash.name(),
            i16::from(parameters.digits.count()),
            i16::from(parameters.period.seconds()),
            i64::try_from(counter).unwrap_or(i64::MAX),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.administer(&mut tx, vec![Event::TokenStocked { serial: serial.to_owned(), by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Those of these serial numbers that are in stock.
    pub async fn stocked_serials(&self, serials: &[String]) -> Result<Vec<String>, StoreFault> {
        Ok(sqlx::query_scalar!("select serial from token_stock where serial = any($1)", serials)
            .fetch_all(&self.pool)
            .await?)
    }

    /// All tokens in stock, by serial number.
    pub async fn token_stock(&self) -> Result<Vec<Stocked>, StoreFault> {
        let rows = sqlx::query!(
            "select serial, factor, digits, period, hash, counter, added_at from token_stock order by serial"
        )
        .fetch_all(&self.pool)
        .await?;
        let rows = rows.into_iter().map(|row| Stocked {
            serial: row.serial,
            factor: row.factor,
            digits: row.digits,
            period: row.period,
            hash: row.hash,
            counter: row.counter,
            added_at: row.added_at.to_jiff(),
        });
        Ok(rows.collect())
    }

    /// Takes a token out of stock for good; false if it is not there.
    pub async fn unstock_token(&self, serial: &str, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query!("delete from token_stock where serial = $1", serial).execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        self.administer(&mut tx, vec![Event::TokenUnstocked { serial: serial.to_owned(), by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The token in stock with this serial number.
    pub async fn claimable(&self, serial: &str) -> Result<Option<Claimable>, StoreFault> {
        let row = sqlx::query!(
            "select id, serial, factor, seed_sealed, hash, digits, period, counter from token_stock where serial = $1",
            serial
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let unreadable = |what: &str| StoreFault::Unreadable {
            table: "token_stock",
            row: row.id.to_string(),
            what: what.to_owned(),
        };
        let seed = Seed::new(self.keyring.open(&place(&row.id), &row.seed_sealed)?.as_slice());
        let parameters = Parameters {
            hash: Hash::from_name(&row.hash).map_err(|_| unreadable("hash"))?,
            digits: u8::try_from(row.digits)
                .ok()
                .and_then(|digits| Digits::new(digits).ok())
                .ok_or_else(|| unreadable("digits"))?,
            period: u8::try_from(row.period)
                .ok()
                .and_then(|period| Period::new(period).ok())
                .ok_or_else(|| unreadable("period"))?,
        };
        let token = match row.factor.as_str() {
            "totp" => Token::Totp { seed, parameters, memory: TotpMemory::default() },
            "hotp" => Token::Hotp { seed, parameters, next_counter: u64::try_from(row.counter).unwrap_or(0) },
            _ => return Err(unreadable("factor")),
        };
        Ok(Some(Claimable { id: row.id, serial: row.serial, token }))
    }

    /// Makes a token in stock a person's: `claimed` as it stands after the codes that showed it to be at hand.
    pub async fn claim_token(
        &self,
        user: UserId,
        enrolling: Enrolling,
        claimed: &Claimable,
        label: &Label,
        by: &Actor,
    ) -> Result<Claimed, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let Some(name) = locked(&mut tx, user, now).await? else { return Ok(Claimed::Barred) };
        let session = enrolling.session();
        if enrolling.is_first() && proven(&mut tx, user, None).await? > 0 {
            return Ok(Claimed::Taken);
        }
        let taken = sqlx::query!("delete from token_stock where id = $1", claimed.id).execute(&mut *tx).await?;
        if taken.rows_affected() == 0 {
            return Ok(Claimed::Gone);
        }
        let enrolment = Enrolment { token: &claimed.token, label: label.as_str(), serial: Some(&claimed.serial) };
        let id = self.insert_authenticator(&mut tx, (user, &name), &enrolment, by).await?;
        let anchor = match &claimed.token {
            Token::Totp { memory, .. } => memory.anchor,
            Token::App | Token::Hotp { .. } | Token::Passkey(_) => 0,
        };
        sqlx::query!(
            "update authenticators set anchor = $2, last_used_at = $3 where id = $1",
            id.0,
            anchor,
            sql(now) as _
        )
        .execute(&mut *tx)
        .await?;
        if enrolling.is_first() {
            self.end_first_enrolments(&mut tx, (user, &name), session, by).await?;
        }
        let event = Event::TokenClaimed { user, name, serial: claimed.serial.clone(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(Claimed::Done(id))
    }
}
