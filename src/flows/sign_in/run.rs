//! One sign-in under way: who it is, what policy asks, and the machine walked to its end.

use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use tokio::time::Instant;

use super::dialog::{Carried, Resumed, still_asked};
use super::first_factor::{Accepted, First, FirstFactor};
use super::{Attempt, Ended, Gone, Granted, LAST_STEPS, SignInError, SignIns};
use crate::domain::dialog::Again;
use crate::domain::dn::{self, Dn};
use crate::domain::factor::Factor;
use crate::domain::ids::{ChallengeId, ClientId, UserId};
use crate::domain::judgement;
use crate::domain::mac;
use crate::domain::name::LoginName;
use crate::domain::offered::{Extra, Offered};
use crate::domain::outcome::{Denial, Exemption, Grant, Outcome};
use crate::domain::pin::PinCheck;
use crate::domain::policy::{Requirement, requirement, requirement_after};
use crate::domain::portal::{Brought, Switches};
use crate::domain::secret::Code;
use crate::domain::sign_in::{Answer, Begin, Event, Prompt, Proof, SignIn, Step};
use crate::domain::user::Account;
use crate::domain::ways;
use crate::factors::app::{App, Put, Waited};
use crate::factors::{pin, recovery};
use crate::flows::policy::Upstream;
use crate::flows::resolve::{self, Resolved, is_member};
use crate::flows::sync_one;
use crate::store::audit::Actor;
use crate::store::recorder::{Conclusion, Leaving, Question};
use crate::telemetry::{self, metrics};

/// An end and what is logged of it; service accounts are counted, dialogs go on.
pub(super) struct Decided {
    pub ended: Ended,
    pub outcome: Option<Outcome>,
}

impl Decided {
    pub(super) fn unrecorded(ended: Ended) -> Self {
        Self { ended, outcome: None }
    }
}

/// One sign-in under way.
pub(super) struct Run<'a> {
    pub desk: &'a SignIns,
    pub attempt: &'a Attempt<'a>,
    pub deadline: Instant,
    /// What an earlier part of its dialog has brought.
    pub carried: Carried,
    /// At the portal, what this person may do there.
    pub switches: Option<Switches>,
}

/// Whose sign-in it is.
pub(super) enum Who {
    /// A machine's account, by its DN, and why the directory lets nobody use it, if so. Who is known by a plainly spelled
    /// DN is not looked up: the bind alone has the word.
    Service(String, Option<Denial>),
    Person(Subject),
    /// The name cannot be anybody's, or the passkey is not.
    Nobody(Denial),
    /// Too many were denied from this source; nobody was asked.
    Throttled,
}

/// The entry a name means, and how it is bound.
pub(super) struct Subject {
    pub bind_name: String,
    pub account: Option<resolve::Account>,
}

/// What a sign-in carries from the first factor to its end.
pub(super) struct Held {
    pub first: First,
    pub offered: Offered,
    pub account: Option<Account>,
    pub user: Option<UserId>,
    pub recovery: Option<String>,
    pub pin: PinCheck,
    pub join_key: [u8; 32],
    pub again: Option<Again>,
    /// What may be asked for, where the door lets the person pick.
    pub ways: Vec<Factor>,
}

impl Run<'_> {
    pub(super) async fn decide(mut self, gone: Gone<'_>) -> Result<Decided, SignInError> {
        if self.attempt.state.is_none() && self.attempt.field.is_empty() && self.reads_password() {
            return Ok(Decided::unrecorded(Ended::EmptyPassword));
        }
        let policy = self.desk.policies.current().await?;
        let upstream = policy.directory(self.attempt.client.directory).ok_or(SignInError::NoDirectory)?;
        if let Some(state) = self.attempt.state {
            match Box::pin(self.resume(state)).await? {
                Resumed::Carried(carried) => self.carried = *carried,
                Resumed::Asked(ended) => return Ok(Decided::unrecorded(ended)),
                Resumed::Over => return Box::pin(self.deny(upstream, Denial::DialogOver)).await,
            }
        }
        match Box::pin(self.who(upstream)).await? {
            Who::Service(dn, barred) => Box::pin(self.service_account(upstream, &dn, barred)).await,
            Who::Nobody(denial) => Box::pin(self.deny(upstream, denial)).await,
            Who::Throttled => {
                let denied = Proof::Denied(Denial::Throttled);
                let outcome = Box::pin(self.conclude(None, denied, false, (None, PinCheck::NotAsked), [0; 32])).await?;
                Ok(Decided { ended: Ended::Throttled, outcome: Some(outcome) })
            }
            Who::Person(subject) => {
                self.switches = Box::pin(self.switches(&subject)).await?;
                match Box::pin(self.begin(upstream, &subject)).await? {
                    Some(begun) => Box::pin(self.drive(upstream, &subject, begun, gone)).await,
                    None => Ok(Decided::unrecorded(Ended::EmptyPassword)),
                }
            }
        }
    }

    /// Whose sign-in this is, as far as the name and the directory tell.
    async fn who(&self, upstream: &Upstream) -> Result<Who, SignInError> {
        let attempt = self.attempt;
        if let FirstFactor::Passkey(assertion) = attempt.first {
            return Box::pin(self.owner(upstream, assertion.owner)).await;
        }
        let Ok(name) = LoginName::parse(attempt.name) else { return Ok(Who::Nobody(Denial::NotOneEntry)) };
        // Spelled so plainly that no two parsers can differ about it: no need to ask which entry it is.
        if let LoginName::Dn { text, dn } = &name
            && attempt.machines_come_first
            && dn::is_plain(text)
            && attempt.client.exempts(dn, attempt.source)
        {
            return Ok(Who::Service(text.clone(), None));
        }
        // The gateway's own account is through by now: a stranger at its login page must not take the gateway down too.
        if self.desk.throttle(&attempt.client).is_over(attempt.source, Instant::now()) {
            return Ok(Who::Throttled);
        }
        Ok(match Box::pin(resolve::resolve(&upstream.client, &name, self.deadline)).await? {
            Resolved::One(account) if !attempt.is_ambiguous => {
                // Machines prove themselves by their password, and only the directory knows it.
                let may_be_one = matches!(attempt.first, FirstFactor::Bind { .. });
                if may_be_one && Box::pin(self.is_service_account(upstream, &account.dn)).await? {
                    let barred = account.state.denial(self.desk.store.ambient().now());
                    Who::Service(account.dn, barred)
                } else {
                    Who::Person(Subject { bind_name: account.dn.clone(), account: Some(account) })
                }
            }
            // The directory says no in its own words; should it say yes, nobody knows to whom.
            Resolved::One(_) | Resolved::NotOne => {
                Who::Person(Subject { bind_name: attempt.name.to_owned(), account: None })
            }
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
            (First::Accepted(first), None) => {
                self.desk.recorder.count_service(&attempt.client, dn);
                metrics::service_account_bound(client, "granted");
                let grant = Grant::Exempt(Exemption::ServiceAccount);
                Ok(Decided::unrecorded(Ended::Granted(Granted { first, user: None, name: None, grant })))
            }
            (First::Accepted(_), Some(denial)) => {
                metrics::service_account_bound(client, "denied");
                self.deny(upstream, denial).await
            }
            // No machine has a passkey.
            (First::NotProven(_), _) => Err(SignInError::Broken),
            (First::Refused { answer, .. }, barred) => {
                metrics::service_account_bound(client, "denied");
                let denial = barred.unwrap_or(Denial::WrongPassword);
                let outcome =
                    self.conclude(None, Proof::Denied(denial), false, (None, PinCheck::NotAsked), [0; 32]).await?;
                Ok(Decided { ended: Ended::Refused { answer }, outcome: Some(outcome) })
            }
        }
    }

    async fn deny(&self, upstream: &Upstream, denial: Denial) -> Result<Decided, SignInError> {
        let outcome =
            Box::pin(self.conclude(None, Proof::Denied(denial), false, (None, PinCheck::NotAsked), [0; 32])).await?;
        let text = Box::pin(upstream.refusal(self.deadline)).await;
        Ok(Decided { ended: Ended::Denied { denial, text }, outcome: Some(outcome) })
    }

    /// Checks the first factor and sets the machine up; `None` if a password would be empty. All that it needs for that
    /// is let go again before anybody is waited for.
    async fn begin(&self, upstream: &Upstream, subject: &Subject) -> Result<Option<Box<(SignIn, Held)>>, SignInError> {
        let Attempt { whereabouts, screen, .. } = self.attempt;
        let now = self.desk.store.ambient().now();
        let join_key = self.carried.join_key.unwrap_or_else(|| self.join_key(subject));
        let mut account = self.account(subject, &join_key).await?;
        let invited = account.as_ref().is_some_and(|account| self.attempt.invited == Some(account.user.id));
        let brought = Brought { invited, afresh: self.attempt.afresh };
        let client = match &self.switches {
            Some(switches) => &switches.policy(&self.attempt.client, account.as_ref(), brought, now),
            None => &*self.attempt.client,
        };
        let required = |account: Option<&Account>| match &subject.account {
            Some(found) => {
                let proven = self.carried.change.as_ref().and_then(|(proven, _)| *proven);
                let asked = requirement(client, account, found.state, *whereabouts, now);
                let asked = if screen.passkeys { asked } else { asked.without(Factor::Passkey) };
                requirement_after(proven, client, asked)
            }
            None => Requirement::Deny(Denial::NotOneEntry),
        };
        let mut again = None;
        let mut readings = self.readings();
        // Whoever is barred meanwhile changes nothing.
        if self.carried.change.is_some() && !matches!(required(account.as_ref()), Requirement::Deny(_)) {
            let changed = Box::pin(self.change_password(upstream, subject, account.as_ref())).await?;
            (readings, again) = (changed.0.into_iter().collect(), changed.1);
        }
        let checked = match self.attempt.first {
            FirstFactor::Passkey(assertion) => Some(self.passkey_first(assertion, account.as_ref())),
            FirstFactor::Bind { .. } | FirstFactor::Checker { .. } | FirstFactor::Nobody => {
                Box::pin(self.first_factor(upstream, subject, account.as_ref(), readings, now)).await?
            }
        };
        let Some((first, mut offered)) = checked else { return Ok(None) };
        if let FirstFactor::Nobody | FirstFactor::Passkey(_) = self.attempt.first
            && subject.account.as_ref().is_some_and(|found| found.state.disabled.is_none())
        {
            return Err(SignInError::UnknownState);
        }
        let accepted = match &first {
            First::Accepted(_) => true,
            First::Refused { due, .. } => *due && self.changes_passwords(),
            First::NotProven(_) => false,
        };
        if let (true, Some((seed, code)), Some(known)) = (accepted, &self.carried.enrolling, &account)
            && !known.was_ever_enrolled()
            && matches!(required(account.as_ref()), Requirement::Deny(Denial::NoFactor | Denial::MustEnrol))
        {
            if Box::pin(self.enrol(known, seed, code)).await? {
                account = self.account(subject, &join_key).await?;
                offered.extra = Extra::Digits(code.clone());
            } else {
                again = Some(Again::WrongCode);
            }
        }
        let mut is_shut = false;
        if let (true, None, Some(found)) = (accepted, &account, &subject.account)
            && matches!(required(None), Requirement::Enrolment)
        {
            // Before a run of the sync: whoever has proven the password is taken in on the way.
            let by = Actor(format!("sign-in at {}", client.name));
            Box::pin(sync_one::take_in(&self.desk.store, &upstream.client, found, &by, self.deadline)).await?;
            account = self.account(subject, &join_key).await?;
            // What the person may do goes by groups, of which there were none before.
            let switches = Box::pin(self.switches(subject)).await?;
            is_shut = switches.is_some_and(|switches| {
                !switches.policy(&self.attempt.client, account.as_ref(), brought, now).first_enrolment
            });
        }
        let requirement = match required(account.as_ref()) {
            // Not one that we can keep books of.
            Requirement::Enrolment if account.is_none() => Requirement::Deny(Denial::UnknownUser),
            Requirement::Enrolment if is_shut => Requirement::Deny(Denial::MustEnrol),
            asked @ (Requirement::PasswordOnly(_)
            | Requirement::AnyOf(_)
            | Requirement::Enrolment
            | Requirement::Deny(_)) => asked,
        };
        if let Extra::Assertion { ceremony, answer } = &offered.extra {
            // Not before the password is right: nothing tells then whether the passkey was.
            offered.extra = self.passkey_second(ceremony, account.as_ref().filter(|_| accepted), answer);
        }
        let pin = self.pin(account.as_ref().filter(|_| accepted)).await?;
        // A wrong one ends it before a phone is asked or a code looked at.
        let requirement = match (requirement, &pin) {
            (Requirement::AnyOf(_), PinCheck::Wrong) => Requirement::Deny(Denial::WrongPin),
            (requirement, _) => requirement,
        };
        let pin_missing = self.asks_pin(account.as_ref()) && matches!(pin, PinCheck::NotAsked);
        let begin =
            Begin { client, account: account.as_ref(), extra: &offered.extra, screen: *screen, pin_missing, now };
        let (machine, _) = SignIn::begin(&requirement, begin);
        let wanted = matches!(&requirement, Requirement::AnyOf(factors) if factors.contains(&Factor::RecoveryCode));
        let recovery = self.recovery(&offered.extra, account.as_ref().filter(|_| accepted && wanted)).await?;
        // What proves nothing may be anybody's, and no password came with it: it counts against nobody.
        let is_anybodys = matches!(first, First::NotProven(Denial::WrongPasskey));
        let user = account.as_ref().map(|account| account.user.id).filter(|_| !is_anybodys);
        let ways = match &requirement {
            Requirement::AnyOf(factors) if screen.picks => ways::ways(factors, None),
            Requirement::AnyOf(_) | Requirement::PasswordOnly(_) | Requirement::Enrolment | Requirement::Deny(_) => {
                vec![]
            }
        };
        Ok(Some(Box::new((machine, Held { first, offered, account, user, recovery, pin, join_key, again, ways }))))
    }

    /// The handle of the recovery code that was offered, if it is one of the person's.
    async fn recovery(&self, offered: &Extra, account: Option<&Account>) -> Result<Option<String>, SignInError> {
        Ok(match (offered, account) {
            (Extra::Recovery(code), Some(account)) => {
                recovery::matches(&self.desk.store, account.user.id, code, &self.desk.hashing).await?
            }
            _ => None,
        })
    }

    /// Is this person asked for a PIN? Where nothing can be asked, none is.
    fn asks_pin(&self, account: Option<&Account>) -> bool {
        let wanted = self.attempt.client.radius.as_ref().is_some_and(|radius| radius.pin);
        wanted && self.attempt.screen.asks && account.is_some_and(|account| account.pin.is_some())
    }

    /// What the PIN is worth that was typed now, or earlier in the dialog.
    async fn pin(&self, account: Option<&Account>) -> Result<PinCheck, SignInError> {
        Ok(match (&self.carried.typed_pin, &self.carried.pin, account) {
            (Some(typed), _, Some(account)) => pin::check(account, typed, &self.desk.hashing).await?,
            (None, Some(hash), _) => PinCheck::Right(hash.clone()),
            (Some(_) | None, _, _) => PinCheck::NotAsked,
        })
    }

    /// What the person may do at the portal; `None` at any other door.
    async fn switches(&self, subject: &Subject) -> Result<Option<Switches>, SignInError> {
        let client = &self.attempt.client;
        if !client.portal {
            return Ok(None);
        }
        let account = subject.account.as_ref().map(|found| &found.unique_id);
        Ok(Some(self.desk.store.portal_switches_at(client.directory, account).await?))
    }

    async fn account(&self, subject: &Subject, join_key: &[u8; 32]) -> Result<Option<Account>, SignInError> {
        let Some(found) = &subject.account else { return Ok(None) };
        let directory = self.attempt.client.directory;
        Ok(Box::pin(self.desk.store.account(directory, &found.unique_id, join_key)).await?)
    }

    /// The ways to read the field.
    fn readings(&self) -> Vec<Offered> {
        let Attempt { field, client, first, .. } = self.attempt;
        if let Some(offered) = &self.carried.offered {
            return vec![offered.clone()];
        }
        let nothing = || Offered { password: crate::domain::secret::Password::new([]), extra: Extra::Nothing };
        match first {
            FirstFactor::Bind { .. } | FirstFactor::Checker { in_field: true, .. } => {
                Offered::readings(field, client.code_form)
            }
            // No code can stand anywhere: that none does is nobody's failure.
            FirstFactor::Checker { in_field: false, .. } => vec![Offered { extra: Extra::Proven(None), ..nothing() }],
            // Perhaps the password that the gateway has checked; then it says nothing here.
            FirstFactor::Passkey(_) => vec![],
            FirstFactor::Nobody => {
                vec![Offered { extra: Offered::answer(field).unwrap_or(Extra::Nothing), ..nothing() }]
            }
        }
    }

    /// Walks the machine to its end.
    async fn drive(
        &self,
        upstream: &Upstream,
        subject: &Subject,
        begun: Box<(SignIn, Held)>,
        gone: Gone<'_>,
    ) -> Result<Decided, SignInError> {
        let (machine, mut held) = *begun;
        let first = std::mem::replace(&mut held.first, First::Refused { answer: Bytes::new(), due: false });
        let (mut event, mut accepted, mut refused) = self.sort(first);
        let mut gone = Some(gone);
        let (mut machine, mut step) = machine.on(event);
        let outcome = loop {
            event = match step {
                Step::Done(outcome) => break outcome,
                Step::Judge { proof, due } => {
                    let code = if let Proof::Digits(code) = &proof { Some(code.clone()) } else { None };
                    let repeats = self.repeats(&proof);
                    let beside = (held.recovery.clone(), held.pin.clone());
                    let judged = Box::pin(self.conclude(held.user, proof, due, beside, held.join_key)).await?;
                    if let (Some(first), Outcome::Denied(Denial::WrongCode)) = (code, judged)
                        && self.has_drifted(&first, &held)
                    {
                        return Box::pin(self.ask_next_code(first, &held, accepted.as_ref(), judged)).await;
                    }
                    if let (
                        Some(what),
                        Outcome::Denied(Denial::WrongCode | Denial::ReusedCode | Denial::WrongPasskey),
                    ) = (repeats, judged)
                    {
                        held.again = Some(match judged {
                            Outcome::Denied(Denial::ReusedCode) => Again::ReusedCode,
                            Outcome::Denied(Denial::WrongPasskey) => Again::WrongPasskey,
                            Outcome::Denied(_) | Outcome::Granted(_) => Again::WrongCode,
                        });
                        let asked = Box::pin(self.prompt(what, &held, accepted.as_ref())).await?;
                        return Ok(Decided { outcome: Some(judged), ..asked });
                    }
                    Event::Judged(judged)
                }
                Step::Ask(factor) => {
                    // Nothing is held upstream while a person is waited for.
                    accepted = release(accepted);
                    let (Some(user), Some(gone)) = (held.user, gone.take()) else { return Err(SignInError::Broken) };
                    let question = Box::new(self.question(user, factor, held.join_key, self.until(), None));
                    match Box::pin(self.ask(question, gone)).await? {
                        Waited::Answer(answer) => Event::Answered(answer),
                        Waited::Stopping => return Err(SignInError::Stopping),
                        Waited::TimeUp => Event::Answered(Answer::Expired),
                    }
                }
                Step::Show(factor) => {
                    let Some(user) = held.user else { return Err(SignInError::Broken) };
                    match Box::pin(self.show(user, factor, &held)).await? {
                        Put::Waiting { id, number } => {
                            return self.asked_number(id, number, &held, accepted.as_ref()).await;
                        }
                        Put::Answer(answer) => {
                            if let Answer::NotAsked(_) = answer {
                                held.again = Some(Again::NotAsked);
                            }
                            Event::Answered(answer)
                        }
                    }
                }
                Step::Wait(challenge) => {
                    accepted = release(accepted);
                    let Some(gone) = gone.take() else { return Err(SignInError::Broken) };
                    match Box::pin(self.wait(challenge, &held, gone)).await? {
                        Waited::Answer(answer) => Event::Answered(answer),
                        Waited::Stopping => return Err(SignInError::Stopping),
                        // The phone may still be answered: the person is asked to come back once more.
                        Waited::TimeUp => {
                            if let (true, Some(state)) = (self.attempt.screen.picks, self.state()) {
                                return Ok(still_asked(state, &held));
                            }
                            let number = self.carried.number.unwrap_or_default();
                            return self.asked_number(challenge, number, &held, accepted.as_ref()).await;
                        }
                    }
                }
                Step::Prompt(what) => return Box::pin(self.prompt(what, &held, accepted.as_ref())).await,
                Step::Password | Step::Recheck => {
                    let recheck = self.recheck(upstream, subject, &held.offered.password, accepted.take());
                    let (first, barred) = Box::pin(recheck).await?;
                    (event, accepted, refused) = self.sort(first);
                    barred.map_or(event, Event::Barred)
                }
            };
            (machine, step) = machine.on(event);
        };
        let name = held.account.map(|account| account.user.name);
        let ended = match (outcome, accepted, refused) {
            (Outcome::Granted(grant), Some(first), _) => {
                let granted = Granted { first, user: held.user, name, grant };
                if grant == Grant::Enrolment { Ended::Enrolling(granted) } else { Ended::Granted(granted) }
            }
            // The machine grants only after an accepted first factor.
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

    /// An accepted first factor, or its refusal; and what the machine is told of it. That a password has expired is of
    /// use only where it can be changed; elsewhere it is a refusal in the directory's words.
    fn sort(&self, first: First) -> (Event, Option<Accepted>, Option<Bytes>) {
        match first {
            First::Accepted(accepted) => (Event::PasswordAccepted, Some(accepted), None),
            First::Refused { answer, due: true } if self.changes_passwords() => {
                (Event::PasswordDue, None, Some(answer))
            }
            First::Refused { answer, .. } => (Event::PasswordRefused, None, Some(answer)),
            First::NotProven(denial) => (Event::PasskeyRefused(denial), None, None),
        }
    }

    /// Is a wrong code that of a token that has drifted away, where the next one can be asked for?
    fn has_drifted(&self, code: &Code, held: &Held) -> bool {
        let account = held.account.as_ref().filter(|_| self.attempt.screen.asks);
        let (factors, now) = (&self.attempt.client.factors, self.desk.store.ambient().now());
        account.is_some_and(|account| judgement::has_drifted(account, factors, code, now))
    }

    /// What is asked once more if this proof was wrong: a page is not left for a slip of the finger.
    fn repeats(&self, proof: &Proof) -> Option<Prompt> {
        if !self.attempt.screen.picks {
            return None;
        }
        match proof {
            Proof::Digits(_) | Proof::Pair(..) if self.carried.recovery => Some(Prompt::RecoveryCode),
            Proof::Digits(_) | Proof::Pair(..) => Some(Prompt::Code),
            Proof::Recovery(_) => Some(Prompt::RecoveryCode),
            // With a password that was right; without one nobody is asked for anything.
            Proof::Denied(Denial::WrongPasskey) if !matches!(self.attempt.first, FirstFactor::Passkey(_)) => {
                Some(Prompt::Passkey)
            }
            Proof::Denied(_)
            | Proof::Exempt(_)
            | Proof::Grace
            | Proof::Enrolment
            | Proof::Bypass
            | Proof::Approved(_)
            | Proof::Passkey(_)
            | Proof::Proven(_) => None,
        }
    }

    fn state(&self) -> Option<[u8; 16]> {
        self.attempt.state.and_then(|state| state.try_into().ok())
    }

    pub(super) async fn conclude(
        &self,
        user: Option<UserId>,
        proof: Proof,
        due: bool,
        (recovery, pin): (Option<String>, PinCheck),
        join_key: [u8; 32],
    ) -> Result<Outcome, SignInError> {
        let conclusion = Conclusion {
            sign_in: self.attempt.id,
            door: self.attempt.door,
            client: Arc::clone(&self.attempt.client),
            source: self.attempt.source,
            whereabouts: self.attempt.whereabouts,
            user,
            name: telemetry::shown(self.attempt.name).to_string(),
            proof,
            due,
            recovery,
            pin,
            join_key,
        };
        Ok(self.desk.recorder.conclude(conclusion).await?)
    }

    fn question(
        &self,
        user: UserId,
        factor: Factor,
        join_key: [u8; 32],
        until: Instant,
        join_only: Option<ChallengeId>,
    ) -> Question {
        let ambient = self.desk.store.ambient();
        let wait =
            SignedDuration::try_from(until.saturating_duration_since(Instant::now())).unwrap_or(SignedDuration::ZERO);
        // A bare approval has no number; the client's policy says that one will do.
        let numbered = self.attempt.screen.shows_numbers && !self.attempt.client.bare_approval;
        Question {
            id: ChallengeId(ambient.id()),
            sign_in: self.attempt.id,
            user,
            client: Arc::clone(&self.attempt.client),
            source: self.attempt.whereabouts.unwrap_or(self.attempt.source),
            factor,
            join_key,
            number: numbered.then(|| u8::try_from(ambient.number(100)).unwrap_or(0)),
            expires_at: ambient.after(wait),
            join_only,
        }
    }

    async fn ask(&self, question: Box<Question>, gone: Gone<'_>) -> Result<Waited, SignInError> {
        let _place = self.place()?;
        let stopping = self.desk.closing.requested();
        Ok(self.app().ask(question, self.until(), gone, stopping).await?)
    }

    /// Puts a question whose number the person sees at the door, and does not wait.
    async fn show(&self, user: UserId, factor: Factor, held: &Held) -> Result<Put, SignInError> {
        let until = Instant::now() + SHOWN;
        let question = Box::new(self.question(user, factor, held.join_key, until, None));
        Ok(self.app().put(question).await?)
    }

    /// Waits for the answer to a question that was shown.
    async fn wait(&self, challenge: ChallengeId, held: &Held, gone: Gone<'_>) -> Result<Waited, SignInError> {
        let _place = self.place()?;
        // A page looks again by itself; nobody waits twice for it.
        let joins = self.carried.again && !self.attempt.screen.picks;
        if joins {
            // The same answer came before, to a replica that was given up: this one waits beside it.
            let Some(user) = held.user else { return Err(SignInError::Broken) };
            let question = Box::new(self.question(user, Factor::App, held.join_key, self.until(), Some(challenge)));
            match self.app().put(question).await? {
                Put::Waiting { .. } => {}
                Put::Answer(answer) => return Ok(Waited::Answer(answer)),
            }
        }
        let stopping = self.desk.closing.requested();
        let until = if self.attempt.screen.picks { Instant::now() } else { self.until() };
        let waited = self.app().wait(challenge, until, gone, stopping).await?;
        if let (true, Waited::TimeUp) = (joins, &waited) {
            self.desk.recorder.leave(challenge, Leaving::Deadline).await?;
        }
        Ok(waited)
    }

    fn app(&self) -> App<'_> {
        let desk = self.desk;
        App { store: &desk.store, recorder: &desk.recorder, waits: &desk.waits }
    }

    /// A place among those who wait.
    fn place(&self) -> Result<super::super::places::Place<ClientId>, SignInError> {
        self.desk.place(self.attempt.client.id)
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
        // At a door whose source is the gateway, people differ by where they are, if it says so.
        let whereabouts = self.attempt.whereabouts.filter(|at| at != source).map(|at| at.to_canonical().to_string());
        let whereabouts = whereabouts.unwrap_or_default();
        let source_text = if shared { String::new() } else { source.to_canonical().to_string() };
        for part in [
            client.directory.0.as_bytes(),
            who.as_bytes(),
            client.group.as_bytes(),
            source_text.as_bytes(),
            whereabouts.as_bytes(),
            field.expose(),
        ] {
            // Each part with its length: no two logins give the same bytes.
            key.update(&(part.len() as u64).to_be_bytes());
            key.update(part);
        }
        if client.portal {
            // A browser sends a sign-in once, and whoever else comes with the same password is another: the number that one
            // person confirms must not open both (R24).
            key.update(self.attempt.id.0.as_bytes());
        }
        key.finalize().into_bytes().into()
    }
}

/// A number at the door is good for this long (R26).
const SHOWN: std::time::Duration = std::time::Duration::from_mins(2);

/// Closes what is open upstream; what was only said is kept.
fn release(accepted: Option<Accepted>) -> Option<Accepted> {
    match accepted {
        Some(Accepted::Bound { upstream, .. }) => {
            upstream.stream.hang_up();
            None
        }
        Some(kept @ (Accepted::Checked(_) | Accepted::Unchecked)) => Some(kept),
        None => None,
    }
}
