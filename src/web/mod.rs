//! HTTP: the portal's pages, and the management listener on a port of its own.
//!
//! A request's way: `listener` (TLS, limits) → `dress` (host, source, what went wrong, headers) → `guard` (session, CSRF; the
//! one table is `routes`) → a handler in `portal/`, which answers with a page of `templates/` or a [`Problem`].

mod assets;
mod cookie;
mod dress;
mod fields;
mod guard;
mod house;
mod listener;
pub mod management;
mod page;
mod portal;
mod problem;
mod qr;
pub mod routes;
mod visit;

pub use house::House;
pub use listener::{Door, ListenFault};
