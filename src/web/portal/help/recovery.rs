//! What whoever has answered their questions may do: see whom to call, remove what is lost, shut the account, and, where an
//! administrator has switched that on, add a new way to sign in. The last authenticator stays: an account without any would
//! be open to whoever has the password (R29).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Person, moment, themselves};
use crate::domain::session::{Level, Limits};
use crate::store::own_authenticators::{EvenTheLast, Removed};
use crate::telemetry::shown;
use crate::web::house::{House, Shared};
use crate::web::page::{Page, go, show_as};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/recovery", Guard::Recovery, recovery), Route::post("/recovery/lost", Guard::Recovery, lost)]
}

#[derive(Template)]
#[template(path = "help/recovery.html")]
struct Recovery {
    page: Page,
    name: String,
    /// Did the answers lead here, and not a whole sign-in?
    by_answers: bool,
    may_enrol: bool,
    devices: Vec<Device>,
}

struct Device {
    id: String,
    label: String,
    factor: String,
    added: String,
}

async fn recovery(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    answer(&house, &visit, &person, None).await
}

async fn answer(house: &House, visit: &Visit, person: &Person, problem: Option<String>) -> Result<Response, Problem> {
    let devices = house.store.own_authenticators(person.session.user).await?.into_iter().map(|own| Device {
        id: own.id.to_string(),
        label: shown(&own.label).to_string(),
        factor: visit.words.get(&format!("help-reason-{}", own.factor)),
        added: moment(own.added_at),
    });
    let name = shown(&person.listed.name).to_string();
    let by_answers = person.session.level == Level::Recovery;
    let may_enrol = by_answers && person.switches.recovery_enrols;
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let page = Page::new(visit, "help-recovery-title").problem(problem);
    show_as(status, &Recovery { page, name, by_answers, may_enrol, devices: devices.collect() })
}

/// Removes what is lost, but for the last one.
async fn lost(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    // A whole session comes here too, and needs what every other change of its factors needs (R30).
    if person.session.level == Level::Full && !person.session.is_fresh(visit.now, Limits::DEFAULT) {
        return Ok(go("/sign-in/again?next=/recovery"));
    }
    let Ok(id) = visit.fields.text("id").parse() else { return Err(Problem::NotFound) };
    let by = themselves(&visit);
    match house.store.remove_authenticator(person.session.user, id, EvenTheLast::No, &by).await? {
        Removed::Done(_) | Removed::Gone => Ok(go("/recovery?done=help-done-device")),
        Removed::IsLast => {
            let problem = visit.words.get("help-recovery-last");
            answer(&house, &visit, &person, Some(problem)).await
        }
        Removed::Barred => Err(Problem::Forbidden),
    }
}
