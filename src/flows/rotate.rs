//! A change of the master key, in an order that loses nothing: first the new key is where it will be needed, then
//! everything is sealed with it, then the old key may go.
//!
//! A running process holds the keys it started with, and what is sealed with a key it does not hold it cannot open. So
//! while others are connected a rotation takes two steps, with their restart between them.

use std::collections::BTreeSet;

use crate::store::audit::Actor;
use crate::store::rotate::RotationLock;
use crate::store::seal::Keyring;
use crate::store::seal::key_file::{KeyFileFault, MasterKeyFile};
use crate::store::{Store, StoreFault};

/// Where the master keys are kept.
pub enum Keys<'a> {
    /// In our own file, which we may write.
    File(&'a MasterKeyFile),
    /// In the configuration, which is the administrator's to change.
    Configured,
}

/// How far a rotation came.
#[derive(Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new key is in the file and in no use yet: others must learn it first.
    Prepared { key: u32 },
    /// Everything is sealed with this key.
    Done { key: u32, resealed: u64 },
    /// Everything was sealed with this key before, and a new one is not ours to make.
    NothingToDo { key: u32 },
}

#[derive(Debug, thiserror::Error)]
pub enum RotateFault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    KeyFile(#[from] KeyFileFault),
    #[error("another process is rotating the master key of this database; wait until it is done")]
    Busy,
    #[error(
        "some values are still sealed with the keys {}; a vestibule that does not know the new key writes them: restart \
         it and run `vestibule key rotate` again",
        listed(ids)
    )]
    Left { ids: BTreeSet<u32> },
}

fn listed(ids: &BTreeSet<u32>) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Goes on with a rotation that has begun, or begins one.
pub async fn rotate(store: &Store, keys: &Keys<'_>, by: &Actor) -> Result<Rotated, RotateFault> {
    let _lock = lock(store).await?;
    let keyring = in_use(&present(store, keys)?, keys, store)?;
    let key = keyring.current_id();
    let store = store.with_keyring(keyring.clone());
    if pending(&store, key).await?.is_empty() {
        let Keys::File(file) = keys else { return Ok(Rotated::NothingToDo { key }) };
        if store.others_connected().await? > 0 {
            // Others must be able to open what it seals before anybody seals with it.
            let keyring = keyring.with_spare_key(store.ambient());
            file.replace(&keyring, store.ambient())?;
            return Ok(Rotated::Prepared { key: keyring.with_newest_current().current_id() });
        }
        let keyring = keyring.with_fresh_key(store.ambient());
        // On disk before anything is sealed with it: a crash from here on loses nothing.
        file.replace(&keyring, store.ambient())?;
        return reseal(&store.with_keyring(keyring), by).await;
    }
    reseal(&store, by).await
}

/// Forgets the keys that nothing is sealed with any more, after sealing anew what is. Returns the ids forgotten.
pub async fn drop_old(store: &Store, keys: &Keys<'_>, by: &Actor) -> Result<Vec<u32>, RotateFault> {
    let _lock = lock(store).await?;
    let keyring = in_use(&present(store, keys)?, keys, store)?;
    let old: Vec<u32> = keyring.ids().into_iter().skip(1).collect();
    let store = store.with_keyring(keyring.clone());
    reseal(&store, by).await?;
    if let (Keys::File(file), false) = (keys, old.is_empty()) {
        file.replace(&keyring.only_current(), store.ambient())?;
    }
    Ok(old)
}

async fn lock(store: &Store) -> Result<RotationLock, RotateFault> {
    store.rotation_lock().await?.ok_or(RotateFault::Busy)
}

/// The keys as they are now: another rotation may have ended since this process read them.
fn present(store: &Store, keys: &Keys<'_>) -> Result<Keyring, RotateFault> {
    match keys {
        Keys::File(file) => Ok(file.load()?),
        Keys::Configured => Ok(store.keyring().clone()),
    }
}

/// Takes a prepared key into use, in the file first.
fn in_use(keyring: &Keyring, keys: &Keys<'_>, store: &Store) -> Result<Keyring, RotateFault> {
    let newest = keyring.with_newest_current();
    if let Keys::File(file) = keys
        && newest.current_id() != keyring.current_id()
    {
        file.replace(&newest, store.ambient())?;
    }
    Ok(newest)
}

/// Other keys than this one that something is sealed with.
async fn pending(store: &Store, key: u32) -> Result<BTreeSet<u32>, RotateFault> {
    let mut ids = store.sealing_keys().await?;
    ids.remove(&key);
    Ok(ids)
}

async fn reseal(store: &Store, by: &Actor) -> Result<Rotated, RotateFault> {
    let resealed = store.reseal(by).await?;
    let key = store.keyring().current_id();
    let ids = pending(store, key).await?;
    if ids.is_empty() { Ok(Rotated::Done { key, resealed }) } else { Err(RotateFault::Left { ids }) }
}
