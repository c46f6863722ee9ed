//! The master key: kept, missing, wrong, changed (SECURITY R44, R59).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use data_encoding::BASE64;
use vestibule::ambient::Ambient;
use vestibule::domain::user::Token;

use crate::fixture::{Appliance, Vestibule, slapd};

/// Everything that is sealed still opens, with the keys there are now.
async fn everything_opens(appliance: &Appliance) {
    let store = appliance.store().await;
    assert_eq!(store.directories().await.unwrap()[0].bind_password.expose(), b"svc-secret");
    let user = store.users().await.unwrap().into_iter().find(|user| user.name == "user0001").unwrap();
    let tokens = store.authenticators(user.id).await.unwrap();
    assert!(matches!(&tokens[0].token, Token::Totp { seed, .. } if seed.expose() == b"12345678901234567890"));
    assert!(store.verify_audit().await.unwrap().faults.is_empty());
    store.close().await;
}

async fn with_a_token() -> (crate::slapd::Slapd, Appliance) {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let enrol = ["user", "enrol-totp", "user0001", "--secret-file", "-"];
    appliance.run_with(&enrol, b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").ok();
    (slapd, appliance)
}

async fn sealing_keys(appliance: &Appliance) -> Vec<u32> {
    let store = appliance.store().await;
    let keys = store.sealing_keys().await.unwrap().into_iter().collect();
    store.close().await;
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_seals_everything_and_the_old_one_is_dropped_when_somebody_says_so() {
    let (_slapd, appliance) = with_a_token().await;
    let key_file = appliance.state().join("master.key");
    let old = fs::read_to_string(&key_file).unwrap();

    assert!(appliance.run(&["key", "rotate"]).ok().contains("5 values are now sealed with key 2"));
    assert_eq!(sealing_keys(&appliance).await, [2]);
    let both = fs::read_to_string(&key_file).unwrap();
    assert!(both.starts_with("2:") && both.ends_with(&old), "the old key is kept");
    assert_eq!(fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    everything_opens(&appliance).await;

    assert!(appliance.run(&["key", "rotate", "--drop-old"]).ok().contains("Forgotten: key 1"));
    let new = fs::read_to_string(&key_file).unwrap();
    assert!(new.starts_with("2:") && new.lines().count() == 1);
    everything_opens(&appliance).await;
    assert!(appliance.run(&["key", "rotate", "--drop-old"]).ok().contains("no old key"));
    let recorded = appliance.run(&["audit", "tail", "-n", "1", "--json"]).json();
    assert_eq!(recorded["event"]["event"], "key-rotated");
    assert_eq!((&recorded["event"]["key"], &recorded["event"]["resealed"]), (&2.into(), &5.into()));

    fs::write(&key_file, old).unwrap();
    appliance.run(&["user", "list"]).fails(3, &["the master key does not fit this database", "sealed with key 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_others_are_connected_a_rotation_waits_for_their_restart() {
    let (_slapd, appliance) = with_a_token().await;
    let running = appliance.store().await;
    let prepared = appliance.run(&["key", "rotate"]).ok();
    assert!(prepared.contains("Key 2 is now in") && prepared.contains("restart every"), "{prepared}");
    assert_eq!(
        running.sealing_keys().await.unwrap().into_iter().collect::<Vec<_>>(),
        [1],
        "nothing is sealed with it yet"
    );
    assert!(running.directories().await.is_ok(), "so whoever knows only the old key goes on");
    running.close().await;

    // Restarted: it holds both keys now. A new secret is sealed with the new one, the rest is still to be done.
    let restarted = appliance.store().await;
    assert!(appliance.run(&["key", "rotate"]).ok().contains("5 values are now sealed with key 2"));
    assert!(restarted.directories().await.is_ok(), "it opens what the rotation sealed");
    restarted.close().await;
    everything_opens(&appliance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_rotation_runs_at_a_time() {
    let (_slapd, appliance) = with_a_token().await;
    let store = appliance.store().await;
    let lock = store.rotation_lock().await.unwrap().unwrap();
    appliance.run(&["key", "rotate"]).fails(1, &["another process is rotating"]);
    drop(lock);
    store.close().await;
    appliance.run(&["key", "rotate"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_configuration_is_the_administrators_to_change() {
    let key = || BASE64.encode(&Ambient::system().bytes::<32>());
    let (first, second) = (key(), key());
    let appliance = Appliance::of(Vestibule::new("")).await;
    let run = |keys: &str, args: &[&str]| {
        let output = appliance.command(args).env("VESTIBULE_MASTER_KEY__KEY", keys).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!format!("{out}{err}").contains(keys), "a key is shown");
        (output.status.code().unwrap(), out, err)
    };
    run(&first, &["client", "list"]);
    let (code, _, err) = run(&first, &["key", "rotate"]);
    assert!(code == 1 && err.contains("put a new key above it as `2:KEY`"), "{err}");
    let both = format!("2:{second}\n1:{first}");
    let (code, out, err) = run(&both, &["key", "rotate"]);
    assert!(code == 0 && out.contains("3 values are now sealed with key 2"), "{out}{err}");
    let (code, out, _) = run(&both, &["key", "rotate", "--drop-old"]);
    assert!(code == 0 && out.contains("remove it from master_key.key"), "{out}");
    assert_eq!(run(&format!("2:{second}"), &["client", "list"]).0, 0);
    let (code, _, err) = run(&first, &["client", "list"]);
    assert!(code == 3 && err.contains("the master key does not fit this database"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_exposed_key_file_is_told_in_one_sentence_and_no_new_key_is_made() {
    let appliance = Appliance::start().await;
    appliance.run(&["client", "list"]).ok();
    let key_file = appliance.state().join("master.key");
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o644)).unwrap();
    appliance.run(&["client", "list"]).fails(3, &["can be read by others", "chmod 600"]);
    fs::remove_file(&key_file).unwrap();
    appliance.run(&["client", "list"]).fails(3, &["no master key at", "put the key file back"]);
    assert!(!key_file.exists());
}

#[test]
fn the_first_command_of_all_makes_key_and_database_and_says_so_loudly() {
    let vestibule = Vestibule::new("");
    let first = vestibule.run(&["client", "list"]);
    assert!(first.err.contains("A new master key was written to") && first.err.contains("Keep a copy"), "{first:?}");
    let second = vestibule.run(&["client", "list"]);
    assert_eq!((second.code, second.err.as_str()), (0, ""));
    assert_eq!(first.ok(), second.ok());
}
