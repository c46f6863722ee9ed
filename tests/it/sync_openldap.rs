//! Following OpenLDAP: people arrive, are renamed, move and leave, and keep what is theirs; a mistake takes nothing away.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::appliance::Appliance;
use super::support::people::totp;
use super::support::slapd::{Slapd, SlapdOptions};
use super::{openldap, openldap_with};

/// A command: its exit code and what it said.
pub fn vestibule(appliance: &Appliance, args: &[&str]) -> (i32, String, String) {
    let output = appliance.command().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

pub fn follow(appliance: &Appliance, item: &[&str]) {
    let args = [&["sync", "item", "add", "people", "--directory", "corp"][..], item].concat();
    let said = vestibule(appliance, &args);
    assert_eq!(said.0, 0, "{said:?}");
}

/// One run that reads everything, as JSON.
pub fn run(appliance: &Appliance, more: &[&str]) -> Value {
    run_as_told(appliance, &[&["--full"][..], more].concat())
}

/// One run, as JSON.
pub fn run_as_told(appliance: &Appliance, more: &[&str]) -> Value {
    let (code, out, err) =
        vestibule(appliance, &[&["sync", "run", "--directory", "corp", "--json"][..], more].concat());
    assert!(code < 2, "{code}: {err}");
    serde_json::from_str::<Value>(&out).unwrap()[0].clone()
}

pub(super) fn counts(run: &Value) -> [u64; 5] {
    ["added", "updated", "unchanged", "disabled", "removed"].map(|name| run["counts"][name].as_u64().unwrap())
}

pub fn user(appliance: &Appliance, name: &str) -> Value {
    let (code, out, err) = vestibule(appliance, &["user", "show", name, "--json"]);
    assert_eq!(code, 0, "{name}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// Changes the directory as its administrator.
pub fn change(slapd: &Slapd, ldif: &str) {
    let server = format!("ldap://{}", slapd.addr);
    let args = ["-x", "-H", &server, "-D", &slapd.admin_dn, "-w", &slapd.admin_password];
    let mut child = Command::new("ldapmodify").args(args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{ldif}");
}

fn delete(slapd: &Slapd, people: impl IntoIterator<Item = u32>) {
    for number in people {
        change(slapd, &format!("dn: {}\nchangetype: delete\n", slapd.dn_of(&format!("user{number:04}"))));
    }
}

fn openldap_of(people: usize) -> Slapd {
    openldap_with(SlapdOptions { people, ..SlapdOptions::default() })
}

#[tokio::test]
async fn the_first_run_brings_everybody_and_the_second_changes_nothing() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    assert_eq!(counts(&run(&appliance, &["--dry-run"])), [3, 0, 0, 0, 0]);
    assert_eq!(counts(&run(&appliance, &[])), [3, 0, 0, 0, 0], "a dry run changed nothing");
    assert_eq!(user(&appliance, "user0001@example.test")["enabled"], true);
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0]);
}

#[tokio::test]
async fn a_renamed_and_moved_account_keeps_its_authenticators() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    let before = user(&appliance, "user0001");
    change(
        &slapd,
        "dn: uid=user0001,ou=people,dc=example,dc=test\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\
         newsuperior: ou=service,dc=example,dc=test\n",
    );
    assert_eq!(counts(&run(&appliance, &[])), [0, 1, 2, 0, 0]);
    let after = user(&appliance, "renamed");
    assert_eq!(after["dn"], "uid=renamed,ou=service,dc=example,dc=test");
    assert_eq!((&after["id"], &after["authenticators"]), (&before["id"], &before["authenticators"]));
    assert_eq!(after["factors"], serde_json::json!(["totp"]));
}

#[tokio::test]
async fn two_accounts_that_swap_names_are_followed_in_one_run() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    let ids = ["user0001", "user0002"].map(|name| user(&appliance, name)["id"].clone());
    let rename = |from: &str, to: &str| {
        format!("dn: {}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n", slapd.dn_of(from))
    };
    for (from, to) in [("user0001", "x"), ("user0002", "user0001"), ("x", "user0002")] {
        change(&slapd, &rename(from, to));
    }
    assert_eq!(counts(&run(&appliance, &[])), [0, 2, 1, 0, 0]);
    assert_eq!(["user0002", "user0001"].map(|name| user(&appliance, name)["id"].clone()), ids);
}

#[tokio::test]
async fn a_leaver_is_disabled_and_whoever_gets_the_name_next_gets_none_of_the_factors() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    let leaver = user(&appliance, "user0001");
    delete(&slapd, [1]);
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 2, 1, 0]);
    assert_eq!(user(&appliance, "user0001")["enabled"], false);
    change(
        &slapd,
        "dn: uid=user0001,ou=people,dc=example,dc=test\nchangetype: add\nobjectClass: inetOrgPerson\nuid: user0001\n\
         cn: Another\nsn: Another\n",
    );
    assert_eq!(counts(&run(&appliance, &[])), [1, 0, 2, 0, 0]);
    let another = user(&appliance, "user0001");
    assert_ne!(another["id"], leaver["id"]);
    assert_eq!(another["factors"], serde_json::json!([]));
}

#[tokio::test]
async fn who_a_person_disabled_is_not_enabled_by_a_run_and_who_comes_back_is() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--filter", "(&(objectClass=person)(!(description=away)))"]);
    run(&appliance, &[]);
    assert_eq!(vestibule(&appliance, &["user", "disable", "user0002"]).0, 0);
    let mark = |uid: &str, how: &str| {
        change(
            &slapd,
            &format!("dn: {}\nchangetype: modify\n{how}: description\ndescription: away\n", slapd.dn_of(uid)),
        );
    };
    mark("user0001", "add");
    run(&appliance, &[]);
    mark("user0002", "add");
    run(&appliance, &[]);
    assert_eq!(user(&appliance, "user0001")["enabled"], false);
    mark("user0001", "delete");
    mark("user0002", "delete");
    run(&appliance, &[]);
    assert_eq!(user(&appliance, "user0001")["enabled"], true);
    assert_eq!(user(&appliance, "user0002")["enabled"], false);
}

#[tokio::test]
async fn too_many_leavers_stop_a_run_and_an_approval_lets_it_go_on() {
    let slapd = openldap_of(12);
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    delete(&slapd, 1..=6);
    let stopped = run(&appliance, &[]);
    assert_eq!((&stopped["state"], counts(&stopped)), (&Value::from("awaiting-approval"), [0, 0, 6, 6, 0]));
    assert_eq!(user(&appliance, "user0001")["enabled"], true, "nobody is touched");
    assert_eq!(appliance.events("sync-stopped").await.len(), 1);
    let (_, said, _) = vestibule(&appliance, &["doctor"]);
    assert!(said.contains("the last run stopped: it would disable or remove 6 users"), "{said}");
    let asks = "vestibule_sync_awaiting_approval{directory=\"corp\"} 1";
    let heard = async || appliance.get("/metrics").await.is_some_and(|page| page.contains(asks));
    super::support::eventually("the metrics say so", heard).await;
    let id = stopped["id"].as_str().unwrap();
    let (code, out, err) = vestibule(&appliance, &["sync", "approve", id, "--json"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["state"], "finished");
    assert_eq!(user(&appliance, "user0001")["enabled"], false);
    assert_eq!(vestibule(&appliance, &["sync", "approve", id]).0, 1, "only once");
}

#[tokio::test]
async fn a_filter_that_shows_nobody_or_a_base_that_is_not_there_removes_nobody() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--filter", "(&(objectClass=person)(!(o=x)))", "--base", "ou=people,dc=example,dc=test"]);
    run(&appliance, &[]);
    let pool = sqlx::PgPool::connect(appliance.database_url()).await.unwrap();
    for (statement, words) in [
        ("update sync_items set filter = '(uid=nobody)'", "an empty answer removes nobody"),
        ("update sync_items set base = 'ou=gone,dc=example,dc=test'", "result code 32"),
    ] {
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        let (code, _, err) = vestibule(&appliance, &["sync", "run", "--directory", "corp"]);
        assert!(code == 3 && err.contains(words), "{code}: {err}");
        assert_eq!(user(&appliance, "user0001")["enabled"], true);
    }
}

#[tokio::test]
async fn a_size_limit_of_the_directory_changes_nothing() {
    let slapd = openldap_with(SlapdOptions {
        people: 20,
        database: "limits dn.exact=\"cn=svc,ou=service,dc=example,dc=test\" size.prtotal=10".into(),
        ..SlapdOptions::default()
    });
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    let (code, _, err) = vestibule(&appliance, &["sync", "run", "--directory", "corp"]);
    assert_eq!(code, 3, "{err}");
    let (_, out, _) = vestibule(&appliance, &["user", "list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), serde_json::json!([]));
    let (_, out, _) = vestibule(&appliance, &["sync", "history", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()[0]["state"], "failed");
}

#[tokio::test]
async fn the_members_of_a_group_and_of_groups_within_it_are_followed_even_round_in_circles() {
    let group = |name: &str, members: [&str; 2]| {
        format!(
            "dn: cn={name},ou=groups,dc=example,dc=test\nobjectClass: groupOfNames\ncn: {name}\nmember: {}\nmember: {}\n\n",
            members[0], members[1]
        )
    };
    let ldif = group("outer", ["uid=user0001,ou=people,dc=example,dc=test", "cn=inner,ou=groups,dc=example,dc=test"])
        + &group("inner", ["uid=user0002,ou=people,dc=example,dc=test", "cn=outer,ou=groups,dc=example,dc=test"]);
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--group", "cn=outer,ou=groups,dc=example,dc=test"]);
    assert_eq!(counts(&run(&appliance, &[])), [2, 0, 0, 0, 0]);
    user(&appliance, "user0002");
}

#[tokio::test]
async fn a_second_run_is_refused_by_name_and_a_dead_runners_lease_passes_on() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    let pool = sqlx::PgPool::connect(appliance.database_url()).await.unwrap();
    let held = "update leases set until = clock_timestamp() + interval '20 seconds'";
    sqlx::raw_sql(held).execute(&pool).await.unwrap();
    let (code, _, err) = vestibule(&appliance, &["sync", "run", "--directory", "corp"]);
    assert!(code == 1 && err.contains("\"corp\" is being synchronised already"), "{code}: {err}");
    sqlx::raw_sql("update leases set until = clock_timestamp() - interval '1 second'").execute(&pool).await.unwrap();
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0]);
}

#[tokio::test]
async fn a_scheduled_directory_is_followed_by_the_running_appliance() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    assert_eq!(vestibule(&appliance, &["sync", "schedule", "corp", "--every", "30s"]).0, 2);
    assert_eq!(vestibule(&appliance, &["sync", "schedule", "corp", "--every", "15m"]).0, 0);
    let came = async || vestibule(&appliance, &["user", "show", "user0001"]).0 == 0;
    super::support::eventually("the people come by themselves", came).await;
}

#[tokio::test]
async fn phones_names_and_language_are_followed_and_an_item_says_which_come_first() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let wrong = ["sync", "item", "add", "people", "--directory", "corp", "--phone", "carrier-pigeon"];
    let (code, _, err) = vestibule(&appliance, &wrong);
    assert!(code == 2 && err.contains("phones are called"), "{code}: {err}");
    follow(&appliance, &["--phone", "mobile", "--language", "nl"]);
    let set = |more: &str| format!("dn: {}\nchangetype: modify\n{more}", slapd.dn_of("user0001"));
    change(
        &slapd,
        &set(
            "replace: telephoneNumber\ntelephoneNumber: +49 30 901820\n-\nreplace: mobile\nmobile: +43 664 123456 x12\n",
        ),
    );
    run(&appliance, &[]);
    let before = user(&appliance, "user0001");
    assert_eq!(before["profile"]["language"], "nl");
    let numbers = |user: &Value| {
        let phones = user["profile"]["phones"].as_array().unwrap();
        phones.iter().map(|phone| phone["phone"]["number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&before), ["+43664123456", "+4930901820"]);
    change(&slapd, &set("replace: mobile\n-\nreplace: preferredLanguage\npreferredLanguage: de-AT\n"));
    assert_eq!(counts(&run(&appliance, &[])), [0, 1, 2, 0, 0]);
    let after = user(&appliance, "user0001");
    assert_eq!(
        (numbers(&after), &after["profile"]["language"]),
        (vec!["+4930901820".to_owned()], &Value::from("de-AT"))
    );
}
