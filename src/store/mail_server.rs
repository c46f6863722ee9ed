//! The mail server: one row, its password sealed.

use super::audit::Actor;
use super::directories::{millis, to_millis};
use super::seal::Place;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::mail::Address;
use crate::domain::mail::server::{Login, MailServer, Security};
use crate::domain::secret::Password;

pub(super) const fn place() -> Place<'static> {
    Place::new("mail_server", "password_sealed", b"one")
}

impl Store {
    /// `None` where no mail is to be sent.
    pub async fn mail_server(&self) -> Result<Option<MailServer>, StoreFault> {
        let row = sqlx::query!(
            "select host, port, security, login, password_sealed, from_address, from_name, reply_to, ca_pem, ehlo, timeout_ms
             from mail_server"
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let unreadable =
            |what: &str| StoreFault::Unreadable { table: "mail_server", row: row.host.clone(), what: what.to_owned() };
        let address = |text: &str| Address::parse(text).map_err(|_| unreadable(text));
        let login = match (&row.login, &row.password_sealed) {
            (Some(user), Some(sealed)) => {
                let password = self.keyring.open(&place(), sealed)?;
                Some(Login { user: user.clone(), password: Password::new(password.as_slice()) })
            }
            (None, _) | (_, None) => None,
        };
        let security = Security::ALL.into_iter().find(|security| security.as_str() == row.security);
        Ok(Some(MailServer {
            port: u16::try_from(row.port).map_err(|_| unreadable("port"))?,
            security: security.ok_or_else(|| unreadable(&row.security))?,
            login,
            from: address(&row.from_address)?,
            reply_to: row.reply_to.as_deref().map(address).transpose()?,
            from_name: row.from_name,
            ca_pem: row.ca_pem,
            ehlo: row.ehlo,
            timeout: millis(row.timeout_ms),
            host: row.host,
        }))
    }

    /// Takes the place of the one before.
    pub async fn set_mail_server(&self, server: &MailServer, by: &Actor) -> Result<(), StoreFault> {
        let login = server.login.as_ref();
        let sealed = login.map(|login| self.keyring.seal(&place(), login.password.expose(), self.ambient.bytes()));
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into mail_server (host, port, security, login, password_sealed, from_address, from_name, reply_to, ca_pem,
                                      ehlo, timeout_ms, changed_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (one) do update
                 set host = $1, port = $2, security = $3, login = $4, password_sealed = $5, from_address = $6, from_name = $7,
                     reply_to = $8, ca_pem = $9, ehlo = $10, timeout_ms = $11, changed_at = $12",
            server.host,
            i32::from(server.port),
            server.security.as_str(),
            login.map(|login| login.user.as_str()),
            sealed,
            server.from.as_str(),
            server.from_name,
            server.reply_to.as_ref().map(Address::as_str),
            server.ca_pem,
            server.ehlo,
            to_millis(server.timeout),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        // What waits for the server before this one need not wait longer.
        sqlx::query!("update mail_outbox set next_try_at = clock_timestamp() where status = 'queued'")
            .execute(&mut *tx)
            .await?;
        let (server, from) = (server.address(), server.from.to_string());
        self.administer(&mut tx, vec![Event::MailServerSet { server, from, by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// False if there was none. What waits stays, until there is one again or its time is up.
    pub async fn remove_mail_server(&self, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query!("delete from mail_server").execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        self.administer(&mut tx, vec![Event::MailServerRemoved { by: by.to_string() }]).await?;
        tx.commit().await?;
        Ok(true)
    }
}
