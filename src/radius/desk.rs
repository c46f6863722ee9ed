//! A packet's way from its bytes to its answer, whatever it came by. What is quick is done where it is received; what waits
//! runs beside it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::admit::{self, Admitted, Unheard};
use super::answers::{Answers, Bounds, Key, Pending, Seen};
use super::seldom::Seldom;
use super::socket::{Path, Socket};
use super::{access, accounting, reply};
use crate::domain::client::{Client, radius_by_address};
use crate::domain::radius::dictionary::Dictionary;
use crate::domain::secret::SharedSecret;
use crate::flows::sign_in::SignIns;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::telemetry::{metrics, shown};
use crate::wire::radius::{BuildFault, MAX_LENGTH, Packet, attribute, code};

/// Which service a packet asks for by the port it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    Access,
    Accounting,
    /// RFC 6614 §2.5: one port for everything.
    Radsec,
}

impl Port {
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Accounting => "accounting",
            Self::Radsec => "radsec",
        }
    }
}

/// What the door leans on.
pub struct House {
    pub sign_ins: Arc<SignIns>,
    pub store: Store,
    /// The names of the attributes that answers carry.
    pub dictionary: Dictionary,
}

/// What all requests share.
pub struct Desk {
    pub sign_ins: Arc<SignIns>,
    pub store: Store,
    pub dictionary: Dictionary,
    /// So that a flood of accounting leaves the database to sign-ins.
    pub accounting: Semaphore,
    answers: Answers,
    seldom: Seldom,
    tasks: Tasks,
}

/// A packet from a client that is believed.
pub struct Request {
    pub packet: Packet,
    pub client: Arc<Client>,
    pub source: IpAddr,
    /// Nobody can have changed it on its way.
    pub is_signed: bool,
    is_radsec: bool,
}

/// RFC 6614 §2.3.
static RADSEC: LazyLock<SharedSecret> = LazyLock::new(|| SharedSecret::new(*b"radsec"));

impl Request {
    pub fn secret(&self) -> &SharedSecret {
        match &self.client.radius {
            Some(policy) if !self.is_radsec => &policy.secret,
            Some(_) | None => &RADSEC,
        }
    }

    /// The User-Name, if it is there and is text (RFC 2865 §5.1).
    pub fn name(&self) -> Option<&str> {
        let name = self.packet.first(attribute::USER_NAME)?;
        std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
    }
}

/// What becomes of a request.
pub enum Answer {
    Bytes(Bytes),
    /// Nobody could decide; the next server may.
    Silence,
}

impl From<Result<Bytes, BuildFault>> for Answer {
    fn from(made: Result<Bytes, BuildFault>) -> Self {
        match made {
            Ok(bytes) => Self::Bytes(bytes),
            Err(fault) => {
                metrics::radius_dropped(Unheard::NoRoom.reason());
                tracing::warn!(%fault, "an answer does not fit into a packet");
                Self::Silence
            }
        }
    }
}

/// Where an answer goes.
pub enum Way {
    Udp { socket: Arc<Socket>, path: Path },
    Radsec { connection: mpsc::Sender<Bytes>, peer: SocketAddr, local: SocketAddr },
}

impl Way {
    fn key(&self, identifier: u8) -> Key {
        match self {
            Self::Udp { socket, path } => {
                Key::new(path.peer, SocketAddr::new(path.local.address, socket.port()), identifier)
            }
            Self::Radsec { peer, local, .. } => Key::new(*peer, *local, identifier),
        }
    }

    fn source(&self) -> IpAddr {
        let (Self::Udp { path: Path { peer, .. }, .. } | Self::Radsec { peer, .. }) = self;
        peer.ip().to_canonical()
    }

    async fn send(&self, answer: Bytes) {
        match self {
            Self::Udp { socket, path } => {
                if let Err(error) = socket.send(&answer, path).await {
                    tracing::warn!(%error, to = %path.peer, "an answer could not be sent; a resend gets it");
                }
            }
            // Full or gone: the client does not read, or has left.
            Self::Radsec { connection, .. } => drop(connection.try_send(answer)),
        }
    }

    /// From where packets are received, which does not wait.
    fn send_now(&self, answer: &Bytes) {
        match self {
            Self::Udp { socket, path } => {
                if let Err(error) = socket.try_send(answer, path) {
                    tracing::debug!(%error, to = %path.peer, "an answer could not be sent at once");
                }
            }
            Self::Radsec { connection, .. } => drop(connection.try_send(answer.clone())),
        }
    }
}

/// Accounting requests that are written down at once.
const ACCOUNTING: usize = 4;
/// A request is asked for again after seconds; what waits longer for its turn is asked for again anyway.
pub const ACCOUNTING_WAIT: Duration = Duration::from_secs(5);

impl Desk {
    pub fn new(house: House, bounds: Bounds, tasks: Tasks) -> Self {
        let House { sign_ins, store, dictionary } = house;
        Self {
            sign_ins,
            store,
            dictionary,
            accounting: Semaphore::new(ACCOUNTING),
            answers: Answers::new(bounds),
            seldom: Seldom::default(),
            tasks,
        }
    }

    /// Takes one datagram.
    pub fn datagram(self: &Arc<Self>, bytes: &[u8], port: Port, way: Way) {
        metrics::radius_received(port.name());
        let now = Instant::now();
        match self.admit(bytes, port, &way, now) {
            Ok(Some(request)) => self.serve(request, port, way, now),
            Ok(None) => {}
            Err(unheard) => self.unheard(unheard, way.source(), now),
        }
    }

    /// `None` for a resend, which is dealt with here.
    fn admit(&self, bytes: &[u8], port: Port, way: &Way, now: Instant) -> Result<Option<Request>, Unheard> {
        if bytes.len() > MAX_LENGTH {
            return Err(Unheard::TooLong);
        }
        let packet = Packet::parse(Bytes::copy_from_slice(bytes)).map_err(Unheard::Malformed)?;
        let is_for_port = match packet.code() {
            code::ACCESS_REQUEST => port == Port::Access,
            code::ACCOUNTING_REQUEST => port == Port::Accounting,
            code::STATUS_SERVER => true,
            _ => false,
        };
        if !is_for_port {
            return Err(Unheard::Code(packet.code()));
        }
        // Before the secret is looked at: whoever repeats a packet gets no more than the bytes that were sent before.
        if self.is_resend(&packet, way, now) {
            return Ok(None);
        }
        let source = way.source();
        let policy = self.sign_ins.policies().last_known();
        let candidates = radius_by_address(&policy.snapshot.clients, source);
        let Admitted { client, is_signed } = admit::over_udp(&packet, &candidates)?;
        if !is_signed && self.seldom.may("legacy", source, now) {
            let client = shown(&client.name).to_string();
            tracing::warn!(%source, client, "a request without Message-Authenticator was taken, as the client's policy says; {HINT}");
        }
        Ok(Some(Request { packet, client, source, is_signed, is_radsec: false }))
    }

    /// Takes one packet of a connection whose certificate has shown the client.
    pub fn over_tls(self: &Arc<Self>, packet: Packet, client: &Arc<Client>, way: Way) {
        metrics::radius_received(Port::Radsec.name());
        let (now, source) = (Instant::now(), way.source());
        if self.is_resend(&packet, &way, now) {
            return;
        }
        if let Err(unheard) = admit::over_tls(&packet, &RADSEC) {
            return self.unheard(unheard, source, now);
        }
        let request = Request { packet, client: Arc::clone(client), source, is_signed: true, is_radsec: true };
        self.serve(request, Port::Radsec, way, now);
    }

    /// Is this a packet that was seen before? Then its sender waits on, or gets the same answer again.
    fn is_resend(&self, packet: &Packet, way: &Way, now: Instant) -> bool {
        match self.answers.look(&way.key(packet.identifier()), packet.authenticator(), now) {
            Seen::Never => false,
            Seen::Waiting => {
                metrics::radius_resent("waiting");
                true
            }
            Seen::Answered(answer) => {
                metrics::radius_resent("answered");
                way.send_now(&answer);
                true
            }
        }
    }

    fn serve(self: &Arc<Self>, request: Request, port: Port, way: Way, now: Instant) {
        let at_once = match request.packet.code() {
            code::ACCESS_REQUEST | code::ACCOUNTING_REQUEST => None,
            code::STATUS_SERVER => Some(reply::status(&request, port == Port::Accounting)),
            // An answer is answered by nobody, least of all with an error (RFC 7930 §4).
            code if is_answer(code) => return self.unheard(Unheard::Code(code), request.source, now),
            _ => Some(reply::protocol_error(&request)),
        };
        if let Some(made) = at_once {
            if let Answer::Bytes(answer) = made.into() {
                way.send_now(&answer);
            }
            return;
        }
        let key = way.key(request.packet.identifier());
        match self.answers.begin(key, *request.packet.authenticator()) {
            Some(pending) => self.begin(request, way, pending),
            None => self.busy(&request, &way, now),
        }
    }

    fn begin(self: &Arc<Self>, request: Request, way: Way, pending: Pending) {
        let desk = Arc::clone(self);
        self.tasks.spawn_many("radius-request", async move {
            let answer = match request.packet.code() {
                code::ACCOUNTING_REQUEST => Box::pin(accounting::account(&desk, &request)).await,
                _ => Box::pin(access::access(&desk, &request)).await,
            };
            if let Answer::Bytes(answer) = answer
                && pending.answered(&answer, Instant::now())
            {
                way.send(answer).await;
            }
        });
    }

    fn busy(&self, request: &Request, way: &Way, now: Instant) {
        metrics::radius_dropped("full");
        if self.seldom.may("full", request.source, now) {
            tracing::warn!(source = %request.source, "as many requests are under way as radius.max_waiting allows");
        }
        if let Some(Answer::Bytes(answer)) = reply::busy(request).map(Answer::from) {
            way.send_now(&answer);
        }
    }

    fn unheard(&self, unheard: Unheard, source: IpAddr, now: Instant) {
        metrics::radius_dropped(unheard.reason());
        if self.seldom.may(unheard.reason(), source, now) {
            tracing::warn!(%source, reason = unheard.reason(), "RADIUS packets not answered: {unheard}");
        }
    }
}

/// What an administrator can do about it.
const HINT: &str = "have the gateway send it and add the client without --legacy-no-message-authenticator";

/// Codes by which servers answer (RFC 2865, 2866, 5176, 7930).
fn is_answer(code: u8) -> bool {
    const DISCONNECT_ACK: u8 = 41;
    const DISCONNECT_NAK: u8 = 42;
    const COA_ACK: u8 = 44;
    const COA_NAK: u8 = 45;
    matches!(
        code,
        code::ACCESS_ACCEPT
            | code::ACCESS_REJECT
            | code::ACCESS_CHALLENGE
            | code::ACCOUNTING_RESPONSE
            | code::PROTOCOL_ERROR
            | DISCONNECT_ACK
            | DISCONNECT_NAK
            | COA_ACK
            | COA_NAK
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::domain::client::radius::RadiusPolicy;
    use crate::domain::fixture;
    use crate::wire::radius;

    /// An Access-Request from a client that is believed.
    pub fn request(attributes: &[(u8, &[u8])]) -> Request {
        let policy = RadiusPolicy::new(SharedSecret::new(*b"a secret of the test"));
        let mut request = radius::Request::new(code::ACCESS_REQUEST, 7, [9; 16]);
        for (kind, value) in attributes {
            request.attribute(*kind, value).unwrap();
        }
        let packet = Packet::parse(request.sign(&policy.secret)).unwrap();
        let client = Arc::new(Client { radius: Some(policy), ..fixture::client() });
        Request { packet, client, source: [192, 0, 2, 1].into(), is_signed: true, is_radsec: false }
    }
}
