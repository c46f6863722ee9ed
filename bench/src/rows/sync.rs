//! Synchronisation: a first full run, one that finds nothing new, and one that finds a hundred changes, held against
//! ldapsearch reading the same entries and throwing them away.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::ratio;
use crate::Fault;
use crate::appliance::Setup;
use crate::people::{APPLIANCE, SUFFIX};
use crate::report::{Met, Row, megabytes, thousands};
use crate::rounds::Spread;
use crate::seed;
use crate::usage::peak;
use crate::world::{Books, World};

/// A directory of so many people, and nobody else.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    pub people: usize,
    pub address: SocketAddr,
}

impl FromStr for Crowd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (people, address) = text.split_once('@').ok_or("write PEOPLE@ADDRESS:PORT")?;
        let people = people.parse().map_err(|fault| format!("{people}: {fault}"))?;
        Ok(Self { people, address: address.parse().map_err(|fault| format!("{address}: {fault}"))? })
    }
}

/// People changed between two runs.
const CHANGES: usize = 100;
/// From here on a run is measured once: it takes a minute.
const LARGE: usize = 500_000;
const MEMORY: u64 = 64_000_000;

pub async fn rows(world: &World) -> Result<Vec<Row>, Fault> {
    let mut rows = vec![];
    for crowd in &world.options.crowds {
        rows.extend(of(world, *crowd).await?);
    }
    Ok(rows)
}

/// What was measured in one database.
struct Measured {
    dump: Duration,
    first: Once,
    again: Once,
    changed: Once,
    idle: u64,
    written: i64,
}

async fn of(world: &World, crowd: Crowd) -> Result<Vec<Row>, Fault> {
    let rounds = if crowd.people >= LARGE { 1 } else { world.options.rounds.min(3) };
    // The first reading fills the server's cache.
    dump(world, crowd).await?;
    let mut all = vec![];
    for round in 0..rounds {
        all.push(measure(world, crowd, round).await?);
    }
    let seconds = |of: fn(&Measured) -> Duration| Spread::of(all.iter().map(|one| of(one).as_secs_f64()).collect());
    let (dumped, first) = (seconds(|one| one.dump), seconds(|one| one.first.took));
    let (again, changed) = (seconds(|one| one.again.took), seconds(|one| one.changed.took));
    let memory = all.iter().map(|one| one.first.peak.max(one.again.peak).saturating_sub(one.idle)).max().unwrap_or(0);
    let written = all.iter().map(|one| one.written).max().unwrap_or(0);
    let people = thousands(crowd.people as f64);
    let (peer, base, most, goal) = if crowd.people >= LARGE {
        let copied = copy(world, crowd.people).await?.as_secs_f64();
        let base = Spread { median: dumped.median + copied, least: dumped.least + copied, most: dumped.most + copied };
        (format!("ldapsearch to /dev/null and COPY of as many rows ({copied:.1} s)"), base, 2.0, "≤ 2")
    } else {
        ("ldapsearch to /dev/null".to_owned(), dumped, 3.0, "≤ 3")
    };
    let to_first = ratio(first, base);
    let to_again = ratio(again, dumped);
    let rate = |spread: Spread| thousands(crowd.people as f64 / spread.median);
    let row = |number, measure: String, peer: &str, ratio, figures, goal, met| Row {
        number,
        measure,
        peer: peer.to_owned(),
        ratio,
        figures,
        goal,
        met: Met::from(met),
        why: "",
    };
    Ok(vec![
        row(
            "11",
            format!("first full run, {people} people"),
            &peer,
            Some(to_first),
            format!("{:.2} s, {}/s; ldapsearch {:.2} s, {}/s", first.median, rate(first), dumped.median, rate(dumped)),
            goal,
            to_first.median <= most,
        ),
        row(
            "11",
            format!("memory of the run above a command that does nothing, {people} people"),
            "–",
            None,
            megabytes(memory),
            "≤ 64 MB",
            memory <= MEMORY,
        ),
        row(
            "12",
            format!("full run that finds nothing new, {people} people"),
            "ldapsearch to /dev/null",
            Some(to_again),
            format!("{:.2} s, {}/s; rows of users written: {written}", again.median, rate(again)),
            "≤ 1.5, 0 rows written",
            to_again.median <= 1.5 && written == 0,
        ),
        row(
            "12",
            format!("run that finds {CHANGES} changes by asking for changes only, {people} people"),
            "–",
            None,
            format!("{:.2} s", changed.median),
            "< 1 s",
            changed.median < 1.0,
        ),
    ])
}

async fn measure(world: &World, crowd: Crowd, round: usize) -> Result<Measured, Fault> {
    let url = seed::create_database(&world.options.postgres, &format!("bench_sync_{}_{round}", crowd.people)).await?;
    let store = seed::fill(&world.seed(url.parse()?, Books::default(), crowd.address)).await?;
    let setup = world.setup("sync", 10, Some(url))?;
    setup.write()?;
    run(&setup, &["sync", "item", "add", "everybody", "--directory", "bench"]).await?;
    let idle = run(&setup, &["sync", "item", "list", "--directory", "bench"]).await?.peak;
    let sync = ["sync", "run", "--directory", "bench", "--json"];
    let full = ["sync", "run", "--directory", "bench", "--json", "--full"];
    let people = crowd.people;
    let dump = dump(world, crowd).await?;
    let first = run(&setup, &sync).await?.with(&format!("\"added\": {people}"))?;
    let before = writes(store.pool()).await?;
    let again = run(&setup, &full).await?.with(&format!("\"unchanged\": {people}"))?;
    let written = writes(store.pool()).await? - before;
    change(world, crowd, round).await?;
    let changed = run(&setup, &sync).await?.with(&format!("\"updated\": {CHANGES}"))?;
    Ok(Measured { dump, first, again, changed, idle, written })
}

/// A command that was run once.
struct Once {
    took: Duration,
    /// The most memory it had at a time, in bytes.
    peak: u64,
    said: String,
}

impl Once {
    /// Checks what it said.
    fn with(self, words: &str) -> Result<Self, Fault> {
        let squeezed: String = self.said.split_whitespace().collect::<Vec<_>>().join(" ");
        if squeezed.contains(words) { Ok(self) } else { Err(format!("no {words} in: {squeezed}").into()) }
    }
}

/// Long enough for a million people on a slow disk.
const LONGEST: Duration = Duration::from_mins(15);
/// How often memory is looked at; the kernel keeps the peak.
const LOOK: Duration = Duration::from_millis(20);

async fn run(setup: &Setup, arguments: &[&str]) -> Result<Once, Fault> {
    let said = setup.folder.join("said");
    let errors = setup.folder.join("errors");
    let began = Instant::now();
    let mut child = setup
        .command()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&said)?)
        .stderr(fs::File::create(&errors)?)
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().ok_or("the command ended at once")?;
    let mut most = 0;
    let status = loop {
        if let Ok(status) = tokio::time::timeout(LOOK, child.wait()).await {
            break status?;
        }
        most = most.max(peak(pid));
        if began.elapsed() > LONGEST {
            return Err(format!("vestibule {} takes longer than {LONGEST:?}", arguments.join(" ")).into());
        }
    };
    let took = began.elapsed();
    if !status.success() {
        let errors = fs::read_to_string(errors)?;
        return Err(format!("vestibule {}: {status}: {errors}", arguments.join(" ")).into());
    }
    Ok(Once { took, peak: most, said: fs::read_to_string(said)? })
}

/// Reads what a run reads, as its account does, and throws it away.
async fn dump(world: &World, crowd: Crowd) -> Result<Duration, Fault> {
    let server = format!("ldap://{}", crowd.address);
    let began = Instant::now();
    let status = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=1000/noprompt", "-H", &server, "-D", APPLIANCE, "-w"])
        .arg(&world.options.appliance_password)
        .args(["-b", SUFFIX, "(objectClass=person)", "entryUUID", "uid", "mail", "givenName", "sn", "mobile"])
        .args(["telephoneNumber", "homePhone", "pager", "preferredLanguage"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await?;
    if status.success() { Ok(began.elapsed()) } else { Err(format!("ldapsearch ended with {status}").into()) }
}

/// Changes some people's addresses, other ones each round.
async fn change(world: &World, crowd: Crowd, round: usize) -> Result<(), Fault> {
    let server = format!("ldap://{}", crowd.address);
    let mut child = Command::new("ldapmodify")
        .args(["-x", "-H", &server, "-D", &format!("cn=root,{SUFFIX}"), "-w", &world.options.gateway_password])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut ldif = String::new();
    for number in 0..CHANGES {
        let dn = crate::people::member(number * (crowd.people / CHANGES));
        ldif += &format!("dn: {dn}\nchangetype: modify\nreplace: mobile\nmobile: +49 170 7{round:02}{number:04}\n\n");
    }
    let mut input = child.stdin.take().ok_or("ldapmodify takes nothing")?;
    input.write_all(ldif.as_bytes()).await?;
    drop(input);
    let status = child.wait().await?;
    if status.success() { Ok(()) } else { Err(format!("ldapmodify ended with {status}").into()) }
}

/// Rows of people written so far; the counts of a process that has ended are in.
async fn writes(pool: &PgPool) -> Result<i64, Fault> {
    let count = "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint from pg_stat_user_tables
                 where relname in ('users', 'user_names', 'sync_changes', 'groups', 'group_members', 'user_groups')";
    Ok(sqlx::query_scalar(count).fetch_one(pool).await?)
}

/// How long the database takes to be handed as many rows with the same columns, by COPY.
async fn copy(world: &World, people: usize) -> Result<Duration, Fault> {
    use sqlx::postgres::PgPoolCopyExt as _;
    let pool = PgPool::connect(&world.options.postgres).await?;
    sqlx::raw_sql("create table copied (id uuid primary key, unique_id text unique, name text, dn text, mail text)")
        .execute(&pool)
        .await?;
    let began = Instant::now();
    let mut copy = pool.copy_in_raw("copy copied from stdin").await?;
    let mut text = String::new();
    for number in 0..people {
        let (id, dn) = (uuid::Uuid::from_u128(number as u128), crate::people::member(number));
        text += &format!("{id}\t{id}\tm{number:07}\t{dn}\tm{number:07}@bench.test\n");
        if text.len() > 1 << 20 {
            copy.send(std::mem::take(&mut text).into_bytes()).await?;
        }
    }
    copy.send(text.into_bytes()).await?;
    copy.finish().await?;
    let took = began.elapsed();
    sqlx::raw_sql("drop table copied").execute(&pool).await?;
    pool.close().await;
    Ok(took)
}
