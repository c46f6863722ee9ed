//! Setting up one's security questions. Answering them is [`super::lost`]'s.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Person, themselves};
use crate::domain::questions::{AnswerFault, QUESTIONS, Question, SetFault};
use crate::flows::self_help::Chosen;
use crate::web::house::{House, Shared};
use crate::web::page::{Page, go, show_as};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;
use crate::words::Words;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/security/questions", Guard::Fresh, questions),
        Route::post("/security/questions", Guard::Fresh, choose),
        Route::post("/security/questions/remove", Guard::Fresh, remove),
    ]
}

#[derive(Template)]
#[template(path = "help/questions.html")]
struct Questions {
    page: Page,
    has_some: bool,
    wanted: usize,
    fields: Vec<Field>,
}

struct Field {
    number: usize,
    options: Vec<Choice>,
}

struct Choice {
    word: &'static str,
    text: String,
    is_chosen: bool,
}

async fn questions(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    answer(&house, &visit, &person, None).await
}

async fn answer(house: &House, visit: &Visit, person: &Person, problem: Option<String>) -> Result<Response, Problem> {
    if !person.switches.questions {
        return Err(Problem::Forbidden);
    }
    let has_some = !house.store.questions_of(person.session.user).await?.is_empty();
    let wanted = usize::from(person.switches.questions_set);
    let fields = (1..=wanted).map(|number| {
        let chosen = visit.fields.text(&format!("question{number}"));
        let options = QUESTIONS.into_iter().map(|question| Choice {
            word: question.as_str(),
            text: text(visit.words, question),
            is_chosen: question.as_str() == chosen,
        });
        Field { number, options: options.collect() }
    });
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Page::new(visit, "help-questions-title").problem(problem);
    show_as(status, &Questions { page, has_some, wanted, fields: fields.collect() })
}

pub(super) fn text(words: Words, question: Question) -> String {
    words.get(&format!("help-question-{}", question.as_str()))
}

async fn choose(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let wanted = usize::from(person.switches.questions_set);
    let chosen = (1..=wanted).filter_map(|number| {
        let question = Question::parse(visit.fields.text(&format!("question{number}")))?;
        Some((question, visit.fields.text(&format!("answer{number}"))))
    });
    let chosen: Vec<(Question, &str)> = chosen.collect();
    let words = visit.words;
    let problem = match house.help.choose_questions(&person.listed, &chosen, &themselves(&visit)).await? {
        Chosen::Set => return Ok(go("/security?done=help-done-questions")),
        Chosen::SwitchedOff => return Err(Problem::Forbidden),
        Chosen::Not(SetFault::Count { wanted }) => words.say("help-questions-count", "count", wanted),
        Chosen::Not(SetFault::SameQuestion) => words.get("help-questions-same-question"),
        Chosen::Not(SetFault::SameAnswer) => words.get("help-questions-same-answer"),
        Chosen::Not(SetFault::Answer { question, fault }) => {
            let fault = match fault {
                AnswerFault::TooShort => "help-questions-too-short",
                AnswerFault::TooLong => "help-questions-too-long",
                AnswerFault::Letters => "help-questions-letters",
            };
            format!("{} {}", text(words, question), words.get(fault))
        }
    };
    answer(&house, &visit, &person, Some(problem)).await
}

async fn remove(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    house.store.remove_answers(&person.listed, &themselves(&visit)).await?;
    Ok(go("/security?done=help-done-questions-removed"))
}
