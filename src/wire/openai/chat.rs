//! `POST /v1/chat/completions`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Call, Dialect, Head, Whole, WireUsage,
    answer::{ChatLogprobs, Choice, reason},
    constraint, custom, json, sampling, tools,
};
use crate::{
    inference::{
        CallPiece, Failure, FailureKind, FinishReason, Message, Prompt, Receipt, Request, TokenLogprob, Usage,
    },
    wire::Fields,
};

/// The chat endpoint.
pub struct Chat;

const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool"];
const MOST_TOP_LOGPROBS: i64 = 20;

#[derive(Deserialize)]
struct WireMessage<'a> {
    role: String,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    name: Option<String>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    tool_call_id: Option<String>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
}

impl Dialect for Chat {
    const ID_PREFIX: &'static str = "chatcmpl-";

    fn read(body: &[u8], id: &str) -> Result<Call, Failure> {
        let fields = Fields::of_body(body)?;
        refuse_what_is_not_built(&fields)?;
        let demand = constraint::read(&fields)?;
        let mut output = sampling::output(&fields)?;
        let top = fields.integer("top_logprobs", 0..=MOST_TOP_LOGPROBS)?;
        output.logprobs = match (fields.boolean("logprobs")?.unwrap_or(false), top) {
            (true, top) => Some(top.unwrap_or(0) as u8),
            (false, None | Some(0)) => None,
            (false, Some(_)) => return Err(fields.invalid("top_logprobs", "needs logprobs to be true")),
        };
        let (stream, include_usage) = stream(&fields)?;
        let (tools, custom) = tools::read(&fields)?;
        let request = Request {
            id: id.to_owned(),
            model: fields.string("model")?.unwrap_or_default(),
            prompt: Prompt::Chat(messages(&fields)?),
            constraint: demand.constraint,
            policy: demand.policy,
            sampling: sampling::sampling(&fields)?,
            output,
            tools,
            delivery: demand.delivery.of(stream),
            max_attempts: demand.max_attempts,
            allow_completion: demand.allow_completion,
        };
        Ok(Call { request, stream, include_usage, constraint_param: demand.param, custom })
    }

    fn opening(head: &Head, choice: u32, usage_follows: bool) -> Option<String> {
        let delta = Delta { role: Some("assistant"), content: Some(""), refusal: Some(None), ..Delta::default() };
        Some(chunk(head, choice, delta, None, None, None, usage_follows))
    }

    fn delta(
        head: &Head,
        choice: u32,
        text: &str,
        logprobs: Option<(&[TokenLogprob], usize)>,
        usage_follows: bool,
    ) -> String {
        let delta = Delta { content: Some(text), ..Delta::default() };
        let logprobs = logprobs.map(|(tokens, _)| ChatLogprobs::new(tokens));
        chunk(head, choice, delta, logprobs, None, None, usage_follows)
    }

    fn thought(head: &Head, choice: u32, text: &str, usage_follows: bool) -> String {
        let delta = Delta { reasoning_content: Some(text), ..Delta::default() };
        chunk(head, choice, delta, None, None, None, usage_follows)
    }

    fn call(head: &Head, choice: u32, piece: &CallPiece, is_custom: bool, usage_follows: bool) -> String {
        let CallPiece { index, id, name, arguments } = piece;
        let called = Called::new(is_custom, name.as_deref(), arguments.into());
        let call = DeltaCall { index: *index, id: id.as_deref(), kind: id.as_ref().map(|_| called.kind()), called };
        let delta = Delta { tool_calls: Some([call]), ..Delta::default() };
        chunk(head, choice, delta, None, None, None, usage_follows)
    }

    fn refusal(head: &Head, choice: u32, text: &str, usage_follows: bool) -> String {
        let delta = Delta { refusal: Some(Some(text)), ..Delta::default() };
        chunk(head, choice, delta, None, None, None, usage_follows)
    }

    fn finish(
        head: &Head,
        choice: u32,
        reason: FinishReason,
        receipt: Option<&Receipt>,
        usage_follows: bool,
    ) -> String {
        let delta = Delta::default();
        chunk(head, choice, delta, None, Some(reason), receipt, usage_follows)
    }

    fn usage(head: &Head, usage: Usage) -> String {
        json(&Chunk { usage: Some(Some(usage.into())), ..Chunk::new(head, Vec::new(), None, false) })
    }

    fn whole(head: &Head, answer: &Whole) -> String {
        let choice = |(index, choice)| WholeChoice::new(head, index, choice);
        let choices = answer.choices.iter().enumerate().map(choice).collect();
        json(&Completion {
            id: &head.id,
            object: "chat.completion",
            created: head.created,
            model: &head.model,
            system_fingerprint: &head.fingerprint,
            choices,
            usage: answer.usage.into(),
            espalier: answer.receipt.as_ref(),
        })
    }
}

/// `stream` and `stream_options`, the same for both endpoints.
pub(super) fn stream(fields: &Fields) -> Result<(bool, bool), Failure> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let Some(options) = fields.object("stream_options")? else { return Ok((stream, false)) };
    if !stream {
        return Err(fields.invalid("stream_options", "needs stream to be true"));
    }
    Ok((stream, options.boolean("include_usage")?.unwrap_or(false)))
}

fn refuse_what_is_not_built(fields: &Fields) -> Result<(), Failure> {
    let unused = fields.raw("function_call").is_some_and(|raw| raw.get() == "\"none\"");
    let empty = fields.read::<Vec<&RawValue>>("functions")?.is_none_or(|list| list.is_empty());
    if !empty && !unused {
        return Err(not_built(fields, "functions"));
    }
    let modalities = fields.read::<Vec<String>>("modalities")?.unwrap_or_default();
    match modalities.iter().any(|modality| modality != "text") || fields.raw("audio").is_some() {
        true => Err(not_built(fields, if fields.raw("audio").is_some() { "audio" } else { "modalities" })),
        false => Ok(()),
    }
}

fn not_built(fields: &Fields, name: &str) -> Failure {
    let message = "not supported by this version; it would otherwise be dropped silently";
    fields.invalid(name, message).coded("unsupported_parameter")
}

fn messages(fields: &Fields) -> Result<Vec<Message>, Failure> {
    let list = fields.read::<Vec<WireMessage>>("messages")?.ok_or_else(|| fields.missing("messages"))?;
    if list.is_empty() {
        return Err(fields.invalid("messages", "at least one message is needed"));
    }
    list.into_iter().enumerate().map(|(index, message)| read_message(index, message)).collect()
}

fn read_message(index: usize, message: WireMessage) -> Result<Message, Failure> {
    let bad = |field: &str, code: &str, what: String| {
        let path = format!("messages[{index}].{field}");
        Failure::new(FailureKind::BadRequest, format!("{path}: {what}")).about(path).coded(code)
    };
    if message.function_call.is_some_and(|call| call.get() != "null") {
        return Err(bad("function_call", "unsupported_parameter", "calls stand in tool_calls".into()));
    }
    let role = &*message.role;
    let tool_calls = tools::calls(message.tool_calls).map_err(|(code, what)| bad("tool_calls", code, what))?;
    if !tool_calls.is_empty() && role != "assistant" {
        return Err(bad("tool_calls", "invalid_value", "only the assistant calls tools".into()));
    }
    if role == "tool" && message.tool_call_id.is_none() {
        return Err(bad("tool_call_id", "missing_required_parameter", "is missing".into()));
    }
    if !ROLES.contains(&role) {
        return Err(bad("role", "invalid_value", format!("must be one of {}, not {role:?}", ROLES.join(", "))));
    }
    let content = match message.content.map(RawValue::get) {
        None | Some("null") if role == "assistant" => String::new(),
        None | Some("null") => return Err(bad("content", "missing_required_parameter", "is missing".into())),
        Some(text) if text.starts_with('"') => {
            serde_json::from_str(text).map_err(|error| bad("content", "invalid_type", error.to_string()))?
        }
        Some(text) if text.starts_with('[') => {
            let parts: Vec<Part> = serde_json::from_str(text).map_err(|error| {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default().to_owned();
                bad("content", "invalid_type", message)
            })?;
            let mut content = String::new();
            for (at, part) in parts.into_iter().enumerate() {
                content += &read_part(part).map_err(|(code, what)| bad(&format!("content[{at}]"), code, what))?;
            }
            content
        }
        Some(_) => return Err(bad("content", "invalid_type", "must be a string or a list of parts".into())),
    };
    Ok(Message { role: message.role, content, name: message.name, tool_calls, tool_call_id: message.tool_call_id })
}

fn read_part(part: Part) -> Result<String, (&'static str, String)> {
    let text = match &*part.kind {
        "text" | "input_text" | "output_text" => part.text,
        "refusal" => part.refusal,
        other => {
            let what = format!("parts of type {other:?} are not supported: the models here read text only");
            return Err(("unsupported_value", what));
        }
    };
    text.ok_or_else(|| ("missing_required_parameter", format!("a part of type {:?} needs its text", part.kind)))
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WholeChoice<'a>>,
    usage: WireUsage,
    system_fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    espalier: Option<&'a Receipt>,
}

#[derive(Serialize)]
struct WholeChoice<'a> {
    index: usize,
    message: Answer<'a>,
    logprobs: Option<ChatLogprobs>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Answer<'a> {
    role: &'static str,
    /// Null beside a refusal, and beside calls without a text.
    content: Option<&'a str>,
    /// As DeepSeek and the servers of open models have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    refusal: Option<&'a str>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'a>>,
}

#[derive(Serialize)]
struct WholeCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    called: Called<'a>,
}

impl<'a> WholeChoice<'a> {
    fn new(head: &Head, index: usize, choice: &'a Choice) -> Self {
        let call = |call: &'a CallPiece| {
            let name = call.name.as_deref();
            let is_custom = name.is_some_and(|name| head.custom.iter().any(|custom| custom == name));
            let text = if is_custom { custom::input_of(&call.arguments).into() } else { Cow::from(&call.arguments) };
            let called = Called::new(is_custom, name, text);
            WholeCall { id: call.id.as_deref().unwrap_or_default(), kind: called.kind(), called }
        };
        let silent = choice.text.is_empty() && (choice.refusal.is_some() || !choice.calls.is_empty());
        Self {
            index,
            message: Answer {
                role: "assistant",
                content: (!silent && choice.refusal.is_none()).then_some(&*choice.text),
                reasoning_content: Some(&*choice.thought).filter(|thought| !thought.is_empty()),
                refusal: choice.refusal.as_deref(),
                annotations: [],
                tool_calls: choice.calls.iter().map(call).collect(),
            },
            logprobs: choice.logprobs.as_deref().map(ChatLogprobs::new),
            finish_reason: choice.reason.map(reason),
        }
    }
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: &'a str,
    choices: Vec<ChunkChoice<'a>>,
    /// Null on all chunks but the last when usage was asked for; else not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WireUsage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    espalier: Option<&'a Receipt>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<ChatLogprobs>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    /// `null` where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[DeltaCall<'a>; 1]>,
}

/// A piece of a call; id, type and name stand in the first one.
#[derive(Serialize)]
struct DeltaCall<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(flatten)]
    called: Called<'a>,
}

/// What is called, and with what.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Called<'a> {
    Function {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        arguments: Cow<'a, str>,
    },
    Custom {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        input: Cow<'a, str>,
    },
}

impl<'a> Called<'a> {
    fn new(is_custom: bool, name: Option<&'a str>, text: Cow<'a, str>) -> Self {
        if is_custom { Self::Custom { name, input: text } } else { Self::Function { name, arguments: text } }
    }

    fn kind(&self) -> &'static str {
        if matches!(self, Self::Custom { .. }) { "custom" } else { "function" }
    }
}

impl<'a> Chunk<'a> {
    fn new(head: &'a Head, choices: Vec<ChunkChoice<'a>>, receipt: Option<&'a Receipt>, usage_follows: bool) -> Self {
        Self {
            id: &head.id,
            object: "chat.completion.chunk",
            created: head.created,
            model: &head.model,
            system_fingerprint: &head.fingerprint,
            choices,
            usage: usage_follows.then_some(None),
            espalier: receipt,
        }
    }
}

fn chunk(
    head: &Head,
    index: u32,
    delta: Delta,
    logprobs: Option<ChatLogprobs>,
    finish: Option<FinishReason>,
    receipt: Option<&Receipt>,
    usage_follows: bool,
) -> String {
    let choice = ChunkChoice { index, delta, logprobs, finish_reason: finish.map(reason) };
    json(&Chunk::new(head, vec![choice], receipt, usage_follows))
}
