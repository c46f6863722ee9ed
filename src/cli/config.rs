//! `vestibule config`: the configuration, looked at without starting anything.

use std::path::Path;

use clap::Subcommand;

use super::failure::Failure;
use super::show;
use crate::config::{self, Config};

#[derive(Subcommand)]
pub enum Command {
    /// Tell everything that is wrong with the configuration: exit code 0 if nothing is, else 1
    Check,
    /// Show the configuration in force as TOML, each secret as "(set)"
    Dump,
    /// Print the JSON schema of the configuration file, for editors
    Schema,
}

impl Command {
    pub fn run(self, file: Option<&Path>) -> Result<(), Failure> {
        match self {
            Self::Check => match Config::load(file) {
                Ok(_) => show::line("The configuration is sound."),
                Err(faults) => Err(Failure::No(format!("the configuration cannot be used\n{faults}"))),
            },
            Self::Dump => {
                let text = Config::load(file)?.dump().map_err(|fault| Failure::Fault(fault.to_string()))?;
                show::line(text.trim_end())
            }
            Self::Schema => show::json(&config::schema()),
        }
    }
}
