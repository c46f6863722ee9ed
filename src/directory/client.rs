//! One directory as the rest of the appliance sees it: ask, and some server answers within the deadline or a fault says
//! why none did.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::account::Pause;
use super::bind::{self, Verdict};
use super::fault::{DirectoryFault, Step};
use super::health::ServerHealth;
use super::peer::Peer;
use super::ranges::Rest;
use super::search::{Found, Search};
use super::service::Service;
use super::upstream::Upstream;
use super::{Spawn, trust, warm};
use crate::domain::directory::{Directory, Transport};
use crate::domain::secret::Password;
use crate::telemetry::metrics;
use crate::wire::message::{self, Control, Entry};

/// Connection attempts under way at the same time, over all servers of the directory.
const ATTEMPTS: usize = 256;

/// As many as the bits that tell them apart in [`Tries`].
const MOST_SERVERS: usize = 64;

/// A handle on one directory, cheap to clone. Its background work ends with the last clone.
#[derive(Clone)]
pub struct DirectoryClient {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    service: Service,
    /// Stops what runs in the background.
    _stop: DropGuard,
}

/// What the background work shares with the handle.
pub struct Shared {
    pub directory: Directory,
    /// In order of preference.
    pub peers: Vec<Arc<Peer>>,
    pub pause: Pause,
}

impl DirectoryClient {
    /// Reads the certificates to trust and starts the background work; connects to nobody yet.
    pub fn new(directory: Directory, spawn: &dyn Spawn) -> Result<Self, DirectoryFault> {
        if !(1..=MOST_SERVERS).contains(&directory.servers.len()) {
            let reason = format!("it has {} servers; it may have 1 to {MOST_SERVERS}", directory.servers.len());
            return Err(DirectoryFault::Settings { directory: directory.name, reason });
        }
        let uses_tls = directory.servers.iter().any(|server| server.transport != Transport::Plain);
        let config = if uses_tls { Some(trust::client_config(&directory)?) } else { None };
        let attempts = Arc::new(Semaphore::new(ATTEMPTS));
        let peer = |server| Peer::new(server, &directory, config.as_ref(), &attempts).map(Arc::new);
        let peers = directory.servers.iter().map(peer).collect::<Result<Vec<_>, _>>()?;
        let shared = Arc::new(Shared { directory, peers, pause: Pause::default() });
        let (service, drivers) = Service::new(&shared);
        let stop = CancellationToken::new();
        for driver in drivers {
            spawn.spawn("directory-searches", Box::pin(driver.run(stop.clone())));
        }
        for peer in &shared.peers {
            spawn.spawn("directory-probe", Box::pin(Arc::clone(peer).watch(stop.clone())));
            spawn.spawn("directory-warm", Box::pin(warm::keep_warm(Arc::clone(peer), stop.clone())));
        }
        Ok(Self { inner: Arc::new(Inner { shared, service, _stop: stop.drop_guard() }) })
    }

    pub fn directory(&self) -> &Directory {
        &self.inner.shared.directory
    }

    /// Binds a connection of its own, once, with a request written anew. `message_id` is the client's, so that the
    /// answer can be handed to it as it is. An empty name or password is never sent: RFC 4513 §5.1.2 makes a bind
    /// without a password "succeed".
    pub async fn bind(
        &self,
        message_id: u32,
        name: &str,
        password: &Password,
        controls: &[Control],
        deadline: Instant,
    ) -> Result<Verdict, DirectoryFault> {
        if name.is_empty() || password.is_empty() {
            return Err(DirectoryFault::NotSent { what: "a name and a password are both needed" });
        }
        if message_id == 0 {
            return Err(DirectoryFault::NotSent { what: "message id 0 is the server's own (RFC 4511 §4.1.1.1)" });
        }
        let request = message::bind_request(message_id, name, password, controls);
        let began = Instant::now();
        let mut tries = Tries::new(&self.inner.shared, deadline);
        while let Some((peer, until)) = tries.next() {
            match bind::attempt(peer, message_id, &request, until).await {
                Ok(verdict) => {
                    peer.answered();
                    metrics::directory_answered(&self.directory().name, "bind", began.elapsed());
                    return Ok(verdict);
                }
                Err(fault) => tries.failed(peer, fault)?,
            }
        }
        Err(tries.exhausted())
    }

    /// A connection nobody is or was bound on.
    pub async fn anonymous(&self, deadline: Instant) -> Result<Upstream, DirectoryFault> {
        let mut tries = Tries::new(&self.inner.shared, deadline);
        while let Some((peer, until)) = tries.next() {
            let opened = match peer.warm.take() {
                Some(stream) => Ok(stream),
                None => peer.connect(until).await,
            };
            match opened {
                Ok(stream) => return Ok(Upstream { stream, leftover: BytesMut::new(), server: peer.server.clone() }),
                Err(fault) => tries.failed(peer, fault)?,
            }
        }
        Err(tries.exhausted())
    }

    /// All entries a search finds, asked as our own account. Anything less than all is a fault.
    pub async fn search(&self, search: &Search<'_>, deadline: Instant) -> Result<Vec<Entry>, DirectoryFault> {
        let began = Instant::now();
        let Found { server, mut entries, .. } = self.whole(search, deadline).await?;
        metrics::directory_answered(&self.directory().name, "search", began.elapsed());
        Rest::Shared { client: self, server: &server }.complete(&mut entries, deadline).await?;
        Ok(entries)
    }

    /// All answers to one search; a second connection is asked if the first was lost.
    pub(super) async fn whole(&self, search: &Search<'_>, deadline: Instant) -> Result<Found, DirectoryFault> {
        let Inner { shared, service, .. } = &*self.inner;
        let lane = service.turn();
        match service.ask(lane, shared, search, shared.first_share(deadline)).await {
            Err(fault) if shared.worth_repeating(&fault) && Instant::now() < deadline => {
                let until = deadline.min(Instant::now() + shared.directory.operation_timeout);
                service.ask(lane + 1, shared, search, until).await
            }
            answered => answered,
        }
    }

    /// How each server looks from here, in order of preference.
    pub fn health(&self) -> Vec<ServerHealth> {
        self.inner.shared.peers.iter().map(|peer| peer.report()).collect()
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }
}

impl Shared {
    /// How long the first attempt at a search may take: all of the time if there is no other server to turn to.
    fn first_share(&self, deadline: Instant) -> Instant {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let several = self.peers.iter().filter(|peer| peer.is_up()).count() > 1;
        now + if several { left / 2 } else { left }.min(self.directory.operation_timeout)
    }

    /// A connection that was lost under a search is worth another; a search that met its own limit on a living server
    /// meets it again, and connecting has tried every server already.
    fn worth_repeating(&self, fault: &DirectoryFault) -> bool {
        if let DirectoryFault::Timeout { server, step: Step::Search, .. } = fault {
            let at_fault = |peer: &Arc<Peer>| peer.server == *server && !peer.is_up();
            return self.peers.iter().any(at_fault) && self.peers.iter().any(|peer| peer.is_up());
        }
        let lost = matches!(fault, DirectoryFault::Closed { step: Step::Search, .. } | DirectoryFault::Protocol { .. });
        lost || matches!(fault, DirectoryFault::Unavailable { .. }) && fault.blames_server()
    }
}

/// Goes through the servers, those that are up first, and shares what is left of the time among those still to come.
pub struct Tries<'a> {
    shared: &'a Shared,
    deadline: Instant,
    /// Bit n: server n was up when this began.
    up: u64,
    tried: u64,
    count: usize,
    last: Option<DirectoryFault>,
}

impl<'a> Tries<'a> {
    pub fn new(shared: &'a Shared, deadline: Instant) -> Self {
        let up = shared.peers.iter().take(MOST_SERVERS).enumerate().filter(|(_, peer)| peer.is_up());
        let up = up.fold(0, |up, (at, _)| up | 1 << at);
        Self { shared, deadline, up, tried: 0, count: 0, last: None }
    }

    /// As [`Tries::new`], without the servers that would be sent passwords in the clear.
    pub fn over_tls(shared: &'a Shared, deadline: Instant) -> Self {
        let plain = |(_, peer): &(usize, &Arc<Peer>)| peer.server.transport == Transport::Plain;
        let passed_over = shared.peers.iter().take(MOST_SERVERS).enumerate().filter(plain);
        let tried = passed_over.fold(0, |tried, (at, _)| tried | 1 << at);
        Self { tried, ..Self::new(shared, deadline) }
    }

    /// The next server, and until when to wait for it.
    pub fn next(&mut self) -> Option<(&'a Arc<Peer>, Instant)> {
        let now = Instant::now();
        if now >= self.deadline {
            return None;
        }
        let all = u64::MAX >> (MOST_SERVERS - self.shared.peers.len().clamp(1, MOST_SERVERS));
        let untried = all & !self.tried;
        // Servers that are down come last and get what time the others left.
        let candidates = if untried & self.up != 0 { untried & self.up } else { untried };
        let at = candidates.trailing_zeros();
        let peer = self.shared.peers.get(usize::try_from(at).ok()?)?;
        self.tried |= 1 << at;
        self.count += 1;
        let share = (self.deadline - now) / candidates.count_ones().max(1);
        Some((peer, now + share))
    }

    /// Notes a fault; gives it back if no other server can help.
    pub fn failed(&mut self, peer: &Peer, fault: DirectoryFault) -> Result<(), DirectoryFault> {
        peer.blame(&fault);
        if !fault.may_succeed_elsewhere() {
            return Err(fault);
        }
        self.last = Some(fault);
        Ok(())
    }

    /// The one fault of one server, or that all failed.
    pub fn exhausted(self) -> DirectoryFault {
        let directory = self.shared.directory.name.clone();
        match self.last {
            Some(fault) if self.count == 1 => fault,
            Some(fault) => DirectoryFault::AllDown { directory, last: fault.to_string() },
            None => DirectoryFault::AllDown { directory, last: "there was no time left to ask".to_owned() },
        }
    }
}
