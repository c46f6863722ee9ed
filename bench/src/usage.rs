//! What processes use, as /proc tells it.

use std::fs;
use std::time::Duration;

/// A process whose use is counted, with its children.
#[derive(Clone)]
pub struct Watched {
    pub name: &'static str,
    pub pid: u32,
}

/// Processor time used so far.
pub struct Usage(Duration);

impl Usage {
    pub fn since(&self, before: &Self) -> Duration {
        self.0.saturating_sub(before.0)
    }
}

/// Clock ticks a second in /proc (USER_HZ, the same on every Linux that Rust runs on).
const TICKS: u64 = 100;

impl Watched {
    pub fn itself() -> Self {
        Self { name: "load generator", pid: std::process::id() }
    }

    /// User and system time of the process, its threads and its children, those that ended included.
    pub fn usage(&self) -> Usage {
        let own = ticks(self.pid);
        let children: u64 = children(self.pid).into_iter().map(ticks).sum();
        Usage(Duration::from_millis((own + children) * 1000 / TICKS))
    }

    /// Resident memory in bytes, the process alone.
    pub fn resident(&self) -> u64 {
        memory(self.pid, "VmRSS:")
    }

    /// Its child processes.
    pub fn children(&self) -> usize {
        children(self.pid).len()
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }
}

/// The most resident memory a process has had so far, in bytes; 0 once it has ended.
pub fn peak(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// utime, stime, cutime and cstime (proc(5)).
fn ticks(pid: u32) -> u64 {
    fields(pid).iter().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task"));
    let lists =
        tasks.into_iter().flatten().filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The fields of /proc/PID/stat after the name, which may hold anything.
fn fields(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let (_, rest) = stat.rsplit_once(") ").unwrap_or_default();
    rest.split_whitespace().map(str::to_owned).collect()
}
