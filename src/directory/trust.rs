//! Which certificates are believed. Chain and name are always verified (RFC 4513 §3.1.3); there is no switch for it.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::fault::DirectoryFault;
use crate::domain::directory::Directory;
use crate::wire::ber::{self, Reader};

/// The TLS settings for all servers of a directory: its own CA and no other where one is given, else the system's.
pub fn client_config(directory: &Directory) -> Result<Arc<ClientConfig>, DirectoryFault> {
    let fault = |reason: String| DirectoryFault::Ca { directory: directory.name.clone(), reason };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(error.to_string()))?;
    let config = if let Some(pem) = &directory.ca_pem {
        let roots = Arc::new(roots(pem).map_err(fault)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        versions.with_webpki_verifier(verifier.map_err(|error| fault(error.to_string()))?)
    } else {
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
            fault(format!("{error}; install the system's CA certificates or give the directory its own"))
        })?;
        // "Dangerous" is the door for any verifier that is not rustls's own; this one checks chain and name as well.
        versions.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
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

/// When a certificate ends (RFC 5280 §4.1.2.5); `None` if it cannot be read.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let mut outer = Reader::new(certificate);
    let mut certificate = Reader::new(outer.expect(ber::SEQUENCE).ok()?);
    let mut signed = Reader::new(certificate.expect(ber::SEQUENCE).ok()?);
    signed.optional(0xa0).ok()?;
    signed.expect(ber::INTEGER).ok()?;
    signed.expect(ber::SEQUENCE).ok()?;
    signed.expect(ber::SEQUENCE).ok()?;
    let mut validity = Reader::new(signed.expect(ber::SEQUENCE).ok()?);
    validity.element().ok()?;
    match validity.element().ok()? {
        // UTCTime has two digits of the year, from 1950 to 2049.
        (0x17, time) => {
            let century: &[u8] = if time.first()? < &b'5' { b"20" } else { b"19" };
            generalized_time(&[century, time].concat())
        }
        (0x18, time) => generalized_time(time),
        _ => None,
    }
}

/// `20260131120000Z` or, from Active Directory, `20260131120000.0Z` (RFC 4517 §3.3.13), to the second.
pub fn generalized_time(time: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let seconds = text.split('.').next()?;
    let time = DateTime::strptime("%Y%m%d%H%M%S", seconds).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_forms() {
        for (year, end) in [(2031, "2031-02-03T00:00:00Z"), (2077, "2077-02-03T00:00:00Z")] {
            let mut params = rcgen::CertificateParams::default();
            params.not_after = rcgen::date_time_ymd(year, 2, 3);
            let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            assert_eq!(not_after(certificate.der()).unwrap().to_string(), end);
        }
        assert_eq!(not_after(b"0"), None);
    }

    #[test]
    fn a_directorys_time_is_read_with_and_without_a_fraction() {
        for text in ["20260131235958Z", "20260131235958.0Z"] {
            assert_eq!(generalized_time(text.as_bytes()).unwrap().to_string(), "2026-01-31T23:59:58Z");
        }
        assert_eq!(generalized_time(b"20260131235958+0100"), None);
    }
}
