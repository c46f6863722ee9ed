//! One connected UDP socket: the requests under way on it by identifier, and the proof that an answer is theirs. Connected, so that
//! the kernel drops what comes from any other address or port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::question::Kind;
use super::{Question, Spawn, UpstreamFault};
use crate::domain::radius::upstream::UpstreamServer;
use crate::domain::secret::SharedSecret;
use crate::telemetry::metrics;
use crate::wire::radius::{MAX_LENGTH, Packet, Presence};

/// Identifiers: one octet (RFC 2865 §3).
pub const IDENTIFIERS: usize = 256;

/// Why a datagram of the server does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Discard {
    #[error("what came is no RADIUS packet")]
    Malformed,
    #[error("what came answers nothing that was asked")]
    NotAsked,
    #[error("its code is none of an answer to that request")]
    Code,
    #[error("its Response Authenticator is wrong; are the shared secrets the same?")]
    Authenticator,
    #[error("its Message-Authenticator is wrong")]
    Signature,
    #[error(
        "it has no Message-Authenticator, so it could be forged (CVE-2024-3596); update the server, or add it with \
         --legacy-no-message-authenticator"
    )]
    NoSignature,
}

impl Discard {
    /// A metric label.
    fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotAsked => "not_asked",
            Self::Code => "code",
            Self::Authenticator => "response_authenticator",
            Self::Signature => "message_authenticator",
            Self::NoSignature => "no_message_authenticator",
        }
    }
}

/// Nobody listens there: the kernel was told so.
pub struct Refused;

pub struct Socket {
    udp: Arc<UdpSocket>,
    shared: Arc<Shared>,
    _listener: DropGuard,
}

struct Shared {
    name: String,
    secret: SharedSecret,
    wants_signature: bool,
    pending: Mutex<Pending>,
}

struct Pending {
    waiting: [Option<Waiting>; IDENTIFIERS],
    /// Handed out round and round, so that an identifier is used again as late as can be.
    next: u8,
}

struct Waiting {
    request: Packet,
    kind: Kind,
    answer: oneshot::Sender<Result<Packet, Refused>>,
    discarded: Option<Discard>,
}

/// One request under way; its identifier is free again when this is dropped.
pub struct Exchange {
    pub request: Packet,
    pub answer: oneshot::Receiver<Result<Packet, Refused>>,
    socket: Arc<Socket>,
}

impl Socket {
    pub async fn open(server: &UpstreamServer, address: SocketAddr, spawn: &dyn Spawn) -> std::io::Result<Self> {
        let any = match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let udp = Arc::new(UdpSocket::bind((any, 0)).await?);
        udp.connect(address).await?;
        let shared = Arc::new(Shared {
            name: server.name.clone(),
            secret: server.secret.clone(),
            wants_signature: server.require_message_authenticator,
            pending: Mutex::new(Pending { waiting: [const { None }; IDENTIFIERS], next: 0 }),
        });
        let stop = CancellationToken::new();
        let listening = listen(Arc::clone(&udp), Arc::clone(&shared), stop.clone());
        spawn.spawn("upstream answers", Box::pin(listening));
        Ok(Self { udp, shared, _listener: stop.drop_guard() })
    }

    /// Puts a request under way, without sending it; `None` while all identifiers are in use.
    pub fn begin(
        self: &Arc<Self>,
        question: &Question,
        authenticator: [u8; 16],
    ) -> Result<Option<Exchange>, UpstreamFault> {
        let mut pending = self.shared.lock();
        let first = pending.next;
        let free = (0..=u8::MAX).map(|step| first.wrapping_add(step));
        let free = free.into_iter().find(|at| pending.waiting.get(usize::from(*at)).is_some_and(Option::is_none));
        let Some(identifier) = free else { return Ok(None) };
        let bytes = question.sign(identifier, authenticator, &self.shared.secret)?;
        let Ok(request) = Packet::parse(bytes) else { return Ok(None) };
        let (sender, answer) = oneshot::channel();
        pending.next = identifier.wrapping_add(1);
        if let Some(slot) = pending.waiting.get_mut(usize::from(identifier)) {
            let (request, kind) = (request.clone(), question.kind);
            *slot = Some(Waiting { request, kind, answer: sender, discarded: None });
        }
        Ok(Some(Exchange { request, answer, socket: Arc::clone(self) }))
    }
}

impl Exchange {
    /// Sends the request: each time the same bytes (RFC 5080 §2.2.1).
    pub async fn send(&self) -> std::io::Result<()> {
        self.socket.udp.send(self.request.bytes()).await.map(|_| ())
    }

    /// Why the last datagram that claimed to be its answer did not count.
    pub fn discarded(&self) -> Option<Discard> {
        let pending = self.socket.shared.lock();
        pending.waiting.get(usize::from(self.request.identifier())).and_then(Option::as_ref)?.discarded
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(slot) = self.socket.shared.lock().waiting.get_mut(usize::from(self.request.identifier())) {
            *slot = None;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // What is pending is whole after every statement under the lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the answer to whoever waits for it, or tells why it is not one.
    fn take(&self, datagram: Bytes) -> Result<(), Discard> {
        let answer = Packet::parse(datagram).map_err(|_| Discard::Malformed)?;
        let mut pending = self.lock();
        let slot = pending.waiting.get_mut(usize::from(answer.identifier())).ok_or(Discard::NotAsked)?;
        let waiting = slot.as_mut().ok_or(Discard::NotAsked)?;
        if let Some(fault) = self.flaw(waiting, &answer) {
            waiting.discarded = Some(fault);
            return Err(fault);
        }
        if waiting.answer.is_closed() {
            return Err(Discard::NotAsked);
        }
        // The identifier stays taken until its asker lets it go; a second answer finds nobody.
        let (done, _) = oneshot::channel();
        let asker = std::mem::replace(&mut waiting.answer, done);
        asker.send(Ok(answer)).map_err(|_| Discard::NotAsked)
    }

    fn flaw(&self, waiting: &Waiting, answer: &Packet) -> Option<Discard> {
        if !answer.is_response_to(&waiting.request, &self.secret) {
            return Some(Discard::Authenticator);
        }
        if !waiting.kind.takes(answer.code()) {
            return Some(Discard::Code);
        }
        match answer.message_authenticator(&self.secret, Some(waiting.request.authenticator())) {
            Presence::Wrong => Some(Discard::Signature),
            // RFC 5997 §3 asks for none in the answer to a Status-Server, which grants nothing. EAP needs one always (RFC 3579 §3.2).
            Presence::Absent if answer.has_eap() => Some(Discard::NoSignature),
            Presence::Absent if self.wants_signature && waiting.kind != Kind::Status => Some(Discard::NoSignature),
            Presence::Right | Presence::Absent => None,
        }
    }

    /// Everybody who waits may ask somebody else.
    fn refused(&self) {
        for waiting in self.lock().waiting.iter_mut().flatten() {
            let (done, _) = oneshot::channel();
            let _ = std::mem::replace(&mut waiting.answer, done).send(Err(Refused));
        }
    }
}

async fn listen(udp: Arc<UdpSocket>, shared: Arc<Shared>, stop: CancellationToken) {
    // One octet more than a packet may have, as the rest is padding anyway.
    let mut buffer = vec![0; MAX_LENGTH + 1];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = udp.recv(&mut buffer) => received,
        };
        match received {
            Ok(length) => {
                let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                if let Err(discard) = shared.take(datagram) {
                    metrics::upstream_discarded(&shared.name, discard.reason());
                    tracing::debug!(server = %shared.name, %discard, "an answer was dropped");
                }
            }
            // ICMP says that the port is closed; any other error is about a datagram that was sent, too.
            Err(_) => shared.refused(),
        }
    }
}
