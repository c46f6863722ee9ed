//! Sessions of the portal. A browser holds a random token, the database its hash: whoever reads one has not the other (R48).

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::Actor;
use super::users::Listed;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::factor::Factor;
use crate::domain::ids::{DirectoryId, UserId};
use crate::domain::secret::Code;
use crate::domain::session::{Level, Limits, Session};

/// A session that begins.
pub struct Begun<'a> {
    pub user: UserId,
    pub level: Level,
    /// What the second factor was, if one was proven.
    pub factor: Option<Factor>,
    pub source: IpAddr,
    /// What the browser says it is; cut to 512 bytes.
    pub agent: &'a str,
}

/// Bytes of a token, before base64url.
const TOKEN: usize = 32;
/// That a session was used is written no more often than this.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl Store {
    /// Begins a session and returns its token: the browser's alone.
    pub async fn begin_session(&self, begun: &Begun<'_>, limits: Limits) -> Result<Code, StoreFault> {
        let token: [u8; TOKEN] = self.ambient.bytes();
        let now = self.ambient.now();
        let proven = begun.factor.map(|_| now);
        sqlx::query!(
            "insert into sessions (id, token_hash, user_id, level, factor, proven_at, source, agent, created_at, seen_at, expires_at,
                                   idle_seconds)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)",
            self.ambient.id(),
            &hash(&token)[..],
            begun.user.0,
            begun.level.as_str(),
            begun.factor.map(Factor::as_str),
            proven.map(sql) as _,
            IpNet::from(begun.source.to_canonical()) as _,
            cut(begun.agent),
            sql(now) as _,
            sql(self.ambient.after(limits.absolute)) as _,
            i32::try_from(limits.idle.as_secs()).unwrap_or(i32::MAX),
        )
        .execute(&self.pool)
        .await?;
        Ok(Code::new(token))
    }

    /// The session that a token opens; `None` if it has ended, was not used for too long, or its person may not come in.
    pub async fn session(&self, token: &[u8]) -> Result<Option<Session>, StoreFault> {
        let now = self.ambient.now();
        let row = sqlx::query_as!(
            Row,
            "select s.id, s.user_id, s.level, s.factor, s.proven_at, s.source, s.agent, s.created_at, s.seen_at, s.expires_at,
                    u.name, u.directory_id, u.language_chosen, u.profile ->> 'language' as language
             from sessions s join users u on u.id = s.user_id
             where s.token_hash = $1 and s.expires_at > $2 and s.seen_at + make_interval(secs => s.idle_seconds) > $2 and u.enabled and not u.blocked
               and u.directory_disabled is not true and (u.directory_until is null or u.directory_until > $2)",
            &hash(token)[..],
            sql(now) as _,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(session) = row.map(Row::read).transpose()? else { return Ok(None) };
        if now.duration_since(session.seen_at) >= SEEN_EVERY {
            sqlx::query!("update sessions set seen_at = $2 where id = $1 and seen_at < $2", session.id, sql(now) as _)
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(session))
    }

    /// The sessions of a person that are open, the last used first; no more than a hundred.
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<Session>, StoreFault> {
        let now = self.ambient.now();
        let rows = sqlx::query_as!(
            Row,
            "select s.id, s.user_id, s.level, s.factor, s.proven_at, s.source, s.agent, s.created_at, s.seen_at, s.expires_at,
                    u.name, u.directory_id, u.language_chosen, u.profile ->> 'language' as language
             from sessions s join users u on u.id = s.user_id
             where s.user_id = $1 and s.expires_at > $2 and s.seen_at + make_interval(secs => s.idle_seconds) > $2 order by s.seen_at desc limit 100",
            user.0,
            sql(now) as _,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Ends one session of a person at the person's wish, and says so in the record; false if there is none.
    pub async fn end_own_session(&self, user: &Listed, id: Uuid, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let ended = sqlx::query!("delete from sessions where id = $1 and user_id = $2", id, user.id.0);
        let count = ended.execute(&mut *tx).await?.rows_affected();
        self.ended(&mut tx, user, count, by).await?;
        tx.commit().await?;
        Ok(count > 0)
    }

    /// The same for all sessions but one.
    pub async fn end_other_sessions(&self, user: &Listed, but: Uuid, by: &Actor) -> Result<u64, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let ended = sqlx::query!("delete from sessions where user_id = $1 and id <> $2", user.id.0, but);
        let count = ended.execute(&mut *tx).await?.rows_affected();
        self.ended(&mut tx, user, count, by).await?;
        tx.commit().await?;
        Ok(count)
    }

    async fn ended(
        &self,
        connection: &mut PgConnection,
        user: &Listed,
        count: u64,
        by: &Actor,
    ) -> Result<(), StoreFault> {
        if count == 0 {
            return Ok(());
        }
        let event = Event::SessionsEnded { user: user.id, name: user.name.clone(), count, by: by.to_string() };
        self.administer(connection, vec![event]).await
    }

    /// Ends one session of a person; false if there is none.
    pub async fn end_session(&self, user: UserId, id: Uuid) -> Result<bool, StoreFault> {
        let ended = sqlx::query!("delete from sessions where id = $1 and user_id = $2", id, user.0);
        Ok(ended.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Ends all sessions of a person but this one, and says how many.
    pub async fn end_sessions_of(&self, user: UserId, but: Option<Uuid>) -> Result<u64, StoreFault> {
        let ended = sqlx::query!("delete from sessions where user_id = $1 and id is distinct from $2", user.0, but);
        Ok(ended.execute(&self.pool).await?.rows_affected())
    }
}

/// By bytes, at a letter's end.
fn cut(agent: &str) -> &str {
    let mut end = agent.len().min(512);
    while !agent.is_char_boundary(end) {
        end -= 1;
    }
    agent.get(..end).unwrap_or_default()
}

struct Row {
    id: Uuid,
    user_id: Uuid,
    directory_id: Uuid,
    name: String,
    level: String,
    factor: Option<String>,
    proven_at: Option<jiff_sqlx::Timestamp>,
    source: IpNet,
    agent: String,
    created_at: jiff_sqlx::Timestamp,
    seen_at: jiff_sqlx::Timestamp,
    expires_at: jiff_sqlx::Timestamp,
    language_chosen: Option<String>,
    language: Option<String>,
}

impl Row {
    fn read(self) -> Result<Session, StoreFault> {
        let unreadable =
            |what: &str| StoreFault::Unreadable { table: "sessions", row: self.id.to_string(), what: what.to_owned() };
        Ok(Session {
            id: self.id,
            user: UserId(self.user_id),
            directory: DirectoryId(self.directory_id),
            level: self.level.parse().map_err(|()| unreadable("level"))?,
            factor: self.factor.as_deref().map(str::parse).transpose().map_err(|_| unreadable("factor"))?,
            name: self.name,
            proven_at: self.proven_at.map(jiff_sqlx::Timestamp::to_jiff),
            source: self.source.addr(),
            agent: self.agent,
            created_at: self.created_at.to_jiff(),
            seen_at: self.seen_at.to_jiff(),
            expires_at: self.expires_at.to_jiff(),
            language_chosen: self.language_chosen,
            language: self.language,
        })
    }
}
