//! What a request says of the person and of the gateway, besides name and password. A gateway's word: it goes into policy
//! where a client's administrator trusts it, and into logs escaped. No limit hangs on it (R15).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::wire::radius::{Packet, attribute};

/// The person's address: Calling-Station-Id (RFC 2865 §5.31) or Tunnel-Client-Endpoint (RFC 2868 §3.3) where it holds one.
/// Switches and access points write hardware addresses there; those are none.
pub fn of(packet: &Packet) -> Option<IpAddr> {
    let calling = packet.first(attribute::CALLING_STATION_ID).and_then(address);
    let tunnel = || packet.first(attribute::TUNNEL_CLIENT_ENDPOINT).map(untagged).and_then(address);
    calling.or_else(tunnel)
}

/// RFC 2868 §3.3: a first octet up to 0x1f is a tag.
fn untagged(value: &[u8]) -> &[u8] {
    match value.split_first() {
        Some((0..=0x1f, text)) => text,
        Some(_) | None => value,
    }
}

fn address(value: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?.trim();
    // An EUI-64 in eight pairs of digits would pass for an IPv6 address.
    let mut groups = text.split(':');
    if text.len() == 23 && groups.all(|group| group.len() == 2) {
        return None;
    }
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse().ok().or_else(with_port)?.to_canonical();
    (!address.is_unspecified()).then_some(address)
}

/// Which gateway a request is from, in its own words: NAS-Identifier, else its address.
pub fn nas(packet: &Packet) -> String {
    if let Some(identifier) = packet.first(attribute::NAS_IDENTIFIER) {
        return text(identifier);
    }
    let v4 = packet.first(attribute::NAS_IP_ADDRESS).and_then(v4).map(|address| address.to_string());
    let v6 = || packet.first(attribute::NAS_IPV6_ADDRESS).and_then(v6).map(|address| address.to_string());
    v4.or_else(v6).unwrap_or_default()
}

pub fn v4(value: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}

fn v6(value: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from)
}

pub fn number(value: &[u8]) -> Option<u32> {
    <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes)
}

/// A value as text that a database and a log take: bytes that are none are written as escapes, so that two values never
/// become one.
pub fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => value.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::SharedSecret;
    use crate::wire::radius::{Request, code};

    fn packet(attributes: &[(u8, &[u8])]) -> Packet {
        let mut request = Request::new(code::ACCESS_REQUEST, 1, [0; 16]);
        for (kind, value) in attributes {
            request.attribute(*kind, value).unwrap();
        }
        Packet::parse(request.sign(&SharedSecret::new(*b"secret"))).unwrap()
    }

    #[test]
    fn the_persons_address_is_read_in_the_forms_gateways_write_it_in() {
        for (written, address) in [
            ("198.51.100.7", Some("198.51.100.7")),
            ("198.51.100.7:50123", Some("198.51.100.7")),
            (" 198.51.100.7 ", Some("198.51.100.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("::ffff:198.51.100.7", Some("198.51.100.7")),
            ("0.0.0.0", None),
            ("00-11-22-33-44-55", None),
            ("00:11:22:33:44:55", None),
            ("0011.2233.4455", None),
            ("00:11:22:33:44:55:66:77", None),
            ("+31 20 123 4567", None),
            ("", None),
        ] {
            let read = of(&packet(&[(attribute::CALLING_STATION_ID, written.as_bytes())]));
            assert_eq!(read, address.map(|address| address.parse().unwrap()), "{written:?}");
        }
    }

    #[test]
    fn a_tunnels_end_serves_where_the_calling_station_is_a_hardware_address() {
        let calling: (u8, &[u8]) = (attribute::CALLING_STATION_ID, b"00-11-22-33-44-55");
        let address = Some("198.51.100.7".parse().unwrap());
        assert_eq!(of(&packet(&[calling, (attribute::TUNNEL_CLIENT_ENDPOINT, b"198.51.100.7")])), address);
        assert_eq!(of(&packet(&[calling, (attribute::TUNNEL_CLIENT_ENDPOINT, b"\x01198.51.100.7")])), address);
        assert_eq!(of(&packet(&[calling])), None);
    }

    #[test]
    fn a_gateway_is_called_by_its_identifier_or_its_address() {
        let address: (u8, &[u8]) = (attribute::NAS_IP_ADDRESS, &[192, 0, 2, 7]);
        assert_eq!(nas(&packet(&[address, (attribute::NAS_IDENTIFIER, b"vpn1")])), "vpn1");
        assert_eq!(nas(&packet(&[address])), "192.0.2.7");
        assert_eq!(nas(&packet(&[(attribute::NAS_IP_ADDRESS, &[192])])), "");
        assert_eq!(nas(&packet(&[(attribute::NAS_IDENTIFIER, b"a\nb\0")])), r"a\nb\x00");
        assert_eq!(nas(&packet(&[(attribute::NAS_IDENTIFIER, &[0xff])])), r"\xff");
    }
}
