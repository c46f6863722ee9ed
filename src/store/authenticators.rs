//! Authenticators and recovery codes. Seeds are sealed to their row.

use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::Actor;
use super::enrolments::{note_enrolled, was_ever_enrolled};
use super::seal::Place;
use super::users::{Listed, end_graces};
use super::{Store, StoreFault, passkeys, sql};
use crate::domain::audit::Event;
use crate::domain::ids::{AuthenticatorId, UserId};
use crate::domain::otp::{Digits, Hash, Parameters, Period, TotpMemory};
use crate::domain::passkey::{Credential, CredentialId, Standing};
use crate::domain::secret::Seed;
use crate::domain::user::{Authenticator, Token};

pub(super) struct TokenRow {
    pub id: Uuid,
    pub user_id: Uuid,
    pub factor: String,
    pub label: String,
    pub seed_sealed: Option<Vec<u8>>,
    pub hash: Option<String>,
    pub digits: Option<i16>,
    pub period: Option<i16>,
    pub anchor: i32,
    pub drift: i32,
    pub position: Option<i64>,
    pub credential_id: Option<Vec<u8>>,
    pub credential: Option<String>,
    pub sign_count: Option<i64>,
    pub backup_eligible: Option<bool>,
    pub backed_up: Option<bool>,
    pub model: Option<Uuid>,
}

pub(super) fn place(id: &Uuid) -> Place<'_> {
    Place::new("authenticators", "seed_sealed", id.as_bytes())
}

/// All authenticators of these users, as they stand now. Pending ones are none yet.
pub(super) async fn tokens(connection: &mut PgConnection, users: &[Uuid]) -> Result<Vec<TokenRow>, StoreFault> {
    Ok(sqlx::query_as!(
        TokenRow,
        r#"select a.id, a.user_id, a.factor, a.label, a.seed_sealed, a.hash, a.digits, a.period, a.anchor, a.drift, a.position,
                  p.credential_id as "credential_id?", p.credential as "credential?", p.sign_count as "sign_count?",
                  p.backup_eligible as "backup_eligible?", p.backed_up as "backed_up?", p.model as "model?"
           from authenticators a left join passkeys p on p.authenticator_id = a.id
           where a.user_id = any($1) and a.proven_at is not null order by a.id"#,
        users,
    )
    .fetch_all(connection)
    .await?)
}

impl TokenRow {
    pub(super) fn open(self, store: &Store) -> Result<Authenticator, StoreFault> {
        let unreadable = |what: &str| StoreFault::Unreadable {
            table: "authenticators",
            row: self.id.to_string(),
            what: what.to_owned(),
        };
        let position = self.position.map(|position| u64::try_from(position).unwrap_or(0));
        let secret = || -> Result<(Seed, Parameters), StoreFault> {
            let sealed = self.seed_sealed.as_deref().ok_or_else(|| unreadable("no seed"))?;
            let seed = store.keyring.open(&place(&self.id), sealed)?;
            let small = |value: Option<i16>| value.and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
            let parameters = Parameters {
                hash: Hash::from_name(self.hash.as_deref().unwrap_or_default()).map_err(|_| unreadable("hash"))?,
                digits: Digits::new(small(self.digits)).map_err(|_| unreadable("digits"))?,
                period: Period::new(small(self.period)).map_err(|_| unreadable("period"))?,
            };
            Ok((Seed::new(seed.as_slice()), parameters))
        };
        let token = match self.factor.as_str() {
            "app" => Token::App,
            "totp" => {
                let (seed, parameters) = secret()?;
                let memory = TotpMemory { anchor: self.anchor, drift: self.drift, last_accepted: position };
                Token::Totp { seed, parameters, memory }
            }
            "hotp" => {
                let (seed, parameters) = secret()?;
                Token::Hotp { seed, parameters, next_counter: position.unwrap_or(0) }
            }
            "passkey" => {
                let id = self.credential_id.and_then(CredentialId::new);
                let (Some(id), Some(key)) = (id, self.credential) else { return Err(unreadable("credential")) };
                let standing = Standing {
                    sign_count: self.sign_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX),
                    backup_eligible: self.backup_eligible.unwrap_or(false),
                    backed_up: self.backed_up.unwrap_or(false),
                };
                Token::Passkey(Box::new(Credential { id, key, standing, model: self.model }))
            }
            _ => return Err(unreadable("factor")),
        };
        Ok(Authenticator { id: AuthenticatorId(self.id), label: self.label, token })
    }
}

/// A new authenticator, proven or vouched for by whoever enrols it.
pub struct Enrolment<'a> {
    pub token: &'a Token,
    pub label: &'a str,
    pub serial: Option<&'a str>,
}

impl Store {
    pub async fn enrol(
        &self,
        user: &Listed,
        enrolment: &Enrolment<'_>,
        by: &Actor,
    ) -> Result<AuthenticatorId, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let id = self.insert_authenticator(&mut tx, (user.id, &user.name), enrolment, by).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The same for a person who has none yet; `None` if there is one by now. Two who know one password must not both
    /// come away with a token.
    pub async fn enrol_first(
        &self,
        user: UserId,
        name: &str,
        enrolment: &Enrolment<'_>,
        by: &Actor,
    ) -> Result<Option<AuthenticatorId>, StoreFault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query_scalar!("select id from users where id = $1 for no key update", user.0)
            .fetch_optional(&mut *tx)
            .await?;
        if was_ever_enrolled(&mut tx, user).await? {
            return Ok(None);
        }
        let id = self.insert_authenticator(&mut tx, (user, name), enrolment, by).await?;
        self.end_first_enrolments(&mut tx, (user, name), None, by).await?;
        tx.commit().await?;
        Ok(Some(id))
    }

    pub(super) async fn insert_authenticator(
        &self,
        tx: &mut PgConnection,
        (user, name): (UserId, &str),
        enrolment: &Enrolment<'_>,
        by: &Actor,
    ) -> Result<AuthenticatorId, StoreFault> {
        let id = self.ambient.id();
        let factor = enrolment.token.factor();
        let (secret, position) = match enrolment.token {
            Token::App | Token::Passkey(_) => (None, None),
            Token::Totp { seed, parameters, memory } => (Some((seed, parameters)), memory.last_accepted),
            Token::Hotp { seed, parameters, next_counter } => (Some((seed, parameters)), Some(*next_counter)),
        };
        let sealed = secret.map(|(seed, _)| self.keyring.seal(&place(&id), seed.expose(), self.ambient.bytes()));
        sqlx::query!(
            "insert into authenticators (id, user_id, factor, label, serial, seed_sealed, hash, digits, period, position, created_at, proven_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
            id,
            user.0,
            factor.as_str(),
            enrolment.label,
            enrolment.serial,
            sealed,
            secret.map(|(_, parameters)| parameters.hash.name()),
            secret.map(|(_, parameters)| i16::from(parameters.digits.count())),
            secret.map(|(_, parameters)| i16::from(parameters.period.seconds())),
            position.map(|position| i64::try_from(position).unwrap_or(i64::MAX)),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        if let Token::Passkey(credential) = enrolment.token {
            passkeys::insert(tx, id, credential).await?;
        }
        let event = Event::Enrolled {
            user,
            name: name.to_owned(),
            authenticator: AuthenticatorId(id),
            factor: factor.as_str(),
            by: by.to_string(),
        };
        note_enrolled(tx, user, self.ambient.now()).await?;
        end_graces(tx, user).await?;
        self.administer(tx, vec![event]).await?;
        Ok(AuthenticatorId(id))
    }

    /// Replaces a user's recovery codes; the old ones are void at once.
    pub async fn replace_recovery_codes(
        &self,
        user: &Listed,
        codes: &[(String, String)],
        by: &Actor,
    ) -> Result<(), StoreFault> {
        let (handles, hashes): (Vec<_>, Vec<_>) = codes.iter().cloned().unzip();
        let mut tx = self.pool.begin().await?;
        // The user's lock: a sign-in that is just using an old code comes before or after, not between.
        sqlx::query!("select id from users where id = $1 for no key update", user.id.0).fetch_one(&mut *tx).await?;
        sqlx::query!("delete from recovery_codes where user_id = $1", user.id.0).execute(&mut *tx).await?;
        sqlx::query!(
            "insert into recovery_codes (user_id, handle, hash) select $1, * from unnest($2::text[], $3::text[])",
            user.id.0,
            &handles,
            &hashes,
        )
        .execute(&mut *tx)
        .await?;
        note_enrolled(&mut tx, user.id, self.ambient.now()).await?;
        let count = u32::try_from(codes.len()).unwrap_or(u32::MAX);
        let event = Event::RecoveryCodesMade { user: user.id, name: user.name.clone(), count, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The hash of an unused recovery code.
    pub async fn recovery_hash(&self, user: UserId, handle: &str) -> Result<Option<String>, StoreFault> {
        Ok(sqlx::query_scalar!(
            "select hash from recovery_codes where user_id = $1 and handle = $2 and used_at is null",
            user.0,
            handle,
        )
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The code-showing authenticators of a user, for resynchronisation.
    pub async fn authenticators(&self, user: UserId) -> Result<Vec<Authenticator>, StoreFault> {
        let mut connection = self.pool.acquire().await?;
        let rows = tokens(&mut connection, &[user.0]).await?;
        rows.into_iter().map(|row| row.open(self)).collect()
    }

    /// Remembers where a token stands after a resynchronisation; only ever forward, so that no code opens twice.
    pub async fn resynchronise(
        &self,
        user: &Listed,
        authenticator: &Authenticator,
        by: &Actor,
    ) -> Result<bool, StoreFault> {
        let (anchor, position) = match &authenticator.token {
            Token::App | Token::Passkey(_) => return Ok(false),
            Token::Totp { memory, .. } => (memory.anchor, memory.last_accepted),
            Token::Hotp { next_counter, .. } => (0, Some(*next_counter)),
        };
        let mut tx = self.pool.begin().await?;
        // The user's lock, as everywhere a token moves: a sign-in in flight must not write an older position over it.
        sqlx::query!("select id from users where id = $1 for no key update", user.id.0).fetch_one(&mut *tx).await?;
        let moved = sqlx::query!(
            "update authenticators set anchor = $2, drift = 0, position = $3
             where id = $1 and (position is null or position < $3)",
            authenticator.id.0,
            anchor,
            position.map(|position| i64::try_from(position).unwrap_or(i64::MAX)),
        )
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let event = Event::Resynchronised {
            user: user.id,
            name: user.name.clone(),
            authenticator: authenticator.id,
            by: by.to_string(),
        };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }
}
