//! Reads answers, whole and in chunks.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::fault;
use crate::inference::{CallPiece, Event, Failure, FailureKind, FinishReason, Times, Usage};

/// A chunk, or a whole answer: they differ in one name.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, default, alias = "message")]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    /// Text, or the object itself (Mistral's description allows both).
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name.
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u32>,
    /// OpenRouter says what it took.
    #[serde(default)]
    cost: Option<f64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u32>,
}

/// A text, or a list of parts of which only those with text count.
struct Content<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                #[derive(Deserialize)]
                struct Part<'a> {
                    #[serde(borrow, default)]
                    r#type: Option<Cow<'a, str>>,
                    #[serde(borrow, default)]
                    text: Option<Cow<'a, str>>,
                }
                let mut text = String::new();
                while let Some(part) = parts.next_element::<Part>()? {
                    if part.r#type.is_none_or(|kind| kind == "text") {
                        text += &part.text.unwrap_or_default();
                    }
                }
                Ok(Content(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}

impl From<&WireUsage> for Usage {
    fn from(usage: &WireUsage) -> Self {
        let cached = usage.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
        let reasoning = usage.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens);
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cached_tokens: cached.or(usage.prompt_cache_hit_tokens).unwrap_or(0),
            forced_tokens: 0,
            reasoning_tokens: reasoning.unwrap_or(0),
        }
    }
}

/// What is known of one choice.
#[derive(Clone, Default)]
struct State {
    reason: Option<FinishReason>,
    called: bool,
    /// The last call that was begun.
    last_call: Option<u32>,
}

/// Turns an answer into events.
pub struct Reader {
    choices: Vec<State>,
    /// The answer is the arguments of a tool.
    from_tool: bool,
    /// A schema was sent.
    constrained: bool,
    usage: Usage,
    /// Text beside a call that was to be the answer.
    spoken: String,
    done: bool,
}

impl Reader {
    pub fn new(choices: u32, from_tool: bool, constrained: bool) -> Self {
        let choices = vec![State::default(); choices.max(1) as usize];
        Self { choices, from_tool, constrained, usage: Usage::default(), spoken: String::new(), done: false }
    }

    /// Takes the data of one event of a stream.
    ///
    /// # Errors
    /// An error that the provider reports, and whatever is no chunk.
    pub fn chunk(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        self.take(data, out)
    }

    /// Takes a whole answer.
    ///
    /// # Errors
    /// As [`Reader::chunk`].
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.take(body, out)?;
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
        if self.choices.iter().any(|choice| choice.reason.is_none()) {
            let what = if self.done { "did not say why its answer ended" } else { "broke off within its answer" };
            return Err(Failure::new(FailureKind::Upstream, format!("the provider {what}")));
        }
        let at = out.len();
        for (choice, state) in self.choices.iter().enumerate() {
            let reason = match state.reason.unwrap_or(FinishReason::Stop) {
                FinishReason::ToolCalls if self.from_tool || !state.called => FinishReason::Stop,
                FinishReason::Stop if state.called && !self.from_tool => FinishReason::ToolCalls,
                reason => reason,
            };
            out.push(Event::Finished { choice: choice as u32, reason });
        }
        if self.from_tool && !self.choices[0].called && !self.spoken.is_empty() {
            // The host took a forced call for a wish; the answer then stands in the text.
            out.insert(at, Event::Text { choice: 0, text: std::mem::take(&mut self.spoken), logprobs: Vec::new() });
        }
        out.push(Event::Done { usage: self.usage, times: Times::default() });
        Ok(())
    }

    fn take(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            Failure::new(FailureKind::Upstream, format!("the provider sent what is no answer: {error}"))
        })?;
        if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
            return Err(fault(error, self.constrained));
        }
        if let Some(usage) = &chunk.usage {
            self.usage = usage.into();
            out.push(Event::Spent { usage: self.usage, cost: usage.cost });
        }
        for choice in chunk.choices.unwrap_or_default() {
            let index = choice.index;
            if let Some(delta) = choice.delta {
                self.delta(index, delta, out)?;
            }
            if let Some(word) = choice.finish_reason.filter(|word| !word.is_empty()) {
                self.state(index)?.reason = Some(reason(&word)?);
            }
        }
        Ok(())
    }

    fn state(&mut self, choice: u32) -> Result<&mut State, Failure> {
        self.choices.get_mut(choice as usize).ok_or_else(|| {
            Failure::new(FailureKind::Upstream, format!("the provider sent a choice {choice} that was not asked for"))
        })
    }

    fn delta(&mut self, choice: u32, delta: Delta, out: &mut Vec<Event>) -> Result<(), Failure> {
        self.state(choice)?;
        if let Some(Content(text)) = delta.content
            && !text.is_empty()
        {
            match self.from_tool {
                true => self.spoken.push_str(&text),
                false => out.push(Event::Text { choice, text: text.into_owned(), logprobs: Vec::new() }),
            }
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            out.push(Event::Refusal { choice, text: text.into_owned() });
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(choice, call, out)?;
        }
        Ok(())
    }

    fn call(&mut self, choice: u32, call: Call, out: &mut Vec<Event>) -> Result<(), Failure> {
        let from_tool = self.from_tool;
        let state = self.state(choice)?;
        let (name, arguments) = call.function.map_or((None, None), |function| (function.name, function.arguments));
        let name = name.filter(|name| !name.is_empty());
        // A call without an index begins with its name, and goes on without.
        let index = call.index.unwrap_or_else(|| match (state.last_call, &name) {
            (None, _) => 0,
            (Some(last), Some(_)) => last + 1,
            (Some(last), None) => last,
        });
        let begins = name.is_some();
        state.called = true;
        state.last_call = Some(state.last_call.map_or(index, |last| last.max(index)));
        let arguments = match arguments.map(RawValue::get) {
            None | Some("null") => String::new(),
            Some(text) if text.starts_with('"') => serde_json::from_str(text).map_err(|error| {
                Failure::new(FailureKind::Upstream, format!("the provider sent arguments that are no text: {error}"))
            })?,
            Some(text) => text.to_owned(),
        };
        if from_tool {
            // A second call would be a second answer.
            if index == 0 && !arguments.is_empty() {
                out.push(Event::Text { choice, text: arguments, logprobs: Vec::new() });
            }
            return Ok(());
        }
        let id = call.id.filter(|id| begins && !id.is_empty() && id != "null").map(Cow::into_owned);
        let piece = CallPiece { index, id, name: name.map(Cow::into_owned), arguments };
        out.push(Event::Call { choice, piece });
        Ok(())
    }
}

fn reason(word: &str) -> Result<FinishReason, Failure> {
    match word {
        "stop" | "eos" | "stop_sequence" | "end_turn" => Ok(FinishReason::Stop),
        "length" | "model_length" | "max_tokens" => Ok(FinishReason::Length),
        "tool_calls" | "function_call" => Ok(FinishReason::ToolCalls),
        "content_filter" => Ok(FinishReason::ContentFilter),
        "insufficient_system_resource" => {
            Err(Failure::new(FailureKind::Overloaded, "the provider ran out of resources within its answer"))
        }
        other => Err(Failure::new(FailureKind::Upstream, format!("the provider ended its answer with {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&str]) -> Result<Vec<Event>, Failure> {
        let (mut reader, mut out) = (Reader::new(1, false, true), Vec::new());
        for chunk in chunks {
            reader.chunk(chunk.as_bytes(), &mut out)?;
        }
        reader.end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn calls_in_pieces_with_and_without_index() {
        let with = [
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}},{"index":0,"function":{"arguments":"{\"a\""}}]},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"g","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            "[DONE]",
        ];
        let events = read(&with).unwrap();
        let pieces: Vec<&CallPiece> = events
            .iter()
            .filter_map(|event| if let Event::Call { piece, .. } = event { Some(piece) } else { None })
            .collect();
        assert_eq!(pieces.iter().map(|piece| piece.index).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(pieces[0].id.as_deref(), Some("c1"));
        assert_eq!(pieces[1].arguments, "{\"a\"");
        let without = [
            r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"null","function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        ];
        let events = read(&without).unwrap();
        let Event::Call { piece, .. } = &events[0] else { panic!("{events:?}") };
        assert_eq!((piece.id.as_deref(), &*piece.arguments), (None, r#"{"a":1}"#));
        let Event::Call { piece, .. } = &events[1] else { panic!("{events:?}") };
        assert_eq!(piece.index, 1);
        assert!(events.contains(&Event::Finished { choice: 0, reason: FinishReason::ToolCalls }));
    }

    #[test]
    fn what_is_no_end_is_a_failure() {
        let text = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
        for chunks in [
            &[text][..],
            &[text, "[DONE]"],
            &[text, r#"{"choices":[{"index":0,"delta":{},"finish_reason":"sideways"}]}"#],
            &[text, r#"{"error":{"message":"x","code":400}}"#],
            &[r#"{"choices":[{"index":3,"delta":{"content":"a"}}]}"#],
            &["{"],
            &["[]"],
        ] {
            read(chunks).expect_err(&chunks.concat());
        }
    }

    #[test]
    fn usage_and_parts() {
        let events = read(&[
            r#"{"choices":[{"delta":{"content":[{"type":"thinking","text":"hm"},{"type":"text","text":"a"}]},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":4,"completion_tokens_details":{"reasoning_tokens":2},"cost":0.5}}"#,
        ]).unwrap();
        assert_eq!(events[0], Event::Text { choice: 0, text: "a".into(), logprobs: vec![] });
        assert!(events.iter().any(|event| matches!(event, Event::Spent { cost: Some(0.5), .. })));
        let Some(Event::Done { usage, .. }) = events.last() else { panic!() };
        assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.reasoning_tokens), (9, 4, 2));
    }
}
