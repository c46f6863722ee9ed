//! What to do without one's device, for whoever stands before the sign-in: other ways, security questions, the help desk.
//! Questions are asked of those alone whose password a sign-in that is under way has shown to be right (R29).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::questions;
use crate::domain::ids::{SignInId, UserId};
use crate::domain::questions::Question;
use crate::domain::session::Level;
use crate::flows::self_help::Answered;
use crate::web::house::{House, Shared};
use crate::web::page::{Page, go, show, show_as};
use crate::web::portal::enter;
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/help", Guard::Anyone, lost),
        Route::get("/help/questions", Guard::Anyone, ask),
        Route::post("/help/questions", Guard::Anyone, answer),
    ]
}

#[derive(Template)]
#[template(path = "help/lost.html")]
struct Lost {
    page: Page,
    /// The number of the sign-in that went no further.
    sign_in: Option<String>,
    may_answer: bool,
    /// Is a sign-in under way, that one can go back to?
    has_dialog: bool,
}

async fn lost(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let sign_in = visit.query.get("sign-in").and_then(|id| id.parse::<SignInId>().ok());
    // What to do is told even while the directory cannot say who this is.
    let proven = proven(&house, &visit).await.unwrap_or(None);
    let may_answer = match proven {
        Some(user) => house.help.may_ask(user).await?,
        None => false,
    };
    show(&Lost {
        page: Page::new(&visit, "help-lost-title"),
        sign_in: sign_in.map(|id| id.to_string()),
        may_answer,
        has_dialog: proven.is_some(),
    })
}

/// Who has shown their password, in the sign-in that this browser has under way.
async fn proven(house: &House, visit: &Visit) -> Result<Option<UserId>, Problem> {
    let Some(state) = &visit.dialog else { return Ok(None) };
    Ok(house.portal.proven(state.expose()).await?)
}

#[derive(Template)]
#[template(path = "help/answer.html")]
struct Ask {
    page: Page,
    questions: Vec<Asked>,
}

struct Asked {
    number: usize,
    text: String,
}

async fn ask(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let Some(user) = proven(&house, &visit).await? else { return Ok(go("/help")) };
    asked(&house, &visit, user, None).await
}

async fn asked(house: &House, visit: &Visit, user: UserId, problem: Option<String>) -> Result<Response, Problem> {
    let questions = house.help.ask(user).await?;
    if questions.is_empty() {
        return Ok(go("/help"));
    }
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let text = |(number, question): (usize, Question)| Asked { number, text: questions::text(visit.words, question) };
    let questions = (1..).zip(questions).map(text).collect();
    show_as(status, &Ask { page: Page::new(visit, "help-answer-title").problem(problem), questions })
}

async fn answer(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let Some(user) = proven(&house, &visit).await? else { return Ok(go("/help")) };
    let answers: Vec<&str> = visit.fields.all("answer").collect();
    let problem = match house.help.answer(user, &answers, visit.source).await? {
        Answered::Recovered(recovered) => {
            return enter(&house, &visit, (recovered.user(), Level::Recovery, None), "/recovery").await;
        }
        Answered::Wrong => "help-answer-wrong",
        Answered::Barred(_) => "help-answer-barred",
        Answered::Throttled => "sign-in-throttled",
        Answered::NotAsked => return Ok(go("/help")),
    };
    asked(&house, &visit, user, Some(visit.words.get(problem))).await
}
