//! What one signs in with: see it, add to it, name it, try it out, find a drifted one again, remove it. Each change wants a
//! second factor that was proven in the last minutes (R30).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::adding::{self, Place, code_fault, label_fault, person, wait};
use super::enrol::{Way, ways};
use crate::domain::activation::DeviceLimit;
use crate::domain::activation::State as CodeState;
use crate::domain::factor::Factor;
use crate::domain::ids::{ActivationId, AuthenticatorId};
use crate::domain::label::Label;
use crate::domain::portal::Kind;
use crate::flows::authenticators::{Person, Trial};
use crate::store::activations::Made;
use crate::store::own_authenticators::{EvenTheLast, Own, Removed, Renamed};
use crate::web::house::{House, Shared};
use crate::web::page::{Page, go, show, show_as};
use crate::web::problem::Problem;
use crate::web::qr;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;
use crate::words::Words;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/authenticators", Guard::SignedIn, list),
        Route::get("/authenticators/add", Guard::Fresh, add),
        Route::get("/authenticators/totp", Guard::Fresh, totp),
        Route::post("/authenticators/totp", Guard::Fresh, start_totp),
        Route::post("/authenticators/totp/prove", Guard::Fresh, prove_totp),
        Route::post("/authenticators/totp/discard", Guard::Fresh, discard_totp),
        Route::get("/authenticators/token", Guard::Fresh, token),
        Route::post("/authenticators/token", Guard::Fresh, claim_token),
        Route::get("/authenticators/app", Guard::Fresh, app),
        Route::post("/authenticators/app", Guard::Fresh, make_app_code),
        Route::get("/authenticators/app/{id}", Guard::SignedIn, app_code),
        Route::post("/authenticators/app/{id}/cancel", Guard::Fresh, cancel_app_code),
        Route::post("/authenticators/preferred", Guard::Fresh, prefer),
        Route::get("/authenticators/one/{id}", Guard::Fresh, one),
        Route::post("/authenticators/one/{id}/rename", Guard::Fresh, rename),
        Route::post("/authenticators/one/{id}/test", Guard::Fresh, test),
        Route::post("/authenticators/one/{id}/resync", Guard::Fresh, resync),
        Route::get("/authenticators/one/{id}/remove", Guard::Fresh, ask_remove),
        Route::post("/authenticators/one/{id}/remove", Guard::Fresh, remove),
    ]
}

/// An authenticator in the words of its owner.
struct Shown {
    id: AuthenticatorId,
    label: String,
    /// Its kind, with the serial number if it has one.
    kind: String,
    added: String,
    used: Option<String>,
    shows_codes: bool,
}

impl Shown {
    fn of(words: Words, own: Own) -> Self {
        let kind = words.get(&format!("authenticators-kind-{}", own.factor));
        let kind = match &own.serial {
            Some(serial) => words.with("authenticators-kind-serial", &[("kind", kind), ("serial", serial.clone())]),
            None => kind,
        };
        Self {
            id: own.id,
            label: own.label,
            kind,
            added: super::help::moment(own.added_at),
            used: own.last_used_at.map(super::help::moment),
            shows_codes: matches!(own.factor, Factor::Totp | Factor::Hotp),
        }
    }
}

#[derive(Template)]
#[template(path = "authenticators/list.html")]
struct List {
    page: Page,
    own: Vec<Shown>,
    /// Factors that may be asked for first, if there is a choice: name, words, and is it the one.
    choice: Vec<(&'static str, String, bool)>,
    codes_left: String,
    /// So few that new ones are due.
    codes_low: bool,
}

/// Recovery codes left, at which a person is told to make new ones.
const FEW: usize = 3;

async fn list(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (person, switches) = person(&house, &visit).await?;
    let own = person.list().await?;
    let preferred = person.preferred().await?;
    let mut factors: Vec<Factor> = own.iter().map(|own| own.factor).collect();
    factors.sort_unstable();
    factors.dedup();
    let choice = if switches.select_method && factors.len() > 1 { factors } else { vec![] };
    let choice = choice.into_iter().map(|factor| {
        let words = visit.words.get(&format!("authenticators-kind-{factor}"));
        (factor.as_str(), words, preferred == Some(factor))
    });
    let left = person.recovery_codes().await?.iter().filter(|code| code.used_at.is_none()).count();
    show(&List {
        page: Page::new(&visit, "authenticators-title"),
        choice: choice.collect(),
        own: own.into_iter().map(|own| Shown::of(visit.words, own)).collect(),
        codes_left: visit.words.count("authenticators-codes-left", left),
        codes_low: left <= FEW,
    })
}

#[derive(Template)]
#[template(path = "authenticators/add.html")]
struct Add {
    page: Page,
    ways: Vec<Way>,
}

async fn add(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (_, switches) = person(&house, &visit).await?;
    let ways = ways(&house, &visit, Place::Own, &switches);
    show(&Add { page: Page::new(&visit, "authenticators-add-title"), ways })
}

async fn totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::totp(&house, &visit, Place::Own).await
}

async fn start_totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::start_totp(&house, &visit, Place::Own).await
}

async fn prove_totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::prove_totp(&house, &visit, Place::Own).await
}

async fn discard_totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::discard_totp(&house, &visit, Place::Own).await
}

async fn token(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::token(&house, &visit, Place::Own).await
}

async fn claim_token(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::claim_token(&house, &visit, Place::Own).await
}

async fn prefer(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (person, switches) = person(&house, &visit).await?;
    if !switches.select_method {
        return Err(Problem::Forbidden);
    }
    let Ok(factor) = visit.fields.text("factor").parse::<Factor>() else { return Err(Problem::NotFound) };
    if person.prefer(factor).await? {
        Ok(go("/authenticators?done=authenticators-done-preferred"))
    } else {
        Err(Problem::NotFound)
    }
}

#[derive(Template)]
#[template(path = "authenticators/one.html")]
struct One {
    page: Page,
    own: Shown,
}

impl One {
    async fn of(visit: &Visit, person: &Person<'_>, id: AuthenticatorId) -> Result<Self, Problem> {
        let own = person.list().await?.into_iter().find(|own| own.id == id).ok_or(Problem::NotFound)?;
        Ok(Self { page: Page::new(visit, "authenticators-one-title"), own: Shown::of(visit.words, own) })
    }

    fn refused(mut self, problem: String) -> Result<Response, Problem> {
        self.page.problem = Some(problem);
        show_as(StatusCode::FORBIDDEN, &self)
    }
}

fn id(text: &str) -> Result<AuthenticatorId, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

async fn one(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    show(&One::of(&visit, &person, id(&text)?).await?)
}

async fn rename(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    let id = id(&text)?;
    let label = match Label::parse(visit.fields.text("label")) {
        Ok(label) => label,
        Err(fault) => return One::of(&visit, &person, id).await?.refused(label_fault(visit.words, fault)),
    };
    match person.rename(id, &label).await? {
        Renamed::Done => Ok(go("/authenticators?done=authenticators-done-renamed")),
        Renamed::Gone => Err(Problem::NotFound),
        Renamed::Barred => Err(Problem::Forbidden),
    }
}

async fn test(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    let id = id(&text)?;
    let trial = person.test(id, visit.fields.text("code")).await?;
    tried(&visit, &person, id, trial, "authenticators-done-right").await
}

async fn resync(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    let id = id(&text)?;
    let trial = person.resync(id, (visit.fields.text("first"), visit.fields.text("second"))).await?;
    tried(&visit, &person, id, trial, "authenticators-done-found").await
}

async fn tried(
    visit: &Visit,
    person: &Person<'_>,
    id: AuthenticatorId,
    trial: Trial,
    right: &str,
) -> Result<Response, Problem> {
    let words = visit.words;
    let problem = match trial {
        Trial::Right => return Ok(go(&format!("/authenticators?done={right}"))),
        Trial::Gone => return Err(Problem::NotFound),
        Trial::Malformed(fault) => code_fault(words, fault),
        Trial::Used => words.get("authenticators-code-used"),
        Trial::Wrong { wait: None } => words.get("authenticators-code-wrong"),
        Trial::Drifted { wait: None } => words.get("authenticators-code-drifted"),
        Trial::Wrong { wait: Some(until) } | Trial::Drifted { wait: Some(until) } | Trial::Wait { until } => {
            wait(words, until, visit.now)
        }
    };
    One::of(visit, person, id).await?.refused(problem)
}

#[derive(Template)]
#[template(path = "authenticators/remove.html")]
struct Remove {
    page: Page,
    own: Shown,
    is_last: bool,
}

impl Remove {
    async fn of(visit: &Visit, person: &Person<'_>, id: AuthenticatorId) -> Result<Self, Problem> {
        let list = person.list().await?;
        let is_last = list.len() == 1;
        let own = list.into_iter().find(|own| own.id == id).ok_or(Problem::NotFound)?;
        Ok(Self { page: Page::new(visit, "authenticators-remove-title"), own: Shown::of(visit.words, own), is_last })
    }
}

async fn ask_remove(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    show(&Remove::of(&visit, &person, id(&text)?).await?)
}

async fn remove(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    let id = id(&text)?;
    let even_the_last = if visit.fields.has("last") { EvenTheLast::Yes } else { EvenTheLast::No };
    match person.remove(id, even_the_last).await? {
        Removed::Done(_) => Ok(go("/authenticators?done=authenticators-done-removed")),
        Removed::Gone => Err(Problem::NotFound),
        Removed::Barred => Err(Problem::Forbidden),
        Removed::IsLast => {
            let mut page = Remove::of(&visit, &person, id).await?;
            page.page.problem = Some(visit.words.get("authenticators-remove-tick"));
            show_as(StatusCode::FORBIDDEN, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "authenticators/app.html")]
struct App {
    page: Page,
    code: Option<ShownCode>,
    /// Of a code that was made before: waiting, used, expired, cancelled.
    state: Option<&'static str>,
    id: Option<ActivationId>,
}

/// A code, shown this once.
struct ShownCode {
    link: String,
    short: String,
    picture: String,
    until: String,
}

async fn may_add_app<'h>(house: &'h House, visit: &Visit) -> Result<(Person<'h>, DeviceLimit), Problem> {
    let (person, switches) = person(house, visit).await?;
    let limit = DeviceLimit::new(switches.devices).unwrap_or_default();
    if switches.may_enrol(Kind::App) { Ok((person, limit)) } else { Err(Problem::Forbidden) }
}

fn app_page(visit: &Visit) -> App {
    App { page: Page::new(visit, "authenticators-app-title"), code: None, state: None, id: None }
}

async fn app(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    may_add_app(&house, &visit).await?;
    show(&app_page(&visit))
}

async fn make_app_code(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (person, limit) = may_add_app(&house, &visit).await?;
    let mut page = app_page(&visit);
    let made = match person.make_activation(limit).await? {
        Made::Activation(made) => made,
        Made::TooMany => {
            page.page.problem = Some(visit.words.count("authenticators-app-too-many", usize::from(limit.get())));
            return show_as(StatusCode::FORBIDDEN, &page);
        }
        Made::Taken | Made::Barred => return Err(Problem::Forbidden),
    };
    // Behind the #: browsers send it to nobody, and it is in no server's log.
    let link = house.url.link(&format!("/m/activate#{}", *made.long));
    page.id = Some(made.id);
    page.code = Some(ShownCode {
        picture: qr::svg(&link, &visit.words.get("authenticators-app-picture")).unwrap_or_default(),
        link,
        short: made.short.to_string(),
        until: super::help::moment(made.until),
    });
    show(&page)
}

async fn app_code(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    let id: ActivationId = text.parse().map_err(|_| Problem::NotFound)?;
    let state = person.activation_state(id).await?.ok_or(Problem::NotFound)?;
    let mut page = app_page(&visit);
    page.id = Some(id);
    page.state = Some(match state {
        CodeState::Waiting => "waiting",
        CodeState::Used => "used",
        CodeState::Expired => "expired",
        CodeState::Cancelled => "cancelled",
    });
    show(&page)
}

async fn cancel_app_code(
    State(house): State<Shared>,
    visit: Visit,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    let (person, _) = person(&house, &visit).await?;
    let id: ActivationId = text.parse().map_err(|_| Problem::NotFound)?;
    person.cancel_activation(id).await?;
    Ok(go(&format!("/authenticators/app/{id}")))
}
