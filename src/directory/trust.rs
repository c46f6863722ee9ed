//! Which certificates are believed. Chain and name are always verified (RFC 4513 §3.1.3); there is no switch for it.

use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::fault::DirectoryFault;
use crate::domain::directory::Directory;

/// The TLS settings for all servers of a directory: its own CA and no other where one is given, else the system's.
pub fn client_config(directory: &Directory) -> Result<Arc<ClientConfig>, DirectoryFault> {
    let fault = |reason: String| DirectoryFault::Ca { directory: directory.name.clone(), reason };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(error.to_string()))?;
    let config = match &directory.ca_pem {
        Some(pem) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(pem).map_err(fault)?), provider)
                .build()
                .map_err(|error| fault(error.to_string()))?;
            versions.with_webpki_verifier(verifier)
        }
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider)
                .map_err(|error| fault(format!("{error}; install ca-certificates or give the directory its own CA")))?;
            versions.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    Ok(Arc::new(config.with_no_client_auth()))
}

/// The same trust with nothing remembered, so that every handshake shows the whole chain.
pub fn without_resumption(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// All or nothing: one certificate that cannot be read spoils the lot, and none at all is not "trust nothing".
fn roots(pem: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for (at, certificate) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
        let number = at + 1;
        let certificate = certificate.map_err(|error| format!("certificate {number} is not PEM ({error})"))?;
        store.add(certificate).map_err(|error| format!("certificate {number} cannot be read ({error})"))?;
    }
    if store.is_empty() {
        return Err("there is no certificate in the PEM text".to_owned());
    }
    Ok(store)
}
