//! A person's own passkeys: what there is, adding, renaming, removing. What the browser does for it is
//! `assets/passkey.js`; without scripts the pages say so.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

use super::super::house::{House, Shared};
use super::super::page::{Page, go, show, show_as};
use super::super::problem::Problem;
use super::super::routes::{Guard, Route};
use super::super::visit::Visit;
use super::adding::{self, Place};
use crate::domain::factor::Factor;
use crate::domain::ids::AuthenticatorId;
use crate::domain::label::Label;
use crate::domain::passkey::model_name;
use crate::domain::portal::Kind;
use crate::domain::session::{Level, Session};
use crate::flows::passkeys::{Added, Begun};
use crate::store::audit::Actor;
use crate::store::own_authenticators::{EvenTheLast, Removed, Renamed};
use crate::store::passkeys::Listed as Kept;
use crate::store::users::Listed;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/passkeys", Guard::SignedIn, list),
        Route::get("/passkeys/add", Guard::Fresh, add_page),
        Route::post("/passkeys/add", Guard::Fresh, add),
        Route::get("/enrol/passkey", Guard::Enrolling, first_page),
        Route::post("/enrol/passkey", Guard::Enrolling, first),
        Route::get("/passkeys/rename", Guard::Fresh, rename_page),
        Route::post("/passkeys/rename", Guard::Fresh, rename),
        Route::get("/passkeys/remove", Guard::Fresh, remove_page),
        Route::post("/passkeys/remove", Guard::Fresh, remove),
    ]
}

/// Who is at the page, which a guard has let them to.
async fn person(house: &House, visit: &Visit) -> Result<(Session, Listed), Problem> {
    let session = visit.session.clone().ok_or(Problem::Stale)?;
    // Removed between the guard's look and ours.
    let listed = house.store.user(session.user).await?.ok_or(Problem::Stale)?;
    Ok((session, listed))
}

/// A passkey as the page shows it.
struct Shown {
    id: AuthenticatorId,
    label: String,
    model: Option<&'static str>,
    backed_up: bool,
    added: String,
    last_used: Option<String>,
}

impl From<Kept> for Shown {
    fn from(kept: Kept) -> Self {
        Self {
            id: kept.id,
            label: kept.label,
            model: kept.model.and_then(model_name),
            backed_up: kept.backed_up,
            added: day(kept.created_at),
            last_used: kept.last_used_at.map(day),
        }
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[derive(Template)]
#[template(path = "passkeys/list.html")]
struct ListPage {
    page: Page,
    passkeys: Vec<Shown>,
    /// Is there an address for them, and may this person add one?
    has_address: bool,
    may_add: bool,
}

async fn list(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (session, _) = person(&house, &visit).await?;
    let kept = house.store.passkeys(session.user).await?;
    let may_add = house.store.portal_switches(session.user).await?.may_enrol(Kind::Passkey);
    let has_address = house.portal.passkeys().is_some();
    let page = Page::new(&visit, "passkeys-title");
    show(&ListPage { page, passkeys: kept.into_iter().map(Shown::from).collect(), has_address, may_add })
}

#[derive(Template)]
#[template(path = "passkeys/add.html")]
struct AddPage {
    page: Page,
    /// Of the wizard; 0 outside it.
    step: u8,
    begun: Begun,
    name: String,
    back: &'static str,
}

async fn add_page(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    asked(&house, &visit, None).await
}

/// In the wizard of a first enrolment.
async fn first_page(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if adding::belongs_elsewhere(&visit, Place::Wizard) {
        return Ok(go("/passkeys/add"));
    }
    asked(&house, &visit, None).await
}

/// The form, and with it a new ceremony; `problem` is the key of what was wrong with the last one.
async fn asked(house: &House, visit: &Visit, problem: Option<&str>) -> Result<Response, Problem> {
    let (session, user) = person(house, visit).await?;
    if !house.store.portal_switches(session.user).await?.may_enrol(Kind::Passkey) {
        return Err(Problem::Forbidden);
    }
    let adding = house.portal.adding(&session, &user).ok_or(Problem::Forbidden)?;
    let started = adding.start().await.map_err(|fault| {
        tracing::error!(%fault, "a passkey could not be asked for");
        Problem::Busy(None)
    })?;
    let Some(begun) = started else { return Ok(go("/passkeys?done=passkeys-done-too-many")) };
    let name = match visit.fields.text("name") {
        "" => visit.words.get("passkeys-default-name"),
        name => name.to_owned(),
    };
    let (step, back) = if session.level == Level::Full { (0, "/passkeys") } else { (3, "/enrol/choose") };
    let page = Page::new(visit, "passkeys-add-title").problem(problem.map(|key| visit.words.get(key)));
    let template = AddPage { page: page.script("passkey.js"), step, begun, name, back };
    if problem.is_some() { show_as(StatusCode::FORBIDDEN, &template) } else { show(&template) }
}

async fn add(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    match taken(&house, &visit, false).await? {
        None => Ok(go("/passkeys?done=passkeys-done-added")),
        Some(problem) => asked(&house, &visit, Some(problem)).await,
    }
}

async fn first(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if adding::belongs_elsewhere(&visit, Place::Wizard) {
        // Added in another tab a moment ago.
        return Ok(go("/enrol/codes"));
    }
    let (person, _) = adding::person(&house, &visit).await?;
    match taken(&house, &visit, true).await? {
        None => adding::proven(&house, &visit, &person, Factor::Passkey).await,
        Some(NOT_FIRST) => Ok(go("/enrol/taken")),
        Some(problem) => asked(&house, &visit, Some(problem)).await,
    }
}

/// Somebody was faster; the wizard has a page of its own for it.
const NOT_FIRST: &str = "passkeys-not-first";

/// Adds what the browser brought; the key of what was wrong with it otherwise.
async fn taken(house: &House, visit: &Visit, first: bool) -> Result<Option<&'static str>, Problem> {
    let (session, user) = person(house, visit).await?;
    if !house.store.portal_switches(session.user).await?.may_enrol(Kind::Passkey) {
        return Err(Problem::Forbidden);
    }
    let adding = house.portal.adding(&session, &user).ok_or(Problem::Forbidden)?;
    let fields = &visit.fields;
    let Ok(label) = Label::parse(fields.text("name")) else { return Ok(Some("passkeys-name-wanted")) };
    let state = BASE64URL_NOPAD.decode(fields.text("state").as_bytes()).unwrap_or_default();
    let by = Actor::themselves(visit.source);
    let added = adding.finish(&state, fields.text("answer"), &label, first, &by).await.map_err(|fault| {
        tracing::error!(%fault, "a passkey could not be added");
        Problem::Busy(None)
    })?;
    Ok(match added {
        Added::Now(_) => None,
        Added::Over => Some("passkeys-over"),
        Added::Refused => Some("passkeys-refused-new"),
        Added::Taken => Some("passkeys-taken"),
        Added::TooMany => Some("passkeys-too-many"),
        Added::NotFirst => Some(NOT_FIRST),
    })
}

#[derive(Template)]
#[template(path = "passkeys/one.html")]
struct OnePage {
    page: Page,
    passkey: Shown,
    removes: bool,
    is_last: bool,
}

async fn rename_page(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    one(&house, &visit, visit.query.text("id"), (false, false), None).await
}

async fn rename(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (session, _) = person(&house, &visit).await?;
    let id = visit.fields.text("id");
    let Ok(label) = Label::parse(visit.fields.text("name")) else {
        return one(&house, &visit, id, (false, false), Some("passkeys-name-wanted")).await;
    };
    let own = find(&house, &session, id).await?;
    match house.store.rename_authenticator(session.user, own.id, &label, &Actor::themselves(visit.source)).await? {
        Renamed::Done => Ok(go("/passkeys?done=passkeys-done-renamed")),
        Renamed::Gone => Err(Problem::NotFound),
        Renamed::Barred => Err(Problem::Forbidden),
    }
}

async fn remove_page(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (session, _) = person(&house, &visit).await?;
    let is_last = house.store.own_authenticators(session.user).await?.len() == 1;
    one(&house, &visit, visit.query.text("id"), (true, is_last), None).await
}

async fn remove(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (session, _) = person(&house, &visit).await?;
    let id = visit.fields.text("id");
    let own = find(&house, &session, id).await?;
    // The page that was warned on says so.
    let even_the_last = if visit.fields.has("last") { EvenTheLast::Yes } else { EvenTheLast::No };
    let by = Actor::themselves(visit.source);
    match house.store.remove_authenticator(session.user, own.id, even_the_last, &by).await? {
        Removed::Done(_) => Ok(go("/passkeys?done=passkeys-done-removed")),
        Removed::IsLast => one(&house, &visit, id, (true, true), None).await,
        Removed::Gone => Err(Problem::NotFound),
        Removed::Barred => Err(Problem::Forbidden),
    }
}

/// One of this person's passkeys.
async fn find(house: &House, session: &Session, id: &str) -> Result<Kept, Problem> {
    let id: AuthenticatorId = id.parse().map_err(|_| Problem::NotFound)?;
    let kept = house.store.passkeys(session.user).await?;
    kept.into_iter().find(|kept| kept.id == id).ok_or(Problem::NotFound)
}

async fn one(
    house: &House,
    visit: &Visit,
    id: &str,
    (removes, is_last): (bool, bool),
    problem: Option<&str>,
) -> Result<Response, Problem> {
    let (session, _) = person(house, visit).await?;
    let passkey = Shown::from(find(house, &session, id).await?);
    let key = if removes { "passkeys-remove-title" } else { "passkeys-rename-title" };
    let mut page = Page::new(visit, key).problem(problem.map(|key| visit.words.get(key)));
    page.title = visit.words.say(key, "name", &passkey.label);
    show(&OnePage { page, passkey, removes, is_last })
}
