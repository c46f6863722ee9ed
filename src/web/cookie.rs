//! The cookies we set: `__Host-` prefixed, so that no other host and no plain connection can set or read them (RFC 6265bis
//! §4.1.3.2), and out of reach of scripts.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

/// A browser, signed in or not: what CSRF tokens are made from.
pub const VISITOR: &str = "__Host-visitor";
/// The token of a session.
pub const SESSION: &str = "__Host-session";
/// The State of a sign-in that goes on.
pub const DIALOG: &str = "__Host-dialog";
/// The token of an enrolment link that was opened.
pub const INVITED: &str = "__Host-invited";
/// The language that was chosen on a page.
pub const LANGUAGE: &str = "__Host-language";

/// Longer ones are none of ours.
const LONGEST: usize = 128;

/// The value of a cookie, if it looks like one of ours.
pub fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let values = pairs.filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    let mut ours = values.filter(|value| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        !value.is_empty() && value.len() <= LONGEST && value.chars().all(plain)
    });
    ours.next()
}

/// Sets a cookie until the browser closes, or for so many seconds.
pub fn set(headers: &mut HeaderMap, name: &str, value: &str, seconds: Option<u64>) {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    // Lax: whoever follows a link in a mail stays signed in; nothing is changed by a GET.
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

pub fn clear(headers: &mut HeaderMap, name: &str) {
    set(headers, name, "", Some(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_only_if_it_can_be_ours() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; x__Host-session=no; __Host-session=abc_-9"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-dialog=\"quoted\"; __Host-visitor="));
        assert_eq!(read(&headers, SESSION), Some("abc_-9"));
        assert_eq!(read(&headers, DIALOG), None);
        assert_eq!(read(&headers, VISITOR), None);
    }
}
