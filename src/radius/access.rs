//! An Access-Request: what it asks, whether it may be asked here, and the sign-in it becomes.

use std::pin::pin;
use std::sync::Arc;

use super::desk::{Answer, Desk, Request};
use super::relay::{self, Relay};
use super::{pass, reply, whereabouts};
use crate::domain::client::radius::{self, RadiusPolicy};
use crate::domain::ids::UserId;
use crate::domain::radius::template::{self, Encoded, Person};
use crate::domain::secret::Password;
use crate::domain::sign_in::Screen;
use crate::flows::sign_in::{Accepted, Attempt, Checker, Ended, FirstFactor, Granted};
use crate::telemetry::{metrics, shown};
use crate::wire::radius::attribute::{self, microsoft};
use crate::wire::radius::{Packet, hidden};

/// Why a request is refused before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("no User-Name, or one that is not UTF-8")]
    Name,
    #[error("no User-Password, or a first factor that this client cannot have checked")]
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
    if pass::is_access_list(&request.packet) && request.is_signed && !policy.upstreams.is_empty() {
        return Box::pin(pass::access_list(desk, request, policy)).await;
    }
    if request.packet.has_eap() && policy.eap && request.name().is_some() {
        return Box::pin(pass::eap(desk, request, policy)).await;
    }
    match prepare(request, policy) {
        Ok(Asked::Nothing) => reply::reject(request).into(),
        Ok(Asked::SignIn(field)) => Box::pin(sign_in(desk, request, policy, &field)).await,
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
    /// A probe: it wants to know that there is an answer.
    Nothing,
    SignIn(Password),
}

fn prepare(request: &Request, policy: &RadiusPolicy) -> Result<Asked, Unfit> {
    let name = request.name().ok_or(Unfit::Name)?;
    if policy.monitors.iter().any(|monitor| monitor == name) {
        return Ok(Asked::Nothing);
    }
    Ok(Asked::SignIn(field(request, policy)?))
}

/// What stands in the password attribute. Longer than 128 bytes or cut: refused, never shortened (R18).
pub fn field(request: &Request, policy: &RadiusPolicy) -> Result<Password, Unfit> {
    let mut passwords = request.packet.all(attribute::USER_PASSWORD);
    let Some(value) = passwords.next() else {
        let goes_without = match policy.first_factor {
            radius::FirstFactor::Directory => false,
            // CHAP and MS-CHAP prove a password without showing it.
            radius::FirstFactor::Upstream => proves_a_password(&request.packet),
            // Nothing typed is something to go on with where nobody checks it. A proof of a password is not: its sender wants it
            // checked, and a gateway that has done so sends none.
            radius::FirstFactor::None => !proves_a_password(&request.packet) && !request.packet.has_eap(),
        };
        return if goes_without { Ok(Password::new([])) } else { Err(Unfit::Method) };
    };
    if passwords.next().is_some() {
        return Err(Unfit::Password);
    }
    let revealed = hidden::reveal_password(value, request.secret(), request.packet.authenticator());
    revealed.map_err(|_| Unfit::Password)
}

/// RFC 2865 §5.3, RFC 2548 §2.1.3, §2.3.2.
fn proves_a_password(packet: &Packet) -> bool {
    let is_ms_chap = [microsoft::CHAP_RESPONSE, microsoft::CHAP2_RESPONSE]
        .map(|kind| packet.vendor(microsoft::VENDOR, kind).count());
    packet.first(attribute::CHAP_PASSWORD).is_some() || is_ms_chap.iter().sum::<usize>() > 0
}

async fn sign_in(desk: &Desk, request: &Request, policy: &RadiusPolicy, field: &Password) -> Answer {
    let Some(name) = request.name() else { return Answer::Silence };
    let upstreams = Arc::clone(desk.sign_ins.policies().last_known().upstreams());
    let relay = Relay { upstreams, dictionary: &desk.dictionary, request, policy };
    let state = request.packet.first(attribute::STATE);
    let first = match policy.first_factor {
        radius::FirstFactor::Directory => FirstFactor::Bind { message_id: 1, controls: &[] },
        radius::FirstFactor::None => FirstFactor::Nobody,
        radius::FirstFactor::Upstream => {
            // With a State it is the answer to a question, and the password was proven before.
            let in_field = state.is_none() && request.packet.first(attribute::USER_PASSWORD).is_some();
            FirstFactor::Checker { by: &relay, in_field }
        }
    };
    let asked = Screen { shows_numbers: policy.dialogs, asks: policy.dialogs, picks: false, passkeys: false };
    let attempt = attempt(desk, request, name, field, first, asked);
    Box::pin(conclude(desk, request, policy, Attempt { state, ..attempt })).await
}

/// EAP shows nothing of ours.
const SILENT: Screen = Screen { shows_numbers: false, asks: false, picks: false, passkeys: false };

/// Somebody whom a server has signed in, and its word for it.
pub struct Proven<'a> {
    pub name: &'a str,
    pub by: &'a dyn Checker,
}

/// The second factor after a first one that has been checked. EAP has no room for questions of ours.
pub async fn sign_in_proven(desk: &Desk, request: &Request, policy: &RadiusPolicy, proven: Proven<'_>) -> Answer {
    let first = FirstFactor::Checker { by: proven.by, in_field: false };
    let field = Password::new([]);
    let attempt = attempt(desk, request, proven.name, &field, first, SILENT);
    Box::pin(conclude(desk, request, policy, attempt)).await
}

fn attempt<'a>(
    desk: &Desk,
    request: &Request,
    name: &'a str,
    field: &'a Password,
    first: FirstFactor<'a>,
    screen: Screen,
) -> Attempt<'a> {
    Attempt {
        id: desk.sign_ins.new_id(),
        door: "radius",
        screen,
        client: Arc::clone(&request.client),
        source: request.source,
        // What somebody may have written on the way is no ground for trust.
        machines_come_first: false,
        whereabouts: whereabouts::of(&request.packet).filter(|_| request.is_signed),
        name,
        field,
        first,
        state: None,
        pick: None,
        is_ambiguous: false,
        invited: None,
        afresh: false,
    }
}

async fn conclude(desk: &Desk, request: &Request, policy: &RadiusPolicy, attempt: Attempt<'_>) -> Answer {
    let is_relayed = matches!(attempt.first, FirstFactor::Checker { .. });
    // A datagram's sender cannot be seen to leave. A RadSec client's connection can, but its proxy asks again over the next.
    let gone = std::future::pending();
    match Box::pin(desk.sign_ins.sign_in(attempt, pin!(gone))).await {
        Ok(Ended::Granted(granted)) => Box::pin(granted_to(desk, request, policy, granted)).await,
        // Only the portal enrols by the password alone.
        Ok(Ended::Enrolling(_)) => Answer::Silence,
        Ok(Ended::Asked { state, text, .. }) => reply::challenge(request, &state, &text).into(),
        Ok(Ended::Refused { answer }) if is_relayed => reply::refused(request, &relay::read(&answer)).into(),
        Ok(Ended::Refused { .. } | Ended::Throttled | Ended::EmptyPassword) => reply::reject(request).into(),
        Ok(Ended::Denied { denial, .. }) => reply::denied(request, denial).into(),
        Err(error) => reply::undecided(request, &error).map_or(Answer::Silence, Answer::from),
    }
}

/// An Accept says what the client's rules give this person. Where that cannot be told there is none: without its attributes it
/// might open more than it should.
async fn granted_to(desk: &Desk, request: &Request, policy: &RadiusPolicy, granted: Granted) -> Answer {
    let mut said = match granted.first {
        // Nobody searches over RADIUS: the connection has done its work.
        Accepted::Bound { upstream, .. } => {
            upstream.stream.hang_up();
            vec![]
        }
        Accepted::Checked(answer) => relay::read(&answer),
        Accepted::Unchecked => vec![],
    };
    match attributes(desk, request, policy, granted.user).await {
        Ok(rules) => {
            said.retain(|kept| !rules.iter().any(|rule| rule.replaces && rule.code() == kept.code()));
            said.extend(rules);
            reply::accept(request, &said, desk.store.ambient().bytes()).into()
        }
        Err(fault) => {
            let client = shown(&request.client.name).to_string();
            tracing::error!(
                client,
                fault = shown(&fault).to_string(),
                "somebody may come in, and no answer can say so"
            );
            metrics::radius_dropped("reply");
            Answer::Silence
        }
    }
}

/// What the client's rules give whoever was let in; the fault is a sentence.
async fn attributes(
    desk: &Desk,
    request: &Request,
    policy: &RadiusPolicy,
    user: Option<UserId>,
) -> Result<Vec<Encoded>, String> {
    let known = match user.filter(|_| template::needs_person(&policy.replies)) {
        Some(user) => {
            let known = desk.store.reply_person(user).await.map_err(|fault| fault.to_string())?;
            // What a stranger would get may be more.
            Some(known.ok_or("the user was removed meanwhile")?)
        }
        None => None,
    };
    let known = known.as_ref();
    let person = Person {
        name: known.map_or_else(|| request.name().unwrap_or_default(), |known| &known.name),
        display: known.and_then(|known| known.display.as_deref()),
        mail: known.and_then(|known| known.mail.as_deref()),
        upn: known.and_then(|known| known.upn.as_deref()),
        client: &request.client.name,
        groups: known.map_or(&[], |known| &known.groups),
    };
    template::answer(&desk.dictionary, &policy.replies, &person).map_err(|fault| fault.to_string())
}
