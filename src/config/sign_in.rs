//! `[sign_in]`: the bounds that hold for every client; what one client may do is policy and lives in the database.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::forms::{count, duration};

/// Sign-ins.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SignInConfig {
    /// What a client gets that is added without `--answer-by`: its sign-ins are answered within this time, whatever
    /// happens. Keep it under the gateway's own time-out.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub answer_by: Duration,
    /// Failed sign-ins in a row that lock a user out.
    #[serde(deserialize_with = "count::deserialize")]
    pub lockout_failures: u32,
    /// How long a lockout lasts.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub lockout_duration: Duration,
    /// Denied sign-ins a minute from one source address; past it that source is refused for the rest of the minute.
    #[serde(deserialize_with = "count::deserialize")]
    pub denials_per_source_per_minute: u32,
    /// Approval requests one user may be sent in an hour.
    #[serde(deserialize_with = "count::deserialize")]
    pub prompts_per_hour: u32,
    /// After a refused approval request, how long that user gets no other.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub prompt_cooldown: Duration,
    /// Sign-ins that may wait for a person at once, all clients together.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_waiting: usize,
    /// Sign-ins that may wait for a person at once, from one client.
    #[serde(deserialize_with = "count::deserialize")]
    pub max_waiting_per_client: usize,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self {
            answer_by: Duration::from_secs(55),
            lockout_failures: 10,
            lockout_duration: Duration::from_mins(15),
            denials_per_source_per_minute: 6_000,
            prompts_per_hour: 5,
            prompt_cooldown: Duration::from_secs(30),
            max_waiting: 15_000,
            max_waiting_per_client: 15_000,
        }
    }
}

impl SignInConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.duration("sign_in.answer_by", self.answer_by, Duration::from_secs(2)..=Duration::from_mins(10));
        check.count("sign_in.lockout_failures", self.lockout_failures as usize, 1..=1_000);
        check.duration(
            "sign_in.lockout_duration",
            self.lockout_duration,
            Duration::from_secs(1)..=Duration::from_hours(7 * 24),
        );
        check.count(
            "sign_in.denials_per_source_per_minute",
            self.denials_per_source_per_minute as usize,
            1..=1_000_000,
        );
        check.count("sign_in.prompts_per_hour", self.prompts_per_hour as usize, 1..=1_000);
        check.duration("sign_in.prompt_cooldown", self.prompt_cooldown, Duration::ZERO..=Duration::from_hours(1));
        check.count("sign_in.max_waiting", self.max_waiting, 1..=1_000_000);
        check.count("sign_in.max_waiting_per_client", self.max_waiting_per_client, 1..=1_000_000);
        check.at_most(
            ("sign_in.max_waiting_per_client", self.max_waiting_per_client),
            ("sign_in.max_waiting", self.max_waiting),
        );
    }
}
