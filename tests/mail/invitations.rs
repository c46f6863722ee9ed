//! Who comes by a sync item that invites gets one invitation, with a link of their own.

use super::support::appliance::Appliance;
use super::support::people::tester;
use super::support::slapd::{Slapd, SlapdOptions};
use super::support::smtp::MailPeer;

fn run(appliance: &Appliance, args: &[&str]) -> (i32, String) {
    let output = appliance.command().args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

async fn with_item(slapd: &Slapd, peer: &MailPeer, at_most: &str) -> Appliance {
    let appliance = Appliance::before(slapd).await;
    appliance.store().set_mail_server(&peer.server(), &tester()).await.unwrap();
    let add = ["sync", "item", "add", "staff", "--directory", "corp", "--invite", "--invite-at-most", at_most];
    let (code, said) = run(&appliance, &add);
    assert_eq!(code, 0, "{said}");
    appliance
}

fn text(mail: &serde_json::Value) -> &str {
    mail["parts"]["text/plain"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_of_an_inviting_item_is_invited_once_and_by_no_later_run() {
    let ldif = "dn: uid=nomail,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: nomail\ncn: n\nsn: n\n\n";
    let slapd = Slapd::start(&SlapdOptions { people: 2, ldif: ldif.to_owned(), ..SlapdOptions::default() });
    let peer = MailPeer::start().await;
    let appliance = with_item(&slapd, &peer, "10").await;
    let (code, said) = run(&appliance, &["sync", "run", "--directory", "corp"]);
    assert_eq!(code, 0, "{said}");
    let inbox = peer.received(2).await;
    run(&appliance, &["sync", "run", "--directory", "corp", "--full"]);
    assert!(appliance.store().outbox(false).await.unwrap().is_empty());
    assert_eq!(peer.inbox().len(), 2, "who has no address gets none, and nobody two");
    let mut to: Vec<&str> = inbox.iter().map(|mail| mail["to"][0].as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!(to, ["user0001@example.test", "user0002@example.test"]);
    for mail in &inbox {
        let link = text(mail).split("/enrol/link/").nth(1).unwrap().lines().next().unwrap();
        let token = vestibule::flows::enrol::link_token(link).unwrap();
        assert!(appliance.store().enrolment_link(&token).await.unwrap().is_some(), "the link opens");
        assert!(text(mail).contains(&format!("https://localhost:{}/enrol/link/", appliance.web_addr.port())));
    }
    assert_ne!(text(&inbox[0]), text(&inbox[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_would_invite_more_than_it_may_stops_and_asks() {
    let slapd = Slapd::start(&SlapdOptions { people: 3, ..SlapdOptions::default() });
    let peer = MailPeer::start().await;
    let appliance = with_item(&slapd, &peer, "2").await;
    let (_, said) = run(&appliance, &["sync", "run", "--directory", "corp", "--json"]);
    assert!(said.contains("awaiting-approval") && said.contains("3 invitations"), "{said}");
    assert!(appliance.store().users().await.unwrap().is_empty(), "nobody came, and nobody is told");
    let id = said.split("\"id\": \"").nth(1).unwrap().split('"').next().unwrap();
    let (code, said) = run(&appliance, &["sync", "approve", id]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(peer.received(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sends_a_link_by_mail_or_is_told_why_not() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let peer = MailPeer::start().await;
    let appliance = Appliance::before(&slapd).user("user0001").await;
    let (code, said) = run(&appliance, &["user", "enrolment-link", "user0001", "--mail"]);
    assert!(code == 1 && said.contains("no mail server"), "{said}");
    appliance.store().set_mail_server(&peer.server(), &tester()).await.unwrap();
    let (code, said) = run(&appliance, &["user", "enrolment-link", "user0001", "--mail"]);
    assert!(code == 0 && !said.contains("/enrol/link/"), "the link is for the user alone: {said}");
    let inbox = peer.received(1).await;
    assert!(text(&inbox[0]).contains("/enrol/link/"), "{}", text(&inbox[0]));
}
