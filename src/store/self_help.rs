//! What people do to their own account: look back, say that it was not them, choose a language.

use sqlx::PgConnection;

use super::audit::Actor;
use super::users::{Listed, end_graces};
use super::{Store, StoreFault, challenges, sql};
use crate::domain::audit::{Event, Record};
use crate::domain::history::{Page, Place};
use crate::domain::ids::{ChallengeId, SignInId, UserId, WriterId};

/// What a report of fraud came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// Prompts that waited, and were refused.
    pub refused: u64,
    pub sessions: u64,
}

impl Store {
    /// What happened to a person's account: the newest `limit` rows, or those before a place.
    pub async fn history(&self, user: UserId, before: Option<Place>, limit: usize) -> Result<Page, StoreFault> {
        let rows = sqlx::query!(
            "select writer, seq, at, body from audit_events
             where user_id = $1 and ($2::timestamptz is null or (at, writer, seq) < ($2, $3, $4))
             order by at desc, writer desc, seq desc limit $5",
            user.0,
            before.map(|place| sql(place.at)) as _,
            before.map(|place| place.writer.0),
            before.map(|place| place.seq),
            i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1,
        )
        .fetch_all(&self.pool)
        .await?;
        let record = rows.into_iter().map(|row| Record {
            writer: WriterId(row.writer),
            seq: row.seq,
            at: row.at.to_jiff(),
            body: row.body,
        });
        Ok(Page::of(record.collect(), limit))
    }

    /// "This wasn't me": refuses what waits, blocks the user, ends graces, bypass and sessions, in one transaction.
    pub async fn report_fraud(
        &self,
        user: &Listed,
        sign_in: Option<SignInId>,
        by: &Actor,
    ) -> Result<Reported, StoreFault> {
        let mut tx = self.pool.begin().await?;
        // The person's lock first, as sign-ins take it.
        sqlx::query!("select id from users where id = $1 for no key update", user.id.0).fetch_one(&mut *tx).await?;
        let (reported, events) = self.shut(&mut tx, (user.id, &user.name), sign_in, by).await?;
        self.administer(&mut tx, events).await?;
        tx.commit().await?;
        Ok(reported)
    }

    /// Shuts an account that somebody else tries to come in by. The caller holds the person's lock, and records the events.
    pub(super) async fn shut(
        &self,
        connection: &mut PgConnection,
        (user, name): (UserId, &str),
        sign_in: Option<SignInId>,
        by: &Actor,
    ) -> Result<(Reported, Vec<Event>), StoreFault> {
        sqlx::query!("update users set blocked = true, bypass_until = null where id = $1", user.0)
            .execute(&mut *connection)
            .await?;
        // An approval that nobody has taken up opens nothing more either.
        let open = sqlx::query_scalar!(
            "update challenges set status = 'refused', answered_at = $2
             where user_id = $1 and status in ('waiting', 'approved') returning id",
            user.0,
            sql(self.ambient.now()) as _,
        )
        .fetch_all(&mut *connection)
        .await?;
        for challenge in &open {
            challenges::notify(connection, ChallengeId(*challenge)).await?;
        }
        end_graces(connection, user).await?;
        let ended = sqlx::query!("delete from sessions where user_id = $1", user.0).execute(&mut *connection).await?;
        let reported = Reported { refused: open.len() as u64, sessions: ended.rows_affected() };
        let (name, by, Reported { refused, sessions }) = (name.to_owned(), by.to_string(), reported);
        let report = Event::FraudReported { user, name: name.clone(), sign_in, refused, sessions, by: by.clone() };
        Ok((reported, vec![report, Event::UserBlocked { user, name, by }]))
    }

    /// A language tag before the directory's and the browser's; `None` goes by those again.
    pub async fn choose_language(&self, user: &Listed, language: Option<&str>, by: &Actor) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!("update users set language_chosen = $2 where id = $1", user.id.0, language)
            .execute(&mut *tx)
            .await?;
        let (id, name, language) = (user.id, user.name.clone(), language.map(str::to_owned));
        self.administer(&mut tx, vec![Event::LanguageChosen { user: id, name, language, by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(())
    }
}
