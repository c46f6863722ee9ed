//! One search after another on a connection of its own, for what the shared ones cannot carry: pages, probes, tests.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::connect::within;
use super::fault::{DirectoryFault, Step};
use super::search::{Answers, Found, MAX_RESULT_BYTES, Progress, Search};
use super::upstream::UpstreamStream;
use crate::domain::directory::{DirectoryKind, Server};
use crate::wire::frame::{self, Frame};
use crate::wire::message::Control;

const READ: usize = 16 * 1024;

pub struct Direct {
    server: Server,
    kind: DirectoryKind,
    stream: UpstreamStream,
    input: BytesMut,
    last_id: u32,
}

impl Direct {
    /// `stream` may have been bound with message id 1.
    pub fn new(server: Server, kind: DirectoryKind, stream: UpstreamStream) -> Self {
        Self { server, kind, stream, input: BytesMut::with_capacity(READ), last_id: 1 }
    }

    /// The size limit is counted here and not asked for: with pages, OpenLDAP counts it over all of them, Active
    /// Directory in each.
    pub async fn ask(
        &mut self,
        search: &Search<'_>,
        controls: &[Control],
        until: Instant,
    ) -> Result<Found, DirectoryFault> {
        self.begin(search, controls, until).await?;
        self.collect(search, until).await
    }

    /// The whole answer to what was asked last.
    pub async fn collect(&mut self, search: &Search<'_>, until: Instant) -> Result<Found, DirectoryFault> {
        let server = self.server.clone();
        within(&server, Step::Search, until, self.answers(search)).await
    }

    async fn answers(&mut self, search: &Search<'_>) -> Result<Found, DirectoryFault> {
        let mut answers = Answers::new(search, self.kind);
        loop {
            let frame = self.frame().await?;
            match answers.take(&frame, &self.server) {
                Progress::More => {}
                Progress::Done(result) => return result,
                Progress::Broken(what) => return Err(self.protocol(&what)),
            }
        }
    }

    /// Asks; the answers are taken one by one with [`Direct::answer`], or all with [`Direct::collect`].
    pub async fn begin(
        &mut self,
        search: &Search<'_>,
        controls: &[Control],
        until: Instant,
    ) -> Result<(), DirectoryFault> {
        let server = self.server.clone();
        within(&server, Step::Search, until, self.send(search, controls, until)).await
    }

    /// The next message in answer to what was asked last.
    pub async fn answer(&mut self, until: Instant) -> Result<Frame, DirectoryFault> {
        let server = self.server.clone();
        within(&server, Step::Search, until, self.frame()).await
    }

    async fn send(&mut self, search: &Search<'_>, controls: &[Control], until: Instant) -> Result<(), DirectoryFault> {
        self.last_id += 1;
        let seconds = until.saturating_duration_since(Instant::now()).as_secs() + 1;
        let mut request = search.request(seconds, controls);
        request.size_limit = 0;
        self.stream.write_all(&request.encode(self.last_id)).await.map_err(|_| self.closed())?;
        self.stream.flush().await.map_err(|_| self.closed())
    }

    async fn frame(&mut self) -> Result<Frame, DirectoryFault> {
        loop {
            let next = frame::split(&mut self.input, MAX_RESULT_BYTES).map_err(|fault| self.protocol(&fault))?;
            if let Some(frame) = next {
                if frame.message_id() != self.last_id {
                    return Err(self.protocol(&"its answer is not one to our search"));
                }
                return Ok(frame);
            }
            if self.input.capacity() - self.input.len() < READ / 4 {
                self.input.reserve(READ);
            }
            match self.stream.read_buf(&mut self.input).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(self.closed()),
            }
        }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn protocol(&self, what: &dyn std::fmt::Display) -> DirectoryFault {
        DirectoryFault::Protocol { server: self.server.clone(), what: what.to_string() }
    }

    fn closed(&self) -> DirectoryFault {
        DirectoryFault::Closed { server: self.server.clone(), step: Step::Search }
    }
}
