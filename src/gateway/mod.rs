//! The life of one request: from a request as read to an answer that holds.
//!
//! Nouns: a [`Gateway`] knows the backends and compiles constraints (a bounded cache, by content); an [`Answer`] is one
//! request under way, read step by step as [`Update`](crate::inference::Update)s; its [`Receipt`] says how it was
//! obtained. A [`Route`] is a public name with the deployments behind it; a `Course` is what is tried for one request; a
//! `Judge` decides on text that was not masked.
//!
//! Invariants:
//! - a constraint is compiled, or refused, before a backend is touched;
//! - text is judged a second time on its way out, by a fresh matcher that knows nothing of tokens and takes any key
//!   order and whitespace: no byte leaves that does not begin a valid answer, and no choice ends with `stop` unless its
//!   text is accepted. For a masked answer a disagreement is our fault and ends it with a failure; any other attempt has
//!   then failed, and what is left is tried: the same deployment told what was wrong, then the next one;
//! - an answer that was not masked is held against the `jsonschema` crate as well, wherever the two are known to read the
//!   schema alike; where they then disagree it is withheld, whichever is right;
//! - what was sent cannot be taken back: once a byte was, an attempt that fails can only be gone on with, by one that
//!   extends what was sent and is judged from its first byte;
//! - what a provider cut (`length`) or what broke off is never completed, unless the request allows it;
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
mod attempt;
mod calls;
mod choice;
mod continuation;
mod course;
mod judge;
mod load;
mod patterns;
mod programs;
mod second;
mod standards;
mod unwrap;

pub use answer::Answer;
pub use load::Load;

use std::{
    hash::RandomState,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    backend::Backend,
    inference::{Documents, Failure, FailureKind, ModelInfo, Prompt, Request},
    route::{Deployment, Health, Policy},
};
use course::Course;
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

/// A public name, and the deployments behind it.
pub struct Route {
    name: String,
    deployments: Vec<Deployment>,
    /// One for each deployment.
    backends: Vec<Arc<dyn Backend>>,
    policy: Policy,
    health: Mutex<Health>,
    dice: RandomState,
    drawn: AtomicU64,
}

impl Route {
    pub fn new(name: impl Into<String>, policy: Policy, deployments: Vec<(Deployment, Arc<dyn Backend>)>) -> Self {
        let (deployments, backends): (Vec<_>, Vec<_>) = deployments.into_iter().unzip();
        let health = Mutex::new(Health::new(deployments.len(), policy.breaker));
        let (dice, drawn) = (RandomState::new(), AtomicU64::new(0));
        Self { name: name.into(), deployments, backends, policy, health, dice, drawn }
    }

    fn model(&self) -> ModelInfo {
        let first = self.backends.first().and_then(|backend| backend.models().into_iter().next());
        let unknown = || ModelInfo {
            id: String::new(),
            created: 0,
            owned_by: "espalier".to_owned(),
            context_length: 0,
            vocabulary_size: 0,
            path: None,
        };
        ModelInfo { id: self.name.clone(), ..first.unwrap_or_else(unknown) }
    }
}

/// The routes, and all that requests share.
pub struct Gateway {
    routes: Vec<Arc<Route>>,
    programs: Arc<Programs>,
    limits: Limits,
    load: Arc<Load>,
    /// Becomes true when running answers shall end.
    stop: watch::Sender<bool>,
}

impl Gateway {
    /// With a route for each model of each backend, under its own name.
    pub fn new(backends: Vec<Arc<dyn Backend>>, limits: Limits) -> Self {
        let mut routes = Vec::new();
        for backend in backends {
            for model in backend.models() {
                let deployment = Deployment::new(model.id.clone());
                let policy = Policy { attempts: 1, ..Policy::default() };
                routes.push(Arc::new(Route::new(model.id, policy, vec![(deployment, backend.clone())])));
            }
        }
        let programs = Arc::new(Programs::new(&limits));
        Self { routes, programs, limits, load: Arc::default(), stop: watch::Sender::new(false) }
    }

    /// With more routes.
    pub fn with_routes(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        self.routes.extend(routes.into_iter().map(Arc::new));
        self
    }

    /// With documents that every request's schema may refer to; what a request brings itself comes first.
    pub fn with_documents(mut self, documents: Documents) -> Self {
        if let Some(programs) = Arc::get_mut(&mut self.programs) {
            programs.documents = documents;
        }
        self
    }

    /// All models, in the order of the routes.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.routes.iter().map(|route| route.model()).collect()
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
        self.routes.iter().flat_map(|route| &route.backends).for_each(|backend| backend.close());
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// Whatever can be told before the first token: an unknown model, a constraint that is refused, a full queue.
    pub async fn start(&self, mut request: Request) -> Result<Answer, Failure> {
        if *self.stop.borrow() {
            return Err(answer::going_down());
        }
        let route = self.find(&request.model)?.clone();
        request.model.clone_from(&route.name);
        check_tokens(&request, &route.model())?;
        let request = Arc::new(request);
        let is_foreign = route.backends.iter().any(|backend| backend.engine().is_none());
        let counts_tokens = match &request.constraint {
            Some(constraint) if is_foreign => self.programs.counts_tokens(constraint).await?,
            _ => false,
        };
        let course = Course::new(route, request.clone(), counts_tokens)?;
        let standards = self.programs.tools(&request).await?;
        // The first deployment's own form of the constraint, too: what is refused is refused before anything starts.
        let compiled = self.programs.pair_for(&course, &request, &standards.0).await?;
        let Some(place) = self.load.enter(self.limits.queue, request.output.choices) else {
            let message = format!("{} requests are waiting already; try again later", self.limits.queue);
            return Err(Failure::new(FailureKind::Overloaded, message));
        };
        let answer = Answer::new(&request, course, standards, compiled, self.programs.clone(), place);
        answer.begun(self.stop.subscribe(), self.limits.answer).await
    }

    fn find(&self, name: &str) -> Result<&Arc<Route>, Failure> {
        if name.is_empty() {
            return match &self.routes[..] {
                [only] => Ok(only),
                _ => Err(Failure::new(FailureKind::BadRequest, "missing required parameter: model")
                    .about("model")
                    .coded("missing_required_parameter")),
            };
        }
        self.routes.iter().find(|route| route.name == name).ok_or_else(|| {
            let known = self.routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>().join(", ");
            unknown_model(name, &known)
        })
    }

    /// A model by its name.
    ///
    /// # Errors
    /// Unknown models.
    pub fn model(&self, name: &str) -> Result<ModelInfo, Failure> {
        self.find(name).map(|route| route.model())
    }
}

fn unknown_model(name: &str, known: &str) -> Failure {
    let message = format!("the model {name:?} does not exist here; known: {known}");
    Failure::new(FailureKind::UnknownModel, message).about("model")
}

/// Token ids that callers send must be the model's.
fn check_tokens(request: &Request, model: &ModelInfo) -> Result<(), Failure> {
    // Without a vocabulary there is nothing to check against: ids are then the provider's business.
    let beyond = |token: &u32| model.vocabulary_size > 0 && *token >= model.vocabulary_size;
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
