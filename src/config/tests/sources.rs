//! Which source wins, and what each can say.

use std::path::Path;
use std::time::Duration;

use super::super::*;
use super::{Paper, accepted, refused};

#[test]
fn a_file_beats_the_built_in_value_and_the_environment_beats_the_file() {
    let built_in = accepted("", &[]);
    assert_eq!(built_in.ldap.idle_timeout, Duration::from_mins(15));
    let file = "[ldap]\nidle_timeout = \"1m\"\nmax_connections_per_client = 7";
    assert_eq!(accepted(file, &[]).ldap.idle_timeout, Duration::from_mins(1));
    let both = accepted(file, &[("VESTIBULE_LDAP__IDLE_TIMEOUT", "2m")]);
    assert_eq!(both.ldap.idle_timeout, Duration::from_mins(2));
    assert_eq!(both.ldap.max_connections_per_client, 7, "what the environment leaves alone stays");
    let paper = Paper::with(b"3m\n");
    let by_file = accepted(file, &[("VESTIBULE_LDAP__IDLE_TIMEOUT_FILE", paper.path())]);
    assert_eq!(by_file.ldap.idle_timeout, Duration::from_mins(3));
}

#[test]
fn the_environment_can_set_every_kind_of_value() {
    let config = accepted(
        "",
        &[
            ("VESTIBULE_HOSTNAME", "00712"),
            ("VESTIBULE_STATE_DIR", "/srv/a b"),
            ("VESTIBULE_LDAP__LISTEN", "127.0.0.1:1389, [::1]:1389"),
            ("VESTIBULE_LDAP__LISTEN_TLS", ""),
            ("VESTIBULE_LDAP__PROXY_PROTOCOL_FROM", "10.0.0.0/8,2001:db8::7"),
            ("VESTIBULE_LDAP__MAX_CONNECTIONS", "5000"),
            ("VESTIBULE_LDAP__MAX_FRAME", "2MiB"),
            ("VESTIBULE_MANAGEMENT__LISTEN", "[::1]:9"),
            ("VESTIBULE_DATABASE__EMBEDDED__RUN_AS", "true"),
            ("VESTIBULE_LOG__FORMAT", "json"),
            ("UNRELATED", "x"),
        ],
    );
    assert_eq!(config.hostname, "00712");
    assert_eq!(config.state_dir, Path::new("/srv/a b"));
    assert_eq!(config.ldap.listen, ["127.0.0.1:1389".parse().unwrap(), "[::1]:1389".parse().unwrap()]);
    assert!(config.ldap.listen_tls.is_empty());
    let networks: Vec<String> = config.ldap.proxy_protocol_from.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "2001:db8::7/128"]);
    assert_eq!(config.ldap.max_connections, 5000);
    assert_eq!(config.ldap.max_frame, 2 * 1024 * 1024);
    assert_eq!(config.management.listen, "[::1]:9".parse().unwrap());
    assert_eq!(config.database.embedded.run_as.as_deref(), Some("true"));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn the_variables_kubernetes_adds_for_a_service_are_passed_over_and_typing_errors_are_not() {
    accepted(
        "",
        &[
            ("VESTIBULE_SERVICE_HOST", "10.96.0.7"),
            ("VESTIBULE_SERVICE_PORT", "389"),
            ("VESTIBULE_LDAP_SERVICE_PORT_LDAPS", "636"),
            ("VESTIBULE_PORT", "tcp://10.96.0.7:389"),
            ("VESTIBULE_PORT_389_TCP_ADDR", "10.96.0.7"),
            ("VESTIBULE_CONFIG", "/etc/vestibule.toml"),
        ],
    );
    assert_eq!(refused("", &[("VESTIBULE_LDAP_PORT", "389")]).len(), 1);
}

#[test]
fn a_missing_configuration_file_is_told_by_its_path() {
    let Err(faults) = Config::load(Some(Path::new("/nowhere/vestibule.toml"))) else { panic!("accepted") };
    let text = faults.to_string();
    assert!(text.contains("/nowhere/vestibule.toml cannot be read: No such file"), "{text}");
}
