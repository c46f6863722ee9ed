//! One client connection from its first message to its last.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroize as _;

use super::bind::Bound;
use super::relay::{Bounds, Relay, RelayEnd};
use super::reply;
use super::stream::ClientStream;
use crate::config::LdapConfig;
use crate::directory::Upstream;
use crate::domain::client::Client;
use crate::flows::policy::Policy;
use crate::flows::sign_in::SignIns;
use crate::tasks::Stop;
use crate::telemetry::metrics::FramesRelayed;
use crate::wire::ber::BerFault;
use crate::wire::frame::{self, Frame, FrameFault, op};
use crate::wire::message::{BindRequest, ExtendedRequest, START_TLS, SearchScope, compared_attribute};

/// Who the connection stands for upstream.
pub enum Standing {
    Bound(Upstream),
    /// Nobody: only what the client may do without a bind passes.
    Anonymous(Upstream),
}

/// What all sessions share.
pub struct Shared {
    pub sign_ins: Arc<SignIns>,
    pub settings: LdapConfig,
    pub tls: Arc<ServerConfig>,
    pub frames: FramesRelayed,
    pub stop: Stop,
}

/// The next thing a client says.
enum Message {
    Bind(BindRequest),
    Other(Frame),
}

pub struct Session<'a> {
    pub(super) stream: ClientStream,
    pub(super) inbox: BytesMut,
    /// As the policy has it; looked up again at each bind after a change.
    pub(super) client: Arc<Client>,
    policy: Arc<Policy>,
    pub(super) source: IpAddr,
    pub(super) upstream: Option<Standing>,
    /// The directory may still owe answers on the upstream connection.
    outstanding: u64,
    pub(super) sign_ins: &'a SignIns,
    pub(super) settings: &'a LdapConfig,
    shared: &'a Shared,
}

/// Why a session ended, for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    #[error("the client left")]
    Left,
    #[error("broken message: {0}")]
    Frame(#[from] FrameFault),
    #[error("broken request: {0}")]
    Request(#[from] BerFault),
    #[error("bytes followed a StartTLS request before the handshake")]
    BytesBeforeTls,
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    #[error("idle for too long")]
    Idle,
    #[error("the directory closed the connection")]
    DirectoryClosed,
    #[error("the directory did not answer in time")]
    DirectorySilent,
    #[error("the directory does not keep to LDAP: {0}")]
    DirectoryBroken(FrameFault),
    #[error("this process is stopping")]
    Stopping,
    #[error("the address belongs to no client any more")]
    Revoked,
}

/// Longest wait for a parting word to be taken.
const PARTING: std::time::Duration = std::time::Duration::from_secs(2);

/// Attributes that hold passwords (RFC 4519 §2.41, RFC 3112, MS-ADA3, Samba), by name and by OID.
const PASSWORDS: [&str; 12] = [
    "userpassword",
    "2.5.4.35",
    "authpassword",
    "1.3.6.1.4.1.4203.1.3.4",
    "unicodepwd",
    "1.2.840.113556.1.4.90",
    "dbcspwd",
    "1.2.840.113556.1.4.55",
    "sambantpassword",
    "sambalmpassword",
    "1.3.6.1.4.1.7165.2.1.25",
    "1.3.6.1.4.1.7165.2.1.24",
];

impl<'a> Session<'a> {
    pub fn new(
        stream: ClientStream,
        client: Arc<Client>,
        policy: Arc<Policy>,
        source: IpAddr,
        shared: &'a Shared,
    ) -> Self {
        Self {
            stream,
            inbox: BytesMut::new(),
            client,
            policy,
            source,
            upstream: None,
            outstanding: 0,
            sign_ins: &shared.sign_ins,
            settings: &shared.settings,
            shared,
        }
    }

    /// Serves the connection to its end, with a parting word where one helps.
    pub async fn run(&mut self) -> SessionEnd {
        let Err(end) = self.serve().await;
        let word = match &end {
            SessionEnd::Left | SessionEnd::Handshake(_) | SessionEnd::Frame(FrameFault::Tls) => None,
            SessionEnd::Frame(fault) => Some(reply::goodbye_broken(&fault.to_string())),
            SessionEnd::Request(fault) => Some(reply::goodbye_broken(&fault.to_string())),
            SessionEnd::BytesBeforeTls => Some(reply::goodbye_broken("bytes before the TLS handshake")),
            SessionEnd::Idle => Some(reply::goodbye_idle()),
            SessionEnd::DirectoryClosed | SessionEnd::DirectorySilent | SessionEnd::DirectoryBroken(_) => {
                Some(reply::goodbye_directory_lost())
            }
            SessionEnd::Stopping => Some(reply::goodbye_stopping()),
            SessionEnd::Revoked => Some(reply::goodbye_revoked()),
        };
        self.leave_upstream();
        // Whoever does not take it does not get it.
        let _ = timeout(PARTING, async {
            if let Some(word) = word {
                self.stream.write_all(&word).await?;
            }
            self.stream.shutdown().await
        })
        .await;
        end
    }

    /// The client's policy may have changed since the last bind; false if the address belongs to no client any more.
    pub(super) fn refresh_client(&mut self) -> bool {
        let policy = self.sign_ins.policies().last_known();
        if Arc::ptr_eq(&policy, &self.policy) {
            return true;
        }
        let Some(client) = policy.snapshot.client_at(self.source).map(Arc::clone) else { return false };
        self.policy = policy;
        self.client = client;
        true
    }

    /// Ends the upstream connection, and with it whoever was signed in. What the directory was asked before is still
    /// done by it (RFC 4511 §4.3); with nothing asked, the port is free again at once.
    pub(super) fn leave_upstream(&mut self) {
        match self.upstream.take() {
            Some(Standing::Bound(upstream) | Standing::Anonymous(upstream)) if self.outstanding == 0 => {
                upstream.stream.hang_up();
            }
            Some(Standing::Bound(_) | Standing::Anonymous(_)) | None => {}
        }
        self.outstanding = 0;
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, SessionEnd> {
        loop {
            if self.upstream.is_some() && !Box::pin(self.relay()).await? {
                continue;
            }
            match self.next_message().await? {
                Message::Bind(request) => match self.bind(request).await {
                    Bound::Answer(answer) => self.send(&answer).await?,
                    Bound::Gone => return Err(SessionEnd::Left),
                },
                // Rare, and with more state than all the rest: not worth keeping room for in every session.
                Message::Other(frame) => Box::pin(self.handle(frame)).await?,
            }
        }
    }

    fn max_frame(&self) -> usize {
        match &self.upstream {
            Some(Standing::Bound(_)) => self.settings.max_frame,
            Some(Standing::Anonymous(_)) | None => self.settings.max_frame_before_bind,
        }
    }

    async fn next_message(&mut self) -> Result<Message, SessionEnd> {
        let limit = self.max_frame();
        let idle = Instant::now() + self.settings.idle_timeout;
        loop {
            if let Some(message) = self.take_message(limit)? {
                return Ok(message);
            }
            if self.inbox.is_empty() {
                // An idle connection holds no buffer.
                self.inbox = BytesMut::new();
            }
            let read = tokio::select! {
                read = self.stream.read_buf(&mut self.inbox) => read,
                () = tokio::time::sleep_until(idle) => return Err(SessionEnd::Idle),
                () = self.shared.stop.requested() => return Err(SessionEnd::Stopping),
                () = self.sign_ins.policies().revoked(self.client.id, self.source) => return Err(SessionEnd::Revoked),
            };
            if matches!(read, Ok(0) | Err(_)) {
                return Err(SessionEnd::Left);
            }
        }
    }

    fn take_message(&mut self, limit: usize) -> Result<Option<Message>, SessionEnd> {
        let Some(peek) = frame::peek(&self.inbox, limit)? else { return Ok(None) };
        if peek.message_id == 0 {
            // RFC 4511 §4.1.1.1: 0 is the server's own.
            return Err(FrameFault::MessageId.into());
        }
        if peek.op != op::BIND_REQUEST {
            return Ok(frame::split(&mut self.inbox, limit)?.map(Message::Other));
        }
        let whole = self.inbox.get_mut(..peek.total).unwrap_or_default();
        let request = BindRequest::parse(whole);
        // The password has been copied to where it is wiped; here it ends now.
        whole.zeroize();
        self.inbox.advance(peek.total);
        Ok(Some(Message::Bind(request?)))
    }

    async fn send(&mut self, answer: &Bytes) -> Result<(), SessionEnd> {
        let sent = timeout(self.settings.operation_timeout, async {
            self.stream.write_all(answer).await?;
            self.stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(SessionEnd::Left),
        }
    }

    /// A message that is not simply passed on.
    async fn handle(&mut self, frame: Frame) -> Result<(), SessionEnd> {
        let id = frame.message_id();
        match frame.op() {
            op::UNBIND_REQUEST => Err(SessionEnd::Left),
            op::EXTENDED_REQUEST if ExtendedRequest::parse(&frame)?.oid == START_TLS => self.start_tls(id).await,
            op::COMPARE_REQUEST if tests_a_password(&self.client, &frame) => {
                let refusal = reply::compare_refused(id).unwrap_or_default();
                self.send(&refusal).await
            }
            _ => self.pass_on(frame).await,
        }
    }

    /// Passes one message on, over an anonymous connection if nobody is bound and the client may do that.
    async fn pass_on(&mut self, frame: Frame) -> Result<(), SessionEnd> {
        let (id, request) = (frame.message_id(), frame.op());
        if self.upstream.is_none() {
            if !may_pass_unbound(&self.client, request, &frame) {
                return self.bind_first(id, request).await;
            }
            match self.anonymous().await {
                Some(upstream) => self.upstream = Some(Standing::Anonymous(upstream)),
                None => {
                    return match reply::operation_unavailable(id, request) {
                        Some(refusal) => self.send(&refusal).await,
                        None => Ok(()),
                    };
                }
            }
        } else if let Some(Standing::Anonymous(_)) = &self.upstream
            && !may_pass_unbound(&self.client, request, &frame)
        {
            return self.bind_first(id, request).await;
        }
        let Some(Standing::Bound(upstream) | Standing::Anonymous(upstream)) = &mut self.upstream else { return Ok(()) };
        let sent = timeout(self.settings.operation_timeout, async {
            upstream.stream.write_all(frame.bytes()).await?;
            upstream.stream.flush().await
        });
        self.shared.frames.to_directory.increment(1);
        self.outstanding += u64::from(frame.op() != op::ABANDON_REQUEST);
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SessionEnd::DirectoryClosed),
            Err(_) => Err(SessionEnd::DirectorySilent),
        }
    }

    /// Refuses what nobody is bound for.
    async fn bind_first(&mut self, id: u32, request: u8) -> Result<(), SessionEnd> {
        match reply::bind_first(id, request) {
            Some(refusal) => self.send(&refusal).await,
            None if request == op::ABANDON_REQUEST => Ok(()),
            // RFC 4511 §4.1.1: a tag that is no request's ends the session.
            None => Err(FrameFault::Operation.into()),
        }
    }

    async fn anonymous(&self) -> Option<Upstream> {
        let policy = self.sign_ins.policies().last_known();
        let directory = policy.directory(self.client.directory)?;
        let deadline = Instant::now() + self.client.answer_by;
        match directory.client.anonymous(deadline).await {
            Ok(upstream) => Some(upstream),
            Err(fault) => {
                tracing::warn!(client = %crate::telemetry::shown(&self.client.name), %fault, "no anonymous connection");
                None
            }
        }
    }

    /// Relays until a message comes that the session has to see; it is then at the front of the inbox. False if it was
    /// answered here, and the directory's answers have to go on.
    async fn relay(&mut self) -> Result<bool, SessionEnd> {
        let max_frame = self.max_frame();
        let bounds = Bounds { max_frame, idle: self.settings.idle_timeout, operation: self.settings.operation_timeout };
        let client = Arc::clone(&self.client);
        let (upstream, bound) = match &mut self.upstream {
            Some(Standing::Bound(upstream)) => (upstream, true),
            Some(Standing::Anonymous(upstream)) => (upstream, false),
            None => return Ok(true),
        };
        let wanted = |op: u8, bytes: &[u8]| is_for_session(&client, bound, op, bytes);
        let owed = self.outstanding;
        let relay = Relay::new(&mut self.stream, &mut self.inbox, upstream, wanted, bounds, &self.shared.frames, owed);
        let (end, outstanding) =
            relay.run(&self.shared.stop, self.sign_ins.policies().revoked(self.client.id, self.source)).await;
        self.outstanding = outstanding;
        match end {
            RelayEnd::Attention => {
                // RFC 4511 §4.14.1: not while operations are outstanding. A bind simply ends them (§4.2.1).
                if outstanding > 0
                    && let Some(id) = self.starts_tls(max_frame)
                {
                    drop(frame::split(&mut self.inbox, max_frame)?);
                    self.send(&reply::start_tls_out_of_order(id)).await?;
                    return Ok(false);
                }
                Ok(true)
            }
            RelayEnd::ClientClosed => Err(SessionEnd::Left),
            RelayEnd::ClientBroken(fault) => Err(fault.into()),
            RelayEnd::DirectoryClosed => Err(SessionEnd::DirectoryClosed),
            RelayEnd::DirectoryBroken(fault) => Err(SessionEnd::DirectoryBroken(fault)),
            RelayEnd::DirectorySilent => Err(SessionEnd::DirectorySilent),
            RelayEnd::Idle => Err(SessionEnd::Idle),
            RelayEnd::Stopping => Err(SessionEnd::Stopping),
            RelayEnd::Revoked => Err(SessionEnd::Revoked),
        }
    }

    /// The id of the request at the front of the inbox, if it is a StartTLS.
    fn starts_tls(&self, limit: usize) -> Option<u32> {
        let peek = frame::peek(&self.inbox, limit).ok()??;
        let bytes = self.inbox.get(..peek.total).filter(|_| peek.op == op::EXTENDED_REQUEST)?;
        let frame = frame::frame(Bytes::copy_from_slice(bytes)).ok()?;
        ExtendedRequest::parse(&frame).is_ok_and(|request| request.oid == START_TLS).then_some(peek.message_id)
    }

    /// RFC 4511 §4.14. Whoever was signed in before is not any more.
    async fn start_tls(&mut self, id: u32) -> Result<(), SessionEnd> {
        let ClientStream::Plain(_) = &self.stream else {
            return self.send(&reply::start_tls_out_of_order(id)).await;
        };
        // RFC 4511 §4.14.1, CVE-2011-0411: what came before the handshake must not be run after it.
        if !self.inbox.is_empty() {
            return Err(SessionEnd::BytesBeforeTls);
        }
        self.leave_upstream();
        self.send(&reply::start_tls_begins(id)).await?;
        self.handshake().await
    }

    async fn handshake(&mut self) -> Result<(), SessionEnd> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.shared.tls));
        match std::mem::replace(&mut self.stream, ClientStream::Away) {
            ClientStream::Plain(stream) => {
                let tls = tls_accept(&acceptor, stream, self.settings.handshake_timeout).await;
                self.stream = ClientStream::Tls(Box::new(tls.map_err(SessionEnd::Handshake)?));
            }
            other @ (ClientStream::Tls(_) | ClientStream::Away) => self.stream = other,
        }
        Ok(())
    }
}

/// The server's side of a handshake, within a limit; the error is a sentence.
pub async fn tls_accept(
    acceptor: &TlsAcceptor,
    stream: tokio::net::TcpStream,
    limit: std::time::Duration,
) -> Result<tokio_rustls::server::TlsStream<tokio::net::TcpStream>, String> {
    match timeout(limit, acceptor.accept(stream)).await {
        Ok(Ok(tls)) => Ok(tls),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not finished within {limit:?}")),
    }
}

/// Does the session have to see this request, or may it simply pass?
fn is_for_session(client: &Client, bound: bool, request: u8, message: &[u8]) -> bool {
    let parsed = || frame::frame(Bytes::copy_from_slice(message));
    match request {
        op::BIND_REQUEST | op::UNBIND_REQUEST => true,
        op::EXTENDED_REQUEST => {
            let passes = |frame: &Frame| {
                ExtendedRequest::parse(frame).is_ok_and(|request| request.oid != START_TLS)
                    && (bound || may_pass_unbound(client, request, frame))
            };
            !parsed().is_ok_and(|frame| passes(&frame))
        }
        op::COMPARE_REQUEST if !client.allow_password_compare => {
            !parsed().is_ok_and(|frame| !tests_a_password(client, &frame) && (bound || client.allow_anonymous))
        }
        op::ABANDON_REQUEST => false,
        _ if bound || client.allow_anonymous => false,
        op::SEARCH_REQUEST => !parsed().is_ok_and(|frame| may_pass_unbound(client, request, &frame)),
        _ => true,
    }
}

/// May an operation run that nobody is bound for?
fn may_pass_unbound(client: &Client, request: u8, frame: &Frame) -> bool {
    client.allow_anonymous
        || request == op::SEARCH_REQUEST
            && client.allow_root_dse
            && SearchScope::parse(frame).is_ok_and(|search| search.is_root_dse())
}

/// A Compare on a password attribute, where the client may not do that. One we cannot read is not passed either.
fn tests_a_password(client: &Client, frame: &Frame) -> bool {
    !client.allow_password_compare
        && compared_attribute(frame).map_or(true, |attribute| PASSWORDS.contains(&attribute.as_str()))
}
