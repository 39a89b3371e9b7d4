//! What chat and completions answers have in common.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::inference::{CallPiece, Failure, FinishReason, Receipt, TokenLogprob, Update, Usage};

/// An answer gathered in one piece.
#[derive(Debug)]
pub struct Whole {
    pub choices: Vec<Choice>,
    pub usage: Usage,
    pub receipt: Option<Receipt>,
}

/// One of the choices.
#[derive(Debug, Default)]
pub struct Choice {
    pub text: String,
    /// What the model thought before it answered.
    pub thought: String,
    /// The words with which the model declined.
    pub refusal: Option<String>,
    /// Each with its index, id, name and all of its arguments.
    pub calls: Vec<CallPiece>,
    /// Present iff they were asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
    pub reason: Option<FinishReason>,
}

impl Whole {
    pub fn new(choices: u32, logprobs: bool) -> Self {
        let choice = || Choice { logprobs: logprobs.then(Vec::new), ..Choice::default() };
        let choices = std::iter::repeat_with(choice).take(choices as usize).collect();
        Self { choices, usage: Usage::default(), receipt: None }
    }

    /// Takes the next step of the answer.
    ///
    /// # Errors
    /// The failure that the step reports, with the receipt.
    pub fn take(&mut self, update: Update) -> Result<(), (Failure, Option<Box<Receipt>>)> {
        match update {
            Update::Started => {}
            Update::Text { choice, text, logprobs } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    choice.text.push_str(&text);
                    if let Some(all) = &mut choice.logprobs {
                        all.extend(logprobs);
                    }
                }
            }
            Update::Thought { choice, text } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    choice.thought.push_str(&text);
                }
            }
            Update::Refusal { choice, text } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    choice.refusal.get_or_insert_default().push_str(&text);
                }
            }
            Update::Call { choice, piece } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    match choice.calls.iter_mut().find(|call| call.index == piece.index) {
                        Some(call) => call.arguments.push_str(&piece.arguments),
                        None => choice.calls.push(piece),
                    }
                }
            }
            Update::Finished { choice, reason, receipt } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    choice.reason = Some(reason);
                }
                self.receipt = receipt.map(|receipt| *receipt).or_else(|| self.receipt.take());
            }
            Update::Done { usage } => self.usage = usage,
            Update::Failed { failure, receipt } => return Err((failure, receipt)),
        }
        Ok(())
    }
}

pub(super) fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

/// Tokens read and written, as OpenAI counts them.
#[derive(Debug, Serialize)]
pub struct WireUsage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u32,
    audio_tokens: u32,
}

#[derive(Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u32,
    audio_tokens: u32,
    accepted_prediction_tokens: u32,
    rejected_prediction_tokens: u32,
}

impl From<Usage> for WireUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens + usage.completion_tokens,
            prompt_tokens_details: PromptDetails { cached_tokens: usage.cached_tokens, audio_tokens: 0 },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning_tokens,
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}

/// Log-probabilities as chat answers have them.
#[derive(Debug, Serialize)]
pub(super) struct ChatLogprobs {
    content: Vec<ChatToken>,
    refusal: Option<()>,
}

#[derive(Debug, Serialize)]
struct ChatToken {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<Vec<ChatToken>>,
}

impl ChatLogprobs {
    pub(super) fn new(tokens: &[TokenLogprob]) -> Self {
        let token = |bytes: &[u8], logprob, top_logprobs| ChatToken {
            token: String::from_utf8_lossy(bytes).into_owned(),
            logprob: finite(logprob),
            bytes: bytes.to_vec(),
            top_logprobs,
        };
        let content = tokens.iter().map(|chosen| {
            let top = chosen.top.iter().map(|(_, bytes, logprob)| token(bytes, *logprob, None)).collect();
            token(&chosen.bytes, chosen.logprob, Some(top))
        });
        Self { content: content.collect(), refusal: None }
    }
}

/// Log-probabilities as the older completions have them.
#[derive(Debug, Serialize)]
pub(super) struct CompletionLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<Map<String, Value>>,
    text_offset: Vec<usize>,
}

impl CompletionLogprobs {
    /// `offset`: code points of the choice's text before these tokens.
    pub(super) fn new(tokens: &[TokenLogprob], mut offset: usize) -> Self {
        let mut all = Self { tokens: vec![], token_logprobs: vec![], top_logprobs: vec![], text_offset: vec![] };
        for chosen in tokens {
            let text = String::from_utf8_lossy(&chosen.bytes).into_owned();
            all.text_offset.push(offset);
            offset += text.chars().count();
            all.tokens.push(text);
            all.token_logprobs.push(finite(chosen.logprob));
            // Tokens with equal text become one entry, the likeliest.
            let mut top: Map<String, Value> = Map::new();
            for (_, bytes, logprob) in &chosen.top {
                let text = String::from_utf8_lossy(bytes).into_owned();
                if !top.contains_key(&text) {
                    top.insert(text, finite(*logprob).into());
                }
            }
            all.top_logprobs.push(top);
        }
        all
    }
}

/// JSON has no infinity: a token of probability 0 gets OpenAI's stand-in.
fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { -9999.0 }
}
