//! Dialogs: what a sign-in remembers between two requests, sealed under a key that only whoever holds the State can make.
//! The database keeps neither: its dump, even with the master key, opens no dialog and so shows no password (R44).

use std::time::Duration;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::Mac as _;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::{Store, StoreFault, sql};
use crate::domain::ids::ClientId;
use crate::domain::mac;

/// A dialog that was looked at.
pub struct Peeked {
    pub bytes: Zeroizing<Vec<u8>>,
    /// Not open for a first answer any more.
    pub used: bool,
    pub expires_at: Timestamp,
}

/// A dialog that was taken up.
pub struct Taken {
    pub bytes: Zeroizing<Vec<u8>>,
    /// Not for the first time.
    pub used: bool,
}

/// Bytes of a State: it cannot be guessed.
const STATE: usize = 16;
const NONCE: usize = 24;

impl Store {
    /// Keeps a dialog for this long and returns the State that opens it.
    pub async fn keep_dialog(
        &self,
        client: ClientId,
        plain: &[u8],
        limit: Duration,
    ) -> Result<[u8; STATE], StoreFault> {
        let state: [u8; STATE] = self.ambient.bytes();
        let nonce: [u8; NONCE] = self.ambient.bytes();
        let id = self.derived(b"id", client, &state);
        let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        let mut sealed = nonce.to_vec();
        let cipher = self.dialog_cipher(client, &state);
        let payload = Payload { msg: plain, aad: &*id };
        sealed.extend(cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| StoreFault::Stopped)?);
        sqlx::query!(
            "insert into dialogs (id, client_id, sealed, expires_at) values ($1, $2, $3, $4)",
            &id[..],
            client.0,
            sealed,
            sql(self.ambient.after(limit)) as _,
        )
        .execute(&self.pool)
        .await?;
        Ok(state)
    }

    /// Takes up the dialog that a State opens for a client, and marks it used; `None` if there is none that is still open.
    pub async fn take_dialog(&self, client: ClientId, state: &[u8]) -> Result<Option<Taken>, StoreFault> {
        let Ok(state) = <[u8; STATE]>::try_from(state) else { return Ok(None) };
        let id = self.derived(b"id", client, &state);
        let row = sqlx::query!(
            "update dialogs d set used = true
             from (select id, used from dialogs where id = $1 for update) old
             where d.id = old.id and d.client_id = $2 and d.expires_at > $3
             returning d.sealed, old.used",
            &id[..],
            client.0,
            sql(self.ambient.now()) as _,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(self.open_dialog(client, &state, &row.sealed).map(|bytes| Taken { bytes, used: row.used }))
    }

    /// The same without taking it up.
    pub async fn peek_dialog(&self, client: ClientId, state: &[u8]) -> Result<Option<Peeked>, StoreFault> {
        let Ok(state) = <[u8; STATE]>::try_from(state) else { return Ok(None) };
        let id = self.derived(b"id", client, &state);
        let row = sqlx::query!(
            "select sealed, used, expires_at from dialogs where id = $1 and client_id = $2 and expires_at > $3",
            &id[..],
            client.0,
            sql(self.ambient.now()) as _,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (used, expires_at) = (row.used, row.expires_at.to_jiff());
        Ok(self.open_dialog(client, &state, &row.sealed).map(|bytes| Peeked { bytes, used, expires_at }))
    }

    fn open_dialog(&self, client: ClientId, state: &[u8; STATE], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let id = self.derived(b"id", client, state);
        let payload = Payload { msg: sealed, aad: &*id };
        self.dialog_cipher(client, state).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    fn dialog_cipher(&self, client: ClientId, state: &[u8; STATE]) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.derived(b"key", client, state)).into())
    }

    fn derived(&self, what: &[u8], client: ClientId, state: &[u8; STATE]) -> Zeroizing<[u8; 32]> {
        let mut key = mac::keyed(self.join_secret());
        key.update(b"dialog ");
        key.update(what);
        key.update(client.0.as_bytes());
        key.update(state);
        Zeroizing::new(key.finalize().into_bytes().into())
    }
}
