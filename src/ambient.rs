//! The two things the domain may not have: the time and chance. Everything above asks for them here, so that a test
//! can hold the clock still.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::Rng as _;
use uuid::Uuid;

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's own clock (UTC).
struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A handle on time and chance, cheap to clone.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
}

impl Ambient {
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock) }
    }

    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A UUIDv7 stamped with this clock's time.
    pub fn id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        let stamp = uuid::Timestamp::from_unix_time(seconds, nanos, 0, 0);
        let mut id = *Uuid::new_v7(stamp).as_bytes();
        // The counter bits carry no order here; chance fills all 74 of them.
        let chance: [u8; 10] = self.bytes();
        for (at, byte) in id.iter_mut().skip(6).zip(chance) {
            *at = byte;
        }
        id[6] = (id[6] & 0x0f) | 0x70;
        id[8] = (id[8] & 0x3f) | 0x80;
        Uuid::from_bytes(id)
    }

    /// Bytes from the operating system's generator by way of a thread-local CSPRNG.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0_u8; N];
        rand::rng().fill_bytes(&mut out);
        out
    }

    /// A number from 0 up to but not including `below`, without modulo bias.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    pub fn number(&self, below: u32) -> u32 {
        use rand::RngExt as _;
        rand::rng().random_range(0..below.max(1))
    }

    /// `span` from now; saturates at the end of time.
    pub fn after(&self, span: SignedDuration) -> Timestamp {
        self.now().saturating_add(span).unwrap_or(Timestamp::MAX)
    }
}
