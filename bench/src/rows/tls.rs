//! LDAPS: full handshakes, and bytes in bulk.

use std::sync::Arc;

use super::{Goal, against, named, own_cpu};
use crate::Fault;
use crate::connection::Target;
use crate::people::LARGE_BYTES;
use crate::report::Row;
use crate::rounds::alternate;
use crate::works::{LargeReads, Visits};
use crate::world::{Ours, World};

const HANDSHAKES: usize = 16;
const READERS: usize = 4;

pub async fn rows(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let our_tls =
        Target { tls: Some(Arc::clone(&world.tls)), ..Target::new("vestibule", ours.appliance.setup.ldaps()) };
    let contenders = [("HAProxy", world.haproxy_tls.clone()), ("vestibule", our_tls)];
    let handshakes = alternate(world.options.rounds, &contenders, async |target: &Target| {
        let visits = |_| Visits { target: target.clone(), gateway: world.gateway.clone() };
        world.run(ours, (0..HANDSHAKES).map(visits).collect(), world.span()).await
    })
    .await?;
    let bulk = alternate(world.options.rounds, &contenders, async |target: &Target| {
        let mut workers = vec![];
        for _ in 0..READERS {
            workers.push(LargeReads::begin(target, &world.gateway).await?);
        }
        world.run(ours, workers, world.span()).await
    })
    .await?;
    let suite = "TLS 1.3, AES-128-GCM, X25519, ECDSA P-256";
    let full = format!("LDAPS: connect, full handshake, bind, unbind ({suite}), {HANDSHAKES} connections");
    let (ours, peer) = (named(&handshakes, "vestibule")?, named(&handshakes, "HAProxy")?);
    let (ours_bulk, peer_bulk) = (named(&bulk, "vestibule")?, named(&bulk, "HAProxy")?);
    let mut in_bulk = against(
        "17",
        &format!("LDAPS: reads of an entry of {} MiB, {READERS} connections", LARGE_BYTES / (1024 * 1024)),
        ours_bulk,
        peer_bulk,
        Goal::at_least("≥ 0.8", 0.8, "answers pass in chunks of 16 KiB, read and encrypted in turn"),
    );
    let rate = |series: &crate::rounds::Series| series.rate().median * LARGE_BYTES as f64 / 1e6;
    in_bulk.figures = format!("{:.0} MB/s; peer {:.0} MB/s", rate(ours_bulk), rate(peer_bulk));
    let why = "the time goes into the handshake's signature and key exchange, which the load generator pays as well";
    Ok(vec![
        against("17", &full, ours, peer, Goal::at_least("≥ 0.8", 0.8, why)),
        own_cpu("17", "LDAPS connection with a full handshake", ours, peer, "–", None, ""),
        in_bulk,
        own_cpu("17", "MiB read over LDAPS", ours_bulk, peer_bulk, "–", None, ""),
    ])
}
