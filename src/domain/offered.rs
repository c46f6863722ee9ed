//! What a person put into the password field: the password, and perhaps a code or the name of a factor behind it.
//!
//! Whether `secret,123456` is a password with a code or a password that happens to end so is only known by trying;
//! [`Offered::readings`] gives the order.

use super::client::CodeForm;
use super::factor::Factor;
use super::ids::ChallengeId;
use super::outcome::Denial;
use super::passkey;
use super::secret::{Code, Password};

/// What stood behind the password.
#[derive(Clone)]
pub enum Extra {
    Nothing,
    /// Six to eight digits.
    Digits(Code),
    /// A recovery code, upper-case, without dashes.
    Recovery(Code),
    /// The factor to use.
    Name(Factor),
    /// Two consecutive codes of a token that has drifted away, from two answers of a dialog.
    Pair(Code, Code),
    /// Whatever: the number of this challenge was shown, and the person says that it is dealt with.
    Shown(ChallengeId),
    /// What was proven earlier in the dialog.
    Proven(Option<Factor>),
    /// What a browser answered for a passkey, and what it is verified by; for the driver alone.
    Assertion {
        ceremony: Vec<u8>,
        answer: String,
    },
    /// A passkey whose signature was verified.
    Passkey(passkey::Used),
    /// A factor that was tried and not proven.
    NotProven(Denial),
}

impl Extra {
    /// As it was typed, for a dialog to remember.
    pub fn typed(&self) -> Option<Code> {
        match self {
            Self::Digits(code) | Self::Recovery(code) => Some(code.clone()),
            Self::Name(Factor::App) => Some(Code::new(*b"push")),
            Self::Name(_) => Some(Code::new(*b"code")),
            Self::Nothing
            | Self::Pair(..)
            | Self::Shown(_)
            | Self::Assertion { .. }
            | Self::Passkey(_)
            | Self::NotProven(_)
            | Self::Proven(_) => None,
        }
    }
}

/// One way to read the field.
#[derive(Clone)]
pub struct Offered {
    pub password: Password,
    pub extra: Extra,
}

/// Characters of a recovery code: two that find it, fourteen that prove it.
pub const RECOVERY_LENGTH: usize = 16;

impl Offered {
    /// The ways to read the field: split where it can be, then whole. A field of one reading holds no code.
    pub fn readings(field: &Password, form: CodeForm) -> Vec<Self> {
        let whole = Self { password: field.clone(), extra: Extra::Nothing };
        split(field.expose(), form).into_iter().chain([whole]).collect()
    }

    /// The code that an answer is, where only a code was asked for; the names of other factors are none.
    pub fn code(field: &Password) -> Option<Extra> {
        read_extra(field.expose()).filter(|extra| matches!(extra, Extra::Digits(_) | Extra::Recovery(_)))
    }

    /// What a field holds that has no password in it: an answer in a dialog, or all of a door without a first factor.
    /// `None` if it is none of these.
    pub fn answer(field: &Password) -> Option<Extra> {
        match field.expose() {
            // As the menu numbers them.
            b"1" => Some(Extra::Name(Factor::App)),
            b"2" | b"code" => Some(Extra::Name(Factor::Totp)),
            answer => read_extra(answer),
        }
    }
}

fn split(field: &[u8], form: CodeForm) -> Option<Offered> {
    if let Some(delimiter) = form.delimiter {
        let mut utf8 = [0; 4];
        let delimiter = delimiter.encode_utf8(&mut utf8).as_bytes();
        let at = field.windows(delimiter.len()).rposition(|window| window == delimiter);
        if let Some(at) = at {
            let (password, tail) = field.split_at(at);
            let extra = tail.get(delimiter.len()..).and_then(read_extra);
            if let Some(extra) = extra {
                return Some(Offered { password: Password::new(password), extra });
            }
        }
    }
    if let Some(length) = form.fixed_length {
        let at = field.len().checked_sub(usize::from(length))?;
        let (password, digits) = field.split_at(at);
        if digits.iter().all(u8::is_ascii_digit) {
            return Some(Offered { password: Password::new(password), extra: Extra::Digits(Code::new(digits)) });
        }
    }
    None
}

fn read_extra(tail: &[u8]) -> Option<Extra> {
    let text = std::str::from_utf8(tail).ok()?;
    let name = match text.trim() {
        // The words people know from other products.
        "push" | "app" => Some(Factor::App),
        _ => None,
    };
    if let Some(factor) = name {
        return Some(Extra::Name(factor));
    }
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let code = || Code::new(compact.to_ascii_uppercase().into_bytes());
    if (6..=8).contains(&compact.len()) && compact.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Extra::Digits(code()));
    }
    if compact.len() == RECOVERY_LENGTH && compact.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(Extra::Recovery(code()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str, form: CodeForm) -> Vec<(String, String)> {
        let shown = |offered: Offered| {
            let password = String::from_utf8(offered.password.expose().to_vec()).unwrap();
            let extra = match offered.extra {
                Extra::Nothing => String::new(),
                Extra::Digits(code) => format!("digits {}", String::from_utf8(code.expose().to_vec()).unwrap()),
                Extra::Recovery(code) => format!("recovery {}", String::from_utf8(code.expose().to_vec()).unwrap()),
                Extra::Name(factor) => format!("name {factor}"),
                Extra::Pair(..)
                | Extra::Shown(_)
                | Extra::Proven(_)
                | Extra::Assertion { .. }
                | Extra::Passkey(_)
                | Extra::NotProven(_) => "only in dialogs".to_owned(),
            };
            (password, extra)
        };
        Offered::readings(&Password::new(field.as_bytes()), form).into_iter().map(shown).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(password, extra)| ((*password).to_owned(), (*extra).to_owned())).collect()
    }

    #[test]
    fn a_code_behind_the_delimiter_is_read_first_and_the_whole_field_second() {
        let form = CodeForm::DEFAULT;
        assert_eq!(read("geheim", form), pairs(&[("geheim", "")]));
        assert_eq!(read("geheim,123456", form), pairs(&[("geheim", "digits 123456"), ("geheim,123456", "")]));
        assert_eq!(read("ge,heim,123 456", form), pairs(&[("ge,heim", "digits 123456"), ("ge,heim,123 456", "")]));
        assert_eq!(read("ge,heim", form), pairs(&[("ge,heim", "")]));
        assert_eq!(read("geheim,push", form), pairs(&[("geheim", "name app"), ("geheim,push", "")]));
        assert_eq!(
            read("geheim,abcd-efgh-jkmn-pq23", form),
            pairs(&[("geheim", "recovery ABCDEFGHJKMNPQ23"), ("geheim,abcd-efgh-jkmn-pq23", "")])
        );
        assert_eq!(read(",123456", form), pairs(&[("", "digits 123456"), (",123456", "")]));
        assert_eq!(read("geheim,12345", form), pairs(&[("geheim,12345", "")]), "five digits are no code");
        assert_eq!(read("geheim,١٢٣٤٥٦", form), pairs(&[("geheim,١٢٣٤٥٦", "")]), "only ASCII digits are");
    }

    #[test]
    fn a_code_of_fixed_length_needs_no_delimiter() {
        let form = CodeForm { delimiter: None, fixed_length: Some(6) };
        assert_eq!(read("geheim123456", form), pairs(&[("geheim", "digits 123456"), ("geheim123456", "")]));
        assert_eq!(read("geheim", form), pairs(&[("geheim", "")]));
        assert_eq!(read("123456", form), pairs(&[("", "digits 123456"), ("123456", "")]));
        let none = CodeForm { delimiter: None, fixed_length: None };
        assert_eq!(read("geheim,123456", none), pairs(&[("geheim,123456", "")]));
    }
}
