//! One server: its sockets, its tries, and whether it is worth asking first.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::socket::{Exchange, IDENTIFIERS, Socket};
use super::{Answered, Question, Spawn, UpstreamFault};
use crate::ambient::Ambient;
use crate::domain::radius::upstream::UpstreamServer;

/// Sockets to one server; each carries 256 requests.
const SOCKETS: usize = 16;

/// The first and the longest wait between probes of a server that is down.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After this a server that answers no probe gets a request again: not every server knows Status-Server.
const LEFT_ALONE: Duration = Duration::from_mins(1);

pub struct Server {
    pub settings: UpstreamServer,
    ambient: Ambient,
    spawn: Arc<dyn Spawn>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sockets: Vec<Arc<Socket>>,
    down_since: Option<Instant>,
}

impl Server {
    pub fn new(settings: UpstreamServer, ambient: Ambient, spawn: Arc<dyn Spawn>) -> Self {
        Self { settings, ambient, spawn, state: Mutex::default() }
    }

    pub fn is_up(&self) -> bool {
        self.lock().down_since.is_none()
    }

    /// Asks, with its tries, until the deadline at the latest.
    pub async fn ask(self: &Arc<Self>, question: &Question, deadline: Instant) -> Result<Answered, UpstreamFault> {
        let asked = self.exchange(question, self.settings.tries, deadline).await;
        match &asked {
            Ok(_) => self.is_well(),
            Err(fault) if fault.is_sign_of_illness(self.settings.timeout) => self.is_ill(fault),
            Err(_) => {}
        }
        asked
    }

    /// One request: sent `tries` times at most, in the same bytes.
    pub async fn exchange(
        &self,
        question: &Question,
        tries: u32,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let begin = Instant::now();
        let name = || self.settings.name.clone();
        let under_way = tokio::time::timeout_at(deadline, self.begin(question)).await;
        let mut exchange =
            under_way.map_err(|_| UpstreamFault::NoAnswer { server: name(), waited: begin.elapsed() })??;
        for _ in 0..tries.max(1) {
            if exchange.send().await.is_err() {
                return Err(UpstreamFault::Refused { server: name() });
            }
            let until = deadline.min(Instant::now() + self.settings.timeout);
            match tokio::time::timeout_at(until, &mut exchange.answer).await {
                Ok(Ok(Ok(packet))) => {
                    return Ok(Answered {
                        server: name(),
                        packet,
                        secret: self.settings.secret.clone(),
                        request_authenticator: *exchange.request.authenticator(),
                    });
                }
                Ok(Ok(Err(_)) | Err(_)) => return Err(UpstreamFault::Refused { server: name() }),
                Err(_) if Instant::now() >= deadline => break,
                Err(_) => {}
            }
        }
        let waited = begin.elapsed();
        Err(match exchange.discarded() {
            Some(last) => UpstreamFault::Discarded { server: name(), waited, last },
            None => UpstreamFault::NoAnswer { server: name(), waited },
        })
    }

    async fn begin(&self, question: &Question) -> Result<Exchange, UpstreamFault> {
        let authenticator = self.ambient.bytes();
        let sockets = self.lock().sockets.clone();
        for socket in &sockets {
            if let Some(exchange) = socket.begin(question, authenticator)? {
                return Ok(exchange);
            }
        }
        let (server, limit) = (self.settings.name.clone(), SOCKETS * IDENTIFIERS);
        if sockets.len() >= SOCKETS {
            return Err(UpstreamFault::Busy { server, limit });
        }
        let address = self.resolve().await?;
        let fault = |fault: std::io::Error| UpstreamFault::Socket { server: server.clone(), reason: fault.to_string() };
        let socket = Arc::new(Socket::open(&self.settings, address, &*self.spawn).await.map_err(fault)?);
        {
            let mut state = self.lock();
            if state.sockets.len() >= SOCKETS {
                return Err(UpstreamFault::Busy { server, limit });
            }
            state.sockets.push(Arc::clone(&socket));
        }
        socket.begin(question, authenticator)?.ok_or(UpstreamFault::Busy { server, limit })
    }

    /// The first of its addresses.
    pub async fn resolve(&self) -> Result<SocketAddr, UpstreamFault> {
        let UpstreamServer { name, host, port, .. } = &self.settings;
        let unresolved = |reason: String| UpstreamFault::Resolve { server: name.clone(), reason };
        let mut found = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(|f| unresolved(f.to_string()))?;
        let address = found.next().ok_or_else(|| unresolved("it has no address".to_owned()))?;
        let is_link_local = match address.ip() {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if is_link_local { Err(UpstreamFault::LinkLocal { server: name.clone() }) } else { Ok(address) }
    }

    fn is_well(&self) {
        if self.lock().down_since.take().is_some() {
            tracing::info!(server = %self.settings.name, "upstream server is back");
        }
    }

    fn is_ill(self: &Arc<Self>, fault: &UpstreamFault) {
        {
            let mut state = self.lock();
            // Its name may stand for another address by now. Who still waits keeps their socket.
            state.sockets.clear();
            if state.down_since.is_some() {
                return;
            }
            state.down_since = Some(Instant::now());
        }
        tracing::warn!(server = %self.settings.name, %fault, "upstream server is asked last until it answers again");
        self.spawn.spawn("upstream probe", Box::pin(probe(Arc::downgrade(self))));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a server that is down for its status until it is not, or has been left alone long enough, or is forgotten.
async fn probe(server: Weak<Server>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        let Some(server) = server.upgrade() else { return };
        let Some(since) = server.lock().down_since else { return };
        let deadline = Instant::now() + server.settings.timeout;
        if server.exchange(&Question::status(), 1, deadline).await.is_ok() || since.elapsed() >= LEFT_ALONE {
            server.is_well();
            return;
        }
        server.lock().sockets.clear();
    }
}
