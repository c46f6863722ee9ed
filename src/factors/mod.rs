//! Factors that need more than arithmetic: one file each. One-time codes are judged in [`crate::domain::judgement`],
//! under the user's lock.

pub mod app;
pub mod hashed;
pub mod passkey;
pub mod pin;
pub mod questions;
pub mod recovery;
