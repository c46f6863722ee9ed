//! `audit`: what was done is there, and what was tampered with is named (SECURITY R46).

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::fixture::{Appliance, slapd};

/// The chain of everything done from the command line.
const CHAIN: &str = "00000000-0000-0000-0000-0000000000ad";

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_recorded_with_who_did_it_and_can_be_searched() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["user", "enrol-app", "user0001"]).ok();
    appliance.run(&["user", "disable", "user0002"]).ok();
    let tail = appliance.run(&["audit", "tail", "--json"]).ok();
    let records: Vec<serde_json::Value> = tail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = records.iter().map(|record| record["event"]["event"].as_str().unwrap()).collect();
    let expected = [
        "directory-added",
        "user-imported",
        "user-imported",
        "user-imported",
        "client-added",
        "enrolled",
        "user-disabled",
    ];
    assert_eq!(events, expected);
    let by = records[5]["event"]["by"].as_str().unwrap();
    assert!(by.starts_with("command line (user ") && by.contains(" uid "), "{by}");
    assert_eq!(records[5]["writer"], CHAIN);

    let of_one = appliance.run(&["audit", "tail", "--user", "user0001", "--json"]).ok();
    assert_eq!(of_one.lines().count(), 2, "{of_one}");
    let newest = appliance.run(&["audit", "tail", "-n", "1"]).ok();
    assert!(newest.contains("user-disabled") && newest.contains("name=user0002"), "{newest}");
    assert!(appliance.run(&["audit", "verify"]).ok().contains("7 records in 1 chains: nothing was changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_a_removed_and_a_moved_record_are_each_named() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let faults = |appliance: &Appliance| -> Vec<String> {
        let said = appliance.run(&["audit", "verify", "--json"]);
        assert_eq!(said.code, 1, "{said:?}");
        let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        json["faults"].as_array().unwrap().iter().map(|fault| fault.as_str().unwrap().to_owned()).collect()
    };
    let sound = appliance.run(&["audit", "verify", "--json"]).json();
    assert_eq!((&sound["records"], &sound["faults"]), (&5.into(), &serde_json::json!([])));
    assert_eq!(sound["heads"][0]["seq"], 5);
    appliance
        .sql("create table kept as select * from audit_events; create table kept_heads as select * from audit_heads")
        .await;
    let restore = "truncate audit_events; insert into audit_events select * from kept;
                   truncate audit_heads; insert into audit_heads select * from kept_heads";

    appliance
        .sql("update audit_events set body = replace(body, 'user0002', 'mallory') where body like '%user0002%'")
        .await;
    let changed = faults(&appliance);
    assert_eq!(changed.len(), 1);
    assert!(changed[0].contains("of chain 00000000-0000-0000-0000-0000000000ad was changed"), "{changed:?}");
    let said = appliance.run(&["audit", "verify"]);
    assert!(said.out.contains("was changed") && said.out.contains("1 faults"), "{said:?}");

    appliance.sql(restore).await;
    appliance.sql("delete from audit_events where seq = 3").await;
    assert_eq!(faults(&appliance), [format!("records 3 to 3 of chain {CHAIN} are missing")]);

    appliance.sql(restore).await;
    appliance.sql("delete from audit_events where seq = 5").await;
    assert_eq!(faults(&appliance), [format!("records 5 to 5 of chain {CHAIN} are missing")], "the newest ones too");

    appliance.sql(restore).await;
    appliance
        .sql(
            "update audit_events set seq = 103 where seq = 3; update audit_events set seq = 3 where seq = 4;
             update audit_events set seq = 4 where seq = 103",
        )
        .await;
    let moved = faults(&appliance);
    for seq in [3, 4] {
        assert!(
            moved.contains(&format!("record {seq} of chain {CHAIN} was changed, or stands in another's place")),
            "{moved:?}"
        );
    }

    appliance.sql(restore).await;
    appliance.sql("delete from audit_events where seq = 5; update audit_heads set seq = 4").await;
    let cut = faults(&appliance);
    assert!(cut.contains(&format!("the head of chain {CHAIN} was changed")), "{cut:?}");

    appliance.sql(restore).await;
    appliance.run(&["audit", "verify"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_tail_shows_what_is_done_elsewhere() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let mut follow = appliance.command(&["audit", "tail", "-n", "1", "--follow", "--json"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("client-added"));
    appliance.run(&["user", "disable", "user0003"]).ok();
    let news = lines.next().unwrap().unwrap();
    assert!(news.contains("user-disabled") && news.contains("user0003"), "{news}");
    follow.kill().unwrap();
    follow.wait().unwrap();
}
