//! Binds that wait for a person.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sqlx::types::Uuid;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vestibule::domain::challenge::Reply;
use vestibule::domain::ids::ChallengeId;
use vestibule::store::audit::Actor;
use vestibule::store::challenges::Answered;

use crate::Fault;
use crate::connection::{Connection, Target};
use crate::load::{Length, Run, quantile};
use crate::people::{Kind, Person};
use crate::report::{Met, Row, micros, thousands};
use crate::works::{Crowd, Searches, Share};
use crate::world::{Ours, World};

/// Connections opened before the next ones; less than the listener's backlog.
const AT_ONCE: usize = 500;
const ARRIVAL: Duration = Duration::from_secs(60);
/// How long the last answer may take after the last decision, before the measurement is given up.
const DRAIN: Duration = Duration::from_secs(60);

/// People whose bind waits, each over a connection of its own.
struct Crowded {
    /// Who was answered, and when.
    answers: mpsc::Receiver<(Uuid, Instant)>,
    running: JoinSet<Result<(), Fault>>,
}

/// Everybody with an app, up to `count`.
async fn wait(world: &World, ours: &Ours, count: usize) -> Result<Crowded, Fault> {
    let people: Vec<Person> = Person::all(Kind::Hotp).chain(Person::all(Kind::Totp)).take(count).collect();
    let (sender, answers) = mpsc::channel(count.max(1));
    let mut running = JoinSet::new();
    for (round, batch) in people.chunks(AT_ONCE).enumerate() {
        for (at, person) in batch.iter().enumerate() {
            let target = Target { source: Some(world.waiting_source(at)?), ..ours.target.clone() };
            running.spawn(bind_and_wait(target, *person, sender.clone()));
        }
        let expected = (round * AT_ONCE + batch.len()) as i64;
        arrived(ours, &mut running, expected).await?;
    }
    Ok(Crowded { answers, running })
}

async fn bind_and_wait(target: Target, person: Person, answered: mpsc::Sender<(Uuid, Instant)>) -> Result<(), Fault> {
    let mut connection = Connection::open(&target).await?;
    let code = connection.bind_code(&person.dn(), &person.password()).await?;
    let at = Instant::now();
    if code != 0 {
        return Err(format!("an approved bind of {} ended with result {code}", person.dn()).into());
    }
    answered.send((person.user_id(), at)).await?;
    connection.leave().await
}

/// Waits until so many prompts are out.
async fn arrived(ours: &Ours, running: &mut JoinSet<Result<(), Fault>>, expected: i64) -> Result<(), Fault> {
    let began = Instant::now();
    while waiting(ours).await? < expected {
        // Nobody has been answered yet, so whoever ends ends with a fault.
        if let Some(ended) = running.try_join_next() {
            ended??;
        }
        if began.elapsed() > ARRIVAL {
            return Err(format!("after {ARRIVAL:?} only {} of {expected} binds wait", waiting(ours).await?).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

pub async fn waiting(ours: &Ours) -> Result<i64, Fault> {
    let count = sqlx::query_scalar("select count(*) from challenges where status = 'waiting'");
    Ok(count.fetch_one(ours.store.pool()).await?)
}

/// Approves all that wait in one transaction, as no phone could; returns how many, when its commit was there.
pub async fn approve_all(ours: &Ours) -> Result<i64, Fault> {
    let approved = sqlx::query_scalar(
        "with approved as (update challenges set status = 'approved', answered_at = now()
                           where status = 'waiting' returning id)
         select count(pg_notify('vestibule_challenge', id::text)) from approved",
    );
    Ok(approved.fetch_one(ours.store.pool()).await?)
}

impl Crowded {
    /// Waits for everybody's answer; when the last one came.
    async fn drained(mut self) -> Result<(usize, Instant), Fault> {
        let (mut count, mut last) = (0, Instant::now());
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                ended??;
            }
            self.answers.close();
            while let Some((_, at)) = self.answers.recv().await {
                count += 1;
                last = at;
            }
            Ok::<_, Fault>(())
        };
        tokio::time::timeout(DRAIN, all).await.map_err(|_| format!("not all were answered within {DRAIN:?}"))??;
        Ok((count, last))
    }
}

/// Searches by one connection, as a measure of what the others notice.
async fn probe(world: &World, ours: &Ours) -> Result<Run, Fault> {
    let share = Share::random(Crowd::all(Kind::Exempt), 0, 1);
    let search = Searches::begin(&ours.target, &world.gateway, share).await?;
    world.run(ours, vec![search], Length::Time(world.span_of(1.5))).await
}

/// As many as the default allows, in one process.
const MANY: usize = 15_000;

pub async fn crowd(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    probe(world, ours).await?;
    let idle = probe(world, ours).await?;
    let process = ours.appliance.watched();
    let (memory_before, descriptors_before) = (process.resident(), process.descriptors());
    let began = Instant::now();
    let crowded = wait(world, ours, MANY).await?;
    let arrival = began.elapsed();
    let memory = process.resident().saturating_sub(memory_before) / MANY as u64;
    let descriptors = process.descriptors().saturating_sub(descriptors_before);
    let busy = probe(world, ours).await?;
    let approved = approve_all(ours).await?;
    let decided = Instant::now();
    let (answered, last) = crowded.drained().await?;
    let drained = last.saturating_duration_since(decided).as_secs_f64();
    let lost = approved - i64::try_from(answered)?;
    let p99 = |run: &Run| run.quantile(0.99).as_secs_f64() * 1e6;
    let slower = p99(&busy) / p99(&idle);
    let row = |measure: &str, figures, goal, is_met: bool, why| Row {
        number: "6",
        measure: measure.to_owned(),
        peer: "–".to_owned(),
        ratio: None,
        figures,
        goal,
        met: Met::from(is_met),
        why,
    };
    Ok(vec![
        row(
            "LDAP binds waiting for approval in one process",
            format!(
                "{} wait with {} descriptors more; they arrived at {}/s",
                thousands(MANY as f64),
                thousands(descriptors as f64),
                thousands(MANY as f64 / arrival.as_secs_f64())
            ),
            "15,000 under 20,000 descriptors",
            descriptors < 20_000,
            "",
        ),
        row(
            "memory per waiting bind",
            format!("{memory} bytes"),
            "≤ 4 kB",
            memory <= 4_000,
            "what the allocator keeps of the arrivals' own memory is counted as well",
        ),
        row(
            "a search's p99 while they wait, against idle",
            format!("{slower:.2} × ({} against {})", micros(p99(&busy)), micros(p99(&idle))),
            "≤ 2 ×",
            slower <= 2.0,
            "",
        ),
        row(
            "all approved at once: until the last answer",
            format!("{drained:.1} s, {} answered, {lost} lost", thousands(answered as f64)),
            "5 s, none lost",
            drained <= 5.0 && lost == 0 && answered == MANY,
            "each of them binds to the directory once more, so that an account disabled meanwhile stays out, and is recorded",
        ),
    ])
}

/// Waiting throughout, and decisions taken one by one beside them.
const STAYING: usize = 1_000;
const DECIDED: usize = 500;

pub async fn decisions(world: &World, ours: &Ours) -> Result<Vec<Row>, Fault> {
    let mut crowded = wait(world, ours, STAYING + DECIDED).await?;
    let open: HashMap<Uuid, Uuid> = sqlx::query_as("select user_id, id from challenges where status = 'waiting'")
        .fetch_all(ours.store.pool())
        .await?
        .into_iter()
        .collect();
    let by = Actor("benchmark".to_owned());
    let mut latencies = vec![];
    for (user, challenge) in open.iter().take(DECIDED) {
        let began = Instant::now();
        let answered =
            ours.store.answer_challenge(ChallengeId(*challenge), Reply::Approve { number: None }, &by).await?;
        let Answered::Now(_) = answered else {
            return Err(format!("the answer to {challenge} was not taken: {answered:?}").into());
        };
        let heard = tokio::time::timeout(DRAIN, crowded.answers.recv()).await?;
        let Some((who, at)) = heard else { return Err("everybody left before being answered".into()) };
        if who != *user {
            return Err(format!("{user} was approved and {who} was let in").into());
        }
        latencies.push(at.saturating_duration_since(began));
    }
    latencies.sort_unstable();
    approve_all(ours).await?;
    crowded.drained().await?;
    let at = |of| quantile(&latencies, of).as_secs_f64() * 1e3;
    let (p50, p99) = (at(0.5), at(0.99));
    Ok(vec![Row {
        number: "7",
        measure: format!(
            "approval received → its own record → BindResponse at the client, {} waiting, p50 / p99 of {DECIDED}",
            thousands(STAYING as f64)
        ),
        peer: "–".to_owned(),
        ratio: None,
        figures: format!("{p50:.1} / {p99:.1} ms"),
        goal: "≤ 15 / 60 ms",
        met: Met::from(p50 <= 15.0 && p99 <= 60.0),
        why: "two commits that reach the disk lie on the way: the approval's and the sign-in's",
    }])
}
