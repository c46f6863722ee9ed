//! What is refused, and in which words.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::super::*;
use super::{Paper, accepted, refused};

#[test]
fn every_fault_is_told_at_once_with_its_key_and_its_source() {
    let file = "hostnam = \"x\"\n[ldap]\nidle_timeout = 30\nmax_frame = \"1TB\"\nlisten = [\"389\"]\n[log]\nformat = \"xml\"\n\
                [sign_in]\nanswer_by = \"1s\"\n[tls]\ncertificate = \"/c.pem\"";
    let faults = refused(file, &[("VESTIBULE_LDAP__MAX_CONNECTIONS", "many"), ("VESTIBULE_LDAP_LISTEN", "[::]:389")]);
    assert_eq!(
        faults,
        [
            "hostnam, set in /etc/vestibule.toml, is not a setting; did you mean hostname?",
            "the environment variable VESTIBULE_LDAP_LISTEN is not a setting; did you mean VESTIBULE_LDAP__LISTEN?",
            "ldap.idle_timeout, set in /etc/vestibule.toml, must be a duration such as \"30s\" or \"5m\" (ms, s, m, h, d)",
            "ldap.listen, set in /etc/vestibule.toml, must be a list of addresses with a port, \
             such as [\"127.0.0.1:389\", \"[::]:389\"]",
            "ldap.max_connections, set by the environment variable VESTIBULE_LDAP__MAX_CONNECTIONS, must be a whole number",
            "ldap.max_frame, set in /etc/vestibule.toml, must be a size such as \"64KiB\" or \"1MiB\" (B, KiB, MiB)",
            "log.format, set in /etc/vestibule.toml, must be one of pretty, json",
            "tls.certificate, set in /etc/vestibule.toml, goes with tls.private_key; set both or none",
            "sign_in.answer_by, set in /etc/vestibule.toml, must be between 2s and 10m",
        ]
    );
}

#[test]
fn a_setting_given_by_a_variable_and_its_file_variable_is_refused_naming_both() {
    let variables =
        [("VESTIBULE_DATABASE__URL", "postgres://a"), ("VESTIBULE_DATABASE__URL_FILE", "/run/secrets/database_url")];
    assert_eq!(
        refused("", &variables),
        ["database.url is set by both VESTIBULE_DATABASE__URL and VESTIBULE_DATABASE__URL_FILE; keep one of them"]
    );
}

#[test]
fn an_unknown_name_comes_with_the_nearest_right_one_if_one_is_near() {
    let meant = |file: &str, environment: &[(&str, &str)]| {
        let faults = refused(file, environment);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].split_once("did you mean ").map(|(_, name)| name.trim_end_matches('?').to_owned())
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(meant("[ldap]\nidle_timout = \"1m\"", &[]), named("ldap.idle_timeout"));
    assert_eq!(meant("idle_timeout = \"1m\"", &[]), named("ldap.idle_timeout"), "right word, wrong section");
    assert_eq!(meant("[databse]\nurl = \"x\"", &[]), named("database"));
    assert_eq!(meant("[database]\nembeded = {}", &[]), named("database.embedded"));
    assert_eq!(meant("[zebra]\nstripes = 7", &[]), None);
    assert_eq!(meant("", &[("VESTIBULE_STATEDIR", "x")]), named("VESTIBULE_STATE_DIR"));
    assert_eq!(meant("", &[("VESTIBULE_DATABASE_URL_FILE", "x")]), named("VESTIBULE_DATABASE__URL_FILE"));
    assert_eq!(meant("", &[("VESTIBULE_CONFIG_FILE", "x")]), named("VESTIBULE_CONFIG"));
    assert_eq!(meant("", &[("VESTIBULE_log__level", "x")]), named("VESTIBULE_LOG__LEVEL"), "capitals matter");
    assert_eq!(meant("", &[("VESTIBULE_ZEBRA", "x")]), None);
}

#[test]
fn a_name_cannot_smuggle_control_characters_into_a_fault() {
    let faults = refused("\"a\\u001b[2J\\nb\" = 1", &[("VESTIBULE_\u{1b}\u{202e}", "x")]);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().all(|fault| !fault.contains(['\u{1b}', '\u{202e}'])), "{faults:?}");
}

#[test]
fn a_section_that_is_given_a_value_is_refused() {
    assert_eq!(
        refused("ldap = \"on\"", &[]),
        ["ldap, set in /etc/vestibule.toml, is a section; write [ldap] and its settings below"]
    );
}

#[test]
fn broken_toml_is_told_by_line_and_column_without_the_line() {
    let faults = refused("[database]\nmax_connections = 10\nurl = postgres://vestibule:canary@db/x", &[]);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("/etc/vestibule.toml is not valid TOML at line 3, column 7: "), "{faults:?}");
    assert!(!faults[0].contains("canary"), "{faults:?}");
}

#[test]
fn what_seems_missing_because_the_file_is_broken_is_no_fault_of_its_own() {
    let faults = refused("[tls", &[("VESTIBULE_TLS__CERTIFICATE", "/c.pem"), ("VESTIBULE_LDAP__MAX_CONNECTIONS", "9")]);
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[test]
fn a_file_variable_that_cannot_be_read_is_told_with_its_path() {
    let lead = "tls.certificate, set by the file /nowhere/cert that VESTIBULE_TLS__CERTIFICATE_FILE names, ";
    let faults = refused("", &[("VESTIBULE_TLS__CERTIFICATE_FILE", "/nowhere/cert")]);
    assert!(faults[0].starts_with(&format!("{lead}cannot be read: No such file")), "{faults:?}");
    for (content, reason) in [(vec![0xff_u8], "not UTF-8"), (vec![b'a'; 1024 * 1024 + 1], "longer than 1 MiB")] {
        let paper = Paper::with(&content);
        let faults = refused("", &[("VESTIBULE_HOSTNAME_FILE", paper.path())]);
        assert!(faults[0].contains(reason), "{faults:?}");
    }
}

#[test]
fn a_variable_that_is_not_text_is_refused_by_name() {
    let environment = [(OsString::from("VESTIBULE_HOSTNAME"), OsString::from_vec(vec![b'a', 0xff]))];
    let Err(faults) = Config::from_parts(None, environment) else { panic!("accepted") };
    assert_eq!(faults.to_string(), "hostname, set by the environment variable VESTIBULE_HOSTNAME, must be UTF-8 text");
}

#[test]
fn values_out_of_range_and_values_at_odds_are_refused() {
    for (file, reason) in [
        ("state_dir = \"\"", "state_dir, set in /etc/vestibule.toml, must be a path"),
        ("hostname = \"https://mfa.example.org\"", "must be a host name"),
        ("hostname = 5", "must be text in quotes"),
        ("[ldap]\nmax_connections = 0", "must be between 1 and 1000000"),
        ("[ldap]\nmax_connections = true", "must be a whole number"),
        ("[ldap]\nmax_connections = 1.5", "must be a whole number"),
        ("[ldap]\nmax_connections = -1", "must be a whole number"),
        ("[ldap]\nmax_connections = 3000", "must not be less than ldap.max_connections_per_client, which is 4000"),
        ("[ldap]\nmax_connections_per_client = 16001", "must not be more than ldap.max_connections"),
        ("[ldap]\nmax_frame = \"32KiB\"", "must not be less than ldap.max_frame_before_bind"),
        ("[ldap]\nmax_frame = \"1023B\"", "must be between 1KiB and 64MiB"),
        ("[ldap]\nidle_timeout = \"2d\"", "must be between 1s and 1d"),
        ("[ldap]\nlisten = [\"[::]:389\", \"[::]:389\"]", "names one address twice"),
        ("[ldap]\nlisten_tls = [\"[::]:389\"]", "names an address that ldap.listen uses as well"),
        ("[ldap]\nlisten = [\"127.0.0.1:8389\"]", "names an address that management.listen uses as well"),
        ("[ldap]\nproxy_protocol_from = [\"10.0.0.0/33\"]", "must be a list of networks"),
        ("[ldap]\nproxy_protocol_from = [7]", "must be a list of networks"),
        ("[radius]\nlisten = [\"[::]:1813\"]", "names an address that radius.listen_accounting uses as well"),
        ("[radius]\nlisten_radsec = [\"127.0.0.1:8389\"]", "names an address that management.listen uses as well"),
        ("[radius]\nradsec_client_ca = \"\"", "must be a path"),
        ("[radius]\nsockets_per_address = 65", "must be between 1 and 64"),
        ("[radius]\nresend_for = \"3m\"", "must be between 1s and 2m"),
        ("[radius]\nmax_stored_answers = \"1KiB\"", "must be between 1MiB and 1024MiB"),
        ("[radius]\ndictionaries = [7]", "must be a list of paths"),
        ("[radius]\ndictionaries = [\"\"]", "must be a path"),
        ("[management]\nlisten = \"8389\"", "must be an address with a port"),
        ("[database]\nurl = \"mysql://canary\"", "must begin with postgres://"),
        ("[database]\nmax_connections = 1", "must be between 2 and 1000"),
        ("[database]\nmax_connections = 4294967296", "is too large a number"),
        ("[database.embedded]\nrun_as = \"\"", "must be the name of a user"),
        ("[tls]\nprivate_key = \"/k.pem\"", "tls.private_key, set in /etc/vestibule.toml, goes with tls.certificate"),
        ("[log]\nlevel = \"vestibule=loud\"", "must be a level such as info"),
        ("[log]\nlevel = \"\"", "must be a level such as info"),
        ("[sign_in]\nlockout_failures = 0", "must be between 1 and 1000"),
        ("[sign_in]\nmax_waiting = 100", "must not be less than sign_in.max_waiting_per_client"),
    ] {
        let faults = refused(file, &[]);
        assert_eq!(faults.len(), 1, "{file}: {faults:?}");
        assert!(faults[0].contains(reason), "{file}: {faults:?}");
    }
}

#[test]
fn a_port_number_may_serve_udp_and_tcp_at_once() {
    accepted("[radius]\nlisten = [\"[::]:1812\"]\nlisten_radsec = [\"[::]:1812\"]", &[]);
}
