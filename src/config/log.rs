//! `[log]`: how much is said on standard error, and in which form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::check::Check;

/// Logging.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a list such as `info,vestibule::ldap=debug`.
    pub level: String,
    /// `pretty` for people, `json` for collectors: one object a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Pretty }
    }
}

impl LogConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if self.level.trim().is_empty() || EnvFilter::try_new(&self.level).is_err() {
            check.unfit("log.level", "must be a level such as info, or a list such as info,vestibule::ldap=debug");
        }
    }
}
