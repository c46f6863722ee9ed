//! Whatever is typed as a login name: it is refused, or its comparison form is its own; in a filter it stays a value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::name::{LoginName, MAX_LENGTH, filter_value, fold};

fuzz_target!(|bytes: &[u8]| {
    let filter = filter_value(bytes);
    assert!(!filter.contains(['\0', '*', '(', ')']));
    assert_eq!(filter.matches('\\').count(), escaped(bytes));

    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(once) = fold(text) {
        assert_eq!(fold(once.as_str()).as_ref(), Ok(&once));
    }
    if let Ok(name) = LoginName::parse(text) {
        let folded = name.folded();
        // Compatibility letters may fold to more bytes than the reader takes.
        if folded.as_str().len() <= MAX_LENGTH {
            assert_eq!(LoginName::parse(folded.as_str()).map(|name| name.folded()), Ok(folded));
        }
    }
});

/// How many bytes of a value RFC 4515 §3 has escaped.
fn escaped(bytes: &[u8]) -> usize {
    let special = |chunk: &str| chunk.matches(['\0', '*', '(', ')', '\\']).count();
    bytes.utf8_chunks().map(|chunk| special(chunk.valid()) + chunk.invalid().len()).sum()
}
