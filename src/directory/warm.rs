//! A few connections to a server that are open but were never bound, so that a sign-in does not wait for TCP and TLS.
//! They follow demand: none while nobody signs in, more when they run out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::peer::Peer;
use super::upstream::UpstreamStream;

const FEWEST: usize = 2;
const MOST: usize = 32;
/// Opened at the same time, at most.
const OPENING: usize = 16;
/// Unused for longer, a connection is closed: directories drop idle ones too, and less politely.
const IDLE: Duration = Duration::from_mins(1);
const AGEING: Duration = Duration::from_secs(10);

pub struct Warm {
    pool: Mutex<Pool>,
    taken: Notify,
}

struct Pool {
    /// Oldest first, and taken in that order, so that under steady use none grows old.
    idle: VecDeque<(UpstreamStream, Instant)>,
    /// How many to keep ready.
    target: usize,
    /// The fewest that were left after a take since the last ageing.
    spare: usize,
}

impl Warm {
    pub fn new() -> Self {
        let pool = Pool { idle: VecDeque::new(), target: FEWEST, spare: 0 };
        Self { pool: Mutex::new(pool), taken: Notify::new() }
    }

    /// A connection that was open a moment ago. Asks for the refill.
    pub fn take(&self) -> Option<UpstreamStream> {
        let found = loop {
            let Some((mut stream, _)) = self.lock().idle.pop_front() else { break None };
            if is_quiet(&mut stream) {
                break Some(stream);
            }
        };
        {
            let mut pool = self.lock();
            pool.spare = pool.spare.min(pool.idle.len());
            if found.is_none() {
                pool.target = (pool.target * 2).min(MOST);
            }
        }
        self.taken.notify_one();
        found
    }

    /// Drops all of them.
    pub fn clear(&self) {
        let dropped = std::mem::take(&mut self.lock().idle);
        drop(dropped);
    }

    fn put(&self, stream: UpstreamStream) {
        self.lock().idle.push_back((stream, Instant::now()));
    }

    fn lacks(&self, opening: usize) -> bool {
        let pool = self.lock();
        pool.idle.len() + opening < pool.target
    }

    fn is_empty(&self) -> bool {
        self.lock().idle.is_empty()
    }

    /// Drops what is old or no longer quiet, and halves the target where half was never needed.
    fn age(&self) {
        let mut pool = self.lock();
        let now = Instant::now();
        pool.idle.retain_mut(|(stream, since)| now.duration_since(*since) < IDLE && is_quiet(stream));
        if pool.spare > pool.target / 2 {
            pool.target = (pool.target / 2).max(FEWEST);
        }
        pool.spare = pool.idle.len();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing to read: neither an end nor a word nobody asked for. A TLS stream takes in session tickets on the way.
fn is_quiet(stream: &mut UpstreamStream) -> bool {
    let mut byte = [0_u8; 1];
    stream.read(&mut byte).now_or_never().is_none()
}

/// Refills after takes and ages, until stopped.
pub async fn keep_warm(peer: Arc<Peer>, stop: CancellationToken) {
    let mut opening = FuturesUnordered::new();
    let mut ageing = interval(AGEING);
    ageing.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refill = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = peer.warm.taken.notified() => refill = true,
            _ = ageing.tick(), if !peer.warm.is_empty() => peer.warm.age(),
            Some(opened) = opening.next() => match opened {
                Ok(stream) => peer.warm.put(stream),
                Err(fault) => {
                    peer.blame(&fault);
                    refill = false;
                }
            },
        }
        while refill && peer.is_up() && opening.len() < OPENING && peer.warm.lacks(opening.len()) {
            opening.push(peer.connect(Instant::now() + peer.connect_timeout));
        }
    }
}
