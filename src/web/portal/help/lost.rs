//! What to do without one's device, for whoever stands before the sign-in: other ways, security questions, the help desk.

use askama::Template;
use axum::response::Response;

use crate::web::page::{Page, show};
use crate::web::problem::Problem;
use crate::web::routes::{Guard, Route};
use crate::web::visit::Visit;

pub fn routes() -> Vec<Route> {
    vec![Route::get("/help", Guard::Anyone, lost)]
}

#[derive(Template)]
#[template(path = "help/lost.html")]
struct Lost {
    page: Page,
    /// The number of the sign-in that went no further.
    sign_in: Option<String>,
}

async fn lost(visit: Visit) -> Result<Response, Problem> {
    let sign_in = visit.query.get("sign-in").and_then(|id| id.parse::<crate::domain::ids::SignInId>().ok());
    show(&Lost { page: Page::new(&visit, "help-lost-title"), sign_in: sign_in.map(|id| id.to_string()) })
}
