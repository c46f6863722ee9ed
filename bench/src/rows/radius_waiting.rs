//! RADIUS requests that wait for a person.

use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use vestibule::ambient::Ambient;

use super::waiting::{approve_all, waiting};
use crate::Fault;
use crate::datagrams::{Asker, Server, connected};
use crate::load::{Length, Run};
use crate::people::{Kind, Person};
use crate::radius::{self, Asked, Request};
use crate::report::{Met, Row, micros, thousands};
use crate::usage::Watched;
use crate::works::{Crowd, Proof, RadiusSignIns, Share};
use crate::world::{Books, Ours, World};

/// Requests of one socket; the identifiers that are left are for the probes that follow them.
const PER_SOCKET: u8 = 250;
/// Sent before a probe over the same socket says that they have been read; less than a socket's buffer holds.
const AT_ONCE: usize = 50;
/// Sent before the prompts of all have to be out.
const SOCKETS_AT_ONCE: usize = 2;
const ARRIVAL: Duration = Duration::from_secs(60);
const DRAIN: Duration = Duration::from_secs(180);
/// Without any answer for so long, a socket asks again for what it still waits for.
const AGAIN_AFTER: Duration = Duration::from_secs(15);

pub async fn rows(world: &World) -> Result<Vec<Row>, Fault> {
    let many = world.options.waiting;
    let books = Books { hotp_people: Kind::Hotp.count(), app_people: many, ..Books::default() };
    let ours = world.appliance("waits", 11, books).await?;
    let rows = crowd(world, &ours, many).await?;
    ours.appliance.stop().await?;
    Ok(rows)
}

async fn crowd(world: &World, ours: &Ours, many: usize) -> Result<Vec<Row>, Fault> {
    let peer = peer_waits(world).await?;
    probe(world, ours).await?;
    let idle = probe(world, ours).await?;
    let process = ours.appliance.watched();
    let memory_before = process.resident();
    let began = Instant::now();
    let ports = wait(world, ours, many).await?;
    let arrival = began.elapsed().as_secs_f64();
    let memory = process.resident().saturating_sub(memory_before) / many as u64;
    let busy = probe(world, ours).await?;
    let again = ask_again(&ports, many, &process).await?;
    let approved = approve_all(ours).await?;
    let drained = drain(ports).await?;
    let p99 = |run: &Run| run.quantile(0.99).as_secs_f64() * 1e6;
    let slower = p99(&busy) / p99(&idle);
    let row = |measure: &str, peer: &str, figures, goal, is_met: bool, why| Row {
        number: "8",
        measure: measure.to_owned(),
        peer: peer.to_owned(),
        ratio: None,
        figures,
        goal,
        met: Met::from(is_met),
        why,
    };
    Ok(vec![
        row(
            "RADIUS requests waiting for approval in one process",
            "FreeRADIUS, each request waiting for a program",
            format!(
                "{} wait, they arrived at {}/s; peer: {} of {ASKED_OF_PEER} wait and a probe gets {}",
                thousands(many as f64),
                thousands(many as f64 / arrival),
                peer.waiting,
                if peer.is_deaf { "no answer" } else { "its answer" }
            ),
            "50,000",
            many >= 50_000,
            "",
        ),
        row("memory per waiting request", "–", format!("{memory} bytes"), "≤ 1.5 kB", memory <= 1_500, ""),
        row(
            "p99 of a sign-in with an HOTP code, 1 outstanding, while they wait, against idle",
            "–",
            format!("{slower:.2} × ({} against {})", micros(p99(&busy)), micros(p99(&idle))),
            "≤ 2 ×",
            slower <= 2.0,
            "",
        ),
        row(
            "own CPU per request that is sent again while the first one waits (a probe after every 50 included)",
            "–",
            format!("{again:.1} µs"),
            "≤ 5 µs",
            again <= 5.0,
            "",
        ),
        row(
            "all approved at once: until the last answer",
            "–",
            format!(
                "{:.1} s, {} answered, {} lost, {} requests sent again",
                drained.took.as_secs_f64(),
                thousands(drained.answered as f64),
                approved - i64::try_from(drained.answered)?,
                thousands(drained.resent as f64)
            ),
            "none lost",
            drained.answered == many && usize::try_from(approved)? == many,
            "",
        ),
    ])
}

/// One socket of a gateway and what it has asked.
struct Port {
    server: Server,
    socket: UdpSocket,
    /// By identifier, until answered.
    requests: Vec<Option<Request>>,
    probe: Request,
}

/// Everybody with nothing but an app.
async fn wait(world: &World, ours: &Ours, count: usize) -> Result<Vec<Port>, Fault> {
    let people: Vec<Person> = Person::all(Kind::App).take(count).collect();
    let mut ports = vec![];
    let mut expected = 0;
    for batch in people.chunks(usize::from(PER_SOCKET) * SOCKETS_AT_ONCE) {
        for people in batch.chunks(PER_SOCKET.into()) {
            let server = Server { source: world.waiting_source(ports.len())?, ..ours.radius.clone() };
            let port = Port::open(server, people).await?;
            port.send().await?;
            ports.push(port);
        }
        expected += batch.len();
        arrived(ours, &ports, i64::try_from(expected)?).await?;
    }
    Ok(ports)
}

/// Waits until so many prompts are out, and nobody has been answered.
async fn arrived(ours: &Ours, ports: &[Port], expected: i64) -> Result<(), Fault> {
    let began = Instant::now();
    loop {
        let waiting = waiting(ours).await?;
        ports.iter().try_for_each(Port::is_silent)?;
        if waiting >= expected {
            return Ok(());
        }
        if began.elapsed() > ARRIVAL {
            return Err(format!("after {ARRIVAL:?} only {waiting} of {expected} requests wait").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends everything that waits once more; microseconds of processor time that the appliance spends on each.
async fn ask_again(ports: &[Port], count: usize, process: &Watched) -> Result<f64, Fault> {
    let before = process.usage();
    for port in ports {
        port.send().await?;
        port.is_silent()?;
    }
    Ok(process.usage().since(&before).as_secs_f64() * 1e6 / count as f64)
}

struct Drained {
    answered: usize,
    resent: usize,
    took: Duration,
}

async fn drain(ports: Vec<Port>) -> Result<Drained, Fault> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for port in ports {
        running.spawn(port.drained());
    }
    let mut drained = Drained { answered: 0, resent: 0, took: Duration::ZERO };
    let all = async {
        while let Some(port) = running.join_next().await {
            let (answered, resent, last) = port??;
            drained.answered += answered;
            drained.resent += resent;
            drained.took = drained.took.max(last.saturating_duration_since(began));
        }
        Ok::<_, Fault>(())
    };
    tokio::time::timeout(DRAIN, all).await.map_err(|_| format!("not all were answered within {DRAIN:?}"))??;
    Ok(drained)
}

impl Port {
    async fn open(server: Server, people: &[Person]) -> Result<Self, Fault> {
        let socket = connected(&server).await?;
        let ambient = Ambient::system();
        let asked = |identifier| Asked { identifier, authenticator: ambient.bytes() };
        let request = |(identifier, person): (u8, &Person)| {
            Some(Request::access(asked(identifier), server.secret(), &person.uid(), &person.password()))
        };
        let requests = (0..PER_SOCKET).zip(people).map(request).collect();
        let probe = Request::status(asked(PER_SOCKET), server.secret());
        Ok(Self { server, socket, requests, probe })
    }

    /// Sends what has not been answered; when this returns, the server has read it.
    async fn send(&self) -> Result<(), Fault> {
        let waiting: Vec<&Request> = self.requests.iter().flatten().collect();
        for batch in waiting.chunks(AT_ONCE) {
            for request in batch {
                self.socket.send(&request.bytes).await?;
            }
            self.socket.send(&self.probe.bytes).await?;
            let code = match tokio::time::timeout(ARRIVAL, self.answer()).await {
                Ok(answer) => self.judged(&answer?, &self.probe.asked)?,
                Err(_) => return Err(self.server.unexpected("no answer to a probe")),
            };
            if code != radius::ACCESS_ACCEPT {
                return Err(self.server.unexpected(&format!("a probe was answered with code {code}")));
            }
        }
        Ok(())
    }

    /// Nobody has been let in, so nothing may have been said.
    fn is_silent(&self) -> Result<(), Fault> {
        let mut inbox = [0; radius::LONGEST];
        match self.socket.try_recv(&mut inbox) {
            Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(fault) => Err(fault.into()),
            Ok(_) => {
                let [code, ..] = inbox;
                Err(self.server.unexpected(&format!("code {code} came while nobody had approved")))
            }
        }
    }

    /// Waits for every answer; how many came, how many requests were sent again for them, and when the last one came.
    async fn drained(mut self) -> Result<(usize, usize, Instant), Fault> {
        let (mut answered, mut resent, mut last) = (0, 0, Instant::now());
        while self.requests.iter().any(Option::is_some) {
            let Ok(bytes) = tokio::time::timeout(AGAIN_AFTER, self.answer()).await else {
                for request in self.requests.iter().flatten() {
                    self.socket.send(&request.bytes).await?;
                    resent += 1;
                }
                continue;
            };
            let bytes = bytes?;
            last = Instant::now();
            let slot = bytes.get(1).map_or(usize::MAX, |identifier| usize::from(*identifier));
            // Without a request: the second answer to one that was sent twice.
            let Some(request) = self.requests.get_mut(slot).and_then(Option::take) else { continue };
            match self.judged(&bytes, &request.asked)? {
                radius::ACCESS_ACCEPT => answered += 1,
                code => {
                    return Err(self.server.unexpected(&format!("an approved request was answered with code {code}")));
                }
            }
        }
        Ok((answered, resent, last))
    }

    async fn answer(&self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(radius::LONGEST);
        self.socket.recv_buf(&mut bytes).await?;
        Ok(bytes)
    }

    fn judged(&self, bytes: &[u8], asked: &Asked) -> Result<u8, Fault> {
        radius::answer(bytes, asked, self.server.secret(), self.server.signs)
            .map_err(|fault| self.server.unexpected(fault))
    }
}

/// Sign-ins by one gateway, one after the other, as a measure of what the others notice.
async fn probe(world: &World, ours: &Ours) -> Result<Run, Fault> {
    let share = Share::random(Crowd::all(Kind::Hotp), 0, 1);
    let work = RadiusSignIns::begin(&ours.radius, share, Proof::Hotp(ours.counters.clone())).await?;
    world.run(ours, vec![work], Length::Time(world.span_of(1.5))).await
}

/// What FreeRADIUS makes of requests that wait.
struct PeerWaits {
    waiting: usize,
    /// It does not answer a probe.
    is_deaf: bool,
}

const ASKED_OF_PEER: u8 = 64;
/// It starts its threads one by one.
const PEER_SETTLES: Duration = Duration::from_secs(5);
const PROBE: Duration = Duration::from_secs(2);
/// Twice its program's ten seconds, and some.
const PEER_DRAINS: Duration = Duration::from_secs(40);

/// Its configuration has everybody with nothing but an app wait for a program, which is how a module of FreeRADIUS
/// waits for anything: in a thread. One program runs for each request that has reached a thread.
async fn peer_waits(world: &World) -> Result<PeerWaits, Fault> {
    let people: Vec<Person> = Person::all(Kind::App).take(ASKED_OF_PEER.into()).collect();
    let port = Port::open(world.freeradius.clone(), &people).await?;
    for request in port.requests.iter().flatten() {
        port.socket.send(&request.bytes).await?;
        // It looks whether it needs another thread when a request comes.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let programs = || Watched { name: "FreeRADIUS", pid: world.options.freeradius_pid }.children();
    let began = Instant::now();
    let mut waiting = 0;
    while began.elapsed() < PEER_SETTLES {
        waiting = waiting.max(programs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut asker = Asker::open(&world.freeradius).await?;
    let is_deaf = tokio::time::timeout(PROBE, asker.status()).await.is_err();
    // Other rows ask it as well, once it is itself again.
    let began = Instant::now();
    while programs() > 0 && began.elapsed() < PEER_DRAINS {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(PeerWaits { waiting, is_deaf })
}
