//! A real FreeRADIUS server for tests: its own configuration, people, certificates and address, started in a moment and gone with
//! the value that stands for it.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::slapd::authority;

/// What a test wants of its server; `..FreeRadiusOptions::default()` for the rest.
pub struct FreeRadiusOptions {
    /// The loopback address to listen on; the port is a free one.
    pub address: IpAddr,
    /// Its clients are all of loopback.
    pub secret: String,
    /// Answers carry a Message-Authenticator. Version 3.2.1 puts none in by itself, except beside EAP.
    pub signs: bool,
    /// Requests must carry one.
    pub wants_signature: bool,
    /// More entries of its users file, before [`PEOPLE`].
    pub people: String,
}

impl Default for FreeRadiusOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::from([127, 0, 9, 1]),
            secret: "testing123".into(),
            signs: true,
            wants_signature: false,
            people: String::new(),
        }
    }
}

/// bob has a password and a life; otp is asked for a code after it.
pub const PEOPLE: &str = "bob Cleartext-Password := \"hello\"
    Class := 0x0102,
    Filter-Id := \"staff\",
    Cisco-AVPair := \"shell:priv-lvl=15\",
    Reply-Message := \"Hello, %{User-Name}\"
";

/// A running server. Dropping it kills exactly this process and removes its files.
pub struct FreeRadius {
    pub addr: SocketAddr,
    pub secret: String,
    /// The CA of its EAP certificate, which is for `radius.example.test`.
    pub ca_path: PathBuf,
    home: PathBuf,
    child: Child,
    log: Arc<Log>,
}

/// What it wrote, line by line.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl FreeRadius {
    pub fn start(options: &FreeRadiusOptions) -> Self {
        let home = home();
        let write = |name: &str, text: &str| std::fs::write(home.join(name), text).unwrap();
        let addr = free_udp_port(options.address);
        let (ca, certificate, key) = certificates();
        write("ca.pem", &ca);
        write("cert.pem", &certificate);
        write("key.pem", &key);
        write("users", &format!("{}{PEOPLE}", options.people));
        write("dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n");
        write("radiusd.conf", &configuration(&home, addr, options));
        let (child, log) = launch(&home);
        let ca_path = home.join("ca.pem");
        Self { addr, secret: options.secret.clone(), ca_path, home, child, log }
    }

    /// Kills the process: what is sent to it is refused by the kernel from then on.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it after [`FreeRadius::kill`].
    pub fn revive(&mut self) {
        (self.child, self.log) = launch(&self.home);
    }

    /// Holds the process still: what is sent to it piles up, and nothing is answered.
    pub fn freeze(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
    }

    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Waits until a line of its debug output holds `needle`.
    pub fn await_log(&self, needle: &str) {
        self.log.wait_for(needle);
    }

    /// Lines so far that hold `needle`.
    pub fn logged(&self, needle: &str) -> Vec<String> {
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(needle)).cloned().collect()
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

impl Log {
    fn wait_for(&self, needle: &str) {
        let lines = self.lines.lock().unwrap();
        let missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(needle));
        let (lines, waited) = self.grown.wait_timeout_while(lines, PATIENCE, missing).unwrap();
        assert!(!waited.timed_out(), "FreeRADIUS never wrote {needle:?}, but:\n{}", lines.join("\n"));
    }
}

/// It says "Ready to process requests" once its sockets are bound.
fn launch(home: &Path) -> (Child, Arc<Log>) {
    let mut child = Command::new("/usr/sbin/freeradius")
        .arg("-d")
        .arg(home)
        .args(["-f", "-xx", "-l", "stdout"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("freeradius starts; the Debian package is freeradius");
    let log = Arc::new(Log::default());
    let (writer, stdout) = (Arc::clone(&log), BufReader::new(child.stdout.take().unwrap()));
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            writer.lines.lock().unwrap().push(line);
            writer.grown.notify_all();
        }
    });
    log.wait_for("Ready to process requests");
    (child, log)
}

fn home() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let home = std::env::temp_dir().join(format!("vestibule-freeradius-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).unwrap();
    home
}

fn free_udp_port(address: IpAddr) -> SocketAddr {
    UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap()
}

fn certificates() -> (String, String, String) {
    let ca = authority("Test RADIUS CA");
    let mut params = CertificateParams::new(["radius.example.test".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::DnsName("radius.example.test".try_into().unwrap()));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    (ca.pem(), certificate.pem(), key.serialize_pem())
}

fn configuration(home: &Path, addr: SocketAddr, options: &FreeRadiusOptions) -> String {
    let wants = if options.wants_signature { "yes" } else { "no" };
    let sign = if options.signs { "update reply {\n&Message-Authenticator := 0x00\n}" } else { "ok" };
    include_str!("freeradius.conf")
        .replace("@home@", &home.display().to_string())
        .replace("@ip@", &addr.ip().to_string())
        .replace("@port@", &addr.port().to_string())
        .replace("@secret@", &options.secret)
        .replace("@wants@", wants)
        .replace("@sign@", sign)
}
