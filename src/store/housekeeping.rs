//! Rows that have run out.

use jiff::SignedDuration;

use super::{Store, StoreFault, audit, sql};

/// Answered and expired challenges stay this long, for prompt history and support; the audit trail keeps the facts.
const CHALLENGES_KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

impl Store {
    pub async fn keep_house(&self) -> Result<(), StoreFault> {
        let now = self.ambient.now();
        audit::make_partitions(&self.pool, now).await?;
        sqlx::query!("delete from dialogs where expires_at < $1", sql(now) as _).execute(&self.pool).await?;
        sqlx::query!("delete from sessions where expires_at < $1", sql(now) as _).execute(&self.pool).await?;
        self.forget_old_sessions(now).await?;
        self.forget_old_mail().await?;
        sqlx::query!("delete from graces where until < $1", sql(now) as _).execute(&self.pool).await?;
        sqlx::query!(
            "update challenges set status = 'expired' where status = 'waiting' and expires_at < $1",
            sql(now) as _,
        )
        .execute(&self.pool)
        .await?;
        self.forget_unproven(now).await?;
        let old = now.saturating_sub(CHALLENGES_KEPT).unwrap_or(now);
        sqlx::query!("delete from challenges where status <> 'waiting' and created_at < $1", sql(old) as _)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
