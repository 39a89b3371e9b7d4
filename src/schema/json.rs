//! The schema's text as a tree: order, exact numbers and duplicate keys kept as written.
//!
//! A document is an arena of values; a value's id is its index. The reader is our own because a schema needs what
//! general readers drop: numbers of any size and precision, a refusal of duplicate keys, a bound on nesting that
//! cannot overflow the stack, and errors with line and column.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::{Decimal, SchemaError, SchemaErrorKind};

/// Index of a value in its [`Document`].
pub type ValueId = u32;

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Decimal),
    String(Box<str>),
    Array(Box<[ValueId]>),
    /// In the order of the text, keys unescaped and distinct.
    Object(Box<[(Box<str>, ValueId)]>),
}

/// Deepest nesting that a schema may have. Real schemas stay below 50.
pub const MAX_DEPTH: usize = 512;

/// In objects of so many members a key is looked for one by one.
const FEW_MEMBERS: usize = 16;

/// A JSON text, read.
#[derive(Debug, Default)]
pub struct Document {
    values: Vec<Value>,
    root: ValueId,
    /// Of large objects: their members' indices, sorted by key.
    orders: FxHashMap<ValueId, Box<[u32]>>,
    /// For each value the one around it and its index there; made for the first pointer.
    parents: OnceLock<Box<[(ValueId, u32)]>>,
}

impl Document {
    /// Reads a whole text, in time linear in its length (but for the sorting of large objects' keys).
    ///
    /// # Errors
    /// [`SchemaErrorKind::Invalid`] with line and column where it is not JSON, has a key twice in one object, or is
    /// nested deeper than [`MAX_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let mut reader = Reader { text, at: 0, values: Vec::with_capacity(text.len() / 12) };
        let root = reader.value(0)?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.error("unexpected text after the end of the value"));
        }
        let Reader { values, .. } = reader;
        let mut orders = FxHashMap::default();
        for (id, value) in values.iter().enumerate() {
            if let Value::Object(members) = value
                && members.len() > FEW_MEMBERS
            {
                let mut order: Vec<u32> = (0..members.len() as u32).collect();
                order.sort_unstable_by(|a, b| members[*a as usize].0.cmp(&members[*b as usize].0));
                orders.insert(id as ValueId, order.into());
            }
        }
        Ok(Self { values, root, orders, parents: OnceLock::new() })
    }

    pub fn root(&self) -> ValueId {
        self.root
    }

    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id as usize]
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `key`, if `id` is an object that has it.
    pub fn get(&self, id: ValueId, key: &str) -> Option<ValueId> {
        match self.value(id) {
            Value::Object(members) => match self.orders.get(&id) {
                None => members.iter().find(|(name, _)| **name == *key).map(|(_, value)| *value),
                Some(order) => {
                    let place = order.binary_search_by(|index| (*members[*index as usize].0).cmp(key)).ok()?;
                    Some(members[order[place] as usize].1)
                }
            },
            _ => None,
        }
    }

    /// The value at the end of a JSON pointer (`""` is `id` itself).
    pub fn follow(&self, id: ValueId, pointer: &str) -> Option<ValueId> {
        let mut at = id;
        for step in pointer.split('/').skip(1) {
            at = match self.value(at) {
                Value::Array(items) => {
                    let plain = step == "0" || !step.starts_with('0');
                    *items.get(step.parse::<usize>().ok().filter(|_| plain)?)?
                }
                Value::Object(_) => self.get(at, &step.replace("~1", "/").replace("~0", "~"))?,
                _ => return None,
            };
        }
        Some(at)
    }

    /// The JSON pointer of a value. The first one takes a pass over the document, the others only the way up.
    pub fn pointer(&self, target: ValueId) -> String {
        let parents = self.parents.get_or_init(|| self.find_parents());
        let mut steps = Vec::new();
        let mut child = target;
        while child != self.root {
            let (parent, index) = parents[child as usize];
            steps.push(match self.value(parent) {
                Value::Object(members) => escape_pointer(&members[index as usize].0),
                _ => index.to_string(),
            });
            child = parent;
        }
        steps.iter().rev().fold(String::new(), |path, step| path + "/" + step)
    }

    fn find_parents(&self) -> Box<[(ValueId, u32)]> {
        let mut parents = vec![(self.root, 0); self.values.len()];
        for (id, value) in self.values.iter().enumerate() {
            let mut note = |index: usize, child: ValueId| parents[child as usize] = (id as ValueId, index as u32);
            match value {
                Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| note(index, *item)),
                Value::Object(members) => {
                    members.iter().enumerate().for_each(|(index, (_, value))| note(index, *value))
                }
                _ => {}
            }
        }
        parents.into()
    }
}

/// A key as a step of a JSON pointer.
pub fn escape_pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: Vec<Value>,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> SchemaError {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() as u32 + 1;
        let mut error = SchemaError::new(SchemaErrorKind::Invalid, message);
        error.position = Some((line, column));
        error
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), SchemaError> {
        self.space();
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(format!("expected {what}")))
    }

    fn push(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        self.values.len() as ValueId - 1
    }

    fn value(&mut self, depth: usize) -> Result<ValueId, SchemaError> {
        if depth > MAX_DEPTH {
            return Err(SchemaError {
                kind: SchemaErrorKind::TooLarge,
                ..self.error(format!("nested deeper than {MAX_DEPTH} levels"))
            });
        }
        self.space();
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal("true", Value::Bool(true))?,
            Some(b'f') => self.literal("false", Value::Bool(false))?,
            Some(b'n') => self.literal("null", Value::Null)?,
            Some(_) => return Err(self.error("expected a JSON value")),
            None => return Err(self.error("the text ends where a JSON value is expected")),
        };
        Ok(self.push(value))
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, SchemaError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("expected a JSON value"))
    }

    fn number(&mut self) -> Result<Value, SchemaError> {
        let rest = &self.text.as_bytes()[self.at..];
        let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let text = &self.text[self.at..self.at + end.unwrap_or(rest.len())];
        let number = Decimal::parse(text).map_err(|error| self.error(error.to_string()))?;
        self.at += text.len();
        Ok(Value::Number(number))
    }

    fn array(&mut self, depth: usize) -> Result<Value, SchemaError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items.into()));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("expected ',' or ']'")),
            }
        }
        self.at += 1;
        Ok(Value::Array(items.into()))
    }

    fn object(&mut self, depth: usize) -> Result<Value, SchemaError> {
        self.at += 1;
        let mut members: Vec<(Box<str>, ValueId)> = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members.into()));
        }
        let mut seen = rustc_hash::FxHashSet::default();
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key in double quotes"));
            }
            let key: Box<str> = self.string()?.into();
            if !seen.insert(key.clone()) {
                return Err(self.error(format!("the key {key:?} stands twice in one object")));
            }
            self.expect(b':', "':'")?;
            let value = self.value(depth + 1)?;
            members.push((key, value));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.error("expected ',' or '}'")),
            }
        }
        self.at += 1;
        Ok(Value::Object(members.into()))
    }

    fn string(&mut self) -> Result<String, SchemaError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) else {
                self.at = self.text.len();
                return Err(self.error("the text ends inside a string"));
            };
            out.push_str(&self.text[self.at..self.at + end]);
            self.at += end;
            match rest[end] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => return Err(self.error("a control character in a string must be escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SchemaError> {
        self.at += 2;
        Ok(match self.text.as_bytes().get(self.at - 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex()?;
                let code = match unit {
                    0xd800..0xdc00 if self.text[self.at..].starts_with("\\u") => {
                        self.at += 2;
                        let low = self.hex()?;
                        if !(0xdc00..0xe000).contains(&low) {
                            return Err(self.error("a high surrogate must be followed by a low one"));
                        }
                        0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    }
                    unit => unit,
                };
                char::from_u32(code).ok_or_else(|| self.error("a lone surrogate is no character"))?
            }
            _ => return Err(self.error("unknown escape in a string")),
        })
    }

    fn hex(&mut self) -> Result<u32, SchemaError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(digits) = digits else { return Err(self.error("expected four hexadecimal digits")) };
        self.at += 4;
        Ok(u32::from_str_radix(digits, 16).expect("four hexadecimal digits were just seen"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_back_to_their_values() {
        let document = Document::parse(r#"{"a/b": [1, {"c~": null}], "d": 2}"#).expect("it is JSON");
        let target = document.follow(document.root(), "/a~1b/1/c~0").expect("it is there");
        assert_eq!(document.value(target), &Value::Null);
        assert_eq!(document.pointer(target), "/a~1b/1/c~0");
        assert_eq!(document.follow(document.root(), "/a~1b/01"), None);
    }

    #[test]
    fn faults_have_a_place() {
        for (text, line, column) in
            [("{\n \"a\": }", 2, 7), ("[1,", 1, 4), ("{\"é\":1,\"é\":2}", 1, 11), ("\"\\ud800\"", 1, 8)]
        {
            let error = Document::parse(text).expect_err(text);
            assert_eq!(error.position, Some((line, column)), "{text}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(Document::parse(&deep).expect_err("too deep").kind, SchemaErrorKind::TooLarge);
    }
}
