//! What a sign-in costs when the books are long, and what an appliance holds in memory that knows many people.

use super::ratio;
use crate::Fault;
use crate::people::Kind;
use crate::report::{Met, Row, cpu, megabytes, pace, thousands};
use crate::rounds::{Series, Spread, alternate};
use crate::works::{Crowd, Cycles, Proof, Share};
use crate::world::{Books, Ours, World};

const CONNECTIONS: usize = 16;
const SMALL: &str = "1,000 users";
const MIDDLE: &str = "100,000 users";
const LARGE: &str = "most users";

pub async fn rows(world: &World) -> Result<Vec<Row>, Fault> {
    let people = Kind::Hotp.count();
    let grown = |others, audit_rows| Books { hotp_people: people, others, audit_rows, ..Books::default() };
    let most = world.options.most_users;
    let small = Books { hotp_people: 1_000, ..Books::default() };
    let small = (world.appliance("small", 5, small).await?, 1_000);
    let middle = (world.appliance("middle", 6, grown(100_000 - people, 0)).await?, people);
    // Nobody has asked it for anything yet but whether it is ready.
    let idle = middle.0.appliance.watched().resident();
    let large = grown(most.saturating_sub(people), world.options.audit_rows);
    let large = (world.appliance("large", 7, large).await?, people);
    let contenders = [(SMALL, &small), (MIDDLE, &middle), (LARGE, &large)];
    let series = alternate(world.options.rounds, &contenders, async |(ours, count): &&(Ours, usize)| {
        let cycles = |worker| Cycles {
            target: ours.target.clone(),
            gateway: world.gateway.clone(),
            share: Share::random(Crowd { kind: Kind::Hotp, first: 0, count: *count }, worker, CONNECTIONS),
            proof: Proof::Hotp(ours.counters.clone()),
        };
        world.run(ours, (0..CONNECTIONS).map(cycles).collect(), world.span()).await
    })
    .await?;
    let used = middle.0.appliance.watched().resident();
    for (ours, _) in [small, middle, large] {
        ours.appliance.stop().await?;
    }
    let [small, middle, large] = series.as_slice() else { return Err("three databases were measured".into()) };
    let trail = thousands(world.options.audit_rows as f64);
    let name = format!("{} users and {trail} audit rows", thousands(most as f64));
    Ok(vec![
        Row {
            number: "15",
            measure: "memory idle with 100,000 users".to_owned(),
            peer: "slapd 43 MB, FreeRADIUS 88 MB (measured apart)".to_owned(),
            ratio: None,
            figures: format!("{}; after a load {}", megabytes(idle), megabytes(used)),
            goal: "≤ 40 MB",
            met: Met::from(idle <= 40_000_000),
            why: "",
        },
        cost(middle, small, MIDDLE),
        cost(large, small, &name),
    ])
}

fn cost(long: &Series, short: &Series, name: &str) -> Row {
    let spent = |series: &Series| {
        let (own, database) = (series.cpu("vestibule"), series.cpu("postgres"));
        Spread {
            median: own.median + database.median,
            least: own.least + database.least,
            most: own.most + database.most,
        }
    };
    let cost = ratio(spent(long), spent(short));
    let processes = ["vestibule", "postgres"];
    Row {
        number: "20",
        measure: format!("CPU of an HOTP cycle in appliance and database with {name}"),
        peer: format!("the same with {SMALL}"),
        ratio: Some(cost),
        figures: format!("{}, {}; peer {}, {}", pace(long), cpu(long, &processes), pace(short), cpu(short, &processes)),
        goal: "0.9–1.1",
        met: Met::from((0.9..=1.1).contains(&cost.median)),
        why: "more of the database's pages are touched for the first time after a checkpoint, and each is logged whole",
    }
}
