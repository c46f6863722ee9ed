//! Import: takes accounts of a directory into our books. Everything is read before anything is changed, so that half an
//! answer changes nothing and a name that two accounts share is seen.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::groups;
use crate::directory::{DirectoryClient, DirectoryFault, Search};
use crate::domain::directory::attributes::Field;
use crate::domain::directory::profile::{profile, profile_attributes};
use crate::domain::directory::state::{state, state_attributes};
use crate::domain::directory::{Directory, DirectoryKind, UniqueId};
use crate::domain::directory_diff::{Claim, Contest, contested};
use crate::domain::dn::Dn;
use crate::domain::name::{Folded, LoginName};
use crate::store::audit::Actor;
use crate::store::imports::Known;
use crate::store::users::{Found, Imported};
use crate::store::{Store, StoreFault};
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// Accounts written in one transaction.
const BATCH: usize = 500;
/// More than this is a wrong base, not a company.
const MOST: usize = 2_000_000;
const LONGEST: Duration = Duration::from_hours(1);

/// Which accounts.
pub struct Which {
    /// Where to look: the directory's base or an entry below it.
    pub base: Dn,
    pub filter: Filter,
}

/// What came of an import, or would come of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Accounts that matched.
    pub found: usize,
    pub added: Vec<Named>,
    pub updated: Vec<Named>,
    pub unchanged: usize,
    pub conflicts: Vec<Conflict>,
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Named {
    pub name: String,
    pub dn: String,
}

/// Two accounts that one name would mean. Neither is touched.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Conflict {
    /// In comparison form.
    pub name: String,
    pub dn: String,
    /// The other account with this name.
    pub other: String,
}

/// An account that cannot be a user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    pub dn: String,
    pub why: String,
}

/// Why an import did not take place. Accounts written before a database fault stay; a second run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    #[error(transparent)]
    Directory(#[from] DirectoryFault),
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Reads the directory and says what an import would do. `progress` hears how many accounts have been read.
pub async fn plan(
    store: &Store,
    client: &DirectoryClient,
    which: &Which,
    progress: impl FnMut(usize),
) -> Result<Plan, ImportFault> {
    let (found, skipped) = read(client, which, progress).await?;
    let known = store.known_accounts(client.directory().id).await?;
    let mut plan = compare(&known, found);
    plan.found += skipped.len();
    plan.skipped = skipped;
    Ok(plan)
}

/// What is to be done, not done yet.
#[derive(Debug, Default)]
pub struct Plan {
    found: usize,
    pub(super) added: Vec<Found>,
    pub(super) updated: Vec<Found>,
    unchanged: usize,
    pub(super) conflicts: Vec<Conflict>,
    skipped: Vec<Skipped>,
}

impl Plan {
    /// The report of an import that is not carried out.
    pub fn report(self) -> Report {
        let Self { found, added, updated, unchanged, conflicts, skipped } = self;
        let named =
            |found: Vec<Found>| found.into_iter().map(|found| Named { name: found.name, dn: found.dn }).collect();
        Report { found, added: named(added), updated: named(updated), unchanged, conflicts, skipped }
    }

    /// Does it. `progress` hears how many accounts have been written.
    pub async fn carry_out(
        self,
        store: &Store,
        directory: &Directory,
        by: &Actor,
        mut progress: impl FnMut(usize),
    ) -> Result<Report, ImportFault> {
        let Self { found, added, updated, unchanged, conflicts, skipped } = self;
        let mut report = Report { found, unchanged, conflicts, skipped, ..Report::default() };
        // Those who give up a name come before those who take one.
        let mut waiting: Vec<Found> = updated.into_iter().chain(added).collect();
        let mut written = 0;
        loop {
            let mut refused = vec![];
            let before = waiting.len();
            while !waiting.is_empty() {
                let batch: Vec<Found> = waiting.drain(..waiting.len().min(BATCH)).collect();
                let results = store.import_users(directory.id, &batch, by).await?;
                for (account, result) in batch.into_iter().zip(results) {
                    let named = Named { name: account.name.clone(), dn: account.dn.clone() };
                    match result {
                        Imported::Added => report.added.push(named),
                        Imported::Updated => report.updated.push(named),
                        Imported::Unchanged => report.unchanged += 1,
                        Imported::NameTaken { name } => {
                            refused.push((account, name));
                            continue;
                        }
                    }
                    written += 1;
                }
                progress(written);
            }
            // A chain of renames needs a round for each link; a ring of them never resolves.
            if refused.is_empty() || refused.len() == before {
                report.conflicts.extend(refused.into_iter().map(|(account, name)| Conflict {
                    name,
                    dn: account.dn,
                    other: "a user who has it still".to_owned(),
                }));
                return Ok(report);
            }
            waiting = refused.into_iter().map(|(account, _)| account).collect();
        }
    }
}

async fn read(
    client: &DirectoryClient,
    which: &Which,
    mut progress: impl FnMut(usize),
) -> Result<(Vec<Found>, Vec<Skipped>), DirectoryFault> {
    let directory = client.directory();
    let base = which.base.to_string();
    let attributes = attributes(directory);
    let search =
        Search { base: &base, scope: Scope::Subtree, filter: &which.filter, attributes: &attributes, limit: MOST };
    let (mut found, mut skipped) = (vec![], vec![]);
    let mut pages = client.search_paged(&search, directory.page_size.get().into(), Instant::now() + LONGEST).await?;
    while let Some(entries) = pages.next().await? {
        for entry in entries {
            match account(directory, &entry) {
                Ok(account) => found.push(account),
                Err(why) => skipped.push(Skipped { dn: entry.dn, why }),
            }
        }
        progress(pages.count());
    }
    Ok((found, skipped))
}

/// What [`account`] looks at.
pub(super) fn attributes(directory: &Directory) -> Vec<&str> {
    let mut attributes = vec![directory.unique_id_attribute()];
    attributes.extend(directory.user_name_attributes());
    attributes.extend(directory.at_attributes());
    attributes.extend(profile_attributes(directory));
    attributes.extend(directory.attributes.names(directory.kind, &Field::Groups));
    attributes.extend(groups::primary_attributes(directory.kind));
    attributes.extend(state_attributes(directory.kind));
    // Some are asked for twice over; a server may refuse that.
    let mut seen = HashSet::new();
    attributes.retain(|name| seen.insert(name.to_ascii_lowercase()));
    attributes
}

/// An entry as one of ours, or why it cannot be one.
pub(super) fn account(directory: &Directory, entry: &Entry) -> Result<Found, String> {
    let id = directory.unique_id_attribute();
    let unique_id = entry.value(id).and_then(|value| directory.unique_id(value));
    let unique_id = unique_id.ok_or_else(|| format!("it shows our account no {id}"))?;
    let logins = directory.user_name_attributes();
    let called = logins.iter().find_map(|login| entry.text(login).map(|name| (*login, name.to_owned())));
    let (login, name) = called.ok_or_else(|| format!("it has no {}", logins.join(" and no ")))?;
    let mut names = vec![
        LoginName::parse(&name).map_err(|fault| format!("its {login} is no login name: {fault}"))?.folded(),
        Dn::parse(&entry.dn).map_err(|fault| fault.to_string())?.folded(),
    ];
    let more = entry.values(login).iter().skip(1).filter_map(|value| login_name(value));
    names.extend(more.map(|name| name.folded()));
    if let (DirectoryKind::ActiveDirectory, Some(domain)) = (directory.kind, &directory.domain) {
        names.extend(LoginName::parse(&format!("{domain}\\{name}")).ok().map(|name| name.folded()));
    }
    for attribute in directory.at_attributes() {
        // What is called an address but has none of its form could be somebody else's account name.
        let addresses = entry.values(attribute).iter().filter_map(|value| login_name(value));
        names.extend(addresses.filter(|name| matches!(name, LoginName::Upn { .. })).map(|name| name.folded()));
    }
    names.sort_unstable();
    names.dedup();
    let profile = profile(directory, |name| entry.values(name)).0;
    let (member_of, primary_group) = groups::named(directory, entry)?;
    let state = state(directory.kind, |name| entry.values(name));
    Ok(Found { unique_id, name, dn: entry.dn.clone(), profile, state, member_of, primary_group, names })
}

fn login_name(value: &[u8]) -> Option<LoginName> {
    std::str::from_utf8(value).ok().and_then(|text| LoginName::parse(text).ok())
}

/// Decides what becomes of each account found.
pub(super) fn compare(known: &[Known], found: Vec<Found>) -> Plan {
    let count = found.len();
    // Changes during the search may show an entry on two pages; the later sight counts.
    let mut latest: HashMap<UniqueId, Found> = HashMap::new();
    for account in found {
        latest.insert(account.unique_id.clone(), account);
    }
    let mut found: Vec<Found> = latest.into_values().collect();
    found.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.dn.cmp(&b.dn)));
    let conflicts = conflicts(known, &found);
    let out: HashSet<&str> = conflicts.iter().map(|conflict| conflict.dn.as_str()).collect();
    found.retain(|account| !out.contains(account.dn.as_str()));
    let known: HashMap<&UniqueId, &Known> = known.iter().map(|known| (&known.unique_id, known)).collect();
    let mut plan = Plan { found: count, ..Plan::default() };
    for account in found {
        match known.get(&account.unique_id) {
            None => plan.added.push(account),
            Some(known) if is_same(known, &account) => plan.unchanged += 1,
            Some(_) => plan.updated.push(account),
        }
    }
    plan.conflicts = conflicts;
    plan
}

fn is_same(known: &Known, found: &Found) -> bool {
    known.name == found.name
        && known.dn == found.dn
        && known.profile == found.profile
        && known.member_of.iter().map(String::as_str).eq(found.member_of.iter().map(Folded::as_str))
        && known.primary_group == found.primary_group
        && known.state == found.state
        && known.names.iter().map(String::as_str).eq(found.names.iter().map(Folded::as_str))
}

/// Accounts that share a name with another one found, or with a known one that keeps it.
fn conflicts<'a>(known: &'a [Known], found: &'a [Found]) -> Vec<Conflict> {
    let owner = |known: &'a Known| Claim {
        id: &known.unique_id,
        dn: &known.dn,
        names: known.names.iter().map(String::as_str).collect(),
    };
    let claim = |found: &'a Found| Claim {
        id: &found.unique_id,
        dn: &found.dn,
        names: found.names.iter().map(Folded::as_str).collect(),
    };
    let owners: Vec<Claim> = known.iter().map(owner).collect();
    let found: Vec<Claim> = found.iter().map(claim).collect();
    let contests = contested(&owners, &found).into_iter();
    contests.map(|Contest { name, dn, other, .. }| Conflict { name, dn, other }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::directory::attributes::AttributeName;
    use crate::domain::directory::profile::Profile;
    use crate::domain::directory::state::AccountState;
    use crate::domain::fixture;
    use crate::domain::name::fold;

    fn found(id: &str, names: &[&str]) -> Found {
        let mut folded: Vec<Folded> = names.iter().map(|name| LoginName::parse(name).unwrap().folded()).collect();
        folded.sort_unstable();
        let dn = format!("uid={},dc=x", names[0]);
        let (profile, state) = (Profile::default(), AccountState::ENABLED);
        let (unique_id, member_of, primary_group) = (UniqueId(id.into()), vec![], None);
        Found { unique_id, name: names[0].into(), dn, profile, state, member_of, primary_group, names: folded }
    }

    fn known(id: &str, names: &[&str]) -> Known {
        let Found { unique_id, name, dn, profile, state, names, .. } = found(id, names);
        let names = names.into_iter().map(Folded::into_string).collect();
        Known { unique_id, name, dn, profile, state, member_of: vec![], primary_group: None, names }
    }

    /// Added, updated, unchanged, and the conflicts as (name, DN).
    type Summary<'a> = (Vec<&'a str>, Vec<&'a str>, usize, Vec<(&'a str, &'a str)>);

    fn summary(plan: &Plan) -> Summary<'_> {
        (
            plan.added.iter().map(|found| found.name.as_str()).collect(),
            plan.updated.iter().map(|found| found.name.as_str()).collect(),
            plan.unchanged,
            plan.conflicts.iter().map(|conflict| (conflict.name.as_str(), conflict.dn.as_str())).collect(),
        )
    }

    #[test]
    fn new_accounts_are_added_renamed_ones_updated_and_the_rest_left_alone() {
        let books = [known("1", &["alice"]), known("2", &["bob"])];
        let plan = compare(&books, vec![found("1", &["alice"]), found("2", &["robert"]), found("3", &["carol"])]);
        assert_eq!(summary(&plan), (vec!["carol"], vec!["robert"], 1, vec![]));
    }

    #[test]
    fn of_two_accounts_with_one_name_neither_is_taken() {
        let plan = compare(
            &[],
            vec![found("1", &["alice", "a@x.org"]), found("2", &["bob", "A@X.ORG"]), found("3", &["carol"])],
        );
        assert_eq!(
            summary(&plan),
            (vec!["carol"], vec![], 0, vec![("a@x.org", "uid=alice,dc=x"), ("a@x.org", "uid=bob,dc=x")])
        );
    }

    #[test]
    fn a_name_that_a_known_user_keeps_is_not_given_to_another() {
        let plan = compare(&[known("1", &["alice"])], vec![found("2", &["alice"])]);
        assert_eq!(summary(&plan), (vec![], vec![], 0, vec![("alice", "uid=alice,dc=x")]));
    }

    #[test]
    fn a_name_that_is_given_up_in_the_same_import_is_free() {
        let books = [known("1", &["alice"])];
        let plan = compare(&books, vec![found("1", &["alicia"]), found("2", &["alice"])]);
        assert_eq!(summary(&plan), (vec!["alice"], vec!["alicia"], 0, vec![]));
    }

    #[test]
    fn whoever_may_not_change_keeps_the_old_name_from_others() {
        // 1 would become bob, who exists and is not found; so 1 stays alice, and 2 cannot become alice.
        let books = [known("1", &["alice"]), known("9", &["bob"])];
        let plan = compare(&books, vec![found("1", &["bob"]), found("2", &["alice"])]);
        assert_eq!(summary(&plan), (vec![], vec![], 0, vec![("bob", "uid=bob,dc=x"), ("alice", "uid=alice,dc=x")]));
    }

    fn directory(kind: DirectoryKind) -> Directory {
        Directory { domain: Some("CORP".into()), ..fixture::directory(kind) }
    }

    fn entry(attributes: &[(&str, &[&[u8]])]) -> Entry {
        let attributes = attributes
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| value.to_vec()).collect::<Vec<_>>()));
        Entry { dn: "CN=Alice A,DC=x".into(), attributes: attributes.collect() }
    }

    const UUID: &[u8] = b"00112233-4455-6677-8899-aabbccddeeff";

    #[test]
    fn an_account_of_active_directory_is_known_by_five_names() {
        let alice = entry(&[
            ("objectGUID", &[&[7; 16]]),
            ("sAMAccountName", &[b"Alice"]),
            ("userPrincipalName", &[b"alice@corp.example"]),
            ("mail", &[b"Alice.A@example.org"]),
        ]);
        let alice = account(&directory(DirectoryKind::ActiveDirectory), &alice).unwrap();
        let names: Vec<&str> = alice.names.iter().map(Folded::as_str).collect();
        assert_eq!(names, ["alice", "alice.a@example.org", "alice@corp.example", "cn=alice a,dc=x", r"corp\alice"]);
        assert_eq!((alice.name.as_str(), alice.profile.mail.as_deref()), ("Alice", Some("Alice.A@example.org")));
    }

    #[test]
    fn an_account_of_openldap_is_known_by_every_uid_and_mail_address() {
        let alice =
            entry(&[("entryUUID", &[UUID]), ("uid", &[b"alice", b"aa"]), ("mail", &[b"a@x.org", b"bob", b"\xff"])]);
        let alice = account(&directory(DirectoryKind::OpenLdap), &alice).unwrap();
        let names: Vec<&str> = alice.names.iter().map(Folded::as_str).collect();
        assert_eq!(names, ["a@x.org", "aa", "alice", "cn=alice a,dc=x"], "a mail address without @ names nobody");
        assert_eq!(fold("ALICE").unwrap(), alice.names[2]);
    }

    #[test]
    fn an_account_is_read_by_the_directorys_own_attributes() {
        let mut directory = directory(DirectoryKind::OpenLdap);
        let named = |names: &[&str]| names.iter().map(|name| AttributeName::parse(name).unwrap()).collect();
        directory.attributes.set(Field::UserName, named(&["uid", "employeeNumber"]));
        directory.attributes.set(Field::Mail, named(&["mailLocalAddress"]));
        let wanted = ["entryUUID", "uid", "employeeNumber", "mailLocalAddress"];
        assert_eq!(attributes(&directory)[..4], wanted);
        let bob = entry(&[
            ("entryUUID", &[UUID]),
            ("employeeNumber", &[b"E815"]),
            ("mailLocalAddress", &[b"not an address", b"bob@x.org"]),
            ("mail", &[b"other@x.org"]),
        ]);
        let bob = account(&directory, &bob).unwrap();
        let names: Vec<&str> = bob.names.iter().map(Folded::as_str).collect();
        assert_eq!(names, ["bob@x.org", "cn=alice a,dc=x", "e815"]);
        assert_eq!((bob.name.as_str(), bob.profile.mail.as_deref()), ("E815", Some("bob@x.org")));
    }

    #[test]
    fn an_account_without_identity_or_name_is_skipped_with_the_reason() {
        let why = |attributes: &[(&str, &[&[u8]])]| {
            account(&directory(DirectoryKind::OpenLdap), &entry(attributes)).unwrap_err()
        };
        assert!(why(&[("uid", &[b"alice"])]).contains("entryUUID"));
        assert!(why(&[("entryUUID", &[UUID])]).contains("uid"));
        assert!(why(&[("entryUUID", &[UUID]), ("uid", &[b"a\\b\\c"])]).contains("no login name"));
    }
}
