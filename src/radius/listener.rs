//! Sockets of the RADIUS door: UDP for sign-ins and accounting, TLS for both.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::answers::Bounds;
use super::desk::{Desk, House, Port, Way};
use super::radsec::{self, Connections};
use super::socket::Socket;
use crate::config::RadiusConfig;
use crate::sockets;
use crate::tasks::{Stop, Tasks};
use crate::telemetry::metrics;
use crate::wire::radius::MAX_LENGTH;

/// Why the door cannot open.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for RADIUS: {source}; is the port in use, or does it need more privileges?")]
pub struct ListenFault {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// The door with its sockets bound; nothing is received before [`Door::open`].
pub struct Door {
    sockets: Vec<(Socket, Port)>,
    radsec: Vec<TcpListener>,
}

/// After a failed receive, so that the loop does not spin.
const PAUSE: Duration = Duration::from_millis(50);

impl Door {
    pub fn bind(settings: &RadiusConfig) -> Result<Self, ListenFault> {
        let (mut sockets, mut radsec) = (vec![], vec![]);
        let access = settings.listen.iter().map(|at| (at, Port::Access));
        for (address, port) in access.chain(settings.listen_accounting.iter().map(|at| (at, Port::Accounting))) {
            let fault = |source| ListenFault { address: *address, source };
            for _ in 0..settings.sockets_per_address {
                let socket = Socket::bind(*address, settings.sockets_per_address > 1).map_err(fault)?;
                sockets.push((socket, port));
            }
        }
        // Without a CA nobody could connect.
        for address in settings.listen_radsec.iter().filter(|_| settings.radsec_client_ca.is_some()) {
            radsec.push(sockets::listen(*address).map_err(|source| ListenFault { address: *address, source })?);
        }
        Ok(Self { sockets, radsec })
    }

    /// Begins to receive. Requests run until they end or `tasks` is drained. `tls`: for RadSec, where that is open.
    pub fn open(self, house: House, settings: &RadiusConfig, tls: Option<Arc<ServerConfig>>, tasks: &Tasks) {
        let bounds =
            Bounds { waiting: settings.max_waiting, kept_for: settings.resend_for, bytes: settings.max_stored_answers };
        let desk = Arc::new(Desk::new(house, bounds, tasks.clone()));
        for (socket, port) in self.sockets {
            let desk = Arc::clone(&desk);
            tasks.spawn("radius-listener", move |stop| receive(socket, port, desk, stop));
        }
        let Some(tls) = tls else { return };
        let connections = Arc::new(Connections::new(desk, tls, settings));
        for listener in self.radsec {
            let (connections, sessions) = (Arc::clone(&connections), tasks.clone());
            tasks.spawn("radsec-listener", move |stop| radsec::accept(listener, connections, sessions, stop));
        }
    }
}

async fn receive(socket: Socket, port: Port, desk: Arc<Desk>, stop: Stop) {
    let socket = Arc::new(socket);
    // One byte more than a packet may have, so that a longer one shows.
    let mut buffer = vec![0_u8; MAX_LENGTH + 1];
    loop {
        let received = tokio::select! {
            received = socket.receive(&mut buffer) => received,
            () = stop.requested() => return,
        };
        match received {
            Ok((length, path)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                desk.datagram(bytes, port, Way::Udp { socket: Arc::clone(&socket), path });
            }
            Err(error) => {
                tracing::warn!(%error, "a packet could not be received");
                metrics::radius_dropped("receive");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
