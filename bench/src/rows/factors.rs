//! Sign-ins with a one-time code, each recorded durably before it is answered.

use std::cell::Cell;

use super::{Goal, against, named, own_cpu};
use crate::Fault;
use crate::connection::Target;
use crate::load::Length;
use crate::people::Kind;
use crate::report::Row;
use crate::rounds::alternate;
use crate::works::{Crowd, Cycles, Proof, Share};
use crate::world::{Ours, World};

const WHY: &str = "a sign-in with a code asks the directory twice and the database three times, the last time for a commit \
                   that reaches the disk";

/// Counter-based codes: a person's next code is valid at once, so the pace is not bound by the clock.
pub async fn hotp(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let mut rows = vec![];
    for connections in [16, 64] {
        let exempt = (Kind::Exempt, Proof::Password);
        let contenders = [
            ("back-ldap", (world.back_ldap.clone(), exempt.clone())),
            ("vestibule, exempt", (ours.target.clone(), exempt)),
            ("vestibule", (ours.target.clone(), (Kind::Hotp, Proof::Hotp(ours.counters.clone())))),
        ];
        let series = alternate(world.options.rounds, &contenders, async |(target, (kind, proof))| {
            let cycles = |worker| Cycles {
                target: Target::clone(target),
                gateway: world.gateway.clone(),
                share: Share::random(Crowd::all(*kind), worker, connections),
                proof: Proof::clone(proof),
            };
            world.run(ours, (0..connections).map(cycles).collect(), world.span()).await
        })
        .await?;
        let with_code = named(&series, "vestibule")?;
        let back_ldap = named(&series, "back-ldap")?;
        let measure = format!("NetScaler cycle with an HOTP code, recorded durably, {connections} connections");
        rows.push(against("4", &measure, with_code, back_ldap, Goal::at_least("≥ 1.0", 1.0, WHY)));
        rows.push(own_cpu("4", &measure, with_code, back_ldap, "–", None, ""));
        let measure = format!(
            "NetScaler cycle with an HOTP code against the exempt one, {connections} connections \
             (the audit trail cannot be turned off, so this is all that a second factor costs, its record included)"
        );
        let goal = Goal { text: "– (audit on against off: ≥ 0.9)", ..Goal::NONE };
        rows.push(against("19", &measure, with_code, named(&series, "vestibule, exempt")?, goal));
    }
    Ok(rows)
}

/// Time-based codes: one per person in the whole run, since each works once.
pub async fn totp(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let connections = 16;
    let per_round = Kind::Totp.count() / (world.options.rounds + 1);
    let each = per_round / connections;
    let round = Cell::new(0);
    let contenders = [("back-ldap", &world.back_ldap), ("vestibule", &ours.target)];
    let series = alternate(world.options.rounds, &contenders, async |target: &&Target| {
        let is_ours = target.name == "vestibule";
        let first = if is_ours { round.replace(round.get() + per_round) } else { 0 };
        let (kind, proof) = if is_ours { (Kind::Totp, Proof::Totp) } else { (Kind::Exempt, Proof::Password) };
        let crowd = Crowd { kind, first, count: each * connections };
        let cycles = |worker| Cycles {
            target: Target::clone(target),
            gateway: world.gateway.clone(),
            share: Share::in_order(crowd, worker, connections),
            proof: proof.clone(),
        };
        world.run(ours, (0..connections).map(cycles).collect(), Length::Operations(each)).await
    })
    .await?;
    let measure = format!(
        "NetScaler cycle with a TOTP code, recorded durably, 16 connections, {} people a round",
        each * connections
    );
    let (with_code, back_ldap) = (named(&series, "vestibule")?, named(&series, "back-ldap")?);
    Ok(vec![against("4", &measure, with_code, back_ldap, Goal::at_least("≥ 1.0", 1.0, WHY))])
}
