//! One request for an answer and what comes back, as plain data without any vendor's names.
//!
//! Nouns: a [`Request`] asks for one or more choices; a backend answers with [`Event`]s; a [`Failure`] says what went
//! wrong and whose fault it is. Nothing here does anything.

mod answer;

pub use answer::{Attempt, Edit, Method, Receipt, Update, Verdict};

use std::sync::Arc;

use serde::Serialize;

pub use crate::frontend::{Constraint, Documents, Formats, KeyOrder, Policy, Whitespace};

/// Who speaks. Roles that a model's template does not know are the template's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: String,
    pub content: String,
    pub name: Option<String>,
}

/// What the model continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Turned into text by the model's own chat template.
    Chat(Vec<Message>),
    /// Continued as it stands.
    Text(String),
    /// Token ids of the model's own vocabulary.
    Tokens(Vec<u32>),
}

/// How the next token is drawn. The constraint's mask comes before all of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token.
    pub temperature: f32,
    /// 1 switches it off.
    pub top_p: f32,
    /// 0 switches it off.
    pub top_k: u32,
    /// 0 switches it off.
    pub min_p: f32,
    /// Subtracted once from the logit of each token that already stands in the answer.
    pub presence_penalty: f32,
    /// Subtracted from a token's logit as often as it stands in the answer.
    pub frequency_penalty: f32,
    /// llama.cpp's: divides positive and multiplies negative logits of the last tokens; 1 switches it off.
    pub repeat_penalty: f32,
    /// Without one, each request draws its own.
    pub seed: Option<u64>,
    /// Added to logits by token id, -100 to 100; it never bans the last token that the constraint allows.
    pub logit_bias: Vec<(u32, f32)>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            repeat_penalty: 1.0,
            seed: None,
            logit_bias: Vec::new(),
        }
    }
}

/// Where an answer stops, and what is told about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Most tokens a choice may have; without it, what the context holds.
    pub max_tokens: Option<u32>,
    /// Texts that end a choice and are not part of it. Inside a constrained answer they take effect only where the
    /// constraint accepts.
    pub stop: Vec<String>,
    /// How many choices, at least 1.
    pub choices: u32,
    /// Log-probabilities of the chosen tokens with so many alternatives each.
    pub logprobs: Option<u8>,
    /// The prompt's text comes first in the answer (completions only).
    pub echo: bool,
}

/// What is asked of a backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub id: String,
    pub model: String,
    pub prompt: Prompt,
    pub constraint: Option<Constraint>,
    pub policy: Policy,
    pub sampling: Sampling,
    pub output: Output,
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, a stop text came, or the constraint allowed nothing more.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
}

/// A token with the logarithm of its probability in the model's raw distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    pub token: u32,
    pub bytes: Vec<u8>,
    pub logprob: f32,
    /// The likeliest alternatives, likeliest first.
    pub top: Vec<(u32, Vec<u8>, f32)>,
}

/// Tokens read and written, over all choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    /// Of the prompt's tokens, those that were still in the KV cache.
    pub cached_tokens: u32,
    /// Of the completion's tokens, those that were forced by the constraint and not sampled.
    pub forced_tokens: u32,
}

/// What a backend says while it answers. A stream ends with one [`Event::Done`] or one [`Event::Failed`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The prompt was read; generation begins.
    Started {
        prompt_tokens: u32,
    },
    /// More text of a choice: whole code points. `logprobs` belong to the tokens behind this text.
    Text {
        choice: u32,
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    Finished {
        choice: u32,
        reason: FinishReason,
    },
    Done {
        usage: Usage,
        times: Times,
    },
    Failed(Failure),
}

/// Where the time of one request went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    pub queued_us: u64,
    pub prefill_us: u64,
    pub decode_us: u64,
    /// Making masks and accepting tokens, within the decode time or beside it.
    pub mask_us: u64,
}

/// Whose fault a failure is decides what the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The request cannot be answered as it stands.
    BadRequest,
    UnknownModel,
    /// The prompt does not fit the model's context.
    ContextLength,
    /// The constraint is refused; see the diagnostic in the message.
    Constraint,
    /// Every attempt was made and none satisfied the constraint.
    ConstraintNotMet,
    /// Too much to do; later it may go.
    Overloaded,
    /// The server is going down.
    ShuttingDown,
    Timeout,
    /// Our fault.
    Internal,
}

/// What went wrong, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    /// The request's field that it is about, if any.
    pub param: Option<String>,
    /// A machine-readable code that is finer than the kind, if any.
    pub code: Option<String>,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None }
    }

    /// The same, about one field of the request.
    pub fn about(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same, with a machine-readable code.
    pub fn coded(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }
}

/// A model that a backend can answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    pub owned_by: String,
    pub context_length: u32,
    pub vocabulary_size: u32,
    pub path: Option<Arc<str>>,
}
