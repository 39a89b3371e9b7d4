//! A JSON Schema rewritten into what a provider's structured mode takes.
//!
//! Nouns: a [`Subset`] is what one provider takes, as data; a [`Lowered`] is a schema rewritten for it, with what was
//! left out and what has to be undone in the answer.
//!
//! Invariants: the original is what an answer is checked against, always; a lowered schema only makes a valid answer
//! likely. It takes every value that the original takes, once the answer's rewrites are undone, but for two cases that
//! strict modes force on everyone: objects are closed, and a schema that describes an object is taken to demand one. What
//! cannot be brought into the subset that way is not lowered at all: the caller then falls back to the prompt.
//!
//! The rewrites, each with a test:
//! - `oneOf` becomes `anyOf`; `allOf` with one member is merged into its parent; `definitions` become `$defs`;
//! - `const` becomes a one-valued `enum` where the provider wants it; types beside an `enum` go where they disturb;
//! - open objects are closed (`additionalProperties: false`); a map, which has no closed form, is not lowered;
//! - a property that may be missing becomes required and nullable where all must be required; such a null is taken out
//!   of the answer again where the original does not allow it ([`Lowered::nullable`]);
//! - a root that is no object is wrapped into `{"value": ..}`, and taken out again ([`Lowered::wrapped`]);
//! - keywords that are not taken move into the description and are listed ([`Lowered::dropped`]);
//! - annotations that say nothing to a model are left out.
//!
//! Cost: one walk over the schema; done once for a schema and kept by whoever asked.

mod subset;

pub use subset::{ANTHROPIC, DEEPSEEK, GEMINI, OPENAI_STRICT, Root, Subset};

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value, json, value::RawValue};

use crate::inference::{Constraint, JsonSchema};

/// A schema as a provider takes it.
#[derive(Clone, Debug)]
pub struct Lowered {
    pub schema: Arc<RawValue>,
    /// The answer is the member `value` of an object.
    pub wrapped: bool,
    /// Members of the answer may be null where the original has them missing.
    pub nullable: bool,
    /// Keywords that the provider is not told, as JSON pointers.
    pub dropped: Vec<String>,
}

/// Why a schema has no form in a subset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at \"{pointer}\")")]
pub struct NoForm {
    pub pointer: String,
    pub reason: String,
}

/// Rewrites a constraint for a provider.
///
/// # Errors
/// What has no form in the subset, with its place.
pub fn lower(constraint: &Constraint, subset: &Subset) -> Result<Lowered, NoForm> {
    let no_form = |reason: &str| NoForm { pointer: String::new(), reason: reason.to_owned() };
    let Constraint::JsonSchema(JsonSchema { text, documents }) = constraint else {
        return Err(no_form("it is no schema"));
    };
    if !documents.is_empty() {
        return Err(no_form("it refers to other documents"));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| no_form(&error.to_string()))?;
    let mut work = Work { subset, root: &schema, dropped: Vec::new(), nullable: false, properties: 0 };
    let mut lowered = work.node(&schema, "", 0)?;
    let definitions = work.definitions()?;
    if !subset.recursion {
        work.refuse_cycles(&lowered, &definitions)?;
    }
    let wrapped = !work.fits_root(&lowered);
    if wrapped {
        if text.contains("\"#\"") {
            return Err(no_form("it refers to its own root, which has to be wrapped"));
        }
        lowered = json!({
            "type": "object", "properties": {"value": lowered}, "required": ["value"], "additionalProperties": false});
    }
    if let (Value::Object(root), false) = (&mut lowered, definitions.is_empty()) {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    let schema = serde_json::value::to_raw_value(&lowered).map_err(|error| no_form(&error.to_string()))?;
    let Work { dropped, nullable, .. } = work;
    Ok(Lowered { schema: schema.into(), wrapped, nullable, dropped })
}

/// The schema as it stands, for providers that take all of JSON Schema and enforce what they know.
///
/// # Errors
/// A constraint that is no schema, or one that refers to other documents.
pub fn verbatim(constraint: &Constraint) -> Result<Lowered, NoForm> {
    let no_form = |reason: String| NoForm { pointer: String::new(), reason };
    match constraint {
        Constraint::JsonSchema(schema) if schema.documents.is_empty() => {
            let schema = RawValue::from_string(schema.text.as_ref().to_owned());
            let schema = schema.map_err(|error| no_form(error.to_string()))?;
            Ok(Lowered { schema: schema.into(), wrapped: false, nullable: false, dropped: Vec::new() })
        }
        Constraint::JsonSchema(_) => Err(no_form("it refers to other documents".to_owned())),
        Constraint::JsonObject => Err(no_form("it is any JSON object".to_owned())),
        Constraint::Written(_) | Constraint::Built(_) | Constraint::Sql(_) => {
            Err(no_form("it is no schema".to_owned()))
        }
    }
}

/// Annotations that say nothing to a model. `$id` is not among them: it changes what references mean.
const SILENT: &[&str] = &["$schema", "$comment", "examples", "default", "readOnly", "writeOnly", "deprecated"];
const DEEPEST: usize = 60;

struct Work<'a> {
    subset: &'a Subset,
    root: &'a Value,
    dropped: Vec<String>,
    nullable: bool,
    properties: usize,
}

impl Work<'_> {
    fn no_form<T>(&self, pointer: &str, reason: &str) -> Result<T, NoForm> {
        Err(NoForm { pointer: pointer.to_owned(), reason: reason.to_owned() })
    }

    fn node(&mut self, schema: &Value, pointer: &str, depth: usize) -> Result<Value, NoForm> {
        let depth_limit = self.subset.deepest.unwrap_or(DEEPEST);
        if depth > depth_limit {
            return self.no_form(pointer, &format!("it is nested deeper than {depth_limit} levels"));
        }
        let Value::Object(keywords) = schema else {
            return match schema {
                Value::Bool(true) if self.subset.untyped => Ok(json!({})),
                _ => self.no_form(pointer, "a schema that is true or false has no form there"),
            };
        };
        if let Some(reference) = keywords.get("$ref") {
            return self.reference(reference, keywords, pointer);
        }
        let mut out = Map::new();
        let mut notes = Vec::new();
        for (keyword, value) in keywords {
            let at = format!("{pointer}/{keyword}");
            match keyword.as_str() {
                "$defs" | "definitions" | "required" | "additionalProperties" | "description" => {}
                "type" | "title" => {
                    out.insert(keyword.clone(), value.clone());
                }
                "enum" => {
                    out.insert(keyword.clone(), self.choices(value, &at)?);
                }
                "const" if self.subset.constant => {
                    out.insert(keyword.clone(), value.clone());
                }
                "const" => {
                    out.insert("enum".to_owned(), self.choices(&json!([value]), &at)?);
                }
                "properties" => self.members(keywords, pointer, depth, &mut out)?,
                "items" if value.is_array() => return self.no_form(&at, "tuples are not taken in this form"),
                "items" => {
                    out.insert(keyword.clone(), self.node(value, &at, depth + 1)?);
                }
                "prefixItems" if self.subset.tuples => {
                    out.insert(keyword.clone(), self.each(value, &at, depth + 1)?);
                }
                "anyOf" | "oneOf" => {
                    if out.contains_key("anyOf") {
                        return self.no_form(&at, "anyOf and oneOf beside each other");
                    }
                    out.insert("anyOf".to_owned(), self.each(value, &at, depth)?);
                }
                "allOf" => self.merged(value, &at, depth, &mut out)?,
                "$id" | "id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef" | "$vocabulary" => {
                    return self.no_form(&at, "its references are not plain ones");
                }
                "patternProperties" => return self.no_form(&at, "a map has no closed form"),
                silent if SILENT.contains(&silent) => {}
                known if self.takes(known, value) => {
                    out.insert(keyword.clone(), value.clone());
                }
                _ => {
                    notes.push(format!("{keyword}: {value}"));
                    self.dropped.push(at);
                }
            }
        }
        self.finish(keywords, pointer, out, &notes)
    }

    /// What concerns the keywords of one node together.
    fn finish(
        &mut self,
        keywords: &Map<String, Value>,
        pointer: &str,
        mut out: Map<String, Value>,
        notes: &[String],
    ) -> Result<Value, NoForm> {
        let describes_object = out.contains_key("properties");
        if describes_object && !out.contains_key("type") {
            out.insert("type".to_owned(), json!("object"));
        }
        let types = |name: &str| match out.get("type") {
            Some(Value::String(only)) => only == name,
            Some(Value::Array(all)) => all.iter().any(|one| one == name),
            _ => false,
        };
        let (is_object, is_array) = (types("object"), types("array"));
        if is_object && !describes_object && !out.contains_key("anyOf") && !out.contains_key("enum") {
            if self.subset.closed {
                return self.no_form(pointer, "a map has no closed form");
            }
            if let Some(rest @ (Value::Object(_) | Value::Bool(_))) = keywords.get("additionalProperties") {
                let rest = if rest.is_object() { self.node(rest, pointer, 1)? } else { rest.clone() };
                out.insert("additionalProperties".to_owned(), rest);
            }
        }
        if is_array && !out.contains_key("items") && !out.contains_key("prefixItems") && !self.subset.untyped {
            return self.no_form(pointer, "an array without items has no form there");
        }
        if !["type", "anyOf", "enum", "const"].iter().any(|keyword| out.contains_key(*keyword)) && !self.subset.untyped
        {
            return self.no_form(pointer, "a value of any type has no form there");
        }
        if out.contains_key("anyOf") && out.contains_key("properties") && !self.subset.beside_any_of {
            return self.no_form(pointer, "properties beside anyOf have no form there");
        }
        if self.subset.bare_enum && (out.contains_key("enum") || out.contains_key("const")) {
            out.shift_remove("type");
        }
        let mut description = keywords.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !notes.is_empty() {
            let space = if description.is_empty() { "" } else { " " };
            description += &format!("{space}({})", notes.join(", "));
        }
        if !description.is_empty() {
            out.insert("description".to_owned(), Value::String(description));
        }
        Ok(Value::Object(out))
    }

    fn takes(&self, keyword: &str, value: &Value) -> bool {
        match (keyword, value) {
            ("format", Value::String(format)) => self.subset.formats.contains(&format.as_str()),
            ("minItems", value) if self.subset.few_items => matches!(value.as_u64(), Some(0 | 1)),
            _ => self.subset.keywords.contains(&keyword),
        }
    }

    fn choices(&self, values: &Value, pointer: &str) -> Result<Value, NoForm> {
        let plain = |value: &Value| !value.is_object() && !value.is_array();
        match values.as_array().is_some_and(|values| values.iter().all(plain)) {
            true => Ok(values.clone()),
            false => self.no_form(pointer, "values that are objects or arrays are not taken"),
        }
    }

    fn each(&mut self, schemas: &Value, pointer: &str, depth: usize) -> Result<Value, NoForm> {
        let Some(schemas) = schemas.as_array() else { return self.no_form(pointer, "it is no list") };
        let lowered: Result<Vec<Value>, NoForm> = schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| self.node(schema, &format!("{pointer}/{index}"), depth))
            .collect();
        Ok(Value::Array(lowered?))
    }

    /// `properties`, `required` and `additionalProperties` of one object.
    fn members(
        &mut self,
        keywords: &Map<String, Value>,
        pointer: &str,
        depth: usize,
        out: &mut Map<String, Value>,
    ) -> Result<(), NoForm> {
        let Some(properties) = keywords.get("properties").and_then(Value::as_object) else { return Ok(()) };
        let required: Vec<&str> = match keywords.get("required").and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        if required.iter().any(|name| !properties.contains_key(*name)) && self.subset.closed {
            return self.no_form(&format!("{pointer}/required"), "a required property is not described");
        }
        match keywords.get("additionalProperties") {
            Some(Value::Object(rest)) if self.subset.closed && !rest.is_empty() => {
                return self.no_form(&format!("{pointer}/additionalProperties"), "a map has no closed form");
            }
            Some(rest) if !self.subset.closed => {
                let at = format!("{pointer}/additionalProperties");
                let rest = if rest.is_object() { self.node(rest, &at, depth + 1)? } else { rest.clone() };
                out.insert("additionalProperties".to_owned(), rest);
            }
            _ if self.subset.closed => {
                out.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            _ => {}
        }
        self.properties += properties.len();
        if self.subset.most_properties.is_some_and(|most| self.properties > most) {
            return self.no_form(pointer, "it has too many properties");
        }
        let mut lowered = Map::new();
        for (name, schema) in properties {
            let at = format!("{pointer}/properties/{}", name.replace('~', "~0").replace('/', "~1"));
            let mut schema = self.node(schema, &at, depth + 1)?;
            if self.subset.all_required && !required.contains(&name.as_str()) {
                schema = nullable(schema);
                self.nullable = true;
            }
            lowered.insert(name.clone(), schema);
        }
        let names: Vec<Value> = match self.subset.all_required {
            true => lowered.keys().cloned().map(Value::String).collect(),
            false => required.into_iter().map(|name| json!(name)).collect(),
        };
        out.insert("properties".to_owned(), Value::Object(lowered));
        if !names.is_empty() || self.subset.all_required {
            out.insert("required".to_owned(), Value::Array(names));
        }
        Ok(())
    }

    fn merged(
        &mut self,
        schemas: &Value,
        pointer: &str,
        depth: usize,
        out: &mut Map<String, Value>,
    ) -> Result<(), NoForm> {
        let Some([only]) = schemas.as_array().map(Vec::as_slice) else {
            return self.no_form(pointer, "allOf with several members has no form there");
        };
        let Value::Object(only) = self.node(only, &format!("{pointer}/0"), depth)? else { return Ok(()) };
        for (keyword, value) in only {
            if out.insert(keyword, value).is_some() {
                return self.no_form(pointer, "its member and its parent say the same keyword");
            }
        }
        Ok(())
    }

    fn reference(&mut self, reference: &Value, keywords: &Map<String, Value>, pointer: &str) -> Result<Value, NoForm> {
        let reference = reference.as_str().unwrap_or_default();
        let name = ["#/$defs/", "#/definitions/"].iter().find_map(|prefix| reference.strip_prefix(prefix));
        for keyword in keywords.keys() {
            let says_nothing = SILENT.contains(&keyword.as_str())
                || ["$ref", "title", "description", "$defs", "definitions"].contains(&keyword.as_str());
            if !says_nothing {
                self.dropped.push(format!("{pointer}/{keyword}"));
            }
        }
        match name {
            _ if reference == "#" && self.subset.recursion => Ok(json!({"$ref": "#"})),
            Some(name) if !name.contains('/') => Ok(json!({"$ref": format!("#/$defs/{name}")})),
            _ => self.no_form(pointer, "it refers to a place that is no definition"),
        }
    }

    fn definitions(&mut self) -> Result<Map<String, Value>, NoForm> {
        let mut lowered = Map::new();
        let root = self.root;
        for keyword in ["$defs", "definitions"] {
            let Some(definitions) = root.get(keyword).and_then(Value::as_object) else { continue };
            for (name, schema) in definitions {
                let schema = self.node(schema, &format!("/{keyword}/{name}"), 0)?;
                if lowered.insert(name.clone(), schema).is_some() {
                    return self.no_form(&format!("/{keyword}/{name}"), "two definitions have this name");
                }
            }
        }
        Ok(lowered)
    }

    fn refuse_cycles(&self, root: &Value, definitions: &Map<String, Value>) -> Result<(), NoForm> {
        fn visit(
            node: &Value,
            definitions: &Map<String, Value>,
            open: &mut Vec<String>,
            done: &mut HashSet<String>,
        ) -> bool {
            match node {
                Value::Array(items) => items.iter().all(|item| visit(item, definitions, open, done)),
                Value::Object(keywords) => {
                    if let Some(name) =
                        keywords.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
                    {
                        if open.iter().any(|other| other == name) {
                            return false;
                        }
                        if done.contains(name) {
                            return true;
                        }
                        open.push(name.to_owned());
                        let ok = definitions.get(name).is_none_or(|target| visit(target, definitions, open, done));
                        open.pop();
                        done.insert(name.to_owned());
                        return ok;
                    }
                    keywords.values().all(|value| visit(value, definitions, open, done))
                }
                _ => true,
            }
        }
        match visit(root, definitions, &mut Vec::new(), &mut HashSet::new()) {
            true => Ok(()),
            false => self.no_form("", "it is recursive"),
        }
    }

    fn fits_root(&self, lowered: &Value) -> bool {
        let is_object = lowered.get("type").is_some_and(|kind| kind == "object");
        match self.subset.root {
            Root::Any => true,
            Root::Object => is_object && lowered.get("anyOf").is_none(),
        }
    }
}

/// The same or null.
fn nullable(mut schema: Value) -> Value {
    let Some(keywords) = schema.as_object_mut() else { return schema };
    if let Some(Value::Array(values)) = keywords.get_mut("enum") {
        if !values.contains(&Value::Null) {
            values.push(Value::Null);
        }
        match keywords.get_mut("type") {
            Some(Value::String(only)) if only != "null" => {
                let both = json!([only, "null"]);
                keywords.insert("type".to_owned(), both);
            }
            Some(Value::Array(all)) if !all.contains(&json!("null")) => all.push(json!("null")),
            _ => {}
        }
        return schema;
    }
    if let Some(Value::Array(branches)) = keywords.get_mut("anyOf") {
        let null = json!({"type": "null"});
        if !branches.contains(&null) {
            branches.push(null);
        }
        return schema;
    }
    let plain = keywords.get("type").and_then(Value::as_str).filter(|kind| !["object", "array"].contains(kind));
    match plain {
        Some("null") => schema,
        Some(kind) if !keywords.contains_key("const") => {
            let both = json!([kind, "null"]);
            keywords.insert("type".to_owned(), both);
            schema
        }
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

#[cfg(test)]
mod tests;
