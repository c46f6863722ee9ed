//! What happens to an account is told by mail, by whichever appliance is there.

use super::support::appliance::Appliance;
use super::support::eventually;
use super::support::ldap::Ldap;
use super::support::people::{tester, totp};
use super::support::slapd::{Slapd, SlapdOptions};
use super::support::smtp::MailPeer;
use vestibule::flows::enrol;

fn slapd() -> Slapd {
    Slapd::start(&SlapdOptions::default())
}

fn subjects(peer: &MailPeer) -> Vec<String> {
    let mut subjects: Vec<String> =
        peer.inbox().iter().map(|mail| mail["headers"]["Subject"].as_str().unwrap().to_owned()).collect();
    subjects.sort();
    subjects
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_an_account_is_told_to_its_person() {
    let slapd = slapd();
    let peer = MailPeer::start().await;
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).set("sign_in.lockout_failures", "2").await;
    let store = appliance.store();
    store.set_mail_server(&peer.server(), &tester()).await.unwrap();
    let user = appliance.person("user0001");
    let codes = enrol::replace_recovery_codes(store, &user.listed, &tester()).await.unwrap();
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    gateway.bind(&user.dn, &user.with(codes[0].shown.as_str())).await;
    for _ in 0..2 {
        gateway.bind(&user.dn, &user.with(&user.wrong_code())).await;
    }
    store.grant_bypass(&user.listed, jiff::SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    store.reset(&user.listed, &tester()).await.unwrap();
    peer.received(5).await;
    assert_eq!(
        subjects(&peer),
        [
            "A recovery code of yours was used",
            "All ways to sign in were removed from your account",
            "Too many wrong codes: your account is locked",
            "You have new recovery codes",
            "You may sign in once without a second step",
        ]
    );
    let used = peer.inbox().into_iter().find(|mail| mail["headers"]["Subject"] == "A recovery code of yours was used");
    let text = used.unwrap()["parts"]["text/plain"].as_str().unwrap().to_owned();
    assert!(text.contains("9 are left") || text.contains("9\u{2069} are left"), "{text}");
    assert!(text.contains("Where: netscaler"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_sender_was_killed_after_the_server_took_it_comes_once_more_with_the_same_id() {
    let slapd = slapd();
    let peer = MailPeer::start().await;
    let mut appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let store = appliance.store().clone();
    sqlx::raw_sql("update users set mail = 'slow@example.test'").execute(store.pool()).await.unwrap();
    store.set_mail_server(&peer.server(), &tester()).await.unwrap();
    let user = appliance.person("user0001").listed.clone();
    store.grant_bypass(&user, jiff::SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    peer.received(1).await;
    appliance.kill9();
    let sending = store.outbox(false).await.unwrap();
    assert_eq!((sending.len(), sending[0].status.as_str()), (1, "sending"), "nobody knows that it was taken");

    let _replica = appliance.replica().await;
    // The dead process's hold ends.
    sqlx::raw_sql("update mail_outbox set next_try_at = clock_timestamp()").execute(store.pool()).await.unwrap();
    let inbox = peer.received(2).await;
    assert_eq!(inbox[0]["headers"]["Message-ID"], inbox[1]["headers"]["Message-ID"]);
    assert_eq!(inbox[0]["headers"]["Date"], inbox[1]["headers"]["Date"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_is_said_once_and_shown_and_hinders_nobody() {
    let slapd = slapd();
    let mut peer = MailPeer::start().await;
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let store = appliance.store();
    store.set_mail_server(&peer.server(), &tester()).await.unwrap();
    peer.stop();
    let user = appliance.person("user0001");
    store.grant_bypass(&user.listed, jiff::SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    let line = ["mail waits: the mail server does not take it"];
    eventually("a line in the log", async || !appliance.log().with(&line).is_empty()).await;
    eventually("a metric", async || appliance.metric("vestibule_mail_waiting").await > 0.5).await;
    let said = appliance.command().args(["mail", "queue"]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("bypass-started") && said.contains("cannot be reached"), "{said}");
    store.grant_bypass(&user.listed, jiff::SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    peer.start_again().await;
    store.retry_mail(None).await.unwrap();
    peer.received(2).await;
    assert_eq!(appliance.log().with(&line).len(), 1);
}
