//! Security questions: what a person has set up, what is being asked, and what comes of an answer.

use sqlx::PgConnection;

use super::audit::Actor;
use super::users::{Listed, UserRow};
use super::{Store, StoreFault, sql};
use crate::domain::audit::Event;
use crate::domain::ids::UserId;
use crate::domain::judgement::{LockRule, after_failure};
use crate::domain::outcome::Denial;
use crate::domain::policy::barred;
use crate::domain::questions::Question;

/// What comes of answers, judged under the person's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    Right,
    /// Counted against the person.
    Wrong,
    /// Whatever was answered.
    Barred(Denial),
    /// These questions are asked no more.
    Over,
}

impl Store {
    /// The questions a person has set up, without answers.
    pub async fn questions_of(&self, user: UserId) -> Result<Vec<Question>, StoreFault> {
        let set = set_up(&mut *self.pool.acquire().await?, user).await?;
        Ok(set.into_iter().map(|(question, _)| question).collect())
    }

    /// Answers, as hashes, in the place of all from before.
    pub async fn set_answers(&self, user: &Listed, set: &[(Question, String)], by: &Actor) -> Result<(), StoreFault> {
        let questions: Vec<String> = set.iter().map(|(question, _)| question.as_str().to_owned()).collect();
        let hashes: Vec<String> = set.iter().map(|(_, hash)| hash.clone()).collect();
        let mut tx = self.pool.begin().await?;
        sqlx::query!("select id from users where id = $1 for no key update", user.id.0).fetch_one(&mut *tx).await?;
        forget(&mut tx, user.id).await?;
        sqlx::query!(
            "insert into security_answers (user_id, question, hash, set_at)
             select $1, q, h, $4 from unnest($2::text[], $3::text[]) as w (q, h)",
            user.id.0,
            &questions,
            &hashes,
            sql(self.ambient.now()) as _,
        )
        .execute(&mut *tx)
        .await?;
        let (id, name, by) = (user.id, user.name.clone(), by.to_string());
        let count = u32::try_from(set.len()).unwrap_or(u32::MAX);
        self.administer(&mut tx, vec![Event::SecurityQuestionsSet { user: id, name, count, by }]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// False if there were none.
    pub async fn remove_answers(&self, user: &Listed, by: &Actor) -> Result<bool, StoreFault> {
        let mut tx = self.pool.begin().await?;
        if forget(&mut tx, user.id).await? == 0 {
            return Ok(false);
        }
        let (id, name, by) = (user.id, user.name.clone(), by.to_string());
        self.administer(&mut tx, vec![Event::SecurityQuestionsRemoved { user: id, name, by }]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The questions a person is asked, with the hashes of their answers: those that are being asked already, else `count`
    /// by `choose`. None if fewer were set up.
    pub async fn ask_questions(
        &self,
        user: UserId,
        count: usize,
        choose: impl FnOnce(Vec<Question>) -> Vec<Question>,
    ) -> Result<Vec<(Question, String)>, StoreFault> {
        let mut tx = self.pool.begin().await?;
        // The person's lock: two pages opened at once are asked the same.
        sqlx::query!("select id from users where id = $1 for no key update", user.0).fetch_one(&mut *tx).await?;
        let set = set_up(&mut tx, user).await?;
        if set.len() < count || count == 0 {
            return Ok(vec![]);
        }
        let asked = sqlx::query_scalar!("select questions from question_rounds where user_id = $1", user.0)
            .fetch_optional(&mut *tx)
            .await?
            .unwrap_or_default();
        let mut round: Vec<Question> = asked.iter().filter_map(|text| Question::parse(text)).collect();
        round.retain(|question| set.iter().any(|(known, _)| known == question));
        if round.len() != count {
            round = choose(set.iter().map(|(question, _)| *question).collect());
            let questions: Vec<String> = round.iter().map(|question| question.as_str().to_owned()).collect();
            sqlx::query!(
                "insert into question_rounds (user_id, questions, begun_at) values ($1, $2, $3)
                 on conflict (user_id) do update set questions = $2, begun_at = $3",
                user.0,
                &questions,
                sql(self.ambient.now()) as _,
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        let hash = |question: Question| set.iter().find(|(known, _)| *known == question).cloned();
        Ok(round.into_iter().filter_map(hash).collect())
    }

    /// Judges answers to these questions, which `right` says were compared as right. Every attempt is recorded; a wrong one
    /// counts as a failure of the second factor does, a right one forgives none.
    pub async fn judge_answers(
        &self,
        user: UserId,
        asked: &[Question],
        right: bool,
        rule: LockRule,
        source: std::net::IpAddr,
    ) -> Result<Judged, StoreFault> {
        let now = self.ambient.now();
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query_as!(
            UserRow,
            r#"select id, directory_id, unique_id, name, enabled, blocked, failures, lockouts, locked_until, bypass_until,
                      preferred_factor, last_factor, pin_hash, pin_must_change, 0::bigint as "recovery_codes!", enrolled_at is not null as "was_enrolled!"
               from users where id = $1 for no key update"#,
            user.0,
        )
        .fetch_one(&mut *tx)
        .await?;
        let account = row.account(vec![], self)?;
        let name = account.user.name.clone();
        let questions: Vec<String> = asked.iter().map(|question| question.as_str().to_owned()).collect();
        let open = sqlx::query_scalar!("select questions from question_rounds where user_id = $1", user.0)
            .fetch_optional(&mut *tx)
            .await?;
        let mut events = vec![];
        let judged = if let Some(denial) = barred(&account, now) {
            Judged::Barred(denial)
        } else if open.as_ref() != Some(&questions) {
            Judged::Over
        } else if right {
            sqlx::query!("delete from question_rounds where user_id = $1", user.0).execute(&mut *tx).await?;
            Judged::Right
        } else {
            let failures = after_failure(account.failures, rule, now);
            sqlx::query!(
                "update users set failures = $2, lockouts = $3, locked_until = $4 where id = $1",
                user.0,
                i32::try_from(failures.count).unwrap_or(i32::MAX),
                i32::try_from(failures.lockouts).unwrap_or(i32::MAX),
                failures.locked_until.map(sql) as _,
            )
            .execute(&mut *tx)
            .await?;
            let locked = failures.locked_until.filter(|_| failures.lockouts > account.failures.lockouts);
            events.extend(locked.map(|until| Event::LockedOut { user, name: name.clone(), until }));
            Judged::Wrong
        };
        let answer = match judged {
            Judged::Right => "right",
            Judged::Wrong => "wrong",
            Judged::Barred(denial) => denial.as_str(),
            Judged::Over => "over",
        };
        events.insert(0, Event::SecurityQuestionsAnswered { user, name, answer, source: source.to_string() });
        self.administer(&mut tx, events).await?;
        tx.commit().await?;
        Ok(judged)
    }
}

/// Questions with the hashes of their answers. One that this program does not know is none.
async fn set_up(connection: &mut PgConnection, user: UserId) -> Result<Vec<(Question, String)>, StoreFault> {
    let rows = sqlx::query!("select question, hash from security_answers where user_id = $1 order by question", user.0)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().filter_map(|row| Some((Question::parse(&row.question)?, row.hash))).collect())
}

/// Takes a person's answers away, and says how many.
pub(super) async fn forget(connection: &mut PgConnection, user: UserId) -> Result<u64, StoreFault> {
    sqlx::query!("delete from question_rounds where user_id = $1", user.0).execute(&mut *connection).await?;
    let gone = sqlx::query!("delete from security_answers where user_id = $1", user.0).execute(connection).await?;
    Ok(gone.rows_affected())
}
