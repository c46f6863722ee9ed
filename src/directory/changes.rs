//! What has changed in a directory since a mark in its own history. Who has changed is all that is taken from it: what an
//! account has become, and whether it is shown at all, is read anew by whoever asked. So it does not matter here whether an
//! account was added, renamed, moved or deleted.
//!
//! Whenever the answer could be less than all changes, the answer is [`Since::Everything`]: read all of it.

mod active_directory;
mod openldap;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::fault::DirectoryFault;
use super::paged::Session;
use super::search::Search;
use super::trust::generalized_time;
use crate::domain::cursor::{Cursor, Method};
use crate::domain::directory::{DirectoryKind, UniqueId};
use crate::domain::dn::Dn;
use crate::wire::filter::Filter;
use crate::wire::message::{Control, Entry, Scope};

/// More changed accounts than this are read faster with all others.
const MOST: usize = 10_000;
/// A server looks through all of its history before it says the first word: so many times as long as any other operation.
const PATIENCE: u32 = 12;

/// What a server says has changed.
pub enum Since {
    Changes(Changes),
    /// It cannot say, or too much has: everything is to be read. Why.
    Everything(String),
}

pub struct Changes {
    /// Those that may have changed, may be new, or may be gone.
    pub touched: Vec<UniqueId>,
    /// Gone from below the base. One that was no account may have been a branch with accounts, moved elsewhere.
    pub vanished: Vec<UniqueId>,
    /// Whoever is neither above nor was told as present is gone.
    pub absent_left: bool,
    /// From where to ask the next time.
    pub cursor: Cursor,
}

/// A mark set before everything is read, for runs after that one.
pub struct Baseline {
    cursor: Cursor,
    began: Instant,
    /// The latest time of change seen, where that is the mark.
    latest: Option<Timestamp>,
}

/// When an entry was changed last (RFC 4512 §3.4.4).
const MODIFY_TIMESTAMP: &str = "modifyTimestamp";
/// How far times of change are asked for again: servers' clocks may be set back, or differ from each other by as much.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

impl Baseline {
    /// An attribute that must be read of every account for the mark.
    pub fn attribute(&self) -> Option<&'static str> {
        (self.cursor.method == Method::Timestamps).then_some(MODIFY_TIMESTAMP)
    }

    /// An account was read.
    pub fn saw(&mut self, entry: &Entry) {
        if self.cursor.method == Method::Timestamps {
            self.latest = self.latest.max(entry.value(MODIFY_TIMESTAMP).and_then(generalized_time));
        }
    }

    /// Everything has been read. `None` if it did not show from where to go on.
    pub fn end(self) -> Option<Cursor> {
        if self.cursor.method != Method::Timestamps {
            return Some(self.cursor);
        }
        let time = began_at(self.latest?, self.began.elapsed());
        let cookie = [time, self.cursor.cookie].concat();
        Some(Cursor { cookie, ..self.cursor })
    }
}

/// The server's clock when a read began that took so long and saw this as its latest change, or earlier: what changed while
/// it was read must be asked for again.
fn began_at(latest: Timestamp, took: Duration) -> Vec<u8> {
    let took = SignedDuration::try_from(took).unwrap_or(SignedDuration::MAX);
    let began = latest.saturating_sub(took).unwrap_or(Timestamp::MIN);
    began.strftime("%Y%m%d%H%M%SZ").to_string().into_bytes()
}

impl Session<'_> {
    /// A mark at what the server knows now; `None` where it has no way to tell what changes after it. `attributes` are
    /// those whose change matters.
    pub async fn baseline(&mut self, attributes: &[&str]) -> Result<Option<Baseline>, DirectoryFault> {
        let began = Instant::now();
        let directory = self.client.directory();
        // Servers tell changed entries by these; another unique id could not be told from a deleted entry.
        let known = match directory.kind {
            DirectoryKind::ActiveDirectory => "objectGUID",
            DirectoryKind::OpenLdap => "entryUUID",
        };
        if !directory.unique_id_attribute().eq_ignore_ascii_case(known) {
            return Ok(None);
        }
        let root = self.root().await?;
        let cursor = match directory.kind {
            DirectoryKind::ActiveDirectory => self.mark_active_directory(&root, attributes).await?,
            DirectoryKind::OpenLdap => Some(self.mark_openldap(&root).await?),
        };
        Ok(cursor.map(|cursor| Baseline { cursor, began, latest: None }))
    }

    /// What has changed since the mark. `present` is told of entries that are there as they were.
    pub async fn changes(
        &mut self,
        cursor: &Cursor,
        attributes: &[&str],
        present: &mut (dyn FnMut(&UniqueId) + Send),
    ) -> Result<Since, DirectoryFault> {
        let root = self.root().await?;
        let server = match self.client.directory().kind {
            DirectoryKind::ActiveDirectory => self.identity(&root).await?,
            DirectoryKind::OpenLdap => self.peer.server.to_string(),
        };
        if server != cursor.server {
            return Ok(Since::Everything(format!("the last run asked {}, this one {server}", cursor.server)));
        }
        match cursor.method {
            Method::DirSync => self.dir_sync_changes(&root, cursor, false, attributes).await,
            Method::DirSyncOwnRights => self.dir_sync_changes(&root, cursor, true, attributes).await,
            Method::UpdateNumbers => self.update_number_changes(&root, cursor).await,
            Method::SyncRepl => self.sync_changes(&root, cursor, present).await,
            Method::Timestamps => self.timestamp_changes(cursor).await,
        }
    }

    /// What the server says of itself (RFC 4512 §5.1).
    async fn root(&mut self) -> Result<Entry, DirectoryFault> {
        let anything = Filter::present("objectClass");
        let attributes = ["namingContexts", "supportedControl", "highestCommittedUSN", "dsServiceName"];
        let search = Search { base: "", scope: Scope::Base, filter: &anything, attributes: &attributes, limit: 1 };
        let found = self.ask(&search, &[], self.peer.operation_timeout).await?;
        Ok(found.entries.into_iter().next().unwrap_or(Entry { dn: String::new(), attributes: vec![] }))
    }

    /// An answer to a question about changes; `Err` inside if the server will not answer it.
    /// How long the server may take until its next word about changes.
    fn patience(&self) -> Duration {
        self.peer.operation_timeout.saturating_mul(PATIENCE)
    }

    async fn refusable(
        &mut self,
        search: &Search<'_>,
        controls: &[Control],
    ) -> Result<Result<super::search::Found, String>, DirectoryFault> {
        match self.ask(search, controls, self.patience()).await {
            Ok(found) => Ok(Ok(found)),
            Err(DirectoryFault::Unavailable { code, diagnostic, .. }) if !is_passing(code) => {
                Ok(Err(refusal(code, &diagnostic)))
            }
            Err(DirectoryFault::Incomplete { what, .. }) => Ok(Err(format!("the server told only part of it: {what}"))),
            Err(fault) => Err(fault),
        }
    }
}

/// busy and unavailable (RFC 4511 §4.1.9): the same question may be answered later.
fn is_passing(code: u32) -> bool {
    matches!(code, 51 | 52)
}

fn refusal(code: u32, diagnostic: &str) -> String {
    format!("the server does not say what has changed (result code {code} {diagnostic:?})")
}

fn too_many() -> Since {
    Since::Everything(format!("more than {MOST} entries have changed"))
}

fn announces(root: &Entry, oid: &str) -> bool {
    root.values("supportedControl").iter().any(|value| value.as_slice() == oid.as_bytes())
}

/// The partition a base lies in: the longest of the server's naming contexts that is above it.
fn naming_context(root: &Entry, base: &str) -> Option<String> {
    let base = Dn::parse(base).ok()?;
    let contexts = root.values("namingContexts").iter().filter_map(|value| {
        let text = std::str::from_utf8(value).ok()?;
        let dn = Dn::parse(text).ok()?;
        base.is_under(&dn).then(|| (dn.rdns().len(), text.to_owned()))
    });
    contexts.max_by_key(|(length, _)| *length).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_lies_in_the_nearest_partition_above_it() {
        let value = |text: &str| text.as_bytes().to_vec();
        let contexts = vec![value("DC=x"), value("CN=Configuration,DC=x"), value("DC=y"), value("DC=sub,DC=x")];
        let root = Entry { dn: String::new(), attributes: vec![("namingContexts".into(), contexts)] };
        assert_eq!(naming_context(&root, "ou=a,dc=sub,dc=x").as_deref(), Some("DC=sub,DC=x"));
        assert_eq!(naming_context(&root, "dc=x").as_deref(), Some("DC=x"));
        assert_eq!(naming_context(&root, "dc=xx"), None);
    }

    #[test]
    fn the_mark_is_where_the_servers_clock_stood_when_the_read_began() {
        let latest = generalized_time(b"20260228000010Z").unwrap();
        assert_eq!(began_at(latest, Duration::from_millis(10_500)), b"20260227235959Z");
        assert_eq!(began_at(latest, Duration::ZERO), b"20260228000010Z");
    }
}
