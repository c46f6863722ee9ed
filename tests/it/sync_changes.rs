//! Runs that ask for changes only: what has changed is followed as a full run would, and what cannot be asked for, or was
//! not finished, is read again.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use vestibule::domain::directory::{Directory, DirectoryKind, Server, Transport};
use vestibule::domain::secret::Password;

use super::active_directory::samba::{self, Samba};
use super::openldap_with;
use super::support::appliance::{Appliance, directory_at};
use super::support::people::totp;
use super::support::slapd::{Slapd, SlapdOptions};

const BASE: &str = "dc=example,dc=test";

fn vestibule(appliance: &Appliance, args: &[&str]) -> (i32, String, String) {
    let output = appliance.command().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn follow(appliance: &Appliance, name: &str, item: &[&str]) {
    let said = vestibule(appliance, &[&["sync", "item", "add", name, "--directory", "corp"][..], item].concat());
    assert_eq!(said.0, 0, "{said:?}");
}

fn run(appliance: &Appliance, more: &[&str]) -> Value {
    let args = [&["sync", "run", "--directory", "corp", "--json"][..], more].concat();
    let (code, out, err) = vestibule(appliance, &args);
    assert!(code < 2, "{code}: {err}");
    serde_json::from_str::<Value>(&out).unwrap()[0].clone()
}

/// Why everything was read.
fn full(appliance: &Appliance, more: &[&str]) -> String {
    let run = run(appliance, more);
    assert_eq!(run["read"]["kind"], "full", "{run}");
    run["read"]["why"].as_str().unwrap().to_owned()
}

/// Added, updated, unchanged, left but kept, disabled: of a run that asked for changes.
fn changes(appliance: &Appliance, more: &[&str]) -> [u64; 5] {
    let run = run(appliance, more);
    assert_eq!(run["read"]["kind"], "incremental", "{run}");
    ["added", "updated", "unchanged", "kept", "disabled"].map(|name| run["counts"][name].as_u64().unwrap())
}

fn user(appliance: &Appliance, name: &str) -> Value {
    let (code, out, err) = vestibule(appliance, &["user", "show", name, "--json"]);
    assert_eq!(code, 0, "{name}: {err}");
    serde_json::from_str(&out).unwrap()
}

fn change(slapd: &Slapd, ldif: &str) {
    let server = format!("ldap://{}", slapd.addr);
    let args = ["-x", "-H", &server, "-D", &slapd.admin_dn, "-w", &slapd.admin_password];
    let mut child = Command::new("ldapmodify").args(args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{ldif}");
}

fn dn(number: u32) -> String {
    format!("uid=user{number:04},ou=people,{BASE}")
}

fn renamed(number: u32, to: &str) -> String {
    format!("dn: {}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n\n", dn(number))
}

fn moved(number: u32, to: &str) -> String {
    format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: uid=user{number:04}\ndeleteoldrdn: 1\nnewsuperior: {to},{BASE}\n\n",
        dn(number)
    )
}

fn set(number: u32, attribute: &str, value: &str) -> String {
    format!("dn: {}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n\n", dn(number))
}

fn deleted(number: u32) -> String {
    format!("dn: {}\nchangetype: delete\n\n", dn(number))
}

fn added(uid: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\n"
    )
}

fn with_syncprov(people: usize, more: &str, ldif: &str) -> Slapd {
    openldap_with(SlapdOptions {
        people,
        ldif: ldif.to_owned(),
        global: "moduleload syncprov".into(),
        database: format!("index entryCSN eq\noverlay syncprov\n{more}"),
        ..SlapdOptions::default()
    })
}

const PEOPLE: [&str; 2] = ["--base", "ou=people,dc=example,dc=test"];

#[tokio::test]
async fn who_arrives_changes_is_renamed_moves_away_or_is_deleted_is_followed_by_changes_alone() {
    for log in ["", "syncprov-sessionlog 100"] {
        let slapd = with_syncprov(20, log, "");
        let appliance = Appliance::before(&slapd).user("user0002").with(totp()).await;
        follow(&appliance, "people", &PEOPLE);
        assert!(full(&appliance, &[]).contains("no earlier run"));
        assert_eq!(changes(&appliance, &[]), [0; 5], "nothing has changed");
        let before = user(&appliance, "user0002");
        let ldif = [added("new"), set(1, "givenName", "Ada"), renamed(2, "other"), moved(3, "ou=service"), deleted(4)];
        change(&slapd, &ldif.concat());
        assert_eq!(changes(&appliance, &[]), [1, 2, 0, 0, 2], "{log}");
        assert_eq!(user(&appliance, "user0001")["profile"]["first"], "Ada");
        let after = user(&appliance, "other");
        assert_eq!((&after["id"], &after["authenticators"]), (&before["id"], &before["authenticators"]));
        assert_eq!(after["factors"], serde_json::json!(["totp"]));
        for left in ["user0003", "user0004"] {
            assert_eq!(user(&appliance, left)["enabled"], false, "{left}");
        }
        assert_eq!(changes(&appliance, &[]), [0; 5], "{log}");
    }
}

#[tokio::test]
async fn a_mark_that_is_of_no_use_any_more_means_a_full_run_that_says_why() {
    let slapd = with_syncprov(3, "", "");
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "people", &[]);
    full(&appliance, &[]);
    let pool = sqlx::PgPool::connect(appliance.database_url()).await.unwrap();
    for (statement, words) in [
        ("update sync_cursors set cookie = 'rid=000,csn=29990101000000.000000Z#000000#000#000000'", "what has changed"),
        ("update sync_cursors set server = 'ldap://192.0.2.1:389'", "the last run asked ldap://192.0.2.1:389"),
        ("update sync_cursors set full_at = full_at - interval '25 hours'", "time for a full run"),
        ("update sync_cursors set full_at = full_at + interval '1 hour'", "time for a full run"),
        ("update sync_items set language = 'de'", "set up differently"),
        ("update directories set attributes = '{\"people_filter\": \"(uid=*)\"}'", "set up differently"),
    ] {
        assert_eq!(changes(&appliance, &[]), [0; 5], "before: {statement}");
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        let why = full(&appliance, &[]);
        assert!(why.contains(words), "{statement}: {why}");
    }
    assert!(full(&appliance, &["--full"]).contains("asked for"));
    assert_eq!(vestibule(&appliance, &["sync", "schedule", "corp", "--full-every", "1h"]).0, 0);
    sqlx::raw_sql("update sync_cursors set full_at = full_at - interval '2 hours'").execute(&pool).await.unwrap();
    assert!(full(&appliance, &[]).contains("time for a full run"));
}

#[tokio::test]
async fn a_run_that_only_looked_or_was_stopped_moves_no_mark_until_it_is_approved() {
    let slapd = with_syncprov(30, "syncprov-sessionlog 100", "");
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "people", &PEOPLE);
    full(&appliance, &[]);
    change(&slapd, &(1..=6).map(deleted).collect::<String>());
    assert_eq!(changes(&appliance, &["--dry-run"]), [0, 0, 0, 0, 6]);
    let stopped = run(&appliance, &[]);
    assert_eq!((&stopped["state"], &stopped["read"]["kind"]), (&"awaiting-approval".into(), &"incremental".into()));
    assert_eq!(user(&appliance, "user0001")["enabled"], true, "nobody is touched");
    let again = run(&appliance, &[]);
    assert_eq!(again["counts"]["disabled"], 6, "what was not approved is found again");
    assert_eq!(vestibule(&appliance, &["sync", "approve", again["id"].as_str().unwrap()]).0, 0);
    assert_eq!(user(&appliance, "user0001")["enabled"], false);
    assert_eq!(changes(&appliance, &[]), [0; 5]);
}

#[tokio::test]
async fn a_run_that_failed_moves_no_mark() {
    let slapd = with_syncprov(5, "", "");
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "people", &PEOPLE);
    full(&appliance, &[]);
    change(&slapd, &set(1, "givenName", "Ada"));
    let pool = sqlx::PgPool::connect(appliance.database_url()).await.unwrap();
    let refuse = "alter table users add constraint for_a_test check (profile ->> 'first' <> 'Ada') not valid";
    sqlx::raw_sql(refuse).execute(&pool).await.unwrap();
    assert_eq!(vestibule(&appliance, &["sync", "run", "--directory", "corp"]).0, 3);
    sqlx::raw_sql("alter table users drop constraint for_a_test").execute(&pool).await.unwrap();
    assert_eq!(changes(&appliance, &[]), [0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn an_account_that_shared_a_name_is_taken_once_the_other_is_gone_though_nothing_changed_about_it() {
    let slapd = with_syncprov(20, "", "");
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "people", &[]);
    full(&appliance, &[]);
    change(&slapd, &(added("twin") + &set(1, "mail", "twin@example.test")));
    change(
        &slapd,
        &format!("dn: uid=twin,ou=people,{BASE}\nchangetype: modify\nadd: mail\nmail: twin@example.test\n\n"),
    );
    let contested = run(&appliance, &[]);
    assert_eq!((&contested["read"]["kind"], &contested["counts"]["conflicts"]), (&"incremental".into(), &2.into()));
    change(&slapd, &deleted(1));
    assert_eq!(changes(&appliance, &[]), [1, 0, 0, 0, 1]);
    assert_eq!(user(&appliance, "twin")["enabled"], true);
}

#[tokio::test]
async fn the_first_item_that_shows_an_account_has_it_also_when_only_changes_are_read() {
    let ldif = format!(
        "dn: cn=vpn,ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: vpn\nmember: {}\nmember: {}\n\n",
        dn(1),
        dn(5)
    );
    let slapd = with_syncprov(20, "", &ldif);
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "special", &["--filter", "(description=special)", "--language", "fr"]);
    follow(&appliance, "vpn", &["--group", &format!("cn=vpn,ou=groups,{BASE}"), "--language", "nl"]);
    follow(&appliance, "people", &[&PEOPLE[..], &["--language", "de"]].concat());
    change(&slapd, &set(5, "description", "special"));
    full(&appliance, &[]);
    let language = |number: u32| user(&appliance, &format!("user{number:04}"))["profile"]["language"].clone();
    assert_eq!([language(1), language(2), language(5)], ["nl", "de", "fr"]);
    assert_eq!(changes(&appliance, &[]), [0, 0, 1, 0, 0], "the group is read as a whole, its members are as they were");
    // One leaves the group and one enters it: neither is changed itself.
    let group = format!(
        "dn: cn=vpn,ou=groups,{BASE}\nchangetype: modify\nreplace: member\nmember: {}\nmember: {}\n\n",
        dn(2),
        dn(5)
    );
    change(&slapd, &(group + &set(6, "description", "special")));
    assert_eq!(changes(&appliance, &[])[1], 3);
    assert_eq!([language(1), language(2), language(5), language(6)], ["de", "nl", "fr", "fr"]);
}

#[tokio::test]
async fn a_renamed_branch_is_followed_with_all_who_are_below_it() {
    let slapd = with_syncprov(3, "", "");
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "people", &[]);
    full(&appliance, &[]);
    change(&slapd, &format!("dn: ou=people,{BASE}\nchangetype: modrdn\nnewrdn: ou=humans\ndeleteoldrdn: 1\n\n"));
    assert!(full(&appliance, &[]).contains("ou=humans"));
    assert_eq!(user(&appliance, "user0001")["dn"], format!("uid=user0001,ou=humans,{BASE}"));
}

#[tokio::test]
async fn without_syncprov_changes_are_followed_by_their_times_and_leavers_by_full_runs() {
    let slapd = openldap_with(SlapdOptions { people: 10, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, "people", &PEOPLE);
    full(&appliance, &[]);
    change(&slapd, &[added("new"), set(1, "givenName", "Ada"), renamed(2, "other"), deleted(3)].concat());
    let run = run(&appliance, &[]);
    assert_eq!(
        (&run["counts"]["added"], &run["counts"]["updated"], &run["counts"]["disabled"]),
        (&1.into(), &2.into(), &0.into())
    );
    let how = run["read"]["how"].as_str().unwrap();
    assert!(how.starts_with("modify-timestamp") && how.contains("the next full run"), "{how}");
    assert_eq!(user(&appliance, "user0003")["enabled"], true);
    full(&appliance, &["--full"]);
    assert_eq!(user(&appliance, "user0003")["enabled"], false);
}

#[tokio::test]
async fn active_directory_is_followed_by_dir_sync() {
    let samba = Samba::start();
    let server = Server { host: samba.addr.ip().to_string(), port: samba.tls_addr.port(), transport: Transport::Ldaps };
    let directory = Directory {
        kind: DirectoryKind::ActiveDirectory,
        base_dn: samba::BASE.into(),
        bind_dn: format!("Administrator@{}", samba::DNS_DOMAIN),
        bind_password: Password::new(b"Adm1n-Passw0rd!".as_slice()),
        ca_pem: Some(samba.ca_pem.clone()),
        domain: Some(samba::NETBIOS_DOMAIN.into()),
        // Samba in one process is busy for a while with each bind.
        operation_timeout: Duration::from_secs(20),
        ..directory_at(vec![server])
    };
    let appliance = Appliance::before_directory(directory).await;
    let staff = format!("OU=Staff,OU=Acme,{}", samba::BASE);
    follow(&appliance, "staff", &["--base", &staff]);
    full(&appliance, &[]);
    assert_eq!(changes(&appliance, &[]), [0; 5]);
    let bob = user(&appliance, "bob")["id"].clone();
    samba.add(&Samba::user("Nora New", "nora"));
    let rename = |cn: &str, to: &str, above: &str| {
        samba.modify(&format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: CN={to}\ndeleteoldrdn: 1\nnewsuperior: {above}\n\n",
            Samba::dn_of(cn)
        ));
    };
    rename("Bob Braun", "Robert Braun", &staff);
    samba.delete(&Samba::dn_of("Rita Later"));
    assert_eq!(changes(&appliance, &[]), [1, 1, 0, 0, 1]);
    assert_eq!(user(&appliance, "bob")["id"], bob);
    assert!(user(&appliance, "bob")["dn"].as_str().unwrap().starts_with("CN=Robert Braun"));
    assert_eq!(user(&appliance, "rita")["enabled"], false);
    rename("Alice Adams", "Alice Adams", &format!("CN=Users,{}", samba::BASE));
    assert_eq!(changes(&appliance, &[]), [0, 0, 0, 0, 1], "who is moved out of the base leaves");
    assert_eq!(changes(&appliance, &[]), [0; 5]);
}
