//! What tests of the whole appliance are arranged with: real directories, a real database, the real program, and an LDAP
//! client that can say things no well-behaved client says.
#![allow(dead_code, reason = "each test binary uses the part it needs")]

pub mod appliance;
pub mod authenticator;
pub mod browser;
pub mod eapol;
pub mod freeradius;
pub mod gate;
pub mod ldap;
pub mod mschap;
pub mod paged;
pub mod people;
pub mod portal;
pub mod postgres;
pub mod process;
pub mod radius;
pub mod scripted;
pub mod slapd;
pub mod smtp;
#[path = "../directory/stub.rs"]
pub mod stub;

use std::time::{Duration, Instant};

/// Longest wait for something that must happen: generous, since a busy machine must not fail a test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until it is so.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    while !is_so().await {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        looks.tick().await;
    }
}

/// The result of something that must end, unless it takes too long.
pub async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// A variable of the environment that the tests run in.
#[allow(clippy::disallowed_methods, reason = "what the tests run in is no configuration of the appliance")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
