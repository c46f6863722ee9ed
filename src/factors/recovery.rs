//! Recovery codes: look-up secrets (SP 800-63B §3.1.2) on paper, each good for one sign-in. Here is how a code is
//! found; making a set of them is enrolment's, using one up is the store's.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::hashed;
use crate::domain::ids::UserId;
use crate::domain::offered::RECOVERY_LENGTH;
use crate::domain::secret::Code;
use crate::store::{Store, StoreFault};

/// Characters that find a code's row; the rest proves it.
pub const HANDLE_LENGTH: usize = 2;

/// Hashes the proving part of a code, which has 70 bits of chance: the cost guards only against a guess at how they were
/// drawn. Takes tens of milliseconds: keep it off the async threads.
pub fn hash(proof: &Code, salt: [u8; 16]) -> String {
    hashed::hash(proof, salt)
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
    match hashed::is_hashed(proof, kept, hashing).await? {
        Some(true) => Ok(Some(handle)),
        Some(false) => Ok(None),
        None => Err(StoreFault::Unreadable {
            table: "recovery_codes",
            row: format!("{user} {handle}"),
            what: "hash".to_owned(),
        }),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_no_code_holds_are_read_as_the_digits_they_resemble() {
        assert!(read(&Code::new(*b"OIL0")).same_as(b"0110"));
    }
}
