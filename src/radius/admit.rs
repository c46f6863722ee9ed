//! Which client a request is from, and whether it is to be believed. Whatever is not is dropped without a word (RFC 2865 §3):
//! whoever holds no shared secret learns nothing, not even that somebody is here.

use std::sync::Arc;

use crate::domain::client::Client;
use crate::domain::client::radius::RadiusPolicy;
use crate::domain::secret::SharedSecret;
use crate::wire::radius::{Packet, PacketFault, Presence, attribute, code};

/// Why a packet gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    #[error("a packet of more than 4096 bytes")]
    TooLong,
    #[error("malformed: {0}")]
    Malformed(PacketFault),
    #[error("a packet of code {0} is no request that is answered here")]
    Code(u8),
    #[error("the address is no RADIUS client's; 'vestibule client add --radius-secret-file' makes it one")]
    UnknownSource,
    #[error("the Message-Authenticator or the Request Authenticator is wrong: wrong shared secret?")]
    WrongSecret,
    #[error(
        "no Message-Authenticator: have the gateway send it ('vestibule gateway show' says how; \
         NetScaler: -messageAuthenticator ON; FreeRADIUS and radsecproxy: require_message_authenticator), or mark the client \
         with --legacy-no-message-authenticator"
    )]
    Unsigned,
    #[error("EAP without a Message-Authenticator (RFC 3579 section 3.2)")]
    UnsignedEap,
    #[error("a Proxy-State in a request without Message-Authenticator: it could hide a forgery (CVE-2024-3596)")]
    UnsignedProxyState,
    #[error("several clients at this address have this secret, and the NAS-Identifier is none of theirs")]
    UnknownNas,
    #[error("its Proxy-States leave no room for an answer")]
    NoRoom,
}

impl Unheard {
    /// A metric label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed(fault) => fault.reason(),
            Self::Code(_) => "code",
            Self::UnknownSource => "unknown_source",
            Self::WrongSecret => "wrong_secret",
            Self::Unsigned => "unsigned",
            Self::UnsignedEap => "unsigned_eap",
            Self::UnsignedProxyState => "unsigned_proxy_state",
            Self::UnknownNas => "unknown_nas",
            Self::NoRoom => "no_room",
        }
    }
}

/// A client, and whether the request proves that it holds the secret.
pub struct Admitted {
    pub client: Arc<Client>,
    pub is_signed: bool,
}

/// Whose request this is, among the clients at its address. The secret decides; a NAS-Identifier only picks among those whose
/// secret it has been shown to be, since anybody can write one.
pub fn over_udp(packet: &Packet, candidates: &[&Arc<Client>]) -> Result<Admitted, Unheard> {
    let is_accounting = packet.code() == code::ACCOUNTING_REQUEST;
    let proven = candidates.iter().filter(|client| {
        policy(client).is_some_and(|policy| match packet.message_authenticator(&policy.secret, None) {
            Presence::Right => !is_accounting || packet.is_authentic_accounting(&policy.secret),
            Presence::Absent => is_accounting && packet.is_authentic_accounting(&policy.secret),
            Presence::Wrong => false,
        })
    });
    let proven: Vec<&Arc<Client>> = proven.copied().collect();
    let admitted = |client: &Arc<Client>, is_signed| Ok(Admitted { client: Arc::clone(client), is_signed });
    match proven.as_slice() {
        [] if candidates.is_empty() => Err(Unheard::UnknownSource),
        [] if is_accounting || packet.first(attribute::MESSAGE_AUTHENTICATOR).is_some() => Err(Unheard::WrongSecret),
        [] => admitted(unsigned(packet, candidates)?, false),
        [one] => admitted(one, true),
        several => {
            let identifier = packet.first(attribute::NAS_IDENTIFIER).ok_or(Unheard::UnknownNas)?;
            let is_named = |client: &&&Arc<Client>| {
                let name = policy(client).and_then(|policy| policy.nas_identifier.as_deref());
                name.map(str::as_bytes) == Some(identifier)
            };
            several.iter().find(is_named).map_or(Err(Unheard::UnknownNas), |client| admitted(client, true))
        }
    }
}

/// The one client at the address, where it is known to be unable to sign (CVE-2024-3596).
fn unsigned<'c>(packet: &Packet, candidates: &[&'c Arc<Client>]) -> Result<&'c Arc<Client>, Unheard> {
    if packet.has_eap() {
        return Err(Unheard::UnsignedEap);
    }
    // RFC 5997 §3: a Status-Server has one, always.
    let [client] = candidates else { return Err(Unheard::Unsigned) };
    if packet.code() != code::ACCESS_REQUEST || policy(client).is_none_or(|policy| policy.require_message_authenticator)
    {
        return Err(Unheard::Unsigned);
    }
    if packet.first(attribute::PROXY_STATE).is_some() {
        return Err(Unheard::UnsignedProxyState);
    }
    Ok(client)
}

/// Over TLS the connection has shown whose request it is (RFC 6614 §2.3); what is signed all the same must be signed right.
pub fn over_tls(packet: &Packet, secret: &SharedSecret) -> Result<(), Unheard> {
    match packet.message_authenticator(secret, None) {
        Presence::Wrong => Err(Unheard::WrongSecret),
        Presence::Absent if packet.has_eap() => Err(Unheard::UnsignedEap),
        _ if packet.code() == code::ACCOUNTING_REQUEST && !packet.is_authentic_accounting(secret) => {
            Err(Unheard::WrongSecret)
        }
        Presence::Right | Presence::Absent => Ok(()),
    }
}

fn policy(client: &Client) -> Option<&RadiusPolicy> {
    client.radius.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;
    use crate::wire::radius::Request;

    const SECRET: &[u8] = b"a secret of the test";
    const OTHER: &[u8] = b"another secret of it";

    fn client(name: &str, secret: &[u8], change: impl FnOnce(&mut RadiusPolicy)) -> Arc<Client> {
        let mut policy = RadiusPolicy::new(SharedSecret::new(secret));
        change(&mut policy);
        Arc::new(Client { name: name.to_owned(), radius: Some(policy), ..fixture::client() })
    }

    fn strict() -> Arc<Client> {
        client("strict", SECRET, |_| {})
    }

    fn legacy() -> Arc<Client> {
        client("legacy", SECRET, |policy| policy.require_message_authenticator = false)
    }

    /// A request of this code, signed under `secret`.
    fn signed(kind: u8, secret: &[u8], attributes: &[(u8, &[u8])]) -> Packet {
        let mut request = Request::new(kind, 7, [9; 16]);
        for (kind, value) in attributes {
            request.attribute(*kind, value).unwrap();
        }
        Packet::parse(request.sign(&SharedSecret::new(secret))).unwrap()
    }

    /// The same without its Message-Authenticator, which is the first attribute.
    fn unsigned(kind: u8, attributes: &[(u8, &[u8])]) -> Packet {
        let packet = signed(kind, SECRET, attributes);
        let mut bytes = packet.bytes().to_vec();
        bytes.drain(20..38);
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes[2..4].copy_from_slice(&length);
        Packet::parse(bytes.into()).unwrap()
    }

    fn said(packet: &Packet, clients: &[&Arc<Client>]) -> Result<(String, bool), Unheard> {
        over_udp(packet, clients).map(|admitted| (admitted.client.name.clone(), admitted.is_signed))
    }

    const NAME: (u8, &[u8]) = (attribute::USER_NAME, b"alice");

    #[test]
    fn r33_a_request_is_believed_with_a_right_message_authenticator_and_a_legacy_client_without_one() {
        let request = |secret| signed(code::ACCESS_REQUEST, secret, &[NAME]);
        assert_eq!(said(&request(SECRET), &[&strict()]), Ok(("strict".into(), true)));
        assert_eq!(said(&request(SECRET), &[&legacy()]), Ok(("legacy".into(), true)));
        assert_eq!(said(&request(OTHER), &[&strict()]), Err(Unheard::WrongSecret));
        assert_eq!(said(&request(OTHER), &[&legacy()]), Err(Unheard::WrongSecret), "a wrong one is never right");
        let bare = unsigned(code::ACCESS_REQUEST, &[NAME]);
        assert_eq!(said(&bare, &[&strict()]), Err(Unheard::Unsigned));
        assert_eq!(said(&bare, &[&legacy()]), Ok(("legacy".into(), false)));
        assert_eq!(said(&bare, &[]), Err(Unheard::UnknownSource));
    }

    #[test]
    fn r33_eap_and_status_server_need_a_message_authenticator_even_from_a_legacy_client() {
        let eap = unsigned(code::ACCESS_REQUEST, &[NAME, (attribute::EAP_MESSAGE, &[2, 0, 0, 4])]);
        assert_eq!(said(&eap, &[&legacy()]), Err(Unheard::UnsignedEap));
        assert_eq!(said(&unsigned(code::STATUS_SERVER, &[]), &[&legacy()]), Err(Unheard::Unsigned));
        assert!(said(&signed(code::STATUS_SERVER, SECRET, &[]), &[&strict()]).is_ok());
    }

    #[test]
    fn r35_a_legacy_client_that_sends_a_proxy_state_is_refused() {
        let state: (u8, &[u8]) = (attribute::PROXY_STATE, b"forged");
        assert_eq!(
            said(&unsigned(code::ACCESS_REQUEST, &[NAME, state]), &[&legacy()]),
            Err(Unheard::UnsignedProxyState)
        );
        assert!(said(&signed(code::ACCESS_REQUEST, SECRET, &[NAME, state]), &[&legacy()]).is_ok());
    }

    #[test]
    fn of_two_clients_at_one_address_the_secret_tells_which_it_is_and_then_the_nas_identifier() {
        let named = |name: &str, secret| client(name, secret, |policy| policy.nas_identifier = Some(name.to_owned()));
        let (a, b, c) = (named("a", SECRET), named("b", SECRET), named("c", OTHER));
        let clients = [&a, &b, &c];
        let nas = |name: &'static [u8]| (attribute::NAS_IDENTIFIER, name);
        let request = |secret, nas| signed(code::ACCESS_REQUEST, secret, &[NAME, nas]);
        assert_eq!(said(&request(SECRET, nas(b"b")), &clients), Ok(("b".into(), true)));
        assert_eq!(said(&request(OTHER, nas(b"b")), &clients), Ok(("c".into(), true)), "the secret comes first");
        assert_eq!(
            said(&request(SECRET, nas(b"c")), &clients),
            Err(Unheard::UnknownNas),
            "another's name opens nothing"
        );
        assert_eq!(said(&signed(code::ACCESS_REQUEST, SECRET, &[NAME]), &clients), Err(Unheard::UnknownNas));
        assert_eq!(said(&request(b"a third", nas(b"a")), &clients), Err(Unheard::WrongSecret));
        assert_eq!(said(&unsigned(code::ACCESS_REQUEST, &[NAME, nas(b"a")]), &clients), Err(Unheard::Unsigned));
    }

    #[test]
    fn accounting_is_believed_by_its_request_authenticator() {
        let start: (u8, &[u8]) = (attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 1]);
        assert!(said(&signed(code::ACCOUNTING_REQUEST, SECRET, &[start]), &[&strict()]).is_ok());
        assert_eq!(said(&signed(code::ACCOUNTING_REQUEST, OTHER, &[start]), &[&legacy()]), Err(Unheard::WrongSecret));
    }

    #[test]
    fn over_tls_what_is_signed_must_be_signed_right() {
        let radsec = SharedSecret::new(*b"radsec");
        assert_eq!(over_tls(&signed(code::ACCESS_REQUEST, b"radsec", &[NAME]), &radsec), Ok(()));
        assert_eq!(over_tls(&unsigned(code::ACCESS_REQUEST, &[NAME]), &radsec), Ok(()));
        assert_eq!(over_tls(&signed(code::ACCESS_REQUEST, SECRET, &[NAME]), &radsec), Err(Unheard::WrongSecret));
        let eap = unsigned(code::ACCESS_REQUEST, &[(attribute::EAP_MESSAGE, &[2, 0, 0, 4])]);
        assert_eq!(over_tls(&eap, &radsec), Err(Unheard::UnsignedEap));
        assert_eq!(over_tls(&signed(code::ACCOUNTING_REQUEST, SECRET, &[]), &radsec), Err(Unheard::WrongSecret));
    }
}
