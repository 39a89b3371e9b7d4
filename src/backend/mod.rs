//! What answers a request: a local model, a provider, a script.
//!
//! A [`Backend`] takes a [`Job`] and answers with [`Event`]s over a channel. Dropping the receiver abandons the job:
//! the backend frees what it holds at its next step.

#[cfg(feature = "llama")]
pub mod llama;
#[cfg(feature = "providers")]
pub mod provider;
pub mod scripted;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    inference::{Event, Failure, FailureKind, Message, Method, ModelInfo, Prompt, Request, Timeouts, ToolForm},
    matcher::{Engine, Program},
};

/// A way to hold an answer to its constraint.
#[derive(Clone, Debug)]
pub struct Way {
    pub method: Method,
    /// What the answer is wrapped in, and has to be freed from before it is judged.
    pub wrapping: Wrapping,
    /// Parts of the schema (JSON pointers) that the provider is not told.
    pub not_told: Arc<[String]>,
}

/// What a lowered schema did to the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrapping {
    /// It is the member `value` of an object.
    pub value: bool,
    /// Members may be null where they should be missing.
    pub nulls: bool,
}

impl Way {
    pub fn new(method: Method) -> Self {
        Self { method, wrapping: Wrapping::default(), not_told: Arc::default() }
    }
}

/// One request, and how to go about it.
pub struct Job {
    pub request: Arc<Request>,
    /// Present iff the request has a constraint and the backend masks tokens.
    pub program: Option<Arc<Program>>,
    pub way: Way,
    pub timeouts: Timeouts,
    /// What the answer begins with: only what comes behind it is to be written. Whole characters, and the beginning of an
    /// answer that the program takes.
    pub prefix: Option<Arc<str>>,
}

impl Job {
    /// A job for a backend that masks tokens, or one without a constraint.
    pub fn new(request: Arc<Request>, program: Option<Arc<Program>>) -> Self {
        let method = if program.is_some() { Method::Masked } else { Method::Free };
        Self { request, program, way: Way::new(method), timeouts: Timeouts::default(), prefix: None }
    }
}

/// Something that answers requests.
pub trait Backend: Send + Sync {
    /// The models it answers with.
    fn models(&self) -> Vec<ModelInfo>;

    /// The vocabulary's engine, for a backend that masks tokens.
    fn engine(&self) -> Option<&Arc<Engine>>;

    /// The kind of provider behind it, if it is not a local model.
    fn provider(&self) -> Option<&'static str> {
        None
    }

    /// How its model writes calls of tools into its text, with arguments in JSON; none if calls come apart from it, or not
    /// at all.
    fn tool_form(&self) -> Option<ToolForm> {
        None
    }

    /// The ways in which it can answer this request, strongest first; at least one.
    ///
    /// # Errors
    /// What it cannot do, with the field of the request that asks for it.
    fn ways(&self, request: &Request) -> Result<Vec<Way>, Failure> {
        let has_form = self.tool_form().is_some();
        if request.tools.in_play() && !has_form {
            let message = "tools need a model that calls them; this one does not";
            let failure = Failure::new(FailureKind::BadRequest, message);
            return Err(failure.about("tools").coded("unsupported_parameter"));
        }
        if let Prompt::Chat(messages) = &request.prompt
            && !has_form
        {
            let called = |message: &Message| !message.tool_calls.is_empty() || message.role == "tool";
            if let Some(index) = messages.iter().position(called) {
                let field = if messages[index].role == "tool" { "role" } else { "tool_calls" };
                let path = format!("messages[{index}].{field}");
                let message = format!("{path}: this model takes no calls of tools");
                return Err(Failure::new(FailureKind::BadRequest, message).about(path).coded("unsupported_value"));
            }
        }
        match (request.constraint.is_some() || request.tools.in_play(), self.engine()) {
            (false, _) => Ok(vec![Way::new(Method::Free)]),
            (true, Some(_)) => Ok(vec![Way::new(Method::Masked)]),
            (true, None) => Err(Failure::new(FailureKind::Constraint, "this backend cannot enforce a constraint")),
        }
    }

    /// How it goes on with a constrained answer of which the beginning is given ([`Job::prefix`]); none if it cannot.
    fn continues(&self) -> Option<Way> {
        self.engine().map(|_| Way::new(Method::Masked))
    }

    /// Starts to answer. Returns at once; the work is done elsewhere.
    ///
    /// # Errors
    /// What can be told without starting: a full queue, a backend that is shutting down.
    fn start(&self, job: Job) -> Result<mpsc::UnboundedReceiver<Event>, Failure>;

    /// Fails what still runs and refuses what comes. Blocks until nothing of the backend works any more: a process may
    /// end safely only then, as threads within native code do not survive the destructors that run at its exit.
    fn close(&self) {}
}
