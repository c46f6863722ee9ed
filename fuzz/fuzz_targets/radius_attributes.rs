//! The attributes of a RADIUS packet: whatever they are, they are found in order, and a packet that is built of them is read back
//! as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::secret::SharedSecret;
use vestibule::wire::radius::attribute::{MESSAGE_AUTHENTICATOR, VENDOR_SPECIFIC};
use vestibule::wire::radius::{Packet, Presence, Request, code};

fuzz_target!(|attributes: &[u8]| {
    let Ok(length) = u16::try_from(20 + attributes.len()) else { return };
    let mut bytes = vec![code::ACCESS_REQUEST, 7];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0x5a; 16]);
    bytes.extend(attributes);
    let Ok(packet) = Packet::parse(bytes.into()) else { return };

    for value in packet.all(VENDOR_SPECIFIC) {
        // Of each sub-attribute that is found, head and value lie within what the vendor's attributes hold.
        let Some((vendor, rest)) = value.split_first_chunk() else { continue };
        let Some(kind) = rest.first() else { continue };
        for found in packet.vendor(u32::from_be_bytes(*vendor), *kind) {
            assert!(found.len() <= 247);
        }
    }

    let secret = SharedSecret::new(&b"xyzzy5461"[..]);
    let mut request = Request::new(packet.code(), packet.identifier(), *packet.authenticator());
    let others = || packet.attributes().filter(|field| field.kind != MESSAGE_AUTHENTICATOR);
    for field in others() {
        // No room is left only where the packet was full without a signature.
        if request.attribute(field.kind, field.value).is_err() {
            assert!(packet.bytes().len() > 4096 - 18);
            return;
        }
    }
    let again = Packet::parse(request.sign(&secret)).expect("what we build is a packet");
    assert_eq!(again.message_authenticator(&secret, None), Presence::Right);
    assert!(others().map(|field| (field.kind, field.value)).eq(again.attributes().skip(1).map(|f| (f.kind, f.value))));
});
