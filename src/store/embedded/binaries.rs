//! Finding PostgreSQL's programs among what the system has installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::EmbeddedFault;

/// The oldest major version the schema is written for.
const OLDEST: u32 = 15;

/// One installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// Picks an installed version: `bin_dir` if given, else the system's usual places, else the search path. A data
    /// directory of major version `data` can only be served by the same major; a new one takes the newest.
    pub fn find(bin_dir: Option<&Path>, data: Option<u32>) -> Result<Self, EmbeddedFault> {
        let installed = match bin_dir {
            Some(dir) => Self::at(dir).into_iter().collect(),
            None => Self::installed(),
        };
        Self::pick(installed, data)
    }

    fn pick(mut installed: Vec<Self>, data: Option<u32>) -> Result<Self, EmbeddedFault> {
        installed.retain(|found| found.major >= OLDEST);
        installed.sort_by_key(|found| std::cmp::Reverse(found.major));
        let Some(newest) = installed.first() else { return Err(EmbeddedFault::NotInstalled) };
        match data {
            None => Ok(newest.clone()),
            Some(major) => installed
                .iter()
                .find(|found| found.major == major)
                .cloned()
                .ok_or(EmbeddedFault::WrongMajor { data: major, installed: newest.major }),
        }
    }

    /// Debian's layout, the PostgreSQL project's RPMs, Alpine's; then whatever the search path has.
    fn installed() -> Vec<Self> {
        let mut found: Vec<Self> = children("/usr/lib/postgresql", "")
            .into_iter()
            .map(|dir| dir.join("bin"))
            .chain(children("/usr", "pgsql-").into_iter().map(|dir| dir.join("bin")))
            .chain(children("/usr/libexec", "postgresql"))
            .filter_map(|dir| Self::at(&dir))
            .collect();
        found.extend(on_search_path().and_then(|dir| Self::at(&dir)));
        found
    }

    fn at(dir: &Path) -> Option<Self> {
        let (postgres, initdb) = (dir.join("postgres"), dir.join("initdb"));
        if !initdb.is_file() {
            return None;
        }
        let version = output(Command::new(postgres).arg("--version"))?;
        Some(Self { dir: dir.to_owned(), major: major_of(&version)? })
    }

    pub fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }
}

/// "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" → 15; "17beta1" → 17.
fn major_of(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn children(of: &str, prefix: &str) -> Vec<PathBuf> {
    fs::read_dir(of)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .collect()
}

/// The shell knows the search path; this module does not read the environment.
fn on_search_path() -> Option<PathBuf> {
    let found = output(Command::new("/bin/sh").args(["-c", "command -v postgres"]))?;
    let path = fs::canonicalize(found.trim_end()).ok()?;
    path.parent().map(Path::to_owned)
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(majors: &[u32]) -> Vec<Binaries> {
        majors.iter().map(|major| Binaries { dir: PathBuf::from(major.to_string()), major: *major }).collect()
    }

    #[test]
    fn a_new_database_takes_the_newest_version_and_an_old_one_its_own() {
        assert_eq!(Binaries::pick(of(&[15, 17, 16, 13]), None).unwrap().major, 17);
        assert_eq!(Binaries::pick(of(&[15, 17, 16]), Some(15)).unwrap().major, 15);
    }

    #[test]
    fn without_a_recent_enough_version_the_fault_names_the_package_and_the_setting() {
        for installed in [of(&[]), of(&[13, 14])] {
            let fault = Binaries::pick(installed, None).unwrap_err().to_string();
            assert!(fault.contains("package `postgresql`") && fault.contains("database.url"), "{fault}");
        }
    }

    #[test]
    fn data_of_another_major_version_is_refused_with_a_way_out() {
        let fault = Binaries::pick(of(&[17]), Some(15)).unwrap_err().to_string();
        assert!(fault.contains("postgresql-15") && fault.contains("restore"), "{fault}");
    }

    #[test]
    fn the_major_version_is_read_from_what_postgres_says_of_itself() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 19beta2\n"), Some(19));
        assert_eq!(major_of("something else"), None);
    }
}
