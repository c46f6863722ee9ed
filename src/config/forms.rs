//! How typed settings are written: a duration is `"30s"`, a size is `"64KiB"`, a list is an array in TOML and a
//! comma-separated line in the environment. No refusal quotes what it refused.

/// A span of time: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
pub mod duration {
    use std::borrow::Cow;
    use std::time::Duration;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde::{Deserializer, Serializer};

    use super::{text, whole_number_and_unit};

    /// Name and length in milliseconds, longest first.
    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    pub fn parse(written: &str) -> Option<Duration> {
        whole_number_and_unit(written, &UNITS).map(Duration::from_millis)
    }

    /// The shortest form that says exactly this span (to the millisecond).
    pub fn written(span: Duration) -> String {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return "0s".to_owned();
        }
        super::in_largest_unit(millis, &UNITS)
    }

    pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&written(*span))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        text(from, "must be a duration such as \"30s\" or \"5m\" (ms, s, m, h, d)", parse)
    }

    /// The written form, for the schema.
    pub struct Text;

    impl JsonSchema for Text {
        fn schema_name() -> Cow<'static, str> {
            "Duration".into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
        }
    }
}

/// A number of bytes: a whole number and one of `B`, `KiB`, `MiB`.
pub mod size {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde::{Deserializer, Serializer};

    use super::{text, whole_number_and_unit};

    pub const KIB: usize = 1024;
    pub const MIB: usize = 1024 * KIB;

    const UNITS: [(&str, u64); 3] = [("MiB", MIB as u64), ("KiB", KIB as u64), ("B", 1)];

    pub fn parse(written: &str) -> Option<usize> {
        whole_number_and_unit(written, &UNITS).and_then(|bytes| usize::try_from(bytes).ok())
    }

    pub fn written(bytes: usize) -> String {
        super::in_largest_unit(bytes as u64, &UNITS)
    }

    // serde's `with` hands over a reference.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(bytes: &usize, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&written(*bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
        text(from, "must be a size such as \"64KiB\" or \"1MiB\" (B, KiB, MiB)", parse)
    }

    /// The written form, for the schema.
    pub struct Text;

    impl JsonSchema for Text {
        fn schema_name() -> Cow<'static, str> {
            "Size".into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB)$" })
        }
    }
}

/// A whole number, written as one or (the environment knows nothing else) as text of digits.
pub mod count {
    use std::fmt;

    use serde::Deserializer;
    use serde::de::{Error, Visitor};

    const WANTED: &str = "must be a whole number";

    pub fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<u64>>(from: D) -> Result<T, D::Error> {
        let number = from.deserialize_any(Digits).map_err(|_| D::Error::custom(WANTED))?;
        T::try_from(number).map_err(|_| D::Error::custom("is too large a number"))
    }

    struct Digits;

    impl Visitor<'_> for Digits {
        type Value = u64;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("a whole number")
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
            u64::try_from(number).map_err(E::custom)
        }
        fn visit_str<E: Error>(self, digits: &str) -> Result<u64, E> {
            digits.parse().map_err(E::custom)
        }
    }
}

/// Addresses, alone and in lists; lists of paths.
pub mod list {
    use std::fmt;
    use std::net::SocketAddr;
    use std::path::PathBuf;

    use serde::Deserializer;
    use serde::de::{Error, SeqAccess, Visitor};

    /// The written form, for the schema.
    pub type Texts = Vec<String>;

    const ADDRESS: &str = "must be an address with a port, such as \"127.0.0.1:389\" or \"[::]:389\"";
    const ADDRESSES: &str = "must be a list of addresses with a port, such as [\"127.0.0.1:389\", \"[::]:389\"]";

    pub fn socket_address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
        super::text(from, ADDRESS, |written| written.parse().ok())
    }

    pub fn socket_addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SocketAddr>, D::Error> {
        items(from, ADDRESSES, |written| written.parse().ok())
    }

    pub fn paths<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        items(from, "must be a list of paths, such as [\"/etc/vestibule/dictionary.acme\"]", |written| {
            Some(PathBuf::from(written))
        })
    }

    /// An array of texts, or one text with commas. Space around an item is not part of it.
    pub(super) fn items<'de, D: Deserializer<'de>, T>(
        from: D,
        wanted: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, D::Error> {
        from.deserialize_any(Items { wanted, parse })
    }

    struct Items<T> {
        wanted: &'static str,
        parse: fn(&str) -> Option<T>,
    }

    impl<'de, T> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str(self.wanted)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
            if text.trim().is_empty() {
                return Ok(Vec::new());
            }
            text.split(',').map(|item| (self.parse)(item.trim()).ok_or_else(|| E::custom(self.wanted))).collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = array.next_element::<String>().map_err(|_| A::Error::custom(self.wanted))? {
                items.push((self.parse)(item.trim()).ok_or_else(|| A::Error::custom(self.wanted))?);
            }
            Ok(items)
        }
    }
}

/// Networks: `10.0.0.0/8`, or one address, which is the network of itself.
pub mod networks {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::Deserializer;

    const NETWORKS: &str = "must be a list of networks or addresses, such as [\"10.0.0.0/8\", \"2001:db8::7\"]";

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
        super::list::items(from, NETWORKS, parse)
    }

    fn parse(written: &str) -> Option<IpNet> {
        written.parse().ok().or_else(|| written.parse::<IpAddr>().ok().map(IpNet::from))
    }
}

/// One text, parsed; anything else is refused with `wanted`.
fn text<'de, D: serde::Deserializer<'de>, T>(
    from: D,
    wanted: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    use serde::de::{Deserialize, Error};
    let text = String::deserialize(from).map_err(|_| D::Error::custom(wanted))?;
    parse(&text).ok_or_else(|| D::Error::custom(wanted))
}

fn whole_number_and_unit(written: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = written.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = written.split_at_checked(digits)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

fn in_largest_unit(amount: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, scale)| amount.is_multiple_of(*scale))
        .map_or_else(|| amount.to_string(), |(name, scale)| format!("{}{name}", amount / scale))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{duration, size};

    #[test]
    fn a_duration_is_a_whole_number_and_one_unit() {
        for (written, millis) in [("0s", 0), ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000)] {
            assert_eq!(duration::parse(written), Some(Duration::from_millis(millis)), "{written}");
        }
        for refused in ["", "30", "s", "1.5s", "-1s", "30 s", " 30s", "1h30m", "30S", "٣s", "99999999999999999999s"] {
            assert_eq!(duration::parse(refused), None, "{refused}");
        }
        assert_eq!(duration::parse("18446744073709551615d"), None, "too long to count");
    }

    #[test]
    fn a_size_is_a_whole_number_and_one_unit() {
        for (written, bytes) in [("0B", 0), ("64KiB", 65_536), ("1MiB", 1_048_576)] {
            assert_eq!(size::parse(written), Some(bytes), "{written}");
        }
        for refused in ["64", "64KB", "64kib", "1GiB", "KiB", "1.5MiB"] {
            assert_eq!(size::parse(refused), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(millis: u32, bytes: u32) {
            let span = Duration::from_millis(u64::from(millis));
            prop_assert_eq!(duration::parse(&duration::written(span)), Some(span));
            prop_assert_eq!(size::parse(&size::written(bytes as usize)), Some(bytes as usize));
        }
    }
}
