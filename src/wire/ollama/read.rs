//! Reads answers, whole and in lines: they have the same form.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    inference::{CallPiece, Event, Failure, FailureKind, FinishReason, Times, Usage},
    wire::openai::upstream::fault,
};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    message: Option<Said<'a>>,
    #[serde(default)]
    done: bool,
    #[serde(borrow, default)]
    done_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    prompt_eval_count: Option<u32>,
    #[serde(default)]
    eval_count: Option<u32>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Turns an answer into events.
pub struct Reader {
    constrained: bool,
    calls: u32,
    usage: Usage,
    reason: Option<FinishReason>,
}

impl Reader {
    pub fn new(constrained: bool) -> Self {
        Self { constrained, calls: 0, usage: Usage::default(), reason: None }
    }

    /// Takes a line, or a whole answer.
    ///
    /// # Errors
    /// An error that the provider reports, and whatever is no answer.
    pub fn line(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let line: Line = serde_json::from_slice(data).map_err(|error| {
            Failure::new(FailureKind::Upstream, format!("the provider sent what is no answer: {error}"))
        })?;
        if let Some(error) = line.error {
            return Err(fault(error, self.constrained));
        }
        let said = line.message.unwrap_or(Said { content: None, tool_calls: None });
        if line.prompt_eval_count.is_some() || line.eval_count.is_some() {
            self.usage.prompt_tokens = line.prompt_eval_count.unwrap_or(0);
            self.usage.completion_tokens = line.eval_count.unwrap_or(0);
            out.push(Event::Spent { usage: self.usage, cost: None });
        }
        if let Some(text) = said.content.filter(|text| !text.is_empty()) {
            out.push(Event::Text { choice: 0, text: text.into_owned(), logprobs: Vec::new() });
        }
        for call in said.tool_calls.unwrap_or_default() {
            let arguments = call.function.arguments.map_or("{}", RawValue::get).to_owned();
            let id = call.id.filter(|id| !id.is_empty()).map(Cow::into_owned);
            let piece = CallPiece { index: self.calls, id, name: Some(call.function.name.into_owned()), arguments };
            self.calls += 1;
            out.push(Event::Call { choice: 0, piece });
        }
        if line.done {
            self.reason = Some(match line.done_reason.as_deref() {
                None | Some("stop") if self.calls > 0 => FinishReason::ToolCalls,
                None | Some("stop") => FinishReason::Stop,
                Some("length") => FinishReason::Length,
                Some(other) => {
                    let message = format!("the provider ended its answer with {other:?}");
                    return Err(Failure::new(FailureKind::Upstream, message));
                }
            });
        }
        Ok(())
    }

    /// The stream has said its last word.
    pub fn is_done(&self) -> bool {
        self.reason.is_some()
    }

    /// The end of the answer.
    ///
    /// # Errors
    /// An answer that has not ended.
    pub fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        let Some(reason) = self.reason else {
            return Err(Failure::new(FailureKind::Upstream, "the provider broke off within its answer"));
        };
        out.push(Event::Finished { choice: 0, reason });
        out.push(Event::Done { usage: self.usage, times: Times::default() });
        Ok(())
    }
}
