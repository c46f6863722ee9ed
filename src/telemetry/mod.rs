//! What the process says about itself: log lines, metrics, and how text from outside is shown. All names that other
//! systems rely on (log fields, metric names, labels) stand here and nowhere else; docs/logging.md is their page.

mod lines;
mod logs;
pub mod metrics;
mod shown;

pub use self::lines::{SignInEnd, SignInFault, bypass_started, fraud_reported, sign_in_ended, sign_in_faulted};
pub use self::logs::{LogFault, LogForm, init};
pub use self::shown::{Shown, shown};
