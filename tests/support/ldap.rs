//! A raw LDAP client: plain, TLS, StartTLS, from any loopback address, well-behaved or not.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use vestibule::domain::secret::Password;
use vestibule::wire::ber;
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::{self, Frame, op};
use vestibule::wire::message::{
    Control, Entry, ExtendedRequest, LdapResult, NOTICE_OF_DISCONNECTION, Scope, SearchRequest, bind_request,
    start_tls_request,
};

use super::in_time;

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection.
pub struct Ldap {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    next_id: u32,
}

/// A result code and its text.
pub type Answer = (u32, String);

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    pub entries: Vec<Entry>,
    pub references: usize,
    pub code: u32,
    pub text: String,
    pub controls: Vec<Control>,
}

impl Found {
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.dn.as_str()).collect()
    }
}

/// Largest answer a test expects.
const LIMIT: usize = 64 << 20;

impl Ldap {
    pub async fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect(to).await.unwrap())
    }

    /// Connects from another loopback address: to the appliance, that is another client.
    pub async fn connect_from(from: impl Into<IpAddr>, to: SocketAddr) -> Self {
        Self::over(socket_from(from, to).await.unwrap())
    }

    /// LDAPS.
    pub async fn connect_tls(to: SocketAddr, ca: &Path) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        Self::over(handshake(stream, to.ip(), ca).await.unwrap())
    }

    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: BytesMut::new(), next_id: 1 }
    }

    /// StartTLS on a fresh connection: the request, its answer, the handshake.
    pub async fn connect_start_tls(to: SocketAddr, ca: &Path) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        let mut plain = PlainTls { stream };
        let (code, text) = plain.start().await;
        assert_eq!(code, 0, "{text}");
        Self::over(handshake(plain.stream, to.ip(), ca).await.unwrap())
    }

    /// A message id that was not used before.
    pub fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The same for a peer that may have closed already.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next message; `None` when the other side has closed.
    pub async fn frame(&mut self) -> Option<Frame> {
        in_time("an answer or the end of the connection", async {
            loop {
                if let Some(frame) = frame::split(&mut self.buffer, LIMIT).unwrap() {
                    return Some(frame);
                }
                match self.stream.read_buf(&mut self.buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        })
        .await
    }

    pub async fn bind(&mut self, name: &str, password: &str) -> Answer {
        let id = self.send_bind(name, password).await;
        self.answer_to(id, op::BIND_RESPONSE).await
    }

    /// Asks, and leaves the answer to be read.
    pub async fn send_bind(&mut self, name: &str, password: &str) -> u32 {
        let id = self.id();
        self.send(&bind_request(id, name, &Password::new(password.as_bytes()), &[])).await;
        id
    }

    pub async fn search(&mut self, base: &str, scope: Scope, filter: &str) -> Found {
        self.search_for(base, scope, filter, &[], &[]).await
    }

    pub async fn search_for(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        controls: &[Control],
    ) -> Found {
        let id = self.id();
        self.send(&search_request(id, base, scope, filter, attributes, controls)).await;
        self.found(id).await
    }

    /// Reads the answers to a search.
    pub async fn found(&mut self, id: u32) -> Found {
        let mut found = Found { entries: vec![], references: 0, code: 0, text: String::new(), controls: vec![] };
        loop {
            let frame = self.frame().await.expect("the search is answered");
            assert_eq!(frame.message_id(), id, "an answer to something else: {frame:?}");
            match frame.op() {
                op::SEARCH_ENTRY => found.entries.push(Entry::parse(&frame).unwrap()),
                op::SEARCH_REFERENCE => found.references += 1,
                _ => {
                    let LdapResult { code, diagnostic, controls } = LdapResult::parse(&frame, op::SEARCH_DONE).unwrap();
                    return Found { code, text: diagnostic, controls, ..found };
                }
            }
        }
    }

    /// One request with one answer.
    pub async fn ask(&mut self, answer: u8, request: impl FnOnce(&mut Vec<u8>)) -> Answer {
        let id = self.id();
        self.send(&message(id, &[], request)).await;
        self.answer_to(id, answer).await
    }

    pub async fn answer_to(&mut self, id: u32, tag: u8) -> Answer {
        let frame = self.frame().await.expect("the request is answered");
        assert_eq!((frame.message_id(), frame.op()), (id, tag), "an answer to something else");
        result(&frame)
    }

    /// Asks the directory who we are (RFC 4532): `dn:…`, or nothing for nobody.
    pub async fn who_am_i(&mut self) -> String {
        let id = self.id();
        self.send(&extended(id, WHO_AM_I, None)).await;
        let frame = self.frame().await.expect("Who am I? is answered");
        assert_eq!(frame.message_id(), id);
        let (code, text) = result(&frame);
        assert_eq!(code, 0, "{text}");
        extended_value(&frame).map(|value| String::from_utf8(value).unwrap()).unwrap_or_default()
    }

    pub async fn unbind(mut self) {
        let id = self.id();
        self.send(&unbind_request(id)).await;
        assert_eq!(self.frame().await, None, "nothing comes after an Unbind");
    }

    /// Everything until the other side closes, and what its parting Notice of Disconnection says.
    pub async fn goodbye(&mut self) -> Option<Answer> {
        let mut notice = None;
        while let Some(frame) = self.frame().await {
            assert_eq!((frame.message_id(), frame.op()), (0, op::EXTENDED_RESPONSE), "only a parting word is expected");
            assert!(
                frame
                    .bytes()
                    .windows(NOTICE_OF_DISCONNECTION.len())
                    .any(|part| part == NOTICE_OF_DISCONNECTION.as_bytes())
            );
            notice = Some(result(&frame));
        }
        notice
    }

    /// Nothing may arrive now. A request that is surely answered later marks the time.
    pub fn has_nothing(&mut self) -> bool {
        use std::pin::Pin;
        use std::task::{Context, Poll, Waker};
        let mut chunk = [0; 256];
        let mut read = tokio::io::ReadBuf::new(&mut chunk);
        let polled = Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut read);
        self.buffer.extend_from_slice(read.filled());
        matches!(polled, Poll::Pending) && self.buffer.is_empty()
    }
}

/// A plain connection on its way to TLS, whose socket can still be taken out.
pub struct PlainTls {
    pub stream: TcpStream,
}

impl PlainTls {
    pub async fn start(&mut self) -> Answer {
        self.stream.write_all(&start_tls_request(1)).await.unwrap();
        let mut buffer = BytesMut::new();
        let frame = in_time("an answer to StartTLS", async {
            loop {
                if let Some(frame) = frame::split(&mut buffer, LIMIT).unwrap() {
                    return frame;
                }
                assert!(self.stream.read_buf(&mut buffer).await.unwrap() > 0, "closed instead of an answer");
            }
        })
        .await;
        assert!(buffer.is_empty(), "nothing follows the answer before the handshake");
        result(&frame)
    }
}

pub async fn socket_from(from: impl Into<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.into(), 0))?;
    socket.connect(to).await
}

/// A TLS handshake that trusts `ca` and nobody else.
pub async fn handshake(
    stream: TcpStream,
    name: IpAddr,
    ca: &Path,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&std::fs::read(ca).unwrap()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(ServerName::from(name), stream).await
}

/// The code and text of any final answer.
pub fn result(frame: &Frame) -> Answer {
    let mut outer = ber::Reader::new(frame.body());
    let mut result = ber::Reader::new(outer.expect(frame.op()).unwrap());
    let code = result.number(ber::ENUMERATED).unwrap();
    result.expect(ber::OCTET_STRING).unwrap();
    (code, result.text(ber::OCTET_STRING).unwrap().to_owned())
}

/// Any message.
pub fn message(id: u32, controls: &[Control], operation: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![];
    ber::put(&mut out, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, id);
        operation(out);
        if controls.is_empty() {
            return;
        }
        ber::put(out, 0xa0, |out| {
            for control in controls {
                ber::put(out, ber::SEQUENCE, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, control.oid.as_bytes());
                    if control.critical {
                        ber::put_bytes(out, ber::BOOLEAN, &[0xff]);
                    }
                    if let Some(value) = &control.value {
                        ber::put_bytes(out, ber::OCTET_STRING, value);
                    }
                });
            }
        });
    });
    out
}

pub fn search_request(
    id: u32,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[&str],
    controls: &[Control],
) -> Vec<u8> {
    let filter = Filter::parse(filter).unwrap();
    SearchRequest { base, scope, filter: &filter, size_limit: 0, time_limit: 0, attributes, controls }.encode(id)
}

pub fn unbind_request(id: u32) -> Vec<u8> {
    message(id, &[], |out| ber::put_bytes(out, op::UNBIND_REQUEST, b""))
}

/// RFC 4511 §4.6: replaces the values of one attribute.
pub fn modify(out: &mut Vec<u8>, dn: &str, attribute: &str, value: &str) {
    ber::put(out, op::MODIFY_REQUEST, |out| {
        ber::put_bytes(out, ber::OCTET_STRING, dn.as_bytes());
        ber::put(out, ber::SEQUENCE, |out| {
            ber::put(out, ber::SEQUENCE, |out| {
                ber::put_number(out, ber::ENUMERATED, 2);
                ber::put(out, ber::SEQUENCE, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, attribute.as_bytes());
                    ber::put(out, ber::SET, |out| ber::put_bytes(out, ber::OCTET_STRING, value.as_bytes()));
                });
            });
        });
    });
}

/// RFC 4511 §4.10.
pub fn compare(out: &mut Vec<u8>, dn: &str, attribute: &str, value: &str) {
    ber::put(out, op::COMPARE_REQUEST, |out| {
        ber::put_bytes(out, ber::OCTET_STRING, dn.as_bytes());
        ber::put(out, ber::SEQUENCE, |out| {
            ber::put_bytes(out, ber::OCTET_STRING, attribute.as_bytes());
            ber::put_bytes(out, ber::OCTET_STRING, value.as_bytes());
        });
    });
}

/// RFC 4532.
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// RFC 4511 §4.12.
pub fn extended(id: u32, oid: &str, value: Option<&[u8]>) -> Vec<u8> {
    message(id, &[], |out| {
        ber::put(out, op::EXTENDED_REQUEST, |out| {
            ber::put_bytes(out, 0x80, oid.as_bytes());
            if let Some(value) = value {
                ber::put_bytes(out, 0x81, value);
            }
        });
    })
}

fn extended_value(frame: &Frame) -> Option<Vec<u8>> {
    let mut outer = ber::Reader::new(frame.body());
    let mut answer = ber::Reader::new(outer.expect(op::EXTENDED_RESPONSE).unwrap());
    while !answer.is_empty() {
        if let Some(value) = answer.optional(0x8b).unwrap() {
            return Some(value.to_vec());
        }
        answer.element().unwrap();
    }
    None
}

/// Is it an ExtendedRequest for this operation?
pub fn asks_for(frame: &Frame, oid: &str) -> bool {
    frame.op() == op::EXTENDED_REQUEST && ExtendedRequest::parse(frame).is_ok_and(|request| request.oid == oid)
}
