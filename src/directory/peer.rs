//! One server of a directory: how to reach it, how it fares, and the probe that finds it well again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::connect::{self, within};
use super::direct::Direct;
use super::fault::{DirectoryFault, Step};
use super::health::{FIRST_PAUSE, Health, LONGEST_PAUSE, ServerHealth};
use super::search::Search;
use super::upstream::UpstreamStream;
use super::warm::Warm;
use crate::domain::directory::{Directory, DirectoryKind, Server, Transport};
use crate::wire::filter::Filter;
use crate::wire::message::Scope;

/// How long a name's addresses are used before the resolver is asked again.
const ADDRESSES_KEPT: Duration = Duration::from_secs(30);

pub struct Peer {
    pub server: Server,
    pub connect_timeout: Duration,
    pub operation_timeout: Duration,
    pub warm: Warm,
    trust: Option<(TlsConnector, ServerName<'static>)>,
    attempts: Arc<Semaphore>,
    addresses: Mutex<Option<Addresses>>,
    health: Health,
    went_down: Notify,
}

#[derive(Clone)]
struct Addresses {
    found: Arc<[SocketAddr]>,
    /// After this they are only used if the resolver gives none.
    fresh_until: Instant,
}

impl Peer {
    pub fn new(
        server: &Server,
        directory: &Directory,
        config: Option<&Arc<ClientConfig>>,
        attempts: &Arc<Semaphore>,
    ) -> Result<Self, DirectoryFault> {
        let trust = match (server.transport, config) {
            (Transport::Ldaps | Transport::StartTls, Some(config)) => {
                let name = ServerName::try_from(server.host.clone()).map_err(|_| DirectoryFault::Settings {
                    directory: directory.name.clone(),
                    reason: format!("no certificate can carry the host name {:?} of {server}", server.host),
                })?;
                Some((TlsConnector::from(Arc::clone(config)), name))
            }
            (Transport::Ldaps | Transport::StartTls, None) | (Transport::Plain, _) => None,
        };
        Ok(Self {
            server: server.clone(),
            connect_timeout: directory.connect_timeout,
            operation_timeout: directory.operation_timeout,
            warm: Warm::new(),
            trust,
            attempts: Arc::clone(attempts),
            addresses: Mutex::new(None),
            health: Health::new(),
            went_down: Notify::new(),
        })
    }

    /// A connection nobody has ever been bound on. `deadline` is shortened to the connect time-out.
    pub async fn connect(&self, deadline: Instant) -> Result<UpstreamStream, DirectoryFault> {
        let _permit = within(&self.server, Step::Queue, deadline, async {
            // The semaphore is never closed; were it, waiting longer would not help either.
            self.attempts.acquire().await.map_err(|_| DirectoryFault::Timeout {
                server: self.server.clone(),
                step: Step::Queue,
                limit: Duration::ZERO,
            })
        })
        .await?;
        let until = deadline.min(Instant::now() + self.connect_timeout);
        let addresses = self.addresses(until).await?;
        let opened = connect::open(&self.server, &addresses, self.trust.as_ref(), until).await;
        if opened.is_err() {
            self.doubt_addresses();
        }
        opened
    }

    async fn addresses(&self, deadline: Instant) -> Result<Arc<[SocketAddr]>, DirectoryFault> {
        let known = self.lock_addresses().clone();
        if let Some(known) = &known
            && Instant::now() < known.fresh_until
        {
            return Ok(Arc::clone(&known.found));
        }
        match (connect::resolve(&self.server, deadline).await, known) {
            (Ok(found), _) => {
                let found: Arc<[SocketAddr]> = found.into();
                let fresh_until = Instant::now() + ADDRESSES_KEPT;
                *self.lock_addresses() = Some(Addresses { found: Arc::clone(&found), fresh_until });
                Ok(found)
            }
            // A resolver that is away must not take the directory with it.
            (Err(_), Some(known)) => Ok(known.found),
            (Err(fault), None) => Err(fault),
        }
    }

    fn doubt_addresses(&self) {
        if let Some(known) = self.lock_addresses().as_mut() {
            known.fresh_until = Instant::now();
        }
    }

    fn lock_addresses(&self) -> std::sync::MutexGuard<'_, Option<Addresses>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How to speak TLS with it; `None` for a plain server.
    pub fn trust(&self) -> Option<&(TlsConnector, ServerName<'static>)> {
        self.trust.as_ref()
    }

    pub fn is_up(&self) -> bool {
        self.health.is_up()
    }

    /// True of a server that is down and has been found so later than `then`.
    pub fn went_down_after(&self, then: Instant) -> bool {
        self.health.is_down_since().is_some_and(|since| since > then)
    }

    pub fn report(&self) -> ServerHealth {
        self.health.report(&self.server)
    }

    /// The server answered, whatever it answered.
    pub fn answered(&self) {
        if self.health.came_up() {
            tracing::info!(server = %self.server, "directory server answers again");
        }
    }

    /// Passes the server over for a while, if the fault is its own.
    pub fn blame(&self, fault: &DirectoryFault) {
        if fault.blames_server() && self.health.went_down(fault) {
            tracing::warn!(server = %self.server, part = fault.part(), %fault, "directory server is passed over");
            self.warm.clear();
            self.went_down.notify_one();
        }
    }

    /// Asks a server that is down again and again, with growing pauses, until it answers.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let watch = async {
            loop {
                self.went_down.notified().await;
                let mut pause = FIRST_PAUSE;
                while !self.is_up() {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    match self.probe().await {
                        Ok(()) => self.answered(),
                        Err(fault) => tracing::debug!(server = %self.server, %fault, "directory server still down"),
                    }
                }
            }
        };
        stop.run_until_cancelled(watch).await;
    }

    /// One round trip that every LDAP server answers in some way: a stopped process still accepts connections.
    async fn probe(&self) -> Result<(), DirectoryFault> {
        let stream = self.connect(Instant::now() + self.connect_timeout).await?;
        let filter = Filter::present("objectClass");
        let root = Search { base: "", scope: Scope::Base, filter: &filter, attributes: &["1.1"], limit: 1 };
        let mut direct = Direct::new(self.server.clone(), DirectoryKind::OpenLdap, stream);
        match direct.ask(&root, &[], Instant::now() + self.connect_timeout).await {
            // A server that says no is well.
            Err(fault) if fault.blames_server() => Err(fault),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
