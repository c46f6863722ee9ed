//! A bounded number of places for each of many: connections of a client or a source, sign-ins of a client that wait for a person.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Places taken, by whose they are. Cheap to clone.
#[derive(Clone)]
pub struct Places<Whose: Eq + Hash + Copy> {
    taken: Arc<Mutex<HashMap<Whose, usize>>>,
}

/// One place; free again when dropped.
pub struct Place<Whose: Eq + Hash + Copy> {
    places: Places<Whose>,
    whose: Whose,
}

impl<Whose: Eq + Hash + Copy> Default for Places<Whose> {
    fn default() -> Self {
        Self { taken: Arc::default() }
    }
}

impl<Whose: Eq + Hash + Copy> Places<Whose> {
    /// A place, unless there are `limit` taken already.
    pub fn take(&self, whose: Whose, limit: usize) -> Option<Place<Whose>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&whose).copied().unwrap_or_default();
        if count >= limit {
            return None;
        }
        taken.insert(whose, count + 1);
        Some(Place { places: self.clone(), whose })
    }
}

impl<Whose: Eq + Hash + Copy> Drop for Place<Whose> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::ClientId;

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
