//! Whether a server is worth asking first, and since when. "Down" puts a server last, never out: with nobody better it
//! is still asked.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::fault::DirectoryFault;
use crate::domain::directory::Server;

/// How a server looks from here.
#[derive(Debug, Clone)]
pub struct ServerHealth {
    pub server: Server,
    pub up: bool,
    /// When it last changed between up and down; the start of this process if it never did.
    pub since: Instant,
    /// The latest fault, also where the server has recovered from it.
    pub last_fault: Option<String>,
}

/// The first and the longest wait between probes of a server that is down.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub struct Health(Mutex<State>);

struct State {
    up: bool,
    since: Instant,
    last_fault: Option<String>,
}

impl Health {
    pub fn new() -> Self {
        Self(Mutex::new(State { up: true, since: Instant::now(), last_fault: None }))
    }

    pub fn is_up(&self) -> bool {
        self.lock().up
    }

    /// When it went down, if it is.
    pub fn is_down_since(&self) -> Option<Instant> {
        let state = self.lock();
        if state.up { None } else { Some(state.since) }
    }

    /// True if the server was up until now.
    pub fn went_down(&self, fault: &DirectoryFault) -> bool {
        let mut state = self.lock();
        state.last_fault = Some(fault.to_string());
        if !state.up {
            return false;
        }
        state.up = false;
        state.since = Instant::now();
        true
    }

    /// True if the server was down until now.
    pub fn came_up(&self) -> bool {
        let mut state = self.lock();
        if state.up {
            return false;
        }
        state.up = true;
        state.since = Instant::now();
        true
    }

    pub fn report(&self, server: &Server) -> ServerHealth {
        let state = self.lock();
        ServerHealth { server: server.clone(), up: state.up, since: state.since, last_fault: state.last_fault.clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is whole after every statement above, so a panic elsewhere cannot have spoilt it.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
