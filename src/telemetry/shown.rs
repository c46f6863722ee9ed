//! Text from outside, made fit for a log line, a terminal or a page of plain text (SECURITY R47).

use std::fmt::{self, Write as _};

/// Characters shown of one text; longer ones end in `…`. Names are shorter, attacks are not.
const LONGEST: usize = 128;

/// Shows `text` on one line: control characters, line breaks, escape sequences, direction marks and other invisible
/// characters become `\n`, `\u{1b}` and so on; backslash and quotes are escaped, so nothing can pass for an escape.
pub fn shown(text: &str) -> Shown<'_> {
    Shown(text)
}

/// See [`shown`].
#[derive(Clone, Copy)]
pub struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.0.chars();
        for letter in letters.by_ref().take(LONGEST) {
            write!(to, "{}", letter.escape_debug())?;
        }
        if letters.next().is_some() {
            to.write_char('…')?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_name_is_shown_as_it_is() {
        for name in ["alice", "EXAMPLE.alice", "alice@example.org", "uid=alice,ou=people,dc=example", "Zoë Æ 王"] {
            assert_eq!(shown(name).to_string(), name);
        }
    }

    #[test]
    fn a_name_cannot_begin_a_line_colour_a_terminal_or_turn_the_reading_direction() {
        for (name, as_shown) in [
            ("alice\ngranted", r"alice\ngranted"),
            ("a\r\u{85}b", r"a\r\u{85}b"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("nimda\u{202e}", r"nimda\u{202e}"),
            ("\u{2066}x\u{2069}", r"\u{2066}x\u{2069}"),
            ("a\u{200b}b\u{feff}", r"a\u{200b}b\u{feff}"),
            ("a\u{2028}b", r"a\u{2028}b"),
            ("nul\0", r"nul\0"),
            (r"back\slash", r"back\\slash"),
            (r#"say "hi""#, r#"say \"hi\""#),
        ] {
            assert_eq!(shown(name).to_string(), as_shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shown(&"x".repeat(LONGEST)).to_string(), "x".repeat(LONGEST));
        assert_eq!(shown(&"ä".repeat(10_000)).to_string(), format!("{}…", "ä".repeat(LONGEST)));
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_one_line_of_bounded_length(text: String) {
            let line = shown(&text).to_string();
            prop_assert!(line.chars().all(|letter| !letter.is_control()));
            let longest_escape = r"\u{10ffff}".len();
            prop_assert!(line.chars().count() <= LONGEST * longest_escape + 1);
        }
    }
}
