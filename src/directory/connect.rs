//! From a server's name to bytes that may be trusted with a password: resolve, TCP, StartTLS, TLS. Every step has a
//! deadline, and none that fails falls back to less protection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fault::{DirectoryFault, Step};
use super::upstream::UpstreamStream;
use crate::domain::directory::{Server, Transport};
use crate::wire::frame::{self, Frame, op};
use crate::wire::message::{self, LdapResult};

/// Answers read before and while binding are short; more is a server that wants our memory.
pub const SMALL_ANSWER: usize = 256 * 1024;

/// Runs one step of talking to `server`; when `deadline` passes, the fault says how long it was given.
pub async fn within<T>(
    server: &Server,
    step: Step,
    deadline: Instant,
    work: impl Future<Output = Result<T, DirectoryFault>>,
) -> Result<T, DirectoryFault> {
    let limit = deadline.saturating_duration_since(Instant::now());
    match timeout_at(deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(DirectoryFault::Timeout { server: server.clone(), step, limit }),
    }
}

/// Every address of the server's name, in the resolver's order.
pub async fn resolve(server: &Server, deadline: Instant) -> Result<Vec<SocketAddr>, DirectoryFault> {
    let fault = |reason: String| DirectoryFault::Resolve { server: server.clone(), reason };
    let found = if let Ok(address) = server.host.parse::<IpAddr>() {
        vec![SocketAddr::new(address, server.port)]
    } else {
        within(server, Step::Resolve, deadline, async {
            let found = tokio::net::lookup_host((server.host.as_str(), server.port)).await;
            Ok(found.map_err(|error| fault(error.to_string()))?.collect())
        })
        .await?
    };
    if found.is_empty() {
        return Err(fault("it has no address".to_owned()));
    }
    // Link-local addresses are where clouds keep their metadata services, never a directory (SECURITY R41).
    match found.iter().find(|address| is_link_local(address.ip())) {
        Some(address) => Err(fault(format!("{} is a link-local address, which no directory may have", address.ip()))),
        None => Ok(found),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The first address that answers; each gets an equal share of what is left of the time.
pub async fn tcp(server: &Server, addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, DirectoryFault> {
    let mut last = None;
    for (at, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let now = Instant::now();
        let until = now + deadline.saturating_duration_since(now) / left;
        let attempt = within(server, Step::Connect, until, async {
            let reason = |error: std::io::Error| DirectoryFault::Connect {
                server: server.clone(),
                reason: format!("{} ({address})", plainly(&error)),
            };
            let stream = TcpStream::connect(address).await.map_err(reason)?;
            prepare(&stream).map_err(reason)?;
            Ok(stream)
        });
        match attempt.await {
            Ok(stream) => return Ok(stream),
            Err(fault) => last = Some(fault),
        }
    }
    Err(last.unwrap_or(DirectoryFault::Resolve { server: server.clone(), reason: "it has no address".to_owned() }))
}

/// Requests are small and waited for, and a peer that vanished must be noticed: unanswered bytes are given up after
/// 30 s, a silent connection is asked after 60 s.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_mins(1)).with_interval(Duration::from_secs(15));
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    rustix::net::sockopt::set_tcp_user_timeout(stream, 30_000)?;
    Ok(())
}

/// Asks for TLS on a plain connection (RFC 4511 §4.14). The answer must be ours, a success, and the last bytes before
/// the handshake: anything the network put behind it would be taken for the directory's word (CVE-2011-0411).
pub async fn start_tls(server: &Server, stream: &mut TcpStream, deadline: Instant) -> Result<(), DirectoryFault> {
    const ID: u32 = 1;
    within(server, Step::StartTls, deadline, async {
        let protocol = |what: &str| DirectoryFault::Protocol { server: server.clone(), what: what.to_owned() };
        let closed = |_| DirectoryFault::Closed { server: server.clone(), step: Step::StartTls };
        stream.write_all(&message::start_tls_request(ID)).await.map_err(closed)?;
        let mut buffer = BytesMut::with_capacity(256);
        let answer = read_frame(server, stream, &mut buffer, Step::StartTls).await?;
        if answer.message_id() != ID || answer.op() != op::EXTENDED_RESPONSE {
            return Err(protocol("its StartTLS answer is not one to our request"));
        }
        let result = LdapResult::parse(&answer, op::EXTENDED_RESPONSE)
            .map_err(|fault| protocol(&format!("its StartTLS answer is broken: {fault}")))?;
        if result.code != 0 {
            let LdapResult { code, diagnostic, .. } = result;
            return Err(DirectoryFault::StartTlsRefused { server: server.clone(), code, diagnostic });
        }
        if !buffer.is_empty() {
            return Err(protocol("bytes stand between its StartTLS answer and the handshake"));
        }
        Ok(())
    })
    .await
}

/// Chain and name are verified before anything of ours is sent.
pub async fn tls(
    server: &Server,
    connector: &TlsConnector,
    name: ServerName<'static>,
    stream: TcpStream,
    deadline: Instant,
) -> Result<TlsStream<TcpStream>, DirectoryFault> {
    within(server, Step::Tls, deadline, async {
        connector
            .connect(name, stream)
            .await
            .map_err(|error| DirectoryFault::Tls { server: server.clone(), reason: plainly(&error) })
    })
    .await
}

/// The whole of connecting, given addresses.
pub async fn open(
    server: &Server,
    addresses: &[SocketAddr],
    trust: Option<&(TlsConnector, ServerName<'static>)>,
    deadline: Instant,
) -> Result<UpstreamStream, DirectoryFault> {
    let mut stream = tcp(server, addresses, deadline).await?;
    if server.transport == Transport::StartTls {
        start_tls(server, &mut stream, deadline).await?;
    }
    match (server.transport, trust) {
        (Transport::Plain, _) => Ok(UpstreamStream::Plain(stream)),
        (Transport::Ldaps | Transport::StartTls, Some((connector, name))) => {
            let stream = tls(server, connector, name.clone(), stream, deadline).await?;
            Ok(UpstreamStream::Tls(Box::new(stream)))
        }
        (Transport::Ldaps | Transport::StartTls, None) => {
            Err(DirectoryFault::Tls { server: server.clone(), reason: "no certificates are trusted".to_owned() })
        }
    }
}

/// The next message of a conversation that holds only short ones. [`DirectoryFault::Closed`] means that not one byte
/// of it had arrived.
pub async fn read_frame<S: tokio::io::AsyncRead + Unpin>(
    server: &Server,
    stream: &mut S,
    buffer: &mut BytesMut,
    step: Step,
) -> Result<Frame, DirectoryFault> {
    loop {
        let split = frame::split(buffer, SMALL_ANSWER);
        let protocol = |what: String| DirectoryFault::Protocol { server: server.clone(), what };
        if let Some(frame) = split.map_err(|fault| protocol(fault.to_string()))? {
            return Ok(frame);
        }
        match stream.read_buf(buffer).await {
            Ok(1..) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(protocol(plainly(&error))),
            Ok(0) | Err(_) if buffer.is_empty() => {
                return Err(DirectoryFault::Closed { server: server.clone(), step });
            }
            Ok(0) | Err(_) => return Err(protocol("it closed the connection in the middle of an answer".to_owned())),
        }
    }
}

/// An I/O error without the operating system's number.
fn plainly(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
