//! Results too large to hold: page by page (RFC 2696), on a connection of its own, because a page's cookie belongs to
//! the connection it was given on.

use std::sync::Arc;

use tokio::time::Instant;

use super::account;
use super::client::DirectoryClient;
use super::direct::Direct;
use super::fault::DirectoryFault;
use super::peer::Peer;
use super::ranges::Rest;
use super::search::Search;
use crate::wire::message::{self, Entry};

/// A search under way. The pages taken before a fault are not the whole result; whoever took them must not act as if
/// they were.
pub struct Pages<'a> {
    search: Search<'a>,
    page_size: u32,
    deadline: Instant,
    peer: Arc<Peer>,
    direct: Direct,
    /// Where the next page starts; empty before the first, `None` after the last and after a fault.
    cookie: Option<Vec<u8>>,
    count: usize,
    references: usize,
    empty: u32,
}

/// Pages without an entry in a row; more is a server that pages in a circle.
const EMPTY_PAGES: u32 = 100;

impl DirectoryClient {
    /// Starts a search for more than can be held: `while let Some(page) = pages.next().await? { … }`. `search.limit`
    /// bounds all pages together.
    pub async fn search_paged<'a>(
        &self,
        search: &Search<'a>,
        page_size: u32,
        deadline: Instant,
    ) -> Result<Pages<'a>, DirectoryFault> {
        let shared = self.shared();
        let (peer, stream) = account::open(shared, deadline).await?;
        let direct = Direct::new(peer.server.clone(), shared.directory.kind, stream);
        let cookie = Some(vec![]);
        Ok(Pages { search: *search, page_size, deadline, peer, direct, cookie, count: 0, references: 0, empty: 0 })
    }
}

impl Pages<'_> {
    /// The next page, of `page_size` entries or fewer; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, DirectoryFault> {
        let Some(cookie) = self.cookie.take() else { return Ok(None) };
        let until = self.deadline.min(Instant::now() + self.peer.operation_timeout);
        // A page may be larger than asked for only by mistake.
        let search = Search { limit: usize::try_from(self.page_size).unwrap_or(usize::MAX), ..self.search };
        let found = self.direct.ask(&search, &[message::paged(self.page_size, &cookie)], until).await;
        let mut found = found.inspect_err(|fault| self.peer.blame(fault))?;
        self.count += found.entries.len();
        self.references += found.references;
        self.empty = if found.entries.is_empty() { self.empty + 1 } else { 0 };
        if self.count > self.search.limit {
            let what = format!("over {} entries", self.search.limit);
            return Err(DirectoryFault::Incomplete { server: found.server, what });
        }
        let next = message::next_page(&found.controls).map_err(|fault| self.direct.protocol(&fault))?;
        if next.is_some() && self.empty > EMPTY_PAGES {
            return Err(self.direct.protocol(&"its pages never end"));
        }
        let mut rest = Rest::Direct { direct: &mut self.direct, operation_timeout: self.peer.operation_timeout };
        rest.complete(&mut found.entries, self.deadline).await.inspect_err(|fault| self.peer.blame(fault))?;
        self.cookie = next;
        Ok(Some(found.entries))
    }

    /// Parts of the result that the server says are elsewhere. They were not followed: unless it is Active Directory, which
    /// always adds some, the result is not whole.
    pub fn references(&self) -> usize {
        self.references
    }

    /// Entries in the pages so far.
    pub fn count(&self) -> usize {
        self.count
    }
}
