//! Leases: one holder among all replicas, with a generation that fences off a holder who has lost it. Time is the
//! database's, so that replicas with different clocks agree.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Store, StoreFault};

/// How long a holder that no longer renews keeps others out.
pub const EXPIRY: Duration = Duration::from_secs(30);
/// How often it is renewed.
pub const RENEWAL: Duration = Duration::from_secs(10);

/// The right to run something, for as long as it is renewed.
#[derive(Debug, Clone)]
pub struct Lease {
    name: String,
    holder: Uuid,
    generation: i64,
}

impl Store {
    /// The lease, or `None` while somebody else holds it.
    pub async fn take_lease(&self, name: &str) -> Result<Option<Lease>, StoreFault> {
        let holder = self.ambient.id();
        let generation = sqlx::query_scalar!(
            "insert into leases (name, holder, generation, until)
             values ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
             on conflict (name) do update
                 set holder = $2, generation = leases.generation + 1, until = excluded.until
                 where leases.until < clock_timestamp()
             returning generation",
            name,
            holder,
            EXPIRY.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(generation.map(|generation| Lease { name: name.to_owned(), holder, generation }))
    }

    /// False if it is lost.
    pub async fn renew_lease(&self, lease: &Lease) -> Result<bool, StoreFault> {
        let renewed = sqlx::query!(
            "update leases set until = clock_timestamp() + make_interval(secs => $4)
             where name = $1 and holder = $2 and generation = $3",
            lease.name,
            lease.holder,
            lease.generation,
            EXPIRY.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Lets the next one have it at once.
    pub async fn end_lease(&self, lease: &Lease) -> Result<(), StoreFault> {
        sqlx::query!(
            "update leases set until = '-infinity' where name = $1 and holder = $2 and generation = $3",
            lease.name,
            lease.holder,
            lease.generation,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

impl Lease {
    /// Checks, within the transaction that writes under it, that the lease has not passed on, and keeps it from passing on
    /// until that transaction ends.
    pub(super) async fn check(&self, connection: &mut PgConnection) -> Result<(), StoreFault> {
        let held = sqlx::query_scalar!(
            "select generation from leases where name = $1 and holder = $2 and generation = $3 for share",
            self.name,
            self.holder,
            self.generation,
        )
        .fetch_optional(connection)
        .await?;
        held.map(|_| ()).ok_or_else(|| StoreFault::LeaseLost { name: self.name.clone() })
    }
}
