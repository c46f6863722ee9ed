//! Who waits for which challenge. One LISTEN connection feeds all waiters of the process; a wait itself holds no
//! connection, no thread and no lock. When the LISTEN connection was lost, the waiting rows are read again: a NOTIFY
//! sent meanwhile is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::{Store, StoreFault, challenges, snapshot};
use crate::domain::challenge::Status;
use crate::domain::ids::ChallengeId;

#[derive(Default)]
struct Waiters(HashMap<Uuid, Vec<oneshot::Sender<Status>>>);

/// The process's waiters. Cheap to clone.
#[derive(Clone, Default)]
pub struct Waits {
    waiters: Arc<Mutex<Waiters>>,
}

/// A place in the queue for one challenge's answer; leaving it drops the place.
pub struct Wait {
    waits: Waits,
    id: ChallengeId,
    pub answer: oneshot::Receiver<Status>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        // Closed first, so that this place is among those that are forgotten.
        self.answer.close();
        self.waits.forget(self.id);
    }
}

impl Waits {
    /// Register before the challenge can be answered, or look at its row once more afterwards.
    pub fn register(&self, id: ChallengeId) -> Wait {
        let (sender, answer) = oneshot::channel();
        self.with(|waiters| waiters.0.entry(id.0).or_default().push(sender));
        Wait { waits: self.clone(), id, answer }
    }

    fn forget(&self, id: ChallengeId) {
        self.with(|waiters| {
            if let Some(senders) = waiters.0.get_mut(&id.0) {
                senders.retain(|sender| !sender.is_closed());
                if senders.is_empty() {
                    waiters.0.remove(&id.0);
                }
            }
        });
    }

    /// Sign-ins that wait in this process.
    pub fn count(&self) -> usize {
        self.with(|waiters| waiters.0.values().map(Vec::len).sum())
    }

    fn answer(&self, id: ChallengeId, status: Status) {
        let senders = self.with(|waiters| waiters.0.remove(&id.0)).unwrap_or_default();
        for sender in senders {
            // A waiter that left meanwhile needs no answer.
            let _ = sender.send(status);
        }
    }

    fn waited_for(&self) -> Vec<Uuid> {
        self.with(|waiters| waiters.0.keys().copied().collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Waiters) -> T) -> T {
        act(&mut self.waiters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long a LISTEN connection may be silent before it is asked whether it still lives.
const PROBE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(500);
/// Answers read in one look at the table.
const AT_ONCE: usize = 1_000;

/// What the listener sees of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Up,
    /// NOTIFY does not arrive; the policy in memory may be old.
    Down,
}

/// Listens until the process stops: wakes waiters, and says when the policy changed or the link came or went.
pub async fn listen(store: Store, waits: Waits, link: watch::Sender<Link>, policy_changed: impl Fn() + Send) {
    loop {
        let ended = listen_once(&store, &waits, &link, &policy_changed).await;
        link.send_replace(Link::Down);
        if let Err(fault) = ended {
            tracing::warn!(fault = %fault, "not hearing from the database; retrying");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn listen_once(
    store: &Store,
    waits: &Waits,
    link: &watch::Sender<Link>,
    policy_changed: &(impl Fn() + Send),
) -> Result<(), StoreFault> {
    let mut listener = PgListener::connect_with(&store.pool).await?;
    // Without this a lost connection would be replaced silently and its notifications missed.
    listener.eager_reconnect(false);
    listener.listen_all([challenges::CHANNEL, snapshot::CHANNEL]).await?;
    // Whatever was said before we listened.
    policy_changed();
    reread(store, waits, waits.waited_for()).await?;
    link.send_replace(Link::Up);
    loop {
        let Ok(heard) = tokio::time::timeout(PROBE, listener.try_recv()).await else {
            tokio::time::timeout(PROBE, sqlx::query("select 1").execute(&mut listener))
                .await
                .map_err(|_| StoreFault::Unreachable(sqlx::Error::PoolTimedOut))??;
            continue;
        };
        let Some(first) = heard? else { return Ok(()) };
        let mut answered = vec![];
        let mut next = Some(first);
        while let Some(notification) = next {
            if notification.channel() == snapshot::CHANNEL {
                policy_changed();
            } else if let Ok(id) = notification.payload().parse() {
                answered.push(id);
            }
            next = if answered.len() < AT_ONCE { listener.next_buffered() } else { None };
        }
        reread(store, waits, answered).await?;
    }
}

/// The row, not the notification, says how a challenge was answered.
async fn reread(store: &Store, waits: &Waits, ids: Vec<Uuid>) -> Result<(), StoreFault> {
    let ours: Vec<Uuid> = waits.with(|waiters| ids.into_iter().filter(|id| waiters.0.contains_key(id)).collect());
    for ids in ours.chunks(AT_ONCE) {
        for (id, status) in store.challenge_statuses(ids).await? {
            if status != Status::Waiting {
                waits.answer(id, status);
            }
        }
    }
    Ok(())
}
