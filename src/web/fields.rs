//! What a form sent.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use zeroize::Zeroizing;

use super::problem::Problem;
use crate::domain::secret::Password;

/// The fields of a form, by name. Their memory is wiped: one may be a password.
#[derive(Default)]
pub struct Fields(Vec<(String, Zeroizing<String>)>);

/// More fields than any form of ours has.
const MOST_FIELDS: usize = 100;

impl Fields {
    /// The first field of that name, without the blanks around it; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default().trim()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// As it was typed, blanks and all.
    pub fn password(&self, name: &str) -> Password {
        Password::new(self.get(name).unwrap_or_default().as_bytes())
    }

    /// Is there a field of that name with anything in it? A checkbox, or the button that was pressed.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes).take(MOST_FIELDS);
        Self(pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect())
    }

    pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Self, Problem> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Problem::Foreign);
        }
        let bytes = axum::body::to_bytes(body, limit).await.map_err(|_| Problem::TooLarge)?;
        let bytes = Zeroizing::new(bytes.to_vec());
        Ok(Self::parse(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_keeps_its_blanks_and_a_name_does_not() {
        let fields = Fields::parse("name=+anna%00+&password=+geheim+&keys=1&keys=2&empty=".as_bytes());
        assert_eq!(fields.text("name"), "anna\0");
        assert!(fields.password("password").same_as(b" geheim "));
        assert_eq!(fields.all("keys").collect::<Vec<_>>(), ["1", "2"]);
        assert!(!fields.has("empty") && !fields.has("missing") && fields.has("keys"));
    }

    #[test]
    fn a_form_has_no_more_than_a_hundred_fields() {
        let many = "a=1&".repeat(10_000);
        assert_eq!(Fields::parse(many.as_bytes()).all("a").count(), MOST_FIELDS);
    }
}
