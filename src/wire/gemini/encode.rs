//! Writes a request.

use serde::{Serialize, ser::SerializeMap, ser::Serializer as _};
use serde_json::{Value, json, value::RawValue};

use crate::inference::{Message, Request, Sampling, Tool, ToolChoice};

/// What is asked for, beside the request itself.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub messages: &'a [Message],
    pub schema: Option<&'a RawValue>,
    /// JSON of any form.
    pub json: bool,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Called<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'static str>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    args: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a RawValue>,
}

/// Newer models refuse calls in a conversation that lack the signature of the thought behind them. A conversation that
/// comes through another protocol has none; this word is the documented way to say so.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The body of a request.
///
/// # Errors
/// Arguments of a call, or parameters of a tool, that are not JSON.
pub fn encode(request: &Request, ask: &Ask) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::new(&mut body);
    let mut map = writer.serialize_map(None)?;
    let is_system = |message: &&Message| ["system", "developer"].contains(&message.role.as_str());
    let system: Vec<&str> = ask.messages.iter().filter(is_system).map(|message| message.content.as_str()).collect();
    if !system.is_empty() {
        map.serialize_entry("systemInstruction", &json!({"parts": [{"text": system.join("\n\n")}]}))?;
    }
    map.serialize_entry("contents", &turns(ask.messages)?)?;
    tools(&mut map, request)?;
    map.serialize_entry("generationConfig", &Generation { request, ask })?;
    map.end()?;
    Ok(body)
}

fn turns(messages: &[Message]) -> Result<Vec<Turn<'_>>, serde_json::Error> {
    let mut turns: Vec<Turn> = Vec::new();
    for message in messages {
        let (role, parts) = match message.role.as_str() {
            "system" | "developer" => continue,
            "assistant" => ("model", own_parts(message)?),
            "tool" => ("user", vec![tool_part(message, messages)]),
            _ => ("user", vec![Part { text: Some(&message.content), ..Part::default() }]),
        };
        match turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == role => last.parts.extend(parts),
            _ => turns.push(Turn { role, parts }),
        }
    }
    Ok(turns)
}

fn own_parts(message: &Message) -> Result<Vec<Part<'_>>, serde_json::Error> {
    let mut parts = Vec::new();
    if !message.content.is_empty() {
        parts.push(Part { text: Some(&message.content), ..Part::default() });
    }
    for call in &message.tool_calls {
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
        let called = Called { name: &call.name, args: serde_json::from_str(arguments)? };
        parts.push(Part { function_call: Some(called), thought_signature: Some(NO_SIGNATURE), ..Part::default() });
    }
    Ok(parts)
}

/// An answer names its tool, which stands with the call, and is an object.
fn tool_part<'a>(message: &'a Message, all: &[Message]) -> Part<'a> {
    let id = message.tool_call_id.as_deref();
    let call = all.iter().flat_map(|message| &message.tool_calls).find(|call| Some(call.id.as_str()) == id);
    let name = call.map_or_else(|| message.name.as_deref().unwrap_or("unknown"), |call| &call.name);
    let response = match serde_json::from_str::<Value>(&message.content) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({"result": message.content}),
    };
    Part { function_response: Some(json!({"name": name, "response": response})), ..Part::default() }
}

fn tools<M: SerializeMap<Error = serde_json::Error>>(map: &mut M, request: &Request) -> Result<(), M::Error> {
    let wanted = &request.tools;
    if wanted.list.is_empty() {
        return Ok(());
    }
    let declaration = |tool: &Tool| -> Result<Value, serde_json::Error> {
        let parameters = tool.parameters.as_deref().map(serde_json::from_str).transpose()?;
        let (name, description) = (&tool.name, tool.description.as_deref());
        serde_json::to_value(Declaration { name, description, parameters_json_schema: parameters })
    };
    let declarations: Vec<Value> = wanted.list.iter().map(declaration).collect::<Result<_, _>>()?;
    map.serialize_entry("tools", &json!([{"functionDeclarations": declarations}]))?;
    let config = match &wanted.choice {
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    };
    map.serialize_entry("toolConfig", &json!({"functionCallingConfig": config}))
}

struct Generation<'a> {
    request: &'a Request,
    ask: &'a Ask<'a>,
}

impl Serialize for Generation<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (sampling, output, default) = (&self.request.sampling, &self.request.output, Sampling::default());
        let mut map = serializer.serialize_map(None)?;
        if let Some(most) = output.max_tokens {
            map.serialize_entry("maxOutputTokens", &most)?;
        }
        if !output.stop.is_empty() {
            map.serialize_entry("stopSequences", &output.stop)?;
        }
        for (name, value, default) in [
            ("temperature", sampling.temperature, default.temperature),
            ("topP", sampling.top_p, default.top_p),
            ("presencePenalty", sampling.presence_penalty, default.presence_penalty),
            ("frequencyPenalty", sampling.frequency_penalty, default.frequency_penalty),
        ] {
            if value != default {
                map.serialize_entry(name, &value)?;
            }
        }
        if sampling.top_k != default.top_k {
            map.serialize_entry("topK", &sampling.top_k)?;
        }
        if let Some(seed) = sampling.seed {
            map.serialize_entry("seed", &(seed as i32))?; // 32 bits there
        }
        if self.ask.json || self.ask.schema.is_some() {
            map.serialize_entry("responseMimeType", "application/json")?;
        }
        if let Some(schema) = self.ask.schema {
            map.serialize_entry("responseJsonSchema", schema)?;
        }
        map.end()
    }
}
