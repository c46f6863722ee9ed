//! A dictionary as an administrator loads it: read, or refused with the lines to blame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::radius::dictionary::Dictionary;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Dictionary::with(&[("file", text)]) {
        Ok(dictionary) => {
            for attribute in dictionary.attributes() {
                assert_eq!(dictionary.attribute(&attribute.name), Ok(attribute));
                assert!(dictionary.by_code(attribute.code).is_some());
                for name in attribute.value_names() {
                    assert!(attribute.value(name).is_some_and(|value| Some(value) <= attribute.form.largest()));
                }
            }
        }
        Err(faults) => {
            let lines = text.lines().count();
            assert!(!faults.faults.is_empty());
            assert!(faults.faults.iter().all(|fault| fault.line <= lines && !fault.why.is_empty()));
        }
    }
});
