//! Custom tools: tools that take a text instead of arguments.
//!
//! Here and below a custom tool is a function with one string, `input`, whose text is held to the tool's grammar
//! (`x-espalier`); only what callers send and get has the other form. So it works wherever functions do.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{inference::Failure, wire::Fields};

/// The parameters of the function that stands for a custom tool.
pub(super) fn parameters(custom: &Fields) -> Result<String, Failure> {
    let mut input = json!({"type": "string"});
    if let Some(format) = custom.object("format")? {
        match format.string("type")?.as_deref() {
            Some("text") => format.only(&["type"])?,
            Some("grammar") => {
                // Chat Completions has the grammar in an object of its own, Responses beside the type.
                let nested = format.object("grammar")?;
                format.only(if nested.is_some() { &["type", "grammar"] } else { &["type", "syntax", "definition"] })?;
                input["x-espalier"] = language(nested.as_ref().unwrap_or(&format))?;
            }
            Some(_) => return Err(format.invalid("type", "must be \"text\" or \"grammar\"")),
            None => return Err(format.missing("type")),
        }
    }
    let schema = json!({
        "type": "object", "properties": {"input": input}, "required": ["input"], "additionalProperties": false});
    Ok(schema.to_string())
}

fn language(grammar: &Fields) -> Result<Value, Failure> {
    let definition = grammar.string("definition")?.ok_or_else(|| grammar.missing("definition"))?;
    match grammar.string("syntax")?.as_deref() {
        Some("lark") => Ok(json!({"lark": definition})),
        Some("regex") => Ok(json!({"regex": definition, "regex_syntax": "rust"})),
        Some(_) => Err(grammar.invalid("syntax", "must be \"lark\" or \"regex\"")),
        None => Err(grammar.missing("syntax")),
    }
}

/// The arguments with which the function is called for this input.
pub(super) fn arguments(input: &str) -> String {
    json!({"input": input}).to_string()
}

/// The input in arguments that come in pieces.
#[derive(Clone, Debug, Default)]
pub struct InputText {
    /// Quotes that were passed: behind the third one the input begins, and with the next it ends.
    quotes: u8,
    escape: String,
    /// The first half of a pair of surrogates.
    high: Option<u16>,
}

impl InputText {
    /// More of the input, as more of the arguments' JSON text tells it.
    pub fn push(&mut self, arguments: &str) -> String {
        let mut input = String::new();
        for c in arguments.chars() {
            match (self.quotes, c) {
                (3, c) if !self.escape.is_empty() || c == '\\' => {
                    self.escape.push(c);
                    self.escaped(&mut input);
                }
                (_, '"') => self.quotes += 1,
                (3, c) => input.push(c),
                _ => {}
            }
        }
        input
    }

    fn escaped(&mut self, input: &mut String) {
        let mut escape = self.escape.chars().skip(1);
        let decoded = match (escape.next(), self.escape.len()) {
            (None, _) => return,
            (Some('u'), ..6) => return,
            (Some('u'), _) => {
                let unit = u16::from_str_radix(&self.escape[2..], 16).unwrap_or(0xFFFD);
                match (self.high.take(), unit) {
                    (None, 0xD800..0xDC00) => {
                        self.high = Some(unit);
                        None
                    }
                    (high, unit) => char::decode_utf16(high.into_iter().chain([unit])).next().and_then(Result::ok),
                }
            }
            (Some('n'), _) => Some('\n'),
            (Some('t'), _) => Some('\t'),
            (Some('r'), _) => Some('\r'),
            (Some('b'), _) => Some('\u{8}'),
            (Some('f'), _) => Some('\u{c}'),
            (Some(other), _) => Some(other),
        };
        self.escape.clear();
        if let Some(c) = decoded {
            let _ = input.write_char(c);
        }
    }
}

/// The input of a finished call.
pub(super) fn input_of(arguments: &str) -> String {
    InputText::default().push(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_read_however_they_are_cut() {
        for input in ["", "SELECT 1;\n", "\"a\\b\" é \u{1F600} \u{7}\u{1}", "{\"input\":\"x\"}"] {
            let plain = arguments(input);
            let units: String = input.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for text in [plain, format!("{{ \"input\" : \"{units}\" }}")] {
                assert_eq!(input_of(&text), input, "{text}");
                let mut reader = InputText::default();
                let pieces: String = text.chars().map(|c| reader.push(&c.to_string())).collect();
                assert_eq!(pieces, input, "{text}");
            }
        }
    }

    #[test]
    fn formats_become_schemas() {
        let schema = |custom: &str| parameters(&Fields::of_body(custom.as_bytes()).unwrap());
        let input = |custom: &str| -> Value {
            serde_json::from_str::<Value>(&schema(custom).unwrap()).unwrap()["properties"]["input"].clone()
        };
        let lark = r#"{"format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}}"#;
        assert_eq!(input(lark), json!({"type": "string", "x-espalier": {"lark": "start: \"a\""}}));
        let regex = r#"{"format":{"type":"grammar","syntax":"regex","definition":"a+"}}"#;
        assert_eq!(input(regex)["x-espalier"], json!({"regex": "a+", "regex_syntax": "rust"}));
        assert_eq!(input(r#"{"format":{"type":"text"}}"#), json!({"type": "string"}));
        assert_eq!(input("{}"), json!({"type": "string"}));
        for wrong in [
            r#"{"format":{"type":"grammar"}}"#,
            r#"{"format":{"type":"json"}}"#,
            r#"{"format":{"type":"grammar","grammar":{"syntax":"gbnf","definition":""}}}"#,
            r#"{"format":{"type":"text","more":1}}"#,
        ] {
            assert!(schema(wrong).is_err(), "{wrong}");
        }
    }
}
