//! Sign-ins, probes and repeated requests over RADIUS, beside a FreeRADIUS that checks passwords at the same directory.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::{Goal, against, named, own_cpu};
use crate::Fault;
use crate::datagrams::Server;
use crate::load::{Length, Run, Work};
use crate::people::Kind;
use crate::report::Row;
use crate::rounds::{Series, alternate};
use crate::works::{Crowd, Duplicates, Proof, RadiusSignIns, Share, Statuses};
use crate::world::{Ours, World};

/// Requests under way, each over a socket of its own.
const OUTSTANDING: usize = 64;

const WHY: &str = "the same search and bind as the peer's, and beside them the account's state, three statements in the \
                   database and a commit that reaches the disk";

pub async fn rows(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let mut rows = hotp(world, ours).await?;
    rows.extend(statuses(world, ours).await?);
    rows.extend(totp(world, ours).await?);
    Ok(rows)
}

/// Counter-based codes: a person's next code is valid at once, so the pace is not bound by the clock.
async fn hotp(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let measure =
        format!("RADIUS PAP with an HOTP code behind the password, recorded durably, {OUTSTANDING} outstanding");
    let series = side_by_side(world, ours, async |server| {
        let proof = proof(server, Proof::Hotp(ours.counters.clone()));
        let mut workers = vec![];
        for worker in 0..OUTSTANDING {
            let share = Share::random(Crowd::all(Kind::Hotp), worker, OUTSTANDING);
            workers.push(RadiusSignIns::begin(server, share, proof.clone()).await?);
        }
        run(world, ours, server, workers, world.span()).await
    })
    .await?;
    let (own, peer) = pair(&series)?;
    Ok(vec![
        against("9", &measure, own, peer, Goal::at_least("≥ 0.8; stretch: 1.0", 0.8, WHY)),
        own_cpu("9", &measure, own, peer, "≤ the peer's", Some(peer.cpu(peer.name).median), WHY),
    ])
}

/// Time-based codes: one per person in the whole run, since each works once.
async fn totp(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let per_round = Kind::Totp.count() / (world.options.rounds + 1);
    let each = per_round / OUTSTANDING;
    let measure = format!(
        "RADIUS PAP with a TOTP code behind the password, recorded durably, {OUTSTANDING} outstanding, {} people a round",
        each * OUTSTANDING
    );
    next_code().await;
    let round = Cell::new(0);
    let series = side_by_side(world, ours, async |server| {
        let first = if is_ours(server) { round.replace(round.get() + per_round) } else { 0 };
        let crowd = Crowd { kind: Kind::Totp, first, count: each * OUTSTANDING };
        let mut workers = vec![];
        for worker in 0..OUTSTANDING {
            let share = Share::in_order(crowd, worker, OUTSTANDING);
            workers.push(RadiusSignIns::begin(server, share, proof(server, Proof::Totp)).await?);
        }
        run(world, ours, server, workers, Length::Operations(each)).await
    })
    .await?;
    let (own, peer) = pair(&series)?;
    Ok(vec![against("9", &measure, own, peer, Goal::at_least("≥ 0.8; stretch: 1.0", 0.8, WHY))])
}

/// Other rows may have used somebody's present code: waits until everybody has a new one (RFC 6238, 30 seconds).
async fn next_code() {
    let into = u64::try_from(Timestamp::now().as_second()).unwrap_or(0) % 30;
    tokio::time::sleep(Duration::from_secs(30 - into)).await;
}

async fn statuses(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let measure = format!("RADIUS Status-Server, {OUTSTANDING} outstanding");
    let series = side_by_side(world, ours, async |server| {
        let mut workers = vec![];
        for _ in 0..OUTSTANDING {
            workers.push(Statuses::begin(server).await?);
        }
        run(world, ours, server, workers, world.span()).await
    })
    .await?;
    let (own, peer) = pair(&series)?;
    Ok(vec![against("9", &measure, own, peer, Goal::NONE), own_cpu("9", &measure, own, peer, "–", None, "")])
}

/// What is answered from memory.
pub async fn duplicates(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let measure = format!("RADIUS requests whose answer has been sent before, {OUTSTANDING} outstanding");
    let series = side_by_side(world, ours, async |server| {
        let proof = proof(server, Proof::Hotp(ours.counters.clone()));
        let mut workers = vec![];
        for worker in 0..OUTSTANDING {
            let share = Share::random(Crowd::all(Kind::Hotp), worker, OUTSTANDING);
            workers.push(Duplicates::begin(server, share, &proof).await?);
        }
        run(world, ours, server, workers, world.span()).await
    })
    .await?;
    let (own, peer) = pair(&series)?;
    let why = "two system calls, one to receive and one to send, are most of it";
    Ok(vec![against("9", &measure, own, peer, Goal::NONE), own_cpu("8", &measure, own, peer, "≤ 5 µs", Some(5.0), why)])
}

const OURS: &str = "vestibule";

fn is_ours(server: &Server) -> bool {
    server.name == OURS
}

/// The peer has no second factor to ask for.
fn proof(server: &Server, ours: Proof) -> Proof {
    if is_ours(server) { ours } else { Proof::Password }
}

async fn side_by_side(
    world: &World,
    ours: &Ours,
    run: impl AsyncFn(&Server) -> Result<Run, Fault>,
) -> Result<Vec<Series>, Fault> {
    let contenders = [(world.freeradius.name, world.freeradius.clone()), (OURS, ours.radius.clone())];
    alternate(world.options.rounds, &contenders, run).await
}

fn pair(series: &[Series]) -> Result<(&Series, &Series), Fault> {
    Ok((named(series, OURS)?, named(series, "FreeRADIUS")?))
}

/// A request that was lost has waited for seconds, so the figures would tell of that instead of the server.
async fn run<W: Work>(
    world: &World,
    ours: &Ours,
    server: &Server,
    workers: Vec<W>,
    length: Length,
) -> Result<Run, Fault> {
    let before = server.resent.load(Ordering::Relaxed);
    let run = world.run(ours, workers, length).await?;
    match server.resent.load(Ordering::Relaxed) - before {
        0 => Ok(run),
        lost => Err(server.unexpected(&format!("{lost} of {} requests had to be sent again", run.operations))),
    }
}
