//! One-time codes: HOTP (RFC 4226), TOTP (RFC 6238), and in `seed` the text forms their seeds travel in.
//! Decides only: that a step or counter is spent once, also between replicas, is the store's conditional update, and how
//! many attempts are allowed is lockout's. Every check compares with all its candidates in constant time, match or not.

mod seed;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

pub use seed::{
    SEED_LENGTHS, SecretText, SeedFault, is_weak, otpauth_uri, seed_from_base32, seed_from_bytes, seed_from_hex,
    seed_to_base32, seed_to_hex,
};

use super::secret::{Code, Seed};

/// Widest window, in steps to each side.
pub const MAX_WINDOW: u8 = 10;
/// Farthest look-ahead, in counter values (SECURITY R23).
pub const MAX_LOOK_AHEAD: u8 = 10;
/// Farthest search of a resynchronisation, in steps or counter values.
pub const MAX_SEARCH: u32 = 1000;
/// Longest text looked at for a typed code, in bytes.
const MAX_TYPED: usize = 32;
/// How many counter values before the next one are looked at, to tell a replayed HOTP code from a wrong one.
const PASSED_COUNTERS: u64 = 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// The name by which the Key URI format and the store know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads [`Hash::name`], in any case and with or without a dash after `SHA`.
    pub fn from_name(name: &str) -> Result<Self, ParameterFault> {
        match name.to_ascii_uppercase().as_str() {
            "SHA1" | "SHA-1" => Ok(Self::Sha1),
            "SHA256" | "SHA-256" => Ok(Self::Sha256),
            "SHA512" | "SHA-512" => Ok(Self::Sha512),
            _ => Err(ParameterFault::Hash),
        }
    }
}

/// Length of a code (RFC 4226 §5.3: six at least).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Digits(u8);

impl Digits {
    pub const SIX: Self = Self(6);
    pub const SEVEN: Self = Self(7);
    pub const EIGHT: Self = Self(8);

    pub fn new(count: u8) -> Result<Self, ParameterFault> {
        if (6..=8).contains(&count) { Ok(Self(count)) } else { Err(ParameterFault::Digits) }
    }

    pub fn count(self) -> u8 {
        self.0
    }
}

/// Length of a TOTP step, in whole seconds (RFC 6238 §5.2 recommends 30).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Period(u8);

impl Period {
    pub const THIRTY: Self = Self(30);

    pub fn new(seconds: u8) -> Result<Self, ParameterFault> {
        if (15..=120).contains(&seconds) { Ok(Self(seconds)) } else { Err(ParameterFault::Period) }
    }

    pub fn seconds(self) -> u8 {
        self.0
    }
}

/// How many steps to each side of the expected one a TOTP code may be. With 1, the default, three codes are valid at any
/// moment (SECURITY R21).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Window(u8);

impl Window {
    pub fn new(steps: u8) -> Result<Self, ParameterFault> {
        if steps <= MAX_WINDOW { Ok(Self(steps)) } else { Err(ParameterFault::Window) }
    }

    pub fn steps(self) -> u8 {
        self.0
    }
}

impl Default for Window {
    fn default() -> Self {
        Self(1)
    }
}

/// How many counter values past the next one an HOTP code may be (RFC 4226 §7.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LookAhead(u8);

impl LookAhead {
    pub fn new(counters: u8) -> Result<Self, ParameterFault> {
        if counters <= MAX_LOOK_AHEAD { Ok(Self(counters)) } else { Err(ParameterFault::LookAhead) }
    }

    pub fn counters(self) -> u8 {
        self.0
    }
}

impl Default for LookAhead {
    fn default() -> Self {
        Self(MAX_LOOK_AHEAD)
    }
}

/// What a token and we must agree on besides the seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    pub hash: Hash,
    pub digits: Digits,
    pub period: Period,
}

/// What every authenticator app assumes: SHA-1, six digits, 30 seconds.
impl Default for Parameters {
    fn default() -> Self {
        Self { hash: Hash::Sha1, digits: Digits::SIX, period: Period::THIRTY }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParameterFault {
    #[error("unknown hash; use SHA1, SHA256 or SHA512")]
    Hash,
    #[error("a code has 6, 7 or 8 digits; use one of these")]
    Digits,
    #[error("a TOTP period is 15 to 120 seconds; use a value between")]
    Period,
    #[error("a TOTP window is at most {MAX_WINDOW} steps to each side; use a smaller one")]
    Window,
    #[error("an HOTP look-ahead is at most {MAX_LOOK_AHEAD} counters; use a smaller one")]
    LookAhead,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeFault {
    #[error("the code does not have {expected} digits; type all digits the token shows")]
    Length { expected: u8 },
    #[error("the code holds something other than the digits 0 to 9; type the digits the token shows")]
    NotDigits,
}

/// A typed code, normalised: spaces and dashes, with which tokens group digits, are set aside; what is left must be
/// exactly `digits` ASCII digits (SECURITY R22).
pub fn typed_code(text: &str, digits: Digits) -> Result<Code, CodeFault> {
    let length = CodeFault::Length { expected: digits.count() };
    if text.len() > MAX_TYPED {
        return Err(length);
    }
    let mut code = Zeroizing::new(Vec::with_capacity(MAX_TYPED));
    code.extend(text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')));
    if !code.iter().all(u8::is_ascii_digit) {
        return Err(CodeFault::NotDigits);
    }
    if code.len() != usize::from(digits.count()) {
        return Err(length);
    }
    Ok(Code::new(code.as_slice()))
}

/// The step a moment lies in (RFC 6238 §4.2, T0 = 0). Before 1970 it is step 0.
pub fn totp_step(unix_seconds: i64, period: Period) -> u64 {
    u64::try_from(unix_seconds).unwrap_or(0) / u64::from(period.seconds())
}

/// An OATH token as far as codes go.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    pub seed: &'a Seed,
    pub parameters: Parameters,
}

/// What is remembered of a TOTP token between sign-ins.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TotpMemory {
    /// Steps the token's clock is off by, found by resynchronisation; 0 for a token that never needed one.
    pub anchor: i32,
    /// Steps the token has moved from the anchor since, learned from accepted codes. Bound to the window, so that the
    /// anchored step itself is always among the valid ones.
    pub drift: i32,
    /// The last step accepted. It and all before it stay closed, whatever the clock does (SECURITY R20, R61).
    pub last_accepted: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TotpVerdict {
    /// To be remembered: `last_accepted = Some(step)`, `drift`.
    Accepted {
        step: u64,
        drift: i32,
    },
    /// The right code of a step not later than the last one accepted.
    Replayed {
        step: u64,
    },
    Wrong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HotpVerdict {
    Accepted {
        next_counter: u64,
    },
    /// The right code of a counter value already passed.
    Replayed {
        counter: u64,
    },
    Wrong,
}

impl Token<'_> {
    /// RFC 4226 §5.3. TOTP codes are the same with the step as counter (RFC 6238 §4.2).
    pub fn code(&self, counter: u64) -> Code {
        Code::new(self.digits(counter).as_slice())
    }

    /// Checks a code against the window around the expected step. Of several steps with this code the latest counts, so
    /// that none of them is left open to the same digits; if any of them is already closed, the code is a replay.
    pub fn verify_totp(&self, code: &Code, unix_seconds: i64, window: Window, memory: TotpMemory) -> TotpVerdict {
        let bound = i64::from(window.steps());
        let now = totp_step(unix_seconds, self.parameters.period);
        let anchor = i64::from(memory.anchor);
        let expected = anchor + i64::from(memory.drift).clamp(-bound, bound);
        let steps = (-bound..=bound).filter_map(|offset| now.checked_add_signed(expected + offset));
        let matches = self.matches(code, steps, memory.last_accepted);
        match (matches.closed, matches.open) {
            (Some(step), Some(_) | None) => TotpVerdict::Replayed { step },
            (None, Some(step)) => {
                let drift = (signed_distance(now, step) - anchor).clamp(-bound, bound);
                TotpVerdict::Accepted { step, drift: i32::try_from(drift).unwrap_or(0) }
            }
            (None, None) => TotpVerdict::Wrong,
        }
    }

    /// Checks a code against `next_counter` and the values after it (RFC 4226 §7.2, §7.4). Which one counts if several
    /// have this code: as in [`Self::verify_totp`].
    pub fn verify_hotp(&self, code: &Code, next_counter: u64, look_ahead: LookAhead) -> HotpVerdict {
        let first = next_counter.saturating_sub(PASSED_COUNTERS);
        // The last value of all is never spent: there would be no next one to remember.
        let last = next_counter.saturating_add(u64::from(look_ahead.counters())).min(u64::MAX - 1);
        let matches = self.matches(code, first..=last, next_counter.checked_sub(1));
        match (matches.closed, matches.open) {
            (Some(counter), Some(_) | None) => HotpVerdict::Replayed { counter },
            (None, Some(counter)) => HotpVerdict::Accepted { next_counter: counter + 1 },
            (None, None) => HotpVerdict::Wrong,
        }
    }

    /// Finds a token whose counter ran ahead by two consecutive codes (RFC 4226 §7.4), forward from the next counter
    /// only. `search` is how many values to try, at most [`MAX_SEARCH`]. Returns the counter to expect next.
    pub fn resync_hotp(&self, first: &Code, second: &Code, next_counter: u64, search: u32) -> Option<u64> {
        let end = next_counter.saturating_add(u64::from(search.min(MAX_SEARCH))).min(u64::MAX - 1);
        let counter = self.consecutive(first, second, next_counter, end)?;
        counter.checked_add(2)
    }

    /// Finds a token whose clock is far off by two consecutive codes, up to `search` steps (at most [`MAX_SEARCH`]) to
    /// each side of now and never at or before a step already accepted. Returns what to remember; both codes are spent.
    pub fn resync_totp(
        &self,
        (first, second): (&Code, &Code),
        unix_seconds: i64,
        search: u32,
        last_accepted: Option<u64>,
    ) -> Option<TotpMemory> {
        let now = totp_step(unix_seconds, self.parameters.period);
        let search = u64::from(search.min(MAX_SEARCH));
        let open_from = last_accepted.map_or(Some(0), |last| last.checked_add(1))?;
        let start = now.saturating_sub(search).max(open_from);
        let step = self.consecutive(first, second, start, now + search + 1)? + 1;
        let anchor = i32::try_from(signed_distance(now, step)).ok()?;
        Some(TotpMemory { anchor, drift: 0, last_accepted: Some(step) })
    }

    /// Is the code among those that [`Token::resync_totp`] would look at?
    pub fn is_near_totp(&self, code: &Code, unix_seconds: i64, search: u32, last_accepted: Option<u64>) -> bool {
        let now = totp_step(unix_seconds, self.parameters.period);
        let search = u64::from(search.min(MAX_SEARCH));
        let Some(open_from) = last_accepted.map_or(Some(0), |last| last.checked_add(1)) else { return false };
        self.matches(code, now.saturating_sub(search).max(open_from)..=now + search, None).open.is_some()
    }

    /// Is the code among those that [`Token::resync_hotp`] would look at?
    pub fn is_near_hotp(&self, code: &Code, next_counter: u64, search: u32) -> bool {
        let end = next_counter.saturating_add(u64::from(search.min(MAX_SEARCH)));
        self.matches(code, next_counter..=end, None).open.is_some()
    }

    /// The latest matching candidate after `closed_through`, and the latest up to it.
    fn matches(&self, code: &Code, candidates: impl Iterator<Item = u64>, closed_through: Option<u64>) -> Matches {
        let mut matches = Matches { open: None, closed: None };
        for counter in candidates {
            let is_closed = closed_through.is_some_and(|last| counter <= last);
            let slot = if is_closed { &mut matches.closed } else { &mut matches.open };
            if code.same_as(&self.digits(counter)) {
                *slot = Some(counter);
            }
        }
        matches
    }

    /// The latest counter in `start..end` that has the first code while the one after it has the second.
    fn consecutive(&self, first: &Code, second: &Code, start: u64, end: u64) -> Option<u64> {
        let mut found = None;
        let mut before_has_first = false;
        for counter in start..=end {
            let digits = self.digits(counter);
            if before_has_first & second.same_as(&digits) {
                found = counter.checked_sub(1);
            }
            before_has_first = first.same_as(&digits);
        }
        found
    }

    fn digits(&self, counter: u64) -> Zeroizing<Vec<u8>> {
        let truncated = match self.parameters.hash {
            Hash::Sha1 => truncated_mac::<Hmac<Sha1>>(self.seed, counter),
            Hash::Sha256 => truncated_mac::<Hmac<Sha256>>(self.seed, counter),
            Hash::Sha512 => truncated_mac::<Hmac<Sha512>>(self.seed, counter),
        };
        let width = self.parameters.digits.count();
        let number = truncated % 10_u32.pow(u32::from(width));
        Zeroizing::new(format!("{number:0width$}", width = usize::from(width)).into_bytes())
    }
}

struct Matches {
    open: Option<u64>,
    closed: Option<u64>,
}

/// RFC 4226 §5.3: 31 bits of the MAC, from where its last four bits point.
fn truncated_mac<M: Mac + KeyInit>(seed: &Seed, counter: u64) -> u32 {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mut mac = <M as KeyInit>::new_from_slice(seed.expose()).expect("a key of any length");
    mac.update(&counter.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = digest.last().map_or(0, |last| usize::from(last & 0x0f));
    digest.iter().skip(offset).take(4).fold(0, |number, &byte| number << 8 | u32::from(byte)) & 0x7fff_ffff
}

/// How far `to` lies after `from`. Steps are seconds divided, so they fit.
fn signed_distance(from: u64, to: u64) -> i64 {
    i64::try_from(i128::from(to) - i128::from(from)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
