//! `challenge`: approval requests answered from another process.

use vestibule::ambient::Ambient;

use crate::fixture::{Appliance, slapd};

/// A sign-in of user0001 that waits for an answer.
async fn ask(appliance: &Appliance, number: Option<i16>) -> String {
    let ambient = Ambient::system();
    let id = ambient.id();
    sqlx::query(
        "insert into challenges (id, sign_in_id, user_id, client_id, factor, join_key, source, number, created_at, expires_at)
         select $1, $2, u.id, c.id, 'app', $3, '10.0.0.9', $4, now(), now() + interval '1 minute'
         from users u, clients c where u.name = 'user0001' and c.name = 'netscaler'",
    )
    .bind(id)
    .bind(ambient.id())
    .bind(ambient.bytes::<32>().to_vec())
    .bind(number)
    .execute(&appliance.pool)
    .await
    .unwrap();
    id.to_string()
}

async fn status(appliance: &Appliance, id: &str) -> String {
    let status = sqlx::query_scalar("select status from challenges where id = $1::uuid").bind(id);
    status.fetch_one(&appliance.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_listed_with_its_context_and_approved_once() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    assert_eq!(appliance.run(&["challenge", "list", "--json"]).json(), serde_json::json!([]));
    let id = ask(&appliance, None).await;
    let listed = appliance.run(&["challenge", "list", "--json"]).json();
    let waiting = listed[0].as_object().unwrap();
    for (field, value) in
        [("id", id.as_str()), ("user", "user0001"), ("client", "netscaler"), ("factor", "app"), ("source", "10.0.0.9")]
    {
        assert_eq!(waiting[field], value, "{field}");
    }
    assert_eq!(waiting["needs_number"], false);
    assert!(waiting["created_at"].is_string() && waiting["expires_at"].is_string());
    assert!(appliance.run(&["challenge", "list"]).ok().contains(&id));

    assert_eq!(appliance.run(&["challenge", "approve", &id]).ok(), "approved\n");
    assert_eq!(status(&appliance, &id).await, "approved");
    appliance.run(&["challenge", "approve", &id]).fails(1, &["waits no longer", "approved"]);
    appliance.run(&["challenge", "refuse", &id]).fails(1, &["waits no longer"]);
    let nobody = appliance.run(&["challenge", "list"]);
    assert!(nobody.out.is_empty() && nobody.err.contains("No request"), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_number_needs_it_and_ends_at_a_wrong_one() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let right = ask(&appliance, Some(7)).await;
    appliance.run(&["challenge", "approve", &right]).fails(2, &["--number"]);
    assert_eq!(status(&appliance, &right).await, "waiting", "forgetting it costs nothing");
    appliance.run(&["challenge", "approve", &right, "--number", "07"]).ok();
    let wrong = ask(&appliance, Some(7)).await;
    appliance.run(&["challenge", "approve", &wrong, "--number", "70"]).fails(1, &["the number is wrong"]);
    assert_eq!(status(&appliance, &wrong).await, "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fraud_report_blocks_the_user() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let id = ask(&appliance, None).await;
    appliance.run(&["challenge", "refuse", &id]).ok();
    let shown = || appliance.run(&["user", "show", "user0001", "--json"]).json();
    assert_eq!(shown()["blocked"], false);
    let id = ask(&appliance, None).await;
    assert!(appliance.run(&["challenge", "refuse", &id, "--fraud"]).ok().contains("blocked"));
    assert_eq!(shown()["blocked"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_no_request_says_so() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["challenge", "approve", "01a20c38-71cd-7ff1-81cc-582f4c943c40"]).fails(1, &["no request"]);
    appliance.run(&["challenge", "approve", "seven"]).fails(2, &["challenge list"]);
    let id = ask(&appliance, None).await;
    appliance.sql("update challenges set expires_at = now() - interval '1 second'").await;
    appliance.run(&["challenge", "approve", &id]).fails(1, &["expired"]);
}
