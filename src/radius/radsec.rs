//! RADIUS over TLS (RFC 6614): connections of clients that show a certificate, packets one behind the other.
//!
//! A client is known by the name in its certificate and by its address, both. The shared secret is "radsec" (§2.3), so the
//! protection is TLS's alone: 1.2 or newer, both sides with certificates, and no session is resumed, so that each connection is
//! judged by the policy and the CAs of now.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use socket2::TcpKeepalive;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::desk::{Desk, Way};
use crate::config::RadiusConfig;
use crate::domain::client::Client;
use crate::tasks::{Stop, Tasks};
use crate::telemetry::{metrics, shown};
use crate::wire::radius::{MAX_LENGTH, Packet, PacketFault};

/// What all connections share.
pub struct Connections {
    desk: Arc<Desk>,
    acceptor: TlsAcceptor,
    places: Semaphore,
    idle: Duration,
}

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest wait for an answer to be taken.
const WRITE: Duration = Duration::from_secs(10);
/// After a failed accept (descriptors used up), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Requests of one connection under way at once: all the identifiers there are (RFC 2865 §3).
const IN_FLIGHT: usize = 256;

impl Connections {
    pub fn new(desk: Arc<Desk>, tls: Arc<ServerConfig>, settings: &RadiusConfig) -> Self {
        let places = Semaphore::new(settings.max_radsec_connections);
        Self { desk, acceptor: TlsAcceptor::from(tls), places, idle: settings.radsec_idle_timeout }
    }
}

/// Why a connection ended, for the log.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client left")]
    Left,
    #[error("the client does not take its answers")]
    Silent,
    #[error("idle for too long")]
    Idle,
    #[error("this process is stopping")]
    Stopping,
    #[error("the client's certificate or address is no client's any more")]
    Revoked,
    #[error("broken packet: {0}")]
    Broken(#[from] PacketFault),
}

pub async fn accept(listener: TcpListener, connections: Arc<Connections>, sessions: Tasks, stop: Stop) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (connections, stop) = (Arc::clone(&connections), sessions.stop_signal());
                sessions.spawn_many("radsec-session", async move { connections.serve(stream, peer, stop).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a RadSec connection could not be accepted");
                metrics::radsec_refused("accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Connections {
    async fn serve(&self, stream: TcpStream, peer: SocketAddr, stop: Stop) {
        let source = peer.ip().to_canonical();
        let Ok(_place) = self.places.try_acquire() else {
            metrics::radsec_refused("full");
            return;
        };
        if !self.speaks_radsec(source) {
            metrics::radsec_refused("unknown_source");
            tracing::warn!(%source, "a RadSec connection from an address of no RadSec client refused");
            return;
        }
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(Duration::from_mins(1)).with_interval(Duration::from_secs(15));
        let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let Ok(local) = stream.local_addr() else { return };
        let stream = match timeout(HANDSHAKE, Box::pin(self.acceptor.accept(stream))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                metrics::radsec_refused("tls");
                tracing::warn!(%source, error = shown(&error.to_string()).to_string(), "RadSec handshake failed");
                return;
            }
            Err(_) => return metrics::radsec_refused("tls"),
        };
        let names =
            stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(names).unwrap_or_default();
        let Some(client) = self.client(&names, source) else {
            metrics::radsec_refused("unknown_name");
            let names = shown(&names.join(", ")).to_string();
            tracing::warn!(%source, names, "a certificate that is no RadSec client's at this address; see --radsec-name");
            return;
        };
        let _open = metrics::radsec_opened();
        let (answers, answered) = mpsc::channel(IN_FLIGHT);
        let session = Session { stream, client, peer, local, answers, answered, inbox: BytesMut::new() };
        let name = session.client.name.clone();
        let end = Box::pin(session.run(self, &names, &stop)).await;
        match end {
            End::Left | End::Idle | End::Stopping => {
                tracing::debug!(%source, client = %shown(&name), %end, "RadSec connection ended");
            }
            End::Silent | End::Revoked | End::Broken(_) => {
                tracing::warn!(%source, client = %shown(&name), %end, "RadSec connection closed");
            }
        }
    }

    /// Before a handshake is begun: strangers cost no cryptography.
    fn speaks_radsec(&self, source: IpAddr) -> bool {
        let policy = self.desk.sign_ins.policies().last_known();
        let speaks = |client: &Arc<Client>| client.speaks_from(source) && radsec_name(client).is_some();
        policy.snapshot.clients.iter().any(speaks)
    }

    fn client(&self, names: &[String], source: IpAddr) -> Option<Arc<Client>> {
        let policy = self.desk.sign_ins.policies().last_known();
        let is_meant = |client: &&Arc<Client>| {
            client.speaks_from(source)
                && radsec_name(client).is_some_and(|known| names.iter().any(|name| name.eq_ignore_ascii_case(known)))
        };
        policy.snapshot.clients.iter().find(is_meant).map(Arc::clone)
    }
}

fn radsec_name(client: &Client) -> Option<&str> {
    client.radius.as_ref()?.radsec_name.as_deref()
}

/// The names of a certificate that has been verified: its DNS names, or without any, its common names (RFC 6614 §2.3, RFC 6125
/// §6.4.4).
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return vec![] };
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let dns = alternatives
        .iter()
        .flat_map(|found| &found.value.general_names)
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None });
    let dns: Vec<String> = dns.collect();
    if !dns.is_empty() {
        return dns;
    }
    certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect()
}

/// One connection.
struct Session {
    stream: TlsStream<TcpStream>,
    client: Arc<Client>,
    peer: SocketAddr,
    local: SocketAddr,
    answers: mpsc::Sender<Bytes>,
    answered: mpsc::Receiver<Bytes>,
    inbox: BytesMut,
}

enum Happened {
    Read(usize),
    Answered(Bytes),
    End(End),
}

impl Session {
    async fn run(mut self, connections: &Connections, names: &[String], stop: &Stop) -> End {
        let end = match self.serve(connections, names, stop).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if matches!(end, End::Stopping) {
            self.drain().await;
        }
        let _ = timeout(WRITE, self.stream.shutdown()).await;
        end
    }

    async fn serve(
        &mut self,
        connections: &Connections,
        names: &[String],
        stop: &Stop,
    ) -> Result<std::convert::Infallible, End> {
        let mut idle = Instant::now() + connections.idle;
        loop {
            match self.next(idle, stop).await {
                Happened::Read(0) => return Err(End::Left),
                Happened::Read(_) => {
                    idle = Instant::now() + connections.idle;
                    while let Some(packet) = take(&mut self.inbox)? {
                        // The policy of now: a client that was removed or changed is not served by the one of then.
                        let source = self.peer.ip().to_canonical();
                        self.client = connections.client(names, source).ok_or(End::Revoked)?;
                        let connection = self.answers.clone();
                        let way = Way::Radsec { connection, peer: self.peer, local: self.local };
                        connections.desk.over_tls(packet, &self.client, way);
                    }
                }
                Happened::Answered(answer) => self.write(&answer).await?,
                Happened::End(end) => return Err(end),
            }
        }
    }

    async fn next(&mut self, idle: Instant, stop: &Stop) -> Happened {
        // Whoever has as many requests under way as there are identifiers waits for an answer.
        let may_read = self.answers.strong_count() <= IN_FLIGHT;
        tokio::select! {
            // It is never closed while this session holds a sender.
            answer = self.answered.recv() => answer.map_or(Happened::End(End::Left), Happened::Answered),
            read = self.stream.read_buf(&mut self.inbox), if may_read => Happened::Read(read.unwrap_or(0)),
            () = tokio::time::sleep_until(idle), if self.answers.strong_count() == 1 => Happened::End(End::Idle),
            () = stop.requested() => Happened::End(End::Stopping),
        }
    }

    /// Answers to what is under way, until the last; the process's drain has the deadline.
    async fn drain(&mut self) {
        // With our own sender gone, the channel ends with the last request.
        let (sender, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.answers, sender));
        while let Some(answer) = self.answered.recv().await {
            if self.write(&answer).await.is_err() {
                return;
            }
        }
    }

    async fn write(&mut self, answer: &Bytes) -> Result<(), End> {
        let written = timeout(WRITE, async {
            self.stream.write_all(answer).await?;
            self.stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => Err(End::Silent),
        }
    }
}

/// The next whole packet (RFC 6613 §2.6.4: a length that is none ends the connection, as nobody knows where the next begins).
fn take(inbox: &mut BytesMut) -> Result<Option<Packet>, PacketFault> {
    let Some(&[high, low]) = inbox.get(2..4) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(20..=MAX_LENGTH).contains(&length) {
        return Err(PacketFault::Length(length));
    }
    if inbox.len() < length {
        return Ok(None);
    }
    let packet = inbox.split_to(length).freeze();
    if inbox.is_empty() {
        // An idle connection holds no buffer.
        *inbox = BytesMut::new();
    }
    Packet::parse(packet).map(Some)
}
