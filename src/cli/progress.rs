//! How far long work has come, said on standard error: a live bar on a terminal, elsewhere a line of `name=value` pairs
//! each few seconds, which a log collector can read. Nothing is said of work that is over sooner.

use std::io::{IsTerminal as _, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// From one line to the next, where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);
/// Redraws of the bar each second, at most.
const REDRAWS: u8 = 10;

const BAR: &str = "{prefix} [{bar:24}] {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";
const COUNT: &str = "{prefix} {human_pos} {msg}, {per_sec}";
const BYTES_BAR: &str =
    "{prefix} [{bar:24}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
const BYTES_COUNT: &str = "{prefix} {binary_bytes}, {binary_bytes_per_sec}";

/// A piece of work under way. Dropping it clears the bar.
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: Lines,
    began: Instant,
}

impl Progress {
    /// `work` is a verb ("read"), `unit` what is counted ("accounts", "bytes").
    pub fn new(work: &'static str, unit: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            // By builders, which draw nothing: the first picture is whole.
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REDRAWS))
                .with_style(style(if unit == BYTES { BYTES_COUNT } else { COUNT }))
                .with_prefix(work)
                .with_message(unit)
        });
        Self { bar, lines: Lines { work, unit, of: None, said: Duration::ZERO }, began: Instant::now() }
    }

    /// The end is known: there are so many.
    pub fn of(mut self, total: u64) -> Self {
        self.set_total(total);
        self
    }

    pub fn set_total(&mut self, total: u64) {
        if self.lines.of == Some(total) {
            return;
        }
        self.lines.of = Some(total);
        if let Some(bar) = &self.bar {
            bar.set_style(style(if self.lines.unit == BYTES { BYTES_BAR } else { BAR }));
            bar.set_length(total);
        }
    }

    /// So many are done.
    pub fn reach(&mut self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => {
                if let Some(line) = self.lines.due(done, self.began.elapsed()) {
                    // Nobody reading it is no reason to stop.
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
            }
        }
    }

    /// What flows call with a count.
    pub fn counter(mut self) -> impl FnMut(usize) {
        move |done| self.reach(done as u64)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The unit that is shown as KiB and MiB on a terminal.
pub const BYTES: &str = "bytes";

/// The texts are constant; one that could not be read would leave indicatif's own.
fn style(template: &'static str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("##-")
}

/// Says of a stream how much of it has passed.
pub struct Passing<S> {
    stream: S,
    passed: u64,
    progress: Progress,
}

impl<S> Passing<S> {
    pub fn new(stream: S, progress: Progress) -> Self {
        Self { stream, passed: 0, progress }
    }

    pub fn into_inner(self) -> S {
        self.stream
    }

    fn pass(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        self.progress.reach(self.passed);
    }
}

impl<S: std::io::Read> std::io::Read for Passing<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        self.pass(bytes);
        Ok(bytes)
    }
}

impl<S: Write> Write for Passing<S> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let bytes = self.stream.write(buffer)?;
        self.pass(bytes);
        Ok(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// What is said where there is no terminal, and when.
struct Lines {
    work: &'static str,
    unit: &'static str,
    of: Option<u64>,
    /// When the last line was due, counted from the beginning.
    said: Duration,
}

impl Lines {
    fn due(&mut self, done: u64, elapsed: Duration) -> Option<String> {
        if elapsed.saturating_sub(self.said) < EVERY {
            return None;
        }
        self.said = elapsed;
        let rate = u128::from(done) * 1000 / elapsed.as_millis().max(1);
        let of = self.of.map(|of| format!(" of={of}")).unwrap_or_default();
        let Self { work, unit, .. } = self;
        Some(format!(
            "progress work={work} done={done}{of} unit={unit} per_second={rate} seconds={}",
            elapsed.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn without_a_terminal_a_line_is_due_each_five_seconds() {
        let mut lines = Lines { work: "read", unit: "accounts", of: None, said: Duration::ZERO };
        assert_eq!(lines.due(900, Duration::from_millis(4999)), None, "short work is quiet");
        let line = lines.due(1000, Duration::from_secs(5));
        assert_eq!(line.as_deref(), Some("progress work=read done=1000 unit=accounts per_second=200 seconds=5"));
        assert_eq!(lines.due(1900, Duration::from_millis(9999)), None);
        lines.of = Some(4000);
        let line = lines.due(2000, Duration::from_secs(10));
        assert_eq!(
            line.as_deref(),
            Some("progress work=read done=2000 of=4000 unit=accounts per_second=200 seconds=10")
        );
    }

    #[test]
    fn the_bars_can_be_drawn() {
        for template in [BAR, COUNT, BYTES_BAR, BYTES_COUNT] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_stream_passes_unchanged_and_is_counted() {
        let mut passing = Passing::new(&b"four"[..], Progress::new("read", BYTES).of(4));
        let mut read = String::new();
        passing.read_to_string(&mut read).unwrap();
        assert_eq!((read.as_str(), passing.passed), ("four", 4));
        let mut passing = Passing::new(vec![], Progress::new("write", BYTES));
        passing.write_all(b"four").unwrap();
        assert_eq!((passing.passed, passing.into_inner()), (4, b"four".to_vec()));
    }
}
