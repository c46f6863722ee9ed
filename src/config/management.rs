//! `[management]`: the listener for health and metrics. It has no sign-in, so it stays off public addresses.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Protocol};
use super::forms::list;

/// Health and metrics.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ManagementConfig {
    /// Address for `/livez`, `/readyz` and `/metrics` over HTTP.
    #[serde(deserialize_with = "list::socket_address")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

impl Default for ManagementConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8389)) }
    }
}

impl ManagementConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.addresses("management.listen", Protocol::Tcp, &[self.listen]);
    }
}
