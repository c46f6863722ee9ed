//! Follows directories by the clock. Whichever replica sees a turn first takes it; the lease keeps the others out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::next_turn;
use crate::directory::{DirectoryClient, Spawn};
use crate::domain::ids::DirectoryId;
use crate::domain::sync::{Every, RunState};
use crate::flows::sync::{self, Order, SyncFault};
use crate::store::Store;
use crate::store::audit::Actor;
use crate::tasks::Stop;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(5);

pub async fn follow(store: Store, spawn: Arc<dyn Spawn>, stop: Stop) {
    loop {
        match store.sync_due().await {
            Ok(due) => {
                let turns = due.into_iter().map(|(directory, every)| turn(&store, &spawn, directory, every, &stop));
                join_all(turns).await;
            }
            Err(fault) => tracing::warn!(%fault, "whose turn it is to be synchronised could not be read"),
        }
        if !next_turn(LOOK, &stop).await {
            return;
        }
    }
}

async fn turn(store: &Store, spawn: &Arc<dyn Spawn>, id: DirectoryId, every: Every, stop: &Stop) {
    match take(store, spawn, id, every, stop).await {
        // Another replica was faster.
        Ok(()) | Err(SyncFault::Busy { .. }) => {}
        Err(SyncFault::Cancelled) => tracing::info!(directory = %id, "a synchronisation was cut short by the stop"),
        Err(fault) => {
            tracing::error!(directory = %id, %fault, "a directory was not synchronised; everything stays as it was");
        }
    }
}

async fn take(
    store: &Store,
    spawn: &Arc<dyn Spawn>,
    id: DirectoryId,
    every: Every,
    stop: &Stop,
) -> Result<(), SyncFault> {
    let ambient = store.ambient();
    let next = every.next(ambient.now(), ambient.number(u32::MAX));
    if !store.take_turn(id, next).await? {
        return Ok(());
    }
    let directories = store.directories().await?;
    let Some(directory) = directories.into_iter().find(|directory| directory.id == id) else { return Ok(()) };
    let client = DirectoryClient::new(directory, &**spawn)?;
    let by = Actor("schedule".to_owned());
    let run = sync::run(store, &client, Order::default(), &by, |_| {}, stop.requested()).await?;
    let counts = run.counts;
    match &run.state {
        RunState::AwaitingApproval { why, .. } => {
            tracing::error!(run = %run.id, directory = run.directory, why, "a synchronisation stopped and asks: vestibule sync approve");
        }
        RunState::Running | RunState::Finished { .. } | RunState::Failed { .. } | RunState::Cancelled { .. } => {
            let (found, added, updated, disabled, removed) =
                (counts.found, counts.added, counts.updated, counts.disabled, counts.removed);
            tracing::info!(run = %run.id, directory = run.directory, found, added, updated, disabled, removed, "synchronised");
        }
    }
    Ok(())
}
