//! The way an answer came, for taking tokens back: a list that forks share.

use std::sync::Arc;

use crate::automaton::State;

/// States before each accepted token. Cloning is constant, whatever its length.
#[derive(Clone, Default)]
pub struct Trail {
    last: Option<Arc<Step>>,
    len: usize,
}

struct Step {
    state: State,
    finished: bool,
    before: Option<Arc<Step>>,
}

impl Trail {
    pub fn push(&mut self, state: State, finished: bool) {
        self.last = Some(Arc::new(Step { state, finished, before: self.last.take() }));
        self.len += 1;
    }

    pub fn pop(&mut self) -> Option<(State, bool)> {
        let step = self.last.take()?;
        self.len -= 1;
        self.last = step.before.clone();
        Some((step.state, step.finished))
    }

    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        // Step by step: a long list would overflow the stack if each step dropped the one before it.
        let mut before = self.before.take();
        while let Some(mut step) = before.and_then(Arc::into_inner) {
            before = step.before.take();
        }
    }
}
