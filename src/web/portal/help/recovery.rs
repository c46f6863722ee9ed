//! What whoever has answered their questions may do: see whom to call, shut the account, and, where an administrator has
//! switched that on, add a new way to sign in. Nothing is removed here: an account that has lost its last factor would be
//! open to whoever has the password (R29).

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Person;
use crate::domain::session::Level;
use crate::telemetry::shown;
use crate::web::house::Shared;
use crate::web::page::{Page, go, show};
use crate::web::portal::enter;
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/recovery", Guard::Recovery, recovery), Route::post("/recovery/enrol", Guard::Recovery, enrol)]
}

#[derive(Template)]
#[template(path = "help/recovery.html")]
struct Recovery {
    page: Page,
    name: String,
    /// Did the answers lead here, and not a whole sign-in?
    by_answers: bool,
    may_enrol: bool,
}

async fn recovery(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let name = shown(&person.listed.name).to_string();
    let by_answers = person.session.level == Level::Recovery;
    let may_enrol = by_answers && person.switches.recovery_enrols;
    show(&Recovery { page: Page::new(&visit, "help-recovery-title"), name, by_answers, may_enrol })
}

/// From the recovery page into the wizard, where that is allowed.
async fn enrol(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    if person.session.level == Level::Recovery && !person.switches.recovery_enrols {
        return Err(Problem::Forbidden);
    }
    if person.session.level == Level::Full {
        return Ok(go("/authenticators"));
    }
    enter(&house, &visit, (person.session.user, Level::Enrolling, None), "/enrol").await
}
