//! The vectors of the RFCs, and properties of packets that are built and read back.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use crate::domain::secret::{Password, SharedSecret};

use super::attribute::{
    CHAP_PASSWORD, CLASS, EAP_MESSAGE, MESSAGE_AUTHENTICATOR, PROXY_STATE, REPLY_MESSAGE, USER_NAME, USER_PASSWORD,
};
use super::hidden::{HiddenFault, MAX_SALTED, hide_password, hide_salted, reveal_password, reveal_salted};
use super::*;

/// The secret of the examples of RFC 2865 §7 and RFC 5997 §6.
fn secret() -> SharedSecret {
    SharedSecret::new(&b"xyzzy5461"[..])
}

fn other_secret() -> SharedSecret {
    SharedSecret::new(&b"xyzzy5462"[..])
}

fn packet(hex: &str) -> Packet {
    Packet::parse(bytes(hex).into()).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.replace(' ', "").as_bytes()).unwrap()
}

const TELNET: &str = "01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee \
                      0406c0a80110 050600000003";

#[test]
fn the_telnet_example_of_rfc_2865_7_1_is_read() {
    let request = packet(TELNET);
    assert_eq!((request.code(), request.identifier()), (code::ACCESS_REQUEST, 0));
    assert_eq!(request.first(USER_NAME), Some(&b"nemo"[..]));
    let hidden = request.first(USER_PASSWORD).unwrap();
    let password = reveal_password(hidden, &secret(), request.authenticator()).unwrap();
    assert!(password.same_as(b"arctangent"));
    assert_eq!(hide_password(&password, &secret(), request.authenticator()).unwrap(), hidden);

    let accept = packet("02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103");
    assert!(accept.is_response_to(&request, &secret()));
    assert!(!accept.is_response_to(&request, &other_secret()));
}

#[test]
fn the_framed_example_of_rfc_2865_7_2_is_read() {
    let request = packet(
        "01010047 2aee86f08d0d55969ca5978e0d3367a2 0108666c6f707379 031316e97557c316185895f293ff6344077275 \
         0406c0a80110 050600000014 060600000002 070600000001",
    );
    assert_eq!(request.first(CHAP_PASSWORD).map(<[u8]>::len), Some(17));
    let accept = packet(
        "02010038 15efbc7dab26cfa3dc34d9c03c8601a4 060600000002 070600000001 0806fffffffe 0a0600000002 0d0600000001 \
         0c06000005dc",
    );
    assert!(accept.is_response_to(&request, &secret()));
    assert!(!accept.is_response_to(&packet(TELNET), &secret()), "another request's identifier and authenticator");
}

#[test]
fn the_status_example_of_rfc_5997_6_is_signed_as_we_sign() {
    let bytes = bytes("0cda0026 8a54f4686fb394c52866e302185d0623 5012 5a665e2e1e8411f3e243822097c84fa3");
    let request = Packet::parse(bytes.clone().into()).unwrap();
    assert_eq!(request.message_authenticator(&secret(), None), Presence::Right);
    assert_eq!(request.message_authenticator(&other_secret(), None), Presence::Wrong);
    let ours = Request::new(code::STATUS_SERVER, request.identifier(), *request.authenticator());
    assert_eq!(ours.sign(&secret()), bytes);
    assert!(packet("02da0014 ef0d552a4bf2d693ec2b6fe8b5411d66").is_response_to(&request, &secret()));
    // Computed by Python's hmac module.
    let long = SharedSecret::new(vec![b's'; 70]);
    assert!(HEXLOWER.encode(&ours.sign(&long)).ends_with("bbdcaaab052685e22f33196b7bc10416"));
}

#[test]
fn an_answer_is_built_as_another_program_builds_it() {
    // The request of RFC 2865 §7.1 with a Proxy-State; the answer computed by Python's hashlib and hmac modules.
    let request = packet(&TELNET.replace("01000038", "0100003b").replace("050600000003", "050600000003 210370"));
    let mut reply = Reply::to(&request, code::ACCESS_ACCEPT).unwrap();
    reply.attribute(REPLY_MESSAGE, b"Hi").unwrap();
    let bytes = reply.sign(&secret());
    assert_eq!(
        HEXLOWER.encode(&bytes),
        "0200002df1fcadb32c1cce226467c6c85bf6aeff50128c4ab5f7d8f665809c2f7fbd95068da612044869210370"
    );
    let answer = Packet::parse(bytes).unwrap();
    assert_eq!(answer.message_authenticator(&secret(), Some(request.authenticator())), Presence::Right);
    assert!(answer.is_response_to(&request, &secret()));
}

#[test]
fn an_accounting_request_is_authentic_by_its_digest() {
    // Computed by Python's hashlib module.
    let hex = "0407001f cbd9a5e0a145d37ef5183c2ebeeb0d03 280600000001 2c05616263";
    assert!(packet(hex).is_authentic_accounting(&secret()));
    assert!(!packet(hex).is_authentic_accounting(&other_secret()));
    assert!(!packet(&hex.replace("616263", "616264")).is_authentic_accounting(&secret()));
    let mut ours = Request::new(code::ACCOUNTING_REQUEST, 7, [9; 16]);
    ours.attribute(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 1]).unwrap();
    ours.attribute(attribute::ACCT_SESSION_ID, b"abc").unwrap();
    assert_eq!(ours.sign(&secret()), bytes(hex));
}

#[test]
fn the_answer_to_accounting_has_no_message_authenticator_unless_it_is_a_status_that_is_answered() {
    let request = packet("0407001f cbd9a5e0a145d37ef5183c2ebeeb0d03 280600000001 2c05616263");
    let answer = Reply::to(&request, code::ACCOUNTING_RESPONSE).unwrap().sign(&secret());
    let answer = Packet::parse(answer).unwrap();
    assert_eq!(answer.attributes().count(), 0);
    assert!(answer.is_response_to(&request, &secret()));

    let status = packet("0cda0026 8a54f4686fb394c52866e302185d0623 5012 5a665e2e1e8411f3e243822097c84fa3");
    let answer = Packet::parse(Reply::to(&status, code::ACCOUNTING_RESPONSE).unwrap().sign(&secret())).unwrap();
    assert_eq!(answer.message_authenticator(&secret(), Some(status.authenticator())), Presence::Right);
}

#[test]
fn a_message_authenticator_that_is_missing_twice_there_or_of_another_length_is_told() {
    let request = packet(TELNET);
    assert_eq!(request.message_authenticator(&secret(), None), Presence::Absent);
    let mut right = Request::new(code::ACCESS_REQUEST, 1, [3; 16]);
    right.attribute(USER_NAME, b"bob").unwrap();
    let right = right.sign(&secret());
    let with = |extra: &[u8]| {
        let mut bytes = right.to_vec();
        bytes.extend(extra);
        bytes[3] = u8::try_from(bytes.len()).unwrap();
        Packet::parse(bytes.into()).unwrap().message_authenticator(&secret(), None)
    };
    assert_eq!(with(&[]), Presence::Right);
    assert_eq!(with(&right[20..38]), Presence::Wrong, "the same once more");
    let short = [&[1, 1, 0, 23][..], &[9; 16], &[MESSAGE_AUTHENTICATOR, 3, 0]].concat();
    assert_eq!(Packet::parse(short.into()).unwrap().message_authenticator(&secret(), None), Presence::Wrong);
}

#[test]
fn eap_is_seen() {
    assert!(!packet(TELNET).has_eap());
    let mut request = Request::new(code::ACCESS_REQUEST, 1, [3; 16]);
    request.attribute(EAP_MESSAGE, &[]).unwrap();
    assert!(Packet::parse(request.sign(&secret())).unwrap().has_eap(), "an EAP-Start is an empty one");
}

#[test]
fn what_does_not_fit_is_an_error_and_changes_nothing() {
    let mut reply = Reply::to(&packet(TELNET), code::ACCESS_ACCEPT).unwrap();
    let too_long = BuildFault::ValueTooLong { kind: CLASS, length: 254 };
    assert_eq!(reply.attribute(CLASS, &[0; 254]).err(), Some(too_long));
    assert_eq!(reply.vendor(9, 1, &[0; 248]).err(), Some(BuildFault::ValueTooLong { kind: 1, length: 248 }));
    assert_eq!(reply.vendor(9, 1, &[0; 300]).err(), Some(BuildFault::ValueTooLong { kind: 1, length: 300 }));
    for reserved in [MESSAGE_AUTHENTICATOR, PROXY_STATE] {
        assert_eq!(reply.attribute(reserved, &[]).err(), Some(BuildFault::Reserved { kind: reserved }));
    }
    assert_eq!(reply.room(), 4096 - 20 - 18);
    reply.vendor(9, 1, &[0; 247]).unwrap();
    while reply.room() >= 255 {
        reply.attribute(CLASS, &[0; 253]).unwrap();
    }
    let left = reply.room() - 2;
    assert_eq!(reply.attribute(CLASS, &vec![0; left + 1]).err(), Some(BuildFault::PacketFull { kind: CLASS }));
    reply.attribute(CLASS, &vec![0; left]).unwrap();
    assert_eq!(reply.sign(&secret()).len(), 4096);
}

#[test]
fn proxy_states_that_leave_no_room_for_a_signature_are_an_error() {
    let full = |last: u8| {
        let mut bytes = vec![code::ACCESS_REQUEST, 1, 0, 0];
        bytes.extend([0; 16]);
        for length in [254; 15].into_iter().chain([last]) {
            bytes.extend([PROXY_STATE, length]);
            bytes.extend(vec![7; usize::from(length) - 2]);
        }
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes[2..4].copy_from_slice(&length);
        Packet::parse(bytes.into()).unwrap()
    };
    let fits = full(248);
    assert_eq!(fits.bytes().len(), 4096 - 18);
    assert_eq!(Reply::to(&fits, code::ACCESS_REJECT).unwrap().sign(&secret()).len(), 4096);
    assert_eq!(Reply::to(&full(249), code::ACCESS_REJECT).err(), Some(BuildFault::PacketFull { kind: PROXY_STATE }));
}

#[test]
fn long_values_are_split_in_order() {
    let value: Vec<u8> = (0..=255).cycle().take(600).collect();
    let mut reply = Reply::to(&packet(TELNET), code::ACCESS_CHALLENGE).unwrap();
    reply.pieces(EAP_MESSAGE, &value).unwrap();
    let answer = Packet::parse(reply.sign(&secret())).unwrap();
    let pieces: Vec<&[u8]> = answer.all(EAP_MESSAGE).collect();
    assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [253, 253, 94]);
    assert_eq!(pieces.concat(), value);
}

#[test]
fn a_password_over_128_bytes_is_refused_and_one_of_128_is_whole() {
    let hide = |length| hide_password(&Password::new(vec![b'x'; length]), &secret(), &[1; 16]);
    assert_eq!(hide(129), Err(HiddenFault::TooLong { length: 129, limit: 128 }));
    let longest = hide(128).unwrap();
    assert!(reveal_password(&longest, &secret(), &[1; 16]).unwrap().same_as(&[b'x'; 128]));
    let empty = hide(0).unwrap();
    assert_eq!(empty.len(), 16);
    assert!(reveal_password(&empty, &secret(), &[1; 16]).unwrap().is_empty());
}

#[test]
fn hidden_values_of_an_impossible_length_are_faults() {
    for length in [0, 1, 15, 17, 144] {
        let fault = reveal_password(&vec![0; length], &secret(), &[1; 16]).err();
        assert_eq!(fault, Some(HiddenFault::Length(length)));
    }
    for length in [0, 1, 2, 3, 17, 19] {
        let fault = reveal_salted(&vec![0; length], &secret(), &[1; 16]).err();
        assert_eq!(fault, Some(HiddenFault::Length(length)));
    }
    assert_eq!(
        hide_salted(&[0; MAX_SALTED + 1], [0, 0], &secret(), &[1; 16]),
        Err(HiddenFault::TooLong { length: 240, limit: 239 })
    );
}

#[test]
fn a_key_is_salted_as_another_program_salts_it() {
    // Computed by Python's hashlib module, after RFC 2548 §2.4.2.
    let key: Vec<u8> = (0..32).collect();
    let authenticator = *packet(TELNET).authenticator();
    let hidden = hide_salted(&key, [0x12, 0x34], &secret(), &authenticator).unwrap();
    assert_eq!(
        HEXLOWER.encode(&hidden),
        "92347c1efefc8d47a42a914c928cc98f675a271a4f58d3f4272c3a8902a7c718d3c3ea04ae5041c7d9d9d8762eb7f9674a07"
    );
    assert_eq!(*reveal_salted(&hidden, &secret(), &authenticator).unwrap(), key);
}

fn values() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let one = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..=253));
    let free =
        one.prop_filter("put in by themselves", |(kind, _)| ![MESSAGE_AUTHENTICATOR, PROXY_STATE].contains(kind));
    prop::collection::vec(free, 0..8)
}

fn built(values: &[(u8, Vec<u8>)], authenticator: [u8; 16]) -> Bytes {
    let mut request = Request::new(code::ACCESS_REQUEST, 200, authenticator);
    for (kind, value) in values {
        request.attribute(*kind, value).unwrap();
    }
    request.sign(&secret())
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(values in values(), authenticator: [u8; 16]) {
        let read = Packet::parse(built(&values, authenticator)).unwrap();
        let mut attributes = read.attributes();
        prop_assert_eq!(attributes.next().map(|first| first.kind), Some(MESSAGE_AUTHENTICATOR));
        let found: Vec<(u8, Vec<u8>)> = attributes.map(|field| (field.kind, field.value.to_vec())).collect();
        prop_assert_eq!(found, values);
        prop_assert_eq!(read.message_authenticator(&secret(), None), Presence::Right);
    }

    #[test]
    fn an_answer_has_its_signature_first_and_the_proxy_states_last_and_in_order(
        values in values(),
        states in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
    ) {
        let mut request = Request::new(code::ACCESS_REQUEST, 200, [5; 16]);
        for state in &states {
            request.attribute(PROXY_STATE, state).unwrap();
        }
        let request = Packet::parse(request.sign(&secret())).unwrap();
        let mut reply = Reply::to(&request, code::ACCESS_REJECT).unwrap();
        for (kind, value) in &values {
            reply.attribute(*kind, value).unwrap();
        }
        let answer = Packet::parse(reply.sign(&secret())).unwrap();
        let kinds: Vec<u8> = answer.attributes().map(|field| field.kind).collect();
        prop_assert_eq!(kinds[0], MESSAGE_AUTHENTICATOR);
        prop_assert!(kinds[kinds.len() - states.len()..].iter().all(|kind| *kind == PROXY_STATE));
        prop_assert_eq!(answer.all(PROXY_STATE).map(<[u8]>::to_vec).collect::<Vec<_>>(), states);
        prop_assert_eq!(answer.message_authenticator(&secret(), Some(request.authenticator())), Presence::Right);
        prop_assert!(answer.is_response_to(&request, &secret()));
    }

    #[test]
    fn any_changed_bit_of_a_request_breaks_its_message_authenticator(
        values in values(), at: prop::sample::Index, bit in 0_u8..8,
    ) {
        let mut bytes = built(&values, [5; 16]).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // Where lengths are hit it may be no packet any more, or one without the attribute.
        if let Ok(packet) = Packet::parse(bytes.into()) {
            prop_assert_ne!(packet.message_authenticator(&secret(), None), Presence::Right);
        }
    }

    #[test]
    fn any_changed_bit_of_an_answer_breaks_it(values in values(), at: prop::sample::Index, bit in 0_u8..8) {
        let request = Packet::parse(built(&[], [5; 16])).unwrap();
        let mut reply = Reply::to(&request, code::ACCESS_REJECT).unwrap();
        for (kind, value) in &values {
            reply.attribute(*kind, value).unwrap();
        }
        let mut bytes = reply.sign(&secret()).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(answer) = Packet::parse(bytes.into()) {
            prop_assert!(!answer.is_response_to(&request, &secret()));
            // The Response Authenticator itself is not under the HMAC.
            if !(4..20).contains(&at) {
                let presence = answer.message_authenticator(&secret(), Some(request.authenticator()));
                prop_assert_ne!(presence, Presence::Right);
            }
        }
    }

    #[test]
    fn passwords_survive_hiding(password in prop::collection::vec(any::<u8>(), 0..=128), authenticator: [u8; 16]) {
        let hidden = hide_password(&Password::new(password.clone()), &secret(), &authenticator).unwrap();
        let end = password.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        prop_assert!(reveal_password(&hidden, &secret(), &authenticator).unwrap().same_as(&password[..end]));
    }

    #[test]
    fn salted_values_survive_and_any_bytes_end_in_an_answer(
        plain in prop::collection::vec(any::<u8>(), 0..=MAX_SALTED), salt: [u8; 2], authenticator: [u8; 16],
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let hidden = hide_salted(&plain, salt, &secret(), &authenticator).unwrap();
        prop_assert!(hidden[0] & 0x80 != 0);
        prop_assert!(hidden.len() + 6 < MAX_VALUE, "it fits behind a vendor's number, a head and a tag");
        prop_assert_eq!(&*reveal_salted(&hidden, &secret(), &authenticator).unwrap(), &plain);
        let _ = reveal_salted(&noise, &secret(), &authenticator);
        let _ = reveal_password(&noise, &secret(), &authenticator);
    }
}
