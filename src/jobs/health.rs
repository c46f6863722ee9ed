//! Turns what the parts know of themselves into metrics.

use std::time::Duration;

use super::next_turn;
use crate::flows::policy::Policies;
use crate::tasks::Stop;
use crate::telemetry::metrics::{self, Metrics};

const EVERY: Duration = Duration::from_secs(5);

pub async fn watch(policies: Policies, metrics: Metrics, stop: Stop) {
    loop {
        metrics.upkeep();
        metrics::database_is_up(policies.is_well());
        for upstream in policies.last_known().directories() {
            let name = &upstream.client.directory().name;
            for health in upstream.client.health() {
                metrics::directory_server_is_up(name, &health.server.to_string(), health.up);
            }
        }
        if !next_turn(EVERY, &stop).await {
            return;
        }
    }
}
