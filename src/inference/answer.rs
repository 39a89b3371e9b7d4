//! What the caller is told: the answer as it comes, and the receipt that says how it was obtained.

use std::sync::Arc;

use serde::Serialize;

use super::{CallPiece, Failure, FinishReason, Times, TokenLogprob, Usage};

/// How an answer was held to its constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Tokens that lead to no valid answer were never sampled.
    Masked,
    /// The provider's own structured mode, with the schema rewritten into what it takes; checked here as asked.
    Native,
    /// The answer was asked for as the arguments of a tool, and checked here.
    ForcedTool,
    /// The schema stood in the prompt, and the answer was checked here.
    Prompted,
    /// There was no constraint.
    Free,
}

/// What can be said of an answer, or of one attempt at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every choice satisfies the constraint; its text was judged again after it was made.
    Satisfied,
    /// A choice was cut by `max_tokens` or the context: its text is the beginning of a valid answer.
    Truncated,
    /// A choice was cut, and what was left open was closed here, as the request allows: its text satisfies the constraint,
    /// and its writer had more to say.
    Completed,
    /// Nothing was demanded.
    Unconstrained,
    /// The model declined to answer.
    Refused,
    /// The provider cut the answer for what it says: its text is the beginning of a valid answer.
    Filtered,
    /// The text breaks the constraint.
    Violated,
    /// No answer came of it.
    Failed,
}

impl Method {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Native => "native",
            Self::ForcedTool => "forced_tool",
            Self::Prompted => "prompted",
            Self::Free => "free",
        }
    }
}

impl Verdict {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Truncated => "truncated",
            Self::Completed => "completed",
            Self::Unconstrained => "unconstrained",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Violated => "violated",
            Self::Failed => "failed",
        }
    }
}

/// What a second validator, which shares no code with the first, said of an answer that was not masked. An answer that it
/// objects to is withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrossCheck {
    Agreed,
    /// It was not asked, for this reason.
    Skipped(Arc<str>),
}

impl Serialize for CrossCheck {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Agreed => serializer.serialize_str("agreed"),
            Self::Skipped(reason) => serializer.collect_str(&format_args!("skipped ({reason})")),
        }
    }
}

/// One try at an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attempt {
    pub backend: String,
    /// The kind of provider; left out for local models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    pub method: Method,
    pub outcome: Verdict,
    /// Bytes of the answer that the caller had from attempts before this one, which went on with it. Left out where it
    /// began anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued_at: Option<u64>,
    pub times: Times,
    pub tokens: Usage,
    /// Money, where prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Parts of the schema (JSON pointers) that the provider was not told; they were checked here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_told: Vec<String>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A change made to an answer that was not masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// JSON pointer or byte offset.
    pub at: String,
    pub what: String,
    pub before: String,
    pub after: String,
}

/// How an answer was obtained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Receipt {
    pub id: String,
    pub method: Method,
    pub backend: String,
    pub attempts: Vec<Attempt>,
    pub edits: Vec<Edit>,
    pub verdict: Verdict,
    /// The answer was begun by one attempt and went on with another. Left out if false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub continued: bool,
    /// Of the answer, or of the arguments of all calls. Left out where there is nothing to check a second time: masked and
    /// free answers, and those that were cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_check: Option<CrossCheck>,
    /// Money over all attempts, where prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// The beginning of the SHA-256 of the constraint's text as it was sent, the same for equal constraints: of a
    /// `response_format` and its like. Left out where only tools bound the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// Places in the constraint (JSON pointers) that demand nothing and were read as annotations.
    pub annotations: Vec<String>,
    /// Whether some beginnings can still be completed was assumed, since finding out would have taken too long: the
    /// answer could have come to a dead end. What is said of its text is exact all the same. Left out if false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub soft: bool,
}

/// A step of an answer on its way to the caller. The last one is [`Update::Done`] or [`Update::Failed`].
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// Generation begins: from here on the answer is a stream.
    Started,
    /// More text of a choice; `logprobs` belong to the tokens behind it.
    Text {
        choice: u32,
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    /// More of what the model thinks before it answers: no part of the answer.
    Thought {
        choice: u32,
        text: String,
    },
    /// A piece of a tool call.
    Call {
        choice: u32,
        piece: CallPiece,
    },
    /// More of the words with which the model declines.
    Refusal {
        choice: u32,
        text: String,
    },
    /// A choice ended. The receipt comes with the last one.
    Finished {
        choice: u32,
        reason: FinishReason,
        receipt: Option<Box<Receipt>>,
    },
    Done {
        usage: Usage,
    },
    Failed {
        failure: Failure,
        receipt: Option<Box<Receipt>>,
    },
}
