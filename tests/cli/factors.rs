//! Enrolment: what is secret is shown once, and nowhere else.

use std::sync::Arc;

use std::time::Duration;

use tokio::sync::Semaphore;
use vestibule::ambient::Ambient;
use vestibule::domain::otp::{Parameters, Token, seed_from_base32, seed_from_hex, seed_to_hex};
use vestibule::domain::secret::Code;
use vestibule::factors::recovery;

use crate::fixture::{Appliance, slapd};

/// The secret of RFC 4226 appendix D.
const SEED_HEX: &str = "3132333435363738393031323334353637383930";

fn code_of(hex: &str, counter: u64) -> String {
    let seed = seed_from_hex(hex).unwrap();
    let code = Token { seed: &seed, parameters: Parameters::default() }.code(counter);
    String::from_utf8(code.expose().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_totp_secret_is_shown_once_and_stands_nowhere_else() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let enrolled = appliance.run(&["user", "enrol-totp", "user0001", "--label", "my phone", "--json"]).json();
    let secret = enrolled["secret_base32"].as_str().unwrap().to_owned();
    let seed = seed_from_base32(&secret).unwrap();
    assert_eq!(seed.expose().len(), 20);
    let uri = enrolled["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Vestibule:user0001?secret="), "{uri}");
    assert!(uri.contains(&secret) && uri.contains("algorithm=SHA1&digits=6&period=30"), "{uri}");

    let shown = appliance.run(&["user", "show", "user0001", "--json"]).json();
    assert_eq!(shown["authenticators"][0]["id"], enrolled["authenticator"]);
    assert_eq!(shown["authenticators"][0]["label"], "my phone");
    let hex = seed_to_hex(&seed);
    for args in [
        &["user", "show", "user0001"][..],
        &["user", "list", "--json"],
        &["audit", "tail", "--json"],
        &["audit", "verify"],
        &["doctor"],
        &["config", "dump"],
    ] {
        let said = appliance.run(args);
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(&secret) && !all.contains(hex.expose()), "{args:?} shows the secret: {all}");
    }
    let sealed: Vec<u8> =
        sqlx::query_scalar("select seed_sealed from authenticators").fetch_one(&appliance.pool).await.unwrap();
    assert!(!sealed.windows(20).any(|window| window == seed.expose()), "R44: it is sealed in the database");

    let human =
        appliance.run(&["user", "enrol-totp", "user0002", "--hash", "sha256", "--digits", "8", "--period", "60"]);
    assert!(human.err.contains("not shown again"), "{human:?}");
    assert!(human.out.contains("algorithm=SHA256&digits=8&period=60"), "{human:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_secret_comes_from_a_file_or_standard_input_and_is_not_repeated() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let file = appliance.dir.write("seed", format!("{secret}\n"));
    let given = appliance.run(&["user", "enrol-totp", "user0001", "--secret-file", &file]);
    assert!(!given.out.contains(secret) && !given.err.contains(secret), "{given:?}");
    assert!(given.out.contains("new TOTP token"), "{given:?}");
    let weak =
        appliance.run_with(&["user", "enrol-totp", "user0001", "--secret-file", "-", "--json"], b"GEZDGNBVGY3TQOJQ");
    assert!(weak.err.contains("128 bits"), "{weak:?}");
    assert!(weak.json().get("secret_base32").is_none());
    appliance.run_with(&["user", "enrol-totp", "user0001", "--secret-file", "-"], b"not base32!").fails(2, &["base32"]);
    appliance.run_with(&["user", "enrol-totp", "user0001", "--secret-file", "-"], b"").fails(2, &["is empty"]);
    appliance
        .run(&["user", "enrol-totp", "user0001", "--secret-file", "/nowhere"])
        .fails(2, &["/nowhere", "check the path"]);
    appliance.run(&["user", "enrol-totp", "user0001", "--digits", "5"]).fails(2, &["6, 7 or 8 digits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hardware_token_that_ran_ahead_is_found_again_by_two_codes_and_never_goes_back() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let file = appliance.dir.write("seed", SEED_HEX);
    let add = |user: &str, form: &str| {
        appliance.run(&["user", "add-hotp", user, "--seed-file", &file, form, "--serial", "A-17", "--json"])
    };
    add("user0001", "--base32").fails(2, &["base32"]);
    add("user0001", "--hex").ok();
    add("user0002", "--hex").fails(2, &["serial number"]);

    let resync = |first: &str, second: &str| appliance.run(&["user", "resync", "user0001", first, second]);
    let (first, second) = (code_of(SEED_HEX, 300), code_of(SEED_HEX, 301));
    resync(&second, &first).fails(1, &["check the order"]);
    resync("12345", "123456").fails(2, &["6 digits"]);
    assert!(resync(&first, &second).ok().contains("found again"));
    let position: i64 =
        sqlx::query_scalar("select position from authenticators").fetch_one(&appliance.pool).await.unwrap();
    assert_eq!(position, 302, "both codes are spent");
    assert_eq!(resync(&first, &second).code, 1, "and stay spent");
    appliance.run(&["user", "resync", "user0002", "123456", "123457"]).fails(1, &["no token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_set_shown_to_be_there_and_taken_away_and_stands_nowhere() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let set = |pin: &[u8]| appliance.run_with(&["user", "pin", "user0001", "--pin-file", "-"], pin);
    set(b"1234").fails(2, &["the first that anybody tries"]);
    set(b"258").fails(2, &["4 to 16 digits"]);
    set(b"25a0").fails(2, &["digits 0 to 9"]);
    assert!(set(b"2580\n").ok().contains("new PIN"));
    assert!(appliance.run(&["user", "show", "user0001"]).ok().contains("PIN"));
    let kept: String = sqlx::query_scalar("select pin_hash from users where name = 'user0001'")
        .fetch_one(&appliance.pool)
        .await
        .unwrap();
    assert!(kept.starts_with("$argon2id$") && !kept.contains("2580"), "{kept}");
    let clear = || appliance.run(&["user", "pin", "user0001", "--clear"]);
    clear().ok();
    clear().fails(1, &["has no PIN"]);
    set(b"2580").ok();
    appliance.run(&["user", "reset", "user0001", "--yes"]).ok();
    clear().fails(1, &["has no PIN"]);
    let events = appliance.run(&["audit", "tail", "--json"]).ok();
    assert!(events.contains("pin-set") && events.contains("pin-cleared"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_hours_off_is_found_again() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let file = appliance.dir.write("seed", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    appliance.run(&["user", "enrol-totp", "user0001", "--secret-file", &file]).ok();
    let ahead = u64::try_from(Ambient::system().now().as_second()).unwrap() / 30 + 400;
    let (first, second) = (code_of(SEED_HEX, ahead), code_of(SEED_HEX, ahead + 1));
    appliance.run(&["user", "resync", "user0001", &first, &second]).ok();
    let (anchor, position): (i32, i64) =
        sqlx::query_as("select anchor, position from authenticators").fetch_one(&appliance.pool).await.unwrap();
    // The clock may have passed into the next step meanwhile.
    assert!((400..=401).contains(&anchor), "{anchor}");
    assert_eq!(u64::try_from(position).unwrap(), ahead + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_recovery_codes_work_once_read_off_paper_and_the_old_ones_are_void() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let codes = |user: &str| -> Vec<String> {
        let json = appliance.run(&["user", "recovery-codes", user, "--json"]).json();
        json["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
    };
    let old = codes("user0001");
    let new = codes("user0001");
    let others = codes("user0002");
    assert_eq!((old.len(), new.len()), (10, 10));
    assert!(new.iter().all(|code| code.len() == 19 && code.split('-').all(|part| part.len() == 4)), "{new:?}");

    let store = appliance.store().await;
    let id = appliance.run(&["user", "show", "user0001", "--json"]).json()["id"].as_str().unwrap().parse().unwrap();
    let hashing = Arc::new(Semaphore::new(1));
    let matches = async |code: &str| {
        let code = Code::new(code.replace('-', "").into_bytes());
        recovery::matches(&store, id, &code, &hashing).await.unwrap()
    };
    assert_eq!(matches(&new[3]).await.as_deref(), new[3].get(..2));
    assert_eq!(
        matches(&new[3].replace('0', "O").replace('1', "I")).await.as_deref(),
        new[3].get(..2),
        "misread letters"
    );
    assert_eq!(matches(&old[3]).await, None, "void");
    assert_eq!(matches(&others[3]).await, None, "somebody else's");
    let hashes: Vec<String> =
        sqlx::query_scalar("select hash from recovery_codes").fetch_all(&appliance.pool).await.unwrap();
    assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_recovery_code_takes_as_much_work_as_a_wrong_one() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let json = appliance.run(&["user", "recovery-codes", "user0001", "--json"]).json();
    let known = json["codes"][0].as_str().unwrap().replace('-', "");
    let handles: Vec<&str> =
        json["codes"].as_array().unwrap().iter().map(|code| &code.as_str().unwrap()[..2]).collect();
    let store = appliance.store().await;
    let id = appliance.run(&["user", "show", "user0001", "--json"]).json()["id"].as_str().unwrap().parse().unwrap();
    let hashing = Arc::new(Semaphore::new(1));
    let fastest = async |handle: &str| {
        let code = Code::new(format!("{handle}00000000000000").into_bytes());
        let mut fastest = Duration::MAX;
        for _ in 0..3 {
            let begin = std::time::Instant::now();
            assert_eq!(recovery::matches(&store, id, &code, &hashing).await.unwrap(), None);
            fastest = fastest.min(begin.elapsed());
        }
        fastest
    };
    let stranger = ["ZZ", "ZY", "ZX", "ZW", "ZV", "ZT", "ZS", "ZR", "ZQ", "ZP", "ZN"];
    let stranger = stranger.into_iter().find(|handle| !handles.contains(handle)).unwrap();
    let (wrong, unknown) = (fastest(&known[..2]).await, fastest(stranger).await);
    // Without a hash the answer takes a hundredth of the time.
    assert!(unknown > wrong / 4, "wrong {wrong:?}, unknown {unknown:?}");
}
