//! Token seeds in and out: base32 and hex as vendors print them, the `otpauth:` URI a phone scans.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, Encoding, HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::{Parameters, Seed};

/// Seed lengths accepted, in bytes. RFC 4226 §4 R6 asks for 16 and recommends 20; older tokens have as few as 10.
pub const SEED_LENGTHS: RangeInclusive<usize> = 10..=64;

/// Text that gives a seed away. Shown once to the person it belongs to, never logged.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SeedFault {
    #[error("the seed is not base32; it may hold the letters A to Z and the digits 2 to 7")]
    NotBase32,
    #[error("the seed is not hex; it may hold an even number of the digits 0 to 9 and A to F")]
    NotHex,
    #[error("the seed is {bytes} bytes long; give {} to {} bytes", SEED_LENGTHS.start(), SEED_LENGTHS.end())]
    Length { bytes: usize },
}

pub fn seed_from_bytes(bytes: &[u8]) -> Result<Seed, SeedFault> {
    if SEED_LENGTHS.contains(&bytes.len()) {
        Ok(Seed::new(bytes))
    } else {
        Err(SeedFault::Length { bytes: bytes.len() })
    }
}

/// Reads base32 (RFC 4648 §6) in any case, with or without padding, spaces and dashes. Bits beyond the last whole byte
/// are let pass: some vendors draw letters, not bytes, and print what they drew.
pub fn seed_from_base32(text: &str) -> Result<Seed, SeedFault> {
    static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
        let mut base32 = BASE32_NOPAD.specification();
        base32.check_trailing_bits = false;
        base32.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
        base32.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        base32.ignore.push_str(" -");
        #[allow(clippy::expect_used, reason = "the specification is fixed")]
        base32.encoding().expect("a sound specification")
    });
    decode(&LENIENT, text.trim_end_matches(['=', ' ']))
        .ok_or(SeedFault::NotBase32)
        .and_then(|bytes| seed_from_bytes(&bytes))
}

/// Reads hex in any case, with or without spaces and dashes.
pub fn seed_from_hex(text: &str) -> Result<Seed, SeedFault> {
    static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
        let mut hex = HEXLOWER_PERMISSIVE.specification();
        hex.ignore.push_str(" -");
        #[allow(clippy::expect_used, reason = "the specification is fixed")]
        hex.encoding().expect("a sound specification")
    });
    decode(&LENIENT, text).ok_or(SeedFault::NotHex).and_then(|bytes| seed_from_bytes(&bytes))
}

fn decode(encoding: &Encoding, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    encoding.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

/// Base32 without padding, in capitals: what authenticator apps take when typed.
pub fn seed_to_base32(seed: &Seed) -> SecretText {
    SecretText(Zeroizing::new(BASE32_NOPAD.encode(seed.expose())))
}

pub fn seed_to_hex(seed: &Seed) -> SecretText {
    SecretText(Zeroizing::new(HEXLOWER.encode(seed.expose())))
}

/// Whether a seed is shorter than the 128 bits RFC 4226 §4 R6 requires: importable, to be shown as weak.
pub fn is_weak(seed: &Seed) -> bool {
    seed.expose().len() < 16
}

/// The Key URI of a TOTP token, as a QR code carries it. A colon parts issuer and account and may stand in neither, not
/// even encoded, so a colon in them is shown as a dash.
pub fn otpauth_uri(issuer: &str, account: &str, seed: &Seed, parameters: Parameters) -> SecretText {
    let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
    let Parameters { hash, digits, period } = parameters;
    SecretText(Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm={hash}&digits={digits}&period={period}",
        secret = seed_to_base32(seed).expose(),
        hash = hash.name(),
        digits = digits.count(),
        period = period.seconds(),
    )))
}

/// RFC 3986 §2.1: everything but unreserved characters; a space is `%20`, as apps show a `+` as it stands.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.replace(':', "-").bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}
