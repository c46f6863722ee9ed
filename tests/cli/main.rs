//! The command line: the real program against a real database and a real directory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod answers;
mod audit;
mod backup;
mod clients;
mod directories;
mod factors;
mod fixture;
mod gateways;
mod keys;
mod mail;
mod people_files;
mod portal;
mod replies;
mod running;
mod upstreams;
mod users;

#[path = "../support/slapd.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod slapd;
