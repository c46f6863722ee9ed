//! An Access-Request: what it asks, whether it may be asked here, and the sign-in it becomes.

use std::pin::pin;
use std::sync::Arc;

use super::desk::{Answer, Desk, Request};
use super::{reply, whereabouts};
use crate::domain::client::radius::RadiusPolicy;
use crate::domain::secret::Password;
use crate::domain::sign_in::Screen;
use crate::flows::sign_in::{Attempt, Ended};
use crate::telemetry::{metrics, shown};
use crate::wire::radius::{attribute, hidden};

/// Why a request is refused before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unfit {
    #[error("no User-Name, or one that is not UTF-8")]
    Name,
    #[error("no User-Password; the client's first factor is the directory, which checks nothing else")]
    Method,
    #[error("a User-Password that is none (RFC 2865 section 5.2: one, of 16 to 128 bytes in steps of 16)")]
    Password,
}

impl Unfit {
    fn reason(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Method => "method",
            Self::Password => "password",
        }
    }
}

/// Answers, or keeps silent where nobody can decide.
pub async fn access(desk: &Desk, request: &Request) -> Answer {
    let Some(policy) = &request.client.radius else { return Answer::Silence };
    match prepare(request, policy) {
        Ok(Asked::Monitor { accept: true }) => reply::accept(request, |_| Ok(())).into(),
        Ok(Asked::Monitor { accept: false }) => reply::reject(request).into(),
        Ok(Asked::SignIn(field)) => Box::pin(sign_in(desk, request, &field)).await,
        Err(unfit) => {
            metrics::radius_refused(unfit.reason());
            tracing::info!(
                client = shown(&request.client.name).to_string(),
                nas = shown(&whereabouts::nas(&request.packet)).to_string(),
                source = %request.source,
                %unfit,
                "an Access-Request refused"
            );
            reply::reject(request).into()
        }
    }
}

/// What a request asks for.
enum Asked {
    /// A probe, which gets its fixed answer.
    Monitor {
        accept: bool,
    },
    SignIn(Password),
}

fn prepare(request: &Request, policy: &RadiusPolicy) -> Result<Asked, Unfit> {
    let name = request.name().ok_or(Unfit::Name)?;
    if let Some(monitor) = policy.monitors.iter().find(|monitor| monitor.name == name) {
        return Ok(Asked::Monitor { accept: monitor.accept });
    }
    let mut passwords = request.packet.all(attribute::USER_PASSWORD);
    let value = passwords.next().ok_or(Unfit::Method)?;
    if passwords.next().is_some() {
        return Err(Unfit::Password);
    }
    // Longer than 128 bytes or cut: refused, never shortened (R18).
    let field = hidden::reveal_password(value, request.secret(), request.packet.authenticator());
    field.map(Asked::SignIn).map_err(|_| Unfit::Password)
}

async fn sign_in(desk: &Desk, request: &Request, field: &Password) -> Answer {
    let Some(name) = request.name() else { return Answer::Silence };
    let attempt = Attempt {
        door: "radius",
        screen: Screen { shows_numbers: false },
        client: Arc::clone(&request.client),
        source: request.source,
        name,
        field,
        message_id: 1,
        controls: &[],
    };
    // A datagram's sender cannot be seen to leave. A RadSec client's connection can, but its proxy asks again over the next.
    let gone = std::future::pending();
    match Box::pin(desk.sign_ins.sign_in(attempt, pin!(gone))).await {
        Ok(Ended::Granted { upstream, .. }) => {
            upstream.stream.hang_up();
            reply::accept(request, |_| Ok(())).into()
        }
        Ok(Ended::Refused { .. } | Ended::Throttled | Ended::EmptyPassword) => reply::reject(request).into(),
        Ok(Ended::Denied { denial, .. }) => reply::denied(request, denial).into(),
        Err(error) => reply::undecided(request, &error).map_or(Answer::Silence, Answer::from),
    }
}
