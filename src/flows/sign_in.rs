//! One sign-in, from a name and a password field to an outcome that is recorded. Every door comes through here.

mod dialog;
mod first_factor;
mod passkey;
mod run;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::import::ImportFault;
use super::places::{Place, Places};
use super::policy::{Policies, PolicyOld};
use super::throttle::Throttle;
use crate::directory::DirectoryFault;
use crate::domain::challenge::Status;
use crate::domain::client::Client;
use crate::domain::dialog::Again;
use crate::domain::factor::Factor;
use crate::domain::ids::{ChallengeId, ClientId, SignInId, UserId};
use crate::domain::outcome::{Denial, Grant, Outcome};
use crate::domain::secret::Password;
use crate::domain::sign_in::Screen;
use crate::factors::passkey::{Broken, Passkeys};
use crate::store::recorder::Recorder;
use crate::store::waits::Waits;
use crate::store::{Store, StoreFault};
use crate::tasks::Stop;
use crate::telemetry::{self, SignInEnd, SignInFault, metrics};

use dialog::Carried;
pub use first_factor::{Accepted, CheckFault, Checked, Checker, FirstFactor};
pub use passkey::Assertion;
use run::{Decided, Run};

/// Completes when nobody is there any more to hear an answer. Borrowed, so that it is not moved, with room for it kept,
/// from step to step.
pub type Gone<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

/// A name and what was typed for it, at a door.
pub struct Attempt<'a> {
    /// The door makes it, with [`SignIns::new_id`], so that it can name it whatever comes of it.
    pub id: SignInId,
    pub door: &'static str,
    pub screen: Screen,
    pub client: Arc<Client>,
    /// Where the client speaks from.
    pub source: IpAddr,
    /// Where the person is, as far as the door can tell: for trusted networks and the record. No limit hangs on it (R15).
    pub whereabouts: Option<IpAddr>,
    pub name: &'a str,
    pub field: &'a Password,
    pub first: FirstFactor<'a>,
    /// Is a service account's DN taken before anything is looked up or throttled? Only where strangers cannot type a DN: an LDAP
    /// gateway searches for what they type.
    pub machines_come_first: bool,
    /// The State of the dialog that the field answers (RFC 2865 §5.24).
    pub state: Option<&'a [u8]>,
    /// In the place of an answer: the factor that the person would rather be asked for.
    pub pick: Option<Factor>,
    /// The name means people of several directories: the sign-in takes its course as if it meant nobody.
    pub is_ambiguous: bool,
    /// Whom an administrator has invited to enrol, by a link that was opened here.
    pub invited: Option<UserId>,
}

/// How a sign-in ended, or this part of it.
pub enum Ended {
    Granted(Granted),
    /// May come in to enrol a first factor, and for nothing else. Only at the portal.
    Enrolling(Granted),
    /// The first factor was refused, in these words: the directory's BindResponse, or the upstream's Access-Reject.
    Refused {
        answer: Bytes,
    },
    /// We refused; `text` is how the directory would have worded a wrong password.
    Denied {
        denial: Denial,
        text: String,
    },
    /// The source had too many denials lately; nobody was asked.
    Throttled,
    /// The password is empty, or would be without its code (RFC 4513 §5.1.2); nothing was asked of anybody.
    EmptyPassword,
    /// The person is asked `text`; the answer comes with this State.
    Asked {
        state: [u8; 16],
        text: String,
        /// What may be used instead, where the door lets the person pick.
        ways: Vec<Factor>,
        /// Why it is asked once more.
        again: Option<Again>,
    },
}

/// A sign-in that may come in.
pub struct Granted {
    /// What the first factor came to.
    pub first: Accepted,
    /// `None` for a service account, and for one we do not know where the client lets those in.
    pub user: Option<UserId>,
    /// As we know it.
    pub name: Option<String>,
    pub grant: Grant,
}

/// Why nobody can say whether the user may come in. Never counts against the user.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Directory(#[from] DirectoryFault),
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Policy(#[from] PolicyOld),
    #[error(transparent)]
    TakenIn(#[from] ImportFault),
    #[error(transparent)]
    Passkey(#[from] Broken),
    #[error("the client's directory is not usable; see the log from when the policy was loaded")]
    NoDirectory,
    #[error(transparent)]
    Check(#[from] CheckFault),
    #[error("the directory does not say whether the account may be used, and nobody checked its password here")]
    UnknownState,
    #[error("not decided within the client's {0:?}")]
    Deadline(Duration),
    #[error("{0} sign-ins already wait for an approval")]
    Full(usize),
    #[error("this process is stopping")]
    Stopping,
    #[error("the sign-in machine and its driver disagree; please report this")]
    Broken,
}

impl SignInError {
    /// A metric label.
    pub fn part(&self) -> &'static str {
        match self {
            Self::Directory(fault) | Self::TakenIn(ImportFault::Directory(fault)) => fault.part(),
            Self::Store(_) | Self::TakenIn(ImportFault::Store(_)) => "database",
            Self::Policy(_) => "policy",
            Self::Passkey(_) => "passkey",
            Self::NoDirectory => "no_directory",
            Self::Check(_) => "upstream",
            Self::UnknownState => "directory_state",
            Self::Deadline(_) => "deadline",
            Self::Full(_) => "full",
            Self::Stopping => "stopping",
            Self::Broken => "broken",
        }
    }

    /// Too much at once, rather than broken?
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Full(_) | Self::Store(StoreFault::Full) | Self::Directory(DirectoryFault::Busy { .. }) => true,
            Self::Directory(_)
            | Self::Store(_)
            | Self::TakenIn(_)
            | Self::Policy(_)
            | Self::Passkey(_)
            | Self::NoDirectory
            | Self::Check(_)
            | Self::UnknownState
            | Self::Deadline(_)
            | Self::Stopping
            | Self::Broken => false,
        }
    }
}

/// Bounds that hold for all clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sign-ins that may wait for a person at once, over all clients and for one.
    pub waiting: usize,
    pub waiting_per_client: usize,
    pub denials_per_source_per_minute: u32,
    /// Recovery codes hashed at once; each takes 19 MiB for a moment.
    pub hashing: usize,
}

/// Everything sign-ins need; one per process.
pub struct SignIns {
    store: Store,
    recorder: Recorder,
    waits: Waits,
    policies: Policies,
    throttle: Throttle,
    /// Of the portal, which anybody on the network can speak to.
    portal_throttle: Throttle,
    waiting: Places<ClientId>,
    /// Pages that wait for a phone to answer: so many for one question, and so many in all, so that they take no places of sign-ins.
    watching: Places<ChallengeId>,
    watchers: Arc<Semaphore>,
    passkeys: Option<Passkeys>,
    hashing: Arc<Semaphore>,
    limits: Limits,
    /// Requested when waiting sign-ins must end because the process does.
    closing: Stop,
}

/// Denials a minute from one source at the portal: enough for a house behind one address, and too few to lock a directory's people
/// out by the hundred (R15).
const PORTAL_DENIALS: u32 = 60;
/// Pages that wait for phones at once, and for one phone.
const MOST_WATCHERS: usize = 1_000;
const WATCHERS_OF_ONE: usize = 8;

/// What is left of a client's time when a wait for a person ends: the password is checked once more and the outcome
/// recorded.
const LAST_STEPS: Duration = Duration::from_secs(2);

impl SignIns {
    pub fn new(
        store: Store,
        recorder: Recorder,
        waits: Waits,
        policies: Policies,
        limits: Limits,
        closing: Stop,
    ) -> Self {
        Self {
            store,
            recorder,
            waits,
            policies,
            throttle: Throttle::new(limits.denials_per_source_per_minute),
            portal_throttle: Throttle::new(PORTAL_DENIALS.min(limits.denials_per_source_per_minute)),
            waiting: Places::default(),
            watching: Places::default(),
            watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
            passkeys: None,
            hashing: Arc::new(Semaphore::new(limits.hashing)),
            limits,
            closing,
        }
    }

    /// With passkeys, at the doors that can ask for one.
    #[must_use]
    pub fn with_passkeys(self, passkeys: Option<Passkeys>) -> Self {
        Self { passkeys, ..self }
    }

    /// `None` where the public address has no host name.
    pub fn passkeys(&self) -> Option<&Passkeys> {
        self.passkeys.as_ref()
    }

    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// For an attempt.
    pub fn new_id(&self) -> SignInId {
        SignInId(self.store.ambient().id())
    }

    /// Completes when a question that was shown is answered, at `until`, or when this process stops. Those who watch have places of
    /// their own.
    pub async fn watch(&self, challenge: ChallengeId, until: Instant) -> Result<(), SignInError> {
        let full = |limit| SignInError::Full(limit);
        let _one = self.watchers.try_acquire().map_err(|_| full(MOST_WATCHERS))?;
        let _place = self.watching.take(challenge, WATCHERS_OF_ONE).ok_or_else(|| full(WATCHERS_OF_ONE))?;
        let mut wait = self.waits.register(challenge);
        // It may have been answered before we registered.
        if self.store.challenge_status(challenge).await? != Some(Status::Waiting) {
            return Ok(());
        }
        tokio::select! {
            _ = &mut wait.answer => {}
            () = tokio::time::sleep_until(until) => {}
            () = self.closing.requested() => {}
        }
        Ok(())
    }

    fn throttle(&self, client: &Client) -> &Throttle {
        if client.portal { &self.portal_throttle } else { &self.throttle }
    }

    /// A place among those who wait.
    fn place(&self, client: ClientId) -> Result<Place<ClientId>, SignInError> {
        if self.waits.count() >= self.limits.waiting {
            return Err(SignInError::Full(self.limits.waiting));
        }
        let limit = self.limits.waiting_per_client;
        self.waiting.take(client, limit).ok_or(SignInError::Full(limit))
    }

    /// Decides. `gone` completes when nobody is there any more to hear the answer.
    pub async fn sign_in(&self, attempt: Attempt<'_>, gone: Gone<'_>) -> Result<Ended, SignInError> {
        let began = Instant::now();
        let id = attempt.id;
        let limit = attempt.client.answer_by;
        let deadline = began + limit;
        let run = Run { desk: self, attempt: &attempt, deadline, carried: Carried::default(), switches: None };
        // What waits is small because each step is boxed.
        let ended = tokio::time::timeout_at(deadline, Box::pin(run.decide(gone))).await;
        let ended = ended.unwrap_or(Err(SignInError::Deadline(limit)));
        let door = attempt.door;
        let client = attempt.client.name.as_str();
        match ended {
            Ok(Decided { ended, outcome: Some(outcome) }) => {
                if let Outcome::Denied(denial) = outcome
                    && denial != Denial::Throttled
                {
                    self.throttle(&attempt.client).count(attempt.source, Instant::now());
                }
                let method = method(outcome);
                let (outcome, reason) = (outcome.as_str(), outcome.reason());
                metrics::sign_in_ended(&metrics::SignIn {
                    front: door,
                    client,
                    method,
                    outcome,
                    reason,
                    took: began.elapsed(),
                });
                telemetry::sign_in_ended(&SignInEnd {
                    sign_in: id.0,
                    door,
                    client,
                    user: attempt.name,
                    factor: method,
                    outcome,
                    reason,
                    source: attempt.source,
                    whereabouts: attempt.whereabouts.filter(|at| *at != attempt.source),
                });
                Ok(ended)
            }
            Ok(Decided { ended, outcome: None }) => Ok(ended),
            Err(error) => {
                metrics::sign_in_faulted(door, error.part());
                telemetry::sign_in_faulted(&SignInFault {
                    sign_in: id.0,
                    door,
                    client,
                    user: attempt.name,
                    part: error.part(),
                    error: &error,
                    source: attempt.source,
                });
                Err(error)
            }
        }
    }
}

fn method(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Granted(Grant::Factor(factor)) => factor.as_str(),
        Outcome::Granted(Grant::Grace) => "grace",
        Outcome::Granted(Grant::Exempt(_) | Grant::Enrolment) | Outcome::Denied(_) => "none",
    }
}
