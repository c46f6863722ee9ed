//! `[web]`: where the portal listens, and the one address that people know it by.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Protocol};
use super::forms::{count, duration, list, networks, size};

/// The pages.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebConfig {
    /// Addresses for HTTPS. `[::]` takes IPv4 as well. Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen: Vec<SocketAddr>,
    /// Addresses for plain HTTP, which only sends browsers on to HTTPS. Empty closes this way in.
    #[serde(deserialize_with = "list::socket_addresses")]
    #[schemars(with = "list::Texts")]
    pub listen_plain: Vec<SocketAddr>,
    /// What people type to come here, such as `https://mfa.example.org`: links in mail begin with it, passkeys belong to its
    /// host name, and requests for another host are refused. Without it: `https://` and `hostname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed: addresses or CIDR networks. Nobody by default.
    #[serde(deserialize_with = "networks::deserialize")]
    #[schemars(with = "list::Texts")]
    pub trusted_proxies: Vec<IpNet>,
    /// Load balancers whose PROXY protocol header is believed (and demanded): addresses or CIDR networks.
    #[serde(deserialize_with = "networks::deserialize")]
    #[schemars(with = "list::Texts")]
    pub proxy_protocol_from: Vec<IpNet>,
    /// Connections open at once.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_connections: usize,
    /// How long a TLS handshake, the head of a request, or its body may take.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub request_timeout: Duration,
    /// Largest form that is taken.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub max_body: usize,
}

impl Default for WebConfig {
    fn default() -> Self {
        let everywhere = |port| vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))];
        Self {
            listen: everywhere(443),
            listen_plain: everywhere(80),
            public_url: None,
            trusted_proxies: Vec::new(),
            proxy_protocol_from: Vec::new(),
            max_connections: 4_000,
            request_timeout: Duration::from_secs(15),
            max_body: 64 * size::KIB,
        }
    }
}

impl WebConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.addresses("web.listen", Protocol::Tcp, &self.listen);
        check.addresses("web.listen_plain", Protocol::Tcp, &self.listen_plain);
        if self.public_url.as_ref().is_some_and(|url| PublicUrl::parse(url).is_none()) {
            check.unfit(
                "web.public_url",
                "must be https://, a host name in lower case and perhaps a port, and nothing behind it",
            );
        }
        check.count("web.max_connections", self.max_connections, 1..=1_000_000);
        check.duration("web.request_timeout", self.request_timeout, Duration::from_secs(1)..=Duration::from_mins(5));
        check.size("web.max_body", self.max_body, 4 * size::KIB..=size::MIB);
    }
}

/// `https://host` or `https://host:port`: the origin (RFC 6454) that all our links have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
}

impl PublicUrl {
    /// `None` for what is no such URL; a slash at the end is forgiven.
    pub fn parse(url: &str) -> Option<Self> {
        let origin = url.strip_suffix('/').unwrap_or(url);
        let authority = origin.strip_prefix("https://")?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
        let is_host = !host.is_empty() && host.len() <= 253 && host.chars().all(plain);
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0));
        (is_host && is_port).then(|| Self { origin: origin.to_owned(), host: host.to_owned() })
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The host name alone: the relying party's id (WebAuthn §5.1.2).
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address of a page; `path` begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin_and_nothing_more() {
        let url = PublicUrl::parse("https://mfa.example.org:8443/").unwrap();
        assert_eq!((url.origin(), url.host()), ("https://mfa.example.org:8443", "mfa.example.org"));
        assert_eq!(url.link("/sign-in"), "https://mfa.example.org:8443/sign-in");
        for wrong in [
            "http://a",
            "https://",
            "https://a/b",
            "https://a:0",
            "https://a b",
            "https://u@a",
            "https://A",
            "a",
            "https://a:b",
        ] {
            assert_eq!(PublicUrl::parse(wrong), None, "{wrong}");
        }
    }
}
