//! The outbox: what waits, for how long, and who sends it.

use std::collections::HashSet;

use vestibule::domain::mail::notice::What;
use vestibule::flows::mail::{Pass, deliver};
use vestibule::store::mail_outbox::Queued;

use super::support::people::tester;
use super::support::smtp::MailPeer;
use super::world::{World, portal};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_may_take_later_is_tried_again_and_what_it_refuses_is_given_up_at_once() {
    let peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    for address in ["later@example.test", "refused@example.test", "fine@example.test"] {
        let person = world.person("Anna", address, "en").await;
        assert_eq!(world.queue(person.id, What::PasswordChanged).await, Queued::Waits);
    }
    assert_eq!(world.deliver().await, Pass::Done { tried: 3 });
    assert_eq!(peer.inbox().len(), 1, "a refusal holds nobody up");
    let waiting = world.waiting().await;
    assert_eq!((waiting.len(), waiting[0].to.as_str()), (1, "later@example.test"));
    assert!(waiting[0].last_error.as_ref().unwrap().contains("greylisted"), "{waiting:?}");
    let failed = world.failed().await;
    assert_eq!((failed.len(), failed[0].tries), (1, 1));
    assert!(failed[0].last_error.as_ref().unwrap().contains("550 5.1.1 nobody of that name here"), "{failed:?}");

    assert_eq!(world.deliver().await, Pass::Done { tried: 0 }, "not before its time");
    world.wait_over().await;
    assert_eq!(world.deliver().await, Pass::Done { tried: 1 });
    assert_eq!(peer.inbox()[1]["to"][0], "later@example.test");
    assert!(world.waiting().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_waits_while_the_server_is_down_and_goes_out_when_it_is_back() {
    let mut peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    let anna = world.person("Anna", "anna@example.test", "en").await;
    peer.stop();
    for _ in 0..3 {
        world.queue(anna.id, What::PasswordChanged).await;
    }
    assert!(matches!(world.deliver().await, Pass::ServerDown(_)));
    assert_eq!(world.store.outbox_standing().await.unwrap().waiting, 3);
    assert_eq!(world.store.outbox_standing().await.unwrap().late, 1, "one try was enough to know");
    peer.start_again().await;
    assert_eq!(world.store.retry_mail(None).await.unwrap(), 3);
    assert_eq!(world.deliver().await, Pass::Done { tried: 3 });
    assert_eq!(peer.inbox().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_within_a_day_is_given_up_and_can_be_tried_again_unless_its_link_has_run_out() {
    let mut peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    let anna = world.person("Anna", "anna@example.test", "en").await;
    peer.stop();
    world.queue(anna.id, What::PasswordChanged).await;
    let until = world.store.ambient().now() + jiff::SignedDuration::from_hours(1);
    world.queue(anna.id, What::Invited { link: None, until: Some(until) }).await;
    world.deliver().await;
    world.sql("update mail_outbox set expires_at = clock_timestamp() where kind = 'password-changed'").await;
    world.sql("update mail_outbox set useful_until = clock_timestamp() where kind = 'invited'").await;
    world.deliver().await;
    let failed = world.failed().await;
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|mail| mail.last_error.as_ref().unwrap().starts_with("not taken in time")), "{failed:?}");
    assert_eq!(world.store.retry_mail(None).await.unwrap(), 1, "an old link is of no use");
    peer.start_again().await;
    world.deliver().await;
    assert_eq!(peer.inbox().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_the_work_and_never_send_a_mail_twice() {
    const MAILS: usize = 30;
    let peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    for at in 0..MAILS {
        let person = world.person("Anna", &format!("p{at}@example.test"), "en").await;
        world.queue(person.id, What::PasswordChanged).await;
    }
    let other = world.replica().await;
    let portal = portal();
    let (one, two) = tokio::join!(deliver(&world.store, &portal), deliver(&other, &portal));
    let tried = [one.unwrap(), two.unwrap()].map(|pass| match pass {
        Pass::Done { tried } => tried,
        Pass::NoServer | Pass::ServerDown(_) => panic!("{pass:?}"),
    });
    assert_eq!(tried[0] + tried[1], MAILS);
    let inbox = peer.inbox();
    let ids: HashSet<_> = inbox.iter().map(|mail| mail["headers"]["Message-ID"].as_str().unwrap()).collect();
    assert_eq!((inbox.len(), ids.len()), (MAILS, MAILS));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_twenty_notices_a_day_and_the_last_says_so() {
    let peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    let anna = world.person("Anna", "anna@example.test", "en").await;
    let mut queued = vec![];
    for _ in 0..22 {
        queued.push(world.queue(anna.id, What::PasswordChanged).await);
    }
    assert!(queued[..20].iter().all(|queued| *queued == Queued::Waits));
    assert_eq!(queued[20..], [Queued::Spent, Queued::Spent]);
    let invitation = What::Invited { link: None, until: None };
    assert_eq!(world.queue(anna.id, invitation).await, Queued::Waits, "somebody asked for it");
    world.deliver().await;
    let said: Vec<bool> = peer
        .inbox()
        .iter()
        .map(|mail| mail["parts"]["text/plain"].as_str().unwrap().contains("last message of today"))
        .collect();
    assert_eq!(said.iter().filter(|said| **said).count(), 1, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_or_an_address_nothing_is_queued_and_machines_get_none() {
    let peer = MailPeer::start().await;
    let world = World::without_server().await;
    let anna = world.person("Anna", "anna@example.test", "en").await;
    assert_eq!(world.queue(anna.id, What::PasswordChanged).await, Queued::NoServer);
    assert_eq!(world.deliver().await, Pass::NoServer);
    world.store.set_mail_server(&peer.server(), &tester()).await.unwrap();
    for address in ["", "not an address", "a@b\r\nBcc: c@d"] {
        let person = world.person("Anna", address, "en").await;
        assert_eq!(world.queue(person.id, What::PasswordChanged).await, Queued::NoAddress, "{address:?}");
    }
    let mut client = super::support::appliance::netscaler();
    client.directory = world.store.directories().await.unwrap()[0].id;
    let who = vestibule::domain::client::ServiceAccounts::Exact(vestibule::domain::dn::Dn::parse(&anna.dn).unwrap());
    client.service_accounts = vec![vestibule::domain::client::ServiceAccount { who, from: vec![] }];
    world.store.add_client(&client, &tester()).await.unwrap();
    assert_eq!(world.queue(anna.id, What::PasswordChanged).await, Queued::ServiceAccount);
    assert!(world.waiting().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mails_say_lies_sealed_is_resealed_by_a_rotation_and_is_gone_once_sent() {
    let peer = MailPeer::start().await;
    let world = World::before(&peer).await;
    let anna = world.person("Anna", "anna@example.test", "en").await;
    let link = vestibule::domain::mail::notice::Link::new("/enrol/link/open-sesame".to_owned().into());
    world.queue(anna.id, What::Invited { link: Some(link), until: None }).await;
    let rows = async || -> Vec<String> {
        sqlx::query_scalar("select to_jsonb(o)::text || encode(coalesce(body_sealed, ''), 'escape') from mail_outbox o")
            .fetch_all(world.store.pool())
            .await
            .unwrap()
    };
    assert!(!rows().await[0].contains("sesame"));
    let keyring = world.store.keyring().with_fresh_key(world.store.ambient());
    let renewed = world.store.with_keyring(keyring);
    renewed.reseal(&tester()).await.unwrap();
    assert_eq!(renewed.sealing_keys().await.unwrap().len(), 1, "nothing is left under the old key");
    assert_eq!(deliver(&renewed, &portal()).await.unwrap(), Pass::Done { tried: 1 });
    assert!(peer.inbox()[0]["parts"]["text/plain"].as_str().unwrap().contains("/enrol/link/open-sesame"));
    assert!(rows().await[0].contains("\"body_sealed\": null"), "{:?}", rows().await);
}
