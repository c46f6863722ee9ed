//! Recovery codes: look-up secrets (SP 800-63B §3.1.2) on paper, each good for one sign-in. Here is how a code is hashed
//! and found; making a set of them is enrolment's, using one up is the store's.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::domain::ids::UserId;
use crate::domain::offered::RECOVERY_LENGTH;
use crate::domain::secret::Code;
use crate::store::{Store, StoreFault};

/// Characters that find a code's row; the rest proves it.
pub const HANDLE_LENGTH: usize = 2;

/// Memory in KiB, passes and lanes (OWASP's least for argon2id). A code has 70 bits of chance, so the cost guards only
/// against a guess at how they were drawn.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Hashes the proving part of a code. Takes tens of milliseconds: keep it off the async threads.
#[allow(clippy::expect_used, reason = "cost and salt length are fixed and within argon2's limits")]
pub fn hash(proof: &Code, salt: [u8; 16]) -> String {
    let salt = SaltString::encode_b64(&salt).expect("16 bytes make a salt");
    hasher().hash_password(proof.expose(), &salt).expect("a code within argon2's limits").to_string()
}

/// The handle of the user's unused code that this is, if it is one. An unknown handle costs as much time as a wrong
/// proof. `hashing` bounds how many hash at once over the whole process (each takes 19 MiB).
pub async fn matches(
    store: &Store,
    user: UserId,
    code: &Code,
    hashing: &Arc<Semaphore>,
) -> Result<Option<String>, StoreFault> {
    let code = read(code);
    let Some((handle, proof)) = code.expose().split_at_checked(HANDLE_LENGTH) else { return Ok(None) };
    if code.expose().len() != RECOVERY_LENGTH {
        return Ok(None);
    }
    let handle = String::from_utf8_lossy(handle).into_owned();
    let proof = Code::new(proof);
    let kept = store.recovery_hash(user, &handle).await?;
    let permit = Arc::clone(hashing).acquire_owned().await.map_err(|_| StoreFault::Stopped)?;
    let compared = tokio::task::spawn_blocking(move || {
        // Held by the work itself: a sign-in that is given up leaves its hash running.
        let _permit = permit;
        compare(&proof, kept.as_deref())
    });
    match compared.await {
        Ok(Some(true)) => Ok(Some(handle)),
        Ok(Some(false)) => Ok(None),
        Ok(None) => Err(StoreFault::Unreadable {
            table: "recovery_codes",
            row: format!("{user} {handle}"),
            what: "hash".to_owned(),
        }),
        Err(_) => Err(StoreFault::Stopped),
    }
}

/// `None` if what is kept is no hash.
pub(super) fn compare(proof: &Code, kept: Option<&str>) -> Option<bool> {
    let Some(kept) = kept else {
        hash(proof, [0; 16]);
        return Some(false);
    };
    let kept = PasswordHash::new(kept).ok()?;
    Some(hasher().verify_password(proof.expose(), &kept).is_ok())
}

/// Crockford's base32 leaves out I, L and O, so whoever types one read a digit.
fn read(code: &Code) -> Code {
    let digit = |letter: &u8| match letter {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        letter => *letter,
    };
    Code::new(code.expose().iter().map(digit).collect::<Vec<u8>>())
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
    fn a_hash_tells_its_code_from_others_and_says_how_it_was_made() {
        let (right, wrong) = (Code::new(*b"ABCDEFGHJKMNPQ"), Code::new(*b"ABCDEFGHJKMNPR"));
        let kept = hash(&right, [7; 16]);
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(compare(&right, Some(&kept)), Some(true));
        assert_eq!(compare(&wrong, Some(&kept)), Some(false));
        assert_eq!(compare(&right, None), Some(false));
        assert_eq!(compare(&right, Some("not a hash")), None);
        assert_ne!(kept, hash(&right, [8; 16]), "salted");
    }

    #[test]
    fn letters_that_no_code_holds_are_read_as_the_digits_they_resemble() {
        assert!(read(&Code::new(*b"OIL0")).same_as(b"0110"));
    }
}
