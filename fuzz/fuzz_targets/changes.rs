//! What a directory says about changes: the values of its controls and of its messages in between. Whatever it sends, reading
//! ends, and nothing that is taken is larger than its bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::wire::changes::{DirSync, MAX_COOKIE, MAX_IDS, SyncDone, SyncInfo, SyncState};
use vestibule::wire::frame;
use vestibule::wire::message::controls_of;

fuzz_target!(|bytes: &[u8]| {
    let bounded = |cookie: Option<&Vec<u8>>| assert!(cookie.is_none_or(|cookie| cookie.len() <= MAX_COOKIE));
    if let Ok(state) = SyncState::parse(bytes) {
        bounded(state.cookie.as_ref());
    }
    if let Ok(done) = SyncDone::parse(bytes) {
        bounded(done.cookie.as_ref());
    }
    if let Ok(answer) = DirSync::parse(bytes) {
        bounded(Some(&answer.cookie));
    }
    match SyncInfo::parse(bytes) {
        Ok(SyncInfo::NewCookie(cookie)) => bounded(Some(&cookie)),
        Ok(SyncInfo::RefreshDelete { cookie, .. } | SyncInfo::RefreshPresent { cookie, .. }) => {
            bounded(cookie.as_ref())
        }
        Ok(SyncInfo::Ids { cookie, ids, .. }) => {
            bounded(cookie.as_ref());
            assert!(ids.len() <= MAX_IDS);
        }
        Err(_) => {}
    }
    // And whole messages that carry them.
    if let Ok(frame) = frame::frame(bytes.to_vec().into()) {
        let _ = controls_of(&frame);
        let _ = SyncInfo::of(&frame);
    }
});
