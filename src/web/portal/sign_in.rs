//! Signing in: the name and password, then whatever the engine asks, then a session. The engine decides (`flows/portal`);
//! these pages ask in its place and show what came of it.

use std::convert::Infallible;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream;
use tokio::time::Instant;

use super::super::cookie;
use super::super::house::{House, Shared};
use super::super::page::{Page, go, show, show_as};
use super::super::problem::Problem;
use super::super::routes::{Guard, Route};
use super::super::visit::Visit;
use super::enrol::invited;
use super::enter;
use crate::domain::challenge::Status;
use crate::domain::dialog::Again;
use crate::domain::directory::password::{RefusalKind, Shortcoming};
use crate::domain::factor::Factor;
use crate::domain::ids::SignInId;
use crate::domain::outcome::Denial;
use crate::domain::session::Level;
use crate::flows::portal::{Answer, Asked, Offer, Pending, Portal, PortalEnd};
use crate::flows::sign_in::SignInError;
use crate::words::Words;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/sign-in", Guard::Anyone, page),
        Route::post("/sign-in", Guard::Anyone, begin),
        Route::post("/sign-in/passkey", Guard::Anyone, begin_by_passkey),
        Route::get("/sign-in/again", Guard::SignedIn, again),
        Route::get("/sign-in/next", Guard::Anyone, question),
        Route::post("/sign-in/next", Guard::Anyone, answer),
        Route::get("/sign-in/live", Guard::Anyone, live),
        Route::post("/sign-out", Guard::Anyone, sign_out),
    ]
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    page: Page,
    name: String,
    next: String,
    /// Somebody who is signed in already confirms that it is still them.
    again: bool,
    sign_in: Option<String>,
    /// For browsers that have a passkey of somebody who needs no password.
    passkey: Option<Offer>,
}

async fn page(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if visit.session.as_ref().is_some_and(|session| session.level == Level::Full) {
        return Ok(go(destination(&visit)));
    }
    show(&form(&house, &visit, String::new(), false).await)
}

/// The second factor has to be proven anew, and the password with it.
async fn again(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let name = visit.session.as_ref().map(|session| session.name.clone()).unwrap_or_default();
    show(&form(&house, &visit, name, true).await)
}

async fn form(house: &House, visit: &Visit, name: String, again: bool) -> SignInPage {
    let title = if again { "sign-in-again-title" } else { "sign-in-title" };
    // The page is whole without it, whatever does not answer.
    let passkey = house.portal.offer_passkey(visit.source).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a sign-in page offers no passkey");
        None
    });
    let page = Page::new(visit, title);
    let page = if passkey.is_some() { page.script("passkey.js") } else { page };
    SignInPage { page, name, next: visit.next().to_owned(), again, sign_in: None, passkey }
}

async fn begin(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let name = visit.fields.text("name");
    let id = house.portal.new_id();
    let portal = portal(&house, &visit).await?;
    let end = portal.begin(id, name, &visit.fields.password("password"), visit.source).await;
    ended(&house, &visit, name, (id, end)).await
}

/// The portal as this browser comes to it.
async fn portal(house: &House, visit: &Visit) -> Result<Portal, Problem> {
    let is_signed_in = visit.session.as_ref().is_some_and(|session| session.level == Level::Full);
    Ok(house.portal.invited(invited(house, visit).await?).afresh(is_signed_in))
}

/// A passkey in the place of name and password.
async fn begin_by_passkey(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let state = BASE64URL_NOPAD.decode(visit.fields.text("state").as_bytes()).unwrap_or_default();
    let id = house.portal.new_id();
    let end = house.portal.begin_by_passkey(id, &state, visit.fields.text("answer"), visit.source).await;
    ended(&house, &visit, "", (id, end)).await
}

/// The page of the question that is open, drawn from the State in the browser's cookie.
async fn question(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    match pending(&house, &visit).await? {
        Some(pending) => show(&QuestionPage::of(&visit, &pending, None)),
        None => Ok(over()),
    }
}

async fn pending(house: &House, visit: &Visit) -> Result<Option<Pending>, Problem> {
    let Some(state) = &visit.dialog else { return Ok(None) };
    Ok(house.portal.pending(state.expose()).await?)
}

/// There is no question any more: it was answered, or took too long.
fn over() -> Response {
    let mut response = go("/sign-in?done=sign-in-done-over");
    cookie::clear(response.headers_mut(), cookie::DIALOG);
    response
}

async fn answer(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let (Some(pending), Some(state)) = (pending(&house, &visit).await?, &visit.dialog) else { return Ok(over()) };
    let fields = &visit.fields;
    let id = house.portal.new_id();
    let portal = portal(&house, &visit).await?;
    let say = async |state: &[u8], answer: Answer| portal.answer(id, state, &answer, visit.source).await;
    let picked = fields.get("pick").and_then(|pick| pick.parse::<Factor>().ok());
    let end = match (&pending.question, picked) {
        (_, Some(factor)) => say(state.expose(), Answer::Pick(factor)).await,
        (Asked::NewPassword, None) => {
            let (new, repeated) = (fields.password("new"), fields.password("repeated"));
            if new.is_empty() || !new.same_as(repeated.expose()) {
                let problem = visit.words.get("sign-in-passwords-differ");
                return show_as(StatusCode::FORBIDDEN, &QuestionPage::of(&visit, &pending, Some(problem)));
            }
            match say(state.expose(), Answer::Text(new)).await {
                // It is asked for once more; the person has typed it twice already.
                Ok(PortalEnd::Asked { state }) => say(&state, Answer::Text(repeated)).await,
                end => end,
            }
        }
        (_, None) => say(state.expose(), Answer::Text(fields.password("answer"))).await,
    };
    ended(&house, &visit, &pending.name, (id, end)).await
}

/// What came of a step: the next question, a session, or a refusal.
async fn ended(
    house: &House,
    visit: &Visit,
    name: &str,
    (id, end): (SignInId, Result<PortalEnd, SignInError>),
) -> Result<Response, Problem> {
    let end = end.map_err(|error| {
        if let SignInError::Store(_) | SignInError::Policy(_) = &error {
            tracing::error!(%error, sign_in = %id.0, "a sign-in page could not be answered");
        }
        Problem::Busy(Some(id))
    })?;
    let refused = match end {
        PortalEnd::Entered(entered) if entered.enrolling => {
            return enter(house, visit, (entered.user, Level::Enrolling, None), "/enrol").await;
        }
        PortalEnd::Entered(entered) => {
            return enter(house, visit, (entered.user, Level::Full, entered.factor), destination(visit)).await;
        }
        PortalEnd::Asked { state } => {
            let next = visit.next();
            let to = if next == "/" { "/sign-in/next".to_owned() } else { format!("/sign-in/next?next={next}") };
            let mut response = go(&to);
            cookie::set(response.headers_mut(), cookie::DIALOG, &BASE64URL_NOPAD.encode(&state), None);
            return Ok(response);
        }
        PortalEnd::Denied { denial } => refusal(denial),
        PortalEnd::Throttled => "sign-in-throttled",
        PortalEnd::EmptyPassword => "sign-in-empty-password",
    };
    let mut page = form(house, visit, name.to_owned(), visit.session.is_some()).await;
    page.page.problem = Some(visit.words.get(refused));
    page.sign_in = Some(id.0.to_string());
    let mut response = show_as(StatusCode::FORBIDDEN, &page)?;
    cookie::clear(response.headers_mut(), cookie::DIALOG);
    Ok(response)
}

/// The text of a refusal. What tells whether an account exists, is locked or has a factor is one text (R19); what somebody
/// who knows the password did or left undone may be said.
fn refusal(denial: Denial) -> &'static str {
    match denial {
        Denial::WrongCode => "sign-in-wrong-code",
        Denial::WrongPasskey => "passkeys-refused",
        // Whoever is told so has signed with it.
        Denial::CopiedPasskey => "passkeys-refused-copied",
        Denial::PromptRefused => "sign-in-prompt-refused",
        Denial::PromptExpired => "sign-in-prompt-expired",
        Denial::PromptCancelled => "sign-in-prompt-cancelled",
        Denial::Throttled => "sign-in-throttled",
        Denial::DialogOver => "sign-in-done-over",
        Denial::WrongPassword
        | Denial::PasswordExpired
        | Denial::NotOneEntry
        | Denial::UnknownUser
        | Denial::NoFactor
        | Denial::MustEnrol
        | Denial::Disabled
        | Denial::DisabledInDirectory
        | Denial::ExpiredInDirectory
        | Denial::Blocked
        | Denial::LockedOut
        | Denial::MissingCode
        | Denial::ReusedCode
        | Denial::WrongPin
        | Denial::FactorNotAllowed
        | Denial::TooManyPrompts
        | Denial::AlreadyAsking => "sign-in-refused",
    }
}

/// Where to go once signed in.
fn destination(visit: &Visit) -> &str {
    match visit.next() {
        "/" => "/home",
        next => next,
    }
}

#[derive(Template)]
#[template(path = "question.html")]
struct QuestionPage {
    page: Page,
    next: String,
    /// Which form is drawn.
    kind: &'static str,
    /// Two digits to confirm on the phone.
    number: String,
    /// Has the phone not answered yet?
    is_waiting: bool,
    /// What the browser is asked for a passkey.
    options: String,
    /// Other ways, each the name of a factor.
    ways: Vec<&'static str>,
}

impl QuestionPage {
    fn of(visit: &Visit, pending: &Pending, problem: Option<String>) -> Self {
        let words = visit.words;
        let (kind, number, is_waiting) = match &pending.question {
            Asked::Code => ("code", String::new(), false),
            Asked::RecoveryCode => ("recovery-code", String::new(), false),
            Asked::NextCode => ("next-code", String::new(), false),
            Asked::Number { number, status } => ("number", format!("{number:02}"), *status == Status::Waiting),
            Asked::Passkey { .. } => ("passkey", String::new(), false),
            Asked::NewPassword | Asked::RepeatPassword => ("new-password", String::new(), false),
        };
        let why = pending.again.map(|again| once_more(words, again));
        let title = match kind {
            "passkey" => "passkeys-question-title".to_owned(),
            kind => format!("sign-in-{kind}-title"),
        };
        let mut page = Page::new(visit, &title).problem(problem.or(why));
        let mut options = String::new();
        if let Asked::Passkey { options: asked } = &pending.question {
            options.clone_from(asked);
            page = page.script("passkey.js");
        }
        let ways = pending.ways.iter().map(|way| way.as_str()).collect();
        Self { page, next: visit.next().to_owned(), kind, number, is_waiting, options, ways }
    }
}

/// Why a question is put again.
fn once_more(words: Words, again: Again) -> String {
    words.get(match again {
        Again::WrongCode => "sign-in-wrong-code",
        Again::ReusedCode => "sign-in-reused-code",
        Again::NotAsked => "sign-in-not-asked",
        Again::WrongPasskey => "passkeys-refused",
        Again::NoMatch => "sign-in-passwords-differ",
        Again::NotTaken(RefusalKind::OldWrong) => "sign-in-old-password-wrong",
        Again::NotTaken(RefusalKind::NotAllowed) => "sign-in-password-not-allowed",
        Again::NotTaken(RefusalKind::Other) => "sign-in-password-not-taken",
        Again::NotTaken(RefusalKind::TooWeak(shortcoming)) => match shortcoming {
            Shortcoming::TooShort => "sign-in-password-too-short",
            Shortcoming::TooLong => "sign-in-password-too-long",
            Shortcoming::InHistory => "sign-in-password-in-history",
            Shortcoming::Quality => "sign-in-password-too-simple",
            Shortcoming::NotText => "sign-in-password-not-text",
            Shortcoming::Unsaid => "sign-in-password-too-weak",
        },
    })
}

/// Tells a page that waits for a phone when there is something to see. A stream of its own for at most a minute: the
/// browser opens the next.
async fn live(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let Some(state) = visit.dialog.clone() else { return Err(Problem::NotFound) };
    let events = stream::once(async move {
        let until = Instant::now() + LISTENING;
        let event = match house.portal.await_change(state.expose(), until).await {
            Ok(()) if Instant::now() < until => Event::default().event("changed").data("changed"),
            Ok(()) | Err(_) => Event::default().event("still").data("still"),
        };
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(events).into_response())
}

const LISTENING: Duration = Duration::from_mins(1);

async fn sign_out(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if let Some(session) = &visit.session {
        house.store.end_session(session.user, session.id).await?;
    }
    let mut response = go("/sign-in?done=sign-in-done-out");
    cookie::clear(response.headers_mut(), cookie::SESSION);
    cookie::clear(response.headers_mut(), cookie::DIALOG);
    Ok(response)
}
