//! Groups follow the directory: whatever attribute names a member, nested, round in circles; and half an answer takes
//! nobody out of a group.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::PgPool;

use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::Ldap;
use super::support::people::hotp;
use super::support::slapd::{Slapd, SlapdOptions};
use super::sync_openldap::{change, follow, run, run_as_told, user, vestibule};
use super::{openldap, openldap_with};

const GROUPS: &str = "ou=groups,dc=example,dc=test";

fn person(number: u32) -> String {
    format!("uid=user{number:04},ou=people,dc=example,dc=test")
}

fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

/// An entry with these members; `class` says by which attribute.
fn entry(name: &str, class: &str, members: &[String]) -> String {
    let (attribute, more) = match class {
        "groupOfNames" => ("member", String::new()),
        "groupOfUniqueNames" => ("uniqueMember", String::new()),
        gid => ("memberUid", format!("gidNumber: {gid}\n")),
    };
    let class = if attribute == "memberUid" { "posixGroup" } else { class };
    let members: Vec<String> = members.iter().map(|member| format!("{attribute}: {member}\n")).collect();
    let members = members.concat();
    format!("dn: {}\nobjectClass: {class}\ncn: {name}\n{more}{members}\n", group(name))
}

fn add(ldif: &str) -> String {
    ldif.replacen('\n', "\nchangetype: add\n", 1)
}

async fn followed(slapd: &Slapd) -> Appliance {
    let appliance = Appliance::before(slapd).await;
    follow(&appliance, &[]);
    assert_eq!(run(&appliance, &[])["state"], "finished");
    appliance
}

/// The groups of a user: `name`, or `name < the ones it is by way of`.
fn groups(appliance: &Appliance, name: &str) -> BTreeSet<String> {
    let user = user(appliance, name);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let shown = user["groups"].as_array().unwrap().iter().map(|group| {
        let by: Vec<String> = group["by_way_of"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(group["direct"].as_bool().unwrap(), by.is_empty(), "{group}");
        if by.is_empty() { text(&group["name"]) } else { format!("{} < {}", text(&group["name"]), by.join(", ")) }
    });
    shown.collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Says whether any row of the groups, or of their users, has been written since.
async fn rows(appliance: &Appliance) -> Vec<(String, i64, i64)> {
    let pool = PgPool::connect(appliance.database_url()).await.unwrap();
    let mut all = vec![];
    for table in ["groups", "group_members", "group_parents", "user_groups", "groups_stale", "users", "user_names"] {
        let newest = format!("select count(*), coalesce(max(xmin::text::bigint), 0) from {table}");
        let (count, newest): (i64, i64) = sqlx::query_as(sqlx::AssertSqlSafe(newest)).fetch_one(&pool).await.unwrap();
        all.push((table.to_owned(), count, newest));
    }
    all
}

#[tokio::test]
async fn members_are_found_by_every_attribute_and_through_groups_that_hold_each_other() {
    let ldif = [
        entry("inner", "groupOfNames", &[person(1), group("outer")]),
        entry("outer", "groupOfNames", &[group("inner"), group("unique")]),
        entry("unique", "groupOfUniqueNames", &[format!("{}#'01'B", person(2)), person(9)]),
        entry("posix", "2000", &["USER0003".to_owned(), "nobody".to_owned()]),
        entry("primary", "1000", &[]),
        format!(
            "dn: {}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: user0004\ncn: User 4\nsn: 4\n\
             uidNumber: 4\ngidNumber: 1000\nhomeDirectory: /\n\n",
            person(4)
        ),
    ];
    let slapd = openldap_with(SlapdOptions { ldif: ldif.concat(), ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    assert_eq!(groups(&appliance, "user0001"), set(["inner", "outer < inner"]));
    assert_eq!(groups(&appliance, "user0002"), set(["unique", "outer < unique", "inner < unique"]));
    assert_eq!(groups(&appliance, "user0003"), set(["posix"]));
    assert_eq!(groups(&appliance, "user0004"), set(["primary"]));

    let (code, out, err) = vestibule(&appliance, &["group", "show", "OUTER", "--json"]);
    assert_eq!(code, 0, "{err}");
    let shown: Value = serde_json::from_str(&out).unwrap();
    let member = |number: u32, by: &str| {
        let name = format!("user{number:04}");
        serde_json::json!({ "name": name, "dn": person(number), "direct": false, "by_way_of": [by] })
    };
    assert_eq!((&shown["dn"], &shown["users"]), (&Value::from(group("outer")), &Value::from(2)));
    assert_eq!(shown["members"], serde_json::json!([member(1, "inner"), member(2, "unique")]));
    let (code, out, _) = vestibule(&appliance, &["group", "show", &group("outer").to_uppercase()]);
    assert!(code == 0 && out.contains("(by way of unique)"), "{out}");
    let (code, out, _) = vestibule(&appliance, &["group", "list", "--directory", "corp"]);
    assert!(code == 0 && out.lines().count() == 6, "{out}");
    let (code, _, err) = vestibule(&appliance, &["group", "show", "staff"]);
    assert!(code == 1 && err.contains("no group \"staff\" is known"), "{code}: {err}");
}

#[tokio::test]
async fn names_in_every_script_and_spelling_are_one_group_and_one_member() {
    let dn = |cn: &str| format!("cn={cn},{GROUPS}");
    let named = |cn: &str, text: &str, member: &str| {
        format!("dn: {}\nobjectClass: groupOfNames\ncn: {text}\nmember: {member}\n\n", dn(cn))
    };
    let ldif = [
        named(r"Größe\, Nord \+ Süd \#1", "Größe, Nord + Süd #1", &person(1)),
        // Of the group before, in other letters and other escapes.
        named("Ελλάδα 日本", "Ελλάδα 日本", &dn(r"gr\C3\B6\C3\9Fe\2C nord \2B s\C3\BCd \231")),
        named("plain", "plain", &dn("ΕΛΛΆΔΑ 日本")),
        "dn: uid=j\\2Cr\\C3\\B6\\C3\\9Fe,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: j,röße\n\
         cn: J\nsn: J\n\n"
            .to_owned(),
        named("person", "person", r"uid=J\,RÖSSE,ou=people,dc=example,dc=test"),
        named("two", "namesake", &person(2)),
        named("three", "namesake", &person(3)),
    ];
    let slapd = openldap_with(SlapdOptions { ldif: ldif.concat(), ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    let all = set(["Größe, Nord + Süd #1", "Ελλάδα 日本 < Größe, Nord + Süd #1", "plain < Größe, Nord + Süd #1"]);
    assert_eq!(groups(&appliance, "user0001"), all);
    assert_eq!(groups(&appliance, "user0002"), set(["namesake"]));
    let (code, _, err) = vestibule(&appliance, &["group", "show", "namesake"]);
    assert!(code == 2 && err.contains("several groups"), "{code}: {err}");
    let (code, out, _) = vestibule(&appliance, &["group", "show", &dn("three")]);
    assert!(code == 0 && out.contains("user0003"), "{out}");
}

#[tokio::test]
async fn a_group_keeps_its_identity_when_renamed_and_moved_and_goes_when_it_is_gone() {
    let ldif = [
        entry("inner", "groupOfNames", &[person(1), person(2)]),
        entry("outer", "groupOfUniqueNames", &[group("inner")]),
    ];
    let slapd = openldap_with(SlapdOptions { ldif: ldif.concat(), ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    let shown = |name: &str| -> Value {
        serde_json::from_str(&vestibule(&appliance, &["group", "show", name, "--json"]).1).unwrap()
    };
    let before = shown("inner");
    change(
        &slapd,
        &format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: cn=core\ndeleteoldrdn: 1\nnewsuperior: ou=people,dc=example,dc=test\n\n\
             dn: {}\nchangetype: modify\nreplace: uniqueMember\nuniqueMember: cn=core,ou=people,dc=example,dc=test\n",
            group("inner"),
            group("outer"),
        ),
    );
    assert_eq!(run(&appliance, &[])["counts"]["groups"], 2);
    assert_eq!((&shown("core")["id"], shown("core")["users"].as_i64()), (&before["id"], Some(2)));
    assert_eq!(groups(&appliance, "user0001"), set(["core", "outer < core"]));

    let core = "cn=core,ou=people,dc=example,dc=test";
    change(&slapd, &format!("dn: {core}\nchangetype: modify\ndelete: member\nmember: {}\n", person(2)));
    run(&appliance, &[]);
    assert_eq!(groups(&appliance, "user0002"), set([]));
    change(&slapd, &format!("dn: {core}\nchangetype: delete\n"));
    run(&appliance, &[]);
    assert_eq!(groups(&appliance, "user0001"), set([]), "what lay in between is gone, and so is what it led to");
    assert_eq!(vestibule(&appliance, &["group", "show", "core"]).0, 1);
}

#[tokio::test]
async fn a_run_without_a_change_writes_no_row_and_a_dry_run_none_at_all() {
    let ldif = [
        entry("inner", "groupOfNames", &[person(1), person(2)]),
        entry("outer", "groupOfNames", &[group("inner"), person(3)]),
        entry("posix", "2000", &["user0003".to_owned()]),
    ];
    let slapd = openldap_with(SlapdOptions { ldif: ldif.concat(), ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    let before = rows(&appliance).await;
    assert_eq!(before.iter().map(|(_, count, _)| *count).collect::<Vec<_>>()[..5], [3, 5, 1, 6, 0]);
    run(&appliance, &[]);
    assert_eq!(rows(&appliance).await, before);
    change(&slapd, &add(&entry("late", "groupOfNames", &[person(1)])));
    run(&appliance, &["--dry-run"]);
    assert_eq!(rows(&appliance).await, before);
    run(&appliance, &[]);
    assert_ne!(rows(&appliance).await, before, "this says when something is written");
    assert_eq!(groups(&appliance, "user0001"), set(["inner", "late", "outer < inner"]));
}

#[tokio::test]
async fn a_new_user_is_in_the_groups_that_named_the_account_before_it_was_followed() {
    let ldif = entry("staff", "groupOfNames", &[person(1), person(9)]);
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    let late = "objectClass: inetOrgPerson\nuid: user0009\ncn: Late\nsn: Late\n";
    change(&slapd, &format!("dn: {}\nchangetype: add\n{late}", person(9)));
    run(&appliance, &[]);
    assert_eq!(groups(&appliance, "user0009"), set(["staff"]));
}

#[tokio::test]
async fn an_answer_without_a_group_removes_none_until_a_person_says_that_it_is_right() {
    let ldif = entry("staff", "groupOfNames", &[person(1)]);
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    change(&slapd, &format!("dn: {}\nchangetype: delete\n", group("staff")));
    let said = run_as_told(&appliance, &[]);
    assert_eq!(said["state"], "finished", "people are followed all the same");
    assert!(said["note"].as_str().unwrap_or_default().contains("an empty answer removes none"), "{said}");
    assert_eq!(groups(&appliance, "user0001"), set(["staff"]));
    assert!(run_as_told(&appliance, &["--full"])["note"].is_null());
    assert_eq!(groups(&appliance, "user0001"), set([]));
}

#[tokio::test]
async fn a_reading_that_is_cut_leaves_everybody_where_they_were_and_says_so() {
    let some = |range: std::ops::Range<u32>| range.map(|at| entry(&format!("g{at}"), "groupOfNames", &[person(1)]));
    let slapd = openldap_with(SlapdOptions {
        ldif: some(0..4).collect(),
        database: "limits dn.exact=\"cn=svc,ou=service,dc=example,dc=test\" size.prtotal=5".into(),
        ..SlapdOptions::default()
    });
    let appliance = followed(&slapd).await;
    let before = groups(&appliance, "user0001");
    assert_eq!(before.len(), 4);
    for group in some(4..7) {
        change(&slapd, &add(&group));
    }
    change(&slapd, &format!("dn: {}\nchangetype: delete\n", group("g0")));
    let said = run(&appliance, &[]);
    assert!(said["note"].as_str().unwrap_or_default().contains("the groups were not followed"), "{said}");
    assert_eq!(groups(&appliance, "user0001"), before);
}

#[tokio::test]
async fn groups_that_lie_deeper_than_is_followed_are_named_and_nobody_loses_one() {
    let chain = |from: u32, to: u32| {
        let link = |at: u32| entry(&format!("g{at}"), "groupOfUniqueNames", &[group(&format!("g{}", at + 1))]);
        (from..to).map(link).collect::<String>()
    };
    let last = entry("g70", "groupOfUniqueNames", &[person(1)]);
    let slapd = openldap_with(SlapdOptions { ldif: chain(10, 70) + &last, ..SlapdOptions::default() });
    let appliance = followed(&slapd).await;
    assert_eq!(groups(&appliance, "user0001").len(), 61);
    for at in 0..10 {
        let link = entry(&format!("g{at}"), "groupOfUniqueNames", &[group(&format!("g{}", at + 1))]);
        change(&slapd, &add(&link));
    }
    let said = run(&appliance, &[]);
    assert!(said["note"].as_str().unwrap_or_default().contains("more than 64 steps"), "{said}");
    assert_eq!(groups(&appliance, "user0001").len(), 61);
}

#[tokio::test]
async fn a_sign_in_does_not_wait_for_a_run_that_writes_who_is_in_which_group() {
    let ldif = entry("staff", "groupOfNames", &[person(9)]);
    let slapd = openldap_with(SlapdOptions { ldif, ..SlapdOptions::default() });
    let appliance = Appliance::before(&slapd).client(netscaler()).user("user0001").with(hotp()).await;
    follow(&appliance, &[]);
    run(&appliance, &[]);
    let pool = PgPool::connect(appliance.database_url()).await.unwrap();
    let mut closing = pool.begin().await.unwrap();
    let written = sqlx::query("insert into user_groups select u.id, g.id, true from users u, groups g")
        .execute(&mut *closing)
        .await
        .unwrap();
    assert_eq!(written.rows_affected(), 3);
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await.0, 0);
    closing.rollback().await.unwrap();
}

#[tokio::test]
async fn an_item_puts_its_people_into_a_group_of_ours_for_as_long_as_they_come_by_it() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &["--user-group", "VPN people"]);
    run(&appliance, &[]);
    let members = || {
        let (code, out, err) = vestibule(&appliance, &["group", "show", "vpn  PEOPLE", "--json"]);
        assert_eq!(code, 0, "{err}");
        let group = serde_json::from_str::<Value>(&out).unwrap();
        let members = group["members"].as_array().unwrap().iter();
        members.map(|member| member["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(members(), ["user0001", "user0002", "user0003"]);
    assert_eq!(user(&appliance, "user0001")["groups"][0]["name"], "VPN people");
    change(&slapd, &format!("dn: {}\nchangetype: delete\n", slapd.dn_of("user0002")));
    run(&appliance, &[]);
    assert_eq!(members(), ["user0001", "user0003"], "and a directory without groups takes it from nobody");
    let args = ["sync", "item", "remove", "people", "--directory", "corp"];
    assert_eq!(vestibule(&appliance, &args).0, 0);
    assert_eq!(vestibule(&appliance, &["group", "show", "vpn people"]).0, 1);
    assert_eq!(user(&appliance, "user0001")["groups"], serde_json::json!([]));
}
