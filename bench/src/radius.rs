//! RADIUS packets as bytes: requests written by hand, answers judged (RFC 2865 §3, RFC 3579 §3.2, RFC 5997).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

pub const ACCESS_REQUEST: u8 = 1;
pub const ACCESS_ACCEPT: u8 = 2;
pub const STATUS_SERVER: u8 = 12;

const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const NAS_IDENTIFIER: u8 = 32;
const MESSAGE_AUTHENTICATOR: u8 = 80;

/// Code, identifier, length and authenticator.
const HEAD: usize = 20;
/// Longest packet.
pub const LONGEST: usize = 4096;

/// What an answer is held against.
#[derive(Clone, Copy)]
pub struct Asked {
    pub identifier: u8,
    pub authenticator: [u8; 16],
}

/// A request as it goes out.
pub struct Request {
    pub asked: Asked,
    pub bytes: Vec<u8>,
}

impl Request {
    /// An Access-Request with a password (RFC 2865 §5.2), the Message-Authenticator first.
    pub fn access(asked: Asked, secret: &[u8], name: &str, password: &str) -> Self {
        let hidden = hidden(password.as_bytes(), secret, &asked.authenticator);
        let attributes: [(u8, &[u8]); 3] =
            [(USER_NAME, name.as_bytes()), (USER_PASSWORD, &hidden), (NAS_IDENTIFIER, b"bench")];
        Self::signed(ACCESS_REQUEST, asked, secret, &attributes)
    }

    /// "Are you there?" (RFC 5997 §3).
    pub fn status(asked: Asked, secret: &[u8]) -> Self {
        Self::signed(STATUS_SERVER, asked, secret, &[])
    }

    fn signed(code: u8, asked: Asked, secret: &[u8], attributes: &[(u8, &[u8])]) -> Self {
        let mut bytes = vec![code, asked.identifier, 0, 0];
        bytes.extend(asked.authenticator);
        put(&mut bytes, MESSAGE_AUTHENTICATOR, &[0; 16]);
        for (kind, value) in attributes {
            put(&mut bytes, *kind, value);
        }
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        bytes.splice(2..4, length.to_be_bytes());
        let mac = keyed(secret, &[&bytes]);
        bytes.splice(HEAD + 2..HEAD + 18, mac);
        Self { asked, bytes }
    }
}

fn put(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.push(u8::try_from(value.len() + 2).unwrap_or(u8::MAX));
    bytes.extend(value);
}

/// RFC 2865 §5.2.
fn hidden(password: &[u8], secret: &[u8], authenticator: &[u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(password.len().next_multiple_of(16).max(16));
    let mut last = *authenticator;
    for at in (0..password.len().max(1)).step_by(16) {
        let mut block: [u8; 16] = Md5::new().chain_update(secret).chain_update(last).finalize().into();
        for (hidden, plain) in block.iter_mut().zip(password.iter().skip(at)) {
            *hidden ^= plain;
        }
        out.extend(block);
        last = block;
    }
    out
}

/// The answer to what was asked: its code, once its length, its Response Authenticator and, where it has one, its
/// Message-Authenticator are right.
pub fn answer(bytes: &[u8], asked: &Asked, secret: &[u8], must_be_signed: bool) -> Result<u8, &'static str> {
    let Some((&[code, identifier, high, low], rest)) = bytes.split_first_chunk::<4>() else {
        return Err("an answer without a head");
    };
    let Some((authenticator, attributes)) = rest.split_first_chunk::<16>() else {
        return Err("an answer without an authenticator");
    };
    if identifier != asked.identifier {
        return Err("an answer with another identifier");
    }
    if usize::from(u16::from_be_bytes([high, low])) != bytes.len() {
        return Err("an answer of another length than it says");
    }
    let head = [code, identifier, high, low];
    let digest = Md5::new()
        .chain_update(head)
        .chain_update(asked.authenticator)
        .chain_update(attributes)
        .chain_update(secret)
        .finalize();
    if authenticator[..] != digest[..] {
        return Err("a wrong Response Authenticator");
    }
    match attributes {
        [MESSAGE_AUTHENTICATOR, 18, after @ ..] => {
            let Some((mac, others)) = after.split_first_chunk::<16>() else {
                return Err("a short Message-Authenticator");
            };
            let expected =
                keyed(secret, &[&head, &asked.authenticator, &[MESSAGE_AUTHENTICATOR, 18], &[0; 16], others]);
            if *mac == expected { Ok(code) } else { Err("a wrong Message-Authenticator") }
        }
        _ if must_be_signed => Err("an answer that does not begin with its Message-Authenticator"),
        _ => Ok(code),
    }
}

fn keyed(secret: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(secret) else { return [0; 16] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        HEXLOWER_PERMISSIVE.decode(hex.replace(' ', "").as_bytes()).unwrap_or_default()
    }

    /// RFC 2865 §7.1: nemo signs in with "arctangent", secret "xyzzy5461".
    fn nemo() -> Asked {
        let mut authenticator = [0; 16];
        authenticator.copy_from_slice(&bytes("0f403f9473978057bd83d5cb98f4227a"));
        Asked { identifier: 0, authenticator }
    }

    #[test]
    fn a_password_is_hidden_as_in_rfc_2865_section_7_1() {
        let hidden = hidden(b"arctangent", b"xyzzy5461", &nemo().authenticator);
        assert_eq!(hidden, bytes("0dbe708d93d413ce3196e43f782a0aee"));
    }

    #[test]
    fn the_answer_of_rfc_2865_section_7_1_is_believed_and_a_changed_one_is_not() {
        let accept = bytes(
            "02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 \
             06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03",
        );
        assert_eq!(answer(&accept, &nemo(), b"xyzzy5461", false), Ok(ACCESS_ACCEPT));
        assert!(answer(&accept, &nemo(), b"xyzzy5461", true).is_err());
        for at in 0..accept.len() {
            let mut changed = accept.clone();
            changed.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            assert!(answer(&changed, &nemo(), b"xyzzy5461", false).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_message_authenticator_that_is_wrong_is_noticed_behind_a_right_response_authenticator() {
        let asked = nemo();
        for mac in [None, Some([7; 16])] {
            let mut attributes = vec![MESSAGE_AUTHENTICATOR, 18];
            let head = [ACCESS_ACCEPT, 0, 0, 38];
            let right = keyed(b"s", &[&head, &asked.authenticator, &[MESSAGE_AUTHENTICATOR, 18], &[0; 16]]);
            attributes.extend(mac.unwrap_or(right));
            let digest = Md5::new()
                .chain_update(head)
                .chain_update(asked.authenticator)
                .chain_update(&attributes)
                .chain_update(b"s")
                .finalize();
            let packet = [&head[..], &digest[..], &attributes].concat();
            assert_eq!(answer(&packet, &asked, b"s", true).is_ok(), mac.is_none());
        }
    }
}
