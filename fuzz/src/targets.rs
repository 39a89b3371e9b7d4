//! What must hold whatever the bytes: each target reads them as choices, makes a schema of them and a few documents.
//!
//! | target | what must hold |
//! |---|---|
//! | [`mask`] | every mask equals the slow oracle that defines it |
//! | [`walk`] | a walk through the masks is never stuck, and its end satisfies the schema, as another validator sees it |
//! | [`verdict`] | a document is accepted iff another validator finds it valid |
//! | [`compile`] | no text panics as a schema, or takes more than its budget |

use std::sync::{Arc, OnceLock};

use espalier::{
    budget::Limits,
    frontend::{Constraint, DiagnosticKind, KeyOrder, Policy, Whitespace},
    matcher::{Engine, Matcher, Program},
    vocab::{Token, TokenKind, Vocabulary},
};
use serde_json::{Map, Value, json};

/// Bytes as a source of choices. When they are used up, every choice is the first one.
pub struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// A number below `sides`, which is at most 256.
    fn roll(&mut self, sides: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == sides - 1
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

const KEYS: &[&str] = &["a", "b", "c", "ab", "", "x y", "é", "k\"q"];
const TEXTS: &[&str] = &["", "a", "b", "ab", "aab", "abab", "x", "é", "\"", "0", "2024-02-29", "a b", "\n"];
// No \b: the judge has Unicode's words, ECMA 262 has those of ASCII.
const PATTERNS: &[&str] = &[
    "^a",
    "b$",
    "^a*b?$",
    "^(ab)+$",
    "^[a-c]{2,4}$",
    ".",
    "^.{0,3}$",
    "a|b",
    "^(?!a)",
    "^(?=.*b)",
    "(^| )x",
    "[^a]",
    "^$",
];
const NUMBERS: &[&str] = &["0", "1", "2", "3", "-1", "0.5", "1.5", "10", "-2.5", "7", "100", "1.0", "12"];

fn number(choices: &mut Choices) -> Value {
    serde_json::from_str(choices.pick::<&str>(NUMBERS)).expect("all are JSON")
}

fn scalar(choices: &mut Choices) -> Value {
    match choices.roll(6) {
        0 => Value::Null,
        1 => Value::Bool(choices.one_in(2)),
        2 | 3 => number(choices),
        _ => json!(choices.pick(TEXTS)),
    }
}

/// A value of any kind, mostly small.
fn value(choices: &mut Choices, depth: usize) -> Value {
    match choices.roll(if depth == 0 { 3 } else { 6 }) {
        0..3 => scalar(choices),
        3 | 4 => {
            let members = (0..choices.roll(4)).map(|_| (choices.pick(KEYS).to_string(), value(choices, depth - 1)));
            Value::Object(members.collect())
        }
        _ => (0..choices.roll(4)).map(|_| value(choices, depth - 1)).collect(),
    }
}

/// A whole schema, with definitions that it may refer to.
pub fn schema(choices: &mut Choices) -> Value {
    let mut root = subschema(choices, 4);
    if let Value::Object(members) = &mut root {
        let defs: Map<String, Value> =
            ["d", "e"].iter().map(|name| (name.to_string(), subschema(choices, 2))).collect();
        members.insert("$defs".into(), Value::Object(defs));
    }
    root
}

fn subschema(choices: &mut Choices, depth: usize) -> Value {
    match choices.roll(24) {
        0 => return Value::Bool(true),
        1 if depth < 4 => return Value::Bool(false),
        _ => {}
    }
    let mut members = Map::new();
    for _ in 0..1 + choices.roll(4) {
        add_keyword(choices, depth, &mut members);
    }
    Value::Object(members)
}

fn list(choices: &mut Choices, depth: usize) -> Value {
    (0..1 + choices.roll(3)).map(|_| subschema(choices, depth)).collect()
}

fn keys(choices: &mut Choices) -> Value {
    let mut keys: Vec<&str> = (0..1 + choices.roll(3)).map(|_| *choices.pick(KEYS)).collect();
    keys.sort_unstable();
    keys.dedup();
    json!(keys)
}

fn add_keyword(choices: &mut Choices, depth: usize, members: &mut Map<String, Value>) {
    let below = depth.saturating_sub(1);
    let count = |choices: &mut Choices| json!(choices.roll(4));
    let (word, value) = match choices.roll(if depth == 0 { 14 } else { 36 }) {
        0 | 1 => ("type", json!(choices.pick(&["null", "boolean", "integer", "number", "string", "array", "object"]))),
        2 => ("type", json!(choices.pick(&[["string", "object"], ["integer", "null"], ["array", "number"]]))),
        3 => ("enum", (0..1 + choices.roll(4)).map(|_| value(choices, 2)).collect()),
        4 => ("const", value(choices, 2)),
        5 => (*choices.pick(&["minimum", "exclusiveMinimum"]), number(choices)),
        6 => (*choices.pick(&["maximum", "exclusiveMaximum"]), number(choices)),
        7 => ("multipleOf", json!(choices.pick(&[2, 3, 5]))),
        8 => ("minLength", count(choices)),
        9 => ("maxLength", count(choices)),
        10 => ("pattern", json!(choices.pick(PATTERNS))),
        11 => ("required", keys(choices)),
        12 => ("uniqueItems", json!(!choices.one_in(6))),
        13 => (*choices.pick(&["minProperties", "maxProperties", "minItems", "maxItems"]), count(choices)),
        14..18 => ("properties", keyed(choices, below)),
        18 => ("additionalProperties", subschema(choices, below)),
        19 => ("patternProperties", json!({*choices.pick(PATTERNS): subschema(choices, below)})),
        20 => ("propertyNames", subschema(choices, 0)),
        21 => ("dependentRequired", json!({*choices.pick(KEYS): keys(choices)})),
        22 => ("dependentSchemas", json!({*choices.pick(KEYS): subschema(choices, below)})),
        23 | 24 => ("items", subschema(choices, below)),
        25 => ("prefixItems", list(choices, below)),
        26 => {
            if choices.one_in(2) {
                members.insert((*choices.pick(&["minContains", "maxContains"])).into(), count(choices));
            }
            ("contains", subschema(choices, below))
        }
        27 => ("allOf", list(choices, below)),
        28 | 29 => ("anyOf", list(choices, below)),
        30 | 31 => ("oneOf", list(choices, below)),
        32 => ("not", subschema(choices, below)),
        33 => {
            members.insert("then".into(), subschema(choices, below));
            if choices.one_in(2) {
                members.insert("else".into(), subschema(choices, below));
            }
            ("if", subschema(choices, below))
        }
        34 => ("$ref", json!(choices.pick(&["#/$defs/d", "#/$defs/e", "#"]))),
        _ => (*choices.pick(&["unevaluatedProperties", "unevaluatedItems"]), subschema(choices, 0)),
    };
    members.insert(word.into(), value);
}

fn keyed(choices: &mut Choices, depth: usize) -> Value {
    let members = (0..1 + choices.roll(3)).map(|_| (choices.pick(KEYS).to_string(), subschema(choices, depth)));
    Value::Object(members.collect())
}

/// A value that has some chance to satisfy the schema.
fn instance(choices: &mut Choices, root: &Value, schema: &Value, depth: usize) -> Value {
    let Value::Object(members) = schema else { return value(choices, 2) };
    if depth == 0 || choices.one_in(16) {
        return value(choices, 2);
    }
    if let Some(constant) = members.get("const") {
        return constant.clone();
    }
    if let Some(Value::Array(values)) = members.get("enum") {
        return choices.pick(values).clone();
    }
    for word in ["$ref", "allOf", "anyOf", "oneOf", "if", "then", "else"] {
        let Some(found) = members.get(word).filter(|_| choices.one_in(2)) else { continue };
        let branch = match found {
            Value::Array(all) => choices.pick(all),
            Value::String(target) => root.pointer(&target[1..]).unwrap_or(&Value::Null),
            found => found,
        };
        return instance(choices, root, branch, depth - 1);
    }
    let array = ["items", "prefixItems", "contains", "uniqueItems"].iter().any(|word| members.contains_key(*word));
    let object = ["properties", "required", "patternProperties"].iter().any(|word| members.contains_key(*word));
    let named = match members.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names[choices.roll(names.len())].as_str(),
        _ => None,
    };
    match named {
        Some("null") => Value::Null,
        Some("boolean") => json!(choices.one_in(2)),
        Some("integer" | "number") => number(choices),
        Some("string") => json!(choices.pick(TEXTS)),
        Some("array") => array_for(choices, root, members, depth),
        Some("object") => object_for(choices, root, members, depth),
        _ if object && !choices.one_in(4) => object_for(choices, root, members, depth),
        _ if array && !choices.one_in(4) => array_for(choices, root, members, depth),
        _ => value(choices, 2),
    }
}

fn array_for(choices: &mut Choices, root: &Value, members: &Map<String, Value>, depth: usize) -> Value {
    let item = |choices: &mut Choices, index: usize| {
        let first = members.get("prefixItems").and_then(|items| items.get(index));
        let schema = match first.or_else(|| members.get("items")) {
            Some(schema) if !choices.one_in(4) => schema,
            _ => members.get("contains").unwrap_or(&Value::Null),
        };
        instance(choices, root, schema, depth - 1)
    };
    (0..choices.roll(5)).map(|index| item(choices, index)).collect()
}

fn object_for(choices: &mut Choices, root: &Value, members: &Map<String, Value>, depth: usize) -> Value {
    let mut made = Map::new();
    let empty = Map::new();
    let properties = members.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    for (key, schema) in properties {
        if !choices.one_in(3) {
            made.insert(key.clone(), instance(choices, root, schema, depth - 1));
        }
    }
    for key in members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !choices.one_in(8) && !made.contains_key(key) {
            made.insert(key.into(), value(choices, 1));
        }
    }
    for _ in 0..choices.roll(3) {
        let schema = members.get("additionalProperties").unwrap_or(&Value::Null);
        made.insert(choices.pick(KEYS).to_string(), instance(choices, root, schema, depth - 1));
    }
    Value::Object(made)
}

/// Bytes, and tokens that cross the places where something happens. Token 256 ends an answer.
fn engine() -> &'static Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut tokens: Vec<Token> =
            (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
        tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
        let longer = [
            "{\"",
            "\":",
            "\",\"",
            "\":\"",
            "\":{\"",
            "\"}",
            "\":[",
            "\"]",
            "}]",
            "]}",
            "},{",
            "],[",
            "aa",
            "ab",
            "abab",
            "true",
            "null",
            "10",
            "00",
            "1.",
            ".5",
            "e1",
            "1,",
            ",2",
            "[1",
            "[[",
            "\\u00",
            "\\u0061",
            "\\\"",
            "é",
            "a\":1",
            "a\",\"b\":",
            "b\"}",
            "\"a\"",
            "\"a\",\"",
            "x y",
            " ",
            "  ",
            "\"\":",
            "{}",
            "[]",
        ];
        tokens.extend(longer.iter().map(|text| Token { bytes: text.as_bytes().into(), kind: TokenKind::Text }));
        Engine::new(Arc::new(Vocabulary::new("fuzz", tokens)))
    })
}

fn policy(choices: &mut Choices) -> Policy {
    let (key_order, whitespace) = match choices.roll(4) {
        0 => (KeyOrder::Schema, Whitespace::Compact),
        1 => (KeyOrder::Any, Whitespace::Compact),
        2 => (KeyOrder::Schema, Whitespace::Flexible),
        _ => (KeyOrder::Any, Whitespace::Flexible),
    };
    Policy { key_order, whitespace, plain: !choices.one_in(3), ..Policy::default() }
}

fn program(schema: &Value, policy: Policy) -> Option<Arc<Program>> {
    // Nothing may depend on what other cases left in the caches.
    let engine = engine().emptied();
    engine.compile(&Constraint::JsonSchema(schema.to_string().into()), policy).ok()
}

/// Takes a token of the mask; closing something is likelier the longer the walk. False: the walk has ended.
fn step(matcher: &mut Matcher, choices: &mut Choices, at: usize, text: &mut Vec<u8>, schema: &Value) -> bool {
    let mask = matcher.mask();
    let allowed: Vec<u32> = mask.iter().collect();
    if allowed.is_empty() {
        let excused = matcher.is_finished() || matcher.fault().is_some() || matcher.program().is_soft();
        assert!(excused, "stuck after {:?} in {schema}", String::from_utf8_lossy(text));
        return false;
    }
    let closing = [256, u32::from(b'"'), u32::from(b'}'), u32::from(b']')];
    let closing = closing.into_iter().find(|token| allowed.contains(token));
    let token = match closing {
        Some(token) if at > 40 || choices.one_in(3) => token,
        _ => allowed[(choices.roll(256) * 256 + choices.roll(256)) % allowed.len()],
    };
    let taken = matcher.accept(token);
    assert!(taken.is_ok() || matcher.fault().is_some(), "{token} is in the mask and refused, in {schema}");
    text.extend_from_slice(matcher.program().engine().vocabulary().bytes(token));
    taken.is_ok() && !matcher.is_finished()
}

pub fn mask(data: &[u8]) {
    let mut choices = Choices(data);
    let policy = policy(&mut choices);
    let schema = schema(&mut choices);
    let Some(program) = program(&schema, policy) else { return };
    let mut matcher = program.matcher();
    let mut text = Vec::new();
    for at in 0..24 {
        let (fast, slow) = (matcher.mask(), matcher.oracle());
        if matcher.fault().is_some() {
            return;
        }
        if *fast != slow {
            let differ = |token: &u32| fast.contains(*token) != slow.contains(*token);
            let bytes = |token: u32| String::from_utf8_lossy(program.engine().vocabulary().bytes(token)).into_owned();
            let tokens: Vec<_> = fast
                .iter()
                .chain(slow.iter())
                .filter(differ)
                .map(|token| (token, bytes(token), fast.contains(token)))
                .collect();
            panic!(
                "after {:?} the mask is wrong about {tokens:?} in {schema} under {policy:?}",
                String::from_utf8_lossy(&text)
            );
        }
        if !step(&mut matcher, &mut choices, at, &mut text, &schema) {
            return;
        }
    }
}

pub fn walk(data: &[u8]) {
    let mut choices = Choices(data);
    let policy = policy(&mut choices);
    let schema = schema(&mut choices);
    let Some(program) = program(&schema, policy) else { return };
    let Some(judge) = judge(&schema) else { return };
    let mut matcher = program.matcher();
    let mut text = Vec::new();
    for at in 0..300 {
        if !step(&mut matcher, &mut choices, at, &mut text, &schema) {
            break;
        }
    }
    if !matcher.is_finished() || !is_plain(&text) {
        return;
    }
    let text = String::from_utf8(text).unwrap_or_else(|error| panic!("{error}, in {schema}"));
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}, in {schema}"));
    assert!(judge.is_valid(&document), "{text} does not satisfy {schema} under {policy:?}");
}

pub fn verdict(data: &[u8]) {
    let mut choices = Choices(data);
    let schema = schema(&mut choices);
    let Some(judge) = judge(&schema) else { return };
    let documents: Vec<Value> = (0..6).map(|_| instance(&mut choices, &schema, &schema, 5)).collect();
    let compiled = engine().emptied().compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::LENIENT);
    let program = match compiled {
        Ok(program) => program,
        Err(diagnostic) => {
            // A schema that refers back to itself in place would keep the judge busy for ever, and is refused as such.
            if diagnostic.kind == DiagnosticKind::Unsatisfiable {
                let satisfied = documents.iter().find(|document| judge.is_valid(document));
                assert!(satisfied.is_none(), "{satisfied:?} satisfies {schema}, which was refused: {diagnostic}");
            }
            return;
        }
    };
    for document in documents {
        let valid = judge.is_valid(&document);
        for text in [document.to_string(), format!(" {document:#} ")] {
            let mut matcher = program.matcher();
            let accepted = matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting();
            let fault = matcher.fault();
            assert!(accepted == valid || fault.is_some(), "accepted: {accepted}, valid: {valid}: {text} in {schema}");
        }
    }
}

pub fn compile(data: &[u8]) {
    let mut choices = Choices(data);
    let text = match choices.roll(3) {
        0 => String::from_utf8_lossy(choices.0).into_owned(),
        _ => mutated(&mut choices),
    };
    let limits = Limits { compile_steps: 30_000, answer_steps: 30_000, bytes: 2 << 20 };
    let constraint = Constraint::JsonSchema(text.as_str().into());
    let Ok(program) = engine().emptied().compile_within(&constraint, Policy::default(), limits) else { return };
    let mut matcher = program.matcher();
    for _ in 0..8 {
        let allowed: Vec<u32> = matcher.mask().iter().collect();
        if matcher.fault().is_some() || allowed.is_empty() {
            break;
        }
        let token = allowed[choices.roll(allowed.len().min(256))];
        if matcher.accept(token).is_err() {
            assert!(matcher.fault().is_some(), "{token} is in the mask and refused, in {text}");
            break;
        }
    }
    // One mask may still be added to what is held when a limit is passed.
    assert!(matcher.fault().is_some() || program.bytes() < 4 << 20, "{} bytes for {text}", program.bytes());
}

/// A schema's text in which some bytes were changed, repeated or left out.
fn mutated(choices: &mut Choices) -> String {
    let mut text = schema(choices).to_string().into_bytes();
    for _ in 0..choices.roll(6) {
        let at = (choices.roll(256) * 256 + choices.roll(256)) % text.len().max(1);
        let end = (at + choices.roll(40)).min(text.len());
        match choices.roll(4) {
            0 => text.splice(at..end, []).for_each(drop),
            1 => {
                let part = text[at..end].to_vec();
                text.splice(at..at, part).for_each(drop);
            }
            2 => text
                .splice(at..at, choices.pick(&["9", "{", "[", "\"$ref\":\"#\",", "1e99", "\\", "(", "*"]).bytes())
                .for_each(drop),
            _ => {
                if let Some(byte) = text.get_mut(at) {
                    *byte = choices.roll(256) as u8;
                }
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn judge(schema: &Value) -> Option<jsonschema::Validator> {
    jsonschema::validator_for(schema).ok()
}

/// Whether another program reads the numbers in a document as they are written.
fn is_plain(text: &[u8]) -> bool {
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let mut numbers = text.split(|byte| !is_number(byte));
    numbers.all(|number| number.len() < 12 && !number.contains(&b'e') && !number.contains(&b'E'))
}
