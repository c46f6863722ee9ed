//! Phone numbers as people write them into directories, read into the one form everything else uses: E.164, with an
//! extension apart. What cannot be read without guessing is refused and says why; a wrong number would ring a stranger.

use std::fmt;

/// No number with its extension and decoration is longer.
const MAX_LENGTH: usize = 64;
/// ITU-T E.164 §6.2.1: country code and national number together.
const MOST_DIGITS: usize = 15;
/// The shortest numbers in use that are dialled from abroad have seven digits with their country code.
const FEWEST_DIGITS: usize = 7;
const MOST_EXTENSION_DIGITS: usize = 11;

/// A country calling code (ITU-T E.164 §6.2.2): one to three digits, the first not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct CountryCode(u16);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a country calling code is a number from 1 to 999, such as 49")]
pub struct CountryCodeFault;

impl TryFrom<u16> for CountryCode {
    type Error = CountryCodeFault;

    fn try_from(code: u16) -> Result<Self, CountryCodeFault> {
        if (1..=999).contains(&code) { Ok(Self(code)) } else { Err(CountryCodeFault) }
    }
}

impl From<CountryCode> for u16 {
    fn from(code: CountryCode) -> Self {
        code.0
    }
}

impl CountryCode {
    /// `49` or `+49`.
    pub fn parse(text: &str) -> Result<Self, CountryCodeFault> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CountryCodeFault);
        }
        digits.parse::<u16>().map_err(|_| CountryCodeFault)?.try_into()
    }

    /// What is dialled before a number to leave the country.
    fn international_prefix(self) -> &'static str {
        if self.0 == 1 { "011" } else { "00" }
    }

    /// A number dialled within the country, without what is dialled there only.
    fn significant(self, national: &str) -> Result<&str, PhoneFault> {
        let stripped = match self.0 {
            // The trunk prefix is also a first digit of numbers, so the length must tell.
            1 if national.len() == 11 => national.strip_prefix('1'),
            7 if national.len() == 11 => national.strip_prefix('8'),
            36 => national.strip_prefix("06"),
            // A number that has no trunk prefix, or whose 0 is part of it, from abroad as well.
            1 | 7 | 39 | 225 | 242 | 378 | 379 => None,
            _ => national.strip_prefix('0'),
        };
        // 49 30 901820 in Germany: a + forgotten, or a 0. Where no national number begins so, the rule does no harm;
        // Italian mobile numbers begin with 39.
        let keeps_zero = matches!(self.0, 39 | 225 | 242 | 378 | 379);
        if stripped.is_none() && !keeps_zero && self.0 != 1 && national.starts_with(&self.0.to_string()) {
            return Err(PhoneFault::Ambiguous);
        }
        Ok(stripped.unwrap_or(national))
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// A number that can be dialled from anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Phone {
    number: String,
    extension: Option<String>,
}

/// Why a text is no phone number. The text itself is not repeated: it belongs to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneFault {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("it holds {0:?}, which no phone number has")]
    Letter(char),
    #[error("it has {0} digits; with its country code a number has {FEWEST_DIGITS} to {MOST_DIGITS}")]
    Digits(usize),
    #[error("it has no country code, and the directory has no default one")]
    NoCountry,
    #[error("its country code begins with 0")]
    Country,
    #[error("it may begin with its country code or not; write + before the country code")]
    Ambiguous,
    #[error("its extension is not 1 to {MOST_EXTENSION_DIGITS} digits")]
    Extension,
}

impl Phone {
    /// Reads a number. Without a country code of its own it is one of `country`.
    ///
    /// An extension follows `x`, `ext`, `ext.`, `extension`, `#` or `;ext=` (RFC 3966 §5.3).
    pub fn parse(text: &str, country: Option<CountryCode>) -> Result<Self, PhoneFault> {
        if text.len() > MAX_LENGTH {
            return Err(PhoneFault::TooLong);
        }
        // Marks of writing direction come along when numbers are pasted.
        let text: String = text.chars().filter(|letter| !is_invisible(*letter)).collect();
        let text = text.to_ascii_lowercase();
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text);
        let (number, extension) = match split_extension(text) {
            Some((number, extension)) => (number, Some(read_extension(extension)?)),
            None => (text, None),
        };
        Ok(Self { number: read_number(number, country)?, extension })
    }

    /// `+` and digits (E.164).
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Enough of it for its owner to know it by, and for nobody else to dial it.
    pub fn masked(&self) -> String {
        let (start, end) = (self.number.get(..3), self.number.get(self.number.len().saturating_sub(2)..));
        format!("{} … {}", start.unwrap_or_default(), end.unwrap_or_default())
    }

    /// Digits dialled once the call is answered.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }
}

/// `+14255550100` or `+14255550100;ext=890`; [`Phone::parse`] reads it back.
impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        self.extension.iter().try_for_each(|extension| write!(f, ";ext={extension}"))
    }
}

fn is_invisible(letter: char) -> bool {
    let is_direction = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_direction || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn split_extension(text: &str) -> Option<(&str, &str)> {
    let (at, word) = [";ext=", "extension", "ext.", "ext", "x", "#"]
        .iter()
        .filter_map(|word| Some((text.find(*word)?, *word)))
        // The longest word at the first place.
        .min_by_key(|(at, word)| (*at, std::cmp::Reverse(word.len())))?;
    let (number, rest) = text.split_at_checked(at)?;
    Some((number, rest.strip_prefix(word)?))
}

fn read_extension(text: &str) -> Result<String, PhoneFault> {
    let digits: String = text.trim_matches([' ', '\u{a0}', '.', ':', '-']).to_owned();
    let fine = (1..=MOST_EXTENSION_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fine { Ok(digits) } else { Err(PhoneFault::Extension) }
}

fn read_number(text: &str, country: Option<CountryCode>) -> Result<String, PhoneFault> {
    let text = text.trim_matches([' ', '\u{a0}', ',', ';']);
    if text.is_empty() {
        return Err(PhoneFault::Empty);
    }
    let (plus, text) = match text.trim_start_matches('(').strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // +49 (0)30 123: what is dialled at home, noted for those at home.
    let text = if plus { text.replacen("(0)", "", 1) } else { text.to_owned() };
    let mut digits = String::with_capacity(MOST_DIGITS);
    for letter in text.chars() {
        match letter {
            '0'..='9' => digits.push(letter),
            ' ' | '\t' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '-' | '\u{2010}'..='\u{2015}' | '.' | '/' | '(' | ')' => {
            }
            other => return Err(PhoneFault::Letter(other)),
        }
    }
    if digits.is_empty() {
        return Err(PhoneFault::Empty);
    }
    let international = if plus {
        digits
    } else {
        let country = country.ok_or(PhoneFault::NoCountry)?;
        match digits.strip_prefix(country.international_prefix()) {
            Some(international) => international.to_owned(),
            None => format!("{}{}", country.0, country.significant(&digits)?),
        }
    };
    if !(FEWEST_DIGITS..=MOST_DIGITS).contains(&international.len()) {
        return Err(PhoneFault::Digits(international.len()));
    }
    if international.starts_with('0') {
        return Err(PhoneFault::Country);
    }
    Ok(format!("+{international}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, country: u16) -> Result<String, PhoneFault> {
        Phone::parse(text, CountryCode::try_from(country).ok()).map(|phone| phone.to_string())
    }

    #[test]
    fn a_number_is_read_however_it_is_written() {
        for (text, country, wanted) in [
            ("+49 30 901820", 0, "+4930901820"),
            ("+49 (0)30 / 90 18-20", 0, "+4930901820"),
            ("(+49) 30 901820", 0, "+4930901820"),
            ("030 901820", 49, "+4930901820"),
            ("0049 30 901820", 49, "+4930901820"),
            ("\u{202a}+49\u{a0}30\u{2013}901820\u{202c}", 0, "+4930901820"),
            ("tel:+1-425-555-0100", 0, "+14255550100"),
            ("(425) 555-0100", 1, "+14255550100"),
            ("1 425 555 0100", 1, "+14255550100"),
            ("011 49 30 901820", 1, "+4930901820"),
            ("06 1 234 5678", 36, "+3612345678"),
            ("8 495 123-45-67", 7, "+74951234567"),
            ("06 698 1234", 39, "+39066981234"),
        ] {
            assert_eq!(read(text, country).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn an_extension_is_parted_from_the_number() {
        for tail in ["x890", " X 890", " ext. 890", " Ext 890", ";ext=890", " extension: 890", "#890", ", ext 890"] {
            let text = format!("+1 425 555 0100{tail}");
            assert_eq!(read(&text, 0).as_deref(), Ok("+14255550100;ext=890"), "{text}");
        }
        let phone = Phone::parse("+14255550100 x12", None).unwrap();
        assert_eq!((phone.number(), phone.extension()), ("+14255550100", Some("12")));
    }

    #[test]
    fn what_cannot_be_read_without_guessing_is_refused_with_the_reason() {
        for (text, country, fault) in [
            ("", 49, PhoneFault::Empty),
            (" - ", 49, PhoneFault::Empty),
            ("030 901820", 0, PhoneFault::NoCountry),
            ("+49 CALL ME", 0, PhoneFault::Letter('c')),
            ("+49 30 901820 or +49 171 1", 0, PhoneFault::Letter('o')),
            ("+49 12", 0, PhoneFault::Digits(4)),
            ("+1234567890123456", 0, PhoneFault::Digits(16)),
            ("+0049 30 901820", 0, PhoneFault::Country),
            ("49 30 901820", 49, PhoneFault::Ambiguous),
            ("7 495 123-45-67", 7, PhoneFault::Ambiguous),
            ("+14255550100 x", 0, PhoneFault::Extension),
            ("+14255550100 x12x3", 0, PhoneFault::Extension),
            ("+14255550100 x123456789012", 0, PhoneFault::Extension),
            ("1".repeat(65).as_str(), 1, PhoneFault::TooLong),
        ] {
            assert_eq!(read(text, country), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_country_code_has_one_to_three_digits() {
        assert_eq!(CountryCode::parse("+49"), CountryCode::try_from(49_u16));
        for refused in ["", "+", "0", "049", "1000", "4a", "++4"] {
            assert_eq!(CountryCode::parse(refused), Err(CountryCodeFault), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_within_bounds_or_a_fault(text in ".{0,70}", country in 0u16..1000) {
            if let Ok(phone) = Phone::parse(&text, CountryCode::try_from(country).ok()) {
                let digits = phone.number().strip_prefix('+').unwrap();
                prop_assert!((FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len()) && !digits.starts_with('0'));
                prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }

        #[test]
        fn a_number_reads_back_as_itself_whatever_the_default_country(
            digits in "[1-9][0-9]{6,14}", extension in proptest::option::of("[0-9]{1,11}"), country in 0u16..1000,
        ) {
            let phone = Phone { number: format!("+{digits}"), extension };
            prop_assert_eq!(Phone::parse(&phone.to_string(), CountryCode::try_from(country).ok()), Ok(phone));
        }
    }
}
