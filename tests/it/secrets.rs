//! What must stay secret is in no log, no page and no dump of the database; and what starts wrongly says so in one
//! sentence and changes nothing.

use std::fs;
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

use data_encoding::{BASE32, BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use vestibule::domain::client::{Client, ServiceAccount, ServiceAccounts};
use vestibule::domain::dn::Dn;
use vestibule::domain::secret::Password;
use vestibule::wire::message::Scope;

use super::support::appliance::{Appliance, Home, MASTER_KEY, directory_of, netscaler};
use super::support::ldap::Ldap;
use super::support::people::{RECOVERY_CODE, hotp, recovery_code, totp};
use super::support::slapd::{Slapd, SlapdOptions};

fn slapd(ldif: &str) -> Slapd {
    let address = IpAddr::from([127, 0, 10, 4]);
    Slapd::start(&SlapdOptions { address, ldif: ldif.into(), ..SlapdOptions::default() })
}

/// All of a database as text; bytes are hexadecimal in it.
fn dump(appliance: &Appliance) -> String {
    // Debian's newest, since an older one refuses a newer server; elsewhere whatever is on the path.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.max_by_key(|version| version.file_name().to_string_lossy().parse::<u32>().ok());
    let program = newest.map_or("pg_dump".into(), |version| version.path().join("bin/pg_dump"));
    let dumped = Command::new(program).arg(appliance.database_url()).output().unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let text = String::from_utf8(dumped.stdout).unwrap();
    // Newer ones begin and end with a random word.
    text.lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The forms in which a secret could stand in a text: as it is, hexadecimal, base32, base64 wherever it begins, and as
/// Rust prints bytes.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![secret.to_owned(), HEXLOWER.encode(bytes), HEXUPPER.encode(bytes), BASE32.encode(bytes)];
    for shift in 0..3 {
        // Characters that also hold bits of what is before or behind are left out.
        let shifted = [&b"\0\0"[..shift], bytes].concat();
        let (from, to) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
        forms.push(BASE64.encode(&shifted)[from..to].to_owned());
        forms.push(BASE64URL.encode(&shifted)[from..to].to_owned());
    }
    let printed = format!("{bytes:?}");
    forms.push(printed.trim_matches(['[', ']']).to_owned());
    forms
}

/// Lines of a text that hold a secret in any form.
fn leaks(text: &str, secret: &str) -> Vec<String> {
    let forms = forms(secret);
    let holds = |line: &&str| forms.iter().any(|form| line.contains(form.as_str()));
    text.lines().filter(holds).map(str::to_owned).collect()
}

#[test]
fn a_leak_in_any_form_is_found() {
    let secret = "canary-6f1d20";
    for form in forms(secret) {
        assert_eq!(leaks(&format!("first\nx {form} y\nlast"), secret).len(), 1, "{form}");
    }
    for around in ["a", "ab", "abc"] {
        let encoded = BASE64.encode(format!("{around}{secret}{around}").as_bytes());
        assert_eq!(leaks(&encoded, secret).len(), 1, "{encoded}");
    }
    assert_eq!(leaks("nothing here", secret), [""; 0]);
}

#[tokio::test]
async fn r44_r45_no_secret_is_in_a_log_at_any_level_or_in_the_database() {
    let (service_password, password) = ("canary-service-7b31e9", "canary-user-40d2aa");
    let ldif = format!(
        "dn: cn=reader,ou=service,dc=example,dc=test\nobjectClass: organizationalRole\n\
         objectClass: simpleSecurityObject\ncn: reader\nuserPassword: {service_password}\n\n\
         dn: uid=anna,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: A\n\
         userPassword: {password}\n\n"
    );
    let slapd = slapd(&ldif);
    let mut directory = directory_of(&slapd);
    let service = "cn=reader,ou=service,dc=example,dc=test";
    directory.bind_dn = service.into();
    directory.bind_password = Password::new(service_password.as_bytes());
    let who = ServiceAccounts::Exact(Dn::parse(service).unwrap());
    let client = Client { service_accounts: vec![ServiceAccount { who, from: vec![] }], ..netscaler() };
    let arrangement = Appliance::before_directory(directory).client(client).set("log.level", "\"trace\"");
    let arrangement = arrangement.user_with_password("anna", password).with(totp()).with(hotp()).with(recovery_code());
    let mut appliance = arrangement.await;
    let anna = appliance.person("anna");
    let (dn, right, wrong) = (anna.dn.clone(), anna.totp_at(1), anna.wrong_code());

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(service, service_password).await.0, 0);
    assert_eq!(gateway.search(&slapd.base, Scope::Subtree, "(uid=anna)").await.names(), [dn.as_str()]);
    let fields = [
        (anna.with(&right), 0),
        (anna.with(&right), 49),
        (anna.with(&wrong), 49),
        (anna.with(RECOVERY_CODE), 0),
        (anna.with("no-such-factor"), 49),
        ("canary-wrong-5c09f1,123456".to_owned(), 49),
        ("canary-wrong-5c09f1".to_owned(), 49),
    ];
    for (field, code) in &fields {
        assert_eq!(gateway.bind(&dn, field).await.0, *code, "{field}");
    }
    let mut encrypted = Ldap::connect_tls(appliance.ldaps_addr, &appliance.ca_path).await;
    assert_eq!(encrypted.bind(&dn, &anna.with(&anna.hotp())).await.0, 0);
    encrypted.unbind().await;
    gateway.unbind().await;
    let metrics = appliance.get("/metrics").await.unwrap();
    let shown: Vec<Output> =
        [&["config", "dump"][..], &["user", "show", "anna"], &["audit", "tail"], &["directory", "test", "corp"]]
            .iter()
            .map(|arguments| appliance.command().args(*arguments).output().unwrap())
            .collect();
    appliance.stop().await;
    appliance.log().closed().await;

    let log = appliance.log().text();
    assert!(log.contains("\"DEBUG\"") && log.contains("anna"), "this log holds everything");
    let dump = dump(&appliance);
    assert!(dump.contains("anna") && dump.contains("granted"), "this dump holds everything");
    let commands: String = shown
        .iter()
        .flat_map(|output| [&output.stdout, &output.stderr])
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    assert!(commands.contains("anna"), "{commands}");

    let seeds = [format!("Totp of {:020}", "anna"), format!("Hotp of {:020}", "anna")];
    let recovery = RECOVERY_CODE.replace('-', "");
    let mut secrets = vec![service_password, password, "canary-wrong-5c09f1", MASTER_KEY, RECOVERY_CODE, &recovery];
    secrets.push("the master key of all the tests.");
    // Without the handle, which finds the row.
    secrets.push(&recovery[2..]);
    secrets.extend(seeds.iter().map(String::as_str));
    let typed = [format!(",{right}"), format!(",{wrong}"), format!("\"{right}\""), format!("\"{wrong}\"")];
    secrets.extend(typed.iter().map(String::as_str));
    for (place, text) in [("log", &log), ("dump", &dump), ("metrics", &metrics), ("commands", &commands)] {
        for secret in &secrets {
            assert_eq!(leaks(text, secret), [""; 0], "{secret:?} is in the {place}");
        }
    }
}

/// It ended by itself, unwell, and said one sentence.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code().is_some_and(|code| [2, 3].contains(&code)), "{:?}: {said}", output.status);
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert!(said.lines().filter(|line| line.starts_with("vestibule: ")).count() == 1, "one sentence: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!last.is_empty());
    said
}

#[tokio::test]
async fn a_wrong_master_key_is_said_and_changes_nothing() {
    let slapd = slapd("");
    let mut appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    appliance.stop().await;
    let before = dump(&appliance);
    let settings = fs::read_to_string(&appliance.config_path).unwrap();
    let other = BASE64.encode(b"another master key, thirty-two b");
    fs::write(&appliance.config_path, settings.replace(MASTER_KEY, &other)).unwrap();
    let said = refused(appliance.command().arg("serve"));
    assert!(said.contains("master key"), "{said}");
    assert!(leaks(&said, &other).is_empty(), "{said}");
    assert_eq!(dump(&appliance), before);
}

#[tokio::test]
async fn r59_a_schema_of_a_newer_program_is_refused_and_left_alone() {
    let slapd = slapd("");
    let mut appliance = Appliance::before(&slapd).await;
    appliance.stop().await;
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (99990101000000, 'of tomorrow', true, '\\x00', 1)",
    )
    .execute(appliance.store().pool())
    .await
    .unwrap();
    let before = dump(&appliance);
    let said = refused(appliance.command().arg("serve"));
    assert!(said.contains("99990101000000") && said.contains("newer"), "{said}");
    assert_eq!(dump(&appliance), before);
}

#[tokio::test]
async fn a_port_that_somebody_else_holds_is_named_before_anything_is_touched() {
    let slapd = slapd("");
    let mut appliance = Appliance::before(&slapd).await;
    appliance.stop().await;
    let before = dump(&appliance);
    for address in [appliance.ldap_addr, appliance.ldaps_addr, appliance.management_addr] {
        let _held = TcpListener::bind(address).unwrap();
        let said = refused(appliance.command().arg("serve"));
        assert!(said.contains(&address.to_string()) && said.contains("in use"), "{said}");
    }
    assert_eq!(dump(&appliance), before);
}

/// `vestibule serve` on a configuration of this text.
fn serve(home: &Home, settings: &str) -> Command {
    let path = home.path().join("vestibule.toml");
    fs::write(&path, settings).unwrap();
    serve_with(&path)
}

fn serve_with(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear().arg("--config").arg(config).arg("serve");
    command
}

#[test]
fn without_postgresql_programs_the_embedded_database_says_what_is_missing_and_leaves_nothing() {
    let home = Home::new();
    let empty = home.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let state = home.path().join("state");
    let settings = format!(
        "state_dir = {state:?}\nldap.listen = [\"127.0.10.5:0\"]\nldap.listen_tls = []\nmanagement.listen = \"127.0.10.5:0\"\n\
         radius.listen = []\nradius.listen_accounting = []\nweb.listen = []\nweb.listen_plain = []\n\
         database.embedded.bin_dir = {empty:?}\n"
    );
    let said = refused(&mut serve(&home, &settings));
    assert!(said.contains("PostgreSQL") && said.contains("database.url"), "what to do: {said}");
    assert!(!state.join("master.key").exists(), "no key was made");
    let left: Vec<_> =
        fs::read_dir(&state).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default();
    assert!(left.iter().all(|path| !path.join("PG_VERSION").exists()), "{left:?}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_named_and_nothing_is_made() {
    let home = Home::new();
    let missing = home.path().join("missing.toml");
    let said = refused(&mut serve_with(&missing));
    assert!(said.contains(&*missing.to_string_lossy()), "{said}");
    let said = refused(&mut serve_with(home.path()));
    assert!(said.contains(&*home.path().to_string_lossy()), "a directory: {said}");
    let state = home.path().join("state");
    for (wrong, word) in [
        ("ldap.listen = [", "vestibule.toml"),
        ("ldap.lisen = [\"127.0.10.5:0\"]", "ldap.lisen"),
        ("management.listen = 7", "management.listen"),
    ] {
        let said = refused(&mut serve(&home, &format!("state_dir = {state:?}\n{wrong}\n")));
        assert!(said.contains(word), "{wrong}: {said}");
    }
    assert!(!state.exists(), "nothing was made");
}
