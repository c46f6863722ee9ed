//! Registration and authentication, with every part of an answer bent once.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::Value;
use vestibule::config::PublicUrl;
use vestibule::factors::passkey::{LONGEST_ANSWER, Passkeys, Person, Refused};

use super::support::authenticator::{Authenticator, BE, BS, Made, UP, UV};
use super::{ORIGIN, asked, passkeys, person, registered};

#[test]
fn a_passkey_signs_its_owner_in_with_and_without_a_name_given_first() {
    let passkeys = passkeys();
    let (mut authenticator, credential) = registered(&passkeys, &person(1, &[]));
    let account = person(1, &[&credential]);
    let started = passkeys.start_authentication(&account).unwrap();
    let answer = authenticator.get(&started.options, |made| made.user = None);
    let used = passkeys.finish_authentication(&started.ceremony, &account, &answer).unwrap();
    assert_eq!(used.authenticator, account.authenticators[0].id);

    let started = passkeys.start_discoverable().unwrap();
    let answer = authenticator.get(&started.options, |made| made.count = 9);
    assert_eq!(passkeys.claimed(&answer).unwrap(), (account.user.id, credential.id.clone()));
    let used = passkeys.finish_authentication(&started.ceremony, &account, &answer).unwrap();
    assert_eq!(used.standing.sign_count, 9);
}

#[test]
fn browsers_are_asked_for_a_verified_user_and_a_passkey_that_is_found_without_a_name() {
    let passkeys = passkeys();
    let (_, first) = registered(&passkeys, &person(1, &[]));
    let account = person(1, &[&first]);
    let started = passkeys.start_registration(&Person { display: "Anna", ..asked(&account) }).unwrap();
    let options: Value = serde_json::from_str(&started.options).unwrap();
    assert_eq!(options["rp"]["id"], "mfa.example.test");
    assert_eq!(options["user"]["displayName"], "Anna");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1, "the same key is not added twice");
    let questions = [passkeys.start_authentication(&account).unwrap(), passkeys.start_discoverable().unwrap()];
    for (question, allowed) in questions.iter().zip([1, 0]) {
        let options: Value = serde_json::from_str(&question.options).unwrap();
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"].as_array().unwrap().len(), allowed);
    }
}

#[test]
fn r31_a_challenge_has_256_bits_and_is_never_given_twice() {
    let passkeys = passkeys();
    let (_, credential) = registered(&passkeys, &person(1, &[]));
    let account = person(1, &[&credential]);
    let mut challenges = HashSet::new();
    for _ in 0..100 {
        for started in [
            passkeys.start_registration(&asked(&account)).unwrap(),
            passkeys.start_authentication(&account).unwrap(),
            passkeys.start_discoverable().unwrap(),
        ] {
            let options: Value = serde_json::from_str(&started.options).unwrap();
            let challenge = options["challenge"].as_str().unwrap().to_owned();
            assert_eq!(data_encoding::BASE64URL_NOPAD.decode(challenge.as_bytes()).unwrap().len(), 32);
            assert!(challenges.insert(challenge));
        }
    }
}

type Bend = fn(&mut Made);

/// Every lie that a registration and an assertion have in common.
const LIES: [(&str, Bend); 15] = [
    ("another ceremony's type", |made| {
        made.kind = if made.kind == "webauthn.get" { "webauthn.create" } else { "webauthn.get" }
    }),
    ("another challenge", |made| made.challenge = data_encoding::BASE64URL_NOPAD.encode(&[7; 32]).into()),
    ("another host", |made| made.origin = "https://evil.example.test:8443".into()),
    ("another port", |made| made.origin = "https://mfa.example.test".into()),
    ("another scheme", |made| made.origin = "http://mfa.example.test:8443".into()),
    ("a subdomain", |made| made.origin = "https://x.mfa.example.test:8443".into()),
    ("an origin with a path", |made| made.origin.push_str("/sign-in")),
    ("an origin with a user", |made| made.origin = "https://me@mfa.example.test:8443".into()),
    ("within another site's page", |made| made.cross_origin = Some(true)),
    ("on top of it another origin", |made| made.top_origin = Some(ORIGIN.into())),
    ("for another relying party", |made| made.rp_id = "example.test".into()),
    ("nobody present", |made| made.flags &= !UP),
    ("nobody verified", |made| made.flags &= !UV),
    ("backed up, and not eligible", |made| made.flags |= BS),
    ("no public key", |made| made.credential_type = "password"),
];

#[test]
fn r31_a_registration_is_refused_when_any_part_of_it_is_not_as_it_was_asked() {
    let passkeys = passkeys();
    let only_here: [(&str, Bend); 7] = [
        ("an algorithm that was not offered", |made| made.algorithm = -8),
        ("an insecure algorithm", |made| made.algorithm = -65535),
        ("an attestation that proves nothing", |made| made.format = "packed"),
        ("an attestation of no known kind", |made| made.format = "mine"),
        ("an id of 1024 bytes", |made| (made.id, made.raw_id) = (vec![7; 1024], vec![7; 1024])),
        ("an id that was not signed for", |made| made.id = vec![7; 16]),
        ("two ids", |made| made.id_text = Some("AAAA".into())),
    ];
    for (lie, bend) in LIES.into_iter().chain(only_here) {
        let account = person(1, &[]);
        let started = passkeys.start_registration(&asked(&account)).unwrap();
        let answer = Authenticator::at(ORIGIN).create(&started.options, bend);
        let made = passkeys.finish_registration(&started.ceremony, account.user.id, &answer);
        assert!(made.is_err(), "{lie}");
    }
}

#[test]
fn r31_an_assertion_is_refused_when_any_part_of_it_is_not_as_it_was_asked() {
    let passkeys = passkeys();
    let (mut authenticator, credential) = registered(&passkeys, &person(1, &[]));
    let account = person(1, &[&credential]);
    let only_here: [(&str, Bend); 5] = [
        ("signed with another key", |made| made.foreign_key = true),
        ("of another user", |made| made.user = Some(vec![7; 16])),
        ("of a credential nobody has", |made| made.raw_id = vec![7; 32]),
        ("two ids", |made| made.id_text = Some("AAAA".into())),
        ("its user in other bytes", |made| made.user = Some(vec![])),
    ];
    for (lie, bend) in LIES.into_iter().chain(only_here) {
        for started in [passkeys.start_authentication(&account).unwrap(), passkeys.start_discoverable().unwrap()] {
            let answer = authenticator.get(&started.options, bend);
            assert!(passkeys.finish_authentication(&started.ceremony, &account, &answer).is_err(), "{lie}");
            let honest = authenticator.get(&started.options, |_| {});
            assert!(passkeys.finish_authentication(&started.ceremony, &account, &honest).is_ok(), "{lie}, unbent");
        }
    }
}

#[test]
fn r31_a_passkey_found_without_a_name_has_to_say_whose_it_is() {
    let passkeys = passkeys();
    let (mut authenticator, credential) = registered(&passkeys, &person(1, &[]));
    let account = person(1, &[&credential]);
    let started = passkeys.start_discoverable().unwrap();
    let answer = authenticator.get(&started.options, |made| made.user = None);
    assert!(passkeys.claimed(&answer).is_err());
    let finished = passkeys.finish_authentication(&started.ceremony, &account, &answer);
    assert!(matches!(finished, Err(Refused::Ceremony)));
}

#[test]
fn r31_an_answer_serves_only_its_own_ceremony_and_person() {
    let passkeys = passkeys();
    let (mut authenticator, credential) = registered(&passkeys, &person(1, &[]));
    let (mut others, their) = registered(&passkeys, &person(2, &[]));
    let (account, other) = (person(1, &[&credential]), person(2, &[&their]));
    let registration = passkeys.start_registration(&asked(&account)).unwrap();
    let question = passkeys.start_authentication(&account).unwrap();
    let made = Authenticator::at(ORIGIN).create(&registration.options, |_| {});
    assert!(passkeys.finish_registration(&registration.ceremony, other.user.id, &made).is_err(), "another session's");
    assert!(passkeys.finish_registration(&question.ceremony, account.user.id, &made).is_err());
    let answer = authenticator.get(&question.options, |_| {});
    assert!(passkeys.finish_authentication(&registration.ceremony, &account, &answer).is_err());
    assert!(passkeys.finish_authentication(&question.ceremony, &other, &answer).is_err());
    let again = passkeys.start_authentication(&account).unwrap();
    assert!(passkeys.finish_authentication(&again.ceremony, &account, &answer).is_err(), "an old challenge");
    let foreign = others.get(&question.options, |_| {});
    assert!(passkeys.finish_authentication(&question.ceremony, &account, &foreign).is_err());
}

#[test]
fn r31_a_counter_that_goes_back_is_told_apart_from_a_wrong_signature() {
    let passkeys = passkeys();
    let (mut authenticator, mut credential) = registered(&passkeys, &person(1, &[]));
    credential.standing.sign_count = 8;
    let account = person(1, &[&credential]);
    for started in [passkeys.start_authentication(&account).unwrap(), passkeys.start_discoverable().unwrap()] {
        for count in [0, 7, 8] {
            let copied = authenticator.get(&started.options, |made| made.count = count);
            let finished = passkeys.finish_authentication(&started.ceremony, &account, &copied);
            assert!(matches!(finished, Err(Refused::Copied)), "{count}");
            let forged = authenticator.get(&started.options, |made| (made.count, made.foreign_key) = (count, true));
            let finished = passkeys.finish_authentication(&started.ceremony, &account, &forged);
            assert!(matches!(finished, Err(Refused::NotVerified(_))), "{count}");
        }
    }
}

#[test]
fn what_made_a_passkey_and_whether_it_is_backed_up_is_taken_down() {
    let passkeys = passkeys();
    let account = person(1, &[]);
    let started = passkeys.start_registration(&asked(&account)).unwrap();
    let answer = Authenticator::at(ORIGIN).create(&started.options, |made| {
        made.model = 0xd548826e_79b4_db40_a3d8_11116f7e8349_u128.to_be_bytes();
        made.flags |= BE | BS;
    });
    let credential = passkeys.finish_registration(&started.ceremony, account.user.id, &answer).unwrap();
    assert_eq!(credential.model_name(), Some("Bitwarden"));
    assert!(credential.standing.backup_eligible && credential.standing.backed_up);
    let (_, silent) = registered(&passkeys, &account);
    assert_eq!(silent.model, None, "sixteen zeroes say nothing");
}

#[test]
fn an_address_without_a_host_name_has_no_passkeys_and_the_usual_port_is_no_part_of_an_origin() {
    assert!(Passkeys::new(&PublicUrl::parse("https://192.0.2.7").unwrap()).is_err());
    let passkeys = Passkeys::new(&PublicUrl::parse("https://mfa.example.test:443").unwrap()).unwrap();
    let account = person(1, &[]);
    let started = passkeys.start_registration(&asked(&account)).unwrap();
    let answer = Authenticator::at("https://mfa.example.test").create(&started.options, |_| {});
    assert!(passkeys.finish_registration(&started.ceremony, account.user.id, &answer).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// R31: a byte anywhere in the answer makes the difference, or none at all; it never lets anybody else in.
    #[test]
    fn r31_no_changed_byte_of_an_answer_makes_another_passkey_of_it(at: prop::sample::Index, by in 1..=255_u8) {
        let passkeys = passkeys();
        let (mut authenticator, credential) = registered(&passkeys, &person(1, &[]));
        let account = person(1, &[&credential]);
        let started = passkeys.start_authentication(&account).unwrap();
        let mut answer = authenticator.get(&started.options, |_| {}).into_bytes();
        let at = at.index(answer.len());
        answer[at] ^= by;
        if let Ok(answer) = String::from_utf8(answer)
            && let Ok(used) = passkeys.finish_authentication(&started.ceremony, &account, &answer)
        {
            prop_assert_eq!(used.standing.sign_count, 0, "what was signed is as it was signed");
        }
    }

    #[test]
    fn any_text_is_no_answer_and_does_no_harm(text in ".{0,400}", extra in 0..2_usize) {
        let passkeys = passkeys();
        let account = person(1, &[]);
        let text = text + &" ".repeat(extra * LONGEST_ANSWER);
        let registration = passkeys.start_registration(&asked(&account)).unwrap();
        prop_assert!(passkeys.finish_registration(&registration.ceremony, account.user.id, &text).is_err());
        let question = passkeys.start_discoverable().unwrap();
        prop_assert!(passkeys.claimed(&text).is_err());
        prop_assert!(passkeys.finish_authentication(&question.ceremony, &account, &text).is_err());
    }
}
