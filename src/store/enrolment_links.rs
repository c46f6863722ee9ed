//! Links that invite somebody to enrol. The link carries a token, the database its hash (SECURITY R28). Opening a link does
//! not use it up, since mail scanners open links too; the first authenticator that is proven does.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use zeroize::Zeroizing;

use super::audit::Actor;
use super::mail_outbox::Queued;
use super::users::Listed;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::ids::UserId;
use crate::domain::mail::notice::{By, Link, Notice, What};
use crate::domain::secret::Code;

/// Bytes of a token.
pub const TOKEN: usize = 32;

/// Whom a link invites.
#[derive(Debug, Clone)]
pub struct Invited {
    pub user: UserId,
    pub name: String,
    pub state: LinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Open { until: Timestamp },
    Used,
    Expired,
}

/// Where a link leads, at the portal.
pub fn path(token: &Code) -> Zeroizing<String> {
    Zeroizing::new(format!("/enrol/link/{}", BASE64URL_NOPAD.encode(token.expose())))
}

/// How long an invitation by mail serves.
const MAILED: SignedDuration = SignedDuration::from_hours(24);

impl Store {
    /// Makes a link's token and says until when it serves; the one before it is void.
    pub async fn make_enrolment_link(
        &self,
        user: &Listed,
        lasts: SignedDuration,
        by: &Actor,
    ) -> Result<(Code, Timestamp), StoreFault> {
        let token = Code::new(self.ambient.bytes::<TOKEN>());
        let until = self.ambient.after(lasts);
        let mut tx = self.pool.begin().await?;
        self.keep_link(&mut tx, user.id, &token, until).await?;
        let event = Event::EnrolmentLinkMade { user: user.id, name: user.name.clone(), until, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok((token, until))
    }

    /// Sends the user a link by mail. None is made, and the one before it stays, if the mail cannot be queued.
    pub async fn mail_enrolment_link(&self, user: &Listed, by: &Actor) -> Result<Queued, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let (queued, event) = self.invite(&mut tx, user.id, &user.name, None, &by.to_string()).await?;
        self.administer(&mut tx, event.into_iter().collect()).await?;
        tx.commit().await?;
        Ok(queued)
    }

    /// The same in the caller's transaction, who records the event. Two invitations with the same `once` are one.
    pub(super) async fn invite(
        &self,
        connection: &mut PgConnection,
        user: UserId,
        name: &str,
        once: Option<&str>,
        by: &str,
    ) -> Result<(Queued, Option<Event>), StoreFault> {
        let token = Code::new(self.ambient.bytes::<TOKEN>());
        let (now, until) = (self.ambient.now(), self.ambient.after(MAILED));
        let what = What::Invited { link: Some(Link::new(path(&token))), until: Some(until) };
        let notice = Notice::new(what, now, By::Administrator);
        let queued = self.queue_mail(connection, user, notice, once).await?;
        if queued != Queued::Waits {
            return Ok((queued, None));
        }
        self.keep_link(connection, user, &token, until).await?;
        let event = Event::EnrolmentLinkMade { user, name: name.to_owned(), until, by: by.to_owned() };
        Ok((queued, Some(event)))
    }

    async fn keep_link(
        &self,
        connection: &mut PgConnection,
        user: UserId,
        token: &Code,
        until: Timestamp,
    ) -> Result<(), StoreFault> {
        sqlx::query!(
            "insert into enrolment_links (user_id, token_hash, created_at, expires_at) values ($1, $2, $3, $4)
             on conflict (user_id) do update set token_hash = $2, created_at = $3, expires_at = $4, used_at = null",
            user.0,
            &Sha256::digest(token.expose())[..],
            sql(self.ambient.now()) as _,
            sql(until) as _,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Whom this token invites; `None` for one that is not known, or void.
    pub async fn enrolment_link(&self, token: &Code) -> Result<Option<Invited>, StoreFault> {
        let row = sqlx::query!(
            r#"select l.user_id, u.name, l.expires_at, l.used_at is not null as "used!"
               from enrolment_links l join users u on u.id = l.user_id where l.token_hash = $1"#,
            &Sha256::digest(token.expose())[..],
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| {
            let until = row.expires_at.to_jiff();
            let state = match row.used {
                true => LinkState::Used,
                false if self.ambient.now() < until => LinkState::Open { until },
                false => LinkState::Expired,
            };
            Invited { user: UserId(row.user_id), name: row.name, state }
        }))
    }
}

/// Was there a link still open?
pub(super) async fn use_up(tx: &mut PgConnection, user: UserId, now: Timestamp) -> Result<bool, StoreFault> {
    let used = sqlx::query!(
        "update enrolment_links set used_at = $2 where user_id = $1 and used_at is null and expires_at > $2",
        user.0,
        sql(now) as _,
    );
    Ok(used.execute(tx).await?.rows_affected() > 0)
}
