//! What a source may cause in a minute: denials, above all. A source over its budget is turned away before the directory is asked, so
//! that nobody guesses passwords through us at speed (R15: the key is the peer's address, nothing a client can choose).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);
/// Sources remembered at once. Only addresses of known clients get here, so this is a matter of very wide networks.
const SOURCES: usize = 65_536;

/// Counts by source, a minute at a time.
pub struct Throttle {
    per_minute: u32,
    counts: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Throttle {
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, counts: Mutex::default() }
    }

    /// Has this source used up its minute?
    pub fn is_over(&self, source: IpAddr, now: Instant) -> bool {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&source.to_canonical());
        count.is_some_and(|(since, count)| now.duration_since(*since) < MINUTE && *count >= self.per_minute)
    }

    /// One more.
    pub fn count(&self, source: IpAddr, now: Instant) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= SOURCES {
            counts.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
        }
        let (since, count) = counts.entry(source.to_canonical()).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_over_its_budget_waits_for_the_minute_to_end_and_others_do_not() {
        let throttle = Throttle::new(3);
        let start = Instant::now();
        let (bad, good) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..3 {
            assert!(!throttle.is_over(bad, start));
            throttle.count(bad, start);
        }
        assert!(throttle.is_over(bad, start));
        assert!(throttle.is_over("::ffff:192.0.2.1".parse().unwrap(), start), "the same address over IPv6");
        assert!(!throttle.is_over(good, start));
        assert!(!throttle.is_over(bad, start + MINUTE));
    }
}
