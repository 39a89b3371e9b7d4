//! Writes a request.

use std::sync::Arc;

use serde::{Serialize, ser::SerializeMap, ser::Serializer as _};
use serde_json::{json, value::RawValue};

use crate::inference::{Message, Request, Sampling, ToolChoice};

/// What is asked for, beside the request itself.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub model: &'a str,
    pub stream: bool,
    pub messages: &'a [Message],
    pub schema: Option<&'a RawValue>,
    pub json_object: bool,
    pub strict_tools: &'a [Option<Arc<RawValue>>],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Message { role: &'a str, content: &'a str },
    Call { r#type: &'static str, call_id: &'a str, name: &'a str, arguments: &'a str },
    Output { r#type: &'static str, call_id: &'a str, output: &'a str },
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a RawValue,
    strict: bool,
}

#[derive(Serialize)]
struct Text<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// The least that is taken for `max_output_tokens`.
pub const LEAST_TOKENS: u32 = 16;

/// The body of a request. Nothing is stored at the provider.
///
/// # Errors
/// Parameters of a tool that are not JSON.
pub fn encode(request: &Request, ask: &Ask) -> Result<Vec<u8>, serde_json::Error> {
    const NONE: &str = r#"{"type":"object","properties":{},"required":[],"additionalProperties":false}"#;
    let mut body = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::new(&mut body);
    let mut map = writer.serialize_map(None)?;
    map.serialize_entry("model", ask.model)?;
    map.serialize_entry("input", &ask.messages.iter().flat_map(items).collect::<Vec<_>>())?;
    map.serialize_entry("store", &false)?;
    if let Some(most) = request.output.max_tokens {
        map.serialize_entry("max_output_tokens", &most)?;
    }
    let (sampling, default) = (&request.sampling, Sampling::default());
    if sampling.temperature != default.temperature {
        map.serialize_entry("temperature", &sampling.temperature)?;
    }
    if sampling.top_p != default.top_p {
        map.serialize_entry("top_p", &sampling.top_p)?;
    }
    let wanted = &request.tools;
    if !wanted.list.is_empty() {
        let mut tools = Vec::new();
        for (index, tool) in wanted.list.iter().enumerate() {
            let lowered = ask.strict_tools.get(index).and_then(Option::as_deref);
            let own = serde_json::from_str(tool.parameters.as_deref().unwrap_or(NONE))?;
            let (name, description, strict) = (&*tool.name, tool.description.as_deref(), lowered.is_some());
            tools.push(WireTool { r#type: "function", name, description, parameters: lowered.unwrap_or(own), strict });
        }
        map.serialize_entry("tools", &tools)?;
        match &wanted.choice {
            ToolChoice::None => map.serialize_entry("tool_choice", "none")?,
            ToolChoice::Auto => {}
            ToolChoice::Required => map.serialize_entry("tool_choice", "required")?,
            ToolChoice::Named(name) => {
                map.serialize_entry("tool_choice", &json!({"type": "function", "name": name}))?
            }
        }
        if !wanted.parallel {
            map.serialize_entry("parallel_tool_calls", &false)?;
        }
    }
    let format = match ask.schema {
        Some(_) => Format { r#type: "json_schema", name: Some("answer"), schema: ask.schema, strict: Some(true) },
        None => Format { r#type: "json_object", name: None, schema: None, strict: None },
    };
    if ask.schema.is_some() || ask.json_object {
        map.serialize_entry("text", &Text { format })?;
    }
    if ask.stream {
        map.serialize_entry("stream", &true)?;
    }
    map.end()?;
    Ok(body)
}

fn items(message: &Message) -> Vec<Item<'_>> {
    if let (Some(call_id), "tool") = (&message.tool_call_id, message.role.as_str()) {
        return vec![Item::Output { r#type: "function_call_output", call_id, output: &message.content }];
    }
    let mut items = Vec::new();
    if !message.content.is_empty() || message.tool_calls.is_empty() {
        items.push(Item::Message { role: &message.role, content: &message.content });
    }
    items.extend(message.tool_calls.iter().map(|call| Item::Call {
        r#type: "function_call",
        call_id: &call.id,
        name: &call.name,
        arguments: &call.arguments,
    }));
    items
}
