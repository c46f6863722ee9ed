//! The policy in memory: clients and directories as of the last change, swapped whole.

use std::sync::Arc;

use sqlx::PgConnection;

use super::{Store, StoreFault};
use crate::domain::client::{Client, by_address};
use crate::domain::directory::Directory;
use crate::domain::radius::upstream::UpstreamServer;

/// NOTIFY channel; every process reloads.
pub const CHANNEL: &str = "vestibule_policy";

/// What sign-ins are decided by.
pub struct Snapshot {
    pub clients: Vec<Arc<Client>>,
    pub directories: Vec<Directory>,
    pub upstreams: Vec<UpstreamServer>,
}

impl Snapshot {
    pub fn client_at(&self, address: std::net::IpAddr) -> Option<&Arc<Client>> {
        by_address(&self.clients, address)
    }
}

impl Store {
    pub async fn snapshot(&self) -> Result<Snapshot, StoreFault> {
        let clients = self.clients().await?.into_iter().map(Arc::new).collect();
        let (directories, upstreams) = (self.directories().await?, self.upstream_servers().await?);
        Ok(Snapshot { clients, directories, upstreams })
    }
}

/// Tells every process, when the caller's transaction commits.
pub(super) async fn changed(connection: &mut PgConnection) -> Result<(), StoreFault> {
    sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(connection).await?;
    Ok(())
}
