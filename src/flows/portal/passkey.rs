//! A passkey in the place of name and password: offered on the sign-in page, where browsers show it at the field for the
//! name, and taken from whoever may come in by it alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio::time::Instant;

use super::{DialogState, Portal, PortalEnd};
use crate::domain::ids::SignInId;
use crate::domain::outcome::Denial;
use crate::domain::secret::Password;
use crate::domain::session::Session;
use crate::flows::passkeys::Adding;
use crate::flows::sign_in::{Assertion, Attempt, FirstFactor, SignInError};
use crate::store::StoreFault;
use crate::store::users::Listed;
use crate::telemetry;

/// What the browser may be asked, and what opens its answer.
pub struct Offer {
    /// `PublicKeyCredentialRequestOptionsJSON` (WebAuthn L3 §5.1.9).
    pub options: String,
    pub state: DialogState,
}

impl Offer {
    /// As the form sends it back.
    pub fn state_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.state)
    }
}

/// As long as browsers wait for a person (WebAuthn L3 §15.1).
const CEREMONY: Duration = Duration::from_mins(5);
/// No dialog of a sign-in begins so.
const MARK: u8 = 255;

const OVER: PortalEnd = PortalEnd::Denied { denial: Denial::DialogOver };

impl Portal {
    /// For a sign-in page; `None` where nobody may come in so, where there are no passkeys, and for a source that asked for too
    /// many pages within a minute: each offer is kept until it is answered or has run out.
    pub async fn offer_passkey(&self, source: IpAddr) -> Result<Option<Offer>, SignInError> {
        let Some(passkeys) = self.sign_ins.passkeys() else { return Ok(None) };
        let policy = self.sign_ins.policies().last_known();
        let Some(client) = policy.portals().next() else { return Ok(None) };
        let now = Instant::now();
        if self.offers.is_over(source, now) || !self.is_offered().await? {
            return Ok(None);
        }
        self.offers.count(source, now);
        let started = passkeys.start_discoverable()?;
        let kept = [&[MARK], started.ceremony.as_slice()].concat();
        let state = self.store.keep_dialog(client.id, &kept, CEREMONY).await?;
        Ok(Some(Offer { options: started.options, state }))
    }

    /// The answer to an offer: a sign-in without a password, if the passkey is somebody's who may come in by it alone.
    pub async fn begin_by_passkey(
        &self,
        id: SignInId,
        state: &[u8],
        answer: &str,
        source: IpAddr,
    ) -> Result<PortalEnd, SignInError> {
        let policy = self.sign_ins.policies().current().await?;
        let Some(passkeys) = self.sign_ins.passkeys() else { return Ok(OVER) };
        let Some(ceremony) = self.take_offer(state).await? else { return Ok(OVER) };
        let owner = match passkeys.claimed(answer) {
            Ok((user, credential)) => self.store.passkey_owner(user, &credential).await?,
            Err(refused) => {
                tracing::info!(
                    target: "vestibule::sign_in",
                    sign_in = %id.0,
                    why = %telemetry::shown(&refused.to_string()),
                    "a passkey was refused",
                );
                None
            }
        };
        let client = match &owner {
            Some(owner) => policy.portal(owner.directory),
            None => policy.portals().next(),
        };
        let client = Arc::clone(client.ok_or(SignInError::NoDirectory)?);
        let assertion = Assertion { owner: owner.as_ref(), ceremony: &ceremony, answer };
        let (name, nothing) = (owner.as_ref().map_or("", |owner| &owner.name), Password::new([]));
        let attempt = self.attempt(id, client, name, &nothing, source);
        self.sign_in(Attempt { first: FirstFactor::Passkey(&assertion), ..attempt }).await
    }

    /// For the pages that add a passkey to an account; `None` where there are no passkeys.
    pub fn adding<'a>(&'a self, session: &Session, user: &'a Listed) -> Option<Adding<'a>> {
        let client = self.sign_ins.policies().last_known().portal(session.directory)?.id;
        Some(Adding { store: &self.store, passkeys: self.passkeys()?, client, session: session.id, user })
    }

    /// Takes an offer up, once; `None` if there is none that is still open.
    async fn take_offer(&self, state: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let policy = self.sign_ins.policies().last_known();
        for client in policy.portals() {
            let Some(taken) = self.store.take_dialog(client.id, state).await? else { continue };
            let kept = taken.bytes.split_first().filter(|(mark, _)| **mark == MARK && !taken.used);
            return Ok(kept.map(|(_, ceremony)| ceremony.to_vec()));
        }
        Ok(None)
    }

    /// Is there anybody who may come in by a passkey alone?
    async fn is_offered(&self) -> Result<bool, StoreFault> {
        let rules = self.store.portal_rules().await?;
        let mut all = rules.groups.iter().map(|rule| &rule.overrides).chain([&rules.default]);
        Ok(all.any(|overrides| overrides.iter().any(|pair| pair == ("passkey-first", "on"))))
    }
}
