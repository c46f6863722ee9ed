//! Figures into words: a line per row on the terminal, a table in docs/benchmarks.md.

use std::fmt::Write as _;

use crate::rounds::{Series, Spread};

/// Whether a goal was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Met {
    Yes,
    No,
    /// There is nothing to hold it against.
    Shown,
}

impl From<bool> for Met {
    fn from(is_met: bool) -> Self {
        if is_met { Self::Yes } else { Self::No }
    }
}

/// One line of the table.
pub struct Row {
    /// The number of the measure in the list of goals.
    pub number: &'static str,
    pub measure: String,
    pub peer: String,
    /// Ours over the peer's.
    pub ratio: Option<Spread>,
    /// Absolute figures.
    pub figures: String,
    pub goal: &'static str,
    pub met: Met,
    /// Why a goal that was missed was missed; shown only then.
    pub why: &'static str,
}

impl Row {
    pub fn line(&self) -> String {
        let ratio = self.ratio.map_or(String::new(), |ratio| format!(" ratio {}", shown(ratio)));
        let met = match self.met {
            Met::Yes => "met",
            Met::No => "MISSED",
            Met::Shown => "shown",
        };
        let measure = &self.measure;
        let peer = &self.peer;
        format!("[{}] {measure} | {peer}:{ratio}; {}; goal {}: {met}", self.number, self.figures, self.goal)
    }
}

/// Median and extremes.
pub fn shown(spread: Spread) -> String {
    format!("{:.2} ({:.2}–{:.2})", spread.median, spread.least, spread.most)
}

/// `12,345/s, p50 80 µs, p99 120 µs`.
pub fn pace(series: &Series) -> String {
    let rate = thousands(series.rate().median);
    format!("{rate}/s, p50 {}, p99 {}", micros(series.quantile(0.5).median), micros(series.quantile(0.99).median))
}

/// Processor time per operation of these processes.
pub fn cpu(series: &Series, processes: &[&str]) -> String {
    let each = processes.iter().map(|name| format!("{name} {:.0} µs", series.cpu(name).median));
    format!("CPU {}", each.collect::<Vec<_>>().join(", "))
}

pub fn micros(value: f64) -> String {
    if value >= 10_000.0 { format!("{:.1} ms", value / 1000.0) } else { format!("{value:.0} µs") }
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What the figures were taken on.
pub struct Circumstances {
    pub date: String,
    pub machine: String,
    pub versions: Vec<String>,
    pub rounds: usize,
    pub seconds: f64,
}

pub fn page(rows: &[Row], about: &Circumstances) -> String {
    let mut page = String::from(PREFACE);
    let _ = writeln!(page, "- Date: {}", about.date);
    let _ = writeln!(page, "- Machine: {}", about.machine);
    let _ = writeln!(page, "- Versions: {}", about.versions.join(", "));
    let rounds = about.rounds;
    let _ = writeln!(page, "- {rounds} rounds of {} s each, after one that is not counted\n", about.seconds);
    page.push_str(
        "| # | measure | peer | ratio: median (range) | figures | goal | met |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let ratio = row.ratio.map_or_else(|| "–".to_owned(), shown);
        let met = match row.met {
            Met::Yes => "yes".to_owned(),
            Met::No if row.why.is_empty() => "**no**".to_owned(),
            Met::No => format!("**no**: {}", row.why),
            Met::Shown => "–".to_owned(),
        };
        let Row { number, measure, peer, figures, goal, .. } = row;
        let _ = writeln!(page, "| {number} | {measure} | {peer} | {ratio} | {figures} | {goal} | {met} |");
    }
    page
}

const PREFACE: &str = "\
# Benchmarks

Written by `make bench`, which starts everything named here on loopback, measures and stops it again. Each pair runs side
by side, A B A B …; what counts is the median of the ratios of one run, since a machine's absolute figures move with
whatever else it does. Processor time is that of the whole process with its children, from /proc.

Nothing is turned off: PostgreSQL with fsync and synchronous commits, the audit trail, one log line a sign-in. The load
generator (`bench/`) checks every answer: its message id, its result, and whose entry it is; over RADIUS its authenticators.
It shares the processors with everything it measures, so a rate is that of the whole chain.

A *NetScaler cycle* is what a gateway does for one login: connect, bind as its service account, search the person, bind
as the person on the same connection, unbind. An *exempt* bind passes on the password alone by policy.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([999.0, 1000.0, 1_234_567.8].map(thousands), ["999", "1,000", "1,234,568"]);
    }
}
