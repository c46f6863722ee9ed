//! Builds each part once, starts it, and ends it in the right order. The only place that knows them all.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;

use crate::ambient::Ambient;
use crate::config::dictionaries::{self, DictionaryFault};
use crate::config::{Config, LogFormat};
use crate::directory::Spawn;
use crate::domain::challenge::PromptRule;
use crate::domain::judgement::LockRule;
use crate::factors::passkey::Passkeys;
use crate::flows::policy::{self, Policies};
use crate::flows::portal::Portal;
use crate::flows::self_help::SelfHelp;
use crate::flows::sign_in::{Limits, SignIns};
use crate::store::audit::Actor;
use crate::store::embedded::{Embedded, EmbeddedFault, EmbeddedPostgres};
use crate::store::recorder::{Recorder, Rules};
use crate::store::seal::Keyring;
use crate::store::seal::key_file::{KeyFileFault, MasterKeyFile};
use crate::store::waits::{self, Link, Waits};
use crate::store::{self, Connect, Store, StoreFault};
use crate::tasks::{self, Ended, Tasks};
use crate::tls::{self, CertificateFiles, Certificates, TlsFault};
use crate::web;
use crate::web::management::{self, Management, Readiness};
use crate::{jobs, ldap, radius, telemetry, upstream};

/// Why the process cannot start, or why it ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    #[error(transparent)]
    Log(#[from] telemetry::LogFault),
    #[error("metrics could not be set up: {0}")]
    Metrics(String),
    #[error("the state directory {path} cannot be made: {source}")]
    StateDir { path: String, source: std::io::Error },
    #[error(transparent)]
    Embedded(#[from] EmbeddedFault),
    #[error("database.url cannot be read: {0}")]
    DatabaseUrl(String),
    #[error(transparent)]
    KeyFile(#[from] KeyFileFault),
    #[error("master_key.key is not usable: {0}")]
    Key(#[from] crate::store::seal::KeyFault),
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Tls(#[from] TlsFault),
    #[error(transparent)]
    Ldap(#[from] ldap::ListenFault),
    #[error(transparent)]
    Radius(#[from] radius::ListenFault),
    #[error(transparent)]
    Web(#[from] web::ListenFault),
    #[error(
        "neither web.public_url nor hostname makes a web address; set web.public_url, such as https://mfa.example.org"
    )]
    PublicUrl,
    #[error(transparent)]
    Dictionaries(#[from] DictionaryFault),
    #[error(transparent)]
    Management(#[from] management::ListenFault),
    #[error("signals cannot be listened for: {0}")]
    Signals(std::io::Error),
    #[error("{name} ended unexpectedly: {how}")]
    Ended { name: &'static str, how: String },
}

/// Runs the appliance until it is asked to stop.
pub async fn serve(config: Config) -> Result<(), ServeFault> {
    let form = match config.log.format {
        LogFormat::Pretty => telemetry::LogForm::Pretty,
        LogFormat::Json => telemetry::LogForm::Json,
    };
    telemetry::init(&config.log.level, form)?;
    without_core_dumps();
    let metrics = telemetry::metrics::install().map_err(|error| ServeFault::Metrics(error.to_string()))?;
    let ambient = Ambient::system();
    let signals = tasks::signals().map_err(ServeFault::Signals)?;
    // Ports first: another process that holds them should be heard of before anything is touched.
    let management = Management::bind(config.management.listen).await?;
    let ways_in = Doors {
        ldap: ldap::Door::bind(&config.ldap)?,
        radius: radius::Door::bind(&config.radius)?,
        web: web::Door::bind(&config.web)?,
    };
    let (embedded, options) = database(&config, &ambient).await?;
    let running = Appliance::start(&config, options, ambient, ways_in, management, metrics).await;
    let ended = match running {
        Ok(appliance) => appliance.until(signals, config.ldap.drain_timeout).await,
        Err(fault) => Err(fault),
    };
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    ended
}

/// Passwords and keys are in memory while they are used; a crash must not write them to a disk (R44).
fn without_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // core(5): a pattern that pipes dumps to a program heeds no limit. This also keeps our own account's other processes
    // from reading this one's memory.
    for off in [setrlimit(Resource::Core, none), set_dumpable_behavior(DumpableBehavior::NotDumpable)] {
        if let Err(error) = off {
            tracing::warn!(%error, "core dumps could not be switched off");
        }
    }
}

/// The external database, or the embedded one started for this process.
async fn database(
    config: &Config,
    ambient: &Ambient,
) -> Result<(Option<EmbeddedPostgres>, PgConnectOptions), ServeFault> {
    if let Some(url) = &config.database.url {
        let options = url.expose().parse::<PgConnectOptions>();
        // sqlx's text may quote the URL and its password.
        let options = options.map_err(|_| ServeFault::DatabaseUrl("it is not a postgresql:// URL".to_owned()))?;
        return Ok((None, options));
    }
    make_state_dir(config)?;
    let settings = embedded_settings(config);
    let embedded = EmbeddedPostgres::start(&settings, ambient).await?;
    let options = embedded.connect_options();
    Ok((Some(embedded), options))
}

/// How the embedded database of this configuration is run.
pub fn embedded_settings(config: &Config) -> Embedded {
    Embedded {
        bin_dir: config.database.embedded.bin_dir.clone(),
        run_as: config.database.embedded.run_as.clone(),
        ..Embedded::under(&config.state_dir)
    }
}

pub fn make_state_dir(config: &Config) -> Result<(), ServeFault> {
    std::fs::create_dir_all(&config.state_dir)
        .map_err(|source| ServeFault::StateDir { path: config.state_dir.display().to_string(), source })
}

/// The master keys: from the configuration, or the key file. The file is made for a database in which nothing is sealed yet;
/// beside any other a missing key is a lost one.
fn keyring(config: &Config, is_sealed: bool, ambient: &Ambient) -> Result<Keyring, ServeFault> {
    if let Some(key) = &config.master_key.key {
        return Ok(Keyring::parse(key.expose())?);
    }
    let path = config.master_key_file();
    let file = MasterKeyFile::at(&path);
    if is_sealed {
        return Ok(file.load()?);
    }
    make_state_dir(config)?;
    let loaded = file.load_or_create(ambient)?;
    if loaded.created {
        tracing::warn!(
            path = %path.display(),
            "a new master key was made; without this file every sealed secret is lost: keep a copy apart from the database"
        );
    }
    Ok(loaded.keyring)
}

/// The ways in, bound and not yet open.
struct Doors {
    ldap: ldap::Door,
    radius: radius::Door,
    web: web::Door,
}

/// Everything that runs.
struct Appliance {
    /// Doors and what they serve; stopped first.
    doors: Tasks,
    /// What doors lean on; stopped last.
    core: Tasks,
    /// Its stop ends waits for people.
    waiting: Tasks,
    store: Store,
}

struct OnTasks(Tasks);

impl Spawn for OnTasks {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn_many(name, future);
    }
}

impl upstream::Spawn for OnTasks {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn_many(name, future);
    }
}

impl Appliance {
    async fn start(
        config: &Config,
        options: PgConnectOptions,
        ambient: Ambient,
        ways_in: Doors,
        management: Management,
        metrics: telemetry::metrics::Metrics,
    ) -> Result<Self, ServeFault> {
        let certificates = Arc::new(certificates(config)?);
        let tls = Arc::new(tls::server_config(Arc::clone(&certificates))?);
        let dictionary = dictionaries::read(&config.radius.dictionaries)?;
        let client_ca = config.radius.radsec_client_ca.as_ref();
        let radsec = client_ca.map(|ca| tls::mutual_server_config(Arc::clone(&certificates), ca)).transpose()?;
        let radsec = radsec.map(Arc::new);
        let connect = Connect {
            options,
            max_connections: config.database.max_connections,
            acquire_timeout: config.database.acquire_timeout,
        };
        let pool = store::pool(connect).await?;
        store::migrate(&pool).await?;
        let keyring = keyring(config, store::keys::is_sealed(&pool).await?, &ambient)?;
        let store = Store::unseal(pool, keyring, ambient.clone()).await?;
        store.ensure_portal_clients(&Actor("start".to_owned())).await?;
        let (doors, core, waiting) = (Tasks::new(), Tasks::new(), Tasks::new());

        let (recorder, writer) = Recorder::start(store.clone(), rules(config)).await?;
        core.spawn("recorder", |_| writer.run());
        let waits = Waits::default();
        let (link, link_seen) = watch::channel(Link::Up);
        let on_tasks = Arc::new(OnTasks(core.clone()));
        let spawn = policy::Spawns { directories: on_tasks.clone(), upstreams: on_tasks };
        let (policies, reloader) = policy::load(store.clone(), spawn, link_seen).await?;
        core.spawn("policy", |stop| until(stop, reloader.run()));
        {
            let (store, waits) = (store.clone(), waits.clone());
            let told = policies.clone();
            let tell = move || told.changed();
            core.spawn("listener", |stop| until(stop, waits::listen(store, waits, link, tell)));
        }
        let limits = Limits {
            waiting: config.sign_in.max_waiting,
            waiting_per_client: config.sign_in.max_waiting_per_client,
            denials_per_source_per_minute: config.sign_in.denials_per_source_per_minute,
            hashing: 2,
        };
        let sign_ins =
            SignIns::new(store.clone(), recorder.clone(), waits, policies.clone(), limits, waiting.stop_signal());
        let url = config.public_url().ok_or(ServeFault::PublicUrl)?;
        let passkeys = Passkeys::new(&url).inspect_err(|fault| tracing::warn!(%fault, "the portal offers no passkeys"));
        let sign_ins = Arc::new(sign_ins.with_passkeys(passkeys.ok()));
        let house = web::House {
            store: store.clone(),
            portal: Portal::new(Arc::clone(&sign_ins), store.clone()),
            url,
            settings: config.web.clone(),
            help: SelfHelp::new(store.clone(), rules(config).lock),
        };
        ways_in.web.open(&Arc::new(house), &tls, &doors);
        ways_in.ldap.open(Arc::clone(&sign_ins), config.ldap.clone(), tls, &doors);
        let house = radius::House { sign_ins, store: store.clone(), dictionary };
        ways_in.radius.open(house, &config.radius, radsec, &doors);
        {
            let readiness = Arc::new(Ready { policies: policies.clone(), doors: doors.stop_signal() });
            let metrics = metrics.clone();
            core.spawn("management", |stop| management.run(readiness, metrics, stop));
        }
        {
            let store = store.clone();
            core.spawn("housekeeping", |stop| jobs::keep_house(store, stop));
        }
        {
            let (store, spawn): (_, Arc<dyn Spawn>) = (store.clone(), Arc::new(OnTasks(core.clone())));
            core.spawn("sync", |stop| jobs::follow_directories(store, spawn, stop));
        }
        {
            let (store, portal) = (store.clone(), config.public_url().ok_or(ServeFault::PublicUrl)?);
            core.spawn("mail", |stop| jobs::send_mail(store, portal, stop));
        }
        core.spawn("service-accounts", |stop| jobs::sum_up_service_accounts(recorder, ambient, stop));
        core.spawn("health", |stop| jobs::watch_health(policies, metrics, stop));
        core.spawn("certificates", |stop| watch_certificates(certificates, stop));
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
        Ok(Self { doors, core, waiting, store })
    }

    /// Until a signal, or until a part ends that should not; then doors close, sessions drain, the rest ends.
    async fn until(self, signals: impl Future<Output = &'static str>, drain: Duration) -> Result<(), ServeFault> {
        let result = tokio::select! {
            signal = signals => {
                tracing::info!(signal, "stopping: no new connections; sign-ins under way may end");
                Ok(())
            }
            ended = self.doors.first_end() => Err(unexpected(&ended)),
            ended = self.core.first_end() => Err(unexpected(&ended)),
        };
        self.doors.stop();
        if self.doors.drained(drain).await.is_err() {
            // Whoever still waits for a person is told to try again; the prompt stays open for that retry.
            self.waiting.stop();
            if let Err(undrained) = self.doors.drained(LAST_WORDS).await {
                tracing::warn!(?undrained, "connections had to be cut");
            }
        }
        self.core.stop();
        if let Err(undrained) = self.core.drained(LAST_WORDS).await {
            tracing::debug!(?undrained, "background work left");
        }
        // A connection that hangs must not keep the process.
        let _ = tokio::time::timeout(LAST_WORDS, self.store.close()).await;
        tracing::info!("stopped");
        result
    }
}

/// For answers after the drain deadline, and for background work to end.
const LAST_WORDS: Duration = Duration::from_secs(3);

fn unexpected(ended: &Ended) -> ServeFault {
    ServeFault::Ended { name: ended.name, how: format!("{:?}", ended.how) }
}

async fn until(stop: tasks::Stop, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.requested() => {}
        () = work => {}
    }
}

fn rules(config: &Config) -> Rules {
    let span = |duration: Duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    Rules {
        lock: LockRule { failures: config.sign_in.lockout_failures, duration: span(config.sign_in.lockout_duration) },
        prompts: PromptRule {
            per_hour: config.sign_in.prompts_per_hour,
            cool_down: span(config.sign_in.prompt_cooldown),
        },
    }
}

fn certificates(config: &Config) -> Result<Certificates, TlsFault> {
    match (&config.tls.certificate, &config.tls.private_key) {
        (Some(certificate), Some(private_key)) => Certificates::from_files(CertificateFiles {
            certificate: certificate.clone(),
            private_key: private_key.clone(),
        }),
        (None, _) | (_, None) => Certificates::self_signed(&config.state_dir.join("tls"), &config.hostname),
    }
}

/// How often certificate files are looked at, besides SIGHUP.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(30);

async fn watch_certificates(certificates: Arc<Certificates>, stop: tasks::Stop) -> std::io::Result<()> {
    let mut hangups = tasks::Hangups::listen()?;
    loop {
        let always = tokio::select! {
            () = stop.requested() => return Ok(()),
            () = hangups.next() => true,
            () = tokio::time::sleep(CERTIFICATE_LOOK) => false,
        };
        match certificates.reload(always) {
            Ok(true) => tracing::info!(certificate = %certificates.certificate_path().display(), "certificate taken"),
            Ok(false) => {}
            Err(fault) => tracing::error!(%fault, "the new certificate is not usable; the old one stays in use"),
        }
    }
}

struct Ready {
    policies: Policies,
    doors: tasks::Stop,
}

impl Readiness for Ready {
    fn missing(&self) -> Option<String> {
        if self.doors.is_requested() {
            return Some("stopping".to_owned());
        }
        (!self.policies.is_well()).then(|| "the database does not answer".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn r44_a_crash_leaves_no_core_neither_in_a_file_nor_by_a_pipe() {
        without_core_dumps();
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
