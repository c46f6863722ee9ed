//! A run that asks for changes only: which accounts may have changed is what the directory says; what has become of them is
//! read item by item as in a full run. Where that could miss anybody, everything is read, and the run says why.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::time::Instant;

use super::import;
use super::sync::{LONGEST, Part, Progress, Reading, SyncFault, Work};
use crate::directory::Session;
use crate::directory::changes::{Baseline, Changes, Since};
use crate::domain::cursor::{self, Cursor, Read};
use crate::domain::directory::UniqueId;
use crate::domain::directory::attributes::UniqueIdKind;
use crate::domain::directory_diff::{self, Comparison, Fingerprint, Key, NO_PLACE, Place};
use crate::domain::sync::{Pick, SyncItem};
use crate::store::sync_cursors::Bookmark;
use crate::wire::filter::Filter;

/// More accounts to look at than this are read faster with all others.
const MOST_ASKED: usize = 10_000;

/// From where the next run may go on.
pub(super) struct Next {
    pub cursor: Cursor,
    /// When everything was last read.
    pub full_at: Timestamp,
}

impl Work<'_> {
    /// A connection on which everything is read, and a mark for the runs after it, if the directory can give one.
    pub(super) async fn baseline(&self, items: &[SyncItem]) -> Result<(Session<'_>, Option<Baseline>), SyncFault> {
        let deadline = Instant::now() + LONGEST;
        let mut session = self.client.session(deadline).await?;
        if !items.iter().any(|item| cursor::shows_in_accounts(self.client.directory(), item)) {
            return Ok((session, None));
        }
        let watched = self.watched(items)?;
        match session.baseline(&borrowed(&watched)).await {
            Ok(baseline) => Ok((session, baseline)),
            // Whoever cannot say what will change can still be read.
            Err(fault) => {
                tracing::info!(%fault, "the next run cannot ask for changes only");
                Ok((self.client.session(deadline).await?, None))
            }
        }
    }

    /// Reads what has changed; or why everything must be read.
    pub(super) async fn read_changes(
        &self,
        items: &[SyncItem],
        settings: &Fingerprint,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Result<(Reading, Option<Next>), String>, SyncFault> {
        let Bookmark { cursor, full_at, pending, .. } = match self.usable(items, settings).await? {
            Ok(bookmark) => bookmark,
            Err(why) => return Ok(Err(why)),
        };
        let directory = self.client.directory();
        let follows: Vec<bool> = items.iter().map(|item| cursor::shows_in_accounts(directory, item)).collect();
        let follows = |place: Place| follows.get(usize::from(place)).copied().unwrap_or(false);
        let books = self.store.sync_books(self.run.directory, items).await?;
        let unwritten = books.known.iter().filter(|known| known.may_leave && known.fingerprint.is_none());
        let mut asked: BTreeSet<Key> = unwritten.map(|known| known.key).collect();
        asked.extend(pending.iter().map(|id| directory_diff::key(id)));
        let mut comparison = Comparison::resting(books.known);

        let mut session = self.client.session(Instant::now() + LONGEST).await?;
        let watched = self.watched(items)?;
        let mut present = |id: &UniqueId| comparison.present(&directory_diff::key(&id.0));
        let told = session.changes(&cursor, &borrowed(&watched), &mut present).await;
        let Changes { touched, vanished, absent_left, cursor } = match told {
            Ok(Since::Changes(changes)) => changes,
            Ok(Since::Everything(why)) => return Ok(Err(why)),
            Err(fault) => return Ok(Err(format!("asking for changes failed: {fault}"))),
        };
        if vanished.iter().any(|id| !comparison.knows(&directory_diff::key(&id.0))) {
            return Ok(Err("an entry is gone that was no account, perhaps a branch with accounts".to_owned()));
        }
        asked.extend(touched.iter().chain(&vanished).map(|id| directory_diff::key(&id.0)));
        if absent_left {
            asked.extend(comparison.absent(follows));
        }
        if asked.len() > MOST_ASKED {
            return Ok(Err(format!("more than {MOST_ASKED} accounts may have changed")));
        }
        self.store.note_read(self.run, &Read::Incremental { how: how(&cursor) }).await?;
        for key in &asked {
            comparison.touch(key);
        }
        comparison.touch_if(|place| place != NO_PLACE && !follows(place));

        let mut reading = Reading::new(comparison);
        reading.asked = asked;
        for (item, place) in items.iter().zip(0..) {
            if follows(place) {
                let only = Some(reading.asked.iter().copied().collect());
                session = self.read(&Part { item, place, only }, session, &mut reading, progress).await?;
            } else {
                let part = Part { item, place, only: None };
                session = self.read(&part, session, &mut reading, progress).await?;
                reading.refuse_empty(item, &books.of_item)?;
                // Whom the item no longer shows may be another's now.
                reading.asked.extend(reading.comparison.unmet(place));
            }
        }
        self.keep(&mut reading).await?;
        let left = reading.asked.iter().filter(|key| reading.comparison.has_left(key));
        reading.left = Some(left.map(|key| directory_diff::unique_id(key).0).collect());
        Ok(Ok((reading, Some(Next { cursor, full_at }))))
    }

    /// The mark to go on from; or why there is none.
    async fn usable(&self, items: &[SyncItem], settings: &Fingerprint) -> Result<Result<Bookmark, String>, SyncFault> {
        let no = |why: &str| Ok(Err(why.to_owned()));
        if self.order.full {
            return no("it was asked for");
        }
        if self.client.directory().unique_id_kind() == UniqueIdKind::Text {
            return no("the directory's unique ids are no UUIDs, by which changes are told");
        }
        if !items.iter().any(|item| cursor::shows_in_accounts(self.client.directory(), item)) {
            return no("every sync item goes by groups, which are read as a whole");
        }
        let Some(bookmark) = self.store.bookmark(self.run.directory).await? else {
            return no("no earlier run left a mark to go on from");
        };
        if bookmark.settings != *settings {
            return no("the directory or its sync items are set up differently since the last run");
        }
        let every = self.store.sync_settings(self.run.directory).await?.full_every;
        if cursor::is_full_due(bookmark.full_at, self.store.ambient().now(), every) {
            return no("it was time for a full run");
        }
        Ok(Ok(bookmark))
    }

    /// Attributes whose change may change what an item shows, or what it shows of an account.
    fn watched(&self, items: &[SyncItem]) -> Result<Vec<String>, SyncFault> {
        let directory = self.client.directory();
        let mut watched: Vec<String> = import::attributes(directory).into_iter().map(str::to_owned).collect();
        let filters = items.iter().filter_map(|item| match &item.pick {
            Pick::Below { filter: Some(filter), .. } => Some((item, filter.as_str())),
            Pick::Below { filter: None, .. } => Some((item, directory.people_filter())),
            Pick::Group { .. } => None,
        });
        for (item, text) in filters {
            let filter = Filter::parse(text)
                .map_err(|fault| SyncFault::Item { item: item.name.clone(), why: fault.to_string() })?;
            watched.extend(filter.attributes().into_iter().map(str::to_owned));
        }
        let mut seen = BTreeSet::new();
        watched.retain(|name| seen.insert(name.to_ascii_lowercase()));
        Ok(watched)
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn how(cursor: &Cursor) -> String {
    let method = cursor.method.as_str();
    if cursor.shows_deletions {
        method.to_owned()
    } else {
        format!("{method}, which does not show our account what was deleted: the next full run does")
    }
}
