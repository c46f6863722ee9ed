//! `user import --file` and `user export`: people from files meet a real directory.

use serde_json::{Value, json};
use vestibule::domain::name::fold;
use vestibule::domain::user::Token;

use crate::fixture::{Appliance, Said, person, slapd, slapd_with};

/// Twenty bytes, and fifteen.
const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const WEAK: &str = "GEZDGNBVGY3TQOJQGEZDGNBV";

fn import(appliance: &Appliance, text: impl AsRef<[u8]>, more: &[&str]) -> Said {
    let file = appliance.dir.write("people.csv", text);
    appliance.run(&[&["user", "import", "--file", &file][..], more].concat())
}

/// The report of an import that refuses nobody.
fn report(appliance: &Appliance, text: impl AsRef<[u8]>, more: &[&str]) -> Value {
    import(appliance, text, &[&["--json"][..], more].concat()).json()
}

fn counts(report: &Value) -> [u64; 4] {
    ["added", "changed", "unchanged", "refused"].map(|name| report[name].as_u64().unwrap())
}

fn user(appliance: &Appliance, name: &str) -> Value {
    appliance.run(&["user", "show", name, "--json"]).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_looked_at_first_then_applied_and_the_second_time_changes_nothing() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let text = format!(
        "username,phone,enabled,oath_serial,oath_secret\nuser0001,+49 30 901820,yes,GA-1,{SEED}\nUSER0002@example.test,,no,,\n"
    );
    let said = import(&appliance, &text, &[]).ok();
    for words in [
        "read as CSV, UTF-8, cells parted by ,",
        "+ row 2  user0001  uid=user0001,ou=people",
        "phone +4930901820, not verified; TOTP token GA-1",
        "+ row 3  user0002",
        "disabled",
        "nothing was changed. added 2, changed 0, unchanged 0, refused 0. Add --apply",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains(SEED));
    assert_eq!(appliance.run(&["user", "list", "--json"]).json(), json!([]), "a preview");

    assert_eq!(counts(&report(&appliance, &text, &["--apply"])), [2, 0, 0, 0]);
    assert_eq!(user(&appliance, "user0001")["factors"], json!(["totp"]));
    assert_eq!(user(&appliance, "user0002")["enabled"], false);
    assert!(appliance.run(&["user", "show", "user0001"]).ok().contains("+4930901820 (not verified)"));
    let trail = appliance.run(&["audit", "tail", "--json"]).ok();
    for event in ["user-imported", "phone-set", "enrolled", "user-disabled"] {
        assert!(trail.contains(event), "{event}: {trail}");
    }
    assert!(!trail.contains("901820"), "the trail holds no number");

    let again = report(&appliance, &text, &["--apply"]);
    assert_eq!((counts(&again), &again["rows"]), ([0, 0, 2, 0], &json!([])));
    assert_eq!(appliance.run(&["audit", "tail", "--json"]).ok(), trail, "nothing was done");

    // The same person, changed: another number and a second token.
    let text = format!("username,phone,oath_secret\nuser0001,+49 30 901821,{WEAK}\n");
    let changed = report(&appliance, &text, &["--apply"]);
    assert_eq!(counts(&changed), [0, 1, 0, 0]);
    let changes = changed["rows"][0]["changes"].to_string();
    assert!(changes.contains("+4930901821") && changes.contains("shorter than 128 bits"), "{changes}");
    assert_eq!(user(&appliance, "user0001")["factors"], json!(["totp", "totp"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_used_is_told_with_its_column_and_costs_no_other() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["user", "enrol-totp", "user0003"]).ok();
    let text = format!(
        "username;secret;serial;phone;enabled\n\
         user0001;not-1-seed!;;;\n\
         nobody;;;;\n\
         user0002;;;030 901820;\n\
         a@b@c;;;;\n\
         user0002;\"{SEED};A-1;;\n\
         user0002;;;;perhaps\n\
         user0003;{SEED};A-2;;yes\n"
    );
    let said = import(&appliance, &text, &["--apply", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    assert!(!said.out.contains("not-1-seed") && !said.out.contains(SEED), "{}", said.out);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((counts(&report), &report["delimiter"]), ([0, 1, 0, 6], &json!(";")));
    let refused: Vec<(u64, &str, &str)> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["outcome"] == "refused")
        .map(|row| (row["row"].as_u64().unwrap(), row["column"].as_str().unwrap_or(""), row["why"].as_str().unwrap()))
        .collect();
    for (at, (row, column, why)) in [
        (2, "secret", "base32"),
        (3, "", "nobody in directory corp"),
        (4, "phone", "country code"),
        (5, "username", "no name"),
        (6, "", "quote"),
        (7, "enabled", "yes nor no"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!((refused[at].0, refused[at].1), (row, column), "{refused:?}");
        assert!(refused[at].2.contains(why), "{refused:?}");
    }
    assert_eq!(user(&appliance, "user0003")["factors"], json!(["totp", "totp"]));

    // For people, on one line each, with what to do.
    let said = import(&appliance, &text, &[]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("! row 3  nobody  nobody in directory corp answers to this name; correct"),
        "{}",
        said.out
    );
    assert!(said.out.contains("! row 4  column \"phone\": it has no country code"), "{}", said.out);
    assert_eq!(counts(&report_of(&import(&appliance, &text, &["--json", "--country-code", "49"]))), [0, 1, 1, 5]);
}

fn report_of(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_mean_one_person_or_one_token_are_told_of_each_other_and_none_is_taken() {
    let slapd = slapd();
    let appliance = Appliance::with_people(&slapd).await;
    let dn = slapd.dn_of("user0001");
    let text = format!("username,serial,secret\nuser0001,,\nuser0002,A-1,{SEED}\n\"{dn}\",,\nuser0003,A-1,{WEAK}\n");
    let said = import(&appliance, &text, &["--apply"]);
    assert_eq!(said.code, 1, "{said:?}");
    for words in
        ["row 2  user0001", "same person as row 4", "same person as row 2", "number of row 5", "number of row 3"]
    {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    assert_eq!(user(&appliance, "user0002")["factors"], json!([]));

    // A token that somebody has stays theirs.
    import(&appliance, format!("username,serial,secret\nuser0002,A-1,{SEED}\n"), &["--apply"]).ok();
    let said = import(&appliance, format!("username,serial,secret\nuser0003,A-1,{WEAK}\n"), &["--apply"]);
    assert!(said.code == 1 && said.out.contains("for somebody else"), "{said:?}");
    assert_eq!(user(&appliance, "user0003")["factors"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_azure_mfa_server_comes_in_with_an_account_of_every_column() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    let text = format!(
        "\u{feff}Username;First Name;Email;Country Code;Phone;Extension;Backup Phone;Method;PIN Mode;PIN;Enabled;Serial Number;Secret Key;Time Interval;Shoe size\r\n\
         user0001;Ann;ann@x.org;49;030 901820;12;;OATH Token;Standard;74113;True;GA-1;{SEED};60;41\r\n\
         user0002;Bob;bob@x.org;49;0171 2345678;;;Phone Call;PIN;74113;True;;;;42\r\n\
         user0003;Svc;;;;;;Phone Call;Standard;;False;;;;\r\n"
    );
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let said = import(&appliance, &bytes, &["--json"]);
    assert_eq!(said.code, 1, "a disabled user needs a decision: {said:?}");
    assert!(!said.out.contains("74113") && !said.out.contains(SEED), "{}", said.out);
    let preview = report_of(&said);
    assert_eq!((&preview["format"], &preview["encoding"]), (&json!("azure-mfa"), &json!("UTF-16LE")));
    assert_eq!(counts(&preview), [2, 0, 0, 1]);
    assert!(preview["rows"][2]["why"].as_str().unwrap().contains("password alone"), "{preview}");

    let done = report(&appliance, &bytes, &["--apply", "--disabled-users", "disable"]);
    assert_eq!(counts(&done), [3, 0, 0, 0]);
    let column = |name: &str| {
        let columns = done["columns"].as_array().unwrap();
        let column = columns.iter().find(|column| column["column"] == name).unwrap();
        let count = |name: &str| column[name].as_u64().unwrap();
        ([count("taken"), count("changed"), count("left")], column["notes"].to_string())
    };
    for (name, wanted, note) in [
        ("Username", [3, 0, 0], ""),
        ("First Name", [0, 0, 3], "from the directory"),
        ("Phone", [0, 2, 0], "E.164"),
        ("Method", [0, 0, 3], "--factors"),
        ("PIN Mode", [0, 0, 3], "no PIN is taken over"),
        ("PIN", [0, 0, 2], "no PIN is taken over"),
        ("Enabled", [2, 1, 0], "kept out"),
        ("Secret Key", [1, 0, 0], ""),
        ("Shoe size", [0, 0, 2], "not understood"),
    ] {
        let (counts, notes) = column(name);
        assert!(counts == wanted && notes.contains(note), "{name}: {counts:?} {notes}");
    }
    assert_eq!(user(&appliance, "user0003")["enabled"], false);
    let store = appliance.store().await;
    let owner = store.find_users(&fold("user0001").unwrap()).await.unwrap().remove(0);
    let tokens = store.authenticators(owner.id).await.unwrap();
    let Token::Totp { seed, parameters, .. } = &tokens[0].token else { panic!("not TOTP") };
    assert!(seed.same_as(&data_encoding::BASE32.decode(SEED.as_bytes()).unwrap()) && parameters.period.seconds() == 60);
    let again = report(&appliance, &bytes, &["--apply", "--disabled-users", "disable"]);
    assert_eq!(counts(&again), [0, 0, 3, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_an_ldif_file_are_found_by_their_dn() {
    let slapd = slapd_with(&person("jörg", "joerg@example.test"));
    let appliance = Appliance::with_directory(&slapd).await;
    let text = format!(
        "version: 1\n\ndn: {}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: other\nmobile: +49 30\n  901820\n\n\
         dn:: {}\n\ndn: uid=nobody,ou=people,dc=example,dc=test\n\ndn: uid=user0002,dc=elsewhere\n\n\
         dn: uid=user0003,ou=people,dc=example,dc=test\nchangetype: delete\n",
        slapd.dn_of("user0001"),
        data_encoding::BASE64.encode(slapd.dn_of("jörg").as_bytes()),
    );
    let said = import(&appliance, &text, &["--apply", "--json"]);
    let done = report_of(&said);
    assert_eq!((said.code, counts(&done), &done["format"]), (1, [2, 0, 0, 3], &json!("ldif")), "{said:?}");
    assert_eq!(user(&appliance, "jörg")["dn"], json!(slapd.dn_of("jörg")));
    assert!(appliance.run(&["user", "show", "user0001"]).ok().contains("+4930901820"));
}

#[tokio::test(flavor = "multi_thread")]
async fn r47_what_is_exported_can_be_imported_and_cannot_reckon_in_a_spreadsheet() {
    let slapd = slapd_with(&person("-25", "two@example.test"));
    let appliance = Appliance::with_people(&slapd).await;
    appliance.run(&["user", "enrol-totp", "user0001"]).ok();
    appliance.run(&["user", "disable", "user0002"]).ok();
    import(&appliance, "username,phone,backup phone\nuser0001,+49 30 901820 x7,+49 30 901821\n", &["--apply"]).ok();
    let exported = appliance.run(&["user", "export"]).ok();
    assert_eq!(
        exported.lines().count(),
        1 + appliance.run(&["user", "list", "--json"]).json().as_array().unwrap().len()
    );
    for cell in exported.split(['\n', ',']) {
        assert!(!cell.trim_matches('"').starts_with(['=', '+', '-', '@']), "{cell}");
    }
    assert!(exported.contains(",'+4930901820;ext=7,'+4930901821,"), "{exported}");
    let imported = report(&appliance, &exported, &["--apply"]);
    assert_eq!(counts(&imported)[..2], [0, 0], "{imported}");

    // A file of ours is for its owner alone and replaces nothing.
    let path = appliance.dir.path().join("users.csv").display().to_string();
    appliance.run(&["user", "export", "--file", &path, "--directory", "corp"]).ok();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), exported);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    appliance.run(&["user", "export", "--file", &path]).fails(2, &["is there already"]);

    // Another appliance of the same directory takes it in, and disables whom it disables.
    let other = Appliance::with_directory(&slapd).await;
    let report = report(&other, &exported, &["--apply"]);
    assert_eq!((counts(&report)[0], counts(&report)[3]), (imported["unchanged"].as_u64().unwrap(), 0), "{report}");
    assert_eq!(user(&other, "user0002")["enabled"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_understood_is_refused_as_a_whole_with_what_to_do() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"name\nalice\n", "no column names the account"),
        (b"username,upn\nalice,a@x\n", "both mean username"),
        (b"username\nJ\xf6rg\n", "line 2 is not UTF-8"),
    ] {
        import(&appliance, bytes, &[]).fails(2, &["people.csv", words]);
    }
    import(&appliance, "Login\nuser0001\n", &["--column", "Login=username"]).ok();
    appliance.run(&["user", "import", "--file", "/nowhere"]).fails(2, &["cannot read /nowhere"]);
    appliance.run(&["user", "import"]).fails(2, &["--directory"]);
    appliance.run(&["user", "import", "--directory", "corp", "--apply"]).fails(2, &["--file"]);
    appliance.add_directory("branch", &slapd).ok();
    let said = import(&appliance, "username,directory\nuser0001,\nuser0002,branch\nuser0003,moon\n", &["--apply"]);
    assert!(said.code == 1 && said.out.contains("several directories") && said.out.contains("another directory"));
    assert_eq!(user(&appliance, "user0002")["directory"], "branch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_is_a_fault_and_nothing_is_written() {
    let slapd = slapd();
    let appliance = Appliance::with_directory(&slapd).await;
    drop(slapd);
    import(&appliance, "username\nuser0001\n", &["--apply"]).fails(3, &[]);
    assert_eq!(appliance.run(&["user", "list", "--json"]).json(), json!([]));
}
