//! The client of RADIUS servers behind us: which is asked, how often, and which answers count. It reports what a server said; what
//! that means for a sign-in is decided above.
//!
//! ```text
//! mod        which server next, within one deadline      Answered or UpstreamFault
//!   server     one server: its tries, its health, its probe
//!     socket     one connected UDP socket: up to 256 requests under way
//!   question   what is asked, written anew for each server
//!   examine    step by step, for `upstream test`
//! ```
//!
//! A resend is the same bytes again (RFC 5080 §2.2.1). An answer that is not proved to be this server's answer to this very
//! request is dropped and counted, and the wait goes on. A fault is never a denial.

mod examine;
mod fault;
mod question;
mod server;
mod socket;

use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::domain::radius::upstream::UpstreamServer;
use crate::domain::secret::SharedSecret;
use crate::wire::radius::Packet;
use crate::wire::radius::hidden::{HiddenFault, reveal_salted};

pub use examine::{TestStep, examine};
pub use fault::UpstreamFault;
pub use question::Question;

use server::Server;

/// Who runs what goes on in the background: sockets that listen, probes of servers that are down. Each future ends by itself soon
/// after the last handle of its [`Upstreams`] is gone.
pub trait Spawn: Send + Sync {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// What a server said, proved to be its answer.
pub struct Answered {
    /// The name of the server: a State it gave is its own, and is answered there ([`Question::only`]).
    pub server: String,
    pub packet: Packet,
    secret: SharedSecret,
    request_authenticator: [u8; 16],
}

impl Answered {
    pub fn code(&self) -> u8 {
        self.packet.code()
    }

    /// What a salt-encrypted value of the packet holds: MS-MPPE-Send-Key and the like (RFC 2548 §2.4.2), or what follows the tag
    /// of a Tunnel-Password (RFC 2868 §3.5).
    pub fn reveal(&self, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, HiddenFault> {
        reveal_salted(value, &self.secret, &self.request_authenticator)
    }
}

/// All upstream servers we know. Those who are asked by several clients share sockets and health.
pub struct Upstreams {
    servers: Vec<Arc<Server>>,
}

impl Upstreams {
    pub fn new(servers: Vec<UpstreamServer>, ambient: &Ambient, spawn: &Arc<dyn Spawn>) -> Self {
        let server = |server| Arc::new(Server::new(server, ambient.clone(), Arc::clone(spawn)));
        Self { servers: servers.into_iter().map(server).collect() }
    }

    /// These servers, of which those that did not change keep their sockets and what is known of their health.
    #[must_use]
    pub fn replaced(&self, servers: Vec<UpstreamServer>, ambient: &Ambient, spawn: &Arc<dyn Spawn>) -> Self {
        let server = |server: UpstreamServer| {
            let kept = self.servers.iter().find(|kept| kept.settings.same_as(&server));
            kept.map_or_else(|| Arc::new(Server::new(server, ambient.clone(), Arc::clone(spawn))), Arc::clone)
        };
        Self { servers: servers.into_iter().map(server).collect() }
    }

    /// Asks the first of these servers, by name and in this order, that gives an answer before the deadline. One that has not
    /// answered lately is asked last, until a probe or a while later finds it well again.
    pub async fn ask(
        &self,
        names: &[String],
        question: &Question,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let mut last = None;
        let order = self.order(names, question);
        for (at, server) in order.iter().enumerate() {
            // Each leaves enough time for those after it.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(order.len() - at).unwrap_or(u32::MAX).max(1);
            match server.ask(question, Instant::now() + share).await {
                Ok(answered) => return Ok(answered),
                Err(fault) if fault.is_ours() => return Err(fault),
                Err(fault) => {
                    tracing::warn!(%fault, "upstream not available");
                    last = Some(fault);
                }
            }
        }
        Err(match last {
            None => UpstreamFault::NoServer { names: names.join(", ") },
            Some(fault) if order.len() == 1 => fault,
            Some(fault) => UpstreamFault::AllDown { last: fault.to_string() },
        })
    }

    fn order(&self, names: &[String], question: &Question) -> Vec<Arc<Server>> {
        let wanted = |name: &&String| question.only.as_ref().is_none_or(|only| only == *name);
        let named = names.iter().filter(wanted);
        let known = named.filter_map(|name| self.servers.iter().find(|server| server.settings.name == *name));
        let (mut up, down): (Vec<_>, Vec<_>) = known.map(Arc::clone).partition(|server| server.is_up());
        up.extend(down);
        up
    }
}
