//! Adding an authenticator: the same forms in the wizard of a first enrolment and among one's own authenticators, where only
//! the address and what comes after differ.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;

use super::enter;
use crate::domain::factor::Factor;
use crate::domain::ids::AuthenticatorId;
use crate::domain::label::{Label, LabelFault};
use crate::domain::otp::CodeFault;
use crate::domain::portal::{Kind, Switches};
use crate::domain::session::Level;
use crate::flows::authenticators::{Claim, Person, Proof, Start};
use crate::store::audit::Actor;
use crate::store::enrolments::{Enrolling, Pending};
use crate::web::cookie;
use crate::web::house::House;
use crate::web::page::{Page, go, show, show_as};
use crate::web::problem::Problem;
use crate::web::qr;
use crate::web::visit::Visit;
use crate::words::Words;

/// Where somebody adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Wizard,
    Own,
}

impl Place {
    const fn base(self) -> &'static str {
        match self {
            Self::Wizard => "/enrol",
            Self::Own => "/authenticators",
        }
    }

    /// Of the wizard's four steps.
    const fn step(self) -> u8 {
        match self {
            Self::Wizard => 3,
            Self::Own => 0,
        }
    }

    const fn back(self) -> &'static str {
        match self {
            Self::Wizard => "/enrol/choose",
            Self::Own => "/authenticators",
        }
    }
}

/// Whoever has the page before them, if they may change anything.
pub(super) async fn person<'h>(house: &'h House, visit: &Visit) -> Result<(Person<'h>, Switches), Problem> {
    let session = visit.session.as_ref().ok_or(Problem::Stale)?;
    let switches = house.help.switches(session.user).await?;
    let enrolling = match session.level {
        Level::Full => Enrolling::More,
        Level::Enrolling => Enrolling::First(session.id),
        // What is begun there is seen and proven there alone.
        Level::Recovery if switches.recovery_enrols => Enrolling::Recovery(session.id),
        Level::Recovery => return Err(Problem::Forbidden),
    };
    let by = Actor::themselves(visit.source);
    let person = Person::of(&house.store, session.user, enrolling, by).await?.ok_or(Problem::Forbidden)?;
    Ok((person, switches))
}

/// Like [`person`], if they may add such a thing.
async fn adding<'h>(house: &'h House, visit: &Visit, kind: Kind) -> Result<Person<'h>, Problem> {
    let (person, switches) = person(house, visit).await?;
    if switches.may_enrol(kind) { Ok(person) } else { Err(Problem::Forbidden) }
}

/// The wizard is for first authenticators. Whoever is wholly signed in adds more on pages that want a fresh proof (R30).
pub(super) fn belongs_elsewhere(visit: &Visit, place: Place) -> bool {
    place == Place::Wizard && visit.session.as_ref().is_some_and(|session| session.level == Level::Full)
}

#[derive(Template)]
#[template(path = "authenticators/totp.html")]
struct TotpPage {
    page: Page,
    base: &'static str,
    back: &'static str,
    step: u8,
    label: String,
    pending: Option<Shown>,
}

/// A key that waits to be taken down.
struct Shown {
    id: AuthenticatorId,
    label: String,
    account: String,
    uri: String,
    secret: String,
    picture: String,
}

impl TotpPage {
    fn of(house: &House, visit: &Visit, place: Place, person: &Person<'_>, pending: Option<&Pending>) -> Self {
        let shown = pending.and_then(|pending| {
            let taken = person.taken(issuer(house), pending)?;
            let label = visit.words.get("authenticators-totp-picture");
            Some(Shown {
                id: pending.authenticator.id,
                label: pending.authenticator.label.clone(),
                account: taken.account,
                picture: qr::svg(taken.uri.expose(), &label).unwrap_or_default(),
                uri: taken.uri.expose().to_owned(),
                secret: taken.secret.to_string(),
            })
        });
        Self {
            page: Page::new(visit, "authenticators-totp-title"),
            base: place.base(),
            back: place.back(),
            step: place.step(),
            label: String::new(),
            pending: shown,
        }
    }

    fn refused(mut self, problem: String) -> Result<Response, Problem> {
        self.page.problem = Some(problem);
        show_as(StatusCode::FORBIDDEN, &self)
    }
}

/// What authenticator apps show above the account. Some do not take blanks.
fn issuer(house: &House) -> &str {
    match house.url.host() {
        "localhost" => "Vestibule",
        host => host,
    }
}

pub(super) async fn totp(house: &House, visit: &Visit, place: Place) -> Result<Response, Problem> {
    if belongs_elsewhere(visit, place) {
        return Ok(go("/authenticators/totp"));
    }
    let person = adding(house, visit, Kind::Totp).await?;
    let pending = person.pending().await?;
    // Begun already: nothing is lost with a tab that was closed.
    let wanted = visit.query.get("id").and_then(|id| id.parse::<AuthenticatorId>().ok());
    let pending = pending.iter().find(|pending| wanted == Some(pending.authenticator.id)).or(pending.first());
    show(&TotpPage::of(house, visit, place, &person, pending))
}

pub(super) async fn start_totp(house: &House, visit: &Visit, place: Place) -> Result<Response, Problem> {
    if belongs_elsewhere(visit, place) {
        return Ok(go("/authenticators/totp"));
    }
    let person = adding(house, visit, Kind::Totp).await?;
    let refused = |problem| TotpPage::of(house, visit, place, &person, None).refused(problem);
    let typed = visit.fields.text("label");
    let usual = visit.words.get("authenticators-totp-label-usual");
    let label = match Label::parse(if typed.is_empty() { &usual } else { typed }) {
        Ok(label) => label,
        Err(fault) => return refused(label_fault(visit.words, fault)),
    };
    let started = if visit.fields.has("another") {
        person.start_another_totp(&label).await?
    } else {
        person.start_totp(&label).await?
    };
    match started {
        Start::Pending(pending) => Ok(go(&format!("{}/totp?id={}", place.base(), pending.authenticator.id))),
        Start::TooMany => refused(visit.words.get("authenticators-too-many-pending")),
        Start::Taken => Ok(taken()),
        Start::Barred => Err(Problem::Forbidden),
    }
}

pub(super) async fn prove_totp(house: &House, visit: &Visit, place: Place) -> Result<Response, Problem> {
    let (person, _) = person(house, visit).await?;
    let words = visit.words;
    let Ok(id) = visit.fields.text("id").parse::<AuthenticatorId>() else { return Err(Problem::NotFound) };
    let problem = match person.prove(id, visit.fields.text("code")).await? {
        Proof::Done => return proven(house, visit, &person, Factor::Totp).await,
        Proof::Already => return Ok(go(after(person.enrolling))),
        Proof::Taken => return Ok(taken()),
        Proof::Barred => return Err(Problem::Forbidden),
        Proof::Gone => return Ok(go(&format!("{}/totp?done=authenticators-done-gone", place.base()))),
        Proof::Malformed(fault) => code_fault(words, fault),
        Proof::Wrong { wait: None } => words.get("authenticators-totp-wrong"),
        Proof::Wrong { wait: Some(until) } | Proof::Wait { until } => wait(words, until, visit.now),
    };
    let pending = person.pending().await?;
    let pending = pending.iter().find(|pending| pending.authenticator.id == id);
    TotpPage::of(house, visit, place, &person, pending).refused(problem)
}

pub(super) async fn discard_totp(house: &House, visit: &Visit, place: Place) -> Result<Response, Problem> {
    let (person, _) = person(house, visit).await?;
    if let Ok(id) = visit.fields.text("id").parse() {
        person.discard(id).await?;
    }
    Ok(go(place.back()))
}

#[derive(Template)]
#[template(path = "authenticators/token.html")]
struct TokenPage {
    page: Page,
    base: &'static str,
    back: &'static str,
    step: u8,
    serial: String,
    label: String,
}

impl TokenPage {
    fn of(visit: &Visit, place: Place) -> Self {
        Self {
            page: Page::new(visit, "authenticators-token-title"),
            base: place.base(),
            back: place.back(),
            step: place.step(),
            serial: visit.fields.text("serial").to_owned(),
            label: visit.fields.text("label").to_owned(),
        }
    }
}

pub(super) async fn token(house: &House, visit: &Visit, place: Place) -> Result<Response, Problem> {
    if belongs_elsewhere(visit, place) {
        return Ok(go("/authenticators/token"));
    }
    adding(house, visit, Kind::HardwareToken).await?;
    show(&TokenPage::of(visit, place))
}

pub(super) async fn claim_token(house: &House, visit: &Visit, place: Place) -> Result<Response, Problem> {
    if belongs_elsewhere(visit, place) {
        return Ok(go("/authenticators/token"));
    }
    let person = adding(house, visit, Kind::HardwareToken).await?;
    let (words, fields) = (visit.words, &visit.fields);
    let typed = fields.text("label");
    let usual = words.get("authenticators-token-label-usual");
    let problem = match Label::parse(if typed.is_empty() { &usual } else { typed }) {
        Err(fault) => label_fault(words, fault),
        Ok(label) => {
            let codes = (fields.text("first"), fields.text("second"));
            match person.claim(fields.text("serial"), codes, &label).await? {
                Claim::Done(id) => {
                    let factor = person.list().await?.into_iter().find(|own| own.id == id).map(|own| own.factor);
                    return proven(house, visit, &person, factor.unwrap_or(Factor::Totp)).await;
                }
                Claim::Taken => return Ok(taken()),
                Claim::Barred => return Err(Problem::Forbidden),
                Claim::Malformed => words.get("authenticators-token-malformed"),
                Claim::NoMatch { wait: None } => words.get("authenticators-token-no-match"),
                Claim::NoMatch { wait: Some(until) } | Claim::Wait { until } => wait(words, until, visit.now),
            }
        }
    };
    let mut page = TokenPage::of(visit, place);
    page.page.problem = Some(problem);
    show_as(StatusCode::FORBIDDEN, &page)
}

/// An authenticator counts from now on. A first enrolment becomes a whole session by it, with a token of its own (R48).
pub(super) async fn proven(
    house: &House,
    visit: &Visit,
    person: &Person<'_>,
    factor: Factor,
) -> Result<Response, Problem> {
    match person.enrolling {
        Enrolling::More | Enrolling::Recovery(_) => Ok(go(after(person.enrolling))),
        first @ Enrolling::First(_) => {
            let entered = enter(house, visit, (person.user.id, Level::Full, Some(factor)), after(first)).await;
            entered.map(|mut response| {
                cookie::clear(response.headers_mut(), cookie::INVITED);
                response
            })
        }
    }
}

const fn after(enrolling: Enrolling) -> &'static str {
    match enrolling {
        Enrolling::First(_) => "/enrol/codes",
        // The new one opens the portal from now on; this session does not become a whole one by it.
        Enrolling::Recovery(_) => "/recovery?done=authenticators-done-added",
        Enrolling::More => "/authenticators?done=authenticators-done-added",
    }
}

/// Somebody else was first, with the same password.
fn taken() -> Response {
    go("/enrol/taken")
}

/// How long nothing is looked at, in whole minutes.
pub(super) fn wait(words: Words, until: Timestamp, now: Timestamp) -> String {
    let seconds = usize::try_from(until.duration_since(now).as_secs()).unwrap_or(0);
    words.count("authenticators-wait", seconds.div_ceil(60).max(1))
}

pub(super) fn label_fault(words: Words, fault: LabelFault) -> String {
    words.get(match fault {
        LabelFault::Empty => "authenticators-label-empty",
        LabelFault::TooLong => "authenticators-label-long",
        LabelFault::Hidden => "authenticators-label-hidden",
    })
}

pub(super) fn code_fault(words: Words, fault: CodeFault) -> String {
    match fault {
        CodeFault::Length { expected } => words.count("authenticators-code-length", usize::from(expected)),
        CodeFault::NotDigits => words.get("authenticators-code-digits"),
    }
}
