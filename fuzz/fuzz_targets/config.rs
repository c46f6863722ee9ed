//! A configuration file and a variable: read, or refused with faults that can be shown; a secret is in neither.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use vestibule::config::Config;

const SECRET: &str = "canary-that-nobody-may-see";
const URL: &str = "postgres://vestibule:canary-that-nobody-may-see@localhost/vestibule";

fuzz_target!(|text: &str| {
    if text.contains(SECRET) {
        return;
    }
    // No `_FILE` variable: this must not read what lies on the disk.
    let (file, listen) = text.split_once('\0').unwrap_or((text, "127.0.0.1:389"));
    let environment = [("VESTIBULE_LDAP__LISTEN", listen), ("VESTIBULE_DATABASE__URL", URL)];
    let shown = match Config::from_parts(Some((Path::new("vestibule.toml"), file)), environment) {
        Ok(config) => config.dump().expect("a configuration can be shown"),
        Err(faults) => faults.to_string(),
    };
    assert!(!shown.is_empty());
    assert!(!shown.contains(SECRET), "{shown}");
});
