//! Answers to security questions: how they are kept and compared. They are easily guessed, so what is hashed is keyed with a
//! secret that a copy of the database alone does not give.

use std::sync::Arc;

use hmac::Mac as _;
use tokio::sync::Semaphore;

use super::hashed as kept_hash;
use crate::domain::ids::UserId;
use crate::domain::mac;
use crate::domain::questions::Question;
use crate::domain::secret::{Answer, Code};
use crate::store::{Store, StoreFault};

/// Sets the answer apart from all else that the key is used for, from other people's and from other questions'.
fn keyed(store: &Store, user: UserId, question: Question, answer: &Answer) -> Code {
    let mut mac = mac::keyed(store.join_secret());
    mac.update(b"security answer\0");
    mac.update(user.0.as_bytes());
    mac.update(question.as_str().as_bytes());
    mac.update(b"\0");
    mac.update(answer.expose());
    Code::new(mac.finalize().into_bytes().to_vec())
}

/// Answers as they are kept. `hashing` bounds how many hash at once over the whole process.
pub async fn hashed(
    store: &Store,
    user: UserId,
    set: &[(Question, Answer)],
    hashing: &Arc<Semaphore>,
) -> Result<Vec<(Question, String)>, StoreFault> {
    let each = set
        .iter()
        .map(|(question, answer)| (*question, keyed(store, user, *question, answer), store.ambient().bytes()));
    let each: Vec<(Question, Code, [u8; 16])> = each.collect();
    blocking(hashing, move || {
        each.into_iter().map(|(question, keyed, salt)| (question, kept_hash::hash(&keyed, salt))).collect()
    })
    .await
}

/// Is every one of these the answer that was kept? All are compared, whichever is wrong; a missing one is wrong.
pub async fn all_match(
    store: &Store,
    user: UserId,
    asked: &[(Question, String)],
    answers: &[Option<Answer>],
    hashing: &Arc<Semaphore>,
) -> Result<bool, StoreFault> {
    let nothing = Answer::new([]);
    let each = asked.iter().enumerate().map(|(at, (question, kept))| {
        let answer = answers.get(at).and_then(Option::as_ref).unwrap_or(&nothing);
        (keyed(store, user, *question, answer), kept.clone())
    });
    let each: Vec<(Code, String)> = each.collect();
    let compared = blocking(hashing, move || {
        each.iter().map(|(keyed, kept)| kept_hash::compare(keyed, Some(kept))).collect::<Vec<_>>()
    })
    .await?;
    if compared.contains(&None) {
        return Err(StoreFault::Unreadable {
            table: "security_answers",
            row: user.to_string(),
            what: "hash".to_owned(),
        });
    }
    Ok(!compared.is_empty() && compared.iter().all(|one| *one == Some(true)))
}

async fn blocking<T: Send + 'static>(
    hashing: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreFault> {
    let permit = Arc::clone(hashing).acquire_owned().await.map_err(|_| StoreFault::Stopped)?;
    let done = tokio::task::spawn_blocking(move || {
        // Held by the work itself: a request that is given up leaves its hash running.
        let _permit = permit;
        work()
    });
    done.await.map_err(|_| StoreFault::Stopped)
}
