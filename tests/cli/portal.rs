//! `portal`: switches for everybody and for groups; and what a help desk sees and does of people's own doings.

use serde_json::{Value, json};

use crate::fixture::{Appliance, Vestibule, slapd, slapd_with};

/// The first person is in `vpn-staff`, which lies in `staff`; the second in neither.
const GROUPS: &str = "\
dn: cn=vpn-staff,ou=groups,dc=example,dc=test
objectClass: groupOfNames
cn: vpn-staff
member: uid=user0001,ou=people,dc=example,dc=test

dn: cn=staff,ou=groups,dc=example,dc=test
objectClass: groupOfNames
cn: staff
member: cn=vpn-staff,ou=groups,dc=example,dc=test

";

/// Value and origin of a switch.
fn switch(shown: &Value, name: &str) -> (String, String) {
    let switches = shown["switches"].as_array().unwrap();
    let found = switches.iter().find(|switch| switch["name"] == name).unwrap();
    (found["value"].as_str().unwrap().to_owned(), found["from"].as_str().unwrap().to_owned())
}

fn pair(value: &str, from: &str) -> (String, String) {
    (value.to_owned(), from.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn for_each_switch_the_first_rule_of_a_group_counts_that_the_person_is_in_by_whatever_way() {
    let slapd = slapd_with(GROUPS);
    let appliance = Appliance::with_directory(&slapd).await;
    appliance.run(&["sync", "item", "add", "people", "--directory", "corp"]).ok();
    appliance.run(&["sync", "run", "--directory", "corp"]).ok();
    let set = |arguments: &[&str]| appliance.run(&[&["portal", "set"][..], arguments].concat());
    assert!(set(&["bypass=on", "devices=3"]).ok().contains("For everybody: bypass=on"));
    set(&["bypass=off", "--group", "STAFF"]).ok();
    let unknown = set(&["bypass=on", "devices=1", "--group", "nobody"]);
    assert!(unknown.err.contains("No group nobody is known"), "{unknown:?}");
    set(&["devices=4", "--group", "cn=vpn-staff,ou=groups,dc=example,dc=test"]).ok();

    let of = |user: &str| appliance.run(&["portal", "show", "--user", user, "--json"]).json();
    let (first, second) = (of("user0001"), of("user0002"));
    assert_eq!(switch(&first, "bypass"), pair("off", "set for STAFF"), "by way of a group within it");
    assert_eq!(switch(&first, "devices"), pair("4", "set for cn=vpn-staff,ou=groups,dc=example,dc=test"));
    assert_eq!(switch(&first, "questions"), pair("off", "built in"));
    assert_eq!(switch(&second, "bypass"), pair("on", "set for everybody"));
    assert!(first.get("groups").is_none());
    let group = appliance.run(&["portal", "show", "--group", "vpn-staff", "--json"]).json();
    assert_eq!(switch(&group, "devices").0, "4", "its DN is known");

    // The order decides.
    set(&["bypass=on", "--group", "vpn-staff"]).ok();
    appliance.run(&["portal", "move", "vpn-staff", "--to", "1"]).ok();
    assert_eq!(switch(&of("user0001"), "bypass"), pair("on", "set for vpn-staff"));
    let all = appliance.run(&["portal", "show", "--json"]).json();
    let order: Vec<_> = all["groups"].as_array().unwrap().iter().map(|rule| rule["group"].clone()).collect();
    assert_eq!(order, ["vpn-staff", "STAFF", "nobody", "cn=vpn-staff,ou=groups,dc=example,dc=test"]);
    appliance.run(&["portal", "move", "vpn-staff", "--to", "9"]).fails(1, &["no place 9"]);

    // A rule that sets nothing more is gone, and the others close up.
    appliance.run(&["portal", "unset", "bypass", "--group", "staff"]).ok();
    appliance.run(&["portal", "unset", "--all", "--group", "nobody"]).ok();
    let all = appliance.run(&["portal", "show", "--json"]).json();
    assert_eq!(all["groups"].as_array().unwrap().len(), 2);
    assert_eq!(all["groups"][0], json!({ "group": "vpn-staff", "switches": { "bypass": "on" } }));
    let events = appliance.run(&["audit", "tail", "--json", "-n", "100"]).ok();
    for told in [r#""bypass=on","devices=3""#, r#""group":"STAFF""#, "rule moved to 1", "bypass unset"] {
        assert!(events.contains(told), "{told} is missing: {events}");
    }
    appliance.run(&["audit", "verify"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_switch_or_no_value_changes_nothing_and_says_what_would() {
    let appliance = Appliance::start().await;
    let set = |arguments: &[&str]| appliance.run(&[&["portal", "set"][..], arguments].concat());
    set(&["bypas=on"]).fails(2, &["did you mean bypass"]);
    set(&["bypass=on", "devices=11"]).fails(2, &["devices", "1 to 10"]);
    set(&["bypass"]).fails(2, &["SWITCH=VALUE"]);
    set(&["trusted-networks=0.0.0.0/0"]).fails(2, &["everywhere"]);
    appliance.run(&["portal", "unset", "by-pass"]).fails(2, &["did you mean bypass"]);
    appliance.run(&["portal", "unset"]).fails(2, &["SWITCH"]);
    assert_eq!(switch(&appliance.run(&["portal", "show", "--json"]).json(), "bypass"), pair("off", "built in"));
    let help = Vestibule::new("").run(&["portal", "set", "--help"]).ok();
    for told in ["trusted-networks=none", "recovery-enrols=off", "session-idle=30", "portal set bypass=on"] {
        assert!(help.contains(told), "{told} is missing: {help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_a_newer_program_in_the_database_is_a_fault_and_not_passed_over() {
    let appliance = Appliance::start().await;
    appliance.run(&["portal", "show"]).ok();
    appliance.sql(r#"insert into portal_rules (position, switches) values (0, '{"teleport": "off"}')"#).await;
    appliance.run(&["portal", "show"]).fails(3, &["portal_rules", "teleport"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bypass_has_a_reason_and_is_taken_back_once() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["user", "bypass", "user0001", "--reason", "left the phone at home"]).ok();
    assert!(appliance.run(&["user", "bypass", "user0001", "--end"]).ok().contains("is over"));
    appliance.run(&["user", "bypass", "user0001", "--end"]).fails(1, &["no bypass"]);
    let history = appliance.run(&["user", "history", "user0001", "--json"]).json();
    let events: Vec<_> = history["rows"].as_array().unwrap().iter().map(|row| row["event"].clone()).collect();
    assert_eq!(events, ["bypass-ended", "bypass-granted", "user-imported"], "the newest first");
    assert!(appliance.run(&["audit", "tail"]).ok().contains("left the phone at home"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_comes_in_pages_and_says_where_the_next_begins() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    for _ in 0..2 {
        appliance.run(&["user", "disable", "user0001"]).ok();
        appliance.run(&["user", "enable", "user0001"]).ok();
    }
    let page = |before: &str| {
        let mut arguments = vec!["user", "history", "user0001", "-n", "2", "--json"];
        arguments.extend(["--before", before].iter().filter(|_| !before.is_empty()));
        let page = appliance.run(&arguments).json();
        let rows: Vec<_> = page["rows"].as_array().unwrap().iter().map(|row| row["event"].clone()).collect();
        (rows, page["older"].as_str().unwrap_or_default().to_owned())
    };
    let (newest, older) = page("");
    assert_eq!(newest, ["user-enabled", "user-disabled"]);
    let (next, older) = page(&older);
    assert_eq!(next, ["user-enabled", "user-disabled"]);
    let (last, older) = page(&older);
    assert_eq!((last, older), (vec![json!("user-imported")], String::new()));
    appliance.run(&["user", "history", "user0001", "--before", "yesterday"]).fails(2, &["no place"]);
    let text = appliance.run(&["user", "history", "user0001", "-n", "1"]);
    assert!(text.out.contains("user-enabled") && text.err.contains("--before"), "{text:?}");
    // Nothing of what somebody else did.
    assert!(!appliance.run(&["user", "history", "user0002", "--json"]).ok().contains("user-disabled"));
}
