//! Passkeys: the rows beside their authenticators. They are read with all authenticators of a user
//! (`store/authenticators`); an assertion is judged and written down by the recorder.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Store, StoreFault, sql};
use crate::domain::directory::UniqueId;
use crate::domain::ids::{AuthenticatorId, DirectoryId, UserId};
use crate::domain::passkey::{Credential, CredentialId, Standing};

/// Whose a passkey is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub user: UserId,
    pub name: String,
    pub directory: DirectoryId,
    pub unique_id: UniqueId,
    /// As the directory last called the entry.
    pub dn: String,
}

/// A passkey as its owner sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: AuthenticatorId,
    pub label: String,
    pub model: Option<Uuid>,
    /// It is on several devices, or kept by a service.
    pub backed_up: bool,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

pub(super) async fn insert(tx: &mut PgConnection, id: Uuid, credential: &Credential) -> Result<(), StoreFault> {
    sqlx::query!(
        "insert into passkeys (authenticator_id, credential_id, credential, sign_count, backup_eligible, backed_up, model)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id,
        credential.id.as_bytes(),
        credential.key,
        i64::from(credential.standing.sign_count),
        credential.standing.backup_eligible,
        credential.standing.backed_up,
        credential.model,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// After a judgement, under the user's lock.
pub(super) async fn used(
    tx: &mut PgConnection,
    id: Uuid,
    standing: Standing,
    now: Timestamp,
) -> Result<(), StoreFault> {
    sqlx::query!(
        "with used as (update authenticators set last_used_at = $5 where id = $1)
         update passkeys set sign_count = $2, backup_eligible = $3, backed_up = $4 where authenticator_id = $1",
        id,
        i64::from(standing.sign_count),
        standing.backup_eligible,
        standing.backed_up,
        sql(now) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// Whose passkey this is, if it is the user's of this handle (WebAuthn L3 §7.2 step 6).
    pub async fn passkey_owner(&self, user: UserId, id: &CredentialId) -> Result<Option<Owner>, StoreFault> {
        let row = sqlx::query!(
            "select u.name, u.directory_id, u.unique_id, u.dn
             from passkeys p join authenticators a on a.id = p.authenticator_id join users u on u.id = a.user_id
             where p.credential_id = $1 and u.id = $2",
            id.as_bytes(),
            user.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Owner {
            user,
            name: row.name,
            directory: DirectoryId(row.directory_id),
            unique_id: UniqueId(row.unique_id),
            dn: row.dn,
        }))
    }

    /// A person's passkeys, oldest first.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<Listed>, StoreFault> {
        let rows = sqlx::query!(
            "select a.id, a.label, a.created_at, p.model, p.backed_up, a.last_used_at
             from passkeys p join authenticators a on a.id = p.authenticator_id where a.user_id = $1 order by a.id",
            user.0,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Listed {
                id: AuthenticatorId(row.id),
                label: row.label,
                model: row.model,
                backed_up: row.backed_up,
                created_at: row.created_at.to_jiff(),
                last_used_at: row.last_used_at.map(jiff_sqlx::Timestamp::to_jiff),
            })
            .collect())
    }
}
