//! Values that a secret hides: User-Password (RFC 2865 §5.2) and salt-encrypted keys and passwords (RFC 2548 §2.4.2, RFC 2868
//! §3.5). The ciphers have no integrity of their own: a wrong secret yields other bytes, not an error. What proves the secret is
//! the Message-Authenticator.

use zeroize::Zeroizing;

use crate::domain::secret::{Password, SharedSecret};

use super::authenticator::digest;

const BLOCK: usize = 16;

/// RFC 2865 §5.2.
pub const MAX_PASSWORD: usize = 128;

/// The most that fits beside salt, length and tag into any attribute, Vendor-Specific ones included, in whole blocks.
pub const MAX_SALTED: usize = 239;

/// Why a value cannot be hidden, or is not a hidden one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HiddenFault {
    #[error("{length} bytes are more than the {limit} that can be hidden")]
    TooLong { length: usize, limit: usize },
    #[error("a hidden value of {0} bytes is impossible")]
    Length(usize),
    /// So the secret is another one, or the value was tampered with.
    #[error("the hidden value claims {claimed} bytes and holds {held}: are the shared secrets the same?")]
    Claim { claimed: usize, held: usize },
}

/// The value of a User-Password attribute.
pub fn hide_password(
    password: &Password,
    secret: &SharedSecret,
    request_authenticator: &[u8; 16],
) -> Result<Vec<u8>, HiddenFault> {
    let length = password.expose().len();
    if length > MAX_PASSWORD {
        return Err(HiddenFault::TooLong { length, limit: MAX_PASSWORD });
    }
    let mut padded = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD));
    padded.extend_from_slice(password.expose());
    // An empty password still takes a block.
    padded.resize(length.next_multiple_of(BLOCK).max(BLOCK), 0);
    Ok(encrypt(&padded, secret, &[request_authenticator]))
}

/// The password of a User-Password attribute, without the NULs that pad it (RFC 2865 §5.2 cannot tell them from a password's own).
pub fn reveal_password(
    value: &[u8],
    secret: &SharedSecret,
    request_authenticator: &[u8; 16],
) -> Result<Password, HiddenFault> {
    if value.is_empty() || value.len() > MAX_PASSWORD || !value.len().is_multiple_of(BLOCK) {
        return Err(HiddenFault::Length(value.len()));
    }
    let plain = decrypt(value, secret, &[request_authenticator]);
    let length = plain.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Ok(Password::new(plain.get(..length).unwrap_or_default()))
}

/// A salt-encrypted value: the salt, then the cipher text. MS-MPPE-Send-Key and MS-MPPE-Recv-Key are this; Tunnel-Password is this
/// behind its tag. The salt must differ from every other in the same packet; its highest bit is set here.
pub fn hide_salted(
    plain: &[u8],
    salt: [u8; 2],
    secret: &SharedSecret,
    request_authenticator: &[u8; 16],
) -> Result<Vec<u8>, HiddenFault> {
    let too_long = HiddenFault::TooLong { length: plain.len(), limit: MAX_SALTED };
    let length = u8::try_from(plain.len()).map_err(|_| too_long)?;
    if plain.len() > MAX_SALTED {
        return Err(too_long);
    }
    let mut padded = Zeroizing::new(Vec::with_capacity(MAX_SALTED + 1));
    padded.push(length);
    padded.extend_from_slice(plain);
    padded.resize((plain.len() + 1).next_multiple_of(BLOCK), 0);
    let [high, low] = salt;
    let salt = [high | 0x80, low];
    let mut value = salt.to_vec();
    value.extend(encrypt(&padded, secret, &[request_authenticator, &salt]));
    Ok(value)
}

/// What a salt-encrypted value of an answer holds; `request_authenticator` is that of the request.
pub fn reveal_salted(
    value: &[u8],
    secret: &SharedSecret,
    request_authenticator: &[u8; 16],
) -> Result<Zeroizing<Vec<u8>>, HiddenFault> {
    let Some((salt, cipher)) = value.split_first_chunk::<2>() else { return Err(HiddenFault::Length(value.len())) };
    if cipher.is_empty() || !cipher.len().is_multiple_of(BLOCK) {
        return Err(HiddenFault::Length(value.len()));
    }
    let plain = decrypt(cipher, secret, &[request_authenticator, salt]);
    let (&claimed, held) = plain.split_first().ok_or(HiddenFault::Length(value.len()))?;
    let claimed = usize::from(claimed);
    let key = held.get(..claimed).ok_or(HiddenFault::Claim { claimed, held: held.len() })?;
    Ok(Zeroizing::new(key.to_vec()))
}

/// Each block is masked with the digest of the secret and the cipher text before it; the first, with `start`.
fn encrypt(padded: &[u8], secret: &SharedSecret, start: &[&[u8]]) -> Vec<u8> {
    let mut cipher = Vec::with_capacity(padded.len());
    let mut mask = first_mask(secret, start);
    for block in padded.chunks(BLOCK) {
        let at = cipher.len();
        cipher.extend(block.iter().zip(mask.iter()).map(|(byte, mask)| byte ^ mask));
        mask = next_mask(secret, cipher.get(at..).unwrap_or_default());
    }
    cipher
}

fn decrypt(cipher: &[u8], secret: &SharedSecret, start: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(cipher.len()));
    let mut mask = first_mask(secret, start);
    for block in cipher.chunks(BLOCK) {
        plain.extend(block.iter().zip(mask.iter()).map(|(byte, mask)| byte ^ mask));
        mask = next_mask(secret, block);
    }
    plain
}

fn first_mask(secret: &SharedSecret, start: &[&[u8]]) -> Zeroizing<[u8; 16]> {
    let mut parts = vec![secret.expose()];
    parts.extend(start);
    Zeroizing::new(digest(&parts))
}

fn next_mask(secret: &SharedSecret, cipher: &[u8]) -> Zeroizing<[u8; 16]> {
    Zeroizing::new(digest(&[secret.expose(), cipher]))
}
