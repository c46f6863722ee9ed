//! The thread that keeps a server running.
//!
//! It is a thread of its own, and not a task, because the kernel ties a child to the *thread* that started it: when that
//! thread ends, PostgreSQL gets SIGINT. A worker thread of a pool may end at any time; this one ends when the server is
//! to end, and with the process.

use std::thread::JoinHandle;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::account::Account;
use super::child::Server;
use super::cluster::{Cluster, Layout, file_fault};
use super::lock::{Holder, Lock};
use super::{Embedded, EmbeddedFault, Health, Role};
use crate::ambient::Ambient;

/// How long `serve` waits for a command that uses the database.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// How long the backends of a killed server may take to notice.
const SURVIVORS_LIMIT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A server that ran this long did not fail to start; its next restart is quick again.
const STEADY: Duration = Duration::from_mins(1);

pub struct Supervisor {
    stop: watch::Sender<bool>,
    state: watch::Receiver<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    health: Health,
    pid: Option<u32>,
}

impl Supervisor {
    /// Comes back when the server takes our connections.
    pub async fn start(
        settings: Embedded,
        ambient: Ambient,
        role: Role,
    ) -> Result<(Self, PgConnectOptions), EmbeddedFault> {
        let (stop, asked) = watch::channel(false);
        let (tell, state) = watch::channel(State { health: Health::Starting, pid: None });
        let (report, outcome) = oneshot::channel();
        let state_dir = settings.state_dir.clone();
        let keeper = Keeper { settings, ambient, role, stop: Asked(asked), state: tell };
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || keeper.run(report))
            .map_err(|source| file_fault("start a thread for", &state_dir, source))?;
        // From here on a caller that loses interest drops this, and with it what was started.
        let this = Self { stop, state, thread: Some(thread) };
        match outcome.await {
            Ok(Ok(options)) => Ok((this, options)),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(EmbeddedFault::Stopped),
        }
    }

    pub fn health(&self) -> Health {
        // A thread that is gone cannot say so.
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            Health::Stopped
        } else {
            self.state.borrow().health
        }
    }

    pub fn pid(&self) -> Option<u32> {
        self.state.borrow().pid
    }

    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // An error means that the thread has ended, which is what we wait for.
        let _ = self.state.wait_for(|state| state.health == Health::Stopped).await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported over there.
            let _ = thread.join();
        }
    }
}

/// Resolves when the server is to stop, also when the one to ask for it is gone.
#[derive(Clone)]
struct Asked(watch::Receiver<bool>);

impl Asked {
    async fn wait(&mut self) {
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

/// The thread's side.
struct Keeper {
    settings: Embedded,
    ambient: Ambient,
    role: Role,
    stop: Asked,
    state: watch::Sender<State>,
}

type Report = oneshot::Sender<Result<PgConnectOptions, EmbeddedFault>>;

impl Keeper {
    fn run(mut self, report: Report) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.keep(report)),
            Err(source) => {
                let fault = file_fault("start a runtime for", &self.settings.state_dir, source);
                // Nobody waiting is nobody to tell.
                let _ = report.send(Err(fault));
            }
        }
        self.tell(Health::Stopped, None);
    }

    async fn keep(&mut self, report: Report) {
        let (_lock, cluster, mut server) = match self.first_start().await {
            Ok(started) => started,
            Err(fault) => {
                let _ = report.send(Err(fault));
                return;
            }
        };
        self.tell(Health::Ready, server.pid());
        let _ = report.send(Ok(cluster.login().options()));
        loop {
            let since = Instant::now();
            let status = tokio::select! {
                () = self.stop.wait() => break,
                status = server.until_exit() => status,
            };
            let status = status.map_or_else(|| "for an unknown reason".to_owned(), |status| format!("with {status}"));
            tracing::error!(target: "postgres", "the embedded PostgreSQL ended by itself, {status}; starting it again");
            match self.restart(&cluster, since.elapsed() >= STEADY).await {
                Some(again) => server = again,
                None => return,
            }
        }
        server.stop().await;
    }

    /// The lock goes with the server: it is given back when the server is down.
    async fn first_start(&mut self) -> Result<(Lock, Cluster, Server), EmbeddedFault> {
        let mut stop = self.stop.clone();
        let prepared = tokio::select! {
            () = stop.wait() => Err(EmbeddedFault::Stopped),
            prepared = self.prepare() => prepared,
        };
        let (lock, cluster) = prepared?;
        let deadline = Instant::now() + SURVIVORS_LIMIT;
        let server = loop {
            match self.launch(&cluster).await {
                Err(EmbeddedFault::Start { said })
                    if said.contains("shared memory block") && Instant::now() < deadline =>
                {
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
                Err(fault @ EmbeddedFault::Start { .. }) => {
                    cluster.launcher().explain_unreachable(&cluster.layout().data().join("base"))?;
                    return Err(fault);
                }
                launched => break launched?,
            }
        };
        Ok((lock, cluster, server))
    }

    async fn prepare(&self) -> Result<(Lock, Cluster), EmbeddedFault> {
        let layout = Layout::under(&self.settings.state_dir)?;
        let account = Account::to_become(self.settings.run_as.as_deref())?;
        layout.create(account.as_ref())?;
        let lock = self.take_lock(&layout).await?;
        let cluster = Cluster::prepare(layout, &self.settings, account, &self.ambient).await?;
        Ok((lock, cluster))
    }

    async fn take_lock(&self, layout: &Layout) -> Result<Lock, EmbeddedFault> {
        let deadline = Instant::now() + COMMAND_LIMIT;
        loop {
            if let Some(lock) = Lock::take(layout, self.role)? {
                return Ok(lock);
            }
            match Lock::holder(layout)? {
                None => {}
                Some(Holder { role: Role::Command, .. }) if Instant::now() < deadline => {}
                Some(Holder { pid, .. }) => {
                    return Err(EmbeddedFault::InUse { state_dir: layout.state_dir().to_owned(), pid });
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One server, ready and with our role in it; or none that still runs.
    async fn launch(&mut self, cluster: &Cluster) -> Result<Server, EmbeddedFault> {
        let mut server = Server::spawn(cluster)?;
        let ready = tokio::select! {
            () = self.stop.wait() => Err(EmbeddedFault::Stopped),
            ready = async { server.until_ready().await?; cluster.admit().await } => ready,
        };
        match ready {
            Ok(()) => Ok(server),
            Err(fault) => {
                server.stop().await;
                Err(fault)
            }
        }
    }

    /// Tries until it works; `None` when asked to stop.
    async fn restart(&mut self, cluster: &Cluster, steady: bool) -> Option<Server> {
        let mut pause = if steady { Duration::ZERO } else { FIRST_PAUSE };
        for attempt in 1.. {
            self.tell(Health::Restarting { attempt }, None);
            let mut stop = self.stop.clone();
            tokio::select! {
                () = stop.wait() => return None,
                () = tokio::time::sleep(pause) => {}
            }
            match self.launch(cluster).await {
                Ok(server) => {
                    tracing::info!(target: "postgres", attempt, "the embedded PostgreSQL is back");
                    self.tell(Health::Ready, server.pid());
                    return Some(server);
                }
                Err(EmbeddedFault::Stopped) => return None,
                Err(fault) => tracing::error!(target: "postgres", attempt, "{fault}"),
            }
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        }
        None
    }

    fn tell(&self, health: Health, pid: Option<u32>) {
        self.state.send_replace(State { health, pid });
    }
}
