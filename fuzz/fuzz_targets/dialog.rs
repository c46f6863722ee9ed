//! What a State opens, and what a person answers: the readers end, and a dialog survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::dialog::Dialog;
use vestibule::domain::offered::Offered;
use vestibule::domain::secret::Password;

fuzz_target!(|bytes: &[u8]| {
    let _ = Offered::answer(&Password::new(bytes));
    let Ok(dialog) = Dialog::read(bytes) else {
        return;
    };
    assert_eq!(dialog.write().as_slice(), bytes, "there is one way to write a dialog");
    assert!(!dialog.question.text(None, "").is_empty());
});
