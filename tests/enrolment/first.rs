//! First authenticators, and those that follow.

use jiff::SignedDuration;
use vestibule::domain::activation::{ActivationCode, DeviceLimit, Purpose};
use vestibule::domain::attempts::CODES;
use vestibule::domain::factor::Factor;
use vestibule::domain::otp::{Parameters, TotpMemory};
use vestibule::domain::secret::{Code, Seed};
use vestibule::domain::user::Token;
use vestibule::flows::authenticators::{Claim, Proof, Start};
use vestibule::store::activations::{Made, Redeemed};
use vestibule::store::authenticators::Enrolment;
use vestibule::store::enrolment_links::LinkState;
use vestibule::store::own_authenticators::{EvenTheLast, Removed};

use super::{World, by, first, label, shown, started};

#[tokio::test]
async fn a_pending_authenticator_counts_nowhere_until_a_right_code_which_is_used_up() {
    let world = World::new().await;
    let person = world.person(&world.store, first(1)).await;
    let pending = started(person.start_totp(&label("my phone")).await.unwrap());
    let id = pending.authenticator.id;
    let account = world.account().await;
    assert!(!account.is_enrolled() && !account.has(Factor::Totp, world.now()));
    assert!(world.store.users().await.unwrap()[0].factors.is_empty() && person.list().await.unwrap().is_empty());
    assert!(world.store.authenticators(world.anna.id).await.unwrap().is_empty());

    assert_eq!(person.prove(id, &world.wrong(&pending)).await.unwrap(), Proof::Wrong { wait: None });
    assert!(matches!(person.prove(id, "12345").await.unwrap(), Proof::Malformed(_)));
    let code = world.code(&pending, -1);
    assert_eq!(person.prove(id, &format!("{} {}", &code[..3], &code[3..])).await.unwrap(), Proof::Done);
    let account = world.account().await;
    assert!(account.is_enrolled());
    let Token::Totp { memory, .. } = &account.authenticators[0].token else { panic!("no TOTP token") };
    assert!(memory.last_accepted.is_some(), "the code does not open a door again");
    assert_eq!(memory.drift, -1);
    let own = person.list().await.unwrap();
    assert_eq!((own[0].label.as_str(), own[0].last_used_at), ("my phone", Some(world.now())));
    assert!(world.recorded().await.ends_with(&["enrolment-begun".into(), "enrolled".into()]));
}

#[tokio::test]
async fn whoever_comes_back_finds_what_they_began_until_an_hour_has_passed() {
    let world = World::new().await;
    let person = world.person(&world.store, first(1)).await;
    let begun = started(person.start_totp(&label("a")).await.unwrap());
    world.later(SignedDuration::from_mins(59));
    let again = started(person.start_totp(&label("b")).await.unwrap());
    assert_eq!(begun.authenticator.id, again.authenticator.id, "nothing is lost with a tab that was closed");
    let taken = |pending| person.taken("Vestibule", pending).unwrap();
    assert_eq!(taken(&begun).uri.expose(), taken(&again).uri.expose());
    let uri = taken(&begun).uri;
    assert!(uri.expose().starts_with("otpauth://totp/Vestibule:anna%23"), "{}", uri.expose());
    assert!(uri.expose().ends_with("&issuer=Vestibule&algorithm=SHA1&digits=6&period=30"), "{}", uri.expose());
    assert_eq!(taken(&begun).secret.replace(' ', "").len(), 32, "160 bits");

    world.later(SignedDuration::from_mins(1));
    assert!(person.pending().await.unwrap().is_empty());
    let late = person.prove(begun.authenticator.id, &world.code(&begun, 0)).await.unwrap();
    assert_eq!(late, Proof::Gone, "the right code is too late");
    world.store.keep_house().await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select count(*) from authenticators").fetch_one(world.store.pool()).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn r29_of_two_who_know_one_password_one_comes_away_enrolled_and_neither_sees_the_others_key() {
    let world = World::new().await;
    let other = world.replica().await;
    let (here, there) = (world.person(&world.store, first(1)).await, world.person(&other, first(2)).await);
    let mine = started(here.start_totp(&label("mine")).await.unwrap());
    let theirs = started(there.start_totp(&label("theirs")).await.unwrap());
    assert_ne!(mine.authenticator.id, theirs.authenticator.id);
    assert_eq!(here.pending().await.unwrap().len(), 1);
    assert_eq!(there.prove(mine.authenticator.id, &world.code(&mine, 0)).await.unwrap(), Proof::Gone);

    let (mine_code, their_code) = (world.code(&mine, 0), world.code(&theirs, 0));
    let (a, b) =
        tokio::join!(here.prove(mine.authenticator.id, &mine_code), there.prove(theirs.authenticator.id, &their_code));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(matches!((a, b), (Proof::Done, Proof::Taken) | (Proof::Taken, Proof::Done)), "{a:?} {b:?}");
    assert_eq!(world.account().await.authenticators.len(), 1);
    assert!(here.pending().await.unwrap().is_empty() && there.pending().await.unwrap().is_empty());
    assert!(matches!(there.start_totp(&label("again")).await.unwrap(), Start::Taken));
    assert!(matches!(here.start_totp(&label("again")).await.unwrap(), Start::Taken), "the session is over for both");
}

#[tokio::test]
async fn two_tabs_that_prove_one_key_enrol_it_once_and_the_other_sees_it_done() {
    let world = World::new().await;
    let other = world.replica().await;
    let (one, two) = (world.person(&world.store, first(1)).await, world.person(&other, first(1)).await);
    let pending = started(one.start_totp(&label("a")).await.unwrap());
    let (id, code) = (pending.authenticator.id, world.code(&pending, 0));
    let (a, b) = tokio::join!(one.prove(id, &code), two.prove(id, &code));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(matches!((a, b), (Proof::Done, Proof::Already) | (Proof::Already, Proof::Done)), "{a:?} {b:?}");
    assert_eq!(world.recorded().await.iter().filter(|event| *event == "enrolled").count(), 1);
}

#[tokio::test]
async fn r14_thirty_wrong_codes_are_not_looked_at_and_the_wait_is_told_and_recorded() {
    let world = World::new().await;
    let person = world.person(&world.store, first(1)).await;
    let pending = started(person.start_totp(&label("a")).await.unwrap());
    let (id, wrong) = (pending.authenticator.id, world.wrong(&pending));
    let mut proofs = vec![];
    for _ in 0..30 {
        proofs.push(person.prove(id, &wrong).await.unwrap());
    }
    let until = world.now() + CODES.wait;
    assert_eq!(proofs[8], Proof::Wrong { wait: None });
    assert_eq!(proofs[9], Proof::Wrong { wait: Some(until) });
    assert!(proofs[10..].iter().all(|proof| *proof == Proof::Wait { until }));
    assert_eq!(person.prove(id, &world.code(&pending, 0)).await.unwrap(), Proof::Wait { until }, "even the right one");
    assert_eq!(world.recorded().await.iter().filter(|event| *event == "codes-throttled").count(), 1);
    world.later(CODES.wait);
    assert_eq!(person.prove(id, &world.code(&pending, 0)).await.unwrap(), Proof::Done);
}

#[tokio::test]
async fn three_wait_at_most_and_a_strangers_make_room_for_ones_own() {
    let world = World::new().await;
    let person = world.person(&world.store, first(1)).await;
    for _ in 0..3 {
        started(person.start_another_totp(&label("a")).await.unwrap());
    }
    assert!(matches!(person.start_another_totp(&label("a")).await.unwrap(), Start::TooMany));
    let stranger = world.person(&world.store, first(2)).await;
    started(stranger.start_totp(&label("b")).await.unwrap());
    assert_eq!((person.pending().await.unwrap().len(), stranger.pending().await.unwrap().len()), (2, 1));
    let own = &person.pending().await.unwrap()[0];
    assert!(!stranger.discard(own.authenticator.id).await.unwrap());
    assert!(person.discard(own.authenticator.id).await.unwrap());
    assert!(matches!(person.start_another_totp(&label("a")).await.unwrap(), Start::Pending(_)));
}

#[tokio::test]
async fn r28_an_enrolment_link_may_be_opened_often_and_ends_with_the_first_proof() {
    let world = World::new().await;
    let day = SignedDuration::from_hours(24);
    let (old, _) = world.store.make_enrolment_link(&world.anna, day, &super::by()).await.unwrap();
    let (token, until) = world.store.make_enrolment_link(&world.anna, day, &super::by()).await.unwrap();
    let state = async |token: &Code| world.store.enrolment_link(token).await.unwrap().map(|link| link.state);
    assert_eq!(state(&old).await, None, "a new one takes its place");
    for _ in 0..3 {
        assert_eq!(state(&token).await, Some(LinkState::Open { until }), "mail scanners open links too");
    }
    let kept: Vec<u8> =
        sqlx::query_scalar("select token_hash from enrolment_links").fetch_one(world.store.pool()).await.unwrap();
    assert_ne!(kept, token.expose(), "the database has its hash alone");
    assert_eq!(token.expose().len() * 8, 256);

    let person = world.person(&world.store, first(1)).await;
    let pending = started(person.start_totp(&label("a")).await.unwrap());
    assert_eq!(state(&token).await, Some(LinkState::Open { until }), "nothing is proven yet");
    person.prove(pending.authenticator.id, &world.code(&pending, 0)).await.unwrap();
    assert_eq!(state(&token).await, Some(LinkState::Used));
    assert!(world.recorded().await.ends_with(&["enrolled".into(), "enrolment-link-used".into()]));

    let (token, _) = world.store.make_enrolment_link(&world.anna, day, &super::by()).await.unwrap();
    world.later(day);
    assert_eq!(state(&token).await, Some(LinkState::Expired));
}

#[tokio::test]
async fn whoever_is_blocked_or_disabled_changes_nothing_whatever_session_is_open() {
    let world = World::new().await;
    let person = world.anna().await;
    let pending = started(person.start_totp(&label("a")).await.unwrap());
    let (id, code) = (pending.authenticator.id, world.code(&pending, 0));
    world.store.set_enabled(&world.anna, false, &super::by()).await.unwrap();
    assert_eq!(person.prove(id, &code).await.unwrap(), Proof::Barred);
    assert!(matches!(person.start_another_totp(&label("b")).await.unwrap(), Start::Barred));
    let gone = vestibule::flows::authenticators::Person::of(&world.store, world.anna.id, first(1), super::by());
    assert!(gone.await.unwrap().is_none());
    let memory = TotpMemory { last_accepted: Some(1), ..TotpMemory::default() };
    let direct = world.store.prove(world.anna.id, id, first(1), memory, &super::by()).await.unwrap();
    assert_eq!(direct, vestibule::store::enrolments::Proved::Barred);
}

#[tokio::test]
async fn r29_whoever_removed_the_last_one_begins_and_ends_nothing_as_a_first_until_a_reset() {
    let world = World::new().await;
    let thief = world.person(&world.store, first(2)).await;
    let begun = started(thief.start_totp(&label("begun before")).await.unwrap());
    let Made::Activation(code) = thief.make_activation(DeviceLimit::default()).await.unwrap() else {
        panic!("no code")
    };
    // Not by way of a first enrolment, which would have ended what the other session began.
    let gone = world.enrolled("gone").await.authenticator.id;
    assert_eq!(world.anna().await.remove(gone, EvenTheLast::Yes).await.unwrap(), Removed::Done(Factor::Totp));
    let account = world.account().await;
    assert!(!account.is_enrolled() && account.was_ever_enrolled());

    let seed = Seed::new(*b"12345678901234567890");
    let token = Token::Hotp { seed: seed.clone(), parameters: Parameters::default(), next_counter: 0 };
    world.store.stock_token("H-1", &token, &by()).await.unwrap();
    assert!(matches!(thief.start_another_totp(&label("a")).await.unwrap(), Start::Taken));
    assert_eq!(thief.prove(begun.authenticator.id, &world.code(&begun, 0)).await.unwrap(), Proof::Taken);
    let claimed = thief.claim("H-1", (&shown(&seed, 0), &shown(&seed, 1)), &label("a")).await.unwrap();
    assert_eq!(claimed, Claim::Taken);
    assert!(matches!(thief.make_activation(DeviceLimit::default()).await.unwrap(), Made::Taken));
    let brought = ActivationCode::read(&code.long).unwrap();
    let redeemed = world.store.redeem_activation(&brought, Purpose::App, &label("a"), &by()).await.unwrap();
    assert_eq!(redeemed, Redeemed::Taken);
    let enrolment = Enrolment { token: &token, label: "a", serial: None };
    assert!(world.store.enrol_first(world.anna.id, "anna", &enrolment, &by()).await.unwrap().is_none());

    world.store.reset(&world.anna, &by()).await.unwrap();
    assert!(!world.account().await.was_ever_enrolled());
    assert!(world.store.enrol_first(world.anna.id, "anna", &enrolment, &by()).await.unwrap().is_some());
}
