//! One transaction for many sign-ins: lock, judge, write, append, commit.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{Answer, Asked, Conclusion, Job, Leaving, Question, Rules};
use crate::domain::audit::Event;
use crate::domain::challenge::{PromptHistory, Status, may_ask};
use crate::domain::factor::Factor;
use crate::domain::ids::ChallengeId;
use crate::domain::judgement::{Change, judge};
use crate::domain::outcome::{Denial, Grant, Outcome};
use crate::domain::passkey::Standing;
use crate::domain::pin::behind_pin;
use crate::domain::sign_in::Proof;
use crate::domain::user::Account;
use crate::store::audit::{Head, append};
use crate::store::users::UserRow;
use crate::store::{Store, StoreFault, authenticators, challenges, passkeys, sql};

/// What one job is told once the batch is committed.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Outcome(Outcome),
    Asked(Asked),
    Status(Status),
    Noted,
}

/// An approval that nobody was there to take serves the same login's retry for this long.
const RETRY_SERVED: SignedDuration = SignedDuration::from_secs(60);
/// Connections and replicas by which one login comes at once; more are somebody else with the same password.
const MOST_JOINED: i32 = 8;

/// Users and rows of one batch as they stand under the lock, and what has become of them.
struct Books {
    now: Timestamp,
    accounts: HashMap<Uuid, Account>,
    graces: HashMap<[u8; 32], Timestamp>,
    histories: HashMap<Uuid, PromptHistory>,
    challenges: Vec<Open>,
    changed_users: BTreeMap<Uuid, bool>,
    changed_tokens: BTreeMap<Uuid, (i32, i32, i64)>,
    used_passkeys: BTreeMap<Uuid, Standing>,
    /// Recovery codes not used yet, of those offered in this batch.
    unused_codes: HashSet<(Uuid, String)>,
    used_codes: Vec<(Uuid, String)>,
    new_graces: BTreeMap<[u8; 32], (Uuid, String, Timestamp)>,
    /// Waiters that were let in by an approval, and so wait no more.
    let_in: BTreeMap<Uuid, i32>,
    joined: BTreeMap<Uuid, i32>,
    asked: Vec<usize>,
    events: Vec<(Timestamp, Event)>,
}

/// A challenge that is open, or was approved and not passed on.
struct Open {
    id: Uuid,
    user: Uuid,
    client: Uuid,
    join_key: Vec<u8>,
    status: Status,
    /// Sign-ins that wait, and have not been let in.
    waiters: i32,
    expires_at: Timestamp,
    has_number: bool,
}

/// `started` is the first record of a new chain, where this batch begins one.
pub(super) async fn commit(
    store: &Store,
    connection: &mut PgConnection,
    rules: &Rules,
    head: Head,
    started: Option<Event>,
    jobs: &[Job],
) -> Result<(Head, Vec<Told>), StoreFault> {
    let mut tx = connection.begin().await?;
    let mut books = open_books(store, &mut tx, jobs).await?;
    let now = books.now;
    books.events.extend(started.map(|event| (now, event)));
    let left = leave(&mut tx, books.now, jobs).await?;
    let mut told = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.iter().enumerate() {
        told.push(match job {
            Job::Conclude(conclusion, _) => Told::Outcome(books.conclude(conclusion, rules)),
            Job::Ask(question, _) => Told::Asked(books.ask(at, question, rules)),
            Job::Leave(id, _, _) => Told::Status(left.get(&id.0).copied().unwrap_or(Status::Expired)),
            Job::Note(events, _) => {
                let now = books.now;
                books.events.extend(events.iter().map(|event| (now, event.clone())));
                Told::Noted
            }
        });
    }
    write(&mut tx, &books, jobs).await?;
    let head = append(&mut tx, store.keys.audit(), head, &books.events).await?;
    for (at, event) in &books.events {
        store.tell(&mut tx, event, *at).await?;
    }
    tx.commit().await?;
    Ok((head, told))
}

/// What a batch has to read.
#[derive(Default)]
struct Wanted {
    users: Vec<Uuid>,
    /// Users whose tokens a code or a passkey is checked against, or who must have none.
    with_tokens: Vec<Uuid>,
    /// Those who come to enrol, and must never have had a factor.
    enrolling: Vec<Uuid>,
    join_keys: Vec<Vec<u8>>,
    handles: Vec<String>,
    approved: Vec<Uuid>,
    questions: bool,
}

impl Wanted {
    fn of(jobs: &[Job]) -> Self {
        let mut wanted = Self::default();
        for job in jobs {
            match job {
                Job::Conclude(conclusion, _) => {
                    let Some(user) = conclusion.user else { continue };
                    wanted.users.push(user.0);
                    match &conclusion.proof {
                        Proof::Digits(_) | Proof::Pair(..) | Proof::Passkey(_) => wanted.with_tokens.push(user.0),
                        Proof::Enrolment => {
                            wanted.with_tokens.push(user.0);
                            wanted.enrolling.push(user.0);
                        }
                        Proof::Approved(id) => wanted.approved.push(id.0),
                        Proof::Denied(_)
                        | Proof::Exempt(_)
                        | Proof::Grace
                        | Proof::Bypass
                        | Proof::Recovery(_)
                        | Proof::Proven(_) => {}
                    }
                    wanted.handles.extend(conclusion.recovery.clone());
                    if !conclusion.client.grace.is_zero() {
                        wanted.join_keys.push(conclusion.join_key.to_vec());
                    }
                }
                Job::Ask(question, _) => {
                    wanted.users.push(question.user.0);
                    wanted.questions = true;
                }
                Job::Leave(..) | Job::Note(..) => {}
            }
        }
        wanted
    }
}

/// Locks the users of the batch and reads what decides about them. Two statements on purpose: rows joined to a locked
/// row come from before the wait for the lock, and a token's last step must come from after it.
async fn open_books(store: &Store, tx: &mut PgConnection, jobs: &[Job]) -> Result<Books, StoreFault> {
    let now = store.ambient.now();
    let Wanted { mut users, with_tokens, enrolling, join_keys, handles, approved, questions } = Wanted::of(jobs);
    users.sort_unstable();
    users.dedup();
    let mut books = Books {
        now,
        accounts: HashMap::with_capacity(users.len()),
        graces: HashMap::new(),
        histories: HashMap::new(),
        challenges: vec![],
        changed_users: BTreeMap::new(),
        changed_tokens: BTreeMap::new(),
        used_passkeys: BTreeMap::new(),
        unused_codes: HashSet::new(),
        used_codes: vec![],
        new_graces: BTreeMap::new(),
        let_in: BTreeMap::new(),
        joined: BTreeMap::new(),
        asked: vec![],
        events: vec![],
    };
    if users.is_empty() {
        return Ok(books);
    }
    // Not `for update`: rows elsewhere that refer to a user, such as the groups a run writes, are no reason to wait.
    let rows = sqlx::query_as!(
        UserRow,
        r#"select id, directory_id, unique_id, name, enabled, blocked, failures, lockouts, locked_until,
                  bypass_until, preferred_factor, last_factor, pin_hash, pin_must_change, 0::bigint as "recovery_codes!",
                  enrolled_at is not null as "was_enrolled!"
           from users where id = any($1) order by id for no key update"#,
        &users,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut tokens: HashMap<Uuid, Vec<_>> = HashMap::new();
    if !with_tokens.is_empty() {
        for token in authenticators::tokens(tx, &with_tokens).await? {
            tokens.entry(token.user_id).or_default().push(token);
        }
    }
    for row in rows {
        let id = row.id;
        let is_enrolling = enrolling.contains(&id);
        let mut account = row.account(tokens.remove(&id).unwrap_or_default(), store)?;
        if !is_enrolling {
            // Which code it is decides here, not how many are left.
            account.recovery_codes = u32::MAX;
        }
        books.accounts.insert(id, account);
    }
    if !join_keys.is_empty() {
        let rows = sqlx::query!(
            "select join_key, until from graces where join_key = any($1) and until > $2",
            &join_keys,
            sql(now) as _
        )
        .fetch_all(&mut *tx)
        .await?;
        let graces = rows.into_iter().filter_map(|row| Some((row.join_key.try_into().ok()?, row.until.to_jiff())));
        books.graces.extend(graces);
    }
    if !handles.is_empty() {
        let rows = sqlx::query!(
            "select user_id, handle from recovery_codes where user_id = any($1) and handle = any($2) and used_at is null",
            &users,
            &handles,
        )
        .fetch_all(&mut *tx)
        .await?;
        books.unused_codes.extend(rows.into_iter().map(|row| (row.user_id, row.handle)));
    }
    if questions {
        expire(tx, &users, now).await?;
        books.histories = histories(tx, &users, now).await?;
    }
    if questions || !approved.is_empty() {
        books.challenges = open_challenges(tx, &users, &approved, now).await?;
    }
    Ok(books)
}

/// What a dead replica left waiting beyond its time.
async fn expire(tx: &mut PgConnection, users: &[Uuid], now: Timestamp) -> Result<(), StoreFault> {
    sqlx::query!(
        "update challenges set status = 'expired' where user_id = any($1) and status = 'waiting' and expires_at <= $2",
        users,
        sql(now) as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn histories(
    tx: &mut PgConnection,
    users: &[Uuid],
    now: Timestamp,
) -> Result<HashMap<Uuid, PromptHistory>, StoreFault> {
    let hour_ago = now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
    let rows = sqlx::query!(
        r#"select c.user_id, count(*) as "recent!",
                  max(c.answered_at) filter (where c.status = 'refused') as "last_refused"
           from challenges c join users u on u.id = c.user_id
           where c.user_id = any($1) and c.created_at > greatest($2, coalesce(u.succeeded_at, $2))
           group by c.user_id"#,
        users,
        sql(hour_ago) as _,
    )
    .fetch_all(tx)
    .await?;
    let history = |recent: i64, refused: Option<jiff_sqlx::Timestamp>| PromptHistory {
        recent: u32::try_from(recent).unwrap_or(u32::MAX),
        last_refused: refused.map(jiff_sqlx::Timestamp::to_jiff),
        other_waiting: false,
    };
    Ok(rows.into_iter().map(|row| (row.user_id, history(row.recent, row.last_refused))).collect())
}

async fn open_challenges(
    tx: &mut PgConnection,
    users: &[Uuid],
    approved: &[Uuid],
    now: Timestamp,
) -> Result<Vec<Open>, StoreFault> {
    let since = now.saturating_sub(RETRY_SERVED).unwrap_or(Timestamp::MIN);
    let rows = sqlx::query!(
        r#"select id, user_id, client_id, join_key, status, waiters, expires_at, number is not null as "has_number!"
         from challenges
         where (user_id = any($1) and (status = 'waiting' or (status = 'approved' and waiters > 0 and answered_at > $3)))
            or id = any($2)"#,
        users,
        approved,
        sql(since) as _,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Open {
                status: challenges::status(&row.status, ChallengeId(row.id))?,
                id: row.id,
                user: row.user_id,
                client: row.client_id,
                join_key: row.join_key,
                waiters: row.waiters,
                expires_at: row.expires_at.to_jiff(),
                has_number: row.has_number,
            })
        })
        .collect()
}

/// Takes waiters off their challenges. Whoever leaves last ends the challenge; an answer that was there first stays.
async fn leave(tx: &mut PgConnection, now: Timestamp, jobs: &[Job]) -> Result<HashMap<Uuid, Status>, StoreFault> {
    let mut leaving: BTreeMap<Uuid, (i32, Leaving)> = BTreeMap::new();
    for job in jobs {
        if let Job::Leave(id, why, _) = job {
            let entry = leaving.entry(id.0).or_insert((0, *why));
            entry.0 += 1;
        }
    }
    if leaving.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = leaving.keys().copied().collect();
    let counts: Vec<i32> = leaving.values().map(|(count, _)| *count).collect();
    let ends = leaving.values().map(|(_, why)| match why {
        Leaving::Deadline => Status::Expired.as_str().to_owned(),
        Leaving::Gone => Status::Cancelled.as_str().to_owned(),
    });
    let ends: Vec<String> = ends.collect();
    let rows = sqlx::query!(
        r#"update challenges c set waiters = c.waiters - l.count,
               status = case when c.status = 'waiting' and c.waiters <= l.count then l.ends else c.status end
           from (select l.id, l.count, l.ends from unnest($1::uuid[], $2::int[], $3::text[]) as l(id, count, ends)
                 join challenges locked on locked.id = l.id order by l.id for update of locked) l
           where c.id = l.id
           returning c.id, c.status, c.expires_at, l.ends as "ends!""#,
        &ids,
        &counts,
        &ends,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let mut status = challenges::status(&row.status, ChallengeId(row.id))?;
            if status == Status::Waiting {
                // Others still wait, on another replica; for whoever leaves it is over.
                status = if row.expires_at.to_jiff() <= now {
                    Status::Expired
                } else {
                    challenges::status(&row.ends, ChallengeId(row.id))?
                };
            }
            Ok((row.id, status))
        })
        .collect()
}

impl Books {
    fn conclude(&mut self, conclusion: &Conclusion, rules: &Rules) -> Outcome {
        let (outcome, challenge) = self.judge(conclusion, rules);
        let opens = !conclusion.due || matches!(outcome, Outcome::Denied(_));
        let recorded = if opens { outcome } else { Outcome::Denied(Denial::PasswordExpired) };
        let account = conclusion.user.and_then(|user| self.accounts.get(&user.0));
        let event = Event::SignIn {
            sign_in: conclusion.sign_in,
            door: conclusion.door,
            client: conclusion.client.id,
            client_name: conclusion.client.name.clone(),
            user: account.map(|account| account.user.id),
            name: account.map_or_else(|| conclusion.name.clone(), |account| account.user.name.clone()),
            source: conclusion.source.to_canonical().to_string(),
            whereabouts: conclusion
                .whereabouts
                .filter(|at| *at != conclusion.source)
                .map(|at| at.to_canonical().to_string()),
            outcome: recorded.as_str(),
            reason: recorded.reason(),
            challenge,
        };
        self.events.push((self.now, event));
        outcome
    }

    fn judge(&mut self, conclusion: &Conclusion, rules: &Rules) -> (Outcome, Option<ChallengeId>) {
        let Some(user) = conclusion.user else { return (without_account(&conclusion.proof), None) };
        // A grace with more left than it ever had was given before the clock was set back (R61).
        let longest = SignedDuration::try_from(conclusion.client.grace).unwrap_or(SignedDuration::ZERO);
        let serves = |until: &Timestamp| self.now < *until && until.duration_since(self.now) <= longest;
        let grace = self.graces.get(&conclusion.join_key).copied().filter(serves);
        let mut challenge = None;
        let kept = self.accounts.get(&user.0).and_then(|account| account.pin.as_ref()).map(|pin| &pin.hash);
        let mut proof = behind_pin(conclusion.proof.clone(), &conclusion.pin, kept);
        match &proof {
            // The same login's other connection was a moment earlier, with the same code.
            Proof::Digits(_) | Proof::Pair(..) | Proof::Recovery(_) | Proof::Bypass if grace.is_some() => {
                proof = Proof::Grace;
            }
            Proof::Approved(id) => {
                challenge = Some(*id);
                // The row decides, not whoever says that it was answered; and it lets in no more than have waited.
                let fits = self.challenges.iter_mut().find(|open| {
                    open.id == id.0
                        && open.status == Status::Approved
                        && open.waiters > 0
                        && open.user == user.0
                        && open.join_key == conclusion.join_key
                });
                match fits {
                    Some(open) => {
                        open.waiters -= 1;
                        *self.let_in.entry(id.0).or_default() += 1;
                    }
                    None => proof = Proof::Denied(Denial::PromptExpired),
                }
            }
            Proof::Enrolment if !conclusion.client.portal => proof = Proof::Denied(Denial::MustEnrol),
            Proof::Denied(_)
            | Proof::Exempt(_)
            | Proof::Grace
            | Proof::Enrolment
            | Proof::Bypass
            | Proof::Digits(_)
            | Proof::Pair(..)
            | Proof::Recovery(_)
            | Proof::Passkey(_)
            | Proof::Proven(_) => {}
        }
        // Unused under the lock; an earlier one of this batch takes it off the list.
        let recovery =
            conclusion.recovery.clone().filter(|handle| self.unused_codes.contains(&(user.0, handle.clone())));
        let Some(account) = self.accounts.get_mut(&user.0) else {
            // Removed since the sign-in began.
            return (Outcome::Denied(Denial::UnknownUser), challenge);
        };
        account.grace_until = grace;
        let lockouts = account.failures.lockouts;
        let factors = &conclusion.client.factors;
        let judgement = judge(account, &proof, recovery.is_some(), factors, rules.lock, self.now);
        let name = account.user.name.clone();
        for change in &judgement.changes {
            match change {
                Change::Failures(failures) => {
                    self.changed_users.entry(user.0).or_default();
                    if let Some(until) = failures.locked_until.filter(|_| failures.lockouts > lockouts) {
                        let event = Event::LockedOut { user, name: name.clone(), until };
                        self.events.push((self.now, event));
                    }
                }
                Change::PasskeyUsed(used) => {
                    self.used_passkeys.insert(used.authenticator.0, used.standing);
                }
                Change::BypassUsed => {
                    self.changed_users.entry(user.0).or_default();
                }
                Change::RecoveryUsed => {
                    if let Some(handle) = recovery.clone() {
                        self.unused_codes.remove(&(user.0, handle.clone()));
                        self.used_codes.push((user.0, handle));
                    }
                }
                Change::TotpMemory { authenticator, memory } => {
                    let position = memory.last_accepted.map_or(0, position);
                    self.changed_tokens.insert(authenticator.0, (memory.anchor, memory.drift, position));
                }
                Change::HotpCounter { authenticator, next } => {
                    self.changed_tokens.insert(authenticator.0, (0, 0, position(*next)));
                }
            }
        }
        if let Outcome::Granted(Grant::Factor(factor)) = judgement.outcome {
            let is_spent = matches!(factor, Factor::RecoveryCode | Factor::Bypass);
            if !is_spent && account.last_factor != Some(factor) {
                account.last_factor = Some(factor);
                self.changed_users.entry(user.0).or_default();
            }
            if factor == Factor::App {
                // Prompts before a success no longer count against the user.
                self.changed_users.insert(user.0, true);
            }
            if !conclusion.client.grace.is_zero() && !conclusion.due {
                let span = SignedDuration::try_from(conclusion.client.grace).unwrap_or(SignedDuration::ZERO);
                let until = self.now.saturating_add(span).unwrap_or(self.now);
                self.graces.insert(conclusion.join_key, until);
                let group = conclusion.client.group.clone();
                self.new_graces.insert(conclusion.join_key, (user.0, group, until));
            }
        }
        (judgement.outcome, challenge)
    }

    fn ask(&mut self, at: usize, question: &Question, rules: &Rules) -> Asked {
        // A number to match is never joined by whoever asks for none, nor the other way round.
        let same = |open: &&Open| {
            open.join_key == question.join_key
                && open.user == question.user.0
                && question.join_only.map_or(open.has_number == question.number.is_some(), |only| open.id == only.0)
        };
        let mut waiting = self.challenges.iter_mut().filter(|open| same(&&**open));
        if let Some(open) = waiting.find(|open| open.status == Status::Waiting) {
            if open.waiters >= MOST_JOINED {
                return Asked::Denied(Denial::AlreadyAsking);
            }
            open.waiters += 1;
            *self.joined.entry(open.id).or_default() += 1;
            return Asked::Waiting { id: ChallengeId(open.id), expires_at: open.expires_at, joined: true };
        }
        // A number that was matched is for those who were shown it.
        let is_for_a_retry = question.join_only.is_some() || question.number.is_none();
        let unserved = |open: &&Open| open.status == Status::Approved && open.waiters > 0 && is_for_a_retry;
        if let Some(open) = self.challenges.iter().filter(same).find(unserved) {
            return Asked::Approved(ChallengeId(open.id));
        }
        if question.join_only.is_some() {
            return Asked::Denied(Denial::PromptExpired);
        }
        let Some(account) = self.accounts.get(&question.user.0) else { return Asked::Denied(Denial::UnknownUser) };
        let mut history = self.histories.get(&question.user.0).copied().unwrap_or_default();
        history.other_waiting = self.challenges.iter().any(|open| {
            open.status == Status::Waiting && open.user == question.user.0 && open.client == question.client.id.0
        });
        if let Err(denial) = may_ask(history, rules.prompts, self.now) {
            return Asked::Denied(denial);
        }
        self.histories.entry(question.user.0).or_default().recent += 1;
        self.challenges.push(Open {
            id: question.id.0,
            user: question.user.0,
            client: question.client.id.0,
            join_key: question.join_key.to_vec(),
            status: Status::Waiting,
            waiters: 1,
            expires_at: question.expires_at,
            has_number: question.number.is_some(),
        });
        self.asked.push(at);
        let event = Event::PromptSent {
            challenge: question.id,
            user: question.user,
            name: account.user.name.clone(),
            client: question.client.id,
            client_name: question.client.name.clone(),
            source: question.source.to_canonical().to_string(),
        };
        self.events.push((self.now, event));
        Asked::Waiting { id: question.id, expires_at: question.expires_at, joined: false }
    }
}

/// An account we do not know: policy may let it pass on the password, nothing else can.
fn without_account(proof: &Proof) -> Outcome {
    match proof {
        Proof::Exempt(exemption) => Outcome::Granted(Grant::Exempt(*exemption)),
        Proof::Denied(denial) => Outcome::Denied(*denial),
        Proof::Grace
        | Proof::Enrolment
        | Proof::Bypass
        | Proof::Digits(_)
        | Proof::Pair(..)
        | Proof::Recovery(_)
        | Proof::Approved(_)
        | Proof::Passkey(_)
        | Proof::Proven(_) => Outcome::Denied(Denial::UnknownUser),
    }
}

fn position(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Writes what has changed, one statement a table.
async fn write(tx: &mut PgConnection, books: &Books, jobs: &[Job]) -> Result<(), StoreFault> {
    if !books.changed_users.is_empty() {
        write_users(tx, books).await?;
    }
    if !books.changed_tokens.is_empty() {
        let ids: Vec<Uuid> = books.changed_tokens.keys().copied().collect();
        let (mut anchors, mut drifts, mut positions) = (vec![], vec![], vec![]);
        for (anchor, drift, position) in books.changed_tokens.values() {
            anchors.push(*anchor);
            drifts.push(*drift);
            positions.push(*position);
        }
        sqlx::query!(
            "update authenticators a set anchor = t.anchor, drift = t.drift, position = t.position, last_used_at = $5
             from unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[]) as t(id, anchor, drift, position) where a.id = t.id",
            &ids,
            &anchors,
            &drifts,
            &positions,
            sql(books.now) as _,
        )
        .execute(&mut *tx)
        .await?;
    }
    // An approval does not say which phone it came from; a person's only one is known.
    let approved: Vec<Uuid> = books.changed_users.iter().filter(|(_, by_app)| **by_app).map(|(id, _)| *id).collect();
    if !approved.is_empty() {
        sqlx::query!(
            "update authenticators a set last_used_at = $2
             where a.user_id = any($1) and a.factor = 'app' and a.proven_at is not null
               and not exists (select from authenticators o where o.user_id = a.user_id and o.id <> a.id and o.factor = 'app'
                                                             and o.proven_at is not null)",
            &approved,
            sql(books.now) as _,
        )
        .execute(&mut *tx)
        .await?;
    }
    for (id, standing) in &books.used_passkeys {
        passkeys::used(tx, *id, *standing, books.now).await?;
    }
    for (user, handle) in &books.used_codes {
        sqlx::query!(
            "update recovery_codes set used_at = $3 where user_id = $1 and handle = $2",
            user,
            handle,
            sql(books.now) as _,
        )
        .execute(&mut *tx)
        .await?;
    }
    if !books.new_graces.is_empty() {
        let (mut keys, mut users, mut groups, mut untils) = (vec![], vec![], vec![], vec![]);
        for (key, (user, group, until)) in &books.new_graces {
            keys.push(key.to_vec());
            users.push(*user);
            groups.push(group.clone());
            untils.push(sql(*until));
        }
        sqlx::query!(
            "insert into graces (join_key, user_id, client_group, until)
             select * from unnest($1::bytea[], $2::uuid[], $3::text[], $4::timestamptz[])
             on conflict (join_key) do update set until = excluded.until",
            &keys,
            &users,
            &groups,
            &untils as _,
        )
        .execute(&mut *tx)
        .await?;
    }
    write_challenges(tx, books, jobs).await
}

async fn write_users(tx: &mut PgConnection, books: &Books) -> Result<(), StoreFault> {
    let (mut ids, mut failures, mut lockouts, mut locked, mut bypass, mut succeeded, mut last) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for (id, has_succeeded) in &books.changed_users {
        let Some(account) = books.accounts.get(id) else { continue };
        ids.push(*id);
        failures.push(i32::try_from(account.failures.count).unwrap_or(i32::MAX));
        lockouts.push(i32::try_from(account.failures.lockouts).unwrap_or(i32::MAX));
        locked.push(account.failures.locked_until.map(sql));
        bypass.push(account.bypass_until.map(sql));
        succeeded.push(has_succeeded.then(|| sql(books.now)));
        last.push(account.last_factor.map(|factor| factor.as_str().to_owned()));
    }
    sqlx::query!(
        "update users u set failures = c.failures, lockouts = c.lockouts, locked_until = c.locked_until,
                bypass_until = c.bypass_until, succeeded_at = coalesce(c.succeeded_at, u.succeeded_at),
                last_factor = c.last_factor
         from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[])
              as c(id, failures, lockouts, locked_until, bypass_until, succeeded_at, last_factor)
         where u.id = c.id",
        &ids,
        &failures,
        &lockouts,
        &locked as _,
        &bypass as _,
        &succeeded as _,
        &last as _,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn write_challenges(tx: &mut PgConnection, books: &Books, jobs: &[Job]) -> Result<(), StoreFault> {
    let asked = books.asked.iter().filter_map(|at| match jobs.get(*at) {
        Some(Job::Ask(question, _)) => Some(question),
        Some(Job::Conclude(..) | Job::Leave(..) | Job::Note(..)) | None => None,
    });
    for question in asked {
        sqlx::query!(
            "insert into challenges (id, sign_in_id, user_id, client_id, factor, join_key, source, number, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            question.id.0,
            question.sign_in.0,
            question.user.0,
            question.client.id.0,
            question.factor.as_str(),
            question.join_key.as_slice(),
            ipnet::IpNet::from(question.source.to_canonical()) as _,
            question.number.map(i16::from),
            sql(books.now) as _,
            sql(question.expires_at) as _,
        )
        .execute(&mut *tx)
        .await?;
    }
    if !books.joined.is_empty() {
        let ids: Vec<Uuid> = books.joined.keys().copied().collect();
        let counts: Vec<i32> = books.joined.values().copied().collect();
        sqlx::query!(
            "update challenges c set waiters = c.waiters + j.count
             from unnest($1::uuid[], $2::int[]) as j(id, count) where c.id = j.id",
            &ids,
            &counts,
        )
        .execute(&mut *tx)
        .await?;
    }
    if !books.let_in.is_empty() {
        let ids: Vec<Uuid> = books.let_in.keys().copied().collect();
        let counts: Vec<i32> = books.let_in.values().copied().collect();
        sqlx::query!(
            "update challenges c set waiters = c.waiters - l.count
             from unnest($1::uuid[], $2::int[]) as l(id, count) where c.id = l.id",
            &ids,
            &counts,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Tells a job what came of it. Whoever asked may be gone; the record stands.
pub(super) fn answer(job: Job, told: Told) {
    fn tell<T>(answer: Answer<T>, value: Option<T>) {
        let _ = answer.send(value.ok_or(StoreFault::Stopped));
    }
    match job {
        Job::Conclude(_, answer) => tell(answer, if let Told::Outcome(outcome) = told { Some(outcome) } else { None }),
        Job::Ask(_, answer) => tell(answer, if let Told::Asked(asked) = told { Some(asked) } else { None }),
        Job::Leave(_, _, answer) => tell(answer, if let Told::Status(status) = told { Some(status) } else { None }),
        Job::Note(_, answer) => tell(answer, if let Told::Noted = told { Some(()) } else { None }),
    }
}

pub(super) fn fail(job: Job, fault: StoreFault) {
    match job {
        Job::Conclude(_, answer) => drop(answer.send(Err(fault))),
        Job::Ask(_, answer) => drop(answer.send(Err(fault))),
        Job::Leave(_, _, answer) => drop(answer.send(Err(fault))),
        Job::Note(_, answer) => drop(answer.send(Err(fault))),
    }
}
