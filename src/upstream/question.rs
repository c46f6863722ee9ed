//! What a server is asked. Identifier, authenticator and whatever a secret hides are made anew for each server and request.

use bytes::Bytes;

use super::UpstreamFault;
use crate::domain::secret::{Password, SharedSecret};
use crate::wire::radius::attribute::{
    CHAP_CHALLENGE, CHAP_PASSWORD, MESSAGE_AUTHENTICATOR, PROXY_STATE, USER_NAME, USER_PASSWORD,
};
use crate::wire::radius::hidden::hide_password;
use crate::wire::radius::{Packet, Request, code};

/// What kind of request it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Status,
}

impl Kind {
    /// Is this the code of an answer to it? RFC 2865 §4, RFC 5997 §3.
    pub fn takes(self, code: u8) -> bool {
        match code {
            code::ACCESS_ACCEPT => true,
            code::ACCESS_REJECT | code::ACCESS_CHALLENGE => self == Self::Access,
            _ => false,
        }
    }
}

/// A request before it has a server.
pub struct Question {
    pub(super) kind: Kind,
    attributes: Vec<(u8, Vec<u8>)>,
    password: Option<Password>,
    /// The one server that may be asked: whose State this answers.
    pub only: Option<String>,
}

impl Question {
    /// An Access-Request with nothing but a name and, perhaps, a password.
    pub fn access(name: &str, password: Option<Password>) -> Self {
        let attributes = vec![(USER_NAME, name.as_bytes().to_vec())];
        Self { kind: Kind::Access, attributes, password, only: None }
    }

    /// Is it alive (RFC 5997)?
    pub fn status() -> Self {
        Self { kind: Kind::Status, attributes: vec![], password: None, only: None }
    }

    /// What a client asked us, with `password` in place of what its User-Password hides. Proxy-State is between the client and
    /// us, and a Message-Authenticator is that of one packet; neither goes on. A CHAP response without a CHAP-Challenge answers
    /// the client's Request Authenticator (RFC 2865 §2.2), which goes along as CHAP-Challenge.
    pub fn relayed(request: &Packet, password: Option<Password>) -> Self {
        let stays = |kind| [USER_PASSWORD, MESSAGE_AUTHENTICATOR, PROXY_STATE].contains(&kind);
        let fields = request.attributes().filter(|field| !stays(field.kind));
        let mut attributes: Vec<(u8, Vec<u8>)> = fields.map(|field| (field.kind, field.value.to_vec())).collect();
        if request.first(CHAP_PASSWORD).is_some() && request.first(CHAP_CHALLENGE).is_none() {
            attributes.push((CHAP_CHALLENGE, request.authenticator().to_vec()));
        }
        Self { kind: Kind::Access, attributes, password, only: None }
    }

    /// With one more attribute.
    #[must_use]
    pub fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    /// Without any attribute of this type: a State that is ours, say.
    #[must_use]
    pub fn without(mut self, kind: u8) -> Self {
        self.attributes.retain(|(this, _)| *this != kind);
        self
    }

    pub(super) fn sign(
        &self,
        identifier: u8,
        authenticator: [u8; 16],
        secret: &SharedSecret,
    ) -> Result<Bytes, UpstreamFault> {
        let code = match self.kind {
            Kind::Access => code::ACCESS_REQUEST,
            Kind::Status => code::STATUS_SERVER,
        };
        let mut request = Request::new(code, identifier, authenticator);
        for (kind, value) in &self.attributes {
            request.attribute(*kind, value)?;
        }
        if let Some(password) = &self.password {
            request.attribute(USER_PASSWORD, &hide_password(password, secret, &authenticator)?)?;
        }
        Ok(request.sign(secret))
    }
}
