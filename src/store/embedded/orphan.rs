//! A server that an earlier process left behind, and whose the pid in PostgreSQL's own pid file is.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::EmbeddedFault;

/// An orphan writes out its buffers before it goes; one that does not even begin to go is none.
const ORPHAN_LIMIT: Duration = Duration::from_secs(30);
const ORPHAN_NOTICE: Duration = Duration::from_secs(3);

/// A server whose vestibule was killed gets SIGINT from the kernel and is on its way out. One that stays was started by
/// somebody else and is not ours to stop.
pub async fn wait_for_orphan(data: &Path) -> Result<(), EmbeddedFault> {
    let Some(pid) = recorded_pid(data) else { return Ok(()) };
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    // The kernel tells only a parent of an end; we are none, so we look.
    while serves(pid, data) {
        let limit = if is_stopping(data) { ORPHAN_LIMIT } else { ORPHAN_NOTICE };
        if begin.elapsed() >= limit {
            return Err(EmbeddedFault::Foreign { data: data.to_owned(), pid });
        }
        looks.tick().await;
    }
    Ok(())
}

/// The eighth line of PostgreSQL's pid file is the server's state (`LOCK_FILE_LINE_PM_STATUS`).
fn is_stopping(data: &Path) -> bool {
    fs::read_to_string(data.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_none_or(|state| state.trim_end() == "stopping"))
}

pub fn recorded_pid(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Whether that process is a PostgreSQL working in that directory. A zombie, a reused pid and another account's process
/// are not.
fn serves(pid: u32, data: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let is_postgres = fs::read_link(process.join("exe"))
        .is_ok_and(|exe| exe.file_name().is_some_and(|name| name.as_bytes().starts_with(b"postgres")));
    let here = fs::metadata(process.join("cwd")).ok().zip(fs::metadata(data).ok());
    is_postgres && here.is_some_and(|(cwd, data)| (cwd.dev(), cwd.ino()) == (data.dev(), data.ino()))
}
