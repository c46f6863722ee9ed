//! Activation codes: what makes a phone somebody's authenticator. One code in two forms, a long one for a QR code or a link
//! and a short one for typing; each opens once, for one person and one purpose, within minutes (SECURITY R28).

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::crockford;
use super::secret::Code;

/// How long a code waits to be used.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// Bytes of a long code.
pub const LONG: usize = 32;
/// Characters of a short one: 40 bits, which only hold because tries are counted (`domain/attempts`).
pub const SHORT: usize = 8;

/// What a code makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An authenticator that approves on a phone.
    App,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
        }
    }
}

/// How many phones a person may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLimit(u8);

impl DeviceLimit {
    /// `None` unless it is 1 to 10.
    pub fn new(devices: u8) -> Option<Self> {
        (1..=10).contains(&devices).then_some(Self(devices))
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for DeviceLimit {
    fn default() -> Self {
        Self(5)
    }
}

/// A code in either form, before it is hashed away or as it came in.
pub enum ActivationCode {
    Long(Code),
    Short(Code),
}

impl ActivationCode {
    /// Reads what a phone scanned or a person typed; `None` for what is no code.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() == BASE64URL_NOPAD.encode_len(LONG) {
            let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
            return Some(Self::Long(Code::new(bytes.as_slice())));
        }
        crockford::read(text, SHORT).map(Self::Short)
    }
}

/// A long code as it stands in a QR code or a link (RFC 4648 §5, without padding).
pub fn long_text(code: &[u8; LONG]) -> Zeroizing<String> {
    Zeroizing::new(BASE64URL_NOPAD.encode(code))
}

/// What has become of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    Used,
    Expired,
    Cancelled,
}

/// The state of a code that was used, was cancelled, or else expires then.
pub fn state(used: bool, cancelled: bool, expires_at: Timestamp, now: Timestamp) -> State {
    match (used, cancelled) {
        (true, _) => State::Used,
        (false, true) => State::Cancelled,
        (false, false) if now < expires_at => State::Waiting,
        (false, false) => State::Expired,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::NOW;
    use super::*;

    #[test]
    fn both_forms_of_a_code_are_read_and_nothing_else_is() {
        let long = long_text(&[0xab; LONG]);
        assert!(matches!(ActivationCode::read(&long), Some(ActivationCode::Long(code)) if code.same_as(&[0xab; LONG])));
        assert!(
            matches!(ActivationCode::read("abcd-efgh"), Some(ActivationCode::Short(code)) if code.same_as(b"ABCDEFGH"))
        );
        let (cut, padded) = (long.get(1..).unwrap(), format!("{}=", *long));
        for wrong in ["", "abcd", cut, &padded, "abcd-efgu", &"+".repeat(43)] {
            assert!(ActivationCode::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn r28_a_code_waits_until_it_is_used_or_cancelled_or_its_time_is_up() {
        let (end, later) = (NOW + LIFETIME, NOW + LIFETIME + SignedDuration::from_secs(1));
        for (used, cancelled, at, expected) in [
            (false, false, NOW, State::Waiting),
            (false, false, end, State::Expired),
            (true, false, NOW, State::Used),
            (true, false, later, State::Used),
            (false, true, NOW, State::Cancelled),
            (false, true, later, State::Cancelled),
        ] {
            assert_eq!(state(used, cancelled, end, at), expected);
        }
        assert!(LIFETIME <= SignedDuration::from_mins(10) && LONG * 8 >= 128);
    }

    #[test]
    fn one_to_ten_phones() {
        assert_eq!(DeviceLimit::default().get(), 5);
        assert_eq!(
            (0..=12).filter_map(DeviceLimit::new).map(DeviceLimit::get).collect::<Vec<_>>(),
            (1..=10).collect::<Vec<_>>()
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none(text in any::<String>()) {
            match ActivationCode::read(&text) {
                Some(ActivationCode::Long(code)) => prop_assert_eq!(code.expose().len(), LONG),
                Some(ActivationCode::Short(code)) => prop_assert_eq!(code.expose().len(), SHORT),
                None => {}
            }
        }
    }
}
