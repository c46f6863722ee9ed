//! What can be wrong with a configuration. Every text names the key and where it was given; none quotes a value, so
//! that no secret can reach a terminal or a log by way of a mistake (SECURITY R45).

use std::fmt;
use std::path::PathBuf;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
    /// A file named by an environment variable that ends in `_FILE`.
    FileOfVariable { variable: String, path: PathBuf },
}

impl fmt::Display for Origin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(to, "in {}", path.display()),
            Self::Variable(name) => write!(to, "by the environment variable {name}"),
            Self::FileOfVariable { variable, path } => {
                write!(to, "by the file {} that {variable} names", path.display())
            }
        }
    }
}

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    #[error("the configuration file {} cannot be read: {reason}; check the path and its permissions", path.display())]
    FileUnreadable { path: PathBuf, reason: String },
    #[error("{} is not valid TOML at line {line}, column {column}: {reason}", path.display())]
    NotToml { path: PathBuf, line: usize, column: usize, reason: String },
    #[error("{key}, set in {}, is not a setting; {}", path.display(), meant(nearest.as_deref()))]
    UnknownKey { key: String, path: PathBuf, nearest: Option<String> },
    #[error("the environment variable {variable} is not a setting; {}", meant(nearest.as_deref()))]
    UnknownVariable { variable: String, nearest: Option<String> },
    #[error("{key} is set by both {variable} and {file_variable}; keep one of them")]
    GivenTwice { key: String, variable: String, file_variable: String },
    #[error("{key}, set {origin}, {reason}")]
    Unfit { key: String, origin: Origin, reason: String },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "`vestibule config schema` lists them all".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    )
}

/// All the faults of a configuration, at least one; shown one a line.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigFaults(pub(super) Vec<ConfigFault>);

impl ConfigFaults {
    pub fn all(&self) -> &[ConfigFault] {
        &self.0
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let line_break = if at == 0 { "" } else { "\n" };
            write!(to, "{line_break}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}
