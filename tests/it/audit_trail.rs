//! The audit trail: each sign-in is one record, and whoever changes, removes or moves a record is found out.

use std::net::IpAddr;

use sqlx::{AssertSqlSafe, Executor as _};
use tokio::task::JoinSet;
use uuid::Uuid;
use vestibule::domain::ids::WriterId;
use vestibule::store::audit::ChainFault;

use super::support::appliance::Appliance;
use super::support::ldap::Ldap;
use super::support::people::hotp;
use super::support::slapd::{Slapd, SlapdOptions};

fn slapd() -> Slapd {
    Slapd::start(&SlapdOptions { address: IpAddr::from([127, 0, 10, 3]), ..SlapdOptions::default() })
}

/// An appliance that has seen sign-ins, and the chain of its process.
struct Trail {
    appliance: Appliance,
    writer: WriterId,
    /// The last record's number.
    last: i64,
    _slapd: Slapd,
}

impl Trail {
    async fn of_sign_ins(count: usize) -> Self {
        let slapd = slapd();
        let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
        let user = appliance.person("user0001");
        for _ in 0..count {
            let code = user.hotp();
            assert_eq!(Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, &user.with(&code)).await.0, 0);
        }
        let pool = appliance.store().pool();
        pool.execute("create table kept_events as table audit_events").await.unwrap();
        pool.execute("create table kept_heads as table audit_heads").await.unwrap();
        let (writer, last): (Uuid, i64) = sqlx::query_as(
            "select writer, max(seq) from audit_events
             where writer in (select writer from audit_events where body like '%\"sign-in\"%') group by writer",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        Self { appliance, writer: WriterId(writer), last, _slapd: slapd }
    }

    /// What is found after something was done to the tables; `$w` stands for the chain. Then all is put back.
    async fn after(&self, tampering: &str) -> Vec<ChainFault> {
        let tampering = tampering.replace("$w", &format!("'{}'", self.writer.0));
        self.sql(&tampering).await;
        let faults = self.appliance.store().verify_audit().await.unwrap().faults;
        self.sql(
            "truncate audit_events; insert into audit_events table kept_events;
             truncate audit_heads; insert into audit_heads table kept_heads",
        )
        .await;
        let verified = self.appliance.store().verify_audit().await.unwrap();
        assert_eq!(verified.faults, [], "as it was");
        faults
    }

    async fn sql(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(self.appliance.store().pool()).await.unwrap();
    }

    fn changed(&self, seq: i64) -> ChainFault {
        ChainFault::Changed { writer: self.writer, seq }
    }

    fn missing(&self, from: i64, to: i64) -> ChainFault {
        ChainFault::Missing { writer: self.writer, from, to }
    }
}

#[tokio::test]
async fn r46_every_sign_in_is_one_record_with_client_factor_reason_and_source() {
    let slapd = slapd();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut all = JoinSet::new();
    let wrong_code = user.with(&user.wrong_code());
    let expected = [
        (user.dn.clone(), user.with(&user.hotp()), 0, "hotp"),
        (user.dn.clone(), "wrong,123456".to_owned(), 49, "wrong-password"),
        ("user0003".to_owned(), "pw-user0003,123456".to_owned(), 49, "unknown-user"),
    ];
    for (name, field, code, _) in &expected {
        let answer = Ldap::connect(appliance.ldap_addr).await.bind(name, field).await;
        assert_eq!(answer.0, *code, "{name}: {answer:?}");
    }
    // Fewer than lock the user out; the rest of the crowd has a wrong password.
    for number in 0..300 {
        let (to, dn) = (appliance.ldap_addr, appliance.person("user0002").dn.clone());
        let field = if number < 5 { wrong_code.replace("user0001", "user0002") } else { format!("wrong{number}") };
        all.spawn(async move { Ldap::connect(to).await.bind(&dn, &field).await.0 });
    }
    assert!(all.join_all().await.iter().all(|code| *code == 49));

    let events = appliance.events("sign-in").await;
    assert_eq!(events.len(), expected.len() + 300);
    for (event, (_, _, code, reason)) in events.iter().zip(&expected) {
        assert_eq!(event["reason"], *reason);
        assert_eq!(event["outcome"], if *code == 0 { "granted" } else { "denied" });
        assert_eq!((event["client_name"].as_str(), event["source"].as_str()), (Some("netscaler"), Some("127.0.0.1")));
    }
    assert_eq!(events[0]["name"], "user0001");
    let verified = appliance.store().verify_audit().await.unwrap();
    assert_eq!(verified.faults, []);
}

#[tokio::test]
async fn r46_a_record_that_was_changed_moved_or_removed_is_named() {
    let trail = Trail::of_sign_ins(5).await;
    assert!(trail.last >= 5);
    let one = "where writer = $w and seq";
    let changed = format!("update audit_events set body = replace(body, 'granted', 'denied') {one} = 3");
    assert_eq!(trail.after(&changed).await, [trail.changed(3)]);
    let redated = format!("update audit_events set at = at - interval '1 second' {one} = 3");
    assert_eq!(trail.after(&redated).await, [trail.changed(3)]);
    let removed = format!("delete from audit_events {one} = 3");
    assert_eq!(trail.after(&removed).await, [trail.missing(3, 3)]);
    let swapped = String::from(
        "update audit_events e set body = other.body from kept_events other
         where e.writer = $w and e.seq in (3, 4) and other.writer = e.writer and other.seq = 7 - e.seq",
    );
    assert_eq!(trail.after(&swapped).await, [trail.changed(3), trail.changed(4)]);
    let with_their_codes = String::from(
        "update audit_events e set body = other.body, mac = other.mac from kept_events other
         where e.writer = $w and e.seq in (3, 4) and other.writer = e.writer and other.seq = 7 - e.seq",
    );
    let faults = trail.after(&with_their_codes).await;
    assert!(faults.contains(&trail.changed(3)) && faults.contains(&trail.changed(4)), "{faults:?}");
}

#[tokio::test]
async fn r46_a_trail_whose_end_was_cut_off_is_found_out_even_if_its_head_is_bent_to_fit() {
    let trail = Trail::of_sign_ins(5).await;
    let (writer, last) = (trail.writer, trail.last);
    let cut = format!("delete from audit_events where writer = $w and seq > {};", last - 2);
    assert_eq!(trail.after(&cut).await, [trail.missing(last - 1, last)]);
    let bent = "update audit_heads h set seq = e.seq, mac = e.mac from audit_events e
                where h.writer = $w and e.writer = h.writer and e.seq = ";
    let forged = format!("{cut} {bent} {}", last - 2);
    assert_eq!(trail.after(&forged).await, [ChainFault::HeadForged { writer }]);
    let headless = "delete from audit_heads where writer = $w";
    assert_eq!(trail.after(headless).await, [ChainFault::HeadMissing { writer }]);
}

#[tokio::test]
async fn r46_a_process_whose_whole_trail_was_removed_is_missed_by_those_that_started_later() {
    let mut trail = Trail::of_sign_ins(2).await;
    trail.appliance.kill9();
    let later = trail.appliance.replica().await;
    trail.sql("truncate kept_events; insert into kept_events table audit_events").await;
    trail.sql("truncate kept_heads; insert into kept_heads table audit_heads").await;
    let gone = "delete from audit_events where writer = $w; delete from audit_heads where writer = $w";
    let faults = trail.after(gone).await;
    let [ChainFault::Unanchored { writer, seq, .. }] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!((*writer, *seq), (trail.writer, trail.last));

    // And as an administrator hears of it.
    trail.sql(&gone.replace("$w", &format!("'{}'", trail.writer.0))).await;
    let verify = later.command().args(["audit", "verify"]).output().unwrap();
    let said = [verify.stdout, verify.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(verify.status.code(), Some(1), "{said}");
    assert!(said.contains(&trail.writer.0.to_string()), "{said}");
}
