//! Reads answers, whole and in frames.

use std::{borrow::Cow, collections::HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    inference::{CallPiece, Event, Failure, FailureKind, FinishReason, Times, Usage},
    wire::openai::upstream::failure_of,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Frame<'a> {
    content_block_index: u32,
    #[serde(borrow)]
    start: Option<Start<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
    usage: Option<WireUsage>,
    #[serde(borrow)]
    output: Option<Output<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    #[serde(borrow, default)]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    /// An object in a whole answer, a piece of its text in a stream.
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow, default)]
    message: Option<Said<'a>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    content: Vec<Delta<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireUsage {
    input_tokens: u32,
    output_tokens: u32,
    cache_read_input_tokens: u32,
    cache_write_input_tokens: u32,
}

/// Turns an answer into events.
pub struct Reader {
    from_tool: bool,
    constrained: bool,
    /// The place of a call among the calls, by the place of its block among the blocks.
    calls: HashMap<u32, u32>,
    spoken: String,
    usage: Usage,
    reason: Option<FinishReason>,
    /// The last event has come, which has the usage.
    done: bool,
}

impl Reader {
    pub fn new(from_tool: bool, constrained: bool) -> Self {
        let (calls, usage) = (HashMap::new(), Usage::default());
        Self { from_tool, constrained, calls, spoken: String::new(), usage, reason: None, done: false }
    }

    /// Takes a frame: the name of its event, or of its exception after a `!`, and its payload.
    ///
    /// # Errors
    /// An exception that the provider reports, and whatever is no event.
    pub fn frame(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        if let Some(exception) = name.strip_prefix('!') {
            let status = match exception {
                "throttlingException" => 429,
                "validationException" => 400,
                "serviceUnavailableException" => 503,
                "modelTimeoutException" => 504,
                _ => 500,
            };
            let mut failure = failure_of(status, data, None, self.constrained);
            failure.message = format!("the provider broke off with {exception}: {}", failure.message);
            return Err(failure);
        }
        let frame: Frame = serde_json::from_slice(data).map_err(nonsense)?;
        match name {
            "contentBlockStart" => {
                if let Some(tool) = frame.start.and_then(|start| start.tool_use) {
                    self.begin(frame.content_block_index, tool, out);
                }
            }
            "contentBlockDelta" => {
                let Some(delta) = frame.delta else { return Ok(()) };
                self.text(delta.text, out);
                if let Some(input) = delta.tool_use.and_then(|tool| tool.input) {
                    let piece: String = serde_json::from_str(input.get()).map_err(nonsense)?;
                    self.arguments(frame.content_block_index, piece, out);
                }
            }
            "messageStop" => self.stop(frame.stop_reason)?,
            "metadata" => {
                self.spend(frame.usage, out);
                self.done = true;
            }
            _ => {} // the start of the message, ends of blocks, and whatever is new
        }
        Ok(())
    }

    /// Takes a whole answer.
    ///
    /// # Errors
    /// Whatever is no answer.
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let frame: Frame = serde_json::from_slice(body).map_err(nonsense)?;
        self.spend(frame.usage, out);
        let content = frame.output.and_then(|output| output.message).map(|message| message.content);
        for (index, block) in content.unwrap_or_default().into_iter().enumerate() {
            self.text(block.text, out);
            if let Some(tool) = block.tool_use {
                let input = tool.input.map(|input| input.get().to_owned());
                self.begin(index as u32, tool, out);
                self.arguments(index as u32, input.unwrap_or_default(), out);
            }
        }
        self.stop(frame.stop_reason)?;
        self.end(out)
    }

    /// The stream has said its last word.
    pub fn is_done(&self) -> bool {
        self.done && self.reason.is_some()
    }

    /// The end of the answer.
    ///
    /// # Errors
    /// An answer that has not ended.
    pub fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        let Some(reason) = self.reason else {
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

    fn text(&mut self, text: Option<Cow<str>>, out: &mut Vec<Event>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        match self.from_tool {
            true => self.spoken.push_str(&text),
            false => out.push(Event::Text { choice: 0, text: text.into_owned(), logprobs: Vec::new() }),
        }
    }

    fn begin(&mut self, block: u32, tool: ToolUse, out: &mut Vec<Event>) {
        let call = self.calls.len() as u32;
        self.calls.insert(block, call);
        if !self.from_tool {
            let (id, name) = (tool.tool_use_id.map(Cow::into_owned), tool.name.map(Cow::into_owned));
            out.push(Event::Call { choice: 0, piece: CallPiece { index: call, id, name, arguments: String::new() } });
        }
    }

    fn arguments(&mut self, block: u32, arguments: String, out: &mut Vec<Event>) {
        let Some(call) = self.calls.get(&block).copied().filter(|_| !arguments.is_empty()) else { return };
        match self.from_tool {
            // A second call would be a second answer.
            true if call == 0 => out.push(Event::Text { choice: 0, text: arguments, logprobs: Vec::new() }),
            true => {}
            false => {
                out.push(Event::Call { choice: 0, piece: CallPiece { index: call, id: None, name: None, arguments } })
            }
        }
    }

    fn stop(&mut self, word: Option<Cow<str>>) -> Result<(), Failure> {
        let Some(word) = word else { return Ok(()) };
        self.reason = Some(match &*word {
            "end_turn" | "stop_sequence" => FinishReason::Stop,
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "tool_use" => FinishReason::ToolCalls,
            "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
            other => {
                let message = format!("the provider ended its answer with {other:?}");
                return Err(Failure::new(FailureKind::Upstream, message));
            }
        });
        Ok(())
    }

    fn spend(&mut self, usage: Option<WireUsage>, out: &mut Vec<Event>) {
        let Some(usage) = usage else { return };
        self.usage = Usage {
            prompt_tokens: usage.input_tokens + usage.cache_read_input_tokens + usage.cache_write_input_tokens,
            completion_tokens: usage.output_tokens,
            cached_tokens: usage.cache_read_input_tokens,
            ..Usage::default()
        };
        out.push(Event::Spent { usage: self.usage, cost: None });
    }
}

fn nonsense(error: serde_json::Error) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the provider sent what is no answer: {error}"))
}
