//! `client reply` and `client preview`.

use serde_json::json;

use crate::fixture::{Appliance, Vestibule, slapd, slapd_with};

/// The first person is in `vpn-staff`, which lies in `staff`.
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

fn add_client(appliance: &Appliance, name: &str, address: &str) {
    let add = ["client", "add", name, "--address", address, "--directory", "corp", "--radius-secret-generate"];
    appliance.run(&add).ok();
}

fn add(appliance: &Appliance, rule: &[&str]) -> String {
    appliance.run(&[&["client", "reply", "add", "vpn"][..], rule].concat()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_a_person_would_get_and_why() {
    let slapd = slapd_with(GROUPS);
    let appliance = Appliance::with_directory(&slapd).await;
    appliance.run(&["sync", "item", "add", "people", "--directory", "corp"]).ok();
    appliance.run(&["sync", "run", "--directory", "corp"]).ok();
    add_client(&appliance, "vpn", "10.0.0.5");
    assert!(add(&appliance, &["--preset", "fortinet-group:*staff"]).contains("Rule 1 of vpn"));
    add(&appliance, &["Filter-Id=staff", "--when-group", "STAFF", "--unless-group", "guests"]);
    add(&appliance, &["Filter-Id=guest", "--unless-group", "cn=vpn-staff,ou=groups,dc=example,dc=test"]);
    add(&appliance, &["--preset", "vlan:42", "--when-group", "nobody"]);
    let preview = appliance.run(&["client", "preview", "vpn", "--user", "user0001", "--json"]).json();
    assert_eq!(
        preview["attributes"],
        json!([
            { "attribute": "Fortinet-Group-Name", "value": "staff", "bytes": 13 },
            { "attribute": "Fortinet-Group-Name", "value": "vpn-staff", "bytes": 17 },
            { "attribute": "Filter-Id", "value": "staff", "bytes": 7 },
        ])
    );
    assert_eq!(preview["packet_bytes"], 20 + 18 + 13 + 17 + 7);
    assert_eq!(preview["fault"], json!(null));
    let nested = &preview["groups"][0];
    assert_eq!(
        (&nested["name"], &nested["direct"], &nested["by_way_of"]),
        (&json!("staff"), &json!(false), &json!(["vpn-staff"]))
    );
    assert_eq!(preview["rules"][1]["rule"], "Filter-Id=staff (in STAFF, not in guests)");
    assert_eq!(preview["rules"][2]["why_not"], "in the group cn=vpn-staff,ou=groups,dc=example,dc=test");
    assert_eq!(preview["rules"][3]["why_not"], "in none of the groups nobody");

    let told = appliance.run(&["client", "preview", "vpn", "--user", "user0001"]).ok();
    for words in [
        "by way of vpn-staff",
        "nothing: in none of the groups nobody",
        "Fortinet-Group-Name  vpn-staff",
        "has 75 bytes",
    ] {
        assert!(told.contains(words), "{words:?}: {told}");
    }
    let bob = appliance.run(&["client", "preview", "vpn", "--user", "user0002", "--json"]).json();
    assert_eq!(bob["attributes"], json!([{ "attribute": "Filter-Id", "value": "guest", "bytes": 7 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_keep_their_order_and_leave_a_trail() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    add_client(&appliance, "vpn", "10.0.0.5");
    for rule in ["Class=a", "Class=b", "Class=c"] {
        add(&appliance, &[rule]);
    }
    let values = || {
        let rules = appliance.run(&["client", "reply", "list", "vpn", "--json"]).json();
        rules.as_array().unwrap().iter().map(|rule| rule["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let change = |words: &[&str]| appliance.run(&[&["client", "reply"][..], words].concat());
    change(&["move", "vpn", "1", "--to", "3"]).ok();
    assert_eq!(values(), ["b", "c", "a"]);
    change(&["move", "vpn", "3", "--to", "1"]).ok();
    assert_eq!(values(), ["a", "b", "c"]);
    change(&["move", "vpn", "2", "--to", "2"]).ok();
    change(&["remove", "vpn", "2"]).ok();
    assert_eq!(values(), ["a", "c"]);
    change(&["remove", "vpn", "3"]).fails(1, &["no rule 3", "reply list vpn"]);
    change(&["move", "vpn", "1", "--to", "3"]).fails(1, &["no rule 3"]);
    add(&appliance, &["Class=d", "--replace", "--when-group", "staff"]);
    let last = &appliance.run(&["client", "reply", "list", "vpn", "--json"]).json()[2];
    let expected = json!({
        "number": 3, "attribute": "Class", "value": "d", "when_groups": ["staff"], "unless_groups": [], "replace": true,
    });
    assert_eq!(*last, expected);
    let trail = appliance.run(&["audit", "tail", "--json"]).ok();
    for event in ["reply-rule-added", "reply-rule-moved", "reply-rule-removed"] {
        assert!(trail.contains(event), "{event}: {trail}");
    }
    appliance.run(&["client", "remove", "vpn", "--yes"]).ok();
    appliance.run(&["client", "reply", "list", "vpn"]).fails(1, &["no client \"vpn\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_is_refused_with_what_to_write() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    add_client(&appliance, "vpn", "10.0.0.5");
    let refused = |rule: &[&str], words: &[&str]| {
        appliance.run(&[&["client", "reply", "add", "vpn"][..], rule].concat()).fails(2, words);
    };
    refused(&["Fortinet-Groupname=x"], &["did you mean Fortinet-Group-Name"]);
    refused(&["Acme-Role=x"], &["radius.dictionaries"]);
    refused(&["Service-Type=Admin"], &["Administrative-User"]);
    refused(&["Class=${password}"], &["user, name, mail"]);
    refused(&["Tunnel-Password:1=geheim"], &["Tunnel-Password is a secret"]);
    refused(&["--preset", "netscaler"], &["did you mean netscaler-groups"]);
    refused(&["--preset", "vlan"], &["vlan:ID"]);
    refused(&["Class=x", "--when-group", " "], &["the group"]);
    refused(&[], &["ATTRIBUTE=VALUE"]);
    appliance.run(&["client", "reply", "add", "netscaler", "Class=x"]).fails(2, &["does not speak RADIUS"]);
    let unknown = appliance.run(&["client", "reply", "add", "vpn", "Class=x", "--when-group", "staff"]);
    assert!(unknown.err.contains("No group staff is known"), "{unknown:?}");
    unknown.ok();

    let long = format!("Class={}${{user}}", "x".repeat(250));
    add(&appliance, &[&long]);
    let preview = appliance.run(&["client", "preview", "vpn", "--user", "user0001", "--json"]);
    assert_eq!(preview.code, 1, "{preview:?}");
    assert!(preview.out.contains("Class holds at most 253 bytes"), "{preview:?}");
    appliance.run(&["client", "preview", "vpn", "--user", "user0001"]).fails(1, &["no answer could be made", "258"]);
    appliance.run(&["client", "preview", "vpn", "--user", "zoe"]).fails(1, &["no user called"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dictionaries_of_the_configuration_are_known_and_their_faults_named() {
    let vestibule = Vestibule::new("");
    let dictionary = "VENDOR Acme 4711\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-Role 7 string\nEND-VENDOR Acme\n";
    let path = vestibule.dir.write("dictionary.acme", dictionary);
    let config = std::fs::read_to_string(&vestibule.config).unwrap();
    std::fs::write(
        &vestibule.config,
        config.replace("[radius]\n", &format!("[radius]\ndictionaries = [\"{path}\"]\n")),
    )
    .unwrap();
    let slapd = slapd();
    let appliance = Appliance::of(vestibule).await;
    appliance.add_directory("corp", &slapd).ok();
    appliance.run(&["user", "import", "--directory", "corp"]).ok();
    add_client(&appliance, "vpn", "10.0.0.5");
    add(&appliance, &["Acme-Role=${user}"]);
    let preview = appliance.run(&["client", "preview", "vpn", "--user", "user0001", "--json"]).json();
    assert_eq!(preview["attributes"], json!([{ "attribute": "Acme-Role", "value": "user0001", "bytes": 16 }]));
    appliance.dir.write("dictionary.acme", "VENDOR Acme\n");
    appliance
        .run(&["client", "preview", "vpn", "--user", "user0001"])
        .fails(2, &["dictionary.acme, line 1: a vendor needs a name and a number"]);
}
