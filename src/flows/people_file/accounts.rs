//! Which account each row means: by our books, or by one search for many rows; and which rows cannot all be right.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{import, resolve};
use super::{Account, Planned, serial};
use crate::directory::{DirectoryClient, DirectoryFault, Search};
use crate::domain::directory::{Directory, DirectoryKind, UniqueId};
use crate::domain::name::LoginName;
use crate::domain::people_file::Refusal;
use crate::store::imports::Known;
use crate::store::users::Found;
use crate::wire::filter::Filter;
use crate::wire::message::Scope;

/// More entries than this in answer to one search for some names is a fault of the directory's.
const ENOUGH: usize = 1000;
const LONGEST: Duration = Duration::from_mins(5);

/// Those our books know, by unique id or by name.
pub(super) fn recognise(rows: &mut [Planned], known: &[Known]) {
    let known_by_id: HashMap<&str, &Known> = known.iter().map(|known| (known.unique_id.0.as_str(), known)).collect();
    let names = known.iter().flat_map(|known| known.names.iter().map(move |name| (name.as_str(), known)));
    let by_name: HashMap<&str, &Known> = names.collect();
    for planned in rows {
        let by_id = planned.row.unique_id.as_deref();
        // UUIDs are kept in lower case; other ids are what they are.
        let by_id =
            by_id.and_then(|id| known_by_id.get(id).or_else(|| known_by_id.get(id.to_ascii_lowercase().as_str())));
        let name = planned.row.name.as_ref().map(LoginName::folded);
        let by_name = name.as_ref().and_then(|name| by_name.get(name.as_str()));
        // A unique id that is not known may be a new account that has taken a known one's name: the directory is asked.
        let account = if planned.row.unique_id.is_some() { by_id } else { by_name };
        planned.account = account.map(|known| Account {
            unique_id: known.unique_id.clone(),
            name: known.name.clone(),
            dn: known.dn.clone(),
            found: None,
            is_new: false,
            is_stale: false,
        });
    }
}

/// One search for the accounts of many rows.
pub(super) async fn look_up(
    client: &DirectoryClient,
    rows: &mut [Planned],
    chunk: &[usize],
) -> Result<(), DirectoryFault> {
    let directory = client.directory();
    let mut any = vec![];
    for at in chunk {
        let Some(planned) = rows.get_mut(*at) else { continue };
        match planned.row.name.as_ref().map(|name| resolve::filter(directory, name)) {
            Some(Some(filter)) => any.push(filter),
            Some(None) => {
                let why = format!("a name of this form is none of directory {}", directory.name);
                planned.refusal = Some(Refusal::row(why, "give the account's own name, or another --directory"));
            }
            None => {
                planned.refusal = Some(Refusal::row(
                    "no user has this unique id, and the row says no name to look up",
                    "add a column username or dn",
                ));
            }
        }
    }
    if any.is_empty() {
        return Ok(());
    }
    let people = Filter::parse(directory.people_filter()).unwrap_or_else(|_| Filter::present("objectClass"));
    let filter = Filter::And(vec![people, Filter::Or(any)]);
    let attributes = import::attributes(directory);
    let search = Search {
        base: &directory.base_dn,
        scope: Scope::Subtree,
        filter: &filter,
        attributes: &attributes,
        limit: ENOUGH,
    };
    let entries = client.search(&search, Instant::now() + LONGEST).await?;
    // An entry that cannot be a user answers to no row's name.
    let found: Vec<Found> = entries.iter().filter_map(|entry| import::account(directory, entry).ok()).collect();
    for at in chunk {
        let Some(planned) = rows.get_mut(*at).filter(|planned| planned.refusal.is_none()) else { continue };
        let Some(name) = &planned.row.name else { continue };
        let mut answers = found.iter().filter(|found| answers_to(directory, found, name));
        match (answers.next(), answers.next()) {
            (None, _) => {
                let why = format!("nobody in directory {} answers to this name", directory.name);
                planned.refusal =
                    Some(Refusal::row(why, "correct the name, or take the row out if the person has left"));
            }
            (Some(_), Some(_)) => {
                planned.refusal = Some(Refusal::row("two accounts answer to this name", "write the account's DN"));
            }
            (Some(account), None)
                if planned
                    .row
                    .unique_id
                    .as_ref()
                    .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&account.unique_id.0)) =>
            {
                planned.refusal = Some(Refusal::row(
                    "the name belongs to another account than the unique id",
                    "correct one of them, or empty the unique id's cell",
                ));
            }
            (Some(account), None) => {
                planned.account = Some(Account {
                    unique_id: account.unique_id.clone(),
                    name: account.name.clone(),
                    dn: account.dn.clone(),
                    found: Some(account.clone()),
                    is_new: false,
                    is_stale: false,
                });
            }
        }
    }
    Ok(())
}

fn answers_to(directory: &Directory, found: &Found, name: &LoginName) -> bool {
    let knows = |name: &str| found.names.iter().any(|known| known.as_str() == name);
    if knows(name.folded().as_str()) {
        return true;
    }
    // MS-ADTS §5.1.1.1.1: every account also answers to sAMAccountName@dns-domain.
    let LoginName::Upn { local, domain, .. } = name else { return false };
    directory.kind == DirectoryKind::ActiveDirectory
        && Some(domain) == resolve::dns_domain(&directory.base_dn).as_ref()
        && knows(local.as_str())
}

/// Rows that mean one account, or one token: nobody can tell which is right, so none is taken.
pub(super) fn refuse_doubles(rows: &mut [Planned]) {
    let mut accounts: HashMap<String, Vec<usize>> = HashMap::new();
    let mut serials: HashMap<String, Vec<usize>> = HashMap::new();
    for planned in rows.iter().filter(|planned| planned.refusal.is_none()) {
        if let Some(account) = &planned.account {
            accounts.entry(account.unique_id.0.clone()).or_default().push(planned.row.line);
        }
        if let Some(serial) = serial(&planned.row) {
            serials.entry(serial.to_owned()).or_default().push(planned.row.line);
        }
    }
    let others = |lines: Option<&Vec<usize>>, line: usize| -> Option<String> {
        let others: Vec<String> = lines?.iter().filter(|other| **other != line).map(ToString::to_string).collect();
        (!others.is_empty()).then(|| others.join(", "))
    };
    for planned in rows.iter_mut().filter(|planned| planned.refusal.is_none()) {
        let line = planned.row.line;
        let account = planned.account.as_ref().and_then(|account| others(accounts.get(&account.unique_id.0), line));
        let serial = serial(&planned.row).and_then(|serial| others(serials.get(serial), line));
        planned.refusal = match (account, serial) {
            (Some(rows), _) => Some(Refusal::row(format!("it is the same person as row {rows}"), "leave one of them")),
            (None, Some(rows)) => {
                Some(Refusal::row(format!("its token has the serial number of row {rows}"), "leave one of them"))
            }
            (None, None) => None,
        };
    }
}

/// Whether the accounts found are new, and whether their names are free.
pub(super) fn take_in(rows: &mut [Planned], known: &[Known]) {
    let usable = |planned: &&mut Planned| planned.refusal.is_none();
    let found = rows.iter_mut().filter(usable).filter_map(|planned| planned.account.as_ref()?.found.clone());
    let verdict = import::compare(known, found.collect());
    let conflicts: HashMap<&str, &import::Conflict> =
        verdict.conflicts.iter().map(|conflict| (conflict.dn.as_str(), conflict)).collect();
    let ids = |found: &[Found]| -> HashSet<UniqueId> { found.iter().map(|found| found.unique_id.clone()).collect() };
    let (added, updated) = (ids(&verdict.added), ids(&verdict.updated));
    for planned in rows.iter_mut().filter(usable) {
        let Some(account) = planned.account.as_mut().filter(|account| account.found.is_some()) else { continue };
        if let Some(conflict) = conflicts.get(account.dn.as_str()) {
            let why = format!("its name {} is also that of {}", conflict.name, conflict.other);
            planned.refusal = Some(Refusal::row(why, "correct one of the two in the directory"));
            continue;
        }
        account.is_new = added.contains(&account.unique_id);
        account.is_stale = updated.contains(&account.unique_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::directory::profile::Profile;
    use crate::domain::directory::state::AccountState;
    use crate::domain::fixture;
    use crate::domain::name::Folded;
    use crate::domain::people_file::{self, Format, Rules, row};

    fn directory(kind: DirectoryKind) -> Directory {
        let base_dn = "dc=corp,dc=example".into();
        Directory { base_dn, domain: Some("CORP".into()), ..fixture::directory(kind) }
    }

    fn name(text: &str) -> LoginName {
        LoginName::parse(text).unwrap()
    }

    fn found(id: &str, names: &[&str]) -> Found {
        let names = names.iter().map(|text| name(text).folded()).collect();
        let dn = format!("uid={id},dc=corp,dc=example");
        Found {
            unique_id: UniqueId(id.into()),
            name: id.into(),
            dn,
            profile: Profile::default(),
            state: AccountState::ENABLED,
            member_of: vec![],
            primary_group: None,
            names,
        }
    }

    #[test]
    fn an_account_of_active_directory_also_answers_to_its_name_at_the_domain() {
        let alice = found("1", &["alice", "a.adams@example.org"]);
        let answers = |kind, text: &str| answers_to(&directory(kind), &alice, &name(text));
        assert!(answers(DirectoryKind::ActiveDirectory, "Alice@corp.example"));
        assert!(!answers(DirectoryKind::OpenLdap, "Alice@corp.example"));
        assert!(!answers(DirectoryKind::ActiveDirectory, "alice@elsewhere.example"));
        for kind in [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap] {
            assert!(answers(kind, "ALICE") && answers(kind, "A.Adams@example.ORG") && !answers(kind, "bob"));
        }
    }

    #[test]
    fn a_unique_id_decides_before_a_name_and_a_name_alone_is_enough() {
        let file = "username,unique_id\nalice,\nalice,ID-2\nalice,9\n,ID-2\n,ABC\n";
        let file = people_file::read(file.as_bytes(), Some(Format::Csv), &[]).unwrap();
        let read =
            |record| row::read(record, &file.columns, file.format, Rules::default()).unwrap_or_else(|_| panic!());
        let mut rows: Vec<Planned> = file
            .records
            .iter()
            .map(|record| Planned { row: read(record), account: None, acts: vec![], refusal: None })
            .collect();
        let known = |id: &str, names: &[&str]| {
            let Found { unique_id, name, dn, profile, state, names, .. } = found(id, names);
            let names = names.into_iter().map(Folded::into_string).collect();
            Known { unique_id, name, dn, profile, state, member_of: vec![], primary_group: None, names }
        };
        recognise(&mut rows, &[known("1", &["alice"]), known("ID-2", &["bob"]), known("abc", &["carol"])]);
        let ids: Vec<Option<&str>> =
            rows.iter().map(|planned| planned.account.as_ref().map(|account| account.unique_id.0.as_str())).collect();
        assert_eq!(
            ids,
            [Some("1"), Some("ID-2"), None, Some("ID-2"), Some("abc")],
            "of an unknown unique id the directory is asked"
        );
        refuse_doubles(&mut rows);
        let why: Vec<Option<&str>> =
            rows.iter().map(|planned| planned.refusal.as_ref().map(|refusal| refusal.why.as_str())).collect();
        assert_eq!(
            why,
            [None, Some("it is the same person as row 5"), None, Some("it is the same person as row 3"), None]
        );
    }
}
