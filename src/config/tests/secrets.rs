//! Secrets are kept as given and shown to nobody (SECURITY R45).

use std::ffi::OsString;
use std::path::Path;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;

use super::super::sources::{Keys, Settings};
use super::super::*;
use super::{FILE, Paper, accepted, refused};

/// A configuration with one secret and no rule about its content.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Probe {
    secret: Option<SecretText>,
}

fn secret_from(file: &str, environment: &[(&str, &str)]) -> Result<Option<String>, Vec<ConfigFault>> {
    let keys = Keys::of(&schema_for!(Probe).to_value());
    let (mut settings, mut faults) = (Settings::default(), Vec::new());
    settings.add_file(Path::new(FILE), file, &keys, &mut faults);
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    settings.add_environment(environment, &keys, &mut faults);
    let probe: Probe = extract(&mut settings, &mut faults);
    if faults.is_empty() { Ok(probe.secret.map(|secret| secret.expose().to_owned())) } else { Err(faults) }
}

#[test]
fn a_secret_is_kept_exactly_as_given() {
    for secret in ["00712", "712", "true", "{x}", "[1, 2]", " pad ", "\ttab", "a,b", "\"quoted\"", "1e3", "", "ü\u{0}"]
    {
        let quoted = toml::Value::from(secret);
        let kept = Ok(Some(secret.to_owned()));
        assert_eq!(secret_from("", &[("VESTIBULE_SECRET", secret)]), kept, "environment: {secret:?}");
        assert_eq!(secret_from(&format!("secret = {quoted}"), &[]), kept, "file: {secret:?}");
        let paper = Paper::with(secret.as_bytes());
        assert_eq!(secret_from("", &[("VESTIBULE_SECRET_FILE", paper.path())]), kept, "secret file: {secret:?}");
    }
}

#[test]
fn a_secret_file_loses_one_line_break_at_its_end_and_nothing_else() {
    for (content, secret) in
        [("key\n", "key"), ("key\r\n", "key"), ("key\n\n", "key\n"), (" key \n", " key "), ("\nkey", "\nkey")]
    {
        let paper = Paper::with(content.as_bytes());
        let read = secret_from("", &[("VESTIBULE_SECRET_FILE", paper.path())]);
        assert_eq!(read, Ok(Some(secret.to_owned())), "{content:?}");
    }
}

#[test]
fn a_secret_without_quotes_in_the_file_is_refused_and_not_retyped_or_shown() {
    for value in
        ["71284912", "0x44c1f0", "-71284912", "7128.4912", "true", "1979-05-27", "[71284912]", "{ a = 71284912 }"]
    {
        let faults = secret_from(&format!("secret = {value}"), &[]).unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!(
            fault.to_string(),
            "secret, set in /etc/vestibule.toml, is a secret and must stand in quotes, \
             so that it is kept exactly as written",
            "{value}"
        );
    }
}

#[test]
fn a_dump_shows_that_a_secret_is_set_and_never_the_secret() {
    let config = accepted(
        "",
        &[
            ("VESTIBULE_DATABASE__URL", "postgres://vestibule:canary@db/vestibule"),
            ("VESTIBULE_MASTER_KEY__KEY", &"ca".repeat(32)),
        ],
    );
    let dump = config.dump().unwrap();
    assert!(dump.contains("url = \"(set)\"") && dump.contains("key = \"(set)\""), "{dump}");
    assert!(!dump.contains("canary") && !dump.contains("cacaca"), "{dump}");
    assert_eq!(config.database.url.unwrap().expose(), "postgres://vestibule:canary@db/vestibule");
}

#[test]
fn a_master_key_is_32_bytes_in_base64_or_hex_or_numbered_lines_of_them() {
    let (hex, base64) = ("0f".repeat(32), "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8=");
    for key in [hex.clone(), base64.to_owned(), base64.replace('=', ""), format!("2:{base64}\n1:{hex}")] {
        accepted("", &[("VESTIBULE_MASTER_KEY__KEY", &key)]);
    }
    for key in
        ["", "short", &base64[..40], &hex[..62], &format!("{base64} "), &format!("one:{hex}"), &format!("{hex}\n\n")]
    {
        let faults = refused("", &[("VESTIBULE_MASTER_KEY__KEY", key)]);
        assert!(faults[0].contains("must be 32 bytes in base64"), "{key:?}: {faults:?}");
        assert!(key.len() < 6 || !faults[0].contains(key), "{faults:?}");
    }
}
