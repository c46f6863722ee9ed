//! A secret as a person configured it: text that is kept exactly as given and shown to nobody.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};
use zeroize::Zeroizing;

/// Wiped when dropped; no `Debug`, `Display` or `Serialize` (SECURITY R44, R45).
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Callers hand it to a parser or a socket, never to a formatter.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Takes text only. A number, date or truth value would have to be written anew, and `00712` would become `712`.
impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOnly)
    }
}

struct TextOnly;

const QUOTES: &str = "is a secret and must stand in quotes, so that it is kept exactly as written";

/// Every other type is named here: serde's own refusal would quote the value.
impl<'de> Visitor<'de> for TextOnly {
    type Value = SecretText;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("text in quotes")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::new(text))
    }
    fn visit_string<E: Error>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText::new(text))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretText, E> {
        Err(E::custom(QUOTES))
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretText, E> {
        Err(E::custom(QUOTES))
    }
    fn visit_i128<E: Error>(self, _: i128) -> Result<SecretText, E> {
        Err(E::custom(QUOTES))
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretText, E> {
        Err(E::custom(QUOTES))
    }
    fn visit_u128<E: Error>(self, _: u128) -> Result<SecretText, E> {
        Err(E::custom(QUOTES))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretText, E> {
        Err(E::custom(QUOTES))
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<SecretText, A::Error> {
        Err(A::Error::custom(QUOTES))
    }
    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<SecretText, A::Error> {
        Err(A::Error::custom(QUOTES))
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

/// How a dump shows a secret that is there. Fields skip it while they are `None`.
pub(super) fn masked<Secret, S: Serializer>(_: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str("(set)")
}
