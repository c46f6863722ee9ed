//! The client of RADIUS servers behind us, against real ones and against servers that lie, stall and vanish.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod asking;
mod lying;
mod mschap_vectors;
mod real_server;

#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use vestibule::ambient::Ambient;
use vestibule::domain::radius::upstream::UpstreamServer;
use vestibule::domain::secret::SharedSecret;
use vestibule::upstream::{Spawn, Upstreams};

use support::freeradius::FreeRadius;

/// More than any answer takes.
const LONG: Duration = Duration::from_secs(30);

/// Background work of a client under test; it ends with the test's runtime.
#[derive(Default)]
struct Background(Mutex<Vec<JoinHandle<()>>>);

impl Spawn for Background {
    fn spawn(&self, _name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let running = tokio::runtime::Handle::current().spawn(future);
        self.0.lock().unwrap().push(running);
    }
}

fn background() -> Arc<dyn Spawn> {
    Arc::new(Background::default())
}

fn ambient() -> Ambient {
    Ambient::system()
}

/// A client of these servers, and their names in order.
fn client(servers: Vec<UpstreamServer>) -> (Upstreams, Vec<String>) {
    let names = servers.iter().map(|server| server.name.clone()).collect();
    (Upstreams::new(servers, &ambient(), &background()), names)
}

fn at(name: &str, freeradius: &FreeRadius) -> UpstreamServer {
    server(name, freeradius.addr, &freeradius.secret)
}

fn server(name: &str, address: SocketAddr, secret: &str) -> UpstreamServer {
    UpstreamServer {
        name: name.into(),
        host: address.ip().to_string(),
        port: address.port(),
        secret: SharedSecret::new(secret.as_bytes()),
        timeout: Duration::from_secs(10),
        tries: 2,
        require_message_authenticator: true,
    }
}
