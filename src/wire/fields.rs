//! One JSON object of a request, read field by field, with errors that name the field.

use std::{fmt, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::inference::{Failure, FailureKind};

/// The fields of a JSON object as raw text, in their order. Fields that are `null` count as absent.
#[derive(Debug)]
pub struct Fields<'a> {
    /// Where the object stands in the request, e.g. `response_format.json_schema`; empty for the request itself.
    path: String,
    fields: Vec<(String, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Reads a request's body.
    ///
    /// # Errors
    /// What is not JSON (with line and column), not an object, or has a field twice.
    pub fn of_body(body: &'a [u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(body)
            .map_err(|error| invalid_json(format!("the body is not UTF-8 (at byte {})", error.valid_up_to())))?;
        if text.trim_ascii().is_empty() {
            return Err(invalid_json("the body is empty; a JSON object is expected"));
        }
        match serde_json::from_str::<Pairs>(text) {
            Ok(Pairs(fields)) => Self::checked(String::new(), fields),
            Err(error) if error.is_data() => Err(invalid_json("the body must be a JSON object").coded("invalid_type")),
            Err(error) => Err(invalid_json(format!("the body is not valid JSON: {error}"))),
        }
    }

    /// Reads an object that stands in a list.
    ///
    /// # Errors
    /// What is not an object, or has a field twice.
    pub fn of_item(path: String, raw: &'a RawValue) -> Result<Self, Failure> {
        Self::of_value(path, raw)
    }

    fn of_value(path: String, raw: &'a RawValue) -> Result<Self, Failure> {
        match serde_json::from_str::<Pairs>(raw.get()) {
            Ok(Pairs(fields)) => Self::checked(path, fields),
            Err(_) => Err(wrong_type(&path, "an object", raw)),
        }
    }

    fn checked(path: String, fields: Vec<(String, &'a RawValue)>) -> Result<Self, Failure> {
        let fields = Self { path, fields };
        let mut names: Vec<&str> = fields.fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(fields.invalid(pair[0], "this field is there twice")),
            None => Ok(fields),
        }
    }

    /// The full name of a field.
    pub fn path(&self, name: &str) -> String {
        match &*self.path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// All names, in their order, those of `null` fields included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// The raw text of a field.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.fields.iter().find(|(field, _)| field == name)?;
        (raw.get() != "null").then_some(*raw)
    }

    /// A field of any type.
    ///
    /// # Errors
    /// The wrong type, with the path of the value inside the field.
    pub fn read<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let mut deserializer = serde_json::Deserializer::from_str(raw.get());
        serde_path_to_error::deserialize(&mut deserializer).map(Some).map_err(|error| {
            let inner = error.path().to_string();
            let path = match inner.as_bytes().first() {
                Some(b'[') => self.path(name) + &inner,
                Some(b'.') | None => self.path(name),
                Some(_) => format!("{}.{inner}", self.path(name)),
            };
            let message = error.into_inner().to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            bad(&path, format!("{path}: {message}")).coded("invalid_type")
        })
    }

    pub fn string(&self, name: &str) -> Result<Option<String>, Failure> {
        self.typed(name, "a string")
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.typed(name, "true or false")
    }

    /// A number within bounds.
    pub fn number(&self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f32>, Failure> {
        let Some(value) = self.typed::<f64>(name, "a number")? else { return Ok(None) };
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            return Err(self.invalid(name, &format!("must be from {low} to {high}, not {value}")));
        }
        Ok(Some(value as f32))
    }

    /// An integer within bounds.
    pub fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        let Some(value) = self.typed::<i64>(name, "an integer")? else { return Ok(None) };
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            return Err(self.invalid(name, &format!("must be from {low} to {high}, not {value}")));
        }
        Ok(Some(value))
    }

    /// A field that is itself an object.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Failure> {
        self.raw(name).map(|raw| Self::of_value(self.path(name), raw)).transpose()
    }

    /// Refuses every field that is not in `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.names().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("unknown field; known here: {}", known.join(", "));
                Err(self.invalid(name, &message).coded("unknown_parameter"))
            }
        }
    }

    /// A refusal of one field's value.
    pub fn invalid(&self, name: &str, message: &str) -> Failure {
        let path = self.path(name);
        bad(&path, format!("{path}: {message}")).coded("invalid_value")
    }

    /// A refusal because a field is not there.
    pub fn missing(&self, name: &str) -> Failure {
        let path = self.path(name);
        bad(&path, format!("missing required parameter: {path}")).coded("missing_required_parameter")
    }

    /// A refusal of the type of one field's value.
    pub fn wrong_type(&self, name: &str, expected: &str) -> Failure {
        match self.raw(name) {
            Some(raw) => wrong_type(&self.path(name), expected, raw),
            None => self.missing(name),
        }
    }

    fn typed<T: Deserialize<'a>>(&self, name: &str, expected: &str) -> Result<Option<T>, Failure> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| wrong_type(&self.path(name), expected, raw))
    }
}

fn invalid_json(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::BadRequest, message).coded("invalid_json")
}

fn bad(path: &str, message: String) -> Failure {
    Failure::new(FailureKind::BadRequest, message).about(path)
}

fn wrong_type(path: &str, expected: &str, raw: &RawValue) -> Failure {
    const SHOWN: usize = 40;
    let mut found: String = raw.get().chars().take(SHOWN).collect();
    if found.len() < raw.get().len() {
        found.push_str("..");
    }
    bad(path, format!("{path}: must be {expected}, not {found}")).coded("invalid_type")
}

/// An object as the list of its fields.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_text_is_kept() {
        let fields = Fields::of_body(br#"{"b": {"z":1.10, "a":1e400}, "a": null}"#).unwrap();
        assert_eq!(fields.raw("b").unwrap().get(), r#"{"z":1.10, "a":1e400}"#);
        assert!(fields.raw("a").is_none());
        assert_eq!(fields.names().collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = Fields::of_body(b"{\"a\": 1,\n  oops}").unwrap_err();
        assert!(error.message.contains("line 2 column 3"), "{error}");
        assert_eq!(error.code.as_deref(), Some("invalid_json"));
        assert!(Fields::of_body(b"[1]").unwrap_err().message.contains("JSON object"));
        assert!(Fields::of_body(b" ").unwrap_err().message.contains("empty"));
        assert!(Fields::of_body(b"{\"a\":\"\xff\"}").unwrap_err().message.contains("UTF-8"));
    }

    #[test]
    fn types_and_bounds_name_the_field() {
        let fields = Fields::of_body(br#"{"t":"hot","n":7,"o":{"p":[1,"x"]},"i":1.5}"#).unwrap();
        assert_eq!(fields.number("t", 0.0..=2.0).unwrap_err().message, "t: must be a number, not \"hot\"");
        assert_eq!(fields.integer("n", 1..=4).unwrap_err().message, "n: must be from 1 to 4, not 7");
        assert_eq!(fields.integer("i", 1..=4).unwrap_err().code.as_deref(), Some("invalid_type"));
        let inner = fields.object("o").unwrap().unwrap();
        assert_eq!(inner.read::<Vec<u32>>("p").unwrap_err().param.as_deref(), Some("o.p[1]"));
        assert_eq!(inner.only(&["q"]).unwrap_err().param.as_deref(), Some("o.p"));
        assert!(Fields::of_body(br#"{"a":1,"a":2}"#).unwrap_err().message.contains("twice"));
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let fields = Fields::of_body(deep.as_bytes()).unwrap();
        assert_eq!(fields.raw("a").unwrap().get().len(), 400_000);
    }
}
