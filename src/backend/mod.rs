//! What answers a request: a local model, a provider, a script.
//!
//! A [`Backend`] takes a [`Job`] and answers with [`Event`]s over a channel. Dropping the receiver abandons the job:
//! the backend frees what it holds at its next step.

#[cfg(feature = "llama")]
pub mod llama;
pub mod scripted;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    inference::{Event, Failure, ModelInfo, Request},
    matcher::{Engine, Program},
};

/// One request with its constraint compiled for this backend's vocabulary.
pub struct Job {
    pub request: Arc<Request>,
    /// Present iff the request has a constraint and the backend masks tokens.
    pub program: Option<Arc<Program>>,
}

/// Something that answers requests.
pub trait Backend: Send + Sync {
    /// The models it answers with.
    fn models(&self) -> Vec<ModelInfo>;

    /// The vocabulary's engine, for a backend that masks tokens.
    fn engine(&self) -> Option<&Arc<Engine>>;

    /// Starts to answer. Returns at once; the work is done elsewhere.
    ///
    /// # Errors
    /// What can be told without starting: a full queue, a backend that is shutting down.
    fn start(&self, job: Job) -> Result<mpsc::UnboundedReceiver<Event>, Failure>;

    /// Fails what still runs and refuses what comes. Blocks until nothing of the backend works any more: a process may
    /// end safely only then, as threads within native code do not survive the destructors that run at its exit.
    fn close(&self) {}
}
