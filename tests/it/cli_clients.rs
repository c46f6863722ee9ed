//! Clients that people really use: OpenLDAP's command-line tools and Python's ldap3.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, client_at, netscaler};
use super::support::environment;
use super::support::in_time;
use super::support::ldap::Ldap;
use super::support::people::{app, hotp, totp};
use super::support::slapd::{Slapd, SlapdOptions};
use super::{answer, openldap, openldap_with};

/// An OpenLDAP tool that trusts this CA and reads no configuration of whoever runs the tests.
fn tool(name: &str, ca: &Path) -> Command {
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("PATH", environment("PATH").unwrap_or_default())
        .env("LDAPNOINIT", "1")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // LDAPNOINIT turns the other variables off as well, so the CA is given by option.
    command.args(["-x", "-o", &format!("TLS_CACERT={}", ca.display())]);
    command
}

async fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = in_time("the client's end", command.output()).await.expect("it runs");
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

fn plain(appliance: &Appliance) -> String {
    format!("ldap://{}", appliance.ldap_addr)
}

fn ldaps(appliance: &Appliance) -> String {
    format!("ldaps://{}", appliance.ldaps_addr)
}

#[tokio::test]
async fn ldapsearch_pages_through_five_thousand_entries_and_gets_what_the_directory_gives() {
    let slapd = openldap_with(SlapdOptions { people: 5_000, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    let mut results = vec![];
    for url in [plain(&appliance), format!("ldap://{}", slapd.addr)] {
        let mut search = tool("ldapsearch", &appliance.ca_path);
        search.args(["-LLL", "-H", &url, "-D", &slapd.service_dn, "-w", &slapd.service_password]);
        search.args(["-E", "pr=500/noprompt", "-b", &slapd.base, "(uid=*)", "uid", "mail"]);
        let (code, text) = run(&mut search).await;
        assert_eq!(code, Some(0), "{text}");
        results.push(text);
    }
    assert_eq!(results[0].lines().filter(|line| line.starts_with("uid: ")).count(), 5_000);
    assert!(results[0] == results[1], "the same entries in the same order");
    let searches = slapd.logged("SRCH base=\"dc=example,dc=test\" scope=2 deref=0 filter=\"(uid=*)\"");
    assert_eq!(searches.len(), 2 * 10, "ten pages each (the last one is full)");
}

#[tokio::test]
async fn ldapwhoami_signs_in_with_a_code_over_starttls_and_ldaps() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    for (url, options) in [(plain(&appliance), ["-ZZ"].as_slice()), (ldaps(&appliance), &[]), (plain(&appliance), &[])]
    {
        let mut whoami = tool("ldapwhoami", &appliance.ca_path);
        whoami.args(options).args(["-H", &url, "-D", &user.dn, "-w", &user.with(&user.hotp())]);
        assert_eq!(run(&mut whoami).await, (Some(0), format!("dn:{}\n", user.dn)), "{url} {options:?}");
    }
    let mut whoami = tool("ldapwhoami", &appliance.ca_path);
    whoami.args(["-H", &ldaps(&appliance), "-D", &user.dn, "-w", &user.with(&user.wrong_code())]);
    let (code, text) = run(&mut whoami).await;
    assert_eq!((code, text.contains("Invalid credentials (49)")), (Some(49), true), "{text}");
}

#[tokio::test]
async fn a_tool_that_does_not_know_the_ca_does_not_send_the_password() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut whoami = tool("ldapwhoami", &slapd.ca_path);
    whoami.args(["-H", &ldaps(&appliance), "-D", &user.dn, "-w", &user.with(&user.hotp())]);
    let (code, text) = run(&mut whoami).await;
    assert_ne!(code, Some(0), "{text}");
    assert_eq!(slapd.logged("BIND dn=\"uid="), Vec::<String>::new());
}

#[tokio::test]
async fn the_certificate_that_the_appliance_makes_for_itself_can_be_trusted_by_its_file() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .set("tls.certificate", "")
        .set("tls.private_key", "")
        .user("user0001")
        .with(hotp())
        .await;
    let user = appliance.person("user0001");
    let certificate: PathBuf = appliance.config_path.with_file_name("state").join("tls/self-signed.pem");
    let mut whoami = tool("ldapwhoami", &certificate);
    whoami.args(["-H", &ldaps(&appliance), "-D", &user.dn, "-w", &user.with(&user.hotp())]);
    assert_eq!(run(&mut whoami).await, (Some(0), format!("dn:{}\n", user.dn)));
}

#[tokio::test]
async fn ldapsearch_waits_for_the_phone_and_then_searches_as_the_user() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let user = appliance.person("user0001");
    let mut search = tool("ldapsearch", &appliance.ca_path);
    search.args(["-LLL", "-H", &plain(&appliance), "-D", &user.dn, "-w", &user.password]);
    search.args(["-b", &user.dn, "-s", "base", "uid"]);
    let (found, ()) = tokio::join!(run(&mut search), async {
        let prompt = appliance.prompt().await;
        assert_eq!((prompt.user.as_str(), prompt.client.as_str()), ("user0001", "netscaler"));
        appliance.approve(&prompt).await;
    });
    assert_eq!(found, (Some(0), format!("dn: {}\nuid: user0001\n\n", user.dn)));
}

#[tokio::test]
async fn ldapmodify_ldappasswd_and_ldapcompare_work_for_a_user_who_is_in() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let as_user = |name: &str, password: &str| {
        let mut command = tool(name, &appliance.ca_path);
        let field = format!("{password},{}", user.hotp());
        command.args(["-H", &plain(&appliance), "-D", &user.dn, "-w", &field]);
        command
    };
    let ldif = appliance.config_path.with_file_name("change.ldif");
    std::fs::write(
        &ldif,
        format!("dn: {}\nchangetype: modify\nreplace: userPassword\nuserPassword: second\n", user.dn),
    )
    .unwrap();
    let (code, text) = run(as_user("ldapmodify", &user.password).arg("-f").arg(&ldif)).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(as_user("ldappasswd", "second").args(["-a", "second", "-s", "third"])).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(as_user("ldapcompare", "third").args([&user.dn, "uid:user0001"])).await;
    assert_eq!(code, Some(6), "true: {text}");
    let (code, text) = run(as_user("ldapcompare", "third").args([&user.dn, "userPassword:third"])).await;
    assert_eq!(code, Some(50), "a password is not compared: {text}");
    let mut direct = Ldap::connect(slapd.addr).await;
    assert_eq!(direct.bind(&user.dn, "third").await, answer(0));
}

/// What NetScaler, and most of what is written in Python, does; one JSON line of results.
const CONVERSATION: &str = r#"
import json, ssl, sys
import ldap3
host, port, ca, transport, service_dn, service_password, base, uid, field, wrong = sys.argv[1:]
tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca)
server = ldap3.Server(host, int(port), use_ssl=transport == "ldaps", tls=tls, get_info=ldap3.ALL)
connection = ldap3.Connection(server, service_dn, service_password)
said = {}
if transport == "starttls":
    said["tls"] = connection.start_tls()
said["service"] = connection.bind()
said["schema"] = "inetOrgPerson" in connection.server.schema.object_classes
said["found"] = connection.search(base, f"(uid={uid})", attributes=["mail"])
entry = connection.entries[0]
said["mail"] = entry.mail.value
said["wrong"] = connection.rebind(entry.entry_dn, wrong)
said["code"] = connection.result["result"]
said["user"] = connection.rebind(entry.entry_dn, field)
said["who"] = connection.extend.standard.who_am_i()
pages = connection.extend.standard.paged_search(base, "(uid=*)", paged_size=50, generator=False)
said["paged"] = len(pages)
connection.unbind()
print(json.dumps(said))
"#;

async fn converse(appliance: &Appliance, slapd: &Slapd, transport: &str) -> serde_json::Value {
    let user = appliance.person("user0001");
    let address = if transport == "ldaps" { appliance.ldaps_addr } else { appliance.ldap_addr };
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", CONVERSATION, &address.ip().to_string(), &address.port().to_string()]);
    python.arg(&appliance.ca_path).args([transport, &slapd.service_dn, &slapd.service_password, &slapd.base]);
    python.args(["user0001", &user.with(&user.hotp()), &user.with(&user.wrong_code())]);
    let (code, text) = run(python.kill_on_drop(true)).await;
    assert_eq!(code, Some(0), "{transport}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test]
async fn python_ldap3_holds_the_gateways_conversation_over_every_transport() {
    let slapd = openldap_with(SlapdOptions { people: 120, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    for transport in ["ldap", "starttls", "ldaps"] {
        let said = converse(&appliance, &slapd, transport).await;
        for (what, expected) in [
            ("service", serde_json::json!(true)),
            ("schema", serde_json::json!(true)),
            ("found", serde_json::json!(true)),
            ("mail", serde_json::json!("user0001@example.test")),
            ("wrong", serde_json::json!(false)),
            ("code", serde_json::json!(49)),
            ("user", serde_json::json!(true)),
            ("who", serde_json::json!(format!("dn:{}", slapd.dn_of("user0001")))),
            ("paged", serde_json::json!(120)),
        ] {
            assert_eq!(said[what], expected, "{transport}: {what} in {said}");
        }
    }
}

#[tokio::test]
async fn ldapsearch_from_a_stranger_is_told_to_ask_the_administrator() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(client_at("gateway", "127.0.7.90/32")).await;
    let mut search = tool("ldapsearch", &appliance.ca_path);
    search.args(["-H", &plain(&appliance), "-D", &slapd.service_dn, "-w", &slapd.service_password, "-b", &slapd.base]);
    let (code, text) = run(&mut search).await;
    assert_eq!(code, Some(53), "{text}");
    assert!(text.contains("vestibule client add"), "{text}");
}

#[tokio::test]
async fn a_user_who_is_asked_for_a_code_by_name_and_one_who_types_it_get_in_alike() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(netscaler()).user("user0001").with(totp()).with(app()).await;
    let user = appliance.person("user0001");
    let mut typed = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(typed.bind("user0001", &user.with(&user.totp())).await, answer(0));
    let mut asked = Ldap::connect(appliance.ldap_addr).await;
    let bind = asked.send_bind("user0001", &user.with("push")).await;
    let prompt = appliance.prompt().await;
    appliance.approve(&prompt).await;
    assert_eq!(asked.answer_to(bind, 0x61).await, answer(0));
    for connection in [&mut typed, &mut asked] {
        assert_eq!(connection.search(&user.dn, Scope::Base, "(objectClass=*)").await.names(), [user.dn.as_str()]);
    }
}
