//! A closed loop: so many workers, each beginning its next operation when its last one has been answered and checked.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Fault;
use crate::usage::{Usage, Watched};

/// What a worker does, again and again.
pub trait Work: Send + 'static {
    fn once(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// How long a run lasts.
#[derive(Clone, Copy)]
pub enum Length {
    Time(Duration),
    /// Operations of each worker.
    Operations(usize),
}

/// What one run came to.
pub struct Run {
    pub operations: usize,
    pub took: Duration,
    /// Every operation's latency, ascending.
    pub latencies: Vec<Duration>,
    /// Processor time per operation of each watched process, in the order in which they were given.
    pub cpu: Vec<(&'static str, Duration)>,
}

impl Run {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.took.as_secs_f64()
    }

    pub fn quantile(&self, of: f64) -> Duration {
        quantile(&self.latencies, of)
    }
}

/// Of ascending values.
pub fn quantile(ascending: &[Duration], of: f64) -> Duration {
    let at = (ascending.len().saturating_sub(1) as f64 * of).round() as usize;
    ascending.get(at).copied().unwrap_or_default()
}

/// Runs the workers side by side. Operations begun in time are finished and counted.
pub async fn closed_loop<W: Work>(workers: Vec<W>, length: Length, watched: &[Watched]) -> Result<Run, Fault> {
    let before: Vec<Usage> = watched.iter().map(Watched::usage).collect();
    let began = Instant::now();
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(repeat(worker, length, began));
    }
    let mut latencies = Vec::new();
    while let Some(worker) = running.join_next().await {
        latencies.extend(worker??);
    }
    let took = began.elapsed();
    latencies.sort_unstable();
    let operations = latencies.len();
    let count = u32::try_from(operations).unwrap_or(u32::MAX).max(1);
    let used =
        watched.iter().zip(before).map(|(watched, before)| (watched.name, watched.usage().since(&before) / count));
    Ok(Run { operations, took, latencies, cpu: used.collect() })
}

async fn repeat<W: Work>(mut worker: W, length: Length, began: Instant) -> Result<Vec<Duration>, Fault> {
    let mut latencies = Vec::new();
    loop {
        let is_over = match length {
            Length::Time(limit) => began.elapsed() >= limit,
            Length::Operations(count) => latencies.len() >= count,
        };
        if is_over {
            return Ok(latencies);
        }
        let begun = Instant::now();
        worker.once().await?;
        latencies.push(begun.elapsed());
    }
}
