//! A file of people meets a directory and our books: each row becomes an account that is taken in, a list of changes,
//! nothing, or a refusal. Everything is decided before anything is written, and a refused row costs no other.

mod accounts;

use std::collections::HashMap;

use super::import::ImportFault;
use crate::directory::DirectoryClient;
use crate::domain::directory::{Directory, UniqueId};
use crate::domain::people_file::row::{NewToken, Purpose};
use crate::domain::people_file::{Refusal, Row};
use crate::domain::phone::Phone;
use crate::domain::user::Token;
use crate::store::audit::Actor;
use crate::store::authenticators::Enrolment;
use crate::store::people::Person;
use crate::store::users::{Found, Imported, Listed};
use crate::store::{Store, StoreFault};

/// Names asked for in one search.
const NAMES: usize = 50;
/// People read from, or taken into, our books at once.
const BATCH: usize = 500;

/// What becomes of one row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// A new user, and what else is done.
    Added {
        changes: Vec<String>,
    },
    Changed {
        changes: Vec<String>,
    },
    Unchanged,
    Refused(Refusal),
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct RowReport {
    pub row: usize,
    /// As the directory spells them; as our books do, of known users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dn: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What is to be done for the rows of one directory, not done yet.
pub struct Plan {
    rows: Vec<Planned>,
}

struct Planned {
    row: Row,
    account: Option<Account>,
    acts: Vec<Act>,
    refusal: Option<Refusal>,
}

/// The account a row means.
struct Account {
    unique_id: UniqueId,
    name: String,
    dn: String,
    /// As the directory shows it now, if it was asked; taken into our books.
    found: Option<Found>,
    is_new: bool,
    is_stale: bool,
}

enum Act {
    Enable(bool),
    Phone(Purpose, Phone),
    /// The row's token.
    Enrol,
}

/// Decides about rows of one directory. `progress` hears how many accounts have been found.
pub async fn plan(
    store: &Store,
    client: &DirectoryClient,
    rows: Vec<Row>,
    mut progress: impl FnMut(usize),
) -> Result<Plan, ImportFault> {
    let directory = client.directory();
    let known = store.known_accounts(directory.id).await?;
    let mut rows: Vec<Planned> =
        rows.into_iter().map(|row| Planned { row, account: None, acts: vec![], refusal: None }).collect();
    accounts::recognise(&mut rows, &known);
    let unknown: Vec<usize> =
        rows.iter().enumerate().filter(|(_, planned)| planned.account.is_none()).map(|(at, _)| at).collect();
    let mut done = rows.len() - unknown.len();
    for chunk in unknown.chunks(NAMES) {
        accounts::look_up(client, &mut rows, chunk).await?;
        done += chunk.len();
        progress(done);
    }
    accounts::refuse_doubles(&mut rows);
    accounts::take_in(&mut rows, &known);
    for chunk in rows.chunks_mut(BATCH) {
        compare(store, directory, chunk).await?;
    }
    Ok(Plan { rows })
}

/// What is to be changed of users, and whether it can be.
async fn compare(store: &Store, directory: &Directory, rows: &mut [Planned]) -> Result<(), StoreFault> {
    let accounts =
        rows.iter().filter_map(|planned| planned.account.as_ref()).map(|account| account.unique_id.0.clone());
    let people = store.people(directory.id, &accounts.collect::<Vec<_>>()).await?;
    let people: HashMap<UniqueId, Person> =
        people.into_iter().map(|person| (person.unique_id.clone(), person)).collect();
    let serials: Vec<String> = rows.iter().filter_map(|planned| serial(&planned.row)).map(str::to_owned).collect();
    let owners = store.serial_owners(&serials).await?;
    for planned in rows.iter_mut().filter(|planned| planned.refusal.is_none()) {
        let person = planned.account.as_ref().and_then(|account| people.get(&account.unique_id));
        let acts = acts(&planned.row, person);
        let enrols = acts.iter().any(|act| matches!(act, Act::Enrol));
        if enrols && serial(&planned.row).is_some_and(|serial| owners.contains_key(serial)) {
            planned.refusal = Some(taken_serial());
            continue;
        }
        planned.acts = acts;
    }
    Ok(())
}

fn serial(row: &Row) -> Option<&str> {
    row.token.as_ref().and_then(|token| token.serial.as_deref())
}

fn taken_serial() -> Refusal {
    Refusal::row(
        "a token with its serial number is enrolled already, with another secret or for somebody else",
        "correct the serial number, or reset the user who has the token",
    )
}

fn acts(row: &Row, person: Option<&Person>) -> Vec<Act> {
    let mut acts = vec![];
    // A new user is enabled.
    let enabled = person.is_none_or(|person| person.user.enabled);
    acts.extend(row.enabled.filter(|wanted| *wanted != enabled).map(Act::Enable));
    for (purpose, phone) in &row.phones {
        if !person.is_some_and(|person| person.phones.contains(&(*purpose, phone.clone()))) {
            acts.push(Act::Phone(*purpose, phone.clone()));
        }
    }
    let has = |token: &NewToken| {
        person.is_some_and(|person| person.authenticators.iter().any(|have| is_same(&have.token, &token.token)))
    };
    if row.token.as_ref().is_some_and(|token| !has(token)) {
        acts.push(Act::Enrol);
    }
    acts
}

/// The same seed in the same kind of token; where it stands by now is its own affair.
fn is_same(have: &Token, wanted: &Token) -> bool {
    match (have, wanted) {
        (Token::Totp { seed: have, .. }, Token::Totp { seed, .. })
        | (Token::Hotp { seed: have, .. }, Token::Hotp { seed, .. }) => have.same_as(seed.expose()),
        (
            Token::App | Token::Totp { .. } | Token::Hotp { .. } | Token::Passkey(_),
            Token::App | Token::Totp { .. } | Token::Hotp { .. } | Token::Passkey(_),
        ) => false,
    }
}

impl Planned {
    fn changes(&self) -> Vec<String> {
        let mut changes = vec![];
        if self.account.as_ref().is_some_and(|account| account.is_stale) {
            changes.push("brought up to date with the directory".to_owned());
        }
        for act in &self.acts {
            changes.push(match act {
                Act::Enable(true) => "enabled".to_owned(),
                Act::Enable(false) => "disabled".to_owned(),
                Act::Phone(purpose, phone) => format!("{} {phone}, not verified", purpose.name()),
                Act::Enrol => self.row.token.as_ref().map(told).unwrap_or_default(),
            });
        }
        changes
    }

    fn report(&self) -> RowReport {
        let is_new = self.account.as_ref().is_some_and(|account| account.is_new);
        let changes = self.changes();
        let outcome = match &self.refusal {
            Some(refusal) => Outcome::Refused(refusal.clone()),
            None if is_new => Outcome::Added { changes },
            None if changes.is_empty() => Outcome::Unchanged,
            None => Outcome::Changed { changes },
        };
        let (name, dn) = match &self.account {
            Some(account) => (Some(account.name.clone()), Some(account.dn.clone())),
            None => (self.row.name.as_ref().map(|name| name.text().to_owned()), None),
        };
        RowReport { row: self.row.line, name, dn, outcome }
    }
}

fn told(token: &NewToken) -> String {
    let kind = token.token.factor().as_str().to_ascii_uppercase();
    let serial = token.serial.as_ref().map(|serial| format!(" {serial}")).unwrap_or_default();
    let weak = if token.is_weak { " (its secret is shorter than 128 bits: replace it when you can)" } else { "" };
    format!("{kind} token{serial}{weak}")
}

impl Plan {
    /// The report of a plan that is not carried out.
    pub fn report(&self) -> Vec<RowReport> {
        self.rows.iter().map(Planned::report).collect()
    }

    /// How many rows it is about.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Rows that are not refused, whose cells count as taken over.
    pub fn taken(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|planned| planned.refusal.is_none()).map(|planned| &planned.row)
    }

    /// Does it. What was written before a fault stays; a second run goes on from there. `progress` hears how many rows
    /// are done.
    pub async fn carry_out(
        mut self,
        store: &Store,
        directory: &Directory,
        by: &Actor,
        mut progress: impl FnMut(usize),
    ) -> Result<Self, ImportFault> {
        let mut done = 0;
        for chunk in self.rows.chunks_mut(BATCH) {
            let (first, found): (Vec<usize>, Vec<Found>) = chunk
                .iter()
                .enumerate()
                .filter(|(_, planned)| planned.refusal.is_none())
                .filter_map(|(at, planned)| Some((at, planned.account.as_ref()?.found.clone()?)))
                .unzip();
            if !found.is_empty() {
                let results = store.import_users(directory.id, &found, by).await?;
                for (at, result) in first.into_iter().zip(results) {
                    let (Imported::NameTaken { name }, Some(planned)) = (result, chunk.get_mut(at)) else { continue };
                    let why = format!("its name {name} has been taken by somebody else meanwhile");
                    planned.refusal = Some(Refusal::row(why, "run the import again"));
                }
            }
            let accounts = chunk.iter().filter(|planned| planned.refusal.is_none() && !planned.acts.is_empty());
            let accounts =
                accounts.filter_map(|planned| planned.account.as_ref()).map(|account| account.unique_id.0.clone());
            let people = store.people(directory.id, &accounts.collect::<Vec<_>>()).await?;
            let people: HashMap<UniqueId, Listed> =
                people.into_iter().map(|person| (person.unique_id, person.user)).collect();
            for planned in chunk {
                let account = planned.account.as_ref().filter(|_| planned.refusal.is_none());
                if let Some(user) = account.and_then(|account| people.get(&account.unique_id)) {
                    planned.refusal = planned.act(store, user, by).await?;
                }
                done += 1;
                progress(done);
            }
        }
        Ok(self)
    }
}

impl Planned {
    async fn act(&self, store: &Store, user: &Listed, by: &Actor) -> Result<Option<Refusal>, StoreFault> {
        for act in &self.acts {
            match act {
                Act::Enable(enabled) => store.set_enabled(user, *enabled, by).await?,
                Act::Phone(purpose, phone) => store.set_phone(user, *purpose, phone, by).await?,
                Act::Enrol => {
                    let Some(NewToken { serial, token, .. }) = &self.row.token else { continue };
                    let label = if serial.is_some() { "hardware token" } else { "authenticator app" };
                    let enrolment = Enrolment { token, label, serial: serial.as_deref() };
                    match store.enrol(user, &enrolment, by).await {
                        Err(fault) if fault.is_duplicate() => return Ok(Some(taken_serial())),
                        enrolled => enrolled?,
                    };
                }
            }
        }
        Ok(None)
    }
}
