//! Requests under way and answers given, so that a resend costs nobody a second prompt or a second code (RFC 5080 §2.2.2).
//!
//! A request is known by where it came from, where it came to and its identifier. The same authenticator makes it a resend;
//! another one, a new request in the place of the old: its sender has given that up.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::telemetry::metrics::{self, Gauge};

/// Which request. Addresses as IPv6, so that one form is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    from: (u128, u16),
    to: (u128, u16),
    identifier: u8,
}

impl Key {
    pub fn new(from: SocketAddr, to: SocketAddr, identifier: u8) -> Self {
        let bits = |address: SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            };
            (Ipv6Addr::to_bits(ip), address.port())
        };
        Self { from: bits(from), to: bits(to), identifier }
    }
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Never,
    /// It is being decided; whoever asks again waits for that one answer.
    Waiting,
    Answered(Bytes),
}

/// The requests of a door. Cheap to clone.
#[derive(Clone)]
pub struct Answers(Arc<Shared>);

struct Shared {
    known: Mutex<Known>,
    bounds: Bounds,
    under_way: Gauge,
}

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub waiting: usize,
    pub kept_for: Duration,
    /// For stored answers, what it takes to find them included.
    pub bytes: usize,
}

#[derive(Default)]
struct Known {
    requests: HashMap<Key, Request>,
    /// Stored answers, oldest first. One that has been replaced meanwhile is passed over.
    stored: VecDeque<(Instant, Key, [u8; 16])>,
    bytes: usize,
    waiting: usize,
}

struct Request {
    authenticator: [u8; 16],
    /// `None` while it is decided.
    answer: Option<Bytes>,
}

/// What a stored answer takes beside its bytes: its places in the map and the queue.
const OVERHEAD: usize = 256;

impl Answers {
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared { known: Mutex::default(), bounds, under_way: metrics::radius_under_way() }))
    }

    /// Has this very request been seen?
    pub fn look(&self, key: &Key, authenticator: &[u8; 16], now: Instant) -> Seen {
        let mut known = self.0.known();
        known.expire(now, &self.0.bounds);
        match known.requests.get(key).filter(|request| request.authenticator == *authenticator) {
            None => Seen::Never,
            Some(Request { answer: None, .. }) => Seen::Waiting,
            Some(Request { answer: Some(answer), .. }) => Seen::Answered(answer.clone()),
        }
    }

    /// Begins one that was never seen; `None` if too many are under way.
    pub fn begin(&self, key: Key, authenticator: [u8; 16]) -> Option<Pending> {
        let mut known = self.0.known();
        if known.waiting >= self.0.bounds.waiting {
            return None;
        }
        known.waiting += 1;
        if let Some(Request { answer: Some(before), .. }) =
            known.requests.insert(key, Request { authenticator, answer: None })
        {
            known.bytes = known.bytes.saturating_sub(before.len() + OVERHEAD);
        }
        drop(known);
        self.0.under_way.increment(1.0);
        Some(Pending { answers: self.clone(), key, authenticator })
    }

    #[cfg(test)]
    fn counts(&self) -> (usize, usize, usize, usize) {
        let known = self.0.known();
        (known.requests.len(), known.stored.len(), known.waiting, known.bytes)
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn expire(&mut self, now: Instant, bounds: &Bounds) {
        while let Some((stored, key, authenticator)) = self.stored.front().copied() {
            if self.bytes <= bounds.bytes && now.duration_since(stored) < bounds.kept_for {
                return;
            }
            self.stored.pop_front();
            self.forget(key, authenticator);
        }
    }

    /// Drops a stored answer, if this one is still there.
    fn forget(&mut self, key: Key, authenticator: [u8; 16]) {
        if let Entry::Occupied(found) = self.requests.entry(key)
            && found.get().authenticator == authenticator
            && let Some(answer) = &found.get().answer
        {
            self.bytes = self.bytes.saturating_sub(answer.len() + OVERHEAD);
            found.remove();
        }
    }
}

/// A request that is being decided. Dropped without an answer it was never here, and a resend begins anew.
pub struct Pending {
    answers: Answers,
    key: Key,
    authenticator: [u8; 16],
}

impl Pending {
    /// Stores the answer. False if its sender has put another request in its place meanwhile: then nobody waits for it.
    pub fn answered(self, answer: &Bytes, now: Instant) -> bool {
        let shared = &self.answers.0;
        let mut known = shared.known();
        let Some(request) = known.requests.get_mut(&self.key) else { return false };
        if request.authenticator != self.authenticator {
            return false;
        }
        request.answer = Some(answer.clone());
        known.bytes += answer.len() + OVERHEAD;
        known.stored.push_back((now, self.key, self.authenticator));
        known.expire(now, &shared.bounds);
        true
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut known = self.answers.0.known();
        known.waiting = known.waiting.saturating_sub(1);
        self.answers.0.under_way.decrement(1.0);
        if let Entry::Occupied(found) = known.requests.entry(self.key)
            && found.get().authenticator == self.authenticator
            && found.get().answer.is_none()
        {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Duration = Duration::from_secs(30);

    fn answers(waiting: usize, bytes: usize) -> Answers {
        Answers::new(Bounds { waiting, kept_for: KEPT, bytes })
    }

    fn key(port: u16, identifier: u8) -> Key {
        Key::new(SocketAddr::from(([192, 0, 2, 1], port)), SocketAddr::from(([192, 0, 2, 9], 1812)), identifier)
    }

    const ONE: [u8; 16] = [1; 16];
    const OTHER: [u8; 16] = [2; 16];

    #[test]
    fn a_resend_waits_and_then_gets_the_same_bytes_until_they_run_out() {
        let (answers, now, key) = (answers(9, 1 << 20), Instant::now(), key(5000, 7));
        assert_eq!(answers.look(&key, &ONE, now), Seen::Never);
        let pending = answers.begin(key, ONE).unwrap();
        assert_eq!(answers.look(&key, &ONE, now), Seen::Waiting);
        let reply = Bytes::from_static(b"reply");
        assert!(pending.answered(&reply, now));
        assert_eq!(answers.look(&key, &ONE, now + KEPT / 2), Seen::Answered(reply));
        assert_eq!(answers.look(&key, &ONE, now + KEPT), Seen::Never);
        assert_eq!(answers.counts(), (0, 0, 0, 0), "nothing is left");
    }

    #[test]
    fn another_sender_port_identifier_or_authenticator_is_another_request() {
        let (answers, now) = (answers(9, 1 << 20), Instant::now());
        let _pending = answers.begin(key(5000, 7), ONE).unwrap();
        for (key, authenticator) in [(key(5001, 7), ONE), (key(5000, 8), ONE), (key(5000, 7), OTHER)] {
            assert_eq!(answers.look(&key, &authenticator, now), Seen::Never);
        }
        let over_ipv6 =
            Key::new("[::ffff:192.0.2.1]:5000".parse().unwrap(), "[::ffff:192.0.2.9]:1812".parse().unwrap(), 7);
        assert_eq!(answers.look(&over_ipv6, &ONE, now), Seen::Waiting, "one address in two forms");
    }

    #[test]
    fn a_new_request_takes_the_place_of_the_old_one_whose_answer_nobody_waits_for() {
        let (answers, now, key) = (answers(9, 1 << 20), Instant::now(), key(5000, 7));
        let old = answers.begin(key, ONE).unwrap();
        let new = answers.begin(key, OTHER).unwrap();
        assert!(!old.answered(&Bytes::from_static(b"old"), now));
        assert_eq!(answers.look(&key, &OTHER, now), Seen::Waiting);
        assert!(new.answered(&Bytes::from_static(b"new"), now));
        assert_eq!(answers.look(&key, &OTHER, now), Seen::Answered(Bytes::from_static(b"new")));
        let newest = answers.begin(key, ONE).unwrap();
        assert_eq!(answers.counts().3, 0, "the replaced answer is not counted any more");
        assert!(newest.answered(&Bytes::from_static(b"newest"), now));
        assert_eq!(answers.look(&key, &ONE, now + KEPT / 2), Seen::Answered(Bytes::from_static(b"newest")));
    }

    #[test]
    fn a_request_that_nobody_could_decide_is_begun_anew_by_its_resend() {
        let (answers, now, key) = (answers(9, 1 << 20), Instant::now(), key(5000, 7));
        drop(answers.begin(key, ONE).unwrap());
        assert_eq!(answers.look(&key, &ONE, now), Seen::Never);
        assert_eq!(answers.counts(), (0, 0, 0, 0));
    }

    #[test]
    fn no_more_requests_are_under_way_than_there_are_places() {
        let answers = answers(2, 1 << 20);
        let first = answers.begin(key(1, 1), ONE).unwrap();
        let _second = answers.begin(key(2, 1), ONE).unwrap();
        assert!(answers.begin(key(3, 1), ONE).is_none());
        drop(first);
        assert!(answers.begin(key(3, 1), ONE).is_some());
    }

    #[test]
    fn stored_answers_take_bounded_memory_and_the_oldest_go_first() {
        let (answers, now) = (answers(9, 4 * OVERHEAD), Instant::now());
        let reply = Bytes::from_static(b"a reply of some length");
        for identifier in 0..100 {
            assert!(answers.begin(key(5000, identifier), ONE).unwrap().answered(&reply, now));
        }
        assert_eq!(answers.look(&key(5000, 0), &ONE, now), Seen::Never);
        assert_eq!(answers.look(&key(5000, 99), &ONE, now), Seen::Answered(reply));
        let (requests, stored, waiting, bytes) = answers.counts();
        assert!(requests == stored && stored < 5 && waiting == 0 && bytes <= 4 * OVERHEAD);
    }
}
