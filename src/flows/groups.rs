//! The groups of a directory, followed at the end of a run. What changed is written group by group; then who is in which
//! group is worked out anew, in one transaction, if a group or an account changed. A reading that was not whole takes
//! nothing away.
//!
//! How much a directory may make of its groups is bounded: how many, how deep, how wide, and how long their names are.

use std::collections::HashMap;

use tokio::time::Instant;

use super::sync::SyncFault;
use crate::directory::{DirectoryClient, Search};
use crate::domain::directory::attributes::Field;
use crate::domain::directory::{Directory, DirectoryKind};
use crate::domain::directory_diff::{self, Fingerprint, Key};
use crate::domain::dn::{Dn, Rdn, Value};
use crate::domain::group_tree::{self, LIMITS, TreeFault};
use crate::domain::ids::{DirectoryId, GroupId};
use crate::domain::name::{Folded, LoginName, fold};
use crate::domain::sid::Sid;
use crate::store::Store;
use crate::store::groups::FoundGroup;
use crate::store::sync_writes::Run;
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// More groups than this are a wrong filter, not a company.
const MOST: usize = 500_000;
/// Members, over all groups.
const MOST_MEMBERS: usize = 20_000_000;
/// Groups, and members of groups, written in one transaction.
const BATCH: usize = 500;
const BATCH_MEMBERS: usize = 50_000;
/// Groups asked for at a time: one may bring as many members as a page has room for.
const PAGE: u16 = 100;
/// Groups one account names itself; Active Directory lets nobody sign in with more than 1,015.
const MOST_NAMED: usize = 2_000;
/// Bytes of a group's name; longer ones give way to the next best (X.520 and Active Directory allow 64 and 256 letters).
const MAX_NAME: usize = 1_024;
/// Bytes of a name in comparison form: what an index of the database takes, and no user's DN is longer either.
const MAX_FOLDED: usize = 2_600;

/// What came of it.
#[derive(Debug, Default)]
pub struct Followed {
    /// Groups added, changed or removed.
    pub changed: u64,
    /// What could not be read, and what that means.
    pub note: Option<String>,
}

/// Reads all groups below the directory's base and brings our books up to date. `full`: a person asked for it, so that a
/// directory without any group is believed.
pub async fn follow(
    store: &Store,
    client: &DirectoryClient,
    run: Run<'_>,
    full: bool,
    deadline: Instant,
) -> Result<Followed, SyncFault> {
    let directory = client.directory();
    let known = store.known_groups(directory.id).await?;
    let knew = known.len();
    let text = directory.group_filter();
    let filter = Filter::parse(text).map_err(|fault| SyncFault::Groups(format!("the filter {text}: {fault}")))?;
    let id = directory.unique_id_attribute();
    let attributes = [id, "cn", "member", "uniqueMember", "memberUid", "gidNumber", "objectSid"];
    let base = &directory.base_dn;
    let search = Search { base, scope: Scope::Subtree, filter: &filter, attributes: &attributes, limit: MOST };
    let mut reading = Reading::new(directory, known);
    let page_size = directory.page_size.get().min(PAGE);
    let mut pages = client.search_paged(&search, page_size.into(), deadline).await?;
    while let Some(entries) = pages.next().await? {
        for entry in entries {
            reading.take(&entry)?;
            if reading.batch.len() >= BATCH || reading.waiting >= BATCH_MEMBERS {
                store.write_groups(run, &std::mem::take(&mut reading.batch)).await?;
                reading.waiting = 0;
            }
        }
    }
    if directory.kind == DirectoryKind::OpenLdap && pages.references() > 0 {
        reading.partial.get_or_insert_with(|| "some groups are on other servers".to_owned());
    }
    if reading.shown == 0 && knew > 0 && !full {
        return Err(SyncFault::Groups(format!(
            "{text} shows no group, and {knew} are known; an empty answer removes none. If there is none any more, run \
             `vestibule sync run --full`"
        )));
    }
    if !reading.batch.is_empty() {
        store.write_groups(run, &reading.batch).await?;
    }
    let gone = reading.gone();
    if !gone.is_empty() {
        store.remove_groups(run, &gone).await?;
    }
    close(store, directory.id, run).await?;
    Ok(reading.followed())
}

/// Works out who is in which group, if a group or an account changed since it was.
async fn close(store: &Store, directory: DirectoryId, run: Run<'_>) -> Result<(), SyncFault> {
    if !store.groups_are_stale(directory).await? {
        return Ok(());
    }
    let edges = store.group_edges(directory, LIMITS.edges).await?;
    let (group, what) = match group_tree::above(&edges, LIMITS) {
        Ok(above) => return Ok(store.close_groups(run, &edges, &above).await?),
        Err(TreeFault::TooDeep { above, limit }) => (above, format!("holds groups over more than {limit} steps")),
        Err(TreeFault::TooMany { of, limit }) => (of, format!("nests more groups than are followed (limit {limit})")),
    };
    let dn = store.group_dn(group).await?.unwrap_or_else(|| group.to_string());
    Err(SyncFault::Groups(format!("{dn} {what}")))
}

/// A read under way.
struct Reading<'a> {
    directory: &'a Directory,
    /// What our books have and the directory has not shown yet.
    known: HashMap<Key, (GroupId, Fingerprint)>,
    /// To be written, and how many members that brings.
    batch: Vec<FoundGroup>,
    waiting: usize,
    /// Groups, and members of all of them.
    shown: usize,
    members: usize,
    changed: u64,
    /// Why the read is not whole.
    partial: Option<String>,
    /// Groups that cannot be used: how many, and the first with its reason.
    unusable: usize,
    first_unusable: Option<String>,
}

impl<'a> Reading<'a> {
    fn new(directory: &'a Directory, known: HashMap<Key, (GroupId, Fingerprint)>) -> Self {
        let (batch, waiting, shown, members, changed, unusable) = (vec![], 0, 0, 0, 0, 0);
        let (partial, first_unusable) = (None, None);
        Self { directory, known, batch, waiting, shown, members, changed, partial, unusable, first_unusable }
    }

    fn take(&mut self, entry: &Entry) -> Result<(), SyncFault> {
        let id = self.directory.unique_id_attribute();
        let Some(unique_id) = entry.value(id).and_then(|value| self.directory.unique_id(value)) else {
            self.partial.get_or_insert_with(|| format!("group {} shows our account no {id}", entry.dn));
            return Ok(());
        };
        self.shown += 1;
        // What is there has not gone, even if it cannot be used.
        let before = self.known.remove(&directory_diff::key(&unique_id.0));
        let group = match group(self.directory, unique_id.0, entry) {
            Ok(group) => group,
            Err(why) => {
                tracing::info!(dn = entry.dn, why, "a group cannot be used");
                self.unusable += 1;
                self.first_unusable.get_or_insert_with(|| format!("{}: {why}", entry.dn));
                return Ok(());
            }
        };
        self.members += group.members.len();
        if self.members > MOST_MEMBERS {
            return Err(SyncFault::Groups(format!("with {} there are over {MOST_MEMBERS} members", entry.dn)));
        }
        if before.is_none_or(|(_, fingerprint)| fingerprint != group.fingerprint) {
            self.changed += 1;
            self.waiting += group.members.len();
            self.batch.push(group);
        }
        Ok(())
    }

    /// What our books have and a whole reading did not show.
    fn gone(&mut self) -> Vec<GroupId> {
        if self.partial.is_some() {
            return vec![];
        }
        let gone: Vec<GroupId> = self.known.drain().map(|(_, (id, _))| id).collect();
        self.changed += gone.len() as u64;
        gone
    }

    fn followed(self) -> Followed {
        let count = self.unusable;
        let partial = self.partial.map(|why| format!("{why}; no group was taken for gone"));
        let unusable = self.first_unusable;
        let unusable =
            unusable.map(|first| format!("{count} groups cannot be used and stay as they were, such as {first}"));
        let notes: Vec<String> = partial.into_iter().chain(unusable).collect();
        Followed { changed: self.changed, note: (!notes.is_empty()).then(|| notes.join("; ")) }
    }
}

/// An entry as a group, or why it cannot be one. A member that cannot be read as a name is left out: it is no user of ours.
fn group(directory: &Directory, unique_id: String, entry: &Entry) -> Result<FoundGroup, String> {
    let dn = Dn::parse(&entry.dn).map_err(|fault| fault.to_string())?;
    let folded_dn = dn.folded();
    if !fits(&folded_dn) {
        return Err(format!("its DN is empty or over {MAX_FOLDED} bytes"));
    }
    let (name, folded) = name(entry, &dn);
    let mut members: Vec<Folded> = members(entry).filter(fits).collect();
    members.sort_unstable();
    members.dedup();
    let primary_id = match directory.kind {
        DirectoryKind::ActiveDirectory => {
            entry.value("objectSid").and_then(|sid| Sid::parse(sid).ok()).map(|sid| sid.to_string())
        }
        DirectoryKind::OpenLdap => number(entry, "gidNumber").map(|number| number.to_string()),
    };
    let fields = [Some(name.as_str()), Some(entry.dn.as_str()), primary_id.as_deref()];
    let fields = fields.into_iter().chain(members.iter().map(|member| Some(member.as_str())));
    let fingerprint = directory_diff::fingerprint(fields);
    Ok(FoundGroup { unique_id, name, folded, dn: entry.dn.clone(), folded_dn, primary_id, members, fingerprint })
}

/// Whom a group names, in whatever attribute, in comparison form.
pub(super) fn members(entry: &Entry) -> impl Iterator<Item = Folded> {
    let dns = entry.values("member").iter().filter_map(|value| text_dn(std::str::from_utf8(value).ok()?));
    let unique = entry.values("uniqueMember").iter().filter_map(|value| unique_dn(value));
    // An account name (RFC 2307 §5.3), never an address or a DN.
    let account = |value: &Vec<u8>| match LoginName::parse(std::str::from_utf8(value).ok()?).ok()? {
        name @ LoginName::Plain { .. } => Some(name.folded()),
        LoginName::Dn { .. } | LoginName::Upn { .. } | LoginName::DownLevel { .. } => None,
    };
    let accounts = entry.values("memberUid").iter().filter_map(account);
    dns.chain(unique).chain(accounts)
}

/// What people call it: its cn, else what its DN begins with, else the DN.
fn name(entry: &Entry, dn: &Dn) -> (String, Folded) {
    let own = dn.rdns().first().into_iter().flat_map(Rdn::avas).filter_map(|ava| match ava.value() {
        Value::Text(text) => Some(text.as_str()),
        Value::Ber(_) => None,
    });
    let called = entry.values("cn").iter().filter_map(|value| std::str::from_utf8(value).ok());
    let usable = |text: &str| {
        let fine = text.len() <= MAX_NAME && !text.chars().any(char::is_control);
        let folded = fold(text).ok().filter(fits).filter(|_| fine)?;
        Some((text.to_owned(), folded))
    };
    called.chain(own).find_map(usable).unwrap_or_else(|| (dn.to_string(), dn.folded()))
}

/// Which groups an account itself names: those of its attributes, as DNs in comparison form, and its primary group, by
/// SID or gidNumber; or why that cannot be taken.
pub fn named(directory: &Directory, entry: &Entry) -> Result<(Vec<Folded>, Option<String>), String> {
    let attributes = directory.attributes.names(directory.kind, &Field::Groups);
    let values: Vec<&Vec<u8>> = attributes.into_iter().flat_map(|attribute| entry.values(attribute)).collect();
    if values.len() > MOST_NAMED {
        return Err(format!("it names {} groups; {MOST_NAMED} are followed", values.len()));
    }
    let dns = values.into_iter().filter_map(|value| text_dn(std::str::from_utf8(value).ok()?));
    let mut groups: Vec<Folded> = dns.filter(fits).collect();
    groups.sort_unstable();
    groups.dedup();
    let primary = match directory.kind {
        DirectoryKind::ActiveDirectory => {
            let own = entry.value("objectSid").and_then(|sid| Sid::parse(sid).ok());
            own.zip(number(entry, "primaryGroupID")).map(|(own, rid)| own.sibling(rid).to_string())
        }
        DirectoryKind::OpenLdap => number(entry, "gidNumber").map(|number| number.to_string()),
    };
    Ok((groups, primary))
}

/// Where an account names its primary group, which stands in neither `member` nor `memberOf`.
pub fn primary_attributes(kind: DirectoryKind) -> &'static [&'static str] {
    match kind {
        DirectoryKind::ActiveDirectory => &["objectSid", "primaryGroupID"],
        DirectoryKind::OpenLdap => &["gidNumber"],
    }
}

fn number(entry: &Entry, attribute: &str) -> Option<u32> {
    entry.text(attribute)?.parse().ok()
}

/// The empty DN, which stands in groups that must have a member and have none, is nobody.
fn fits(name: &Folded) -> bool {
    (1..=MAX_FOLDED).contains(&name.as_str().len())
}

fn text_dn(text: &str) -> Option<Folded> {
    Some(Dn::parse(text).ok()?.folded())
}

/// A DN that may end in `#` and a bit string (RFC 4517 §3.3.21), which tells apart those who had one DN after another.
fn unique_dn(value: &[u8]) -> Option<Folded> {
    let text = std::str::from_utf8(value).ok()?;
    let bits = |text: &str| {
        let bits = text.strip_prefix('\'')?.strip_suffix("'B")?;
        bits.bytes().all(|bit| matches!(bit, b'0' | b'1')).then_some(())
    };
    let plain = text.rsplit_once('#').filter(|(_, end)| bits(end).is_some()).map(|(dn, _)| dn);
    text_dn(plain.unwrap_or(text))
}

#[cfg(test)]
mod tests;
