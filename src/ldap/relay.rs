//! Both directions between two binds, byte for byte. One future moves both, so a slow reader on one side never stops
//! the other; buffers are bounded, and a full one simply stops reading.
//!
//! Requests are looked at only as far as their operation's tag: those the session has to see end the relay. Answers
//! pass as they arrive; only message boundaries are followed, so that an answer of ours never lands inside another.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncWrite as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::io::poll_read_buf;

use super::stream::ClientStream;
use crate::directory::Upstream;
use crate::tasks::Stop;
use crate::telemetry::metrics::FramesRelayed;
use crate::wire::frame::{self, Boundaries, FrameFault, op};

/// Why the relay stopped.
#[derive(Debug)]
pub enum RelayEnd {
    /// The next request is one the session has to see; it stands at the front of the client's buffer.
    Attention,
    ClientClosed,
    /// The client's bytes are not LDAP any more.
    ClientBroken(FrameFault),
    DirectoryClosed,
    /// The directory's bytes are not LDAP, or more than we take.
    DirectoryBroken(FrameFault),
    /// No answer within the limit.
    DirectorySilent,
    Idle,
    Stopping,
    /// The address belongs to no client any more.
    Revoked,
}

/// Limits of one relay.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest message from the client, bytes.
    pub max_frame: usize,
    pub idle: Duration,
    /// Longest silence of the directory while an answer is owed.
    pub operation: Duration,
}

/// Largest message from the directory: photographs, CRLs, large groups.
pub const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// Read from a socket at once.
const CHUNK: usize = 16 * 1024;

/// One relay under way.
pub struct Relay<'a, Wanted> {
    client: &'a mut ClientStream,
    /// Bytes from the client that nobody has taken yet.
    inbox: &'a mut BytesMut,
    upstream: &'a mut Upstream,
    /// Does the session have to see a message with this tag, which stands in front of these bytes?
    wanted: Wanted,
    bounds: Bounds,
    frames: &'a FramesRelayed,
    /// Bytes at the front of `inbox` that are whole requests for the directory.
    cleared: usize,
    /// The next request is the session's.
    attention: bool,
    /// Answers on their way to the client.
    outbox: BytesMut,
    boundaries: Boundaries,
    /// When a request went out since when nothing was heard. Any answer settles it: a search may persist.
    asked: Option<Instant>,
    /// Final answers the directory still owes.
    owed: u64,
    moved: Instant,
    flush_client: bool,
    flush_upstream: bool,
}

impl<'a, Wanted: FnMut(u8, &[u8]) -> bool> Relay<'a, Wanted> {
    pub fn new(
        client: &'a mut ClientStream,
        inbox: &'a mut BytesMut,
        upstream: &'a mut Upstream,
        wanted: Wanted,
        bounds: Bounds,
        frames: &'a FramesRelayed,
        owed: u64,
    ) -> Self {
        // What came with the bind's answer belongs to the client.
        let outbox = std::mem::take(&mut upstream.leftover);
        Self {
            client,
            inbox,
            upstream,
            wanted,
            bounds,
            frames,
            cleared: 0,
            attention: false,
            outbox,
            boundaries: Boundaries::default(),
            asked: (owed > 0).then(Instant::now),
            owed,
            moved: Instant::now(),
            flush_client: false,
            flush_upstream: false,
        }
    }

    /// Runs to an end, and says how many answers the directory still owes.
    pub async fn run(mut self, stop: &Stop, revoked: impl Future<Output = ()>) -> (RelayEnd, u64) {
        let timer = sleep_until(self.next_limit());
        tokio::pin!(timer);
        let stopping = stop.requested();
        tokio::pin!(stopping, revoked);
        let mut must_stop = false;
        if let Err(fault) = self.hear() {
            return (RelayEnd::DirectoryBroken(fault), self.owed);
        }
        let end = poll_fn(|cx| {
            if !must_stop && stopping.as_mut().poll(cx).is_ready() {
                must_stop = true;
            }
            if revoked.as_mut().poll(cx).is_ready() {
                return Poll::Ready(RelayEnd::Revoked);
            }
            let end = match self.poll_both(cx) {
                Poll::Ready(end) => Some(end),
                Poll::Pending if must_stop && self.is_quiet() => Some(RelayEnd::Stopping),
                Poll::Pending => self.poll_limits(cx, timer.as_mut()),
            };
            match end {
                Some(end) => Poll::Ready(end),
                None => Poll::Pending,
            }
        })
        .await;
        let half = u64::from(self.owed == 0 && !self.boundaries.at_boundary());
        (end, self.owed + half)
    }

    fn next_limit(&self) -> Instant {
        let idle = self.moved + self.bounds.idle;
        match self.asked {
            Some(asked) => idle.min(asked + self.bounds.operation),
            // Checked at least this often, so that a request sent meanwhile gets its limit.
            None => idle.min(self.moved + self.bounds.operation),
        }
    }

    fn poll_limits(&self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Option<RelayEnd> {
        while timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.asked.is_some_and(|asked| now >= asked + self.bounds.operation) {
                return Some(RelayEnd::DirectorySilent);
            }
            if now >= self.moved + self.bounds.idle {
                return Some(RelayEnd::Idle);
            }
            let next = self.next_limit().max(now + Duration::from_millis(10));
            timer.as_mut().reset(next);
        }
        None
    }

    /// Nothing is half sent and no answer is owed.
    fn is_quiet(&self) -> bool {
        self.outbox.is_empty() && self.boundaries.at_boundary() && self.cleared == 0 && self.owed == 0
    }

    fn poll_both(&mut self, cx: &mut Context<'_>) -> Poll<RelayEnd> {
        // Answers first: they make room.
        if let Poll::Ready(end) = self.poll_answers(cx) {
            return Poll::Ready(end);
        }
        self.poll_requests(cx)
    }

    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<RelayEnd> {
        loop {
            while !self.outbox.is_empty() {
                match ready!(Pin::new(&mut *self.client).poll_write(cx, &self.outbox)) {
                    Ok(0) | Err(_) => return Poll::Ready(RelayEnd::ClientClosed),
                    Ok(sent) => self.outbox.advance(sent),
                }
                self.flush_client = true;
            }
            match self.poll_read_answers(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(RelayEnd::DirectoryClosed),
                Poll::Ready(Ok(_)) => {
                    self.moved = Instant::now();
                    if let Err(fault) = self.hear() {
                        return Poll::Ready(RelayEnd::DirectoryBroken(fault));
                    }
                }
                Poll::Pending => {
                    if self.flush_client {
                        match ready!(Pin::new(&mut *self.client).poll_flush(cx)) {
                            Ok(()) => self.flush_client = false,
                            Err(_) => return Poll::Ready(RelayEnd::ClientClosed),
                        }
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Counts the answers that just arrived.
    fn hear(&mut self) -> Result<(), FrameFault> {
        let (mut begun, mut last) = (0_u64, 0_u64);
        let counted = self.boundaries.pass(&self.outbox, MAX_ANSWER, |answer| {
            begun += 1;
            last += u64::from(!matches!(answer, op::SEARCH_ENTRY | op::SEARCH_REFERENCE | op::INTERMEDIATE_RESPONSE));
        });
        // Half an answer is none: its rest has to come in time too.
        self.asked = if self.boundaries.at_boundary() { None } else { Some(self.moved) };
        self.frames.to_client.increment(begun);
        self.owed = self.owed.saturating_sub(last);
        counted
    }

    fn poll_read_answers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // The outbox is empty here, so this keeps one chunk of memory and never grows it.
        self.outbox.reserve(CHUNK);
        poll_read_buf(Pin::new(&mut self.upstream.stream), cx, &mut self.outbox)
    }

    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<RelayEnd> {
        loop {
            if self.cleared == 0
                && !self.attention
                && let Err(fault) = self.clear()
            {
                return Poll::Ready(RelayEnd::ClientBroken(fault));
            }
            while self.cleared > 0 {
                let front = self.inbox.get(..self.cleared).unwrap_or_default();
                match ready!(Pin::new(&mut self.upstream.stream).poll_write(cx, front)) {
                    Ok(0) | Err(_) => return Poll::Ready(RelayEnd::DirectoryClosed),
                    Ok(sent) => {
                        self.inbox.advance(sent);
                        self.cleared -= sent;
                    }
                }
                self.flush_upstream = true;
                self.asked.get_or_insert_with(Instant::now);
                self.moved = Instant::now();
            }
            if self.flush_upstream {
                match ready!(Pin::new(&mut self.upstream.stream).poll_flush(cx)) {
                    Ok(()) => self.flush_upstream = false,
                    Err(_) => return Poll::Ready(RelayEnd::DirectoryClosed),
                }
            }
            if self.attention {
                // Our answer must not land inside one of the directory's.
                if self.boundaries.at_boundary() && self.outbox.is_empty() {
                    return Poll::Ready(RelayEnd::Attention);
                }
                return Poll::Pending;
            }
            match ready!(self.poll_read_requests(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(RelayEnd::ClientClosed),
                Ok(_) => self.moved = Instant::now(),
            }
        }
    }

    fn poll_read_requests(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.inbox.reserve(CHUNK);
        poll_read_buf(Pin::new(&mut *self.client), cx, self.inbox)
    }

    /// Finds the whole requests at the front of the inbox that may pass.
    fn clear(&mut self) -> Result<(), FrameFault> {
        loop {
            let rest = self.inbox.get(self.cleared..).unwrap_or_default();
            let Some(peek) = frame::peek(rest, self.bounds.max_frame)? else { return Ok(()) };
            if peek.message_id == 0 {
                // RFC 4511 §4.1.1.1: 0 is the server's own.
                return Err(FrameFault::MessageId);
            }
            if (self.wanted)(peek.op, rest.get(..peek.total).unwrap_or_default()) {
                self.attention = true;
                return Ok(());
            }
            self.cleared += peek.total;
            self.owed += u64::from(peek.op != op::ABANDON_REQUEST);
            self.frames.to_directory.increment(1);
        }
    }
}

/// Reads until the client is gone, leaves with an Unbind, or has sent more than `limit` bytes that have to wait. What it
/// sends meanwhile stays in `inbox`.
pub async fn until_gone(client: &mut ClientStream, inbox: &mut BytesMut, limit: usize) {
    loop {
        if is_leaving(inbox, limit) {
            return;
        }
        if inbox.len() >= limit {
            // Not read any further, so a close is not seen either: the deadline ends the wait.
            return std::future::pending().await;
        }
        let read = poll_fn(|cx| {
            // On the stack for as long as the socket is asked: whoever waits holds no buffer.
            let mut chunk = [0_u8; 256];
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(tokio::io::AsyncRead::poll_read(Pin::new(&mut *client), cx, &mut buffer))?;
            inbox.extend_from_slice(buffer.filled());
            Poll::Ready(io::Result::Ok(buffer.filled().len()))
        });
        if matches!(read.await, Ok(0) | Err(_)) {
            return;
        }
    }
}

/// Is an Unbind among what waits? A bind cannot be abandoned (RFC 4511 §4.11), but its connection can be given up.
fn is_leaving(inbox: &[u8], limit: usize) -> bool {
    let mut rest = inbox;
    while let Ok(Some(peek)) = frame::peek(rest, limit) {
        if peek.op == op::UNBIND_REQUEST {
            return true;
        }
        rest = rest.get(peek.total..).unwrap_or_default();
    }
    false
}
