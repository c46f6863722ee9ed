//! The one table of what can be asked for, and by whom.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

pub use super::guard::Guard;
use super::house::{House, Shared};
use super::portal;
use super::problem::Problem;
use super::{assets, dress, guard};

/// One route: nothing is reachable without a guard, for there is no other way to make one.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub guard: Guard,
    handler: MethodRouter<Shared>,
}

impl Route {
    /// Changes nothing.
    pub(super) fn get<H, T>(path: &'static str, guard: Guard, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self { method: Method::GET, path, guard, handler: get(handler) }
    }

    /// The guard has checked that the form is from a page of ours.
    pub(super) fn post<H, T>(path: &'static str, guard: Guard, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        Self { method: Method::POST, path, guard, handler: post(handler) }
    }
}

/// All routes with pages. Style sheets and scripts are everybody's.
pub fn table() -> Vec<Route> {
    [
        portal::authenticators::routes(),
        portal::enrol::routes(),
        portal::help::routes(),
        portal::home::routes(),
        portal::passkeys::routes(),
        portal::sign_in::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn router(house: Arc<House>) -> Router {
    let mut router = Router::new();
    for Route { path, guard, handler, .. } in table() {
        router = router.route(path, handler.layer(from_fn_with_state((Arc::clone(&house), guard), guard::watch)));
    }
    let assets = Router::new().route("/assets/{file}", get(assets::serve));
    router
        .merge(assets)
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::NotFound })
        .layer(from_fn_with_state(Arc::clone(&house), dress::dress))
        .with_state(house)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_there_once_and_what_anybody_may_ask_for_is_little() {
        let table = table();
        let mut seen = BTreeSet::new();
        for route in &table {
            assert!(
                seen.insert((route.method.as_str(), route.path)),
                "{} {} stands there twice",
                route.method,
                route.path
            );
        }
        let open: Vec<_> = table.iter().filter(|route| route.guard == Guard::Anyone).map(|route| route.path).collect();
        for path in open {
            let meant = ["/", "/sign-in", "/sign-out", "/language", "/enrol/link", "/help"];
            assert!(
                meant.iter().any(|open| path == *open || path.starts_with(&format!("{open}/")) && *open != "/"),
                "{path} is open to anybody"
            );
        }
    }
}
