//! The life of one request: from a request as read to an answer that holds.
//!
//! Nouns: a [`Gateway`] knows the backends and compiles constraints (a bounded cache, by content); an [`Answer`] is one
//! request under way, read step by step as [`Update`](crate::inference::Update)s; its [`Receipt`] says how it was
//! obtained.
//!
//! Invariants:
//! - a constraint is compiled, or refused, before a backend is touched;
//! - text is judged a second time on its way out, by a fresh matcher that knows nothing of tokens and takes any key
//!   order and whitespace: no byte leaves that does not begin a valid answer, and no choice ends with `stop` unless its
//!   text is accepted. A disagreement is our fault and ends the answer with a failure;
//! - dropping an [`Answer`] drops the backend's channel, which frees what it holds;
//! - an answer ends exactly once, with `Done` or `Failed`: after the time limit, and when the server goes down, too.
//!
//! Cost: the second judgement steps each byte once; the cache holds up to a fixed number of compiled constraints, of
//! bytes of their texts and of bytes of what their answers found out, so that no caller can fill the memory.
//!
//! Compiling runs on the blocking pool, a few at a time. A compile that exceeds its time is answered at once; the
//! engine's own budget ends the work behind it.
//!
//! [`Receipt`]: crate::inference::Receipt

mod answer;
mod load;
mod programs;

pub use answer::Answer;
pub use load::Load;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    backend::{Backend, Job},
    inference::{Documents, Failure, FailureKind, ModelInfo, Prompt, Request},
};
use programs::Programs;

/// What one request may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a constraint's text.
    pub constraint_bytes: usize,
    /// Time to compile a constraint.
    pub compile: Duration,
    /// Requests that wait for their prompt to be read; more are turned away.
    pub queue: usize,
    /// Time from the request to the end of its answer.
    pub answer: Duration,
    /// Compiled constraints that are kept.
    pub programs: usize,
    /// Memory for what was found out about them, about, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            constraint_bytes: 4 << 20,
            compile: Duration::from_secs(10),
            queue: 256,
            answer: Duration::from_secs(600),
            programs: 256,
            memory: 512 << 20,
        }
    }
}

/// The backends, and all that requests share.
pub struct Gateway {
    backends: Vec<Arc<dyn Backend>>,
    programs: Programs,
    limits: Limits,
    load: Arc<Load>,
    /// Becomes true when running answers shall end.
    stop: watch::Sender<bool>,
}

impl Gateway {
    pub fn new(backends: Vec<Arc<dyn Backend>>, limits: Limits) -> Self {
        let programs = Programs::new(&limits);
        Self { backends, programs, limits, load: Arc::default(), stop: watch::Sender::new(false) }
    }

    /// With documents that every request's schema may refer to; what a request brings itself comes first.
    pub fn with_documents(mut self, documents: Documents) -> Self {
        self.programs.documents = documents;
        self
    }

    /// All models, in the order of the backends.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.backends.iter().flat_map(|backend| backend.models()).collect()
    }

    /// Requests waiting and sequences running.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Ends all running answers with a failure, and refuses new ones.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// As [`Gateway::stop`], and blocks until no backend works any more (at most one forward pass of each).
    pub fn close(&self) {
        self.stop();
        self.backends.iter().for_each(|backend| backend.close());
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// Whatever can be told before the first token: an unknown model, a constraint that is refused, a full queue.
    pub async fn start(&self, mut request: Request) -> Result<Answer, Failure> {
        if *self.stop.borrow() {
            return Err(answer::going_down());
        }
        let (backend, model) = self.find(&request.model)?;
        request.model = model.id.clone();
        check_tokens(&request, &model)?;
        let programs = match &request.constraint {
            None => None,
            Some(constraint) => {
                let Some(engine) = backend.engine() else {
                    let message = format!("the backend of {} cannot enforce a constraint", model.id);
                    return Err(Failure::new(FailureKind::Constraint, message));
                };
                Some(self.programs.get(engine, constraint, request.policy).await?)
            }
        };
        let Some(place) = self.load.enter(self.limits.queue, request.output.choices) else {
            let message = format!("{} requests are waiting already; try again later", self.limits.queue);
            return Err(Failure::new(FailureKind::Overloaded, message));
        };
        let request = Arc::new(request);
        let program = programs.as_ref().map(|pair| pair.masking.clone());
        let events = backend.start(Job { request: request.clone(), program })?;
        Ok(Answer::new(&request, programs, events, place, self.stop.subscribe(), self.limits.answer))
    }

    fn find(&self, name: &str) -> Result<(&Arc<dyn Backend>, ModelInfo), Failure> {
        let mut all: Vec<_> = self
            .backends
            .iter()
            .flat_map(|backend| backend.models().into_iter().map(move |model| (backend, model)))
            .collect();
        if name.is_empty() {
            return match (all.pop(), all.is_empty()) {
                (Some(only), true) => Ok(only),
                _ => Err(Failure::new(FailureKind::BadRequest, "missing required parameter: model")
                    .about("model")
                    .coded("missing_required_parameter")),
            };
        }
        let known = all.iter().map(|(_, model)| model.id.as_str()).collect::<Vec<_>>().join(", ");
        all.into_iter().find(|(_, model)| model.id == name).ok_or_else(|| unknown_model(name, &known))
    }

    /// A model by its name.
    ///
    /// # Errors
    /// Unknown models.
    pub fn model(&self, name: &str) -> Result<ModelInfo, Failure> {
        self.find(name).map(|(_, model)| model)
    }
}

fn unknown_model(name: &str, known: &str) -> Failure {
    let message = format!("the model {name:?} does not exist here; known: {known}");
    Failure::new(FailureKind::UnknownModel, message).about("model")
}

/// Token ids that callers send must be the model's.
fn check_tokens(request: &Request, model: &ModelInfo) -> Result<(), Failure> {
    let beyond = |token: &u32| *token >= model.vocabulary_size;
    let bad = |param: &str, token: u32| {
        let message = format!("{param}: {token} is not a token of {}, which has {}", model.id, model.vocabulary_size);
        Err(Failure::new(FailureKind::BadRequest, message).about(param).coded("invalid_value"))
    };
    if let Some((token, _)) = request.sampling.logit_bias.iter().find(|(token, _)| beyond(token)) {
        return bad("logit_bias", *token);
    }
    match &request.prompt {
        Prompt::Tokens(tokens) => {
            tokens.iter().find(|token| beyond(token)).map_or(Ok(()), |token| bad("prompt", *token))
        }
        _ => Ok(()),
    }
}
