//! The directory or the database is down: silence, so that the gateway asks its next server, and a resend is decided anew.

use std::net::IpAddr;
use std::time::Duration;

use vestibule::domain::client::Client;

use super::support::appliance::{Appliance, RADIUS_SECRET, vpn};
use super::support::eventually;
use super::support::gate::Gate;
use super::support::people::hotp;
use super::support::process::Process;
use super::support::radius::{ACCESS_ACCEPT, ACCOUNTING_RESPONSE, Answer, Nas, Request, STATUS_SERVER, Sent};
use super::support::slapd::{Slapd, SlapdOptions};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 12, 1));

fn slapd() -> Slapd {
    Slapd::start(&SlapdOptions { address: HERE, ..SlapdOptions::default() })
}

fn impatient() -> Client {
    Client { answer_by: Duration::from_secs(3), ..vpn() }
}

async fn silences(appliance: &Appliance) -> u64 {
    appliance.count("vestibule_radius_answers_total{kind=\"silence\"}").await
}

/// Nobody has decided it, and nobody has been told anything.
async fn is_met_with_silence(appliance: &Appliance, nas: &Nas, sent: &Sent) {
    let before = silences(appliance).await;
    nas.resend(sent).await;
    eventually("it is given up", async || silences(appliance).await > before).await;
    assert_eq!(nas.ask(&Request::new(STATUS_SERVER)).await.code, ACCESS_ACCEPT, "the next answer is another's");
}

/// The resends of a gateway that does not give up.
async fn is_answered_in_the_end(nas: &Nas, sent: &Sent) -> Answer {
    for _ in 0..60 {
        nas.resend(sent).await;
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(500), nas.answer(sent)).await {
            return answer;
        }
    }
    panic!("never answered")
}

#[tokio::test]
async fn r06_a_directory_that_is_dead_or_hangs_is_silence_and_a_resend_is_decided_once_it_is_back() {
    let mut slapd = slapd();
    let appliance = Appliance::before(&slapd).client(impatient()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    slapd.kill();
    let sent = nas.send(&Request::pap("user0001", &user.with(&user.hotp()))).await;
    is_met_with_silence(&appliance, &nas, &sent).await;
    slapd.revive();
    assert_eq!(is_answered_in_the_end(&nas, &sent).await.code, ACCESS_ACCEPT);

    slapd.freeze();
    let sent = nas.send(&Request::pap("user0001", &user.with(&user.hotp()))).await;
    is_met_with_silence(&appliance, &nas, &sent).await;
    assert_eq!(appliance.failures("user0001").await, 0);
    slapd.thaw();
    assert_eq!(is_answered_in_the_end(&nas, &sent).await.code, ACCESS_ACCEPT);
    assert_eq!(appliance.recorded().await, ["hotp", "hotp"]);
}

#[tokio::test]
async fn r06_without_its_database_nobody_gets_in_nobody_is_rejected_and_no_accounting_is_answered() {
    let slapd = slapd();
    let mut appliance = Appliance::before(&slapd).client(impatient()).user("user0001").with(hotp()).await;
    appliance.kill9();
    let (gate, url) = Gate::to_database(HERE, appliance.database_url()).await;
    let settings = std::fs::read_to_string(&appliance.config_path).unwrap();
    let direct = format!("database.url = \"{}\"", appliance.database_url());
    std::fs::write(&appliance.config_path, settings.replace(&direct, &format!("database.url = \"{url}\""))).unwrap();
    let _process = Process::spawn(appliance.command().arg("serve"));
    appliance.ready().await;

    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    gate.cut();
    let sent = nas.send(&Request::pap("user0001", &user.with(&user.hotp()))).await;
    is_met_with_silence(&appliance, &nas, &sent).await;
    let accounting = Nas::at(IpAddr::from([127, 0, 0, 1]), appliance.accounting_addr, RADIUS_SECRET).await;
    let start = accounting.send(&super::radius_accounting::start("4711", "user0001")).await;
    let status = Request::new(STATUS_SERVER);
    assert_eq!(accounting.ask(&status).await.code, ACCOUNTING_RESPONSE);

    gate.restore();
    assert_eq!(is_answered_in_the_end(&nas, &sent).await.code, ACCESS_ACCEPT);
    assert_eq!(is_answered_in_the_end(&accounting, &start).await.code, ACCOUNTING_RESPONSE);
    assert_eq!(appliance.recorded().await, ["hotp"]);
    assert_eq!(appliance.failures("user0001").await, 0);
}
