//! A BindRequest: what it asks, whether it may be asked here, and the sign-in it becomes.

use std::pin::pin;

use bytes::{Bytes, BytesMut};

use super::reply;
use super::session::{Session, Standing};
use crate::domain::secret::Password;
use crate::domain::sign_in::Screen;
use crate::flows::sign_in::{Accepted, Attempt, Ended, FirstFactor, SignInError};
use crate::ldap::relay::until_gone;
use crate::wire::frame::op;
use crate::wire::message::{BindRequest, Control, Proof};

/// LDAP has nothing to show a number on.
const SCREEN: Screen = Screen { shows_numbers: false, asks: false, picks: false, passkeys: false };

/// What became of a bind.
pub enum Bound {
    /// Send this; whoever was signed in before is not any more, unless the upstream is new.
    Answer(Bytes),
    /// The client left while it was decided; there is nobody to answer.
    Gone,
}

impl Session<'_> {
    /// RFC 4511 §4.2.1: a new bind ends the old identity first; until it succeeds the connection is anonymous.
    pub async fn bind(&mut self, request: BindRequest) -> Bound {
        self.leave_upstream();
        let BindRequest { message_id: id, version, name, proof, controls } = request;
        if !self.refresh_client() {
            return Bound::Answer(reply::stranger(id, op::BIND_REQUEST));
        }
        if version != 3 {
            return Bound::Answer(reply::version_not_spoken(id));
        }
        let password = match proof {
            Proof::Simple(password) => password,
            Proof::Sasl { .. } | Proof::Other(_) => return Bound::Answer(reply::method_not_supported(id)),
        };
        let Ok(name) = name else { return Bound::Answer(reply::name_not_utf8(id)) };
        if name.is_empty() {
            // RFC 4513 §5.1.1; a password without a name is no identity either.
            let allowed = self.client.allow_anonymous && password.is_empty();
            return Bound::Answer(if allowed { reply::anonymous_bound(id) } else { reply::anonymous_refused(id) });
        }
        if password.is_empty() {
            return Bound::Answer(reply::empty_password(id));
        }
        if !self.stream.is_tls() && !self.client.allow_plaintext {
            return Bound::Answer(reply::needs_tls(id));
        }
        let answer = self.sign_in(id, &name, &password, &controls).await;
        answer.map_or(Bound::Gone, Bound::Answer)
    }

    async fn sign_in(&mut self, id: u32, name: &str, password: &Password, controls: &[Control]) -> Option<Bytes> {
        let attempt = Attempt {
            id: self.sign_ins.new_id(),
            door: "ldap",
            screen: SCREEN,
            client: std::sync::Arc::clone(&self.client),
            source: self.source,
            name,
            whereabouts: Some(self.source),
            field: password,
            first: FirstFactor::Bind { message_id: id, controls },
            machines_come_first: true,
            state: None,
            pick: None,
            is_ambiguous: false,
            invited: None,
            afresh: false,
        };
        let limit = self.settings.max_frame_before_bind;
        if self.inbox.is_empty() {
            // A wait may be long; it holds no buffer.
            self.inbox = BytesMut::new();
        }
        let mut is_gone = false;
        let ended = {
            let gone = async {
                until_gone(&mut self.stream, &mut self.inbox, limit).await;
                is_gone = true;
            };
            Box::pin(self.sign_ins.sign_in(attempt, pin!(gone))).await
        };
        if is_gone {
            return None;
        }
        Some(match ended {
            Ok(Ended::Granted(granted)) => match granted.first {
                Accepted::Bound { answer, upstream } => {
                    self.upstream = Some(Standing::Bound(upstream));
                    answer
                }
                // Only the directory checks the passwords of this door.
                Accepted::Checked(_) | Accepted::Unchecked => reply::undecided(id, &SignInError::Broken),
            },
            // LDAP cannot ask, and the sign-in was told so; only the portal enrols.
            Ok(Ended::Asked { .. } | Ended::Enrolling(_)) => reply::undecided(id, &SignInError::Broken),
            Ok(Ended::Refused { answer }) => answer,
            Ok(Ended::Denied { denial, text }) => reply::denied(id, denial, &text),
            Ok(Ended::Throttled) => reply::throttled(id),
            Ok(Ended::EmptyPassword) => reply::empty_password(id),
            Err(error) => reply::undecided(id, &error),
        })
    }
}
