//! What goes to an upstream server and back as it is: EAP (RFC 3579), whose method only the person's machine and that server
//! speak, and the access lists that a Cisco gateway fetches as if it signed in.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::access::{self, Proven};
use super::desk::{Answer, Desk, Request};
use super::relay::{self, Relay};
use super::reply;
use crate::domain::client::radius::RadiusPolicy;
use crate::domain::radius::template::{Encoded, Encrypt};
use crate::flows::sign_in::{CheckFault, Checked, Checker};
use crate::telemetry::{metrics, shown};
use crate::upstream::{Answered, Question};
use crate::wire::radius::{Packet, attribute, code};

/// Is this a Cisco gateway that fetches an access list? Both texts are the gateway's own: nobody who signs in can write them.
pub fn is_access_list(packet: &Packet) -> bool {
    const CISCO: u32 = 9;
    const AV_PAIR: u8 = 1;
    let says = |text: &[u8]| packet.vendor(CISCO, AV_PAIR).any(|pair| pair == text);
    packet.first(attribute::USER_NAME).is_some_and(|name| name.starts_with(b"#ACSACL#"))
        && says(b"aaa:service=ip_admission")
        && says(b"aaa:event=acl-download")
}

/// The list is the upstream's; no person is signed in by it.
pub async fn access_list(desk: &Desk, request: &Request, policy: &RadiusPolicy) -> Answer {
    let Ok(password) = access::field(request, policy) else { return reply::reject(request).into() };
    let question = Question::relayed(&request.packet, Some(password));
    match ask(desk, request, policy, question).await {
        Ok(answered) => reply::passed(request, answered.code(), &everything(&answered)).into(),
        Err(silence) => silence,
    }
}

/// One round of EAP. The last one is a sign-in: before the server's Access-Accept goes on, the second factor is asked for.
pub async fn eap(desk: &Desk, request: &Request, policy: &RadiusPolicy) -> Answer {
    let mut question = Question::relayed(&request.packet, None).without(attribute::STATE);
    // A State is answered by the server that gave it: ours is its place among the client's servers, and then its own.
    if let Some((place, state)) = request.packet.first(attribute::STATE).and_then(<[u8]>::split_first) {
        let Some(server) = policy.upstreams.get(usize::from(*place)) else { return reply::reject(request).into() };
        question = question.with(attribute::STATE, state);
        question.only = Some(server.clone());
    }
    let answered = match ask(desk, request, policy, question).await {
        Ok(answered) => answered,
        Err(silence) => return silence,
    };
    let mut said = all_of(&answered.packet, attribute::EAP_MESSAGE);
    if answered.code() == code::ACCESS_CHALLENGE {
        let place = policy.upstreams.iter().position(|name| *name == answered.server);
        let place = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX);
        if let Some(state) = answered.packet.first(attribute::STATE) {
            said.push(plain(attribute::STATE, [&[place], state].concat()));
        }
        said.extend(all_of(&answered.packet, attribute::REPLY_MESSAGE));
        return reply::passed(request, code::ACCESS_CHALLENGE, &said).into();
    }
    let is_accepted = answered.code() == code::ACCESS_ACCEPT;
    let Some(name) = proven(request, &answered.packet) else {
        let (client, server) = (shown(&request.client.name).to_string(), shown(&answered.server).to_string());
        tracing::error!(
            client,
            server,
            "an EAP sign-in whose person nobody names; have the upstream put the name that it has proven into its Access-Accept"
        );
        metrics::radius_dropped("eap_name");
        return Answer::Silence;
    };
    let upstreams = Arc::clone(desk.sign_ins.policies().last_known().upstreams());
    let relay = Relay { upstreams, dictionary: &desk.dictionary, request, policy };
    said.extend(relay.kept(&answered));
    let by = Said { kept: relay::write(&said).into(), is_accepted };
    Box::pin(access::sign_in_proven(desk, request, policy, Proven { name: &name, by: &by })).await
}

/// Whom the server has signed in: by its own word, or by the outer name where the method proves just that. Of other methods the
/// outer name says nothing: within a tunnel, or by a certificate, people are somebody else than they call themselves outside.
fn proven(request: &Request, answer: &Packet) -> Option<String> {
    if let Some(name) = answer.first(attribute::USER_NAME) {
        return std::str::from_utf8(name).ok().filter(|name| !name.is_empty()).map(str::to_owned);
    }
    let is_refused = answer.code() == code::ACCESS_REJECT;
    let method = request.packet.first(attribute::EAP_MESSAGE).and_then(|message| message.get(4));
    let proves_outer = method.is_some_and(|method| OF_THE_OUTER_NAME.contains(method));
    request.name().filter(|_| is_refused || proves_outer).map(str::to_owned)
}

/// EAP-MD5 and EAP-GTC (RFC 3748 §5.4, §5.6).
const OF_THE_OUTER_NAME: [u8; 2] = [4, 6];

/// A server's word that has been heard already.
struct Said {
    kept: Bytes,
    is_accepted: bool,
}

impl Checker for Said {
    fn check<'a>(
        &'a self,
        _: Option<&'a crate::domain::secret::Password>,
        _: Instant,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Checked, CheckFault>> + Send + 'a>> {
        let kept = self.kept.clone();
        let said = if self.is_accepted { Checked::Accepted(kept) } else { Checked::Refused(kept) };
        Box::pin(std::future::ready(Ok(said)))
    }
}

async fn ask(desk: &Desk, request: &Request, policy: &RadiusPolicy, question: Question) -> Result<Answered, Answer> {
    let upstreams = Arc::clone(desk.sign_ins.policies().last_known().upstreams());
    let deadline = Instant::now() + request.client.answer_by;
    let answered = Box::pin(upstreams.ask(&policy.upstreams, &question, deadline)).await;
    answered.map_err(|fault| {
        metrics::radius_answered("silence");
        tracing::warn!(client = shown(&request.client.name).to_string(), %fault, "a request could not be passed on");
        Answer::Silence
    })
}

/// Everything of an answer but what is between two ends of one hop.
fn everything(answered: &Answered) -> Vec<Encoded> {
    let own = [attribute::PROXY_STATE, attribute::MESSAGE_AUTHENTICATOR, attribute::TUNNEL_PASSWORD];
    let fields = answered.packet.attributes().filter(|field| !own.contains(&field.kind));
    fields.map(|field| plain(field.kind, field.value.to_vec())).collect()
}

fn all_of(packet: &Packet, kind: u8) -> Vec<Encoded> {
    packet.all(kind).map(|value| plain(kind, value.to_vec())).collect()
}

fn plain(kind: u8, value: Vec<u8>) -> Encoded {
    Encoded { kind, vendor: None, value, encrypt: Encrypt::None, replaces: false }
}
