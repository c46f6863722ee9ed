//! The wizard of a first enrolment: what it is about, choose, add and prove, recovery codes. Each step is an address of its
//! own and says how far one is; whoever leaves comes back to what was begun. It works without scripts.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use zeroize::Zeroizing;

use super::adding::{self, Place, person};
use crate::domain::ids::UserId;
use crate::domain::offered::RECOVERY_LENGTH;
use crate::domain::portal::{Kind, Switches};
use crate::flows::enrol;
use crate::store::enrolment_links::LinkState;
use crate::web::cookie;
use crate::web::house::{House, Shared};
use crate::web::page::{Page, go, show, show_as};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/enrol/link/{token}", Guard::Anyone, link),
        Route::get("/enrol", Guard::Enrolling, intro),
        Route::get("/enrol/choose", Guard::Enrolling, choose),
        Route::get("/enrol/totp", Guard::Enrolling, totp),
        Route::post("/enrol/totp", Guard::Enrolling, start_totp),
        Route::post("/enrol/totp/prove", Guard::Enrolling, prove_totp),
        Route::post("/enrol/totp/discard", Guard::Enrolling, discard_totp),
        Route::get("/enrol/token", Guard::Enrolling, token),
        Route::post("/enrol/token", Guard::Enrolling, claim_token),
        Route::get("/enrol/taken", Guard::Enrolling, taken),
        Route::get("/enrol/codes", Guard::SignedIn, codes),
        Route::get("/enrol/done", Guard::SignedIn, done),
        Route::post("/enrol/codes", Guard::Fresh, make_codes),
        Route::get("/authenticators/codes", Guard::Fresh, codes),
        Route::post("/authenticators/codes", Guard::Fresh, make_codes),
        Route::post("/authenticators/codes/file", Guard::SignedIn, codes_file),
    ]
}

#[derive(Template)]
#[template(path = "enrol/link.html")]
struct LinkPage {
    page: Page,
    /// Which text: open, used, expired or unknown.
    state: &'static str,
    name: String,
}

/// Opening a link uses nothing up: mail scanners open links too. It is remembered for the sign-in that follows.
async fn link(State(house): State<Shared>, visit: Visit, Path(text): Path<String>) -> Result<Response, Problem> {
    let token = enrol::link_token(&text);
    let found = match &token {
        Some(token) => house.store.enrolment_link(token).await?,
        None => None,
    };
    let (state, name) = match found {
        None => ("unknown", String::new()),
        Some(invited) => match invited.state {
            LinkState::Open { .. } => ("open", invited.name),
            LinkState::Used => ("used", String::new()),
            LinkState::Expired => ("expired", String::new()),
        },
    };
    let page = LinkPage { page: Page::new(&visit, "enrol-link-title"), state, name };
    let mut response = if state == "open" { show(&page)? } else { show_as(StatusCode::GONE, &page)? };
    if state == "open" {
        cookie::set(response.headers_mut(), cookie::INVITED, &text, Some(60 * 60 * 24));
    }
    Ok(response)
}

/// Whose link was opened in this browser, while it serves.
pub(in crate::web) async fn invited(house: &House, visit: &Visit) -> Result<Option<UserId>, Problem> {
    let Some(token) = &visit.invited else { return Ok(None) };
    let found = house.store.enrolment_link(token).await?;
    Ok(found.filter(|invited| matches!(invited.state, LinkState::Open { .. })).map(|invited| invited.user))
}

#[derive(Template)]
#[template(path = "enrol/intro.html")]
struct Intro {
    page: Page,
    step: u8,
    /// Something was begun already.
    begun: bool,
}

async fn intro(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if adding::belongs_elsewhere(&visit, Place::Wizard) {
        // A first one was just added, perhaps in another tab; the wizard ends with recovery codes.
        let has_codes = !person(&house, &visit).await?.0.recovery_codes().await?.is_empty();
        return Ok(go(if has_codes { "/authenticators" } else { "/enrol/codes" }));
    }
    let begun = !person(&house, &visit).await?.0.pending().await?.is_empty();
    show(&Intro { page: Page::new(&visit, "enrol-intro-title"), step: 1, begun })
}

#[derive(Template)]
#[template(path = "enrol/choose.html")]
struct Choose {
    page: Page,
    step: u8,
    ways: Vec<Way>,
}

/// Something that can be added; its texts are `enrol-way-<name>` and `enrol-way-<name>-about`.
pub(super) struct Way {
    pub path: &'static str,
    pub title: String,
    pub about: String,
}

/// What may be added, strongest first.
pub(super) fn ways(house: &House, visit: &Visit, place: Place, switches: &Switches) -> Vec<Way> {
    let paths = match place {
        Place::Wizard => {
            [(Kind::Passkey, "/enrol/passkey"), (Kind::Totp, "/enrol/totp"), (Kind::HardwareToken, "/enrol/token")]
        }
        Place::Own => [
            (Kind::Passkey, "/passkeys/add"),
            (Kind::Totp, "/authenticators/totp"),
            (Kind::HardwareToken, "/authenticators/token"),
        ],
    };
    let way = |(kind, path): (Kind, &'static str)| Way {
        path,
        title: visit.words.get(&format!("enrol-way-{}", kind.as_str())),
        about: visit.words.get(&format!("enrol-way-{}-about", kind.as_str())),
    };
    // Passkeys belong to a host name, and an address may have none.
    let is_there = |kind: Kind| kind != Kind::Passkey || house.portal.passkeys().is_some();
    paths.into_iter().filter(|(kind, _)| switches.may_enrol(*kind) && is_there(*kind)).map(way).collect()
}

async fn choose(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if adding::belongs_elsewhere(&visit, Place::Wizard) {
        return Ok(go("/authenticators/add"));
    }
    let (_, switches) = person(&house, &visit).await?;
    let ways = ways(&house, &visit, Place::Wizard, &switches);
    show(&Choose { page: Page::new(&visit, "enrol-choose-title"), step: 2, ways })
}

async fn totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::totp(&house, &visit, Place::Wizard).await
}

async fn start_totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::start_totp(&house, &visit, Place::Wizard).await
}

async fn prove_totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if adding::belongs_elsewhere(&visit, Place::Wizard) {
        // Proven in another tab a moment ago.
        return Ok(go("/enrol/codes"));
    }
    adding::prove_totp(&house, &visit, Place::Wizard).await
}

async fn discard_totp(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if adding::belongs_elsewhere(&visit, Place::Wizard) {
        return Ok(go("/authenticators"));
    }
    adding::discard_totp(&house, &visit, Place::Wizard).await
}

async fn token(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::token(&house, &visit, Place::Wizard).await
}

async fn claim_token(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    adding::claim_token(&house, &visit, Place::Wizard).await
}

#[derive(Template)]
#[template(path = "enrol/taken.html")]
struct Taken {
    page: Page,
}

async fn taken(visit: Visit) -> Result<Response, Problem> {
    show(&Taken { page: Page::new(&visit, "enrol-taken-title") })
}

#[derive(Template)]
#[template(path = "authenticators/codes.html")]
struct CodesPage {
    page: Page,
    step: u8,
    base: &'static str,
    /// Of those there are: not used yet, and when the others were.
    left: String,
    used: Vec<String>,
    has_some: bool,
    /// Shown this once.
    codes: Vec<Zeroizing<String>>,
    all: Zeroizing<String>,
}

impl CodesPage {
    async fn of(house: &Shared, visit: &Visit) -> Result<Self, Problem> {
        let have = person(house, visit).await?.0.recovery_codes().await?;
        let left = have.iter().filter(|code| code.used_at.is_none()).count();
        let is_wizard = visit.path.starts_with("/enrol");
        Ok(Self {
            page: Page::new(visit, "authenticators-codes-title"),
            step: if is_wizard { 4 } else { 0 },
            base: if is_wizard { "/enrol" } else { "/authenticators" },
            left: visit.words.count("authenticators-codes-left", left),
            used: have.iter().filter_map(|code| code.used_at).map(super::help::moment).collect(),
            has_some: !have.is_empty(),
            codes: vec![],
            all: Zeroizing::default(),
        })
    }
}

async fn codes(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    show(&CodesPage::of(&house, &visit).await?)
}

async fn make_codes(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let codes = person(&house, &visit).await?.0.new_recovery_codes().await?;
    let mut page = CodesPage::of(&house, &visit).await?;
    page.codes = codes.into_iter().map(|code| code.shown).collect();
    let all: Vec<&str> = page.codes.iter().map(|code| code.as_str()).collect();
    page.all = Zeroizing::new(all.join(" "));
    show(&page)
}

/// The codes that the page has just shown, as a file: they are nowhere else any more.
async fn codes_file(visit: Visit) -> Result<Response, Problem> {
    let is_code = |code: &str| {
        code.len() == RECOVERY_LENGTH + 3 && code.bytes().all(|letter| letter == b'-' || letter.is_ascii_alphanumeric())
    };
    let codes: Vec<&str> = visit.fields.text("codes").split(' ').filter(|code| is_code(code)).take(16).collect();
    let text = format!("{}\r\n\r\n{}\r\n", visit.words.get("authenticators-codes-file"), codes.join("\r\n"));
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"recovery-codes.txt\""),
    ];
    Ok((headers, text).into_response())
}

#[derive(Template)]
#[template(path = "enrol/done.html")]
struct Done {
    page: Page,
    step: u8,
    second_way: bool,
}

async fn done(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (person, switches) = person(&house, &visit).await?;
    let second_way = switches.second_way && person.list().await?.len() < 2;
    show(&Done { page: Page::new(&visit, "enrol-done-title"), step: 4, second_way })
}
