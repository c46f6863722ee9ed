//! Everything that runs beside the caller: named, stoppable, awaited. This is the only place that spawns.
//!
//! Two kinds. A *named* task (`spawn`) lives as long as the process: its end is an event the process acts on. One of
//! *many* (`spawn_many`, a connection say) ends all the time; only how many there are is kept. A panic in either is
//! caught and told by name; it ends that task alone (SECURITY R6).

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a process; clones share them.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tracker: TaskTracker,
    stop: CancellationToken,
    running: Mutex<BTreeMap<&'static str, usize>>,
    first_end: Mutex<Option<Ended>>,
    first_end_set: Notify,
}

/// The request to stop, as a task sees it.
#[derive(Clone)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Waits until the process is asked to stop.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The end of a named task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub name: &'static str,
    pub how: How,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    Finished,
    /// With the error it returned, as text.
    Failed(String),
    /// With the message of the panic.
    Panicked(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Finished => write!(to, "{} finished", self.name),
            How::Failed(error) => write!(to, "{} failed: {error}", self.name),
            How::Panicked(message) => write!(to, "{} panicked: {message}", self.name),
        }
    }
}

/// Tasks that were still running at the deadline, each name with its number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("still running at the deadline: {}", listed(names))]
pub struct Undrained {
    pub names: Vec<(&'static str, usize)>,
}

fn listed(names: &[(&'static str, usize)]) -> String {
    names.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ")
}

/// What a named task may return: nothing, or a result whose error becomes `How::Failed`.
pub trait Ending {
    fn how(self) -> How;
}

impl Ending for () {
    fn how(self) -> How {
        How::Finished
    }
}

impl<E: fmt::Display> Ending for Result<(), E> {
    fn how(self) -> How {
        match self {
            Ok(()) => How::Finished,
            Err(error) => How::Failed(error.to_string()),
        }
    }
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a named task. It should end soon after `stop` is requested and not before; `first_end` tells.
    pub fn spawn<Work, Running>(&self, name: &'static str, work: Work)
    where
        Work: FnOnce(Stop) -> Running + Send + 'static,
        Running: Future + Send + 'static,
        Running::Output: Ending,
    {
        let shared = Arc::clone(&self.0);
        let stop = self.stop_signal();
        let counted = Counted::new(name, Arc::clone(&self.0));
        self.0.tracker.spawn(async move {
            // The inner block also catches a panic in the call that makes the future.
            let ending = caught(async move { work(stop).await.how() }).await;
            drop(counted);
            shared.note_end(Ended { name, how: ending.unwrap_or_else(How::Panicked) });
        });
    }

    /// Starts one of many tasks that share a name. It takes `stop_signal` along if it has to know.
    pub fn spawn_many(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(name, Arc::clone(&self.0));
        self.0.tracker.spawn(async move {
            if let Err(message) = caught(work).await {
                tracing::error!(task = name, panic = message, "a task panicked; the others go on");
            }
            drop(counted);
        });
    }

    pub fn stop_signal(&self) -> Stop {
        Stop(self.0.stop.clone())
    }

    /// Asks every task to stop, those started later included. May be called again.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// How many tasks of this name are running.
    pub fn running(&self, name: &str) -> usize {
        locked(&self.0.running).get(name).copied().unwrap_or(0)
    }

    /// Waits until no task runs, for at most `deadline`. Call `stop` first.
    pub async fn drained(&self, deadline: Duration) -> Result<(), Undrained> {
        self.0.tracker.close();
        if tokio::time::timeout(deadline, self.0.tracker.wait()).await.is_ok() {
            return Ok(());
        }
        let names = locked(&self.0.running).iter().map(|(name, count)| (*name, *count)).collect();
        Err(Undrained { names })
    }

    /// Waits for the first named task to end and tells which and how; tells the same again when asked again.
    pub async fn first_end(&self) -> Ended {
        loop {
            // Listening begins before the look, so an end in between is not missed.
            let set = self.0.first_end_set.notified();
            if let Some(ended) = locked(&self.0.first_end).clone() {
                return ended;
            }
            set.await;
        }
    }
}

impl Shared {
    fn note_end(&self, ended: Ended) {
        match &ended.how {
            How::Finished => tracing::debug!(task = ended.name, "task finished"),
            How::Failed(error) => tracing::error!(task = ended.name, error, "task failed"),
            How::Panicked(message) => tracing::error!(task = ended.name, panic = message, "task panicked"),
        }
        locked(&self.first_end).get_or_insert(ended);
        self.first_end_set.notify_waiters();
    }
}

/// Counts a task for as long as it lives, however it ends (also when the runtime drops it).
struct Counted {
    name: &'static str,
    shared: Arc<Shared>,
}

impl Counted {
    fn new(name: &'static str, shared: Arc<Shared>) -> Self {
        *locked(&shared.running).entry(name).or_insert(0) += 1;
        Self { name, shared }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut running = locked(&self.shared.running);
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

/// Nothing panics while it holds one of these locks, and a count or a name is never half written.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// Not an `async fn`: that would keep room for `work` twice, in every task.
fn caught<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, String>> {
    AssertUnwindSafe(work).catch_unwind().map(|ended| ended.map_err(|panic| message(panic.as_ref())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

/// Listens for SIGTERM and SIGINT from this call on; the future ends with the name of the first to come.
pub fn signals() -> io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// SIGHUP: read certificates and the like again.
pub struct Hangups(Signal);

impl Hangups {
    /// Listens from this call on.
    pub fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one; several that came meanwhile count as one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_first_named_task_to_end_is_told_by_name_with_its_error() {
        let tasks = Tasks::new();
        tasks.spawn("steady", |stop| async move { stop.requested().await });
        tasks.spawn("faulty", |_| async { Err::<(), _>("the disk is full") });
        let ended = tasks.first_end().await;
        assert_eq!(ended, Ended { name: "faulty", how: How::Failed("the disk is full".to_owned()) });
        assert_eq!(ended.to_string(), "faulty failed: the disk is full");
        tasks.stop();
        tasks.drained(LONG).await.unwrap();
        assert_eq!(tasks.first_end().await.name, "faulty", "the first stays the first");
    }

    #[tokio::test]
    async fn a_panic_is_caught_and_told_by_name_before_and_after_the_first_await() {
        let tasks = Tasks::new();
        tasks.spawn("early", |_| -> std::future::Ready<()> { panic!("no future at all") });
        assert_eq!(tasks.first_end().await.how, How::Panicked("no future at all".to_owned()));

        let tasks = Tasks::new();
        tasks.spawn("late", |_| async {
            tokio::task::yield_now().await;
            assert_eq!(1 + 1, 3, "number {}", 7);
        });
        let ended = tasks.first_end().await;
        let How::Panicked(message) = ended.how else { panic!("{ended}") };
        assert_eq!((ended.name, message.contains("number 7")), ("late", true));
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_told_as_finished() {
        let tasks = Tasks::new();
        tasks.spawn("short", |_| async {});
        assert_eq!(tasks.first_end().await, Ended { name: "short", how: How::Finished });
    }

    #[tokio::test]
    async fn stop_reaches_every_task_and_those_started_after_it() {
        let tasks = Tasks::new();
        let stopped = Arc::new(AtomicUsize::new(0));
        let count = |stop: Stop| {
            let stopped = Arc::clone(&stopped);
            async move {
                stop.requested().await;
                stopped.fetch_add(1, Ordering::Relaxed);
            }
        };
        let first = count(tasks.stop_signal());
        tasks.spawn_many("connection", first);
        assert!(!tasks.stop_signal().is_requested());
        tasks.stop();
        tasks.stop();
        assert!(tasks.stop_signal().is_requested());
        let late = count(tasks.stop_signal());
        tasks.spawn("late", |_| late);
        tasks.drained(LONG).await.unwrap();
        assert_eq!(stopped.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_is_still_running_at_the_deadline_is_listed_by_name_and_number() {
        let tasks = Tasks::new();
        tasks.spawn("stubborn", |_| std::future::pending::<()>());
        for _ in 0..3 {
            tasks.spawn_many("connection", std::future::pending());
        }
        tasks.spawn_many("connection", async {});
        tasks.stop();
        let undrained = tasks.drained(SHORT).await.unwrap_err();
        assert_eq!(undrained.names, [("connection", 3), ("stubborn", 1)]);
        assert_eq!(undrained.to_string(), "still running at the deadline: connection (3), stubborn (1)");
    }

    #[tokio::test]
    async fn a_panic_in_one_of_many_ends_that_one_and_leaves_nothing_behind() {
        let tasks = Tasks::new();
        tasks.spawn("listener", |stop| async move { stop.requested().await });
        tasks.spawn_many("connection", async { panic!("bad frame") });
        let (ended, other_ended) = tokio::sync::oneshot::channel();
        tasks.spawn_many("connection", async move { ended.send(()).unwrap() });
        other_ended.await.unwrap();
        tasks.stop();
        tasks.drained(LONG).await.unwrap();
        assert_eq!(tasks.first_end().await.name, "listener", "one of many is no event for the process");
        assert_eq!(tasks.running("connection"), 0);
        assert!(locked(&tasks.0.running).is_empty());
    }

    #[tokio::test]
    async fn signals_are_told_by_name() {
        let pid = rustix::process::getpid();
        let mut hangups = Hangups::listen().unwrap();
        let asked = signals().unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        hangups.next().await;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(asked.await, "SIGTERM");
    }
}
