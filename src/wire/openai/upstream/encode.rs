//! Writes a request.

use serde::{Serialize, ser::SerializeMap, ser::Serializer as _};
use serde_json::value::RawValue;

use crate::inference::{Message, Request, Sampling, Tool, ToolChoice};

/// What one host takes, and under which names.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub max_tokens: &'static str,
    pub seed: &'static str,
    /// The word for "some tool must be called".
    pub required: &'static str,
    /// A tool can be named in `tool_choice`; elsewhere it is the only one sent.
    pub named_choice: bool,
    /// The role `developer`; elsewhere `system` says the same.
    pub developer: bool,
    /// `stream_options.include_usage`.
    pub stream_usage: bool,
    pub parallel_calls: bool,
    /// A tool without parameters has to say so with an empty schema.
    pub needs_parameters: bool,
    /// `strict` beside a tool's parameters and a schema.
    pub strict: bool,
    /// Members that every request has, as JSON without its braces.
    pub extra: &'static str,
    /// Sampling parameters beside `temperature`, `top_p` and `seed`.
    pub sampling: &'static [&'static str],
    /// The temperature of a request without one is 1, as it is here.
    pub default_temperature: bool,
}

/// What is asked for, beside the request itself.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub model: &'a str,
    pub stream: bool,
    pub messages: &'a [Message],
    /// The schema for the host's structured mode.
    pub schema: Option<&'a RawValue>,
    /// Any JSON object.
    pub json_object: bool,
    /// The answer comes as the arguments of this tool.
    pub answer_tool: Option<&'a Tool>,
    /// Tools whose parameters the host takes as strict ones, by their place.
    pub strict_tools: &'a [Option<std::sync::Arc<RawValue>>],
    /// The last message is the beginning of the answer, and says so.
    pub is_begun: bool,
    /// Members that this request has, as JSON without its braces.
    pub extra: &'a str,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'a str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    prefix: bool,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// The body of a request. Numbers and texts go through as they were read.
///
/// # Errors
/// A tool whose parameters are not JSON; callers are refused long before.
pub fn encode(request: &Request, ask: &Ask, shape: &Shape) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::new(&mut body);
    let mut map = writer.serialize_map(None)?;
    map.serialize_entry("model", ask.model)?;
    let mut messages: Vec<WireMessage> = ask.messages.iter().map(|message| wire_message(message, shape)).collect();
    if let Some(last) = messages.last_mut() {
        last.prefix = ask.is_begun;
    }
    map.serialize_entry("messages", &messages)?;
    if let Some(most) = request.output.max_tokens {
        map.serialize_entry(shape.max_tokens, &most)?;
    }
    if !request.output.stop.is_empty() {
        map.serialize_entry("stop", &request.output.stop)?;
    }
    if request.output.choices > 1 {
        map.serialize_entry("n", &request.output.choices)?;
    }
    sampling(&mut map, &request.sampling, shape)?;
    tools(&mut map, request, ask, shape)?;
    if let Some(schema) = ask.schema {
        map.serialize_entry("response_format", &SchemaFormat { schema, strict: shape.strict })?;
    } else if ask.json_object {
        map.serialize_entry("response_format", &serde_json::json!({"type": "json_object"}))?;
    }
    if ask.stream {
        map.serialize_entry("stream", &true)?;
        if shape.stream_usage {
            map.serialize_entry("stream_options", &serde_json::json!({"include_usage": true}))?;
        }
    }
    map.end()?;
    for extra in [shape.extra, ask.extra] {
        if !extra.is_empty() {
            body.pop();
            body.push(b',');
            body.extend_from_slice(extra.as_bytes());
            body.push(b'}');
        }
    }
    Ok(body)
}

impl<'a> Ask<'a> {
    /// Nothing said, nothing demanded.
    pub fn plain(model: &'a str, stream: bool) -> Self {
        Self {
            model,
            stream,
            messages: &[],
            schema: None,
            json_object: false,
            answer_tool: None,
            strict_tools: &[],
            is_begun: false,
            extra: "",
        }
    }
}

fn wire_message<'a>(message: &'a Message, shape: &Shape) -> WireMessage<'a> {
    let call = |call: &'a crate::inference::ToolCall| WireCall {
        id: &call.id,
        kind: "function",
        function: CalledFunction { name: &call.name, arguments: &call.arguments },
    };
    let silent = message.content.is_empty() && !message.tool_calls.is_empty();
    WireMessage {
        role: if message.role == "developer" && !shape.developer { "system" } else { &message.role },
        content: (!silent).then_some(&*message.content),
        name: message.name.as_deref(),
        tool_calls: message.tool_calls.iter().map(call).collect(),
        tool_call_id: message.tool_call_id.as_deref(),
        prefix: false,
    }
}

/// What differs from the defaults; a host has its own for the rest.
fn sampling<M: SerializeMap>(map: &mut M, sampling: &Sampling, shape: &Shape) -> Result<(), M::Error> {
    let default = Sampling::default();
    if sampling.temperature != default.temperature || !shape.default_temperature {
        map.serialize_entry("temperature", &sampling.temperature)?;
    }
    if sampling.top_p != default.top_p {
        map.serialize_entry("top_p", &sampling.top_p)?;
    }
    if let Some(seed) = sampling.seed {
        map.serialize_entry(shape.seed, &seed)?;
    }
    for (name, value, default) in sampling.extras() {
        if value != default {
            map.serialize_entry(name, &value)?;
        }
    }
    if sampling.top_k != default.top_k {
        map.serialize_entry("top_k", &sampling.top_k)?;
    }
    if !sampling.logit_bias.is_empty() {
        let biases: std::collections::BTreeMap<u32, f32> = sampling.logit_bias.iter().copied().collect();
        map.serialize_entry("logit_bias", &biases)?;
    }
    Ok(())
}

fn tools<M: SerializeMap<Error = serde_json::Error>>(
    map: &mut M,
    request: &Request,
    ask: &Ask,
    shape: &Shape,
) -> Result<(), M::Error> {
    if let Some(tool) = ask.answer_tool {
        let strict = shape.strict.then_some(true);
        map.serialize_entry("tools", &[wire_tool(tool, None, strict, shape)?])?;
        return match shape.named_choice {
            true => map.serialize_entry("tool_choice", &Named(&tool.name)),
            false => map.serialize_entry("tool_choice", shape.required),
        };
    }
    let wanted = &request.tools;
    if wanted.list.is_empty() {
        return Ok(());
    }
    let only = match &wanted.choice {
        ToolChoice::Named(name) if !shape.named_choice => Some(name),
        _ => None,
    };
    let mut list = Vec::with_capacity(wanted.list.len());
    for (index, tool) in wanted.list.iter().enumerate() {
        if only.is_none_or(|only| *only == tool.name) {
            let lowered = ask.strict_tools.get(index).and_then(Option::as_deref);
            let strict = (lowered.is_some() && shape.strict).then_some(true);
            list.push(wire_tool(tool, lowered, strict, shape)?);
        }
    }
    map.serialize_entry("tools", &list)?;
    match &wanted.choice {
        ToolChoice::None => map.serialize_entry("tool_choice", "none")?,
        ToolChoice::Auto => {}
        ToolChoice::Required => map.serialize_entry("tool_choice", shape.required)?,
        ToolChoice::Named(name) if shape.named_choice => map.serialize_entry("tool_choice", &Named(name))?,
        ToolChoice::Named(_) => map.serialize_entry("tool_choice", shape.required)?,
    }
    if !wanted.parallel && shape.parallel_calls {
        map.serialize_entry("parallel_tool_calls", &false)?;
    }
    Ok(())
}

fn wire_tool<'a>(
    tool: &'a Tool,
    lowered: Option<&'a RawValue>,
    strict: Option<bool>,
    shape: &Shape,
) -> Result<WireTool<'a>, serde_json::Error> {
    let empty = shape.needs_parameters.then_some(r#"{"type":"object","properties":{}}"#);
    let own = tool.parameters.as_deref().or(empty).map(serde_json::from_str::<&RawValue>).transpose()?;
    let parameters = lowered.or(own);
    let function = Function { name: &tool.name, description: tool.description.as_deref(), parameters, strict };
    Ok(WireTool { kind: "function", function })
}

struct Named<'a>(&'a str);

impl Serialize for Named<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({"type": "function", "function": {"name": self.0}}).serialize(serializer)
    }
}

struct SchemaFormat<'a> {
    schema: &'a RawValue,
    strict: bool,
}

impl Serialize for SchemaFormat<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Inner<'a> {
            name: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            strict: Option<bool>,
            schema: &'a RawValue,
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "json_schema")?;
        let strict = self.strict.then_some(true);
        map.serialize_entry("json_schema", &Inner { name: "answer", strict, schema: self.schema })?;
        map.end()
    }
}
