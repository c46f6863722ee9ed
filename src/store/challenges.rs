//! Challenges as people see and answer them. Putting them and waiting for them is in [`super::recorder`] and
//! [`super::waits`].

use jiff::Timestamp;
use sqlx::PgConnection;

use super::audit::Actor;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::challenge::{Reply, Status, answered};
use crate::domain::ids::{ChallengeId, UserId};

/// NOTIFY channel; the payload is the challenge's id.
pub const CHANNEL: &str = "vestibule_challenge";

/// A question that waits for an answer.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Waiting {
    pub id: ChallengeId,
    pub user: String,
    pub client: String,
    pub factor: String,
    pub source: String,
    /// A number shown at the door has to be typed with the approval.
    pub needs_number: bool,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Now(Status),
    /// It was answered, cancelled or expired before.
    TooLate(Status),
    Unknown,
}

impl Store {
    pub async fn waiting_challenges(&self) -> Result<Vec<Waiting>, StoreFault> {
        let rows = sqlx::query!(
            "select c.id, u.name as user_name, k.name as client_name, c.factor, c.source, c.number, c.created_at, c.expires_at
             from challenges c join users u on u.id = c.user_id join clients k on k.id = c.client_id
             where c.status = 'waiting' and c.expires_at > $1 order by c.created_at",
            sql(self.ambient.now()) as _,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Waiting {
                id: ChallengeId(row.id),
                user: row.user_name,
                client: row.client_name,
                factor: row.factor,
                source: row.source.addr().to_string(),
                needs_number: row.number.is_some(),
                created_at: row.created_at.to_jiff(),
                expires_at: row.expires_at.to_jiff(),
            })
            .collect())
    }

    /// Takes a person's answer. The first valid one counts; whoever waits hears of it when this commits.
    pub async fn answer_challenge(&self, id: ChallengeId, reply: Reply, by: &Actor) -> Result<Answered, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let Some(user) =
            sqlx::query_scalar!("select user_id from challenges where id = $1", id.0).fetch_optional(&mut *tx).await?
        else {
            return Ok(Answered::Unknown);
        };
        // The user first, then the challenge: the order in which sign-ins lock them.
        let name = sqlx::query_scalar!("select name from users where id = $1 for no key update", user)
            .fetch_one(&mut *tx)
            .await?;
        let row = sqlx::query!("select status, number, expires_at from challenges where id = $1 for update", id.0)
            .fetch_one(&mut *tx)
            .await?;
        let status = status(&row.status, id)?;
        if status != Status::Waiting {
            return Ok(Answered::TooLate(status));
        }
        if row.expires_at.to_jiff() <= now {
            return Ok(Answered::TooLate(Status::Expired));
        }
        let shown = row.number.and_then(|number| u8::try_from(number).ok());
        let status = answered(shown, reply);
        sqlx::query!(
            "update challenges set status = $2, answered_at = $3 where id = $1",
            id.0,
            status.as_str(),
            sql(now) as _,
        )
        .execute(&mut *tx)
        .await?;
        let user = UserId(user);
        let answer = if reply == Reply::ReportFraud { "fraud-reported" } else { status.as_str() };
        let mut events = vec![Event::PromptAnswered { challenge: id, user, answer, by: by.to_string() }];
        if reply == Reply::ReportFraud {
            events.extend(self.shut(&mut tx, (user, &name), None, by).await?.1);
        }
        self.administer(&mut tx, events).await?;
        notify(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Answered::Now(status))
    }

    /// How one stands now.
    pub async fn challenge_status(&self, id: ChallengeId) -> Result<Option<Status>, StoreFault> {
        Ok(self.challenge_statuses(&[id.0]).await?.first().map(|(_, status)| *status))
    }

    /// The number a challenge is shown with, if it has one, and when it runs out.
    pub async fn challenge_shown(&self, id: ChallengeId) -> Result<Option<(Option<u8>, Timestamp)>, StoreFault> {
        let row = sqlx::query!("select number, expires_at from challenges where id = $1", id.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| (row.number.and_then(|number| u8::try_from(number).ok()), row.expires_at.to_jiff())))
    }

    /// How these stand now.
    pub(super) async fn challenge_statuses(
        &self,
        ids: &[uuid::Uuid],
    ) -> Result<Vec<(ChallengeId, Status)>, StoreFault> {
        let rows =
            sqlx::query!("select id, status from challenges where id = any($1)", ids).fetch_all(&self.pool).await?;
        rows.into_iter().map(|row| Ok((ChallengeId(row.id), status(&row.status, ChallengeId(row.id))?))).collect()
    }
}

pub(super) async fn notify(connection: &mut PgConnection, id: ChallengeId) -> Result<(), StoreFault> {
    sqlx::query!("select pg_notify($1, $2)", CHANNEL, id.to_string()).execute(connection).await?;
    Ok(())
}

pub(super) fn status(text: &str, id: ChallengeId) -> Result<Status, StoreFault> {
    Status::parse(text).ok_or_else(|| StoreFault::Unreadable {
        table: "challenges",
        row: id.to_string(),
        what: text.to_owned(),
    })
}
