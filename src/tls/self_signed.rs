//! The certificate of an appliance that has none yet: good for trying it out, and for pinning.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::{CertificateFiles, TlsFault};

/// The pair in `directory`, made if one of its files is missing.
pub fn ensure(directory: &Path, hostname: &str) -> Result<CertificateFiles, TlsFault> {
    let files = CertificateFiles {
        certificate: directory.join("self-signed.pem"),
        private_key: directory.join("self-signed.key"),
    };
    if files.certificate.exists() && files.private_key.exists() {
        return Ok(files);
    }
    let failed = |error: rcgen::Error| TlsFault::SelfSigned(error.to_string());
    let mut names = vec![hostname.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.dedup();
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, format!("{hostname} (Vestibule, self-signed)"));
    // Trusted by being put into a client's list of CAs, so it says that it is one.
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature, rcgen::KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(failed)?;
    fs::create_dir_all(directory).map_err(|source| TlsFault::Write { path: directory.to_owned(), source })?;
    write(&files.private_key, key.serialize_pem().as_bytes(), 0o600)?;
    write(&files.certificate, certificate.pem().as_bytes(), 0o644)?;
    Ok(files)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsFault> {
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| TlsFault::Write { path: path.to_owned(), source })
}
