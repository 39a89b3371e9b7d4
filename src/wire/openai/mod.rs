//! OpenAI's protocol, with the aliases that clients of vLLM, SGLang, llama.cpp and Ollama send.
//!
//! Nouns: a [`Call`] is a request as read; a [`Dialect`] is one endpoint (chat or completions); a [`Head`] is what all
//! chunks of one answer share; a [`Whole`] gathers an answer that is not streamed.
//!
//! Unknown fields at the top of a request are tolerated, as every server of this protocol does, unless they look like a
//! demand on the answer: those are refused by name (`constraint`). Inside `response_format`, `espalier` and the other
//! constraint objects every unknown field is refused.
//!
//! Sources: OpenAI's API reference; the official clients, which need `message.refusal`, the role in the first chunk,
//! no chunk without choices unless usage was asked for, and `[DONE]`; vLLM's and llama.cpp's servers for the aliases.

mod answer;
mod chat;
mod completions;
mod constraint;
mod custom;
mod error;
mod models;
mod sampling;
mod tools;
pub mod upstream;
mod written;

pub use answer::{Whole, WireUsage};
pub use chat::Chat;
pub use completions::Completions;
pub use custom::InputText;
pub use error::ErrorBody;
pub use models::{Model, ModelList};

use serde::Serialize;

use crate::inference::{CallPiece, Failure, FinishReason, Receipt, Request, TokenLogprob, Usage};

/// A request as read.
#[derive(Debug)]
pub struct Call {
    pub request: Request,
    pub stream: bool,
    pub include_usage: bool,
    /// The field that the constraint came from, for refusals.
    pub constraint_param: Option<String>,
    /// Tools that take a text, by name.
    pub custom: Vec<String>,
}

/// What all chunks of one answer share.
#[derive(Clone, Debug)]
pub struct Head {
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    pub model: String,
    /// Stays the same as long as the same request with the same seed gives the same answer.
    pub fingerprint: String,
    /// Tools that take a text, by name.
    pub custom: Vec<String>,
}

/// One endpoint: how it reads requests and writes answers. All that is written is JSON on one line.
pub trait Dialect {
    /// What ids of answers begin with.
    const ID_PREFIX: &'static str;

    /// Reads a request. An empty model name stands for a missing one.
    ///
    /// # Errors
    /// Everything that is wrong with the request as such, with the field it is about.
    fn read(body: &[u8], id: &str) -> Result<Call, Failure>;

    /// The chunk before the first text of a choice, if there is one.
    fn opening(head: &Head, choice: u32, usage_follows: bool) -> Option<String>;

    /// A chunk with more text. `offset` is the number of code points of this choice that came before.
    fn delta(
        head: &Head,
        choice: u32,
        text: &str,
        logprobs: Option<(&[TokenLogprob], usize)>,
        usage_follows: bool,
    ) -> String;

    /// The chunk with more of what the model thinks before it answers.
    fn thought(head: &Head, choice: u32, text: &str, usage_follows: bool) -> String;

    /// The chunk with a piece of a tool call; of a custom tool's, the piece holds its input.
    fn call(head: &Head, choice: u32, piece: &CallPiece, is_custom: bool, usage_follows: bool) -> String;

    /// The chunk with more of the words with which the model declines.
    fn refusal(head: &Head, choice: u32, text: &str, usage_follows: bool) -> String;

    /// The chunk that ends a choice; the last one carries the receipt.
    fn finish(head: &Head, choice: u32, reason: FinishReason, receipt: Option<&Receipt>, usage_follows: bool)
    -> String;

    /// The chunk with the usage.
    fn usage(head: &Head, usage: Usage) -> String;

    /// The answer in one piece.
    fn whole(head: &Head, answer: &Whole) -> String;
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and string keys can always be written")
}
