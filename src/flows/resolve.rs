//! From a login name to the one entry it means. The entry, found by our own account, is what is bound and what the
//! second factor belongs to, so no spelling of a name can mean one account here and another in the directory
//! (SECURITY R1 to R3).

use tokio::time::Instant;

use crate::directory::{DirectoryClient, DirectoryFault, Search};
use crate::domain::directory::state::{AccountState, state, state_attributes};
use crate::domain::directory::{Directory, DirectoryKind, UniqueId};
use crate::domain::dn::{Dn, Value};
use crate::domain::name::{Folded, LoginName, fold};
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    One(Account),
    /// None, more than one, or one without a unique id.
    NotOne,
}

/// An account of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As the directory spells it.
    pub dn: String,
    pub unique_id: UniqueId,
    pub state: AccountState,
}

/// A name that more entries than this answer to is a fault of the directory's, not a name.
const ENOUGH: usize = 50;
/// RFC 4511 appendix A: the name is none.
const INVALID_DN_SYNTAX: u32 = 34;

pub async fn resolve(
    client: &DirectoryClient,
    name: &LoginName,
    deadline: Instant,
) -> Result<Resolved, DirectoryFault> {
    let directory = client.directory();
    let Some((base, scope, filter)) = question(directory, name) else { return Ok(Resolved::NotOne) };
    let principal = directory.principal_attribute();
    let attributes: Vec<&str> = account_attributes(directory).chain(principal).collect();
    let search = Search { base, scope, filter: &filter, attributes: &attributes, limit: ENOUGH };
    let entries = match client.search(&search, deadline).await {
        Ok(entries) => entries,
        Err(DirectoryFault::Unavailable { code: INVALID_DN_SYNTAX, .. }) => return Ok(Resolved::NotOne),
        Err(fault) => return Err(fault),
    };
    if let (LoginName::Upn { local, domain, .. }, Some(principal)) = (name, principal) {
        // A user may be able to write a mail attribute; it must not get in the way of somebody's principal name.
        let wanted = format!("{}@{}", local.as_str(), domain.as_str());
        let is_principal = |entry: &&Entry| {
            entry.text(principal).and_then(|text| fold(text).ok()).is_some_and(|text| text.as_str() == wanted)
        };
        let principals: Vec<Entry> = entries.iter().filter(is_principal).cloned().collect();
        if !principals.is_empty() {
            return Ok(one(directory, &principals));
        }
    }
    Ok(one(directory, &entries))
}

fn one(directory: &Directory, entries: &[Entry]) -> Resolved {
    let [entry] = entries else { return Resolved::NotOne };
    account(directory, entry).map_or(Resolved::NotOne, Resolved::One)
}

/// What [`account`] looks at. The state comes with the name: no request more for it.
fn account_attributes(directory: &Directory) -> impl Iterator<Item = &str> {
    std::iter::once(directory.unique_id_attribute()).chain(state_attributes(directory.kind).iter().copied())
}

fn account(directory: &Directory, entry: &Entry) -> Option<Account> {
    let [value] = entry.values(directory.unique_id_attribute()) else { return None };
    let unique_id = directory.unique_id(value)?;
    let state = state(directory.kind, |name| entry.values(name));
    Some(Account { dn: entry.dn.clone(), unique_id, state })
}

/// What the directory says of an account now; `None` if it is no longer there by this DN.
pub async fn state_of(
    client: &DirectoryClient,
    known: &Account,
    deadline: Instant,
) -> Result<Option<AccountState>, DirectoryFault> {
    let directory = client.directory();
    let attributes: Vec<&str> = account_attributes(directory).collect();
    let filter = Filter::present("objectClass");
    let search =
        Search { base: &known.dn, scope: Scope::Base, filter: &filter, attributes: &attributes, limit: ENOUGH };
    let entries = client.search(&search, deadline).await?;
    let [entry] = entries.as_slice() else { return Ok(None) };
    Ok(account(directory, entry).filter(|found| found.unique_id == known.unique_id).map(|found| found.state))
}

/// What finds the entry of a name among all entries below the base; `None` if the name cannot be one of this directory's.
pub(super) fn filter(directory: &Directory, name: &LoginName) -> Option<Filter> {
    let (_, _, filter) = question(directory, name)?;
    let LoginName::Dn { text, .. } = name else { return Some(filter) };
    // RFC 5020: the entry's own name, as an attribute.
    let attribute = match directory.kind {
        DirectoryKind::ActiveDirectory => "distinguishedName",
        DirectoryKind::OpenLdap => "entryDN",
    };
    Some(Filter::equal(attribute, text))
}

/// Where to look and for what; `None` if the name cannot be one of this directory's.
fn question<'a>(directory: &'a Directory, name: &'a LoginName) -> Option<(&'a str, Scope, Filter)> {
    let account = directory.account_attribute();
    let filter = match name {
        LoginName::Dn { text, dn } => {
            // Outside the base another server may be in charge, and a referral is not an answer.
            let base = Dn::parse(&directory.base_dn).ok()?;
            return dn.is_under(&base).then(|| (text.as_str(), Scope::Base, Filter::present("objectClass")));
        }
        // The text goes to the directory as it was typed: its own matching rules are the ones that count.
        LoginName::Upn { text, domain, .. } => {
            let mut any: Vec<Filter> =
                directory.at_attributes().iter().map(|attribute| Filter::equal(attribute, text)).collect();
            // MS-ADTS §5.1.1.1.1: every account also answers to sAMAccountName@dns-domain.
            if directory.kind == DirectoryKind::ActiveDirectory
                && Some(domain) == dns_domain(&directory.base_dn).as_ref()
                && let Some((local, _)) = text.split_once('@')
            {
                any.push(Filter::equal(account, local));
            }
            if any.is_empty() {
                return None;
            }
            Filter::Or(any)
        }
        LoginName::DownLevel { text, domain, .. } => {
            let ours = directory.domain.as_deref().and_then(|ours| fold(ours).ok())?;
            if ours != *domain {
                return None;
            }
            Filter::equal(account, text.split_once('\\')?.1)
        }
        LoginName::Plain { text, .. } => Filter::equal(account, text),
    };
    Some((&directory.base_dn, Scope::Subtree, filter))
}

/// `DC=corp,DC=example,DC=test` → `corp.example.test` (RFC 2247).
pub(super) fn dns_domain(base_dn: &str) -> Option<Folded> {
    let dn = Dn::parse(base_dn).ok()?;
    let mut labels = vec![];
    for rdn in dn.rdns() {
        match rdn.avas() {
            [ava] if ava.attribute() == "dc" => match ava.value() {
                Value::Text(label) => labels.push(label.as_str().to_owned()),
                Value::Ber(_) => return None,
            },
            _ => {}
        }
    }
    fold(&labels.join(".")).ok()
}

/// Is this entry a member of the group, directly or (in AD) through other groups?
pub async fn is_member(
    client: &DirectoryClient,
    entry_dn: &str,
    group_dn: &str,
    deadline: Instant,
) -> Result<bool, DirectoryFault> {
    let value = |attribute: &str, value: &str| Filter::equal(attribute, value);
    let (base, filter) = match client.directory().kind {
        // MS-ADTS §3.1.1.3.4.4.3: LDAP_MATCHING_RULE_TRANSITIVE_EVAL.
        DirectoryKind::ActiveDirectory => (
            entry_dn,
            Filter::Extensible {
                attribute: Some("memberOf".to_owned()),
                dn: false,
                rule: Some("1.2.840.113556.1.4.1941".to_owned()),
                value: group_dn.as_bytes().to_vec(),
            },
        ),
        DirectoryKind::OpenLdap => {
            (group_dn, Filter::Or(vec![value("member", entry_dn), value("uniqueMember", entry_dn)]))
        }
    };
    let search = Search { base, scope: Scope::Base, filter: &filter, attributes: &["1.1"], limit: ENOUGH };
    Ok(client.search(&search, deadline).await?.len() == 1)
}
