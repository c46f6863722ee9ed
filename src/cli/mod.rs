//! The command line: one file per group of commands. Everything people and scripts read is written here; what the
//! commands do is done below, in `flows` and `store`.
//!
//! Standard output carries the answer (aligned text, or JSON with `--json`), standard error everything said beside it.
//! The exit code is 0 for done or yes, 1 for no, 2 for bad input, 3 for a fault ([`failure`]).

pub mod embedded_child;

mod audit;
mod backup;
mod challenge;
mod client;
mod config;
mod directory;
mod doctor;
mod enrol;
mod export;
mod failure;
mod gateway;
mod group;
mod healthcheck;
mod history;
mod import_file;
mod input;
mod key;
mod mail;
mod portal;
mod progress;
mod serve;
mod session;
mod show;
mod sync;
mod token;
mod upstream;
mod user;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use failure::Failure;

/// A second factor in front of an LDAP directory.
#[derive(Parser)]
#[command(name = "vestibule", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct CommandLine {
    /// The configuration file; without it the one that VESTIBULE_CONFIG names, or none
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, or yes; 1 no (not found, a check failed); 2 bad input or usage; 3 a fault (database, directory).

First steps:
  vestibule directory add corp --kind ad --server ldaps://dc1.corp.example --base-dn dc=corp,dc=example \\
    --bind-dn cn=vestibule,ou=service,dc=corp,dc=example --bind-password-file /run/secrets/bind
  vestibule client add netscaler --address 10.0.0.5 --directory corp --service-account cn=ns,ou=service,dc=corp,dc=example
  vestibule user import --directory corp
  vestibule user enrol-totp alice
  vestibule serve";

#[derive(Subcommand)]
enum Command {
    /// Run the appliance until it is told to stop (SIGTERM, SIGINT)
    Serve,
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// The directories people are looked up in
    #[command(subcommand)]
    Directory(directory::Command),
    /// The gateways that may ask us to sign people in, and their rules
    #[command(subcommand)]
    Client(client::Command),
    /// The RADIUS servers behind us that check passwords, CHAP, MS-CHAPv2 and EAP
    #[command(subcommand)]
    Upstream(upstream::Command),
    /// What is known of gateway products, and what to set on them
    #[command(subcommand)]
    Gateway(gateway::Command),
    /// People and their second factors
    #[command(subcommand)]
    User(user::Command),
    /// Hardware tokens in stock, for people to claim
    #[command(subcommand)]
    Token(token::Command),
    /// Follow a directory: its users arrive, change and leave by themselves
    #[command(subcommand)]
    Sync(sync::Command),
    /// The groups of directories, and who is in them
    #[command(subcommand)]
    Group(group::Command),
    /// What people may do in the portal: its switches, for everybody or for a group
    #[command(subcommand)]
    Portal(portal::Command),
    /// The sessions that gateways tell of by RADIUS accounting
    #[command(subcommand)]
    Session(session::Command),
    /// The mail server, and the mails that wait for it
    #[command(subcommand)]
    Mail(mail::Command),
    /// Approval requests that wait for an answer
    #[command(subcommand)]
    Challenge(challenge::Command),
    /// The record of what happened
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look at everything the appliance leans on: exit code 0 if nothing failed, else 1
    Doctor(doctor::Doctor),
    /// Write everything to one file, secrets sealed; the master key is not in it
    Backup(backup::Backup),
    /// Fill an empty database from a backup
    Restore(backup::Restore),
    /// The master key that every stored secret is sealed with
    #[command(subcommand)]
    Key(key::Command),
    /// Ask a running appliance whether it is ready: exit code 0 if so, else 1
    Healthcheck(healthcheck::Healthcheck),
}

/// Does what the process's arguments say.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    match line.command.run(line.config.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.told(),
    }
}

impl Command {
    fn run(self, file: Option<&Path>) -> Result<(), Failure> {
        let settings = || Config::load(file).map_err(Failure::from);
        match self {
            // These say themselves what is wrong with a configuration.
            Self::Config(command) => command.run(file),
            Self::Doctor(command) => command.run(Config::load(file)),
            Self::Healthcheck(command) => command.run(settings),
            // This looks at nothing but what the program was built with.
            Self::Gateway(command) => command.run(),
            Self::Serve => serve::run(settings()?),
            Self::Restore(command) => command.run(&settings()?),
            Self::Backup(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Key(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Directory(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Client(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Upstream(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::User(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Token(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Sync(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Group(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Portal(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Session(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Mail(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Challenge(command) => world::open(&settings()?, async |world| command.run(world).await),
            Self::Audit(command) => world::open(&settings()?, async |world| command.run(world).await),
        }
    }
}

#[cfg(test)]
mod documented;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_option_explains_itself() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no explanation");
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{path}: {} has no explanation", argument.get_id());
            }
            command.get_subcommands().for_each(|inner| walk(inner, &path));
        }
        walk(&CommandLine::command(), "");
    }
}
