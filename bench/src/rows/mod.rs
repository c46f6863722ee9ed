//! The rows of the table, one file per part of the product.

mod factors;
mod growth;
mod radius;
mod radius_waiting;
mod relay;
mod size;
mod start;
pub mod sync;
mod tls;
mod waiting;

use std::fs;

use jiff::Timestamp;

use crate::report::{Circumstances, Met, Row, page, shown};
use crate::rounds::{Series, Spread};
use crate::world::{Books, World};
use crate::{Fault, Options, report};

/// Measures every row, or those asked for.
pub async fn all(options: Options) -> Result<(), Fault> {
    let world = World::new(options)?;
    let mut table = Table { only: world.options.only.clone(), rows: vec![] };
    let ours = world.appliance("main", 4, Books::plain()).await?;
    if table.wants(&["1", "2", "3", "5"]) {
        table.add(relay::searches(&world, &ours).await?);
        table.add(relay::binds(&world, &ours).await?);
        table.add(relay::cycles(&world, &ours).await?);
        table.add(relay::latency(&world, &ours).await?);
    }
    if table.wants(&["4", "19"]) {
        table.add(factors::hotp(&world, &ours).await?);
        table.add(factors::totp(&world, &ours).await?);
    }
    if table.wants(&["17"]) {
        table.add(tls::rows(&world, &ours).await?);
    }
    if table.wants(&["15", "16"]) {
        table.add(size::growth(&world, &ours).await?);
        table.add(size::files(&world)?);
    }
    if table.wants(&["7"]) {
        table.add(waiting::decisions(&world, &ours).await?);
    }
    if table.wants(&["6"]) {
        table.add(waiting::crowd(&world, &ours).await?);
    }
    if table.wants(&["9"]) {
        table.add(radius::rows(&world, &ours).await?);
    }
    if table.wants(&["8", "9"]) {
        table.add(radius::duplicates(&world, &ours).await?);
    }
    if table.wants(&["14"]) {
        table.add(start::rows(&world, &ours).await?);
    }
    ours.appliance.stop().await?;
    if table.wants(&["8"]) {
        table.add(radius_waiting::rows(&world).await?);
    }
    if table.wants(&["11", "12"]) {
        table.add(sync::rows(&world).await?);
    }
    if table.wants(&["20", "15"]) {
        table.add(growth::rows(&world).await?);
    }
    table.finish(&world)
}

struct Table {
    only: Vec<String>,
    rows: Vec<Row>,
}

impl Table {
    fn wants(&self, numbers: &[&str]) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| numbers.contains(&only.as_str()))
    }

    fn add(&mut self, rows: Vec<Row>) {
        for row in rows {
            println!("{}", row.line());
            self.rows.push(row);
        }
    }

    fn finish(mut self, world: &World) -> Result<(), Fault> {
        if !self.only.is_empty() {
            println!("The page is left as it was: it is written by a run of all rows.");
            return Ok(());
        }
        self.rows.sort_by_key(|row| row.number.parse::<u32>().unwrap_or(u32::MAX));
        let about = Circumstances {
            date: Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            machine: machine(),
            versions: world.options.versions.clone(),
            rounds: world.options.rounds,
            seconds: world.options.seconds,
        };
        fs::write(&world.options.page, page(&self.rows, &about))?;
        let missed = self.rows.iter().filter(|row| row.met == Met::No).count();
        println!("{} measures, {missed} goals missed; written to {}", self.rows.len(), world.options.page.display());
        Ok(())
    }
}

fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
    };
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kib: u64 = after(&meminfo, "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let model = after(&cpuinfo, "model name");
    format!("{cores} cores ({model}), {} GiB memory, Linux {}", kib / (1024 * 1024), kernel.trim())
}

/// A goal for a ratio.
struct Goal {
    text: &'static str,
    least: Option<f64>,
    why: &'static str,
}

impl Goal {
    const NONE: Self = Self { text: "–", least: None, why: "" };

    fn at_least(text: &'static str, least: f64, why: &'static str) -> Self {
        Self { text, least: Some(least), why }
    }
}

/// One series held against another by rate.
fn against(number: &'static str, measure: &str, ours: &Series, peer: &Series, goal: Goal) -> Row {
    let ratio = ours.over(peer);
    Row {
        number,
        measure: measure.to_owned(),
        peer: peer.name.to_owned(),
        ratio: Some(ratio),
        figures: format!("{}; peer {}", report::pace(ours), report::pace(peer)),
        goal: goal.text,
        met: goal.least.map_or(Met::Shown, |least| Met::from(ratio.median >= least)),
        why: goal.why,
    }
}

/// Our own processor time per operation.
fn own_cpu(
    number: &'static str,
    measure: &str,
    ours: &Series,
    peer: &Series,
    goal: &'static str,
    most: Option<f64>,
    why: &'static str,
) -> Row {
    let own = ours.cpu("vestibule");
    let others = ["slapd", "postgres", "load generator"];
    Row {
        number,
        measure: format!("own CPU per {measure}"),
        peer: peer.name.to_owned(),
        ratio: Some(ratio(own, peer.cpu(peer.name))),
        figures: format!(
            "vestibule {:.0} µs, {} {:.0} µs; beside ours: {}",
            own.median,
            peer.name,
            peer.cpu(peer.name).median,
            report::cpu(ours, &others)
        ),
        goal,
        met: most.map_or(Met::Shown, |most| Met::from(own.median <= most)),
        why,
    }
}

/// Of medians, with the extremes as far as they can lie apart.
fn ratio(ours: Spread, peer: Spread) -> Spread {
    Spread { median: ours.median / peer.median, least: ours.least / peer.most, most: ours.most / peer.least }
}

/// The series of that name.
fn named<'a>(series: &'a [Series], name: &str) -> Result<&'a Series, Fault> {
    series.iter().find(|series| series.name == name).ok_or_else(|| format!("nothing was measured of {name}").into())
}

fn range(values: Vec<f64>, unit: &str) -> String {
    format!("{} {unit}", shown(Spread::of(values)))
}
