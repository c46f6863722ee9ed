//! What happens by the clock: one file a job.

mod health;
mod housekeeping;
mod mail;
mod service_accounts;
mod sync;

pub use health::watch as watch_health;
pub use housekeeping::keep as keep_house;
pub use mail::send as send_mail;
pub use service_accounts::sum_up as sum_up_service_accounts;
pub use sync::follow as follow_directories;

use std::time::Duration;

use crate::tasks::Stop;

/// Waits for the next turn; false when the process stops.
async fn next_turn(every: Duration, stop: &Stop) -> bool {
    tokio::select! {
        () = tokio::time::sleep(every) => true,
        () = stop.requested() => false,
    }
}
