//! MS-CHAPv2 as a client does it (RFC 2759 §8), and the keys that come of it (RFC 3079 §3).

use des::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use md4::{Digest as _, Md4};
use sha1::Sha1;

/// RFC 2759 §8.3.
pub fn password_hash(password: &str) -> [u8; 16] {
    let utf16: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Md4::digest(utf16).into()
}

/// RFC 2759 §8.4.
pub fn hash_of_hash(hash: &[u8; 16]) -> [u8; 16] {
    Md4::digest(hash).into()
}

/// RFC 2759 §8.2.
pub fn challenge_hash(peer_challenge: &[u8; 16], challenge: &[u8; 16], name: &str) -> [u8; 8] {
    let digest = sha1(&[peer_challenge, challenge, name.as_bytes()]);
    *digest.first_chunk().unwrap()
}

/// RFC 2759 §8.1.
pub fn nt_response(challenge: &[u8; 16], peer_challenge: &[u8; 16], name: &str, password: &str) -> [u8; 24] {
    let mut key = [0; 21];
    key[..16].copy_from_slice(&password_hash(password));
    let challenge = challenge_hash(peer_challenge, challenge, name);
    let mut response = [0; 24];
    for (out, key) in response.chunks_mut(8).zip(key.chunks(7)) {
        let mut block = challenge.into();
        des::Des::new(&with_parity(key).into()).encrypt_block(&mut block);
        out.copy_from_slice(&block);
    }
    response
}

/// The text that proves to the client that the server knows the password, RFC 2759 §8.7.
pub fn authenticator_response(
    password: &str,
    nt_response: &[u8; 24],
    peer_challenge: &[u8; 16],
    challenge: &[u8; 16],
    name: &str,
) -> String {
    let hash = hash_of_hash(&password_hash(password));
    let digest = sha1(&[&hash, nt_response, b"Magic server to client signing constant"]);
    let challenge = challenge_hash(peer_challenge, challenge, name);
    let digest = sha1(&[&digest, &challenge, b"Pad to make it do more than one iteration"]);
    format!("S={}", data_encoding::HEXUPPER.encode(&digest))
}

/// RFC 3079 §3.4.
pub fn master_key(password: &str, nt_response: &[u8; 24]) -> [u8; 16] {
    let hash = hash_of_hash(&password_hash(password));
    *sha1(&[&hash, nt_response, b"This is the MPPE Master Key"]).first_chunk().unwrap()
}

/// The server's start key of 128 bits for what it sends, which is the client's for what it receives (RFC 3079 §3.4).
pub fn server_send_key(master: &[u8; 16]) -> [u8; 16] {
    start_key(master, b"On the client side, this is the receive key; on the server side, it is the send key.")
}

/// The other direction.
pub fn server_receive_key(master: &[u8; 16]) -> [u8; 16] {
    start_key(master, b"On the client side, this is the send key; on the server side, it is the receive key.")
}

fn start_key(master: &[u8; 16], magic: &[u8]) -> [u8; 16] {
    *sha1(&[master, &[0; 40], magic, &[0xf2; 40]]).first_chunk().unwrap()
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut digest = Sha1::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// 56 bits spread over eight octets; nobody looks at the lowest of each.
fn with_parity(key: &[u8]) -> [u8; 8] {
    let bits = key.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
    std::array::from_fn(|at| u8::try_from(bits >> (49 - 7 * at) & 0x7f).unwrap() << 1)
}
