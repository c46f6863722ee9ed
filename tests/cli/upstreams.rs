//! `upstream`.

use crate::fixture::{Appliance, slapd};

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_server_is_added_listed_tested_and_kept_while_a_client_needs_it() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let add = ["upstream", "add", "nps1", "--server", "127.0.0.1:9", "--timeout", "500ms", "--tries", "1"];
    let add = [&add[..], &["--secret-file", "-"]].concat();
    appliance.run_with(&add, b"a secret for the server").ok();
    appliance.run_with(&add, b"a secret for the server").fails(2, &["already"]);
    let listed = appliance.run(&["upstream", "list", "--json"]).json();
    assert_eq!(listed[0]["host"], "127.0.0.1");
    assert_eq!(listed[0]["require_message_authenticator"], true);
    assert!(!listed.to_string().contains("a secret"));
    appliance.run(&["upstream", "test", "nps1"]).fails(1, &[]);

    let client = |upstream| {
        let what = ["client", "add", "vpn", "--address", "10.0.0.9", "--directory", "corp", "--radius-secret-generate"];
        appliance.run(&[&what[..], &["--first-factor", "upstream", "--upstream", upstream]].concat())
    };
    client("nobody").fails(2, &["upstream add"]);
    client("nps1").ok();
    appliance.run(&["upstream", "remove", "nps1", "--yes"]).fails(1, &["vpn"]);
    appliance.run(&["client", "remove", "vpn", "--yes"]).ok();
    appliance.run(&["upstream", "remove", "nps1", "--yes"]).ok();
    appliance.run(&["upstream", "remove", "nps1", "--yes"]).fails(1, &["there is no upstream"]);
}
