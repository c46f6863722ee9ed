//! A RADIUS client for tests, with a codec of its own: what it says about an answer is the judgement of another program than the
//! one under test.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use tokio::net::UdpSocket;

use super::mschap;

pub const ACCESS_REQUEST: u8 = 1;
pub const ACCESS_ACCEPT: u8 = 2;
pub const ACCESS_REJECT: u8 = 3;
pub const ACCOUNTING_REQUEST: u8 = 4;
pub const ACCOUNTING_RESPONSE: u8 = 5;
pub const ACCESS_CHALLENGE: u8 = 11;
pub const STATUS_SERVER: u8 = 12;

pub const USER_NAME: u8 = 1;
pub const USER_PASSWORD: u8 = 2;
pub const CHAP_PASSWORD: u8 = 3;
pub const FILTER_ID: u8 = 11;
pub const REPLY_MESSAGE: u8 = 18;
pub const STATE: u8 = 24;
pub const CLASS: u8 = 25;
pub const VENDOR_SPECIFIC: u8 = 26;
pub const NAS_IDENTIFIER: u8 = 32;
pub const PROXY_STATE: u8 = 33;
pub const CHAP_CHALLENGE: u8 = 60;
pub const EAP_MESSAGE: u8 = 79;
pub const MESSAGE_AUTHENTICATOR: u8 = 80;

pub const MICROSOFT: u32 = 311;
pub const MS_CHAP_ERROR: u8 = 2;
pub const MS_CHAP_CHALLENGE: u8 = 11;
pub const MS_MPPE_SEND_KEY: u8 = 16;
pub const MS_MPPE_RECV_KEY: u8 = 17;
pub const MS_CHAP2_RESPONSE: u8 = 25;
pub const MS_CHAP2_SUCCESS: u8 = 26;

/// How a request carries its Message-Authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    First,
    Last,
    No,
    /// There, and not right.
    Wrong,
}

/// A request in the making.
#[derive(Clone)]
pub struct Request {
    pub code: u8,
    pub identifier: Option<u8>,
    pub authenticator: [u8; 16],
    pub attributes: Vec<(u8, Vec<u8>)>,
    /// Hidden with the secret when the request is written.
    pub password: Option<Vec<u8>>,
    pub signed: Signed,
}

impl Request {
    pub fn new(code: u8) -> Self {
        let (identifier, attributes, password) = (None, vec![], None);
        Self { code, identifier, authenticator: random(), attributes, password, signed: Signed::First }
    }

    pub fn pap(name: &str, password: &str) -> Self {
        let request = Self::new(ACCESS_REQUEST).with(USER_NAME, name.as_bytes());
        Self { password: Some(password.as_bytes().to_vec()), ..request }
    }

    /// The challenge is the Request Authenticator (RFC 2865 §2.2).
    pub fn chap(name: &str, password: &str) -> Self {
        let request = Self::new(ACCESS_REQUEST).with(USER_NAME, name.as_bytes());
        let response = md5(&[&[7], password.as_bytes(), &request.authenticator]);
        request.with(CHAP_PASSWORD, &[&[7], &response[..]].concat())
    }

    pub fn mschap2(name: &str, exchange: &Exchange) -> Self {
        let response = [&[exchange.ident, 0], &exchange.peer_challenge[..], &[0; 8], &exchange.response[..]].concat();
        Self::new(ACCESS_REQUEST)
            .with(USER_NAME, name.as_bytes())
            .vendor(MICROSOFT, MS_CHAP_CHALLENGE, &exchange.challenge)
            .vendor(MICROSOFT, MS_CHAP2_RESPONSE, &response)
    }

    pub fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    pub fn vendor(self, vendor: u32, kind: u8, value: &[u8]) -> Self {
        let head = [kind, u8::try_from(value.len() + 2).unwrap()];
        self.with(VENDOR_SPECIFIC, &[&vendor.to_be_bytes(), &head[..], value].concat())
    }

    pub fn identified(self, identifier: u8) -> Self {
        Self { identifier: Some(identifier), ..self }
    }

    pub fn signed(self, signed: Signed) -> Self {
        Self { signed, ..self }
    }

    pub fn encode(&self, secret: &[u8]) -> Vec<u8> {
        let is_accounting = self.code == ACCOUNTING_REQUEST;
        let authenticator = if is_accounting { [0; 16] } else { self.authenticator };
        let mut attributes = self.attributes.clone();
        if let Some(password) = &self.password {
            attributes.push((USER_PASSWORD, hidden(password, secret, &authenticator)));
        }
        let signature = (MESSAGE_AUTHENTICATOR, vec![0; 16]);
        match self.signed {
            _ if is_accounting => {}
            Signed::First | Signed::Wrong => attributes.insert(0, signature),
            Signed::Last => attributes.push(signature),
            Signed::No => {}
        }
        let mut bytes = vec![self.code, self.identifier.unwrap_or_default(), 0, 0];
        bytes.extend(authenticator);
        let mut signature_at = None;
        for (kind, value) in &attributes {
            bytes.extend([*kind, u8::try_from(value.len() + 2).unwrap()]);
            signature_at = if *kind == MESSAGE_AUTHENTICATOR { Some(bytes.len()) } else { signature_at };
            bytes.extend(value);
        }
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes[2..4].copy_from_slice(&length);
        if let Some(at) = signature_at {
            let mut signature = hmac_md5(secret, &bytes);
            signature[0] ^= u8::from(self.signed == Signed::Wrong);
            bytes[at..at + 16].copy_from_slice(&signature);
        }
        if is_accounting {
            let authenticator = md5(&[&bytes, secret]);
            bytes[4..20].copy_from_slice(&authenticator);
        }
        bytes
    }
}

/// One MS-CHAPv2 exchange of a person who knows this password.
pub struct Exchange {
    name: String,
    password: String,
    ident: u8,
    challenge: [u8; 16],
    peer_challenge: [u8; 16],
    response: [u8; 24],
}

impl Exchange {
    pub fn new(name: &str, password: &str) -> Self {
        let (challenge, peer_challenge) = (random(), random());
        let response = mschap::nt_response(&challenge, &peer_challenge, name, password);
        Self { name: name.into(), password: password.into(), ident: 9, challenge, peer_challenge, response }
    }

    /// Does the answer prove that the server knows the password (RFC 2759 §5)?
    pub fn is_proved_by(&self, answer: &Answer) -> bool {
        let Self { name, password, peer_challenge, challenge, response, .. } = self;
        let right = mschap::authenticator_response(password, response, peer_challenge, challenge, name);
        answer.vendor(MICROSOFT, MS_CHAP2_SUCCESS) == [[&[self.ident], right.as_bytes()].concat()]
    }

    /// The keys that both ends compute: MS-MPPE-Send-Key and MS-MPPE-Recv-Key (RFC 2548 §2.4.2: the server's view).
    pub fn keys(&self) -> (Vec<u8>, Vec<u8>) {
        let master = mschap::master_key(&self.password, &self.response);
        (mschap::server_send_key(&master).to_vec(), mschap::server_receive_key(&master).to_vec())
    }
}

/// What the Message-Authenticator of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    None,
    First,
    NotFirst,
    Wrong,
}

/// An answer whose identifier and Response Authenticator are right.
#[derive(Debug, Clone)]
pub struct Answer {
    pub code: u8,
    pub bytes: Vec<u8>,
    pub attributes: Vec<(u8, Vec<u8>)>,
    pub signature: Signature,
    request_authenticator: [u8; 16],
    secret: Vec<u8>,
}

impl Answer {
    /// Reads the answer to a request that was sent as these bytes.
    pub fn read(bytes: &[u8], request: &[u8], secret: &[u8]) -> Result<Self, String> {
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if bytes.len() < 20 || length != bytes.len() || length > 4096 {
            return Err(format!("{} bytes with a length of {length}", bytes.len()));
        }
        if bytes[1] != request[1] {
            return Err(format!("identifier {} for {}", bytes[1], request[1]));
        }
        let request_authenticator: [u8; 16] = request[4..20].try_into().unwrap();
        if bytes[4..20] != md5(&[&bytes[..4], &request_authenticator, &bytes[20..], secret]) {
            return Err("the Response Authenticator is wrong".into());
        }
        let (mut attributes, mut at, mut signatures) = (vec![], 20, vec![]);
        while at < bytes.len() {
            let (kind, length) = (bytes[at], usize::from(bytes[at + 1]));
            if length < 2 || at + length > bytes.len() {
                return Err(format!("attribute {kind} of length {length}"));
            }
            if kind == MESSAGE_AUTHENTICATOR {
                signatures.push(at);
            }
            attributes.push((kind, bytes[at + 2..at + length].to_vec()));
            at += length;
        }
        let signature = match signatures[..] {
            [] => Signature::None,
            [at] if is_signature(bytes, at, &request_authenticator, secret) => {
                if at == 20 {
                    Signature::First
                } else {
                    Signature::NotFirst
                }
            }
            _ => Signature::Wrong,
        };
        let (code, bytes, secret) = (bytes[0], bytes.to_vec(), secret.to_vec());
        Ok(Self { code, bytes, attributes, signature, request_authenticator, secret })
    }

    pub fn all(&self, kind: u8) -> Vec<Vec<u8>> {
        self.attributes.iter().filter(|(this, _)| *this == kind).map(|(_, value)| value.clone()).collect()
    }

    pub fn first(&self, kind: u8) -> Option<Vec<u8>> {
        self.all(kind).into_iter().next()
    }

    /// The first such attribute as a text; empty if there is none.
    pub fn text(&self, kind: u8) -> String {
        String::from_utf8(self.first(kind).unwrap_or_default()).unwrap()
    }

    pub fn vendor(&self, vendor: u32, kind: u8) -> Vec<Vec<u8>> {
        let mut found = vec![];
        for value in self.all(VENDOR_SPECIFIC) {
            let mut rest = if value[..4] == vendor.to_be_bytes() { &value[4..] } else { &[][..] };
            while let [this, length, ..] = rest {
                let length = usize::from(*length);
                if *this == kind {
                    found.push(rest[2..length].to_vec());
                }
                rest = &rest[length..];
            }
        }
        found
    }

    /// MS-MPPE-Send-Key and MS-MPPE-Recv-Key, as the client decrypts them (RFC 2548 §2.4.2).
    pub fn keys(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let key = |kind| self.vendor(MICROSOFT, kind).first().map(|value| self.revealed(value));
        Some((key(MS_MPPE_SEND_KEY)?, key(MS_MPPE_RECV_KEY)?))
    }

    /// A salt-encrypted value.
    pub fn revealed(&self, value: &[u8]) -> Vec<u8> {
        assert!(value.len() >= 18 && (value.len() - 2).is_multiple_of(16) && value[0] & 0x80 != 0, "{value:?}");
        let mut mask = md5(&[&self.secret, &self.request_authenticator, &value[..2]]);
        let mut plain = vec![];
        for block in value[2..].chunks(16) {
            plain.extend(block.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
            mask = md5(&[&self.secret, block]);
        }
        plain[1..=usize::from(plain[0])].to_vec()
    }
}

/// A gateway: it speaks from one address and port to one server.
pub struct Nas {
    pub socket: UdpSocket,
    pub server: SocketAddr,
    pub secret: Vec<u8>,
    next: AtomicU8,
}

/// A request on its way.
pub struct Sent {
    pub bytes: Vec<u8>,
}

impl Nas {
    pub async fn at(address: IpAddr, server: SocketAddr, secret: &str) -> Self {
        Self::on(SocketAddr::new(address, 0), server, secret).await
    }

    /// With a port of its own choice.
    pub async fn on(local: SocketAddr, server: SocketAddr, secret: &str) -> Self {
        let socket = UdpSocket::bind(local).await.unwrap();
        Self { socket, server, secret: secret.as_bytes().to_vec(), next: AtomicU8::new(0) }
    }

    /// Sends a request, under the next identifier unless it has one.
    pub async fn send(&self, request: &Request) -> Sent {
        let identifier = request.identifier.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
        let bytes = request.clone().identified(identifier).encode(&self.secret);
        self.send_bytes(&bytes).await;
        Sent { bytes }
    }

    pub async fn send_bytes(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).await.unwrap();
    }

    /// Sends the same bytes once more.
    pub async fn resend(&self, sent: &Sent) {
        self.send_bytes(&sent.bytes).await;
    }

    /// The next datagram of the server, whatever it is.
    pub async fn datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let (length, from) = super::in_time("an answer", self.socket.recv_from(&mut buffer)).await.unwrap();
        assert_eq!(from, self.server, "an answer comes from where the request went");
        buffer.truncate(length);
        buffer
    }

    /// The next datagram, which must be the answer to this.
    pub async fn answer(&self, sent: &Sent) -> Answer {
        let bytes = self.datagram().await;
        Answer::read(&bytes, &sent.bytes, &self.secret).unwrap_or_else(|fault| panic!("{fault}: {bytes:02x?}"))
    }

    /// Asks, and expects an answer that is signed as it should be.
    pub async fn ask(&self, request: &Request) -> Answer {
        let sent = self.send(request).await;
        let answer = self.answer(&sent).await;
        if request.code != ACCOUNTING_REQUEST {
            assert_eq!(answer.signature, Signature::First, "{answer:?}");
        }
        answer
    }

    /// Asks a server that may not sign.
    pub async fn ask_unsigned(&self, request: &Request) -> Answer {
        let sent = self.send(request).await;
        self.answer(&sent).await
    }
}

/// The value of a User-Password attribute, RFC 2865 §5.2.
fn hidden(password: &[u8], secret: &[u8], authenticator: &[u8; 16]) -> Vec<u8> {
    let mut padded = password.to_vec();
    padded.resize(password.len().next_multiple_of(16).max(16), 0);
    let (mut out, mut before) = (vec![], authenticator.to_vec());
    for block in padded.chunks(16) {
        let mask = md5(&[secret, &before]);
        before = block.iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect();
        out.extend(&before);
    }
    out
}

fn is_signature(answer: &[u8], at: usize, request_authenticator: &[u8; 16], secret: &[u8]) -> bool {
    let mut signed = answer.to_vec();
    signed[4..20].copy_from_slice(request_authenticator);
    if answer.len() < at + 18 || answer[at + 1] != 18 {
        return false;
    }
    signed[at + 2..at + 18].fill(0);
    answer[at + 2..at + 18] == hmac_md5(secret, &signed)
}

pub fn hmac_md5(secret: &[u8], bytes: &[u8]) -> [u8; 16] {
    let mut hmac = Hmac::<Md5>::new_from_slice(secret).unwrap();
    hmac.update(bytes);
    hmac.finalize().into_bytes().into()
}

pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

fn random() -> [u8; 16] {
    rand::random()
}
