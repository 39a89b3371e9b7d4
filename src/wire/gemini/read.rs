//! Reads answers, whole and in chunks: they have the same form.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    inference::{CallPiece, Event, Failure, FailureKind, FinishReason, Times, Usage},
    wire::openai::upstream::fault,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(default)]
    usage_metadata: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(borrow, default)]
    function_call: Option<Called<'a>>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct WireUsage {
    prompt_token_count: u32,
    tool_use_prompt_token_count: u32,
    candidates_token_count: u32,
    thoughts_token_count: u32,
    cached_content_token_count: u32,
}

/// Turns an answer into events.
pub struct Reader {
    constrained: bool,
    reason: Option<FinishReason>,
    calls: u32,
    usage: Usage,
}

impl Reader {
    pub fn new(constrained: bool) -> Self {
        Self { constrained, reason: None, calls: 0, usage: Usage::default() }
    }

    /// Takes a chunk, or a whole answer.
    ///
    /// # Errors
    /// An error that the provider reports, and whatever is no answer.
    pub fn chunk(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let response: Response = serde_json::from_slice(data).map_err(|error| {
            Failure::new(FailureKind::Upstream, format!("the provider sent what is no answer: {error}"))
        })?;
        if let Some(error) = response.error {
            return Err(fault(error, self.constrained));
        }
        if let Some(usage) = response.usage_metadata {
            self.usage = Usage {
                prompt_tokens: usage.prompt_token_count + usage.tool_use_prompt_token_count,
                completion_tokens: usage.candidates_token_count + usage.thoughts_token_count,
                cached_tokens: usage.cached_content_token_count,
                reasoning_tokens: usage.thoughts_token_count,
                forced_tokens: 0,
            };
            out.push(Event::Spent { usage: self.usage, cost: None });
        }
        if let Some(reason) = response.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            out.push(Event::Refusal { choice: 0, text: format!("The provider blocked the prompt: {reason}.") });
            self.reason = Some(FinishReason::Stop);
        }
        for candidate in response.candidates.unwrap_or_default() {
            self.candidate(candidate, out)?;
        }
        Ok(())
    }

    /// The end of the answer.
    ///
    /// # Errors
    /// An answer that has not ended.
    pub fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        let Some(reason) = self.reason else {
            return Err(Failure::new(FailureKind::Upstream, "the provider broke off within its answer"));
        };
        let reason = if reason == FinishReason::Stop && self.calls > 0 { FinishReason::ToolCalls } else { reason };
        out.push(Event::Finished { choice: 0, reason });
        out.push(Event::Done { usage: self.usage, times: Times::default() });
        Ok(())
    }

    fn candidate(&mut self, candidate: Candidate, out: &mut Vec<Event>) -> Result<(), Failure> {
        if candidate.index != 0 {
            return Err(Failure::new(FailureKind::Upstream, "the provider sent a candidate that was not asked for"));
        }
        for part in candidate.content.and_then(|content| content.parts).unwrap_or_default() {
            if let Some(called) = part.function_call {
                let arguments = called.args.map_or("{}", RawValue::get).to_owned();
                let id = called.id.filter(|id| !id.is_empty()).map(Cow::into_owned);
                let piece = CallPiece { index: self.calls, id, name: Some(called.name.into_owned()), arguments };
                self.calls += 1;
                out.push(Event::Call { choice: 0, piece });
            } else if let (Some(text), false) = (part.text, part.thought.unwrap_or(false))
                && !text.is_empty()
            {
                out.push(Event::Text { choice: 0, text: text.into_owned(), logprobs: Vec::new() });
            }
        }
        // It may come before the last chunk, and again; the last one counts.
        if let Some(word) = candidate.finish_reason.filter(|word| !word.is_empty()) {
            self.reason = Some(reason(&word)?);
        }
        Ok(())
    }
}

fn reason(word: &str) -> Result<FinishReason, Failure> {
    match word {
        "STOP" => Ok(FinishReason::Stop),
        "MAX_TOKENS" | "CONTINUATION" => Ok(FinishReason::Length),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" | "MODEL_ARMOR"
        | "IMAGE_SAFETY" => Ok(FinishReason::ContentFilter),
        other => Err(Failure::new(FailureKind::Upstream, format!("the provider ended its answer with {other}"))),
    }
}
