//! Failures of the second factor: counted once each, whatever the name and whichever replica, and locked out by.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use vestibule::domain::outcome::{Denial, Outcome};

use super::codes::{Judge, SetClock, granted, race};
use super::support::appliance::{Appliance, netscaler};
use super::support::ldap::Ldap;
use super::support::people::{app, hotp, tester, totp};
use super::support::slapd::SlapdOptions;
use super::{answer, openldap, openldap_with};

#[tokio::test]
async fn r14_of_200_wrong_codes_at_once_by_any_name_over_two_replicas_exactly_ten_are_tried() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let replica = appliance.replica().await;
    let user = appliance.person("user0001");
    let names = ["user0001".to_owned(), "USER0001@example.test".to_owned(), user.dn.clone()];
    let wrong = user.with(&user.wrong_code());
    let doors = [appliance.ldap_addr, replica.ldap_addr];
    let answers = race(&doors, 200, |at| (names[at % 3].clone(), wrong.clone())).await;
    assert_eq!(granted(&answers), 0);

    let recorded = appliance.recorded().await;
    let count = |reason: &str| recorded.iter().filter(|recorded| *recorded == reason).count();
    assert_eq!((count("wrong-code"), count("locked-out")), (10, 190));
    assert_eq!(appliance.failures("user0001").await, 10);
    assert_eq!(appliance.events("locked-out").await.len(), 1);
    let mut gateway = Ldap::connect(replica.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(49), "the right code is too late");
}

#[tokio::test]
async fn a_locked_user_gets_the_same_answer_for_a_right_and_a_wrong_password_until_a_person_unlocks() {
    let slapd = openldap();
    let appliance =
        Appliance::before(&slapd).user("user0001").with(hotp()).with(app()).set("sign_in.lockout_failures", "2").await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for _ in 0..2 {
        assert_eq!(gateway.bind(&user.dn, &user.with(&user.wrong_code())).await, answer(49));
    }
    let fields = [user.with(&user.hotp()), user.password.clone(), "wrong".to_owned(), user.with("push")];
    for field in &fields {
        assert_eq!(gateway.bind(&user.dn, field).await, answer(49), "{field}");
    }
    assert_eq!(appliance.prompts().await.len(), 0, "a locked user's phone stays silent");
    assert_eq!(appliance.failures("user0001").await, 2, "what is not tried does not count");
    appliance.store().unlock(&user.listed, &tester()).await.unwrap();
    assert_eq!(gateway.bind(&user.dn, &fields[0]).await, answer(0), "the code was not used up meanwhile");
}

#[tokio::test]
async fn a_success_forgives_failures_and_a_wrong_password_is_none_of_ours() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for field in ["wrong".to_owned(), "wrong,123456".to_owned()] {
        assert_eq!(gateway.bind(&user.dn, &field).await, answer(49));
    }
    assert_eq!(appliance.failures("user0001").await, 0);
    for field in [user.password.clone(), user.with(&user.wrong_code())] {
        assert_eq!(gateway.bind(&user.dn, &field).await, answer(49));
    }
    assert_eq!(appliance.failures("user0001").await, 2);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    assert_eq!(appliance.failures("user0001").await, 0);
}

#[tokio::test]
async fn r16_whoever_guesses_passwords_of_every_user_locks_out_none() {
    // Two hundred guesses: for each user twice as many as failures would lock the user out.
    const PEOPLE: usize = 10;
    let slapd = openldap_with(SlapdOptions { people: PEOPLE, ..SlapdOptions::default() });
    let names: Vec<String> = (1..=PEOPLE).map(|number| format!("user{number:04}")).collect();
    let arrangement = names.iter().fold(Appliance::before(&slapd), |so_far, name| so_far.user(name).with(hotp()));
    let appliance = arrangement.set("sign_in.denials_per_source_per_minute", "1000000").await;
    let guess = |at: usize| (names[at % PEOPLE].clone(), format!("guess{at},123456"));
    assert_eq!(granted(&race(&[appliance.ldap_addr], 20 * PEOPLE, guess).await), 0);
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for user in names.iter().map(|name| appliance.person(name)) {
        assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0), "{}", user.dn);
    }
}

#[tokio::test]
async fn each_lockout_lasts_twice_as_long_as_the_one_before_and_is_recorded_once() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let clock = SetClock::at(Timestamp::from_second(1_800_000_000).unwrap());
    let judge = Judge::on(&appliance, Arc::clone(&clock), netscaler()).await;
    let wrong = "000000";
    for minutes in [15, 30, 60] {
        for _ in 0..3 {
            assert_eq!(judge.code(&user.listed, wrong).await, Outcome::Denied(Denial::WrongCode));
        }
        clock.step(SignedDuration::from_mins(minutes) - SignedDuration::from_secs(1));
        assert_eq!(judge.code(&user.listed, wrong).await, Outcome::Denied(Denial::LockedOut), "{minutes} minutes");
        clock.step(SignedDuration::from_secs(1));
    }
    assert_eq!(judge.code(&user.listed, wrong).await, Outcome::Denied(Denial::WrongCode));
    assert_eq!(appliance.events("locked-out").await.len(), 3, "a failure after a lockout is no lockout");
}
