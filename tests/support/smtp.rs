//! A real mail server (aiosmtpd) that says on demand what mail servers say, and what it was given, as another's parser of
//! mail reads it.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use vestibule::domain::mail::Address;
use vestibule::domain::mail::server::{Login, MailServer, Security};
use vestibule::domain::secret::Password;

use super::appliance::Home;
use super::eventually;
use super::process::Process;
use super::slapd::{authority, free_port};

const USER: &str = "vestibule";
const PASSWORD: &str = "a password for mail";

pub struct MailPeer {
    pub address: SocketAddr,
    pub ca_pem: String,
    home: Home,
    process: Process,
}

impl MailPeer {
    pub async fn start() -> Self {
        let address = free_port(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        let home = Home::new();
        let ca = authority("Test mail CA");
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        fs::write(home.path().join("cert.pem"), certificate.pem()).unwrap();
        fs::write(home.path().join("key.pem"), key.serialize_pem()).unwrap();
        let process = run(&home, address).await;
        Self { address, ca_pem: ca.pem(), home, process }
    }

    pub fn stop(&mut self) {
        self.process.kill9();
    }

    pub async fn start_again(&mut self) {
        self.process = run(&self.home, self.address).await;
    }

    /// How an appliance is told of it.
    pub fn server(&self) -> MailServer {
        MailServer {
            host: "localhost".into(),
            port: self.address.port(),
            security: Security::StartTls,
            login: Some(Login { user: USER.into(), password: Password::new(PASSWORD.as_bytes()) }),
            from: Address::parse("mfa@example.test").unwrap(),
            from_name: Some("Anmeldung – IT".into()),
            reply_to: None,
            ca_pem: Some(self.ca_pem.clone()),
            ehlo: "vestibule.example.test".into(),
            timeout: Duration::from_secs(10),
        }
    }

    /// All it has taken, the oldest first.
    pub fn inbox(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.home.path().join("inbox")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until it has taken so many.
    pub async fn received(&self, count: usize) -> Vec<Value> {
        eventually("mail", async || self.inbox().len() >= count).await;
        self.inbox()
    }
}

async fn run(home: &Home, address: SocketAddr) -> Process {
    // Debian's own, which has the package.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/smtp_peer.py");
    let mut command = Command::new("/usr/bin/python3");
    let file = |name: &str| home.path().join(name);
    command.arg(script).arg(address.ip().to_string()).arg(address.port().to_string());
    command.arg(file("cert.pem")).arg(file("key.pem")).arg(USER).arg(PASSWORD).arg(file("inbox"));
    let process = Process::spawn(&mut command);
    eventually("the mail server listens", async || !process.log().with(&["listening"]).is_empty()).await;
    process
}
