//! What whoever has answered their questions may do: see whom to call, and shut the account.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Person;
use crate::domain::session::Level;
use crate::telemetry::shown;
use crate::web::house::Shared;
use crate::web::page::{Page, show};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/recovery", Guard::Recovery, recovery)]
}

#[derive(Template)]
#[template(path = "help/recovery.html")]
struct Recovery {
    page: Page,
    name: String,
    /// Did the answers lead here, and not a whole sign-in?
    by_answers: bool,
}

async fn recovery(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let name = shown(&person.listed.name).to_string();
    let by_answers = person.session.level == Level::Recovery;
    show(&Recovery { page: Page::new(&visit, "help-recovery-title"), name, by_answers })
}
