//! The embedded PostgreSQL, and backup and restore, against real servers in directories of their own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backup;
mod fixture;
mod server;
