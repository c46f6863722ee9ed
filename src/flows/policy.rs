//! The policy in force: clients, and a client of each directory they use. Swapped whole when an administrator changes
//! something; a sign-in under way keeps the one it began with.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::ambient::Ambient;
use crate::directory::{DirectoryClient, DirectoryFault, Spawn, Verdict, is_invalid_credentials};
use crate::domain::client::Client;
use crate::domain::directory::Directory;
use crate::domain::ids::{ClientId, DirectoryId};
use crate::domain::secret::Password;
use crate::store::snapshot::Snapshot;
use crate::store::waits::Link;
use crate::store::{Store, StoreFault};
use crate::telemetry;
use crate::upstream::{self, Upstreams};

/// A directory and how it words the refusal of a password.
pub struct Upstream {
    pub client: DirectoryClient,
    /// `None` until a wrong password has been refused.
    refusal: Mutex<Option<String>>,
}

impl Upstream {
    /// The text of our own refusals: what the directory itself says of a wrong password, so that ours cannot be told
    /// from its (R19).
    pub async fn refusal(&self, deadline: Instant) -> String {
        if let Some(refusal) = self.known_refusal() {
            return refusal;
        }
        // Nobody of this name exists; what the directory says of it, it says of any wrong password.
        let directory = self.client.directory();
        let nobody = format!("CN={},{}", directory.id, directory.base_dn);
        let password = Password::new(nobody.as_bytes());
        if let Ok(Verdict::Refused { code, diagnostic, .. }) =
            self.client.bind(1, &nobody, &password, &[], deadline).await
        {
            self.heard_refusal(code, &diagnostic);
        }
        self.known_refusal().unwrap_or_default()
    }

    fn known_refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers how a wrong password was refused. AD has other texts for expired or locked accounts.
    pub fn heard_refusal(&self, code: u32, diagnostic: &str) {
        let generic = !diagnostic.contains(", data ") || diagnostic.contains(", data 52e");
        if is_invalid_credentials(code) && generic {
            let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
            if refusal.as_deref() != Some(diagnostic) {
                *refusal = Some(diagnostic.to_owned());
            }
        }
    }
}

/// What sign-ins are decided by.
pub struct Policy {
    pub snapshot: Snapshot,
    directories: HashMap<DirectoryId, Arc<Upstream>>,
    upstreams: Arc<Upstreams>,
}

impl Policy {
    pub fn directory(&self, id: DirectoryId) -> Option<&Arc<Upstream>> {
        self.directories.get(&id)
    }

    /// The portal of a directory.
    pub fn portal(&self, directory: DirectoryId) -> Option<&Arc<Client>> {
        self.portals().find(|client| client.directory == directory)
    }

    pub fn portals(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.snapshot.clients.iter().filter(|client| client.portal)
    }

    /// RADIUS servers behind us.
    pub fn upstreams(&self) -> &Arc<Upstreams> {
        &self.upstreams
    }

    pub fn directories(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.directories.values()
    }
}

/// Keeps the policy in force.
#[derive(Clone)]
pub struct Policies {
    current: watch::Receiver<Arc<Policy>>,
    link: watch::Receiver<Link>,
    news: Arc<News>,
}

/// Changes heard of and changes loaded, counted.
#[derive(Default)]
struct News {
    heard: AtomicU64,
    loaded: AtomicU64,
    /// The last load did not succeed.
    failed: AtomicBool,
    reload: Notify,
}

impl News {
    fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire) == self.heard.load(Ordering::Acquire)
    }
}

/// How long a sign-in waits for a change that is just being loaded.
const LOADING: Duration = Duration::from_secs(2);

/// The policy in memory may be older than the database's: nothing is decided by it.
#[derive(Debug, thiserror::Error)]
#[error("the policy in memory may be out of date: the database has not been heard lately")]
pub struct PolicyOld;

impl Policies {
    /// The policy now, unless changes might have been missed. One that is just being loaded is waited for.
    pub async fn current(&self) -> Result<Arc<Policy>, PolicyOld> {
        if !self.is_current() {
            let mut current = self.current.clone();
            let loaded = tokio::time::timeout(LOADING, current.wait_for(|_| self.is_current())).await;
            if !matches!(loaded, Ok(Ok(_))) {
                return Err(PolicyOld);
            }
        }
        Ok(Arc::clone(&self.current.borrow()))
    }

    /// Somebody has changed the policy, or may have.
    pub fn changed(&self) {
        self.news.heard.fetch_add(1, Ordering::AcqRel);
        self.news.reload.notify_one();
    }

    /// Completes when the client that spoke from this address no longer does.
    pub async fn revoked(&self, client: ClientId, source: IpAddr) {
        let mut current = self.current.clone();
        let gone = |policy: &Arc<Policy>| policy.snapshot.client_at(source).is_none_or(|found| found.id != client);
        // The sender lives as long as the process; without it nothing is ever revoked.
        if current.wait_for(gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The last policy known, for what is no decision: whom we answer at all.
    pub fn last_known(&self) -> Arc<Policy> {
        Arc::clone(&self.current.borrow())
    }

    /// Is the database heard, and could its last word be read? A change that is just being loaded is no trouble.
    pub fn is_well(&self) -> bool {
        *self.link.borrow() == Link::Up && !self.news.failed.load(Ordering::Acquire)
    }

    /// Is the database heard, and is what it said in force?
    fn is_current(&self) -> bool {
        *self.link.borrow() == Link::Up && self.news.is_loaded()
    }
}

/// Who runs the background work of connections.
pub struct Spawns {
    pub directories: Arc<dyn Spawn>,
    pub upstreams: Arc<dyn upstream::Spawn>,
}

/// Loads the first policy; [`Reloader::run`] keeps it fresh.
pub async fn load(
    store: Store,
    spawn: Spawns,
    link: watch::Receiver<Link>,
) -> Result<(Policies, Reloader), StoreFault> {
    let snapshot = store.snapshot().await?;
    let (sender, current) = watch::channel(Arc::new(build(snapshot, None, &spawn, store.ambient())));
    let news = Arc::new(News::default());
    let policies = Policies { current, link, news: Arc::clone(&news) };
    Ok((policies, Reloader { store, spawn, news, sender }))
}

/// Reloads the policy when told to.
pub struct Reloader {
    store: Store,
    spawn: Spawns,
    news: Arc<News>,
    sender: watch::Sender<Arc<Policy>>,
}

/// Before a policy that could not be loaded is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Reloader {
    pub async fn run(self) {
        loop {
            self.news.reload.notified().await;
            let heard = self.news.heard.load(Ordering::Acquire);
            let snapshot = tokio::time::timeout(LOADING, self.store.snapshot()).await;
            match snapshot.unwrap_or(Err(StoreFault::Slow(LOADING))) {
                Ok(snapshot) => {
                    let before = Arc::clone(&self.sender.borrow());
                    let policy = Arc::new(build(snapshot, Some(&before), &self.spawn, self.store.ambient()));
                    self.news.failed.store(false, Ordering::Release);
                    self.news.loaded.store(heard, Ordering::Release);
                    self.sender.send_replace(policy);
                    tracing::debug!("policy reloaded");
                }
                Err(fault) => {
                    self.news.failed.store(true, Ordering::Release);
                    tracing::error!(%fault, "the changed policy could not be loaded; nothing is decided until it is");
                    tokio::time::sleep(RETRY).await;
                    self.news.reload.notify_one();
                }
            }
        }
    }
}

/// Directories that did not change keep their connections.
fn build(mut snapshot: Snapshot, before: Option<&Policy>, spawn: &Spawns, ambient: &Ambient) -> Policy {
    let servers = std::mem::take(&mut snapshot.upstreams);
    let upstreams = match before {
        Some(before) => before.upstreams.replaced(servers, ambient, &spawn.upstreams),
        None => Upstreams::new(servers, ambient, &spawn.upstreams),
    };
    let mut directories = HashMap::new();
    for directory in &snapshot.directories {
        let kept = before.and_then(|before| before.directory(directory.id));
        let kept = kept.filter(|kept| same(kept.client.directory(), directory));
        let upstream = match kept {
            Some(kept) => Ok(Arc::clone(kept)),
            None => open(directory, &*spawn.directories),
        };
        match upstream {
            Ok(upstream) => {
                directories.insert(directory.id, upstream);
            }
            // Its sign-ins fault until it is put right; the other directories work.
            Err(fault) => {
                tracing::error!(directory = %telemetry::shown(&directory.name), %fault, "directory not usable");
            }
        }
    }
    Policy { snapshot, directories, upstreams: Arc::new(upstreams) }
}

fn open(directory: &Directory, spawn: &dyn Spawn) -> Result<Arc<Upstream>, DirectoryFault> {
    let client = DirectoryClient::new(directory.clone(), spawn)?;
    Ok(Arc::new(Upstream { client, refusal: Mutex::default() }))
}

/// Named one by one, so that a new setting cannot be forgotten: the build stops here.
fn same(a: &Directory, b: &Directory) -> bool {
    let Directory {
        id,
        name,
        kind,
        servers,
        base_dn,
        bind_dn,
        bind_password,
        ca_pem,
        domain,
        attributes,
        page_size,
        connect_timeout,
        operation_timeout,
    } = a;
    *id == b.id
        && *name == b.name
        && *kind == b.kind
        && *servers == b.servers
        && *base_dn == b.base_dn
        && *bind_dn == b.bind_dn
        && bind_password.same_as(b.bind_password.expose())
        && *ca_pem == b.ca_pem
        && *domain == b.domain
        && *attributes == b.attributes
        && *page_size == b.page_size
        && *connect_timeout == b.connect_timeout
        && *operation_timeout == b.operation_timeout
}
