//! A Linux login by pam_radius, set up as docs/gateways/pam-radius.md says.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use vestibule::domain::client::Client;
use vestibule::domain::client::radius::RadiusPolicy;
use vestibule::domain::secret::SharedSecret;

use super::openldap;
use super::support::appliance::{Appliance, vpn};
use super::support::people::hotp;

/// The module's file parts words by spaces.
const SECRET: &str = "a-secret-without-spaces";

/// A machine whose logins go to the appliance. Distributions carry releases from before CVE-2024-3596, so it is a client
/// that may leave the Message-Authenticator out.
fn machine(dialogs: bool) -> Client {
    let mut radius = RadiusPolicy::new(SharedSecret::new(SECRET.as_bytes()));
    (radius.require_message_authenticator, radius.dialogs) = (false, dialogs);
    Client { radius: Some(radius), ..vpn() }
}

/// The files of a PAM service that asks the appliance.
struct Service(PathBuf);

impl Service {
    fn of(appliance: &Appliance) -> Self {
        let home = std::env::temp_dir().join(format!("vestibule-pam-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let server = home.join("server.conf");
        fs::write(&server, format!("{} {SECRET} 20\n", appliance.radius_addr)).unwrap();
        let line = format!("auth required pam_radius_auth.so conf={} prompt_attribute\n", server.display());
        fs::write(home.join("gate"), line).unwrap();
        Self(home)
    }

    /// Signs in, typing these lines; what was shown, and whether the door opened.
    fn login(&self, name: &str, typed: &[&str]) -> (bool, String) {
        let mut pamtester = Command::new("pamtester")
            .args(["gate", name, "authenticate"])
            .env("LD_PRELOAD", "libpam_wrapper.so")
            .env("PAM_WRAPPER", "1")
            .env("PAM_WRAPPER_SERVICE_DIR", &self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pamtester runs; its package is pamtester");
        let typed = typed.iter().fold(String::new(), |text, line| text + line + "\n");
        pamtester.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = pamtester.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), shown.into_owned())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn pam_radius_takes_a_code_behind_the_password() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(machine(false)).user("user0001").with(hotp()).await;
    let (user, service) = (appliance.person("user0001"), Service::of(&appliance));
    let (opened, shown) = service.login("user0001", &[&user.with(&user.hotp())]);
    assert!(opened, "{shown}");
    let (opened, shown) = service.login("user0001", &[&user.password]);
    assert!(!opened, "{shown}");
    assert_eq!(appliance.recorded().await, ["hotp", "missing-code"]);
}

#[tokio::test]
async fn pam_radius_shows_the_question_of_a_dialog_and_sends_the_answer() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(machine(true)).user("user0001").with(hotp()).await;
    let (user, service) = (appliance.person("user0001"), Service::of(&appliance));
    let (opened, shown) = service.login("user0001", &[&user.password, &user.hotp()]);
    assert!(opened && shown.contains("Enter a code"), "{shown}");
    let (opened, shown) = service.login("user0001", &["wrong", &user.hotp()]);
    assert!(!opened && !shown.contains("Enter a code"), "{shown}");
    assert_eq!(appliance.recorded().await, ["hotp", "wrong-password"]);
}
