//! Accounting: what gateways tell of sessions is kept, once, and the end of a session ends its user's grace.

use std::time::Duration;

use vestibule::domain::client::Client;

use super::openldap;
use super::support::appliance::{Appliance, vpn};
use super::support::people::hotp;
use super::support::radius::{
    ACCESS_ACCEPT, ACCESS_REJECT, ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE, NAS_IDENTIFIER, PROXY_STATE, Request,
    USER_NAME,
};

const ACCT_STATUS_TYPE: u8 = 40;
const ACCT_DELAY_TIME: u8 = 41;
const ACCT_INPUT_OCTETS: u8 = 42;
const ACCT_SESSION_ID: u8 = 44;
const ACCT_SESSION_TIME: u8 = 46;
const ACCT_TERMINATE_CAUSE: u8 = 49;

fn record(kind: u32, session: &str, name: &str) -> Request {
    Request::new(ACCOUNTING_REQUEST)
        .with(ACCT_STATUS_TYPE, &kind.to_be_bytes())
        .with(ACCT_SESSION_ID, session.as_bytes())
        .with(USER_NAME, name.as_bytes())
        .with(NAS_IDENTIFIER, b"vpn1")
}

pub fn start(session: &str, name: &str) -> Request {
    record(1, session, name)
}

fn stop(session: &str, name: &str) -> Request {
    record(2, session, name)
        .with(ACCT_SESSION_TIME, &60_u32.to_be_bytes())
        .with(ACCT_TERMINATE_CAUSE, &1_u32.to_be_bytes())
}

fn interim(session: &str, name: &str, octets: u32) -> Request {
    record(3, session, name).with(ACCT_INPUT_OCTETS, &octets.to_be_bytes())
}

fn sessions(appliance: &Appliance, options: &[&str]) -> Vec<serde_json::Value> {
    let output = appliance.command().args(["session", "list", "--json"]).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_session_is_one_row_from_its_start_to_its_stop_however_often_it_is_told() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").await;
    let nas = appliance.accounting().await;
    let told = async |request: &Request| assert_eq!(nas.ask(request).await.code, ACCOUNTING_RESPONSE);
    told(&start("4711", "USER0001").with(PROXY_STATE, b"x")).await;
    told(&start("4711", "USER0001")).await;
    told(&start("4712", "nobody we know\n")).await;
    told(&interim("4711", "user0001", 900)).await;
    told(&interim("4711", "user0001", 500)).await;
    let open = sessions(&appliance, &["--open"]);
    assert_eq!(open.len(), 2);
    told(&stop("4711", "user0001")).await;
    told(&stop("4711", "user0001").with(ACCT_DELAY_TIME, &5_u32.to_be_bytes())).await;
    // Sent before the stop, and late.
    told(&start("4711", "user0001").with(ACCT_DELAY_TIME, &30_u32.to_be_bytes())).await;

    let known = sessions(&appliance, &["--user", "user0001"]);
    assert_eq!(known.len(), 1);
    let session = &known[0];
    assert_eq!((session["client"].as_str(), session["nas"].as_str()), (Some("vpn"), Some("vpn1")));
    assert_eq!((session["user"].as_str(), session["session"].as_str()), (Some("user0001"), Some("4711")));
    assert_eq!((session["bytes_in"].as_i64(), session["seconds"].as_i64()), (Some(900), Some(60)));
    assert!(session["ended_at"].is_string() && session["cause"] == 1, "{session}");
    let open = sessions(&appliance, &["--open", "--client", "vpn"]);
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["name"], r"nobody we know\n");
    assert!(open[0]["user"].is_null());
}

#[tokio::test]
async fn a_gateway_that_starts_anew_has_no_open_sessions_and_others_keep_theirs() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").await;
    let nas = appliance.accounting().await;
    let on = |name: &[u8]| {
        Request::new(ACCOUNTING_REQUEST).with(ACCT_STATUS_TYPE, &7_u32.to_be_bytes()).with(NAS_IDENTIFIER, name)
    };
    for session in ["1", "2"] {
        nas.ask(&start(session, "user0001")).await;
    }
    nas.ask(&on(b"another")).await;
    assert_eq!(sessions(&appliance, &["--open"]).len(), 2);
    assert_eq!(nas.ask(&on(b"vpn1")).await.code, ACCOUNTING_RESPONSE);
    assert_eq!(sessions(&appliance, &["--open"]).len(), 0);
    nas.ask(&start("1", "user0001")).await;
    assert_eq!(sessions(&appliance, &["--open"]).len(), 1, "a number may come again");
}

#[tokio::test]
async fn a_stop_ends_the_users_grace_at_that_gateway_and_nobody_elses() {
    let slapd = openldap();
    let client = Client { grace: Duration::from_mins(1), ..vpn() };
    let appliance =
        Appliance::before(&slapd).client(client).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    let (nas, accounting) = (appliance.nas().await, appliance.accounting().await);
    let [first, second] = ["user0001", "user0002"].map(|name| appliance.person(name));
    let fields = [first, second].map(|user| (user.listed.name.clone(), user.with(&user.hotp())));
    for (name, field) in &fields {
        assert_eq!(nas.ask(&Request::pap(name, field)).await.code, ACCESS_ACCEPT);
        assert_eq!(nas.ask(&Request::pap(name, field)).await.code, ACCESS_ACCEPT, "within its grace");
    }
    accounting.ask(&start("4711", "user0001")).await;
    let [(name, field), other] = &fields;
    assert_eq!(nas.ask(&Request::pap(name, field)).await.code, ACCESS_ACCEPT, "a start ends nothing");
    accounting.ask(&stop("4711", "user0001")).await;
    assert_eq!(nas.ask(&Request::pap(name, field)).await.code, ACCESS_REJECT);
    assert_eq!(nas.ask(&Request::pap(&other.0, &other.1)).await.code, ACCESS_ACCEPT);
}

#[tokio::test]
async fn accounting_under_another_secret_or_without_a_session_is_not_answered() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(vpn()).user("user0001").await;
    let nas = appliance.accounting().await;
    let mut forged = start("4711", "user0001").encode(b"another secret");
    forged[1] = 200;
    nas.send_bytes(&forged).await;
    nas.send(&Request::new(ACCOUNTING_REQUEST).with(ACCT_STATUS_TYPE, &1_u32.to_be_bytes())).await;
    nas.send(&record(99, "4711", "user0001")).await;
    assert_eq!(nas.ask(&start("4712", "user0001")).await.code, ACCOUNTING_RESPONSE);
    let known = sessions(&appliance, &[]);
    assert_eq!(known.len(), 1, "{known:?}");
}
