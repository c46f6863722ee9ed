//! A distinguished name in any spelling: the reader ends, and what it read survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::dn::{Dn, MAX_LENGTH, is_plain};

fuzz_target!(|text: &str| {
    let Ok(name) = Dn::parse(text) else {
        return;
    };
    for written in [name.to_string(), name.folded().into_string()] {
        // Escapes may make a long name longer than the reader takes.
        if written.len() <= MAX_LENGTH {
            assert_eq!(Dn::parse(&written).as_ref(), Ok(&name), "{written:?}");
        }
    }
    assert!(name.is_under(&name));
    if let Some(parent) = name.parent() {
        assert!(name.is_under(&parent) && !parent.is_under(&name));
    }
    if is_plain(text) {
        assert_eq!(name.rdns().len(), text.split(',').count());
    }
});
