//! The groups of a directory, followed at the end of a run. What changed is written group by group; then the closure is
//! worked out anew, if a group or an account changed. A reading that was not whole takes nothing away.

use tokio::time::Instant;

use super::sync::SyncFault;
use crate::directory::{DirectoryClient, Search};
use crate::domain::directory::attributes::Field;
use crate::domain::directory::{Directory, DirectoryKind};
use crate::domain::directory_diff;
use crate::domain::dn::Dn;
use crate::domain::group_tree::{self, LIMITS, TreeFault};
use crate::domain::ids::GroupId;
use crate::domain::name::{Folded, LoginName, fold};
use crate::store::Store;
use crate::store::groups::FoundGroup;
use crate::store::sync_writes::Run;
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// More groups than this are a wrong filter, not a company.
const MOST: usize = 500_000;
/// Groups, and members of groups, written in one transaction.
const BATCH: usize = 500;
const BATCH_MEMBERS: usize = 50_000;
/// Groups one account names itself; Active Directory lets nobody sign in with more than 1,015.
const MOST_NAMED: usize = 2_000;

/// What came of it.
#[derive(Debug, Default)]
pub struct Followed {
    /// Groups added, changed or removed.
    pub changed: u64,
    /// Why nothing was taken away, if the reading was not whole.
    pub partial: Option<String>,
}

/// Reads all groups below the directory's base and brings our books up to date.
pub async fn follow(
    store: &Store,
    client: &DirectoryClient,
    run: Run<'_>,
    deadline: Instant,
) -> Result<Followed, SyncFault> {
    let directory = client.directory();
    let mut known = store.known_groups(directory.id).await?;
    let knew = known.len();
    let text = directory.group_filter();
    let filter = Filter::parse(text).map_err(|fault| SyncFault::Groups(format!("the filter {text}: {fault}")))?;
    let id = directory.unique_id_attribute();
    let attributes = [id, "cn", "member", "uniqueMember", "memberUid", "gidNumber", "objectSid"];
    let search = Search {
        base: &directory.base_dn,
        scope: Scope::Subtree,
        filter: &filter,
        attributes: &attributes,
        limit: MOST,
    };
    let mut followed = Followed::default();
    let (mut batch, mut members, mut shown) = (vec![], 0, 0_usize);
    let mut pages = client.search_paged(&search, directory.page_size.get().into(), deadline).await?;
    while let Some(entries) = pages.next().await? {
        for entry in &entries {
            let Some(unique_id) = entry.value(id).and_then(|value| directory.unique_id(value)) else {
                let why = || format!("group {} shows our account no {id}", entry.dn);
                followed.partial.get_or_insert_with(why);
                continue;
            };
            shown += 1;
            // What is there has not gone, even if it cannot be used.
            let before = known.remove(&directory_diff::key(&unique_id.0));
            let group = match group(directory, unique_id.0, entry) {
                Ok(group) => group,
                Err(why) => {
                    tracing::info!(dn = entry.dn, why, "a group cannot be used");
                    continue;
                }
            };
            if before.is_some_and(|(_, fingerprint)| fingerprint == group.fingerprint) {
                continue;
            }
            followed.changed += 1;
            members += group.members.len();
            batch.push(group);
            if batch.len() >= BATCH || members >= BATCH_MEMBERS {
                store.write_groups(run, &batch).await?;
                batch.clear();
                members = 0;
            }
        }
    }
    if directory.kind == DirectoryKind::OpenLdap && pages.references() > 0 {
        followed.partial.get_or_insert_with(|| "some groups are on other servers".to_owned());
    }
    if shown == 0 && knew > 0 {
        return Err(SyncFault::Groups(format!(
            "{text} shows no group, and {knew} are known; an empty answer removes none"
        )));
    }
    if !batch.is_empty() {
        store.write_groups(run, &batch).await?;
    }
    if followed.partial.is_none() && !known.is_empty() {
        let gone: Vec<GroupId> = known.into_values().map(|(id, _)| id).collect();
        followed.changed += gone.len() as u64;
        store.remove_groups(run, &gone).await?;
    }
    if store.groups_are_stale(directory.id).await? {
        let edges = store.group_edges(directory.id).await?;
        let above = match group_tree::above(&edges, LIMITS) {
            Ok(above) => above,
            Err(fault) => return Err(SyncFault::Groups(told(store, fault).await?)),
        };
        store.close_groups(run, &above).await?;
    }
    Ok(followed)
}

async fn told(store: &Store, fault: TreeFault<GroupId>) -> Result<String, SyncFault> {
    let (group, what) = match fault {
        TreeFault::TooDeep { above, limit } => (above, format!("holds groups over more than {limit} steps")),
        TreeFault::TooMany { of, limit } => (of, format!("makes more than {limit} pairs of nested groups")),
    };
    let dn = store.group_dn(group).await?.unwrap_or_else(|| group.to_string());
    Ok(format!("{dn} {what}"))
}

/// An entry as a group, or why it cannot be one. A member that cannot be read as a name is left out: it is no user of ours.
fn group(directory: &Directory, unique_id: String, entry: &Entry) -> Result<FoundGroup, String> {
    let name = entry.text("cn").ok_or("it has no cn")?.to_owned();
    let folded = fold(&name).map_err(|fault| format!("its cn: {fault}"))?;
    let folded_dn = Dn::parse(&entry.dn).map_err(|fault| fault.to_string())?.folded();
    let mut members: Vec<Folded> = ["member", "uniqueMember"]
        .iter()
        .flat_map(|attribute| entry.values(attribute))
        .filter_map(|value| dn(value))
        .collect();
    // An account name (RFC 2307 §5.3), never an address or a DN.
    let account = |value: &Vec<u8>| match LoginName::parse(std::str::from_utf8(value).ok()?).ok()? {
        name @ LoginName::Plain { .. } => Some(name.folded()),
        LoginName::Dn { .. } | LoginName::Upn { .. } | LoginName::DownLevel { .. } => None,
    };
    members.extend(entry.values("memberUid").iter().filter_map(account));
    members.sort_unstable();
    members.dedup();
    let number = match directory.kind {
        DirectoryKind::ActiveDirectory => entry.value("objectSid").and_then(rid),
        DirectoryKind::OpenLdap => entry.text("gidNumber").and_then(|text| text.parse().ok()),
    };
    let shown = number.map(|number| number.to_string());
    let fields = [Some(name.as_str()), Some(entry.dn.as_str()), shown.as_deref()];
    let fields = fields.into_iter().chain(members.iter().map(|member| Some(member.as_str())));
    let fingerprint = directory_diff::fingerprint(fields);
    Ok(FoundGroup { unique_id, name, folded, dn: entry.dn.clone(), folded_dn, number, members, fingerprint })
}

/// Which groups an account itself names: those of its attributes, as DNs in comparison form, and its primary group.
pub fn named(directory: &Directory, entry: &Entry) -> (Vec<Folded>, Option<u32>) {
    let attributes = directory.attributes.names(directory.kind, &Field::Groups);
    let values = attributes.into_iter().flat_map(|attribute| entry.values(attribute));
    let mut groups: Vec<Folded> = values.take(MOST_NAMED).filter_map(|value| dn(value)).collect();
    groups.sort_unstable();
    groups.dedup();
    let primary = entry.text(primary_attribute(directory.kind)).and_then(|text| text.parse().ok());
    (groups, primary)
}

/// Where an account names its primary group, which stands in neither `member` nor `memberOf`.
pub fn primary_attribute(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::ActiveDirectory => "primaryGroupID",
        DirectoryKind::OpenLdap => "gidNumber",
    }
}

/// `uniqueMember` may end in `#` and a bit string (RFC 4517 §3.3.21), which tells namesakes apart; nobody uses it.
fn dn(value: &[u8]) -> Option<Folded> {
    let text = std::str::from_utf8(value).ok()?;
    Some(Dn::parse(text).ok()?.folded())
}

/// Revision, count and identifier authority of a SID, in bytes (MS-DTYP §2.4.2.2).
const SID_HEAD: usize = 8;
const MAX_SUB_AUTHORITIES: u8 = 15;

/// The last part of a security identifier: what is a domain's own of it. `None` if it is none.
fn rid(sid: &[u8]) -> Option<u32> {
    let (head, parts) = sid.split_first_chunk::<SID_HEAD>()?;
    let [1, count @ 1..=MAX_SUB_AUTHORITIES, ..] = *head else { return None };
    if parts.len() != usize::from(count) * 4 {
        return None;
    }
    parts.last_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(parts: &[u32]) -> Vec<u8> {
        let mut bytes = vec![1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, 5];
        bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    }

    #[test]
    fn the_last_part_of_a_sid_is_read_and_what_is_none_is_refused() {
        let good = sid(&[21, 1, 2, 3, 513]);
        assert_eq!(rid(&good), Some(513));
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            rid(&bytes)
        };
        for (at, byte) in [(0, 2), (1, 0), (1, 4), (1, 16)] {
            assert_eq!(with(at, byte), None, "byte {at} = {byte}");
        }
        assert_eq!(rid(&good[..good.len() - 1]), None);
        assert_eq!(rid(&[]), None);
    }
}
