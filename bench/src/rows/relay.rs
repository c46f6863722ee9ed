//! What passes without a second factor: searches, exempt binds, the cycle of an exempt person, and the latency added.

use super::{Goal, against, named, own_cpu};
use crate::Fault;
use crate::connection::Target;
use crate::people::Kind;
use crate::report::{Met, Row, micros};
use crate::rounds::{Series, Spread, alternate};
use crate::works::{Binds, Crowd, Cycles, Proof, Searches, Share};
use crate::world::{Ours, World};

/// Connections of the load, unless a row says otherwise.
const CONNECTIONS: usize = 16;

fn contenders(world: &World, ours: &Ours) -> Vec<(&'static str, Target)> {
    let all = [&world.direct, &world.haproxy, &world.back_ldap, &ours.target];
    all.into_iter().map(|target| (target.name, target.clone())).collect()
}

fn share(worker: usize, workers: usize) -> Share {
    Share::random(Crowd::all(Kind::Exempt), worker, workers)
}

async fn search_series(world: &World, ours: &Ours, connections: usize) -> Result<Vec<Series>, Fault> {
    alternate(world.options.rounds, &contenders(world, ours), async |target: &Target| {
        let mut workers = vec![];
        for worker in 0..connections {
            workers.push(Searches::begin(target, &world.gateway, share(worker, connections)).await?);
        }
        world.run(ours, workers, world.span()).await
    })
    .await
}

pub async fn searches(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let series = search_series(world, ours, CONNECTIONS).await?;
    let ours = named(&series, "vestibule")?;
    let (direct, haproxy) = (named(&series, "slapd")?, named(&series, "HAProxy")?);
    let measure = "relayed searches, 16 connections";
    Ok(vec![
        against("1", measure, ours, haproxy, Goal::at_least("≥ 0.85", 0.85, WHY_RELAY)),
        against("1", measure, ours, direct, Goal::at_least("≥ 0.75", 0.75, WHY_RELAY)),
        against("1", measure, ours, named(&series, "back-ldap")?, Goal::NONE),
        own_cpu("1", "relayed search", ours, haproxy, "≤ 35 µs", Some(35.0), WHY_RELAY),
    ])
}

const WHY_RELAY: &str = "a search costs four socket calls and two wake-ups through the runtime's reactor, and each shares \
                         the processors with the directory and the load generator";

pub async fn binds(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let series = alternate(world.options.rounds, &contenders(world, ours), async |target: &Target| {
        let mut workers = vec![];
        for worker in 0..CONNECTIONS {
            workers.push(Binds::begin(target, share(worker, CONNECTIONS)).await?);
        }
        world.run(ours, workers, world.span()).await
    })
    .await?;
    let ours = named(&series, "vestibule")?;
    let back_ldap = named(&series, "back-ldap")?;
    let measure = "exempt binds (policy checked, counted), 16 connections";
    let stretch = Goal { text: "stretch: 0.75", ..Goal::NONE };
    Ok(vec![
        against("2", measure, ours, back_ldap, Goal::at_least("≥ 2", 2.0, WHY_BINDS)),
        against("2", measure, ours, named(&series, "slapd")?, stretch),
        against("2", measure, ours, named(&series, "HAProxy")?, Goal::NONE),
        own_cpu("2", "exempt bind", ours, back_ldap, "–", None, ""),
    ])
}

const WHY_BINDS: &str = "every bind gets a fresh connection to the directory, so that no identity is ever passed on";

pub async fn cycles(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let series = alternate(world.options.rounds, &contenders(world, ours), async |target: &Target| {
        let cycles = |worker| Cycles {
            target: target.clone(),
            gateway: world.gateway.clone(),
            share: share(worker, CONNECTIONS),
            proof: Proof::Password,
        };
        world.run(ours, (0..CONNECTIONS).map(cycles).collect(), world.span()).await
    })
    .await?;
    let ours = named(&series, "vestibule")?;
    let haproxy = named(&series, "HAProxy")?;
    let measure = "NetScaler cycle, exempt person, 16 connections";
    Ok(vec![
        against("3", measure, ours, haproxy, Goal::at_least("≥ 0.9", 0.9, WHY_CYCLE)),
        against("3", measure, ours, named(&series, "slapd")?, Goal::NONE),
        against("3", measure, ours, named(&series, "back-ldap")?, Goal::NONE),
        own_cpu("3", "NetScaler cycle, exempt person", ours, haproxy, "≤ 160 µs", Some(160.0), WHY_CYCLE),
    ])
}

const WHY_CYCLE: &str =
    "a cycle takes two fresh connections to the directory, one for each bind, where a balancer takes one";

pub async fn latency(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let series = search_series(world, ours, 1).await?;
    let (ours, direct, haproxy) = (named(&series, "vestibule")?, named(&series, "slapd")?, named(&series, "HAProxy")?);
    let added = |through: &Series, of: f64| {
        let each = through.runs.iter().zip(&direct.runs);
        let micros = each
            .map(|(through, direct)| (through.quantile(of).as_secs_f64() - direct.quantile(of).as_secs_f64()) * 1e6);
        Spread::of(micros.collect())
    };
    let (p50, p99) = (added(ours, 0.5), added(ours, 0.99));
    let direct_figures = (micros(direct.quantile(0.5).median), micros(direct.quantile(0.99).median));
    let (haproxy_p50, haproxy_p99) = (added(haproxy, 0.5).median, added(haproxy, 0.99).median);
    Ok(vec![Row {
        number: "5",
        measure: "latency added to a search, 1 connection, p50 / p99".to_owned(),
        peer: "slapd".to_owned(),
        ratio: None,
        figures: format!(
            "+{:.0} µs ({:.0}–{:.0}) / +{:.0} µs ({:.0}–{:.0}) over {} / {}; HAProxy adds {haproxy_p50:.0} / {haproxy_p99:.0} µs",
            p50.median, p50.least, p50.most, p99.median, p99.least, p99.most, direct_figures.0, direct_figures.1
        ),
        goal: "≤ +50 / +150 µs",
        met: Met::from(p50.median <= 50.0 && p99.median <= 150.0),
        why: "one request at a time leaves the runtime's threads asleep between messages: each hop waits for a wake-up",
    }])
}
