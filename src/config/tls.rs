//! `[tls]`: the certificate every listener shows. Without one the appliance makes its own, self-signed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;

/// The certificate.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TlsConfig {
    /// PEM file with the certificate and its chain. Goes with `private_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PathBuf>,
}

impl TlsConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.filled_path("tls.certificate", self.certificate.as_deref());
        check.filled_path("tls.private_key", self.private_key.as_deref());
        check.both_or_none(
            ("tls.certificate", self.certificate.is_some()),
            ("tls.private_key", self.private_key.is_some()),
        );
    }
}
