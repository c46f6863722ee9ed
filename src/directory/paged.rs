//! Results too large to hold: page by page (RFC 2696), on a connection of its own, because a page's cookie belongs to
//! the connection it was given on.

use std::ops::ControlFlow;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::client::DirectoryClient;
use super::connect::within;
use super::fault::{DirectoryFault, Step};
use super::search::{Answers, Found, MAX_RESULT_BYTES, Progress, Search};
use super::service;
use super::upstream::UpstreamStream;
use crate::domain::directory::{DirectoryKind, Server};
use crate::wire::frame;
use crate::wire::message::{self, Entry};

impl DirectoryClient {
    /// Hands each page to `page` and counts the entries. The pages handed over before a fault are not the whole
    /// result; whoever took them must not act as if they were. `search.limit` bounds all pages together.
    pub async fn search_paged(
        &self,
        search: &Search<'_>,
        page_size: u32,
        deadline: Instant,
        mut page: impl AsyncFnMut(Vec<Entry>) -> ControlFlow<()>,
    ) -> Result<u64, DirectoryFault> {
        let shared = self.shared();
        let (peer, stream) = service::open(shared, deadline).await?;
        let mut pages = Pages {
            server: &peer.server,
            kind: shared.directory.kind,
            stream,
            input: BytesMut::with_capacity(16 * 1024),
            message_id: 1,
        };
        let mut cookie = vec![];
        let mut count = 0;
        loop {
            let until = deadline.min(Instant::now() + peer.operation_timeout);
            let asked = pages.next(search, page_size, &cookie, until);
            let found = match within(&peer.server, Step::Search, until, asked).await {
                Ok(found) => found,
                Err(fault) => {
                    peer.blame(&fault);
                    return Err(fault);
                }
            };
            count += found.entries.len();
            if count > search.limit {
                let what = format!("over {} entries", search.limit);
                return Err(DirectoryFault::Incomplete { server: peer.server.clone(), what });
            }
            let next = message::next_page(&found.controls).map_err(|fault| pages.protocol(&fault))?;
            if page(found.entries).await.is_break() {
                break;
            }
            match next {
                // A server that pages in a circle would keep us for ever.
                Some(next) if next == cookie && page_size > 0 && count == 0 => {
                    return Err(pages.protocol(&"it gives the same empty page again and again"));
                }
                Some(next) => cookie = next,
                None => break,
            }
        }
        Ok(count as u64)
    }
}

struct Pages<'a> {
    server: &'a Server,
    kind: DirectoryKind,
    stream: UpstreamStream,
    input: BytesMut,
    message_id: u32,
}

impl Pages<'_> {
    async fn next(
        &mut self,
        search: &Search<'_>,
        page_size: u32,
        cookie: &[u8],
        until: Instant,
    ) -> Result<Found, DirectoryFault> {
        self.message_id += 1;
        let seconds = until.saturating_duration_since(Instant::now()).as_secs() + 1;
        let controls = [message::paged(page_size, cookie)];
        let mut request = search.request(seconds, &controls);
        // OpenLDAP counts a size limit over all pages, Active Directory per page; ours is counted here.
        request.size_limit = 0;
        let closed = |_| DirectoryFault::Closed { server: self.server.clone(), step: Step::Search };
        self.stream.write_all(&request.encode(self.message_id)).await.map_err(closed)?;
        self.stream.flush().await.map_err(closed)?;
        // A page may be larger than asked for only by mistake.
        let answers = Search { limit: usize::try_from(page_size).unwrap_or(usize::MAX), ..*search };
        let mut answers = Answers::new(&answers, self.kind);
        loop {
            while let Some(frame) =
                frame::split(&mut self.input, MAX_RESULT_BYTES).map_err(|fault| self.protocol(&fault))?
            {
                if frame.message_id() != self.message_id {
                    return Err(self.protocol(&"its answer is not one to our search"));
                }
                match answers.take(&frame, self.server) {
                    Progress::More => {}
                    Progress::Done(result) => return result,
                    Progress::Broken(what) => return Err(self.protocol(&what)),
                }
            }
            self.input.reserve(16 * 1024);
            match self.stream.read_buf(&mut self.input).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => {
                    return Err(DirectoryFault::Closed { server: self.server.clone(), step: Step::Search });
                }
            }
        }
    }

    fn protocol(&self, what: &dyn std::fmt::Display) -> DirectoryFault {
        DirectoryFault::Protocol { server: self.server.clone(), what: what.to_string() }
    }
}
