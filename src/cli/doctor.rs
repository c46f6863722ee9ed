//! `vestibule doctor`: everything an appliance leans on, looked at one after the other. It changes nothing and makes
//! nothing that is not there.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;

use super::failure::Failure;
use super::healthcheck;
use super::show;
use super::world::{self, MissingKey, World};
use crate::ambient::Ambient;
use crate::config::{Config, ConfigFaults};
use crate::store::sync_runs::Standing;
use crate::store::{Found, schema_version};
use crate::tls::{CertificateFiles, Certificates};
use crate::wire::ber::{self, Reader};

/// A certificate with less than this left is worth a word.
const RENEWAL: SignedDuration = SignedDuration::from_hours(21 * 24);

#[derive(Args)]
pub struct Doctor {
    /// Print JSON: an array of objects with part, verdict (ok, warning, failed) and text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Serialize)]
struct Finding {
    part: String,
    verdict: Verdict,
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, part: impl Into<String>, verdict: Verdict, text: impl Into<String>) {
        self.0.push(Finding { part: part.into(), verdict, text: text.into() });
    }

    fn result(&mut self, part: &str, result: Result<String, String>) {
        match result {
            Ok(seen) => self.add(part, Verdict::Ok, seen),
            Err(wrong) => self.add(part, Verdict::Failed, wrong),
        }
    }
}

impl Doctor {
    pub fn run(self, config: Result<Config, ConfigFaults>) -> Result<(), Failure> {
        let mut findings = Findings::default();
        match config {
            Err(faults) => {
                faults.all().iter().for_each(|fault| findings.add("configuration", Verdict::Failed, fault.to_string()));
            }
            Ok(config) => {
                findings.add("configuration", Verdict::Ok, "sound");
                examine(&config, &mut findings);
            }
        }
        let failed = findings.0.iter().any(|finding| finding.verdict == Verdict::Failed);
        if self.json {
            show::json(&findings.0)?;
        } else {
            let width = findings.0.iter().map(|finding| finding.part.chars().count()).max().unwrap_or(0);
            for Finding { part, verdict, text } in &findings.0 {
                let verdict = match verdict {
                    Verdict::Ok => "ok     ",
                    Verdict::Warning => "WARNING",
                    Verdict::Failed => "FAILED ",
                };
                show::line(format_args!("{part:width$}  {verdict}  {}", show::safe(text)))?;
            }
        }
        if failed { Err(Failure::SaidNo) } else { Ok(()) }
    }
}

fn examine(config: &Config, findings: &mut Findings) {
    let ambient = Ambient::system();
    let running = healthcheck::answers(config.management.listen);
    ports(config, running, findings);
    certificate(config, ambient.now(), findings);
    let is_new = config.database.url.is_none() && !config.state_dir.join("postgres").exists();
    if is_new {
        let state_dir = config.state_dir.display();
        findings.add(
            "database",
            Verdict::Ok,
            format!("not made yet; the first `vestibule serve` makes it in {state_dir}"),
        );
        return;
    }
    match world::keyring(config, &ambient, MissingKey::Refuse) {
        Err(failure) => return findings.add("master key", Verdict::Failed, failure.to_string()),
        Ok(keyring) => findings.add("master key", Verdict::Ok, master_key(config, &keyring.ids())),
    }
    let kind = if config.database.url.is_some() { "external" } else { "embedded" };
    let known = schema_version();
    let looked = world::look(config, async |world| {
        let seen = format!("{kind}, answers, schema version {known}, the master key fits");
        findings.add("database", Verdict::Ok, seen);
        policy(world, findings).await
    });
    let (verdict, seen) = match looked {
        Ok(Found::Current) => return,
        Ok(Found::Empty) => {
            (Verdict::Ok, format!("{kind}, answers; the database is empty; `vestibule serve` creates the tables"))
        }
        Ok(Found::Older(found)) => (
            Verdict::Warning,
            format!("{kind}, answers; schema version {found}, which the next `vestibule serve` brings to {known}"),
        ),
        Err(failure) => (Verdict::Failed, failure.to_string()),
    };
    findings.add("database", verdict, seen);
}

fn master_key(config: &Config, ids: &[u32]) -> String {
    let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let place = if config.master_key.key.is_some() {
        "master_key.key".to_owned()
    } else {
        config.master_key_file().display().to_string()
    };
    format!("{place} holds key {ids}; is there a copy elsewhere? Without it no stored secret can be read")
}

/// A port is ours if the appliance runs; otherwise it must be free.
fn ports(config: &Config, running: bool, findings: &mut Findings) {
    let mut look = |part: &str, address: &SocketAddr, bound: std::io::Result<()>| {
        let result = match bound {
            Ok(()) if running => {
                Err(format!("nobody listens on {address}, though the appliance runs; was it started with this file?"))
            }
            Ok(()) => Ok(format!("{address} is free")),
            Err(fault) if fault.kind() == ErrorKind::AddrInUse && running => {
                Ok(format!("{address} is in use by the running appliance"))
            }
            Err(fault) if fault.kind() == ErrorKind::AddrInUse => {
                Err(format!("{address} is taken by another program; stop it, or choose another port"))
            }
            Err(fault) if fault.kind() == ErrorKind::PermissionDenied => {
                Err(format!("{address} needs root or CAP_NET_BIND_SERVICE; or choose a port from 1024 up"))
            }
            Err(fault) => Err(format!("{address} cannot be listened on: {fault}")),
        };
        findings.result(part, result);
    };
    let (ldap, radius) = (&config.ldap, &config.radius);
    let radsec = radius.listen_radsec.iter().filter(|_| radius.radsec_client_ca.is_some());
    let tcp = ldap.listen.iter().map(|address| ("ldap", address));
    let tcp = tcp.chain(ldap.listen_tls.iter().map(|address| ("ldaps", address)));
    let tcp = tcp.chain(radsec.map(|address| ("radsec", address)));
    for (part, address) in tcp.chain([("management", &config.management.listen)]) {
        look(part, address, TcpListener::bind(address).map(drop));
    }
    let udp = radius.listen.iter().map(|address| ("radius", address));
    for (part, address) in udp.chain(radius.listen_accounting.iter().map(|address| ("radius accounting", address))) {
        look(part, address, UdpSocket::bind(address).map(drop));
    }
}

fn certificate(config: &Config, now: Timestamp, findings: &mut Findings) {
    let (Some(certificate), Some(private_key)) = (&config.tls.certificate, &config.tls.private_key) else {
        let note = "none is configured, so the appliance uses one it made itself; clients must be told to trust it";
        return findings.add("certificate", Verdict::Warning, note);
    };
    let files = CertificateFiles { certificate: certificate.clone(), private_key: private_key.clone() };
    if let Err(fault) = Certificates::from_files(files) {
        return findings.add("certificate", Verdict::Failed, fault.to_string());
    }
    let until = std::fs::read(certificate).ok().and_then(|pem| {
        CertificateDer::pem_slice_iter(&pem).next()?.ok().and_then(|certificate| valid_until(&certificate))
    });
    let path = certificate.display();
    let Some(until) = until else {
        return findings.add("certificate", Verdict::Warning, format!("{path} does not say how long it is valid"));
    };
    let day = until.strftime("%Y-%m-%d");
    let left = until.duration_since(now);
    let (verdict, word) = if left.is_negative() {
        (Verdict::Failed, "has ended; renew it")
    } else if left < RENEWAL {
        (Verdict::Warning, "ends soon; renew it")
    } else {
        (Verdict::Ok, "is valid and its key fits")
    };
    findings.add("certificate", verdict, format!("{path} {word} (until {day})"));
}

/// RFC 5280 §4.1.2.5: the second of the two times; two digits of the year mean 1950 to 2049.
fn valid_until(certificate: &[u8]) -> Option<Timestamp> {
    let mut certificate = Reader::new(Reader::new(certificate).expect(ber::SEQUENCE).ok()?);
    let mut signed = Reader::new(certificate.expect(ber::SEQUENCE).ok()?);
    signed.optional(0xa0).ok()?;
    for _serial_algorithm_issuer in 0..3 {
        signed.element().ok()?;
    }
    let mut validity = Reader::new(signed.expect(ber::SEQUENCE).ok()?);
    validity.element().ok()?;
    let (tag, time) = validity.element().ok()?;
    let time = std::str::from_utf8(time).ok()?;
    let century = match tag {
        0x17 if time.starts_with(|digit| digit < '5') => "20",
        0x17 => "19",
        _ => "",
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", format!("{century}{time}")).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

/// What administrators have set up: directories that answer, clients that can be served.
async fn policy(world: &World, findings: &mut Findings) -> Result<(), Failure> {
    let directories = world.store.directories().await?;
    if directories.is_empty() {
        findings.add("directories", Verdict::Warning, "there is none yet; add one with `vestibule directory add`");
    }
    for directory in directories {
        let part = format!("directory {}", directory.name);
        let steps = world.ask(directory)?.test(&world.ambient).await;
        let broken: Vec<String> =
            steps.iter().filter_map(|step| step.result.as_ref().err().map(ToString::to_string)).collect();
        let servers = steps.iter().filter(|step| step.step == "resolve").count();
        if broken.is_empty() {
            findings.add(&part, Verdict::Ok, format!("{servers} of its servers work, with all that a sign-in needs"));
        }
        for wrong in broken {
            findings.add(&part, Verdict::Failed, wrong);
        }
    }
    for standing in world.store.sync_standings().await? {
        let (verdict, seen) = followed(&standing, world.ambient.now());
        findings.add(format!("sync {}", standing.directory), verdict, seen);
    }
    mail(world, findings).await?;
    let mut clients = world.store.clients().await?;
    // Every directory has its portal.
    clients.retain(|client| !client.portal);
    if clients.is_empty() {
        findings.add("clients", Verdict::Warning, "there is none yet; add one with `vestibule client add`");
    }
    for client in clients {
        let part = format!("client {}", client.name);
        if client.allow_plaintext {
            findings.add(&part, Verdict::Warning, "takes passwords over connections without TLS");
        }
    }
    Ok(())
}

/// The server is not tried out here: `mail test` does, with a mail that somebody sees.
async fn mail(world: &World, findings: &mut Findings) -> Result<(), Failure> {
    let Some(server) = world.store.mail_server().await? else {
        findings.add("mail", Verdict::Warning, "no mail is sent; make a mail server known with `vestibule mail set`");
        return Ok(());
    };
    let standing = world.store.outbox_standing().await?;
    let address = server.address();
    if standing.failed > 0 {
        let seen = format!("{} mails were given up; look with `vestibule mail queue --failed`", standing.failed);
        findings.add("mail", Verdict::Warning, seen);
    }
    if standing.late > 0 {
        let seen =
            format!("{} mails wait that {address} has not taken; look with `vestibule mail queue`", standing.late);
        findings.add("mail", Verdict::Warning, seen);
    } else {
        findings.add("mail", Verdict::Ok, format!("goes to {address}; {} mails wait", standing.waiting));
    }
    Ok(())
}

/// Runs missed in a row before it is worth a word.
const MISSED: u32 = 3;

fn followed(standing: &Standing, now: Timestamp) -> (Verdict, String) {
    let why = standing.why.as_deref().unwrap_or_default();
    if let Some(run) = standing.awaiting {
        let seen =
            format!("the last run stopped: {why}; look with `vestibule sync show {run}`, then `sync approve` it");
        return (Verdict::Warning, seen);
    }
    if standing.failed {
        return (Verdict::Failed, format!("the last run failed: {why}"));
    }
    let last = standing
        .finished_at
        .map_or_else(|| "no run has finished yet".to_owned(), |at| format!("last finished {}", show::time(at)));
    let Some(every) = standing.every else { return (Verdict::Ok, format!("{last}; it runs only when asked to")) };
    let longest = SignedDuration::try_from(every.get() * MISSED).unwrap_or(SignedDuration::MAX);
    if standing.finished_at.is_none_or(|at| now.duration_since(at) > longest) {
        return (Verdict::Warning, format!("{last}, though it should every {:?}; does an appliance run?", every.get()));
    }
    (Verdict::Ok, format!("{last}, every {:?}", every.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_in_this_century_and_the_next() {
        for (year, end) in [(2031, "2031-02-03T00:00:00Z"), (2077, "2077-02-03T00:00:00Z")] {
            let mut params = rcgen::CertificateParams::default();
            params.not_after = rcgen::date_time_ymd(year, 2, 3);
            let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            assert_eq!(valid_until(certificate.der()).unwrap().to_string(), end);
        }
        assert_eq!(valid_until(b"0"), None);
    }
}
