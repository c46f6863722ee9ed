//! A RADIUS datagram: where it is a packet, its attributes end where it ends, an answer to it carries its Proxy-States, and every
//! check of its authenticators ends.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vestibule::domain::secret::SharedSecret;
use vestibule::wire::radius::attribute::{MESSAGE_AUTHENTICATOR, PROXY_STATE, USER_PASSWORD};
use vestibule::wire::radius::{BuildFault, MAX_LENGTH, Packet, Presence, Reply, code, hidden};

fuzz_target!(|bytes: &[u8]| {
    let secret = SharedSecret::new(&b"xyzzy5461"[..]);
    let Ok(request) = Packet::parse(Bytes::copy_from_slice(bytes)) else { return };
    assert_eq!(&bytes[..request.bytes().len()], &request.bytes()[..]);
    let octets: usize = request.attributes().map(|field| field.value.len() + 2).sum();
    assert_eq!(20 + octets, request.bytes().len());

    let count = request.all(MESSAGE_AUTHENTICATOR).count();
    match request.message_authenticator(&secret, None) {
        Presence::Absent => assert_eq!(count, 0),
        Presence::Right => assert_eq!(count, 1),
        Presence::Wrong => assert!(count > 0),
    }
    let _ = request.is_authentic_accounting(&secret);
    for value in request.all(USER_PASSWORD) {
        let _ = hidden::reveal_password(value, &secret, request.authenticator());
    }
    for field in request.attributes() {
        let _ = hidden::reveal_salted(field.value, &secret, request.authenticator());
    }

    let reply = match Reply::to(&request, code::ACCESS_REJECT) {
        Ok(reply) => reply.sign(&secret),
        Err(fault) => {
            assert_eq!(fault, BuildFault::PacketFull { kind: PROXY_STATE });
            return;
        }
    };
    assert!(reply.len() <= MAX_LENGTH);
    let reply = Packet::parse(reply).expect("what we build is a packet");
    assert!(reply.is_response_to(&request, &secret));
    assert!(reply.all(PROXY_STATE).eq(request.all(PROXY_STATE)));
});
