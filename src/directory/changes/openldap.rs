//! Changes in OpenLDAP and its kin: content synchronisation (RFC 4533, refreshOnly), or else times of change.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::fault::DirectoryFault;
use super::super::paged::Session;
use super::super::search::Search;
use super::super::trust::generalized_time;
use super::{
    Changes, MODIFY_TIMESTAMP, MOST, OVERLAP, Since, announces, began_at, is_passing, naming_context, refusal, too_many,
};
use crate::domain::cursor::{Cursor, Method};
use crate::domain::directory::UniqueId;
use crate::domain::directory_diff;
use crate::domain::dn::Dn;
use crate::wire::ber::BerFault;
use crate::wire::changes::{self, SYNC_DONE, SYNC_REQUEST, SYNC_STATE, State, SyncDone, SyncInfo, SyncState, SyncUuid};
use crate::wire::filter::Filter;
use crate::wire::frame::{Frame, op};
use crate::wire::message::{self, Entry, LdapResult, Scope};

/// Whether an entry has others below it: the first is OpenLDAP's, the second that of its kin.
const BELOW: [&str; 2] = ["hasSubordinates", "numSubordinates"];
const PAGE: u16 = 500;
/// Classes of entries that hold others.
const BRANCHES: [&str; 6] = ["organizationalUnit", "organization", "dcObject", "locality", "country", "container"];
const MOST_BRANCHES: usize = 100_000;
/// Of a time such as 20260131235958Z.
const TIME_LENGTH: usize = 15;

/// A refresh under way (RFC 4533 §3.3).
struct Refresh {
    touched: Vec<UniqueId>,
    /// Named as deleted.
    gone: Vec<UniqueId>,
    /// All that is there has been named.
    all_named: bool,
    cookie: Option<Vec<u8>>,
    /// A branch that was touched.
    branch: Option<String>,
    references: bool,
}

enum Step {
    More,
    Done(SyncDone),
    Refused(String),
    /// busy or unavailable.
    Passing {
        code: u32,
        diagnostic: String,
    },
}

impl Session<'_> {
    pub(super) async fn mark_openldap(&mut self, root: &Entry) -> Result<Cursor, DirectoryFault> {
        let server = self.peer.server.to_string();
        if announces(root, SYNC_REQUEST) {
            // Of the base alone: OpenLDAP's cookie is a mark in the history of the whole database, whatever was asked.
            let base = &self.client.directory().base_dn;
            let anything = Filter::present("objectClass");
            let search = Search { base, scope: Scope::Base, filter: &anything, attributes: &["1.1"], limit: 1 };
            let found = self.refusable(&search, &[changes::sync_request(None)]).await?;
            let done =
                found.ok().and_then(|found| SyncDone::parse(changes::value_of(&found.controls, SYNC_DONE)?).ok());
            if let Some(cookie) = done.and_then(|done| done.cookie) {
                return Ok(Cursor { method: Method::SyncRepl, server, cookie, shows_deletions: true });
            }
        }
        // The time is known once everything has been read.
        let cookie = self.branches().await?.map_err(|why| self.direct.protocol(&why))?;
        Ok(Cursor { method: Method::Timestamps, server, cookie, shows_deletions: false })
    }

    /// The branches there are and what they are called, as one number: times cannot tell a renamed branch from one that was
    /// changed in another way. `Err` inside if they cannot be told.
    async fn branches(&mut self) -> Result<Result<Vec<u8>, String>, DirectoryFault> {
        let directory = self.client.directory();
        let filter = Filter::Or(BRANCHES.map(|class| Filter::equal("objectClass", class)).to_vec());
        let id = directory.unique_id_attribute();
        let mut found = BTreeSet::new();
        let search = Search {
            base: &directory.base_dn,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &[id],
            limit: PAGE.into(),
        };
        let (mut page, mut pages) = (Some(vec![]), 0);
        while let Some(cookie) = page {
            let answer = match self.refusable(&search, &[message::paged(PAGE.into(), &cookie)]).await? {
                Ok(answer) => answer,
                Err(why) => return Ok(Err(why)),
            };
            for entry in &answer.entries {
                let id = entry.value(id).map(String::from_utf8_lossy).unwrap_or_default();
                found.insert(format!("{id} {}", entry.dn));
            }
            if found.len() > MOST_BRANCHES {
                return Ok(Err(format!("there are more than {MOST_BRANCHES} branches")));
            }
            page = self.page_after(&answer, &mut pages)?;
        }
        Ok(Ok(directory_diff::fingerprint(found.iter().map(|name| Some(name.as_str()))).to_vec()))
    }

    pub(super) async fn sync_changes(
        &mut self,
        root: &Entry,
        cursor: &Cursor,
        present: &mut (dyn FnMut(&UniqueId) + Send),
    ) -> Result<Since, DirectoryFault> {
        let base = &self.client.directory().base_dn;
        let anything = Filter::present("objectClass");
        let search = Search { base, scope: Scope::Subtree, filter: &anything, attributes: &BELOW, limit: usize::MAX };
        let patience = self.patience();
        let until = |deadline: Instant| deadline.min(Instant::now() + patience);
        let control = [changes::sync_request(Some(&cursor.cookie))];
        self.direct.begin(&search, &control, until(self.deadline)).await.inspect_err(|fault| self.peer.blame(fault))?;
        let mut refresh =
            Refresh { touched: vec![], gone: vec![], all_named: false, cookie: None, branch: None, references: false };
        let done = loop {
            let frame = self.direct.answer(until(self.deadline)).await.inspect_err(|fault| self.peer.blame(fault))?;
            let step = refresh.take(&frame, base, present);
            match step.map_err(|fault| self.direct.protocol(&fault))? {
                Step::More => {}
                Step::Done(done) => break done,
                Step::Refused(why) => return Ok(Since::Everything(why)),
                Step::Passing { code, diagnostic } => {
                    let server = self.peer.server.clone();
                    return Err(DirectoryFault::Unavailable { server, code, diagnostic });
                }
            }
            if refresh.touched.len() + refresh.gone.len() > MOST {
                // What is left of the answer would be in the way of the next question.
                return Ok(too_many());
            }
        };
        if refresh.references {
            return Ok(Since::Everything("parts of the directory are on other servers".to_owned()));
        }
        if let Some(branch) = refresh.branch {
            let why = format!("{branch} has changed, and with it perhaps where accounts are");
            return Ok(Since::Everything(why));
        }
        // A server that has nothing new may give no new mark either.
        let cookie = done.cookie.or(refresh.cookie).unwrap_or_else(|| cursor.cookie.clone());
        let is_whole = is_naming_context(root, base);
        let (mut touched, mut vanished) = (refresh.touched, refresh.gone);
        if is_whole {
            touched.append(&mut vanished);
        }
        let absent_left = refresh.all_named || !done.refresh_deletes;
        let cursor = Cursor { cookie, ..cursor.clone() };
        Ok(Since::Changes(Changes { touched, vanished, absent_left, cursor }))
    }

    pub(super) async fn timestamp_changes(&mut self, cursor: &Cursor) -> Result<Since, DirectoryFault> {
        let began = Instant::now();
        let directory = self.client.directory();
        let mark = cursor.cookie.split_at_checked(TIME_LENGTH);
        let Some((from, (time, branches))) = mark.and_then(|mark| Some((generalized_time(mark.0)?, mark))) else {
            return Ok(Since::Everything("the last mark cannot be read".to_owned()));
        };
        match self.branches().await? {
            Ok(now) if now == branches => {}
            Ok(_) => return Ok(Since::Everything("a branch was added, renamed, moved or removed".to_owned())),
            Err(why) => return Ok(Since::Everything(why)),
        }
        let asked = from.saturating_sub(OVERLAP).unwrap_or(Timestamp::MIN);
        let asked = asked.strftime("%Y%m%d%H%M%SZ").to_string();
        let filter = Filter::GreaterOrEqual(MODIFY_TIMESTAMP.into(), asked.into_bytes());
        let attributes = [directory.unique_id_attribute(), MODIFY_TIMESTAMP];
        let base = &directory.base_dn;
        let search =
            Search { base, scope: Scope::Subtree, filter: &filter, attributes: &attributes, limit: PAGE.into() };
        let (mut touched, mut latest) = (vec![], None);
        let (mut page, mut pages) = (Some(vec![]), 0);
        while let Some(cookie) = page {
            let found = match self.refusable(&search, &[message::paged(PAGE.into(), &cookie)]).await? {
                Ok(found) => found,
                Err(why) => return Ok(Since::Everything(why)),
            };
            for entry in &found.entries {
                latest = latest.max(entry.value(MODIFY_TIMESTAMP).and_then(generalized_time));
                let id = entry.value(directory.unique_id_attribute()).and_then(|value| directory.unique_id(value));
                let Some(id) = id else {
                    return Ok(Since::Everything(format!("{} shows our account no unique id", entry.dn)));
                };
                touched.push(id);
            }
            if touched.len() > MOST {
                return Ok(too_many());
            }
            page = self.page_after(&found, &mut pages)?;
        }
        // Text of this form sorts by time. What is older than the last mark has been seen.
        let next = latest.map(|latest| began_at(latest, began.elapsed())).filter(|next| next.as_slice() > time);
        let cookie = [next.as_deref().unwrap_or(time), branches].concat();
        let cursor = Cursor { cookie, ..cursor.clone() };
        Ok(Since::Changes(Changes { touched, vanished: vec![], absent_left: false, cursor }))
    }
}

impl Refresh {
    fn take(
        &mut self,
        frame: &Frame,
        base: &str,
        present: &mut (dyn FnMut(&UniqueId) + Send),
    ) -> Result<Step, BerFault> {
        match frame.op() {
            op::SEARCH_ENTRY => self.entry(frame, base, present)?,
            op::SEARCH_REFERENCE => self.references = true,
            op::INTERMEDIATE_RESPONSE => {
                if let Some(info) = SyncInfo::of(frame)? {
                    self.info(info, present);
                }
            }
            _ => return done(frame),
        }
        Ok(Step::More)
    }

    fn entry(
        &mut self,
        frame: &Frame,
        base: &str,
        present: &mut (dyn FnMut(&UniqueId) + Send),
    ) -> Result<(), BerFault> {
        let entry = Entry::parse(frame)?;
        let controls = message::controls_of(frame)?;
        let value = changes::value_of(&controls, SYNC_STATE).ok_or(BerFault::Truncated)?;
        let SyncState { state, id, cookie } = SyncState::parse(value)?;
        self.cookie = cookie.or(self.cookie.take());
        match state {
            State::Present => present(&unique_id(&id)),
            State::Delete => self.gone.push(unique_id(&id)),
            State::Add | State::Modify => {
                if has_below(&entry) && !is_same(&entry.dn, base) {
                    self.branch.get_or_insert(entry.dn);
                }
                self.touched.push(unique_id(&id));
            }
        }
        Ok(())
    }

    fn info(&mut self, info: SyncInfo, present: &mut (dyn FnMut(&UniqueId) + Send)) {
        let new = match info {
            SyncInfo::NewCookie(cookie) => Some(cookie),
            SyncInfo::RefreshDelete { cookie, .. } => cookie,
            SyncInfo::RefreshPresent { cookie, .. } => {
                self.all_named = true;
                cookie
            }
            SyncInfo::Ids { cookie, deleted, ids } => {
                for id in &ids {
                    if deleted { self.gone.push(unique_id(id)) } else { present(&unique_id(id)) }
                }
                cookie
            }
        };
        self.cookie = new.or(self.cookie.take());
    }
}

/// The result of the whole search.
fn done(frame: &Frame) -> Result<Step, BerFault> {
    /// `e-syncRefreshRequired` (RFC 4533 §2.7): the cookie is from before what the server remembers.
    const REFRESH_REQUIRED: u32 = 4096;
    let result = LdapResult::parse(frame, op::SEARCH_DONE)?;
    match result.code {
        0 => match changes::value_of(&result.controls, SYNC_DONE) {
            Some(value) => SyncDone::parse(value).map(Step::Done),
            None => Ok(Step::Refused("the server does not say where its changes end".to_owned())),
        },
        REFRESH_REQUIRED => Ok(Step::Refused("the server no longer knows what has changed since".to_owned())),
        code if is_passing(code) => Ok(Step::Passing { code, diagnostic: result.diagnostic }),
        code => Ok(Step::Refused(refusal(code, &result.diagnostic))),
    }
}

fn unique_id(id: &SyncUuid) -> UniqueId {
    UniqueId(uuid::Uuid::from_bytes(*id).to_string())
}

fn has_below(entry: &Entry) -> bool {
    let [has, count] = BELOW.map(|attribute| entry.text(attribute));
    has.is_some_and(|has| has.eq_ignore_ascii_case("TRUE")) || count.is_some_and(|count| count.trim() != "0")
}

fn is_same(dn: &str, other: &str) -> bool {
    let parse = |text: &str| Dn::parse(text).ok().map(|dn| dn.folded());
    parse(dn).is_some_and(|dn| Some(dn) == parse(other))
}

/// Nothing can leave a naming context but by being deleted.
fn is_naming_context(root: &Entry, base: &str) -> bool {
    naming_context(root, base).is_some_and(|context| is_same(&context, base))
}
