//! The client of RADIUS servers behind us, against real ones and against servers that lie, stall and vanish.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod mschap_vectors;
mod real_server;

#[path = "../support/mod.rs"]
mod support;
