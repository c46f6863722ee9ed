//! A PIN: digits that a person knows, asked for beside the second factor where a client's policy says so. What makes a good
//! one, and what a checked one is worth; hashing is `factors/pin`'s business.

use super::outcome::Denial;
use super::secret::Code;
use super::sign_in::Proof;

pub const LEAST_DIGITS: usize = 4;
pub const MOST_DIGITS: usize = 16;

/// Why something will not do as a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinFault {
    #[error("a PIN holds the digits 0 to 9 and nothing else")]
    NotDigits,
    #[error("a PIN has {LEAST_DIGITS} to {MOST_DIGITS} digits")]
    Length,
    #[error(
        "this PIN is among the first that anybody tries: one digit or group of digits again and again, or digits in a row"
    )]
    Weak,
}

/// Reads a PIN that is to be set.
pub fn new_pin(text: &str) -> Result<Code, PinFault> {
    let digits = text.as_bytes();
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(PinFault::NotDigits);
    }
    if !(LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len()) {
        return Err(PinFault::Length);
    }
    if is_weak(digits) { Err(PinFault::Weak) } else { Ok(Code::new(digits)) }
}

fn is_weak(digits: &[u8]) -> bool {
    let repeats = |length: usize| {
        let (group, rest) = digits.split_at(length);
        digits.len().is_multiple_of(length) && rest.chunks(length).all(|chunk| chunk == group)
    };
    // 0 follows 9: 7890 is a row, too.
    let rises =
        |by: u8| digits.iter().zip(digits.iter().skip(1)).all(|(one, next)| (one - b'0' + by) % 10 == next - b'0');
    (1..=digits.len() / 2).any(repeats) || rises(1) || rises(9)
}

/// The argon2id hash of a PIN, as the row holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct PinHash(String);

impl PinHash {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's PIN.
#[derive(Clone)]
pub struct Pin {
    pub hash: PinHash,
    /// Somebody else has chosen it.
    pub must_change: bool,
}

/// What became of a PIN before the judgement.
#[derive(Clone, Default)]
pub enum PinCheck {
    /// The client wants none, or the person has none.
    #[default]
    NotAsked,
    /// It matched this hash, which must still be the person's when the proof is judged.
    Right(PinHash),
    Wrong,
}

/// The proof that is judged, under the user's lock: behind a wrong PIN none is looked at, so that no code is used up by it and
/// nobody learns whether it was right. What is denied anyway is denied for its own reason, and tells nothing of the PIN.
pub fn behind_pin(proof: Proof, pin: &PinCheck, kept: Option<&PinHash>) -> Proof {
    let wrong = match pin {
        PinCheck::NotAsked => false,
        PinCheck::Right(hash) => kept != Some(hash),
        PinCheck::Wrong => true,
    };
    if wrong && !matches!(proof, Proof::Denied(_) | Proof::Exempt(_)) { Proof::Denied(Denial::WrongPin) } else { proof }
}

#[cfg(test)]
mod tests {
    use super::super::factor::Factor;
    use super::super::fixture::{NOW, RULE, account, code_at};
    use super::super::judgement::judge;
    use super::super::outcome::{Exemption, Grant, Outcome};
    use super::*;

    #[test]
    fn a_pin_that_anybody_tries_first_is_refused() {
        let fault = |text: &str| new_pin(text).err();
        for weak in
            ["0000", "1234", "4321", "7890", "3210", "1212", "123123", "12341234", "9999999999", "0123456789012345"]
        {
            assert_eq!(fault(weak), Some(PinFault::Weak), "{weak}");
        }
        for good in ["1235", "2580", "1221", "90210", "1212121", "4929175836401827"] {
            assert!(new_pin(good).is_ok_and(|pin| pin.same_as(good.as_bytes())), "{good}");
        }
        for length in ["", "924", "49291758364018273"] {
            assert_eq!(fault(length), Some(PinFault::Length), "{length:?}");
        }
        for text in ["92a4", "-924", "92 41", "٩٢٤١"] {
            assert_eq!(fault(text), Some(PinFault::NotDigits), "{text}");
        }
    }

    fn hash(text: &str) -> PinHash {
        PinHash::new(text.to_owned())
    }

    #[test]
    fn a_wrong_pin_denies_and_counts_and_uses_no_code_up() {
        let mut account = account(&[Factor::Totp]);
        let digits = |text: &str| Proof::Digits(Code::new(text.as_bytes()));
        let right = code_at(&account, NOW);
        let mut judged = |code: &str, pin: &PinCheck, kept: Option<&PinHash>| {
            let judgement = judge(&mut account, &behind_pin(digits(code), pin, kept), false, &Factor::ALL, RULE, NOW);
            (judgement.outcome, account.failures.count)
        };
        let kept = hash("kept");
        let wrong = Outcome::Denied(Denial::WrongPin);
        assert_eq!(judged(&right, &PinCheck::Wrong, Some(&kept)), (wrong, 1));
        assert_eq!(judged("000000", &PinCheck::Wrong, Some(&kept)), (wrong, 2), "whatever the code was");
        let matched = PinCheck::Right(hash("kept"));
        let granted = Outcome::Granted(Grant::Factor(Factor::Totp));
        assert_eq!(judged(&right, &matched, Some(&kept)), (granted, 0), "the code was not used up");
    }

    #[test]
    fn wrong_pins_lock_the_user_out() {
        let mut account = account(&[Factor::Totp]);
        let code = Proof::Digits(Code::new(code_at(&account, NOW).into_bytes()));
        let wrong = behind_pin(code.clone(), &PinCheck::Wrong, Some(&hash("kept")));
        for _ in 0..RULE.failures {
            assert_eq!(
                judge(&mut account, &wrong, false, &Factor::ALL, RULE, NOW).outcome,
                Outcome::Denied(Denial::WrongPin)
            );
        }
        let right = behind_pin(code, &PinCheck::Right(hash("kept")), Some(&hash("kept")));
        assert_eq!(
            judge(&mut account, &right, false, &Factor::ALL, RULE, NOW).outcome,
            Outcome::Denied(Denial::LockedOut)
        );
    }

    #[test]
    fn a_pin_that_was_replaced_or_taken_away_since_it_was_compared_is_wrong() {
        let matched = PinCheck::Right(hash("old"));
        for kept in [Some(hash("new")), None] {
            let proof = behind_pin(Proof::Bypass, &matched, kept.as_ref());
            assert!(matches!(proof, Proof::Denied(Denial::WrongPin)));
        }
    }

    #[test]
    fn what_is_denied_anyway_says_nothing_of_the_pin() {
        let proof = behind_pin(Proof::Denied(Denial::WrongPassword), &PinCheck::Wrong, None);
        assert!(matches!(proof, Proof::Denied(Denial::WrongPassword)));
        let exempt = behind_pin(Proof::Exempt(Exemption::TrustedNetwork), &PinCheck::Wrong, None);
        assert!(matches!(exempt, Proof::Exempt(Exemption::TrustedNetwork)));
        assert!(matches!(behind_pin(Proof::Bypass, &PinCheck::NotAsked, None), Proof::Bypass));
    }
}
