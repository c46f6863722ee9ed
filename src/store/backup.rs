//! Logical backup and restore, independent of PostgreSQL's version: every application table as text, from one snapshot,
//! in one file, streamed so that memory stays flat.
//!
//! ```text
//! header      one line of JSON: format, schema, tables with columns and partitions, sequences
//! per table   frames of COPY text: length(4, big-endian) ‖ bytes, an empty frame at the end
//! end         SHA-256 over everything before it
//! ```
//!
//! Sealed secrets stay sealed: the file is of no use without the master key, and the key is not in it. The digest finds
//! damage, not malice; whoever can write the file can write the digest. Which tables there are is [`catalog`]'s, the
//! shape of the file [`frames`]'. Migrations are the caller's: a backup is restored at its own schema version and then
//! migrated on.

mod catalog;
mod frames;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, PgPool};
use thiserror::Error;

use catalog::{Catalog, Partition, Sequence, Table, quoted};
use frames::{FrameReader, FrameWriter};

/// Raised when an older program could not read the file any more.
const FORMAT: u32 = 1;

/// SQLSTATE of an expired `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What a value looks like as text must not depend on the server's or the session's settings.
const SESSION: [&str; 6] = [
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL statement_timeout = 0",
];

#[derive(Debug, Error)]
pub enum BackupFault {
    #[error("the database failed during backup or restore: {0}")]
    Database(#[from] sqlx::Error),
    #[error("cannot write the backup: {0}")]
    Write(#[source] io::Error),
    #[error("cannot read the backup: {0}")]
    Read(#[source] io::Error),
    #[error("this is not a vestibule backup ({why})")]
    NotABackup { why: String },
    #[error("the backup is cut short; fetch the whole file")]
    CutShort,
    #[error("the backup is damaged (its checksum does not fit); use another one")]
    Damaged,
    #[error("the backup has format {found}, this program reads up to {FORMAT}; use a newer vestibule")]
    NewerFormat { found: u32 },
    #[error("the backup has schema version {found}, the database {ours}; migrate the empty database to {found} first")]
    OtherSchema { found: i64, ours: i64 },
    #[error("the backup and the database disagree about {what}; restore with the vestibule version that made it")]
    Disagree { what: String },
    #[error("table {table} already holds rows; restore only into an empty database")]
    NotEmpty { table: String },
    #[error("table {table} is in use; stop every vestibule on this database and restore again")]
    InUse { table: String },
}

/// What the caller knows and the file should tell.
#[derive(Debug, Clone)]
pub struct BackupFacts {
    /// The newest applied migration.
    pub schema_version: i64,
    pub created_at: Timestamp,
    pub product_version: String,
    /// The master keys that sealed values in the database may name ([`super::seal::Keyring::ids`]).
    pub key_ids: Vec<u32>,
}

/// The first line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    format: u32,
    pub product_version: String,
    pub schema_version: i64,
    pub created_at: Timestamp,
    pub key_ids: Vec<u32>,
    tables: Vec<Table>,
    sequences: Vec<Sequence>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    pub tables: usize,
    pub rows: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Digest over the file without its last 32 bytes, which repeat it; hexadecimal.
    pub sha256: String,
}

/// Writes every application table as one moment saw it. Sign-ins go on meanwhile.
///
/// After a fault `out` holds a file that no restore accepts.
pub async fn backup(pool: &PgPool, out: impl Write, facts: BackupFacts) -> Result<BackupSummary, BackupFault> {
    // A connection of its own: after a fault in mid-stream it is dropped, not given back half-read.
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
    prepare_session(&mut connection).await?;
    let Catalog { tables, sequences } = Catalog::read(&mut connection).await?;
    let header = Header {
        format: FORMAT,
        product_version: facts.product_version,
        schema_version: facts.schema_version,
        created_at: facts.created_at,
        key_ids: facts.key_ids,
        tables,
        sequences,
    };
    let mut file = FrameWriter::new(out);
    let line = serde_json::to_vec(&header).map_err(|fault| BackupFault::Write(fault.into()))?;
    file.line(&line).map_err(BackupFault::Write)?;
    let mut rows = 0;
    for table in &header.tables {
        // A partitioned table cannot be copied by name, a query over it can.
        let copy =
            format!("COPY (SELECT {} FROM {}) TO STDOUT (ENCODING 'UTF8')", table.column_list(), table.qualified());
        let mut stream = connection.copy_out_raw(&copy).await?;
        while let Some(chunk) = stream.try_next().await? {
            // COPY's text form escapes line ends within values, so each one ends a row.
            rows += chunk.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            file.data(&chunk).map_err(BackupFault::Write)?;
        }
        file.end_of_table().map_err(BackupFault::Write)?;
    }
    let (bytes, sha256) = file.finish().map_err(BackupFault::Write)?;
    sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
    connection.close().await?;
    Ok(BackupSummary { tables: header.tables.len(), rows, bytes, sha256 })
}

/// A backup whose header has been read; the rest is read by [`OpenBackup::restore`].
pub struct OpenBackup<R> {
    header: Header,
    file: FrameReader<R>,
}

impl<R: Read> OpenBackup<R> {
    pub fn open(input: R) -> Result<Self, BackupFault> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let not_a_backup = |fault: serde_json::Error| BackupFault::NotABackup { why: fault.to_string() };
        let mut file = FrameReader::new(input);
        let line = file.line()?;
        // Only this much is promised to stay readable for ever.
        let Format { format } = serde_json::from_slice(&line).map_err(not_a_backup)?;
        if format > FORMAT {
            return Err(BackupFault::NewerFormat { found: format });
        }
        let header = serde_json::from_slice(&line).map_err(not_a_backup)?;
        Ok(Self { header, file })
    }

    /// Tells the caller which schema version to migrate the empty database to, and which keys it will need.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Loads everything into the database, which has migrations up to `schema_version` applied and no rows. Nothing stays
    /// unless [`Restored::commit`] is called; the checksum has been verified by then.
    pub async fn restore(self, pool: &PgPool, schema_version: i64) -> Result<Restored, BackupFault> {
        let Self { header, mut file } = self;
        if header.schema_version != schema_version {
            return Err(BackupFault::OtherSchema { found: header.schema_version, ours: schema_version });
        }
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        prepare_session(&mut connection).await?;
        sqlx::raw_sql("SET CONSTRAINTS ALL DEFERRED").execute(&mut connection).await?;
        let target = Catalog::read(&mut connection).await?;
        same_shape(&header, &target)?;
        take_empty_tables(&mut connection, &target).await?;
        create_partitions(&mut connection, &header, &target).await?;
        let mut rows = 0;
        for table in &header.tables {
            rows += load(&mut connection, table, &mut file).await?;
        }
        let (bytes, sha256) = file.finish()?;
        for sequence in &header.sequences {
            sequence.set(&mut connection).await?;
        }
        let summary = BackupSummary { tables: header.tables.len(), rows, bytes, sha256 };
        Ok(Restored { connection, summary })
    }
}

/// A restored database that only its own connection sees as yet. Dropped, it never was.
pub struct Restored {
    connection: PgConnection,
    summary: BackupSummary,
}

impl Restored {
    /// For a look before it counts: does the master key open the canary?
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Deferred constraints are checked here.
    pub async fn commit(mut self) -> Result<BackupSummary, BackupFault> {
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await?;
        self.connection.close().await?;
        Ok(self.summary)
    }
}

async fn prepare_session(connection: &mut PgConnection) -> Result<(), BackupFault> {
    for setting in SESSION {
        sqlx::raw_sql(setting).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Names from the file become SQL only after they turned out to be names the database has itself.
fn same_shape(header: &Header, target: &Catalog) -> Result<(), BackupFault> {
    let tables: [BTreeSet<&str>; 2] = [&header.tables, &target.tables].map(|all| all.iter().map(Table::name).collect());
    agree("table ", &tables)?;
    for table in &header.tables {
        let same = target.tables.iter().filter(|other| other.name() == table.name());
        for other in same {
            let columns = [table, other].map(|table| table.columns().collect());
            agree(&format!("column {}.", table.name()), &columns)?;
        }
    }
    let sequences = [&header.sequences, &target.sequences].map(|all| all.iter().map(Sequence::name).collect());
    agree("sequence ", &sequences)
}

fn agree(kind: &str, [theirs, ours]: &[BTreeSet<&str>; 2]) -> Result<(), BackupFault> {
    match theirs.symmetric_difference(ours).next() {
        None => Ok(()),
        Some(name) => Err(BackupFault::Disagree { what: format!("{kind}{name}") }),
    }
}

/// Locks writers out first, so that empty stays empty. Whoever holds a lock on them is a running appliance: not waited
/// for long.
async fn take_empty_tables(connection: &mut PgConnection, target: &Catalog) -> Result<(), BackupFault> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '5s'").execute(&mut *connection).await?;
    for table in &target.tables {
        let name = || table.name().to_owned();
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", table.qualified());
        match sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *connection).await {
            Err(sqlx::Error::Database(fault)) if fault.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                return Err(BackupFault::InUse { table: name() });
            }
            locked => locked?,
        };
        let look = format!("SELECT EXISTS (SELECT 1 FROM {})", table.qualified());
        if sqlx::query_scalar(AssertSqlSafe(look)).fetch_one(&mut *connection).await? {
            return Err(BackupFault::NotEmpty { table: name() });
        }
    }
    Ok(())
}

/// Partitions come and go with time, not with the schema, so the backup's are made where they are missing.
async fn create_partitions(
    connection: &mut PgConnection,
    header: &Header,
    target: &Catalog,
) -> Result<(), BackupFault> {
    let existing: BTreeSet<&str> =
        target.tables.iter().flat_map(|table| table.partitions.iter().map(Partition::name)).collect();
    for table in &header.tables {
        for partition in table.partitions.iter().filter(|partition| !existing.contains(partition.name())) {
            let bound = partition.checked_bound()?;
            let create = format!(
                "CREATE TABLE {}.{} PARTITION OF {} {bound}",
                quoted("public"),
                quoted(partition.name()),
                table.qualified()
            );
            // A prepared statement is a single statement, whatever the text says.
            sqlx::query(AssertSqlSafe(create)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

async fn load<R: Read>(
    connection: &mut PgConnection,
    table: &Table,
    file: &mut FrameReader<R>,
) -> Result<u64, BackupFault> {
    let copy = format!("COPY {} ({}) FROM STDIN (ENCODING 'UTF8')", table.qualified(), table.column_list());
    let mut sink = connection.copy_in_raw(&copy).await?;
    while let Some(data) = file.data()? {
        sink.send(data).await?;
    }
    Ok(sink.finish().await?)
}
