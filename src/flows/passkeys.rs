//! Adding a passkey: two requests of one session, with what lies between them kept here.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use crate::domain::ids::{AuthenticatorId, ClientId};
use crate::domain::label::Label;
use crate::domain::user::Token;
use crate::factors::passkey::{Broken, Passkeys, Person, Refused};
use crate::store::audit::Actor;
use crate::store::authenticators::Enrolment;
use crate::store::users::Listed;
use crate::store::{Store, StoreFault};
use crate::telemetry;

/// Passkeys of one person; browsers and keys are asked not to make another of the same device.
pub const MOST_PASSKEYS: usize = 20;
/// As long as browsers wait for a person (WebAuthn L3 §15.1).
const CEREMONY: Duration = Duration::from_mins(5);
/// No dialog of a sign-in begins so.
const MARK: u8 = 0;

/// Whose passkey, in which session.
pub struct Adding<'a> {
    pub store: &'a Store,
    pub passkeys: &'a Passkeys,
    /// The portal.
    pub client: ClientId,
    pub session: Uuid,
    pub user: &'a Listed,
}

/// What the browser is to be asked; the answer comes with this State.
pub struct Begun {
    pub options: String,
    pub state: [u8; 16],
}

impl Begun {
    /// As the form sends it back.
    pub fn state_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.state)
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Now(AuthenticatorId),
    /// The State opens nothing: too late, used, or another session's.
    Over,
    /// What the browser brought is not what was asked for.
    Refused,
    /// It is somebody's already.
    Taken,
    TooMany,
    /// Somebody who knows the password was faster with a first factor.
    NotFirst,
}

#[derive(Debug, thiserror::Error)]
pub enum PasskeyFault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl Adding<'_> {
    /// `None` if the person has as many as they may have.
    pub async fn start(&self) -> Result<Option<Begun>, PasskeyFault> {
        let has = self.store.authenticators(self.user.id).await?;
        if self.store.passkeys(self.user.id).await?.len() >= MOST_PASSKEYS {
            return Ok(None);
        }
        let profile = &self.user.profile;
        let called: Vec<&str> = [&profile.first, &profile.last].into_iter().flatten().map(String::as_str).collect();
        let person = Person { user: self.user.id, name: &self.user.name, display: &called.join(" "), has: &has };
        let started = self.passkeys.start_registration(&person)?;
        let kept = [&[MARK], self.session.as_bytes().as_slice(), &started.ceremony].concat();
        let state = self.store.keep_dialog(self.client, &kept, CEREMONY).await?;
        Ok(Some(Begun { options: started.options, state }))
    }

    /// `first`: only if the person has no factor by then.
    pub async fn finish(
        &self,
        state: &[u8],
        answer: &str,
        label: &Label,
        first: bool,
        by: &Actor,
    ) -> Result<Added, PasskeyFault> {
        let Some(ceremony) = self.take(state).await? else { return Ok(Added::Over) };
        if self.store.passkeys(self.user.id).await?.len() >= MOST_PASSKEYS {
            return Ok(Added::TooMany);
        }
        let credential = match self.passkeys.finish_registration(&ceremony, self.user.id, answer) {
            Ok(credential) => credential,
            Err(refused) => {
                self.tell(&refused);
                return Ok(Added::Refused);
            }
        };
        let token = Token::Passkey(Box::new(credential));
        let enrolment = Enrolment { token: &token, label: label.as_str(), serial: None };
        let added = if first {
            self.store.enrol_first(self.user.id, &self.user.name, &enrolment, by).await
        } else {
            self.store.enrol(self.user, &enrolment, by).await.map(Some)
        };
        match added {
            Ok(Some(id)) => Ok(Added::Now(id)),
            Ok(None) => Ok(Added::NotFirst),
            Err(fault) if fault.is_duplicate() => Ok(Added::Taken),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn take(&self, state: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let Some(taken) = self.store.take_dialog(self.client, state).await? else { return Ok(None) };
        let kept = taken.bytes.split_first().filter(|_| !taken.used).filter(|(mark, _)| **mark == MARK);
        let kept = kept.and_then(|(_, kept)| kept.split_at_checked(self.session.as_bytes().len()));
        Ok(kept.filter(|(session, _)| *session == self.session.as_bytes()).map(|(_, ceremony)| ceremony.to_vec()))
    }

    fn tell(&self, refused: &Refused) {
        tracing::info!(
            target: "vestibule::passkeys",
            user = %telemetry::shown(&self.user.name),
            why = %telemetry::shown(&refused.to_string()),
            "a new passkey was refused",
        );
    }
}
