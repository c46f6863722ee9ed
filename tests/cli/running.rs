//! Beside a running appliance: `serve`, `healthcheck`, `doctor`, `config`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{Appliance, Vestibule, slapd};

/// A running `serve`, stopped at the end.
struct Serving(Child);

impl Serving {
    /// Waits until it says that it is ready.
    fn start(vestibule: &Vestibule) -> Self {
        let mut child = vestibule.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let serving = Self(child);
        let drain = std::thread::spawn(move || log.lines().map_while(Result::ok).collect::<Vec<_>>());
        let begin = Instant::now();
        while vestibule.run(&["healthcheck"]).code != 0 {
            if begin.elapsed() > Duration::from_secs(30) || drain.is_finished() {
                drop(serving);
                panic!("serve never got ready: {:?}", drain.join().unwrap());
            }
        }
        serving
    }

    fn stop(mut self) -> i32 {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn commands_work_beside_a_running_appliance_and_it_stops_when_told() {
    let vestibule = Vestibule::new("");
    vestibule.run(&["healthcheck"]).fails(1, &["does not answer"]);
    let serving = Serving::start(&vestibule);
    assert_eq!(vestibule.run(&["healthcheck"]).ok(), "ready\n");
    vestibule.run(&["client", "list"]).ok();
    let findings = vestibule.run(&["doctor", "--json"]).json();
    let of = |part: &str| findings.as_array().unwrap().iter().find(|finding| finding["part"] == part).unwrap().clone();
    assert!(of("management")["text"].as_str().unwrap().contains("in use by the running appliance"), "{findings}");
    assert_eq!(of("database")["verdict"], "ok");
    vestibule.run(&["serve"]).fails(3, &["vestibule: "]);
    assert_eq!(serving.stop(), 0);
    vestibule.run(&["healthcheck"]).fails(1, &["does not answer"]);
}

#[test]
fn r44_a_running_appliance_leaves_no_core_dump() {
    let vestibule = Vestibule::new("");
    let serving = Serving::start(&vestibule);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.0.id())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
    assert_eq!(serving.stop(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_finds_nothing_wrong_with_a_sound_appliance() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let said = appliance.run(&["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    for part in ["configuration", "ldaps", "management", "certificate", "master key", "database", "directory corp"] {
        assert!(said.out.lines().any(|line| line.starts_with(part)), "{part}: {}", said.out);
    }
    assert!(!said.out.contains("FAILED"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_names_each_thing_that_is_wrong() {
    let mut slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let config = std::fs::read_to_string(&appliance.config).unwrap();
    let address =
        config.lines().find_map(|line| line.strip_prefix("listen_tls = [\"")).unwrap().trim_end_matches("\"]");
    let _taken = TcpListener::bind(address).unwrap();
    slapd.kill();
    let said = appliance.run(&["doctor", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let findings: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let failed: Vec<&str> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "failed")
        .map(|finding| finding["part"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["ldaps", "directory corp"]);

    appliance.dir.write("vestibule.toml", "stat_dir = \"/tmp\"\n");
    let said = appliance.run(&["doctor"]);
    assert!(said.code == 1 && said.out.contains("did you mean state_dir?"), "{said:?}");
}

#[test]
fn a_doctor_makes_nothing_that_is_not_there() {
    let vestibule = Vestibule::new("");
    assert!(vestibule.run(&["doctor"]).ok().contains("not made yet"));
    assert!(!vestibule.state().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_leaves_a_database_as_it_is_empty_or_of_an_older_release() {
    let appliance = Appliance::start().await;
    let external = Vestibule::new(&format!(
        "[database]\nurl = \"{}\"\n[master_key]\nkey = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n",
        appliance.database_url()
    ));
    let finds = |vestibule: &Vestibule, verdict: &str, words: &str| {
        let findings = vestibule.run(&["doctor", "--json"]).json();
        let database = findings.as_array().unwrap().iter().find(|finding| finding["part"] == "database").unwrap();
        assert_eq!(database["verdict"], verdict, "{findings}");
        assert!(database["text"].as_str().unwrap().contains(words), "{findings}");
    };
    let tables = async || -> i64 {
        let count = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'");
        count.fetch_one(&appliance.pool).await.unwrap()
    };
    for vestibule in [&appliance.vestibule, &external] {
        finds(vestibule, "ok", "the database is empty; `vestibule serve` creates the tables");
        assert_eq!(tables().await, 0);
    }

    appliance.run(&["client", "list"]).ok();
    assert!(tables().await > 0);
    finds(&appliance, "ok", "the master key fits");
    appliance.sql("update _sqlx_migrations set version = version - 100").await;
    finds(&appliance, "warning", "which the next `vestibule serve` brings to");
    assert!(
        appliance.sql("update _sqlx_migrations set version = version + 100 where version < 0").await > 0,
        "left alone"
    );
    finds(&appliance, "ok", "the master key fits");
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once_and_no_secret_is_shown() {
    let vestibule = Vestibule::new("");
    assert_eq!(vestibule.run(&["config", "check"]).ok(), "The configuration is sound.\n");
    vestibule.dir.write(
        "vestibule.toml",
        "hostnam = \"x\"\n[ldap]\nidle_timeout = \"soon\"\n[database]\nurl = \"mysql://root:hunter2@db/x\"\n",
    );
    let said = vestibule.run(&["config", "check"]);
    assert!(!said.err.contains("hunter2"), "{said:?}");
    said.fails(1, &["did you mean hostname?", "ldap.idle_timeout", "database.url"]);
    vestibule.run(&["user", "list"]).fails(2, &["hostnam", "ldap.idle_timeout", "database.url"]);
    vestibule.dir.write("vestibule.toml", "[database]\nurl = \"postgres://u:hunter2@127.0.6.1:1/x\"\n");
    let dump = vestibule.run(&["config", "dump"]).ok();
    assert!(dump.contains("url = \"(set)\"") && !dump.contains("hunter2"), "{dump}");
    let schema = vestibule.run(&["config", "schema"]).json();
    assert!(schema["properties"]["ldap"].is_object());
}

#[test]
fn a_database_that_cannot_be_reached_is_a_fault_and_says_what_to_look_at() {
    let vestibule = Vestibule::new(
        "[database]\nurl = \"postgres://u:hunter2@127.0.6.1:1/x\"\nacquire_timeout = \"500ms\"\n[master_key]\nkey = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n",
    );
    let said = vestibule.run(&["user", "list"]);
    assert!(!said.err.contains("hunter2"), "{said:?}");
    said.fails(3, &["the database cannot be reached", "database.url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_early_is_no_fault() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let mut list = appliance.command(&["user", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    let output = list.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn usage_errors_are_two_and_help_is_no_error() {
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_vestibule")).args(args).output().unwrap();
    assert_eq!(run(&["user", "frobnicate"]).status.code(), Some(2));
    assert_eq!(run(&["user", "enrol-totp"]).status.code(), Some(2));
    for help in [&["--help"][..], &["client", "add", "--help"], &["key", "rotate", "--help"], &["--version"]] {
        let said = run(help);
        assert!(said.status.success() && said.stderr.is_empty(), "{help:?}");
    }
}
