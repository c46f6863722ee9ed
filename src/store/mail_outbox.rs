//! The outbox: mails that wait to be handed to the mail server. A mail is queued in the transaction of what it tells of, so
//! that neither is there without the other; one process at a time takes it, tries, and writes down what came of it.
//!
//! A process that is killed after the server took a mail and before that is written down leaves it to be sent again, with the
//! same Message-ID.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::seal::Place;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::directory::profile::Profile;
use crate::domain::dn::Dn;
use crate::domain::ids::{DirectoryId, MailId, UserId};
use crate::domain::mail::Address;
use crate::domain::mail::notice::{INVITED, Notice, What};
use crate::domain::mail::outbox::{Blame, GIVE_UP, KEPT, Quota, pause, quota};
use crate::telemetry::metrics;

pub(super) fn place(id: &Uuid) -> Place<'_> {
    Place::new("mail_outbox", "body_sealed", id.as_bytes())
}

/// What became of a mail that was to be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    Waits,
    /// Nobody has set up a mail server.
    NoServer,
    /// The user is gone, or has no address that mail could be sent to.
    NoAddress,
    /// Machines read no mail.
    ServiceAccount,
    /// The day's notices are used up; the last of them said that more may have happened.
    Spent,
    /// One of this key was queued before.
    Before,
}

impl Queued {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waits => "queued",
            Self::NoServer => "no_server",
            Self::NoAddress => "no_address",
            Self::ServiceAccount => "service_account",
            Self::Spent => "spent",
            Self::Before => "before",
        }
    }
}

/// A mail that this process has taken, and must be done with before its hold ends.
pub struct Taken {
    pub id: MailId,
    pub to: String,
    pub language: Option<String>,
    /// What the person is called.
    pub name: Option<String>,
    pub notice: Notice,
    pub queued_at: Timestamp,
    /// This one included; whoever takes it after us has another number.
    pub tries: u32,
}

/// A mail as lists show it; never what is in it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Waiting {
    pub id: MailId,
    pub to: String,
    pub user: Option<String>,
    pub kind: String,
    pub status: String,
    pub tries: i32,
    pub queued_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Not sent and not given up.
    pub waiting: u64,
    /// Of these, tried in vain at least once.
    pub late: u64,
    /// Given up in the last seven days.
    pub failed: u64,
}

impl Store {
    /// Queues what an event tells people, in the event's own transaction.
    pub(super) async fn tell(
        &self,
        connection: &mut PgConnection,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), StoreFault> {
        let Some((user, mut notice)) = Notice::of(event, at) else { return Ok(()) };
        match &mut notice.what {
            What::RecoveryCodeUsed { left } => {
                let count = sqlx::query_scalar!(
                    r#"select count(*) as "left!" from recovery_codes where user_id = $1 and used_at is null"#,
                    user.0
                )
                .fetch_one(&mut *connection)
                .await?;
                *left = u32::try_from(count).unwrap_or(u32::MAX);
            }
            What::AuthenticatorAdded { factor } => {
                let factor = *factor;
                let count = sqlx::query_scalar!(
                    r#"select count(*) as "all!" from authenticators where user_id = $1 and proven_at is not null"#,
                    user.0
                )
                .fetch_one(&mut *connection)
                .await?;
                if count == 1 {
                    notice.what = What::Enrolled { factor };
                }
            }
            What::Invited { .. }
            | What::Enrolled { .. }
            | What::AuthenticatorRemoved { .. }
            | What::FactorsReset
            | What::RecoveryCodesMade { .. }
            | What::BypassStarted { .. }
            | What::SignInReported
            | What::PasswordChanged
            | What::LockedOut { .. }
            | What::Test => {}
        }
        self.queue_mail(connection, user, notice, None).await?;
        Ok(())
    }

    /// Queues a mail to a user in the caller's transaction. Events of the audit trail are told by themselves
    /// ([`Notice::of`]); this is for invitations and the like. Two mails with the same `once` are one.
    pub async fn queue_mail(
        &self,
        connection: &mut PgConnection,
        user: UserId,
        notice: Notice,
        once: Option<&str>,
    ) -> Result<Queued, StoreFault> {
        let queued = self.queue(connection, user, notice, once).await?;
        metrics::mail_queued(queued.as_str());
        Ok(queued)
    }

    async fn queue(
        &self,
        connection: &mut PgConnection,
        user: UserId,
        mut notice: Notice,
        once: Option<&str>,
    ) -> Result<Queued, StoreFault> {
        let row = sqlx::query!(
            r#"select u.directory_id, u.dn, u.mail, coalesce(u.language_chosen, u.profile ->> 'language') as language,
                      u.member_of,
                      exists (select from mail_server) as "has_server!",
                      (select count(*) from mail_outbox o
                       where o.to_address = u.mail and o.created_at > $2 and o.kind <> $3) as "today!"
               from users u where u.id = $1"#,
            user.0,
            sql(self.ambient.after(SignedDuration::from_hours(-24))) as _,
            INVITED,
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(Queued::NoAddress) };
        if !row.has_server {
            return Ok(Queued::NoServer);
        }
        let Some(to) = row.mail.and_then(|mail| Address::parse(&mail).ok()) else { return Ok(Queued::NoAddress) };
        if self.is_machine(connection, user, DirectoryId(row.directory_id), &row.dn, row.member_of).await? {
            return Ok(Queued::ServiceAccount);
        }
        let useful_until = match &notice.what {
            What::Invited { until, .. } => *until,
            What::Enrolled { .. }
            | What::AuthenticatorAdded { .. }
            | What::AuthenticatorRemoved { .. }
            | What::FactorsReset
            | What::RecoveryCodeUsed { .. }
            | What::RecoveryCodesMade { .. }
            | What::BypassStarted { .. }
            | What::SignInReported
            | What::PasswordChanged
            | What::LockedOut { .. }
            | What::Test => {
                match quota(u64::try_from(row.today).unwrap_or(0)) {
                    Quota::Free => {}
                    Quota::Last => notice.is_last = true,
                    Quota::Spent => return Ok(Queued::Spent),
                }
                None
            }
        };
        let id = self.ambient.id();
        let sealed = self.keyring.seal(&place(&id), &notice.write(), self.ambient.bytes());
        let done = sqlx::query!(
            "insert into mail_outbox (id, user_id, to_address, language, kind, body_sealed, next_try_at, created_at, expires_at,
                                      useful_until, once)
             values ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, clock_timestamp() + make_interval(secs => $8), $9, $10)
             on conflict (once) do nothing",
            id,
            user.0,
            to.as_str(),
            row.language,
            notice.what.kind(),
            sealed,
            sql(self.ambient.now()) as _,
            GIVE_UP.as_secs_f64(),
            useful_until.map(sql) as _,
            once,
        )
        .execute(connection)
        .await?;
        Ok(if done.rows_affected() == 1 { Queued::Waits } else { Queued::Before })
    }

    /// Does some client let the account pass as a machine's?
    async fn is_machine(
        &self,
        connection: &mut PgConnection,
        user: UserId,
        directory: DirectoryId,
        dn: &str,
        member_of: Vec<String>,
    ) -> Result<bool, StoreFault> {
        let accounts = super::clients::service_accounts(connection, directory).await?;
        let (false, Ok(dn)) = (accounts.is_empty(), Dn::parse(dn)) else { return Ok(false) };
        let mut groups = sqlx::query_scalar!(
            "select g.folded_dn from user_groups x join groups g on g.id = x.group_id where x.user_id = $1",
            user.0
        )
        .fetch_all(connection)
        .await?;
        groups.extend(member_of);
        Ok(accounts.iter().any(|account| account.covers(&dn, &groups)))
    }

    /// The next mail that is due, for this process alone until `hold` is over. Whoever held it longer is gone.
    pub async fn take_mail(&self, hold: Duration) -> Result<Option<Taken>, StoreFault> {
        let row = sqlx::query!(
            r#"update mail_outbox o set status = 'sending', tries = o.tries + 1,
                      next_try_at = clock_timestamp() + make_interval(secs => $1)
               from (select id from mail_outbox
                     where status in ('queued', 'sending')
                       and (next_try_at <= clock_timestamp() or next_try_at > clock_timestamp() + interval '2 hours')
                     order by next_try_at limit 1 for update skip locked) due
               where o.id = due.id
               returning o.id, o.to_address, o.language, o.body_sealed, o.tries, o.created_at,
                         (select u.name from users u where u.id = o.user_id) as name,
                         (select u.profile from users u where u.id = o.user_id) as "profile: Json<Profile>""#,
            hold.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let unreadable = |what: String| StoreFault::Unreadable { table: "mail_outbox", row: row.id.to_string(), what };
        let sealed = row.body_sealed.as_deref().ok_or_else(|| unreadable("no body".to_owned()))?;
        let body = self.keyring.open(&place(&row.id), sealed)?;
        let notice = Notice::read(&body).map_err(|fault| unreadable(fault.to_string()))?;
        let called = row.profile.and_then(|profile| profile.0.first);
        Ok(Some(Taken {
            id: MailId(row.id),
            to: row.to_address,
            language: row.language,
            name: called.or(row.name),
            notice,
            queued_at: row.created_at.to_jiff(),
            tries: u32::try_from(row.tries).unwrap_or(u32::MAX),
        }))
    }

    /// The server has it. False if somebody else has taken the mail meanwhile, and sends it again.
    pub async fn mail_sent(&self, mail: &Taken) -> Result<bool, StoreFault> {
        let done = sqlx::query!(
            "update mail_outbox set status = 'sent', body_sealed = null, last_error = null, ended_at = clock_timestamp()
             where id = $1 and status = 'sending' and tries = $2",
            mail.id.0,
            i32::try_from(mail.tries).unwrap_or(i32::MAX),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// It was not taken and may be another time.
    pub async fn mail_waits(&self, mail: &Taken, why: &str, blame: Blame) -> Result<(), StoreFault> {
        let wait = pause(mail.tries, blame, self.ambient.number(u32::MAX));
        sqlx::query!(
            "update mail_outbox set status = 'queued', last_error = $3,
                    next_try_at = clock_timestamp() + make_interval(secs => $4)
             where id = $1 and status = 'sending' and tries = $2",
            mail.id.0,
            i32::try_from(mail.tries).unwrap_or(i32::MAX),
            why,
            wait.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// It was refused for good.
    pub async fn mail_failed(&self, mail: &Taken, why: &str) -> Result<(), StoreFault> {
        sqlx::query!(
            "update mail_outbox set status = 'failed', last_error = $3, ended_at = clock_timestamp()
             where id = $1 and status = 'sending' and tries = $2",
            mail.id.0,
            i32::try_from(mail.tries).unwrap_or(i32::MAX),
            why,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Gives up what nobody is sending and whose time is over. Returns how many.
    pub async fn give_up_mail(&self) -> Result<u64, StoreFault> {
        let done = sqlx::query!(
            "update mail_outbox set status = 'failed', ended_at = clock_timestamp(),
                    last_error = coalesce('not taken in time; at the last try: ' || last_error, 'not taken in time')
             where id in (select id from mail_outbox
                          where status in ('queued', 'sending') and (status = 'queued' or next_try_at <= clock_timestamp())
                            and (expires_at <= clock_timestamp() or useful_until <= clock_timestamp())
                          for update skip locked)"
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// What waits, or with `failed` what was given up; the oldest first.
    pub async fn outbox(&self, failed: bool) -> Result<Vec<Waiting>, StoreFault> {
        let rows = sqlx::query!(
            r#"select o.id, o.to_address, o.kind, o.status, o.tries, o.created_at, o.next_try_at, o.last_error,
                      (select u.name from users u where u.id = o.user_id) as name
               from mail_outbox o
               where case when $1 then o.status = 'failed' else o.status in ('queued', 'sending') end
               order by o.created_at, o.id"#,
            failed,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Waiting {
                id: MailId(row.id),
                to: row.to_address,
                user: row.name,
                kind: row.kind,
                next_try_at: (row.status == "queued").then(|| row.next_try_at.to_jiff()),
                status: row.status,
                tries: row.tries,
                queued_at: row.created_at.to_jiff(),
                last_error: row.last_error,
            })
            .collect())
    }

    /// Tries again at once what waits or was given up: one mail, or all. What would be of no use any more stays as it is.
    pub async fn retry_mail(&self, id: Option<MailId>) -> Result<u64, StoreFault> {
        let done = sqlx::query!(
            "update mail_outbox set status = 'queued', tries = 0, ended_at = null, next_try_at = clock_timestamp(),
                    expires_at = clock_timestamp() + make_interval(secs => $2)
             where status in ('queued', 'failed') and ($1::uuid is null or id = $1)
               and (useful_until is null or useful_until > clock_timestamp())",
            id.map(|id| id.0),
            GIVE_UP.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    pub async fn outbox_standing(&self) -> Result<Standing, StoreFault> {
        let row = sqlx::query!(
            r#"select count(*) filter (where status in ('queued', 'sending')) as "waiting!",
                      count(*) filter (where status = 'queued' and tries > 0) as "late!",
                      count(*) filter (where status = 'failed') as "failed!"
               from mail_outbox where status <> 'sent'"#
        )
        .fetch_one(&self.pool)
        .await?;
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        Ok(Standing { waiting: count(row.waiting), late: count(row.late), failed: count(row.failed) })
    }

    pub(super) async fn forget_old_mail(&self) -> Result<(), StoreFault> {
        sqlx::query!(
            "delete from mail_outbox where ended_at < clock_timestamp() - make_interval(secs => $1)",
            KEPT.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
