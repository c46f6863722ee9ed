//! What a directory says of a password: the password policy control, the answer to a change, a diagnostic message.
//! Whatever it sends, reading ends, and a password is due only where the one clear word for it stands.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::directory::password::{due_in_windows, refusal_in_windows};
use vestibule::wire::frame::{self, op};
use vestibule::wire::message::controls_of;
use vestibule::wire::password::{ChangeAnswer, PolicyResponse};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(policy) = PolicyResponse::parse(bytes) {
        // The longest there is: a warning and an error, with each length in its longest form.
        assert!(bytes.len() <= 32, "{policy:?}");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = refusal_in_windows(19, text);
        assert!(due_in_windows(text).is_none() || text.contains("data 532,") || text.contains("data 773,"));
    }
    if let Ok(frame) = frame::frame(bytes.to_vec().into()) {
        for tag in [op::MODIFY_RESPONSE, op::EXTENDED_RESPONSE] {
            let _ = ChangeAnswer::parse(&frame, tag);
        }
        if let Ok(controls) = controls_of(&frame) {
            let _ = PolicyResponse::of(&controls);
        }
    }
});
