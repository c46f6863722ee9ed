//! People as a file of people changes them: who they are to us now, their phone numbers, and rows for an export.

use std::collections::HashMap;

use sqlx::types::Json;
use uuid::Uuid;

use super::audit::Actor;
use super::users::Listed;
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::directory::UniqueId;
use crate::domain::directory::profile::Profile;
use crate::domain::ids::{DirectoryId, UserId};
use crate::domain::people_file::row::Purpose;
use crate::domain::phone::Phone;
use crate::domain::user::Authenticator;

/// A user with what a file may change. Not to be printed: authenticators hold seeds.
pub struct Person {
    pub user: Listed,
    pub unique_id: UniqueId,
    pub authenticators: Vec<Authenticator>,
    pub phones: Vec<(Purpose, Phone)>,
}

/// A user as a file of people shows one.
#[derive(Debug)]
pub struct Exported {
    pub directory: String,
    pub unique_id: String,
    pub name: String,
    pub dn: String,
    pub profile: Profile,
    pub enabled: bool,
    pub blocked: bool,
    pub phones: Vec<(Purpose, Phone)>,
    pub factors: Vec<String>,
}

impl Store {
    /// Those of these accounts that are users, in no order.
    pub async fn people(&self, directory: DirectoryId, accounts: &[String]) -> Result<Vec<Person>, StoreFault> {
        let rows = sqlx::query!(
            "select id, unique_id from users where directory_id = $1 and unique_id = any($2)",
            directory.0,
            accounts,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut unique_ids: HashMap<Uuid, String> = rows.into_iter().map(|row| (row.id, row.unique_id)).collect();
        let ids: Vec<Uuid> = unique_ids.keys().copied().collect();
        let mut phones = self.user_phones(&ids).await?;
        let mut authenticators: HashMap<Uuid, Vec<Authenticator>> = HashMap::new();
        let mut connection = self.pool.acquire().await?;
        for token in super::authenticators::tokens(&mut connection, &ids).await? {
            authenticators.entry(token.user_id).or_default().push(token.open(self)?);
        }
        drop(connection);
        let people = self.listed(Some(&ids)).await?.into_iter().filter_map(|user| {
            let id = user.id.0;
            Some(Person {
                user,
                unique_id: UniqueId(unique_ids.remove(&id)?),
                authenticators: authenticators.remove(&id).unwrap_or_default(),
                phones: phones.remove(&id).unwrap_or_default(),
            })
        });
        Ok(people.collect())
    }

    /// Whose tokens these serial numbers are.
    pub async fn serial_owners(&self, serials: &[String]) -> Result<HashMap<String, UserId>, StoreFault> {
        let rows =
            sqlx::query!(r#"select serial as "serial!", user_id from authenticators where serial = any($1)"#, serials,)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|row| (row.serial, UserId(row.user_id))).collect())
    }

    /// The phone numbers that files brought, by user.
    async fn user_phones(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<(Purpose, Phone)>>, StoreFault> {
        let rows = sqlx::query!(
            "select user_id, purpose, number, extension from user_phones where user_id = any($1) order by purpose desc",
            ids,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut phones: HashMap<Uuid, Vec<(Purpose, Phone)>> = HashMap::new();
        for row in rows {
            let unreadable = |what: &str| StoreFault::Unreadable {
                table: "user_phones",
                row: row.user_id.to_string(),
                what: what.to_owned(),
            };
            let purpose = match row.purpose.as_str() {
                "phone" => Purpose::Phone,
                "backup" => Purpose::Backup,
                _ => return Err(unreadable("purpose")),
            };
            let whole =
                row.extension.iter().fold(row.number.clone(), |number, digits| format!("{number};ext={digits}"));
            let phone = Phone::parse(&whole, None).map_err(|_| unreadable("number"))?;
            phones.entry(row.user_id).or_default().push((purpose, phone));
        }
        Ok(phones)
    }

    pub async fn phones(&self, user: UserId) -> Result<Vec<(Purpose, Phone)>, StoreFault> {
        Ok(self.user_phones(&[user.0]).await?.remove(&user.0).unwrap_or_default())
    }

    /// A number in the place of the one before it; not verified.
    pub async fn set_phone(
        &self,
        user: &Listed,
        purpose: Purpose,
        phone: &Phone,
        by: &Actor,
    ) -> Result<(), StoreFault> {
        let word = match purpose {
            Purpose::Phone => "phone",
            Purpose::Backup => "backup",
        };
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "insert into user_phones (user_id, purpose, number, extension, changed_at) values ($1, $2, $3, $4, $5)
             on conflict (user_id, purpose) do update
                 set number = $3, extension = $4, verified = false, changed_at = $5",
            user.id.0,
            word,
            phone.number(),
            phone.extension(),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        let event =
            Event::PhoneSet { user: user.id, name: user.name.clone(), purpose: purpose.name(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Every user, or every user of a directory, by directory and name.
    pub async fn exported(&self, directory: Option<DirectoryId>) -> Result<Vec<Exported>, StoreFault> {
        let rows = sqlx::query!(
            r#"select u.id, d.name as directory, u.unique_id, u.name, u.dn, u.mail,
                      u.profile as "profile: Json<Profile>", u.enabled, u.blocked,
                      array(select a.factor from authenticators a where a.user_id = u.id and a.proven_at is not null
                            order by a.factor) as "factors!"
               from users u join directories d on d.id = u.directory_id
               where $1::uuid is null or u.directory_id = $1
               order by d.name, u.name, u.id"#,
            directory.map(|directory| directory.0),
        )
        .fetch_all(&self.pool)
        .await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut phones = self.user_phones(&ids).await?;
        let rows = rows.into_iter().map(|row| Exported {
            directory: row.directory,
            unique_id: row.unique_id,
            name: row.name,
            dn: row.dn,
            profile: Profile { mail: row.mail, ..row.profile.0 },
            enabled: row.enabled,
            blocked: row.blocked,
            phones: phones.remove(&row.id).unwrap_or_default(),
            factors: row.factors,
        });
        Ok(rows.collect())
    }
}
