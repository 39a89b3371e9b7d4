//! `POST /v1/completions`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Call, Dialect, Head, Whole, WireUsage,
    answer::{CompletionLogprobs, reason},
    chat::stream,
    constraint, json, sampling,
};
use crate::{
    inference::{CallPiece, Failure, FinishReason, Prompt, Receipt, Request, TokenLogprob, Tools, Usage},
    wire::Fields,
};

/// The older endpoint, which continues a text.
pub struct Completions;

/// OpenAI allows 5; as many as the chat endpoint does no harm.
const MOST_LOGPROBS: i64 = 20;

impl Dialect for Completions {
    const ID_PREFIX: &'static str = "cmpl-";

    fn read(body: &[u8], id: &str) -> Result<Call, Failure> {
        let fields = Fields::of_body(body)?;
        let demand = constraint::read(&fields)?;
        let mut output = sampling::output(&fields)?;
        output.logprobs = fields.integer("logprobs", 0..=MOST_LOGPROBS)?.map(|top| top as u8);
        output.echo = fields.boolean("echo")?.unwrap_or(false);
        if output.echo && demand.constraint.is_some() {
            return Err(fields.invalid("echo", "the prompt cannot be a part of a constrained answer"));
        }
        if fields.integer("best_of", 1..=128)?.is_some_and(|best| best != i64::from(output.choices)) {
            return Err(unsupported(&fields, "best_of"));
        }
        if fields.string("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
            return Err(unsupported(&fields, "suffix"));
        }
        let (stream, include_usage) = stream(&fields)?;
        let request = Request {
            id: id.to_owned(),
            model: fields.string("model")?.unwrap_or_default(),
            prompt: prompt(&fields)?,
            constraint: demand.constraint,
            policy: demand.policy,
            sampling: sampling::sampling(&fields)?,
            output,
            tools: Tools::default(),
            delivery: demand.delivery.of(stream),
            max_attempts: demand.max_attempts,
            allow_completion: demand.allow_completion,
        };
        Ok(Call { request, stream, include_usage, constraint_param: demand.param, custom: Vec::new() })
    }

    fn opening(_head: &Head, _choice: u32, _usage_follows: bool) -> Option<String> {
        None
    }

    fn delta(
        head: &Head,
        choice: u32,
        text: &str,
        logprobs: Option<(&[TokenLogprob], usize)>,
        usage_follows: bool,
    ) -> String {
        let logprobs = logprobs.map(|(tokens, offset)| CompletionLogprobs::new(tokens, offset));
        let choice = WireChoice { text, index: choice, logprobs, finish_reason: None };
        json(&Completion::new(head, vec![choice], usage_follows.then_some(None), None))
    }

    /// The older endpoint has no tools.
    fn thought(head: &Head, choice: u32, _text: &str, usage_follows: bool) -> String {
        Self::delta(head, choice, "", None, usage_follows)
    }

    fn call(head: &Head, choice: u32, _piece: &CallPiece, _is_custom: bool, usage_follows: bool) -> String {
        Self::delta(head, choice, "", None, usage_follows)
    }

    /// The older endpoint has one kind of text.
    fn refusal(head: &Head, choice: u32, text: &str, usage_follows: bool) -> String {
        Self::delta(head, choice, text, None, usage_follows)
    }

    fn finish(head: &Head, choice: u32, end: FinishReason, receipt: Option<&Receipt>, usage_follows: bool) -> String {
        let choice = WireChoice { text: "", index: choice, logprobs: None, finish_reason: Some(reason(end)) };
        json(&Completion::new(head, vec![choice], usage_follows.then_some(None), receipt))
    }

    fn usage(head: &Head, usage: Usage) -> String {
        json(&Completion::new(head, Vec::new(), Some(Some(usage.into())), None))
    }

    fn whole(head: &Head, answer: &Whole) -> String {
        let choices = answer.choices.iter().zip(0..).map(|(choice, index)| WireChoice {
            text: &choice.text,
            index,
            logprobs: choice.logprobs.as_deref().map(|tokens| CompletionLogprobs::new(tokens, 0)),
            finish_reason: choice.reason.map(reason),
        });
        json(&Completion::new(head, choices.collect(), Some(Some(answer.usage.into())), answer.receipt.as_ref()))
    }
}

/// A text, token ids, or a list with exactly one of them.
fn prompt(fields: &Fields) -> Result<Prompt, Failure> {
    const EXPECTED: &str = "a text, a list of token ids, or a list with one of them";
    let raw = fields.raw("prompt").ok_or_else(|| fields.missing("prompt"))?;
    if raw.get().starts_with('"') {
        return Ok(Prompt::Text(fields.string("prompt")?.unwrap_or_default()));
    }
    if !raw.get().starts_with('[') {
        return Err(fields.wrong_type("prompt", EXPECTED));
    }
    let items = fields.read::<Vec<&RawValue>>("prompt")?.unwrap_or_default();
    match items.first().map(|item| item.get()) {
        None => Err(fields.invalid("prompt", "is empty")),
        Some(first) if first.starts_with(['"', '[']) && items.len() > 1 => {
            let message = format!("one prompt a request, not {}; send a request for each", items.len());
            Err(fields.invalid("prompt", &message).coded("unsupported_value"))
        }
        Some(text) if text.starts_with('"') => {
            let [text] = fields.read::<[String; 1]>("prompt")?.unwrap_or_default();
            Ok(Prompt::Text(text))
        }
        Some(text) if text.starts_with('[') => {
            let [tokens] = fields.read::<[Vec<u32>; 1]>("prompt")?.unwrap_or_default();
            Ok(Prompt::Tokens(tokens))
        }
        Some(_) => Ok(Prompt::Tokens(fields.read::<Vec<u32>>("prompt")?.unwrap_or_default())),
    }
}

fn unsupported(fields: &Fields, name: &str) -> Failure {
    fields.invalid(name, "not supported by this version").coded("unsupported_parameter")
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: &'a str,
    choices: Vec<WireChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WireUsage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    espalier: Option<&'a Receipt>,
}

#[derive(Serialize)]
struct WireChoice<'a> {
    text: &'a str,
    index: u32,
    logprobs: Option<CompletionLogprobs>,
    finish_reason: Option<&'static str>,
}

impl<'a> Completion<'a> {
    fn new(
        head: &'a Head,
        choices: Vec<WireChoice<'a>>,
        usage: Option<Option<WireUsage>>,
        espalier: Option<&'a Receipt>,
    ) -> Self {
        let Head { id, created, model, fingerprint, custom: _ } = head;
        Self {
            id,
            object: "text_completion",
            created: *created,
            model,
            system_fingerprint: fingerprint,
            choices,
            usage,
            espalier,
        }
    }
}
