//! The first page of whoever is signed in.

use askama::Template;
use axum::response::Response;

use super::super::page::{Page, go, show};
use super::super::problem::Problem;
use super::super::routes::{Guard, Route};
use super::super::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/", Guard::Anyone, || async { go("/home") }), Route::get("/home", Guard::SignedIn, home)]
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
}

async fn home(visit: Visit) -> Result<Response, Problem> {
    show(&Home { page: Page::new(&visit, "home-title") })
}
