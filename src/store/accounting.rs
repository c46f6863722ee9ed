//! Sessions as gateways account for them (RFC 2866): durable before they are answered, and the same however often they are told.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Store, StoreFault, sql};
use crate::domain::client::Client;
use crate::domain::name::Folded;

/// Ended sessions, and those not heard of, stay this long.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// What a gateway tells of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub nas: String,
    pub session: String,
    pub name: String,
    /// The name in comparison form, if it can be anybody's.
    pub folded: Option<Folded>,
    pub calling: String,
    pub framed: Option<IpAddr>,
    pub seconds: u32,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// When it happened, by our clock and the delay that the gateway names.
    pub at: Timestamp,
}

/// A kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Start(Told),
    Interim(Told),
    Stop {
        told: Told,
        cause: u32,
    },
    /// The gateway begins or ends its work: whatever was open there is not any more.
    Over {
        nas: String,
        at: Timestamp,
    },
}

/// A session as lists show it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Session {
    pub client: String,
    pub nas: String,
    pub session: String,
    /// As the gateway wrote it.
    pub name: String,
    /// Whom that means.
    pub user: Option<String>,
    pub calling: String,
    pub framed: Option<IpAddr>,
    pub started_at: Option<Timestamp>,
    pub heard_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub cause: Option<i64>,
    pub seconds: i64,
    pub bytes_in: i64,
    pub bytes_out: i64,
}

/// Which sessions to list; everything by default.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    pub client: Option<&'a str>,
    pub user: Option<&'a Folded>,
    pub open: bool,
}

impl Store {
    pub async fn account_for(&self, client: &Client, record: &Record) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        match record {
            Record::Start(told) => {
                let user = user(&mut tx, client, told).await?;
                self.start(&mut tx, client, told, user).await?;
            }
            Record::Interim(told) => {
                let user = user(&mut tx, client, told).await?;
                self.hear(&mut tx, client, told, user, None).await?;
            }
            Record::Stop { told, cause } => {
                let user = user(&mut tx, client, told).await?;
                let user = self.hear(&mut tx, client, told, user, Some(*cause)).await?.or(user);
                if let Some(user) = user {
                    sqlx::query!("delete from graces where user_id = $1 and client_group = $2", user, client.group)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            Record::Over { nas, at } => {
                sqlx::query!(
                    "update accounting_sessions set ended_at = $3, cause = 0
                     where client_id = $1 and nas = $2 and ended_at is null and coalesce(started_at, heard_at) <= $3",
                    client.id.0,
                    nas,
                    sql(*at) as _,
                )
                .execute(&mut *tx)
                .await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// A session begins. A start that comes late or twice does not reopen what has ended since.
    async fn start(
        &self,
        tx: &mut PgConnection,
        client: &Client,
        told: &Told,
        user: Option<Uuid>,
    ) -> Result<(), StoreFault> {
        sqlx::query!(
            "insert into accounting_sessions as s (client_id, nas, session, name, user_id, calling, framed, started_at, heard_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (client_id, nas, session) do update set
                 name = $4, user_id = $5, calling = $6, framed = $7, started_at = $8, heard_at = $9, ended_at = null,
                 cause = null, seconds = case when s.ended_at is null then s.seconds else 0 end,
                 bytes_in = case when s.ended_at is null then s.bytes_in else 0 end,
                 bytes_out = case when s.ended_at is null then s.bytes_out else 0 end
             where s.ended_at is null or s.ended_at < $8",
            client.id.0,
            told.nas,
            told.session,
            told.name,
            user,
            told.calling,
            told.framed.map(IpNet::from) as _,
            sql(told.at) as _,
            sql(self.ambient.now()) as _,
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// News of a session, and with `cause` its end. Counters only grow, whatever order records come in. Returns whose session
    /// it is by what was known of it.
    async fn hear(
        &self,
        tx: &mut PgConnection,
        client: &Client,
        told: &Told,
        user: Option<Uuid>,
        cause: Option<u32>,
    ) -> Result<Option<Uuid>, StoreFault> {
        let ended_at = cause.map(|_| sql(told.at));
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let known = sqlx::query_scalar!(
            "insert into accounting_sessions as s (client_id, nas, session, name, user_id, calling, framed, heard_at, ended_at,
                                                   cause, seconds, bytes_in, bytes_out)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             on conflict (client_id, nas, session) do update set
                 heard_at = $8, framed = coalesce($7, s.framed), ended_at = coalesce(s.ended_at, $9),
                 cause = coalesce(nullif(s.cause, 0), $10, s.cause), seconds = greatest(s.seconds, $11),
                 bytes_in = greatest(s.bytes_in, $12), bytes_out = greatest(s.bytes_out, $13)
             returning user_id",
            client.id.0,
            told.nas,
            told.session,
            told.name,
            user,
            told.calling,
            told.framed.map(IpNet::from) as _,
            sql(self.ambient.now()) as _,
            ended_at as _,
            cause.map(i64::from),
            i64::from(told.seconds),
            number(told.bytes_in),
            number(told.bytes_out),
        )
        .fetch_one(tx)
        .await?;
        Ok(known)
    }

    /// Newest first.
    pub async fn sessions(&self, wanted: &Wanted<'_>) -> Result<Vec<Session>, StoreFault> {
        let rows = sqlx::query!(
            r#"select k.name as client, s.nas, s.session, s.name, u.name as "user?", s.calling, s.framed, s.started_at,
                      s.heard_at, s.ended_at, s.cause, s.seconds, s.bytes_in, s.bytes_out
               from accounting_sessions s join clients k on k.id = s.client_id left join users u on u.id = s.user_id
               where ($1::text is null or k.name = $1)
                 and ($2::text is null or s.user_id in (select user_id from user_names where folded = $2))
                 and (not $3 or s.ended_at is null)
               order by coalesce(s.started_at, s.heard_at) desc"#,
            wanted.client,
            wanted.user.map(Folded::as_str),
            wanted.open,
        )
        .fetch_all(&self.pool)
        .await?;
        let time = |at: jiff_sqlx::Timestamp| at.to_jiff();
        Ok(rows
            .into_iter()
            .map(|row| Session {
                client: row.client,
                nas: row.nas,
                session: row.session,
                name: row.name,
                user: row.user,
                calling: row.calling,
                framed: row.framed.map(|net| net.addr()),
                started_at: row.started_at.map(time),
                heard_at: time(row.heard_at),
                ended_at: row.ended_at.map(time),
                cause: row.cause,
                seconds: row.seconds,
                bytes_in: row.bytes_in,
                bytes_out: row.bytes_out,
            })
            .collect())
    }

    pub(super) async fn forget_old_sessions(&self, now: Timestamp) -> Result<(), StoreFault> {
        let old = now.saturating_sub(KEPT).unwrap_or(now);
        sqlx::query!("delete from accounting_sessions where heard_at < $1", sql(old) as _).execute(&self.pool).await?;
        Ok(())
    }
}

/// Whom a gateway's name means, among the people of the client's directory.
async fn user(tx: &mut PgConnection, client: &Client, told: &Told) -> Result<Option<Uuid>, StoreFault> {
    let Some(folded) = &told.folded else { return Ok(None) };
    let user = sqlx::query_scalar!(
        "select user_id from user_names where directory_id = $1 and folded = $2",
        client.directory.0,
        folded.as_str(),
    );
    Ok(user.fetch_optional(tx).await?)
}
