//! One packet as it came: its bounds and its attributes, read where they lie.

use bytes::Bytes;

use super::{HEADER, attribute};

/// RFC 2865 §3: no packet is longer.
pub const MAX_LENGTH: usize = 4096;

/// RFC 2865 §5: the length of an attribute is one octet and counts the two octets of its head.
pub const MAX_VALUE: usize = 253;

/// Why bytes are no packet. RFC 2865 §3: such a packet is silently discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketFault {
    #[error("{0} bytes are too few for a RADIUS packet")]
    TooShort(usize),
    #[error("the packet claims a length of {claimed}, and {arrived} bytes arrived")]
    Truncated { claimed: usize, arrived: usize },
    #[error("the packet claims a length of {0}, which is outside 20 to 4096")]
    Length(usize),
    #[error("attribute {kind} has a length of {length}, which does not fit where it stands")]
    Attribute { kind: u8, length: u8 },
    #[error("the packet ends in the head of an attribute")]
    HalfAnAttribute,
}

impl PacketFault {
    /// A metric label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooShort(_) => "too_short",
            Self::Truncated { .. } => "truncated",
            Self::Length(_) => "length",
            Self::Attribute { .. } => "attribute_length",
            Self::HalfAnAttribute => "half_an_attribute",
        }
    }
}

/// A packet whose length is right and whose attributes end where it ends. Nothing about it has been authenticated.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    bytes: Bytes,
}

/// One attribute: its type and its value, which may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub kind: u8,
    pub value: &'a [u8],
}

impl Packet {
    /// Takes the packet that `bytes` begin with. What comes behind its Length is padding (RFC 2865 §3).
    pub fn parse(mut bytes: Bytes) -> Result<Self, PacketFault> {
        let claimed = match bytes.get(2..4) {
            Some(&[high, low]) if bytes.len() >= HEADER => usize::from(u16::from_be_bytes([high, low])),
            Some(_) | None => return Err(PacketFault::TooShort(bytes.len())),
        };
        if !(HEADER..=MAX_LENGTH).contains(&claimed) {
            return Err(PacketFault::Length(claimed));
        }
        if claimed > bytes.len() {
            return Err(PacketFault::Truncated { claimed, arrived: bytes.len() });
        }
        bytes.truncate(claimed);
        let packet = Self { bytes };
        let mut rest = packet.attribute_bytes();
        while !rest.is_empty() {
            let (&[kind, length], _) = rest.split_first_chunk().ok_or(PacketFault::HalfAnAttribute)?;
            let end = usize::from(length);
            rest = match rest.get(end..) {
                Some(behind) if end >= 2 => behind,
                Some(_) | None => return Err(PacketFault::Attribute { kind, length }),
            };
        }
        Ok(packet)
    }

    pub fn code(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    pub fn identifier(&self) -> u8 {
        self.bytes.get(1).copied().unwrap_or_default()
    }

    pub fn authenticator(&self) -> &[u8; 16] {
        self.bytes.get(4..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 16])
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Every attribute, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        Attributes { rest: self.attribute_bytes() }
    }

    /// The value of the first attribute of this type.
    pub fn first(&self, kind: u8) -> Option<&[u8]> {
        self.all(kind).next()
    }

    /// The values of all attributes of this type, in order.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        self.attributes().filter(move |attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }

    /// The values of all sub-attributes of this vendor and type, in order. Several may share one Vendor-Specific attribute
    /// (RFC 2865 §5.26); one that does not fit where it stands hides itself and what follows it there, nothing else.
    pub fn vendor(&self, vendor: u32, kind: u8) -> impl Iterator<Item = &[u8]> {
        let of_vendor = self.all(attribute::VENDOR_SPECIFIC).filter_map(move |value| {
            let (number, within) = value.split_first_chunk()?;
            (u32::from_be_bytes(*number) == vendor).then_some(within)
        });
        of_vendor
            .flat_map(|within| Attributes { rest: within })
            .filter(move |attribute| attribute.kind == kind)
            .map(|attribute| attribute.value)
    }

    pub(super) fn attribute_bytes(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }
}

/// Ends at the first attribute that does not fit.
struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (&[kind, length], _) = self.rest.split_first_chunk()?;
        let value = self.rest.get(2..usize::from(length));
        self.rest = self.rest.get(usize::from(length)..).unwrap_or_default();
        let Some(value) = value else {
            self.rest = &[];
            return None;
        };
        Some(Attribute { kind, value })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(length: u16, attributes: &[u8]) -> Bytes {
        let mut bytes = vec![1, 7];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0xaa; 16]);
        bytes.extend(attributes);
        bytes.into()
    }

    fn exact(attributes: &[u8]) -> Result<Packet, PacketFault> {
        Packet::parse(packet(u16::try_from(HEADER + attributes.len()).unwrap(), attributes))
    }

    fn fault(bytes: Bytes) -> PacketFault {
        Packet::parse(bytes).err().unwrap()
    }

    #[test]
    fn a_packet_is_read_where_it_lies() {
        let read = exact(&[1, 5, b'b', b'o', b'b', 33, 2, 1, 3, b'x']).unwrap();
        assert_eq!((read.code(), read.identifier(), read.authenticator()), (1, 7, &[0xaa; 16]));
        assert_eq!(read.first(attribute::USER_NAME), Some(&b"bob"[..]));
        assert_eq!(read.all(attribute::USER_NAME).collect::<Vec<_>>(), [&b"bob"[..], b"x"]);
        assert_eq!(read.first(attribute::PROXY_STATE), Some(&b""[..]));
        assert_eq!(read.first(attribute::STATE), None);
    }

    #[test]
    fn what_comes_behind_the_length_is_padding() {
        let read = Packet::parse(packet(23, &[1, 3, b'b', 9, 9, 9])).unwrap();
        assert_eq!(read.bytes().len(), 23);
        let long = vec![0; 5000];
        assert!(Packet::parse(packet(20, &long)).is_ok());
    }

    #[test]
    fn lengths_outside_the_bounds_are_faults() {
        assert_eq!(fault(Bytes::new()), PacketFault::TooShort(0));
        assert_eq!(fault(packet(20, &[]).slice(..19)), PacketFault::TooShort(19));
        assert_eq!(fault(packet(19, &[])), PacketFault::Length(19));
        assert_eq!(fault(packet(4097, &vec![0; 4077])), PacketFault::Length(4097));
        assert_eq!(fault(packet(21, &[])), PacketFault::Truncated { claimed: 21, arrived: 20 });
        // 16 attributes of 254 octets and one of 12 make 4096 octets.
        let mut full: Vec<u8> = vec![];
        for length in [254_u8; 16].into_iter().chain([12]) {
            full.extend([25, length]);
            full.extend(vec![0; usize::from(length) - 2]);
        }
        assert_eq!(Packet::parse(packet(4096, &full)).map(|packet| packet.bytes().len()).ok(), Some(4096));
    }

    #[test]
    fn an_attribute_that_does_not_fit_is_a_fault() {
        let at = |kind, length| PacketFault::Attribute { kind, length };
        assert_eq!(exact(&[1, 0]).err(), Some(at(1, 0)));
        assert_eq!(exact(&[1, 1]).err(), Some(at(1, 1)));
        assert_eq!(exact(&[1, 3]).err(), Some(at(1, 3)));
        assert_eq!(exact(&[1, 3, 0, 2]).err(), Some(PacketFault::HalfAnAttribute));
    }

    #[test]
    fn sub_attributes_of_a_vendor_are_found_and_broken_ones_hide_only_their_like() {
        let read = exact(&[
            26, 12, 0, 0, 0, 9, 1, 3, b'a', 1, 3, b'b', // two of them
            26, 9, 0, 0, 1, 55, 1, 3, b'm', // another vendor
            26, 3, 0, // no room for a vendor
            26, 12, 0, 0, 0, 9, 1, 3, b'c', 1, 9, b'd', // the second is cut
            26, 10, 0, 0, 0, 9, 1, 1, 1, 3, // of length 1
            26, 6, 0, 0, 0, 9, // empty
            26, 9, 0, 0, 0, 9, 1, 3, b'e',
        ])
        .unwrap();
        assert_eq!(read.vendor(9, 1).collect::<Vec<_>>(), [b"a", b"b", b"c", b"e"]);
        assert_eq!(read.vendor(9, 2).count(), 0);
        assert_eq!(read.vendor(311, 1).collect::<Vec<_>>(), [b"m"]);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_fit: bool) {
            if is_fit && bytes.len() >= HEADER {
                let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                bytes[2..4].copy_from_slice(&length);
            }
            if let Ok(packet) = Packet::parse(bytes.into()) {
                let octets: usize = packet.attributes().map(|attribute| attribute.value.len() + 2).sum();
                prop_assert_eq!(octets, packet.bytes().len() - HEADER, "attributes end where the packet ends");
                let _ = packet.vendor(9, 1).count();
            }
        }
    }
}
