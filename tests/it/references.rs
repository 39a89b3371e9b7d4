//! References: where they lead, in which scope, and what is said of those that lead nowhere.
//!
//! The meaning of references is judged by the official suite (`tests/conformance`); here stand errors, bounds, what the
//! suite leaves open, and a comparison with the `jsonschema` crate on schemas made at random.

use std::{sync::Arc, time::Instant};

use espalier::{
    frontend::{Constraint, Diagnostic, DiagnosticKind, JsonSchema, Policy},
    matcher::{Engine, Program},
    schema::Documents,
    vocab::byte_vocabulary,
};
use serde_json::{Value, json};

fn compile(schema: &Value, documents: &[(&str, Value)]) -> Result<Arc<Program>, Diagnostic> {
    let texts = documents.iter().map(|(uri, document)| (uri, document.to_string()));
    let schema = JsonSchema { text: schema.to_string().into(), documents: Documents::new(texts) };
    Engine::new(Arc::new(byte_vocabulary())).compile(&Constraint::JsonSchema(schema), Policy::LENIENT)
}

fn accepts(program: &Arc<Program>, value: &Value) -> bool {
    let (mut matcher, text) = (program.matcher(), value.to_string());
    matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting()
}

#[track_caller]
fn verdicts(schema: Value, documents: &[(&str, Value)], valid: &[Value], invalid: &[Value]) {
    let program = compile(&schema, documents).unwrap_or_else(|refusal| panic!("{schema}: {refusal}"));
    for (values, wanted) in [(valid, true), (invalid, false)] {
        for value in values {
            assert_eq!(accepts(&program, value), wanted, "{value} under {schema}");
        }
    }
}

#[track_caller]
fn refused(schema: Value, documents: &[(&str, Value)]) -> Diagnostic {
    compile(&schema, documents).err().unwrap_or_else(|| panic!("{schema} is taken"))
}

#[test]
fn documents_are_found_by_uri() {
    let name = json!({"type": "string", "minLength": 1});
    // Relative to nothing, to a folder, and by an `$id` that differs from the URI.
    verdicts(json!({"$ref": "name.json"}), &[("name.json", name.clone())], &[json!("a")], &[json!(""), json!(1)]);
    let person = json!({"properties": {"name": {"$ref": "../parts/name.json"}}});
    let documents = [("schemas/top/person.json", person), ("schemas/parts/name.json", name.clone())];
    let schema = json!({"$ref": "schemas/top/person.json#"});
    verdicts(schema, &documents, &[json!({"name": "a"})], &[json!({"name": ""})]);
    let named = json!({"$id": "https://example.com/name", "type": "string", "minLength": 1});
    let documents = [("file.json", json!({"$defs": {"name": named}}))];
    verdicts(json!({"$ref": "https://example.com/name"}), &documents, &[json!("a")], &[json!("")]);
    let schema = json!({"$ref": "file.json#/$defs/name"});
    verdicts(schema, &documents, &[json!("a")], &[json!("")]);
}

#[test]
fn each_resource_is_read_in_its_own_draft() {
    let old = json!({"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://a/old",
        "properties": {"n": {"type": "integer", "minimum": 1, "exclusiveMinimum": true, "const": 7}}});
    let new = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "http://a/old",
        "properties": {"n": {"const": 3}}});
    verdicts(new, &[("http://a/old", old)], &[json!({"n": 3})], &[json!({"n": 1}), json!({"n": 7})]);
    let embedded = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "http://a/7",
        "$defs": {"x": {"$id": "http://a/7", "$schema": "http://json-schema.org/draft-07/schema#",
            "items": {"$ref": "#/definitions/s", "minLength": 3}, "definitions": {"s": {"type": "string"}}}}});
    verdicts(embedded, &[], &[json!(["a"])], &[json!([1])]);
}

#[test]
fn names_of_other_drafts_are_a_last_resort() {
    // `id` is no keyword of later drafts: it moves no base, but who refers to it finds it.
    let schema = json!({"id": "http://a/root.json", "properties": {"n": {"$ref": "#/definitions/n"}},
        "definitions": {"n": {"id": "#number", "type": "integer"}, "m": {"id": "http://b/m", "$ref": "#/definitions/n"}},
        "additionalProperties": {"$ref": "#number"}});
    verdicts(schema, &[], &[json!({"n": 1, "m": 2})], &[json!({"n": "1"}), json!({"m": "1"})]);
}

#[test]
fn refusals_say_where_and_what() {
    let missing = refused(json!({"properties": {"a": {"$ref": "http://x/y.json#/z"}}}), &[]);
    assert_eq!(missing.kind, DiagnosticKind::Unsupported);
    assert_eq!(missing.pointer.as_deref(), Some("/properties/a/$ref"));
    assert!(missing.message.contains("http://x/y.json#/z") && missing.hint.is_some(), "{missing}");
    let nowhere = refused(json!({"$id": "http://a/b", "items": {"$ref": "b#/$defs/c"}}), &[]);
    assert_eq!((nowhere.kind, nowhere.pointer.as_deref()), (DiagnosticKind::Invalid, Some("/items/$ref")));
    let inside = refused(json!({"$ref": "http://x/y"}), &[("http://x/y", json!({"not": {"type": "strin"}}))]);
    assert_eq!(inside.pointer.as_deref(), Some("http://x/y#/not/type"));
    let texts = Documents::new([("http://x/y", "{\n}}")]);
    let schema = JsonSchema { text: r#"{"$ref": "http://x/y"}"#.into(), documents: texts };
    let engine = Engine::new(Arc::new(byte_vocabulary()));
    let broken = engine.compile(&Constraint::JsonSchema(schema), Policy::LENIENT).err().expect("it is not JSON");
    assert!(broken.message.contains("http://x/y") && broken.position == Some((2, 2)), "{broken}");
    let own = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://m/m",
        "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": true, "http://m/units": true}});
    let unknown = refused(json!({"$schema": "http://m/m"}), &[("http://m/m", own)]);
    assert!(unknown.message.contains("http://m/units"), "{unknown}");
}

#[test]
fn circles_without_a_step_are_refused_where_they_are_reached() {
    refused(json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}), &[]);
    let unreached = json!({"type": "null", "$defs": {"a": {"$ref": "#/$defs/a"}}});
    verdicts(unreached, &[], &[Value::Null], &[json!(1)]);
    // Through `b` the same reference leads to a leaf, and by itself to itself.
    let circle = |start: &str| {
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://a/root", "$ref": start,
            "$defs": {
                "b": {"$id": "b", "$ref": "c", "$defs": {"leaf": {"$dynamicAnchor": "end", "type": "null"}}},
                "c": {"$id": "c", "$dynamicAnchor": "end", "$dynamicRef": "#end"}}})
    };
    verdicts(circle("b"), &[], &[Value::Null], &[json!(1)]);
    refused(circle("c"), &[]);
}

#[test]
fn scopes_that_multiply_end_in_an_error() {
    let count = 40;
    let all: Vec<Value> = (0..count).map(|to| json!({"$ref": format!("http://a/{to}")})).collect();
    let resource = |number: usize| {
        let anchor = json!({"$dynamicAnchor": format!("n{number}")});
        (
            number.to_string(),
            json!({"$id": format!("http://a/{number}"), "items": {"anyOf": all}, "$defs": {"a": anchor}}),
        )
    };
    let definitions: serde_json::Map<_, _> = (0..count).map(resource).collect();
    let started = Instant::now();
    let error = refused(json!({"$ref": "http://a/0", "$defs": definitions}), &[]);
    assert_eq!(error.kind, DiagnosticKind::TooLarge, "{error}");
    println!("{:?}", started.elapsed());
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

#[test]
fn large_schemas_are_read_in_linear_time() {
    let property = |number: usize| {
        (format!("p{number}"), json!({"note": 1, "remark": {"x": []}, "$anchor": format!("a{number}")}))
    };
    let properties: serde_json::Map<_, _> = (0..20_000).map(property).collect();
    let schema = json!({"properties": properties, "$ref": "#a7"});
    let started = Instant::now();
    let program = compile(&schema, &[]).expect("it is a schema");
    assert_eq!(program.annotations().len(), 40_000);
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    println!("{:?}", started.elapsed());
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A few resources under URIs in folders, with anchors, that refer to each other at random, every reference a step into
/// the value away from the next. Each step is a property whose name tells where it began.
fn random_schema(dice: &mut Dice) -> Value {
    let folders = ["http://h/", "http://h/a/", "http://h/a/b/", "urn:x:"];
    let ids: Vec<String> = (0..4).map(|at| format!("{}r{at}", folders[dice.roll(4) as usize])).collect();
    let resource = |number: usize, dice: &mut Dice| {
        let mut properties = serde_json::Map::new();
        for name in ["p", "q"] {
            let target = dice.roll(4) as usize;
            let same_folder =
                |id: &str| ids[number].rsplit_once('/').map(|at| at.0) == id.rsplit_once('/').map(|at| at.0);
            let short = ids[target].rsplit(['/', ':']).next().expect("a name").to_owned();
            let relative = same_folder(&ids[target]) && ids[number].starts_with("http") && dice.roll(2) == 0;
            let whole = if relative { short } else { ids[target].clone() };
            let reference = match dice.roll(6) {
                0 => json!({"$ref": whole}),
                1 => json!({"$ref": format!("{whole}#leaf")}),
                2 => json!({"$ref": "#/$defs/leaf"}),
                3 => json!({"$dynamicRef": "#node"}),
                4 => json!({"$dynamicRef": format!("{whole}#node")}),
                _ => json!({"$ref": format!("{whole}#/$defs/leaf")}),
            };
            properties.insert(name.to_owned(), reference);
        }
        let mut anchor = json!({"properties": properties, "required": [format!("k{number}")]});
        if dice.roll(3) > 0 {
            anchor["$dynamicAnchor"] = json!("node");
        } else {
            anchor["$anchor"] = json!("node");
        }
        anchor["$id"] = json!(ids[number]);
        anchor["$defs"] = json!({"leaf": {"$anchor": "leaf", "const": number}});
        anchor
    };
    let resources: Vec<Value> = (0..4).map(|number| resource(number, dice)).collect();
    json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://h/root", "$ref": ids[0],
        "$defs": {"a": resources[1], "b": resources[0], "c": {"not": {"items": resources[2]}}, "d": resources[3]}})
}

fn random_value(dice: &mut Dice, depth: u64) -> Value {
    if depth == 0 || dice.roll(4) == 0 {
        return json!(dice.roll(4));
    }
    let mut value = json!({});
    for name in ["p", "q"] {
        if dice.roll(2) == 0 {
            value[name] = random_value(dice, depth - 1);
        }
    }
    for number in 0..4 {
        if dice.roll(5) > 0 {
            value[format!("k{number}")] = json!(1);
        }
    }
    value
}

#[test]
fn random_references_mean_what_another_validator_says() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let schema = random_schema(&mut dice);
        let program = compile(&schema, &[]).unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}\n{schema}"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        for _ in 0..40 {
            let value = random_value(&mut dice, 3);
            let wanted = validator.is_valid(&value);
            assert_eq!(accepts(&program, &value), wanted, "seed {seed}: {value}\n{schema:#}");
            *(if wanted { &mut valid } else { &mut invalid }) += 1;
        }
    }
    println!("{valid} valid, {invalid} invalid");
    assert!(valid > 500 && invalid > 500, "{valid} valid, {invalid} invalid");
}
