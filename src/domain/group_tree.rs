//! Who is in which group once groups within groups are followed: direct memberships in, the closure out.
//!
//! Names are compared in the form of [`super::dn`]; what is read from a directory, and how, is left to the caller.
//! A loop of groups is legal in every directory and ends here by itself. A limit is reported by the name of the group or
//! account that passed it and yields no closure: half a closure would take memberships away without a word.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A member value of a group. Both hold comparison forms.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Member {
    /// `member`, `uniqueMember`: the DN of an account or of another group.
    Dn(String),
    /// `memberUid` (RFC 2307 §5.3): an account's login name; never a group.
    Uid(String),
}

/// A group and its direct members.
#[derive(Clone, Debug)]
pub struct Group {
    /// For people, in faults only.
    pub name: String,
    pub dn: String,
    pub members: Vec<Member>,
}

/// An account that may be in groups.
#[derive(Clone, Debug)]
pub struct Account {
    pub dn: String,
    pub uids: Vec<String>,
    /// DNs of groups that the account itself names: `memberOf`, the primary group. Unknown ones are passed over: they lie
    /// outside what was read.
    pub named: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most steps from an account to a group, by the shortest way; a direct membership is one.
    pub depth: usize,
    /// Most groups of one account, nested ones included.
    pub groups_per_account: usize,
    /// Most direct memberships read, over all groups and accounts.
    pub edges: usize,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TreeFault {
    #[error("group {group} is nested more than {limit} levels above account {account}; nothing was changed")]
    TooDeep { account: String, group: String, limit: usize },
    #[error("account {account} is in more than {limit} groups; nothing was changed")]
    TooManyGroups { account: String, limit: usize },
    #[error("with group or account {at} there are more than {limit} memberships; nothing was changed")]
    TooManyEdges { at: String, limit: usize },
    #[error("two groups have the DN {dn}; nothing was changed")]
    SameDn { dn: String },
}

/// For each account, by its DN, the DNs of all its groups. An account without a group has an empty set.
pub type Closure = BTreeMap<String, BTreeSet<String>>;

/// The closure of direct memberships. The order of groups, members and accounts makes no difference to it.
pub fn closure(groups: &[Group], accounts: &[Account], limits: Limits) -> Result<Closure, TreeFault> {
    let known = by_dn(groups)?;
    within(groups, accounts, limits.edges)?;
    let mut holders: HashMap<&Member, Vec<&Group>> = HashMap::new();
    for group in groups {
        for member in &group.members {
            holders.entry(member).or_default().push(group);
        }
    }
    let mut all = Closure::new();
    for account in accounts {
        let mut direct: Vec<&Group> = account.named.iter().filter_map(|dn| known.get(dn.as_str()).copied()).collect();
        let names = account.uids.iter().cloned().map(Member::Uid);
        for name in names.chain([Member::Dn(account.dn.clone())]) {
            direct.extend(holders.get(&name).into_iter().flatten());
        }
        all.insert(account.dn.clone(), above(account, direct, &holders, limits)?);
    }
    Ok(all)
}

/// Breadth first, so that the depth of a group is its shortest way and each group is visited once.
fn above(
    account: &Account,
    direct: Vec<&Group>,
    holders: &HashMap<&Member, Vec<&Group>>,
    limits: Limits,
) -> Result<BTreeSet<String>, TreeFault> {
    let mut found = BTreeSet::new();
    let mut next: VecDeque<(&Group, usize)> = direct.into_iter().map(|group| (group, 1)).collect();
    while let Some((group, depth)) = next.pop_front() {
        if !found.insert(group.dn.clone()) {
            continue;
        }
        let account = || account.dn.clone();
        if depth > limits.depth {
            return Err(TreeFault::TooDeep { account: account(), group: group.name.clone(), limit: limits.depth });
        }
        if found.len() > limits.groups_per_account {
            return Err(TreeFault::TooManyGroups { account: account(), limit: limits.groups_per_account });
        }
        let parents = holders.get(&Member::Dn(group.dn.clone())).into_iter().flatten();
        next.extend(parents.map(|parent| (*parent, depth + 1)));
    }
    Ok(found)
}

fn by_dn(groups: &[Group]) -> Result<HashMap<&str, &Group>, TreeFault> {
    let mut known = HashMap::new();
    for group in groups {
        if known.insert(group.dn.as_str(), group).is_some() {
            return Err(TreeFault::SameDn { dn: group.dn.clone() });
        }
    }
    Ok(known)
}

fn within(groups: &[Group], accounts: &[Account], limit: usize) -> Result<(), TreeFault> {
    let groups = groups.iter().map(|group| (&group.name, group.members.len()));
    let accounts = accounts.iter().map(|account| (&account.dn, account.named.len()));
    let mut edges = 0_usize;
    for (at, more) in groups.chain(accounts) {
        edges = edges.saturating_add(more);
        if edges > limit {
            return Err(TreeFault::TooManyEdges { at: at.clone(), limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDE: Limits = Limits { depth: 32, groups_per_account: 1_000, edges: 100_000 };

    fn group(name: &str, members: &[&str]) -> Group {
        let members = members.iter().map(|dn| Member::Dn((*dn).to_owned())).collect();
        Group { name: name.to_owned(), dn: name.to_owned(), members }
    }

    fn account(dn: &str) -> Account {
        Account { dn: dn.to_owned(), uids: vec![], named: vec![] }
    }

    fn of(groups: &[Group], account: Account) -> Vec<String> {
        let all = closure(groups, &[account], WIDE).unwrap();
        all.into_values().flatten().collect()
    }

    #[test]
    fn a_member_of_a_nested_group_is_in_every_group_above() {
        let tree = [group("vpn", &["staff"]), group("staff", &["engineering"]), group("engineering", &["alice"])];
        assert_eq!(of(&tree, account("alice")), ["engineering", "staff", "vpn"]);
    }

    #[test]
    fn a_loop_of_groups_ends() {
        let tree = [group("a", &["b", "alice", "a"]), group("b", &["a"])];
        assert_eq!(of(&tree, account("alice")), ["a", "b"]);
    }

    #[test]
    fn a_group_named_like_a_uid_is_not_that_account() {
        let posix = Group { members: vec![Member::Uid("b".to_owned())], ..group("a", &[]) };
        let tree = [posix, group("b", &["alice"])];
        assert_eq!(of(&tree, account("alice")), ["b"]);
        assert_eq!(of(&tree, Account { uids: vec!["b".to_owned()], ..account("bob") }), ["a"]);
    }

    #[test]
    fn a_limit_is_reported_by_name_and_cuts_nothing() {
        let tree = [group("b", &["a"]), group("a", &["alice"])];
        let with = |limits| closure(&tree, &[account("alice")], limits).unwrap_err();
        let alice = || "alice".to_owned();
        let deep = TreeFault::TooDeep { account: alice(), group: "b".to_owned(), limit: 1 };
        assert_eq!(with(Limits { depth: 1, ..WIDE }), deep);
        let many = TreeFault::TooManyGroups { account: alice(), limit: 1 };
        assert_eq!(with(Limits { groups_per_account: 1, ..WIDE }), many);
        assert_eq!(with(Limits { edges: 1, ..WIDE }), TreeFault::TooManyEdges { at: "a".to_owned(), limit: 1 });
    }

    /// Groups `g0..g7` and accounts `u0..u3`; an edge says that the second is a direct member of the first.
    fn tree(edges: &[(usize, usize)]) -> (Vec<Group>, Vec<Account>) {
        let groups = (0..8).map(|at| {
            let members = edges.iter().filter(|(holder, _)| *holder == at).map(|(_, member)| node(*member));
            Group { members: members.map(Member::Dn).collect(), ..group(&node(at), &[]) }
        });
        (groups.collect(), (8..12).map(|at| account(&node(at))).collect())
    }

    fn node(at: usize) -> String {
        if at < 8 { format!("g{at}") } else { format!("u{}", at - 8) }
    }

    /// Reachability by adding edges until nothing changes: slow, and plainly right.
    fn reachable(edges: &[(usize, usize)], from: usize) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        loop {
            let before = found.len();
            for (holder, member) in edges {
                if *member == from || found.contains(member) {
                    found.insert(*holder);
                }
            }
            if found.len() == before {
                return found.into_iter().map(node).collect();
            }
        }
    }

    proptest! {
        #[test]
        fn the_closure_is_what_can_be_reached(edges in prop::collection::vec((0_usize..8, 0_usize..12), 0..40)) {
            let (groups, accounts) = tree(&edges);
            let all = closure(&groups, &accounts, WIDE).unwrap();
            for at in 8..12 {
                prop_assert_eq!(&all[&node(at)], &reachable(&edges, at));
            }
        }

        #[test]
        fn the_order_of_what_is_read_makes_no_difference(
            edges in prop::collection::vec((0_usize..8, 0_usize..12), 0..40),
        ) {
            let (mut groups, mut accounts) = tree(&edges);
            let all = closure(&groups, &accounts, WIDE);
            groups.reverse();
            accounts.reverse();
            for group in &mut groups {
                group.members.reverse();
            }
            prop_assert_eq!(closure(&groups, &accounts, WIDE), all);
        }
    }
}
