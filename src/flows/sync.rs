//! Synchronisation: a directory is read item by item, compared with our books, and followed. What is found is staged
//! while it is read; nobody is touched before the read has ended and the brakes have had their word.
//!
//! A fault, a cut connection or a killed process on the way changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::groups;
use super::import;
use super::sync_changes::Next;
use super::sync_members::{self, Members};
use crate::directory::changes::Baseline;
use crate::directory::{DirectoryClient, DirectoryFault, Search, Session};
use crate::domain::cursor::{self, Read};
use crate::domain::directory::profile::{Labelled, Profile};
use crate::domain::directory::state::AccountState;
use crate::domain::directory::{Directory, DirectoryKind};
use crate::domain::directory_diff::{self, Comparison, Fingerprint, Key, Place, Sight, contested};
use crate::domain::dn::Dn;
use crate::domain::ids::{SyncItemId, SyncRunId};
use crate::domain::name::Folded;
use crate::domain::sync::{Counts, Pick, Reach, RunState, SyncItem, SyncRun};
use crate::store::audit::Actor;
use crate::store::leases::{Lease, RENEWAL};
use crate::store::sync_writes::{Claimant, Run, Staged};
use crate::store::users::Found;
use crate::store::{Store, StoreFault};
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// Changes kept, or applied, in one transaction.
const BATCH: usize = 1000;
/// More than this is a wrong base, not a company.
const MOST: usize = 5_000_000;
pub(super) const LONGEST: Duration = Duration::from_hours(2);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Read { accounts: usize },
    Applied { changes: usize, of: usize },
}

/// How a run is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    /// Look only; the brakes do not stop it.
    pub dry_run: bool,
    /// Read everything, even if the directory can tell what has changed.
    pub full: bool,
}

/// Why a run did not take place, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SyncFault {
    #[error(transparent)]
    Directory(#[from] DirectoryFault),
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error("directory {directory:?} is being synchronised already; wait for that run to end")]
    Busy { directory: String },
    #[error("directory {directory:?} has no sync item; add one with `vestibule sync item add`")]
    NoItems { directory: String },
    #[error("sync item {item:?} cannot be used: {why}")]
    Item { item: String, why: String },
    #[error(
        "sync item {item:?} shows nobody, and {known} users came by it; an empty answer removes nobody. Check its base, \
         its filter and the rights of our account, or remove the item"
    )]
    Empty { item: String, known: u64 },
    #[error("run {run} does not await approval; `vestibule sync history` shows those that do")]
    NotAwaiting { run: SyncRunId },
    #[error("the groups were not followed, and who is in which stays as it was: {0}")]
    Groups(String),
    #[error("another process has taken over the synchronisation of directory {directory:?}")]
    TakenOver { directory: String },
    #[error("it was cancelled")]
    Cancelled,
}

/// Follows a directory once. Ends early, with nothing half applied, when `cancel` does.
pub async fn run(
    store: &Store,
    client: &DirectoryClient,
    order: Order,
    by: &Actor,
    progress: impl FnMut(Progress),
    cancel: impl Future<Output = ()>,
) -> Result<SyncRun, SyncFault> {
    let directory = client.directory();
    let items = store.sync_items(directory.id).await?;
    if items.is_empty() {
        return Err(SyncFault::NoItems { directory: directory.name.clone() });
    }
    let lease = take(store, client).await?;
    let id = match store.begin_run(&lease, directory.id, order.dry_run, by).await {
        Ok(id) => id,
        Err(fault) => {
            store.end_lease(&lease).await?;
            return Err(fault.into());
        }
    };
    let work = Work { store, client, run: Run { id, directory: directory.id, lease: &lease }, order };
    let done = guarded(&work, work.follow(&items, progress), cancel).await;
    work.end(done).await
}

/// Lets a run go on that a brake stopped: what it found is applied.
pub async fn approve(
    store: &Store,
    client: &DirectoryClient,
    id: SyncRunId,
    by: &Actor,
    mut progress: impl FnMut(Progress),
    cancel: impl Future<Output = ()>,
) -> Result<SyncRun, SyncFault> {
    let directory = client.directory();
    let lease = take(store, client).await?;
    let resumed = store.resume_run(&lease, id, by).await;
    if !matches!(resumed, Ok(true)) {
        store.end_lease(&lease).await?;
        resumed?;
        return Err(SyncFault::NotAwaiting { run: id });
    }
    let work = Work { store, client, run: Run { id, directory: directory.id, lease: &lease }, order: Order::default() };
    let apply = async {
        let before = store.sync_run(id).await?.map(|run| run.counts).unwrap_or_default();
        let staged = store.count_staged(id).await?;
        let Counts { found, unchanged, skipped, .. } = before;
        let counts = Counts { found, unchanged, skipped, ..staged };
        work.finish(counts, None, &mut progress).await
    };
    let done = guarded(&work, apply, cancel).await;
    work.end(done).await
}

async fn take(store: &Store, client: &DirectoryClient) -> Result<Lease, SyncFault> {
    let directory = client.directory();
    let lease = store.take_lease(&format!("sync {}", directory.id)).await?;
    lease.ok_or_else(|| SyncFault::Busy { directory: directory.name.clone() })
}

type Done = Result<(Counts, RunState), SyncFault>;

/// Works for as long as the lease is renewed and nobody cancels. Work that is dropped rolls its transaction back.
async fn guarded(work: &Work<'_>, doing: impl Future<Output = Done>, cancel: impl Future<Output = ()>) -> Done {
    let lost = async {
        // A database that cannot be reached for one renewal may be back for the next; writes check the lease anyway.
        loop {
            tokio::time::sleep(RENEWAL).await;
            if matches!(work.store.renew_lease(work.run.lease).await, Ok(false)) {
                return;
            }
        }
    };
    tokio::select! {
        done = doing => done,
        () = lost => Err(SyncFault::TakenOver { directory: work.client.directory().name.clone() }),
        () = cancel => Err(SyncFault::Cancelled),
    }
}

pub(super) struct Work<'a> {
    pub store: &'a Store,
    pub client: &'a DirectoryClient,
    pub run: Run<'a>,
    pub order: Order,
}

impl Work<'_> {
    async fn follow(&self, items: &[SyncItem], mut progress: impl FnMut(Progress)) -> Done {
        let directory = self.client.directory();
        let settings = cursor::settings(directory, items, &import::attributes(directory));
        let (mut reading, next) = match Box::pin(self.read_changes(items, &settings, &mut progress)).await? {
            Ok(read) => read,
            Err(why) => Box::pin(self.read_all(items, why, &mut progress)).await?,
        };
        if reading.partial.is_none() {
            let leavers = match reading.left.take() {
                Some(left) => left,
                None => self.store.leavers(self.run.directory, &reading.comparison).await?,
            };
            for leavers in leavers.chunks(BATCH) {
                self.store.stage_leavers(self.run, leavers).await?;
            }
            self.store.stage_removals(self.run, items).await?;
        }
        let (owners, found) = self.store.sync_claims(self.run).await?;
        let owners: Vec<_> = owners.iter().map(Claimant::claim).collect();
        let found: Vec<_> = found.iter().map(Claimant::claim).collect();
        let contests = contested(&owners, &found);
        if !contests.is_empty() {
            self.store.mark_contested(self.run, &contests).await?;
        }
        // It counts once the run has finished: not if a brake stops it, nor if applying fails.
        if let Some(Next { cursor, full_at }) = next.filter(|_| reading.partial.is_none() && !self.order.dry_run) {
            self.store.keep_bookmark(self.run, &cursor, &settings, full_at).await?;
        }
        let Counts { found, unchanged, skipped, .. } = reading.counts;
        let counts = Counts { found, unchanged, skipped, ..self.store.count_staged(self.run.id).await? };
        self.decide(counts, reading, progress).await
    }

    /// Reads every item, and sets a mark before it does.
    async fn read_all(
        &self,
        items: &[SyncItem],
        why: String,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(Reading, Option<Next>), SyncFault> {
        let full_at = self.store.ambient().now();
        self.store.note_read(self.run, &Read::Full { why }).await?;
        let books = self.store.sync_books(self.run.directory, items).await?;
        let (mut session, baseline) = self.baseline(items).await?;
        let mut reading = Reading::new(Comparison::new(books.known));
        reading.baseline = baseline;
        for (item, place) in items.iter().zip(0..) {
            let part = Part { item, place, only: None };
            session = self.read(&part, session, &mut reading, progress).await?;
            reading.refuse_empty(item, &books.of_item)?;
        }
        self.keep(&mut reading).await?;
        let next = reading.baseline.take().and_then(Baseline::end).map(|cursor| Next { cursor, full_at });
        Ok((reading, next))
    }

    async fn decide(&self, counts: Counts, reading: Reading, mut progress: impl FnMut(Progress)) -> Done {
        let now = || self.store.ambient().now();
        if self.order.dry_run {
            return Ok((counts, RunState::Finished { at: now(), note: reading.partial }));
        }
        let brake = self.store.sync_settings(self.run.directory).await?.brake;
        let managed = u64::try_from(reading.comparison.managed()).unwrap_or(u64::MAX);
        if let Err(stopped) = brake.check(counts.disabled + counts.removed, managed + counts.removed) {
            return Ok((counts, RunState::AwaitingApproval { at: now(), why: stopped.to_string() }));
        }
        if let Some(stopped) = self.store.too_many_invitations(self.run.id).await? {
            return Ok((counts, RunState::AwaitingApproval { at: now(), why: stopped.to_string() }));
        }
        // What was known before is not needed to write it down.
        let Reading { partial: note, comparison, .. } = reading;
        drop(comparison);
        self.finish(counts, note, &mut progress).await
    }

    /// Applies what is staged, then follows the groups. Groups that cannot be followed are a remark on the run, and no
    /// reason to leave people as they were.
    async fn finish(&self, mut counts: Counts, note: Option<String>, progress: &mut impl FnMut(Progress)) -> Done {
        self.apply(&counts, progress).await?;
        let deadline = Instant::now() + LONGEST;
        let following = groups::follow(self.store, self.client, self.run, self.order.full, deadline);
        let said = match Box::pin(following).await {
            Ok(followed) => {
                counts.groups = followed.changed;
                followed.note
            }
            Err(SyncFault::Directory(fault)) => Some(SyncFault::Groups(fault.to_string()).to_string()),
            Err(fault @ SyncFault::Groups(_)) => Some(fault.to_string()),
            Err(fault) => return Err(fault),
        };
        let notes: Vec<String> = note.into_iter().chain(said).collect();
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok((counts, RunState::Finished { at: self.store.ambient().now(), note }))
    }

    async fn apply(&self, counts: &Counts, progress: &mut impl FnMut(Progress)) -> Result<(), SyncFault> {
        let of = counts.added + counts.updated + counts.kept + counts.disabled + counts.removed;
        let of = usize::try_from(of).unwrap_or(usize::MAX);
        let mut changes = 0;
        while changes < of {
            match self.store.apply_batch(self.run, i64::try_from(BATCH).unwrap_or(i64::MAX)).await? {
                0 => break,
                more => changes += more,
            }
            progress(Progress::Applied { changes, of });
        }
        Ok(())
    }

    /// Reads one item, or of it what is asked for, on a connection that it hands back.
    pub(super) async fn read<'a>(
        &'a self,
        part: &Part<'_>,
        mut session: Session<'a>,
        reading: &mut Reading,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Session<'a>, SyncFault> {
        let directory = self.client.directory();
        let mut attributes = import::attributes(directory);
        attributes.extend(reading.baseline.as_ref().and_then(Baseline::attribute));
        let picked = Picked::of(self.client, part.item, Instant::now() + LONGEST).await?;
        reading.shown = 0;
        for filter in &part.filters(directory, picked.filter) {
            let search =
                Search { base: &picked.base, scope: picked.scope, filter, attributes: &attributes, limit: MOST };
            let mut pages = session.pages(&search, directory.page_size.get().into());
            while let Some(entries) = pages.next().await? {
                reading.page(directory, part, picked.members.as_ref(), &entries);
                if reading.staged.len() >= BATCH {
                    self.keep(reading).await?;
                }
                progress(Progress::Read { accounts: usize::try_from(reading.counts.found).unwrap_or(usize::MAX) });
            }
            // Active Directory always adds references to its other partitions, which hold no people.
            if directory.kind == DirectoryKind::OpenLdap && pages.references() > 0 {
                reading.partial.get_or_insert_with(|| {
                    format!(
                        "sync item {:?} has parts on other servers that were not read; nobody was taken for a leaver",
                        part.item.name
                    )
                });
            }
            session = pages.into_session();
        }
        Ok(session)
    }

    pub(super) async fn keep(&self, reading: &mut Reading) -> Result<(), SyncFault> {
        if !reading.staged.is_empty() {
            self.store.stage(self.run, &reading.staged).await?;
            reading.staged.clear();
        }
        Ok(())
    }

    /// Writes down how it ended, and lets the next one run.
    async fn end(self, done: Done) -> Result<SyncRun, SyncFault> {
        let directory = &self.client.directory().name;
        let now = self.store.ambient().now();
        let (counts, state, fault) = match done {
            Ok((counts, state)) => (Some(counts), state, None),
            Err(SyncFault::Cancelled) => (
                None,
                RunState::Cancelled { at: now, why: "somebody stopped it".to_owned() },
                Some(SyncFault::Cancelled),
            ),
            Err(fault) => (None, RunState::Failed { at: now, why: fault.to_string() }, Some(fault)),
        };
        let written = self.store.end_run(self.run.id, directory, counts.as_ref(), &state).await;
        let released = self.store.end_lease(self.run.lease).await;
        if let Some(fault) = fault {
            return Err(fault);
        }
        written?;
        released?;
        let run = self.store.sync_run(self.run.id).await?;
        run.ok_or(SyncFault::NotAwaiting { run: self.run.id })
    }
}

/// What is read of an item.
pub(super) struct Part<'a> {
    pub item: &'a SyncItem,
    pub place: Place,
    /// These accounts alone, where it shows them.
    pub only: Option<Vec<Key>>,
}

/// Accounts asked for in one search; servers bound what a filter may hold.
const AT_ONCE: usize = 100;

impl Part<'_> {
    fn filters(&self, directory: &Directory, filter: Filter) -> Vec<Filter> {
        let Some(only) = &self.only else { return vec![filter] };
        let by_id = |key: &Key| {
            let id = directory_diff::unique_id(key);
            Filter::Equal(directory.unique_id_attribute().to_owned(), directory.unique_id_value(&id))
        };
        let any_of = |keys: &[Key]| Filter::Or(keys.iter().map(by_id).collect());
        only.chunks(AT_ONCE).map(|keys| Filter::And(vec![filter.clone(), any_of(keys)])).collect()
    }
}

/// A read under way.
pub(super) struct Reading {
    pub comparison: Comparison,
    pub counts: Counts,
    staged: Vec<Staged>,
    /// Why the read is not whole.
    pub partial: Option<String>,
    /// Accounts the current item has shown.
    shown: usize,
    /// Of a read of changes: accounts no item has shown so far.
    pub asked: BTreeSet<Key>,
    /// Of a read of changes: who has left.
    pub left: Option<Vec<String>>,
    /// Of a read of everything: the mark set before it.
    pub baseline: Option<Baseline>,
}

impl Reading {
    pub(super) fn new(comparison: Comparison) -> Self {
        let (counts, staged, asked) = (Counts::default(), vec![], BTreeSet::new());
        Self { comparison, counts, staged, partial: None, shown: 0, asked, left: None, baseline: None }
    }

    fn page(&mut self, directory: &Directory, part: &Part<'_>, members: Option<&Members>, entries: &[Entry]) {
        for entry in entries {
            if let Some(baseline) = &mut self.baseline {
                baseline.saw(entry);
            }
            match import::account(directory, entry) {
                Ok(account) if members.is_none_or(|members| members.has(&account)) => {
                    self.shown += 1;
                    self.take(part, account);
                }
                Ok(_) => {}
                Err(why) => {
                    tracing::info!(dn = entry.dn, why, "an account cannot be a user");
                    self.skip(directory, entry);
                }
            }
        }
    }

    /// An item that was read as a whole and shows nobody, though people came by it, is a mistake.
    pub(super) fn refuse_empty(&self, item: &SyncItem, of_item: &HashMap<SyncItemId, u64>) -> Result<(), SyncFault> {
        match of_item.get(&item.id) {
            Some(known) if self.shown == 0 => Err(SyncFault::Empty { item: item.name.clone(), known: *known }),
            Some(_) | None => Ok(()),
        }
    }

    /// What is there has not left, even if it cannot be used; what does not say who it is could be anybody.
    fn skip(&mut self, directory: &Directory, entry: &Entry) {
        self.counts.skipped += 1;
        let id = entry.value(directory.unique_id_attribute()).and_then(|value| directory.unique_id(value));
        if let Some(id) = id {
            let key = directory_diff::key(&id.0);
            self.asked.remove(&key);
            self.comparison.spare(&key);
        } else {
            let why = || format!("{} shows our account no unique id; nobody was taken for a leaver", entry.dn);
            self.partial.get_or_insert_with(why);
        }
    }

    fn take(&mut self, part: &Part<'_>, mut found: Found) {
        let item = part.item;
        let key = directory_diff::key(&found.unique_id.0);
        // Of a read of changes: nothing was said of the account, so that its own item, which comes first, still shows it.
        if self.comparison.belongs_before(&key, part.place) {
            return;
        }
        self.asked.remove(&key);
        item.complete(&mut found.profile);
        let fingerprint = fingerprint(item.id, &found);
        let is_new = match self.comparison.meet(&key, &fingerprint) {
            Sight::Again => return,
            Sight::Unchanged => {
                self.counts.found += 1;
                self.counts.unchanged += 1;
                return;
            }
            Sight::Changed => false,
            Sight::New => true,
        };
        self.counts.found += 1;
        self.staged.push(Staged { found, fingerprint, item: item.id, is_new });
    }
}

/// Everything a run writes about an account: a change of any of it is a change.
fn fingerprint(item: SyncItemId, found: &Found) -> Fingerprint {
    let Found { name, dn, profile, state, member_of, primary_group, names, unique_id: _ } = found;
    let AccountState { disabled, until } = state;
    let (disabled, until) = (disabled.map(|it| it.to_string()), until.map(|it| it.to_string()));
    let Profile { first, last, mail, phones, language } = profile;
    let item = item.to_string();
    let phones = phones.iter().flat_map(|Labelled { label, phone }| [label.clone(), phone.to_string()]);
    let phones: Vec<String> = phones.collect();
    let person = [first, last, mail, language, primary_group, &disabled, &until].map(Option::as_ref);
    let fields = [Some(&item), Some(name), Some(dn)].into_iter().chain(person).map(|field| field.map(String::as_str));
    let lists = phones.iter().map(String::as_str).map(Some).chain([None]);
    directory_diff::fingerprint(fields.chain(lists).chain(listed(member_of)).chain(listed(names)))
}

/// Names, and where they end.
fn listed(names: &[Folded]) -> impl Iterator<Item = Option<&str>> {
    names.iter().map(|name| Some(name.as_str())).chain([None])
}

/// An item as a search.
pub(super) struct Picked {
    pub base: String,
    pub scope: Scope,
    pub filter: Filter,
    /// Those in the group, where the directory cannot be asked for them by a filter.
    pub members: Option<Members>,
}

impl Picked {
    pub(super) async fn of(client: &DirectoryClient, item: &SyncItem, deadline: Instant) -> Result<Self, SyncFault> {
        let directory = client.directory();
        let bad = |why: String| SyncFault::Item { item: item.name.clone(), why };
        let people = Filter::parse(directory.people_filter()).map_err(|fault| bad(fault.to_string()))?;
        match &item.pick {
            Pick::Below { base, reach, filter } => {
                let filter = match filter {
                    Some(filter) => Filter::parse(filter).map_err(|fault| bad(fault.to_string()))?,
                    None => people,
                };
                let scope = match reach {
                    Reach::OneLevel => Scope::OneLevel,
                    Reach::Subtree => Scope::Subtree,
                };
                let base = base.clone().unwrap_or_else(|| directory.base_dn.clone());
                Ok(Self { base, scope, filter, members: None })
            }
            Pick::Group { dn } => {
                let group = Dn::parse(dn).map_err(|fault| bad(fault.to_string()))?;
                let base = directory.base_dn.clone();
                let (filter, members) = match directory.kind {
                    DirectoryKind::ActiveDirectory => {
                        sync_members::exists(client, dn, deadline)
                            .await?
                            .then_some(())
                            .ok_or_else(|| bad(format!("there is no group {dn}")))?;
                        (Filter::And(vec![people, sync_members::in_chain(dn)]), None)
                    }
                    DirectoryKind::OpenLdap => {
                        let members = sync_members::walk(client, &group, deadline).await?;
                        let members = members.ok_or_else(|| bad(format!("there is no group {dn}")))?;
                        (people, Some(members))
                    }
                };
                Ok(Self { base, scope: Scope::Subtree, filter, members })
            }
        }
    }
}
