//! A bounded number of places for each client: connections, and sign-ins that wait for a person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::ClientId;

/// Places taken, by client. Cheap to clone.
#[derive(Clone, Default)]
pub struct Places {
    taken: Arc<Mutex<HashMap<ClientId, usize>>>,
}

/// One place; free again when dropped.
pub struct Place {
    places: Places,
    client: ClientId,
}

impl Places {
    /// A place, unless the client has `limit` already.
    pub fn take(&self, client: ClientId, limit: usize) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_client_has_so_many_places_and_gets_one_back_when_one_is_left() {
        let places = Places::default();
        let [one, other] = [1, 2].map(|id| ClientId(Uuid::from_u128(id)));
        let first = places.take(one, 2);
        let second = places.take(one, 2);
        assert!(first.is_some() && second.is_some());
        assert!(places.take(one, 2).is_none());
        assert!(places.take(other, 2).is_some(), "each client has its own");
        drop(first);
        assert!(places.take(one, 2).is_some());
    }
}
