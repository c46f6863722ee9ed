//! Where one is signed in, and ending that.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Person, moment, themselves};
use crate::telemetry::shown;
use crate::web::house::Shared;
use crate::web::page::{Page, go, show};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/security/sessions", Guard::SignedIn, sessions),
        Route::post("/security/sessions/end", Guard::SignedIn, end),
        Route::post("/security/sessions/end-others", Guard::SignedIn, end_others),
    ]
}

#[derive(Template)]
#[template(path = "help/sessions.html")]
struct Sessions {
    page: Page,
    open: Vec<Open>,
}

struct Open {
    id: String,
    is_this: bool,
    agent: String,
    source: String,
    begun: String,
    seen: String,
    factor: Option<String>,
}

async fn sessions(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let this = Person::of(&house, &visit).await?.session;
    let found = house.store.sessions_of(this.user).await?;
    let open = found.into_iter().map(|session| Open {
        id: session.id.to_string(),
        is_this: session.id == this.id,
        agent: if session.agent.is_empty() {
            visit.words.get("help-session-agent-unknown")
        } else {
            shown(&session.agent).to_string()
        },
        source: session.source.to_string(),
        begun: moment(session.created_at),
        seen: moment(session.seen_at),
        factor: session.factor.map(|factor| visit.words.get(&format!("help-reason-{factor}"))),
    });
    show(&Sessions { page: Page::new(&visit, "help-sessions-title"), open: open.collect() })
}

async fn end(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    // One that has ended meanwhile is ended.
    if let Some(id) = visit.fields.get("id").and_then(|id| id.parse().ok()) {
        house.store.end_own_session(&person.listed, id, &themselves(&visit)).await?;
    }
    Ok(go("/security/sessions?done=help-done-session"))
}

async fn end_others(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    house.store.end_other_sessions(&person.listed, person.session.id, &themselves(&visit)).await?;
    Ok(go("/security/sessions?done=help-done-sessions"))
}
