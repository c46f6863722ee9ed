//! `vestibule audit`: the record, read and checked.

use std::collections::HashMap;
use std::time::Duration;

use clap::Subcommand;
use data_encoding::HEXLOWER;
use serde::Serialize;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::audit::Record;
use crate::domain::ids::{UserId, WriterId};
use crate::telemetry::shown;

/// How often `--follow` looks for news.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub enum Command {
    /// Show the newest records, oldest of them first
    Tail {
        /// How many
        #[arg(short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        count: u32,
        /// Only what concerns this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Which directory's user, if several have one of that name
        #[arg(long, value_name = "NAME", requires = "user")]
        directory: Option<String>,
        /// Print JSON: one object a line with at, writer, seq and event
        #[arg(long)]
        json: bool,
        /// Go on with new records as they come, until interrupted
        #[arg(long, short = 'f')]
        follow: bool,
    },
    /// Check that no record was changed, removed or moved: exit code 0 if so, else 1
    Verify {
        /// Print JSON: one object with records, chains, faults and heads
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Tail { count, user, directory, json, follow } => {
                let user = match user {
                    Some(name) => Some(world.user(&name, directory.as_deref()).await?.id),
                    None => None,
                };
                let records = world.store.audit_tail(i64::from(count), user).await?;
                records.iter().try_for_each(|record| print(record, json))?;
                if follow { self::follow(world, user, &records, json).await } else { Ok(()) }
            }
            Self::Verify { json } => verify(world, json).await,
        }
    }
}

/// Looks again and again; a record counts as new if its number in its chain is higher than any seen there.
async fn follow(world: &World, user: Option<UserId>, first: &[Record], json: bool) -> Result<(), Failure> {
    let mut seen: HashMap<WriterId, i64> = HashMap::new();
    for record in first {
        seen.insert(record.writer, record.seq);
    }
    let mut looks = tokio::time::interval(EVERY);
    loop {
        looks.tick().await;
        let is_new = |record: &Record| seen.get(&record.writer).is_none_or(|seq| record.seq > *seq);
        let mut limit = 1_000;
        let news = loop {
            let records = world.store.audit_tail(limit, user).await?;
            // As long as even the oldest is new, there may be more before it.
            let full = usize::try_from(limit) == Ok(records.len()) && records.first().is_some_and(is_new);
            if !full || limit >= 1_000_000 {
                break records;
            }
            limit *= 10;
        };
        let news: Vec<Record> = news.into_iter().filter(|record| is_new(record)).collect();
        for record in news {
            print(&record, json)?;
            seen.insert(record.writer, record.seq);
        }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    at: jiff::Timestamp,
    writer: WriterId,
    seq: i64,
    event: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
}

fn print(record: &Record, json: bool) -> Result<(), Failure> {
    let event = serde_json::from_str::<serde_json::Value>(&record.body);
    if json {
        let unreadable = event.is_err().then_some(record.body.as_str());
        let Record { at, writer, seq, .. } = *record;
        return show::json_line(&Shown { at, writer, seq, event: event.unwrap_or_default(), unreadable });
    }
    let at = show::time(record.at);
    let serde_json::Value::Object(fields) = event.unwrap_or_default() else {
        return show::line(format_args!("{at}  {}", shown(&record.body)));
    };
    let word = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let name = fields.get("event").map(word).unwrap_or_default();
    let rest = fields.iter().filter(|(field, _)| *field != "event" && *field != "anchors");
    let rest: Vec<_> = rest.map(|(field, value)| format!("{field}={}", quoted(&word(value)))).collect();
    show::line(format_args!("{at}  {} {}", shown(&name), rest.join(" ")))
}

/// Safe for a terminal, and in quotation marks where a space would end the value early.
fn quoted(value: &str) -> String {
    let safe = shown(value).to_string();
    if safe.contains(' ') || safe.is_empty() { format!("\"{safe}\"") } else { safe }
}

#[derive(Serialize)]
struct Verdict {
    records: u64,
    chains: usize,
    faults: Vec<String>,
    heads: Vec<Head>,
}

/// Where a chain stands. Kept outside, it shows later whether the newest records are still there.
#[derive(Serialize)]
struct Head {
    writer: WriterId,
    seq: i64,
    mac: String,
}

async fn verify(world: &World, json: bool) -> Result<(), Failure> {
    let verified = world.store.verify_audit().await?;
    let sound = verified.faults.is_empty();
    let verdict = Verdict {
        records: verified.records,
        chains: verified.chains,
        faults: verified.faults.iter().map(ToString::to_string).collect(),
        heads: verified
            .heads
            .iter()
            .map(|head| Head { writer: head.writer, seq: head.seq, mac: HEXLOWER.encode(&head.link) })
            .collect(),
    };
    if json {
        show::json(&verdict)?;
    } else {
        verdict.faults.iter().try_for_each(show::line)?;
        let Verdict { records, chains, faults, .. } = &verdict;
        let result = if sound { "nothing was changed".to_owned() } else { format!("{} faults", faults.len()) };
        show::line(format_args!("{records} records in {chains} chains: {result}"))?;
    }
    if sound { Ok(()) } else { Err(Failure::SaidNo) }
}
