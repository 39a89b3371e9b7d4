//! Tools in a prompt: as chat templates take them, and as text for models whose template knows none.
//!
//! Templates take tools and calls in OpenAI's shape, as Hugging Face's `transformers` passes them; the arguments of a call
//! are an object there, and a text for templates that want one.

use serde_json::{Map, Value, json};

use crate::inference::{Message, Tool, ToolCall};

/// A tool as templates have it.
pub(super) fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".to_owned(), tool.name.as_str().into());
    function.insert("description".to_owned(), tool.description.as_deref().unwrap_or_default().into());
    let none = || json!({"type": "object", "properties": {}});
    let parameters = tool.parameters.as_deref().and_then(|text| serde_json::from_str(text).ok());
    function.insert("parameters".to_owned(), parameters.unwrap_or_else(none));
    json!({"type": "function", "function": function})
}

/// A call as templates have it.
pub(super) fn call(call: &ToolCall, arguments_as_text: bool) -> Value {
    let arguments = match arguments_as_text {
        true => Value::from(call.arguments.as_str()),
        false => arguments(call),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// The arguments as a value; a text that is no JSON stays a text.
fn arguments(call: &ToolCall) -> Value {
    serde_json::from_str(&call.arguments).unwrap_or_else(|_| call.arguments.as_str().into())
}

/// Every text in a value, names of members among them, made safe.
pub(super) fn guarded(value: &Value, guard: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => guard(text).into(),
        Value::Array(items) => items.iter().map(|item| guarded(item, guard)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (guard(name), guarded(value, guard))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The conversation for a template that knows no tools: they are described in the system message, calls and results are
/// text as Hermes models write them.
pub(super) fn told(messages: &[Message], tools: &[Tool]) -> Vec<Message> {
    let mut told: Vec<Message> = Vec::new();
    for message in messages {
        match message.role.as_str() {
            "tool" => {
                let result = format!("<tool_response>\n{}\n</tool_response>", message.content);
                match told.last_mut() {
                    // Results of one turn stand together: many templates take no two turns of one side.
                    Some(last) if last.role == "user" && last.content.starts_with("<tool_response>") => {
                        last.content = format!("{}\n{result}", last.content);
                    }
                    _ => told.push(Message::new("user", result)),
                }
            }
            _ if !message.tool_calls.is_empty() => {
                let calls = message.tool_calls.iter().map(|call| {
                    let call = json!({"name": call.name, "arguments": arguments(call)});
                    format!("<tool_call>\n{call}\n</tool_call>")
                });
                let text = Some(message.content.clone()).filter(|text| !text.is_empty());
                let content = text.into_iter().chain(calls).collect::<Vec<_>>().join("\n");
                told.push(Message { content, tool_calls: Vec::new(), ..message.clone() });
            }
            _ => told.push(message.clone()),
        }
    }
    if tools.is_empty() {
        return told;
    }
    let description = description(tools);
    match told.first_mut() {
        Some(first) if first.role == "system" || first.role == "developer" => {
            first.content = format!("{}\n\n{description}", first.content);
        }
        _ => told.insert(0, Message::new("system", description)),
    }
    told
}

fn description(tools: &[Tool]) -> String {
    let list: Vec<String> = tools.iter().map(|one| tool(one)["function"].to_string()).collect();
    format!(
        "You can call functions. These are there, one a line, with the JSON Schema of their arguments:\n<tools>\n{}\n\
         </tools>\nTo call one, write its name and its arguments as JSON between tags, and nothing behind it:\n\
         <tool_call>\n{{\"name\": \"...\", \"arguments\": {{...}}}}\n</tool_call>",
        list.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find() -> Tool {
        Tool {
            name: "find".to_owned(),
            description: Some("Looks up".to_owned()),
            parameters: Some(r#"{"type":"object","properties":{"z":{},"a":{}}}"#.into()),
            strict: false,
        }
    }

    fn called(arguments: &str) -> ToolCall {
        ToolCall { id: "1".to_owned(), name: "find".to_owned(), arguments: arguments.to_owned() }
    }

    #[test]
    fn as_templates_have_them() {
        let text = r#"{"type":"function","function":{"name":"find","description":"Looks up","parameters":{"type":"object","properties":{"z":{},"a":{}}}}}"#;
        assert_eq!(tool(&find()).to_string(), text, "in the order in which it was written");
        assert_eq!(call(&called("{\"q\":1}"), false)["function"]["arguments"], json!({"q": 1}));
        assert_eq!(call(&called("{\"q\":1}"), true)["function"]["arguments"], "{\"q\":1}");
        assert_eq!(call(&called("oh"), false)["function"]["arguments"], "oh");
        let upper = guarded(&json!({"a": ["b", 1], "c": {"d": null}}), &|text: &str| text.to_uppercase());
        assert_eq!(upper, json!({"A": ["B", 1], "C": {"D": null}}));
    }

    #[test]
    fn as_text() {
        let assistant =
            Message { tool_calls: vec![called("{\"q\":1}"), called("{}")], ..Message::new("assistant", "") };
        let messages =
            [Message::new("user", "Hi"), assistant, Message::new("tool", "one"), Message::new("tool", "two")];
        let told = told(&messages, &[find()]);
        assert_eq!(told.len(), 4);
        assert_eq!(told[0].role, "system");
        assert!(told[0].content.contains("{\"name\":\"find\",\"description\":\"Looks up\""), "{}", told[0].content);
        let calls = "<tool_call>\n{\"name\":\"find\",\"arguments\":{\"q\":1}}\n</tool_call>\n<tool_call>\n{\"name\":\"find\",\"arguments\":{}}\n</tool_call>";
        assert_eq!(told[2].content, calls);
        let results = "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>";
        assert_eq!((told[3].role.as_str(), told[3].content.as_str()), ("user", results));
        let with_system = [Message::new("system", "Be brief."), Message::new("user", "Hi")];
        assert!(super::told(&with_system, &[find()])[0].content.starts_with("Be brief.\n\nYou can call"));
        assert_eq!(super::told(&with_system, &[]), with_system);
    }
}
