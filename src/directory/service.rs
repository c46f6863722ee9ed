//! The shared connections that searches go through: bound once as our own account, kept open, many searches at a time
//! on each. One task owns a connection; whoever asks hands it an encoded request and waits for the whole result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::account;
use super::client::Shared;
use super::fault::DirectoryFault;
use super::line::{Line, SWEEP, UNDER_WAY};
use super::search::{Answers, Found, Search};

/// Two, so that one slow answer or one lost connection does not hold up everybody.
const CONNECTIONS: usize = 2;
/// Searches handed over but not yet taken by a connection's task.
const QUEUE: usize = 256;

/// The ways to the shared connections.
pub struct Service {
    lanes: [Lane; CONNECTIONS],
    next: AtomicUsize,
}

struct Lane {
    jobs: mpsc::Sender<Job>,
    ids: Arc<Ids>,
}

/// Message ids of one connection: 1 to 2³¹-1, round and round. None lives long enough to meet its number again.
pub struct Ids(AtomicU32);

impl Ids {
    pub fn next(&self) -> u32 {
        (self.0.fetch_add(1, Ordering::Relaxed) & i32::MAX.cast_unsigned()).max(1)
    }
}

/// A search on its way to a connection.
pub struct Job {
    pub id: u32,
    pub request: Vec<u8>,
    pub answers: Answers,
    pub deadline: Instant,
    /// How long the search was given, for the fault that says so.
    pub limit: Duration,
    pub reply: oneshot::Sender<Result<Found, DirectoryFault>>,
}

/// What a connection's task needs to be started with.
pub struct Driver {
    shared: Arc<Shared>,
    jobs: mpsc::Receiver<Job>,
    ids: Arc<Ids>,
}

impl Service {
    pub fn new(shared: &Arc<Shared>) -> (Self, [Driver; CONNECTIONS]) {
        let pair = || {
            let (sender, jobs) = mpsc::channel(QUEUE);
            let ids = Arc::new(Ids(AtomicU32::new(2)));
            (Lane { jobs: sender, ids: Arc::clone(&ids) }, Driver { shared: Arc::clone(shared), jobs, ids })
        };
        let ((first, one), (second, two)) = (pair(), pair());
        (Self { lanes: [first, second], next: AtomicUsize::new(0) }, [one, two])
    }

    /// The connection whose turn it is.
    pub fn turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS
    }

    /// Asks on one of the connections, numbered from 0 and counted round.
    pub async fn ask(
        &self,
        lane: usize,
        shared: &Shared,
        search: &Search<'_>,
        deadline: Instant,
    ) -> Result<Found, DirectoryFault> {
        let busy = || DirectoryFault::Busy { directory: shared.directory.name.clone(), limit: QUEUE };
        let lane = self.lanes.get(lane % CONNECTIONS).ok_or_else(busy)?;
        let limit = deadline.saturating_duration_since(Instant::now());
        let id = lane.ids.next();
        let request = search.request(limit.as_secs() + 1, &[]).encode(id);
        let answers = Answers::new(search, shared.directory.kind);
        let (reply, answer) = oneshot::channel();
        let job = Job { id, request, answers, deadline, limit, reply };
        match timeout_at(deadline, lane.jobs.send(job)).await {
            Ok(Ok(())) => {}
            // Full until the deadline, or the task has been stopped.
            Ok(Err(_)) | Err(_) => return Err(busy()),
        }
        // The task notices a time-out itself and knows the server, unless it is still connecting for somebody with
        // more time.
        timeout_at(deadline + SWEEP * 2, answer).await.ok().and_then(Result::ok).unwrap_or_else(|| {
            let last = format!("no connection for searches was ready within {limit:?}");
            Err(DirectoryFault::AllDown { directory: shared.directory.name.clone(), last })
        })
    }
}

impl Driver {
    /// Connects when there is something to ask, serves the connection until it is lost, and again, until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            let mut batch = Vec::with_capacity(64);
            // What a lost connection left in the batch comes first.
            while !batch.is_empty() || self.jobs.recv_many(&mut batch, UNDER_WAY).await > 0 {
                batch.retain(|job| !job.reply.is_closed() && job.deadline > Instant::now());
                let Some(deadline) = batch.iter().map(|job| job.deadline).max() else { continue };
                match account::open(&self.shared, deadline).await {
                    Ok((peer, stream)) => {
                        let mut line = Line::new(&self.shared, &self.ids, peer, stream);
                        line.take(&mut batch);
                        line.serve(&mut self.jobs, &mut batch).await;
                    }
                    Err(fault) => {
                        for job in batch.drain(..) {
                            // Whoever asked may have gone away meanwhile.
                            let _ = job.reply.send(Err(fault.clone()));
                        }
                    }
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }
}
