//! The audit trail: appended in the transaction of what it records, never changed, verified by a walk along the chains.

use std::collections::{HashMap, HashSet};

use data_encoding::HEXLOWER;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Store, StoreFault, sql};
use crate::domain::audit::{Anchor, Event, GENESIS, Link, Record, head_mac};
use crate::domain::ids::{UserId, WriterId};

/// Who did an administrative act.
#[derive(Debug, Clone)]
pub struct Actor(pub String);

impl Actor {
    /// The person whose account it is, in the portal.
    pub fn themselves(source: std::net::IpAddr) -> Self {
        Self(format!("themselves, in the portal from {source}"))
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a chain stands.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub writer: WriterId,
    pub seq: i64,
    pub link: Link,
}

impl Head {
    pub fn new(writer: WriterId) -> Self {
        Self { writer, seq: 0, link: GENESIS }
    }
}

/// Everything done from the command line is one chain, whichever process does it.
const ADMINISTRATION: WriterId = WriterId(Uuid::from_u128(0xad));

/// Anchors written when a process starts: the chains that moved last.
const ANCHORS: i64 = 32;

/// Appends to a chain within the caller's transaction. The caller keeps the new head only if that commits.
pub(super) async fn append(
    connection: &mut PgConnection,
    key: &[u8; 32],
    mut head: Head,
    events: &[(Timestamp, Event)],
) -> Result<Head, StoreFault> {
    let (mut seqs, mut times, mut users, mut bodies, mut macs) = (vec![], vec![], vec![], vec![], vec![]);
    for (at, event) in events {
        let at = sql(*at);
        let body = serde_json::to_string(event).map_err(|error| StoreFault::Unreadable {
            table: "audit_events",
            row: "new".into(),
            what: error.to_string(),
        })?;
        let record = Record { writer: head.writer, seq: head.seq + 1, at: at.to_jiff(), body };
        head.link = record.link(key, &head.link);
        head.seq = record.seq;
        seqs.push(record.seq);
        times.push(at);
        users.push(event.user().map(|user| user.0));
        bodies.push(record.body);
        macs.push(head.link.to_vec());
    }
    let Some(last) = times.last().copied() else { return Ok(head) };
    let of_head = head_mac(key, head.writer, head.seq, &head.link);
    sqlx::query!(
        r#"with appended as (
               insert into audit_events (writer, seq, at, user_id, body, mac)
               select $1, * from unnest($2::bigint[], $3::timestamptz[], $4::uuid[], $5::text[], $6::bytea[])
           )
           insert into audit_heads (writer, seq, mac, head_mac, at) values ($1, $7, $8, $9, $10)
           on conflict (writer) do update set seq = $7, mac = $8, head_mac = $9, at = $10"#,
        head.writer.0,
        &seqs,
        &times as _,
        &users as _,
        &bodies,
        &macs,
        head.seq,
        head.link.as_slice(),
        of_head.as_slice(),
        last as _,
    )
    .execute(connection)
    .await?;
    Ok(head)
}

/// Where a chain stands, once whoever appends to it has ended.
pub(super) async fn locked_head(connection: &mut PgConnection, writer: WriterId) -> Result<Head, StoreFault> {
    let row = sqlx::query!("select seq, mac from audit_heads where writer = $1 for update", writer.0)
        .fetch_one(connection)
        .await?;
    Ok(Head { writer, seq: row.seq, link: link(&row.mac) })
}

impl Store {
    /// Records administrative acts in the caller's transaction.
    pub(super) async fn administer(&self, connection: &mut PgConnection, events: Vec<Event>) -> Result<(), StoreFault> {
        // The head's row lock orders processes that administer at once; the first one ever makes the row.
        let head = Head::new(ADMINISTRATION);
        let of_head = head_mac(self.keys.audit(), ADMINISTRATION, 0, &head.link);
        sqlx::query!(
            "insert into audit_heads (writer, seq, mac, head_mac, at) values ($1, 0, $2, $3, $4) on conflict do nothing",
            ADMINISTRATION.0,
            head.link.as_slice(),
            of_head.as_slice(),
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *connection)
        .await?;
        let head = locked_head(connection, ADMINISTRATION).await?;
        let now = self.ambient.now();
        let events: Vec<_> = events.into_iter().map(|event| (now, event)).collect();
        append(connection, self.keys.audit(), head, &events).await?;
        for (at, event) in &events {
            self.tell(connection, event, *at).await?;
        }
        Ok(())
    }

    /// Records acts that change nothing else.
    pub async fn note(&self, events: Vec<Event>) -> Result<(), StoreFault> {
        let mut tx = self.pool.begin().await?;
        self.administer(&mut tx, events).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Where the chains that moved last stand, for a new chain's first record.
    pub(super) async fn anchors(&self) -> Result<Vec<Anchor>, StoreFault> {
        let rows =
            sqlx::query!("select writer, seq, mac from audit_heads where seq > 0 order by at desc limit $1", ANCHORS)
                .fetch_all(&self.pool)
                .await?;
        let anchor = |writer, seq, mac: &[u8]| Anchor { writer: WriterId(writer), seq, mac: HEXLOWER.encode(mac) };
        Ok(rows.into_iter().map(|row| anchor(row.writer, row.seq, &row.mac)).collect())
    }

    /// Walks every chain. Reads the trail once, holding one chain's state in memory at a time.
    pub async fn verify_audit(&self) -> Result<Verified, StoreFault> {
        let mut faults = vec![];
        // One snapshot: records that arrive meanwhile are not half seen.
        let mut tx = self.pool.begin().await?;
        sqlx::query!("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
        let heads = sqlx::query!("select writer, seq, mac, head_mac from audit_heads").fetch_all(&mut *tx).await?;
        let mut ends: HashMap<WriterId, (i64, Link)> = HashMap::new();
        for row in heads {
            let writer = WriterId(row.writer);
            let link = link(&row.mac);
            if head_mac(self.keys.audit(), writer, row.seq, &link).as_slice() != row.head_mac {
                faults.push(ChainFault::HeadForged { writer });
            }
            ends.insert(writer, (row.seq, link));
        }
        let mut anchors: Vec<(WriterId, Anchor)> = vec![];
        let mut reached: HashMap<WriterId, (i64, Link)> = HashMap::new();
        let mut seen_links: HashMap<(WriterId, i64), String> = HashMap::new();
        let wanted = self.anchored(&mut tx).await?;
        let mut records = 0_u64;
        {
            let mut rows =
                sqlx::query!("select writer, seq, at, user_id, body, mac from audit_events order by writer, seq")
                    .fetch(&mut *tx);
            let mut at = (WriterId(Uuid::nil()), 0_i64, GENESIS);
            while let Some(row) = rows.try_next().await? {
                records += 1;
                let writer = WriterId(row.writer);
                if at.0 != writer {
                    at = (writer, 0, GENESIS);
                }
                if row.seq != at.1 + 1 {
                    faults.push(ChainFault::Missing { writer, from: at.1 + 1, to: row.seq - 1 });
                }
                let record = Record { writer, seq: row.seq, at: row.at.to_jiff(), body: row.body };
                // After a gap the link before it is gone; what follows is checked from its own link on.
                if row.seq == at.1 + 1 && !record.is_linked(self.keys.audit(), &at.2, &row.mac) {
                    faults.push(ChainFault::Changed { writer, seq: row.seq });
                }
                if user_of(&record.body) != row.user_id {
                    faults.push(ChainFault::Changed { writer, seq: row.seq });
                }
                if wanted.contains(&(writer, row.seq)) {
                    seen_links.insert((writer, row.seq), HEXLOWER.encode(&row.mac));
                }
                if row.seq == 1 {
                    anchors.extend(anchors_of(&record.body).into_iter().map(|anchor| (writer, anchor)));
                }
                at = (writer, row.seq, link(&row.mac));
                reached.insert(writer, (row.seq, at.2));
            }
        }
        for (writer, (seq, link)) in &ends {
            let (last, last_link) = reached.get(writer).copied().unwrap_or((0, GENESIS));
            if last < *seq {
                faults.push(ChainFault::Missing { writer: *writer, from: last + 1, to: *seq });
            } else if last > *seq || last_link != *link {
                faults.push(ChainFault::HeadForged { writer: *writer });
            }
        }
        for writer in reached.keys().filter(|writer| !ends.contains_key(writer)) {
            faults.push(ChainFault::HeadMissing { writer: *writer });
        }
        for (by, anchor) in anchors {
            if seen_links.get(&(anchor.writer, anchor.seq)) != Some(&anchor.mac) {
                faults.push(ChainFault::Unanchored { by, writer: anchor.writer, seq: anchor.seq });
            }
        }
        tx.rollback().await?;
        let mut heads: Vec<_> = ends.into_iter().map(|(writer, (seq, link))| Head { writer, seq, link }).collect();
        heads.sort_by_key(|head| head.writer);
        Ok(Verified { records, chains: reached.len(), faults, heads })
    }

    /// The records that other chains point at.
    async fn anchored(&self, connection: &mut PgConnection) -> Result<HashSet<(WriterId, i64)>, StoreFault> {
        let firsts = sqlx::query_scalar!("select body from audit_events where seq = 1").fetch_all(connection).await?;
        let anchors = firsts.iter().flat_map(|body| anchors_of(body));
        Ok(anchors.map(|anchor| (anchor.writer, anchor.seq)).collect())
    }

    /// The newest `limit` records, oldest first; those about one user if `user` names one.
    pub async fn audit_tail(&self, limit: i64, user: Option<UserId>) -> Result<Vec<Record>, StoreFault> {
        let rows = sqlx::query!(
            "select writer, seq, at, body from audit_events where $2::uuid is null or user_id = $2
             order by at desc, writer, seq desc limit $1",
            limit,
            user.map(|user| user.0),
        )
        .fetch_all(&self.pool)
        .await?;
        let record = |writer, seq, at: jiff_sqlx::Timestamp, body| Record {
            writer: WriterId(writer),
            seq,
            at: at.to_jiff(),
            body,
        };
        Ok(rows.into_iter().rev().map(|row| record(row.writer, row.seq, row.at, row.body)).collect())
    }
}

/// Makes sure that the months around `now` have a partition, so that retention drops whole tables.
pub async fn make_partitions(pool: &PgPool, now: Timestamp) -> Result<(), StoreFault> {
    let zoned = now.to_zoned(jiff::tz::TimeZone::UTC);
    let first = zoned.date().first_of_month();
    for ahead in 0..3_i32 {
        let month = |months: i32| first.saturating_add(jiff::Span::new().months(months));
        let (from, to) = (month(ahead), month(ahead + 1));
        let name = format!("audit_events_{:04}_{:02}", from.year(), from.month());
        // Rows may have gone to the default partition before; then the month stays there.
        let statement = format!(
            "create table if not exists {name} partition of audit_events for values from ('{from} 00:00:00+00') to ('{to} 00:00:00+00')"
        );
        match sqlx::query(sqlx::AssertSqlSafe(statement)).execute(pool).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("23514" | "42P07")) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn anchors_of(body: &str) -> Vec<Anchor> {
    #[derive(serde::Deserialize)]
    struct Started {
        #[serde(default)]
        anchors: Vec<Anchor>,
    }
    serde_json::from_str::<Started>(body).map(|started| started.anchors).unwrap_or_default()
}

/// Whom a record is about, by its signed body; the column beside it is only an index.
fn user_of(body: &str) -> Option<Uuid> {
    #[derive(serde::Deserialize)]
    struct About {
        user: Option<Uuid>,
    }
    serde_json::from_str::<About>(body).ok().and_then(|about| about.user)
}

fn link(bytes: &[u8]) -> Link {
    // A link of another length fits no record, and so shows as changed.
    Link::try_from(bytes).unwrap_or([0xff; 32])
}

/// What a walk along the chains found.
#[derive(Debug)]
pub struct Verified {
    pub records: u64,
    pub chains: usize,
    pub faults: Vec<ChainFault>,
    /// Where the chains stand; kept elsewhere, they show a later cut of the whole database too.
    pub heads: Vec<Head>,
}

/// A record that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("record {seq} of chain {writer} was changed, or stands in another's place")]
    Changed { writer: WriterId, seq: i64 },
    #[error("records {from} to {to} of chain {writer} are missing")]
    Missing { writer: WriterId, from: i64, to: i64 },
    #[error("the head of chain {writer} was changed")]
    HeadForged { writer: WriterId },
    #[error("the head of chain {writer} is missing")]
    HeadMissing { writer: WriterId },
    #[error("chain {by} saw record {seq} of chain {writer} as it no longer is")]
    Unanchored { by: WriterId, writer: WriterId, seq: i64 },
}
