//! Memory and files.

use std::fs;
use std::time::{Duration, Instant};

use crate::Fault;
use crate::appliance;
use crate::load::Length;
use crate::people::Kind;
use crate::report::{Met, Row, megabytes};
use crate::rounds::Spread;
use crate::works::{Crowd, Cycles, Proof, Share};
use crate::world::{Ours, World};

const CONNECTIONS: usize = 16;
/// Looks at the memory, each after a run.
const LOOKS: usize = 8;

/// Resident memory under a steady load: the medians of the first and the last looks, an hour's worth of the difference.
pub async fn growth(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let process = ours.appliance.watched();
    let mut looks = vec![];
    let mut sign_ins = 0;
    let began = Instant::now();
    // The first run only fills what there is to be filled.
    for look in 0..=LOOKS {
        let cycles = |worker| Cycles {
            target: ours.target.clone(),
            gateway: world.gateway.clone(),
            share: Share::random(Crowd::all(Kind::Hotp), worker, CONNECTIONS),
            proof: Proof::Hotp(ours.counters.clone()),
        };
        let length = Length::Time(world.span_of(2.0));
        let run = world.run(ours, (0..CONNECTIONS).map(cycles).collect(), length).await?;
        if look > 0 {
            sign_ins += run.operations;
            looks.push((began.elapsed(), process.resident() as f64));
        }
    }
    let (first, last) = looks.split_at(LOOKS / 2);
    let middle = |looks: &[(Duration, f64)]| {
        let at = Spread::of(looks.iter().map(|(at, _)| at.as_secs_f64()).collect()).median;
        (at, Spread::of(looks.iter().map(|(_, bytes)| *bytes).collect()).median)
    };
    let ((from, before), (to, after)) = (middle(first), middle(last));
    let hourly = (after - before) / (to - from) * 3600.0 / 1e6;
    Ok(vec![Row {
        number: "15",
        measure: format!("growth of memory under load (HOTP cycles, {CONNECTIONS} connections)"),
        peer: "–".to_owned(),
        ratio: None,
        figures: format!(
            "{:+.2} MB/h, by {:+.0} kB over {sign_ins} sign-ins at {}",
            hourly,
            (after - before) / 1e3,
            megabytes(process.resident())
        ),
        goal: "< 1 MB/h",
        met: Met::from(hourly < 1.0),
        why: "an hour's worth of a change over half a minute: a few pages that the allocator moves count a hundredfold",
    }])
}

pub fn files(world: &World) -> Result<Vec<Row>, Fault> {
    let row = |measure: &str, figures, goal, met| Row {
        number: "16",
        measure: measure.to_owned(),
        peer: "–".to_owned(),
        ratio: None,
        figures,
        goal,
        met,
        why: "",
    };
    let binary = appliance::size(&world.options.program)?;
    let mut rows = vec![row("stripped binary", megabytes(binary), "≤ 30 MB", Met::from(binary <= 30_000_000))];
    rows.push(match world.options.image() {
        Some(image) => {
            let bytes = fs::metadata(image)?.len();
            row("compressed image without PostgreSQL", megabytes(bytes), "≤ 40 MB", Met::from(bytes <= 40_000_000))
        }
        None => row("compressed image without PostgreSQL", "not built (make image)".to_owned(), "≤ 40 MB", Met::Shown),
    });
    Ok(rows)
}
