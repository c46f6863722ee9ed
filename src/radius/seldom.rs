//! Log lines that a stranger could ask for as often as they like: each once a minute for each sender.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);
/// Senders remembered at once. With more, the others wait for the minute to end.
const SENDERS: usize = 1_024;

/// What was said lately, about whom.
#[derive(Default)]
pub struct Seldom {
    said: Mutex<HashMap<(&'static str, IpAddr), Instant>>,
}

impl Seldom {
    /// May this be said of this sender now?
    pub fn may(&self, what: &'static str, sender: IpAddr, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (what, sender.to_canonical());
        let is_recent = |at: &Instant| now.duration_since(*at) < MINUTE;
        if said.get(&key).is_some_and(is_recent) {
            return false;
        }
        if said.len() >= SENDERS && !said.contains_key(&key) {
            said.retain(|_, at| is_recent(at));
            if said.len() >= SENDERS {
                return false;
            }
        }
        said.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_of_each_sender_once_a_minute() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        assert!(seldom.may("this", one, now));
        assert!(!seldom.may("this", one, now));
        assert!(!seldom.may("this", "::ffff:192.0.2.1".parse().unwrap(), now), "the same address over IPv6");
        assert!(seldom.may("that", one, now));
        assert!(seldom.may("this", other, now));
        assert!(seldom.may("this", one, now + MINUTE));
    }

    #[test]
    fn however_many_senders_there_are_they_take_bounded_memory() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        let senders = (0..5_000_u32).map(|number| IpAddr::from((0x0a00_0000 + number).to_be_bytes()));
        assert_eq!(senders.filter(|sender| seldom.may("this", *sender, now)).count(), SENDERS);
        assert!(seldom.may("this", IpAddr::from([192, 0, 2, 1]), now + MINUTE));
    }
}
