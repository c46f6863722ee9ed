//! Recovery codes: looked up by their first two characters, proven by the rest against an argon2id hash.

use argon2::{Argon2, PasswordHash, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::domain::ids::UserId;
use crate::domain::secret::Code;
use crate::store::{Store, StoreFault};

/// The handle of the unused code that this is, if it is one.
pub async fn matches(
    store: &Store,
    user: UserId,
    code: &Code,
    hashing: &Semaphore,
) -> Result<Option<String>, StoreFault> {
    let Some((handle, secret)) = code.expose().split_at_checked(2) else { return Ok(None) };
    let Ok(handle) = std::str::from_utf8(handle) else { return Ok(None) };
    let Some(hash) = store.recovery_hash(user, handle).await? else { return Ok(None) };
    let Ok(_permit) = hashing.acquire().await else { return Ok(None) };
    let secret = Code::new(secret);
    let fits = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(secret.expose(), &hash).is_ok())
    });
    Ok(fits.await.unwrap_or(false).then(|| handle.to_owned()))
}
