//! A one-time bypass that one starts oneself.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Person, moment, themselves};
use crate::domain::portal::{NoBypass, SHORTEST_BYPASS};
use crate::flows::self_help::Refused;
use crate::web::house::Shared;
use crate::web::page::{Page, go, show_as};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/security/bypass", Guard::Fresh, bypass),
        Route::post("/security/bypass", Guard::Fresh, start),
        Route::post("/security/bypass/end", Guard::SignedIn, end),
    ]
}

#[derive(Template)]
#[template(path = "help/bypass.html")]
struct Bypass {
    page: Page,
    /// Until when one waits to be used.
    runs_until: Option<String>,
    most: u32,
    may_choose: bool,
    reason: String,
}

async fn bypass(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    answer(&visit, &person, None)
}

fn answer(visit: &Visit, person: &Person, problem: Option<String>) -> Result<Response, Problem> {
    if !person.switches.bypass {
        return Err(Problem::Forbidden);
    }
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Bypass {
        page: Page::new(visit, "help-bypass-title").problem(problem),
        runs_until: person.listed.bypass_until.map(moment),
        most: minutes(person.switches.bypass_longest),
        may_choose: person.switches.bypass_choose_length,
        reason: visit.fields.text("reason").to_owned(),
    };
    show_as(status, &page)
}

/// Seconds as people count them.
fn minutes(seconds: u32) -> u32 {
    seconds / SHORTEST_BYPASS
}

async fn start(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let typed = visit.fields.text("minutes");
    // What is no number is no length either.
    let wanted = (!typed.is_empty()).then(|| typed.parse::<u32>().map_or(0, |many| many.saturating_mul(60)));
    let (proven, reason) = (person.session.factor, visit.fields.text("reason"));
    let started = house.help.start_bypass(&person.listed, proven, wanted, reason, &themselves(&visit)).await?;
    let problem = match started {
        Ok(_) => return Ok(go("/security/bypass?done=help-done-bypass")),
        Err(Refused::No(NoBypass::SwitchedOff)) => return Err(Problem::Forbidden),
        Err(Refused::No(NoBypass::Length { longest })) => {
            visit.words.say("help-bypass-bad-length", "most", minutes(longest))
        }
        Err(Refused::Reason) => visit.words.get("help-bypass-bad-reason"),
        Err(Refused::NotProven) => visit.words.get("help-bypass-not-proven"),
    };
    answer(&visit, &person, Some(problem))
}

async fn end(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    house.help.end_bypass(&person.listed, &themselves(&visit)).await?;
    Ok(go("/security?done=help-done-bypass-ended"))
}
