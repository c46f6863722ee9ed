//! `user`: finding people, and what a help desk does for them.

use crate::fixture::{Appliance, slapd};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_found_by_every_form_of_the_name() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    for name in ["user0001", "USER0001", "User0001@Example.TEST", "UID=user0001, OU=people,DC=example,DC=test"] {
        let shown = appliance.run(&["user", "show", name, "--json"]).json();
        assert_eq!(shown["name"], "user0001", "{name}");
        assert_eq!(shown["directory"], "corp");
        assert_eq!(shown["mail"], "user0001@example.test");
        assert_eq!(shown["enabled"], true);
        assert_eq!(shown["authenticators"], serde_json::json!([]));
    }
    appliance.run(&["user", "show", "nobody"]).fails(1, &["no user called \"nobody\"", "user import"]);
    appliance.run(&["user", "show", "a@b@c"]).fails(2, &["more than one way"]);
    assert!(appliance.run(&["user", "list"]).ok().starts_with("NAME"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_two_directories_has_to_be_told_apart() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.add_directory("branch", &slapd).ok();
    appliance.run(&["user", "import", "--directory", "branch"]).ok();
    appliance.run(&["user", "show", "user0001"]).fails(2, &["branch", "corp", "--directory"]);
    let shown = appliance.run(&["user", "show", "user0001", "--directory", "branch", "--json"]).json();
    assert_eq!(shown["directory"], "branch");
    appliance.run(&["user", "show", "user0001", "--directory", "moon"]).fails(1, &["no directory \"moon\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_help_desk_disables_enables_bypasses_unlocks_and_resets() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let user = |verb: &str, more: &[&str]| appliance.run(&[&["user", verb, "user0001"][..], more].concat());
    let shown = || appliance.run(&["user", "show", "user0001", "--json"]).json();

    user("disable", &[]).ok();
    assert_eq!(shown()["enabled"], false);
    user("enable", &[]).ok();
    assert_eq!(shown()["enabled"], true);

    assert!(user("bypass", &["--seconds", "120"]).ok().contains("once without a second factor until"));
    assert!(shown()["bypass_until"].is_string());
    user("bypass", &["--seconds", "0"]).fails(2, &["0 is not in 1..=86400"]);

    appliance
        .sql("update users set failures = 10, locked_until = now() + interval '1 hour', blocked = true where name = 'user0001'")
        .await;
    assert!(shown()["locked_until"].is_string() && shown()["blocked"] == true);
    user("unlock", &[]).ok();
    assert!(shown()["locked_until"].is_null() && shown()["blocked"] == false);

    user("enrol-app", &[]).ok();
    user("enrol-totp", &[]).ok();
    user("recovery-codes", &[]).ok();
    user("reset", &[]).fails(2, &["--yes"]);
    assert_eq!(shown()["factors"], serde_json::json!(["app", "totp", "recovery-code (10)"]));
    assert!(user("reset", &["--yes"]).ok().contains("2 factors are gone"));
    assert_eq!(shown()["factors"], serde_json::json!([]));
    assert!(shown()["bypass_until"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_from_the_directory_cannot_touch_the_terminal() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.sql("update users set name = E'evil\\x1b[31m\\nname', mail = E'\\u202e' where name = 'user0001'").await;
    let shown = appliance.run(&["user", "list"]).ok();
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    assert_eq!(shown.lines().count(), 4, "{shown}");
    let json = appliance.run(&["user", "list", "--json"]);
    assert!(!json.out.contains('\u{1b}'));
}
