//! Outcomes, faults and refusals as RADIUS answers (RFC 2865 §4). The only file of this door that knows their codes; no `_`
//! arm, so that a new denial stops the build here.
//!
//! A fault gets no answer at all: the gateway asks its next server, which may be able to decide, and nobody is told that a
//! password is wrong that nobody has looked at. What would only come back as more load is refused instead (R60): a gateway
//! that hears nothing sends everything again, to us and to the others.

use std::borrow::Cow;

use bytes::Bytes;

use super::desk::Request;
use crate::domain::outcome::Denial;
use crate::domain::radius::template::{Encoded, Encrypt};
use crate::flows::sign_in::SignInError;
use crate::telemetry::metrics;
use crate::wire::radius::attribute::{self, microsoft};
use crate::wire::radius::{BuildFault, Reply, code, hidden};

/// An answer in the making, or why there is no room for one.
type Made = Result<Bytes, BuildFault>;

/// Who may come in, and with what. `salt`: chance, for values that are hidden on their way.
pub fn accept(request: &Request, attributes: &[Encoded], salt: [u8; 2]) -> Made {
    let mut reply = Reply::to(&request.packet, code::ACCESS_ACCEPT)?;
    // RFC 2868 §3.5: no two salts of one packet are the same.
    for (encoded, count) in attributes.iter().zip(0_u16..) {
        let salt = u16::from_be_bytes(salt).wrapping_add(count).to_be_bytes();
        add(&mut reply, request, encoded, salt)?;
    }
    metrics::radius_answered("accept");
    Ok(reply.sign(request.secret()))
}

/// An upstream server's answer, passed on.
pub fn passed(request: &Request, code: u8, attributes: &[Encoded]) -> Made {
    let mut reply = Reply::to(&request.packet, code)?;
    for encoded in attributes {
        add(&mut reply, request, encoded, [0; 2])?;
    }
    metrics::radius_answered("passed");
    Ok(reply.sign(request.secret()))
}

fn add(reply: &mut Reply, request: &Request, encoded: &Encoded, salt: [u8; 2]) -> Result<(), BuildFault> {
    let Encoded { kind, vendor, value, encrypt, .. } = encoded;
    let hidden = |plain: &[u8]| {
        hidden::hide_salted(plain, salt, request.secret(), request.packet.authenticator())
            .map_err(|_| BuildFault::ValueTooLong { kind: *kind, length: plain.len() })
    };
    let value = match (encrypt, value.split_first()) {
        (Encrypt::None, _) => Cow::Borrowed(value.as_slice()),
        (Encrypt::Mppe, _) => Cow::Owned(hidden(value)?),
        (Encrypt::TunnelPassword, Some((tag, plain))) => Cow::Owned([&[*tag], hidden(plain)?.as_slice()].concat()),
        (Encrypt::TunnelPassword, None) => return Ok(()),
    };
    match vendor {
        Some((vendor, kind)) => reply.vendor(*vendor, *kind, &value)?,
        None => reply.attribute(*kind, &value)?,
    };
    Ok(())
}

/// One refusal for all reasons: same code, no text, nothing to tell them apart by (R19).
pub fn reject(request: &Request) -> Made {
    rejected(request, MS_CHAP_REFUSED)
}

/// RFC 2759 §6: the password is wrong, or so we say; another try begins anew.
const MS_CHAP_REFUSED: &[u8] = b"E=691 R=0 V=3";

/// An upstream server refused the first factor. Its MS-CHAP-Error goes on where it says more than that the password is wrong:
/// that it has expired, say, which the person's machine has to hear.
pub fn refused(request: &Request, kept: &[Encoded]) -> Made {
    let error = kept.iter().find(|kept| kept.vendor == Some((microsoft::VENDOR, microsoft::CHAP_ERROR)));
    let said = error.and_then(|error| error.value.get(1..)).filter(|said| !said.starts_with(b"E=691"));
    rejected(request, said.unwrap_or(MS_CHAP_REFUSED))
}

fn rejected(request: &Request, ms_chap_error: &[u8]) -> Made {
    let mut reply = Reply::to(&request.packet, code::ACCESS_REJECT)?;
    let mut responses = request.packet.vendor(microsoft::VENDOR, microsoft::CHAP2_RESPONSE);
    if let Some(ident) = responses.next().and_then(<[u8]>::first) {
        let error = [&[*ident], ms_chap_error].concat();
        reply.vendor(microsoft::VENDOR, microsoft::CHAP_ERROR, &error)?;
    }
    // RFC 3579 §2.6.3, RFC 3748 §4: an EAP-Failure, to the last response.
    if let Some([_, identifier, ..]) = request.packet.first(attribute::EAP_MESSAGE) {
        reply.attribute(attribute::EAP_MESSAGE, &[4, *identifier, 0, 4])?;
    }
    metrics::radius_answered("reject");
    Ok(reply.sign(request.secret()))
}

/// The person is asked for more; the answer comes with this State (RFC 2865 §4.4).
pub fn challenge(request: &Request, state: &[u8], text: &str) -> Made {
    let mut reply = Reply::to(&request.packet, code::ACCESS_CHALLENGE)?;
    reply.attribute(attribute::STATE, state)?;
    reply.pieces(attribute::REPLY_MESSAGE, text.as_bytes())?;
    metrics::radius_answered("challenge");
    Ok(reply.sign(request.secret()))
}

/// A sign-in we denied. The record and the log say why.
pub fn denied(request: &Request, denial: Denial) -> Made {
    match denial {
        Denial::WrongPassword
        | Denial::PasswordExpired
        | Denial::NotOneEntry
        | Denial::UnknownUser
        | Denial::NoFactor
        | Denial::MustEnrol
        | Denial::Disabled
        | Denial::DisabledInDirectory
        | Denial::ExpiredInDirectory
        | Denial::Blocked
        | Denial::LockedOut
        | Denial::MissingCode
        | Denial::WrongCode
        | Denial::ReusedCode
        | Denial::WrongPasskey
        | Denial::CopiedPasskey
        | Denial::WrongPin
        | Denial::FactorNotAllowed
        | Denial::DialogOver
        | Denial::PromptRefused
        | Denial::PromptExpired
        | Denial::PromptCancelled
        | Denial::TooManyPrompts
        | Denial::AlreadyAsking
        | Denial::Throttled => reject(request),
    }
}

/// Nobody could decide: `None` is silence.
pub fn undecided(request: &Request, error: &SignInError) -> Option<Made> {
    if error.is_busy() {
        return Some(reject(request));
    }
    metrics::radius_answered("silence");
    None
}

/// Too many requests are under way.
pub fn busy(request: &Request) -> Option<Made> {
    (request.packet.code() == code::ACCESS_REQUEST).then(|| reject(request))
}

/// RFC 5997 §3: what the port it came to would say to a request that went well.
pub fn status(request: &Request, is_accounting: bool) -> Made {
    metrics::radius_answered("status");
    let code = if is_accounting { code::ACCOUNTING_RESPONSE } else { code::ACCESS_ACCEPT };
    Ok(Reply::to(&request.packet, code)?.sign(request.secret()))
}

/// RFC 2866 §4.2: it is written down.
pub fn accounted(request: &Request) -> Made {
    metrics::radius_answered("accounting");
    Ok(Reply::to(&request.packet, code::ACCOUNTING_RESPONSE)?.sign(request.secret()))
}

/// RFC 7930 §4: over TCP, where silence would be taken for a dead server, a request that is none of ours is named as such.
pub fn protocol_error(request: &Request) -> Made {
    /// RFC 6929 §2.1, RFC 7930 §6.
    const EXTENDED_1: u8 = 241;
    const ORIGINAL_PACKET_CODE: u8 = 4;
    /// RFC 5176 §3.5.
    const UNSUPPORTED_EXTENSION: u32 = 406;
    metrics::radius_answered("protocol_error");
    let mut reply = Reply::to(&request.packet, code::PROTOCOL_ERROR)?;
    reply.attribute(EXTENDED_1, &[ORIGINAL_PACKET_CODE, 0, 0, 0, request.packet.code()])?;
    reply.attribute(attribute::ERROR_CAUSE, &UNSUPPORTED_EXTENSION.to_be_bytes())?;
    Ok(reply.sign(request.secret()))
}

#[cfg(test)]
mod tests {
    use super::super::desk::tests::request;
    use super::*;
    use crate::store::StoreFault;
    use crate::wire::radius::Packet;

    #[test]
    fn r19_every_denial_is_the_same_reject() {
        let request = request(&[]);
        let answers = [Denial::WrongCode, Denial::LockedOut, Denial::UnknownUser, Denial::PromptRefused]
            .map(|denial| denied(&request, denial).unwrap());
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        let packet = Packet::parse(answers[0].clone()).unwrap();
        assert_eq!(packet.code(), code::ACCESS_REJECT);
        let kinds: Vec<u8> = packet.attributes().map(|attribute| attribute.kind).collect();
        assert_eq!(kinds, [attribute::MESSAGE_AUTHENTICATOR]);
    }

    #[test]
    fn r06_a_fault_is_silence_and_only_too_much_at_once_is_refused() {
        let request = request(&[]);
        for fault in [SignInError::NoDirectory, SignInError::Stopping, SignInError::Store(StoreFault::Stopped)] {
            assert!(undecided(&request, &fault).is_none(), "{fault}");
        }
        for busy in [SignInError::Full(3), SignInError::Store(StoreFault::Full)] {
            let answer = undecided(&request, &busy).unwrap().unwrap();
            assert_eq!(Packet::parse(answer).unwrap().code(), code::ACCESS_REJECT, "{busy}");
        }
    }

    fn plain(kind: u8, value: &[u8]) -> Encoded {
        Encoded { kind, vendor: None, value: value.to_vec(), encrypt: Encrypt::None, replaces: false }
    }

    #[test]
    fn hidden_values_are_hidden_each_with_a_salt_of_its_own() {
        let request = request(&[]);
        let tunnel = |tag: u8| {
            let value = [&[tag], &b"tunnel password"[..]].concat();
            Encoded { encrypt: Encrypt::TunnelPassword, ..plain(attribute::TUNNEL_PASSWORD, &value) }
        };
        let key = Encoded { vendor: Some((311, 16)), encrypt: Encrypt::Mppe, ..plain(26, b"a session key") };
        let answer = accept(&request, &[tunnel(1), tunnel(2), key], [0x80, 0xff]).unwrap();
        let packet = Packet::parse(answer).unwrap();
        let reveal = |value: &[u8]| {
            hidden::reveal_salted(value, request.secret(), request.packet.authenticator()).unwrap().to_vec()
        };
        let tunnels: Vec<&[u8]> = packet.all(attribute::TUNNEL_PASSWORD).collect();
        assert_eq!(tunnels.iter().map(|value| value[0]).collect::<Vec<_>>(), [1, 2]);
        assert!(tunnels.iter().all(|value| reveal(&value[1..]) == b"tunnel password"));
        let key = packet.vendor(311, 16).next().unwrap();
        assert_eq!(reveal(key), b"a session key");
        let salts: std::collections::BTreeSet<&[u8]> = [&tunnels[0][1..3], &tunnels[1][1..3], &key[..2]].into();
        assert_eq!(salts.len(), 3);
    }

    #[test]
    fn r34_every_answer_is_signed_first_and_carries_the_proxy_states_in_order() {
        let request = request(&[(attribute::PROXY_STATE, b"one"), (attribute::PROXY_STATE, b"two")]);
        let answers = [
            accept(&request, &[plain(attribute::CLASS, b"x")], [0; 2]),
            reject(&request),
            challenge(&request, &[7; 16], &"a long question ".repeat(40)),
            status(&request, false),
            status(&request, true),
            protocol_error(&request),
        ];
        for answer in answers {
            let packet = Packet::parse(answer.unwrap()).unwrap();
            assert!(packet.is_response_to(&request.packet, request.secret()));
            assert_eq!(packet.attributes().next().unwrap().kind, attribute::MESSAGE_AUTHENTICATOR);
            assert_eq!(packet.all(attribute::PROXY_STATE).collect::<Vec<_>>(), [b"one", b"two"]);
        }
    }
}
