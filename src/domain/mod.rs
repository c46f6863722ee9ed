//! Decisions, and the words they are made in. Pure: no clock, no randomness, no I/O, no async.

pub mod directory;
pub mod dn;
pub mod ids;
pub mod name;
pub mod otp;
pub mod secret;
