//! The recorder: judges proofs and records outcomes, many sign-ins to one transaction.
//!
//! Concurrent sign-ins share a commit (group commit), and with it one lock-and-read of their users, one write of what
//! changed and one append to the audit chain. Nothing is answered before that commit. Users are locked in the order of
//! their ids, so two replicas' batches cannot wait for each other.

mod batch;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::audit::Head;
use super::{Store, StoreFault};
use crate::domain::audit::Event;
use crate::domain::challenge::{PromptRule, Status};
use crate::domain::client::Client;
use crate::domain::factor::Factor;
use crate::domain::ids::{ChallengeId, ClientId, SignInId, UserId, WriterId};
use crate::domain::judgement::LockRule;
use crate::domain::outcome::{Denial, Outcome};
use crate::domain::pin::PinCheck;
use crate::domain::sign_in::Proof;
use crate::telemetry::metrics;

/// A sign-in whose proof is to be judged and recorded.
pub struct Conclusion {
    pub sign_in: SignInId,
    pub door: &'static str,
    pub client: Arc<Client>,
    pub source: IpAddr,
    pub whereabouts: Option<IpAddr>,
    /// `None` for an account we do not know.
    pub user: Option<UserId>,
    /// For the record, where the user is not known.
    pub name: String,
    pub proof: Proof,
    /// The password has expired: what the proof is worth is told, and recorded as a denial.
    pub due: bool,
    /// The recovery code's handle, if the code typed matched it.
    pub recovery: Option<String>,
    /// What the PIN typed was worth when it was compared.
    pub pin: PinCheck,
    pub join_key: [u8; 32],
}

/// A challenge to be put, or joined if the same login already waits for one.
pub struct Question {
    pub id: ChallengeId,
    pub sign_in: SignInId,
    pub user: UserId,
    pub client: Arc<Client>,
    pub source: IpAddr,
    pub factor: Factor,
    pub join_key: [u8; 32],
    pub number: Option<u8>,
    pub expires_at: Timestamp,
    /// Only this one is joined, and none is put.
    pub join_only: Option<ChallengeId>,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is out, or the same login's earlier one was joined.
    Waiting {
        id: ChallengeId,
        expires_at: Timestamp,
        joined: bool,
    },
    /// The same login was approved a moment ago, by a process that could not pass it on.
    Approved(ChallengeId),
    Denied(Denial),
}

/// Why somebody stops waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaving {
    Deadline,
    /// The client closed its connection, or this process is stopping.
    Gone,
}

type Answer<T> = oneshot::Sender<Result<T, StoreFault>>;

enum Job {
    Conclude(Box<Conclusion>, Answer<Outcome>),
    Ask(Box<Question>, Answer<Asked>),
    Leave(ChallengeId, Leaving, Answer<Status>),
    Note(Vec<Event>, Answer<()>),
}

/// Sign-ins that may wait for a commit; more are told that we are busy.
const QUEUE: usize = 16_384;
/// Sign-ins in one transaction.
const BATCH: usize = 512;
/// A batch that collides with another replica's (deadlock, serialization) is run again this often.
const RETRIES: usize = 3;
/// A commit that takes longer is given up: its sign-ins fault, and those behind it get their turn. Should the database have
/// committed after all, a code is used up and nobody was let in.
const COMMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub lock: LockRule,
    pub prompts: PromptRule,
}

/// A handle on the recorder. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    jobs: mpsc::Sender<Job>,
    services: Arc<Mutex<Services>>,
}

/// Granted sign-ins of service accounts since the last note.
#[derive(Default)]
struct Services(HashMap<ClientId, (String, HashMap<String, u64>)>);

impl Services {
    fn add(&mut self, other: Self) {
        for (client, (name, accounts)) in other.0 {
            let (_, ours) = self.0.entry(client).or_insert_with(|| (name, HashMap::new()));
            for (account, granted) in accounts {
                *ours.entry(account).or_default() += granted;
            }
        }
    }
}

/// The running part; one per process, driven by [`Writer::run`].
pub struct Writer {
    store: Store,
    rules: Rules,
    jobs: mpsc::Receiver<Job>,
    head: Head,
    /// The chain at `head` may hold records we do not know of, or was never begun.
    uncertain: bool,
}

impl Recorder {
    /// Begins a chain of its own and records where the others stand.
    pub async fn start(store: Store, rules: Rules) -> Result<(Self, Writer), StoreFault> {
        let head = Head::new(WriterId(store.ambient.id()));
        let (sender, jobs) = mpsc::channel(QUEUE);
        let mut writer = Writer { store, rules, jobs, head, uncertain: true };
        writer.run_batch(vec![]).await?;
        Ok((Self { jobs: sender, services: Arc::default() }, writer))
    }

    /// Judges and records; the outcome is durable when this returns.
    pub async fn conclude(&self, conclusion: Conclusion) -> Result<Outcome, StoreFault> {
        self.ask_writer(|answer| Job::Conclude(Box::new(conclusion), answer)).await
    }

    pub async fn ask(&self, question: Box<Question>) -> Result<Asked, StoreFault> {
        self.ask_writer(|answer| Job::Ask(question, answer)).await
    }

    /// Gives up a wait. The answer may have come at the last moment: then this returns it.
    pub async fn leave(&self, challenge: ChallengeId, why: Leaving) -> Result<Status, StoreFault> {
        self.ask_writer(|answer| Job::Leave(challenge, why, answer)).await
    }

    /// Counts a service account's sign-in; [`Recorder::note_services`] writes the sums down.
    pub fn count_service(&self, client: &Client, account: &str) {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, accounts) = services.0.entry(client.id).or_insert_with(|| (client.name.clone(), HashMap::new()));
        if let Some(count) = accounts.get_mut(account) {
            *count += 1;
        } else {
            accounts.insert(account.to_owned(), 1);
        }
    }

    /// Records the service accounts' sign-ins since the last time.
    pub async fn note_services(&self, since: Timestamp) -> Result<(), StoreFault> {
        let counted = std::mem::take(&mut *self.services.lock().unwrap_or_else(PoisonError::into_inner));
        let mut events = vec![];
        for (client, (client_name, accounts)) in &counted.0 {
            for (account, granted) in accounts {
                let (client_name, account) = (client_name.clone(), account.clone());
                let (client, granted) = (*client, *granted);
                events.push(Event::ServiceAccountBinds { client, client_name, account, granted, since });
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        let noted = self.ask_writer(|answer| Job::Note(events, answer)).await;
        if noted.is_err() {
            self.services.lock().unwrap_or_else(PoisonError::into_inner).add(counted);
        }
        noted
    }

    async fn ask_writer<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreFault> {
        let (sender, answer) = oneshot::channel();
        self.jobs.try_send(job(sender)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreFault::Full,
            mpsc::error::TrySendError::Closed(_) => StoreFault::Stopped,
        })?;
        answer.await.map_err(|_| StoreFault::Stopped)?
    }
}

impl Writer {
    /// Runs until every [`Recorder`] is gone.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH);
        while self.jobs.recv_many(&mut jobs, BATCH).await > 0 {
            let batch = std::mem::replace(&mut jobs, Vec::with_capacity(BATCH));
            // Told to each of the batch already.
            let _ = self.run_batch(batch).await;
        }
    }

    async fn run_batch(&mut self, jobs: Vec<Job>) -> Result<(), StoreFault> {
        let mut attempt = 0;
        let result = loop {
            match self.commit(&jobs).await {
                Err(fault) if attempt < RETRIES && is_collision(&fault) => attempt += 1,
                result => break result,
            }
        };
        match result {
            Ok((head, answers)) => {
                metrics::audit_batch_committed(u32::try_from(head.seq - self.head.seq).unwrap_or(0));
                self.head = head;
                for (job, answer) in jobs.into_iter().zip(answers) {
                    batch::answer(job, answer);
                }
                Ok(())
            }
            // What one of them broke must not fail the others.
            Err(StoreFault::Refused(_) | StoreFault::Unreadable { .. } | StoreFault::Seal(_)) if jobs.len() > 1 => {
                for job in jobs {
                    let _ = Box::pin(self.run_batch(vec![job])).await;
                }
                Ok(())
            }
            Err(fault) => {
                let fault = Arc::new(fault);
                for job in jobs {
                    batch::fail(job, StoreFault::Shared(Arc::clone(&fault)));
                }
                Err(StoreFault::Shared(fault))
            }
        }
    }
}

impl Writer {
    /// One try, within a limit. Where it is not known whether the database has committed, the chain ends here and the next
    /// batch begins another: two records of one number would look like tampering for ever.
    async fn commit(&mut self, jobs: &[Job]) -> Result<(Head, Vec<batch::Told>), StoreFault> {
        let mut connection = self.store.pool.acquire().await?;
        let started = if self.uncertain {
            Some(timeout(COMMIT, self.begin_chain()).await.unwrap_or(Err(StoreFault::Slow(COMMIT)))?)
        } else {
            None
        };
        let began = Instant::now();
        let work = batch::commit(&self.store, &mut connection, &self.rules, self.head, started, jobs);
        let committed = timeout(COMMIT, work).await.unwrap_or(Err(StoreFault::Slow(COMMIT)));
        match &committed {
            Ok(_) => {
                metrics::audit_appended(began.elapsed());
                self.uncertain = false;
            }
            Err(StoreFault::Unreachable(_) | StoreFault::Slow(_)) => {
                self.uncertain = true;
                // Whatever still arrives on it is nobody's.
                connection.close_on_drop();
            }
            Err(_) => {}
        }
        committed
    }

    async fn begin_chain(&mut self) -> Result<Event, StoreFault> {
        let anchors = self.store.anchors().await?;
        self.head = Head::new(WriterId(self.store.ambient.id()));
        Ok(Event::WriterStarted { version: env!("CARGO_PKG_VERSION"), anchors })
    }
}

/// SQLSTATE 40P01 deadlock, 40001 serialization failure; 23505: another replica put the same challenge first.
fn is_collision(fault: &StoreFault) -> bool {
    fault.sqlstate().is_some_and(|code| ["40P01", "40001", "23505"].contains(&code.as_str()))
}
