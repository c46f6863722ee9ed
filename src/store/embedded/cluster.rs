//! The embedded database on disk: which file is what under `state_dir/postgres`, the lock, the password, the making of
//! a new data directory, and whose the pid in PostgreSQL's pid file is.
//!
//! ```text
//! lock        held by the process that keeps the server; its text says which
//! password    of both roles, 0600
//! data/       PostgreSQL's own; appears by rename when initdb has finished
//! run/        the socket, 0700; elsewhere if its path would be too long
//! socket      says where
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rustix::process::geteuid;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::account::Account;
use super::binaries::Binaries;
use super::child::Launcher;
use super::{Embedded, EmbeddedFault, Role};
use crate::ambient::Ambient;

/// The application's role and database. Not a superuser: SQL alone must not be a way to run programs.
const NAME: &str = "vestibule";
const SUPERUSER: &str = "postgres";
const DATA_DRAFT: &str = "data.new.";
const PASSWORD_DRAFT: &str = "initdb-password.";
const SOCKET: &str = ".s.PGSQL.5432";
/// `sockaddr_un` holds 108 bytes with the final NUL (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;
const INITDB_LIMIT: Duration = Duration::from_mins(2);
/// An orphan writes out its buffers before it goes; one that does not even begin to go is none.
const ORPHAN_LIMIT: Duration = Duration::from_secs(30);
const ORPHAN_NOTICE: Duration = Duration::from_secs(3);

/// Paths, all absolute.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    pub fn under(state_dir: &Path) -> Result<Self, EmbeddedFault> {
        let root = std::path::absolute(state_dir).map_err(|source| file_fault("find", state_dir, source))?;
        Ok(Self { root: root.join("postgres") })
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }
    pub fn state_dir(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }
    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
    fn password(&self) -> PathBuf {
        self.root.join("password")
    }
    fn socket_record(&self) -> PathBuf {
        self.root.join("socket")
    }

    /// Makes the directories down to `root`; those that exist are left as they are. Another account must be able to pass
    /// through them, not to list them.
    pub fn create(&self, account: Option<&Account>) -> Result<(), EmbeddedFault> {
        let mode = if account.is_some() { 0o711 } else { 0o700 };
        let made = DirBuilder::new().recursive(true).mode(mode).create(&self.root);
        made.map_err(|source| file_fault("make the directory", &self.root, source))
    }

    /// How the application reaches the server, as the keeper of it has written down.
    pub fn connect_options(&self) -> Result<PgConnectOptions, EmbeddedFault> {
        let record = self.socket_record();
        let socket = fs::read_to_string(&record).map_err(|source| file_fault("read", &record, source))?;
        Ok(options(Path::new(socket.trim_end()), NAME, NAME, &self.read_password()?))
    }

    fn read_password(&self) -> Result<Zeroizing<String>, EmbeddedFault> {
        let path = self.password();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Err(EmbeddedFault::PasswordMissing { path }),
            Err(source) => Err(file_fault("read", &path, source)),
        }
    }
}

/// Who holds the lock.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    pub role: Role,
    pub pid: u32,
}

/// The right to start a server in a directory. The kernel takes it back when the process ends, however it ends; children
/// do not inherit it.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// `None` if another process has it.
    pub fn take(layout: &Layout, role: Role) -> Result<Option<Self>, EmbeddedFault> {
        let path = layout.lock();
        let fault = |source| file_fault("lock", &path, source);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        let word = match role {
            Role::Serve => "serve",
            Role::Command => "command",
        };
        let text = format!("{word} {}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(fault)?;
        Ok(Some(Self { _file: file }))
    }

    /// `None` if nobody holds it. A holder that has not written its line yet counts as a command: it is worth waiting for.
    pub fn holder(layout: &Layout) -> Result<Option<Holder>, EmbeddedFault> {
        let path = layout.lock();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file_fault("open", &path, source)),
        };
        match file.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(file_fault("lock", &path, source)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|source| file_fault("read", &path, source))?;
        let (word, pid) = text.trim_end().split_once(' ').unwrap_or_default();
        let role = if word == "serve" { Role::Serve } else { Role::Command };
        Ok(Some(Holder { role, pid: pid.parse().unwrap_or(0) }))
    }
}

/// A data directory ready to be served, with everything a server in it needs. Exists only under the [`Lock`].
pub struct Cluster {
    layout: Layout,
    binaries: Binaries,
    launcher: Launcher,
    socket_dir: PathBuf,
    password: Zeroizing<String>,
}

impl Cluster {
    /// Finds or makes the data directory and the socket's place, and waits for a server that an earlier process left
    /// behind. `layout` exists and its lock is held.
    pub async fn prepare(
        layout: Layout,
        settings: &Embedded,
        account: Option<Account>,
        ambient: &Ambient,
    ) -> Result<Self, EmbeddedFault> {
        let data = layout.data();
        let major = data_major(&data)?;
        let binaries = Binaries::find(settings.bin_dir.as_deref(), major)?;
        let launcher = Launcher::new(settings.executable.as_deref(), account)?;
        let password = match layout.read_password() {
            Err(EmbeddedFault::PasswordMissing { path }) if major.is_none() => {
                let fresh = Zeroizing::new(HEXLOWER.encode(&ambient.bytes::<32>()));
                write_private(&path, &fresh)?;
                fresh
            }
            found => found?,
        };
        let suffix = HEXLOWER.encode(&ambient.bytes::<8>());
        remove_drafts(&layout);
        if major.is_none() {
            initialise(&layout, &binaries, &launcher, &password, &suffix).await?;
        }
        wait_for_orphan(&data).await?;
        let socket_dir = socket_dir(&layout, launcher.account(), &suffix)?;
        Ok(Self { layout, binaries, launcher, socket_dir, password })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }
    pub fn launcher(&self) -> &Launcher {
        &self.launcher
    }
    pub fn postgres(&self) -> PathBuf {
        self.binaries.postgres()
    }
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }
    pub fn options(&self) -> PgConnectOptions {
        options(&self.socket_dir, NAME, NAME, &self.password)
    }

    /// The pid in PostgreSQL's pid file. The caller knows that it is not a live server of this directory.
    pub fn stale_pid(&self) -> Option<u32> {
        recorded_pid(&self.layout.data())
    }

    /// Logs the application in; makes its role and database if the server is new.
    pub async fn verify(&self) -> Result<(), EmbeddedFault> {
        match log_in(&self.options()).await {
            Err(sqlx::Error::Database(refused)) if is_unprovisioned(refused.code().as_deref()) => {}
            found => return found.map_err(EmbeddedFault::Login),
        }
        self.provision().await.map_err(EmbeddedFault::Login)?;
        log_in(&self.options()).await.map_err(EmbeddedFault::Login)
    }

    async fn provision(&self) -> Result<(), sqlx::Error> {
        // The role's password stands in the statement, so the statement is not logged.
        let options = options(&self.socket_dir, SUPERUSER, "postgres", &self.password).disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options).await?;
        let missing = |found: Option<(i32,)>| found.is_none();
        let role = sqlx::query_as("SELECT 1 FROM pg_roles WHERE rolname = $1").bind(NAME);
        if missing(role.fetch_optional(&mut connection).await?) {
            let password = self.password.as_str();
            // Our own hexadecimal digits: nothing in them needs quoting.
            let create = format!("CREATE ROLE {NAME} LOGIN PASSWORD '{password}'");
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        }
        let database = sqlx::query_as("SELECT 1 FROM pg_database WHERE datname = $1").bind(NAME);
        if missing(database.fetch_optional(&mut connection).await?) {
            let create = format!("CREATE DATABASE {NAME} OWNER {NAME}");
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        }
        connection.close().await
    }
}

/// `invalid_catalog_name`, and `invalid_password`, which is also what SCRAM says of a role that does not exist.
fn is_unprovisioned(code: Option<&str>) -> bool {
    matches!(code, Some("3D000" | "28P01"))
}

/// One connection and back, within ten seconds.
pub async fn log_in(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let attempt = async { PgConnection::connect_with(options).await?.close().await };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
}

fn options(socket_dir: &Path, role: &str, database: &str, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(5432)
        .ssl_mode(PgSslMode::Disable)
        .username(role)
        .password(password)
        .database(database)
}

/// The major version that made the data directory; `None` if it is not there or empty.
fn data_major(data: &Path) -> Result<Option<u32>, EmbeddedFault> {
    let not_ours = || EmbeddedFault::NotADataDirectory { data: data.to_owned() };
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| not_ours()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => match fs::read_dir(data) {
            Ok(mut entries) => {
                if entries.next().is_none() {
                    Ok(None)
                } else {
                    Err(not_ours())
                }
            }
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_fault("read", data, source)),
        },
        Err(source) => Err(file_fault("read", data, source)),
    }
}

/// Runs initdb beside the final place and renames: a data directory that is there is complete.
async fn initialise(
    layout: &Layout,
    binaries: &Binaries,
    launcher: &Launcher,
    password: &str,
    suffix: &str,
) -> Result<(), EmbeddedFault> {
    let draft = Leftover(layout.root.join(format!("{DATA_DRAFT}{suffix}")));
    let password_file = Leftover(layout.root.join(format!("{PASSWORD_DRAFT}{suffix}")));
    make_private_dir(&draft.0, launcher.account())?;
    write_private(&password_file.0, password)?;
    if let Some(account) = launcher.account() {
        account.own(&password_file.0).map_err(|source| file_fault("hand over", &password_file.0, source))?;
    }
    let mut command = launcher.command(&binaries.initdb());
    command.arg("-D").arg(&draft.0).arg("--pwfile").arg(&password_file.0);
    command.args(["-U", SUPERUSER, "--auth-local=scram-sha-256", "--auth-host=reject"]);
    command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"]);
    let run = command.kill_on_drop(true).output();
    let output = match tokio::time::timeout(INITDB_LIMIT, run).await {
        Ok(Ok(output)) => output,
        Ok(Err(source)) => return Err(file_fault("run", &binaries.initdb(), source)),
        Err(_) => return Err(EmbeddedFault::Initdb { said: format!("not finished after {INITDB_LIMIT:?}") }),
    };
    if !output.status.success() {
        launcher.explain_unreachable(&draft.0)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|line| line.contains("error:")).unwrap_or(said.trim()).trim();
        return Err(EmbeddedFault::Initdb { said: line.to_owned() });
    }
    let data = layout.data();
    fs::rename(&draft.0, &data)
        .and_then(|()| File::open(&layout.root)?.sync_all())
        .map_err(|source| file_fault("finish", &data, source))
}

/// What an initdb that was killed could not take back.
fn remove_drafts(layout: &Layout) {
    let entries = fs::read_dir(&layout.root).into_iter().flatten().filter_map(Result::ok);
    for entry in entries {
        let name = entry.file_name();
        if [DATA_DRAFT, PASSWORD_DRAFT].iter().any(|draft| name.as_bytes().starts_with(draft.as_bytes())) {
            drop(Leftover(entry.path()));
        }
    }
}

/// A file or directory that must not stay; gone when dropped, unless it was renamed before.
struct Leftover(PathBuf);

impl Drop for Leftover {
    fn drop(&mut self) {
        // One of the two applies, or neither after a rename.
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make_private_dir(path: &Path, account: Option<&Account>) -> Result<(), EmbeddedFault> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.and_then(|()| account.map_or(Ok(()), |account| account.own(path)))
        .map_err(|source| file_fault("make the directory", path, source))
}

fn write_private(path: &Path, text: &str) -> Result<(), EmbeddedFault> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let write = || {
        // A draft from an interrupted start would keep its old mode.
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(|source| file_fault("write", path, source))
}

/// A directory for the socket that only the server's account can enter: `run`, or a short one where the path would not
/// fit a socket address. Writes down which.
fn socket_dir(layout: &Layout, account: Option<&Account>, suffix: &str) -> Result<PathBuf, EmbeddedFault> {
    let run = layout.root.join("run");
    let fits = run.as_os_str().len() + 1 + SOCKET.len() <= LONGEST_SOCKET_PATH && run.to_str().is_some();
    let owner = account.map_or_else(|| geteuid().as_raw(), |account| account.uid);
    let dir = if fits {
        run
    } else {
        let recorded = fs::read_to_string(layout.socket_record()).ok().map(|text| PathBuf::from(text.trim_end()));
        let base = if geteuid().is_root() { "/run" } else { "/tmp" };
        recorded
            .filter(|dir| is_private(dir, owner))
            .unwrap_or_else(|| PathBuf::from(format!("{base}/vestibule-{suffix}")))
    };
    if fits && dir.exists() {
        // `root` is ours alone, so nobody can have put anything else in this place.
        account
            .map_or(Ok(()), |account| account.own(&dir))
            .and_then(|()| fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)))
            .map_err(|source| file_fault("prepare", &dir, source))?;
    } else if !is_private(&dir, owner) {
        make_private_dir(&dir, account)?;
    }
    write_private(&layout.socket_record(), &dir.to_string_lossy())?;
    Ok(dir)
}

/// A real directory (not a link) of that owner and for nobody else.
fn is_private(dir: &Path, owner: u32) -> bool {
    dir.as_os_str().as_bytes().len() > 1
        && fs::symlink_metadata(dir)
            .is_ok_and(|facts| facts.is_dir() && facts.uid() == owner && facts.mode() & 0o777 == 0o700)
}

/// A server whose vestibule was killed gets SIGINT from the kernel and is on its way out. One that stays was started by
/// somebody else and is not ours to stop.
async fn wait_for_orphan(data: &Path) -> Result<(), EmbeddedFault> {
    let Some(pid) = recorded_pid(data) else { return Ok(()) };
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    // The kernel tells only a parent of an end; we are none, so we look.
    while serves(pid, data) {
        let limit = if is_stopping(data) { ORPHAN_LIMIT } else { ORPHAN_NOTICE };
        if begin.elapsed() >= limit {
            return Err(EmbeddedFault::Foreign { data: data.to_owned(), pid });
        }
        looks.tick().await;
    }
    Ok(())
}

/// The eighth line of PostgreSQL's pid file is the server's state (`LOCK_FILE_LINE_PM_STATUS`).
fn is_stopping(data: &Path) -> bool {
    fs::read_to_string(data.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_none_or(|state| state.trim_end() == "stopping"))
}

fn recorded_pid(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Whether that process is a PostgreSQL working in that directory. A zombie, a reused pid and another account's process
/// are not.
fn serves(pid: u32, data: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let is_postgres = fs::read_link(process.join("exe"))
        .is_ok_and(|exe| exe.file_name().is_some_and(|name| name.as_bytes().starts_with(b"postgres")));
    let here = fs::metadata(process.join("cwd")).ok().zip(fs::metadata(data).ok());
    is_postgres && here.is_some_and(|(cwd, data)| (cwd.dev(), cwd.ino()) == (data.dev(), data.ino()))
}

pub fn file_fault(what: &'static str, path: &Path, source: io::Error) -> EmbeddedFault {
    EmbeddedFault::File { what, path: path.to_owned(), source }
}
