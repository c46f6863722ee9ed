//! What an operator may rely on from a backup: the same database again, or none.

use std::io::{self, Write};
use std::sync::mpsc;

use jiff::Timestamp;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinSet;
use vestibule::store::backup::{BackupFacts, BackupFault, BackupSummary, OpenBackup, backup};
use vestibule::store::embedded::EmbeddedPostgres;

use crate::fixture::{StateDir, pool};

/// The names sort against the references, and the types are those that are easy to get wrong.
const SCHEMA: &str = r#"
    CREATE TABLE users (
        id uuid PRIMARY KEY, name text NOT NULL, folded text GENERATED ALWAYS AS (lower(name)) STORED,
        seed bytea, address inet, seen timestamptz, tags text[], details jsonb, ratio float8);
    CREATE TABLE authenticators (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner uuid NOT NULL REFERENCES users,
        replaces bigint REFERENCES authenticators);
    CREATE TABLE "odd ""name"", (x)" ("select" int, "a ""b""" text);
    CREATE TABLE events (at timestamptz NOT NULL, text text NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE _sqlx_migrations (version bigint);
    INSERT INTO _sqlx_migrations VALUES (3);
"#;

const ROWS: &str = r#"
    INSERT INTO users VALUES
        ('0190a5f0-0000-7000-8000-000000000001', 'Alice', DEFAULT, '\x00ff0a5c', '192.0.2.0/24', '2026-01-02 03:04:05.678901+02',
         '{"a,b","tab	here",NULL}', '{"k": "line\nend \\ back"}', 0.1),
        ('0190a5f0-0000-7000-8000-000000000002', E'tab\tnew\nline\r\\.\\N end', DEFAULT, NULL, NULL, 'infinity', '{}', NULL, 'NaN');
    INSERT INTO authenticators (owner, replaces) VALUES ('0190a5f0-0000-7000-8000-000000000001', NULL);
    INSERT INTO authenticators (owner, replaces) VALUES ('0190a5f0-0000-7000-8000-000000000001', 1);
    INSERT INTO "odd ""name"", (x)" VALUES (1, ''), (NULL, 'ü→𝄞');
    CREATE TABLE events_2026_01 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE events_rest PARTITION OF events DEFAULT;
    INSERT INTO events VALUES ('2026-01-15', 'in January'), ('2030-01-01', 'later');
"#;

/// A server with a filled database.
struct Source {
    _dir: StateDir,
    postgres: EmbeddedPostgres,
    pool: PgPool,
}

impl Source {
    async fn start() -> Self {
        let dir = StateDir::new();
        let postgres = dir.start().await.unwrap();
        let pool = pool(&postgres);
        sqlx::raw_sql(SCHEMA).execute(&pool).await.unwrap();
        sqlx::raw_sql(ROWS).execute(&pool).await.unwrap();
        Self { _dir: dir, postgres, pool }
    }

    async fn backup(&self) -> (Vec<u8>, BackupSummary) {
        written(&self.pool).await
    }

    /// Another database on the same server, migrated and without rows.
    async fn empty_database(&self) -> PgPool {
        let superuser = self.postgres.connect_options().username("postgres").database("postgres");
        let superuser = PgPool::connect_with(superuser).await.unwrap();
        let name = format!("empty_{}", vestibule::ambient::Ambient::system().id().simple());
        let create = format!("CREATE DATABASE {name} OWNER vestibule");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&superuser).await.unwrap();
        let pool = PgPoolOptions::new().connect_lazy_with(self.postgres.connect_options().database(&name));
        sqlx::raw_sql(SCHEMA).execute(&pool).await.unwrap();
        pool
    }
}

fn facts() -> BackupFacts {
    BackupFacts {
        schema_version: 3,
        created_at: "2026-03-04T05:06:07Z".parse::<Timestamp>().unwrap(),
        product_version: "1.2.3".to_owned(),
        key_ids: vec![2, 1],
    }
}

async fn written(pool: &PgPool) -> (Vec<u8>, BackupSummary) {
    let mut file = Vec::new();
    let summary = backup(pool, &mut file, facts()).await.unwrap();
    (file, summary)
}

async fn restore(file: &[u8], pool: &PgPool) -> Result<BackupSummary, BackupFault> {
    OpenBackup::open(file)?.restore(pool, 3).await?.commit().await
}

async fn count(pool: &PgPool, table: &'static str) -> i64 {
    let look = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(look)).fetch_one(pool).await.unwrap()
}

fn find(file: &[u8], text: &[u8]) -> usize {
    file.windows(text.len()).position(|window| window == text).unwrap()
}

#[tokio::test]
async fn a_restored_database_is_the_same_down_to_the_next_number() {
    let source = Source::start().await;
    let (file, summary) = source.backup().await;
    assert_eq!((summary.tables, summary.rows, summary.bytes), (4, 8, file.len() as u64));

    let target = source.empty_database().await;
    assert_eq!(restore(&file, &target).await.unwrap(), summary);
    assert_eq!(written(&target).await.0, file, "a backup of the copy is the backup");

    let (name, folded): (String, String) =
        sqlx::query_as("SELECT name, folded FROM users WHERE seen = 'infinity'").fetch_one(&target).await.unwrap();
    assert_eq!((name.as_str(), folded.as_str()), ("tab\tnew\nline\r\\.\\N end", "tab\tnew\nline\r\\.\\n end"));
    let add = "INSERT INTO authenticators (owner) SELECT id FROM users LIMIT 1 RETURNING number";
    assert_eq!(sqlx::query_scalar::<_, i64>(add).fetch_one(&target).await.unwrap(), 3);
    assert_eq!(count(&target, "events_2026_01").await, 1);
}

#[tokio::test]
async fn the_header_says_what_a_restore_will_need() {
    let source = Source::start().await;
    let (file, _) = source.backup().await;
    let backup = OpenBackup::open(file.as_slice()).unwrap();
    let header = backup.header();
    assert_eq!((header.schema_version, header.product_version.as_str()), (3, "1.2.3"));
    assert_eq!(header.key_ids, [2, 1]);
}

#[tokio::test]
async fn a_damaged_or_cut_backup_leaves_the_database_empty() {
    let source = Source::start().await;
    let (file, _) = source.backup().await;
    let target = source.empty_database().await;

    let mut changed = file.clone();
    changed[find(&file, b"Alice")] = b'M';
    assert!(matches!(restore(&changed, &target).await, Err(BackupFault::Damaged)));
    for length in [0, 20, find(&file, b"Alice"), file.len() - 1] {
        assert!(matches!(restore(&file[..length], &target).await, Err(BackupFault::CutShort)), "{length}");
    }
    assert!(matches!(restore(b"-- PostgreSQL dump\n", &target).await, Err(BackupFault::NotABackup { .. })));
    assert_eq!(count(&target, "users").await, 0);
    restore(&file, &target).await.unwrap();
}

#[tokio::test]
async fn nothing_is_restored_until_it_is_committed() {
    let source = Source::start().await;
    let (file, _) = source.backup().await;
    let target = source.empty_database().await;
    let mut restored = OpenBackup::open(file.as_slice()).unwrap().restore(&target, 3).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(restored.connection()).await.unwrap();
    assert_eq!(seen, 2);
    drop(restored);
    restore(&file, &target).await.unwrap();
}

#[tokio::test]
async fn a_database_with_rows_is_never_restored_into() {
    let source = Source::start().await;
    let (file, _) = source.backup().await;
    let target = source.empty_database().await;
    sqlx::query(r#"INSERT INTO "odd ""name"", (x)" VALUES (7, 'mine')"#).execute(&target).await.unwrap();
    let fault = restore(&file, &target).await.unwrap_err();
    assert!(matches!(&fault, BackupFault::NotEmpty { table } if table == r#"odd "name", (x)"#), "{fault}");
    assert_eq!(count(&target, "users").await, 0);
}

#[tokio::test]
async fn another_schema_version_and_a_newer_format_are_refused() {
    let source = Source::start().await;
    let (file, _) = source.backup().await;
    let target = source.empty_database().await;
    for ours in [2, 4] {
        let fault = OpenBackup::open(file.as_slice()).unwrap().restore(&target, ours).await.err().unwrap();
        assert!(matches!(fault, BackupFault::OtherSchema { found: 3, .. }), "{fault}");
    }
    let newer = String::from_utf8_lossy(&file).replacen("\"format\":1", "\"format\":2", 1);
    let fault = OpenBackup::open(newer.as_bytes()).err().unwrap();
    assert!(matches!(fault, BackupFault::NewerFormat { found: 2 }), "{fault}");
}

#[tokio::test]
async fn a_table_or_column_only_one_side_knows_is_named() {
    let source = Source::start().await;
    let (file, _) = source.backup().await;
    for (change, what) in [
        ("ALTER TABLE users DROP COLUMN ratio", "column users.ratio"),
        ("ALTER TABLE users ADD COLUMN more int", "column users.more"),
        ("DROP TABLE events", "table events"),
        ("CREATE SEQUENCE more", "sequence more"),
    ] {
        let target = source.empty_database().await;
        sqlx::raw_sql(change).execute(&target).await.unwrap();
        let fault = restore(&file, &target).await.unwrap_err();
        assert!(matches!(&fault, BackupFault::Disagree { what: found } if found == what), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_during_the_backup_is_either_wholly_in_it_or_not_at_all() {
    let source = Source::start().await;
    let (begun, begin) = tokio::sync::oneshot::channel();
    let (done, wait) = mpsc::channel();
    let pool = source.pool.clone();
    let mut meanwhile = JoinSet::new();
    meanwhile.spawn(async move {
        begin.await.unwrap();
        // Without one snapshot for both tables, whichever is read later would know of it.
        let both = "WITH u AS (INSERT INTO users (id, name) VALUES (gen_random_uuid(), 'late') RETURNING id)
                    INSERT INTO authenticators (owner) SELECT id FROM u";
        sqlx::query(both).execute(&pool).await.unwrap();
        done.send(()).unwrap();
    });
    let mut out = Interrupted { file: Vec::new(), begun: Some(begun), wait };
    let summary = backup(&source.pool, &mut out, facts()).await.unwrap();
    meanwhile.join_all().await;
    assert_eq!((summary.rows, count(&source.pool, "users").await), (8, 3));
    restore(&out.file, &source.empty_database().await).await.unwrap();
}

/// Lets something happen between the header and the first table.
struct Interrupted {
    file: Vec<u8>,
    begun: Option<tokio::sync::oneshot::Sender<()>>,
    wait: mpsc::Receiver<()>,
}

impl Write for Interrupted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(begun) = self.begun.take() {
            begun.send(()).unwrap();
            self.wait.recv().unwrap();
        }
        self.file.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
