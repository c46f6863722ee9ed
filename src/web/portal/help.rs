//! Pages by which people help themselves: what happened, where they are signed in, and what to do when a device is lost.
//! Adding and removing what one signs in with is the authenticators' pages'.

mod bypass;
mod history;
mod language;
mod lost;
mod phones;
mod questions;
mod recovery;
mod sessions;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use crate::domain::portal::Switches;
use crate::domain::session::Session;
use crate::store::audit::Actor;
use crate::store::users::Listed;
use crate::web::house::{House, Shared};
use crate::web::page::{Page, show};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    let own = vec![
        Route::get("/security", Guard::SignedIn, overview),
        Route::get("/security/new-phone", Guard::SignedIn, new_phone),
    ];
    let areas = [
        own,
        history::routes(),
        sessions::routes(),
        bypass::routes(),
        language::routes(),
        phones::routes(),
        questions::routes(),
        lost::routes(),
        recovery::routes(),
    ];
    areas.into_iter().flatten().collect()
}

/// Who is at a page that a guard has let them to.
struct Person {
    session: Session,
    listed: Listed,
    switches: Switches,
}

impl Person {
    async fn of(house: &House, visit: &Visit) -> Result<Self, Problem> {
        let session = visit.session.clone().ok_or(Problem::Stale)?;
        // Removed between the guard's look and ours.
        let listed = house.store.user(session.user).await?.ok_or(Problem::Stale)?;
        let switches = house.help.switches(session.user).await?;
        Ok(Self { session, listed, switches })
    }
}

/// Who acts, for the record.
fn themselves(visit: &Visit) -> Actor {
    Actor::themselves(visit.source)
}

/// A moment as pages show one, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

#[derive(Template)]
#[template(path = "help/overview.html")]
struct Overview {
    page: Page,
    links: Vec<Link>,
}

/// A page that the overview leads to; its texts are `help-<name>-title` and `help-<name>-about`.
struct Link {
    path: String,
    title: String,
    about: String,
}

async fn overview(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let switches = Person::of(&house, &visit).await?.switches;
    let pages = [
        ("history", true),
        ("sessions", true),
        ("new-phone", true),
        ("bypass", switches.bypass),
        ("questions", switches.questions),
        ("phones", true),
        ("language", switches.select_language),
    ];
    let links = pages.into_iter().filter(|(_, open)| *open).map(|(name, _)| Link {
        path: format!("/security/{name}"),
        title: visit.words.get(&format!("help-{name}-title")),
        about: visit.words.get(&format!("help-{name}-about")),
    });
    show(&Overview { page: Page::new(&visit, "help-security-title"), links: links.collect() })
}

#[derive(Template)]
#[template(path = "help/new-phone.html")]
struct NewPhone {
    page: Page,
}

async fn new_phone(visit: Visit) -> Result<Response, Problem> {
    show(&NewPhone { page: Page::new(&visit, "help-new-phone-title") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Locale, Words};

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(moment(Timestamp::from_second(1_700_000_000).unwrap()), "2023-11-14 22:13");
    }

    #[test]
    fn every_question_and_every_outcome_has_words() {
        use crate::domain::factor::Factor;
        use crate::domain::questions::QUESTIONS;
        let words = Words::of(Locale::En);
        for question in QUESTIONS {
            assert!(words.has(&format!("help-question-{}", question.as_str())), "{question:?}");
        }
        for factor in Factor::ALL {
            assert!(words.has(&format!("help-reason-{factor}")), "{factor}");
        }
    }
}
