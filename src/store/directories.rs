//! Directories: where they are and the account we search them with.

use std::time::Duration;

use sqlx::types::Json;
use uuid::Uuid;

use super::audit::Actor;
use super::seal::Place;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::directory::{Directory, DirectoryKind, Server};
use crate::domain::ids::DirectoryId;
use crate::domain::secret::Password;

pub(super) fn place(id: &Uuid) -> Place<'_> {
    Place::new("directories", "bind_password_sealed", id.as_bytes())
}

impl Store {
    pub async fn directories(&self) -> Result<Vec<Directory>, StoreFault> {
        let rows = sqlx::query!(
            r#"select id, name, kind, servers as "servers: Json<Vec<Server>>", base_dn, bind_dn, bind_password_sealed,
                      ca_pem, domain, connect_timeout_ms, operation_timeout_ms
               from directories order by name"#
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let id = DirectoryId(row.id);
                let password = self.keyring.open(&place(&id.0), &row.bind_password_sealed)?;
                Ok(Directory {
                    kind: kind(&row.kind).ok_or_else(|| StoreFault::Unreadable {
                        table: "directories",
                        row: row.name.clone(),
                        what: row.kind.clone(),
                    })?,
                    id,
                    name: row.name,
                    servers: row.servers.0,
                    base_dn: row.base_dn,
                    bind_dn: row.bind_dn,
                    bind_password: Password::new(password.as_slice()),
                    ca_pem: row.ca_pem,
                    domain: row.domain,
                    connect_timeout: millis(row.connect_timeout_ms),
                    operation_timeout: millis(row.operation_timeout_ms),
                })
            })
            .collect()
    }

    pub async fn add_directory(&self, directory: &Directory, by: &Actor) -> Result<(), StoreFault> {
        let sealed = self.keyring.seal(&place(&directory.id.0), directory.bind_password.expose(), self.ambient.bytes());
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into directories (id, name, kind, servers, base_dn, bind_dn, bind_password_sealed, ca_pem, domain,
                                      connect_timeout_ms, operation_timeout_ms, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            directory.id.0,
            directory.name,
            kind_text(directory.kind),
            Json(&directory.servers) as _,
            directory.base_dn,
            directory.bind_dn,
            sealed,
            directory.ca_pem,
            directory.domain,
            to_millis(directory.connect_timeout),
            to_millis(directory.operation_timeout),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        let servers = directory.servers.iter().map(ToString::to_string).collect();
        let event = Event::DirectoryAdded { name: directory.name.clone(), servers, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// False if there is no directory of that name. A directory with users or clients stays: the database refuses.
    pub async fn remove_directory(&self, name: &str, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let gone = sqlx::query!("delete from directories where name = $1", name).execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        self.administer(&mut tx, vec![Event::DirectoryRemoved { name: name.to_owned(), by: by.to_string() }]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

pub(super) fn millis(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

pub(super) fn to_millis(value: Duration) -> i32 {
    i32::try_from(value.as_millis()).unwrap_or(i32::MAX)
}

fn kind_text(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::ActiveDirectory => "active-directory",
        DirectoryKind::OpenLdap => "open-ldap",
    }
}

fn kind(text: &str) -> Option<DirectoryKind> {
    [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap].into_iter().find(|kind| kind_text(*kind) == text)
}
