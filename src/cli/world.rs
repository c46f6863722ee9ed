//! What every command needs: the configuration, the store, who is asking. One place opens and closes them.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Runtime;

use super::failure::Failure;
use super::show;
use crate::ambient::Ambient;
use crate::app;
use crate::config::Config;
use crate::directory::{DirectoryClient, Spawn};
use crate::domain::directory::Directory;
use crate::store::audit::Actor;
use crate::store::embedded::EmbeddedPostgres;
use crate::store::seal::Keyring;
use crate::store::seal::key_file::{KeyFileFault, MasterKeyFile};
use crate::store::users::Listed;
use crate::store::{self, Connect, Found, Store};
use crate::tasks::Tasks;

/// A command does one thing after the other; a second connection serves what must not wait for the first.
const CONNECTIONS: u32 = 2;

/// The appliance's state, as a command sees it.
pub struct World {
    pub config: Config,
    pub store: Store,
    pub ambient: Ambient,
    /// Whom the audit trail names.
    pub actor: Actor,
    tasks: Tasks,
}

/// Opens the world, does the work in it, closes it.
pub fn open(config: &Config, work: impl AsyncFnOnce(&World) -> Result<(), Failure>) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let ambient = Ambient::system();
        let keyring = keyring(config, &ambient, MissingKey::MakeForNewDatabase)?;
        with_database(config, &ambient, async |options| {
            let store = Store::open(connect(config, options), keyring, ambient.clone()).await?;
            work_in(config, store, work).await
        })
        .await
    })
}

/// Looks at the database, and does the work if all is there already; otherwise nothing is made or changed, and the work
/// is left undone.
pub fn look(config: &Config, work: impl AsyncFnOnce(&World) -> Result<(), Failure>) -> Result<Found, Failure> {
    runtime()?.block_on(async {
        let ambient = Ambient::system();
        let keyring = keyring(config, &ambient, MissingKey::Refuse)?;
        with_database(config, &ambient, async |options| {
            let pool = store::pool(connect(config, options)).await?;
            let found = match store::look(&pool).await {
                Ok(Found::Current) => Found::Current,
                other => {
                    pool.close().await;
                    return Ok(other?);
                }
            };
            let store = Store::unseal(pool, keyring, ambient.clone()).await?;
            work_in(config, store, work).await?;
            Ok(found)
        })
        .await
    })
}

async fn work_in(
    config: &Config,
    store: Store,
    work: impl AsyncFnOnce(&World) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let ambient = store.ambient().clone();
    let world = World { config: config.clone(), store, ambient, actor: actor(), tasks: Tasks::new() };
    let done = work(&world).await;
    world.tasks.stop();
    world.store.close().await;
    done
}

/// Reaches the configured database, or the embedded one: that of a running `serve`, or one that runs for as long as the
/// work takes.
pub async fn with_database<T>(
    config: &Config,
    ambient: &Ambient,
    work: impl AsyncFnOnce(PgConnectOptions) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(url) = &config.database.url {
        // The parser's own words may quote the password.
        let options: PgConnectOptions = url.expose().parse().map_err(|_| {
            Failure::Input("database.url cannot be read; write postgres://USER:PASSWORD@HOST/NAME".into())
        })?;
        return work(options).await;
    }
    let postgres = EmbeddedPostgres::attach_or_start(&app::embedded_settings(config), ambient).await?;
    let done = work(postgres.connect_options()).await;
    postgres.stop().await;
    done
}

pub fn connect(config: &Config, options: PgConnectOptions) -> Connect {
    Connect { options, max_connections: CONNECTIONS, acquire_timeout: config.database.acquire_timeout }
}

pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|fault| Failure::Fault(format!("cannot start the runtime: {fault}")))
}

/// What to do when there is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKey {
    /// Anywhere else than beside a database that does not exist yet, a missing key is a lost one.
    MakeForNewDatabase,
    Refuse,
}

/// The configured master key, or the one in the state directory.
pub fn keyring(config: &Config, ambient: &Ambient, missing: MissingKey) -> Result<Keyring, Failure> {
    if let Some(key) = &config.master_key.key {
        return Keyring::parse(key.expose()).map_err(|fault| Failure::Input(format!("master_key.key: {fault}")));
    }
    let file = MasterKeyFile::at(config.master_key_file());
    let fault = match file.load() {
        Err(fault @ KeyFileFault::Read { .. }) => fault,
        loaded => return Ok(loaded?),
    };
    let KeyFileFault::Read { source, .. } = &fault else { return Err(fault.into()) };
    if source.kind() != ErrorKind::NotFound {
        return Err(fault.into());
    }
    let path = config.master_key_file();
    let is_new = config.database.url.is_none() && !config.state_dir.join("postgres").exists();
    if missing == MissingKey::Refuse || !is_new {
        return Err(Failure::Fault(format!(
            "there is no master key at {}; put the key file back, or set master_key.key, or for a new database run \
             `vestibule serve` once",
            path.display()
        )));
    }
    make_state_dir(&config.state_dir)?;
    let loaded = file.load_or_create(ambient)?;
    if loaded.created {
        show::note(format_args!(
            "A new master key was written to {}. Keep a copy elsewhere: without it no stored secret can be read.",
            path.display()
        ));
    }
    Ok(loaded.keyring)
}

/// The embedded database runs as somebody else when we are root, who must be able to pass through, whatever the umask.
fn make_state_dir(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o711).create(path);
    made.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o711)))
        .map_err(|fault| Failure::Fault(format!("cannot make the state directory {}: {fault}", path.display())))
}

/// The account the process was started from: after `sudo` that is not root.
pub fn actor() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    // The kernel's word for "nobody logged in": a service, a container.
    let login = login.filter(|login| *login != u32::MAX && *login != uid);
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = |uid: u32| {
        let wanted = uid.to_string();
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let mut found = fields.filter(|fields| fields.get(2) == Some(&wanted.as_str()));
        found.next().and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or_default()
    };
    let as_text = |uid: u32| format!("user {} uid {uid}", name(uid));
    match login {
        Some(login) => Actor(format!("command line ({}, logged in as {})", as_text(uid), as_text(login))),
        None => Actor(format!("command line ({})", as_text(uid))),
    }
}

impl World {
    /// A directory by its name.
    pub async fn directory(&self, name: &str) -> Result<Directory, Failure> {
        let directories = self.store.directories().await?;
        let names: Vec<String> = directories.iter().map(|directory| directory.name.clone()).collect();
        directories.into_iter().find(|directory| directory.name == name).ok_or_else(|| {
            let known = if names.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("there is {}", names.join(", "))
            };
            Failure::No(format!("there is no directory {name:?} ({known}); add it with `vestibule directory add`"))
        })
    }

    /// A client of a directory; its background work ends with the command.
    pub fn ask(&self, directory: Directory) -> Result<DirectoryClient, Failure> {
        Ok(DirectoryClient::new(directory, &Background(&self.tasks))?)
    }

    /// Who runs what an upstream server's client does beside us.
    pub fn upstream_spawn(&self) -> Arc<dyn crate::upstream::Spawn> {
        Arc::new(Beside(self.tasks.clone()))
    }

    /// The one user that a name in any of its forms means.
    pub async fn user(&self, name: &str, directory: Option<&str>) -> Result<Listed, Failure> {
        let parsed = crate::domain::name::LoginName::parse(name).map_err(|fault| Failure::Input(fault.to_string()))?;
        if let Some(directory) = directory {
            self.directory(directory).await?;
        }
        let mut found = self.store.find_users(&parsed.folded()).await?;
        found.retain(|user| directory.is_none_or(|directory| user.directory == directory));
        let directories: Vec<String> = found.iter().map(|user| user.directory.clone()).collect();
        match found.pop() {
            Some(user) if found.is_empty() => Ok(user),
            Some(_) => Err(Failure::Input(format!(
                "there are users called {name:?} in several directories ({}); say which with --directory",
                directories.join(", ")
            ))),
            None => Err(Failure::No(format!(
                "there is no user called {name:?}; `vestibule user list` shows those there are, `vestibule user import` \
                 brings them in"
            ))),
        }
    }
}

/// What runs beside a command that asks upstream RADIUS servers.
struct Beside(Tasks);

impl crate::upstream::Spawn for Beside {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn_many(name, future);
    }
}

struct Background<'a>(&'a Tasks);

impl Spawn for Background<'_> {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn_many(name, future);
    }
}
