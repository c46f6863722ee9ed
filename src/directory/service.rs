//! The shared connections that searches go through: bound once as our own account, kept open, many searches at a time
//! on each. One task owns a connection; whoever asks hands it an encoded request and waits for the whole result.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;

use super::bind::{self, Verdict};
use super::client::{Shared, Tries};
use super::fault::{DirectoryFault, FAIR_WAIT, Step};
use super::health::{FIRST_PAUSE, LONGEST_PAUSE};
use super::peer::Peer;
use super::search::{Answers, Found, MAX_RESULT_BYTES, Progress, Search};
use super::upstream::UpstreamStream;
use crate::wire::frame::{self, Frame};
use crate::wire::message;

/// Two, so that one slow answer or one lost connection does not hold up everybody.
const CONNECTIONS: usize = 2;
/// Searches handed over but not yet taken by a connection's task, and searches under way on it.
const QUEUE: usize = 256;
const UNDER_WAY: usize = 256;
/// Requests encoded but not yet sent, in bytes; above it no more are taken.
const OUTPUT: usize = 256 * 1024;
/// How late a time-out may be noticed.
const SWEEP: Duration = Duration::from_millis(100);
const READ: usize = 16 * 1024;

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
struct Ids(AtomicU32);

impl Ids {
    fn next(&self) -> u32 {
        (self.0.fetch_add(1, Ordering::Relaxed) & i32::MAX.cast_unsigned()).max(1)
    }
}

struct Job {
    id: u32,
    request: Vec<u8>,
    answers: Answers,
    deadline: Instant,
    limit: Duration,
    reply: oneshot::Sender<Result<Found, DirectoryFault>>,
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
        // The task notices a time-out itself and knows the server; this only guards against a task that is not run.
        match timeout_at(deadline + SWEEP * 10, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

impl Driver {
    /// Connects when there is something to ask, serves the connection until it is lost, and again, until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let work = async {
            let mut pause = Pause::default();
            let mut batch = Vec::with_capacity(64);
            // What a lost connection left in the batch comes first.
            while !batch.is_empty() || self.jobs.recv_many(&mut batch, UNDER_WAY).await > 0 {
                batch.retain(|job| !job.reply.is_closed() && job.deadline > Instant::now());
                let Some(deadline) = batch.iter().map(|job| job.deadline).max() else { continue };
                let opened = match pause.refusal() {
                    Some(fault) => Err(fault),
                    None => open(&self.shared, deadline).await,
                };
                match opened {
                    Ok((peer, stream)) => {
                        pause = Pause::default();
                        let mut line = Line::new(&self.shared, &self.ids, peer, stream);
                        line.take(&mut batch);
                        line.serve(&mut self.jobs, &mut batch).await;
                    }
                    Err(fault) => {
                        pause.note(&fault);
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

/// Keeps a wrong password of ours from being tried on every search: that would lock our own account.
#[derive(Default)]
struct Pause {
    refused: Option<(DirectoryFault, Instant)>,
    length: Duration,
}

impl Pause {
    fn refusal(&self) -> Option<DirectoryFault> {
        self.refused.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(fault, _)| fault.clone())
    }

    fn note(&mut self, fault: &DirectoryFault) {
        if matches!(fault, DirectoryFault::ServiceBind { .. }) && self.refusal().is_none() {
            self.length = (self.length * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.refused = Some((fault.clone(), Instant::now() + self.length));
        }
    }
}

/// A connection bound as our own account, or bound as nobody if there is none.
pub async fn open(shared: &Shared, deadline: Instant) -> Result<(Arc<Peer>, UpstreamStream), DirectoryFault> {
    let mut tries = Tries::new(shared, deadline);
    while let Some((peer, until)) = tries.next() {
        match open_on(shared, peer, until).await {
            Ok(stream) => {
                peer.answered();
                return Ok((Arc::clone(peer), stream));
            }
            Err(fault) => tries.failed(peer, fault)?,
        }
    }
    Err(tries.exhausted())
}

async fn open_on(shared: &Shared, peer: &Peer, until: Instant) -> Result<UpstreamStream, DirectoryFault> {
    let stream = peer.connect(until).await?;
    bind_as_ourselves(shared, peer, stream, until).await
}

/// Binds as our own account with message id 1; without such an account the connection stays nobody's.
pub async fn bind_as_ourselves(
    shared: &Shared,
    peer: &Peer,
    stream: UpstreamStream,
    until: Instant,
) -> Result<UpstreamStream, DirectoryFault> {
    const ID: u32 = 1;
    let directory = &shared.directory;
    if directory.bind_dn.is_empty() {
        return Ok(stream);
    }
    let request = message::bind_request(ID, &directory.bind_dn, &directory.bind_password, &[]);
    match bind::exchange(peer, stream, ID, &request, until).await? {
        Verdict::Accepted { upstream, .. } if upstream.leftover.is_empty() => Ok(upstream.stream),
        Verdict::Accepted { .. } => Err(DirectoryFault::Protocol {
            server: peer.server.clone(),
            what: "it says more than it was asked after the bind".to_owned(),
        }),
        Verdict::Refused { code, diagnostic, .. } => {
            Err(DirectoryFault::ServiceBind { server: peer.server.clone(), code, diagnostic })
        }
    }
}

/// One shared connection and what is under way on it.
struct Line<'a> {
    shared: &'a Shared,
    ids: &'a Ids,
    peer: Arc<Peer>,
    stream: UpstreamStream,
    input: BytesMut,
    output: BytesMut,
    flushed: bool,
    under_way: HashMap<u32, UnderWay>,
    last_read: Instant,
    sweep: Interval,
}

struct UnderWay {
    answers: Answers,
    sent: Instant,
    deadline: Instant,
    limit: Duration,
    reply: oneshot::Sender<Result<Found, DirectoryFault>>,
}

enum Event {
    Jobs,
    /// Nobody can ask any more.
    NoMoreJobs,
    Read,
    Sweep,
    Lost(DirectoryFault),
}

impl<'a> Line<'a> {
    fn new(shared: &'a Shared, ids: &'a Ids, peer: Arc<Peer>, stream: UpstreamStream) -> Self {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            shared,
            ids,
            peer,
            stream,
            input: BytesMut::with_capacity(READ),
            output: BytesMut::with_capacity(READ),
            flushed: true,
            under_way: HashMap::new(),
            last_read: Instant::now(),
            sweep,
        }
    }

    /// Until the connection is lost or better given up; what it leaves in `batch` wants another connection.
    async fn serve(&mut self, jobs: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) {
        loop {
            let fault = match std::future::poll_fn(|cx| self.poll(cx, jobs, batch)).await {
                Event::Jobs => {
                    if let Some(fault) = self.better_elsewhere() {
                        return self.leave(&fault);
                    }
                    self.take(batch);
                    continue;
                }
                Event::NoMoreJobs => return,
                Event::Read => match self.read() {
                    Ok(()) => continue,
                    Err(fault) => fault,
                },
                Event::Sweep => match self.expire() {
                    Ok(()) => continue,
                    Err(fault) => fault,
                },
                Event::Lost(fault) => fault,
            };
            // Directories close idle connections; that is no fault.
            if !self.under_way.is_empty() || !matches!(fault, DirectoryFault::Closed { .. }) {
                self.peer.blame(&fault);
            }
            return self.leave(&fault);
        }
    }

    fn leave(&mut self, fault: &DirectoryFault) {
        for (_, search) in self.under_way.drain() {
            // Whoever asked may have gone away meanwhile.
            let _ = search.reply.send(Err(fault.clone()));
        }
    }

    /// Takes requests before writing, and writes before reading, so that one write carries all that is queued.
    fn poll(&mut self, cx: &mut Context<'_>, jobs: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) -> Poll<Event> {
        let room = UNDER_WAY.saturating_sub(self.under_way.len()).min(64);
        if room > 0 && self.output.len() < OUTPUT {
            match jobs.poll_recv_many(cx, batch, room) {
                Poll::Ready(0) => return Poll::Ready(Event::NoMoreJobs),
                Poll::Ready(_) => return Poll::Ready(Event::Jobs),
                Poll::Pending => {}
            }
        }
        while !self.output.is_empty() {
            match pin!(self.stream.write_buf(&mut self.output)).poll(cx) {
                Poll::Ready(Ok(1..)) => self.flushed = false,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Event::Lost(self.closed())),
                Poll::Pending => break,
            }
        }
        if !self.flushed {
            match std::pin::Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Lost(self.closed())),
                Poll::Pending => {}
            }
        }
        match pin!(self.stream.read_buf(&mut self.input)).poll(cx) {
            Poll::Ready(Ok(1..)) => return Poll::Ready(Event::Read),
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Event::Lost(self.closed())),
            Poll::Pending => {}
        }
        if !self.under_way.is_empty() && self.sweep.poll_tick(cx).is_ready() {
            return Poll::Ready(Event::Sweep);
        }
        Poll::Pending
    }

    fn take(&mut self, batch: &mut Vec<Job>) {
        let now = Instant::now();
        for job in batch.drain(..) {
            let Job { id, request, answers, deadline, limit, reply } = job;
            if reply.is_closed() || self.under_way.contains_key(&id) {
                continue;
            }
            self.output.extend_from_slice(&request);
            self.under_way.insert(id, UnderWay { answers, sent: now, deadline, limit, reply });
        }
    }

    fn read(&mut self) -> Result<(), DirectoryFault> {
        self.last_read = Instant::now();
        loop {
            let frame = frame::split(&mut self.input, MAX_RESULT_BYTES).map_err(|fault| self.protocol(&fault))?;
            let Some(frame) = frame else { break };
            self.answer(&frame)?;
        }
        if self.input.capacity() - self.input.len() < READ / 4 {
            self.input.reserve(READ);
        }
        Ok(())
    }

    fn answer(&mut self, frame: &Frame) -> Result<(), DirectoryFault> {
        let id = frame.message_id();
        if id == 0 {
            return Err(self.protocol(&"it ends the connection with a notice"));
        }
        // What has been abandoned may still be answered for a while (RFC 4511 §4.11).
        let Some(search) = self.under_way.get_mut(&id) else { return Ok(()) };
        match search.answers.take(frame, &self.peer.server) {
            Progress::More => {}
            Progress::Broken(what) => return Err(self.protocol(&what)),
            Progress::Done(result) => {
                let cut_short = matches!(result, Err(DirectoryFault::Incomplete { .. }));
                if let Some(search) = self.under_way.remove(&id) {
                    self.peer.answered();
                    let _ = search.reply.send(result);
                }
                if cut_short && frame.op() != frame::op::SEARCH_DONE {
                    self.abandon(id);
                }
            }
        }
        Ok(())
    }

    /// Ends what has no time left or nobody waiting for it. If the server has said nothing at all since the request,
    /// it is the connection that is dead, not the search that is slow.
    fn expire(&mut self) -> Result<(), DirectoryFault> {
        let now = Instant::now();
        let over = |search: &UnderWay| search.reply.is_closed() || search.deadline <= now;
        let ended: Vec<u32> = self.under_way.iter().filter(|(_, search)| over(search)).map(|(id, _)| *id).collect();
        let mut dead = None;
        for id in ended {
            let Some(search) = self.under_way.remove(&id) else { continue };
            self.abandon(id);
            if search.deadline > now {
                continue;
            }
            let server = self.peer.server.clone();
            let fault = DirectoryFault::Timeout { server, step: Step::Search, limit: search.limit };
            if self.last_read < search.sent && now.duration_since(search.sent) >= FAIR_WAIT {
                self.peer.blame(&fault);
                dead = Some(fault.clone());
            }
            let _ = search.reply.send(Err(fault));
        }
        dead.map_or(Ok(()), Err)
    }

    fn abandon(&mut self, id: u32) {
        self.output.extend_from_slice(&message::abandon_request(self.ids.next(), id));
    }

    /// The fault to give up this connection with, if there is a better server for what is asked now.
    fn better_elsewhere(&self) -> Option<DirectoryFault> {
        let best = self.shared.peers.iter().find(|peer| peer.is_up())?;
        if Arc::ptr_eq(best, &self.peer) {
            return None;
        }
        let idle = self.under_way.is_empty();
        let dead = self.peer.went_down_after(self.last_read);
        (idle || dead).then(|| self.closed())
    }

    fn closed(&self) -> DirectoryFault {
        DirectoryFault::Closed { server: self.peer.server.clone(), step: Step::Search }
    }

    fn protocol(&self, what: &dyn std::fmt::Display) -> DirectoryFault {
        DirectoryFault::Protocol { server: self.peer.server.clone(), what: what.to_string() }
    }
}
