//! A byte stream as it comes from a socket: where messages end is the same whether it comes at once, bit by bit, or is
//! only followed; and no message is longer than the limit.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use vestibule::wire::frame::{self, Boundaries};
use vestibule::wire::message::{ExtendedRequest, LdapResult, SearchScope, compared_attribute, next_page};

const LIMIT: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = BytesMut::from(bytes);
    let mut followed = Boundaries::default();
    let mut whole = 0;
    loop {
        let peek = frame::peek(&buffer, LIMIT);
        match frame::split(&mut buffer, LIMIT) {
            Ok(Some(frame)) => {
                let length = frame.bytes().len();
                assert!(length <= LIMIT);
                let seen = peek.expect("what splits can be peeked at").expect("and is whole");
                assert_eq!((seen.total, seen.message_id, seen.op), (length, frame.message_id(), frame.op()));
                assert_eq!(&bytes[whole..whole + length], &frame.bytes()[..]);
                whole += length;
                read(&frame);
                let mut begun = vec![];
                followed.pass(frame.bytes(), LIMIT, |op| begun.push(op)).expect("whole messages pass");
                assert!(followed.at_boundary());
                assert_eq!(begun, [frame.op()]);
            }
            Ok(None) => break,
            Err(_) => break,
        }
    }
    let (mut at_once, mut bit_by_bit) = (Boundaries::default(), Boundaries::default());
    let (mut ops, mut ops_by_bit) = (vec![], vec![]);
    let at_once = at_once.pass(bytes, LIMIT, |op| ops.push(op)).is_ok();
    let by_bit = bytes.iter().all(|byte| bit_by_bit.pass(&[*byte], LIMIT, |op| ops_by_bit.push(op)).is_ok());
    assert_eq!((at_once, ops), (by_bit, ops_by_bit));
});

/// Readers of what a frame holds end, whatever it holds.
fn read(frame: &frame::Frame) {
    let _ = ExtendedRequest::parse(frame);
    let _ = SearchScope::parse(frame);
    let _ = compared_attribute(frame);
    if let Ok(result) = LdapResult::parse(frame, frame.op()) {
        let _ = next_page(&result.controls);
    }
}
