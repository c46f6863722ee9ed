//! The one comparison form of a name: RFC 4518 string preparation for case-insensitive matching.
//! `stringprep::x520prep` is close but skips NFKC when it folds case and keeps format characters (0.1.5), so only its
//! RFC 3454 tables are used here.

use std::fmt;

use stringprep::tables;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A name in comparison form. Two names mean the same user exactly if their folded forms are equal; the store's unique
/// index holds these.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Folded(String);

impl Folded {
    pub(in crate::domain) fn prepared(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text has no comparison form. RFC 4518 §2.4 makes such a comparison "undefined"; here it is refused, because a
/// name that cannot be compared cannot be tied to its second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FoldFault {
    #[error("the name holds {found:?}, which no directory can compare; spell the name without it")]
    Prohibited { found: char },
    #[error(
        "the name holds {found:?}, which Unicode 3.2 (the version LDAP compares by) does not know; spell the name without it"
    )]
    Unassigned { found: char },
    #[error("the name starts with the combining mark {found:?}; write the letter it belongs to before it")]
    LeadingMark { found: char },
    #[error("nothing is left of the name once spaces and invisible characters are set aside; give a name")]
    Empty,
}

/// Prepares a text for caseIgnoreMatch: map (RFC 4518 §2.2), NFKC (§2.3), prohibit (§2.4), insignificant spaces
/// (§2.6.1; in the shorter form with outer spaces dropped and inner runs made one, which orders and compares alike).
/// `fold(fold(x)) == fold(x)`.
pub fn fold(text: &str) -> Result<Folded, FoldFault> {
    // Most names by far; of printable ASCII no more than letters and spaces is touched by the rules.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let settled = collapse_spaces(&text.to_ascii_lowercase());
        return if settled.is_empty() { Err(FoldFault::Empty) } else { Ok(Folded(settled)) };
    }
    fold_any(text)
}

fn fold_any(text: &str) -> Result<Folded, FoldFault> {
    // Before normalising: a newer NFKC would turn some of them into letters LDAP's own would not, `Ϲ` (U+03F9) into `Σ`.
    if let Some(found) = text.chars().find(|&c| tables::unassigned_code_point(c)) {
        return Err(FoldFault::Unassigned { found });
    }
    let prepared = map_and_normalize(text);
    prohibit(&prepared)?;
    let settled = collapse_spaces(&prepared);
    match settled.chars().next() {
        None => Err(FoldFault::Empty),
        Some(found) if is_combining_mark(found) => Err(FoldFault::LeadingMark { found }),
        Some(_) => Ok(Folded(settled)),
    }
}

fn map_and_normalize(text: &str) -> String {
    text.chars()
        .filter(|&c| !is_mapped_to_nothing(c))
        .map(|c| if is_mapped_to_space(c) { ' ' } else { c })
        .flat_map(tables::case_fold_for_nfkc)
        .nfkc()
        .collect()
}

/// RFC 4518 §2.2: hyphens and joiners without ink, variation selectors, and every control or format code point that is
/// not white space.
fn is_mapped_to_nothing(c: char) -> bool {
    matches!(c,
        '\u{0000}'..='\u{0008}' | '\u{000E}'..='\u{001F}' | '\u{007F}'..='\u{0084}' | '\u{0086}'..='\u{009F}'
        | '\u{00AD}' | '\u{034F}' | '\u{06DD}' | '\u{070F}' | '\u{1806}' | '\u{180B}'..='\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2063}' | '\u{206A}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0001}' | '\u{E0020}'..='\u{E007F}')
}

/// RFC 4518 §2.2: white-space controls and the Unicode separators.
fn is_mapped_to_space(c: char) -> bool {
    matches!(c,
        '\u{0009}'..='\u{000D}' | '\u{0020}' | '\u{0085}' | '\u{00A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}'
        | '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

/// RFC 4518 §2.4, but for unassigned code points.
fn prohibit(prepared: &str) -> Result<(), FoldFault> {
    let is_prohibited = |&found: &char| {
        tables::private_use(found)
            || tables::non_character_code_point(found)
            || tables::change_display_properties_or_deprecated(found)
            || found == char::REPLACEMENT_CHARACTER
    };
    prepared.chars().find(is_prohibited).map_or(Ok(()), |found| Err(FoldFault::Prohibited { found }))
}

/// RFC 4518 §2.6.1. A SPACE that carries a combining mark is a character, not a space.
fn collapse_spaces(prepared: &str) -> String {
    let mut settled = String::with_capacity(prepared.len());
    let mut owed = false;
    let mut rest = prepared.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ' ' && !rest.peek().copied().is_some_and(is_combining_mark) {
            owed = !settled.is_empty();
            continue;
        }
        if owed {
            settled.push(' ');
            owed = false;
        }
        settled.push(c);
    }
    settled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ascii_folds_as_everything_does(text in "[ -~]{0,40}") {
            prop_assert_eq!(fold(&text), fold_any(&text));
        }
    }
}
