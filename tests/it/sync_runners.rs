//! Who runs: one at a time, until it ends, is stopped or dies; the next one begins where the last whole write ended.

use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::watch;

use super::openldap;
use super::support::appliance::Appliance;
use super::support::eventually;
use super::support::paged::{Page, Paged, done, person, usual};
use super::support::process::Process;
use super::support::scripted::Reaction;
use super::sync_openldap::{counts, follow, run, vestibule};

const RUN: [&str; 4] = ["sync", "run", "--directory", "corp"];

fn begin(appliance: &Appliance) -> Process {
    Process::spawn(appliance.command().args(RUN))
}

/// Runs from the newest to the oldest, as (state, why).
fn history(appliance: &Appliance) -> Vec<(String, String)> {
    let (code, out, err) = vestibule(appliance, &["sync", "history", "--json"]);
    assert_eq!(code, 0, "{err}");
    let runs: Vec<Value> = serde_json::from_str(&out).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    runs.iter().map(|run| (text(&run["state"]), text(&run["why"]))).collect()
}

async fn count(appliance: &Appliance, what: &str) -> i64 {
    let question = sqlx::AssertSqlSafe(format!("select count(*) from {what}"));
    sqlx::query_scalar(question).fetch_one(appliance.store().pool()).await.unwrap()
}

async fn execute(appliance: &Appliance, statement: &'static str) {
    sqlx::raw_sql(statement).execute(appliance.store().pool()).await.unwrap();
}

#[tokio::test]
async fn a_runner_killed_within_a_write_leaves_nothing_half_written_and_the_appliance_takes_its_run_up() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    follow(&appliance, &[]);
    execute(
        &appliance,
        "insert into sync_settings (directory_id, every_ms, next_at, brake_count, brake_percent)
         select id, 86400000, clock_timestamp() + interval '1 day', 5, 10 from directories",
    )
    .await;
    // Users are written, their names cannot be yet.
    let mut held = appliance.store().pool().begin().await.unwrap();
    sqlx::raw_sql("lock table user_names in share mode").execute(&mut *held).await.unwrap();
    let mut runner = begin(&appliance);
    let names = "pg_locks where relation = 'user_names'::regclass and mode = 'RowExclusiveLock'";
    eventually("the runner is within a write", async || count(&appliance, names).await > 0).await;
    runner.kill9();
    held.rollback().await.unwrap();
    eventually("its transaction is over", async || count(&appliance, names).await == 0).await;
    assert_eq!((count(&appliance, "users").await, count(&appliance, "user_names").await), (0, 0));
    assert_eq!(history(&appliance), [("running".to_owned(), String::new())]);

    let (code, _, err) = vestibule(&appliance, &RUN);
    assert!(code == 1 && err.contains("\"corp\" is being synchronised already"), "{code}: {err}");
    let soon = "leases where until between clock_timestamp() and clock_timestamp() + interval '1 minute'";
    assert_eq!(count(&appliance, soon).await, 1, "the lease passes on within a minute");
    execute(&appliance, "update leases set until = clock_timestamp() - interval '1 second'").await;
    eventually("the run is taken up", async || count(&appliance, "users").await == 3).await;
    eventually("and ended", async || history(&appliance)[0].0 == "finished").await;
    assert_eq!(history(&appliance)[1], ("failed".into(), "its runner ended before the run did".into()));
}

/// A run that waits for the second page, until it is told to go on.
async fn waiting(appliance: &Appliance, server: &Paged, second: fn(u32) -> Vec<u8>) -> (Process, watch::Sender<bool>) {
    let (go_on, told) = watch::channel(false);
    server.henceforth(move |frame, asked| {
        let page = second(frame.message_id());
        (asked == Some(Page::Second)).then(|| Reaction::SendWhen(told.clone(), page))
    });
    let before = server.asked_for(Page::Second);
    let runner = begin(appliance);
    eventually("the runner waits", async || server.asked_for(Page::Second) > before).await;
    (runner, go_on)
}

/// Of a server that may take its time.
async fn followed() -> (Appliance, Paged) {
    let server = Paged::start().await;
    let mut directory = server.directory();
    directory.operation_timeout = super::support::PATIENCE;
    let appliance = Appliance::before_directory(directory).await;
    follow(&appliance, &[]);
    assert_eq!(counts(&run(&appliance, &[])), [3, 0, 0, 0, 0]);
    (appliance, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_is_refused_by_name_while_the_first_is_under_way() {
    let (appliance, server) = followed().await;
    let (mut first, go_on) = waiting(&appliance, &server, |id| usual(id, Page::Second)).await;
    for command in [&RUN[..], &["sync", "run", "--dry-run"]] {
        let (code, _, err) = vestibule(&appliance, command);
        assert!(code == 1 && err.contains("\"corp\" is being synchronised already"), "{code}: {err}");
    }
    go_on.send(true).unwrap();
    assert!(first.ended().await.success());
    server.as_usual();
    assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0], "the next one need not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_interrupted_changes_nothing_says_so_and_makes_room_at_once() {
    let (appliance, server) = followed().await;
    for signal in [Signal::INT, Signal::TERM] {
        let (mut runner, _go_on) = waiting(&appliance, &server, |id| done(id, 0, false)).await;
        runner.signal(signal);
        assert_eq!(runner.ended().await.code(), Some(1));
        runner.log().closed().await;
        assert!(runner.log().text().contains("it was cancelled"), "{}", runner.log().text());
        assert_eq!(history(&appliance)[0], ("cancelled".into(), "somebody stopped it".into()));
        server.as_usual();
        assert_eq!(counts(&run(&appliance, &[])), [0, 0, 3, 0, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_comes_to_itself_after_another_took_over_writes_nothing_more() {
    let (appliance, server) = followed().await;
    let (mut late, go_on) = waiting(&appliance, &server, |id| [person(id, 4), done(id, 0, false)].concat()).await;
    execute(
        &appliance,
        "update leases set holder = gen_random_uuid(), generation = generation + 1,
             until = clock_timestamp() + interval '20 seconds'",
    )
    .await;
    go_on.send(true).unwrap();
    assert_eq!(late.ended().await.code(), Some(3));
    late.log().closed().await;
    assert!(late.log().text().contains("has passed to another process"), "{}", late.log().text());
    assert_eq!(count(&appliance, "users").await, 3);
    let away = "users where not enabled or left_at is not null or name = 'user0004'";
    assert_eq!(count(&appliance, away).await, 0);
    let held = "leases where until > clock_timestamp()";
    assert_eq!(count(&appliance, held).await, 1, "it did not give away what is another's");
}
