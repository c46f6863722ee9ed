//! One LDAP connection of the load generator. Every answer is checked: its id, its kind, its result, and whom it is
//! about; anything unexpected ends the measurement.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::Fault;
use crate::ber::{self, Answer, Scope};
use crate::people::{LARGE, LARGE_BYTES, SUFFIX};

/// Longest wait for any answer but a person's.
const LIMIT: Duration = Duration::from_secs(20);
/// Room for a read: little at first, more for a large answer.
const SMALL: usize = 2 * 1024;
const CHUNK: usize = 64 * 1024;

/// Whom to connect to.
#[derive(Clone)]
pub struct Target {
    pub name: &'static str,
    pub address: SocketAddr,
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The address to speak from, where it matters.
    pub source: Option<IpAddr>,
}

impl Target {
    pub fn new(name: &'static str, address: SocketAddr) -> Self {
        Self { name, address, tls: None, source: None }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection and what has arrived on it.
pub struct Connection {
    stream: Box<dyn Stream>,
    inbox: Vec<u8>,
    last_id: u32,
    peer: &'static str,
}

impl Connection {
    pub async fn open(target: &Target) -> Result<Self, Fault> {
        let stream = within(target.name, "connect", connect(target)).await?;
        let stream: Box<dyn Stream> = match &target.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::IpAddress(target.address.ip().into());
                let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
                Box::new(within(target.name, "TLS handshake", handshake).await?)
            }
        };
        Ok(Self { stream, inbox: Vec::new(), last_id: 0, peer: target.name })
    }

    /// Binds and expects success.
    pub async fn bind(&mut self, dn: &str, password: &str) -> Result<(), Fault> {
        let peer = self.peer;
        let code = within(peer, "bind", self.bind_code(dn, password)).await?;
        if code == 0 { Ok(()) } else { Err(self.unexpected(&format!("bind of {dn} ended with result {code}"))) }
    }

    /// Binds and waits for as long as it takes; the result code.
    pub async fn bind_code(&mut self, dn: &str, password: &str) -> Result<u32, Fault> {
        self.send_bind(dn, password).await?;
        self.bind_answer().await
    }

    pub async fn send_bind(&mut self, dn: &str, password: &str) -> Result<(), Fault> {
        let request = ber::bind(self.next_id(), dn, password);
        self.send(&request).await
    }

    pub async fn bind_answer(&mut self) -> Result<u32, Fault> {
        self.receive(|answer, id| match answer.operation {
            ber::BIND_RESPONSE if answer.id == id => Ok(Some(answer.code()?)),
            _ => Err("another answer than one to the bind"),
        })
        .await
    }

    /// Searches one person by uid and expects exactly that entry.
    pub async fn search_person(&mut self, uid: &str) -> Result<(), Fault> {
        let id = self.next_id();
        let request = ber::search(id, SUFFIX, Scope::Subtree, ("uid", uid), &["mail", "telephoneNumber"]);
        self.expect_one(&request, &format!("uid={uid},")).await.map(drop)
    }

    /// Reads the entry with the large photograph; bytes of the answer.
    pub async fn read_large(&mut self) -> Result<usize, Fault> {
        let id = self.next_id();
        let request = ber::search(id, LARGE, Scope::Base, ("objectClass", "inetOrgPerson"), &["jpegPhoto"]);
        let bytes = self.expect_one(&request, "cn=large,").await?;
        if bytes > LARGE_BYTES { Ok(bytes) } else { Err(self.unexpected("the photograph came without its bytes")) }
    }

    async fn expect_one(&mut self, request: &[u8], name_begins: &str) -> Result<usize, Fault> {
        self.send(request).await?;
        let peer = self.peer;
        let (mut entries, mut bytes) = (0, 0);
        let code = self.receive(|answer, id| {
            bytes += answer.length;
            match answer.operation {
                _ if answer.id != id => Err("an answer to another request"),
                ber::SEARCH_ENTRY if answer.name()?.starts_with(name_begins.as_bytes()) => {
                    entries += 1;
                    Ok(None)
                }
                ber::SEARCH_DONE => Ok(Some(answer.code()?)),
                _ => Err("another answer than one to the search"),
            }
        });
        let code = within(peer, "search", code).await?;
        if (code, entries) == (0, 1) {
            Ok(bytes)
        } else {
            Err(self.unexpected(&format!("search of {name_begins} ended with result {code} and {entries} entries")))
        }
    }

    /// Unbinds and closes, as a gateway does after a login.
    pub async fn leave(mut self) -> Result<(), Fault> {
        let request = ber::unbind(self.next_id());
        self.send(&request).await
    }

    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Hands each answer to `judge`, with the id it has to have, until that has what it wants.
    async fn receive<Wanted>(
        &mut self,
        mut judge: impl FnMut(&Answer<'_>, u32) -> Result<Option<Wanted>, &'static str>,
    ) -> Result<Wanted, Fault> {
        let mut begin = 0;
        loop {
            let rest = self.inbox.get(begin..).unwrap_or_default();
            let judged = match ber::answer(rest) {
                Ok(Some(answer)) => {
                    begin += answer.length;
                    judge(&answer, self.last_id)
                }
                Ok(None) => {
                    self.inbox.drain(..begin);
                    begin = 0;
                    self.inbox.reserve(self.inbox.len().clamp(SMALL, CHUNK));
                    if self.stream.read_buf(&mut self.inbox).await? == 0 {
                        return Err(self.unexpected("closed the connection"));
                    }
                    continue;
                }
                Err(fault) => Err(fault),
            };
            match judged {
                Ok(None) => {}
                Ok(Some(wanted)) => {
                    self.inbox.drain(..begin);
                    return Ok(wanted);
                }
                Err(fault) => return Err(self.unexpected(fault)),
            }
        }
    }

    fn unexpected(&self, what: &str) -> Fault {
        format!("{}: {what}", self.peer).into()
    }
}

async fn connect(target: &Target) -> std::io::Result<TcpStream> {
    let stream = match target.source {
        None => TcpStream::connect(target.address).await?,
        Some(source) => {
            let socket = if source.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(SocketAddr::new(source, 0))?;
            socket.connect(target.address).await?
        }
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn within<T, E: Into<Fault>>(
    peer: &str,
    step: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(result) => result.map_err(|error| {
            let error: Fault = error.into();
            format!("{peer}: {step}: {error}").into()
        }),
        Err(_) => Err(format!("{peer}: {step}: nothing within {LIMIT:?}").into()),
    }
}
