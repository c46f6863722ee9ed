//! Our own account at a directory: connections bound as it, and what keeps a wrong password of ours from doing harm.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::bind::{self, Verdict};
use super::client::{Shared, Tries};
use super::fault::DirectoryFault;
use super::peer::Peer;
use super::upstream::UpstreamStream;
use crate::wire::message;

/// Keeps a wrong password of ours from being tried on every search: that would lock our own account.
#[derive(Default)]
pub struct Pause(Mutex<Option<Refusal>>);

struct Refusal {
    fault: DirectoryFault,
    until: Instant,
    length: Duration,
}

/// With these, a password that stays wrong is tried six times in half an hour.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

impl Pause {
    /// The refusal, while it is too early to try again.
    fn refusal(&self) -> Result<(), DirectoryFault> {
        match &*self.lock() {
            Some(refusal) if Instant::now() < refusal.until => Err(refusal.fault.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn refused(&self, fault: &DirectoryFault) {
        let mut last = self.lock();
        let length = last.as_ref().map_or(FIRST_PAUSE, |last| (last.length * 2).min(LONGEST_PAUSE));
        *last = Some(Refusal { fault: fault.clone(), until: Instant::now() + length, length });
    }

    fn accepted(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection bound as our own account, or bound as nobody if there is none.
pub async fn open(shared: &Shared, deadline: Instant) -> Result<(Arc<Peer>, UpstreamStream), DirectoryFault> {
    let mut tries = Tries::new(shared, deadline);
    while let Some((peer, until)) = tries.next() {
        match open_on(shared, peer, until).await {
            Ok(stream) => {
                peer.answered();
                return Ok((Arc::clone(peer), stream));
            }
            Err(fault) => tries.failed(peer, fault)?,
        }
    }
    Err(tries.exhausted())
}

/// The same at this server.
pub async fn open_on(shared: &Shared, peer: &Peer, until: Instant) -> Result<UpstreamStream, DirectoryFault> {
    shared.pause.refusal()?;
    let stream = peer.connect(until).await?;
    bind_as_ourselves(shared, peer, stream, until).await
}

/// Binds as our own account with message id 1; without such an account the connection stays nobody's.
pub async fn bind_as_ourselves(
    shared: &Shared,
    peer: &Peer,
    stream: UpstreamStream,
    until: Instant,
) -> Result<UpstreamStream, DirectoryFault> {
    const ID: u32 = 1;
    let directory = &shared.directory;
    if directory.bind_dn.is_empty() {
        return Ok(stream);
    }
    let request = message::bind_request(ID, &directory.bind_dn, &directory.bind_password, &[]);
    match bind::exchange(peer, stream, ID, &request, until).await? {
        Verdict::Accepted { upstream, .. } if upstream.leftover.is_empty() => {
            shared.pause.accepted();
            Ok(upstream.stream)
        }
        Verdict::Accepted { .. } => Err(DirectoryFault::Protocol {
            server: peer.server.clone(),
            what: "it says more than it was asked after the bind".to_owned(),
        }),
        Verdict::Refused { code, diagnostic, .. } => {
            let fault = DirectoryFault::ServiceBind { server: peer.server.clone(), code, diagnostic };
            shared.pause.refused(&fault);
            Err(fault)
        }
    }
}
