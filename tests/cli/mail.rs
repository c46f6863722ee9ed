//! `mail`.

use crate::fixture::{Appliance, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_is_set_shown_without_its_password_changed_and_forgotten() {
    let appliance = Appliance::start().await;
    appliance.run(&["mail", "show"]).fails(1, &["no mail server", "mail set"]);
    appliance.run(&["mail", "test", "anna@example.test"]).fails(1, &["no mail server"]);
    let set = ["mail", "set", "--host", "mail.example.test", "--from", "mfa@example.test", "--from-name", "Corp IT"];
    let with_login = [&set[..], &["--user", "vestibule", "--password-file", "-"]].concat();
    appliance.run_with(&with_login, b"a password for mail\n").ok();
    let shown = appliance.run(&["mail", "show", "--json"]).json();
    assert_eq!((shown["host"].as_str(), shown["port"].as_u64()), (Some("mail.example.test"), Some(587)));
    assert_eq!((shown["security"].as_str(), shown["user"].as_str()), (Some("starttls"), Some("vestibule")));
    let shown = appliance.run(&["mail", "show"]).ok();
    assert!(shown.contains("Corp IT <mfa@example.test>") && !shown.contains("a password"), "{shown}");

    let bare = [&set[..], &["--security", "none"]].concat();
    let login = [&bare[..], &["--user", "vestibule", "--password-file", "-"]].concat();
    appliance.run_with(&login, b"a password for mail").fails(2, &["not sent without TLS"]);
    appliance.run(&bare).ok();
    assert_eq!(appliance.run(&["mail", "show", "--json"]).json()["port"], 25);
    for wrong in ["it", "it@", "it@example.test\r\nBcc: eve@example.test"] {
        appliance.run(&["mail", "set", "--host", "mail", "--from", wrong]).fails(2, &["mail address"]);
    }
    appliance.run(&["mail", "remove"]).fails(2, &["--yes"]);
    appliance.run(&["mail", "remove", "--yes"]).ok();
    appliance.run(&["mail", "remove", "--yes"]).fails(1, &["no mail server"]);
    let record = appliance.run(&["audit", "tail", "--json"]).ok();
    assert!(record.contains("mail-server-set") && record.contains("mail-server-removed"), "{record}");
    assert!(!record.contains("a password for mail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_mail_says_which_step_failed_and_the_doctor_says_how_mail_stands() {
    let appliance = Appliance::start().await;
    // Makes the tables.
    appliance.run(&["mail", "queue"]).ok();
    let doctor = appliance.run(&["doctor"]).out;
    assert!(doctor.contains("no mail is sent"), "{doctor}");
    let port = free_port().to_string();
    let host = crate::fixture::ADDRESS.to_string();
    appliance.run(&["mail", "set", "--host", &host, "--port", &port, "--from", "mfa@example.test"]).ok();
    let said = appliance.run(&["mail", "test", "anna@example.test", "--json"]);
    let steps: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, 1);
    assert_eq!((steps[0]["step"].as_str(), steps[0]["works"].as_bool()), (Some("resolve"), Some(true)));
    assert_eq!((steps[1]["step"].as_str(), steps[1]["works"].as_bool()), (Some("connect"), Some(false)));
    let doctor = appliance.run(&["doctor"]).out;
    assert!(doctor.contains(&format!("goes to {host}:{port}")), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_was_given_up_is_listed_and_tried_again() {
    let appliance = Appliance::start().await;
    // Makes the tables.
    assert_eq!(appliance.run(&["mail", "queue", "--json"]).json(), serde_json::json!([]));
    appliance.run(&["mail", "retry", "--all"]).fails(1, &["no mail waits"]);
    appliance.run(&["mail", "retry"]).fails(2, &[]);
    appliance
        .sql(
            "insert into mail_outbox (id, to_address, kind, body_sealed, status, tries, next_try_at, last_error, created_at,
                                      expires_at, ended_at)
             values (gen_random_uuid(), 'anna@example.test', 'locked-out', '\\x00', 'failed', 1, now(), '550 nobody', now(), now(),
                     now()),
                    (gen_random_uuid(), 'bert@example.test', 'invited', '\\x00', 'queued', 2, now(), '451 later', now(), now(),
                     null)",
        )
        .await;
    let waiting = appliance.run(&["mail", "queue"]).ok();
    assert!(
        waiting.contains("bert@example.test") && waiting.contains("451 later") && !waiting.contains("anna"),
        "{waiting}"
    );
    let failed = appliance.run(&["mail", "queue", "--failed", "--json"]).json();
    assert_eq!((failed.as_array().unwrap().len(), failed[0]["last_error"].as_str()), (1, Some("550 nobody")));
    appliance.run(&["mail", "retry", failed[0]["id"].as_str().unwrap()]).ok();
    assert_eq!(appliance.run(&["mail", "queue", "--json"]).json().as_array().unwrap().len(), 2);
}
