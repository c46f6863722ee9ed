//! The unprivileged account PostgreSQL runs under when the appliance itself is root: PostgreSQL refuses root, rightly.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use super::EmbeddedFault;

/// Tried in turn when the settings name none.
const USUAL: [&str; 3] = ["vestibule", "postgres", "nobody"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// Whom to become; `None` when the process is not root and simply stays who it is.
    pub fn to_become(run_as: Option<&str>) -> Result<Option<Self>, EmbeddedFault> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = match run_as {
            Some(name) => Self::look_up(&passwd, name),
            None => USUAL.iter().find_map(|name| Self::look_up(&passwd, name)),
        };
        let name = || run_as.unwrap_or("postgres").to_owned();
        match found {
            Some(account) if account.uid != 0 => Ok(Some(account)),
            Some(_) | None => Err(EmbeddedFault::NoAccount { name: name() }),
        }
    }

    /// A name from the system's list, or `uid:gid` in numbers for accounts that are not on it.
    fn look_up(passwd: &str, name: &str) -> Option<Self> {
        if let Some((uid, gid)) = name.split_once(':') {
            return Some(Self { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? });
        }
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self { name: name.to_owned(), uid, gid })
        })
    }

    pub fn own(&self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// The first directory on the way to `path` that this account may not pass, judged by mode bits.
    pub fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        let mut way: Vec<&Path> = path.ancestors().skip(1).collect();
        way.reverse();
        way.into_iter().find(|dir| fs::metadata(dir).is_ok_and(|facts| !self.passes(&facts))).map(Path::to_owned)
    }

    fn passes(&self, dir: &fs::Metadata) -> bool {
        let class = if dir.uid() == self.uid {
            0o100
        } else if dir.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        dir.mode() & class != 0
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nbad line\npostgres:x:107:116:,,,:/var/lib/postgresql:/bin/sh\n";

    #[test]
    fn an_account_is_found_by_name_or_given_in_numbers() {
        let postgres = Account { name: "postgres".into(), uid: 107, gid: 116 };
        assert_eq!(Account::look_up(PASSWD, "postgres"), Some(postgres));
        assert_eq!(Account::look_up(PASSWD, "post"), None);
        let numbered = Account { name: "1000:1001".into(), uid: 1000, gid: 1001 };
        assert_eq!(Account::look_up(PASSWD, "1000:1001"), Some(numbered));
    }
}
