//! Approval on a phone: the question is put, and the sign-in waits for the answer without holding a thread, a database
//! connection or a lock.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use crate::domain::challenge::Status;
use crate::domain::ids::ChallengeId;
use crate::domain::sign_in::Answer;
use crate::store::recorder::{Asked, Leaving, Question, Recorder};
use crate::store::waits::Waits;
use crate::store::{Store, StoreFault};
use crate::telemetry::metrics;

/// What a wait needs.
pub struct App<'a> {
    pub store: &'a Store,
    pub recorder: &'a Recorder,
    pub waits: &'a Waits,
}

/// How a wait ended.
pub enum Waited {
    Answer(Answer),
    /// Nobody has answered yet, and the question stays open.
    TimeUp,
    /// This process is stopping. The question stays open: a retry on another replica joins it.
    Stopping,
}

/// What became of a question that is put without waiting.
pub enum Put {
    Waiting { id: ChallengeId, number: u8 },
    Answer(Answer),
}

impl App<'_> {
    /// Puts the question, or joins the same login's open one, and waits until it is answered, `until` passes, the
    /// client is `gone`, or the process is `stopping`.
    pub async fn ask(
        &self,
        question: Box<Question>,
        until: Instant,
        gone: impl Future<Output = ()>,
        stopping: impl Future<Output = ()>,
    ) -> Result<Waited, StoreFault> {
        let now = self.store.ambient().now();
        // Before the question is out: an answer may be as quick as its commit.
        let mut wait = self.waits.register(question.id);
        let (id, expires_at) = match Box::pin(self.recorder.ask(question)).await? {
            Asked::Waiting { id, expires_at, joined: false } => (id, expires_at),
            Asked::Waiting { id, expires_at, joined: true } => {
                wait = self.waits.register(id);
                // It may have been answered before we registered.
                if let Some(answer) = Box::pin(self.answered(id)).await? {
                    return Ok(Waited::Answer(answer));
                }
                (id, expires_at)
            }
            Asked::Approved(id) => return Ok(Waited::Answer(Answer::Approved(id))),
            Asked::Denied(denial) => return Ok(Waited::Answer(Answer::NotAsked(denial))),
        };
        let held = metrics::challenge_pending();
        let until = until.min(Instant::now() + left(now, expires_at));
        let ended = tokio::select! {
            answered = &mut wait.answer => match answered {
                Ok(status) => End::Answered(status),
                // The sender is only dropped with the process's waiters.
                Err(_) => End::Stopping,
            },
            () = sleep_until(until) => End::Left(Leaving::Deadline),
            () = gone => End::Left(Leaving::Gone),
            () = stopping => End::Stopping,
        };
        drop(held);
        drop(wait);
        let status = match ended {
            End::Stopping => return Ok(Waited::Stopping),
            End::Answered(status) => status,
            // The answer may have come at the last moment; the row decides.
            End::Left(why) => Box::pin(self.recorder.leave(id, why)).await?,
        };
        metrics::challenge_ended("app", status.as_str());
        Ok(Waited::Answer(answer(id, status)))
    }

    /// Puts the question, or joins the same login's open one, and leaves it to be answered.
    pub async fn put(&self, question: Box<Question>) -> Result<Put, StoreFault> {
        let number = question.number;
        Ok(match Box::pin(self.recorder.ask(question)).await? {
            Asked::Waiting { id, joined, .. } => {
                let number =
                    if joined { self.store.challenge_shown(id).await?.and_then(|(number, _)| number) } else { number };
                Put::Waiting { id, number: number.unwrap_or(0) }
            }
            Asked::Approved(id) => Put::Answer(Answer::Approved(id)),
            Asked::Denied(denial) => Put::Answer(Answer::NotAsked(denial)),
        })
    }

    /// Waits for the answer to a question that was put earlier, until `until`; then the question stays open.
    pub async fn wait(
        &self,
        id: ChallengeId,
        until: Instant,
        gone: impl Future<Output = ()>,
        stopping: impl Future<Output = ()>,
    ) -> Result<Waited, StoreFault> {
        let mut wait = self.waits.register(id);
        if let Some(answer) = Box::pin(self.answered(id)).await? {
            return Ok(Waited::Answer(answer));
        }
        let held = metrics::challenge_pending();
        let ended = tokio::select! {
            answered = &mut wait.answer => answered.map_or(Waited::Stopping, |status| Waited::Answer(answer(id, status))),
            () = sleep_until(until) => Waited::TimeUp,
            () = gone => Waited::TimeUp,
            () = stopping => Waited::Stopping,
        };
        drop(held);
        drop(wait);
        if let Waited::TimeUp = ended {
            // It may have been answered at the last moment; the row decides.
            if let Some(answer) = Box::pin(self.answered(id)).await? {
                return Ok(Waited::Answer(answer));
            }
            let shown = self.store.challenge_shown(id).await?;
            let has_run_out = shown.is_none_or(|(_, until)| until <= self.store.ambient().now());
            if has_run_out {
                let status = Box::pin(self.recorder.leave(id, Leaving::Deadline)).await?;
                return Ok(Waited::Answer(answer(id, status)));
            }
        }
        Ok(ended)
    }

    async fn answered(&self, id: ChallengeId) -> Result<Option<Answer>, StoreFault> {
        let status = self.store.challenge_status(id).await?;
        Ok(match status {
            Some(Status::Waiting) => None,
            Some(status) => Some(answer(id, status)),
            None => Some(Answer::Expired),
        })
    }
}

enum End {
    Answered(Status),
    Left(Leaving),
    Stopping,
}

fn answer(id: ChallengeId, status: Status) -> Answer {
    match status {
        Status::Approved => Answer::Approved(id),
        Status::Refused => Answer::Refused,
        Status::Cancelled => Answer::Cancelled,
        Status::Expired | Status::Waiting => Answer::Expired,
    }
}

fn left(now: Timestamp, until: Timestamp) -> std::time::Duration {
    let span = until.duration_since(now).max(SignedDuration::ZERO);
    span.unsigned_abs()
}
