//! The benchmark of the appliance against its peers: `scripts/bench.sh` starts the peers, this measures.

mod appliance;
mod ber;
mod connection;
mod datagrams;
mod load;
mod people;
mod radius;
mod report;
mod rounds;
mod rows;
mod seed;
mod usage;
mod works;
mod world;

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Whatever ends a measurement, as a sentence.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes the directory as LDIF to standard output.
    Directory {
        #[arg(long)]
        gateway_password: String,
        #[arg(long)]
        appliance_password: String,
    },
    /// Writes a directory of people that is only read as LDIF to standard output.
    Crowd {
        #[arg(long)]
        people: usize,
        #[arg(long)]
        appliance_password: String,
    },
    /// Measures, and writes the page.
    Measure(Box<Options>),
}

/// What has been started, and how to measure it.
#[derive(Args)]
pub struct Options {
    /// The first three numbers of the addresses in use: slapd is .1, HAProxy .2, back-ldap .3, appliances
    /// from .4 on, FreeRADIUS .20.
    #[arg(long)]
    pub network: String,
    #[arg(long)]
    pub program: PathBuf,
    /// A folder that the database's user can pass through.
    #[arg(long)]
    pub work: PathBuf,
    /// URL of a database whose user may create others.
    #[arg(long)]
    pub postgres: String,
    #[arg(long)]
    pub postgres_pid: u32,
    #[arg(long)]
    pub slapd_pid: u32,
    #[arg(long)]
    pub haproxy_pid: u32,
    #[arg(long)]
    pub back_ldap_pid: u32,
    #[arg(long)]
    pub freeradius_pid: u32,
    #[arg(long)]
    pub gateway_password: String,
    #[arg(long)]
    pub appliance_password: String,
    /// What RADIUS servers and their clients share.
    #[arg(long)]
    pub radius_secret: String,
    #[arg(long)]
    pub certificate: PathBuf,
    #[arg(long)]
    pub private_key: PathBuf,
    /// The compressed image, if it was built.
    #[arg(long)]
    pub image: Option<PathBuf>,
    /// What goes on the page about each program.
    #[arg(long = "version-of")]
    pub versions: Vec<String>,
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Length of a run.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// The largest database of the measure of growth.
    #[arg(long, default_value_t = 1_000_000)]
    pub most_users: usize,
    #[arg(long, default_value_t = 1_000_000)]
    pub audit_rows: usize,
    /// RADIUS requests to have wait at once.
    #[arg(long, default_value_t = 50_000)]
    pub waiting: usize,
    /// Directories to synchronise with, as PEOPLE@ADDRESS:PORT.
    #[arg(long = "crowd")]
    pub crowds: Vec<rows::sync::Crowd>,
    /// Only these rows; the page is then not written.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// The page.
    #[arg(long)]
    pub page: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Directory { gateway_password, appliance_password } => {
            directory(&gateway_password, &appliance_password)
        }
        Command::Crowd { people, appliance_password } => crowd(people, &appliance_password),
        Command::Measure(options) => measure(*options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn directory(gateway: &str, appliance: &str) -> Result<(), Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    people::write_ldif(&mut out, &people::Services { gateway, appliance })?;
    Ok(out.flush()?)
}

fn crowd(people: usize, appliance_password: &str) -> Result<(), Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    people::write_crowd(&mut out, people, appliance_password)?;
    Ok(out.flush()?)
}

/// On one thread: the load generator must not crowd out what it measures.
fn measure(options: Options) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(rows::all(options))
}
