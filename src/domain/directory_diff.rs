//! Compares what a directory shows with what our books hold, account by account while it is read. Memory is flat: of a
//! known account 36 bytes are kept, of one that is read nothing.
//!
//! Who has left is only known after a whole read; whether so many may leave is decided in [`super::sync`].

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::directory::UniqueId;

/// A unique id as sixteen bytes: those of its UUID, or of its hash where a directory's unique ids are plain text.
pub type Key = [u8; 16];

/// What our books say of an account, as one number. To find two contents that share one would take 2⁶⁴ tries.
pub type Fingerprint = [u8; 16];

/// The key of a unique id.
pub fn key(id: &str) -> Key {
    uuid::Uuid::parse_str(id).map_or_else(|_| fingerprint([Some(id)]), uuid::Uuid::into_bytes)
}

/// The unique id of a key that is a UUID's.
pub fn unique_id(key: &Key) -> UniqueId {
    UniqueId(uuid::Uuid::from_bytes(*key).to_string())
}

/// The fingerprint of fields in order. Each is told apart from its neighbours and from a field that is missing.
pub fn fingerprint<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> Fingerprint {
    let mut hash = Sha256::new();
    for field in fields {
        match field {
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
            None => hash.update([0]),
        }
    }
    let mut out = Fingerprint::default();
    for (to, from) in out.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    out
}

/// An account as our books have it.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub key: Key,
    /// `None` if it is to be written again whatever the directory shows: it had left, or was changed by other means.
    pub fingerprint: Option<Fingerprint>,
    /// Whether it leaves when the directory no longer shows it. Who was brought in by hand does not.
    pub may_leave: bool,
    /// The place of the sync item it belongs to.
    pub place: Place,
}

/// Where a sync item stands in the order, from 0.
pub type Place = u16;

/// The place of what belongs to no item: after all.
pub const NO_PLACE: Place = Place::MAX;

/// What one account that was read means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Unchanged,
    Changed,
    New,
    /// A known one seen before in this read; the first sight counts, because the first sync item does.
    Again,
}

/// A comparison under way.
pub struct Comparison {
    /// Sorted by key, each once.
    known: Vec<Kept>,
}

/// A known account, in 36 bytes.
struct Kept {
    key: Key,
    fingerprint: Fingerprint,
    place: Place,
    mark: Mark,
}

/// What is to be thought of a known account once everything has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Has left, unless it is met.
    Leaves,
    /// Does not leave, met or not.
    Stays,
    Met {
        may_leave: bool,
    },
    /// Nobody says that it has changed.
    Rests {
        may_leave: bool,
    },
    /// Nor that it is gone: it was told as being there.
    Present {
        may_leave: bool,
    },
}

/// Nothing is known to hash to this.
const NEVER: Fingerprint = [0; 16];

impl Comparison {
    /// With everybody we know of this directory, each once, in any order.
    pub fn new(known: impl IntoIterator<Item = Known>) -> Self {
        let mut resting = Self::resting(known);
        resting.touch_if(|_| true);
        resting
    }

    /// The same for a read of changes only: everybody stays as they are who is not touched.
    pub fn resting(known: impl IntoIterator<Item = Known>) -> Self {
        let kept = |Known { key, fingerprint, may_leave, place }| Kept {
            key,
            fingerprint: fingerprint.unwrap_or(NEVER),
            place,
            mark: Mark::Rests { may_leave },
        };
        let mut known: Vec<Kept> = known.into_iter().map(kept).collect();
        known.sort_unstable_by_key(|kept| kept.key);
        Self { known }
    }

    /// The account may have changed or left: it leaves, unless it is met.
    pub fn touch(&mut self, key: &Key) {
        if let Some(kept) = self.find(key) {
            kept.mark = kept.mark.touched();
        }
    }

    /// The same for all who belong to an item at such a place.
    pub fn touch_if(&mut self, place: impl Fn(Place) -> bool) {
        for kept in self.known.iter_mut().filter(|kept| place(kept.place)) {
            kept.mark = kept.mark.touched();
        }
    }

    /// The account is there as it was.
    pub fn present(&mut self, key: &Key) {
        if let Some(kept) = self.find(key)
            && let Mark::Rests { may_leave } = kept.mark
        {
            kept.mark = Mark::Present { may_leave };
        }
    }

    /// Of the items at such places, who is known and was neither touched nor told as present.
    pub fn absent(&self, place: impl Fn(Place) -> bool) -> impl Iterator<Item = Key> {
        let is_absent = move |kept: &&Kept| matches!(kept.mark, Mark::Rests { may_leave: true }) && place(kept.place);
        self.known.iter().filter(is_absent).map(|kept| kept.key)
    }

    pub fn knows(&self, key: &Key) -> bool {
        self.known.binary_search_by_key(key, |kept| kept.key).is_ok()
    }

    /// Who belongs to the item at this place, was touched and has not been met.
    pub fn unmet(&self, place: Place) -> impl Iterator<Item = Key> {
        let is_unmet = move |kept: &&Kept| kept.place == place && matches!(kept.mark, Mark::Leaves | Mark::Stays);
        self.known.iter().filter(is_unmet).map(|kept| kept.key)
    }

    /// Whether an account that nobody touched belongs to an item before this place, which therefore still shows it.
    pub fn belongs_before(&self, key: &Key, place: Place) -> bool {
        let at = self.known.binary_search_by_key(key, |kept| kept.key).ok();
        at.and_then(|at| self.known.get(at)).is_some_and(|kept| kept.mark.rests() && kept.place < place)
    }

    /// How many could leave.
    pub fn managed(&self) -> usize {
        self.known.iter().filter(|kept| kept.mark.may_leave()).count()
    }

    /// An account was read.
    pub fn meet(&mut self, key: &Key, fingerprint: &Fingerprint) -> Sight {
        let Some(kept) = self.find(key) else { return Sight::New };
        if matches!(kept.mark, Mark::Met { .. }) {
            return Sight::Again;
        }
        kept.mark = kept.mark.met();
        if kept.fingerprint == *fingerprint { Sight::Unchanged } else { Sight::Changed }
    }

    /// An account was read that cannot be taken over, but is there: it has not left.
    pub fn spare(&mut self, key: &Key) {
        if let Some(kept) = self.find(key) {
            kept.mark = kept.mark.met();
        }
    }

    /// The read was whole: a known account that was not in it has left. Never ask after half a read.
    pub fn has_left(&self, key: &Key) -> bool {
        let at = self.known.binary_search_by_key(key, |kept| kept.key).ok();
        at.and_then(|at| self.known.get(at)).is_some_and(|kept| kept.mark == Mark::Leaves)
    }

    fn find(&mut self, key: &Key) -> Option<&mut Kept> {
        let at = self.known.binary_search_by_key(key, |kept| kept.key).ok()?;
        self.known.get_mut(at)
    }
}

impl Mark {
    fn may_leave(self) -> bool {
        match self {
            Self::Leaves => true,
            Self::Stays => false,
            Self::Met { may_leave } | Self::Rests { may_leave } | Self::Present { may_leave } => may_leave,
        }
    }

    fn rests(self) -> bool {
        matches!(self, Self::Rests { .. } | Self::Present { .. })
    }

    fn touched(self) -> Self {
        match self {
            Self::Rests { may_leave: true } | Self::Present { may_leave: true } => Self::Leaves,
            Self::Rests { may_leave: false } | Self::Present { may_leave: false } => Self::Stays,
            Self::Leaves | Self::Stays | Self::Met { .. } => self,
        }
    }

    fn met(self) -> Self {
        Self::Met { may_leave: self.may_leave() }
    }
}

/// An account and the names it claims.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    pub id: &'a UniqueId,
    pub dn: &'a str,
    /// In comparison form.
    pub names: Vec<&'a str>,
}

/// An account that cannot be taken, because one of its names is another's too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contest {
    pub id: UniqueId,
    pub dn: String,
    pub name: String,
    /// The DN of the other.
    pub other: String,
}

/// Of accounts found that share a name neither is taken; nor is one that wants the name of an owner who keeps it.
/// `owners` are known accounts with the names they have now; those that were found too may give names up.
pub fn contested(owners: &[Claim<'_>], found: &[Claim<'_>]) -> Vec<Contest> {
    let mut bearers: HashMap<&str, Vec<&Claim<'_>>> = HashMap::new();
    for claim in found {
        for name in &claim.names {
            bearers.entry(name).or_default().push(claim);
        }
    }
    let contest = |claim: &Claim<'_>, name: &str, other: &Claim<'_>| Contest {
        id: claim.id.clone(),
        dn: claim.dn.to_owned(),
        name: name.to_owned(),
        other: other.dn.to_owned(),
    };
    let mut contests = vec![];
    let mut out: HashSet<&UniqueId> = HashSet::new();
    for claim in found {
        let rival = |name: &&str| bearers.get(*name)?.iter().copied().find(|other| other.id != claim.id);
        if let Some((name, other)) = claim.names.iter().find_map(|name| rival(name).map(|other| (name, other))) {
            contests.push(contest(claim, name, other));
            out.insert(claim.id);
        }
    }
    let by_id: HashMap<&UniqueId, &Claim<'_>> = found.iter().map(|claim| (claim.id, claim)).collect();
    let owners = owners.iter().flat_map(|owner| owner.names.iter().map(move |name| (*name, owner)));
    let owners: HashMap<&str, &Claim<'_>> = owners.collect();
    // Whoever is out keeps the old names, which may push out the next.
    loop {
        let before = out.len();
        for claim in found {
            if out.contains(claim.id) {
                continue;
            }
            let keeps = |name: &&str| {
                let owner = owners.get(name).filter(|owner| owner.id != claim.id)?;
                let renamed = by_id.get(owner.id).filter(|_| !out.contains(owner.id));
                let gives_up = renamed.is_some_and(|renamed| !renamed.names.contains(name));
                (!gives_up).then_some(*owner)
            };
            if let Some((name, owner)) = claim.names.iter().find_map(|name| keeps(name).map(|owner| (name, owner))) {
                contests.push(contest(claim, name, owner));
                out.insert(claim.id);
            }
        }
        if out.len() == before {
            return contests;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> UniqueId {
        UniqueId(uuid::Uuid::from_bytes([number; 16]).to_string())
    }

    type People = BTreeMap<u8, BTreeSet<u8>>;

    fn print(names: &BTreeSet<u8>) -> Fingerprint {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        fingerprint(names.iter().map(|name| Some(name.as_str())))
    }

    /// What people claim, owned.
    type Claimed = Vec<(UniqueId, String, Vec<String>)>;

    fn claimed(people: &People) -> Claimed {
        let claim = |(number, names): (&u8, &BTreeSet<u8>)| {
            (id(*number), number.to_string(), names.iter().map(ToString::to_string).collect())
        };
        people.iter().map(claim).collect()
    }

    fn claims(claimed: &Claimed) -> Vec<Claim<'_>> {
        claimed
            .iter()
            .map(|(id, dn, names)| Claim { id, dn, names: names.iter().map(String::as_str).collect() })
            .collect()
    }

    /// One run as the flow does it: who left gives names up, who is contested stays as before. Returns the changes.
    fn run(books: &mut People, directory: &People) -> usize {
        let known = |(number, names): (&u8, &BTreeSet<u8>)| Known {
            key: [*number; 16],
            fingerprint: Some(print(names)),
            may_leave: true,
            place: 0,
        };
        let mut comparison = Comparison::new(books.iter().map(known));
        let mut staged = People::new();
        for (number, names) in directory {
            match comparison.meet(&[*number; 16], &print(names)) {
                Sight::Changed | Sight::New => drop(staged.insert(*number, names.clone())),
                Sight::Unchanged | Sight::Again => {}
            }
        }
        let mut changes = 0;
        let before = books.len();
        books.retain(|number, _| !comparison.has_left(&[*number; 16]));
        changes += before - books.len();
        let (owners, found) = (claimed(books), claimed(&staged));
        let contests = contested(&claims(&owners), &claims(&found));
        let out: HashSet<UniqueId> = contests.into_iter().map(|contest| contest.id).collect();
        for (number, names) in staged {
            if !out.contains(&id(number)) {
                books.insert(number, names);
                changes += 1;
            }
        }
        changes
    }

    fn people() -> impl Strategy<Value = People> {
        prop::collection::btree_map(0_u8..12, prop::collection::btree_set(0_u8..16, 1..4), 0..12)
    }

    proptest! {
        #[test]
        fn applying_the_diff_twice_changes_nothing_and_no_name_means_two(books in people(), directory in people()) {
            let mut books = {
                let mut clean = People::new();
                run(&mut clean, &books);
                clean
            };
            run(&mut books, &directory);
            let names: Vec<u8> = books.values().flatten().copied().collect();
            prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            // Contested ones that kept a name may have freed it for the next; then it settles.
            for _ in 0..12 {
                run(&mut books, &directory);
            }
            let settled = books.clone();
            prop_assert_eq!(run(&mut books, &directory), 0);
            prop_assert_eq!(books, settled);
        }

        #[test]
        fn reading_only_what_has_changed_finds_what_reading_everything_finds(books in people(), directory in people(), more in 0_u8..12) {
            let known = |(number, names): (&u8, &BTreeSet<u8>)| Known {
                key: [*number; 16],
                fingerprint: Some(print(names)),
                may_leave: true,
                place: 0,
            };
            let found = |comparison: &mut Comparison, read: &dyn Fn(u8) -> bool| {
                let shown = directory.iter().filter(|(number, _)| read(**number));
                let sights = shown.map(|(number, names)| (*number, comparison.meet(&[*number; 16], &print(names))));
                let news: Vec<_> = sights.filter(|(_, sight)| *sight != Sight::Unchanged).collect();
                let left: Vec<u8> = books.keys().copied().filter(|number| comparison.has_left(&[*number; 16])).collect();
                (news, left)
            };
            let everything = found(&mut Comparison::new(books.iter().map(known)), &|_| true);
            // A directory may name more than has changed.
            let touched = |number: u8| books.get(&number) != directory.get(&number) || number == more;
            let mut resting = Comparison::resting(books.iter().map(known));
            (0..12).filter(|number| touched(*number)).for_each(|number| resting.touch(&[number; 16]));
            prop_assert_eq!(found(&mut resting, &touched), everything);
        }

        #[test]
        fn any_order_of_renames_moves_and_deletes_converges_to_the_directory(steps in prop::collection::vec(people(), 1..5)) {
            let mut books = People::new();
            let mut last = People::new();
            for mut step in steps {
                let mut used = BTreeSet::new();
                for names in step.values_mut() {
                    names.retain(|name| used.insert(*name));
                }
                run(&mut books, &step);
                last = step;
            }
            prop_assert_eq!(&books, &last, "a directory without duplicates is followed in one run");
            prop_assert_eq!(run(&mut books, &last), 0);
        }
    }

    #[test]
    fn who_was_brought_in_by_hand_never_leaves_and_who_had_left_is_written_again() {
        let print = [7; 16];
        let mut comparison = Comparison::new([
            Known { key: [1; 16], fingerprint: Some(print), may_leave: false, place: NO_PLACE },
            Known { key: [2; 16], fingerprint: None, may_leave: false, place: NO_PLACE },
            Known { key: [3; 16], fingerprint: Some(print), may_leave: true, place: 0 },
        ]);
        assert_eq!(comparison.managed(), 1);
        assert_eq!(comparison.meet(&[2; 16], &print), Sight::Changed);
        assert_eq!(comparison.meet(&[2; 16], &print), Sight::Again);
        assert_eq!(comparison.meet(&[4; 16], &print), Sight::New);
        let left: Vec<u8> = (1..=4).filter(|number| comparison.has_left(&[*number; 16])).collect();
        assert_eq!(left, [3]);
    }

    #[test]
    fn a_unique_id_of_plain_text_has_a_key_of_its_own() {
        assert_eq!(key("00000000-0000-0000-0000-000000000001")[15], 1);
        assert_ne!(key("e815"), key("e816"));
    }

    #[test]
    fn who_is_not_touched_stays_and_an_earlier_item_keeps_whom_a_later_one_shows_too() {
        let known =
            |number, place| Known { key: [number; 16], fingerprint: Some([number; 16]), may_leave: true, place };
        let mut comparison = Comparison::resting([known(1, 0), known(2, 0), known(3, 1), known(4, 2)]);
        assert_eq!(comparison.managed(), 4);
        comparison.touch(&[1; 16]);
        comparison.present(&[2; 16]);
        comparison.touch_if(|place| place == 1);
        assert_eq!(comparison.absent(|_| true).collect::<Vec<_>>(), [[4; 16]]);
        assert_eq!(comparison.absent(|place| place < 2).count(), 0);
        assert_eq!(comparison.unmet(1).collect::<Vec<_>>(), [[3; 16]]);
        assert!(comparison.belongs_before(&[2; 16], 1), "it rests at an earlier place");
        assert!(!comparison.belongs_before(&[4; 16], 1), "it rests at a later place");
        assert!(!comparison.belongs_before(&[1; 16], 1), "it was touched");
        assert_eq!(comparison.meet(&[4; 16], &[9; 16]), Sight::Changed, "a later item's account is taken over");
        let left: Vec<u8> = (1..=4).filter(|number| comparison.has_left(&[*number; 16])).collect();
        assert_eq!(left, [1, 3], "touched and not met");
        assert!(!comparison.knows(&[5; 16]));
    }

    #[test]
    fn a_million_known_accounts_take_less_than_forty_megabytes() {
        let each = size_of::<Kept>();
        assert!(each * 1_000_000 < 40_000_000, "{each} bytes each");
    }

    #[test]
    fn a_missing_field_an_empty_one_and_two_that_run_together_differ() {
        let all = [
            fingerprint([None, Some("a")]),
            fingerprint([Some(""), Some("a")]),
            fingerprint([Some("a"), None]),
            fingerprint([Some("a"), Some("")]),
            fingerprint([Some("a")]),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
