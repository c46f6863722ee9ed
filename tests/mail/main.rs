//! Mail: the outbox against a real mail server, with what mail servers do wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod events;
mod invitations;
mod outbox;
mod server;
mod world;
