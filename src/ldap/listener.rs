//! Sockets of the LDAP door: who may connect, how many, by which transport, and whose address it is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::ServerConfig;
use socket2::TcpKeepalive;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::reply;
use super::session::{Session, SessionEnd, Shared, tls_accept};
use super::stream::ClientStream;
use crate::config::LdapConfig;
use crate::domain::client;
use crate::domain::ids::ClientId;
use crate::flows::places::Places;
use crate::flows::sign_in::SignIns;
use crate::sockets::{listen, proxy_header};
use crate::tasks::{Stop, Tasks};
use crate::telemetry::metrics;
use crate::telemetry::shown;
use crate::wire::frame;

/// Why the door cannot open.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; is the port in use, or does it need more privileges?")]
pub struct ListenFault {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// How bytes arrive on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Plain LDAP, and StartTLS.
    Ldap,
    Ldaps,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Ldaps => "ldaps",
        }
    }
}

/// The door with its sockets bound; nothing is accepted before [`Door::open`].
pub struct Door {
    listeners: Vec<(TcpListener, Kind)>,
}

/// A stranger's first message is read to be refused in its own terms; it gets no more than this.
const STRANGER: usize = 4_096;
const STRANGER_WAIT: Duration = Duration::from_secs(2);
/// After a failed accept (descriptors used up), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Door {
    pub fn bind(settings: &LdapConfig) -> Result<Self, ListenFault> {
        let mut listeners = vec![];
        let all = settings.listen.iter().map(|at| (at, Kind::Ldap));
        for (address, kind) in all.chain(settings.listen_tls.iter().map(|at| (at, Kind::Ldaps))) {
            let listener = listen(*address).map_err(|source| ListenFault { address: *address, source })?;
            listeners.push((listener, kind));
        }
        Ok(Self { listeners })
    }

    /// Where it listens: plain and TLS, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect()
    }

    /// Begins to accept. Sessions run until they end or `tasks` stops.
    pub fn open(self, sign_ins: Arc<SignIns>, settings: LdapConfig, tls: Arc<ServerConfig>, tasks: &Tasks) {
        let house = Arc::new(House {
            connections: Semaphore::new(settings.max_connections),
            by_client: Places::default(),
            shared: Shared { sign_ins, settings, tls, frames: metrics::frames_relayed(), stop: tasks.stop_signal() },
        });
        for (listener, kind) in self.listeners {
            let house = Arc::clone(&house);
            let sessions = tasks.clone();
            tasks.spawn("ldap-listener", move |stop| accept(listener, kind, house, sessions, stop));
        }
    }
}

/// What all connections share.
struct House {
    connections: Semaphore,
    by_client: Places<ClientId>,
    shared: Shared,
}

async fn accept(listener: TcpListener, kind: Kind, house: Arc<House>, sessions: Tasks, stop: Stop) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let house = Arc::clone(&house);
                sessions.spawn_many("ldap-session", async move { house.serve(stream, peer.ip(), kind).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                metrics::connection_refused("accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl House {
    async fn serve(&self, stream: TcpStream, peer: IpAddr, kind: Kind) {
        let Ok(_permit) = self.connections.try_acquire() else {
            metrics::connection_refused("full");
            return Box::pin(part(stream, kind, &reply::goodbye_full())).await;
        };
        let _open = metrics::connection_opened(kind.name());
        // Answers are small and somebody waits for each.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(Duration::from_mins(1)).with_interval(Duration::from_secs(15));
        let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let Some((stream, source)) = Box::pin(self.source(stream, peer.to_canonical())).await else { return };
        let policy = self.shared.sign_ins.policies().last_known();
        let Some(client) = policy.snapshot.client_at(source).map(Arc::clone) else {
            metrics::connection_refused("unknown_source");
            tracing::warn!(%source, "connection from an address of no client refused; 'vestibule client add' makes it one");
            return Box::pin(refuse_stranger(stream, kind)).await;
        };
        let limit = self.shared.settings.max_connections_per_client;
        let Some(_place) = self.by_client.take(client.id, limit) else {
            metrics::connection_refused("client_full");
            tracing::warn!(%source, client = %shown(&client.name), "too many connections from one client");
            return Box::pin(part(stream, kind, &reply::goodbye_full())).await;
        };
        let stream = match kind {
            Kind::Ldap => ClientStream::Plain(stream),
            Kind::Ldaps => {
                let acceptor = TlsAcceptor::from(Arc::clone(&self.shared.tls));
                match Box::pin(tls_accept(&acceptor, stream, self.shared.settings.handshake_timeout)).await {
                    Ok(tls) => ClientStream::Tls(Box::new(tls)),
                    Err(error) => {
                        metrics::connection_refused("tls");
                        tracing::info!(%source, client = %shown(&client.name), error = %shown(&error), "TLS handshake failed");
                        return;
                    }
                }
            }
        };
        let name = client.name.clone();
        let mut session = Box::new(Session::new(stream, client, policy, source, &self.shared));
        let end = Box::pin(session.run()).await;
        drop(session);
        match &end {
            SessionEnd::Left | SessionEnd::Idle | SessionEnd::Stopping | SessionEnd::Revoked => {
                tracing::debug!(%source, client = %shown(&name), %end, "connection ended");
            }
            SessionEnd::Frame(fault) => {
                metrics::connection_refused(fault.reason());
                tracing::warn!(%source, client = %shown(&name), %end, "connection closed");
            }
            SessionEnd::Request(_)
            | SessionEnd::BytesBeforeTls
            | SessionEnd::Handshake(_)
            | SessionEnd::DirectoryClosed
            | SessionEnd::DirectorySilent
            | SessionEnd::DirectoryBroken(_) => {
                tracing::warn!(%source, client = %shown(&name), end = %shown(&end.to_string()), "connection closed");
            }
        }
    }

    /// Whose connection it is: the peer's, or whom a trusted balancer speaks for. A balancer that says nothing, or
    /// somebody else who claims to be one, is turned away (R50).
    async fn source(&self, mut stream: TcpStream, peer: IpAddr) -> Option<(TcpStream, IpAddr)> {
        let settings = &self.shared.settings;
        if !client::contains(&settings.proxy_protocol_from, peer) {
            return Some((stream, peer));
        }
        match timeout(settings.handshake_timeout, proxy_header(&mut stream)).await {
            Ok(Ok(source)) => Some((stream, source.map_or(peer, |source| source.to_canonical()))),
            Ok(Err(error)) => {
                metrics::connection_refused("proxy_header");
                tracing::warn!(%peer, %error, "a balancer's connection without a usable PROXY header refused");
                None
            }
            Err(_) => {
                metrics::connection_refused("proxy_header");
                tracing::warn!(%peer, "a balancer sent no PROXY header in time");
                None
            }
        }
    }
}

/// Says no to whom we do not know, in the terms of what it asked.
async fn refuse_stranger(mut stream: TcpStream, kind: Kind) {
    if kind == Kind::Ldaps {
        return;
    }
    let mut buffer = BytesMut::new();
    let first = timeout(STRANGER_WAIT, async {
        loop {
            match frame::peek(&buffer, STRANGER) {
                Ok(Some(peek)) => return Some(peek),
                Ok(None)
                    if buffer.len() < STRANGER && stream.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    });
    if let Ok(Some(peek)) = first.await {
        part(stream, kind, &reply::stranger(peek.message_id, peek.op)).await;
    }
}

/// A last word on a plain connection; a TLS client would not understand it.
async fn part(mut stream: TcpStream, kind: Kind, word: &Bytes) {
    if kind == Kind::Ldap {
        let _ = timeout(STRANGER_WAIT, async {
            stream.write_all(word).await?;
            stream.shutdown().await
        })
        .await;
    }
}
