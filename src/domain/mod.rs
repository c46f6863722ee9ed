//! Decisions, and the words they are made in. Pure: no clock, no randomness, no I/O, no async.

pub mod activation;
pub mod attempts;
pub mod audit;
pub mod challenge;
pub mod client;
pub mod crockford;
pub mod cursor;
pub mod dialog;
pub mod directory;
pub mod directory_diff;
pub mod dn;
pub mod factor;
pub mod gateway;
pub mod group_tree;
pub mod history;
pub mod ids;
pub mod judgement;
pub mod label;
pub mod mac;
pub mod mail;
pub mod name;
pub mod offered;
pub mod otp;
pub mod outcome;
pub mod passkey;
pub mod people_file;
pub mod phone;
pub mod pin;
pub mod policy;
pub mod portal;
pub mod questions;
pub mod radius;
pub mod secret;
pub mod session;
pub mod sid;
pub mod sign_in;
pub mod sync;
pub mod token_file;
pub mod user;
pub mod ways;

#[cfg(test)]
pub(crate) mod fixture;
