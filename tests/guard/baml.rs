//! BAML's classes and enums as JSON Schema, as far as its own suite uses them, and values back under BAML's names.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

#[derive(Clone, Debug)]
pub enum Type {
    Named(String),
    String,
    Int,
    Float,
    Bool,
    Null,
    Literal(Value),
    List(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
}

/// A name of BAML's, and the one on the wire.
struct Name {
    own: String,
    written: String,
}

enum Definition {
    Class(Vec<(Name, Type)>),
    Enum(Vec<Name>),
}

#[derive(Default)]
pub struct Types {
    definitions: BTreeMap<String, Definition>,
}

/// Words, punctuation, and strings with their quotes.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let from = at;
        if chars[at] == '#' && chars.get(at + 1) == Some(&'"') {
            at += 2;
            while at < chars.len() && !(chars[at] == '"' && chars.get(at + 1) == Some(&'#')) {
                at += 1;
            }
            at = (at + 2).min(chars.len());
        } else if chars[at] == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at = (at + 1).min(chars.len());
        } else if chars[at] == '/' && chars.get(at + 1) == Some(&'/') {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
            continue;
        } else if chars[at] == '\n' {
            at += 1;
        } else if chars[at].is_whitespace() {
            at += 1;
            continue;
        } else if chars[at].is_alphanumeric() || chars[at] == '_' {
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
        } else {
            at += 1;
        }
        words.push(chars[from..at].iter().collect());
    }
    words
}

struct Reader {
    words: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Self {
        Self { words: words(text), at: 0 }
    }

    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", |word| word)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.words.get(self.at - 1).cloned().unwrap_or_default()
    }

    /// `A | B[]?`
    fn union(&mut self) -> Type {
        let mut members = vec![self.suffixed()];
        while self.take("|") {
            members.push(self.suffixed());
        }
        if members.len() == 1 { members.remove(0) } else { Type::Union(members) }
    }

    fn suffixed(&mut self) -> Type {
        let mut of = self.single();
        loop {
            if self.take("[") {
                self.take("]");
                of = Type::List(of.into());
            } else if self.take("?") {
                of = Type::Union(vec![of, Type::Null]);
            } else {
                return of;
            }
        }
    }

    fn single(&mut self) -> Type {
        if self.take("(") {
            let inner = self.union();
            self.take(")");
            return inner;
        }
        match &self.next()[..] {
            "string" => Type::String,
            "int" => Type::Int,
            "float" => Type::Float,
            "bool" => Type::Bool,
            "null" => Type::Null,
            "map" => {
                self.take("<");
                self.union();
                self.take(",");
                let value = self.union();
                self.take(">");
                Type::Map(value.into())
            }
            word => match serde_json::from_str(word) {
                Ok(literal) => Type::Literal(literal),
                Err(_) => Type::Named(word.to_owned()),
            },
        }
    }

    /// What follows a name up to the line's end; an alias, if there is one.
    fn attributes(&mut self) -> Option<String> {
        let mut alias = None;
        let mut depth = 0;
        while self.at < self.words.len() && (depth > 0 || !matches!(self.peek(), "\n" | "}")) {
            let word = self.next();
            depth += i32::from(word == "(") - i32::from(word == ")");
            if word == "alias" && self.take("(") {
                let mut text = Vec::new();
                while self.peek() != ")" {
                    text.push(self.next());
                }
                self.take(")");
                let text = text.join(" ");
                alias = Some(serde_json::from_str(&text).unwrap_or(text));
            }
        }
        alias
    }
}

impl Types {
    pub fn read(text: &str) -> Self {
        let mut types = Self::default();
        let mut reader = Reader::new(text);
        while reader.at < reader.words.len() {
            let kind = reader.next();
            if kind != "class" && kind != "enum" {
                continue;
            }
            let name = reader.next();
            reader.take("{");
            let (mut fields, mut values) = (Vec::new(), Vec::new());
            while !reader.take("}") && reader.at < reader.words.len() {
                if reader.take("\n") {
                    continue;
                }
                if reader.peek() == "@" {
                    reader.attributes();
                    continue;
                }
                let own = reader.next();
                let of = (kind == "class").then(|| reader.union());
                let written = reader.attributes().unwrap_or_else(|| own.clone());
                let name = Name { own, written };
                match of {
                    Some(of) => fields.push((name, of)),
                    None => values.push(name),
                }
            }
            let definition = if kind == "class" { Definition::Class(fields) } else { Definition::Enum(values) };
            types.definitions.insert(name, definition);
        }
        types
    }

    pub fn schema(&self, target: &Type) -> Value {
        let definitions = self.definitions.iter().map(|(name, definition)| {
            let schema = match definition {
                Definition::Enum(values) => {
                    json!({"enum": values.iter().map(|value| &value.written).collect::<Vec<_>>()})
                }
                Definition::Class(fields) => {
                    let properties: Map<String, Value> =
                        fields.iter().map(|(name, of)| (name.written.clone(), Self::of(of))).collect();
                    let required: Vec<&String> = fields.iter().map(|(name, _)| &name.written).collect();
                    json!({"type": "object", "properties": properties, "required": required,
                        "additionalProperties": false})
                }
            };
            (name.clone(), schema)
        });
        let mut schema = json!({"$defs": definitions.collect::<Map<String, Value>>()});
        let Value::Object(root) = Self::of(target) else { unreachable!("every type is an object of keywords") };
        schema.as_object_mut().unwrap().extend(root);
        schema
    }

    fn of(of: &Type) -> Value {
        match of {
            Type::Named(name) => json!({"$ref": format!("#/$defs/{name}")}),
            Type::String => json!({"type": "string"}),
            Type::Int => json!({"type": "integer"}),
            Type::Float => json!({"type": "number"}),
            Type::Bool => json!({"type": "boolean"}),
            Type::Null => json!({"type": "null"}),
            Type::Literal(value) => json!({"const": value}),
            Type::List(of) => json!({"type": "array", "items": Self::of(of)}),
            Type::Map(of) => json!({"type": "object", "additionalProperties": Self::of(of)}),
            Type::Union(members) => json!({"anyOf": members.iter().map(Self::of).collect::<Vec<_>>()}),
        }
    }

    /// The value under BAML's own names. None: it is none of this type.
    pub fn named(&self, of: &Type, value: &Value) -> Option<Value> {
        match of {
            Type::Named(name) => match self.definitions.get(name)? {
                Definition::Enum(values) => {
                    let found = values.iter().find(|known| Some(&known.written[..]) == value.as_str())?;
                    Some(found.own.clone().into())
                }
                Definition::Class(fields) => {
                    let object = value.as_object()?;
                    let member = |(name, of): &(Name, Type)| {
                        Some((name.own.clone(), self.named(of, object.get(&name.written)?)?))
                    };
                    Some(Value::Object(fields.iter().map(member).collect::<Option<Map<String, Value>>>()?))
                }
            },
            Type::List(of) => {
                Some(Value::Array(value.as_array()?.iter().map(|item| self.named(of, item)).collect::<Option<_>>()?))
            }
            Type::Map(of) => {
                let members = value.as_object()?.iter().map(|(key, value)| Some((key.clone(), self.named(of, value)?)));
                Some(Value::Object(members.collect::<Option<_>>()?))
            }
            Type::Union(members) => members.iter().find_map(|member| self.named(member, value)),
            Type::String => value.is_string().then(|| value.clone()),
            Type::Int | Type::Float => value.is_number().then(|| value.clone()),
            Type::Bool => value.is_boolean().then(|| value.clone()),
            Type::Null => value.is_null().then(|| value.clone()),
            Type::Literal(literal) => (literal == value).then(|| value.clone()),
        }
    }
}

/// The target of a case, as the Rust expression that the suite has it in.
pub fn target(text: &str) -> Type {
    let mut reader = Reader::new(text);
    expression(&mut reader)
}

fn name(reader: &mut Reader) -> String {
    // `"X".to_string()`, `"X"`, `"X".into()`
    let quoted = reader.next();
    while reader.take(".") {
        reader.next();
        reader.take("(");
        reader.take(")");
    }
    serde_json::from_str(&quoted).unwrap()
}

fn expression(reader: &mut Reader) -> Type {
    let mut word = reader.next();
    while reader.take(":") {
        reader.take(":");
        word = reader.next();
    }
    let mut of = match &word.to_lowercase()[..] {
        "class" | "enum" => {
            reader.take("(");
            let of = Type::Named(name(reader));
            reader.take(")");
            of
        }
        "primitive" | "list" => {
            reader.take("(");
            let inner = expression(reader);
            reader.take(")");
            if word == "Primitive" { inner } else { Type::List(inner.into()) }
        }
        "string" | "int" | "bool" | "float" if reader.peek() == "(" && word.starts_with(char::is_uppercase) => {
            reader.take("(");
            let mut literal = reader.next();
            if literal == "-" {
                literal += &reader.next();
            }
            while reader.peek() == "." {
                reader.at += 4;
            }
            reader.take(")");
            Type::Literal(serde_json::from_str(&literal).unwrap())
        }
        "literal" => {
            reader.take("(");
            let literal = expression(reader);
            reader.take(")");
            literal
        }
        "union" => {
            reader.take("(");
            reader.next();
            reader.take("!");
            reader.take("[");
            let mut members = Vec::new();
            while !reader.take("]") {
                members.push(expression(reader));
                reader.take(",");
            }
            reader.take(")");
            Type::Union(members)
        }
        "map" => {
            reader.take("(");
            expression(reader);
            reader.take(",");
            let value = expression(reader);
            reader.take(")");
            Type::Map(value.into())
        }
        kind => {
            reader.take("(");
            reader.take(")");
            match kind {
                "string" => Type::String,
                "int" => Type::Int,
                "float" => Type::Float,
                "bool" => Type::Bool,
                "null" => Type::Null,
                other => panic!("an unknown type: {other}"),
            }
        }
    };
    while reader.take(".") {
        match &reader.next()[..] {
            "as_list" => of = Type::List(of.into()),
            "as_optional" => of = Type::Union(vec![of, Type::Null]),
            _ => {}
        }
        reader.take("(");
        reader.take(")");
    }
    of
}

/// An expected value that the suite has as Rust: JSON, perhaps in `json!( )` and with raw strings.
pub fn value_of_rust(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = text.strip_prefix("json!(").and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    let mut json = String::new();
    let mut rest = text;
    while let Some(from) = rest.find("r#\"") {
        json += &rest[..from];
        let end = rest[from..].find("\"#")? + from;
        json += &Value::from(&rest[from + 3..end]).to_string();
        rest = &rest[end + 2..];
    }
    serde_json::from_str(&(json + rest)).ok()
}
