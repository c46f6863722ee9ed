//! Who is in a group and the groups within it, for a sync item. Active Directory answers that itself; elsewhere the groups
//! are walked, each once, so that circles end.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::groups;
use crate::directory::{DirectoryClient, DirectoryFault, Search};
use crate::domain::dn::Dn;
use crate::domain::name::Folded;
use crate::store::users::Found;
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// The members of a group, by the names groups call them by.
#[derive(Default)]
pub struct Members {
    /// DNs (`member`, `uniqueMember`) and account names (`memberUid`), in comparison form.
    names: HashSet<Folded>,
}

impl Members {
    pub fn has(&self, account: &Found) -> bool {
        account.names.iter().any(|name| self.names.contains(name))
    }
}

/// MS-ADTS §3.1.1.3.4.4.3: LDAP_MATCHING_RULE_IN_CHAIN.
pub fn in_chain(group: &str) -> Filter {
    Filter::Extensible {
        attribute: Some("memberOf".to_owned()),
        dn: false,
        rule: Some("1.2.840.113556.1.4.1941".to_owned()),
        value: group.as_bytes().to_vec(),
    }
}

/// Whether there is such an entry: to a filter, a group that does not exist is one without members.
pub async fn exists(client: &DirectoryClient, dn: &str, deadline: Instant) -> Result<bool, DirectoryFault> {
    Ok(entry(client, dn, &["1.1"], deadline).await?.is_some())
}

const ATTRIBUTES: [&str; 3] = ["member", "uniqueMember", "memberUid"];
/// Groups within one group; more is a mistake.
const MOST: usize = 10_000;

/// `None` if there is no such group.
pub async fn walk(client: &DirectoryClient, group: &Dn, deadline: Instant) -> Result<Option<Members>, DirectoryFault> {
    let known = known_groups(client, deadline).await?;
    let mut members = Members::default();
    let mut seen = HashSet::from([group.folded()]);
    let mut waiting = vec![group.to_string()];
    let mut is_first = true;
    while let Some(dn) = waiting.pop() {
        let found = entry(client, &dn, &ATTRIBUTES, deadline).await?;
        if found.is_none() && is_first {
            return Ok(None);
        }
        is_first = false;
        // Half a group must not look like a small one.
        let found = found.ok_or_else(|| unusable(client, format!("group {dn} could not be read")))?;
        for member in groups::members(&found) {
            if let Some(dn) = known.get(&member)
                && seen.insert(member.clone())
            {
                waiting.push(dn.clone());
            }
            if seen.len() > MOST {
                return Err(unusable(client, format!("{group} holds more than {MOST} groups")));
            }
            members.names.insert(member);
        }
    }
    Ok(Some(members))
}

/// Every group below the base, so that members that are people need not be asked one by one.
async fn known_groups(client: &DirectoryClient, deadline: Instant) -> Result<HashMap<Folded, String>, DirectoryFault> {
    let class = |name: &str| Filter::equal("objectClass", name);
    let filter = Filter::Or(vec![class("groupOfNames"), class("groupOfUniqueNames"), class("posixGroup")]);
    let base = &client.directory().base_dn;
    let search = Search { base, scope: Scope::Subtree, filter: &filter, attributes: &["1.1"], limit: 1_000_000 };
    let mut pages = client.search_paged(&search, client.directory().page_size.get().into(), deadline).await?;
    let mut known = HashMap::new();
    while let Some(entries) = pages.next().await? {
        known.extend(entries.into_iter().filter_map(|entry| Some((Dn::parse(&entry.dn).ok()?.folded(), entry.dn))));
    }
    if pages.references() > 0 {
        return Err(unusable(client, "some of its groups are on other servers".to_owned()));
    }
    Ok(known)
}

fn unusable(client: &DirectoryClient, reason: String) -> DirectoryFault {
    DirectoryFault::Settings { directory: client.directory().name.clone(), reason }
}

async fn entry(
    client: &DirectoryClient,
    dn: &str,
    attributes: &[&str],
    deadline: Instant,
) -> Result<Option<Entry>, DirectoryFault> {
    let filter = Filter::present("objectClass");
    let search = Search { base: dn, scope: Scope::Base, filter: &filter, attributes, limit: 1 };
    let until = deadline.min(Instant::now() + client.directory().operation_timeout);
    Ok(client.search(&search, until).await?.pop())
}
