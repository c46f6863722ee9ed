//! Clients and their policies.

use ipnet::IpNet;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::audit::Actor;
use super::directories::{millis, to_millis};
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::client::{Client, CodeForm, ServiceAccount, ServiceAccounts, UserMatch};
use crate::domain::dn::Dn;
use crate::domain::ids::{ClientId, DirectoryId};

/// A service account as its row keeps it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
struct Exemption {
    #[serde(flatten)]
    who: Who,
    #[serde(default)]
    from: Vec<IpNet>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Who {
    Exact(String),
    Subtree(String),
    Group(String),
}

impl Store {
    pub async fn clients(&self) -> Result<Vec<Client>, StoreFault> {
        let rows = sqlx::query!(
            r#"select id, name, client_group, directory_id, addresses, user_match, factors, bare_approval, answer_by_ms,
                      grace_ms, trusted_networks, service_accounts as "service_accounts: Json<Vec<Exemption>>",
                      code_delimiter, code_length, allow_plaintext, allow_anonymous, allow_root_dse,
                      allow_password_compare, portal, first_enrolment
               from clients order by name"#
        )
        .fetch_all(&self.pool)
        .await?;
        let mut radius = self.radius_policies().await?;
        let mut clients = Vec::with_capacity(rows.len());
        for row in rows {
            let unreadable = |what: String| StoreFault::Unreadable { table: "clients", row: row.name.clone(), what };
            let user_match =
                user_match(&row.user_match).ok_or_else(|| unreadable(format!("user match {:?}", row.user_match)))?;
            let factors = row.factors.iter().map(|factor| factor.parse());
            let factors = factors.collect::<Result<_, _>>().map_err(|fault| unreadable(format!("{fault}")))?;
            let accounts = row.service_accounts.0.into_iter().map(exemption);
            let service_accounts = accounts.collect::<Result<_, _>>().map_err(unreadable)?;
            clients.push(Client {
                id: ClientId(row.id),
                group: row.client_group,
                directory: DirectoryId(row.directory_id),
                addresses: row.addresses,
                user_match,
                factors,
                bare_approval: row.bare_approval,
                answer_by: millis(row.answer_by_ms),
                grace: millis(row.grace_ms),
                trusted_networks: row.trusted_networks,
                service_accounts,
                code_form: CodeForm {
                    delimiter: row.code_delimiter.and_then(|text| text.chars().next()),
                    fixed_length: row.code_length.and_then(|length| u8::try_from(length).ok()),
                },
                allow_plaintext: row.allow_plaintext,
                allow_anonymous: row.allow_anonymous,
                allow_root_dse: row.allow_root_dse,
                allow_password_compare: row.allow_password_compare,
                portal: row.portal,
                first_enrolment: row.first_enrolment,
                radius: radius.remove(&row.id),
                name: row.name,
            });
        }
        Ok(clients)
    }

    pub async fn add_client(&self, client: &Client, by: &Actor) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        self.insert_client(&mut tx, client).await?;
        if let Some(policy) = &client.radius {
            self.add_radius_policy(&mut tx, client.id, policy).await?;
        }
        let event = Event::ClientAdded { client: client.id, name: client.name.clone(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes the portal of every directory that has none, as those from before there was one.
    pub async fn ensure_portal_clients(&self, by: &Actor) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        // Locked, so that of two processes that start at once the second finds what the first has made.
        let directories =
            sqlx::query!("select id, name from directories order by id for update").fetch_all(&mut *tx).await?;
        let mut events = vec![];
        for directory in directories {
            if let Some(made) = self.add_portal_client(&mut tx, DirectoryId(directory.id), &directory.name).await? {
                events.push(Event::ClientAdded { client: made.id, name: made.name, by: by.to_string() });
            }
        }
        if !events.is_empty() {
            self.administer(&mut tx, events).await?;
            super::snapshot::changed(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Within the caller's transaction, which holds the directory's lock; `None` if it has one.
    pub(super) async fn add_portal_client(
        &self,
        tx: &mut PgConnection,
        directory: DirectoryId,
        name: &str,
    ) -> Result<Option<Client>, StoreFault> {
        let plain = format!("portal of {name}");
        let standing = sqlx::query!(
            r#"select exists (select from clients where portal and directory_id = $1) as "is_there!",
                      array(select name from clients where starts_with(name, $2)) as "taken!""#,
            directory.0,
            plain,
        )
        .fetch_one(&mut *tx)
        .await?;
        if standing.is_there {
            return Ok(None);
        }
        let id = ClientId(self.ambient.id());
        let names = std::iter::once(plain.clone()).chain((2..100).map(|number| format!("{plain} ({number})")));
        let mut free = names.filter(|name| !standing.taken.contains(name));
        // Whoever has taken all of these gets an ugly one.
        let name = free.next().unwrap_or_else(|| format!("{plain} {id}"));
        let client = Client::portal_of(id, directory, name);
        self.insert_client(tx, &client).await?;
        Ok(Some(client))
    }

    async fn insert_client(&self, tx: &mut PgConnection, client: &Client) -> Result<(), StoreFault> {
        let factors: Vec<String> = client.factors.iter().map(ToString::to_string).collect();
        let accounts: Vec<Exemption> = client.service_accounts.iter().map(row).collect();
        sqlx::query!(
            "insert into clients (id, name, client_group, directory_id, addresses, user_match, factors, bare_approval,
                                  answer_by_ms, grace_ms, trusted_networks, service_accounts, code_delimiter,
                                  code_length, allow_plaintext, allow_anonymous, allow_root_dse, allow_password_compare,
                                  created_at, portal, first_enrolment)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
            client.id.0,
            client.name,
            client.group,
            client.directory.0,
            &client.addresses as _,
            user_match_text(client.user_match),
            &factors,
            client.bare_approval,
            to_millis(client.answer_by),
            to_millis(client.grace),
            &client.trusted_networks as _,
            Json(accounts) as _,
            client.code_form.delimiter.map(String::from),
            client.code_form.fixed_length.map(i16::from),
            client.allow_plaintext,
            client.allow_anonymous,
            client.allow_root_dse,
            client.allow_password_compare,
            sql(self.ambient.now()) as _,
            client.portal,
            client.first_enrolment,
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// False if there is no portal of that name.
    pub async fn set_first_enrolment(&self, name: &str, is_open: bool, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let id = sqlx::query_scalar!(
            "update clients set first_enrolment = $2 where name = $1 and portal returning id",
            name,
            is_open,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = id else { return Ok(false) };
        let (client, client_name) = (ClientId(id), name.to_owned());
        let event = Event::FirstEnrolmentSet { client, client_name, allowed: is_open, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// False if there is no client of that name, or it is a portal: that stays as long as its directory.
    pub async fn remove_client(&self, name: &str, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let id = sqlx::query_scalar!("delete from clients where name = $1 and not portal returning id", name)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(id) = id else { return Ok(false) };
        let event = Event::ClientRemoved { client: ClientId(id), name: name.to_owned(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        super::snapshot::changed(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Whoever passes as a machine at some client of the directory.
pub(super) async fn service_accounts(
    connection: &mut PgConnection,
    directory: DirectoryId,
) -> Result<Vec<ServiceAccounts>, StoreFault> {
    let rows = sqlx::query!(
        r#"select name, service_accounts as "service_accounts: Json<Vec<Exemption>>" from clients
           where directory_id = $1 and service_accounts <> '[]'"#,
        directory.0,
    )
    .fetch_all(connection)
    .await?;
    let mut found = vec![];
    for row in rows {
        for account in row.service_accounts.0 {
            let unreadable = |what| StoreFault::Unreadable { table: "clients", row: row.name.clone(), what };
            found.push(exemption(account).map_err(unreadable)?.who);
        }
    }
    Ok(found)
}

fn exemption(kept: Exemption) -> Result<ServiceAccount, String> {
    let dn = |text: &str| Dn::parse(text).map_err(|fault| format!("service account {text:?}: {fault}"));
    let who = match kept.who {
        Who::Exact(text) => ServiceAccounts::Exact(dn(&text)?),
        Who::Subtree(text) => ServiceAccounts::Subtree(dn(&text)?),
        Who::Group(text) => ServiceAccounts::Group(text),
    };
    Ok(ServiceAccount { who, from: kept.from })
}

fn row(account: &ServiceAccount) -> Exemption {
    let who = match &account.who {
        ServiceAccounts::Exact(dn) => Who::Exact(dn.to_string()),
        ServiceAccounts::Subtree(dn) => Who::Subtree(dn.to_string()),
        ServiceAccounts::Group(dn) => Who::Group(dn.clone()),
    };
    Exemption { who, from: account.from.clone() }
}

pub fn user_match_text(value: UserMatch) -> &'static str {
    match value {
        UserMatch::Refuse => "refuse",
        UserMatch::PasswordOnly => "password-only",
        UserMatch::MustEnrol => "must-enrol",
    }
}

fn user_match(text: &str) -> Option<UserMatch> {
    [UserMatch::Refuse, UserMatch::PasswordOnly, UserMatch::MustEnrol]
        .into_iter()
        .find(|value| user_match_text(*value) == text)
}
