//! How much is under way.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Counts of what is under way. Exact when nothing moves, and never far off.
#[derive(Debug, Default)]
pub struct Load {
    requests: AtomicUsize,
    waiting: AtomicUsize,
    sequences: AtomicUsize,
}

impl Load {
    /// Requests under way, waiting ones included.
    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Requests whose prompt was not read yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Choices that are being written.
    pub fn sequences(&self) -> usize {
        self.sequences.load(Relaxed)
    }

    /// Takes a place in the queue, if less than `most` are waiting.
    pub(super) fn enter(self: &Arc<Self>, most: usize, choices: u32) -> Option<Place> {
        self.waiting.fetch_update(Relaxed, Relaxed, |waiting| (waiting < most).then_some(waiting + 1)).ok()?;
        self.requests.fetch_add(1, Relaxed);
        Some(Place { load: self.clone(), choices: choices as usize, running: false })
    }
}

/// One request's part of the load; dropping it ends the request.
#[derive(Debug)]
pub(super) struct Place {
    load: Arc<Load>,
    choices: usize,
    running: bool,
}

impl Place {
    /// The prompt was read.
    pub(super) fn run(&mut self) {
        if !std::mem::replace(&mut self.running, true) {
            self.load.waiting.fetch_sub(1, Relaxed);
            self.load.sequences.fetch_add(self.choices, Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.running {
            true => self.load.sequences.fetch_sub(self.choices, Relaxed),
            false => self.load.waiting.fetch_sub(1, Relaxed),
        };
        self.load.requests.fetch_sub(1, Relaxed);
    }
}
