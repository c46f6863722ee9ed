//! The language of the pages: in this browser for whoever is there, and for good for whoever is signed in.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Person, themselves};
use crate::web::cookie;
use crate::web::house::Shared;
use crate::web::page::{Page, go, show};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;
use crate::words::Locale;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/security/language", Guard::SignedIn, language),
        Route::post("/security/language", Guard::SignedIn, choose),
        Route::post("/language", Guard::Anyone, choose_here),
    ]
}

/// A year.
const KEPT: u64 = 365 * 24 * 60 * 60;

#[derive(Template)]
#[template(path = "help/language.html")]
struct Language {
    page: Page,
    /// A tag; empty for none.
    chosen: String,
}

async fn language(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    if !person.switches.select_language {
        return Err(Problem::Forbidden);
    }
    let chosen = person.listed.language_chosen.unwrap_or_default();
    show(&Language { page: Page::new(&visit, "help-language-title"), chosen })
}

async fn choose(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    if !person.switches.select_language {
        return Err(Problem::Forbidden);
    }
    let locale = Locale::from_tag(visit.fields.text("language"));
    house.store.choose_language(&person.listed, locale.map(Locale::tag), &themselves(&visit)).await?;
    let mut response = go("/security/language?done=help-done-language");
    match locale {
        Some(locale) => cookie::set(response.headers_mut(), cookie::LANGUAGE, locale.tag(), Some(KEPT)),
        None => cookie::clear(response.headers_mut(), cookie::LANGUAGE),
    }
    Ok(response)
}

async fn choose_here(visit: Visit) -> Response {
    let mut response = go(visit.next());
    if let Some(locale) = Locale::from_tag(visit.fields.text("language")) {
        cookie::set(response.headers_mut(), cookie::LANGUAGE, locale.tag(), Some(KEPT));
    }
    response
}
