//! What every page has: the layout's values, and turning a template into an answer.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::assets;
use super::problem::Problem;
use super::visit::Visit;
use crate::domain::session::Level;
use crate::words::{Locale, Words};

/// For `templates/layout.html`.
pub struct Page {
    pub words: Words,
    pub title: String,
    /// For the hidden field of every form.
    pub csrf: String,
    /// Who is signed in.
    pub name: Option<String>,
    /// Are the pages of a whole session open, so that a menu makes sense?
    pub menu: bool,
    /// Where we are, for the menu.
    pub path: String,
    /// What has just been done.
    pub notice: Option<String>,
    /// What was wrong with the form; the browser's focus goes there.
    pub problem: Option<String>,
    pub scripts: Vec<&'static str>,
}

impl Page {
    /// `title` is the key of a text.
    pub fn new(visit: &Visit, title: &str) -> Self {
        let session = visit.session.as_ref();
        Self {
            words: visit.words,
            title: visit.words.get(title),
            csrf: visit.csrf.clone(),
            name: session.map(|session| session.name.clone()),
            menu: session.is_some_and(|session| session.level == Level::Full),
            path: visit.path.clone(),
            notice: visit.notice(),
            problem: None,
            scripts: vec!["portal.js"],
        }
    }

    pub fn problem(mut self, problem: Option<String>) -> Self {
        self.problem = problem;
        self
    }

    pub fn script(mut self, name: &'static str) -> Self {
        self.scripts.push(name);
        self
    }

    #[allow(clippy::unused_self, reason = "templates call it on the page")]
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    #[allow(clippy::unused_self, reason = "templates call it on the page")]
    pub fn locales(&self) -> [Locale; 5] {
        Locale::ALL
    }

    pub fn is_here(&self, path: &str) -> bool {
        self.path == path
    }
}

/// A page.
pub fn show(template: &impl Template) -> Result<Response, Problem> {
    show_as(StatusCode::OK, template)
}

/// A page with another status: 403 for a form that was refused.
pub fn show_as(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let html = template.render()?;
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// Goes on elsewhere with a GET.
pub fn go(path: &str) -> Response {
    Redirect::to(path).into_response()
}
