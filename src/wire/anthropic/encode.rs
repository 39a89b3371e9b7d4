//! Writes a request.

use std::sync::Arc;

use serde::{Serialize, ser::SerializeMap, ser::Serializer as _};
use serde_json::{Map, Value, json, value::RawValue};

use crate::inference::{Message, Request, Sampling, Tool, ToolChoice};

/// Where the protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// At the vendor's own address: the model stands in the body, the version in a header.
    Directly,
    /// Within another cloud: the model stands in the address, the version in the body.
    Within(&'static str),
}

/// What is asked for, beside the request itself.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub model: &'a str,
    pub spoken: Spoken,
    pub stream: bool,
    pub messages: &'a [Message],
    pub schema: Option<&'a RawValue>,
    /// The answer comes as the arguments of this tool.
    pub answer_tool: Option<&'a Tool>,
    pub strict_tools: &'a [Option<Arc<RawValue>>],
}

/// `max_tokens` of a request that sets none: the protocol has no "as many as there are".
const MOST_TOKENS: u32 = 8192;

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: &'a RawValue },
    ToolResult { tool_use_id: &'a str, content: &'a str },
}

#[derive(Serialize)]
struct WireTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

/// The body of a request.
///
/// # Errors
/// Arguments of a call, or parameters of a tool, that are not JSON.
pub fn encode(request: &Request, ask: &Ask) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::new(&mut body);
    let mut map = writer.serialize_map(None)?;
    match ask.spoken {
        Spoken::Directly => map.serialize_entry("model", ask.model)?,
        Spoken::Within(version) => map.serialize_entry("anthropic_version", version)?,
    }
    map.serialize_entry("max_tokens", &request.output.max_tokens.unwrap_or(MOST_TOKENS))?;
    let is_system = |message: &&Message| ["system", "developer"].contains(&message.role.as_str());
    let system: Vec<&str> = ask.messages.iter().filter(is_system).map(|message| message.content.as_str()).collect();
    if !system.is_empty() {
        map.serialize_entry("system", &system.join("\n\n"))?;
    }
    map.serialize_entry("messages", &turns(ask.messages.iter().filter(|message| !is_system(message)))?)?;
    if !request.output.stop.is_empty() {
        map.serialize_entry("stop_sequences", &request.output.stop)?;
    }
    let (sampling, default) = (&request.sampling, Sampling::default());
    if sampling.temperature != default.temperature {
        map.serialize_entry("temperature", &sampling.temperature)?;
    }
    if sampling.top_p != default.top_p {
        map.serialize_entry("top_p", &sampling.top_p)?;
    }
    if sampling.top_k != default.top_k {
        map.serialize_entry("top_k", &sampling.top_k)?;
    }
    tools(&mut map, request, ask)?;
    if let Some(schema) = ask.schema {
        map.serialize_entry("output_config", &OutputConfig { format: Format { kind: "json_schema", schema } })?;
    }
    if ask.stream {
        map.serialize_entry("stream", &true)?;
    }
    map.end()?;
    Ok(body)
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a RawValue,
}

/// Turns of user and assistant by turns: neighbours of the same role become one.
fn turns<'a>(messages: impl Iterator<Item = &'a Message>) -> Result<Vec<Turn<'a>>, serde_json::Error> {
    let mut turns: Vec<Turn> = Vec::new();
    for message in messages {
        let role = if message.role == "assistant" { "assistant" } else { "user" };
        let mut content = Vec::new();
        if message.role == "tool" {
            let tool_use_id = message.tool_call_id.as_deref().unwrap_or_default();
            content.push(Block::ToolResult { tool_use_id, content: &message.content });
        } else if !message.content.is_empty() {
            content.push(Block::Text { text: &message.content });
        }
        for call in &message.tool_calls {
            let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
            content.push(Block::ToolUse { id: &call.id, name: &call.name, input: serde_json::from_str(arguments)? });
        }
        match turns.last_mut() {
            _ if content.is_empty() => {} // an empty text is refused there
            Some(last) if last.role == role => last.content.extend(content),
            _ => turns.push(Turn { role, content }),
        }
    }
    Ok(turns)
}

fn tools<M: SerializeMap<Error = serde_json::Error>>(
    map: &mut M,
    request: &Request,
    ask: &Ask,
) -> Result<(), M::Error> {
    if let Some(tool) = ask.answer_tool {
        map.serialize_entry("tools", &[wire_tool(tool, None)?])?;
        return map.serialize_entry("tool_choice", &json!({"type": "tool", "name": tool.name}));
    }
    let wanted = &request.tools;
    if wanted.list.is_empty() {
        return Ok(());
    }
    let lowered = |index: usize| ask.strict_tools.get(index).and_then(Option::as_deref);
    let list: Result<Vec<WireTool>, _> =
        wanted.list.iter().enumerate().map(|(index, tool)| wire_tool(tool, lowered(index))).collect();
    map.serialize_entry("tools", &list?)?;
    let mut choice = Map::new();
    let (kind, name) = match &wanted.choice {
        ToolChoice::None => ("none", None),
        ToolChoice::Auto => ("auto", None),
        ToolChoice::Required => ("any", None),
        ToolChoice::Named(name) => ("tool", Some(name)),
    };
    choice.insert("type".to_owned(), kind.into());
    choice.extend(name.map(|name| ("name".to_owned(), Value::from(name.as_str()))));
    if !wanted.parallel && wanted.choice != ToolChoice::None {
        choice.insert("disable_parallel_tool_use".to_owned(), true.into());
    }
    map.serialize_entry("tool_choice", &choice)
}

fn wire_tool<'a>(tool: &'a Tool, lowered: Option<&'a RawValue>) -> Result<WireTool<'a>, serde_json::Error> {
    const NONE: &str = r#"{"type":"object","properties":{}}"#;
    let own = serde_json::from_str(tool.parameters.as_deref().unwrap_or(NONE))?;
    let input_schema = Some(lowered.unwrap_or(own));
    Ok(WireTool { name: &tool.name, description: tool.description.as_deref(), input_schema, strict: lowered.is_some() })
}
