//! What we know of a directory's accounts, for an import to compare with before it changes anything.

use sqlx::types::Json;

use super::users::state_from_sql;
use super::{Store, StoreFault};
use crate::domain::directory::UniqueId;
use crate::domain::directory::profile::Profile;
use crate::domain::directory::state::AccountState;
use crate::domain::ids::DirectoryId;

/// An account as our books have it.
#[derive(Debug, Clone)]
pub struct Known {
    pub unique_id: UniqueId,
    pub name: String,
    pub dn: String,
    pub profile: Profile,
    /// Groups the account itself names, and its primary group; as in [`Found`](super::users::Found).
    pub member_of: Vec<String>,
    pub primary_group: Option<String>,
    pub state: AccountState,
    /// In comparison form, sorted by bytes.
    pub names: Vec<String>,
}

impl Store {
    pub async fn known_accounts(&self, directory: DirectoryId) -> Result<Vec<Known>, StoreFault> {
        let rows = sqlx::query!(
            r#"select u.unique_id, u.name, u.dn, u.mail, u.profile as "profile: Json<Profile>", u.member_of, u.primary_group,
                      u.directory_disabled, u.directory_until,
                      array(select n.folded from user_names n where n.user_id = u.id) as "names!"
               from users u where u.directory_id = $1"#,
            directory.0,
        )
        .fetch_all(&self.pool)
        .await?;
        let known = rows.into_iter().map(|mut row| {
            // Here and not in the query: the database may sort by a language's rules.
            row.names.sort_unstable();
            let profile = Profile { mail: row.mail, ..row.profile.0 };
            Known {
                unique_id: UniqueId(row.unique_id),
                name: row.name,
                dn: row.dn,
                profile,
                state: state_from_sql(row.directory_disabled, row.directory_until),
                member_of: row.member_of,
                primary_group: row.primary_group,
                names: row.names,
            }
        });
        Ok(known.collect())
    }
}
