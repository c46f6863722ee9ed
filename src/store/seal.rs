//! Sealing: what must not lie readable in the database is encrypted before a row is written (SECURITY R44).
//!
//! This file owns the keyring (master keys, the subkeys drawn from them) and the sealed form; [`key_file`] owns the
//! file the keys live in. Which columns are sealed, and re-sealing them after a rotation, belongs to the rest of `store`.
//!
//! A sealed value is `version(1) ‖ key id(4, big-endian) ‖ nonce(24) ‖ ciphertext ‖ tag(16)`, XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha-03). The place it belongs to is authenticated with it, so that a value copied to another
//! row or column does not open there.

pub mod key_file;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::domain::secret::MasterKey;

const VERSION: u8 = 1;
const KEY: usize = 32;
const NONCE: usize = 24;
const TAG: usize = 16;
const HEADER: usize = 1 + 4 + NONCE;

/// The identifier of a bare key, one that names none; rotation counts up from here.
pub const FIRST_KEY_ID: u32 = 1;

/// Fixed text behind the canary row; only the key decides whether it opens.
const CANARY: &[u8] = b"vestibule canary";
const CANARY_PLACE: Place<'static> = Place { table: "canary", column: "canary", row: b"canary" };

/// Why a stored value did not open. Never a denial: the caller could not tell.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SealFault {
    #[error("{table}.{column} does not hold a sealed value; restore the row from a backup")]
    NotSealed { table: String, column: String },
    #[error("{table}.{column} is sealed with master key {id}, which is not among the given keys; add its line back")]
    UnknownKey { id: u32, table: String, column: String },
    #[error(
        "{table}.{column} does not open with master key {id}: the value was changed or moved, or the key is another one"
    )]
    Broken { id: u32, table: String, column: String },
    #[error(
        "the master key does not fit this database (it was sealed with key {id}); start with the key file that was \
         used before, or restore a backup together with its key"
    )]
    WrongMasterKey { id: u32 },
}

/// Why a text holds no usable master key. Names the line, never the content.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyFault {
    #[error("no master key given; write one line of 32 random bytes in base64 or hex")]
    Empty,
    #[error("master key line {line} is not 32 bytes in base64 or hex, alone or after `id:`")]
    Unreadable { line: usize },
    #[error("master key line {line} has no valid id before the colon; use a whole number from 1 up")]
    Id { line: usize },
    #[error("master key line {line} repeats the id {id}; every key needs its own")]
    Repeated { line: usize, id: u32 },
}

/// Part of stored data for ever: a changed label is a changed key.
const LABEL: &[u8] = b"vestibule/1/seal";

/// 32 bytes drawn from a master key, which itself seals nothing.
#[derive(Clone)]
pub struct Subkey(Zeroizing<[u8; KEY]>);

impl Subkey {
    /// HKDF-SHA256 (RFC 5869).
    #[allow(clippy::expect_used, reason = "HKDF-SHA256 only refuses outputs over 8160 bytes")]
    fn derive(master: &MasterKey) -> Self {
        let mut out = Zeroizing::new([0_u8; KEY]);
        Hkdf::<Sha256>::new(Some(b"vestibule"), master.expose())
            .expand(LABEL, out.as_mut())
            .expect("32 bytes are within HKDF's limit");
        Self(out)
    }

    pub fn expose(&self) -> &[u8; KEY] {
        &self.0
    }
}

/// The one column of the one row a sealed value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    table: &'static str,
    column: &'static str,
    row: &'a [u8],
}

impl<'a> Place<'a> {
    /// `row` is the primary key's bytes: a UUID's sixteen, or the text of a named row.
    pub const fn new(table: &'static str, column: &'static str, row: &'a [u8]) -> Self {
        Self { table, column, row }
    }

    /// The associated data: every part with its length before it, so that no two places read alike.
    fn associated_data(&self, key_id: u32) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&key_id.to_be_bytes());
        for part in [self.table.as_bytes(), self.column.as_bytes(), self.row] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    }
}

/// A master key with the id that sealed values carry.
#[derive(Clone)]
struct Key {
    id: u32,
    master: MasterKey,
    seal: Subkey,
}

impl Key {
    fn new(id: u32, master: MasterKey) -> Self {
        let seal = Subkey::derive(&master);
        Self { id, master, seal }
    }
}

/// The master key in use and those it replaced. New values are sealed with the current one; all open.
#[derive(Clone)]
pub struct Keyring {
    current: Key,
    previous: Vec<Key>,
}

impl Keyring {
    /// A keyring of one fresh key.
    pub fn generate(ambient: &Ambient) -> Self {
        Self { current: Key::new(FIRST_KEY_ID, fresh(ambient)), previous: Vec::new() }
    }

    /// Reads `id:key` lines, the newest first; a bare key has [`FIRST_KEY_ID`]. Keys are base64 (either alphabet, with or
    /// without padding) or hex. Empty lines and lines that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let mut keys: Vec<Key> = Vec::new();
        for (at, raw) in text.lines().enumerate() {
            let (line, content) = (at + 1, raw.trim());
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let (id, encoded) = match content.split_once(':') {
                None => (FIRST_KEY_ID, content),
                Some((id, encoded)) => {
                    let id = id.trim().parse().ok().filter(|id| *id > 0).ok_or(KeyFault::Id { line })?;
                    (id, encoded.trim())
                }
            };
            if keys.iter().any(|key| key.id == id) {
                return Err(KeyFault::Repeated { line, id });
            }
            keys.push(Key::new(id, decode(encoded).ok_or(KeyFault::Unreadable { line })?));
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(KeyFault::Empty)?;
        Ok(Self { current, previous: keys.collect() })
    }

    /// The text [`Keyring::parse`] reads back.
    fn render(&self) -> Zeroizing<String> {
        // Sized once: growing would leave copies of the keys behind in freed memory.
        let mut out = Zeroizing::new(String::with_capacity(64 * (self.previous.len() + 1)));
        for key in self.all() {
            out.push_str(&key.id.to_string());
            out.push(':');
            BASE64.encode_append(key.master.expose(), &mut out);
            out.push('\n');
        }
        out
    }

    /// This keyring with a fresh current key; the present one becomes a previous one.
    #[must_use]
    pub fn with_fresh_key(&self, ambient: &Ambient) -> Self {
        let newest = self.all().map(|key| key.id).max().unwrap_or(0);
        Self { current: Key::new(newest.saturating_add(1), fresh(ambient)), previous: self.all().cloned().collect() }
    }

    /// This keyring with a fresh key that opens but does not seal yet: for processes to learn before anything is sealed
    /// with it.
    #[must_use]
    pub fn with_spare_key(&self, ambient: &Ambient) -> Self {
        let newest = self.all().map(|key| key.id).max().unwrap_or(0);
        let spare = Key::new(newest.saturating_add(1), fresh(ambient));
        Self { current: self.current.clone(), previous: self.previous.iter().cloned().chain([spare]).collect() }
    }

    /// This keyring with its newest key in use.
    #[must_use]
    pub fn with_newest_current(&self) -> Self {
        let newest = self.all().map(|key| key.id).max().unwrap_or(0);
        let mut keys: Vec<Key> = self.all().cloned().collect();
        keys.sort_by_key(|key| key.id != newest);
        let mut keys = keys.into_iter();
        let current = keys.next().unwrap_or_else(|| self.current.clone());
        Self { current, previous: keys.collect() }
    }

    /// This keyring with its previous keys forgotten; what they sealed no longer opens.
    #[must_use]
    pub fn only_current(&self) -> Self {
        Self { current: self.current.clone(), previous: Vec::new() }
    }

    pub fn current_id(&self) -> u32 {
        self.current.id
    }

    /// Current first, then the previous ones as they were given.
    pub fn ids(&self) -> Vec<u32> {
        self.all().map(|key| key.id).collect()
    }

    /// Encrypts `plain` for `place` under the current key. `nonce` comes from [`Ambient::bytes`]; 192 random bits never
    /// repeat in practice.
    #[allow(clippy::expect_used, reason = "XChaCha20-Poly1305 only refuses a plaintext over 256 GiB")]
    pub fn seal(&self, place: &Place, plain: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
        let Key { id, seal, .. } = &self.current;
        let aad = place.associated_data(*id);
        let body = XChaCha20Poly1305::new(seal.expose().into())
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .expect("a plaintext under 256 GiB");
        let mut out = Vec::with_capacity(HEADER + body.len());
        out.push(VERSION);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body);
        out
    }

    /// Decrypts what [`Keyring::seal`] made for the same place, with whichever key it names.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        let (table, column) = (place.table.to_owned(), place.column.to_owned());
        let Some(parts) = Sealed::split(sealed) else { return Err(SealFault::NotSealed { table, column }) };
        let id = parts.key_id;
        let Some(key) = self.find(id) else { return Err(SealFault::UnknownKey { id, table, column }) };
        let aad = place.associated_data(id);
        XChaCha20Poly1305::new(key.seal.expose().into())
            .decrypt(&XNonce::from(parts.nonce), Payload { msg: parts.body, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| SealFault::Broken { id, table, column })
    }

    /// Whether a stored value waits to be sealed anew: it names another key than the current one. Says nothing about
    /// whether it opens.
    pub fn needs_reseal(&self, sealed: &[u8]) -> bool {
        Sealed::split(sealed).is_none_or(|parts| parts.key_id != self.current.id)
    }

    /// The value to keep in the database that shows, at the next start, whether the key still fits.
    pub fn canary(&self, nonce: [u8; NONCE]) -> Vec<u8> {
        self.seal(&CANARY_PLACE, CANARY, nonce)
    }

    /// Whether this keyring opens the database that `canary` comes from.
    pub fn check_canary(&self, canary: &[u8]) -> Result<(), SealFault> {
        match self.open(&CANARY_PLACE, canary) {
            Ok(plain) if plain.as_slice() == CANARY => Ok(()),
            Ok(_) => Err(SealFault::WrongMasterKey { id: key_id_of(canary).unwrap_or(0) }),
            Err(SealFault::UnknownKey { id, .. } | SealFault::Broken { id, .. }) => {
                Err(SealFault::WrongMasterKey { id })
            }
            Err(fault @ (SealFault::NotSealed { .. } | SealFault::WrongMasterKey { .. })) => Err(fault),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    fn find(&self, id: u32) -> Option<&Key> {
        self.all().find(|key| key.id == id)
    }
}

/// The master key a sealed value names; `None` if it is not a sealed value.
pub fn key_id_of(sealed: &[u8]) -> Option<u32> {
    Sealed::split(sealed).map(|parts| parts.key_id)
}

/// A sealed value's parts.
struct Sealed<'a> {
    key_id: u32,
    nonce: [u8; NONCE],
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (key_id, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>()?;
        (*version == VERSION && body.len() >= TAG).then_some(Self {
            key_id: u32::from_be_bytes(*key_id),
            nonce: *nonce,
            body,
        })
    }
}

fn fresh(ambient: &Ambient) -> MasterKey {
    let bytes = Zeroizing::new(ambient.bytes::<KEY>());
    MasterKey::new(bytes.as_slice())
}

fn decode(text: &str) -> Option<MasterKey> {
    // 64 characters are 32 bytes of hex or 48 of base64, so the two cannot be mistaken for each other.
    [HEXLOWER_PERMISSIVE, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
        .iter()
        .filter_map(|encoding| encoding.decode(text.as_bytes()).ok().map(Zeroizing::new))
        .find(|bytes| bytes.len() == KEY)
        .map(|bytes| MasterKey::new(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'static> = Place::new("authenticators", "seed", b"0123456789abcdef");

    fn keyring() -> Keyring {
        Keyring::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_place() {
        let sealed = keyring().seal(&PLACE, b"twenty bytes of seed", [7; 24]);
        assert_eq!(keyring().open(&PLACE, &sealed).unwrap().as_slice(), b"twenty bytes of seed");
        assert_eq!(key_id_of(&sealed), Some(FIRST_KEY_ID));
        assert!(!sealed.windows(4).any(|w| w == b"seed"));
    }

    #[test]
    fn a_value_moved_to_another_row_column_or_table_does_not_open() {
        let sealed = keyring().seal(&PLACE, b"seed", [7; 24]);
        for elsewhere in [
            Place::new("authenticators", "seed", b"0123456789abcdeF"),
            Place::new("authenticators", "pin", b"0123456789abcdef"),
            Place::new("users", "seed", b"0123456789abcdef"),
            // The same letters with the border between the parts moved.
            Place::new("authenticatorss", "eed", b"0123456789abcdef"),
            Place::new("authenticators", "seed0", b"123456789abcdef"),
        ] {
            assert!(matches!(keyring().open(&elsewhere, &sealed), Err(SealFault::Broken { id: 1, .. })));
        }
    }

    #[test]
    fn after_a_rotation_old_values_open_and_wait_to_be_sealed_anew() {
        let old = keyring();
        let sealed = old.seal(&PLACE, b"seed", [7; 24]);
        let new = old.with_fresh_key(&Ambient::system());
        assert_eq!(new.ids(), [2, 1]);
        assert_eq!(new.open(&PLACE, &sealed).unwrap().as_slice(), b"seed");
        assert!(new.needs_reseal(&sealed) && !old.needs_reseal(&sealed));
        assert!(!new.needs_reseal(&new.seal(&PLACE, b"seed", [8; 24])));
    }

    #[test]
    fn a_key_that_is_gone_is_named_in_the_fault() {
        let sealed = keyring().seal(&PLACE, b"seed", [7; 24]);
        let fault = keyring().with_fresh_key(&Ambient::system()).only_current().open(&PLACE, &sealed).unwrap_err();
        assert_eq!(fault, SealFault::UnknownKey { id: 1, table: "authenticators".into(), column: "seed".into() });
    }

    #[test]
    fn a_wrong_master_key_is_told_by_the_canary() {
        let canary = keyring().canary([7; 24]);
        assert_eq!(keyring().check_canary(&canary), Ok(()));
        let wrong = SealFault::WrongMasterKey { id: 1 };
        assert_eq!(Keyring::generate(&Ambient::system()).check_canary(&canary), Err(wrong));
        let gone = keyring().with_fresh_key(&Ambient::system()).only_current();
        assert_eq!(gone.check_canary(&canary), Err(SealFault::WrongMasterKey { id: 1 }));
        assert!(matches!(keyring().check_canary(b""), Err(SealFault::NotSealed { .. })));
    }

    #[test]
    fn a_key_is_read_from_hex_or_any_base64_with_or_without_an_id() {
        let sealed = keyring().seal(&PLACE, b"seed", [7; 24]);
        for text in [
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "  1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n",
            "# kept in the safe\n\n000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n",
            "1: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ] {
            assert!(Keyring::parse(text).unwrap().open(&PLACE, &sealed).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_bad_key_text_names_the_line_and_never_shows_it() {
        const GOOD: &str = "2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for (text, fault) in [
            ("", KeyFault::Empty),
            ("# nothing\n", KeyFault::Empty),
            ("hunter2", KeyFault::Unreadable { line: 1 }),
            (&format!("{GOOD}\n3:c2hvcnQ="), KeyFault::Unreadable { line: 2 }),
            (&format!("{GOOD}\nx{GOOD}"), KeyFault::Id { line: 2 }),
            ("0:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", KeyFault::Id { line: 1 }),
            (&format!("{GOOD}\n{GOOD}"), KeyFault::Repeated { line: 2, id: 2 }),
        ] {
            let found = Keyring::parse(text).err().unwrap();
            assert_eq!(found, fault);
            assert!(!found.to_string().contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_keeps_the_value_shut(
            plain in proptest::collection::vec(any::<u8>(), 0..80),
            nonce in any::<[u8; 24]>(),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let mut sealed = keyring().seal(&PLACE, &plain, nonce);
            prop_assert_eq!(sealed.len(), HEADER + plain.len() + TAG);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(keyring().open(&PLACE, &sealed).is_err());
        }

        #[test]
        fn any_bytes_at_all_are_refused_without_harm(junk in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(keyring().open(&PLACE, &junk).is_err());
            prop_assert!(keyring().needs_reseal(&junk) || key_id_of(&junk) == Some(FIRST_KEY_ID));
        }

        #[test]
        fn any_keyring_survives_being_written_and_read(rotations in 0_usize..4) {
            let mut ring = Keyring::generate(&Ambient::system());
            for _ in 0..rotations {
                ring = ring.with_fresh_key(&Ambient::system());
            }
            let sealed = ring.seal(&PLACE, b"seed", [7; 24]);
            let back = Keyring::parse(&ring.render()).unwrap();
            prop_assert_eq!(back.ids(), ring.ids());
            prop_assert!(back.open(&PLACE, &sealed).is_ok());
        }
    }
}
