//! `client`.

use crate::fixture::{Appliance, slapd};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_added_with_every_rule_and_shown_with_them() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    appliance
        .run(&[
            "client",
            "add",
            "vpn",
            "--address",
            "10.0.0.5",
            "10.1.0.0/16",
            "--directory",
            "corp",
            "--group",
            "gates",
            "--service-account",
            "cn=ns,ou=service,dc=example,dc=test@10.0.0.5",
            "--service-subtree",
            "ou=service,dc=example,dc=test",
            "--service-group",
            "cn=robots,ou=groups,dc=example,dc=test",
            "--factors",
            "totp,app",
            "--bare-approval",
            "--answer-by",
            "25s",
            "--grace",
            "5",
            "--user-match",
            "must-enrol",
            "--trusted-network",
            "192.168.0.0/24",
            "--delimiter",
            ";",
            "--code-length",
            "6",
            "--allow-anonymous",
            "--no-root-dse",
        ])
        .ok();
    let shown = appliance.run(&["client", "show", "vpn", "--json"]).json();
    let expected = serde_json::json!({
        "name": "vpn",
        "group": "gates",
        "directory": "corp",
        "addresses": ["10.0.0.5/32", "10.1.0.0/16"],
        "user_match": "must-enrol",
        "factors": ["totp", "app"],
        "bare_approval": true,
        "answer_by_ms": 25_000,
        "grace_ms": 5_000,
        "trusted_networks": ["192.168.0.0/24"],
        "service_accounts": [
            { "kind": "account", "dn": "cn=ns,ou=service,dc=example,dc=test", "from": ["10.0.0.5/32"] },
            { "kind": "subtree", "dn": "ou=service,dc=example,dc=test", "from": [] },
            { "kind": "group", "dn": "cn=robots,ou=groups,dc=example,dc=test", "from": [] },
        ],
        "code_delimiter": ";",
        "code_length": 6,
        "allow_plaintext": false,
        "allow_anonymous": true,
        "allow_root_dse": false,
        "allow_password_compare": false,
        "portal": false,
        "first_enrolment": false,
        "radius": null,
    });
    assert_eq!(shown, expected);
    assert!(appliance.run(&["client", "show", "vpn"]).ok().contains("10.0.0.5/32, 10.1.0.0/16"));

    appliance.run(&["client", "remove", "vpn"]).fails(2, &["--yes"]);
    appliance.run(&["client", "remove", "vpn", "--yes"]).ok();
    appliance.run(&["client", "remove", "vpn", "--yes"]).fails(1, &["no client \"vpn\""]);
    let left = appliance.run(&["client", "list", "--json"]).json();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["portal"]), (1, &serde_json::json!(true)), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_a_portal_that_is_marked_comes_and_goes_with_it_and_takes_one_switch() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let portal = "portal of corp";
    assert!(appliance.run(&["client", "list"]).ok().contains("(user portal)"));
    let shown = || appliance.run(&["client", "show", portal, "--json"]).json();
    assert_eq!(
        (&shown()["addresses"], &shown()["first_enrolment"]),
        (&serde_json::json!([]), &serde_json::json!(true))
    );
    appliance.run(&["client", "remove", portal, "--yes"]).fails(2, &["stays as long as the directory"]);
    appliance.run(&["client", "portal", portal, "--first-enrolment", "no"]).ok();
    assert_eq!(shown()["first_enrolment"], false);
    appliance.run(&["client", "portal", "corp", "--first-enrolment", "no"]).fails(1, &["no user portal"]);
    appliance.run(&["directory", "remove", "corp", "--yes"]).ok();
    appliance.run(&["client", "show", portal]).fails(1, &["no client"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_is_the_careful_choice() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let said = appliance.run(&["client", "add", "gate", "--address", "10.0.0.5", "--directory", "corp"]);
    assert!(said.err.contains("--bare-approval"), "{said:?}");
    let shown = appliance.run(&["client", "show", "gate", "--json"]).json();
    for careful in ["bare_approval", "allow_plaintext", "allow_anonymous", "allow_password_compare"] {
        assert_eq!(shown[careful], false, "{careful}");
    }
    assert_eq!(shown["user_match"], "refuse");
    assert_eq!(shown["grace_ms"], 0);
    assert_eq!(shown["answer_by_ms"], 55_000, "sign_in.answer_by");
    assert_eq!(shown["group"], "gate");
    assert_eq!(shown["service_accounts"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_client_is_refused_with_what_is_wrong() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let add = |more: &[&str]| appliance.run(&[&["client", "add", "x", "--directory", "corp"][..], more].concat());
    let from = &["--address", "10.0.0.5"][..];
    let with = |more: &[&str]| add(&[from, more].concat());
    add(&["--address", "10.0.0.5/24"]).fails(2, &["10.0.0.0/24"]);
    add(&["--address", "127.0.0.0/8"]).fails(2, &["client netscaler's already"]);
    with(&["--service-account", "cn=svc,dc"]).fails(2, &["at byte 9 of the DN"]);
    with(&["--service-account", "cn=svc,dc=x@10.0.0.5/24"]).fails(2, &["10.0.0.0/24"]);
    with(&["--service-subtree", "DC=Example,DC=test"]).fails(2, &["the whole directory"]);
    with(&["--service-subtree", "dc=test"]).fails(2, &["the whole directory"]);
    with(&["--factors", "totp,sms"]).fails(2, &["no factor \"sms\"", "recovery-code"]);
    with(&["--factors", "totp,totp"]).fails(2, &["twice"]);
    with(&["--answer-by", "1w"]).fails(2, &["such as 55s"]);
    with(&["--answer-by", "11m"]).fails(2, &["between 1s and 10m"]);
    with(&["--grace", "61s"]).fails(2, &["between 0s and 60s"]);
    with(&["--delimiter", "ab"]).fails(2, &["one character"]);
    with(&["--code-length", "5"]).fails(2, &["6..=8"]);
    with(&["--user-match", "maybe"]).fails(2, &["must-enrol"]);
    appliance
        .run(&["client", "add", "netscaler", "--directory", "corp", "--address", "10.0.0.5"])
        .fails(2, &["already"]);
    appliance.run(&["client", "add", "x", "--directory", "moon", "--address", "10.0.0.5"]).fails(1, &["no directory"]);
    appliance.run(&["client", "show", "x"]).fails(1, &["no client \"x\"", "client list"]);
}
