//! The tools of a request, and the calls in its conversation.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::custom;
use crate::{
    inference::{Failure, Tool, ToolCall, ToolChoice, Tools},
    wire::Fields,
};

/// OpenAI's bound for a name.
const LONGEST_NAME: usize = 64;
const MOST_TOOLS: usize = 128;

#[derive(Deserialize)]
struct WireCall {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    function: Option<WireFunction>,
    custom: Option<WireCustom>,
}

#[derive(Deserialize)]
struct WireCustom {
    name: String,
    input: String,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    arguments: String,
}

/// `tools`, `tool_choice` and `parallel_tool_calls`; and which of the tools are custom ones, by name.
pub(super) fn read(fields: &Fields) -> Result<(Tools, Vec<String>), Failure> {
    let choice = choice(fields)?;
    let (list, custom) = match list(fields) {
        // Tools that are not to be called cannot be called wrongly.
        Err(_) if choice == Some(ToolChoice::None) => (Vec::new(), Vec::new()),
        list => list?,
    };
    let parallel = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    let choice = match choice {
        None => ToolChoice::default(),
        Some(ToolChoice::Named(name)) if !list.iter().any(|tool| tool.name == name) => {
            return Err(fields.invalid("tool_choice", &format!("there is no tool {name:?} in tools")));
        }
        Some(ToolChoice::Required) if list.is_empty() => {
            return Err(fields.invalid("tool_choice", "a tool must be called, and there are none in tools"));
        }
        Some(choice) => choice,
    };
    Ok((Tools { list, choice, parallel }, custom))
}

fn choice(fields: &Fields) -> Result<Option<ToolChoice>, Failure> {
    match fields.raw("tool_choice").map(RawValue::get) {
        None => Ok(None),
        Some("\"none\"") => Ok(Some(ToolChoice::None)),
        Some("\"auto\"") => Ok(Some(ToolChoice::Auto)),
        Some("\"required\"" | "\"any\"") => Ok(Some(ToolChoice::Required)),
        Some(text) if text.starts_with('{') => {
            let Some(object) = fields.object("tool_choice")? else { return Ok(None) };
            let kind = match object.string("type")?.as_deref() {
                Some("function") => "function",
                Some("custom") => "custom",
                _ => {
                    let message = "only \"function\" and \"custom\" are supported by this version";
                    return Err(object.invalid("type", message).coded("unsupported_parameter"));
                }
            };
            object.only(&["type", kind])?;
            let named = object.object(kind)?.ok_or_else(|| object.missing(kind))?;
            named.string("name")?.ok_or_else(|| named.missing("name")).map(|name| Some(ToolChoice::Named(name)))
        }
        Some(_) => Err(fields.wrong_type("tool_choice", "\"none\", \"auto\", \"required\" or a function")),
    }
}

fn list(fields: &Fields) -> Result<(Vec<Tool>, Vec<String>), Failure> {
    let raws = fields.read::<Vec<&RawValue>>("tools")?.unwrap_or_default();
    if raws.len() > MOST_TOOLS {
        return Err(fields.invalid("tools", &format!("at most {MOST_TOOLS} tools, not {}", raws.len())));
    }
    let (mut names, mut custom) = (HashSet::new(), Vec::new());
    let mut list = Vec::with_capacity(raws.len());
    for (index, raw) in raws.into_iter().enumerate() {
        let (tool, is_custom) = one(&Fields::of_item(fields.path(&format!("tools[{index}]")), raw)?)?;
        if is_custom {
            custom.push(tool.name.clone());
        }
        if !names.insert(tool.name.clone()) {
            return Err(fields.invalid("tools", &format!("two tools have the name {:?}", tool.name)));
        }
        list.push(tool);
    }
    Ok((list, custom))
}

fn named(fields: &Fields) -> Result<String, Failure> {
    let name = fields.string("name")?.ok_or_else(|| fields.missing("name"))?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
        let message = format!("must be 1 to {LONGEST_NAME} letters, digits, _ or -, not {name:?}");
        return Err(fields.invalid("name", &message));
    }
    Ok(name)
}

/// A tool, and whether it takes a text instead of arguments.
fn one(fields: &Fields) -> Result<(Tool, bool), Failure> {
    let kind = fields.string("type")?.ok_or_else(|| fields.missing("type"))?;
    if kind == "custom" {
        fields.only(&["type", "custom"])?;
        let custom = fields.object("custom")?.ok_or_else(|| fields.missing("custom"))?;
        custom.only(&["name", "description", "format"])?;
        let (name, description) = (named(&custom)?, custom.string("description")?);
        let parameters = Some(custom::parameters(&custom)?.into());
        return Ok((Tool { name, description, parameters, strict: true }, true));
    }
    if kind != "function" {
        let message = format!("tools of type {kind:?} are not supported by this version");
        return Err(fields.invalid("type", &message).coded("unsupported_parameter"));
    }
    fields.only(&["type", "function"])?;
    let function = fields.object("function")?.ok_or_else(|| fields.missing("function"))?;
    function.only(&["name", "description", "parameters", "strict"])?;
    let name = named(&function)?;
    let parameters = match function.raw("parameters") {
        Some(raw) if !raw.get().starts_with('{') => {
            return Err(function.wrong_type("parameters", "a JSON Schema, so an object"));
        }
        raw => raw.map(|raw| raw.get().into()),
    };
    let strict = function.boolean("strict")?.unwrap_or(false);
    Ok((Tool { name, description: function.string("description")?, parameters, strict }, false))
}

/// The calls of an assistant's message; the error is a code and words.
pub(super) fn calls(raw: Option<&RawValue>) -> Result<Vec<ToolCall>, (&'static str, String)> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let calls: Option<Vec<WireCall>> = serde_json::from_str(raw.get()).map_err(|error| {
        let message = error.to_string();
        ("invalid_type", message.split(" at line ").next().unwrap_or_default().to_owned())
    })?;
    let missing = |what: &str| ("missing_required_parameter", format!("a call of this type has {what}"));
    let call = |call: WireCall| match call.kind.as_deref() {
        None | Some("function") => {
            let WireFunction { name, arguments } = call.function.ok_or_else(|| missing("function"))?;
            Ok(ToolCall { id: call.id, name, arguments })
        }
        Some("custom") => {
            let WireCustom { name, input } = call.custom.ok_or_else(|| missing("custom"))?;
            Ok(ToolCall { id: call.id, name, arguments: custom::arguments(&input) })
        }
        Some(other) => Err(("unsupported_value", format!("calls of type {other:?} are not supported by this version"))),
    };
    calls.unwrap_or_default().into_iter().map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(body: &str) -> Result<Tools, Failure> {
        read(&Fields::of_body(body.as_bytes())?).map(|(tools, _)| tools)
    }

    #[test]
    fn tools_and_choices() {
        let f = r#"{"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":{ "type":"object" }}}"#;
        let both = format!(r#"{{"tools":[{f},{{"type":"function","function":{{"name":"g"}}}}]"#);
        let plain = tools(&format!("{both}}}")).unwrap();
        assert_eq!((plain.list.len(), &plain.choice, plain.parallel), (2, &ToolChoice::Auto, true));
        assert_eq!(plain.list[0].parameters.as_deref(), Some(r#"{ "type":"object" }"#), "as it was written");
        assert_eq!((plain.list[1].strict, plain.list[1].parameters.is_none()), (false, true));
        for (choice, expected) in [
            ("\"none\"", ToolChoice::None),
            ("\"required\"", ToolChoice::Required),
            (r#"{"type":"function","function":{"name":"g"}}"#, ToolChoice::Named("g".into())),
        ] {
            let read = tools(&format!(r#"{both},"tool_choice":{choice},"parallel_tool_calls":false}}"#)).unwrap();
            assert_eq!((read.choice, read.parallel), (expected, false));
        }
        for (body, param) in [
            (format!(r#"{both},"tool_choice":{{"type":"function","function":{{"name":"h"}}}}}}"#), "tool_choice"),
            (format!(r#"{both},"tool_choice":{{"type":"allowed_tools"}}}}"#), "tool_choice.type"),
            (format!(r#"{both},"tool_choice":7}}"#), "tool_choice"),
            (r#"{"tool_choice":"required"}"#.to_owned(), "tool_choice"),
            (format!(r#"{{"tools":[{f},{f}]}}"#), "tools"),
            (r#"{"tools":[{"type":"custom","custom":{}}]}"#.to_owned(), "tools[0].custom.name"),
            (r#"{"tools":[{"type":"browser"}]}"#.to_owned(), "tools[0].type"),
            (r#"{"tools":[{"type":"function","function":{"name":"a b"}}]}"#.to_owned(), "tools[0].function.name"),
            (
                r#"{"tools":[{"type":"function","function":{"name":"a","parameters":1}}]}"#.to_owned(),
                "tools[0].function.parameters",
            ),
            (
                r#"{"tools":[{"type":"function","function":{"name":"a","scheme":{}}}]}"#.to_owned(),
                "tools[0].function.scheme",
            ),
            (r#"{"tools":[7]}"#.to_owned(), "tools[0]"),
        ] {
            let error = tools(&body).expect_err(&body);
            assert_eq!(error.param.as_deref(), Some(param), "{error}");
        }
        assert!(tools(r#"{"tools":[{}],"tool_choice":"none"}"#).unwrap().list.is_empty());
    }

    #[test]
    fn custom_tools_are_functions_with_one_text() {
        let c = r#"{"type":"custom","custom":{"name":"sum","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"[0-9]+"}}}}"#;
        let body = format!(r#"{{"tools":[{c}],"tool_choice":{{"type":"custom","custom":{{"name":"sum"}}}}}}"#);
        let (tools, custom) = read(&Fields::of_body(body.as_bytes()).unwrap()).unwrap();
        assert_eq!((tools.choice, custom), (ToolChoice::Named("sum".into()), vec!["sum".to_owned()]));
        assert!(tools.list[0].strict && tools.list[0].parameters.as_deref().unwrap().contains("x-espalier"));
        let raw =
            RawValue::from_string(r#"[{"id":"c1","type":"custom","custom":{"name":"sum","input":"1\n"}}]"#.to_owned());
        assert_eq!(calls(Some(&raw.unwrap())).unwrap()[0].arguments, r#"{"input":"1\n"}"#);
    }
}
