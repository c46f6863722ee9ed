//! Directories: where they are and the account we search them with.

use std::time::Duration;

use sqlx::types::Json;
use uuid::Uuid;

use super::audit::Actor;
use super::seal::Place;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::directory::attributes::AttributeMap;
use crate::domain::directory::{Directory, DirectoryKind, PageSize, Server};
use crate::domain::ids::DirectoryId;
use crate::domain::secret::Password;

pub(super) fn place(id: &Uuid) -> Place<'_> {
    Place::new("directories", "bind_password_sealed", id.as_bytes())
}

impl Store {
    pub async fn directories(&self) -> Result<Vec<Directory>, StoreFault> {
        let rows = sqlx::query!(
            r#"select id, name, kind, servers as "servers: Json<Vec<Server>>", base_dn, bind_dn, bind_password_sealed,
                      ca_pem, domain, attributes, page_size, connect_timeout_ms, operation_timeout_ms
               from directories order by name"#
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let id = DirectoryId(row.id);
                let unreadable =
                    |what: String| StoreFault::Unreadable { table: "directories", row: row.name.clone(), what };
                let attributes: AttributeMap = serde_json::from_value(row.attributes)
                    .map_err(|fault| unreadable(format!("attributes: {fault}")))?;
                attributes.check().map_err(|fault| unreadable(format!("attributes: {fault}")))?;
                let page_size = u16::try_from(row.page_size).ok().and_then(PageSize::new);
                let page_size = page_size.ok_or_else(|| unreadable(format!("page_size {}", row.page_size)))?;
                let password = self.keyring.open(&place(&id.0), &row.bind_password_sealed)?;
                Ok(Directory {
                    kind: kind(&row.kind).ok_or_else(|| unreadable(row.kind.clone()))?,
                    id,
                    name: row.name,
                    servers: row.servers.0,
                    base_dn: row.base_dn,
                    bind_dn: row.bind_dn,
                    bind_password: Password::new(password.as_slice()),
                    ca_pem: row.ca_pem,
                    domain: row.domain,
                    attributes,
                    page_size,
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
                                      attributes, page_size, connect_timeout_ms, operation_timeout_ms, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            directory.id.0,
            directory.name,
            kind_text(directory.kind),
            Json(&directory.servers) as _,
            directory.base_dn,
            directory.bind_dn,
            sealed,
            directory.ca_pem,
            directory.domain,
            Json(&directory.attributes) as _,
            page_size(directory.page_size),
            to_millis(directory.connect_timeout),
            to_millis(directory.operation_timeout),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        let servers = directory.servers.iter().map(ToString::to_string).collect();
        self.add_portal_client(&mut tx, directory.id, &directory.name).await?;
        let event = Event::DirectoryAdded { name: directory.name.clone(), servers, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes a directory's settings over those it has; its id, name and kind stay. False if it is gone.
    ///
    /// `changes` is what the audit trail says of it.
    pub async fn change_directory(
        &self,
        directory: &Directory,
        changes: Vec<String>,
        by: &Actor,
    ) -> Result<bool, StoreFault> {
        let sealed = self.keyring.seal(&place(&directory.id.0), directory.bind_password.expose(), self.ambient.bytes());
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            "update directories
             set servers = $2, base_dn = $3, bind_dn = $4, bind_password_sealed = $5, ca_pem = $6, domain = $7,
                 attributes = $8, page_size = $9, connect_timeout_ms = $10, operation_timeout_ms = $11
             where id = $1",
            directory.id.0,
            Json(&directory.servers) as _,
            directory.base_dn,
            directory.bind_dn,
            sealed,
            directory.ca_pem,
            directory.domain,
            Json(&directory.attributes) as _,
            page_size(directory.page_size),
            to_millis(directory.connect_timeout),
            to_millis(directory.operation_timeout),
        )
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        let event = Event::DirectoryChanged { name: directory.name.clone(), changes, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Does anybody of this directory stand in our books?
    pub async fn has_users(&self, directory: DirectoryId) -> Result<bool, StoreFault> {
        let any =
            sqlx::query_scalar!(r#"select exists (select from users where directory_id = $1) as "any!""#, directory.0)
                .fetch_one(&self.pool)
                .await?;
        Ok(any)
    }

    /// False if there is no directory of that name. A directory with users or clients stays: the database refuses. Its portal
    /// goes with it.
    pub async fn remove_directory(&self, name: &str, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "delete from clients where portal and directory_id = (select id from directories where name = $1)",
            name,
        )
        .execute(&mut *tx)
        .await?;
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

fn page_size(size: PageSize) -> i16 {
    i16::try_from(size.get()).unwrap_or(i16::MAX)
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
