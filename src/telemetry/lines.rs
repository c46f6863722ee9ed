//! The one log line of a sign-in, and the names of its fields.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use super::shown;

/// A sign-in that came to an outcome.
pub struct SignInEnd<'a> {
    pub sign_in: Uuid,
    pub door: &'static str,
    pub client: &'a str,
    /// As the client wrote it.
    pub user: &'a str,
    /// Which second factor decided; `none` if it did not come to that.
    pub factor: &'static str,
    /// `granted` or `denied`.
    pub outcome: &'static str,
    pub reason: &'static str,
    pub source: IpAddr,
    /// Where the person is, if the door knows better.
    pub whereabouts: Option<IpAddr>,
}

/// A sign-in that nobody could decide: no outcome, and it counts against nobody.
pub struct SignInFault<'a> {
    pub sign_in: Uuid,
    pub door: &'static str,
    pub client: &'a str,
    /// As the client wrote it.
    pub user: &'a str,
    /// What failed: `directory`, `database`, …
    pub part: &'static str,
    pub error: &'a dyn std::fmt::Display,
    pub source: IpAddr,
}

/// Logs an outcome, once, where it is sent.
pub fn sign_in_ended(end: &SignInEnd<'_>) {
    tracing::info!(
        target: "vestibule::sign_in",
        sign_in = %end.sign_in,
        door = end.door,
        client = shown(end.client).to_string(),
        user = shown(end.user).to_string(),
        factor = end.factor,
        outcome = end.outcome,
        reason = end.reason,
        source = %end.source,
        whereabouts = end.whereabouts.map(tracing::field::display),
        "sign-in"
    );
}

/// Logs a fault, once, at the door.
pub fn sign_in_faulted(fault: &SignInFault<'_>) {
    tracing::warn!(
        target: "vestibule::sign_in",
        sign_in = %fault.sign_in,
        door = fault.door,
        client = shown(fault.client).to_string(),
        user = shown(fault.user).to_string(),
        part = fault.part,
        error = shown(&fault.error.to_string()).to_string(),
        source = %fault.source,
        "sign-in not decided"
    );
}

/// Somebody said that a sign-in was not theirs; their account is blocked now. A line that alerts hang on.
pub fn fraud_reported(user: &str, sign_in: Option<impl std::fmt::Display>, by: &impl std::fmt::Display) {
    tracing::warn!(
        target: "vestibule::alert",
        user = shown(user).to_string(),
        sign_in = sign_in.map(tracing::field::display),
        by = shown(&by.to_string()).to_string(),
        "fraud reported"
    );
}

/// Somebody may come in once without a second factor, by their own wish.
pub fn bypass_started(user: &str, until: Timestamp, by: &impl std::fmt::Display) {
    tracing::warn!(
        target: "vestibule::alert",
        user = shown(user).to_string(),
        %until,
        by = shown(&by.to_string()).to_string(),
        "bypass started"
    );
}
