//! People from files at the door: what a file brought counts at the next sign-in.

use std::io::Write as _;
use std::process::Stdio;

use super::openldap;
use super::support::appliance::Appliance;
use super::support::ldap::Ldap;
use super::support::slapd::Slapd;

/// RFC 4226 appendix D: the secret and its first two codes.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CODES: [&str; 2] = ["755224", "287082"];

/// `user import --file - --apply`: the exit code and the report.
pub fn import(appliance: &Appliance, file: &str) -> (i32, String) {
    let mut command = appliance.command();
    command.args(["user", "import", "--file", "-", "--directory", "corp", "--apply"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(file.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn a_token_from_a_file_opens_with_its_codes_and_a_disabled_user_stays_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let (dn, password) = (slapd.dn_of("user0001"), Slapd::password_of("user0001"));
    let with = |code: &str| format!("{password},{code}");
    assert_eq!(gateway.bind(&dn, &with(CODES[0])).await.0, 49, "not known yet");

    let file = |enabled: &str| {
        format!("username,enabled,oath_type,oath_serial,oath_secret\nuser0001,{enabled},hotp,H-1,{SECRET}\n")
    };
    let said = import(&appliance, &file("yes"));
    assert!(said.0 == 0 && said.1.contains("HOTP token H-1") && said.1.contains("added 1"), "{said:?}");
    let bound = gateway.bind(&dn, &with(CODES[0])).await;
    assert_eq!(bound.0, 0, "{}", bound.1);

    // The token has moved on since; the file does not set it back.
    let said = import(&appliance, &file("yes"));
    assert!(said.1.contains("unchanged 1"), "{said:?}");
    assert_eq!(gateway.bind(&dn, &with(CODES[0])).await.0, 49, "a code works once");

    let said = import(&appliance, &file("no"));
    assert!(said.1.contains("changed 1"), "{said:?}");
    assert_eq!(gateway.bind(&dn, &with(CODES[1])).await.0, 49, "disabled");
    import(&appliance, &file("yes"));
    assert_eq!(gateway.bind(&dn, &with(CODES[1])).await.0, 0);
}
