//! The whole appliance over real sockets: real directories, real clients, the real program. The list of files is the
//! coverage matrix.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod audit_trail;
mod binds;
mod outage;
mod replicas;
mod secrets;

#[path = "../support/mod.rs"]
mod support;
