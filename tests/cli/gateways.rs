//! `gateway`, and `client add --gateway`.

use crate::fixture::{Appliance, slapd};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_known_product_gets_what_fits_it_and_its_administrator_hears_what_to_set() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let add = |name, address, rest: &[&'static str]| {
        let mut arguments = vec!["client", "add", name, "--address", address, "--directory", "corp", "--gateway"];
        arguments.extend(rest);
        appliance.run(&arguments)
    };

    let said = add("forti", "10.0.0.1", &["FortiGate", "--radius-secret-generate", "--factors", "app"]);
    assert!(said.err.contains("gives up after 5 s") && said.err.contains("set remoteauthtimeout 60"), "{said:?}");
    let shown = appliance.run(&["client", "show", "forti", "--json"]).json();
    assert_eq!((&shown["answer_by_ms"], &shown["grace_ms"]), (&55_000.into(), &0.into()));
    assert_eq!(shown["radius"]["dialogs"], true);

    add("pan", "10.0.0.2", &["globalprotect", "--radius-secret-generate"]).ok();
    let shown = appliance.run(&["client", "show", "pan", "--json"]).json();
    assert_eq!((&shown["answer_by_ms"], &shown["grace_ms"]), (&20_000.into(), &10_000.into()));

    let plain = ["globalprotect", "--radius-secret-generate", "--answer-by", "3s", "--grace", "0s", "--no-dialogs"];
    add("said", "10.0.0.3", &plain).ok();
    let shown = appliance.run(&["client", "show", "said", "--json"]).json();
    assert_eq!((&shown["answer_by_ms"], &shown["grace_ms"]), (&3_000.into(), &0.into()), "what is said goes first");
    assert_eq!(shown["radius"]["dialogs"], false);

    let said = add("ns", "10.0.0.4", &["netscaler", "--factors", "totp"]);
    assert!(said.err.contains("-authTimeout 60") && !said.err.contains("Message-Authenticator"), "LDAP: {said:?}");

    add("wrong", "10.0.0.5", &["openvpn"]).fails(2, &["--radius-secret-generate"]);
    add("wrong", "10.0.0.5", &["toaster"]).fails(2, &["gateway list"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_products_is_shown_without_any_database() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let listed = appliance.run(&["gateway", "list", "--json"]).json();
    let named = |name: &str| listed.as_array().unwrap().iter().filter(|one| one["name"] == name).count();
    assert_eq!((named("netscaler"), named("pam-radius")), (2, 1), "one for each door");
    assert!(appliance.run(&["gateway", "list"]).ok().contains("3 × 5 s"));

    let shown = appliance.run(&["gateway", "show", "AnyConnect", "--json"]).json();
    assert_eq!(shown[0]["name"], "cisco-asa");
    assert_eq!(shown[0]["radius"]["sends_message_authenticator"], serde_json::Value::Null, "not known is not no");
    let shown = appliance.run(&["gateway", "show", "netscaler"]).ok();
    assert!(shown.contains("-authTimeout 60 -authservRetry 1") && shown.contains("docs/gateways/netscaler-radius.md"));
    appliance.run(&["gateway", "show", "toaster"]).fails(1, &["gateway list"]);
}
