//! The shortest way home: what completes an answer, from the beginning and from the middle.

use std::sync::Arc;

use espalier::{
    frontend::{Constraint, Policy, Whitespace},
    matcher::{Engine, Program},
    vocab::{Token, TokenKind, Vocabulary},
};
use serde_json::{Value, json};

/// A vocabulary of single bytes: a text's tokens are its bytes.
fn bytes_engine(more: &[&str]) -> Arc<Engine> {
    let token = |bytes: &[u8]| Token { bytes: bytes.into(), kind: TokenKind::Text };
    let mut tokens: Vec<Token> = (0..=255u8).map(|byte| token(&[byte])).collect();
    tokens.extend(more.iter().map(|text| token(text.as_bytes())));
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("bytes", tokens)))
}

fn program(engine: &Arc<Engine>, schema: &Value) -> Arc<Program> {
    engine.compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::default()).expect("the schema compiles")
}

fn home(schema: &Value, begun: &str) -> String {
    let mut matcher = program(&bytes_engine(&[]), schema).matcher();
    assert_eq!(matcher.accept_bytes(begun.as_bytes()), begun.len(), "{schema}: {begun}");
    let home = matcher.home().unwrap_or_else(|| panic!("{schema}: no way home from {begun}"));
    assert_eq!(matcher.accept_bytes(&home), home.len(), "{schema}: {begun} {home:?}");
    assert!(matcher.is_accepting(), "{schema}: {begun} {home:?}");
    String::from_utf8(home).unwrap()
}

/// Nothing shorter satisfies these; of equally short texts any will do.
#[test]
fn from_the_beginning() {
    let cases = [
        (json!({}), "0"),
        (json!({"type": "string", "minLength": 3}), r#""aaa""#),
        (json!({"type": "integer", "minimum": 100}), "100"),
        (json!({"enum": ["abcdef", "de", [1, 2]]}), r#""de""#),
        (json!({"not": {"type": "number"}}), r#""""#),
        (json!({"type": "object", "required": ["a"]}), r#"{"a":0}"#),
        (json!({"type": "array", "minItems": 2, "items": {"type": "boolean"}}), "[true,true]"),
        (json!({"anyOf": [{"type": "object", "required": ["much", "more"]}, {"type": "null"}]}), "null"),
        (json!({"type": "array", "contains": {"const": 55}, "minContains": 2}), "[55,55]"),
        (json!({"type": "array", "contains": {"const": "x"}, "minItems": 3}), r#"[0,0,"x"]"#),
        (json!({"type": "array", "uniqueItems": true, "minItems": 3, "items": {"type": "integer"}}), "[0,1,2]"),
        (json!({"type": "array", "uniqueItems": true, "minItems": 2, "items": {"type": "string"}}), r#"["","a"]"#),
        (json!({"type": "array", "uniqueItems": true, "minItems": 2, "items": {"enum": [[], {}]}}), "[[],{}]"),
        (
            json!({"type": "array", "uniqueItems": true, "minItems": 3, "items": {"type": "object", "required": ["id"],
                "properties": {"id": {"type": "integer"}}, "additionalProperties": false}}),
            r#"[{"id":0},{"id":1},{"id":2}]"#,
        ),
        (json!({"type": "array", "uniqueItems": true, "minItems": 2, "items": {"type": "object"}}), r#"[{},{"":0}]"#),
        (json!({"type": "object", "minProperties": 2}), r#"{"":0,"a":0}"#),
        (json!({"type": "object", "minProperties": 1, "properties": {"long": {}, "b": {}}}), r#"{"":0}"#),
        (
            json!({"type": "object", "minProperties": 1, "properties": {"b": {"minLength": 9, "type": "string"}, "ccc": {}},
                "additionalProperties": false}),
            r#"{"ccc":0}"#,
        ),
        (
            json!({"type": "object", "patternProperties": {"^x": {"type": "null"}}, "additionalProperties": false,
                "minProperties": 1}),
            r#"{"x":null}"#,
        ),
        (
            json!({"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"],
                "if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["something"]}}),
            r#"{"kind":"b"}"#,
        ),
        (json!({"type": "object", "anyOf": [{"required": ["alpha"]}, {"required": ["b", "c"]}]}), r#"{"alpha":0}"#),
        (
            json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "required": ["v", "next"],
                "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}}}),
            r#"{"v":0,"next":null}"#,
        ),
        (json!({"type": "string", "pattern": "^[0-9a-f]{4}-x$"}), r#""0000-x""#),
        (json!({"type": "number", "multipleOf": 0.25, "exclusiveMinimum": 1, "exclusiveMaximum": 1.5}), "1.25"),
    ];
    for (schema, shortest) in cases {
        let home = home(&schema, "");
        assert_eq!(home.len(), shortest.len(), "{schema}: {home}, not {shortest}");
    }
}

#[test]
fn from_the_middle() {
    let person = json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "tags": {
        "type": "array", "items": {"type": "string"}}}, "required": ["name", "age"], "additionalProperties": false});
    let cases = [
        ("", r#"{"name":"","age":0}"#),
        (r#"{"na"#, r#"me":"","age":0}"#),
        (r#"{"name""#, r#":"","age":0}"#),
        (r#"{"name":"Bo"#, r#"","age":0}"#),
        (r#"{"name":"Bo\"#, r#"n","age":0}"#),
        (r#"{"name":"Bo","age":1"#, "}"),
        (r#"{"name":"Bo","age":-"#, "1}"),
        (r#"{"name":"Bo","age":1,"#, r#""tags":[]}"#),
        (r#"{"name":"Bo","age":1,"tags":["#, "]}"),
        (r#"{"name":"Bo","age":1,"tags":["a","#, r#"""]}"#),
        (r#"{"name":"Bo","age":1,"tags":["a"]}"#, ""),
    ];
    for (begun, rest) in cases {
        let home = home(&person, begun);
        assert_eq!(home.len(), rest.len(), "{begun}: {home}, not {rest}");
    }
    // Within an escape: letters that are hex digits lead to other characters than those that are written so.
    let image = json!({"type": "string", "pattern": "\\.png$"});
    assert_eq!(home(&image, r#""a\u00"#).len(), r#"00.png""#.len());
    // A comma demands one more member, whatever it is called.
    assert_eq!(home(&json!({"type": "object"}), r#"{"a":1,"#), r#""":0}"#);
}

/// The whitespace of indented text is part of the way.
#[test]
fn indented() {
    let person = json!({"type": "object", "properties": {"name": {"type": "string"}, "tags": {"type": "array", "minItems": 1,
        "items": {"type": "integer"}}, "more": {"type": "object"}}, "required": ["name", "tags", "more"]});
    let whole = "{\n  \"name\": \"\",\n  \"tags\": [\n    0\n  ],\n  \"more\": {}\n}";
    let policy = Policy { whitespace: Whitespace::Indented, ..Policy::default() };
    let program = bytes_engine(&[]).compile(&Constraint::JsonSchema(person.to_string().into()), policy).unwrap();
    for begun in 0..=whole.len() {
        let mut matcher = program.matcher();
        assert_eq!(matcher.accept_bytes(&whole.as_bytes()[..begun]), begun, "{whole:?}");
        let home = matcher.home().unwrap_or_else(|| panic!("no way home from {:?}", &whole[..begun]));
        assert_eq!(matcher.accept_bytes(&home), home.len(), "{:?} {home:?}", &whole[..begun]);
        assert!(matcher.is_accepting());
        assert!(begun + home.len() <= whole.len(), "{:?} {:?}", &whole[..begun], String::from_utf8_lossy(&home));
    }
    let mut matcher = program.matcher();
    for other in ["{ ", "{\"", "{\n\"", "{\n  \"name\":\"", "{\n  \"name\": \"\"}", "{\n  \"name\": \"\" "] {
        assert!(matcher.accept_bytes(other.as_bytes()) < other.len(), "{other:?}");
        matcher = program.matcher();
    }
}

/// Tokens decide, not bytes.
#[test]
fn in_tokens() {
    let schema = json!({"anyOf": [{"const": ["zz"]}, {"const": {"international": true}}]});
    let engine = bytes_engine(&[r#"{"international":"#, "true}"]);
    let mut matcher = program(&engine, &schema).matcher();
    let tokens = matcher.home_tokens().unwrap();
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    for token in tokens {
        assert!(matcher.mask().contains(token));
        matcher.accept(token).unwrap();
    }
    assert!(matcher.is_accepting());
}

/// A long text is filled with what the vocabulary has long tokens for.
#[test]
fn fillings() {
    let schema = json!({"type": "string", "minLength": 100});
    let engine = bytes_engine(&["          ", "==========", "aaaa"]);
    let tokens = program(&engine, &schema).matcher().home_tokens().unwrap();
    assert_eq!(tokens.len(), 12, "two quotes and ten times ten spaces: {tokens:?}");
}
