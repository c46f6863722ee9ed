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
    /// Most direct memberships of groups in groups.
    pub edges: usize,
    /// Most pairs of a group and one above it.
    pub pairs: usize,
    /// Most direct memberships walked over, each as often as it is met.
    pub steps: usize,
}

/// A directory that nests deeper, or wider, is a mistake or wants our memory or time (SECURITY R12).
pub const LIMITS: Limits = Limits { depth: 64, edges: 1_000_000, pairs: 1_000_000, steps: 20_000_000 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TreeFault<G> {
    /// A group is nested in this one over more steps than the limit.
    TooDeep { above: G, limit: usize },
    /// With this group there are more memberships, pairs or steps than the limit.
    TooMany { of: G, limit: usize },
}

/// For each group that is a member of another, every group above it; itself is not. `edges` are direct memberships:
/// (member, group).
pub fn above<G: Copy + Eq + Hash>(edges: &[(G, G)], limits: Limits) -> Result<Vec<(G, G)>, TreeFault<G>> {
    if let Some((_, group)) = edges.get(limits.edges) {
        return Err(TreeFault::TooMany { of: *group, limit: limits.edges });
    }
    let mut holders: HashMap<G, Vec<G>> = HashMap::new();
    for (member, group) in edges {
        holders.entry(*member).or_default().push(*group);
    }
    let (mut pairs, mut steps) = (vec![], 0);
    for start in holders.keys() {
        // Breadth first: the depth of a group is its shortest way, and each is visited once.
        let mut seen = HashSet::from([*start]);
        let mut next = VecDeque::from([(*start, 0)]);
        while let Some((group, depth)) = next.pop_front() {
            for holder in holders.get(&group).into_iter().flatten() {
                if steps == limits.steps {
                    return Err(TreeFault::TooMany { of: *start, limit: limits.steps });
                }
                steps += 1;
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
        let wide = Limits { depth: 3, edges: 3, pairs: 6, steps: 6 };
        assert_eq!(above(&edges, wide).unwrap().len(), 6);
        let with = |limits| above(&edges, limits).unwrap_err();
        assert_eq!(with(Limits { depth: 2, ..wide }), TreeFault::TooDeep { above: 4, limit: 2 });
        assert_eq!(with(Limits { edges: 2, ..wide }), TreeFault::TooMany { of: 4, limit: 2 });
        assert!(matches!(with(Limits { pairs: 5, ..wide }), TreeFault::TooMany { limit: 5, .. }));
        assert!(matches!(with(Limits { steps: 5, ..wide }), TreeFault::TooMany { limit: 5, .. }));
    }

    #[test]
    fn groups_that_all_hold_each_other_cost_no_more_than_the_limit() {
        let all: Vec<u32> = (0..900).collect();
        let edges: Vec<(u32, u32)> = all.iter().flat_map(|from| all.iter().map(|to| (*from, *to))).collect();
        assert!(matches!(above(&edges, LIMITS), Err(TreeFault::TooMany { limit: 20_000_000, .. })));
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
