//! Certificate sources and the one resolver that every listener shares: a renewal reaches them all, and open connections
//! keep what they have.

mod self_signed;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, version};

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} holds no usable PEM certificate or key: {what}", path.display())]
    Pem { path: PathBuf, what: String },
    #[error("the private key {} does not belong to the certificate {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("a self-signed certificate could not be made: {0}")]
    SelfSigned(String),
    #[error("TLS could not be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

/// The certificate in use.
pub struct Certificates {
    files: CertificateFiles,
    current: RwLock<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    seen: [Option<SystemTime>; 2],
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    /// The same for every name, and for clients that send none, as LDAP clients often do.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl Certificates {
    /// From files that somebody else keeps up to date.
    pub fn from_files(files: CertificateFiles) -> Result<Self, TlsFault> {
        let key = Arc::new(load(&files)?);
        let seen = files.modified();
        Ok(Self { files, current: RwLock::new(Current { key, seen }) })
    }

    /// Until an administrator sets one up: made once, kept in `directory`.
    pub fn self_signed(directory: &Path, hostname: &str) -> Result<Self, TlsFault> {
        let files = self_signed::ensure(directory, hostname)?;
        Self::from_files(files)
    }

    pub fn certificate_path(&self) -> &Path {
        &self.files.certificate
    }

    /// Takes new files, if they changed or `always`; a broken pair leaves the old one in use. True if swapped.
    pub fn reload(&self, always: bool) -> Result<bool, TlsFault> {
        let seen = self.files.modified();
        if !always && self.current.read().unwrap_or_else(PoisonError::into_inner).seen == seen {
            return Ok(false);
        }
        let loaded = load(&self.files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // A broken pair is complained about once, not at every look.
        current.seen = seen;
        current.key = Arc::new(loaded?);
        Ok(true)
    }
}

impl CertificateFiles {
    fn modified(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.private_key]
            .map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
    }
}

fn load(files: &CertificateFiles) -> Result<CertifiedKey, TlsFault> {
    let read = |path: &PathBuf| fs::read(path).map_err(|source| TlsFault::Read { path: path.clone(), source });
    let pem = |path: &PathBuf, what: String| TlsFault::Pem { path: path.clone(), what };
    let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(pem(&files.certificate, "no certificate in it".to_owned()));
    }
    let key = zeroize::Zeroizing::new(read(&files.private_key)?);
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| pem(&files.private_key, error.to_string()))?;
    let signer = aws_lc_rs::sign::any_supported_type(&key);
    let key = CertifiedKey::new(chain, signer.map_err(|error| pem(&files.private_key, error.to_string()))?);
    match key.keys_match() {
        Ok(()) => Ok(key),
        Err(_) => Err(TlsFault::Mismatch { certificate: files.certificate.clone(), key: files.private_key.clone() }),
    }
}

/// TLS 1.2 and 1.3 with the shared certificate.
pub fn server_config(certificates: Arc<Certificates>) -> Result<ServerConfig, TlsFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates))
}

/// The same for peers that must show a certificate of one of these CAs (a PEM file). No session is resumed: each connection is
/// judged by the CAs and the policy of now (SECURITY R40).
pub fn mutual_server_config(certificates: Arc<Certificates>, client_ca: &Path) -> Result<ServerConfig, TlsFault> {
    let pem = fs::read(client_ca).map_err(|source| TlsFault::Read { path: client_ca.to_owned(), source })?;
    let fault = |what: String| TlsFault::Pem { path: client_ca.to_owned(), what };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("no certificate in it".to_owned()));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_pair_is_taken_and_a_broken_one_is_not() {
        let directory = std::env::temp_dir().join(format!("vestibule-tls-{}", std::process::id()));
        let certificates = Certificates::self_signed(&directory, "mfa.example.test").unwrap();
        let first = Arc::clone(&certificates.current.read().unwrap().key);
        let again = Certificates::self_signed(&directory, "mfa.example.test").unwrap();
        assert_eq!(again.current.read().unwrap().key.cert, first.cert, "kept from one start to the next");
        assert!(!certificates.reload(false).unwrap(), "nothing changed");

        fs::remove_file(&certificates.files.certificate).unwrap();
        let renewed = self_signed::ensure(&directory, "mfa.example.test").unwrap();
        assert!(certificates.reload(true).unwrap());
        assert_ne!(certificates.current.read().unwrap().key.cert, first.cert);

        fs::write(&renewed.private_key, "not a key").unwrap();
        let before = Arc::clone(&certificates.current.read().unwrap().key);
        assert!(certificates.reload(true).is_err());
        assert_eq!(certificates.current.read().unwrap().key.cert, before.cert, "the old pair stays in use");
        fs::remove_dir_all(&directory).unwrap();
    }
}
