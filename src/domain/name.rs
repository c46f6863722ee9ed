//! What a person types to say who they are: the four forms of a login name, their comparison form, and the escaping that
//! carries a name into an LDAP filter. DNs themselves are read in [`super::dn`]; which account a name belongs to is the
//! directory's business.

mod fold;

pub use fold::{FoldFault, Folded, fold};

use super::dn::{Dn, DnFault};

/// Longest name read, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// A login name, its form recognised. `text` is the name as typed; parts are in comparison form.
///
/// Precedence, first match wins, as Active Directory tries them (MS-ADTS §5.1.1.1.1):
/// 1. an `=` anywhere makes it a DN, and a name with `=` that is no DN is refused: `uid=a@b.c,dc=x` and `a=b@c` are DNs;
/// 2. a `\` makes it `DOMAIN\account`, `@` or not: `CORP\a@b` is account `a@b`;
/// 3. an `@` makes it `user@domain`, a UPN or a mail address alike;
/// 4. anything else is a plain account name.
///
/// A name that two readers could split differently is refused: a second `\` or `@`, a space beside one, or a look-alike
/// (full-width `＠`) that turns into one when compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoginName {
    Dn { text: String, dn: Dn },
    Upn { text: String, local: Folded, domain: Folded },
    DownLevel { text: String, domain: Folded, account: Folded },
    Plain { text: String, account: Folded },
}

/// Why a text is not a login name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameFault {
    #[error("the name is empty; give a name")]
    Empty,
    #[error("the name is {length} bytes long; shorten it to {MAX_LENGTH}")]
    TooLong { length: usize },
    #[error("the name holds the control character {found:?} at byte {at}; leave it out")]
    Control { found: char, at: usize },
    #[error("the name holds = but is no DN ({0}); correct the DN or use a name without =")]
    Dn(#[from] DnFault),
    #[error(transparent)]
    Incomparable(#[from] FoldFault),
    #[error("the name holds a look-alike of @, = or \\; type the plain ASCII character")]
    LookAlike,
    #[error(
        "the name can be split at {separator:?} in more than one way; use {separator:?} once, with text and no space on both sides"
    )]
    Ambiguous { separator: char },
}

impl LoginName {
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        if text.is_empty() {
            return Err(NameFault::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(NameFault::TooLong { length: text.len() });
        }
        if let Some((at, found)) = text.char_indices().find(|(_, c)| c.is_control()) {
            return Err(NameFault::Control { found, at });
        }
        if text.contains('=') {
            return Ok(Self::Dn { text: text.to_owned(), dn: Dn::parse(text)? });
        }
        let whole = fold(text)?;
        if separators(whole.as_str()) != separators(text) {
            return Err(NameFault::LookAlike);
        }
        let text = text.to_owned();
        if let Some((domain, account)) = split_at_sole('\\', whole.as_str())? {
            return Ok(Self::DownLevel { text, domain, account });
        }
        if let Some((local, domain)) = split_at_sole('@', whole.as_str())? {
            return Ok(Self::Upn { text, local, domain });
        }
        Ok(Self::Plain { text, account: whole })
    }

    /// The name as typed.
    pub fn text(&self) -> &str {
        match self {
            Self::Dn { text, .. }
            | Self::Upn { text, .. }
            | Self::DownLevel { text, .. }
            | Self::Plain { text, .. } => text,
        }
    }

    /// The whole name in comparison form; names of different forms never fold to the same text.
    pub fn folded(&self) -> Folded {
        match self {
            Self::Dn { dn, .. } => dn.folded(),
            Self::Upn { local, domain, .. } => Folded::prepared(format!("{local}@{domain}")),
            Self::DownLevel { domain, account, .. } => Folded::prepared(format!("{domain}\\{account}")),
            Self::Plain { account, .. } => account.clone(),
        }
    }
}

fn separators(text: &str) -> Vec<char> {
    text.chars().filter(|c| matches!(c, '@' | '=' | '\\')).collect()
}

/// `None` without the separator; refused if it stands more than once, at an end or beside a space.
fn split_at_sole(separator: char, whole: &str) -> Result<Option<(Folded, Folded)>, NameFault> {
    let Some((before, after)) = whole.split_once(separator) else { return Ok(None) };
    // A part that is not its own comparison form starts or ends with a space, or starts with a stray mark.
    let part = |part: &str| fold(part).ok().filter(|folded| folded.as_str() == part);
    match (part(before), part(after)) {
        (Some(before), Some(after)) if !after.as_str().contains(separator) => Ok(Some((before, after))),
        (Some(_) | None, Some(_) | None) => Err(NameFault::Ambiguous { separator }),
    }
}

/// A value as it is written into an LDAP search filter (RFC 4515 §3): NUL, `*`, `(`, `)`, `\` and bytes that are not
/// UTF-8 become `\` and two hex digits.
pub fn filter_value(value: impl AsRef<[u8]>) -> String {
    let mut text = String::with_capacity(value.as_ref().len());
    let escape = |text: &mut String, byte: u8| {
        text.push('\\');
        text.push_str(&data_encoding::HEXLOWER.encode(&[byte]));
    };
    for chunk in value.as_ref().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\0' => escape(&mut text, 0),
                '*' => escape(&mut text, b'*'),
                '(' => escape(&mut text, b'('),
                ')' => escape(&mut text, b')'),
                '\\' => escape(&mut text, b'\\'),
                c => text.push(c),
            }
        }
        for &byte in chunk.invalid() {
            escape(&mut text, byte);
        }
    }
    text
}

#[cfg(test)]
mod tests;
