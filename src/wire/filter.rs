//! Search filters: their text form (RFC 4515) and their bytes (RFC 4511 §4.5.1.7). Values are bytes; the text form
//! escapes them, so a name put into a filter is only ever compared, never parsed.

use super::ber;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Equal(String, Vec<u8>),
    GreaterOrEqual(String, Vec<u8>),
    LessOrEqual(String, Vec<u8>),
    Approx(String, Vec<u8>),
    Present(String),
    Substrings { attribute: String, initial: Option<Vec<u8>>, any: Vec<Vec<u8>>, last: Option<Vec<u8>> },
    Extensible { attribute: Option<String>, dn: bool, rule: Option<String>, value: Vec<u8> },
}

/// Why a filter's text cannot be used; `at` counts bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    #[error("the filter ends too early; every ( needs its )")]
    End,
    #[error("unexpected {found:?} at byte {at} of the filter")]
    Unexpected { at: usize, found: char },
    #[error("the filter is nested more than {MAX_DEPTH} deep")]
    Depth,
    #[error("the escape at byte {at} of the filter is not \\ and two hex digits")]
    Escape { at: usize },
    #[error("the item at byte {at} of the filter has no attribute or no comparison")]
    Item { at: usize },
}

const MAX_DEPTH: usize = 32;

impl Filter {
    pub fn equal(attribute: &str, value: &str) -> Self {
        Self::Equal(attribute.to_owned(), value.as_bytes().to_vec())
    }

    pub fn present(attribute: &str) -> Self {
        Self::Present(attribute.to_owned())
    }

    /// The attributes it asks about.
    pub fn attributes(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::attributes).collect(),
            Self::Not(part) => part.attributes(),
            Self::Equal(attribute, _)
            | Self::GreaterOrEqual(attribute, _)
            | Self::LessOrEqual(attribute, _)
            | Self::Approx(attribute, _)
            | Self::Present(attribute)
            | Self::Substrings { attribute, .. } => vec![attribute],
            Self::Extensible { attribute, .. } => attribute.iter().map(String::as_str).collect(),
        }
    }

    /// Reads the text form; the outer parentheses may be left out around a single item, as command lines do.
    pub fn parse(text: &str) -> Result<Self, FilterFault> {
        let text = text.trim();
        let wrapped;
        let text = if text.starts_with('(') {
            text
        } else {
            wrapped = format!("({text})");
            &wrapped
        };
        let mut parser = Parser { text, at: 0 };
        let filter = parser.filter(0)?;
        match parser.peek() {
            None => Ok(filter),
            Some(found) => Err(FilterFault::Unexpected { at: parser.at, found }),
        }
    }

    pub fn put(&self, out: &mut Vec<u8>) {
        let assertion = |out: &mut Vec<u8>, tag, attribute: &str, value: &[u8]| {
            ber::put(out, tag, |out| {
                ber::put_bytes(out, ber::OCTET_STRING, attribute.as_bytes());
                ber::put_bytes(out, ber::OCTET_STRING, value);
            });
        };
        match self {
            Self::And(parts) => ber::put(out, 0xa0, |out| parts.iter().for_each(|part| part.put(out))),
            Self::Or(parts) => ber::put(out, 0xa1, |out| parts.iter().for_each(|part| part.put(out))),
            Self::Not(part) => ber::put(out, 0xa2, |out| part.put(out)),
            Self::Equal(attribute, value) => assertion(out, 0xa3, attribute, value),
            Self::Substrings { attribute, initial, any, last } => ber::put(out, 0xa4, |out| {
                ber::put_bytes(out, ber::OCTET_STRING, attribute.as_bytes());
                ber::put(out, ber::SEQUENCE, |out| {
                    let parts = initial.iter().map(|part| (0x80, part)).chain(any.iter().map(|part| (0x81, part)));
                    for (tag, part) in parts.chain(last.iter().map(|part| (0x82, part))) {
                        ber::put_bytes(out, tag, part);
                    }
                });
            }),
            Self::GreaterOrEqual(attribute, value) => assertion(out, 0xa5, attribute, value),
            Self::LessOrEqual(attribute, value) => assertion(out, 0xa6, attribute, value),
            Self::Present(attribute) => ber::put_bytes(out, 0x87, attribute.as_bytes()),
            Self::Approx(attribute, value) => assertion(out, 0xa8, attribute, value),
            Self::Extensible { attribute, dn, rule, value } => ber::put(out, 0xa9, |out| {
                for (tag, text) in [(0x81, rule), (0x82, attribute)] {
                    if let Some(text) = text {
                        ber::put_bytes(out, tag, text.as_bytes());
                    }
                }
                ber::put_bytes(out, 0x83, value);
                if *dn {
                    ber::put_bytes(out, 0x84, &[0xff]);
                }
            }),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> Result<(), FilterFault> {
        match self.peek() {
            Some(found) if found == wanted => {
                self.at += wanted.len_utf8();
                Ok(())
            }
            Some(found) => Err(FilterFault::Unexpected { at: self.at, found }),
            None => Err(FilterFault::End),
        }
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, FilterFault> {
        if depth > MAX_DEPTH {
            return Err(FilterFault::Depth);
        }
        self.take('(')?;
        let filter = match self.peek() {
            Some('&') => self.list('&', depth).map(Filter::And)?,
            Some('|') => self.list('|', depth).map(Filter::Or)?,
            Some('!') => {
                self.take('!')?;
                Filter::Not(Box::new(self.filter(depth + 1)?))
            }
            Some(_) => self.item()?,
            None => return Err(FilterFault::End),
        };
        self.take(')')?;
        Ok(filter)
    }

    fn list(&mut self, kind: char, depth: usize) -> Result<Vec<Filter>, FilterFault> {
        self.take(kind)?;
        let mut parts = vec![];
        while self.peek() == Some('(') {
            parts.push(self.filter(depth + 1)?);
        }
        Ok(parts)
    }

    fn item(&mut self) -> Result<Filter, FilterFault> {
        let start = self.at;
        let end = self.rest().find([')', '(']).ok_or(FilterFault::End)?;
        let item = self.rest().get(..end).unwrap_or_default().to_owned();
        self.at += end;
        let (left, value) = item.split_once('=').ok_or(FilterFault::Item { at: start })?;
        let at = start + left.len() + 1;
        let named = |attribute: &str| {
            let attribute = attribute.trim();
            let fine = |c: char| c.is_ascii_alphanumeric() || "-;._".contains(c);
            if attribute.is_empty() || !attribute.chars().all(fine) {
                return Err(FilterFault::Item { at: start });
            }
            Ok(attribute.to_owned())
        };
        if let Some(attribute) = left.strip_suffix('>') {
            return Ok(Filter::GreaterOrEqual(named(attribute)?, unescape(value, at)?));
        }
        if let Some(attribute) = left.strip_suffix('<') {
            return Ok(Filter::LessOrEqual(named(attribute)?, unescape(value, at)?));
        }
        if let Some(attribute) = left.strip_suffix('~') {
            return Ok(Filter::Approx(named(attribute)?, unescape(value, at)?));
        }
        if let Some(left) = left.strip_suffix(':') {
            let mut parts = left.split(':');
            let attribute = parts.next().filter(|part| !part.is_empty()).map(named).transpose()?;
            let mut dn = false;
            let mut rule = None;
            for part in parts {
                if part.eq_ignore_ascii_case("dn") && !dn && rule.is_none() {
                    dn = true;
                } else if rule.is_none() {
                    rule = Some(named(part)?);
                } else {
                    return Err(FilterFault::Item { at: start });
                }
            }
            if attribute.is_none() && rule.is_none() {
                return Err(FilterFault::Item { at: start });
            }
            return Ok(Filter::Extensible { attribute, dn, rule, value: unescape(value, at)? });
        }
        let attribute = named(left)?;
        if value == "*" {
            return Ok(Filter::Present(attribute));
        }
        if !value.contains('*') {
            return Ok(Filter::Equal(attribute, unescape(value, at)?));
        }
        let mut pieces = value.split('*').map(|piece| unescape(piece, at)).collect::<Result<Vec<_>, _>>()?;
        let last = pieces.pop().filter(|piece| !piece.is_empty());
        let initial = Some(pieces.remove(0)).filter(|piece| !piece.is_empty());
        pieces.retain(|piece| !piece.is_empty());
        Ok(Filter::Substrings { attribute, initial, any: pieces, last })
    }
}

fn unescape(text: &str, at: usize) -> Result<Vec<u8>, FilterFault> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|(_, digit)| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(FilterFault::Escape { at: at + offset }) };
        out.push(u8::try_from(high << 4 | low).unwrap_or_default());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_rfc_4515_are_read() {
        let parse = |text| Filter::parse(text).unwrap();
        assert_eq!(parse("(cn=Babs Jensen)"), Filter::equal("cn", "Babs Jensen"));
        assert_eq!(parse("uid=a"), Filter::equal("uid", "a"), "as typed on a command line");
        assert_eq!(parse("(!(cn=Tim Howes))"), Filter::Not(Box::new(Filter::equal("cn", "Tim Howes"))));
        assert_eq!(
            parse("(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))"),
            Filter::And(vec![
                Filter::equal("objectClass", "Person"),
                Filter::Or(vec![
                    Filter::equal("sn", "Jensen"),
                    Filter::Substrings {
                        attribute: "cn".into(),
                        initial: Some(b"Babs J".to_vec()),
                        any: vec![],
                        last: None
                    }
                ])
            ])
        );
        assert_eq!(
            parse("(o=univ*of*mich*)"),
            Filter::Substrings {
                attribute: "o".into(),
                initial: Some(b"univ".to_vec()),
                any: vec![b"of".to_vec(), b"mich".to_vec()],
                last: None
            }
        );
        assert_eq!(parse("(seeAlso=*)"), Filter::present("seeAlso"));
        assert_eq!(
            parse(r"(o=Parens R Us \28for all your parenthetical needs\29)"),
            Filter::equal("o", "Parens R Us (for all your parenthetical needs)")
        );
        assert_eq!(parse(r"(bin=\00\00\00\04)"), Filter::Equal("bin".into(), vec![0, 0, 0, 4]));
        assert_eq!(
            parse("(memberOf:1.2.840.113556.1.4.1941:=cn=vpn,dc=x)"),
            Filter::Extensible {
                attribute: Some("memberOf".into()),
                dn: false,
                rule: Some("1.2.840.113556.1.4.1941".into()),
                value: b"cn=vpn,dc=x".to_vec()
            }
        );
        assert_eq!(
            parse("(o:dn:=Ace)"),
            Filter::Extensible { attribute: Some("o".into()), dn: true, rule: None, value: b"Ace".to_vec() }
        );
    }

    #[test]
    fn a_filter_says_which_attributes_it_asks_about() {
        let filter = Filter::parse("(&(a=1)(|(b=*)(!(c>=2))(d~=3))(e<=4)(f=x*)(g:dn:1.2:=5)(:1.2:=6))").unwrap();
        assert_eq!(filter.attributes(), ["a", "b", "c", "d", "e", "f", "g"]);
    }

    #[test]
    fn a_filter_that_is_none_says_where() {
        assert_eq!(Filter::parse("(cn=a"), Err(FilterFault::End));
        assert_eq!(Filter::parse("(cn=a))"), Err(FilterFault::Unexpected { at: 6, found: ')' }));
        assert_eq!(Filter::parse("(cn)"), Err(FilterFault::Item { at: 1 }));
        assert_eq!(Filter::parse(r"(cn=\zz)"), Err(FilterFault::Escape { at: 4 }));
        assert_eq!(Filter::parse(&format!("{}(a=b){}", "(!".repeat(40), ")".repeat(40))), Err(FilterFault::Depth));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fall_over(text in ".{0,80}") {
            let _ = Filter::parse(&text);
        }
    }
}
