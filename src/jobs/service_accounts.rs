//! Writes down, once a minute, how often each service account signed in. At the stop once more.

use std::time::Duration;

use super::next_turn;
use crate::ambient::Ambient;
use crate::store::recorder::Recorder;
use crate::tasks::Stop;

const EVERY: Duration = Duration::from_mins(1);

pub async fn sum_up(recorder: Recorder, ambient: Ambient, stop: Stop) {
    loop {
        let since = ambient.now();
        let goes_on = next_turn(EVERY, &stop).await;
        if let Err(fault) = recorder.note_services(since).await {
            tracing::warn!(%fault, "the service accounts' sign-ins of the last minute could not be recorded");
        }
        if !goes_on {
            return;
        }
    }
}
