use std::collections::BTreeSet;

use super::*;
use crate::domain::radius::template;

fn sides() -> impl Iterator<Item = (&'static Product, Door, &'static Side)> {
    PRODUCTS.iter().flat_map(|product| product.sides().map(move |(door, side)| (product, door, side)))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn no_two_products_answer_to_one_name() {
    let mut taken = BTreeSet::new();
    for product in PRODUCTS {
        for name in std::iter::once(&product.name).chain(product.aliases) {
            assert!(taken.insert(*name), "{name} is taken twice");
            let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
            assert!(name.chars().all(plain), "{name} is typed as a word");
            assert_eq!(find(name).unwrap().name, product.name);
        }
        assert!(product.sides().next().is_some(), "{} comes in by no door", product.name);
    }
    assert_eq!(find("FortiGate").unwrap().name, "fortigate", "in any case");
    assert!(find("toaster").is_none());
}

#[test]
fn our_answer_reaches_each_gateway_before_it_gives_up() {
    for (product, door, side) in sides() {
        for wait in std::iter::once(side.push).chain(side.default) {
            assert!(wait.tries >= 1 && !wait.each.is_zero(), "{} {door:?}: {wait:?}", product.name);
            assert!(wait.answer_by() < wait.total(), "{} {door:?}: {wait:?}", product.name);
            assert!(wait.total() <= wait.answer_by() + seconds(5), "{} {door:?}: {wait:?}", product.name);
        }
        assert!(
            (seconds(1)..=Duration::from_mins(10)).contains(&side.answer_by()),
            "{} {door:?}: a client's deadline",
            product.name
        );
        assert!(side.answer_by() >= TIME_FOR_A_PHONE, "{} {door:?}: set up, it leaves time for a phone", product.name);
    }
}

#[test]
fn each_product_that_gives_up_early_says_where_that_is_set() {
    for (product, door, side) in sides() {
        let early = side.default.is_some_and(|wait| wait.total() < side.push.total());
        assert!(!early || !side.settings.is_empty(), "{} {door:?} has no setting", product.name);
        for setting in side.settings {
            assert!(!setting.place.is_empty() && !setting.set.is_empty(), "{} {door:?}", product.name);
        }
    }
}

#[test]
fn a_gateway_that_gives_up_before_our_deadline_is_to_wait_longer() {
    let fortigate = find("fortigate").unwrap();
    let said = |answer_by, factors: &[Factor]| advice(fortigate, Door::Radius, answer_by, Duration::ZERO, factors);
    let waits = |advice: &[Advice]| advice.iter().any(|one| matches!(one, Advice::WaitLonger { .. }));
    assert!(waits(&said(seconds(55), &[Factor::Totp])), "5 s are over before 55 s");
    assert!(!waits(&said(seconds(4), &[Factor::Totp])), "a code is checked within 4 s");
    assert!(waits(&said(seconds(4), &[Factor::Totp, Factor::App])), "a phone is not out within 5 s");
    let text = said(seconds(55), &[Factor::App]).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("FortiGate gives up after 5 s") && text.contains("remoteauthtimeout 60"), "{text}");
}

#[test]
fn a_deadline_past_the_longest_sensible_wait_is_told() {
    let pan = find("globalprotect").unwrap();
    let said = advice(pan, Door::Radius, seconds(55), seconds(10), &[Factor::App]);
    assert!(said.iter().any(|one| matches!(one, Advice::AnswerSooner { .. })), "{said:?}");
    let side = pan.side(Door::Radius).unwrap();
    let said = advice(pan, Door::Radius, side.answer_by(), seconds(10), &[Factor::App]);
    assert!(!said.iter().any(|one| matches!(one, Advice::AnswerSooner { .. })), "{said:?}");
}

#[test]
fn a_gateway_that_asks_twice_gets_a_grace_and_is_told_of_without_one() {
    let pan = find("palo-alto").unwrap();
    let side = pan.side(Door::Radius).unwrap();
    assert!(!side.grace().is_zero() && side.grace() <= Duration::from_mins(1));
    let asks = |grace| {
        let said = advice(pan, Door::Radius, side.answer_by(), grace, &[Factor::Totp]);
        said.iter().any(|one| matches!(one, Advice::GiveGrace { .. }))
    };
    assert!(asks(Duration::ZERO) && !asks(seconds(10)));
}

#[test]
fn the_message_authenticator_is_named_where_it_has_to_be_switched_on() {
    let netscaler = find("netscaler").unwrap();
    let said = |door| advice(netscaler, door, seconds(55), Duration::ZERO, &[]);
    assert!(said(Door::Radius).iter().any(|one| one.to_string().contains("-messageAuthenticator ON")));
    assert!(!said(Door::Ldap).iter().any(|one| matches!(one, Advice::SendAuthenticator { .. })), "LDAP has none");
}

#[test]
fn a_door_that_a_product_does_not_have_gets_no_advice() {
    let pam = find("pam-radius").unwrap();
    assert!(pam.side(Door::Ldap).is_none());
    assert_eq!(advice(pam, Door::Ldap, seconds(55), Duration::ZERO, &Factor::ALL), []);
}

#[test]
fn the_reply_presets_it_names_exist() {
    for (product, radius) in PRODUCTS.iter().filter_map(|product| Some((product, product.radius.as_ref()?))) {
        for name in radius.groups {
            assert!(template::PRESETS.iter().any(|preset| preset.name == *name), "{}: {name}", product.name);
        }
    }
}
