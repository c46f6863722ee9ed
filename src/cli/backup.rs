//! `vestibule backup` and `vestibule restore`: everything in one file, without the master key.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, IsTerminal as _, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::progress::{BYTES, Passing, Progress};
use super::show;
use super::world::{self, MissingKey, World};
use crate::ambient::Ambient;
use crate::config::Config;
use crate::domain::audit::Event;
use crate::store::backup::{self, BackupFacts, BackupFault, BackupSummary};
use crate::store::restore::{RestoreFault, restore};
use crate::store::{self, Store};

#[derive(Args)]
pub struct Backup {
    /// The file to make, or - for standard output
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args)]
pub struct Restore {
    /// The file to read, or - for standard input
    #[arg(value_name = "FILE")]
    from: PathBuf,
}

impl Backup {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let facts = BackupFacts {
            schema_version: store::schema_version(),
            created_at: world.ambient.now(),
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
            key_ids: world.store.keyring().ids(),
        };
        let summary = if self.to == Path::new("-") {
            if std::io::stdout().is_terminal() {
                return Err(Failure::input(
                    "a backup is no text for a terminal; name a file, or send it through a pipe",
                ));
            }
            let mut out = BufWriter::new(Passing::new(std::io::stdout(), written()));
            let summary = backup::backup(world.store.pool(), &mut out, facts).await?;
            out.flush().map_err(BackupFault::Write)?;
            summary
        } else {
            self.to_file(world, facts).await?
        };
        let (tables, rows) = (u64::try_from(summary.tables).unwrap_or(u64::MAX), summary.rows);
        world.store.note(vec![Event::BackupMade { tables, rows, by: world.actor.to_string() }]).await?;
        // On standard error, because standard output may be the backup.
        show::note(format_args!(
            "{}. The master key is not in it; keep both, apart from each other.",
            counted(&summary)
        ));
        Ok(())
    }

    /// Under a name of its own until it is whole.
    async fn to_file(&self, world: &World, facts: BackupFacts) -> Result<BackupSummary, Failure> {
        if self.to.exists() {
            return Err(Failure::Input(format!("{} is there already; choose another name", self.to.display())));
        }
        let mut partial = self.to.as_os_str().to_owned();
        partial.push(format!(".{}.partial", world.ambient.id().simple()));
        let partial = Partial(partial.into());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial.0);
        let mut out = BufWriter::new(Passing::new(file.map_err(BackupFault::Write)?, written()));
        let summary = backup::backup(world.store.pool(), &mut out, facts).await?;
        let file = out.into_inner().map_err(|fault| BackupFault::Write(fault.into_error()))?;
        let file = file.into_inner();
        file.sync_all().map_err(BackupFault::Write)?;
        // Unlike a rename, a link never replaces a file that came to be there meanwhile.
        fs::hard_link(&partial.0, &self.to).map_err(BackupFault::Write)?;
        Ok(summary)
    }
}

fn written() -> Progress {
    Progress::new("backup", BYTES)
}

/// A file in the making, gone when dropped.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Restore {
    /// Needs a database without rows, so it does not open the world, which would make some.
    pub fn run(self, config: &Config) -> Result<(), Failure> {
        let input: Box<dyn Read> = if self.from == Path::new("-") {
            Box::new(Passing::new(std::io::stdin(), Progress::new("restore", BYTES)))
        } else {
            let file = File::open(&self.from).map_err(|fault| {
                Failure::Input(format!("cannot read {}: {fault}; check the path", self.from.display()))
            })?;
            let progress = Progress::new("restore", BYTES);
            let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|about| about.len());
            let progress = if let Some(length) = length { progress.of(length) } else { progress };
            Box::new(BufReader::new(Passing::new(file, progress)))
        };
        let ambient = Ambient::system();
        let keyring = world::keyring(config, &ambient, MissingKey::Refuse)?;
        world::runtime()?.block_on(world::with_database(config, &ambient, async |options| {
            let pool = store::pool(world::connect(config, options.clone())).await?;
            let summary = restore(&pool, input, &keyring).await;
            pool.close().await;
            let summary = summary?;
            let store = Store::open(world::connect(config, options), keyring.clone(), ambient.clone()).await?;
            let noted = store.note(vec![Event::Restored { rows: summary.rows, by: world::actor().to_string() }]).await;
            store.close().await;
            noted?;
            show::line(format_args!("Restored: {}.", counted(&summary)))
        }))
    }
}

fn counted(summary: &BackupSummary) -> String {
    let BackupSummary { tables, rows, bytes, sha256 } = summary;
    format!("{rows} rows of {tables} tables, {bytes} bytes, SHA-256 {sha256}")
}

impl From<BackupFault> for Failure {
    fn from(fault: BackupFault) -> Self {
        let sentence = fault.to_string();
        match fault {
            BackupFault::Write(source) if source.kind() == std::io::ErrorKind::BrokenPipe => Self::NobodyReads,
            BackupFault::Database(_) | BackupFault::Write(_) => Self::Fault(sentence),
            BackupFault::NotEmpty { .. } | BackupFault::InUse { .. } => Self::No(sentence),
            BackupFault::Read(_)
            | BackupFault::NotABackup { .. }
            | BackupFault::CutShort
            | BackupFault::Damaged
            | BackupFault::NewerFormat { .. }
            | BackupFault::OtherSchema { .. }
            | BackupFault::Disagree { .. } => Self::Input(sentence),
        }
    }
}

impl From<RestoreFault> for Failure {
    fn from(fault: RestoreFault) -> Self {
        match fault {
            RestoreFault::Backup(fault) => fault.into(),
            RestoreFault::Store(fault) => fault.into(),
            fault @ (RestoreFault::Refused(_)
            | RestoreFault::Newer { .. }
            | RestoreFault::NoCanary
            | RestoreFault::MissingKey { .. }) => Self::Input(fault.to_string()),
        }
    }
}
