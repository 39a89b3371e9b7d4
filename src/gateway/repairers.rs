//! Repairers between two answers: what one answer found out about its constraint serves the next.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    guard::{Guard, Options, Repairer},
    matcher::Program,
};

/// So many wait for a constraint; more are not kept. An answer is read piece by piece, so that about as many are at work
/// at a time as there are answers under way.
const MOST_IDLE: usize = 4;

/// One constraint, and the repairers that wait for its next answer. Those that hold too much begin anew by themselves.
#[derive(Clone)]
pub(super) struct Standard {
    pub program: Arc<Program>,
    /// Each with about the memory that it holds.
    idle: Arc<Mutex<Vec<(Repairer, usize)>>>,
}

impl Standard {
    pub fn new(program: Arc<Program>) -> Self {
        Self { program, idle: Arc::default() }
    }

    /// A guard for one answer.
    pub fn guard(&self, options: Options) -> Lent {
        let waiting = self.lock().pop().map(|(repairer, _)| repairer);
        let repairer = waiting.unwrap_or_else(|| Repairer::of(self.program.blueprint()));
        Lent { guard: Some(Guard::new(repairer, options)), home: self.clone() }
    }

    /// About the memory of those that wait.
    pub fn bytes(&self) -> usize {
        self.lock().iter().map(|(_, bytes)| bytes).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Repairer, usize)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard whose repairer goes back when it is dropped.
pub(super) struct Lent {
    /// Present until then.
    guard: Option<Guard>,
    home: Standard,
}

impl Deref for Lent {
    type Target = Guard;

    fn deref(&self) -> &Guard {
        self.guard.as_ref().expect("the guard is there until it is dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Guard {
        self.guard.as_mut().expect("the guard is there until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A panic may have left anything behind.
        let Some(guard) = self.guard.take().filter(|_| !std::thread::panicking()) else { return };
        let mut repairer = guard.into_repairer();
        let bytes = repairer.measure();
        let mut idle = self.home.lock();
        if idle.len() < MOST_IDLE {
            idle.push((repairer, bytes));
        }
    }
}
