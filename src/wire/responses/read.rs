//! Reads answers, whole and in events.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    inference::{CallPiece, Event, Failure, FailureKind, FinishReason, Times, Usage},
    wire::openai::upstream::fault,
};

/// An event of any type; each has its own of these fields.
#[derive(Deserialize)]
struct StreamEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    output_index: u32,
    #[serde(borrow, default)]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    phase: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Option<Vec<Part<'a>>>,
    #[serde(borrow, default)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    incomplete_details: Option<Details<'a>>,
    #[serde(borrow, default)]
    output: Vec<Item<'a>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: u32,
    #[serde(default)]
    output_tokens: u32,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: u32,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: u32,
}

/// Turns an answer into events.
pub struct Reader {
    constrained: bool,
    /// The place of a call among the calls, by the place of its item among the items.
    calls: HashMap<u32, u32>,
    /// Items that are no part of the answer: comments on the way.
    skipped: HashSet<u32>,
    usage: Usage,
    reason: Option<FinishReason>,
}

impl Reader {
    pub fn new(constrained: bool) -> Self {
        let (calls, skipped) = (HashMap::new(), HashSet::new());
        Self { constrained, calls, skipped, usage: Usage::default(), reason: None }
    }

    /// Takes the data of one event of a stream.
    ///
    /// # Errors
    /// An error that the provider reports, and whatever is no event.
    pub fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: StreamEvent = serde_json::from_slice(data).map_err(nonsense)?;
        let at = event.output_index;
        match (&*event.kind, event.delta) {
            ("response.output_item.added", _) => match event.item {
                Some(item) if item.kind == "function_call" => self.begin(at, item, out),
                Some(item) if is_comment(&item) => drop(self.skipped.insert(at)),
                _ => {}
            },
            ("response.output_text.delta", Some(text)) if !self.skipped.contains(&at) => {
                out.push(Event::Text { choice: 0, text: text.into_owned(), logprobs: Vec::new() });
            }
            ("response.refusal.delta", Some(text)) => out.push(Event::Refusal { choice: 0, text: text.into_owned() }),
            ("response.function_call_arguments.delta", Some(arguments)) => {
                if let Some(index) = self.calls.get(&at).copied() {
                    let piece = CallPiece { index, id: None, name: None, arguments: arguments.into_owned() };
                    out.push(Event::Call { choice: 0, piece });
                }
            }
            ("response.completed" | "response.incomplete" | "response.failed", _) => {
                let response = event.response.ok_or_else(|| broken("without its answer"))?;
                self.close(&response, out)?;
            }
            ("error", _) => {
                // Flat, or within a member of its own.
                let whole: &RawValue = serde_json::from_slice(data).map_err(nonsense)?;
                return Err(fault(event.error.unwrap_or(whole), self.constrained));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a whole answer.
    ///
    /// # Errors
    /// As [`Reader::event`].
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let response: Response = serde_json::from_slice(body).map_err(nonsense)?;
        self.close(&response, out)?;
        // The same message has been seen twice, under one id.
        let mut ids = HashSet::new();
        for (at, item) in response.output.into_iter().enumerate() {
            if item.id.as_ref().is_some_and(|id| !ids.insert(id.clone().into_owned())) || is_comment(&item) {
                continue;
            }
            match &*item.kind {
                "function_call" => {
                    let arguments = item.arguments.clone().unwrap_or_default().into_owned();
                    self.begin(at as u32, item, out);
                    let index = self.calls.len() as u32 - 1;
                    out.push(Event::Call { choice: 0, piece: CallPiece { index, id: None, name: None, arguments } });
                }
                "message" => item.content.unwrap_or_default().into_iter().for_each(|part| match &*part.kind {
                    "output_text" => {
                        let text = part.text.unwrap_or_default().into_owned();
                        out.push(Event::Text { choice: 0, text, logprobs: Vec::new() });
                    }
                    "refusal" => {
                        let text = part.refusal.unwrap_or_default().into_owned();
                        out.push(Event::Refusal { choice: 0, text });
                    }
                    _ => {}
                }),
                _ => {} // reasoning, and whatever is new
            }
        }
        self.end(out)
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
        let reason = self.reason.ok_or_else(|| broken("within its answer"))?;
        let called = reason == FinishReason::Stop && !self.calls.is_empty();
        out.push(Event::Finished { choice: 0, reason: if called { FinishReason::ToolCalls } else { reason } });
        out.push(Event::Done { usage: self.usage, times: Times::default() });
        Ok(())
    }

    fn begin(&mut self, at: u32, item: Item, out: &mut Vec<Event>) {
        let index = self.calls.len() as u32;
        self.calls.insert(at, index);
        let (id, name) = (item.call_id.map(Cow::into_owned), item.name.map(Cow::into_owned));
        out.push(Event::Call { choice: 0, piece: CallPiece { index, id, name, arguments: String::new() } });
    }

    fn close(&mut self, response: &Response, out: &mut Vec<Event>) -> Result<(), Failure> {
        if let Some(usage) = &response.usage {
            self.usage = Usage {
                prompt_tokens: usage.input_tokens,
                completion_tokens: usage.output_tokens,
                cached_tokens: usage.input_tokens_details.as_ref().map_or(0, |details| details.cached_tokens),
                reasoning_tokens: usage.output_tokens_details.as_ref().map_or(0, |details| details.reasoning_tokens),
                forced_tokens: 0,
            };
            out.push(Event::Spent { usage: self.usage, cost: None });
        }
        if let Some(error) = response.error.filter(|error| error.get() != "null") {
            return Err(fault(error, self.constrained));
        }
        let details = response.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        self.reason = Some(match (response.status.as_deref(), details) {
            (Some("completed"), _) => FinishReason::Stop,
            (Some("incomplete"), Some("max_output_tokens")) => FinishReason::Length,
            (Some("incomplete"), Some("content_filter")) => FinishReason::ContentFilter,
            (status, reason) => {
                let message = format!("the provider ended its answer as {status:?} for {reason:?}");
                return Err(Failure::new(FailureKind::Upstream, message));
            }
        });
        Ok(())
    }
}

fn is_comment(item: &Item) -> bool {
    item.phase.as_deref() == Some("commentary")
}

fn broken(how: &str) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the provider broke off {how}"))
}

fn nonsense(error: serde_json::Error) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the provider sent what is no answer: {error}"))
}
