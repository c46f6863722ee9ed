//! Tests of the configuration as an administrator meets it: a file, an environment, and what is said about them.

mod anything;
mod faults;
mod secrets;
mod shipped;
mod sources;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Config, ConfigFaults};

const FILE: &str = "/etc/vestibule.toml";

fn read(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    Config::from_parts(Some((Path::new(FILE), file)), environment.iter().copied())
}

fn accepted(file: &str, environment: &[(&str, &str)]) -> Config {
    read(file, environment).unwrap_or_else(|faults| panic!("refused: {faults}"))
}

/// The faults as an administrator reads them, one a line.
fn refused(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match read(file, environment) {
        Ok(_) => panic!("accepted: {file} {environment:?}"),
        Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
    }
}

/// A file that lives as long as the test.
struct Paper(PathBuf);

impl Paper {
    fn with(content: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vestibule-config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
