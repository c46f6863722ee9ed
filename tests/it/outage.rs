//! The directory or the database is down, slow, or goes in mid-sign-in: nobody gets in by it, nobody is told that their
//! password is wrong, nothing counts against anybody, and all is well again without a restart.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vestibule::domain::client::Client;
use vestibule::wire::frame::op;

use super::support::appliance::{Appliance, directory_at, netscaler, plain_server};
use super::support::eventually;
use super::support::gate::Gate;
use super::support::ldap::{Answer, Ldap};
use super::support::people::{Person, app, hotp};
use super::support::process::Process;
use super::support::slapd::{Slapd, SlapdOptions};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 10, 1));

/// What the impatient client gives us.
const ANSWER_BY: Duration = Duration::from_secs(3);
/// For a busy machine to put the answer on the wire.
const SLACK: Duration = Duration::from_secs(2);

fn slapd() -> Slapd {
    Slapd::start(&SlapdOptions { address: HERE, ..SlapdOptions::default() })
}

fn impatient() -> Client {
    Client { answer_by: ANSWER_BY, ..netscaler() }
}

async fn sign_in(appliance: &Appliance, user: &Person, code: &str) -> Answer {
    Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, &user.with(code)).await
}

/// Unavailable, and that within the client's time.
async fn is_unavailable(appliance: &Appliance, user: &Person, code: &str) {
    let begin = Instant::now();
    let (answer, text) = sign_in(appliance, user, code).await;
    assert_eq!(answer, 52, "{text}");
    assert!(begin.elapsed() < ANSWER_BY + SLACK, "the client has hung up: {:?}", begin.elapsed());
}

/// The code that could not be judged is still good, and in the end it is taken. Until then: unavailable.
async fn recovers(appliance: &Appliance, user: &Person, code: &str) {
    eventually("the sign-in works again", async || {
        let (answer, text) = sign_in(appliance, user, code).await;
        assert!(answer == 0 || answer == 52, "an outage reads as {answer} {text:?}");
        answer == 0
    })
    .await;
}

/// A running appliance whose way to its database is a gate.
async fn behind_a_gate(appliance: &mut Appliance) -> (Gate, Process) {
    appliance.kill9();
    let (gate, url) = Gate::to_database(HERE, appliance.database_url()).await;
    let settings = std::fs::read_to_string(&appliance.config_path).unwrap();
    let direct = format!("database.url = \"{}\"", appliance.database_url());
    assert!(settings.contains(&direct));
    std::fs::write(&appliance.config_path, settings.replace(&direct, &format!("database.url = \"{url}\""))).unwrap();
    let process = Process::spawn(appliance.command().arg("serve"));
    appliance.ready().await;
    (gate, process)
}

async fn is_unready(appliance: &Appliance) {
    eventually("not ready", async || {
        appliance.get("/readyz").await.is_some_and(|page| page.starts_with("HTTP/1.1 503"))
    })
    .await;
}

/// As many sign-ins at once, each with the right password and a code of its own that is right.
async fn many_sign_ins(appliance: &Appliance, user: &Person, count: usize) -> Vec<Answer> {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let (to, dn, field) = (appliance.ldap_addr, user.dn.clone(), user.with(&user.hotp()));
        all.spawn(async move { Ldap::connect(to).await.bind(&dn, &field).await });
    }
    all.join_all().await
}

#[tokio::test]
async fn a_dead_directory_makes_sign_ins_unavailable_and_counts_against_nobody() {
    let mut slapd = slapd();
    let appliance = Appliance::before(&slapd).client(impatient()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let code = user.hotp();

    slapd.kill();
    for _ in 0..12 {
        is_unavailable(&appliance, user, &code).await;
    }
    assert_eq!(appliance.failures("user0001").await, 0);
    assert_eq!(appliance.recorded().await, [""; 0]);

    slapd.revive();
    recovers(&appliance, user, &code).await;
    assert_eq!(appliance.recorded().await, ["hotp"]);
}

#[tokio::test]
async fn r06_a_directory_that_hangs_makes_sign_ins_unavailable_within_the_clients_time() {
    let slapd = slapd();
    let appliance = Appliance::before(&slapd).client(impatient()).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let code = user.hotp();

    slapd.freeze();
    is_unavailable(&appliance, user, &code).await;
    is_unavailable(&appliance, user, &code).await;
    assert_eq!(appliance.failures("user0001").await, 0);

    slapd.thaw();
    recovers(&appliance, user, &code).await;
    assert_eq!(appliance.recorded().await, ["hotp"]);
}

#[tokio::test]
async fn a_directory_that_resets_in_the_middle_of_a_bind_makes_it_unavailable_at_once() {
    let slapd = slapd();
    let gate = Gate::to(HERE, slapd.addr).await;
    let directory = directory_at(vec![plain_server(gate.addr)]);
    let appliance = Appliance::before_directory(directory).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    assert_eq!(sign_in(&appliance, user, &user.hotp()).await.0, 0, "before");

    slapd.freeze();
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let code = user.hotp();
    let before = gate.passed();
    let id = gateway.send_bind(&user.dn, &user.with(&code)).await;
    gate.passes_more_than(before).await;
    let begin = Instant::now();
    gate.cut();
    assert_eq!(gateway.answer_to(id, op::BIND_RESPONSE).await.0, 52);
    assert!(begin.elapsed() < SLACK, "{:?}", begin.elapsed());
    assert_eq!(appliance.failures("user0001").await, 0);

    slapd.thaw();
    gate.restore();
    recovers(&appliance, user, &code).await;
}

#[tokio::test]
async fn r57_the_second_server_takes_over_from_one_that_hangs_or_is_dead_and_the_first_comes_back() {
    // Replicas of one directory agree on who is who.
    let ldif = "dn: uid=anna,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: A\n\
                userPassword: pw-anna\nentryUUID: 4c1f7a2e-9a6b-4f0e-8d55-2f6f3c1b0a11\n\n";
    let start = || Slapd::start(&SlapdOptions { address: HERE, ldif: ldif.into(), ..SlapdOptions::default() });
    let (mut first, mut second) = (start(), start());
    let mut directory = directory_at(vec![plain_server(first.addr), plain_server(second.addr)]);
    directory.connect_timeout = Duration::from_millis(500);
    let appliance = Appliance::before_directory(directory).user("anna").with(hotp()).await;
    let user = appliance.person("anna");

    first.freeze();
    assert_eq!(sign_in(&appliance, user, &user.hotp()).await.0, 0, "the first hangs");
    first.thaw();
    first.kill();
    assert_eq!(sign_in(&appliance, user, &user.hotp()).await.0, 0, "the first is dead");
    assert_eq!(
        Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, "wrong,123456").await.0,
        49,
        "it is asked, not remembered"
    );

    second.kill();
    let code = user.hotp();
    assert_eq!(sign_in(&appliance, user, &code).await.0, 52, "both are dead");
    first.revive();
    recovers(&appliance, user, &code).await;
    second.revive();
    first.kill();
    recovers(&appliance, user, &user.hotp()).await;
    assert_eq!(appliance.failures("anna").await, 0);
}

#[tokio::test]
async fn r06_without_its_database_nobody_gets_in_and_nobody_is_told_that_the_password_is_wrong() {
    let slapd = slapd();
    let mut appliance = Appliance::before(&slapd).client(impatient()).user("user0001").with(hotp()).await;
    let (gate, _process) = behind_a_gate(&mut appliance).await;
    let user = appliance.person("user0001");
    assert_eq!(sign_in(&appliance, user, &user.hotp()).await.0, 0, "before");

    gate.cut();
    let code = user.hotp();
    let begin = Instant::now();
    let answers = many_sign_ins(&appliance, user, 100).await;
    assert!(answers.iter().all(|(code, _)| *code == 52), "{answers:?}");
    assert!(begin.elapsed() < ANSWER_BY + SLACK, "{:?}", begin.elapsed());
    is_unready(&appliance).await;
    is_unavailable(&appliance, user, &code).await;
    assert!(appliance.get("/livez").await.unwrap().starts_with("HTTP/1.1 200"), "a restart would mend nothing");

    gate.restore();
    appliance.ready().await;
    recovers(&appliance, user, &code).await;
    assert_eq!(appliance.failures("user0001").await, 0);
    assert_eq!(appliance.recorded().await, ["hotp", "hotp"], "what nobody could record was not granted");
}

#[tokio::test]
async fn r06_a_database_that_goes_at_any_moment_of_a_sign_in_grants_only_what_it_has_recorded() {
    let slapd = Slapd::start(&SlapdOptions { address: HERE, people: 8, ..SlapdOptions::default() });
    let names: Vec<String> = (1..=8).map(|number| format!("user{number:04}")).collect();
    let arrangement =
        names.iter().fold(Appliance::before(&slapd).client(impatient()), |so_far, name| so_far.user(name).with(hotp()));
    let mut appliance = arrangement.await;
    let (gate, _process) = behind_a_gate(&mut appliance).await;

    let mut granted = 0;
    for bytes in [1, 500, 2_000, 5_000, 9_000] {
        let before = gate.passed();
        let mut all = JoinSet::new();
        for user in names.iter().map(|name| appliance.person(name)) {
            let (to, dn, field) = (appliance.ldap_addr, user.dn.clone(), user.with(&user.hotp()));
            all.spawn(async move { Ldap::connect(to).await.bind(&dn, &field).await });
        }
        gate.passes_more_than(before + bytes).await;
        gate.cut();
        let answers = all.join_all().await;
        assert!(answers.iter().all(|(code, _)| [0, 52].contains(code)), "{answers:?}");
        granted += answers.iter().filter(|(code, _)| *code == 0).count();
        gate.restore();
        appliance.ready().await;
    }
    let recorded = appliance.recorded().await;
    assert!(recorded.len() >= granted, "{granted} granted, {} recorded", recorded.len());
    assert!(recorded.iter().all(|reason| reason == "hotp"), "{recorded:?}");
    let verified = appliance.store().verify_audit().await.unwrap();
    assert_eq!(verified.faults, []);
    for name in &names {
        let user = appliance.person(name);
        recovers(&appliance, user, &user.hotp()).await;
    }
}

#[tokio::test]
async fn r06_a_database_that_goes_while_the_phone_is_asked_lets_nobody_in_and_refuses_nobody() {
    let slapd = slapd();
    let mut appliance = Appliance::before(&slapd).client(impatient()).user("user0001").with(app()).await;
    let (gate, _process) = behind_a_gate(&mut appliance).await;
    let user = appliance.person("user0001");

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let begin = Instant::now();
    let id = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    gate.cut();
    appliance.approve(&prompt).await;
    assert_eq!(gateway.answer_to(id, op::BIND_RESPONSE).await.0, 52, "an approval that nobody could hear of");
    assert!(begin.elapsed() < ANSWER_BY + SLACK, "{:?}", begin.elapsed());
    assert_eq!(appliance.recorded().await, [""; 0]);
}

#[tokio::test]
async fn a_database_that_falls_silent_is_unavailable_in_time_and_needs_no_restart_when_another_takes_over() {
    let slapd = slapd();
    let arrangement = Appliance::before(&slapd).client(impatient()).user("user0001").with(hotp());
    let mut appliance = arrangement.user("user0002").with(app()).await;
    let (gate, _process) = behind_a_gate(&mut appliance).await;
    let (user, asked) = (appliance.person("user0001"), appliance.person("user0002"));
    assert_eq!(sign_in(&appliance, user, &user.hotp()).await.0, 0, "before");
    let code = user.hotp();

    // The end of this wait is something to be recorded, and finds the database silent.
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let begin = Instant::now();
    let id = gateway.send_bind(&asked.dn, &asked.password).await;
    appliance.prompt().await;
    gate.silence();
    assert_eq!(gateway.answer_to(id, op::BIND_RESPONSE).await.0, 52);
    assert!(begin.elapsed() < ANSWER_BY + SLACK, "{:?}", begin.elapsed());
    let answers = many_sign_ins(&appliance, user, 20).await;
    assert!(answers.iter().all(|(code, _)| *code == 52), "{answers:?}");
    // Noticing takes a silence and a probe of five seconds each.
    is_unready(&appliance).await;

    // New connections work; the old ones stay as dead as after a fail-over.
    gate.restore();
    appliance.ready().await;
    recovers(&appliance, user, &code).await;
    assert_eq!(appliance.failures("user0001").await, 0);
}

#[tokio::test]
async fn a_wait_for_the_phone_outlives_an_outage_of_the_database() {
    let slapd = slapd();
    let mut appliance = Appliance::before(&slapd).user("user0001").with(app()).await;
    let (gate, _process) = behind_a_gate(&mut appliance).await;
    let user = appliance.person("user0001");

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let id = gateway.send_bind(&user.dn, &user.password).await;
    let prompt = appliance.prompt().await;
    gate.cut();
    is_unready(&appliance).await;
    // Nobody is there to hear of it.
    appliance.approve(&prompt).await;
    assert!(gateway.has_nothing());
    gate.restore();
    assert_eq!(gateway.answer_to(id, op::BIND_RESPONSE).await.0, 0);
    assert_eq!(appliance.recorded().await, ["app"]);
}
