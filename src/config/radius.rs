//! `[radius]`: where the RADIUS door listens and how much it keeps in memory.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Protocol};
use super::forms::{count, duration, list, size};

/// The RADIUS door.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RadiusConfig {
    /// UDP addresses for sign-ins (RFC 2865). `[::]` takes IPv4 as well. Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen: Vec<SocketAddr>,
    /// UDP addresses for accounting (RFC 2866). Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen_accounting: Vec<SocketAddr>,
    /// TCP addresses for RADIUS over TLS (RadSec, RFC 6614). Open only with `radsec_client_ca`. Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen_radsec: Vec<SocketAddr>,
    /// PEM file with the CAs that issue the certificates of RadSec clients. The certificate we show is `[tls]`'s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radsec_client_ca: Option<PathBuf>,
    /// Sockets that share each UDP address, each with a receiver of its own. More than one pays on machines with many
    /// cores.
    #[serde(deserialize_with = "count::deserialize")]
    pub sockets_per_address: usize,
    /// Requests under way at once, most of them waiting for a person.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_waiting: usize,
    /// How long an answer is kept, to be sent again to whoever asks the same again.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub resend_for: Duration,
    /// Memory for those answers; past it the oldest go early.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub max_stored_answers: usize,
    /// RadSec connections open at once.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_radsec_connections: usize,
    /// A RadSec connection without a request for this long is closed; a watchdog's Status-Server is one.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub radsec_idle_timeout: Duration,
    /// FreeRADIUS dictionary files, for attributes beyond those we ship.
    #[serde(deserialize_with = "list::paths")]
    #[schemars(with = "list::Texts")]
    pub dictionaries: Vec<PathBuf>,
}

impl Default for RadiusConfig {
    fn default() -> Self {
        let everywhere = |port| vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))];
        Self {
            listen: everywhere(1812),
            listen_accounting: everywhere(1813),
            listen_radsec: everywhere(2083),
            radsec_client_ca: None,
            sockets_per_address: 1,
            max_waiting: 50_000,
            resend_for: Duration::from_secs(30),
            max_stored_answers: 64 * size::MIB,
            max_radsec_connections: 1_000,
            radsec_idle_timeout: Duration::from_mins(10),
            dictionaries: Vec::new(),
        }
    }
}

impl RadiusConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.addresses("radius.listen", Protocol::Udp, &self.listen);
        check.addresses("radius.listen_accounting", Protocol::Udp, &self.listen_accounting);
        check.addresses("radius.listen_radsec", Protocol::Tcp, &self.listen_radsec);
        check.filled_path("radius.radsec_client_ca", self.radsec_client_ca.as_deref());
        check.count("radius.sockets_per_address", self.sockets_per_address, 1..=64);
        check.count("radius.max_waiting", self.max_waiting, 1..=1_000_000);
        // RFC 5080 §2.2.2: long enough for a gateway's last resend, short enough for an identifier to be used again.
        check.duration("radius.resend_for", self.resend_for, Duration::from_secs(1)..=Duration::from_mins(2));
        check.size("radius.max_stored_answers", self.max_stored_answers, size::MIB..=1_024 * size::MIB);
        check.count("radius.max_radsec_connections", self.max_radsec_connections, 1..=1_000_000);
        check.duration(
            "radius.radsec_idle_timeout",
            self.radsec_idle_timeout,
            Duration::from_secs(1)..=Duration::from_hours(24),
        );
        for path in &self.dictionaries {
            check.filled_path("radius.dictionaries", Some(path));
        }
    }
}
