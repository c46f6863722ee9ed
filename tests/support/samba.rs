//! A real Active Directory domain controller for tests: Samba, on a loopback address of its own, gone with the value that
//! stands for it, or with the test's process, whichever ends first.
//!
//! A domain takes ten seconds to make, so it is made once per build directory and copied for each server.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rcgen::{CertificateParams, KeyPair, SanType};

use crate::support::slapd::authority;

pub const BASE: &str = "DC=corp,DC=example,DC=test";
pub const DNS_DOMAIN: &str = "corp.example.test";
pub const NETBIOS_DOMAIN: &str = "CORP";
/// Of every account.
pub const PASSWORD: &str = "User-Passw0rd!";
/// Wrong passwords in a row after which the domain locks an account.
pub const LOCKOUT_THRESHOLD: usize = 3;

pub const STAFF: &str = "OU=Staff,OU=Acme";
const SERVICE: &str = "OU=Service,OU=Acme";
const GROUPS: &str = "OU=Groups,OU=Acme";
const PATIENCE: Duration = Duration::from_mins(1);

/// A running domain controller.
pub struct Samba {
    pub addr: SocketAddr,
    pub tls_addr: SocketAddr,
    pub ca_pem: String,
    home: PathBuf,
    /// Samba ends when the pipe at its standard input closes, so it cannot outlive us.
    child: Child,
    _address: File,
}

impl Samba {
    pub fn start() -> Self {
        let template = template();
        let (address, lock) = own_address();
        let home = home();
        succeeded(Command::new("cp").args(["-a", "--reflink=auto"]).arg(template.join("d")).arg(&home), "copy");
        std::fs::copy(template.join("xattr.tdb"), home.join("xattr.tdb")).unwrap();
        let ca_pem = certificates(&home, IpAddr::V4(address));
        let configuration = configuration(&home, address);
        let log = File::create(home.join("samba.out")).unwrap();
        let child = Command::new("samba")
            .args(["-i", "-M", "single", "--debug-stdout", "-s"])
            .arg(&configuration)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("samba starts; the Debian packages are samba and samba-ad-dc");
        let at = |port| SocketAddr::from((address, port));
        let samba = Self { addr: at(389), tls_addr: at(636), ca_pem, home, child, _address: lock };
        samba.await_answers();
        samba
    }

    /// The DN of a member of staff by its CN, which may hold anything.
    pub fn dn_of(cn: &str) -> String {
        format!("CN={},{STAFF},{BASE}", cn.replace(',', "\\,"))
    }

    pub fn group(name: &str) -> String {
        format!("CN={name},{GROUPS},{BASE}")
    }

    pub fn service_dn() -> String {
        format!("CN=svc mfaproxy,{SERVICE},{BASE}")
    }

    pub fn service_upn() -> String {
        format!("svc-mfa@{DNS_DOMAIN}")
    }

    /// Changes entries straight in the domain's database, which the server shares.
    pub fn modify(&self, ldif: &str) {
        load("ldbmodify", &domain(&self.home), ldif);
    }

    pub fn add(&self, ldif: &str) {
        load("ldbadd", &domain(&self.home), ldif);
    }

    /// Runs `samba-tool` with these words on the domain.
    pub fn tool(&self, arguments: &str) {
        samba_tool(&self.home, arguments);
    }

    /// "User cannot change password": the right User-Change-Password denied to everyone and to the person (MS-ADTS
    /// §5.1.3.2.1).
    pub fn deny_password_change(&self, dn: &str) {
        for trustee in ["WD", "PS"] {
            let mut command = Command::new("samba-tool");
            command.args(["dsacl", "set", &format!("--objectdn={dn}")]);
            command.arg(format!("--sddl=(OD;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;{trustee})"));
            succeeded(command.args(domain(&self.home)), "samba-tool dsacl set");
        }
    }

    pub fn delete(&self, dn: &str) {
        succeeded(Command::new("ldbdel").args(domain(&self.home)).arg(dn), "ldbdel");
    }

    /// The entry of an ordinary user, as LDIF for [`Samba::add`].
    pub fn user(cn: &str, account: &str) -> String {
        user(cn, account, STAFF, 512)
    }

    fn await_answers(&self) {
        let began = Instant::now();
        while TcpStream::connect(self.addr).is_err() || TcpStream::connect(self.tls_addr).is_err() {
            let said = || std::fs::read_to_string(self.home.join("samba.out")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "samba does not listen on {}: {}", self.addr, said());
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Ports cannot be chosen, so addresses are: this one is ours while the file is open.
fn own_address() -> (Ipv4Addr, File) {
    for last in 10..250 {
        let address = Ipv4Addr::new(127, 0, 8, last);
        let file = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("samba-address-{last}"))).unwrap();
        // Another build directory's tests, or a stranger's server, may be there all the same.
        if file.try_lock().is_ok() && [389, 636, 464].iter().all(|port| TcpListener::bind((address, *port)).is_ok()) {
            return (address, file);
        }
    }
    panic!("no address of 127.0.8.0/24 is free for samba, or its ports are not ours to take (run as root)");
}

fn home() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let home = std::env::temp_dir().join(format!("vestibule-samba-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).unwrap();
    home
}

/// The domain all servers are copies of. Made by whoever comes first; the others wait for the lock.
fn template() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(tmp.join("samba-domain.lock")).unwrap();
    lock.lock().unwrap();
    // What is in it names it, so that a changed recipe makes a new one.
    let template = tmp.join(format!("samba-domain-{:08x}", fnv(&format!("{}{}", entries(), states()))));
    if !template.join("complete").exists() {
        let _ = std::fs::remove_dir_all(&template);
        provision(&template);
        std::fs::write(template.join("complete"), "").unwrap();
    }
    template
}

fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn provision(home: &Path) {
    std::fs::create_dir_all(home).unwrap();
    let mut command = Command::new("samba-tool");
    command.args(["domain", "provision", "--realm=CORP.EXAMPLE.TEST", "--domain=CORP", "--host-name=dc1"]);
    command.args(["--host-ip=127.0.8.10", "--server-role=dc", "--dns-backend=NONE", "--function-level=2008_R2"]);
    command.args(["--adminpass=Adm1n-Passw0rd!", "--option=interfaces=127.0.8.10/8"]);
    command.args(["--option=bind interfaces only=yes", "--option=vfs objects=dfs_samba4 acl_xattr xattr_tdb"]);
    command.arg(format!("--option=xattr_tdb:file={}", home.join("xattr.tdb").display()));
    command.arg(format!("--targetdir={}", home.join("d").display()));
    succeeded(&mut command, "samba-tool domain provision");
    configuration(home, Ipv4Addr::new(127, 0, 8, 10));
    samba_tool(
        home,
        "domain passwordsettings set --max-pwd-age=999 --min-pwd-age=0 --history-length=0 --account-lockout-threshold=3 \
         --account-lockout-duration=30 --reset-account-lockout-after=30",
    );
    load("ldbadd", &domain(home), &entries());
    load("ldbmodify", &domain(home), &states());
    // Below the modules that keep an administrator from writing this attribute.
    let partition = home.join("d/private/sam.ldb.d/DC=CORP,DC=EXAMPLE,DC=TEST.ldb");
    let changed = change(&Samba::dn_of("Wim Worn"), "replace", "pwdLastSet", "130000000000000000");
    load("ldbmodify", &[OsString::from("-H"), partition.into()], &changed);
}

fn samba_tool(home: &Path, arguments: &str) {
    let mut command = Command::new("samba-tool");
    command.args(arguments.split_whitespace()).args(domain(home));
    succeeded(&mut command, arguments);
}

/// How an ldb tool is told which domain; `-s` would be the scope of a search.
fn domain(home: &Path) -> [OsString; 3] {
    let configuration = format!("--configfile={}", home.join("smb.conf").display());
    [configuration.into(), "-H".into(), home.join("d/private/sam.ldb").into()]
}

fn load(tool: &str, database: &[OsString], ldif: &str) {
    let mut command = Command::new(tool);
    let mut child =
        command.args(database).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{tool}: {}", said(&output));
}

fn succeeded(command: &mut Command, what: &str) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}: {}", said(&output));
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn certificates(home: &Path, address: IpAddr) -> String {
    let ca = authority("Test AD CA");
    let mut params = CertificateParams::new([format!("dc1.{DNS_DOMAIN}"), "localhost".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress(address));
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    std::fs::write(home.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(home.join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(home.join("key.pem"), key.serialize_pem()).unwrap();
    // Samba refuses a key that others may read.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(home.join("key.pem"), private).unwrap();
    ca.pem()
}

/// Nothing of it lies outside `home`, and only what LDAP needs runs.
fn configuration(home: &Path, address: Ipv4Addr) -> PathBuf {
    std::fs::create_dir_all(home.join("run/ncalrpc")).unwrap();
    for directory in ["lock", "log"] {
        std::fs::create_dir_all(home.join(directory)).unwrap();
    }
    let path = home.join("smb.conf");
    let text = format!(
        "[global]
  netbios name = DC1
  realm = CORP.EXAMPLE.TEST
  workgroup = CORP
  server role = active directory domain controller
  interfaces = {address}/8
  bind interfaces only = yes
  private dir = {home}/d/private
  state directory = {home}/d/state
  cache directory = {home}/d/cache
  lock directory = {home}/lock
  pid directory = {home}/run
  ncalrpc dir = {home}/run/ncalrpc
  binddns dir = {home}/d/bind-dns
  server services = ldap, kdc
  ldap server require strong auth = no
  tls enabled = yes
  tls cafile = {home}/ca.pem
  tls certfile = {home}/cert.pem
  tls keyfile = {home}/key.pem
  log file = {home}/log/log.%m
  log level = 1
  disable netbios = yes
  vfs objects = dfs_samba4 acl_xattr xattr_tdb
  xattr_tdb:file = {home}/xattr.tdb
",
        home = home.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Who and what there is before any of it changes state.
fn entries() -> String {
    let mut out = String::new();
    for ou in ["OU=Acme", STAFF, SERVICE, GROUPS] {
        let _ = write!(out, "dn: {ou},{BASE}\nobjectClass: organizationalUnit\n\n");
    }
    for (cn, account, control) in [
        ("Alice Adams", "alice", 512),
        ("Bob Braun", "bob", 512),
        ("Müller, Jörg", "jmueller", 512),
        ("Dora Disabled", "dora", 514),
        ("Erik Expired", "erik", 512),
        ("Mona MustChange", "mona", 512),
        ("Wim Worn", "wim", 512),
        ("Leo Locked", "leo", 512),
        ("Rita Later", "rita", 512),
    ] {
        out.push_str(&user(cn, account, STAFF, control));
    }
    // 66048: the password never expires.
    out.push_str(&user("svc mfaproxy", "svc-mfa", SERVICE, 66048));
    for group in ["vpn-users", "all-staff", "engineering"] {
        let _ = write!(
            out,
            "dn: {}\nobjectClass: group\nsAMAccountName: {group}\ngroupType: -2147483646\n\n",
            Samba::group(group)
        );
    }
    out
}

/// engineering ⊂ all-staff ⊂ vpn-users; Erik's account is over, Mona must change her password.
fn states() -> String {
    [
        change(&Samba::group("engineering"), "add", "member", &Samba::dn_of("Alice Adams")),
        change(&Samba::group("all-staff"), "add", "member", &Samba::group("engineering")),
        change(&Samba::group("vpn-users"), "add", "member", &Samba::group("all-staff")),
        change(&Samba::dn_of("Erik Expired"), "replace", "accountExpires", "130000000000000000"),
        change(&Samba::dn_of("Mona MustChange"), "replace", "pwdLastSet", "0"),
    ]
    .concat()
}

/// LDIF of a change of one attribute, `how` being add, replace or delete.
pub fn change(dn: &str, how: &str, attribute: &str, value: &str) -> String {
    format!("dn:: {}\nchangetype: modify\n{how}: {attribute}\n{attribute}: {value}\n-\n\n", encoded(dn))
}

fn user(cn: &str, account: &str, ou: &str, control: u32) -> String {
    let quoted: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!(
        "dn:: {dn}\nobjectClass: user\nsAMAccountName: {account}\nuserPrincipalName: {account}@{DNS_DOMAIN}\n\
         mail: {account}@mail.example.test\nunicodePwd:: {password}\nuserAccountControl: {control}\n\n",
        dn = encoded(&format!("CN={},{ou},{BASE}", cn.replace(',', "\\,"))),
        password = BASE64.encode(&quoted),
    )
}

fn encoded(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}
