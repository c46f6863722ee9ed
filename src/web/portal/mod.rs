//! The portal's pages, one file per area. Each answers `routes()`; `web/routes.rs` is their table.

mod adding;
pub mod authenticators;
pub mod enrol;
pub mod help;
pub mod home;
pub mod passkeys;
pub mod sign_in;

use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;

use super::cookie;
use super::house::House;
use super::page::go;
use super::problem::Problem;
use super::visit::Visit;
use crate::domain::factor::Factor;
use crate::domain::ids::UserId;
use crate::domain::session::Level;
use crate::store::sessions::Begun;

/// Begins a session and goes on to a page. The one before it ends, and what the browser is known by is made anew: nothing
/// that was there before the sign-in serves after it (R48).
pub(super) async fn enter(
    house: &House,
    visit: &Visit,
    (user, level, factor): (UserId, Level, Option<Factor>),
    to: &str,
) -> Result<Response, Problem> {
    if let Some(session) = &visit.session {
        house.store.end_session(session.user, session.id).await?;
    }
    let switches = house.help.switches(user).await?;
    if !switches.sign_in {
        return Err(Problem::Forbidden);
    }
    let limits = switches.session_limits();
    let begun = Begun { user, level, factor, source: visit.source, agent: &visit.agent };
    let token = house.store.begin_session(&begun, limits).await?;
    let mut response = go(to);
    let headers = response.headers_mut();
    cookie::set(headers, cookie::SESSION, &BASE64URL_NOPAD.encode(token.expose()), None);
    cookie::set(headers, cookie::VISITOR, &BASE64URL_NOPAD.encode(&house.store.ambient().bytes::<32>()), None);
    cookie::clear(headers, cookie::DIALOG);
    Ok(response)
}
