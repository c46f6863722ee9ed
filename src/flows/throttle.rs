//! What a source may cause in a minute: denials, above all. A source over its budget is turned away before the directory is asked, so
//! that nobody guesses passwords through us at speed (R15: the key is the peer's address, nothing a client can choose).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);
/// Sources remembered at once; past that, new ones are not counted, so that strangers cannot fill the memory.
const SOURCES: usize = 65_536;

/// Counts by source, a minute at a time. Who has an IPv6 network has all addresses of its /64: they count as one.
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
        let count = counts.get(&network(source));
        count.is_some_and(|(since, count)| now.duration_since(*since) < MINUTE && *count >= self.per_minute)
    }

    /// One more.
    pub fn count(&self, source: IpAddr, now: Instant) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= SOURCES {
            counts.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
        }
        if counts.len() >= SOURCES && !counts.contains_key(&network(source)) {
            return;
        }
        let (since, count) = counts.entry(network(source)).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64.
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
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
        let [here, there] = ["2001:db8::1", "2001:db8::ffff:1"].map(|address| address.parse().unwrap());
        for _ in 0..3 {
            throttle.count(here, start);
        }
        assert!(throttle.is_over(there, start), "another address of the same network");
        assert!(!throttle.is_over(bad, start + MINUTE));
    }
}
