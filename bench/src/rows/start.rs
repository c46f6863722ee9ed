//! From the start of the process to the first answer, and a restart under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vestibule::ambient::Ambient;
use vestibule::store::embedded::{Embedded, EmbeddedPostgres};

use super::range;
use crate::Fault;
use crate::appliance::{Appliance, Setup};
use crate::connection::{Connection, Target};
use crate::load::Work as _;
use crate::people::{GATEWAY, Kind};
use crate::report::{Met, Row, thousands};
use crate::rounds::Spread;
use crate::seed;
use crate::works::{Crowd, Cycles, Proof, Share};
use crate::world::{Books, Ours, World};

const LIMIT: Duration = Duration::from_secs(60);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(1);

pub async fn rows(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let external = world.setup("external", 8, ours.appliance.setup.database_url.clone())?;
    external.write()?;
    let mut takes = vec![];
    for _ in 0..world.options.rounds {
        let (appliance, took) = started(world, &external, true).await?;
        appliance.stop().await?;
        takes.push(took);
    }
    let mut rows = vec![row("start to first bind, external database", takes, "≤ 0.3 s", 0.3)];
    rows.push(restart(world, &external).await?);
    rows.extend(embedded(world).await?);
    Ok(rows)
}

fn row(measure: &str, seconds: Vec<f64>, goal: &'static str, most: f64) -> Row {
    let median = Spread::of(seconds.clone()).median;
    Row {
        number: "14",
        measure: measure.to_owned(),
        peer: "FreeRADIUS, measured apart: 0.3–1 s".to_owned(),
        ratio: None,
        figures: range(seconds, "s"),
        goal,
        met: Met::from(median <= most),
        why: "",
    }
}

/// Starts a process; how long until the gateway's bind was answered, and with success where one is `expected`.
async fn started(world: &World, setup: &Setup, expected: bool) -> Result<(Appliance, f64), Fault> {
    let target = Target::new("vestibule", setup.ldap());
    let began = Instant::now();
    let mut appliance = setup.spawn()?;
    let first = async {
        loop {
            let Ok(mut connection) = Connection::open(&target).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            return connection.bind_code(GATEWAY, &world.gateway).await;
        }
    };
    let code = tokio::select! {
        code = tokio::time::timeout(LIMIT, first) => code??,
        ready = async { appliance.ready().await?; std::future::pending::<Result<(), Fault>>().await } => {
            ready?;
            0
        }
    };
    let took = began.elapsed().as_secs_f64();
    if expected && code != 0 {
        return Err(format!("the first bind after a start ended with result {code}").into());
    }
    appliance.ready().await?;
    Ok((appliance, took))
}

/// The embedded database: made anew, and found from the time before.
async fn embedded(world: &World) -> Result<Vec<Row>, Fault> {
    let setup = world.setup("embedded", 9, None)?;
    let mut cold = vec![];
    for round in 0..world.options.rounds {
        if round > 0 {
            std::fs::remove_dir_all(&setup.folder)?;
        }
        setup.write()?;
        // Nobody is a client of an appliance that was never set up: its first answer is a refusal.
        let (appliance, took) = started(world, &setup, false).await?;
        cold.push(took);
        if round + 1 == world.options.rounds {
            let embedded = Embedded { executable: Some(setup.program.clone()), ..Embedded::under(&setup.folder) };
            let attached = EmbeddedPostgres::attach_or_start(&embedded, &Ambient::system()).await?;
            let store =
                seed::fill(&world.seed(attached.connect_options(), Books::default(), world.direct.address)).await?;
            store.close().await;
            attached.stop().await;
        }
        appliance.stop().await?;
    }
    let mut warm = vec![];
    for _ in 0..world.options.rounds {
        let (appliance, took) = started(world, &setup, true).await?;
        appliance.stop().await?;
        warm.push(took);
    }
    Ok(vec![
        row("start to first bind, embedded database, warm", warm, "≤ 0.6 s", 0.6),
        row("start to first answer, embedded database made anew", cold, "≤ 2.5 s", 2.5),
    ])
}

const GATEWAYS: usize = 16;

/// The longest time without a login that succeeded, while the process is asked to end and started again.
async fn restart(world: &World, setup: &Setup) -> Result<Row, Fault> {
    let (appliance, _) = started(world, setup, true).await?;
    let successes = Arc::new(Mutex::new(Vec::new()));
    let retries = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    for worker in 0..GATEWAYS {
        let mut cycles = Cycles {
            target: Target::new("vestibule", setup.ldap()),
            gateway: world.gateway.clone(),
            share: Share::random(Crowd::all(Kind::Exempt), worker, GATEWAYS),
            proof: Proof::Password,
        };
        let (successes, retries, over) = (Arc::clone(&successes), Arc::clone(&retries), Arc::clone(&over));
        running.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                if cycles.once().await.is_ok() {
                    successes.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                } else {
                    retries.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    tokio::time::sleep(world.span_of(0.5)).await;
    appliance.stop().await?;
    let mut again = setup.spawn()?;
    again.ready().await?;
    tokio::time::sleep(world.span_of(0.5)).await;
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    again.stop().await?;
    let mut successes = std::mem::take(&mut *successes.lock().unwrap_or_else(PoisonError::into_inner));
    successes.sort_unstable();
    let gaps = successes.windows(2).filter_map(|pair| match pair {
        [before, after] => Some(after.duration_since(*before)),
        _ => None,
    });
    let longest = gaps.max().ok_or("no login succeeded around the restart")?.as_secs_f64();
    let retries = thousands(retries.load(Ordering::Relaxed) as f64);
    Ok(Row {
        number: "14",
        measure: format!("restart under load ({GATEWAYS} connections): longest time without a login that succeeded"),
        peer: "–".to_owned(),
        ratio: None,
        figures: format!("{longest:.2} s among {} logins, {retries} tries refused", thousands(successes.len() as f64)),
        goal: "< 1 s",
        met: Met::from(longest < 1.0),
        why: "",
    })
}
