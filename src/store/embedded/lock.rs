//! Whose a state directory is: a kernel lock on a file in it, whose text tells others who has it and what for.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use super::cluster::{Layout, file_fault};
use super::{EmbeddedFault, Role};

/// Who holds the lock.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    pub role: Role,
    pub pid: u32,
}

/// The right to start a server in a directory. The kernel takes it back when the process ends, however it ends; children
/// do not inherit it.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// `None` if another process has it.
    pub fn take(layout: &Layout, role: Role) -> Result<Option<Self>, EmbeddedFault> {
        let path = layout.lock();
        let fault = |source| file_fault("lock", &path, source);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        let word = match role {
            Role::Serve => "serve",
            Role::Command => "command",
        };
        let text = format!("{word} {}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(fault)?;
        Ok(Some(Self { _file: file }))
    }

    /// `None` if nobody holds it. A holder that has not written its line yet counts as a command: it is worth waiting for.
    pub fn holder(layout: &Layout) -> Result<Option<Holder>, EmbeddedFault> {
        let path = layout.lock();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file_fault("open", &path, source)),
        };
        match file.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(file_fault("lock", &path, source)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|source| file_fault("read", &path, source))?;
        let (word, pid) = text.trim_end().split_once(' ').unwrap_or_default();
        let role = if word == "serve" { Role::Serve } else { Role::Command };
        Ok(Some(Holder { role, pid: pid.parse().unwrap_or(0) }))
    }
}
