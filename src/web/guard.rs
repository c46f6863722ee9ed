//! Who may come to a page, and which forms are believed.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use hmac::Mac as _;

use super::cookie;
use super::dress::Arrived;
use super::fields::Fields;
use super::house::{House, Shared};
use super::portal::enrol::invited;
use super::problem::Problem;
use super::visit::{Facts, Visit, is_local};
use crate::domain::mac;
use crate::domain::portal::FirstEnrolment;
use crate::domain::secret::Code;
use crate::domain::session::{Level, Limits, Session};
use crate::words::{Locale, Words};

/// Who may come to a page. Every route has one ([`super::routes`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Anyone,
    /// Whoever is in the wizard of a first enrolment, or wholly signed in; and from the recovery page where that is switched on.
    Enrolling,
    /// Whoever is on the recovery page's session, or wholly signed in.
    Recovery,
    SignedIn,
    /// Wholly signed in, and the second factor was proven in the last minutes: for changes of what one signs in with (R30).
    Fresh,
}

impl Guard {
    /// Where a session has to go instead; `None` if it may come in.
    fn turns_away(self, session: Option<&Session>, visit: &Visit, limits: Limits) -> Option<String> {
        if self == Self::Anyone {
            return None;
        }
        let Some(session) = session else { return Some(with_next("/sign-in", visit)) };
        match (self, session.level) {
            (Self::Fresh, Level::Full) if !session.is_fresh(visit.now, limits) => {
                Some(with_next("/sign-in/again", visit))
            }
            (Self::Anyone, _)
            | (Self::Enrolling | Self::Recovery | Self::SignedIn | Self::Fresh, Level::Full)
            | (Self::Enrolling, Level::Enrolling)
            | (Self::Recovery, Level::Recovery) => None,
            (Self::Recovery | Self::SignedIn | Self::Fresh, Level::Enrolling) => Some("/enrol".to_owned()),
            (Self::Enrolling | Self::SignedIn | Self::Fresh, Level::Recovery) => Some("/recovery".to_owned()),
        }
    }
}

fn with_next(to: &str, visit: &Visit) -> String {
    if visit.path == "/" || !is_local(&visit.path) { to.to_owned() } else { format!("{to}?next={}", visit.path) }
}

/// Bytes of what a browser is known by.
const VISITOR: usize = 32;

/// Looks at the session and, of a POST, where it comes from; then lets the handler at it.
pub(super) async fn watch(
    State((house, guard)): State<(Shared, Guard)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match enter(&house, guard, request).await {
        Ok(Entered::Welcome { request, visitor, gone }) => {
            let mut response = next.run(*request).await;
            if let Some(visitor) = visitor {
                cookie::set(response.headers_mut(), cookie::VISITOR, &visitor, None);
            }
            if gone {
                cookie::clear(response.headers_mut(), cookie::SESSION);
            }
            response
        }
        Ok(Entered::Elsewhere(path)) => Redirect::to(&path).into_response(),
        Err(problem) => problem.into_response(),
    }
}

enum Entered {
    Welcome {
        request: Box<Request<Body>>,
        /// A browser that was never here: the cookie it gets.
        visitor: Option<String>,
        /// Its session has ended.
        gone: bool,
    },
    Elsewhere(String),
}

async fn enter(house: &House, guard: Guard, request: Request<Body>) -> Result<Entered, Problem> {
    let (mut parts, body) = request.into_parts();
    let headers = &parts.headers;
    let is_post = parts.method == Method::POST;
    if is_post && !is_from_here(headers, parts.uri.authority().map(Authority::as_str)) {
        return Err(Problem::Foreign);
    }
    let known = cookie::read(headers, cookie::VISITOR).filter(|value| decoded(value).is_some());
    let visitor = known.is_none().then(|| BASE64URL_NOPAD.encode(&house.store.ambient().bytes::<VISITOR>()));
    let browser = known.or(visitor.as_deref()).unwrap_or_default().to_owned();
    let token = cookie::read(headers, cookie::SESSION).and_then(decoded);
    let session = match &token {
        Some(token) => house.store.session(token).await?,
        None => None,
    };
    let gone = token.is_some() && session.is_none();
    let token = token.filter(|_| session.is_some()).map(Code::new);
    let csrf = csrf(house, &browser, token.as_ref());
    let fields = if is_post {
        let reading = Fields::read(headers, body, house.settings.max_body);
        let read = tokio::time::timeout(house.settings.request_timeout, reading).await;
        let fields = read.map_err(|_| Problem::TooLarge)??;
        let sent = Code::new(fields.get("csrf").unwrap_or_default().as_bytes());
        // Without the cookie there is no form of ours in that browser either.
        if known.is_none() || !sent.same_as(csrf.as_bytes()) {
            return Err(Problem::Stale);
        }
        fields
    } else {
        Fields::default()
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let locale = locale(session.as_ref(), headers);
    let arrived = parts.extensions.get::<Arrived>().ok_or(Problem::Busy(None))?;
    let visit = Visit::new(Facts {
        now: house.store.ambient().now(),
        words: Words::of(locale),
        source: arrived.source,
        agent: text(header::USER_AGENT).unwrap_or_default().to_owned(),
        csrf,
        path: parts.uri.path().to_owned(),
        query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        fields,
        invited: cookie::read(headers, cookie::INVITED).and_then(decoded).map(Code::new),
        dialog: cookie::read(headers, cookie::DIALOG).and_then(decoded).map(Code::new),
        session,
    });
    if let Some(session) = &visit.session
        && is_shut(house, &visit, session).await?
    {
        house.store.end_session(session.user, session.id).await?;
        return Ok(Entered::Elsewhere(with_next("/sign-in", &visit)));
    }
    let recovers = recovers(house, guard, visit.session.as_ref()).await?;
    if let Some(path) = guard.turns_away(visit.session.as_ref(), &visit, Limits::DEFAULT).filter(|_| !recovers) {
        return Ok(Entered::Elsewhere(path));
    }
    parts.extensions.insert(visit);
    Ok(Entered::Welcome { request: Box::new(Request::from_parts(parts, Body::empty())), visitor, gone })
}

/// Has an administrator meanwhile closed what the session opens?
async fn is_shut(house: &House, visit: &Visit, session: &Session) -> Result<bool, Problem> {
    let switches = house.help.switches(session.user).await?;
    if !switches.sign_in {
        return Ok(true);
    }
    Ok(match (session.level, switches.first_enrolment) {
        (Level::Enrolling, FirstEnrolment::Off) => true,
        (Level::Enrolling, FirstEnrolment::Link) => invited(house, visit).await? != Some(session.user),
        (Level::Enrolling, FirstEnrolment::Password) | (Level::Recovery | Level::Full, _) => false,
    })
}

/// May somebody who is on the recovery page add a new factor (R29: only where an administrator has said so)?
async fn recovers(house: &House, guard: Guard, session: Option<&Session>) -> Result<bool, Problem> {
    match session {
        Some(session) if guard == Guard::Enrolling && session.level == Level::Recovery => {
            Ok(house.help.switches(session.user).await?.recovery_enrols)
        }
        Some(_) | None => Ok(false),
    }
}

/// What the person chose for good, then what was chosen in this browser, then what the directory says of the person, then what
/// the browser says.
fn locale(session: Option<&Session>, headers: &HeaderMap) -> Locale {
    let of_person = |tag: fn(&Session) -> Option<&String>| session.and_then(tag).and_then(|tag| Locale::from_tag(tag));
    let of_browser = || headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    of_person(|session| session.language_chosen.as_ref())
        .or_else(|| cookie::read(headers, cookie::LANGUAGE).and_then(Locale::from_tag))
        .or_else(|| of_person(|session| session.language.as_ref()))
        .or_else(|| of_browser().and_then(Locale::from_accept_language))
        .unwrap_or_default()
}

fn decoded(value: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(value.as_bytes()).ok().filter(|bytes| !bytes.is_empty() && bytes.len() <= 64)
}

/// What a form of this browser and session holds. Whoever reads one cookie without the other cannot make it, nor can the
/// database (R49).
fn csrf(house: &House, browser: &str, token: Option<&Code>) -> String {
    let mut key = mac::keyed(house.store.join_secret());
    key.update(b"csrf ");
    key.update(browser.as_bytes());
    key.update(b" ");
    key.update(token.map(Code::expose).unwrap_or_default());
    BASE64URL_NOPAD.encode(&key.finalize().into_bytes())
}

/// Does the browser say that the form comes from a page of ours? Fetch metadata first, `Origin` for those without (Fetch
/// Standard §3.2, W3C Fetch Metadata). A browser that says nothing of it is judged by the token alone. `authority`: of the
/// request itself, which HTTP/2 has in the place of a Host (RFC 9113 §8.3.1).
fn is_from_here(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let host = authority.or_else(|| text("host")).unwrap_or_default();
    origin.strip_prefix("https://").is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn r49_a_form_of_another_site_is_refused_by_what_the_browser_says_of_it() {
        let from = |pairs: &[(&'static str, &'static str)]| is_from_here(&headers(pairs), None);
        assert!(from(&[
            ("host", "mfa.test:8443"),
            ("origin", "https://mfa.test:8443"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(from(&[("host", "mfa.test")]));
        let said = headers(&[("origin", "https://mfa.test:8443"), ("sec-fetch-site", "same-origin")]);
        assert!(is_from_here(&said, Some("mfa.test:8443")), "over HTTP/2 there is no Host");
        assert!(!is_from_here(&said, Some("mfa.test")) && !is_from_here(&said, None));
        for site in ["cross-site", "same-site", "none"] {
            let site = HeaderValue::from_static(site);
            let mut said = headers(&[("host", "mfa.test"), ("origin", "https://mfa.test")]);
            said.insert("sec-fetch-site", site);
            assert!(!is_from_here(&said, None), "{said:?}");
        }
        for origin in ["http://mfa.test", "https://mfa.test.evil", "https://mfa.test:8443", "null", ""] {
            let mut said = headers(&[("host", "mfa.test")]);
            said.insert("origin", HeaderValue::from_static(origin));
            assert!(!is_from_here(&said, None), "{origin}");
        }
    }
}
