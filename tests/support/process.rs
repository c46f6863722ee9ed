//! A program of ours as a process: its log, its end.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::PATIENCE;

/// Killed when dropped.
pub struct Process {
    child: Child,
    log: Log,
}

/// What a process writes to standard error, line by line.
#[derive(Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// Lines written; the sender is gone when the process has closed its standard error.
    grown: watch::Receiver<usize>,
}

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::new(Mutex::new(vec![]));
        let (grow, grown) = watch::channel(0);
        let (stderr, writer) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                writer.lock().unwrap().push(line);
                grow.send_modify(|count| *count += 1);
            }
        });
        Self { child, log: Log { lines, grown } }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the process did not end:\n{}", self.log.text());
            looks.tick().await;
        }
    }

    /// As a crash or a lost machine would end it.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

impl Log {
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Lines so far that hold all of these.
    pub fn with(&self, needles: &[&str]) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| needles.iter().all(|needle| line.contains(needle)));
        lines
    }

    /// Waits for a line that holds all of these, and returns the first.
    pub async fn await_line(&self, needles: &[&str]) -> String {
        self.await_count(1, needles).await.remove(0)
    }

    /// Waits until `count` lines hold all of these.
    pub async fn await_count(&self, count: usize, needles: &[&str]) -> Vec<String> {
        let mut grown = self.grown.clone();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                grown.borrow_and_update();
                let found = self.with(needles);
                if found.len() >= count {
                    return Some(found);
                }
                if grown.changed().await.is_err() {
                    // Nobody writes any more; what came last may just have arrived.
                    return Some(self.with(needles)).filter(|found| found.len() >= count);
                }
            }
        });
        let found = waited.await.ok().flatten();
        found.unwrap_or_else(|| panic!("the log never held {count} lines with {needles:?}, but:\n{}", self.text()))
    }

    /// Waits until the process has closed its standard error.
    pub async fn closed(&self) {
        let mut grown = self.grown.clone();
        super::in_time("the end of the log", async { while grown.changed().await.is_ok() {} }).await;
    }
}
