//! Writes a request.

use serde::{Serialize, ser::SerializeMap, ser::Serializer as _};
use serde_json::{json, value::RawValue};

use crate::inference::{Message, Request, Sampling, ToolChoice};

/// The form of the answer.
#[derive(Clone, Copy)]
pub enum Form<'a> {
    Any,
    Json,
    Schema(&'a RawValue),
}

/// What is asked for, beside the request itself.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub model: &'a str,
    pub stream: bool,
    pub messages: &'a [Message],
    pub form: Form<'a>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'a str,
    content: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a RawValue,
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a RawValue,
}

/// The body of a request.
///
/// # Errors
/// Arguments of a call, or parameters of a tool, that are not JSON.
pub fn encode(request: &Request, ask: &Ask) -> Result<Vec<u8>, serde_json::Error> {
    const NONE: &str = r#"{"type":"object","properties":{}}"#;
    let mut body = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::new(&mut body);
    let mut map = writer.serialize_map(None)?;
    map.serialize_entry("model", ask.model)?;
    let messages: Vec<WireMessage> =
        ask.messages.iter().map(|message| wire_message(message, ask.messages)).collect::<Result<_, _>>()?;
    map.serialize_entry("messages", &messages)?;
    if request.tools.choice != ToolChoice::None && !request.tools.list.is_empty() {
        let mut tools = Vec::new();
        for tool in &request.tools.list {
            let parameters = serde_json::from_str(tool.parameters.as_deref().unwrap_or(NONE))?;
            let (name, description) = (&tool.name, tool.description.as_deref());
            tools.push(WireTool { r#type: "function", function: Function { name, description, parameters } });
        }
        map.serialize_entry("tools", &tools)?;
    }
    match ask.form {
        Form::Any => {}
        Form::Json => map.serialize_entry("format", "json")?,
        Form::Schema(schema) => map.serialize_entry("format", schema)?,
    }
    map.serialize_entry("options", &options(request))?;
    map.serialize_entry("stream", &ask.stream)?;
    map.end()?;
    Ok(body)
}

fn wire_message<'a>(message: &'a Message, all: &'a [Message]) -> Result<WireMessage<'a>, serde_json::Error> {
    let mut tool_calls = Vec::new();
    for call in &message.tool_calls {
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
        tool_calls
            .push(WireCall { function: Called { name: &call.name, arguments: serde_json::from_str(arguments)? } });
    }
    let id = message.tool_call_id.as_deref();
    let called = || all.iter().flat_map(|message| &message.tool_calls).find(|call| Some(call.id.as_str()) == id);
    let tool_name = (message.role == "tool").then(called).flatten().map(|call| call.name.as_str());
    let role = if message.role == "developer" { "system" } else { &*message.role };
    Ok(WireMessage { role, content: &message.content, tool_calls, tool_name })
}

fn options(request: &Request) -> serde_json::Map<String, serde_json::Value> {
    let (sampling, default) = (&request.sampling, Sampling::default());
    let mut options = serde_json::Map::new();
    // Its own default is the model file's.
    options.insert("temperature".to_owned(), json!(sampling.temperature));
    options.insert("top_p".to_owned(), json!(sampling.top_p));
    for (name, value, default) in sampling.extras() {
        if value != default {
            let name = if name == "repetition_penalty" { "repeat_penalty" } else { name };
            options.insert(name.to_owned(), json!(value));
        }
    }
    if sampling.top_k != default.top_k {
        options.insert("top_k".to_owned(), json!(sampling.top_k));
    }
    if let Some(seed) = sampling.seed {
        options.insert("seed".to_owned(), json!(seed));
    }
    if let Some(most) = request.output.max_tokens {
        options.insert("num_predict".to_owned(), json!(most));
    }
    if !request.output.stop.is_empty() {
        options.insert("stop".to_owned(), json!(request.output.stop));
    }
    options
}
