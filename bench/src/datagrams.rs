//! One UDP socket of the load generator, as a gateway holds one. Every answer is checked; anything unexpected ends the
//! measurement. What gets lost is sent again, as a gateway would, and counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use vestibule::ambient::Ambient;

use crate::Fault;
use crate::radius::{self, Asked, Request};
use crate::works::Secret;

/// A gateway's usual patience before it sends again.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
const TRIES: usize = 5;

/// A RADIUS server to ask.
#[derive(Clone)]
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    pub secret: Secret,
    /// Its answers begin with a Message-Authenticator; those of a FreeRADIUS before 3.2.5 have none.
    pub signs: bool,
    /// The address to speak from.
    pub source: IpAddr,
    /// Requests that had to be sent again.
    pub resent: Arc<AtomicUsize>,
}

impl Server {
    pub fn secret(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    pub fn unexpected(&self, what: &str) -> Fault {
        format!("{}: {what}", self.name).into()
    }
}

/// A socket that asks one thing at a time.
pub struct Asker {
    pub server: Server,
    socket: UdpSocket,
    identifier: u8,
    ambient: Ambient,
    inbox: Box<[u8; radius::LONGEST]>,
}

impl Asker {
    pub async fn open(server: &Server) -> Result<Self, Fault> {
        Ok(Self {
            server: server.clone(),
            socket: connected(server).await?,
            identifier: 0,
            ambient: Ambient::system(),
            inbox: Box::new([0; radius::LONGEST]),
        })
    }

    /// The next identifier, and an authenticator that nobody can guess (RFC 2865 §3).
    fn asked(&mut self) -> Asked {
        self.identifier = self.identifier.wrapping_add(1);
        Asked { identifier: self.identifier, authenticator: self.ambient.bytes() }
    }

    /// A sign-in that has to be accepted; the request, to be sent again.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Result<Request, Fault> {
        let asked = self.asked();
        let request = Request::access(asked, self.server.secret(), name, password);
        match self.ask(&request).await? {
            radius::ACCESS_ACCEPT => Ok(request),
            code => Err(self.server.unexpected(&format!("the sign-in of {name} was answered with code {code}"))),
        }
    }

    pub async fn status(&mut self) -> Result<(), Fault> {
        let asked = self.asked();
        let request = Request::status(asked, self.server.secret());
        self.accepted(&request).await
    }

    /// Sends a request, perhaps one that was sent before, and expects an Access-Accept.
    pub async fn accepted(&mut self, request: &Request) -> Result<(), Fault> {
        match self.ask(request).await? {
            radius::ACCESS_ACCEPT => Ok(()),
            code => Err(self.server.unexpected(&format!("a request was answered with code {code}"))),
        }
    }

    /// Sends a request and waits for its answer's code.
    async fn ask(&mut self, request: &Request) -> Result<u8, Fault> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.server.resent.fetch_add(1, Ordering::Relaxed);
            }
            self.socket.send(&request.bytes).await?;
            if let Ok(code) = tokio::time::timeout(AGAIN_AFTER, self.answer(&request.asked)).await {
                return code;
            }
        }
        Err(self.server.unexpected(&format!("no answer to {TRIES} tries of {AGAIN_AFTER:?} each")))
    }

    async fn answer(&mut self, asked: &Asked) -> Result<u8, Fault> {
        loop {
            let length = self.socket.recv(&mut self.inbox[..]).await?;
            let bytes = self.inbox.get(..length).unwrap_or_default();
            // The second answer to a request that was sent twice may still come.
            if bytes.get(1) != Some(&asked.identifier) {
                continue;
            }
            return radius::answer(bytes, asked, self.server.secret(), self.server.signs)
                .map_err(|fault| self.server.unexpected(fault));
        }
    }
}

/// A socket that hears from this server alone.
pub async fn connected(server: &Server) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(server.source, 0)).await?;
    socket.connect(server.address).await?;
    Ok(socket)
}
