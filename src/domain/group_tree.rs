//! Groups within groups: which groups lie above a group, however many steps away.
//!
//! A loop of groups is legal in every directory and ends here by itself. A limit names the group that passed it and yields
//! nothing: half a closure would take memberships away without a word.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most steps from a group to one above it, by the shortest way.
    pub depth: usize,
    /// Most pairs of a group and one above it.
    pub pairs: usize,
}

/// A directory that nests deeper, or wider, is a mistake or wants our memory (SECURITY R12).
pub const LIMITS: Limits = Limits { depth: 64, pairs: 2_000_000 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TreeFault<G> {
    /// A group is nested in this one over more steps than the limit.
    TooDeep { above: G, limit: usize },
    /// With those of this group there are more pairs than the limit.
    TooMany { of: G, limit: usize },
}

/// For each group that is a member of another, every group above it; itself is not. `edges` are direct memberships:
/// (member, group).
pub fn above<G: Copy + Eq + Hash>(edges: &[(G, G)], limits: Limits) -> Result<Vec<(G, G)>, TreeFault<G>> {
    let mut holders: HashMap<G, Vec<G>> = HashMap::new();
    for (member, group) in edges {
        holders.entry(*member).or_default().push(*group);
    }
    let mut pairs = vec![];
    for start in holders.keys() {
        // Breadth first: the depth of a group is its shortest way, and each is visited once.
        let mut seen = HashSet::from([*start]);
        let mut next = VecDeque::from([(*start, 0)]);
        while let Some((group, depth)) = next.pop_front() {
            for holder in holders.get(&group).into_iter().flatten() {
                if !seen.insert(*holder) {
                    continue;
                }
                if depth == limits.depth {
                    return Err(TreeFault::TooDeep { above: *holder, limit: limits.depth });
                }
                if pairs.len() == limits.pairs {
                    return Err(TreeFault::TooMany { of: *start, limit: limits.pairs });
                }
                pairs.push((*start, *holder));
                next.push_back((*holder, depth + 1));
            }
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn all(edges: &[(u8, u8)]) -> BTreeSet<(u8, u8)> {
        above(edges, LIMITS).unwrap().into_iter().collect()
    }

    #[test]
    fn a_group_is_in_every_group_above() {
        assert_eq!(all(&[(1, 2), (2, 3)]), BTreeSet::from([(1, 2), (1, 3), (2, 3)]));
    }

    #[test]
    fn a_loop_of_groups_ends() {
        assert_eq!(all(&[(1, 2), (2, 1), (1, 1)]), BTreeSet::from([(1, 2), (2, 1)]));
    }

    #[test]
    fn a_limit_names_the_group_and_cuts_nothing() {
        let edges = [(1, 2), (2, 3), (3, 4)];
        let with = |depth, pairs| above(&edges, Limits { depth, pairs });
        assert_eq!(with(2, 100), Err(TreeFault::TooDeep { above: 4, limit: 2 }));
        assert!(matches!(with(100, 5), Err(TreeFault::TooMany { limit: 5, .. })));
        assert_eq!(with(3, 6).unwrap().len(), 6);
    }

    /// Reachability by adding pairs until nothing changes: slow, and plainly right.
    fn reachable(edges: &[(u8, u8)]) -> BTreeSet<(u8, u8)> {
        let mut found: BTreeSet<(u8, u8)> = edges.iter().copied().collect();
        loop {
            let more: Vec<(u8, u8)> = found
                .iter()
                .flat_map(|(from, by)| {
                    edges.iter().filter(move |(next, _)| next == by).map(move |(_, to)| (*from, *to))
                })
                .collect();
            let before = found.len();
            found.extend(more);
            if found.len() == before {
                return found.into_iter().filter(|(from, to)| from != to).collect();
            }
        }
    }

    proptest! {
        #[test]
        fn the_closure_is_what_can_be_reached_in_whatever_order_it_is_read(
            mut edges in prop::collection::vec((0_u8..10, 0_u8..10), 0..40),
        ) {
            let found = all(&edges);
            prop_assert_eq!(&found, &reachable(&edges));
            edges.reverse();
            prop_assert_eq!(all(&edges), found);
        }
    }
}
