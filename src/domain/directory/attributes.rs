//! Which attribute of a directory means what. A preset for each kind of directory, and what an administrator has changed
//! in it: only the changes are kept, so that a better preset reaches every directory that did not change it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::DirectoryKind;
use crate::domain::phone::CountryCode;

/// Attributes of one field; a longer list is a mistake.
const MOST_NAMES: usize = 8;
const MOST_CUSTOM_PHONES: usize = 16;
const MAX_FILTER: usize = 4096;

/// The name of an attribute, with options if it has any (RFC 4512 §2.5): `mail`, `2.5.4.3`, `givenName;lang-de`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttributeName(String);

/// Why a piece of the map cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapFault {
    #[error(
        "{0:?} is no attribute name; it begins with a letter and goes on with letters, digits and hyphens, or is an OID"
    )]
    Name(String),
    #[error(
        "there is no field {0:?}; write unique-id, user-name, principal, mail, first, last, language, groups or \
         phone.LABEL"
    )]
    Field(String),
    #[error("{field} needs exactly one attribute")]
    ExactlyOne { field: Field },
    #[error("{field} needs an attribute; without it nobody can be known")]
    Needed { field: Field },
    #[error("{field} has more than {MOST_NAMES} attributes")]
    TooMany { field: Field },
    #[error("{field} names {name} twice")]
    Twice { field: Field, name: AttributeName },
    #[error("there are more than {MOST_CUSTOM_PHONES} phones of your own")]
    TooManyPhones,
    #[error("the {which} filter is longer than {MAX_FILTER} bytes, empty, or not in parentheses")]
    Filter { which: &'static str },
}

impl AttributeName {
    pub fn parse(text: &str) -> Result<Self, MapFault> {
        let fault = || MapFault::Name(text.to_owned());
        if text.len() > 128 {
            return Err(fault());
        }
        let mut parts = text.split(';');
        let kind = parts.next().unwrap_or_default();
        let is_keychars = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        // RFC 4512 §1.4: descr and numericoid.
        let is_name = kind.starts_with(|letter: char| letter.is_ascii_alphabetic()) && is_keychars(kind);
        let is_number = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        let is_oid = kind.contains('.') && kind.split('.').all(is_number);
        let options_fine = parts.all(|option| !option.is_empty() && is_keychars(option));
        if (is_name || is_oid) && options_fine { Ok(Self(text.to_owned())) } else { Err(fault()) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AttributeName {
    type Error = MapFault;

    fn try_from(text: String) -> Result<Self, MapFault> {
        Self::parse(&text)
    }
}

impl From<AttributeName> for String {
    fn from(name: AttributeName) -> Self {
        name.0
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the unique id is written in its attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UniqueIdKind {
    /// 16 bytes, the first three groups little-endian (MS-DTYP §2.3.4.2): objectGUID.
    Guid,
    /// Text of a UUID (RFC 4530 §2.1): entryUUID.
    Uuid,
    /// Any text, compared byte for byte.
    Text,
}

/// A phone's label: `mobile`, `business`, `home`, `pager`, `ip`, or one of the administrator's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PhoneLabel(String);

impl PhoneLabel {
    /// 1 to 32 lower-case letters, digits and hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ((1..=32).contains(&text.len()) && text.bytes().all(fine)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The phones that the presets know, in the order in which they are shown.
const PHONES: [&str; 5] = ["mobile", "business", "home", "pager", "ip"];

/// What an attribute can mean to us.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Field {
    UniqueId,
    /// What a bare user name is compared with; the first is the one, the others stand in where an account lacks it.
    UserName,
    /// `user@domain` as the directory itself guarantees it to be unique: userPrincipalName.
    Principal,
    Mail,
    First,
    Last,
    Language,
    Groups,
    Phone(PhoneLabel),
}

impl Field {
    const PLAIN: [(Self, &'static str); 8] = [
        (Self::UniqueId, "unique-id"),
        (Self::UserName, "user-name"),
        (Self::Principal, "principal"),
        (Self::Mail, "mail"),
        (Self::First, "first"),
        (Self::Last, "last"),
        (Self::Language, "language"),
        (Self::Groups, "groups"),
    ];

    /// Every field that the presets know.
    pub fn known() -> Vec<Self> {
        let plain = Self::PLAIN.into_iter().map(|(field, _)| field);
        plain.chain(PHONES.map(|label| Self::Phone(PhoneLabel(label.to_owned())))).collect()
    }

    fn preset(&self, kind: DirectoryKind) -> &'static [&'static str] {
        use DirectoryKind::{ActiveDirectory, OpenLdap};
        match (self, kind) {
            (Self::UniqueId, ActiveDirectory) => &["objectGUID"],
            (Self::UniqueId, OpenLdap) => &["entryUUID"],
            (Self::UserName, ActiveDirectory) => &["sAMAccountName"],
            (Self::UserName, OpenLdap) => &["uid"],
            (Self::Principal, ActiveDirectory) => &["userPrincipalName"],
            (Self::Principal, OpenLdap) => &[],
            (Self::Mail, _) => &["mail"],
            (Self::First, _) => &["givenName"],
            (Self::Last, _) => &["sn"],
            (Self::Language, _) => &["preferredLanguage"],
            (Self::Groups, _) => &["memberOf"],
            (Self::Phone(label), kind) => match (label.as_str(), kind) {
                ("mobile", _) => &["mobile"],
                ("business", _) => &["telephoneNumber"],
                ("home", _) => &["homePhone"],
                ("pager", _) => &["pager"],
                ("ip", ActiveDirectory) => &["ipPhone"],
                _ => &[],
            },
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Phone(label) = self {
            return write!(f, "phone.{}", label.as_str());
        }
        let name = Self::PLAIN.iter().find(|(field, _)| field == self).map(|(_, name)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

impl FromStr for Field {
    type Err = MapFault;

    fn from_str(text: &str) -> Result<Self, MapFault> {
        let phone = text.strip_prefix("phone.").and_then(PhoneLabel::parse).map(Self::Phone);
        let plain = || Self::PLAIN.into_iter().find(|(_, name)| *name == text).map(|(field, _)| field);
        phone.or_else(plain).ok_or_else(|| MapFault::Field(text.to_owned()))
    }
}

impl TryFrom<String> for Field {
    type Error = MapFault;

    fn try_from(text: String) -> Result<Self, MapFault> {
        text.parse()
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.to_string()
    }
}

/// What was changed in the preset of a directory's kind; [`AttributeMap::default`] changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttributeMap {
    /// Attributes in order of preference; none = the field is not read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<Field, Vec<AttributeName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_id_kind: Option<UniqueIdKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people_filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_filter: Option<String>,
    /// The country of phone numbers that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<CountryCode>,
}

impl AttributeMap {
    /// The attributes of a field, the preferred one first.
    pub fn names(&self, kind: DirectoryKind, field: &Field) -> Vec<&str> {
        match self.names.get(field) {
            Some(names) => names.iter().map(AttributeName::as_str).collect(),
            None => field.preset(kind).to_vec(),
        }
    }

    /// The first attribute of a field.
    pub fn first(&self, kind: DirectoryKind, field: &Field) -> Option<&str> {
        match self.names.get(field) {
            Some(names) => names.first().map(AttributeName::as_str),
            None => field.preset(kind).first().copied(),
        }
    }

    /// The phones that are read, in the order in which they are shown.
    pub fn phones(&self, kind: DirectoryKind) -> Vec<(&str, Vec<&str>)> {
        let own = self.names.keys().filter_map(|field| match field {
            Field::Phone(label) if !PHONES.contains(&label.as_str()) => Some(label.as_str()),
            Field::Phone(_)
            | Field::UniqueId
            | Field::UserName
            | Field::Principal
            | Field::Mail
            | Field::First
            | Field::Last
            | Field::Language
            | Field::Groups => None,
        });
        let labels = PHONES.into_iter().chain(own);
        let read = labels.map(|label| (label, self.names(kind, &Field::Phone(PhoneLabel(label.to_owned())))));
        read.filter(|(_, names)| !names.is_empty()).collect()
    }

    /// Changes a field; no attributes = it is not read.
    pub fn set(&mut self, field: Field, names: Vec<AttributeName>) {
        self.names.insert(field, names);
    }

    /// The preset holds again for a field.
    pub fn reset(&mut self, field: &Field) {
        self.names.remove(field);
    }

    /// Every field with its attributes, the preset's and the changed.
    pub fn fields(&self, kind: DirectoryKind) -> Vec<(Field, Vec<&str>)> {
        let mut fields = Field::known();
        fields.extend(self.names.keys().filter(|field| !Field::known().contains(field)).cloned());
        fields.into_iter().map(|field| (field.clone(), self.names(kind, &field))).collect()
    }

    /// Can a directory be read with it?
    pub fn check(&self) -> Result<(), MapFault> {
        for (field, names) in &self.names {
            let field = || field.clone();
            match (field(), names.len()) {
                (Field::UniqueId | Field::Groups, 2..) | (Field::UniqueId, 0) => {
                    return Err(MapFault::ExactlyOne { field: field() });
                }
                (Field::UserName, 0) => return Err(MapFault::Needed { field: field() }),
                (Field::Principal, 2..) => return Err(MapFault::ExactlyOne { field: field() }),
                (_, length) if length > MOST_NAMES => return Err(MapFault::TooMany { field: field() }),
                _ => {}
            }
            for (at, name) in names.iter().enumerate() {
                if names.iter().take(at).any(|before| before.as_str().eq_ignore_ascii_case(name.as_str())) {
                    return Err(MapFault::Twice { field: field(), name: name.clone() });
                }
            }
        }
        if self.names.keys().filter(|field| matches!(field, Field::Phone(_))).count() > MOST_CUSTOM_PHONES {
            return Err(MapFault::TooManyPhones);
        }
        for (which, filter) in [("people", &self.people_filter), ("group", &self.group_filter)] {
            // Whether it can be parsed is for those who know LDAP's bytes.
            let fine = |text: &String| text.len() <= MAX_FILTER && text.starts_with('(') && text.ends_with(')');
            if !filter.as_ref().is_none_or(fine) {
                return Err(MapFault::Filter { which });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AttributeName {
        AttributeName::parse(text).unwrap()
    }

    #[test]
    fn an_attribute_name_is_a_description_of_rfc_4512() {
        for fine in ["mail", "x-Phone2", "2.5.4.3", "givenName;lang-de", "extensionAttribute1"] {
            assert!(AttributeName::parse(fine).is_ok(), "{fine}");
        }
        for refused in ["", "1mail", "2", "2..5", "2.05", "ma il", "mail;", "mail)(uid=*", "*", "m=x", "größe", "a_b"]
        {
            assert_eq!(AttributeName::parse(refused), Err(MapFault::Name(refused.into())), "{refused}");
        }
    }

    #[test]
    fn every_field_is_read_back_from_its_name() {
        for field in Field::known() {
            assert_eq!(field.to_string().parse(), Ok(field));
        }
        assert_eq!("phone.extra-1".parse::<Field>().unwrap().to_string(), "phone.extra-1");
        for refused in ["", "phone", "phone.", "phone.A", "dn"] {
            assert_eq!(refused.parse::<Field>(), Err(MapFault::Field(refused.into())), "{refused}");
        }
    }

    #[test]
    fn what_was_not_changed_is_the_presets() {
        let mut map: AttributeMap = serde_json::from_str("{}").unwrap();
        assert_eq!(map, AttributeMap::default());
        assert_eq!(map.first(DirectoryKind::OpenLdap, &Field::UniqueId), Some("entryUUID"));
        assert_eq!(map.names(DirectoryKind::OpenLdap, &Field::Principal), Vec::<&str>::new());
        map.set(Field::First, vec![name("displayName"), name("cn")]);
        map.set("phone.pager".parse().unwrap(), vec![]);
        map.set("phone.desk".parse().unwrap(), vec![name("otherTelephone")]);
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::from_str::<AttributeMap>(&text).unwrap(), map, "{text}");
        assert_eq!(map.names(DirectoryKind::ActiveDirectory, &Field::First), ["displayName", "cn"]);
        let labels: Vec<&str> = map.phones(DirectoryKind::ActiveDirectory).into_iter().map(|phone| phone.0).collect();
        assert_eq!(labels, ["mobile", "business", "home", "ip", "desk"]);
        map.reset(&Field::First);
        assert_eq!(map.names(DirectoryKind::ActiveDirectory, &Field::First), ["givenName"]);
    }

    #[test]
    fn a_map_that_cannot_work_says_which_field() {
        let fault = |field: &str, names: &[&str]| {
            let mut map = AttributeMap::default();
            map.set(field.parse().unwrap(), names.iter().map(|text| name(text)).collect());
            map.check().map_err(|fault| fault.to_string())
        };
        assert!(fault("unique-id", &[]).unwrap_err().contains("unique-id needs exactly one"));
        assert!(fault("unique-id", &["a", "b"]).unwrap_err().contains("exactly one"));
        assert!(fault("user-name", &[]).unwrap_err().contains("user-name needs an attribute"));
        assert!(fault("first", &["cn", "CN"]).unwrap_err().contains("names CN twice"));
        assert!(fault("mail", &["a", "b", "c", "d", "e", "f", "g", "h", "i"]).unwrap_err().contains("more than 8"));
        assert_eq!(fault("mail", &[]), Ok(()));
        let filter = AttributeMap { people_filter: Some("uid=*".into()), ..AttributeMap::default() };
        assert!(filter.check().unwrap_err().to_string().contains("people filter"));
    }

    #[test]
    fn a_stored_map_with_a_hostile_name_is_not_read() {
        assert!(serde_json::from_str::<AttributeMap>(r#"{"names":{"mail":["a)(b=*"]}}"#).is_err());
        assert!(serde_json::from_str::<AttributeMap>(r#"{"country":0}"#).is_err());
    }
}
