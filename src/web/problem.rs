//! What went wrong, for the person in front of the page.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::ids::SignInId;
use crate::flows::sign_in::SignInError;
use crate::store::StoreFault;

/// Why there is no page. `dress` turns it into one, in the person's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    NotFound,
    /// The form's token is not this browser's, or from before a sign-in.
    Stale,
    /// The form was sent from a page that is not ours.
    Foreign,
    TooLarge,
    /// The request names a host that is not ours.
    WrongHost,
    /// The administrator has switched it off.
    Forbidden,
    /// A fault; never held against the person.
    Busy(Option<SignInId>),
}

impl Problem {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Stale | Self::Foreign | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Of its texts: `common-<name>-title` and `common-<name>`.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Stale => "stale",
            Self::Foreign => "foreign",
            Self::TooLarge => "too-large",
            Self::WrongHost => "host",
            Self::Forbidden => "forbidden",
            Self::Busy(_) => "busy",
        }
    }
}

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Self {
        tracing::error!(%fault, "a page could not be answered");
        Self::Busy(None)
    }
}

impl From<SignInError> for Problem {
    /// It is logged where it happened.
    fn from(_: SignInError) -> Self {
        Self::Busy(None)
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be drawn");
        Self::Busy(None)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
