//! Codes behind the password: each opens once, whoever races for it, in every form that a person may type it and in no
//! other.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use vestibule::ambient::{Ambient, Clock};
use vestibule::domain::challenge::PromptRule;
use vestibule::domain::client::{Client, CodeForm};
use vestibule::domain::ids::SignInId;
use vestibule::domain::judgement::LockRule;
use vestibule::domain::otp::{Parameters, TotpMemory, seed_from_hex};
use vestibule::domain::outcome::{Denial, Grant, Outcome};
use vestibule::domain::secret::Code;
use vestibule::domain::sign_in::Proof;
use vestibule::domain::user::Token;
use vestibule::store::authenticators::Enrolment;
use vestibule::store::recorder::{Conclusion, Recorder, Rules};
use vestibule::store::seal::Keyring;
use vestibule::store::users::Listed;
use vestibule::store::{Connect, Store};

use super::support::appliance::{Appliance, MASTER_KEY, client_at, netscaler};
use super::support::ldap::{Answer, Ldap};
use super::support::people::{RECOVERY_CODE, app, hotp, recovery_code, tester, totp};
use super::support::slapd::SlapdOptions;
use super::support::{PATIENCE, in_time};
use super::{answer, openldap, openldap_with};
use vestibule::wire::frame::op;

/// Binds by this name and field at the same moment, in turn over these doors; the answers.
pub async fn race(doors: &[SocketAddr], times: usize, bind: impl Fn(usize) -> (String, String)) -> Vec<Answer> {
    let mut connections = vec![];
    for door in doors.iter().cycle().take(times) {
        connections.push(Ldap::connect(*door).await);
    }
    let mut asked = vec![];
    for (at, connection) in connections.iter_mut().enumerate() {
        let (name, field) = bind(at);
        asked.push(connection.send_bind(&name, &field).await);
    }
    let mut answers = vec![];
    for (mut connection, id) in connections.into_iter().zip(asked) {
        answers.push(in_time("an answer", connection.answer_to(id, op::BIND_RESPONSE)).await);
    }
    answers
}

pub fn granted(answers: &[Answer]) -> usize {
    assert!(answers.iter().all(|(code, _)| [0, 49].contains(code)), "granted or denied: {answers:?}");
    answers.iter().filter(|(code, _)| *code == 0).count()
}

#[tokio::test]
async fn r20_of_64_binds_with_one_code_over_two_replicas_exactly_one_succeeds() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd)
        .user("user0001")
        .with(totp())
        .with(hotp())
        .user("user0002")
        .with(totp())
        .set("sign_in.denials_per_source_per_minute", "1000000")
        .await;
    let replica = appliance.replica().await;
    let doors = [appliance.ldap_addr, replica.ldap_addr];
    let (first, second) = (appliance.person("user0001"), appliance.person("user0002"));
    // In the order in which the tokens show them; the two TOTP codes are one step apart.
    let codes = [
        (first, first.totp()),
        (second, second.totp()),
        (first, first.hotp()),
        (first, first.hotp()),
        (first, first.totp_at(1)),
        (second, second.totp_at(1)),
        (first, first.hotp()),
    ];
    for (round, (user, code)) in codes.iter().enumerate() {
        let answers = race(&doors, 64, |_| (user.dn.clone(), user.with(code))).await;
        assert_eq!(granted(&answers), 1, "round {round}");
        // 63 replays have locked the user out.
        appliance.store().unlock(&user.listed, &tester()).await.unwrap();
    }
}

#[tokio::test]
async fn r20_of_32_binds_with_one_recovery_code_over_two_replicas_exactly_one_succeeds() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(recovery_code()).with(totp()).await;
    let replica = appliance.replica().await;
    let user = appliance.person("user0001");
    let doors = [appliance.ldap_addr, replica.ldap_addr];
    let answers = race(&doors, 32, |_| (user.dn.clone(), user.with(RECOVERY_CODE))).await;
    assert_eq!(granted(&answers), 1);
    appliance.store().unlock(&user.listed, &tester()).await.unwrap();
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(RECOVERY_CODE)).await, answer(49), "and never again");
}

#[tokio::test]
async fn a_bypass_serves_one_of_32_binds_over_two_replicas_and_forgives_no_failures() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let replica = appliance.replica().await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.wrong_code())).await, answer(49));
    appliance.store().grant_bypass(&user.listed, SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    let doors = [appliance.ldap_addr, replica.ldap_addr];
    let answers = race(&doors, 32, |_| (user.dn.clone(), user.password.clone())).await;
    assert_eq!(granted(&answers), 1);
    assert!(appliance.failures("user0001").await > 1, "a bypass proves nothing about the person");
}

#[tokio::test]
async fn r20_a_used_code_is_not_fresh_in_another_spelling() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let code = user.totp();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(gateway.bind(&user.dn, &user.with(&spaced)).await, answer(0), "as tokens show it");
    let dashed = format!("{}-{}", &code[..3], &code[3..]);
    for again in [code.clone(), dashed, format!(" {code}"), format!("{code} ")] {
        assert_eq!(gateway.bind(&user.dn, &user.with(&again)).await, answer(49), "{again:?}");
    }
    assert_eq!(appliance.recorded().await, ["totp", "reused-code", "reused-code", "reused-code", "reused-code"]);
}

#[tokio::test]
async fn r22_only_the_right_number_of_ascii_digits_is_a_code() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(totp()).await;
    let user = appliance.person("user0001");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let code = user.totp();
    let in_script = |zero: u32| -> String {
        code.bytes().map(|digit| char::from_u32(zero + u32::from(digit - b'0')).unwrap()).collect()
    };
    let not_codes = [
        in_script(0x0660),
        in_script(0x0966),
        in_script(0xff10),
        format!("+{code}"),
        format!("{code}\n"),
        format!("{code}\0"),
        format!("\u{feff}{code}"),
        format!("0{code}"),
        format!("{code}0"),
        code[1..].to_owned(),
        format!("{code}.0"),
        format!("0x{code}"),
    ];
    for typed in not_codes {
        assert_eq!(gateway.bind(&user.dn, &user.with(&typed)).await, answer(49), "{typed:?}");
    }
    assert!(!appliance.recorded().await.contains(&"totp".to_owned()));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.totp())).await, answer(0), "the code itself is still good");
}

/// Somebody whose password looks like a password with a code behind it.
const TRICKY: &str = "ge,heim,123456";

fn tricky() -> SlapdOptions {
    let ldif = format!(
        "dn: uid=tricky,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: tricky\ncn: Tricky\nsn: T\n\
         userPassword: {TRICKY}\n\n\
         dn: uid=digits,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: digits\ncn: Digits\nsn: D\n\
         userPassword: geheim654321\n\n"
    );
    SlapdOptions { ldif, ..SlapdOptions::default() }
}

#[tokio::test]
async fn a_password_that_holds_the_delimiter_works_with_and_without_a_code_behind_it() {
    let slapd = openldap_with(tricky());
    let appliance =
        Appliance::before(&slapd).user_with_password("tricky", TRICKY).with(hotp()).with(recovery_code()).await;
    let user = appliance.person("tricky");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, TRICKY).await, answer(49));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, &user.with(RECOVERY_CODE)).await, answer(0));
    let half = TRICKY.rsplit_once(',').unwrap().0;
    assert_eq!(gateway.bind(&user.dn, &format!("{half},{}", user.hotp())).await, answer(49), "half a password");
    // Whoever has a token meant its last digits as a code, and without one stays out either way.
    assert_eq!(appliance.recorded().await, ["wrong-password", "hotp", "recovery-code", "wrong-password"]);
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(0), "the code it came with counts on");
}

#[tokio::test]
async fn a_password_that_looks_like_one_with_a_code_reaches_the_phone_of_whoever_has_no_token() {
    let slapd = openldap_with(tricky());
    let appliance = Appliance::before(&slapd).user_with_password("tricky", TRICKY).with(app()).await;
    let user = appliance.person("tricky");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    for field in [TRICKY.to_owned(), user.with("push")] {
        let bind = gateway.send_bind(&user.dn, &field).await;
        appliance.approve(&appliance.prompt().await).await;
        assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(0), "{field}");
    }
}

#[tokio::test]
async fn a_code_of_fixed_length_stands_right_behind_the_password_even_if_that_ends_in_digits() {
    let slapd = openldap_with(tricky());
    let form = CodeForm { delimiter: None, fixed_length: Some(6) };
    let client = Client { code_form: form, ..netscaler() };
    let appliance =
        Appliance::before(&slapd).client(client).user_with_password("digits", "geheim654321").with(hotp()).await;
    let user = appliance.person("digits");
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &format!("{}{}", user.password, user.hotp())).await, answer(0));
    assert_eq!(gateway.bind(&user.dn, &user.password).await, answer(49));
    assert_eq!(gateway.bind(&user.dn, &user.with(&user.hotp())).await, answer(49), "no delimiter here");
    assert_eq!(appliance.recorded().await, ["hotp", "wrong-password", "wrong-password"]);
}

#[tokio::test]
async fn each_client_reads_codes_in_its_own_form() {
    let slapd = openldap();
    let form = CodeForm { delimiter: Some('+'), fixed_length: None };
    let plus = Client { code_form: form, ..client_at("plus", "127.0.8.2/32") };
    let appliance = Appliance::before(&slapd).client(netscaler()).client(plus).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut comma = Ldap::connect(appliance.ldap_addr).await;
    let mut plus = Ldap::connect_from([127, 0, 8, 2], appliance.ldap_addr).await;
    let code = user.hotp();
    assert_eq!(comma.bind(&user.dn, &format!("{}+{code}", user.password)).await, answer(49));
    assert_eq!(plus.bind(&user.dn, &user.with(&code)).await, answer(49));
    assert_eq!(plus.bind(&user.dn, &format!("{}+{code}", user.password)).await, answer(0));
    assert_eq!(comma.bind(&user.dn, &user.with(&user.hotp())).await, answer(0));
}

/// What OATH's own tool shows.
fn oathtool(arguments: &[&str]) -> String {
    let output = Command::new("oathtool").args(arguments).output().expect("oathtool runs; its package is oathtool");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn enrol(appliance: &Appliance, user: &Listed, token: &Token) {
    let enrolment = Enrolment { token, label: "test", serial: None };
    appliance.store().enrol(user, &enrolment, &tester()).await.unwrap();
}

#[tokio::test]
async fn r23_a_counter_goes_forward_as_oathtool_does_and_survives_a_crash() {
    const SEED: &str = "000102030405060708090a0b0c0d0e0f10111213";
    let slapd = openldap();
    let mut appliance = Appliance::before(&slapd).user("user0001").await;
    let seed = seed_from_hex(SEED).unwrap();
    let token = Token::Hotp { seed, parameters: Parameters::default(), next_counter: 0 };
    enrol(&appliance, &appliance.person("user0001").listed, &token).await;
    let (dn, password) = (slapd.dn_of("user0001"), "pw-user0001");
    let field = |counter: u32| format!("{password},{}", oathtool(&["--hotp", "-c", &counter.to_string(), SEED]));

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&dn, &field(0)).await, answer(0));
    assert_eq!(gateway.bind(&dn, &field(11)).await, answer(0), "ten codes shown in vain");
    appliance.kill9();
    let restarted = appliance.replica().await;
    let mut gateway = Ldap::connect(restarted.ldap_addr).await;
    for used in [0, 5, 11] {
        assert_eq!(gateway.bind(&dn, &field(used)).await, answer(49), "{used}");
    }
    assert_eq!(gateway.bind(&dn, &field(23)).await, answer(49), "eleven ahead are too many");
    assert_eq!(gateway.bind(&dn, &field(12)).await, answer(0));
}

#[tokio::test]
async fn an_80_bit_seed_of_an_old_token_works() {
    const SEED: &str = "3132333435363738393a";
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").await;
    let seed = seed_from_hex(SEED).unwrap();
    let token = Token::Totp { seed, parameters: Parameters::default(), memory: TotpMemory::default() };
    enrol(&appliance, &appliance.person("user0001").listed, &token).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let field = format!("pw-user0001,{}", oathtool(&["--totp", SEED]));
    assert_eq!(gateway.bind(&slapd.dn_of("user0001"), &field).await, answer(0));
}

/// A clock that a test sets.
pub struct SetClock(Mutex<Timestamp>);

impl SetClock {
    pub fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(now)))
    }

    pub fn step(&self, span: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(span).unwrap();
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// The part of a process that judges and records, by a clock of its own, on the database of `appliance`.
pub struct Judge {
    pub recorder: Recorder,
    pub store: Store,
    client: Arc<Client>,
    _writing: tokio::task::JoinHandle<()>,
}

impl Judge {
    pub async fn on(appliance: &Appliance, clock: Arc<SetClock>, client: Client) -> Self {
        let options = appliance.database_url().parse().unwrap();
        let connect = Connect { options, max_connections: 3, acquire_timeout: PATIENCE };
        let ambient = Ambient::with_clock(clock);
        let store = Store::open(connect, Keyring::parse(MASTER_KEY).unwrap(), ambient).await.unwrap();
        let rules = Rules {
            lock: LockRule { failures: 3, duration: SignedDuration::from_mins(15) },
            prompts: PromptRule { per_hour: 5, cool_down: SignedDuration::from_secs(30) },
        };
        let (recorder, writer) = Recorder::start(store.clone(), rules).await.unwrap();
        let writing = tokio::runtime::Handle::current().spawn(writer.run());
        Self { recorder, store, client: Arc::new(client), _writing: writing }
    }

    pub async fn code(&self, user: &Listed, code: &str) -> Outcome {
        let conclusion = Conclusion {
            sign_in: SignInId(self.store.ambient().id()),
            door: "test",
            client: Arc::clone(&self.client),
            source: [127, 0, 0, 1].into(),
            user: Some(user.id),
            name: user.name.clone(),
            whereabouts: None,
            proof: Proof::Digits(Code::new(code.as_bytes())),
            due: false,
            recovery: None,
            pin: vestibule::domain::pin::PinCheck::NotAsked,
            join_key: [7; 32],
        };
        self.recorder.conclude(conclusion).await.unwrap()
    }
}

#[tokio::test]
async fn r61_a_clock_that_is_set_back_or_forward_reopens_no_code_and_no_grace() {
    const SEED: &str = "000102030405060708090a0b0c0d0e0f10111213";
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").await;
    let user = &appliance.person("user0001").listed;
    let seed = seed_from_hex(SEED).unwrap();
    let token = Token::Totp { seed, parameters: Parameters::default(), memory: TotpMemory::default() };
    enrol(&appliance, user, &token).await;
    let shown = |at: i64| oathtool(&["--totp", "--now", &format!("@{at}"), SEED]);
    let noon = 1_800_000_000;
    let clock = SetClock::at(Timestamp::from_second(noon).unwrap());
    let hour = SignedDuration::from_hours(1);

    let without_grace = Judge::on(&appliance, Arc::clone(&clock), netscaler()).await;
    let totp = |outcome| assert!(matches!(outcome, Outcome::Granted(Grant::Factor(_))), "{outcome:?}");
    totp(without_grace.code(user, &shown(noon)).await);
    clock.step(-hour);
    let old = without_grace.code(user, &shown(noon - 3600)).await;
    assert_eq!(old, Outcome::Denied(Denial::ReusedCode), "the steps before the last one stay closed");
    assert_eq!(without_grace.code(user, &shown(noon)).await, Outcome::Denied(Denial::WrongCode));
    clock.step(hour * 2);
    assert_eq!(without_grace.code(user, &shown(noon)).await, Outcome::Denied(Denial::WrongCode));
    appliance.store().unlock(user, &tester()).await.unwrap();
    totp(without_grace.code(user, &shown(noon + 3600)).await);

    clock.step(SignedDuration::from_mins(1));
    let grace = std::time::Duration::from_secs(10);
    let with_grace = Judge::on(&appliance, Arc::clone(&clock), Client { grace, ..netscaler() }).await;
    totp(with_grace.code(user, &shown(noon + 3660)).await);
    assert_eq!(with_grace.code(user, &shown(noon + 3660)).await, Outcome::Granted(Grant::Grace));
    clock.step(-hour);
    let stretched = with_grace.code(user, &shown(noon + 3660)).await;
    assert!(matches!(stretched, Outcome::Denied(_)), "a grace of seconds became one of an hour: {stretched:?}");
}
