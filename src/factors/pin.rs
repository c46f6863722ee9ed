//! A PIN is compared before the judgement and off the async threads; under the user's lock it only has to be still the same
//! (`domain/pin`).

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::hashed;
use crate::domain::pin::{PinCheck, PinHash};
use crate::domain::secret::Code;
use crate::domain::user::Account;
use crate::store::StoreFault;

/// Hashes a PIN that is to be set. Takes tens of milliseconds: keep it off the async threads.
pub fn hash(pin: &Code, salt: [u8; 16]) -> PinHash {
    PinHash::new(hashed::hash(pin, salt))
}

/// Compares what was typed with the account's PIN. An account without one was not to be asked.
pub async fn check(account: &Account, typed: &Code, hashing: &Arc<Semaphore>) -> Result<PinCheck, StoreFault> {
    let Some(pin) = &account.pin else { return Ok(PinCheck::NotAsked) };
    match hashed::is_hashed(typed.clone(), Some(pin.hash.as_str().to_owned()), hashing).await? {
        Some(true) => Ok(PinCheck::Right(pin.hash.clone())),
        Some(false) => Ok(PinCheck::Wrong),
        None => Err(StoreFault::Unreadable {
            table: "users",
            row: account.user.id.to_string(),
            what: "pin_hash".to_owned(),
        }),
    }
}
