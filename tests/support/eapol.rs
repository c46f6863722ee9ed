//! A real supplicant behind a real authenticator: `eapol_test` of wpa_supplicant, which also judges the keys of the Accept.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tokio::process::Command;

/// How a person proves who they are within TLS.
#[derive(Debug, Clone, Copy)]
pub enum Inner {
    TtlsPap,
    PeapMschap2,
}

/// One sign-in; tells whether it came to a success with matching keys.
pub async fn signs_in(server: SocketAddr, secret: &str, from: IpAddr, ca: &Path, how: (Inner, &str, &str)) -> bool {
    let (inner, name, password) = how;
    let methods = match inner {
        Inner::TtlsPap => "eap=TTLS\n phase2=\"auth=PAP\"",
        Inner::PeapMschap2 => "eap=PEAP\n phase2=\"auth=MSCHAPV2\"",
    };
    let ca = ca.display();
    let network = format!(
        "network={{\n ssid=\"test\"\n key_mgmt=IEEE8021X\n {methods}\n identity=\"{name}\"\n anonymous_identity=\"{name}\"\n \
         password=\"{password}\"\n ca_cert=\"{ca}\"\n domain_match=\"radius.example.test\"\n}}\n"
    );
    let unique = uuid::Uuid::from_u128(rand::random());
    let file = std::env::temp_dir().join(format!("vestibule-eapol-{unique}"));
    std::fs::write(&file, network).unwrap();
    let ran = Command::new("/usr/bin/eapol_test")
        .arg("-c")
        .arg(&file)
        .args(["-a", &server.ip().to_string(), "-p", &server.port().to_string(), "-s", secret])
        .args(["-A", &from.to_string(), "-t", "20"])
        .kill_on_drop(true)
        .output();
    let output = super::in_time("eapol_test", ran).await.expect("eapol_test runs; the Debian package is eapoltest");
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let end = text.lines().last().unwrap_or_default();
    assert!(["SUCCESS", "FAILURE"].contains(&end), "{text}");
    end == "SUCCESS"
}
