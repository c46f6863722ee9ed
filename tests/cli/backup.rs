//! `backup` and `restore`, to an empty database and back (SECURITY R59).

use std::fs;

use crate::fixture::{Appliance, Vestibule, slapd};

/// A second appliance without a database yet, with the first one's master key.
fn heir(of: &Appliance) -> Vestibule {
    let heir = Vestibule::new("");
    fs::create_dir(heir.state()).unwrap();
    fs::copy(of.state().join("master.key"), heir.state().join("master.key")).unwrap();
    heir
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_appliance_knows_everything_the_old_one_did() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["user", "enrol-totp", "user0001"]).ok();
    appliance.run(&["user", "recovery-codes", "user0002"]).ok();
    let file = appliance.dir.path().join("all.backup").display().to_string();
    let made = appliance.run(&["backup", &file]);
    assert!(made.err.contains("master key is not in it"), "{made:?}");
    made.ok();
    assert!(appliance.run(&["audit", "tail", "-n", "1"]).ok().contains("backup-made"));
    appliance.run(&["backup", &file]).fails(2, &["is there already"]);

    let heir = heir(&appliance);
    assert!(heir.run(&["restore", &file]).ok().starts_with("Restored: "));
    for args in [&["user", "list", "--json"][..], &["client", "list", "--json"], &["directory", "list", "--json"]] {
        assert_eq!(heir.run(args).json(), appliance.run(args).json(), "{args:?}");
    }
    heir.run(&["directory", "test", "corp"]).ok();
    heir.run(&["audit", "verify"]).ok();
    assert!(heir.run(&["audit", "tail", "-n", "1"]).ok().contains("restored"));
    heir.run(&["restore", &file]).fails(1, &["already holds rows", "only into an empty database"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_through_a_pipe_as_well() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let backup = appliance.command(&["backup", "-"]).output().unwrap();
    assert!(backup.status.success());
    let heir = heir(&appliance);
    heir.run_with(&["restore", "-"], &backup.stdout).ok();
    assert_eq!(heir.run(&["user", "list", "--json"]).json(), appliance.run(&["user", "list", "--json"]).json());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_restored_leaves_the_database_empty() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let file = appliance.dir.path().join("all.backup").display().to_string();
    appliance.run(&["backup", &file]).ok();
    let bytes = fs::read(&file).unwrap();

    let without_key = Vestibule::new("");
    without_key.run(&["restore", &file]).fails(3, &["no master key"]);
    assert!(!without_key.state().exists(), "a restore makes no key");

    let heir = heir(&appliance);
    heir.run_with(&["restore", "-"], b"hello\n").fails(2, &["not a vestibule backup"]);
    heir.run_with(&["restore", "-"], &bytes[..bytes.len() - 100]).fails(2, &["cut short"]);
    let mut changed = bytes.clone();
    let at = changed.len() - 200;
    changed[at] ^= 1;
    heir.run_with(&["restore", "-"], &changed).fails(2, &["damaged", "use another one"]);
    heir.run(&["restore", "/nowhere"]).fails(2, &["/nowhere"]);

    let right = fs::read(heir.state().join("master.key")).unwrap();
    fs::write(heir.state().join("master.key"), format!("1:{}\n", data_encoding::BASE64.encode(&[7; 32]))).unwrap();
    heir.run(&["restore", &file]).fails(3, &["the master key does not fit"]);
    fs::write(heir.state().join("master.key"), right).unwrap();
    heir.run(&["restore", &file]).ok();
}
