//! Secrets that people type and we keep hashed: argon2id, off the async threads, so many at once and no more.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::secret::Code;
use crate::store::StoreFault;

/// Memory in KiB, passes and lanes (OWASP's least for argon2id).
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Takes tens of milliseconds: keep it off the async threads.
#[allow(clippy::expect_used, reason = "cost and salt length are fixed and within argon2's limits")]
pub fn hash(secret: &Code, salt: [u8; 16]) -> String {
    let salt = SaltString::encode_b64(&salt).expect("16 bytes make a salt");
    hasher().hash_password(secret.expose(), &salt).expect("a code within argon2's limits").to_string()
}

/// Is it the one that was hashed? `None`: what is kept is no hash. Where none is kept the answer takes as long, and is no.
/// `hashing` bounds how many hash at once over the whole process (each takes 19 MiB).
pub async fn is_hashed(
    secret: Code,
    kept: Option<String>,
    hashing: &Arc<Semaphore>,
) -> Result<Option<bool>, StoreFault> {
    let permit = Arc::clone(hashing).acquire_owned().await.map_err(|_| StoreFault::Stopped)?;
    let compared = tokio::task::spawn_blocking(move || {
        // Held by the work itself: a sign-in that is given up leaves its hash running.
        let _permit = permit;
        compare(&secret, kept.as_deref())
    });
    compared.await.map_err(|_| StoreFault::Stopped)
}

/// `None` if what is kept is no hash. As slow as [`hash`].
pub(super) fn compare(secret: &Code, kept: Option<&str>) -> Option<bool> {
    let Some(kept) = kept else {
        hash(secret, [0; 16]);
        return Some(false);
    };
    let kept = PasswordHash::new(kept).ok()?;
    Some(hasher().verify_password(secret.expose(), &kept).is_ok())
}

#[allow(clippy::expect_used, reason = "the cost is fixed and within argon2's limits")]
fn hasher() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None).expect("a fixed cost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_its_secret_from_others_and_says_how_it_was_made() {
        let (right, wrong) = (Code::new(*b"ABCDEFGHJKMNPQ"), Code::new(*b"ABCDEFGHJKMNPR"));
        let kept = hash(&right, [7; 16]);
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(compare(&right, Some(&kept)), Some(true));
        assert_eq!(compare(&wrong, Some(&kept)), Some(false));
        assert_eq!(compare(&right, None), Some(false));
        assert_eq!(compare(&right, Some("not a hash")), None);
        assert_ne!(kept, hash(&right, [8; 16]), "salted");
    }
}
