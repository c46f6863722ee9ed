//! `[ldap]`: where the LDAP door listens and how much one client may ask of it.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Protocol};
use super::forms::{count, duration, list, networks, size};

/// The LDAP door.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LdapConfig {
    /// Addresses for plain LDAP and StartTLS. `[::]` takes IPv4 as well, so the listener clears `IPV6_V6ONLY`;
    /// on a host without IPv6 write `0.0.0.0:389`. Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen: Vec<SocketAddr>,
    /// Addresses for LDAP over TLS (LDAPS). Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen_tls: Vec<SocketAddr>,
    /// Load balancers whose PROXY protocol header is believed (and demanded): addresses or CIDR networks.
    /// Nobody by default.
    #[serde(deserialize_with = "networks::deserialize")]
    #[schemars(with = "list::Texts")]
    pub proxy_protocol_from: Vec<IpNet>,
    /// Connections open at once, all clients together. Each takes one descriptor, and a signed-in one takes a second.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_connections: usize,
    /// Connections open at once from one client.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_connections_per_client: usize,
    /// A connection without a request for this long is closed.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub idle_timeout: Duration,
    /// How long the directory may take to answer one relayed request.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub operation_timeout: Duration,
    /// How long a TLS handshake or a PROXY header may take.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub handshake_timeout: Duration,
    /// Largest request accepted before a successful bind.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub max_frame_before_bind: usize,
    /// Largest request accepted after a successful bind.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub max_frame: usize,
    /// On stop, how long sign-ins and requests under way may still take.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub drain_timeout: Duration,
}

impl Default for LdapConfig {
    fn default() -> Self {
        let everywhere = |port| vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))];
        Self {
            listen: everywhere(389),
            listen_tls: everywhere(636),
            proxy_protocol_from: Vec::new(),
            max_connections: 16_000,
            max_connections_per_client: 4_000,
            idle_timeout: Duration::from_mins(15),
            operation_timeout: Duration::from_mins(2),
            handshake_timeout: Duration::from_secs(10),
            max_frame_before_bind: 64 * size::KIB,
            max_frame: size::MIB,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

impl LdapConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.addresses("ldap.listen", Protocol::Tcp, &self.listen);
        check.addresses("ldap.listen_tls", Protocol::Tcp, &self.listen_tls);
        check.count("ldap.max_connections", self.max_connections, 1..=1_000_000);
        check.count("ldap.max_connections_per_client", self.max_connections_per_client, 1..=1_000_000);
        check.duration("ldap.idle_timeout", self.idle_timeout, Duration::from_secs(1)..=Duration::from_hours(24));
        check.duration(
            "ldap.operation_timeout",
            self.operation_timeout,
            Duration::from_secs(1)..=Duration::from_hours(1),
        );
        check.duration(
            "ldap.handshake_timeout",
            self.handshake_timeout,
            Duration::from_secs(1)..=Duration::from_mins(2),
        );
        check.size("ldap.max_frame_before_bind", self.max_frame_before_bind, size::KIB..=64 * size::MIB);
        check.size("ldap.max_frame", self.max_frame, size::KIB..=64 * size::MIB);
        check.duration("ldap.drain_timeout", self.drain_timeout, Duration::ZERO..=Duration::from_mins(10));
        check.at_most(
            ("ldap.max_connections_per_client", self.max_connections_per_client),
            ("ldap.max_connections", self.max_connections),
        );
        check.at_most(("ldap.max_frame_before_bind", self.max_frame_before_bind), ("ldap.max_frame", self.max_frame));
    }
}
