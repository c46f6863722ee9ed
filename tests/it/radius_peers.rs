//! Other people's RADIUS programs as clients: what they make of our answers.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rcgen::CertificateParams;
use vestibule::domain::secret::SharedSecret;

use super::openldap;
use super::support::appliance::{Appliance, RADIUS_SECRET, vpn, vpn_with};
use super::support::people::hotp;
use super::support::process::Process;

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("vestibule-peer-{}", uuid::Uuid::from_u128(rand::random())));
        std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program with this on its standard input; what it wrote, and whether it was content.
fn run(command: &mut Command, input: &str) -> (String, bool) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|fault| panic!("{command:?}: {fault}; scripts/setup.sh test installs it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}

#[tokio::test]
async fn radtest_takes_our_answers_for_what_they_are() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let server = appliance.radius_addr.to_string();
    for (field, said) in [(user.with(&user.hotp()), "Access-Accept"), (user.password.clone(), "Access-Reject")] {
        let (text, _) = run(Command::new("radtest").args(["user0001", &field, &server, "0", RADIUS_SECRET]), "");
        assert!(text.contains(&format!("Received {said}")), "{text}");
    }
}

#[tokio::test]
async fn radsecproxy_takes_a_gateway_that_knows_only_udp_to_our_radsec_port() {
    let slapd = openldap();
    let proxy = vpn_with(|radius| radius.radsec_name = Some("proxy.example.test".into()));
    let appliance = Appliance::before(&slapd).client(proxy).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let folder = Folder::new();
    let named = CertificateParams::new(["proxy.example.test".to_owned()]).unwrap();
    let (certificate, key) = appliance.radsec_identity(&named);
    let (certificate, key) = (folder.write("cert.pem", &certificate), folder.write("key.pem", &key));
    let listen = free_udp_port();
    let ours = appliance.radsec_addr;
    let configuration = format!(
        "ListenUDP {listen}\nLogLevel 3\n\
         tls ours {{\nCACertificateFile {ca}\nCertificateFile {certificate}\nCertificateKeyFile {key}\n}}\n\
         client gateways {{\nhost 127.0.0.0/8\ntype udp\nsecret between-gateway-and-proxy\n}}\n\
         server appliance {{\nhost {host}\nport {port}\ntype tls\nsecret radsec\ntls ours\nCertificateNameCheck off\n}}\n\
         realm * {{\nserver appliance\n}}\n",
        ca = appliance.ca_path.display(),
        host = ours.ip(),
        port = ours.port(),
    );
    let configuration = folder.write("radsecproxy.conf", &configuration);
    let radsecproxy = Process::spawn(Command::new("/usr/sbin/radsecproxy").args(["-f", "-c", &configuration]));
    radsecproxy.log().await_line(&["TLS connection to appliance", " up"]).await;
    for (field, said) in [(user.with(&user.hotp()), "Access-Accept"), (user.password.clone(), "Access-Reject")] {
        let request = format!("User-Name=user0001,User-Password=\"{field}\",Message-Authenticator=0x00\n");
        let args = ["-x", "-r", "1", "-t", "10", &listen.to_string(), "auth", "between-gateway-and-proxy"];
        let (text, _) = run(Command::new("radclient").args(args), &request);
        assert!(text.contains(&format!("Received {said}")), "{text}\n{}", radsecproxy.log().text());
    }
    let events = appliance.events("sign-in").await;
    assert!(events.iter().all(|event| event["client_name"] == "vpn"), "{events:?}");
}

/// PAM's files are described in a folder of the test's own: libpam_wrapper shows them to libpam instead of `/etc/pam.d`.
#[tokio::test]
async fn pam_radius_signs_in_with_a_code_behind_the_password() {
    let slapd = openldap();
    let client = vpn_with(|radius| {
        // Its file knows no blanks in a secret.
        radius.secret = SharedSecret::new(b"pam-radius-and-its-server".as_slice());
        // It sends none.
        radius.require_message_authenticator = false;
    });
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let folder = Folder::new();
    let server = folder.write("server", &format!("{} pam-radius-and-its-server 20\n", appliance.radius_addr));
    let services = folder.0.join("services");
    std::fs::DirBuilder::new().create(&services).unwrap();
    folder.write("services/other", "auth required pam_deny.so\n");
    folder.write("services/vpn", &format!("auth required pam_radius_auth.so conf={server}\n"));
    for (field, is_in) in [(user.with(&user.hotp()), true), (user.password.clone(), false)] {
        let mut pamtester = Command::new("pamtester");
        pamtester.args(["vpn", "user0001", "authenticate"]);
        pamtester
            .env("LD_PRELOAD", "libpam_wrapper.so")
            .env("PAM_WRAPPER", "1")
            .env("PAM_WRAPPER_SERVICE_DIR", &services);
        let (text, succeeded) = run(&mut pamtester, &format!("{field}\n"));
        assert_eq!(succeeded, is_in, "{text}");
    }
    assert_eq!(appliance.recorded().await, ["hotp", "missing-code"]);
}

fn free_udp_port() -> SocketAddr {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
