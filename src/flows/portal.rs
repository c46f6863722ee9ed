//! Sign-in at the user portal: what its pages call. The sign-in itself is the one of every door ([`super::sign_in`]); here a name
//! finds its directory, and a State its dialog.

mod passkey;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::policy::Policy;
use super::resolve::{self, Resolved};
use super::sign_in::{Accepted, Attempt, Ended, FirstFactor, Granted, SignInError, SignIns};
use super::throttle::Throttle;
use crate::domain::challenge::Status;
use crate::domain::client::Client;
use crate::domain::dialog::{Again, Dialog, Question};
use crate::domain::directory::Directory;
use crate::domain::factor::Factor;
use crate::domain::ids::{ChallengeId, DirectoryId, SignInId, UserId};
use crate::domain::name::{LoginName, fold};
use crate::domain::outcome::{Denial, Grant};
use crate::domain::secret::Password;
use crate::domain::sign_in::Screen;
use crate::factors::passkey::Passkeys;
use crate::store::{Store, StoreFault};

pub use passkey::Offer;

/// What opens a dialog. The browser keeps it and nobody else.
pub type DialogState = [u8; 16];

/// What a person answers to a question.
pub enum Answer {
    /// What was typed: a code, or a new password; what the browser brought for a passkey. Anything, to go on once the phone has
    /// been answered.
    Text(Password),
    /// Another way, of those that were offered.
    Pick(Factor),
}

/// How a sign-in at the portal ended, or this part of it.
pub enum PortalEnd {
    Entered(Entered),
    Asked {
        state: DialogState,
    },
    /// The page says the same of all that a stranger could cause (R19): what the denial is tells whether the password was right.
    Denied {
        denial: Denial,
    },
    /// The source had too many denials lately; nobody was asked.
    Throttled,
    EmptyPassword,
}

/// Somebody who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    pub user: UserId,
    pub directory: DirectoryId,
    /// As we know it.
    pub name: String,
    /// For the first enrolment, and for nothing else: only the password was proven.
    pub enrolling: bool,
    /// What was proven beside the password; `None` where policy asked for nothing.
    pub factor: Option<Factor>,
}

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// As it was typed.
    pub name: String,
    pub question: Asked,
    /// What may be picked instead, strongest first.
    pub ways: Vec<Factor>,
    /// Why it is put once more.
    pub again: Option<Again>,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Code,
    RecoveryCode,
    /// `PublicKeyCredentialRequestOptionsJSON` (WebAuthn L3 §5.1.9) for the browser; the answer is its
    /// `AuthenticationResponseJSON` as text.
    Passkey {
        options: String,
    },
    /// The one after the code that was typed.
    NextCode,
    /// To be typed or chosen on the phone (R24), which has answered or not.
    Number {
        number: u8,
        status: Status,
    },
    /// In the place of the expired one.
    NewPassword,
    RepeatPassword,
}

/// Sign-in as the portal's pages see it. Cheap to clone.
#[derive(Clone)]
pub struct Portal {
    sign_ins: Arc<SignIns>,
    store: Store,
    offers: Arc<Throttle>,
    /// Whose enrolment link the browser has opened.
    invited: Option<UserId>,
}

/// Pages of sign-in and of the demand for a passkey that a source may have in a minute.
const OFFERS: u32 = 60;

/// Where a name is tried.
struct Placed<'n> {
    client: Arc<Client>,
    name: &'n str,
    is_ambiguous: bool,
}

/// A dialog that was found by its State.
struct Found {
    client: Arc<Client>,
    dialog: Dialog,
    expires_at: Timestamp,
}

impl Portal {
    pub fn new(sign_ins: Arc<SignIns>, store: Store) -> Self {
        Self { sign_ins, store, offers: Arc::new(Throttle::new(OFFERS)), invited: None }
    }

    /// The same for a browser that has opened this person's enrolment link, while it serves.
    #[must_use]
    pub fn invited(&self, user: Option<UserId>) -> Self {
        Self { invited: user, ..self.clone() }
    }

    /// `None` where the public address has no host name.
    pub fn passkeys(&self) -> Option<&Passkeys> {
        self.sign_ins.passkeys()
    }

    /// For [`Portal::begin`] and [`Portal::answer`]; a page may show it.
    pub fn new_id(&self) -> SignInId {
        self.sign_ins.new_id()
    }

    /// A name and a password.
    pub async fn begin(
        &self,
        id: SignInId,
        name: &str,
        password: &Password,
        source: IpAddr,
    ) -> Result<PortalEnd, SignInError> {
        let policy = self.sign_ins.policies().current().await?;
        let placed = self.place(&policy, name).await?.ok_or(SignInError::NoDirectory)?;
        let Placed { client, name, is_ambiguous } = placed;
        self.sign_in(Attempt { is_ambiguous, ..self.attempt(id, client, name, password, source) }).await
    }

    /// The answer to a question.
    pub async fn answer(
        &self,
        id: SignInId,
        state: &[u8],
        answer: &Answer,
        source: IpAddr,
    ) -> Result<PortalEnd, SignInError> {
        let Some(found) = self.find(state).await? else {
            return Ok(PortalEnd::Denied { denial: Denial::DialogOver });
        };
        let nothing = Password::new([]);
        let (field, pick) = match answer {
            Answer::Text(text) => (text, None),
            Answer::Pick(factor) => (&nothing, Some(*factor)),
        };
        if let (Question::Number { challenge, .. }, None, Ok(state)) = (&found.dialog.question, pick, state.try_into())
            && self.status(*challenge).await? == Status::Waiting
        {
            return Ok(PortalEnd::Asked { state });
        }
        let attempt = self.attempt(id, found.client, &found.dialog.name, field, source);
        self.sign_in(Attempt { state: Some(state), pick, ..attempt }).await
    }

    /// What a State asks; `None` once it is answered or has run out. Nothing is used up by looking.
    pub async fn pending(&self, state: &[u8]) -> Result<Option<Pending>, StoreFault> {
        let Some(Found { dialog, expires_at, .. }) = self.find(state).await? else { return Ok(None) };
        let question = match dialog.question {
            Question::Code => Asked::Code,
            Question::RecoveryCode => Asked::RecoveryCode,
            Question::Passkey { options, .. } => Asked::Passkey { options },
            Question::NextCode { .. } => Asked::NextCode,
            Question::Number { challenge, number } => Asked::Number { number, status: self.status(challenge).await? },
            Question::NewPassword { .. } => Asked::NewPassword,
            Question::RepeatPassword { .. } => Asked::RepeatPassword,
            // Questions of doors that show one text alone.
            Question::Choice | Question::Pin { .. } | Question::Enrol { .. } => return Ok(None),
        };
        Ok(Some(Pending { name: dialog.name, question, ways: dialog.ways, again: dialog.again, expires_at }))
    }

    /// Whose password a dialog has been opened with: nobody is asked anything before it is right. `None` once the dialog is
    /// over, and where the directory does not know the name any more.
    pub async fn proven(&self, state: &[u8]) -> Result<Option<UserId>, SignInError> {
        let Some(Found { client, dialog, .. }) = self.find(state).await? else { return Ok(None) };
        let policy = self.sign_ins.policies().current().await?;
        let upstream = policy.directory(client.directory).ok_or(SignInError::NoDirectory)?;
        let Ok(name) = LoginName::parse(&dialog.name) else { return Ok(None) };
        let account = match resolve::resolve(&upstream.client, &name, Instant::now() + client.answer_by).await? {
            Resolved::One(account) => account,
            Resolved::NotOne => return Ok(None),
        };
        if account.state.denial(self.store.ambient().now()).is_some() {
            return Ok(None);
        }
        Ok(self.store.user_of(client.directory, Some(&account.unique_id)).await?)
    }

    /// Completes when the phone that a State waits for has answered or its time is up; at `until` at the latest, and at once where
    /// nothing is waited for.
    pub async fn await_change(&self, state: &[u8], until: Instant) -> Result<(), SignInError> {
        let Some(Found { dialog, expires_at, .. }) = self.find(state).await? else { return Ok(()) };
        let Question::Number { challenge, .. } = dialog.question else { return Ok(()) };
        let left = Duration::try_from(expires_at.duration_since(self.store.ambient().now())).unwrap_or_default();
        self.sign_ins.watch(challenge, until.min(Instant::now() + left)).await
    }

    /// How a phone has answered.
    async fn status(&self, challenge: ChallengeId) -> Result<Status, StoreFault> {
        let status = self.store.challenge_status(challenge).await?;
        let Some(Status::Waiting) = status else { return Ok(status.unwrap_or(Status::Expired)) };
        let shown = self.store.challenge_shown(challenge).await?;
        let is_open = shown.is_some_and(|(_, until)| self.store.ambient().now() < until);
        Ok(if is_open { Status::Waiting } else { Status::Expired })
    }

    /// The open dialog of a State, whichever portal's it is.
    async fn find(&self, state: &[u8]) -> Result<Option<Found>, StoreFault> {
        let policy = self.sign_ins.policies().last_known();
        for client in policy.portals() {
            let Some(peeked) = self.store.peek_dialog(client.id, state).await? else { continue };
            let Ok(dialog) = Dialog::read(&peeked.bytes) else { return Ok(None) };
            if peeked.used && !matches!(dialog.question, Question::Number { .. }) {
                return Ok(None);
            }
            return Ok(Some(Found { client: Arc::clone(client), dialog, expires_at: peeked.expires_at }));
        }
        Ok(None)
    }

    /// The directory whose people a name is looked for among. With one there is no question; with several it is the one that has
    /// somebody of that name in our books, or the one that the name says, as in `directory\name`.
    async fn place<'n>(&self, policy: &Policy, name: &'n str) -> Result<Option<Placed<'n>>, StoreFault> {
        let directories = policy.snapshot.directories.as_slice();
        let at = |directory: DirectoryId, name: &'n str, is_ambiguous| {
            policy.portal(directory).map(|client| Placed { client: Arc::clone(client), name, is_ambiguous })
        };
        let Some(first) = directories.first() else { return Ok(None) };
        let (true, Ok(login)) = (directories.len() > 1, LoginName::parse(name)) else {
            return Ok(at(first.id, name, false));
        };
        let known = self.store.directories_of_name(&login.folded()).await?;
        Ok(match known.as_slice() {
            [] => match said(directories, &login, name) {
                Some((directory, name)) => at(directory, name, false),
                None => at(first.id, name, false),
            },
            [one] => at(*one, name, false),
            [one, ..] => at(*one, name, true),
        })
    }

    fn attempt<'a>(
        &self,
        id: SignInId,
        client: Arc<Client>,
        name: &'a str,
        field: &'a Password,
        source: IpAddr,
    ) -> Attempt<'a> {
        let passkeys = self.passkeys().is_some();
        Attempt {
            id,
            door: "portal",
            screen: Screen { shows_numbers: true, asks: true, picks: true, passkeys },
            client,
            source,
            whereabouts: Some(source),
            name,
            field,
            first: FirstFactor::Bind { message_id: 1, controls: &[] },
            machines_come_first: false,
            state: None,
            pick: None,
            is_ambiguous: false,
            invited: self.invited,
        }
    }

    async fn sign_in(&self, attempt: Attempt<'_>) -> Result<PortalEnd, SignInError> {
        let directory = attempt.client.directory;
        // A page that nobody waits for any more has its answer all the same: nothing here waits for a person.
        let gone = std::future::pending();
        Ok(match Box::pin(self.sign_ins.sign_in(attempt, pin!(gone))).await? {
            Ended::Granted(granted) => entered(directory, granted, false)?,
            Ended::Enrolling(granted) => entered(directory, granted, true)?,
            Ended::Asked { state, .. } => PortalEnd::Asked { state },
            Ended::Refused { .. } => PortalEnd::Denied { denial: Denial::WrongPassword },
            Ended::Denied { denial, .. } => PortalEnd::Denied { denial },
            Ended::Throttled => PortalEnd::Throttled,
            Ended::EmptyPassword => PortalEnd::EmptyPassword,
        })
    }
}

/// Nothing goes on at the directory: the connection that the password opened has done its work.
fn entered(directory: DirectoryId, granted: Granted, enrolling: bool) -> Result<PortalEnd, SignInError> {
    if let Accepted::Bound { upstream, .. } = granted.first {
        upstream.stream.hang_up();
    }
    let (Some(user), Some(name)) = (granted.user, granted.name) else { return Err(SignInError::Broken) };
    let factor = match granted.grant {
        Grant::Factor(factor) => Some(factor),
        Grant::Exempt(_) | Grant::Grace | Grant::Enrolment => None,
    };
    Ok(PortalEnd::Entered(Entered { user, directory, name, enrolling, factor }))
}

/// The directory that a name itself says: by its domain, and then the name stays whole, or by what we call the directory.
fn said<'n>(directories: &[Directory], login: &LoginName, name: &'n str) -> Option<(DirectoryId, &'n str)> {
    let LoginName::DownLevel { domain, .. } = login else { return None };
    let is_called = |text: &str| fold(text).is_ok_and(|text| text == *domain);
    let by_domain = |directory: &&Directory| directory.domain.as_deref().is_some_and(is_called);
    if let Some(directory) = directories.iter().find(by_domain) {
        return Some((directory.id, name));
    }
    let directory = directories.iter().find(|directory| is_called(&directory.name))?;
    Some((directory.id, name.split_once('\\')?.1))
}
