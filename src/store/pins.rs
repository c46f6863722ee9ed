//! PINs of users. What stands in the row is a hash; it is read with the account.

use super::audit::Actor;
use super::users::{Listed, end_graces};
use super::{Store, StoreFault};
use crate::domain::audit::Event;
use crate::domain::pin::PinHash;

impl Store {
    /// Replaces the user's PIN; graces end, since they rest on the old one.
    pub async fn set_pin(
        &self,
        user: &Listed,
        hash: &PinHash,
        must_change: bool,
        by: &Actor,
    ) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "update users set pin_hash = $2, pin_must_change = $3 where id = $1",
            user.id.0,
            hash.as_str(),
            must_change,
        )
        .execute(&mut *tx)
        .await?;
        end_graces(&mut tx, user.id).await?;
        let event = Event::PinSet { user: user.id, name: user.name.clone(), must_change, by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// False if there was none.
    pub async fn clear_pin(&self, user: &Listed, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        let cleared = sqlx::query!(
            "update users set pin_hash = null, pin_must_change = false where id = $1 and pin_hash is not null",
            user.id.0,
        )
        .execute(&mut *tx)
        .await?;
        if cleared.rows_affected() == 0 {
            return Ok(false);
        }
        let event = Event::PinCleared { user: user.id, name: user.name.clone(), by: by.to_string() };
        self.administer(&mut tx, vec![event]).await?;
        tx.commit().await?;
        Ok(true)
    }
}
