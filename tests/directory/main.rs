//! The directory client against real OpenLDAP servers and against servers that lie, stall and vanish.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod binds;
mod changes;
mod examine;
mod failover;
mod lying;
mod passwords;
mod ranges;
mod searches;
mod stub;
mod trust;

#[path = "../support/slapd.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod slapd;

#[path = "../support/samba.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod samba;

/// Where the shared files look for each other.
mod support {
    pub(crate) use crate::slapd;
}

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use vestibule::directory::{DirectoryClient, Spawn};
use vestibule::domain::directory::attributes::AttributeMap;
use vestibule::domain::directory::{Directory, DirectoryKind, PageSize, Server, Transport};
use vestibule::domain::ids::DirectoryId;
use vestibule::domain::secret::Password;

use slapd::Slapd;

/// Background work of a client under test; it ends with the test's runtime.
#[derive(Default)]
struct Background(Mutex<Vec<JoinHandle<()>>>);

impl Spawn for Background {
    fn spawn(&self, _name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let running = tokio::runtime::Handle::current().spawn(future);
        self.0.lock().unwrap().push(running);
    }
}

fn client(directory: Directory) -> DirectoryClient {
    DirectoryClient::new(directory, &Background::default()).unwrap()
}

fn server(address: SocketAddr, transport: Transport) -> Server {
    Server { host: address.ip().to_string(), port: address.port(), transport }
}

/// A directory of these servers; times are short enough for a test and long enough for a busy machine.
fn directory(servers: Vec<Server>) -> Directory {
    Directory {
        id: DirectoryId(uuid::Uuid::nil()),
        name: "corp".into(),
        kind: DirectoryKind::OpenLdap,
        servers,
        base_dn: "dc=example,dc=test".into(),
        bind_dn: "cn=svc,ou=service,dc=example,dc=test".into(),
        bind_password: password("svc-secret"),
        ca_pem: None,
        domain: None,
        attributes: AttributeMap::default(),
        page_size: PageSize::default(),
        connect_timeout: Duration::from_secs(2),
        operation_timeout: Duration::from_secs(5),
    }
}

/// The directory of one slapd.
fn of(slapd: &Slapd, transport: Transport) -> Directory {
    let address = if transport == Transport::Ldaps { slapd.tls_addr } else { slapd.addr };
    Directory { ca_pem: Some(slapd.ca_pem.clone()), ..directory(vec![server(address, transport)]) }
}

fn password(text: &str) -> Password {
    Password::new(text.as_bytes())
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}
