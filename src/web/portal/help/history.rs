//! What happened to one's account, and "This wasn't me".

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ipnet::IpNet;

use super::{Person, moment, themselves};
use crate::domain::history::{PAGE, Row, Whence};
use crate::domain::ids::SignInId;
use crate::domain::mail::notice::By;
use crate::telemetry::shown;
use crate::web::cookie;
use crate::web::house::Shared;
use crate::web::page::{Page, show, show_as};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;
use crate::words::Words;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/security/history", Guard::SignedIn, history),
        Route::get("/security/not-me", Guard::Recovery, not_me),
        Route::post("/security/not-me", Guard::Recovery, report),
    ]
}

#[derive(Template)]
#[template(path = "help/history.html")]
struct History {
    page: Page,
    lines: Vec<Line>,
    /// Where older rows begin.
    older: Option<String>,
    /// Is this not the first page?
    is_older: bool,
}

struct Line {
    at: String,
    what: String,
    why: Option<String>,
    to: String,
    from: String,
    /// The address of the page that says that it was somebody else.
    not_me: Option<String>,
}

async fn history(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let before = visit.query.get("before").and_then(|place| place.parse().ok());
    let found = house.store.history(person.session.user, before, PAGE).await?;
    let trusted = &person.switches.trusted_networks;
    let lines = found.rows.iter().map(|row| line(row, &visit, trusted));
    show(&History {
        page: Page::new(&visit, "help-history-title"),
        lines: lines.collect(),
        older: found.older.map(|place| place.to_string()),
        is_older: before.is_some(),
    })
}

fn line(row: &Row, visit: &Visit, trusted: &[IpNet]) -> Line {
    let words = visit.words;
    let to = match (row.door.as_deref(), &row.client) {
        (Some("portal"), _) => words.get("help-client-portal"),
        (_, Some(client)) => shown(client).to_string(),
        (_, None) => String::new(),
    };
    let is_about_place = row.source.is_some() || row.whereabouts.is_some();
    let from = if is_about_place { whence(words, row.whence(visit.source, trusted)) } else { String::new() };
    let sign_in = row.sign_in.map(|id| format!("?sign-in={id}")).unwrap_or_default();
    Line {
        at: moment(row.at),
        what: what(words, row),
        why: why(words, row),
        to,
        from,
        not_me: row.is_sign_in().then(|| format!("/security/not-me{sign_in}")),
    }
}

fn what(words: Words, row: &Row) -> String {
    let event = match (row.event.as_str(), row.outcome.as_deref()) {
        // Each outcome of a sign-in has words of its own.
        ("sign-in", Some(outcome)) => outcome,
        (event, _) => event,
    };
    let key = format!("help-what-{event}");
    if words.has(&key) { words.get(&key) } else { words.say("help-what-other", "event", shown(event)) }
}

/// What it rests on, and whether somebody else did it.
fn why(words: Words, row: &Row) -> Option<String> {
    let said = row.reason.as_ref().or(row.outcome.as_ref());
    let said = said.map(|reason| {
        let key = format!("help-reason-{reason}");
        if words.has(&key) { words.get(&key) } else { shown(reason).to_string() }
    });
    // What administrators are called is not told.
    let is_administrator = row.by.as_ref().is_some_and(|by| By::of(by) == By::Administrator);
    let by = is_administrator.then(|| words.get("help-by-administrator"));
    let parts: Vec<String> = [said, by].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn whence(words: Words, whence: Whence) -> String {
    match whence {
        Whence::SameAsNow(address) => words.say("help-place-same", "address", address),
        Whence::Trusted(address, _) => words.say("help-place-trusted", "address", address),
        Whence::Address(address) => address.to_string(),
        Whence::Unknown => words.get("help-place-unknown"),
    }
}

#[derive(Template)]
#[template(path = "help/not-me.html")]
struct NotMe {
    page: Page,
    sign_in: String,
}

async fn not_me(visit: Visit) -> Result<Response, Problem> {
    let sign_in: Option<SignInId> = visit.query.get("sign-in").and_then(|id| id.parse().ok());
    let sign_in = sign_in.map(|id| id.to_string()).unwrap_or_default();
    show(&NotMe { page: Page::new(&visit, "help-not-me-title"), sign_in })
}

#[derive(Template)]
#[template(path = "help/blocked.html")]
struct Blocked {
    page: Page,
}

async fn report(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let sign_in = visit.fields.get("sign-in").and_then(|id| id.parse().ok());
    house.help.report_fraud(&person.listed, sign_in, &themselves(&visit)).await?;
    let mut page = Page::new(&visit, "help-blocked-title");
    (page.name, page.menu) = (None, false);
    let mut response = show_as(StatusCode::OK, &Blocked { page })?;
    cookie::clear(response.headers_mut(), cookie::SESSION);
    Ok(response)
}
