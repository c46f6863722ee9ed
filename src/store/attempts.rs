//! Tries at codes, counted over all sessions and replicas (`domain/attempts` says how many there are).

use std::net::IpAddr;

use jiff::Timestamp;
use sqlx::PgConnection;

use super::{Store, StoreFault, sql};
use crate::domain::attempts::{ALL_SHORT_CODES, Attempts, CODES, Rule, SHORT_CODES};
use crate::domain::ids::UserId;

/// What is tried, and whose or from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The first code of a person's new authenticator.
    Proof(UserId),
    /// A token of the stock.
    Claim(UserId),
    /// Codes of a person's own authenticators, to test them or to find them again.
    Test(UserId),
    /// Short activation codes from an address.
    ShortFrom(IpAddr),
    /// Short activation codes from everywhere.
    Short,
}

impl Scope {
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Proof(_) => "proof",
            Self::Claim(_) => "claim",
            Self::Test(_) => "test",
            Self::ShortFrom(_) => "activation-from",
            Self::Short => "activation",
        }
    }

    fn subject(self) -> String {
        match self {
            Self::Proof(user) | Self::Claim(user) | Self::Test(user) => user.to_string(),
            Self::ShortFrom(source) => source.to_canonical().to_string(),
            Self::Short => String::new(),
        }
    }

    fn rule(self) -> Rule {
        match self {
            Self::Proof(_) | Self::Claim(_) | Self::Test(_) => CODES,
            Self::ShortFrom(_) => SHORT_CODES,
            Self::Short => ALL_SHORT_CODES,
        }
    }
}

/// Whether a try may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It is counted. If it is wrong, none is taken before then.
    Taken {
        closes: Option<Timestamp>,
    },
    Closed {
        until: Timestamp,
    },
}

impl Store {
    /// Takes up one try, before it is looked at.
    pub async fn take_try(&self, scope: Scope) -> Result<Try, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let before = locked(&mut tx, scope, now).await?;
        let taken = match before.taken(scope.rule(), now) {
            Ok(after) => {
                write(&mut tx, scope, after, now).await?;
                Try::Taken { closes: after.until }
            }
            Err(until) => Try::Closed { until },
        };
        tx.commit().await?;
        Ok(taken)
    }

    /// A try was right, and is no wrong one.
    pub async fn give_back_try(&self, scope: Scope) -> Result<(), StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let before = locked(&mut tx, scope, now).await?;
        write(&mut tx, scope, before.given_back(), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A try was right, and those before it are forgotten.
    pub async fn forget_tries(&self, scope: Scope) -> Result<(), StoreFault> {
        sqlx::query!("delete from attempts where purpose = $1 and subject = $2", scope.purpose(), scope.subject())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn locked(tx: &mut PgConnection, scope: Scope, now: Timestamp) -> Result<Attempts, StoreFault> {
    // An update that changes nothing takes the row's lock, whoever has just made or forgotten it.
    let row = sqlx::query!(
        "insert into attempts (purpose, subject, wrong, last_at) values ($1, $2, 0, $3)
         on conflict (purpose, subject) do update set wrong = attempts.wrong
         returning wrong, last_at, until",
        scope.purpose(),
        scope.subject(),
        sql(now) as _,
    )
    .fetch_one(tx)
    .await?;
    Ok(Attempts {
        wrong: u32::try_from(row.wrong).unwrap_or(0),
        last: Some(row.last_at.to_jiff()),
        until: row.until.map(jiff_sqlx::Timestamp::to_jiff),
    })
}

async fn write(tx: &mut PgConnection, scope: Scope, after: Attempts, now: Timestamp) -> Result<(), StoreFault> {
    sqlx::query!(
        "update attempts set wrong = $3, last_at = $4, until = $5 where purpose = $1 and subject = $2",
        scope.purpose(),
        scope.subject(),
        i32::try_from(after.wrong).unwrap_or(i32::MAX),
        sql(after.last.unwrap_or(now)) as _,
        after.until.map(sql) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}
