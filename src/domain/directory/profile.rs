//! An entry of a directory as a person: names, address, phones, language. What cannot be read leaves its field empty and
//! is named in a warning; a person is never refused for it.

use super::Directory;
use super::attributes::Field;
use crate::domain::phone::Phone;

/// Values longer than this are no name or address; X.520's upper bounds are far below.
const MAX_TEXT: usize = 256;
/// Phones of one label; the rest of a long list is left.
const MOST_PHONES: usize = 8;

/// What a directory says of a person, beside who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Kept beside the others: people are found by it.
    #[serde(skip)]
    pub mail: Option<String>,
    /// In the order of the map's labels, within one as the directory gives them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Labelled>,
    /// A language tag (RFC 5646), such as `de-AT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Profile {
    /// Puts the phones of a label before the others.
    pub fn prefer(&mut self, label: &str) {
        self.phones.sort_by_key(|labelled| labelled.label != label);
    }
}

/// A phone and what the map calls it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Labelled {
    pub label: String,
    pub phone: Phone,
}

/// A value that could not be used. It is not repeated: it may be binary, and it belongs to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub attribute: String,
    pub why: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "its {} cannot be used: {}", self.attribute, self.why)
    }
}

/// Reads an entry; `values` gives all values of an attribute, none if the entry lacks it.
pub fn profile<'e>(directory: &Directory, values: impl Fn(&str) -> &'e [Vec<u8>]) -> (Profile, Vec<Warning>) {
    let mut reader = Reader { directory, values, warnings: vec![] };
    let profile = Profile {
        first: reader.first_of(&Field::First, text),
        last: reader.first_of(&Field::Last, text),
        mail: reader.first_of(&Field::Mail, mail),
        phones: reader.phones(),
        language: reader.first_of(&Field::Language, language),
    };
    (profile, reader.warnings)
}

/// The attributes that [`profile`] asks for, each once.
pub fn profile_attributes(directory: &Directory) -> Vec<&str> {
    let map = &directory.attributes;
    let fields = [Field::First, Field::Last, Field::Mail, Field::Language];
    let mut names: Vec<&str> = fields.iter().flat_map(|field| map.names(directory.kind, field)).collect();
    names.extend(map.phones(directory.kind).into_iter().flat_map(|(_, names)| names));
    names.sort_unstable();
    names.dedup();
    names
}

struct Reader<'d, F> {
    directory: &'d Directory,
    values: F,
    warnings: Vec<Warning>,
}

impl<'e, F: Fn(&str) -> &'e [Vec<u8>]> Reader<'_, F> {
    /// The first usable value of the first attribute that has one.
    fn first_of(&mut self, field: &Field, read: fn(&str) -> Result<String, String>) -> Option<String> {
        let directory = self.directory;
        for name in directory.attributes.names(directory.kind, field) {
            for value in (self.values)(name) {
                match utf8(value).and_then(read) {
                    Ok(text) => return Some(text),
                    Err(why) => self.warn(name, why),
                }
            }
        }
        None
    }

    fn phones(&mut self) -> Vec<Labelled> {
        let directory = self.directory;
        let country = directory.attributes.country;
        let mut phones: Vec<Labelled> = vec![];
        for (label, names) in directory.attributes.phones(directory.kind) {
            let mut count = 0;
            for name in names {
                for value in (self.values)(name) {
                    let phone = utf8(value).and_then(|text| Phone::parse(text, country).map_err(|why| why.to_string()));
                    match phone {
                        Ok(_) if count == MOST_PHONES => {
                            self.warn(name, format!("there are more than {MOST_PHONES} phones called {label}"));
                            break;
                        }
                        Ok(phone) if !phones.iter().any(|have| have.label == label && have.phone == phone) => {
                            count += 1;
                            phones.push(Labelled { label: label.to_owned(), phone });
                        }
                        Ok(_) => {}
                        Err(why) => self.warn(name, why),
                    }
                }
            }
        }
        phones
    }

    fn warn(&mut self, attribute: &str, why: String) {
        self.warnings.push(Warning { attribute: attribute.to_owned(), why });
    }
}

fn utf8(value: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(value).map_err(|_| "it is not text".to_owned())
}

fn text(value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() {
        return Err("it is empty".to_owned());
    }
    if value.len() > MAX_TEXT {
        return Err(format!("it is longer than {MAX_TEXT} bytes"));
    }
    if value.chars().any(char::is_control) {
        return Err("it holds control characters".to_owned());
    }
    Ok(value.to_owned())
}

/// Only what mail servers and headers cannot take for something else; whether it arrives is seen when it is used.
fn mail(value: &str) -> Result<String, String> {
    let value = text(value)?;
    let odd = |letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | ',' | ';' | '"' | '\\');
    match value.split_once('@') {
        Some((local, domain))
            if !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !value.contains(odd) =>
        {
            Ok(value)
        }
        Some(_) | None => Err("it is no mail address".to_owned()),
    }
}

/// The first language of a list in order of preference (RFC 2798 §2.7: `de-AT, en;q=0.8`).
pub fn language(value: &str) -> Result<String, String> {
    let value = text(value)?;
    let first = value.split([',', ';']).next().unwrap_or_default().trim().replace('_', "-");
    let mut tags = first.split('-');
    let primary = tags.next().unwrap_or_default();
    let is_primary = (2..=8).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_tag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_primary && tags.all(is_tag) { Ok(first) } else { Err("it is no language tag".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::directory::attributes::{AttributeMap, AttributeName};
    use crate::domain::directory::{DirectoryKind, PageSize};
    use crate::domain::ids::DirectoryId;
    use crate::domain::phone::CountryCode;
    use crate::domain::secret::Password;

    fn directory() -> Directory {
        let mut map = AttributeMap::default();
        map.country = CountryCode::parse("49").ok();
        Directory {
            id: DirectoryId(uuid::Uuid::nil()),
            name: "corp".into(),
            kind: DirectoryKind::OpenLdap,
            servers: vec![],
            base_dn: String::new(),
            bind_dn: String::new(),
            bind_password: Password::new([]),
            ca_pem: None,
            domain: None,
            attributes: map,
            page_size: PageSize::default(),
            connect_timeout: Duration::ZERO,
            operation_timeout: Duration::ZERO,
        }
    }

    fn read(directory: &Directory, entry: &[(&str, Vec<Vec<u8>>)]) -> (Profile, Vec<Warning>) {
        profile(directory, |wanted| {
            entry.iter().find(|(name, _)| *name == wanted).map(|(_, values)| values.as_slice()).unwrap_or_default()
        })
    }

    fn one(value: &[u8]) -> Vec<Vec<u8>> {
        vec![value.to_vec()]
    }

    #[test]
    fn an_entry_becomes_a_person() {
        let (person, warnings) = read(
            &directory(),
            &[
                ("givenName", one("Jörg".as_bytes())),
                ("sn", one(b" M\xc3\xbcller ")),
                ("mail", one(b"joerg@example.test")),
                ("mobile", vec![b"0171 2345678".to_vec(), b"+49 171 2345678".to_vec()]),
                ("telephoneNumber", one(b"+1 425 555 0100 x890")),
                ("preferredLanguage", one(b"de-AT, en;q=0.8")),
            ],
        );
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!((person.first.as_deref(), person.last.as_deref()), (Some("Jörg"), Some("Müller")));
        assert_eq!((person.mail.as_deref(), person.language.as_deref()), (Some("joerg@example.test"), Some("de-AT")));
        let phones: Vec<_> = person.phones.iter().map(|it| format!("{} {}", it.label, it.phone)).collect();
        assert_eq!(phones, ["mobile +491712345678", "business +14255550100;ext=890"]);
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_and_leaves_its_field_empty() {
        let (person, warnings) = read(
            &directory(),
            &[
                ("givenName", one(b"\xff\xfe")),
                ("mail", one(b"a@b@c")),
                ("mobile", one(b"call reception")),
                ("preferredLanguage", one(b"*")),
                ("sn", one(b"Adams")),
            ],
        );
        assert_eq!(person, Profile { last: Some("Adams".into()), ..Profile::default() });
        let named: Vec<&str> = warnings.iter().map(|warning| warning.attribute.as_str()).collect();
        assert_eq!(named, ["givenName", "mail", "mobile", "preferredLanguage"]);
        assert_eq!(warnings[0].to_string(), "its givenName cannot be used: it is not text");
        assert!(!warnings[2].to_string().contains("reception"), "a value is not repeated");
    }

    #[test]
    fn an_attribute_that_is_missing_is_no_warning() {
        assert_eq!(read(&directory(), &[]), (Profile::default(), vec![]));
    }

    #[test]
    fn the_next_attribute_stands_in_where_the_first_is_missing_or_broken() {
        let mut directory = directory();
        let names = ["givenName", "displayName"].map(|name| AttributeName::parse(name).unwrap());
        directory.attributes.set(Field::First, names.to_vec());
        let (person, warnings) = read(&directory, &[("givenName", one(b"\xff")), ("displayName", one(b"Alice"))]);
        assert_eq!((person.first.as_deref(), warnings.len()), (Some("Alice"), 1));
        assert!(profile_attributes(&directory).contains(&"displayName"));
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_person(values in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
            let names = ["givenName", "sn", "mail", "mobile", "preferredLanguage"];
            let entry: Vec<_> = names.into_iter().map(|name| (name, values.clone())).collect();
            let (person, _) = read(&directory(), &entry);
            for text in [person.first, person.last, person.mail, person.language].into_iter().flatten() {
                prop_assert!(!text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control));
            }
            prop_assert!(person.phones.len() <= MOST_PHONES);
        }
    }
}
