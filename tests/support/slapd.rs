//! A real OpenLDAP server for tests: its own directory, certificates and addresses, started in a moment and gone with
//! the value that stands for it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use vestibule::wire::filter::Filter;
use vestibule::wire::message::{Scope, SearchRequest};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// What a test wants of its server; `..SlapdOptions::default()` for the rest.
pub struct SlapdOptions {
    /// The loopback address to listen on; ports are free ones.
    pub address: IpAddr,
    /// `uid=user0001` and so on under `ou=people`, each with the password of [`Slapd::password_of`].
    pub people: usize,
    /// More entries, after the base, the three OUs, the service account and the people.
    pub ldif: String,
    /// More lines for slapd.conf, before the first database and within the mdb database.
    pub global: String,
    pub database: String,
    /// Rules of access that come before the usual ones.
    pub access: String,
}

impl Default for SlapdOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::from([127, 0, 4, 1]),
            people: 3,
            ldif: String::new(),
            global: String::new(),
            database: String::new(),
            access: String::new(),
        }
    }
}

/// A running server. Dropping it kills exactly this process and removes its files.
pub struct Slapd {
    pub addr: SocketAddr,
    pub tls_addr: SocketAddr,
    pub ca_path: PathBuf,
    pub ca_pem: String,
    pub base: String,
    pub admin_dn: String,
    pub admin_password: String,
    /// An account that may read everything but passwords.
    pub service_dn: String,
    pub service_password: String,
    home: PathBuf,
    child: Child,
    log: Arc<Log>,
    marks: AtomicU32,
}

/// What slapd wrote, line by line, for tests that ask what arrived there.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Slapd {
    pub fn start(options: &SlapdOptions) -> Self {
        let home = home();
        let (ca_pem, certificate, key) = certificates(options.address);
        let write = |name: &str, text: &str| {
            std::fs::write(home.join(name), text).unwrap();
            home.join(name)
        };
        std::fs::create_dir(home.join("db")).unwrap();
        let ca_path = write("ca.pem", &ca_pem);
        write("cert.pem", &certificate);
        write("key.pem", &key);
        let configuration = write("slapd.conf", &configuration(&home, options));
        let entries = write("entries.ldif", &entries(options));
        let loaded = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-b", BASE, "-f"])
            .arg(&configuration)
            .arg("-l")
            .arg(&entries)
            .output()
            .expect("slapadd runs; the Debian package is slapd");
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));

        let (addr, tls_addr) = (free_port(options.address), free_port(options.address));
        let (child, log) = launch(&home, addr, tls_addr);
        Self {
            addr,
            tls_addr,
            ca_path,
            ca_pem,
            base: BASE.into(),
            admin_dn: format!("cn=admin,{BASE}"),
            admin_password: "admin-secret".into(),
            service_dn: format!("cn=svc,ou=service,{BASE}"),
            service_password: "svc-secret".into(),
            home,
            child,
            log,
            marks: AtomicU32::new(0),
        }
    }

    pub fn dn_of(&self, uid: &str) -> String {
        format!("uid={uid},ou=people,{}", self.base)
    }

    pub fn password_of(uid: &str) -> String {
        format!("pw-{uid}")
    }

    /// Stops the process and starts it again on the same addresses and entries.
    pub fn restart(&mut self) {
        self.kill();
        self.revive();
    }

    /// Kills the process; whoever was connected sees the connection close.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it after [`Slapd::kill`].
    pub fn revive(&mut self) {
        (self.child, self.log) = launch(&self.home, self.addr, self.tls_addr);
    }

    /// Holds the process still: connections are still accepted by the kernel, and nothing is ever answered.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
        // The kernel reports the stop once every thread has.
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::UNTRACED).unwrap();
    }

    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Lines that hold `needle`, of what slapd has written about the requests that reached it before this call.
    pub fn logged(&self, needle: &str) -> Vec<String> {
        // It writes a request down before it works on it, so a search of our own marks the end.
        let mark = format!("cn=mark-{}", self.marks.fetch_add(1, Ordering::Relaxed));
        let filter = Filter::present("objectClass");
        let (scope, attributes, controls) = (Scope::Base, &["1.1"][..], &[][..]);
        let search =
            SearchRequest { base: &mark, scope, filter: &filter, size_limit: 1, time_limit: 1, attributes, controls };
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.write_all(&search.encode(1)).unwrap();
        self.log.wait_for(&mark);
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(needle)).cloned().collect()
    }

    /// Waits until a line holds `needle`.
    pub fn await_log(&self, needle: &str) {
        self.log.wait_for(needle);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Slapd {
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
        assert!(!waited.timed_out(), "slapd never wrote {needle:?}, but:\n{}", lines.join("\n"));
    }
}

const BASE: &str = "dc=example,dc=test";

fn home() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let home = std::env::temp_dir().join(format!("vestibule-slapd-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).unwrap();
    home
}

/// A port nobody listens on at this address. Two tests would have to take it in the same instant to collide.
pub fn free_port(address: IpAddr) -> SocketAddr {
    // The system may offer a port again as soon as it is let go, before its new owner has it.
    static GIVEN: Mutex<BTreeSet<SocketAddr>> = Mutex::new(BTreeSet::new());
    loop {
        let free = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap();
        if GIVEN.lock().unwrap().insert(free) {
            return free;
        }
    }
}

/// slapd says "slapd starting" just before its sockets listen; its further words are kept.
fn launch(home: &Path, addr: SocketAddr, tls_addr: SocketAddr) -> (Child, Arc<Log>) {
    let mut child = Command::new("/usr/sbin/slapd")
        .args(["-d", "stats", "-h", &format!("ldap://{addr} ldaps://{tls_addr}"), "-f"])
        .arg(home.join("slapd.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("slapd starts");
    let log = Arc::new(Log::default());
    let (writer, stderr) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()));
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            writer.lines.lock().unwrap().push(line);
            writer.grown.notify_all();
        }
    });
    log.wait_for("slapd starting");
    let start = std::time::Instant::now();
    for listener in [addr, tls_addr] {
        while let Err(error) = TcpStream::connect(listener) {
            assert!(start.elapsed() < PATIENCE, "slapd does not listen on {listener}: {error}");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
    (child, log)
}

/// A CA of its own and a certificate for the address and `localhost`.
fn certificates(address: IpAddr) -> (String, String, String) {
    let ca = authority("Test LDAP CA");
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress(address));
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    (ca.pem(), certificate.pem(), key.serialize_pem())
}

/// A certificate authority for tests.
pub fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn configuration(home: &Path, options: &SlapdOptions) -> String {
    let home = home.display();
    let SlapdOptions { global, database, access, .. } = options;
    format!(
        "modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
pidfile {home}/slapd.pid
argsfile {home}/slapd.args
threads 4
conn_max_pending 1000
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/cert.pem
TLSCertificateKeyFile {home}/key.pem
TLSVerifyClient never
sizelimit unlimited
{global}
database mdb
suffix {BASE}
rootdn cn=admin,{BASE}
rootpw admin-secret
directory {home}/db
maxsize 268435456
dbnosync
index objectClass,entryUUID eq
index uid,mail,cn,member,memberOf eq
{access}
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact=\"cn=svc,ou=service,{BASE}\" read by self read by users read by * none
{database}
overlay memberof
memberof-group-oc groupOfNames
memberof-refint TRUE
"
    )
}

fn entries(options: &SlapdOptions) -> String {
    let mut out = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: cn=svc,ou=service,{BASE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: svc\n\
         userPassword: svc-secret\n\n"
    );
    for ou in ["service", "people", "groups"] {
        let _ = write!(out, "dn: ou={ou},{BASE}\nobjectClass: organizationalUnit\nou: {ou}\n\n");
    }
    for number in 1..=options.people {
        let uid = format!("user{number:04}");
        let _ = write!(
            out,
            "dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: User {number}\nsn: {number}\n\
             mail: {uid}@example.test\nuserPassword: pw-{uid}\n\n"
        );
    }
    out.push_str(&options.ldif);
    out
}
