//! One sign-in, from a name and a password field to an outcome that is recorded. Every door comes through here.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::places::Places;
use super::policy::{Policies, PolicyOld, Upstream};
use super::resolve::{self, Resolved, is_member};
use super::throttle::Throttle;
use crate::directory::{DirectoryFault, Upstream as Connection, Verdict};
use crate::domain::client::Client;
use crate::domain::dn::{self, Dn};
use crate::domain::factor::Factor;
use crate::domain::ids::{ChallengeId, SignInId, UserId};
use crate::domain::mac;
use crate::domain::name::LoginName;
use crate::domain::offered::{Extra, Offered};
use crate::domain::outcome::{Denial, Grant, Outcome};
use crate::domain::policy::{Requirement, requirement};
use crate::domain::secret::Password;
use crate::domain::sign_in::{Event, Proof, Screen, SignIn, Step};
use crate::domain::user::Account;
use crate::factors::app::{App, Waited};
use crate::factors::recovery;
use crate::store::recorder::{Conclusion, Question, Recorder};
use crate::store::waits::Waits;
use crate::store::{Store, StoreFault};
use crate::tasks::Stop;
use crate::telemetry::{self, SignInEnd, SignInFault, metrics};
use crate::wire::message::Control;

/// Completes when nobody is there any more to hear an answer. Borrowed, so that it is not moved, with room for it kept,
/// from step to step.
pub type Gone<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

/// A name and what was typed for it, at a door.
pub struct Attempt<'a> {
    pub door: &'static str,
    pub screen: Screen,
    pub client: Arc<Client>,
    /// Where the client speaks from.
    pub source: IpAddr,
    pub name: &'a str,
    pub field: &'a Password,
    /// The door's own number for the request, echoed in the directory's answer.
    pub message_id: u32,
    pub controls: &'a [Control],
}

/// How a sign-in ended.
pub enum Ended {
    /// The directory's own answer, and the connection that is now the user's.
    Granted { answer: Bytes, upstream: Connection },
    /// The directory refused the password, in these words.
    Refused { answer: Bytes },
    /// We refused; `text` is how the directory would have worded a wrong password.
    Denied { denial: Denial, text: String },
    /// The source had too many denials lately; the directory was not asked.
    Throttled,
    /// The password is empty, or would be without its code (RFC 4513 §5.1.2); nothing was asked of anybody.
    EmptyPassword,
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
    #[error("the client's directory is not usable; see the log from when the policy was loaded")]
    NoDirectory,
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
            Self::Directory(fault) => fault.part(),
            Self::Store(_) => "database",
            Self::Policy(_) => "policy",
            Self::NoDirectory => "no_directory",
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
            | Self::Policy(_)
            | Self::NoDirectory
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
    waiting: Places,
    hashing: Arc<Semaphore>,
    limits: Limits,
    /// Requested when waiting sign-ins must end because the process does.
    closing: Stop,
}

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
            waiting: Places::default(),
            hashing: Arc::new(Semaphore::new(limits.hashing)),
            limits,
            closing,
        }
    }

    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Decides. `gone` completes when nobody is there any more to hear the answer.
    pub async fn sign_in(&self, attempt: Attempt<'_>, gone: Gone<'_>) -> Result<Ended, SignInError> {
        let began = Instant::now();
        let id = SignInId(self.store.ambient().id());
        let limit = attempt.client.answer_by;
        let deadline = began + limit;
        let run = Run { desk: self, attempt: &attempt, id, deadline };
        // The password never leaves the caller's stack; what waits is small because each step is boxed.
        let ended = tokio::time::timeout_at(deadline, Box::pin(run.decide(gone))).await;
        let ended = ended.unwrap_or(Err(SignInError::Deadline(limit)));
        let door = attempt.door;
        let client = attempt.client.name.as_str();
        match ended {
            Ok(Decided { ended, outcome: Some(outcome) }) => {
                if let Outcome::Denied(denial) = outcome
                    && denial != Denial::Throttled
                {
                    self.throttle.denied(attempt.source, Instant::now());
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
        Outcome::Granted(Grant::Exempt(_)) | Outcome::Denied(_) => "none",
    }
}

/// An end and what is logged of it; service accounts are counted instead.
struct Decided {
    ended: Ended,
    outcome: Option<Outcome>,
}

/// One sign-in under way.
struct Run<'a> {
    desk: &'a SignIns,
    attempt: &'a Attempt<'a>,
    id: SignInId,
    deadline: Instant,
}

/// Whose sign-in it is.
enum Who {
    /// A machine's account, by its DN, and why the directory lets nobody use it, if so. Who is known by a plainly spelled
    /// DN is not looked up: the bind alone has the word.
    Service(String, Option<Denial>),
    Person(Subject),
    /// The name cannot be anybody's.
    Nobody,
    /// Too many were denied from this source; nobody was asked.
    Throttled,
}

/// The entry a name means, and how it is bound.
struct Subject {
    bind_name: String,
    account: Option<resolve::Account>,
}

impl Run<'_> {
    async fn decide(&self, gone: Gone<'_>) -> Result<Decided, SignInError> {
        if self.attempt.field.is_empty() {
            return Ok(Decided { ended: Ended::EmptyPassword, outcome: None });
        }
        let policy = self.desk.policies.current().await?;
        let upstream = policy.directory(self.attempt.client.directory).ok_or(SignInError::NoDirectory)?;
        match Box::pin(self.who(upstream)).await? {
            Who::Service(dn, barred) => Box::pin(self.service_account(upstream, &dn, barred)).await,
            Who::Nobody => Box::pin(self.deny(upstream, Denial::NotOneEntry)).await,
            Who::Throttled => {
                let outcome = Box::pin(self.conclude(None, Proof::Denied(Denial::Throttled), None, [0; 32])).await?;
                Ok(Decided { ended: Ended::Throttled, outcome: Some(outcome) })
            }
            Who::Person(subject) => match Box::pin(self.begin(upstream, &subject)).await? {
                Some(begun) => Box::pin(self.drive(upstream, &subject, begun, gone)).await,
                None => Ok(Decided { ended: Ended::EmptyPassword, outcome: None }),
            },
        }
    }

    /// Whose sign-in this is, as far as the name and the directory tell.
    async fn who(&self, upstream: &Upstream) -> Result<Who, SignInError> {
        let attempt = self.attempt;
        let Ok(name) = LoginName::parse(attempt.name) else { return Ok(Who::Nobody) };
        // Spelled so plainly that no two parsers can differ about it: no need to ask which entry it is.
        if let LoginName::Dn { text, dn } = &name
            && dn::is_plain(text)
            && attempt.client.exempts(dn, attempt.source)
        {
            return Ok(Who::Service(text.clone(), None));
        }
        // The gateway's own account is through by now: a stranger at its login page must not take the gateway down too.
        if self.desk.throttle.is_over(attempt.source, Instant::now()) {
            return Ok(Who::Throttled);
        }
        Ok(match Box::pin(resolve::resolve(&upstream.client, &name, self.deadline)).await? {
            Resolved::One(account) => {
                if Box::pin(self.is_service_account(upstream, &account.dn)).await? {
                    let barred = account.state.denial(self.desk.store.ambient().now());
                    Who::Service(account.dn, barred)
                } else {
                    Who::Person(Subject { bind_name: account.dn.clone(), account: Some(account) })
                }
            }
            // The directory says no in its own words; should it say yes, nobody knows to whom.
            Resolved::NotOne => Who::Person(Subject { bind_name: attempt.name.to_owned(), account: None }),
        })
    }

    async fn is_service_account(&self, upstream: &Upstream, dn: &str) -> Result<bool, SignInError> {
        let Attempt { client, source, .. } = self.attempt;
        if Dn::parse(dn).is_ok_and(|dn| client.exempts(&dn, *source)) {
            return Ok(true);
        }
        for group in client.exempt_groups(*source) {
            if is_member(&upstream.client, dn, group, self.deadline).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A machine's sign-in: the password alone. Successes are counted and summed up in the record, refusals listed.
    async fn service_account(
        &self,
        upstream: &Upstream,
        dn: &str,
        barred: Option<Denial>,
    ) -> Result<Decided, SignInError> {
        let attempt = self.attempt;
        let client = attempt.client.name.as_str();
        match (self.bind(upstream, dn, attempt.field).await?, barred) {
            (Verdict::Accepted { answer, upstream }, None) => {
                self.desk.recorder.count_service(&attempt.client, dn);
                metrics::service_account_bound(client, "granted");
                Ok(Decided { ended: Ended::Granted { answer, upstream }, outcome: None })
            }
            (Verdict::Accepted { .. }, Some(denial)) => {
                metrics::service_account_bound(client, "denied");
                self.deny(upstream, denial).await
            }
            (Verdict::Refused { answer, .. }, barred) => {
                metrics::service_account_bound(client, "denied");
                let denial = barred.unwrap_or(Denial::WrongPassword);
                let outcome = self.conclude(None, Proof::Denied(denial), None, [0; 32]).await?;
                Ok(Decided { ended: Ended::Refused { answer }, outcome: Some(outcome) })
            }
        }
    }

    async fn bind(&self, upstream: &Upstream, name: &str, password: &Password) -> Result<Verdict, SignInError> {
        let Attempt { message_id, controls, .. } = *self.attempt;
        let verdict = Box::pin(upstream.client.bind(message_id, name, password, controls, self.deadline)).await?;
        if let Verdict::Refused { code, diagnostic, .. } = &verdict {
            upstream.heard_refusal(*code, diagnostic);
        }
        Ok(verdict)
    }

    async fn deny(&self, upstream: &Upstream, denial: Denial) -> Result<Decided, SignInError> {
        let outcome = Box::pin(self.conclude(None, Proof::Denied(denial), None, [0; 32])).await?;
        let text = Box::pin(upstream.refusal(self.deadline)).await;
        Ok(Decided { ended: Ended::Denied { denial, text }, outcome: Some(outcome) })
    }

    /// Checks the password and sets the machine up; `None` if a password would be empty. All that it needs for that is
    /// let go again before anybody is waited for.
    async fn begin(&self, upstream: &Upstream, subject: &Subject) -> Result<Option<Box<(SignIn, Held)>>, SignInError> {
        let Attempt { client, source, screen, .. } = self.attempt;
        let now = self.desk.store.ambient().now();
        let join_key = self.join_key(subject);
        let account = match &subject.account {
            Some(found) => Box::pin(self.desk.store.account(client.directory, &found.unique_id, &join_key)).await?,
            None => None,
        };
        let Some(First { verdict, offered }) =
            Box::pin(self.first_factor(upstream, subject, account.as_ref(), now)).await?
        else {
            return Ok(None);
        };
        let requirement = match &subject.account {
            Some(found) => requirement(client, account.as_ref(), found.state, *source, now),
            None => Requirement::Deny(Denial::NotOneEntry),
        };
        let (machine, _) = SignIn::begin(&requirement, client, account.as_ref(), &offered.extra, *screen, now);
        let accepted = matches!(verdict, Verdict::Accepted { .. });
        let wanted = matches!(&requirement, Requirement::AnyOf(factors) if factors.contains(&Factor::RecoveryCode));
        let recovery = match (&offered.extra, &account) {
            (Extra::Recovery(code), Some(account)) if accepted && wanted => {
                recovery::matches(&self.desk.store, account.user.id, code, &self.desk.hashing).await?
            }
            (Extra::Nothing | Extra::Digits(_) | Extra::Name(_) | Extra::Recovery(_), _) => None,
        };
        let user = account.as_ref().map(|account| account.user.id);
        Ok(Some(Box::new((machine, Held { verdict, offered, user, recovery, join_key }))))
    }

    /// Walks the machine to its end.
    async fn drive(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        begun: Box<(SignIn, Held)>,
        gone: Gone<'_>,
    ) -> Result<Decided, SignInError> {
        let (machine, Held { verdict, offered, user, recovery, join_key }) = *begun;
        let (mut accepted, mut refused) = sort(verdict);
        let mut gone = Some(gone);
        let event = if accepted.is_some() { Event::PasswordAccepted } else { Event::PasswordRefused };
        let (mut machine, mut step) = machine.on(event);
        let outcome = loop {
            let event = match step {
                Step::Done(outcome) => break outcome,
                Step::Judge(proof) => {
                    let judged = Box::pin(self.conclude(user, proof, recovery.clone(), join_key)).await?;
                    Event::Judged(judged)
                }
                Step::Ask(factor) => {
                    // Nothing is held upstream while a person is waited for.
                    if let Some((_, connection)) = accepted.take() {
                        connection.stream.hang_up();
                    }
                    let (Some(user), Some(gone)) = (user, gone.take()) else { return Err(SignInError::Broken) };
                    let question = Box::new(self.question(user, factor, join_key));
                    match Box::pin(self.ask(question, gone)).await? {
                        Waited::Answer(answer) => Event::Answered(answer),
                        Waited::Stopping => return Err(SignInError::Stopping),
                    }
                }
                Step::Password | Step::Recheck => {
                    let (verdict, barred) = Box::pin(self.recheck(upstream, subject, &offered.password)).await?;
                    (accepted, refused) = sort(verdict);
                    match barred {
                        Some(denial) => Event::Barred(denial),
                        None if accepted.is_some() => Event::PasswordAccepted,
                        None => Event::PasswordRefused,
                    }
                }
            };
            (machine, step) = machine.on(event);
        };
        let ended = match (outcome, accepted, refused) {
            (Outcome::Granted(_), Some((answer, upstream)), _) => Ended::Granted { answer, upstream },
            // The machine grants only after an accepted password.
            (Outcome::Granted(_), None, _) => return Err(SignInError::Broken),
            // What a directory says of a name that is nobody's may differ from what it says of a wrong password (R19).
            (Outcome::Denied(denial), _, Some(answer)) if denial.is_of_the_directory() && subject.account.is_some() => {
                Ended::Refused { answer }
            }
            (Outcome::Denied(denial), _, _) => {
                let text = Box::pin(upstream.refusal(self.deadline)).await;
                Ended::Denied { denial, text }
            }
        };
        Ok(Decided { ended, outcome: Some(outcome) })
    }

    /// Has the directory check the password. A field that can be read with and without a code is tried in that order;
    /// `None` if a password would be empty.
    async fn first_factor(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        account: Option<&Account>,
        now: jiff::Timestamp,
    ) -> Result<Option<First>, SignInError> {
        let mut readings = Offered::readings(self.attempt.field, self.attempt.client.code_form).into_iter();
        let Some(first) = readings.next() else { return Ok(None) };
        if first.password.is_empty() {
            return Ok(None);
        }
        let verdict = self.bind(upstream, &subject.bind_name, &first.password).await?;
        let Verdict::Refused { .. } = &verdict else { return Ok(Some(First { verdict, offered: first })) };
        // Whoever has such a factor meant it as one: the password is wrong, and asking again would only count against the
        // account in the directory. Whether the code itself is right must not matter here: it is not counted yet.
        let meant = account.is_some_and(|account| match &first.extra {
            Extra::Nothing => false,
            Extra::Digits(_) => account.has(Factor::Totp, now) || account.has(Factor::Hotp, now),
            Extra::Recovery(_) => account.has(Factor::RecoveryCode, now),
            Extra::Name(factor) => account.has(*factor, now),
        });
        match readings.next() {
            Some(whole) if !meant => {
                let verdict = self.bind(upstream, &subject.bind_name, &whole.password).await?;
                Ok(Some(First { verdict, offered: whole }))
            }
            Some(_) | None => Ok(Some(First { verdict, offered: first })),
        }
    }

    /// The directory's word on the password and on the account, after somebody was waited for: both may have changed. They
    /// are asked at once, so that it takes no longer than the bind.
    async fn recheck(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        password: &Password,
    ) -> Result<(Verdict, Option<Denial>), SignInError> {
        let state = async {
            let Some(account) = &subject.account else { return Ok(None) };
            let state = resolve::state_of(&upstream.client, account, self.deadline).await?;
            Ok::<_, SignInError>(match state {
                Some(state) => state.denial(self.desk.store.ambient().now()),
                None => Some(Denial::NotOneEntry),
            })
        };
        tokio::try_join!(self.bind(upstream, &subject.bind_name, password), state)
    }

    async fn conclude(
        &self,
        user: Option<UserId>,
        proof: Proof,
        recovery: Option<String>,
        join_key: [u8; 32],
    ) -> Result<Outcome, SignInError> {
        let conclusion = Conclusion {
            sign_in: self.id,
            door: self.attempt.door,
            client: Arc::clone(&self.attempt.client),
            source: self.attempt.source,
            user,
            name: telemetry::shown(self.attempt.name).to_string(),
            proof,
            recovery,
            join_key,
        };
        Ok(self.desk.recorder.conclude(conclusion).await?)
    }

    fn question(&self, user: UserId, factor: Factor, join_key: [u8; 32]) -> Question {
        let ambient = self.desk.store.ambient();
        let until = self.until();
        let wait =
            SignedDuration::try_from(until.saturating_duration_since(Instant::now())).unwrap_or(SignedDuration::ZERO);
        let number = self.attempt.screen.shows_numbers.then(|| u8::try_from(ambient.number(100)).unwrap_or(0));
        Question {
            id: ChallengeId(ambient.id()),
            sign_in: self.id,
            user,
            client: Arc::clone(&self.attempt.client),
            source: self.attempt.source,
            factor,
            join_key,
            number,
            expires_at: ambient.after(wait),
        }
    }

    async fn ask(&self, question: Box<Question>, gone: Gone<'_>) -> Result<Waited, SignInError> {
        let desk = self.desk;
        if desk.waits.count() >= desk.limits.waiting {
            return Err(SignInError::Full(desk.limits.waiting));
        }
        let limit = desk.limits.waiting_per_client;
        let _place = desk.waiting.take(self.attempt.client.id, limit).ok_or(SignInError::Full(limit))?;
        let app = App { store: &desk.store, recorder: &desk.recorder, waits: &desk.waits };
        Ok(app.ask(question, self.until(), gone, desk.closing.requested()).await?)
    }

    /// When a wait for a person has to end.
    fn until(&self) -> Instant {
        let reserve = LAST_STEPS.min(self.attempt.client.answer_by / 4);
        self.deadline.checked_sub(reserve).unwrap_or(self.deadline)
    }

    /// The same login, by whichever connection, door or replica it comes.
    fn join_key(&self, subject: &Subject) -> [u8; 32] {
        use hmac::Mac as _;
        let Attempt { client, source, field, .. } = self.attempt;
        let mut key = mac::keyed(self.desk.store.join_secret());
        let who = subject.account.as_ref().map_or("", |account| account.unique_id.0.as_str());
        // Clients that were put into one group are one gateway with several addresses.
        let shared = client.group != client.name;
        let source = if shared { String::new() } else { source.to_canonical().to_string() };
        for part in
            [client.directory.0.as_bytes(), who.as_bytes(), client.group.as_bytes(), source.as_bytes(), field.expose()]
        {
            // Each part with its length: no two logins give the same bytes.
            key.update(&(part.len() as u64).to_be_bytes());
            key.update(part);
        }
        key.finalize().into_bytes().into()
    }
}

/// What the first factor came to.
struct First {
    verdict: Verdict,
    offered: Offered,
}

/// What a sign-in carries from the password to its end.
struct Held {
    verdict: Verdict,
    offered: Offered,
    user: Option<UserId>,
    recovery: Option<String>,
    join_key: [u8; 32],
}

/// An accepted password with its connection, or the directory's refusal.
fn sort(verdict: Verdict) -> (Option<(Bytes, Connection)>, Option<Bytes>) {
    match verdict {
        Verdict::Accepted { answer, upstream } => (Some((answer, upstream)), None),
        Verdict::Refused { answer, .. } => (None, Some(answer)),
    }
}
