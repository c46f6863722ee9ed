//! Results too large to hold: page by page (RFC 2696), on a connection of its own, because a page's cookie belongs to
//! the connection it was given on.

use std::ops::ControlFlow;

use tokio::time::Instant;

use super::account;
use super::client::DirectoryClient;
use super::direct::Direct;
use super::fault::DirectoryFault;
use super::search::Search;
use crate::wire::message::{self, Entry};

/// Pages without an entry in a row; more is a server that pages in a circle.
const EMPTY_PAGES: u32 = 100;

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
        let (peer, stream) = account::open(shared, deadline).await?;
        let mut direct = Direct::new(&peer.server, shared.directory.kind, stream);
        let (mut cookie, mut count, mut empty) = (vec![], 0, 0);
        loop {
            let until = deadline.min(Instant::now() + peer.operation_timeout);
            // A page may be larger than asked for only by mistake.
            let asked = Search { limit: usize::try_from(page_size).unwrap_or(usize::MAX), ..*search };
            let found = direct.ask(&asked, &[message::paged(page_size, &cookie)], until).await;
            let mut found = found.inspect_err(|fault| peer.blame(fault))?;
            count += found.entries.len();
            empty = if found.entries.is_empty() { empty + 1 } else { 0 };
            if count > search.limit {
                let what = format!("over {} entries", search.limit);
                return Err(DirectoryFault::Incomplete { server: peer.server.clone(), what });
            }
            let next = message::next_page(&found.controls).map_err(|fault| direct.protocol(&fault))?;
            self.complete_ranges(&mut found.entries, deadline).await?;
            if page(found.entries).await.is_break() {
                break;
            }
            match next {
                Some(_) if empty > EMPTY_PAGES => return Err(direct.protocol(&"its pages never end")),
                Some(next) => cookie = next,
                None => break,
            }
        }
        Ok(count as u64)
    }
}
