//! How a command ends when it does not end well: one sentence for people, one exit code for scripts.

use std::process::ExitCode;

use crate::config::ConfigFaults;
use crate::directory::DirectoryFault;
use crate::store::StoreFault;
use crate::store::embedded::EmbeddedFault;
use crate::store::seal::key_file::KeyFileFault;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The answer is no: not found, a check failed.
    #[error("{0}")]
    No(String),
    /// The answer is no, and has been given on standard output already.
    #[error("")]
    SaidNo,
    /// They asked for something that cannot be.
    #[error("{0}")]
    Input(String),
    /// We could not tell or could not do it.
    #[error("{0}")]
    Fault(String),
    /// Whoever read our output has gone (`vestibule user list | head -1`).
    #[error("")]
    NobodyReads,
}

impl Failure {
    pub fn no(sentence: impl Into<String>) -> Self {
        Self::No(sentence.into())
    }

    pub fn input(sentence: impl Into<String>) -> Self {
        Self::Input(sentence.into())
    }

    /// Says it on standard error and gives the exit code.
    pub fn told(self) -> ExitCode {
        let code = match self {
            Self::NobodyReads => 0,
            Self::No(_) | Self::SaidNo => 1,
            Self::Input(_) => 2,
            Self::Fault(_) => 3,
        };
        let sentence = self.to_string();
        if !sentence.is_empty() {
            eprintln!("vestibule: {sentence}");
        }
        ExitCode::from(code)
    }
}

impl From<ConfigFaults> for Failure {
    fn from(faults: ConfigFaults) -> Self {
        Self::Input(format!("the configuration cannot be used\n{faults}"))
    }
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        let advice = match root(&fault) {
            StoreFault::Unreachable(_) | StoreFault::Slow(_) => {
                "; check that PostgreSQL runs and that database.url leads to it"
            }
            StoreFault::Refused(_) => "; check the rights of our database role, and PostgreSQL's log",
            StoreFault::Unreadable { .. } => "; put the row right, or restore a backup",
            StoreFault::Newer { .. }
            | StoreFault::Migration(_)
            | StoreFault::Seal(_)
            | StoreFault::Stopped
            | StoreFault::LeaseLost { .. }
            | StoreFault::Full
            | StoreFault::Shared(_) => "",
        };
        Self::Fault(format!("{fault}{advice}"))
    }
}

fn root(fault: &StoreFault) -> &StoreFault {
    match fault {
        StoreFault::Shared(inner) => root(inner),
        StoreFault::Unreachable(_)
        | StoreFault::Slow(_)
        | StoreFault::Refused(_)
        | StoreFault::Newer { .. }
        | StoreFault::Migration(_)
        | StoreFault::Seal(_)
        | StoreFault::Unreadable { .. }
        | StoreFault::Stopped
        | StoreFault::LeaseLost { .. }
        | StoreFault::Full => fault,
    }
}

impl From<EmbeddedFault> for Failure {
    fn from(fault: EmbeddedFault) -> Self {
        Self::Fault(fault.to_string())
    }
}

impl From<KeyFileFault> for Failure {
    fn from(fault: KeyFileFault) -> Self {
        Self::Fault(fault.to_string())
    }
}

impl From<DirectoryFault> for Failure {
    fn from(fault: DirectoryFault) -> Self {
        Self::Fault(fault.to_string())
    }
}
