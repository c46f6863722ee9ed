//! Removes what has run out: graces, challenges nobody can answer any more, authenticators that were
//! never proven; makes next month's audit partition.

use std::time::Duration;

use super::next_turn;
use crate::store::Store;
use crate::tasks::Stop;

const EVERY: Duration = Duration::from_mins(10);

pub async fn keep(store: Store, stop: Stop) {
    loop {
        if let Err(fault) = store.keep_house().await {
            tracing::warn!(%fault, "housekeeping failed; it is tried again in ten minutes");
        }
        if !next_turn(EVERY, &stop).await {
            return;
        }
    }
}
