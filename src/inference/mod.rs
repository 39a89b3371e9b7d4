//! One request for an answer and what comes back, as plain data without any vendor's names.
//!
//! Nouns: a [`Request`] asks for one or more choices; a backend answers with [`Event`]s; a [`Failure`] says what went
//! wrong and whose fault it is. Nothing here does anything.

mod answer;
mod failure;
mod tools;

pub use answer::{Attempt, CrossCheck, Edit, Method, Receipt, Update, Verdict};
pub use failure::{Failure, FailureKind};
pub use tools::{AnswerReader, CallPiece, Part, Reasoning, Tool, ToolCall, ToolChoice, ToolForm, Tools};

use std::{sync::Arc, time::Duration};

use serde::Serialize;

pub use crate::frontend::{
    Constraint, Dialect, Documents, Formats, JsonSchema, KeyOrder, Notation, Policy, SqlDemand, Whitespace, Written,
};

/// Who speaks. Roles that a model's template does not know are the template's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub role: String,
    pub content: String,
    pub name: Option<String>,
    /// What the assistant called in this turn.
    pub tool_calls: Vec<ToolCall>,
    /// The call that a message of the role `tool` answers.
    pub tool_call_id: Option<String>,
}

impl Message {
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: content.into(), ..Self::default() }
    }
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

impl Sampling {
    /// Names, values and defaults of the parameters that not every provider knows.
    pub fn extras(&self) -> [(&'static str, f32, f32); 4] {
        [
            ("min_p", self.min_p, 0.0),
            ("presence_penalty", self.presence_penalty, 0.0),
            ("frequency_penalty", self.frequency_penalty, 0.0),
            ("repetition_penalty", self.repeat_penalty, 1.0),
        ]
    }

    /// Of the parameters that not every provider knows, those that are set.
    pub fn set_extras(&self) -> Vec<&'static str> {
        let numbers = self.extras().into_iter().filter(|(_, value, default)| value != default).map(|(name, ..)| name);
        let rest =
            [("top_k", self.top_k != 0), ("logit_bias", !self.logit_bias.is_empty()), ("seed", self.seed.is_some())];
        numbers.chain(rest.into_iter().filter(|(_, set)| *set).map(|(name, _)| name)).collect()
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
    pub tools: Tools,
    pub delivery: Delivery,
    /// Most attempts, where the caller sets it.
    pub max_attempts: Option<u32>,
    /// A constrained answer that was cut may be closed, and is then told to be completed.
    pub allow_completion: bool,
}

/// When text is handed to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// In one piece, at the end.
    #[default]
    Whole,
    /// As it comes, as far as it begins a valid answer. What was sent cannot be taken back, so an attempt that fails then
    /// can only be continued.
    Strict,
    /// As a stream, and not before the whole answer is known to be valid.
    Buffered,
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, a stop text came, or the constraint allowed nothing more.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
    /// The model called tools and waits for what they say.
    ToolCalls,
    /// The provider cut the answer for what it says.
    ContentFilter,
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
    /// Of the completion's tokens, those that the model thought with before it answered.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.forced_tokens = self.forced_tokens.saturating_add(other.forced_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
    }
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
    /// A piece of a tool call. Calls of a choice come one after the other or interleaved, told apart by their index.
    Call {
        choice: u32,
        piece: CallPiece,
    },
    /// The model declines, in these words.
    Refusal {
        choice: u32,
        text: String,
    },
    Finished {
        choice: u32,
        reason: FinishReason,
    },
    /// What was spent so far, and what it cost, where the provider says so. It may come at any time, and again.
    Spent {
        usage: Usage,
        cost: Option<f64>,
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

/// A model that a backend can answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    pub owned_by: String,
    /// 0 where it is not known.
    pub context_length: u32,
    /// 0 where it is not known.
    pub vocabulary_size: u32,
    pub path: Option<Arc<str>>,
}

/// How long to wait for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// From the request to its first text, or to its whole answer if it is not streamed.
    pub first_token: Duration,
    /// Of silence within a stream.
    pub between_tokens: Duration,
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(60),
            between_tokens: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}
