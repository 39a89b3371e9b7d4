//! A second opinion on answers of cloud models: the `jsonschema` crate, which knows nothing of our automata.
//!
//! An answer that our judge takes and the crate does not is withheld: one of the two has a defect, and nobody can tell
//! which at that time. The crate is not asked where it is known to read a schema or a text otherwise, or where its time
//! has no bound; the receipt says so. What is known, each with its reason, is in [`Reading`] and [`number`].
//!
//! Cost: the schema is prepared once, when it is compiled; a text is parsed once more and walked once.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::patterns::{Class, class};
use crate::frontend::{Constraint, Documents, JsonSchema};

/// What the crate would be asked, or why it is not.
pub(super) enum Second {
    Ask { validator: Box<jsonschema::Validator>, integers_by_form: bool },
    Skip(Arc<str>),
}

/// What it said.
#[derive(Debug)]
pub(super) enum Opinion {
    Agrees,
    /// It was not asked, for this reason.
    Skipped(Arc<str>),
    /// It does not take the text, for this reason.
    Objects(String),
}

/// Bytes of a schema with its documents, and of an answer, beyond which it is not asked.
const MOST_BYTES: usize = 256 << 10;

/// Schemas that one value may be held against when all references are written out.
const MOST_UNFOLDED: usize = 5_000;

impl Second {
    /// Nothing for constraints that are no JSON Schemas: those it does not know.
    pub fn of(constraint: &Constraint) -> Option<Self> {
        match constraint {
            Constraint::JsonObject => Some(Self::build(&serde_json::json!({"type": "object"}), &Documents::default())),
            Constraint::JsonSchema(schema) => Some(Self::read(schema)),
            Constraint::Written(_) | Constraint::Built(_) | Constraint::Sql(_) => None,
        }
    }

    fn read(schema: &JsonSchema) -> Self {
        if schema.size() > MOST_BYTES {
            return Self::Skip("the schema is large".into());
        }
        match serde_json::from_str(&schema.text) {
            Ok(value) => Self::build(&value, &schema.documents),
            Err(error) => Self::Skip(format!("the crate's reader does not take the schema: {error}").into()),
        }
    }

    fn build(schema: &Value, documents: &Documents) -> Self {
        match build(schema, documents) {
            Ok((validator, integers_by_form)) => Self::Ask { validator: Box::new(validator), integers_by_form },
            Err(reason) => Self::Skip(reason.into()),
        }
    }

    /// About a text that our own judge takes.
    pub fn on(&self, text: &str) -> Opinion {
        let (validator, integers_by_form) = match self {
            Self::Ask { validator, integers_by_form } => (validator, *integers_by_form),
            Self::Skip(reason) => return Opinion::Skipped(reason.clone()),
        };
        if text.len() > MOST_BYTES {
            return Opinion::Skipped("the answer is long".into());
        }
        if let Some(reason) = numbers(text, integers_by_form) {
            return Opinion::Skipped(reason.into());
        }
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            // serde_json reads 128 levels; we read more.
            Err(error) if error.to_string().starts_with("recursion limit") => {
                return Opinion::Skipped("the answer is nested deeply".into());
            }
            Err(error) => return Opinion::Objects(format!("it is not JSON: {error}")),
        };
        match validator.validate(&value) {
            Ok(()) => Opinion::Agrees,
            Err(error) => Opinion::Objects(format!("at {:?}: {error}", error.instance_path().to_string())),
        }
    }
}

fn build(schema: &Value, documents: &Documents) -> Result<(jsonschema::Validator, bool), String> {
    let mut reading = Reading::default();
    reading.document(schema)?;
    let mut registry = jsonschema::Registry::new();
    for (uri, text) in documents.iter() {
        let unread = |error: &dyn std::fmt::Display| format!("the crate does not take the document {uri}: {error}");
        let document: Value = serde_json::from_str(text).map_err(|error| unread(&error))?;
        reading.document(&document)?;
        registry = registry.add(uri, document).map_err(|error| unread(&error))?;
    }
    reading.judge(schema)?;
    let registry = registry.prepare().map_err(|error| format!("the crate does not take the documents: {error}"))?;
    let options = jsonschema::options().should_validate_formats(false).with_registry(&registry);
    let unread = |error: jsonschema::ValidationError<'_>| format!("the crate does not take the schema: {error}");
    options.build(schema).map(|validator| (validator, reading.draft_4)).map_err(unread)
}

/// What was seen in a schema and its documents, as far as it matters to what the crate makes of it.
#[derive(Default)]
struct Reading {
    draft_4: bool,
    draft_2019: bool,
    /// Some document names no draft: we then read the forms of all, and the crate those of the latest.
    undeclared: bool,
    older_form: Option<&'static str>,
    /// Some keyword turns "not valid" into "valid".
    turns: Option<&'static str>,
    format: bool,
    wide_pattern: bool,
    /// Several keywords look at the same value.
    forks: bool,
    references: bool,
    /// A reference that is no pointer into its own document.
    elsewhere: bool,
    contains: bool,
    unevaluated: bool,
    content: bool,
    draft_6_or_7: bool,
}

/// Keywords whose members are named by the schema's author.
const NAMED: &[&str] = &[
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
    "dependentRequired",
];
/// Keywords whose value is data.
const DATA: &[&str] = &["enum", "const", "default", "examples", "x-espalier"];
/// Keywords that turn a verdict round, or count verdicts.
const TURNING: &[&str] = &["not", "oneOf", "if", "contains", "unevaluatedProperties", "unevaluatedItems"];
/// Keywords that look at a value that other keywords look at, too.
const FORKING: &[&str] = &[
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
    "patternProperties",
    "contains",
    "unevaluatedProperties",
    "unevaluatedItems",
];

impl Reading {
    fn document(&mut self, schema: &Value) -> Result<(), String> {
        let declared = schema.get("$schema").and_then(Value::as_str).map(|uri| uri.trim_end_matches('#'));
        match declared {
            None => self.undeclared = true,
            Some("http://json-schema.org/draft-04/schema") => self.draft_4 = true,
            Some("http://json-schema.org/draft-06/schema" | "http://json-schema.org/draft-07/schema") => {
                self.draft_6_or_7 = true;
            }
            Some("https://json-schema.org/draft/2019-09/schema") => self.draft_2019 = true,
            Some("https://json-schema.org/draft/2020-12/schema") => {}
            Some(other) => return Err(format!("{other} is a dialect of its own")),
        }
        self.schema(schema)
    }

    fn schema(&mut self, schema: &Value) -> Result<(), String> {
        let Value::Object(members) = schema else {
            return match schema {
                Value::Array(items) => items.iter().try_for_each(|item| self.schema(item)),
                _ => Ok(()),
            };
        };
        for (name, value) in members {
            self.keyword(name, value)?;
        }
        Ok(())
    }

    fn keyword(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let name_of = |list: &[&'static str]| list.iter().find(|known| **known == name).copied();
        self.turns = self.turns.or(name_of(TURNING));
        self.forks |= FORKING.contains(&name);
        match name {
            // What is written there is ours to judge, as formats are: to the crate it demands nothing.
            "format" | "x-espalier" => self.format = true,
            "contains" => self.contains = true,
            "unevaluatedProperties" | "unevaluatedItems" => self.unevaluated = true,
            "contentEncoding" | "contentMediaType" => self.content = true,
            "additionalItems" | "dependencies" | "$recursiveRef" | "$recursiveAnchor" => {
                self.older_form = self.older_form.or(name_of(&[
                    "additionalItems",
                    "dependencies",
                    "$recursiveRef",
                    "$recursiveAnchor",
                ]));
            }
            "items" if value.is_array() => self.older_form = Some("items"),
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => self.older_form = Some("exclusiveMinimum"),
            "id" if value.is_string() => self.older_form = Some("id"),
            "$vocabulary" | "discriminator" => return Err(format!("{name} means something else to the crate")),
            "pattern" => self.pattern(value.as_str().unwrap_or_default(), false)?,
            "$ref" | "$dynamicRef" => {
                self.references = true;
                let pointer = value.as_str().is_some_and(|uri| uri == "#" || uri.starts_with("#/"));
                self.elsewhere |= name != "$ref" || !pointer;
            }
            "$id" | "$anchor" | "$dynamicAnchor" => self.elsewhere = true,
            // The crate divides doubles.
            "multipleOf" if value.as_u64().is_none_or(|number| number >= 1 << 53) => {
                return Err("multipleOf is no small integer, and the crate divides doubles".into());
            }
            _ => {}
        }
        if let Some(reason) = numbers_of(value).filter(|_| !NAMED.contains(&name)) {
            return Err(reason);
        }
        match value {
            _ if DATA.contains(&name) => Ok(()),
            Value::Object(members) if NAMED.contains(&name) => members.iter().try_for_each(|(key, inner)| {
                if name == "patternProperties" {
                    self.pattern(key, true)?;
                }
                self.schema(inner)
            }),
            value => self.schema(value),
        }
    }

    fn pattern(&mut self, pattern: &str, both_ways: bool) -> Result<(), String> {
        match class(pattern) {
            Class::Exact => Ok(()),
            Class::Wider if !both_ways => {
                self.wide_pattern = true;
                Ok(())
            }
            _ => Err(format!("the crate's engine may read the pattern {pattern:?} otherwise")),
        }
    }

    /// All was seen: whether the crate shall be asked.
    fn judge(&self, schema: &Value) -> Result<(), String> {
        if let (true, Some(form)) = (self.undeclared, self.older_form) {
            return Err(format!("no draft is named, and {form} has the form of an older one"));
        }
        if let (true, Some(keyword)) = (self.format, self.turns) {
            return Err(format!("formats and x-espalier are ours to judge, and stand beside {keyword}"));
        }
        if let (true, Some(keyword)) = (self.wide_pattern, self.turns) {
            return Err(format!("a pattern that the crate may read wider stands beside {keyword}"));
        }
        if self.draft_2019 && self.contains && self.unevaluated {
            return Err("in 2019-09 the crate takes items that contains found for evaluated".into());
        }
        if self.draft_6_or_7 && self.content {
            return Err("the crate asserts what a text contains, which is an annotation here".into());
        }
        if self.references && self.forks {
            let unfolded = if self.elsewhere { None } else { Unfolding::new(schema).size(schema) };
            if unfolded.is_none_or(|size| size > MOST_UNFOLDED) {
                return Err(
                    "the schema refers to itself or is large when written out: the crate's time has no bound".into()
                );
            }
        }
        Ok(())
    }
}

/// How many schemas there are when references are written out.
struct Unfolding<'a> {
    root: &'a Value,
    /// None: being counted.
    known: HashMap<&'a str, Option<usize>>,
}

impl<'a> Unfolding<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, known: HashMap::new() }
    }

    /// None: without end, or beyond counting.
    fn size(&mut self, value: &'a Value) -> Option<usize> {
        let mut size = 1usize;
        match value {
            Value::Array(items) => {
                for item in items {
                    size = size.saturating_add(self.size(item)?);
                }
            }
            Value::Object(members) => {
                for (name, inner) in
                    members.iter().filter(|(name, _)| !["$defs", "definitions"].contains(&name.as_str()))
                {
                    let inner = match (name.as_str(), inner) {
                        ("$ref", Value::String(uri)) => self.target(uri)?,
                        _ => self.size(inner)?,
                    };
                    size = size.saturating_add(inner);
                }
            }
            _ => {}
        }
        Some(size)
    }

    fn target(&mut self, uri: &'a str) -> Option<usize> {
        if let Some(known) = self.known.get(uri) {
            return *known;
        }
        self.known.insert(uri, None);
        let pointer = uri.strip_prefix('#')?;
        // A pointer with escapes of URIs is not followed.
        let size = self.size(self.root.pointer(pointer)?)?;
        self.known.insert(uri, Some(size));
        Some(size)
    }
}

/// Why the numbers of a text cannot be left to the crate.
fn numbers(text: &str, integers_by_form: bool) -> Option<String> {
    let (bytes, mut at) = (text.as_bytes(), 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while bytes.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let rest = &text[at..];
                let length =
                    rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
                if let Some(reason) = number(&rest[..length], integers_by_form) {
                    return Some(reason);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    None
}

/// The numbers of a keyword's own value.
fn numbers_of(value: &Value) -> Option<String> {
    match value {
        Value::Number(found) => number(&found.to_string(), false),
        Value::Array(items) => items.iter().find_map(numbers_of),
        _ => None,
    }
}

/// The crate computes with doubles, which tell apart what has fifteen digits and no more; draft 4's `1.0`, which is no
/// integer, is one to it.
fn number(text: &str, integers_by_form: bool) -> Option<String> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits > 15 || text.parse::<f64>().is_ok_and(|number| !number.is_finite()) {
        return Some(format!(
            "the crate computes with doubles, which may not tell {} from its neighbours",
            shown(text)
        ));
    }
    // The smallest doubles have fewer digits.
    if text.contains(['e', 'E']) && text.parse::<f64>().is_ok_and(|number| number.abs() < 1e-290) {
        return Some(format!("{} is smaller than doubles are exact", shown(text)));
    }
    let fraction = integers_by_form && text.contains(['.', 'e', 'E']);
    fraction.then(|| format!("whether {} is an integer is read otherwise in draft 4", shown(text)))
}

fn shown(text: &str) -> &str {
    &text[..text.len().min(40)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(constraint: Constraint) -> Second {
        Second::of(&constraint).expect("the constraint is a schema")
    }

    fn second(schema: &str) -> Second {
        of(Constraint::JsonSchema(schema.into()))
    }

    /// Why it is not asked, if it is not.
    fn skipped(schema: &str, text: &str) -> Option<String> {
        match second(schema).on(text) {
            Opinion::Skipped(reason) => Some(reason.to_string()),
            _ => None,
        }
    }

    #[test]
    fn it_agrees_and_objects() {
        let person =
            second(r#"{"type":"object","properties":{"age":{"type":"integer","maximum":130}},"required":["age"]}"#);
        assert!(matches!(person.on(r#"{"age": 36}"#), Opinion::Agrees));
        for text in [r#"{"age": 131}"#, "{}", "[]", "{", r#"{"age": 1} x"#] {
            assert!(matches!(person.on(text), Opinion::Objects(_)), "{text}");
        }
        assert!(matches!(of(Constraint::JsonObject).on("{}"), Opinion::Agrees));
        assert!(matches!(of(Constraint::JsonObject).on("[]"), Opinion::Objects(_)));
    }

    #[test]
    fn documents_are_known_and_nothing_is_fetched() {
        let text = r#"{"$ref":"https://example.com/name.json"}"#;
        let documents = Documents::new([("https://example.com/name.json", r#"{"type":"string"}"#)]);
        let known = of(Constraint::JsonSchema(JsonSchema { text: text.into(), documents }));
        assert!(matches!(known.on("\"a\""), Opinion::Agrees));
        assert!(matches!(known.on("1"), Opinion::Objects(_)));
        assert!(skipped(text, "\"a\"").is_some());
    }

    #[test]
    fn what_the_crate_reads_otherwise_is_not_asked() {
        let draft = |name: &str, rest: &str| format!(r#"{{"$schema":"{name}",{rest}}}"#);
        let v2019 = "https://json-schema.org/draft/2019-09/schema";
        for schema in [
            r#"{"multipleOf":0.1}"#.to_owned(),
            r#"{"items":[{"type":"string"}]}"#.to_owned(),
            r#"{"dependencies":{"a":["b"]}}"#.to_owned(),
            r#"{"minimum":0,"exclusiveMinimum":true}"#.to_owned(),
            r#"{"not":{"format":"email"}}"#.to_owned(),
            r#"{"oneOf":[{"x-espalier":{"regex":"b"}},{"minLength":3}]}"#.to_owned(),
            r#"{"oneOf":[{"pattern":"^.$"},{"minLength":3}]}"#.to_owned(),
            r#"{"patternProperties":{"^\\d+$":{}},"additionalProperties":false}"#.to_owned(),
            r#"{"pattern":"(?=a)"}"#.to_owned(),
            r#"{"maximum":12345678901234567890}"#.to_owned(),
            r#"{"enum":[0.12345678901234567]}"#.to_owned(),
            draft(v2019, r#""contains":{"type":"string"},"unevaluatedItems":false"#),
            draft("http://json-schema.org/draft-07/schema#", r#""contentMediaType":"application/json""#),
            draft("https://example.com/mine", r#""type":"string""#),
            r##"{"anyOf":[{"type":"null"},{"properties":{"a":{"$ref":"#"}}}]}"##.to_owned(),
        ] {
            assert!(skipped(&schema, "\"a\"").is_some(), "{schema}");
        }
        for (schema, text) in [
            ("{}", "12345678901234567890"),
            ("{}", "1e400"),
            ("{}", r#"["12345678901234567890", 0.1234567890123456]"#),
            (r#"{"$schema":"http://json-schema.org/draft-04/schema#","type":"number"}"#, "1.0"),
        ] {
            assert!(skipped(schema, text).is_some(), "{schema} {text}");
        }
    }

    #[test]
    fn what_it_reads_alike_is_asked() {
        for (schema, text) in [
            (r#"{"type":"string","format":"email"}"#, "\"somebody@example.com\""),
            (r#"{"type":"string","pattern":"^\\d+$"}"#, "\"12\""),
            (r#"{"properties":{"not":{"type":"string"},"format":{}}}"#, r#"{"not": "1234567890123456789"}"#),
            (r##"{"properties":{"next":{"$ref":"#"}}}"##, r#"{"next": {"next": {}}}"#),
            (r##"{"$defs":{"a":{"type":"string"}},"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}"##, "null"),
            (r#"{"enum":[1.5,"a"],"default":{"multipleOf":0.1}}"#, "1.5"),
            (r#"{"multipleOf":3}"#, "9"),
            (r#"{"type":"string","x-espalier":{"regex":"(?=a)a","choice":"not"}}"#, "\"a\""),
        ] {
            assert_eq!(skipped(schema, text), None, "{schema}");
            assert!(matches!(second(schema).on(text), Opinion::Agrees), "{schema}");
        }
    }

    #[test]
    fn what_would_be_written_out_without_end_is_not_asked() {
        let mut schema = String::from(r##"{"$ref":"#/$defs/d0","$defs":{"##);
        for level in 0..30 {
            let next = level + 1;
            schema +=
                &format!(r##""d{level}":{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}},"##);
        }
        schema += r#""d30":{"type":"string"}}}"#;
        assert!(skipped(&schema, "\"a\"").is_some());
    }
}
