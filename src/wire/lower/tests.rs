//! Each rewrite, and what has no form.

use serde_json::{Value, json};

use super::*;

fn lowered(schema: Value, subset: &Subset) -> Result<(Value, Lowered), NoForm> {
    let lowered = lower(&Constraint::JsonSchema(schema.to_string().into()), subset)?;
    Ok((serde_json::from_str(lowered.schema.get()).unwrap(), lowered))
}

fn strict(schema: Value) -> Value {
    lowered(schema, &OPENAI_STRICT).unwrap().0
}

fn object(properties: Value, required: Value) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

#[test]
fn optional_properties_become_required_and_nullable() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": {"type": "string"}, "b": {"type": "integer"}, "c": {"enum": ["x"]},
            "d": {"type": "array", "items": {"type": "null"}}, "e": {"anyOf": [{"type": "null"}, {"type": "string"}]}},
        "required": ["a"]});
    let (schema, kept) = lowered(schema, &OPENAI_STRICT).unwrap();
    assert!(kept.nullable && !kept.wrapped && kept.dropped.is_empty());
    let properties = json!({
        "a": {"type": "string"}, "b": {"type": ["integer", "null"]}, "c": {"enum": ["x", null]},
        "d": {"anyOf": [{"type": "array", "items": {"type": "null"}}, {"type": "null"}]},
        "e": {"anyOf": [{"type": "null"}, {"type": "string"}]}});
    let expected = json!({
        "type": "object", "additionalProperties": false, "properties": properties,
        "required": ["a", "b", "c", "d", "e"]});
    assert_eq!(schema, expected);
    let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"], "the order of the keys is that of the schema");
}

#[test]
fn roots_that_are_no_objects_are_wrapped() {
    for root in [json!({"type": "integer"}), json!({"anyOf": [{"type": "null"}]}), json!({"$ref": "#/$defs/a"})] {
        let schema = json!({"$defs": {"a": {"type": "null"}}});
        let mut schema = schema.as_object().unwrap().clone();
        schema.extend(root.as_object().unwrap().clone());
        let (schema, kept) = lowered(schema.into(), &OPENAI_STRICT).unwrap();
        assert!(kept.wrapped);
        assert_eq!(schema["properties"]["value"], root);
        assert_eq!(schema["required"], json!(["value"]));
        assert_eq!(schema["$defs"]["a"], json!({"type": "null"}));
    }
    assert!(!lowered(json!({"type": "integer"}), &GEMINI).unwrap().1.wrapped);
    let own = json!({"type": "array", "items": {"$ref": "#"}});
    assert!(lowered(own, &OPENAI_STRICT).is_err());
}

#[test]
fn unions_and_single_members_are_rewritten() {
    let branches = json!([object(json!({"a": {"type": "null"}}), json!(["a"])), {"type": "null"}]);
    let schema = strict(object(json!({"x": {"oneOf": branches}}), json!(["x"])));
    assert_eq!(schema["properties"]["x"], json!({"anyOf": branches}));
    let merged = json!({"description": "d", "allOf": [{"type": "string", "pattern": "^a"}]});
    let schema = strict(object(json!({"x": merged}), json!(["x"])));
    assert_eq!(schema["properties"]["x"], json!({"type": "string", "pattern": "^a", "description": "d"}));
    let two = json!({"allOf": [{"type": "string"}, {"type": "string"}]});
    assert!(lowered(object(json!({"x": two}), json!(["x"])), &OPENAI_STRICT).is_err());
}

#[test]
fn what_is_not_taken_moves_into_the_description_and_is_listed() {
    let name = json!({"type": "string", "maxLength": 5, "description": "Name."});
    let (schema, kept) = lowered(object(json!({"a/b": name}), json!(["a/b"])), &OPENAI_STRICT).unwrap();
    assert_eq!(schema["properties"]["a/b"], json!({"type": "string", "description": "Name. (maxLength: 5)"}));
    assert_eq!(kept.dropped, ["/properties/a~1b/maxLength"]);
    let list = json!({"type": "array", "items": {"type": "string", "format": "uri"}, "minItems": 2});
    let (schema, kept) = lowered(object(json!({"x": list}), json!(["x"])), &ANTHROPIC).unwrap();
    assert_eq!(schema["properties"]["x"]["items"]["format"], "uri");
    assert_eq!(kept.dropped, ["/properties/x/minItems"]);
    let few = json!({"type": "array", "items": {"type": "string"}, "minItems": 1});
    assert!(lowered(object(json!({"x": few}), json!(["x"])), &ANTHROPIC).unwrap().1.dropped.is_empty());
    let silent = json!({"$schema": "x", "default": 1, "type": "object", "properties": {}, "examples": []});
    assert!(lowered(silent, &OPENAI_STRICT).unwrap().1.dropped.is_empty());
}

#[test]
fn what_strings_hold_is_listed_and_told() {
    let schema = object(json!({"q": {"type": "string", "x-espalier": {"lark": "start: /a+/"}}}), json!(["q"]));
    let (schema, kept) = lowered(schema, &OPENAI_STRICT).unwrap();
    assert_eq!(kept.dropped, ["/properties/q/x-espalier"]);
    let told = json!({"type": "string", "description": r#"(x-espalier: {"lark":"start: /a+/"})"#});
    assert_eq!(schema["properties"]["q"], told);
}

#[test]
fn constants_and_enums() {
    let schema = object(json!({"x": {"const": "a"}, "y": {"type": "string", "enum": ["b"]}}), json!(["x", "y"]));
    assert_eq!(lowered(schema.clone(), &GEMINI).unwrap().0["properties"]["x"], json!({"enum": ["a"]}));
    assert_eq!(lowered(schema.clone(), &OPENAI_STRICT).unwrap().0["properties"]["x"], json!({"const": "a"}));
    assert_eq!(lowered(schema, &ANTHROPIC).unwrap().0["properties"]["y"], json!({"enum": ["b"]}));
}

#[test]
fn what_has_no_form_is_not_lowered() {
    let optional = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    let recursive =
        json!({"$ref": "#/$defs/a", "$defs": {"a": object(json!({"a": {"$ref": "#/$defs/a"}}), json!([]))}});
    for (schema, subset, place) in [
        (optional.clone(), &OPENAI_STRICT, ""),
        (json!({"type": "object"}), &ANTHROPIC, ""),
        (object(json!({"m": optional}), json!(["m"])), &OPENAI_STRICT, "/properties/m"),
        (json!({"type": "object", "properties": {"a": {}}}), &OPENAI_STRICT, "/properties/a"),
        (json!({"type": "object", "properties": {"a": true}}), &OPENAI_STRICT, "/properties/a"),
        (json!({"type": "array"}), &OPENAI_STRICT, ""),
        (json!({"$id": "https://a", "type": "object"}), &OPENAI_STRICT, "/$id"),
        (json!({"$ref": "#/properties/a"}), &OPENAI_STRICT, ""),
        (json!({"type": "object", "patternProperties": {"a": {}}}), &GEMINI, "/patternProperties"),
        (json!({"enum": [{"a": 1}]}), &OPENAI_STRICT, "/enum"),
        (recursive.clone(), &ANTHROPIC, ""),
        (recursive.clone(), &DEEPSEEK, ""),
        (json!({"type": "object", "properties": {}, "required": ["a"]}), &OPENAI_STRICT, "/required"),
    ] {
        let error = lowered(schema.clone(), subset).map(|(schema, _)| schema).expect_err(&schema.to_string());
        assert_eq!(error.pointer, place, "{schema}: {error}");
    }
    lowered(recursive, &OPENAI_STRICT).unwrap();
    let mut deep = json!({"type": "string"});
    for _ in 0..11 {
        deep = object(json!({"a": deep}), json!(["a"]));
    }
    assert!(lowered(deep.clone(), &OPENAI_STRICT).is_err());
    lowered(deep, &ANTHROPIC).unwrap();
}

#[test]
fn definitions_move_to_one_place() {
    let schema = json!({
        "type": "object", "properties": {"a": {"$ref": "#/definitions/a", "minLength": 2}}, "required": ["a"],
        "definitions": {"a": {"type": "string", "maxLength": 3}}});
    let (schema, kept) = lowered(schema, &OPENAI_STRICT).unwrap();
    assert_eq!(schema["properties"]["a"], json!({"$ref": "#/$defs/a"}));
    assert_eq!(schema["$defs"]["a"]["type"], "string");
    assert_eq!(kept.dropped, ["/properties/a/minLength", "/definitions/a/maxLength"]);
}

#[test]
fn verbatim_keeps_the_text() {
    let text = r#"{ "minimum":1.0e0 }"#;
    assert_eq!(verbatim(&Constraint::JsonSchema(text.into())).unwrap().schema.get(), text);
    assert!(verbatim(&Constraint::JsonObject).is_err());
}
