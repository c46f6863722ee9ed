//! Results too large to hold: page by page (RFC 2696), on a connection of its own, because a page's cookie belongs to
//! the connection it was given on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::account;
use super::client::DirectoryClient;
use super::direct::Direct;
use super::fault::DirectoryFault;
use super::peer::Peer;
use super::ranges::Rest;
use super::search::{Found, Search};
use crate::wire::message::{self, Control, Entry};

/// A connection of its own that several searches go through one after another, so that all of them see one server.
pub struct Session<'a> {
    pub(super) client: &'a DirectoryClient,
    pub(super) peer: Arc<Peer>,
    pub(super) direct: Direct,
    pub(super) deadline: Instant,
}

/// A search under way. The pages taken before a fault are not the whole result; whoever took them must not act as if
/// they were.
pub struct Pages<'client, 'search> {
    session: Session<'client>,
    search: Search<'search>,
    page_size: u32,
    /// Where the next page starts; empty before the first, `None` after the last and after a fault.
    cookie: Option<Vec<u8>>,
    /// The next page was asked for.
    asked: bool,
    count: usize,
    references: usize,
    empty: u32,
}

/// Pages without an entry in a row; more is a server that pages in a circle.
const EMPTY_PAGES: u32 = 100;
/// Pages of a search for changes, which gives up at far fewer entries than these hold.
const MOST_PAGES: u32 = 1_000;

impl DirectoryClient {
    /// A connection bound as our own account, to the first server that can be reached. All of it ends by `deadline`.
    pub async fn session(&self, deadline: Instant) -> Result<Session<'_>, DirectoryFault> {
        let shared = self.shared();
        let (peer, stream) = account::open(shared, deadline).await?;
        let direct = Direct::new(peer.server.clone(), shared.directory.kind, stream);
        Ok(Session { client: self, peer, direct, deadline })
    }

    /// Starts a search for more than can be held: `while let Some(page) = pages.next().await? { … }`. `search.limit`
    /// bounds all pages together.
    pub async fn search_paged<'a>(
        &'a self,
        search: &Search<'a>,
        page_size: u32,
        deadline: Instant,
    ) -> Result<Pages<'a, 'a>, DirectoryFault> {
        Ok(self.session(deadline).await?.pages(search, page_size))
    }
}

impl<'client> Session<'client> {
    /// As [`DirectoryClient::search_paged`], on this connection.
    pub fn pages<'search>(self, search: &Search<'search>, page_size: u32) -> Pages<'client, 'search> {
        let cookie = Some(vec![]);
        Pages { session: self, search: *search, page_size, cookie, asked: false, count: 0, references: 0, empty: 0 }
    }

    /// When one operation that begins now must have ended.
    fn until(&self) -> Instant {
        self.deadline.min(Instant::now() + self.peer.operation_timeout)
    }

    /// Where the page after this one starts. `pages` counts them: a server that goes in a circle is left.
    pub(super) fn page_after(&self, found: &Found, pages: &mut u32) -> Result<Option<Vec<u8>>, DirectoryFault> {
        *pages += 1;
        let next = message::next_page(&found.controls).map_err(|fault| self.direct.protocol(&fault))?;
        if next.is_some() && *pages > MOST_PAGES {
            return Err(self.direct.protocol(&"its pages never end"));
        }
        Ok(next)
    }

    pub(super) async fn ask(
        &mut self,
        search: &Search<'_>,
        controls: &[Control],
        time: Duration,
    ) -> Result<Found, DirectoryFault> {
        let until = self.deadline.min(Instant::now() + time);
        let found = self.direct.ask(search, controls, until).await;
        found.inspect_err(|fault| self.peer.blame(fault))
    }
}

impl<'client, 'search> Pages<'client, 'search> {
    /// The next page, of `page_size` entries or fewer; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, DirectoryFault> {
        let Some(cookie) = self.cookie.take() else { return Ok(None) };
        if !self.asked {
            self.begin(&cookie).await?;
        }
        self.asked = false;
        let (page, until) = (self.page(), self.session.until());
        let found = self.session.direct.collect(&page, until).await;
        let mut found = found.inspect_err(|fault| self.session.peer.blame(fault))?;
        self.count += found.entries.len();
        self.references += found.references;
        self.empty = if found.entries.is_empty() { self.empty + 1 } else { 0 };
        if self.count > self.search.limit {
            let what = format!("over {} entries", self.search.limit);
            return Err(DirectoryFault::Incomplete { server: found.server, what });
        }
        let next = message::next_page(&found.controls).map_err(|fault| self.session.direct.protocol(&fault))?;
        if next.is_some() && self.empty > EMPTY_PAGES {
            return Err(self.session.direct.protocol(&"its pages never end"));
        }
        let Session { direct, peer, deadline, .. } = &mut self.session;
        let mut rest = Rest::Direct { direct, operation_timeout: peer.operation_timeout };
        rest.complete(&mut found.entries, *deadline).await.inspect_err(|fault| peer.blame(fault))?;
        if let Some(cookie) = &next {
            self.begin(cookie).await?;
            self.asked = true;
        }
        self.cookie = next;
        Ok(Some(found.entries))
    }

    /// Asks for a page. The one after this is asked for before this is handed out, so that the server works on it while
    /// whoever reads does something with this one.
    async fn begin(&mut self, cookie: &[u8]) -> Result<(), DirectoryFault> {
        let (page, until) = (self.page(), self.session.until());
        let asked = self.session.direct.begin(&page, &[message::paged(self.page_size, cookie)], until).await;
        asked.inspect_err(|fault| self.session.peer.blame(fault))
    }

    /// A page may be larger than asked for only by mistake.
    fn page(&self) -> Search<'search> {
        Search { limit: usize::try_from(self.page_size).unwrap_or(usize::MAX), ..self.search }
    }

    /// The connection, for the next search, once this one has ended.
    pub fn into_session(self) -> Session<'client> {
        self.session
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
