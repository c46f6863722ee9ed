//! Empties the outbox every few seconds. A mail server that does not work is said once, and when it works again.

use std::time::Duration;

use super::next_turn;
use crate::config::PublicUrl;
use crate::flows::mail::{Pass, deliver};
use crate::store::Store;
use crate::tasks::Stop;
use crate::telemetry::metrics;

const EVERY: Duration = Duration::from_secs(3);
/// A server that is down is asked less and less often.
const LONGEST: Duration = Duration::from_mins(1);

pub async fn send(store: Store, portal: PublicUrl, stop: Stop) {
    let mut pause = EVERY;
    let mut is_down = false;
    loop {
        // Cut short by the stop, a mail under way is sent again by whoever takes it next.
        let pass = tokio::select! {
            pass = deliver(&store, &portal) => pass,
            () = stop.requested() => return,
        };
        pause = match pass {
            Ok(Pass::ServerDown(fault)) => {
                if !is_down {
                    tracing::error!(%fault, "mail waits: the mail server does not take it");
                }
                is_down = true;
                LONGEST.min(pause * 2)
            }
            Ok(Pass::Done { tried }) => {
                if is_down && tried > 0 {
                    tracing::info!("the mail server takes mail again");
                    is_down = false;
                }
                EVERY
            }
            Ok(Pass::NoServer) => EVERY,
            Err(fault) => {
                tracing::warn!(%fault, "the outbox could not be read or written");
                LONGEST.min(pause * 2)
            }
        };
        if let Ok(standing) = store.outbox_standing().await {
            metrics::outbox_stands(standing.waiting, standing.failed);
        }
        if !next_turn(pause, &stop).await {
            return;
        }
    }
}
