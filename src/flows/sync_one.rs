//! One account on its way into our books, before a run of the sync comes: whoever signs in first at the portal is taken in
//! as a run would.

use tokio::time::Instant;

use super::import;
use super::resolve;
use super::sync::{Picked, SyncFault};
use crate::directory::{DirectoryClient, DirectoryFault, Search};
use crate::domain::sync::SyncItem;
use crate::store::Store;
use crate::store::audit::Actor;
use crate::store::users::{Found, Imported};
use crate::wire::filter::Filter;
use crate::wire::message::Scope;

/// Takes in one account, which a sign-in has found: by the first sync item that shows it, with what the item says of its people;
/// in a directory without items, as an import of it would. False if no item shows it, it cannot be one of our users, or a name of
/// it is somebody's already.
pub async fn take_in(
    store: &Store,
    client: &DirectoryClient,
    known: &resolve::Account,
    by: &Actor,
    deadline: Instant,
) -> Result<bool, SyncFault> {
    let directory = client.directory().id;
    let items = store.sync_items(directory).await?;
    let imported = if items.is_empty() {
        let (base, filter) = (known.dn.as_str(), Filter::present("objectClass"));
        match look(client, known, (base, Scope::Base, &filter), deadline).await? {
            Some(found) => store.import_users(directory, &[found], by).await?.pop(),
            None => None,
        }
    } else {
        match shown(client, &items, known, deadline).await? {
            Some((item, found)) => Some(store.take_in(item, &found, by).await?),
            None => None,
        }
    };
    Ok(matches!(imported, Some(Imported::Added | Imported::Updated | Imported::Unchanged)))
}

/// The first item that shows the account, and the account as the item has it. An item that cannot be asked hides nobody: whose
/// settings would count is not known then.
async fn shown<'i>(
    client: &DirectoryClient,
    items: &'i [SyncItem],
    known: &resolve::Account,
    deadline: Instant,
) -> Result<Option<(&'i SyncItem, Found)>, SyncFault> {
    let directory = client.directory();
    let id = directory.unique_id_value(&known.unique_id);
    for item in items {
        let Picked { base, scope, filter, members } = Picked::of(client, item, deadline).await?;
        let it = Filter::Equal(directory.unique_id_attribute().to_owned(), id.clone());
        let filter = Filter::And(vec![filter, it]);
        let found = look(client, known, (&base, scope, &filter), deadline).await?;
        if let Some(mut found) = found.filter(|found| members.is_none_or(|members| members.has(found))) {
            item.complete(&mut found.profile);
            return Ok(Some((item, found)));
        }
    }
    Ok(None)
}

async fn look(
    client: &DirectoryClient,
    known: &resolve::Account,
    (base, scope, filter): (&str, Scope, &Filter),
    deadline: Instant,
) -> Result<Option<Found>, DirectoryFault> {
    let directory = client.directory();
    let attributes = import::attributes(directory);
    let search = Search { base, scope, filter, attributes: &attributes, limit: 1 };
    let entries = client.search(&search, deadline).await?;
    let found = entries.first().and_then(|entry| import::account(directory, entry).ok());
    Ok(found.filter(|found| found.unique_id == known.unique_id))
}
