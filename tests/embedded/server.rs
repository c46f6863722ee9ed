//! What an operator may rely on from the embedded PostgreSQL.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use vestibule::store::embedded::{EmbeddedFault, Health};

use crate::fixture::{StateDir, eventually, note, notes, pool, settings, start};

fn pid(number: i32) -> Pid {
    Pid::from_raw(number).unwrap()
}

/// Gone or only waiting to be collected.
fn has_ended(number: i32) -> bool {
    test_kill_process(pid(number)).is_err()
        || fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

/// The account the server runs under: whoever owns the data directory.
fn account(dir: &StateDir) -> (u32, u32) {
    let facts = fs::metadata(dir.data()).unwrap();
    (facts.uid(), facts.gid())
}

#[tokio::test]
async fn what_was_written_is_there_after_a_stop_and_a_start() {
    let dir = StateDir::new();
    let postgres = dir.start().await.unwrap();
    note(&pool(&postgres), "kept").await;
    let server = dir.postmaster().unwrap();
    postgres.stop().await;
    assert!(has_ended(server));
    assert_eq!(notes(&pool(&dir.start().await.unwrap())).await, ["kept"]);
}

#[tokio::test]
async fn the_server_is_durable_private_and_without_power_over_the_machine() {
    let dir = StateDir::new();
    let postgres = dir.start().await.unwrap();
    let pool = pool(&postgres);
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("is_superuser", "off"),
    ] {
        let found: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&pool).await.unwrap();
        assert_eq!(found, value, "{setting}");
    }
    let mode = |name: &str| fs::metadata(dir.path().join("postgres").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("data"), mode("run"), mode("password"), mode("lock")], [0o700, 0o700, 0o600, 0o600]);
    assert_ne!(account(&dir).0, 0, "PostgreSQL does not run as root");
    let mut names: Vec<_> =
        fs::read_dir(dir.path().join("postgres")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data", "lock", "password", "run", "socket"], "no initdb password file stays");
}

#[tokio::test]
async fn a_login_without_the_right_password_is_refused() {
    let dir = StateDir::new();
    let postgres = dir.start().await.unwrap();
    for options in
        [postgres.connect_options().password("wrong"), postgres.connect_options().username("postgres").password("")]
    {
        assert!(sqlx::PgPool::connect_with(options).await.is_err());
    }
}

#[tokio::test]
async fn the_server_sees_neither_our_environment_nor_our_terminal() {
    let dir = StateDir::new();
    let postgres = dir.start().await.unwrap();
    let server = postgres.pid().unwrap();
    let environment = fs::read(format!("/proc/{server}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("CARGO"), "the test itself runs with CARGO variables");
    // Fields after the name in parentheses: state, parent, process group (proc_pid_stat(5)).
    let stat = fs::read_to_string(format!("/proc/{server}/stat")).unwrap();
    let group = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(group, server.to_string(), "Ctrl-C must reach the appliance alone");
}

#[tokio::test]
async fn a_server_that_is_killed_comes_back_with_everything_and_the_pool_with_it() {
    let dir = StateDir::new();
    let postgres = dir.start().await.unwrap();
    let pool = pool(&postgres);
    note(&pool, "committed").await;
    let killed = postgres.pid().unwrap();
    kill_process(pid(killed.try_into().unwrap()), Signal::KILL).unwrap();
    eventually("a new server", async || postgres.healthy() && postgres.pid() != Some(killed)).await;
    eventually("the pool connects again", async || sqlx::query("SELECT 1").execute(&pool).await.is_ok()).await;
    assert_eq!(notes(&pool).await, ["committed"]);
}

#[tokio::test]
async fn a_killed_appliance_takes_its_server_with_it_and_loses_nothing() {
    let dir = StateDir::new();
    let mut serving = serving_process(&dir).await;
    let commands = dir.attach_or_start().await.unwrap();
    note(&pool(&commands), "committed").await;
    let server = dir.postmaster().unwrap();
    serving.kill().unwrap();
    serving.wait().unwrap();
    // At once, while the orphan may still be on its way out.
    let next = dir.start().await.unwrap();
    assert!(has_ended(server));
    assert_eq!(notes(&pool(&next)).await, ["committed"]);
}

#[tokio::test]
async fn when_appliance_and_server_are_killed_together_nothing_is_lost() {
    let dir = StateDir::new();
    let mut serving = serving_process(&dir).await;
    let commands = dir.attach_or_start().await.unwrap();
    note(&pool(&commands), "committed").await;
    serving.kill().unwrap();
    kill_process(pid(dir.postmaster().unwrap()), Signal::KILL).unwrap();
    serving.wait().unwrap();
    assert_eq!(notes(&pool(&dir.start().await.unwrap())).await, ["committed"]);
}

#[tokio::test]
async fn a_second_appliance_on_the_same_directory_is_refused_and_the_first_lives_on() {
    let dir = StateDir::new();
    let mut serving = serving_process(&dir).await;
    let fault = dir.start().await.err().unwrap();
    assert!(matches!(fault, EmbeddedFault::InUse { pid, .. } if pid == serving.id()), "{fault}");
    let attached = dir.attach_or_start().await.unwrap();
    note(&pool(&attached), "still there").await;
    attached.stop().await;
    assert!(!has_ended(dir.postmaster().unwrap()), "a command never stops what it did not start");
    serving.kill().unwrap();
    serving.wait().unwrap();
}

#[tokio::test]
async fn a_command_without_a_serving_appliance_brings_its_own_server_and_takes_it_away() {
    let dir = StateDir::new();
    let command = dir.attach_or_start().await.unwrap();
    note(&pool(&command), "by a command").await;
    let server = dir.postmaster().unwrap();
    command.stop().await;
    assert!(has_ended(server));
    assert_eq!(dir.postmaster(), None, "it was a clean shutdown");
}

#[tokio::test]
async fn serving_waits_for_a_command_that_uses_the_database() {
    let dir = StateDir::new();
    let command = dir.attach_or_start().await.unwrap();
    let mut serving = std::pin::pin!(dir.start());
    let too_early = tokio::time::timeout(Duration::from_millis(200), &mut serving).await;
    assert!(too_early.is_err(), "two servers on one directory");
    command.stop().await;
    assert!(serving.await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_stops_the_server() {
    let dir = StateDir::new();
    let postgres = dir.start().await.unwrap();
    let server = dir.postmaster().unwrap();
    drop(postgres);
    assert!(has_ended(server));
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_no_process_and_no_half_made_database() {
    let dir = StateDir::new();
    let given_up = tokio::time::timeout(Duration::from_millis(150), dir.start()).await;
    assert!(given_up.is_err(), "initdb takes longer than that");
    assert_eq!(dir.postmaster(), None);
    note(&pool(&dir.start().await.unwrap()), "works").await;
}

#[tokio::test]
async fn a_pid_file_that_names_a_dead_a_reused_or_a_zombie_pid_does_not_keep_the_server_down() {
    let dir = StateDir::new();
    dir.start().await.unwrap().stop().await;
    let (uid, gid) = account(&dir);
    let as_server = |program: &str| {
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            command.uid(uid).gid(gid);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut dead = as_server("true");
    dead.wait().unwrap();
    // `cat` waits for input that does not come.
    let mut reused = as_server("cat");
    let mut zombie = as_server("true");
    let zombie_id = i32::try_from(zombie.id()).unwrap();
    eventually("a zombie", async || has_ended(zombie_id)).await;

    for stale in [&dead, &reused, &zombie].map(Child::id) {
        let path = dir.data().join("postmaster.pid");
        let data = dir.data();
        fs::write(&path, format!("{stale}\n{}\n1700000000\n5432\n\n\n\nready   \n", data.display())).unwrap();
        std::os::unix::fs::chown(&path, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let postgres = dir.start().await.unwrap();
        assert_eq!(postgres.health(), Health::Ready);
        postgres.stop().await;
    }
    reused.kill().unwrap();
    reused.wait().unwrap();
    zombie.wait().unwrap();
}

#[tokio::test]
async fn a_server_that_somebody_else_started_is_left_alone() {
    let dir = StateDir::new();
    let ours = dir.start().await.unwrap();
    let program = fs::read_link(format!("/proc/{}/exe", ours.pid().unwrap())).unwrap();
    ours.stop().await;
    let (uid, gid) = account(&dir);
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(uid).gid(gid);
    }
    command.arg("-D").arg(dir.data()).args(["-c", "listen_addresses=", "-c"]);
    command.arg(format!("unix_socket_directories={}", dir.path().join("postgres/run").display()));
    let mut foreign = command.env("LC_ALL", "C.UTF-8").stderr(Stdio::null()).spawn().unwrap();
    let foreign_id = i32::try_from(foreign.id()).unwrap();
    let ready = || fs::read_to_string(dir.data().join("postmaster.pid")).is_ok_and(|text| text.contains("\nready"));
    eventually("the other server is ready", async || ready()).await;

    let fault = dir.start().await.err().unwrap();
    assert!(matches!(fault, EmbeddedFault::Foreign { pid, .. } if pid == foreign.id()), "{fault}");
    assert!(!has_ended(foreign_id));
    kill_process(pid(foreign_id), Signal::INT).unwrap();
    foreign.wait().unwrap();
}

#[tokio::test]
async fn a_directory_too_deep_for_a_socket_still_works_for_serving_and_for_commands() {
    let dir = StateDir::deep();
    let mut serving = serving_process(&dir).await;
    let attached = dir.attach_or_start().await.unwrap();
    note(&pool(&attached), "deep").await;
    let socket_dir = fs::read_to_string(dir.path().join("postgres/socket")).unwrap();
    assert_eq!(fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777, 0o700);
    serving.kill().unwrap();
    serving.wait().unwrap();
    let next = dir.start().await.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("postgres/socket")).unwrap(), socket_dir, "the place is used again");
    assert_eq!(notes(&pool(&next)).await, ["deep"]);
    next.stop().await;
    fs::remove_dir_all(socket_dir).unwrap();
}

#[tokio::test]
async fn without_binaries_one_sentence_names_the_package_and_nothing_is_made() {
    let dir = StateDir::new();
    let mut settings = settings(dir.path());
    settings.bin_dir = Some(dir.path().to_owned());
    let fault = start(&settings).await.err().unwrap().to_string();
    assert!(fault.contains("`postgresql`") && fault.contains("database.url"), "{fault}");
    assert!(!dir.data().exists() && !dir.path().join("postgres/password").exists());
}

#[tokio::test]
async fn data_of_another_postgresql_version_is_refused_and_left_as_it_is() {
    let dir = StateDir::new();
    dir.start().await.unwrap().stop().await;
    fs::write(dir.data().join("PG_VERSION"), "9\n").unwrap();
    let fault = dir.start().await.err().unwrap();
    assert!(matches!(fault, EmbeddedFault::WrongMajor { data: 9, .. }), "{fault}");
    assert!(fault.to_string().contains("postgresql-9"));
}

#[tokio::test]
async fn a_directory_the_servers_account_cannot_reach_is_named() {
    if !rustix::process::geteuid().is_root() {
        return; // Then the account is our own.
    }
    let dir = StateDir::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let fault = dir.start().await.err().unwrap();
    assert!(matches!(&fault, EmbeddedFault::Unreachable { dir: blocked, .. } if blocked == dir.path()), "{fault}");
}

const SERVE_HERE: &str = "VESTIBULE_TEST_SERVE_HERE";

/// Another process that serves from `dir` until it is killed: this test program, running the one test below.
async fn serving_process(dir: &StateDir) -> Child {
    let this = std::env::current_exe().unwrap();
    let child = Command::new(this)
        .args(["--exact", "server::serves_until_killed_when_told_where", "--nocapture"])
        .env(SERVE_HERE, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let marker = dir.path().join("serving");
    eventually("the other process serves", async || marker.exists()).await;
    child
}

#[tokio::test]
async fn serves_until_killed_when_told_where() {
    #[allow(clippy::disallowed_methods, reason = "the one word between this test program and its second self")]
    let Some(path) = std::env::var_os(SERVE_HERE) else { return };
    let _postgres = start(&settings(Path::new(&path))).await.unwrap();
    fs::write(Path::new(&path).join("serving"), "").unwrap();
    std::future::pending::<()>().await;
}
