//! Writes a request.

use serde::{Serialize, ser::SerializeMap, ser::Serializer as _};
use serde_json::{Map, Value, json, value::RawValue};

use crate::inference::{Message, Request, Sampling, Tool, ToolChoice};

/// What is asked for, beside the request itself.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub messages: &'a [Message],
    pub schema: Option<&'a RawValue>,
    /// The answer comes as the arguments of this tool.
    pub answer_tool: Option<&'a Tool>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Block<'a> {
    Text(&'a str),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: String,
        name: &'a str,
        input: &'a RawValue,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: String,
        content: Vec<Block<'a>>,
    },
}

/// The body of a request; the model stands in the address.
///
/// # Errors
/// Arguments of a call, or parameters of a tool, that are not JSON.
pub fn encode(request: &Request, ask: &Ask) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::new(&mut body);
    let mut map = writer.serialize_map(None)?;
    let is_system = |message: &&Message| ["system", "developer"].contains(&message.role.as_str());
    let system: Vec<Block> =
        ask.messages.iter().filter(is_system).map(|message| Block::Text(&message.content)).collect();
    if !system.is_empty() {
        map.serialize_entry("system", &system)?;
    }
    map.serialize_entry("messages", &turns(ask.messages.iter().filter(|message| !is_system(message)))?)?;
    let inference = inference(request);
    if !inference.is_empty() {
        map.serialize_entry("inferenceConfig", &inference)?;
    }
    if let Some(config) = tools(request, ask)? {
        map.serialize_entry("toolConfig", &config)?;
    }
    if let Some(schema) = ask.schema {
        let schema = json!({"name": "answer", "schema": schema.get()});
        let format = json!({"type": "json_schema", "structure": {"jsonSchema": schema}});
        map.serialize_entry("outputConfig", &json!({"textFormat": format}))?;
    }
    map.end()?;
    Ok(body)
}

/// Ids have at most 64 characters of a small set there; the same id becomes the same.
fn id(id: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    id.chars().map(|c| if fits(c) { c } else { '_' }).take(64).collect()
}

fn turns<'a>(messages: impl Iterator<Item = &'a Message>) -> Result<Vec<Turn<'a>>, serde_json::Error> {
    let mut turns: Vec<Turn> = Vec::new();
    for message in messages {
        let role = if message.role == "assistant" { "assistant" } else { "user" };
        let mut content = Vec::new();
        if message.role == "tool" {
            let tool_use_id = id(message.tool_call_id.as_deref().unwrap_or_default());
            content.push(Block::ToolResult { tool_use_id, content: vec![Block::Text(&message.content)] });
        } else if !message.content.is_empty() {
            content.push(Block::Text(&message.content));
        }
        for call in &message.tool_calls {
            let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
            let input = serde_json::from_str(arguments)?;
            content.push(Block::ToolUse { tool_use_id: id(&call.id), name: &call.name, input });
        }
        match turns.last_mut() {
            _ if content.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(content),
            _ => turns.push(Turn { role, content }),
        }
    }
    Ok(turns)
}

fn inference(request: &Request) -> Map<String, Value> {
    let (sampling, default) = (&request.sampling, Sampling::default());
    let mut config = Map::new();
    if let Some(most) = request.output.max_tokens {
        config.insert("maxTokens".to_owned(), most.into());
    }
    if !request.output.stop.is_empty() {
        config.insert("stopSequences".to_owned(), json!(request.output.stop));
    }
    if sampling.temperature != default.temperature {
        config.insert("temperature".to_owned(), json!(sampling.temperature));
    }
    if sampling.top_p != default.top_p {
        config.insert("topP".to_owned(), json!(sampling.top_p));
    }
    config
}

fn tools(request: &Request, ask: &Ask) -> Result<Option<Value>, serde_json::Error> {
    let spec = |tool: &Tool| -> Result<Value, serde_json::Error> {
        let none = r#"{"type":"object","properties":{}}"#;
        let parameters: Value = serde_json::from_str(tool.parameters.as_deref().unwrap_or(none))?;
        let mut spec = json!({"name": tool.name, "inputSchema": {"json": parameters}});
        // An empty description is refused.
        if let Some(description) = tool.description.as_deref().filter(|text| !text.is_empty()) {
            spec["description"] = description.into();
        }
        Ok(json!({"toolSpec": spec}))
    };
    if let Some(tool) = ask.answer_tool {
        return Ok(Some(json!({"tools": [spec(tool)?], "toolChoice": {"tool": {"name": tool.name}}})));
    }
    let wanted = &request.tools;
    if wanted.list.is_empty() {
        return Ok(None);
    }
    let list: Vec<Value> = wanted.list.iter().map(spec).collect::<Result<_, _>>()?;
    Ok(Some(match &wanted.choice {
        // There is no way to say none; a call that comes all the same is not taken.
        ToolChoice::None | ToolChoice::Auto => json!({"tools": list, "toolChoice": {"auto": {}}}),
        ToolChoice::Required => json!({"tools": list, "toolChoice": {"any": {}}}),
        ToolChoice::Named(name) => json!({"tools": list, "toolChoice": {"tool": {"name": name}}}),
    }))
}
