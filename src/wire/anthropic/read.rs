//! Reads answers, whole and in events.

use std::{borrow::Cow, collections::HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    inference::{CallPiece, Event, Failure, FailureKind, FinishReason, Times, Usage},
    wire::openai::upstream::fault,
};

/// An event of any type; each has its own of these fields. One struct, since raw text cannot be a part of a tagged enum.
#[derive(Deserialize)]
struct StreamEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Option<Start<'a>>,
    #[serde(default)]
    index: u32,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// More of a block, or the end of the message.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_details: Option<Details<'a>>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    explanation: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_details: Option<Details<'a>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: Option<u32>,
    #[serde(default)]
    output_tokens: Option<u32>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u32>,
    #[serde(default)]
    cache_read_input_tokens: Option<u32>,
}

/// Turns an answer into events.
pub struct Reader {
    from_tool: bool,
    constrained: bool,
    /// The place of a call among the calls, by the place of its block among the blocks.
    calls: HashMap<u32, u32>,
    reason: Option<FinishReason>,
    spoken: String,
    usage: Usage,
    done: bool,
}

impl Reader {
    pub fn new(from_tool: bool, constrained: bool) -> Self {
        Self {
            from_tool,
            constrained,
            calls: HashMap::new(),
            reason: None,
            spoken: String::new(),
            usage: Usage::default(),
            done: false,
        }
    }

    /// Takes the data of one event of a stream.
    ///
    /// # Errors
    /// An error that the provider reports, and whatever is no event.
    pub fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let event: StreamEvent = serde_json::from_slice(data).map_err(nonsense)?;
        match (&*event.kind, event.delta, event.content_block) {
            ("message_start", ..) => {
                let Some(message) = event.message else { return Ok(()) };
                self.spend(message.usage, out);
                self.stop(message.stop_reason, None, out)
            }
            // The input of a call is empty here, whatever it says; it comes in pieces.
            ("content_block_start", _, Some(block)) => {
                self.block(event.index, block, false, out);
                Ok(())
            }
            ("content_block_delta", Some(delta), _) => {
                match (delta.kind.as_deref(), delta.text, delta.partial_json) {
                    (Some("text_delta"), Some(text), _) => self.text(text, out),
                    (Some("input_json_delta"), _, Some(json)) => self.arguments(event.index, json.into_owned(), out),
                    _ => {} // thinking, signatures, citations
                }
                Ok(())
            }
            ("message_delta", Some(delta), _) => {
                self.spend(event.usage, out);
                self.stop(delta.stop_reason, delta.stop_details, out)
            }
            ("message_stop", ..) => {
                self.done = true;
                Ok(())
            }
            ("error", ..) => match event.error {
                Some(error) => Err(fault(error, self.constrained)),
                None => Err(Failure::new(FailureKind::Upstream, "the provider broke off without a word")),
            },
            _ => Ok(()), // pings, ends of blocks, and whatever is new
        }
    }

    /// Takes a whole answer.
    ///
    /// # Errors
    /// As [`Reader::event`].
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let whole: Whole = serde_json::from_slice(body).map_err(nonsense)?;
        if let Some(error) = whole.error {
            return Err(fault(error, self.constrained));
        }
        self.spend(whole.usage, out);
        for (index, raw) in whole.content.into_iter().enumerate() {
            let block = serde_json::from_str(raw.get()).map_err(nonsense)?;
            // Of an answer that was declined, what was written is no answer.
            if whole.stop_reason.as_deref() != Some("refusal") {
                self.block(index as u32, block, true, out);
            }
        }
        self.stop(whole.stop_reason, whole.stop_details, out)?;
        self.done = true;
        self.end(out)
    }

    /// The stream has said its last word.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The end of the answer.
    ///
    /// # Errors
    /// An answer that has not ended.
    pub fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        let (Some(reason), true) = (self.reason, self.done) else {
            return Err(Failure::new(FailureKind::Upstream, "the provider broke off within its answer"));
        };
        if self.from_tool && self.calls.is_empty() && !self.spoken.is_empty() {
            out.push(Event::Text { choice: 0, text: std::mem::take(&mut self.spoken), logprobs: Vec::new() });
        }
        let reason = match reason {
            FinishReason::ToolCalls if self.from_tool => FinishReason::Stop,
            reason => reason,
        };
        out.push(Event::Finished { choice: 0, reason });
        out.push(Event::Done { usage: self.usage, times: Times::default() });
        Ok(())
    }

    fn text(&mut self, text: Cow<str>, out: &mut Vec<Event>) {
        match self.from_tool {
            _ if text.is_empty() => {}
            true => self.spoken.push_str(&text),
            false => out.push(Event::Text { choice: 0, text: text.into_owned(), logprobs: Vec::new() }),
        }
    }

    fn block(&mut self, index: u32, block: Block, whole: bool, out: &mut Vec<Event>) {
        match (&*block.kind, block.id, block.name) {
            ("text", ..) => self.text(block.text.unwrap_or_default(), out),
            ("tool_use", Some(id), Some(name)) => {
                let call = self.calls.len() as u32;
                self.calls.insert(index, call);
                if !self.from_tool {
                    let (id, name) = (Some(id.into_owned()), Some(name.into_owned()));
                    let piece = CallPiece { index: call, id, name, arguments: String::new() };
                    out.push(Event::Call { choice: 0, piece });
                }
                if let (true, Some(input)) = (whole, block.input) {
                    self.arguments(index, input.get().to_owned(), out);
                }
            }
            _ => {} // thinking, and whatever is new
        }
    }

    fn arguments(&mut self, block: u32, arguments: String, out: &mut Vec<Event>) {
        let Some(call) = self.calls.get(&block).copied().filter(|_| !arguments.is_empty()) else { return };
        match self.from_tool {
            // A second call would be a second answer.
            true if call == 0 => out.push(Event::Text { choice: 0, text: arguments, logprobs: Vec::new() }),
            true => {}
            false => {
                let piece = CallPiece { index: call, id: None, name: None, arguments };
                out.push(Event::Call { choice: 0, piece });
            }
        }
    }

    fn stop(&mut self, word: Option<Cow<str>>, details: Option<Details>, out: &mut Vec<Event>) -> Result<(), Failure> {
        let Some(word) = word else { return Ok(()) };
        self.reason = Some(match &*word {
            "end_turn" | "stop_sequence" => FinishReason::Stop,
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "tool_use" => FinishReason::ToolCalls,
            "refusal" => {
                let said = details.and_then(|details| details.explanation).map(Cow::into_owned);
                let text = said.unwrap_or_else(|| "The model declined to answer.".to_owned());
                out.push(Event::Refusal { choice: 0, text });
                FinishReason::Stop
            }
            other => {
                let message = format!("the provider ended its answer with {other:?}");
                return Err(Failure::new(FailureKind::Upstream, message));
            }
        });
        Ok(())
    }

    /// Counts are of the whole answer so far, each time; what is left out stays.
    fn spend(&mut self, usage: Option<WireUsage>, out: &mut Vec<Event>) {
        let Some(usage) = usage else { return };
        if let Some(input) = usage.input_tokens {
            let cached = usage.cache_read_input_tokens.unwrap_or(0);
            self.usage.cached_tokens = cached;
            self.usage.prompt_tokens = input + cached + usage.cache_creation_input_tokens.unwrap_or(0);
        }
        self.usage.completion_tokens = usage.output_tokens.unwrap_or(self.usage.completion_tokens);
        out.push(Event::Spent { usage: self.usage, cost: None });
    }
}

fn nonsense(error: serde_json::Error) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the provider sent what is no answer: {error}"))
}
