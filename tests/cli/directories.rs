//! `directory` and `user import`.

use crate::fixture::{ADDRESS, Appliance, free_port, person, slapd, slapd_with};
use crate::slapd::{Slapd, SlapdOptions};

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_added_tried_and_shown_without_its_password() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;

    let tried = appliance.run(&["directory", "test", "corp", "--json"]).json();
    let steps: Vec<&str> = tried.as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    let people = ["people", "people", "people", "groups", "incremental", "clock"];
    assert_eq!(steps, [&["resolve", "connect", "tls", "bind", "base"][..], &people].concat());
    assert!(tried.as_array().unwrap().iter().all(|step| step["works"] == true), "{tried}");

    let listed = appliance.run(&["directory", "list", "--json"]).json();
    assert_eq!(listed[0]["name"], "corp");
    assert_eq!(listed[0]["kind"], "openldap");
    assert_eq!(listed[0]["servers"][0]["transport"], "ldaps");
    assert_eq!(listed[0]["base_dn"], slapd.base);
    assert!(listed[0].get("bind_password").is_none());
    assert!(appliance.run(&["directory", "list"]).ok().contains(&format!("ldaps://{} (ldaps)", slapd.tls_addr)));
}

#[tokio::test(flavor = "multi_thread")]
async fn ldap_means_start_tls_unless_plaintext_is_asked_for_by_name() {
    let slapd = slapd();
    let appliance = Appliance::start().await;
    let server = format!("ldap://{}", slapd.addr);
    let ca = slapd.ca_path.display().to_string();
    let add = |name: &str, more: &[&str]| {
        let base = ["directory", "add", name, "--kind", "openldap", "--server", &server, "--base-dn", &slapd.base];
        let account = ["--bind-dn", &slapd.service_dn, "--bind-password-file", "-"];
        appliance.run_with(&[&base[..], &account[..], more].concat(), b"svc-secret\n")
    };
    add("tls", &["--ca-file", &ca]).ok();
    let plain = add("plain", &["--allow-plaintext"]);
    assert!(plain.err.contains("without encryption"), "{plain:?}");
    add("both", &["--allow-plaintext", "--start-tls"]).fails(2, &["--start-tls"]);

    let listed = appliance.run(&["directory", "list", "--json"]).json();
    assert_eq!(listed[0]["servers"][0]["transport"], "plain");
    assert_eq!(listed[1]["servers"][0]["transport"], "start-tls");
    appliance.run(&["directory", "test", "tls"]).ok();
    appliance.run(&["directory", "test", "plain"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_does_not_work_is_told_by_the_step_that_failed() {
    let slapd = slapd();
    let appliance = Appliance::start().await;
    let password = appliance.dir.write("wrong", "not the password");
    let (ldaps, closed) = (format!("ldaps://{}", slapd.tls_addr), format!("ldaps://{ADDRESS}:{}", free_port()));
    let ca = slapd.ca_path.display().to_string();
    let add = |name: &str, server: &str| {
        appliance.run(&[
            "directory",
            "add",
            name,
            "--kind",
            "openldap",
            "--server",
            server,
            "--base-dn",
            &slapd.base,
            "--bind-dn",
            &slapd.service_dn,
            "--bind-password-file",
            &password,
            "--ca-file",
            &ca,
        ])
    };
    add("refused", &ldaps).ok();
    add("away", &closed).ok();
    for (name, step) in [("refused", "bind"), ("away", "connect")] {
        let tried = appliance.run(&["directory", "test", name]);
        assert_eq!(tried.code, 1, "{tried:?}");
        let line = tried.out.lines().find(|line| line.contains("FAILED")).unwrap();
        assert!(line.trim_start().starts_with(step), "{line}");
    }
    appliance
        .run(&["user", "import", "--directory", "refused"])
        .fails(3, &["refused our own account", "check the bind DN"]);
    appliance.run(&["user", "import", "--directory", "away"]).fails(3, &["cannot be reached"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_directory_is_refused_with_what_is_wrong() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    appliance.add_directory("corp", &slapd).fails(2, &["already", "choose another name"]);
    appliance.add_directory("two words", &slapd).fails(2, &["letters, digits"]);
    let add = |more: &[&str]| appliance.run(&[&["directory", "add", "x", "--kind", "openldap"][..], more].concat());
    add(&["--server", "http://dc1", "--base-dn", "dc=x"]).fails(2, &["ldaps://HOST"]);
    add(&["--server", "ldaps://dc1", "--base-dn", "dc=x,example"]).fails(2, &["at byte 12 of the DN"]);
    add(&["--server", "ldaps://dc1", "--base-dn", "dc=x", "--bind-dn", "cn=a"]).fails(2, &["--bind-password-file"]);
    add(&["--server", "ldaps://dc1", "--base-dn", "dc=x", "--allow-plaintext"]).fails(2, &["ldap:// servers"]);
    let junk = appliance.dir.write("junk.pem", "not a certificate");
    add(&["--server", "ldaps://dc1", "--base-dn", "dc=x", "--ca-file", &junk]).fails(2, &["no certificate"]);
    appliance.run(&["directory", "test", "x"]).fails(1, &["no directory \"x\"", "there is corp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_changed_shown_and_stands_in_the_audit_trail() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let set = |more: &[&str]| appliance.run(&[&["directory", "set", "corp"][..], more].concat());
    assert!(set(&[]).ok().contains("stays as it is"));
    let said = set(&["--attribute", "first=givenName,displayName", "--attribute", "phone.desk=fax"]).ok();
    assert!(said.contains("first: givenName -> givenName, displayName"), "{said}");
    set(&["--country-code", "49", "--page-size", "1000", "--attribute", "phone.pager="]).ok();

    let shown = appliance.run(&["directory", "show", "corp", "--json"]).json();
    assert_eq!(shown["attributes"]["first"], serde_json::json!(["givenName", "displayName"]));
    assert_eq!(shown["attributes"]["phone.pager"], serde_json::json!([]));
    assert_eq!((&shown["page_size"], &shown["country_code"]), (&1000.into(), &49.into()));
    assert!(!shown.to_string().contains(&slapd.service_password));
    assert!(appliance.run(&["directory", "show", "corp"]).ok().contains("givenName, displayName"));
    appliance.run(&["directory", "test", "corp"]).ok();

    set(&["--restore-defaults"]).ok();
    let shown = appliance.run(&["directory", "show", "corp", "--json"]).json();
    assert_eq!(shown["attributes"]["first"], serde_json::json!(["givenName"]));

    set(&["--attribute", "middle=cn"]).fails(2, &["no field", "unique-id"]);
    set(&["--attribute", "mail=a)(b=*"]).fails(2, &["no attribute name"]);
    set(&["--attribute", "unique-id="]).fails(2, &["exactly one"]);
    set(&["--page-size", "1001"]).fails(2, &["1 to 1000"]);
    set(&["--people-filter", "(uid=*"]).fails(2, &["every ( needs its )"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r41_a_stored_password_is_not_sent_to_a_new_host_port_or_ca_without_being_entered_anew() {
    let (slapd, other) = (slapd(), slapd_with(""));
    let appliance = Appliance::with_directory(&slapd).await;
    let set = |more: &[&str]| appliance.run(&[&["directory", "set", "corp"][..], more].concat());
    let (elsewhere, plain) = (format!("ldaps://{}", other.tls_addr), format!("ldap://{}", slapd.addr));
    let ca = other.ca_path.display().to_string();
    set(&["--server", &elsewhere]).fails(2, &["enter it anew", "--bind-password-file"]);
    set(&["--server", &plain]).fails(2, &["enter it anew"]);
    set(&["--server", &plain, "--allow-plaintext"]).fails(2, &["enter it anew"]);
    set(&["--ca-file", &ca]).fails(2, &["enter it anew"]);
    set(&["--system-cas"]).fails(2, &["enter it anew"]);
    appliance.run(&["directory", "test", "corp"]).ok();

    let password = appliance.dir.write("anew", &other.service_password);
    set(&["--server", &elsewhere, "--ca-file", &ca, "--bind-password-file", &password]).ok();
    appliance.run(&["directory", "test", "corp"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unique_id_of_a_directory_with_users_stays() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let set = |more: &[&str]| appliance.run(&[&["directory", "set", "corp"][..], more].concat());
    set(&["--attribute", "unique-id=uid", "--unique-id-kind", "text"]).fails(1, &["known by their entryUUID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_goes_only_when_nothing_needs_it_and_somebody_means_it() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["directory", "remove", "corp"]).fails(2, &["--yes"]);
    appliance.run(&["directory", "remove", "corp", "--yes"]).fails(1, &["clients or users"]);
    appliance.add_directory("spare", &slapd).ok();
    appliance.run(&["directory", "remove", "spare", "--yes"]).ok();
    appliance.run(&["directory", "remove", "spare", "--yes"]).fails(1, &["no directory"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_brings_everybody_in_page_by_page_and_the_next_one_finds_nothing_to_do() {
    let slapd = Slapd::start(&SlapdOptions { address: ADDRESS, people: 1_203, ..SlapdOptions::default() });
    let appliance = Appliance::with_directory(&slapd).await;
    let import = |more: &[&str]| appliance.run(&[&["user", "import", "--directory", "corp"][..], more].concat());

    let looked = import(&["--dry-run", "--json"]).json();
    assert_eq!((&looked["dry_run"], looked["added"].as_array().unwrap().len()), (&true.into(), 1_203));
    assert_eq!(
        appliance.run(&["user", "list", "--json"]).json().as_array().unwrap().len(),
        0,
        "a dry run changes nothing"
    );

    assert!(import(&[]).ok().contains("added 1203, updated 0, unchanged 0, conflicts 0, skipped 0"));
    assert!(import(&[]).ok().contains("added 0, updated 0, unchanged 1203, conflicts 0, skipped 0"));
    assert_eq!(appliance.run(&["user", "list", "--json"]).json().as_array().unwrap().len(), 1_203);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_can_be_narrowed_and_says_when_it_finds_nobody() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let import = |more: &[&str]| appliance.run(&[&["user", "import", "--directory", "corp"][..], more].concat());
    assert!(import(&["--filter", "(uid=user0002)"]).ok().contains("added 1,"));
    import(&["--filter", "(uid=nobody)"]).fails(1, &["no account", "--filter"]);
    import(&["--filter", "(uid=nobody"]).fails(2, &["every ( needs its )"]);
    import(&["--base", "dc=elsewhere"]).fails(2, &["is not below dc=example,dc=test"]);
    assert!(import(&["--base", "OU=People,DC=example,DC=test"]).ok().contains("added 2, updated 0, unchanged 1"));
    assert!(import(&["--base", "ou=groups,dc=example,dc=test"]).code == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_accounts_share_keeps_both_out_and_a_changed_one_is_followed() {
    let shared =
        [person("alice", "shared@example.test"), person("bob", "SHARED@example.test"), person("carol", "c@x.org")];
    let slapd = slapd_with(&shared.concat());
    let appliance = Appliance::with_directory(&slapd).await;
    let said = appliance.run(&["user", "import", "--directory", "corp"]);
    assert!(said.out.contains("added 4, updated 0, unchanged 0, conflicts 2, skipped 0"), "{said:?}");
    assert_eq!(said.err.matches("shared@example.test").count(), 2, "{said:?}");
    appliance.run(&["user", "show", "alice"]).fails(1, &["no user called"]);

    // Renamed there, known here by the old name: followed, because the unique id stayed.
    appliance.sql("update users set name = 'caroline' where name = 'carol'").await;
    appliance.sql("update user_names set folded = 'caroline' where folded = 'carol'").await;
    let json = appliance.run(&["user", "import", "--directory", "corp", "--json"]).json();
    assert_eq!(json["updated"][0]["name"], "carol");
    assert_eq!(json["conflicts"].as_array().unwrap().len(), 2);
    appliance.run(&["user", "show", "carol"]).ok();
    appliance.run(&["user", "show", "caroline"]).fails(1, &["no user"]);
}
