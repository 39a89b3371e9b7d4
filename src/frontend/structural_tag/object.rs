//! JSON objects with their place: values are kept as written.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::{Diagnostic, DiagnosticKind};

/// A value as written, and where.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    pub text: &'a str,
    pub pointer: String,
}

/// An object's members.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    pub pointer: String,
    pub text: &'a str,
    members: Vec<(String, &'a str)>,
}

type Read<T> = Result<T, Diagnostic>;

impl<'a> Object<'a> {
    pub fn parse(source: &'a str) -> Read<Self> {
        let value = Value { text: source.trim(), pointer: String::new() };
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(source) {
            let position = (u32::try_from(error.line()).unwrap_or(1), u32::try_from(error.column()).unwrap_or(1));
            let why = value.refused(DiagnosticKind::Invalid, "this is no JSON");
            return Err(Diagnostic { position: Some(position), pointer: None, ..why });
        }
        value.object()
    }

    pub fn members(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.members.iter().map(|(key, text)| {
            let escaped = key.replace('~', "~0").replace('/', "~1");
            (&**key, Value { text, pointer: format!("{}/{escaped}", self.pointer) })
        })
    }

    /// A member, unless it is null.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.members().find(|(other, value)| *other == key && value.text != "null").map(|(_, value)| value)
    }

    pub fn require(&self, key: &str) -> Read<Value<'a>> {
        self.get(key).ok_or_else(|| self.refused(DiagnosticKind::Invalid, format!("\"{key}\" is missing")))
    }

    /// True or false, false if it is not there.
    pub fn flag(&self, key: &str, otherwise: bool) -> Read<bool> {
        self.get(key).map_or(Ok(otherwise), |value| value.read("true or false"))
    }

    /// A list, empty if it is not there.
    pub fn list(&self, key: &str) -> Read<Vec<Value<'a>>> {
        self.get(key).map_or(Ok(Vec::new()), |value| value.list())
    }

    /// A list of texts that are not empty.
    pub fn texts(&self, key: &str) -> Read<Vec<String>> {
        self.list(key)?.iter().map(Value::some_text).collect()
    }

    /// Nothing is there but these.
    pub fn only(&self, keys: &[&str]) -> Read<()> {
        match self.members().find(|(key, _)| !keys.contains(key)) {
            None => Ok(()),
            Some((key, value)) => {
                Err(value.refused(DiagnosticKind::Unsupported, format!("\"{key}\" is not known here")))
            }
        }
    }

    pub fn refused(&self, kind: DiagnosticKind, message: impl Into<String>) -> Diagnostic {
        Value { text: self.text, pointer: self.pointer.clone() }.refused(kind, message)
    }
}

impl<'a> Value<'a> {
    pub fn object(&self) -> Read<Object<'a>> {
        let wrong = |_| self.refused(DiagnosticKind::Invalid, "an object is expected");
        let raw: Members<'a> = serde_json::from_str(self.text).map_err(wrong)?;
        Ok(Object { pointer: self.pointer.clone(), text: self.text, members: raw.0 })
    }

    /// Whether it is an object, not a value of another type.
    pub fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    pub fn is_text(&self) -> bool {
        self.text.starts_with('"')
    }

    pub fn list(&self) -> Read<Vec<Value<'a>>> {
        let wrong = |_| self.refused(DiagnosticKind::Invalid, "a list is expected");
        let raw: Vec<&'a RawValue> = serde_json::from_str(self.text).map_err(wrong)?;
        let item =
            |(at, raw): (usize, &&'a RawValue)| Value { text: raw.get(), pointer: format!("{}/{at}", self.pointer) };
        Ok(raw.iter().enumerate().map(item).collect())
    }

    pub fn read<T: serde::Deserialize<'a>>(&self, what: &str) -> Read<T> {
        serde_json::from_str(self.text)
            .map_err(|_| self.refused(DiagnosticKind::Invalid, format!("{what} is expected")))
    }

    pub fn string(&self) -> Read<String> {
        self.read("a text")
    }

    pub fn some_text(&self) -> Read<String> {
        let text = self.string()?;
        if text.is_empty() {
            return Err(self.refused(DiagnosticKind::Invalid, "the text is empty"));
        }
        Ok(text)
    }

    pub fn refused(&self, kind: DiagnosticKind, message: impl Into<String>) -> Diagnostic {
        Diagnostic { pointer: Some(self.pointer.clone()), ..Diagnostic::new(kind, message) }
    }
}

/// Members in their order; of two with one key the last counts.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &'de str)> = Vec::new();
                let mut places = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    match places.get(&key) {
                        Some(&at) => {
                            let member: &mut (String, &str) = &mut members[at];
                            member.1 = value.get();
                        }
                        None => {
                            places.insert(key.clone(), members.len());
                            members.push((key, value.get()));
                        }
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
