//! Hardware tokens in stock, and who comes to them.

use vestibule::domain::attempts::CODES;
use vestibule::domain::otp::{Parameters, TotpMemory, totp_step};
use vestibule::domain::secret::Seed;
use vestibule::domain::user::Token;
use vestibule::flows::authenticators::Claim;

use super::{World, by, first, label, shown};

fn seed() -> Seed {
    Seed::new(*b"12345678901234567890")
}

fn totp() -> Token {
    Token::Totp { seed: seed(), parameters: Parameters::default(), memory: TotpMemory::default() }
}

fn hotp() -> Token {
    Token::Hotp { seed: seed(), parameters: Parameters::default(), next_counter: 0 }
}

#[tokio::test]
async fn a_token_in_stock_is_claimed_once_by_two_codes_and_then_opens() {
    let world = World::new().await;
    assert!(world.store.stock_token("A-1", &totp(), &by()).await.unwrap());
    assert!(!world.store.stock_token("A-1", &hotp(), &by()).await.unwrap(), "a serial number is there once");
    let other = world.replica().await;
    let (here, there) = (world.person(&world.store, first(1)).await, world.person(&other, first(1)).await);
    // Its clock is ten minutes ahead, as a clock in a drawer may be.
    let step = totp_step(world.now().as_second(), Parameters::default().period) + 20;
    let codes = (shown(&seed(), step), shown(&seed(), step + 1));
    let codes = (codes.0.as_str(), codes.1.as_str());
    let name = label("key ring");
    let (a, b) = tokio::join!(here.claim(" A-1 ", codes, &name), there.claim("A-1", codes, &name));
    let (a, b) = (a.unwrap(), b.unwrap());
    let done = |claim| matches!(claim, Claim::Done(_));
    assert!(done(a) != done(b), "{a:?} {b:?}");
    let own = here.list().await.unwrap();
    assert_eq!((own.len(), own[0].serial.as_deref()), (1, Some("A-1")));
    assert!(world.store.token_stock().await.unwrap().is_empty());
    assert!(!world.store.stock_token("A-1", &totp(), &by()).await.unwrap(), "it is somebody's");
    let account = world.account().await;
    let Token::Totp { memory, .. } = &account.authenticators[0].token else { panic!("no TOTP token") };
    assert_eq!((memory.anchor, memory.last_accepted), (21, Some(step + 1)), "where it was shown to be");
}

#[tokio::test]
async fn an_unknown_serial_and_wrong_codes_are_answered_alike_and_soon_not_at_all() {
    let world = World::new().await;
    world.store.stock_token("H-1", &hotp(), &by()).await.unwrap();
    let person = world.person(&world.store, first(1)).await;
    let right = (shown(&seed(), 0), shown(&seed(), 1));
    for serial in ["H-1", "H-2"] {
        assert_eq!(
            person.claim(serial, ("000000", "000001"), &label("a")).await.unwrap(),
            Claim::NoMatch { wait: None }
        );
        // Of a length that this token's codes do not have.
        assert_eq!(
            person.claim(serial, ("00000000", "1111111"), &label("a")).await.unwrap(),
            Claim::NoMatch { wait: None }
        );
        assert_eq!(person.claim(serial, ("12345", "000001"), &label("a")).await.unwrap(), Claim::Malformed);
    }
    let swapped = person.claim("H-1", (&right.1, &right.0), &label("a")).await.unwrap();
    assert_eq!(swapped, Claim::NoMatch { wait: None });
    for _ in 0..5 {
        person.claim("H-2", ("000000", "000001"), &label("a")).await.unwrap();
    }
    let until = world.now() + CODES.wait;
    assert_eq!(person.claim("H-1", (&right.0, &right.1), &label("a")).await.unwrap(), Claim::Wait { until });
    world.later(CODES.wait);
    assert!(matches!(person.claim("H-1", (&right.0, &right.1), &label("a")).await.unwrap(), Claim::Done(_)));
}

#[tokio::test]
async fn r29_a_token_is_no_second_way_to_a_first_enrolment() {
    let world = World::new().await;
    world.store.stock_token("H-1", &hotp(), &by()).await.unwrap();
    let wizard = world.person(&world.store, first(1)).await;
    world.enrolled("mine").await;
    let codes = (shown(&seed(), 0), shown(&seed(), 1));
    let end = wizard.claim("H-1", (&codes.0, &codes.1), &label("a")).await.unwrap();
    assert_eq!(end, Claim::Taken);
    assert_eq!(world.store.token_stock().await.unwrap().len(), 1, "it stays in stock");
}

#[tokio::test]
async fn r44_a_change_of_the_master_key_seals_the_stock_anew() {
    let world = World::new().await;
    world.store.stock_token("H-1", &hotp(), &by()).await.unwrap();
    let keyring = world.store.keyring().with_fresh_key(world.store.ambient());
    let rotated = world.store.with_keyring(keyring.clone());
    rotated.reseal(&by()).await.unwrap();
    let alone = world.store.with_keyring(keyring.only_current());
    let token = alone.claimable("H-1").await.unwrap().unwrap().token;
    assert!(matches!(&token, Token::Hotp { seed: kept, .. } if kept.same_as(seed().expose())));
}
