//! Values of parameters: texts as they stand, everything else as JSON.

use super::{
    super::{DiagnosticKind, choice},
    format::Read,
    object::{Object, Value},
    parameters::{Parameters, Types, blanks, matches},
};
use crate::grammar::{CharSet, Expr, Regex};

/// One way to write a value: its type, and what is written.
#[derive(Clone, Debug)]
pub struct Way {
    pub type_name: &'static str,
    pub content: Expr,
}

/// The schema that references are about.
#[derive(Clone, Debug)]
pub struct Schema<'a> {
    root: Value<'a>,
}

/// What the schema is called by references into it.
const ROOT: &str = "espalier:parameters";

const TYPES: [&str; 6] = ["string", "number", "boolean", "null", "object", "array"];

/// Keywords that say nothing about values.
const ANNOTATIONS: [&str; 7] = ["title", "description", "default", "examples", "$comment", "deprecated", "$defs"];

impl<'a> Schema<'a> {
    pub fn root(schema: &Value<'a>) -> Self {
        Self { root: schema.clone() }
    }

    /// What a reference within the schema leads to.
    pub fn find(&self, reference: &Value<'a>) -> Read<Value<'a>> {
        let text = reference.string()?;
        let lost =
            || reference.refused(DiagnosticKind::Unsupported, format!("\"{text}\" leads nowhere in this schema"));
        let path = text.strip_prefix('#').ok_or_else(lost)?;
        let mut value = self.root.clone();
        for step in path.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            value = match value.is_object() {
                true => value.object()?.get(&step).ok_or_else(lost)?,
                false => {
                    let at: usize = step.parse().map_err(|_| lost())?;
                    value.list()?.into_iter().nth(at).ok_or_else(lost)?
                }
            };
        }
        Ok(value)
    }

    /// A part of the schema as a schema of its own, of which these are further demands.
    fn part(&self, value: &Value<'a>, more: &str) -> String {
        if !value.text.contains("$ref") {
            return format!("{{\"allOf\":[{},{more}]}}", value.text);
        }
        let pointer = value.pointer.strip_prefix(&self.root.pointer).unwrap_or_default();
        let fragment: String = pointer.bytes().map(escaped).collect();
        let members = self.root.text.trim_start().trim_start_matches('{');
        let has_id = self.root.object().ok().and_then(|root| root.get("$id")).and_then(|id| id.string().ok());
        let (id, root) = match has_id {
            Some(id) => (id, self.root.text.to_owned()),
            None => (ROOT.to_owned(), format!("{{\"$id\":\"{ROOT}\",{members}")),
        };
        format!("{{\"allOf\":[{{\"$ref\":\"{id}#{fragment}\"}},{more}],\"$defs\":{{\"root\":{root}}}}}")
    }
}

/// A byte of a pointer in a URI's fragment.
fn escaped(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).into(),
        other => format!("%{other:02X}"),
    }
}

impl<'a> Parameters<'a, '_> {
    /// All ways to write a value of this schema.
    pub fn ways(&mut self, value: &Value<'a>) -> Read<Vec<Way>> {
        if !value.is_object() {
            return if value.text == "true" { self.any_value() } else { Ok(Vec::new()) };
        }
        let schema = value.object()?;
        let asks = |key: &str| !ANNOTATIONS.contains(&key);
        let keys: Vec<&str> = schema.members().map(|(key, _)| key).filter(|key| asks(key)).collect();
        match keys[..] {
            [] => self.any_value(),
            ["$ref"] => {
                let reference = schema.require("$ref")?;
                let target = self.root.find(&reference)?;
                self.nested(&reference, |parameters| parameters.ways(&target))
            }
            ["anyOf" | "allOf" | "oneOf"] => self.options(&schema, keys[0]),
            _ if keys.contains(&"const") => {
                let constants = schema.members().filter(|(key, _)| *key == "const");
                self.listed(value, constants.map(|(_, constant)| constant).collect())
            }
            _ if keys.contains(&"enum") => self.listed(value, schema.list("enum")?),
            _ => {
                let types = self.types(&schema)?;
                types.into_iter().map(|name| self.typed(value, &schema, name)).collect()
            }
        }
    }

    fn options(&mut self, schema: &Object<'a>, key: &str) -> Read<Vec<Way>> {
        let options = schema.list(key)?;
        if key == "allOf" && options.len() != 1 {
            let message = "allOf of several schemas cannot be held to where a value is not JSON";
            return Err(schema.refused(DiagnosticKind::Unsupported, message));
        }
        let mut ways: Vec<Way> = Vec::new();
        for option in &options {
            let more = self.nested(option, |parameters| parameters.ways(option))?;
            if key == "oneOf" && more.iter().any(|way| ways.iter().any(|other| other.type_name == way.type_name)) {
                let message = "oneOf of schemas of one type cannot be held to where a value is not JSON";
                return Err(option.refused(DiagnosticKind::Unsupported, message).hinted("use anyOf"));
            }
            ways.extend(more);
        }
        Ok(ways)
    }

    fn types(&self, schema: &Object<'a>) -> Read<Vec<&'static str>> {
        let names: Vec<String> = match schema.get("type") {
            None => return Ok(TYPES.to_vec()),
            Some(name) if name.is_text() => vec![name.string()?],
            Some(names) => names.list()?.iter().map(Value::string).collect::<Read<_>>()?,
        };
        let known = |name: &String| {
            let name = if name == "integer" { "number" } else { name };
            let known = TYPES.iter().find(|known| **known == name).copied();
            known.ok_or_else(|| schema.refused(DiagnosticKind::Invalid, format!("\"{name}\" is no type")))
        };
        let mut types = names.iter().map(known).collect::<Read<Vec<_>>>()?;
        types.dedup();
        Ok(types)
    }

    fn typed(&mut self, value: &Value<'a>, schema: &Object<'a>, name: &'static str) -> Read<Way> {
        let content = match (name, self.style.types) {
            ("string", _) => self.text(schema)?,
            ("object", Types::Nested) => self.nested(value, |parameters| parameters.object(value))?,
            ("array", Types::Nested) => self.nested(value, |parameters| parameters.items(schema))?,
            _ => self.json(value, name),
        };
        Ok(Way { type_name: name, content })
    }

    fn json(&self, value: &Value<'a>, type_name: &str) -> Expr {
        let schema = self.root.part(value, &format!("{{\"type\":\"{type_name}\"}}"));
        Expr::seq(vec![blanks(), Expr::Json(schema.into()), blanks()])
    }

    /// Text as it stands.
    fn text(&self, schema: &Object<'a>) -> Read<Expr> {
        let mut all = vec![self.raw()];
        if let Some(pattern) = schema.get("pattern") {
            all.push(matches(&pattern.string()?, &pattern)?);
        }
        let bound = |key: &str| schema.get(key).map(|value| value.read::<u32>("a count")).transpose();
        let (min, max) = (bound("minLength")?, bound("maxLength")?);
        if min.is_some() || max.is_some() {
            all.push(Regex::Class(CharSet::all()).repeat(min.unwrap_or(0), max));
        }
        if let Some(format) = schema.get("format") {
            let message = "formats cannot be held to where a text is not JSON";
            return Err(format.refused(DiagnosticKind::Unsupported, message).hinted("use a pattern"));
        }
        Ok(Expr::Lexeme(if all.len() == 1 { all.remove(0) } else { Regex::And(all) }))
    }

    /// Constants: texts as they stand, others as JSON.
    fn listed(&mut self, value: &Value<'a>, constants: Vec<Value<'a>>) -> Read<Vec<Way>> {
        let (mut texts, mut types) = (Vec::new(), Vec::new());
        for constant in &constants {
            match type_of(constant) {
                "string" => texts.push(constant.string()?),
                other if !types.contains(&other) => types.push(other),
                _ => {}
            }
        }
        let mut ways: Vec<Way> =
            types.iter().map(|name| Way { type_name: name, content: self.json(value, name) }).collect();
        if !texts.is_empty() {
            texts.sort_unstable();
            texts.dedup();
            let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
            let all = Regex::And(vec![choice::any_of(&texts), self.raw()]);
            ways.push(Way { type_name: "string", content: Expr::Lexeme(all) });
        }
        Ok(ways)
    }

    /// A list whose items are marked.
    fn items(&mut self, schema: &Object<'a>) -> Read<Expr> {
        let known = ["type", "items", "minItems", "maxItems"];
        if let Some((key, value)) = schema.members().find(|(key, _)| !known.contains(key) && !ANNOTATIONS.contains(key))
        {
            let message = format!("\"{key}\" of a list cannot be held to where it is written as parameters");
            return Err(value.refused(DiagnosticKind::Unsupported, message));
        }
        let ways = match schema.get("items") {
            Some(items) => self.ways(&items)?,
            None => self.any_value()?,
        };
        let item = self.item(&ways);
        let item = self.reader.shared("item", item);
        let bound = |key: &str| schema.get(key).map(|value| value.read::<u32>("a count")).transpose();
        Ok(Expr::seq(vec![item.repeat(bound("minItems")?.unwrap_or(0), bound("maxItems")?), blanks()]))
    }

    /// A value of which nothing is said.
    pub fn any_value(&mut self) -> Read<Vec<Way>> {
        let json = |name: &str| {
            let json = Expr::Json(format!("{{\"type\":\"{name}\"}}").into());
            Expr::seq(vec![blanks(), json, blanks()])
        };
        let mut ways = vec![Way { type_name: "string", content: Expr::Lexeme(self.raw()) }];
        if self.style.types == Types::None {
            return Ok(ways);
        }
        ways.extend(TYPES.iter().skip(1).map(|name| Way { type_name: name, content: json(name) }));
        if self.style.types == Types::Json {
            ways.push(Way { type_name: "integer", content: json("integer") });
        }
        if self.style.types == Types::Nested {
            self.nest(&mut ways);
        }
        Ok(ways)
    }

    /// Objects and lists of anything, marked in turn.
    fn nest(&mut self, ways: &mut [Way]) {
        let [object, list] = ["dict", "list"].map(|name| match self.reader.builder.find(name) {
            Some(rule) => (rule, true),
            None => (self.reader.builder.rule(name), false),
        });
        for way in ways.iter_mut() {
            match way.type_name {
                "object" => way.content = Expr::Rule(object.0),
                "array" => way.content = Expr::Rule(list.0),
                _ => {}
            }
        }
        if object.1 {
            return;
        }
        let name = Regex::Class(CharSet::new(['<', '>', '"', '&', '\0'].map(|c| (c as u32, c as u32))).complement());
        let member = self.parameter(&Expr::Lexeme(name.repeat(1, None)), ways);
        let item = self.item(ways);
        self.reader.builder.define(object.0, Expr::seq(vec![member.repeat(0, None), blanks()]));
        self.reader.builder.define(list.0, Expr::seq(vec![item.repeat(0, None), blanks()]));
    }
}

fn type_of(value: &Value) -> &'static str {
    match value.text.as_bytes().first() {
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        Some(b'{') => "object",
        Some(b'[') => "array",
        _ => "number",
    }
}
