//! The embedded database on disk: which file is what under `state_dir/postgres`, and the making of what is missing.
//!
//! ```text
//! lock        held by the process that keeps the server; its text says which
//! password    of both roles, 0600
//! data/       PostgreSQL's own; appears by rename when initdb has finished
//! run/        the socket, 0700; elsewhere if its path would be too long
//! socket      says where
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rustix::process::geteuid;
use sqlx::postgres::PgConnectOptions;
use zeroize::Zeroizing;

use super::account::Account;
use super::binaries::Binaries;
use super::child::Launcher;
use super::login::{Login, SUPERUSER};
use super::orphan::{recorded_pid, wait_for_orphan};
use super::{Embedded, EmbeddedFault};
use crate::ambient::Ambient;

const DATA_DRAFT: &str = "data.new.";
const PASSWORD_DRAFT: &str = "initdb-password.";
const SOCKET: &str = ".s.PGSQL.5432";
/// `sockaddr_un` holds 108 bytes with the final NUL (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;
const INITDB_LIMIT: Duration = Duration::from_mins(2);

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
    pub fn lock(&self) -> PathBuf {
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
        let is_new = !self.root.exists();
        let made = DirBuilder::new().recursive(true).mode(mode).create(&self.root).and_then(|()| {
            // A strict umask takes away what the other account needs.
            if is_new { fs::set_permissions(&self.root, fs::Permissions::from_mode(mode)) } else { Ok(()) }
        });
        made.map_err(|source| file_fault("make the directory", &self.root, source))
    }

    /// How the application reaches the server, as the keeper of it has written down.
    pub fn connect_options(&self) -> Result<PgConnectOptions, EmbeddedFault> {
        let record = self.socket_record();
        let socket = fs::read_to_string(&record).map_err(|source| file_fault("read", &record, source))?;
        Ok(Login::new(socket.trim_end().into(), self.read_password()?).options())
    }

    fn read_password(&self) -> Result<Zeroizing<String>, EmbeddedFault> {
        let path = self.password();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Zeroizing::new(text.trim_end().to_owned())),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Err(EmbeddedFault::PasswordMissing { path }),
            Err(source) => Err(file_fault("read", &path, source)),
        }
    }
}

/// A data directory ready to be served, with everything a server in it needs. Exists only under the [`Lock`].
pub struct Cluster {
    layout: Layout,
    binaries: Binaries,
    launcher: Launcher,
    login: Login,
    /// Made by this process, so that nothing of ours is in it yet.
    fresh: bool,
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
        let login = Login::new(socket_dir, password);
        Ok(Self { layout, binaries, launcher, login, fresh: major.is_none() })
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
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Makes sure that a running server of this cluster lets the application in.
    pub async fn admit(&self) -> Result<(), EmbeddedFault> {
        if self.fresh {
            self.login.provision().await?;
        }
        self.login.verify().await
    }

    /// The pid in PostgreSQL's pid file. The caller knows that it is not a live server of this directory.
    pub fn stale_pid(&self) -> Option<u32> {
        recorded_pid(&self.layout.data())
    }
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

pub fn file_fault(what: &'static str, path: &Path, source: io::Error) -> EmbeddedFault {
    EmbeddedFault::File { what, path: path.to_owned(), source }
}
