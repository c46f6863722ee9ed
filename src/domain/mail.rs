//! Mail as decisions: what a notice says, whom it is about, how often it is tried. Putting it into words is
//! [`crate::flows`]', handing it over [`crate::mail`]'s.

pub mod notice;
pub mod outbox;
pub mod server;

/// Where mail can be sent to: what RFC 5321 §4.1.2 calls a mailbox, without quoted strings and address literals, which no
/// directory holds on purpose. Letters of any script (RFC 6531). Nothing in it can end a line or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// RFC 5321 §4.5.3.1.
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

impl Address {
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = || "write a mail address such as it@example.org".to_owned();
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or_else(refused)?;
        let atom = |letter: char| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(letter);
        let is_local =
            local.len() <= LONGEST_LOCAL && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
        let is_label = |label: &str| {
            let edge = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
            label.len() <= 63
                && edge(label.chars().next())
                && edge(label.chars().next_back())
                && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
        };
        if text.len() <= LONGEST && is_local && domain.split('.').all(is_label) {
            return Ok(Self(text.to_owned()));
        }
        Err(refused())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest name shown in a mail, in characters.
const LONGEST_NAME: usize = 80;

/// A name as it may stand in a mail: one line, no control characters, nothing that turns the direction of writing or is not
/// seen at all, and not too long.
pub fn plain(name: &str) -> String {
    let hidden = |letter: char| matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let visible = name.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let visible: String = visible.filter(|letter| !hidden(*letter)).take(LONGEST_NAME * 4).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_what_a_mail_can_be_sent_to() {
        for fine in
            ["a@b", "it.desk+mfa@mail.example.org", " o'neil@example.org ", "用户@例子.广告", "x_1@xn--fsq.example"]
        {
            assert_eq!(Address::parse(fine).unwrap().as_str(), fine.trim());
        }
        let long = format!("{}@example.org", "a".repeat(65));
        let refused = [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a b@c",
            "a@b c",
            "a@b,c@d",
            "<a@b>",
            "a@b\r\nBcc: c@d",
            "a\n@b",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@[127.0.0.1]",
            "\"a b\"@c",
            "a@b\u{202e}",
            "a;b@c",
            &long,
        ];
        for refused in refused {
            assert!(Address::parse(refused).is_err(), "{refused:?}");
        }
        assert_eq!(Address::parse("a@mail.example.org").unwrap().domain(), "mail.example.org");
    }

    #[test]
    fn a_name_is_one_line_that_reads_as_it_is_written() {
        assert_eq!(plain("Anna\r\nBcc: x@y"), "Anna Bcc: x@y");
        assert_eq!(plain("\u{202e}gnp.exe\u{202c}"), "gnp.exe");
        assert_eq!(plain("  ליאת   🦊 "), "ליאת 🦊");
        assert_eq!(plain(&"x".repeat(500)).len(), LONGEST_NAME);
    }

    proptest! {
        #[test]
        fn nothing_that_ends_a_line_or_an_address_is_in_an_address(text in ".{0,40}@.{0,40}") {
            if let Ok(address) = Address::parse(&text) {
                let ends = |letter: char| {
                    letter.is_control() || letter.is_whitespace() || "<>()[],;:\"\\".contains(letter)
                };
                prop_assert!(!address.as_str().contains(ends), "{}", address);
                prop_assert_eq!(address.as_str().matches('@').count(), 1);
            }
        }

        #[test]
        fn no_name_has_a_second_line(name in "(?s).{0,200}") {
            let turns = |letter: char| letter.is_control() || ('\u{202a}'..='\u{202e}').contains(&letter);
            prop_assert!(!plain(&name).contains(turns), "{}", plain(&name).escape_debug());
        }
    }
}
