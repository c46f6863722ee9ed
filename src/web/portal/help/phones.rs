//! The phone numbers that are known of one. They are not changed here: a number counts once it has been shown to be its
//! owner's, and nothing calls or writes to one yet.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Person;
use crate::domain::people_file::row::Purpose;
use crate::telemetry::shown;
use crate::web::house::Shared;
use crate::web::page::{Page, show};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;
use crate::words::Words;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/security/phones", Guard::SignedIn, phones)]
}

#[derive(Template)]
#[template(path = "help/phones.html")]
struct Phones {
    page: Page,
    numbers: Vec<Number>,
}

struct Number {
    label: String,
    masked: String,
    purpose: String,
}

async fn phones(State(house): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let person = Person::of(&house, &visit).await?;
    let words = visit.words;
    let of_files = house.store.phones(person.session.user).await?.into_iter().map(|(purpose, phone)| {
        let (label, purpose) = match purpose {
            Purpose::Phone => ("help-phone-phone", "help-phone-for-calls"),
            Purpose::Backup => ("help-phone-backup", "help-phone-for-backup"),
        };
        Number { label: words.get(label), masked: phone.masked(), purpose: words.get(purpose) }
    });
    let of_directory = person.listed.profile.phones.iter().map(|labelled| Number {
        label: called(words, &labelled.label),
        masked: labelled.phone.masked(),
        purpose: words.get("help-phone-for-calls"),
    });
    show(&Phones { page: Page::new(&visit, "help-phones-title"), numbers: of_files.chain(of_directory).collect() })
}

/// The usual labels have words; an administrator may have others.
fn called(words: Words, label: &str) -> String {
    let key = format!("help-phone-{label}");
    if words.has(&key) { words.get(&key) } else { shown(label).to_string() }
}
