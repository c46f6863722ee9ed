//! Changes in Active Directory: DirSync (MS-ADTS §3.1.1.3.4.1.3), or else update sequence numbers with the deleted objects.

use super::super::fault::DirectoryFault;
use super::super::paged::Session;
use super::super::search::Search;
use super::{Changes, MOST, Since, announces, naming_context, too_many};
use crate::domain::cursor::{Cursor, Method};
use crate::wire::changes::{self, DIR_SYNC, DirSync};
use crate::wire::filter::Filter;
use crate::wire::message::{self, Entry, Scope};

/// Answers in a row; more is a server that goes in a circle.
const MOST_ANSWERS: usize = 100_000;
const PAGE: u16 = 1000;
/// What may hold accounts and be renamed or moved with them.
const BRANCHES: [&str; 5] = ["organizationalUnit", "container", "organization", "locality", "country"];

/// How a pass through the changes ended.
enum Pass {
    /// With the mark for the next.
    Done(Vec<u8>),
    /// The server will not.
    Refused(String),
    /// There are too many.
    TooMany,
}

impl Session<'_> {
    /// A server's name, and which state of its database it goes by: one restored from a backup counts anew under another
    /// invocation id (MS-ADTS §3.1.1.1.9). One behind a shared name has its own.
    pub(super) async fn identity(&mut self, root: &Entry) -> Result<String, DirectoryFault> {
        let server = self.peer.server.to_string();
        let id = self.invocation_id(root).await?;
        Ok(id.map_or(server.clone(), |id| format!("{server} {id}")))
    }

    async fn invocation_id(&mut self, root: &Entry) -> Result<Option<uuid::Uuid>, DirectoryFault> {
        let Some(service) = root.text("dsServiceName") else { return Ok(None) };
        let anything = Filter::present("objectClass");
        let search =
            Search { base: service, scope: Scope::Base, filter: &anything, attributes: &["invocationId"], limit: 1 };
        let Ok(found) = self.refusable(&search, &[]).await? else { return Ok(None) };
        let value = found.entries.first().and_then(|entry| entry.value("invocationId"));
        Ok(value.and_then(|value| uuid::Uuid::from_slice_le(value).ok()))
    }

    /// A mark by the best way the server offers.
    pub(super) async fn mark_active_directory(
        &mut self,
        root: &Entry,
        attributes: &[&str],
    ) -> Result<Option<Cursor>, DirectoryFault> {
        let Some(context) = naming_context(root, &self.client.directory().base_dn) else { return Ok(None) };
        let server = self.identity(root).await?;
        for (method, own_rights) in [(Method::DirSync, false), (Method::DirSyncOwnRights, true)] {
            if !announces(root, DIR_SYNC) {
                break;
            }
            // The head of the partition alone: the cookie is the same, and nothing else is sent.
            let head = Filter::equal("objectClass", "domainDNS");
            let pass = self.dir_sync(&context, &head, attributes, own_rights, vec![], &mut |_| true).await?;
            if let Pass::Done(cookie) = pass {
                let shows_deletions = !own_rights || self.sees_deleted(&context).await?;
                return Ok(Some(Cursor { method, server, cookie, shows_deletions }));
            }
        }
        let number = root.text("highestCommittedUSN").and_then(|text| text.parse::<u64>().ok());
        let is_pinned = server != self.peer.server.to_string();
        match number.filter(|_| is_pinned) {
            Some(number) => Ok(Some(Cursor {
                method: Method::UpdateNumbers,
                server,
                cookie: number.to_string().into_bytes(),
                shows_deletions: self.sees_deleted(&context).await?,
            })),
            None => Ok(None),
        }
    }

    /// Whether our account may look where deleted objects go: list it and read what is there. By default only
    /// administrators may; others at most see that there is such a place.
    async fn sees_deleted(&mut self, context: &str) -> Result<bool, DirectoryFault> {
        let base = format!("CN=Deleted Objects,{context}");
        let anything = Filter::present("objectClass");
        let search =
            Search { base: &base, scope: Scope::Base, filter: &anything, attributes: &["objectClass"], limit: 1 };
        let found = self.refusable(&search, &[changes::show_deleted()]).await?;
        Ok(found.is_ok_and(|found| found.entries.iter().any(|entry| entry.value("objectClass").is_some())))
    }

    pub(super) async fn dir_sync_changes(
        &mut self,
        root: &Entry,
        cursor: &Cursor,
        own_rights: bool,
        attributes: &[&str],
    ) -> Result<Since, DirectoryFault> {
        let directory = self.client.directory();
        let Some(context) = naming_context(root, &directory.base_dn) else {
            return Ok(Since::Everything("the server no longer holds the base".to_owned()));
        };
        // Of what has changed only what has changed is sent, so that an entry does not say what it is: branches are asked
        // for by themselves. `name` changes when something is renamed or moved. They come first, and the next run goes on
        // from there: whatever changes between the two is told twice, not lost.
        let mut moved = None;
        let branch_attributes = ["name", "isDeleted"];
        let old = cursor.cookie.clone();
        let pass = self
            .dir_sync(&context, &branches(), &branch_attributes, own_rights, old, &mut |entry| {
                if !is_deleted(&entry) {
                    moved.get_or_insert(entry.dn);
                }
                true
            })
            .await?;
        let next = match pass {
            Pass::Done(next) => next,
            Pass::Refused(why) => return Ok(Since::Everything(why)),
            Pass::TooMany => return Ok(too_many()),
        };
        if let Some(branch) = moved {
            return Ok(branch_changed(&branch));
        }
        let mut wanted = vec!["isDeleted", "name"];
        wanted.extend(attributes);
        let mut touched = vec![];
        let mut nameless = None;
        let old = cursor.cookie.clone();
        let pass = self
            .dir_sync(&context, &people(), &wanted, own_rights, old, &mut |entry| {
                match entry.value("objectGUID").and_then(|value| directory.unique_id(value)) {
                    Some(id) => touched.push(id),
                    None => drop(nameless.get_or_insert(entry.dn)),
                }
                touched.len() <= MOST
            })
            .await?;
        match pass {
            Pass::Done(_) if nameless.is_none() => {
                let cursor = Cursor { cookie: next, ..cursor.clone() };
                Ok(Since::Changes(Changes { touched, vanished: vec![], absent_left: false, cursor }))
            }
            Pass::Done(_) => Ok(no_id(nameless)),
            Pass::Refused(why) => Ok(Since::Everything(why)),
            Pass::TooMany => Ok(too_many()),
        }
    }

    /// Goes through the changes since `cookie`, for as long as `take` wants more.
    async fn dir_sync(
        &mut self,
        context: &str,
        filter: &Filter,
        attributes: &[&str],
        own_rights: bool,
        mut cookie: Vec<u8>,
        take: &mut (dyn FnMut(Entry) -> bool + Send),
    ) -> Result<Pass, DirectoryFault> {
        let mut wanted = vec!["objectGUID"];
        wanted.extend(attributes);
        let search = Search { base: context, scope: Scope::Subtree, filter, attributes: &wanted, limit: usize::MAX };
        for _ in 0..MOST_ANSWERS {
            let found = match self.refusable(&search, &[changes::dir_sync(own_rights, &cookie)]).await? {
                Ok(found) => found,
                Err(why) => return Ok(Pass::Refused(why)),
            };
            for entry in found.entries {
                if !take(entry) {
                    return Ok(Pass::TooMany);
                }
            }
            let Some(value) = changes::value_of(&found.controls, DIR_SYNC) else {
                return Ok(Pass::Refused("DirSync gives no cookie".to_owned()));
            };
            let answer = DirSync::parse(value).map_err(|fault| self.direct.protocol(&fault))?;
            if !answer.more {
                return Ok(Pass::Done(answer.cookie));
            }
            cookie = answer.cookie;
        }
        Err(self.direct.protocol(&"its changes never end"))
    }

    pub(super) async fn update_number_changes(
        &mut self,
        root: &Entry,
        cursor: &Cursor,
    ) -> Result<Since, DirectoryFault> {
        let directory = self.client.directory();
        let everything = |why: &str| Ok(Since::Everything(why.to_owned()));
        let Some(context) = naming_context(root, &directory.base_dn) else {
            return everything("the server no longer holds the base");
        };
        let number = |text: &str| text.parse::<u64>().ok();
        // Read before the changes are: what is committed meanwhile is told again.
        let (Some(from), Some(to)) = (
            std::str::from_utf8(&cursor.cookie).ok().and_then(number),
            root.text("highestCommittedUSN").and_then(number),
        ) else {
            return everything("the server does not number its changes");
        };
        if to < from {
            return everything("the server numbers its changes anew");
        }
        let after = Filter::GreaterOrEqual("uSNChanged".into(), from.saturating_add(1).to_string().into_bytes());
        let filter = Filter::And(vec![after, Filter::Or(vec![people(), branches()])]);
        let attributes = ["objectGUID", "objectClass", "isDeleted"];
        let search = Search {
            base: &context,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &attributes,
            limit: PAGE.into(),
        };
        let mut touched = vec![];
        let (mut page, mut pages) = (Some(vec![]), 0);
        while let Some(cookie) = page {
            let controls = [changes::show_deleted(), message::paged(PAGE.into(), &cookie)];
            let found = match self.refusable(&search, &controls).await? {
                Ok(found) => found,
                Err(why) => return Ok(Since::Everything(why)),
            };
            for entry in &found.entries {
                if is_branch(entry) && !is_deleted(entry) {
                    return Ok(branch_changed(&entry.dn));
                }
                let id = entry.value("objectGUID").and_then(|value| directory.unique_id(value));
                let Some(id) = id else { return Ok(no_id(Some(entry.dn.clone()))) };
                touched.push(id);
            }
            if touched.len() > MOST {
                return Ok(too_many());
            }
            page = self.page_after(&found, &mut pages)?;
        }
        let cursor = Cursor { cookie: to.to_string().into_bytes(), ..cursor.clone() };
        Ok(Since::Changes(Changes { touched, vanished: vec![], absent_left: false, cursor }))
    }
}

fn class(name: &str) -> Filter {
    Filter::equal("objectClass", name)
}

fn people() -> Filter {
    Filter::And(vec![class("person"), Filter::Not(Box::new(class("computer")))])
}

fn branches() -> Filter {
    Filter::Or(BRANCHES.map(class).to_vec())
}

fn is_branch(entry: &Entry) -> bool {
    let is_one = |value: &Vec<u8>| BRANCHES.iter().any(|class| value.eq_ignore_ascii_case(class.as_bytes()));
    entry.values("objectClass").iter().any(is_one)
}

fn is_deleted(entry: &Entry) -> bool {
    entry.value("isDeleted").is_some_and(|value| value.eq_ignore_ascii_case(b"TRUE"))
}

fn branch_changed(dn: &str) -> Since {
    Since::Everything(format!("{dn} has changed, and with it perhaps where accounts are"))
}

fn no_id(dn: Option<String>) -> Since {
    Since::Everything(format!("{} shows our account no unique id", dn.unwrap_or_default()))
}
