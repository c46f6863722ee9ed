//! One request: who it is from, in which language, and what it sent.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;

use super::fields::Fields;
use super::problem::Problem;
use crate::domain::secret::Code;
use crate::domain::session::Session;
use crate::words::Words;

/// What a handler is given. Cheap to clone.
#[derive(Clone)]
pub struct Visit(Arc<Facts>);

pub struct Facts {
    pub now: Timestamp,
    pub words: Words,
    pub source: IpAddr,
    /// What the browser says it is.
    pub agent: String,
    pub session: Option<Session>,
    pub csrf: String,
    pub path: String,
    pub query: Fields,
    /// Of a POST; checked to be from a page of ours.
    pub fields: Fields,
    /// The token of an enrolment link that was opened here.
    pub invited: Option<Code>,
    /// The State of a sign-in that goes on.
    pub dialog: Option<Code>,
}

impl Visit {
    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    /// What was done before we came here: the address says which text.
    pub fn notice(&self) -> Option<String> {
        let key = self.query.get("done")?;
        (key.contains("-done-") && self.words.has(key)).then(|| self.words.get(key))
    }

    /// Where a sign-in was asked to go on afterwards, if that is a page of ours.
    pub fn next(&self) -> &str {
        let asked = self.fields.get("next").or_else(|| self.query.get("next")).unwrap_or_default();
        if is_local(asked) { asked } else { "/" }
    }
}

/// A path of this site that no browser reads as another's.
pub(super) fn is_local(path: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/-_?=&.".contains(letter);
    path.starts_with('/') && !path.starts_with("//") && path.len() <= 200 && path.chars().all(plain)
}

impl Deref for Visit {
    type Target = Facts;
    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    /// The guard puts it there before any handler runs.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::Busy(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_our_own_is_gone_on_to() {
        assert!(is_local("/authenticators?done=x"));
        for foreign in ["//evil.test", "/\\evil.test", "https://evil.test", "", "evil", "/a\nb", "/%2f"] {
            assert!(!is_local(foreign), "{foreign:?}");
        }
    }
}
