//! One shared connection: requests out in as few writes as possible, answers sorted to whoever waits for them.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::client::Shared;
use super::fault::{DirectoryFault, FAIR_WAIT, Step};
use super::peer::Peer;
use super::search::{Answers, Found, MAX_RESULT_BYTES, Progress};
use super::service::{Ids, Job};
use super::upstream::UpstreamStream;
use crate::wire::frame::{self, Frame, op};
use crate::wire::message;

/// Searches under way on one connection.
pub const UNDER_WAY: usize = 256;
/// Requests encoded but not yet sent, in bytes; above it no more are taken.
const OUTPUT: usize = 256 * 1024;
/// How late a time-out may be noticed.
pub const SWEEP: Duration = Duration::from_millis(100);
const READ: usize = 16 * 1024;
/// Answers to unfinished searches, in bytes: the whole of one and half of another.
const HELD: usize = MAX_RESULT_BYTES + MAX_RESULT_BYTES / 2;

/// One shared connection and what is under way on it.
pub struct Line<'a> {
    shared: &'a Shared,
    ids: &'a Ids,
    peer: Arc<Peer>,
    stream: UpstreamStream,
    input: BytesMut,
    output: BytesMut,
    flushed: bool,
    under_way: HashMap<u32, UnderWay>,
    /// Bytes of answers to searches that are not done.
    held: usize,
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
    pub fn new(shared: &'a Shared, ids: &'a Ids, peer: Arc<Peer>, stream: UpstreamStream) -> Self {
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
            held: 0,
            last_read: Instant::now(),
            sweep,
        }
    }

    /// Until the connection is lost or better given up; what it leaves in `batch` wants another connection.
    pub async fn serve(&mut self, jobs: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) {
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
            match Pin::new(&mut self.stream).poll_flush(cx) {
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

    pub fn take(&mut self, batch: &mut Vec<Job>) {
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
            Progress::More => {
                self.held += frame.bytes().len();
                if self.held > HELD {
                    return Err(self.protocol(&format!("its answers under way are over {HELD} bytes")));
                }
            }
            Progress::Broken(what) => return Err(self.protocol(&what)),
            Progress::Done(result) => {
                let cut_short = frame.op() != op::SEARCH_DONE;
                if let Some(search) = self.end(id) {
                    self.peer.answered();
                    let _ = search.reply.send(result);
                }
                if cut_short {
                    self.abandon(id);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, id: u32) -> Option<UnderWay> {
        let search = self.under_way.remove(&id)?;
        self.held = self.held.saturating_sub(search.answers.bytes());
        Some(search)
    }

    /// Ends what has no time left or nobody waiting for it. If the server has said nothing at all since the request,
    /// it is the connection that is dead, not the search that is slow.
    fn expire(&mut self) -> Result<(), DirectoryFault> {
        let now = Instant::now();
        let over = |search: &UnderWay| search.reply.is_closed() || search.deadline <= now;
        let ended: Vec<u32> = self.under_way.iter().filter(|(_, search)| over(search)).map(|(id, _)| *id).collect();
        let mut dead = None;
        for id in ended {
            let Some(search) = self.end(id) else { continue };
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
