//! RADIUS servers behind us: where they are and the secrets we share with them.

use uuid::Uuid;

use super::audit::Actor;
use super::directories::{millis, to_millis};
use super::seal::Place;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::radius::upstream::UpstreamServer;
use crate::domain::secret::SharedSecret;

pub(super) fn place(id: &Uuid) -> Place<'_> {
    Place::new("upstream_servers", "secret_sealed", id.as_bytes())
}

impl Store {
    pub async fn upstream_servers(&self) -> Result<Vec<UpstreamServer>, StoreFault> {
        let rows = sqlx::query!(
            "select id, name, host, port, secret_sealed, timeout_ms, tries, require_message_authenticator
             from upstream_servers order by name"
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let unreadable = |what: &str| StoreFault::Unreadable {
                    table: "upstream_servers",
                    row: row.name.clone(),
                    what: what.to_owned(),
                };
                let secret = self.keyring.open(&place(&row.id), &row.secret_sealed)?;
                Ok(UpstreamServer {
                    port: u16::try_from(row.port).map_err(|_| unreadable("port"))?,
                    tries: u32::try_from(row.tries).map_err(|_| unreadable("tries"))?,
                    name: row.name,
                    host: row.host,
                    secret: SharedSecret::new(secret.as_slice()),
                    timeout: millis(row.timeout_ms),
                    require_message_authenticator: row.require_message_authenticator,
                })
            })
            .collect()
    }

    /// A name is taken once: the database refuses a second.
    pub async fn add_upstream_server(&self, server: &UpstreamServer, by: &Actor) -> Result<(), StoreFault> {
        let id = self.ambient.id();
        let sealed = self.keyring.seal(&place(&id), server.secret.expose(), self.ambient.bytes());
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into upstream_servers (id, name, host, port, secret_sealed, timeout_ms, tries,
                                           require_message_authenticator, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            id,
            server.name,
            server.host,
            i32::from(server.port),
            sealed,
            to_millis(server.timeout),
            i32::try_from(server.tries).unwrap_or(i32::MAX),
            server.require_message_authenticator,
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        let address = server.address();
        let event = Event::UpstreamAdded { name: server.name.clone(), server: address, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Names of the clients that have this server asked.
    pub async fn clients_of_upstream(&self, name: &str) -> Result<Vec<String>, StoreFault> {
        let names = sqlx::query_scalar!(
            "select c.name from clients c join radius_clients r on r.client_id = c.id
             where $1 = any (r.upstreams) order by c.name",
            name,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(names)
    }

    /// False if there is none of that name.
    pub async fn remove_upstream_server(&self, name: &str, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query!("delete from upstream_servers where name = $1", name).execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        self.administer(&mut tx, vec![Event::UpstreamRemoved { name: name.to_owned(), by: by.to_string() }]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}
