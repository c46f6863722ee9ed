//! One running server: how it is launched, what it says, how it is stopped.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};

use super::account::Account;
use super::cluster::{Cluster, file_fault};
use super::{CHILD_SUBCOMMAND, EmbeddedFault};

/// A crash leaves at most `max_wal_size` to replay, which is seconds; a busy disk gets the rest.
const START_LIMIT: Duration = Duration::from_mins(2);
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(5);
/// What a server says on its way out arrives at once; surviving backends may hold the pipe open for longer.
const LAST_WORDS_LIMIT: Duration = Duration::from_millis(200);

/// Starts PostgreSQL's programs under the right account, tied to this process.
pub struct Launcher {
    /// Held open and run through /proc/self/fd: neither an upgrade that replaces the file nor a directory the account
    /// may not pass gets in the way.
    executable: File,
    account: Option<Account>,
}

impl Launcher {
    pub fn new(executable: Option<&Path>, account: Option<Account>) -> Result<Self, EmbeddedFault> {
        let path = executable.unwrap_or(Path::new("/proc/self/exe"));
        let executable = File::open(path).map_err(|source| file_fault("open", path, source))?;
        Ok(Self { executable, account })
    }

    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// `program` with a clean environment (ours may hold secrets) and a process group of its own, so that Ctrl-C in a
    /// terminal stops us first and the database last.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(format!("/proc/self/fd/{}", self.executable.as_raw_fd()));
        command.arg(CHILD_SUBCOMMAND).arg(std::process::id().to_string()).arg(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.process_group(0).stdin(Stdio::null());
        if let Some(account) = &self.account {
            // The standard library also clears the supplementary groups when root changes the user.
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    /// After a failure: is the reason that the account cannot get to `path` at all?
    pub fn explain_unreachable(&self, path: &Path) -> Result<(), EmbeddedFault> {
        let Some(account) = &self.account else { return Ok(()) };
        match account.blocked_at(path) {
            Some(dir) => Err(EmbeddedFault::Unreachable { account: account.name().to_owned(), dir }),
            None => Ok(()),
        }
    }
}

pub struct Server {
    child: Child,
    log: ServerLog,
}

impl Server {
    /// The settings stand on the command line, where they win over whatever the data directory's own file says.
    pub fn spawn(cluster: &Cluster) -> Result<Self, EmbeddedFault> {
        let program = cluster.postgres();
        let mut command = cluster.launcher().command(&program);
        command.arg("-D").arg(cluster.layout().data());
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let socket_dir = cluster.login().socket_dir().to_string_lossy().replace('"', "\"\"");
        command.arg("-c").arg(format!("unix_socket_directories=\"{socket_dir}\""));
        if let Some(pid) = cluster.stale_pid() {
            // We hold the lock and have looked: the process with that pid is no server of ours. PostgreSQL only knows that
            // some process has the pid; told that it is the grandparent (pg_ctl's own means), it looks no further. Its
            // second guard, the shared memory of surviving backends, stays in force.
            command.env("PG_GRANDPARENT_PID", pid.to_string());
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| file_fault("run", &program, source))?;
        let log = ServerLog::new(child.stderr.take());
        Ok(Self { child, log })
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Reads what the server says until it says that it takes connections.
    pub async fn until_ready(&mut self) -> Result<(), EmbeddedFault> {
        let Self { child, log } = self;
        let ready = async {
            loop {
                tokio::select! {
                    line = log.next() => match line {
                        Some(line) if line.contains("database system is ready to accept connections") => return true,
                        Some(_) => {}
                        None => return false,
                    },
                    _ended = child.wait() => return false,
                }
            }
        };
        match tokio::time::timeout(START_LIMIT, ready).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.log.last_words().await;
                Err(EmbeddedFault::Start { said: self.log.said() })
            }
            Err(_) => Err(EmbeddedFault::Slow { limit: START_LIMIT, said: self.log.said() }),
        }
    }

    /// Passes its log on until it ends.
    pub async fn until_exit(&mut self) -> Option<ExitStatus> {
        loop {
            tokio::select! {
                line = self.log.next() => if line.is_none() { return self.child.wait().await.ok() },
                status = self.child.wait() => {
                    self.log.last_words().await;
                    return status.ok();
                }
            }
        }
    }

    /// Fast shutdown, then the less gentle ones. Ends with the process.
    pub async fn stop(&mut self) {
        for (signal, limit) in [(Signal::INT, FAST_STOP_LIMIT), (Signal::QUIT, IMMEDIATE_STOP_LIMIT)] {
            self.signal(signal);
            if tokio::time::timeout(limit, self.until_exit()).await.is_ok() {
                return;
            }
            tracing::warn!(target: "postgres", ?limit, "the embedded PostgreSQL does not stop; trying harder");
        }
        self.signal(Signal::KILL);
        self.until_exit().await;
    }

    fn signal(&self, signal: Signal) {
        // An id is there only until the exit was collected, so this never reaches a stranger.
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // The one possible fault, that it has just ended, is what we want anyway.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Everything durable, nothing but the socket, a small footprint, and no statement or value in the log.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "max_connections=50",
    "shared_buffers=64MB",
    "huge_pages=off",
    "max_wal_size=256MB",
    "min_wal_size=64MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_logical_replication_workers=0",
    // Parallel queries want /dev/shm, which containers keep small.
    "max_parallel_workers_per_gather=0",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "logging_collector=off",
    "log_destination=stderr",
    "log_line_prefix=",
    "log_min_messages=warning",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_statement=none",
    "log_checkpoints=off",
];

/// The server's stderr, line by line: passed on to our log, the last few kept to explain a failure with.
struct ServerLog {
    pipe: Option<ChildStderr>,
    unread: Vec<u8>,
    recent: VecDeque<String>,
}

const LONGEST_LINE: usize = 8 * 1024;
const KEPT_LINES: usize = 8;

impl ServerLog {
    fn new(pipe: Option<ChildStderr>) -> Self {
        Self { pipe, unread: Vec::new(), recent: VecDeque::new() }
    }

    /// The next line; `None` at the end. Cancelling loses nothing. A line that is too long comes in pieces.
    async fn next(&mut self) -> Option<String> {
        loop {
            let end = self.unread.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            if let Some(end) = end.or((self.unread.len() >= LONGEST_LINE).then_some(self.unread.len())) {
                let bytes: Vec<u8> = self.unread.drain(..end).collect();
                return Some(self.note(&bytes));
            }
            let read = match &mut self.pipe {
                Some(pipe) => pipe.read_buf(&mut self.unread).await.unwrap_or(0),
                None => 0,
            };
            if read == 0 {
                self.pipe = None;
                let rest = std::mem::take(&mut self.unread);
                return (!rest.is_empty()).then(|| self.note(&rest));
            }
        }
    }

    async fn last_words(&mut self) {
        let rest = async { while self.next().await.is_some() {} };
        // Running out of time here only means that somebody still holds the pipe.
        let _ = tokio::time::timeout(LAST_WORDS_LIMIT, rest).await;
    }

    fn note(&mut self, bytes: &[u8]) -> String {
        let line = String::from_utf8_lossy(bytes).trim_end().to_owned();
        if is_trouble(&line) {
            tracing::warn!(target: "postgres", "{line}");
        } else {
            tracing::debug!(target: "postgres", "{line}");
        }
        if self.recent.len() == KEPT_LINES {
            self.recent.pop_front();
        }
        self.recent.push_back(line.clone());
        line
    }

    /// The line that most likely says why.
    fn said(&self) -> String {
        let telling = self.recent.iter().rev().find(|line| is_trouble(line)).or(self.recent.back());
        telling.cloned().unwrap_or_else(|| "it ended without a word".to_owned())
    }
}

fn is_trouble(line: &str) -> bool {
    // Connections that come too early or too late are no trouble of the server's.
    let passing = line.contains("the database system is starting up")
        || line.contains("the database system is shutting down")
        || line.contains("terminating connection due to administrator command");
    let level = ["WARNING:", "ERROR:", "FATAL:", "PANIC:"].iter().any(|level| line.starts_with(level));
    // Lines without a level come from the programs around the server.
    let plain = !line.split_whitespace().next().is_some_and(|word| word.ends_with(':') && word.to_uppercase() == word);
    (level && !passing) || (plain && !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_told_apart_from_what_is_wrong() {
        for line in ["FATAL:  data directory has wrong ownership", "cannot run /x/postgres: No such file or directory"]
        {
            assert!(is_trouble(line), "{line}");
        }
        for line in [
            "LOG:  database system is ready to accept connections",
            "FATAL:  the database system is starting up",
            "HINT:  whatever",
            "",
        ] {
            assert!(!is_trouble(line), "{line}");
        }
    }
}
