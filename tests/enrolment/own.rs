//! What people do with authenticators of their own.

use jiff::SignedDuration;
use vestibule::domain::attempts::CODES;
use vestibule::domain::factor::Factor;
use vestibule::flows::authenticators::{Proof, Trial};
use vestibule::store::own_authenticators::{EvenTheLast, Removed, Renamed};

use super::{World, label, started};

#[tokio::test]
async fn the_last_authenticator_goes_only_if_that_is_said() {
    let world = World::new().await;
    let (one, two) = (world.enrolled("one").await, world.enrolled("two").await);
    let person = world.anna().await;
    let removed = person.remove(one.authenticator.id, EvenTheLast::No).await.unwrap();
    assert_eq!(removed, Removed::Done(Factor::Totp));
    assert_eq!(person.remove(one.authenticator.id, EvenTheLast::No).await.unwrap(), Removed::Gone);
    let last = two.authenticator.id;
    assert_eq!(person.remove(last, EvenTheLast::No).await.unwrap(), Removed::IsLast);
    assert_eq!(person.list().await.unwrap().len(), 1, "nothing was changed");
    assert_eq!(person.remove(last, EvenTheLast::Yes).await.unwrap(), Removed::Done(Factor::Totp));
    assert!(!world.account().await.is_enrolled());
}

#[tokio::test]
async fn an_authenticator_is_renamed_and_preferred_by_its_owner_alone() {
    let world = World::new().await;
    let own = world.enrolled("one").await.authenticator.id;
    let person = world.anna().await;
    assert_eq!(person.rename(own, &label("тел <b>")).await.unwrap(), Renamed::Done);
    assert_eq!(person.list().await.unwrap()[0].label, "тел <b>");
    let nobodys = vestibule::domain::ids::AuthenticatorId(uuid::Uuid::nil());
    assert_eq!(person.rename(nobodys, &label("x")).await.unwrap(), Renamed::Gone);
    assert!(!person.prefer(Factor::Hotp).await.unwrap(), "there is none");
    assert!(person.prefer(Factor::Totp).await.unwrap());
    assert_eq!(world.account().await.preferred_factor, Some(Factor::Totp));
    person.remove(own, EvenTheLast::Yes).await.unwrap();
    assert_eq!(world.account().await.preferred_factor, None, "what is gone is not asked for");
}

#[tokio::test]
async fn a_code_that_is_tried_out_tells_right_from_wrong_from_drifted_and_is_used_up() {
    let world = World::new().await;
    let pending = world.enrolled("one").await;
    let (id, person) = (pending.authenticator.id, world.anna().await);
    world.later(SignedDuration::from_secs(60));
    let code = world.code(&pending, 0);
    assert_eq!(person.test(id, &code).await.unwrap(), Trial::Right);
    assert_eq!(person.test(id, &code).await.unwrap(), Trial::Used, "r20: as at any door");
    assert_eq!(person.test(id, &world.wrong(&pending)).await.unwrap(), Trial::Wrong { wait: None });
    assert_eq!(person.test(id, &world.code(&pending, 8)).await.unwrap(), Trial::Drifted { wait: None });
    assert!(matches!(person.test(id, "abcdef").await.unwrap(), Trial::Malformed(_)));

    let (first, second) = (world.code(&pending, 8), world.code(&pending, 9));
    assert_eq!(person.resync(id, (&second, &first)).await.unwrap(), Trial::Wrong { wait: None });
    assert_eq!(person.resync(id, (&first, &second)).await.unwrap(), Trial::Right);
    assert_eq!(person.test(id, &first).await.unwrap(), Trial::Used, "both are spent");
    assert_eq!(person.test(id, &second).await.unwrap(), Trial::Used, "both are spent");
    assert_eq!(person.test(id, &world.code(&pending, 10)).await.unwrap(), Trial::Right, "it is found again");
}

#[tokio::test]
async fn r14_trying_out_is_no_way_to_guess() {
    let world = World::new().await;
    let pending = world.enrolled("one").await;
    let (id, person) = (pending.authenticator.id, world.anna().await);
    let wrong = world.wrong(&pending);
    for _ in 0..10 {
        person.test(id, &wrong).await.unwrap();
    }
    let until = world.now() + CODES.wait;
    assert_eq!(person.test(id, &wrong).await.unwrap(), Trial::Wait { until });
    assert_eq!(person.resync(id, (&wrong, &wrong)).await.unwrap(), Trial::Wait { until });
}

#[tokio::test]
async fn recovery_codes_are_counted_and_their_use_is_seen() {
    let world = World::new().await;
    world.enrolled("one").await;
    let person = world.anna().await;
    assert!(person.recovery_codes().await.unwrap().is_empty());
    assert_eq!(person.new_recovery_codes().await.unwrap().len(), 10);
    sqlx::query("update recovery_codes set used_at = now() where handle = (select min(handle) from recovery_codes)")
        .execute(world.store.pool())
        .await
        .unwrap();
    let codes = person.recovery_codes().await.unwrap();
    assert_eq!((codes.len(), codes.iter().filter(|code| code.used_at.is_some()).count()), (10, 1));
}

#[tokio::test]
async fn r30_a_key_that_was_begun_in_a_whole_session_is_not_proven_in_a_first_enrolments() {
    let world = World::new().await;
    let person = world.anna().await;
    let pending = started(person.start_totp(&label("a")).await.unwrap());
    let wizard = world.person(&world.store, super::first(1)).await;
    let end = wizard.prove(pending.authenticator.id, &world.code(&pending, 0)).await.unwrap();
    assert_eq!(end, Proof::Gone);
}
