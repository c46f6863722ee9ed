//! Activation codes (SECURITY R28).

use std::net::IpAddr;

use jiff::SignedDuration;
use vestibule::domain::activation::{ActivationCode, DeviceLimit, LIFETIME, Purpose, State};
use vestibule::domain::attempts::{ALL_SHORT_CODES, SHORT_CODES};
use vestibule::flows::activations::{Redemption, redeem};
use vestibule::flows::authenticators::Person;
use vestibule::flows::enrol::link_token;
use vestibule::store::Store;
use vestibule::store::activations::{Activation, Made, Redeemed};

use super::{World, by, first, label};

const PHONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

async fn made(person: &Person<'_>) -> Activation {
    match person.make_activation(DeviceLimit::default()).await.unwrap() {
        Made::Activation(made) => made,
        Made::TooMany | Made::Taken | Made::Barred => panic!("no code was made"),
    }
}

async fn brought(store: &Store, text: &str) -> Redemption {
    redeem(store, text, Purpose::App, &label("phone"), PHONE, &by()).await.unwrap()
}

#[tokio::test]
async fn r28_of_two_phones_with_one_code_one_wins_and_the_other_raises_an_alert() {
    let world = World::new().await;
    let other = world.replica().await;
    let person = world.anna().await;
    let code = made(&person).await;
    assert_eq!(person.activation_state(code.id).await.unwrap(), Some(State::Waiting));
    let (a, b) = tokio::join!(brought(&world.store, &code.long), brought(&other, &code.short));
    let won = |end| matches!(end, Redemption::Redeemed(Redeemed::Done { .. }));
    let lost = |end| matches!(end, Redemption::Redeemed(Redeemed::Reused));
    assert!((won(a) && lost(b)) || (lost(a) && won(b)), "{a:?} {b:?}");
    assert_eq!(world.account().await.authenticators.len(), 1);
    assert_eq!(person.activation_state(code.id).await.unwrap(), Some(State::Used));
    let reused = world.recorded().await.iter().filter(|event| *event == "activation-reused").count();
    assert_eq!(reused, 1);
    assert_eq!(brought(&world.store, &code.long).await, Redemption::Redeemed(Redeemed::Reused), "for ever");
}

#[tokio::test]
async fn r28_a_code_that_has_expired_or_was_taken_back_opens_nothing() {
    let world = World::new().await;
    let person = world.anna().await;
    let code = made(&person).await;
    world.later(LIFETIME);
    assert_eq!(brought(&world.store, &code.long).await, Redemption::Redeemed(Redeemed::Over));
    assert_eq!(person.activation_state(code.id).await.unwrap(), Some(State::Expired));
    assert!(!person.cancel_activation(code.id).await.unwrap());
    let code = made(&person).await;
    assert!(person.cancel_activation(code.id).await.unwrap());
    assert_eq!(brought(&world.store, &code.short).await, Redemption::Redeemed(Redeemed::Over));
    let (old, new) = (made(&person).await, made(&person).await);
    assert_eq!(brought(&world.store, &old.long).await, Redemption::Redeemed(Redeemed::Over), "one at a time");
    assert!(matches!(brought(&world.store, &new.long).await, Redemption::Redeemed(Redeemed::Done { .. })));
}

#[tokio::test]
async fn r28_a_code_serves_its_own_purpose_alone_and_the_database_does_not_know_it() {
    let world = World::new().await;
    let code = made(&world.anna().await).await;
    let link = link_token(&code.long).unwrap();
    assert!(world.store.enrolment_link(&link).await.unwrap().is_none(), "it is no invitation");
    let day = SignedDuration::from_hours(24);
    let (token, _) = world.store.make_enrolment_link(&world.anna, day, &by()).await.unwrap();
    let as_code = ActivationCode::Long(token);
    let redeemed = world.store.redeem_activation(&as_code, Purpose::App, &label("a"), &by()).await.unwrap();
    assert_eq!(redeemed, Redeemed::Unknown, "an invitation activates no phone");

    let kept: (Vec<u8>, Vec<u8>) =
        sqlx::query_as("select code_hash, short_mac from activations").fetch_one(world.store.pool()).await.unwrap();
    let short = code.short.replace('-', "");
    assert!(
        kept.0.len() == 32 && kept.1.len() == 32 && kept.0 != link.expose() && !kept.1.starts_with(short.as_bytes())
    );
}

#[tokio::test]
async fn r28_short_codes_cannot_be_guessed_and_a_scanned_one_still_serves_meanwhile() {
    let world = World::new().await;
    let code = made(&world.anna().await).await;
    let mut ends = vec![];
    for number in 0..12 {
        ends.push(brought(&world.store, &format!("0000-{number:04}")).await);
    }
    let until = world.now() + SHORT_CODES.wait;
    assert!(ends[..10].iter().all(|end| *end == Redemption::Redeemed(Redeemed::Unknown)), "{ends:?}");
    assert!(ends[10..].iter().all(|end| *end == Redemption::Wait { until }), "{ends:?}");
    assert_eq!(brought(&world.store, &code.short).await, Redemption::Wait { until }, "even the right one");
    // From ever new addresses.
    let mut waits = 0;
    for number in 0..ALL_SHORT_CODES.tries {
        let source = IpAddr::from([203, 0, 113, u8::try_from(number).unwrap()]);
        let end = redeem(&world.store, "0000-ZZZZ", Purpose::App, &label("a"), source, &by()).await.unwrap();
        waits += u32::from(matches!(end, Redemption::Wait { .. }));
    }
    assert_eq!(waits, 10, "ten of the hundred were used up before");
    assert!(matches!(brought(&world.store, &code.long).await, Redemption::Redeemed(Redeemed::Done { .. })));
}

#[tokio::test]
async fn a_person_has_no_more_phones_than_they_may_have() {
    let world = World::new().await;
    let person = world.anna().await;
    let one = DeviceLimit::new(1).unwrap();
    let Made::Activation(code) = person.make_activation(one).await.unwrap() else { panic!("no code was made") };
    assert!(matches!(brought(&world.store, &code.long).await, Redemption::Redeemed(Redeemed::Done { .. })));
    assert!(matches!(person.make_activation(one).await.unwrap(), Made::TooMany));
}

#[tokio::test]
async fn r29_a_phone_of_a_first_enrolment_is_the_first_or_none() {
    let world = World::new().await;
    let (here, there) = (world.person(&world.store, first(1)).await, world.person(&world.store, first(2)).await);
    let (mine, theirs) = (made(&here).await, made(&there).await);
    assert!(matches!(brought(&world.store, &mine.long).await, Redemption::Redeemed(Redeemed::Done { .. })));
    assert_eq!(brought(&world.store, &theirs.long).await, Redemption::Redeemed(Redeemed::Over));
    assert!(matches!(there.make_activation(DeviceLimit::default()).await.unwrap(), Made::Taken));
}
