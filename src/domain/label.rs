//! What people call a thing of theirs.

/// 1 to 60 characters of any script, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

const LONGEST: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelFault {
    #[error("a name has at least one character; write one")]
    Empty,
    #[error("a name has at most {LONGEST} characters; write a shorter one")]
    TooLong,
    #[error("the name holds characters that cannot be seen; write it anew")]
    Hidden,
}

impl Label {
    pub fn parse(text: &str) -> Result<Self, LabelFault> {
        let text = text.trim();
        if text.chars().count() > LONGEST {
            return Err(LabelFault::TooLong);
        }
        if text.chars().any(is_hidden) {
            return Err(LabelFault::Hidden);
        }
        if text.is_empty() { Err(LabelFault::Empty) } else { Ok(Self(text.to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line ends of Unicode, and what turns the direction of the text around it (UAX #9 §2). Joiners stay:
/// scripts and emoji need them.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_a_line_of_any_script() {
        for fine in ["x", "Mein Handy", "тел", "電話", "هاتفي", "👩\u{200d}💻", "<b>'\"&", &"ä".repeat(60)]
        {
            assert_eq!(Label::parse(fine).unwrap().as_str(), fine);
        }
        assert_eq!(Label::parse("  my phone ").unwrap().as_str(), "my phone");
        for (wrong, why) in [
            ("", LabelFault::Empty),
            ("  \t ", LabelFault::Empty),
            (&"ä".repeat(61), LabelFault::TooLong),
            ("a\nb", LabelFault::Hidden),
            ("a\0b", LabelFault::Hidden),
            ("a\u{1b}[31mb", LabelFault::Hidden),
            ("abc\u{202e}cba", LabelFault::Hidden),
            ("a\u{2066}b", LabelFault::Hidden),
        ] {
            assert_eq!(Label::parse(wrong), Err(why), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_name_of_more_than_a_line(text in any::<String>()) {
            if let Ok(label) = Label::parse(&text) {
                let shown = label.as_str();
                prop_assert!((1..=LONGEST).contains(&shown.chars().count()) && !shown.chars().any(char::is_control));
            }
        }
    }
}
