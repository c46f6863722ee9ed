//! What every answer goes through: is the request for our host, whose is it, what does the person see when something went
//! wrong, and which headers does a page carry.

use std::net::IpAddr;

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::cookie;
use super::house::{House, Shared};
use super::page::{Page, show_as};
use super::problem::Problem;
use crate::domain::client;
use crate::words::{Locale, Words};

/// Whom the connection speaks for; the listener puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub IpAddr);

/// Whom the request is from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    pub source: IpAddr,
}

pub(super) async fn dress(State(house): State<Shared>, mut request: Request<Body>, next: Next) -> Response {
    let words = words(request.headers());
    // Style sheets are the same for everybody, and the page that names the right address wants one too.
    let mut response = if is_ours(&house, &request) || request.uri().path().starts_with("/assets/") {
        match request.extensions().get::<Peer>() {
            Some(Peer(peer)) => {
                let source = source(&house, *peer, request.headers());
                request.extensions_mut().insert(Arrived { source });
                next.run(request).await
            }
            None => Problem::Busy(None).into_response(),
        }
    } else {
        Problem::WrongHost.into_response()
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = draw(&house, words, &problem);
    }
    secure(response.headers_mut());
    response
}

/// Is the request for the host that people know us by? The port may be another: somebody forwards it (R50).
fn is_ours(house: &House, request: &Request<Body>) -> bool {
    let named = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    // Two different ones are a trick.
    let authority = match (named, header) {
        (Some(named), Some(header)) if named != header => return false,
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => return false,
    };
    let host = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
    host.map_or(authority.as_str(), |(host, _)| host).eq_ignore_ascii_case(house.url.host())
}

/// The connection's peer, or whom a trusted proxy names: the last address that is no trusted proxy's.
fn source(house: &House, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let trusted = &house.settings.trusted_proxies;
    if !client::contains(trusted, peer) {
        return peer.to_canonical();
    }
    let named = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    let named = named.join(",");
    let mut source = peer;
    for address in named.rsplit(',') {
        let Ok(address) = address.trim().parse::<IpAddr>() else { break };
        source = address;
        if !client::contains(trusted, address) {
            break;
        }
    }
    source.to_canonical()
}

fn words(headers: &HeaderMap) -> Words {
    let chosen = cookie::read(headers, cookie::LANGUAGE).and_then(Locale::from_tag);
    let asked =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| Locale::from_accept_language(value.to_str().ok()?));
    Words::of(chosen.or(asked).unwrap_or_default())
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    page: Page,
    text: String,
    sign_in: Option<String>,
}

fn draw(house: &House, words: Words, problem: &Problem) -> Response {
    let name = problem.name();
    let sign_in = match problem {
        Problem::Busy(id) => id.map(|id| id.0.to_string()),
        Problem::NotFound
        | Problem::Stale
        | Problem::Foreign
        | Problem::TooLarge
        | Problem::WrongHost
        | Problem::Forbidden => None,
    };
    let page = Page {
        title: words.get(&format!("common-{name}-title")),
        csrf: String::new(),
        name: None,
        menu: false,
        path: String::new(),
        notice: None,
        problem: None,
        scripts: vec![],
        words,
    };
    let text = words.say(&format!("common-{name}"), "url", house.url.origin());
    let drawn = show_as(problem.status(), &ProblemPage { page, text, sign_in });
    drawn.unwrap_or_else(|_| problem.status().into_response())
}

/// Nothing from anywhere else, nothing inline, in nobody's frame (ASVS 3.4).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                       connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
                                       frame-ancestors 'none'";

const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)",
    ),
];

fn secure(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // Pages are one person's; assets say for themselves how long they keep.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
