//! Refusals say where and why: conflicts by their keywords, limits by their numbers.

use std::sync::Arc;

use espalier::{
    budget::Limits,
    frontend::{Constraint, Diagnostic, DiagnosticKind, Policy},
    matcher::Engine,
    vocab::Vocabulary,
};

fn engine() -> Arc<Engine> {
    Engine::new(Arc::new(Vocabulary::new("none", Vec::new())))
}

fn refusal(engine: &Arc<Engine>, schema: &str, limits: Limits) -> Diagnostic {
    let compiled = engine.compile_within(&Constraint::JsonSchema(schema.into()), Policy::default(), limits);
    compiled.err().unwrap_or_else(|| panic!("{schema} is taken"))
}

#[test]
fn conflicting_keywords_are_named() {
    let engine = engine();
    // Schema, where, and the keywords that exclude each other.
    let cases: &[(&str, &str, &[&str])] = &[
        ("false", "", &[]),
        (r#"{"minimum":3,"maximum":2,"type":"number","title":"x"}"#, "", &["/minimum", "/maximum", "/type"]),
        (
            r#"{"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2}"#,
            "",
            &["/type", "/exclusiveMinimum", "/exclusiveMaximum"],
        ),
        (r#"{"type":"string","minLength":5,"maxLength":4}"#, "", &["/type", "/minLength", "/maxLength"]),
        (r#"{"const":"x","enum":["y","z"],"description":"d"}"#, "", &["/enum", "/const"]),
        (r#"{"allOf":[{"type":"string"},{"title":"b"},{"type":"null"}]}"#, "", &["/allOf/0/type", "/allOf/2/type"]),
        (r#"{"type":"string","pattern":"^a","enum":["b","c"]}"#, "", &["/pattern", "/enum"]),
        (
            r#"{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"array","minItems":3,"maxItems":1}},"required":["b"]}},"required":["a"]}"#,
            "/properties/a/properties/b",
            &[
                "/properties/a/properties/b/type",
                "/properties/a/properties/b/minItems",
                "/properties/a/properties/b/maxItems",
            ],
        ),
        (
            r#"{"type":"object","properties":{"a":false},"required":["a","c"],"minProperties":0}"#,
            "",
            &["/type", "/properties", "/required"],
        ),
        (
            r#"{"type":"object","properties":{"a":{}},"additionalProperties":false,"required":["b"]}"#,
            "",
            &["/type", "/properties", "/additionalProperties", "/required"],
        ),
        (r#"{"oneOf":[{"type":"string"},{"type":"string"}]}"#, "", &["/oneOf"]),
        (r##"{"$ref":"#/$defs/a","$defs":{"a":{"not":{}}}}"##, "/$defs/a", &["/$defs/a/not"]),
        (
            r#"{"type":"array","minItems":2,"items":{"type":"boolean","const":1}}"#,
            "/items",
            &["/items/type", "/items/const"],
        ),
        (
            r#"{"type":"object","minProperties":3,"propertyNames":{"enum":["a","b"]}}"#,
            "",
            &["/type", "/minProperties", "/propertyNames"],
        ),
        (
            r#"{"type":"array","uniqueItems":true,"minItems":3,"items":{"type":"boolean"}}"#,
            "",
            &["/type", "/uniqueItems", "/minItems", "/items"],
        ),
        (
            r##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##,
            "",
            &["/type", "/properties", "/required"],
        ),
    ];
    for (schema, pointer, keywords) in cases {
        let diagnostic = refusal(&engine, schema, Limits::default());
        assert_eq!(diagnostic.kind, DiagnosticKind::Unsatisfiable, "{schema}: {diagnostic}");
        assert_eq!(diagnostic.pointer.as_deref(), Some(*pointer), "{schema}: {diagnostic}");
        let named: Vec<&str> = diagnostic.message.split('"').skip(1).step_by(2).collect();
        let (mut named, mut keywords) = (named, keywords.to_vec());
        named.sort_unstable();
        keywords.sort_unstable();
        assert_eq!(named, keywords, "{schema}: {diagnostic}");
    }
    let diagnostic = refusal(&engine, r#"{"type":"string","minLength":5,"maxLength":4}"#, Limits::default());
    let message = r#"no value satisfies this schema: "/type", "/minLength" and "/maxLength" exclude each other at """#;
    assert_eq!(diagnostic.to_string(), message);
    assert_eq!(refusal(&engine, "false", Limits::default()).message, "no value satisfies this schema: it is false");
}

#[test]
fn limits_are_named_with_their_numbers() {
    let engine = engine();
    let keys: Vec<String> = (0..3000).map(|i| format!("\"k{i}\":{{\"type\":\"integer\"}}")).collect();
    let required: Vec<String> = (0..3000).map(|i| format!("\"k{i}\"")).collect();
    let schema =
        format!(r#"{{"type":"object","properties":{{{}}},"required":[{}]}}"#, keys.join(","), required.join(","));
    let few_steps = refusal(&engine, &schema, Limits { compile_steps: 1_000, ..Limits::default() });
    assert_eq!(few_steps.kind, DiagnosticKind::TooLarge);
    assert!(few_steps.message.contains("more than 1000 steps"), "{few_steps}");
    let few_bytes = refusal(&engine, &schema, Limits { bytes: 50_000, ..Limits::default() });
    assert!(few_bytes.message.contains("of which 50000 are allowed"), "{few_bytes}");
    let constraint = Constraint::JsonSchema(schema.as_str().into());
    assert!(engine.compile(&constraint, Policy::default()).is_ok(), "it is taken within the usual limits");
    // Where it is known, the place is told.
    let primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37].map(|prime| format!(r#"{{"multipleOf":{prime}}}"#));
    let schema = format!(
        r#"{{"type":"object","properties":{{"n":{{"oneOf":[{}],"type":"number"}}}},"required":["n"]}}"#,
        primes.join(",")
    );
    let divisors = refusal(&engine, &schema, Limits::default());
    assert_eq!(divisors.kind, DiagnosticKind::TooLarge);
    assert!(divisors.message.contains("multipleOf"), "{divisors}");
    assert!(divisors.pointer.as_deref().is_some_and(|pointer| pointer.starts_with("/properties/n")), "{divisors}");
}

#[test]
fn assumed_liveness_is_told() {
    let engine = engine();
    let soft = |schema: &str| {
        engine.compile(&Constraint::JsonSchema(schema.into()), Policy::default()).expect(schema).is_soft()
    };
    assert!(!soft(r#"{"type":"object","properties":{"a":{"pattern":"^a+b"}},"required":["a"]}"#));
    // Many alternatives, 3^8 of them, are not spelled out: a search finds one that can be met.
    let group = |i: usize| {
        let keys: Vec<String> = (0..3).map(|j| format!(r#"{{"required":["k{i}{j}"]}}"#)).collect();
        format!(r#"{{"anyOf":[{}]}}"#, keys.join(","))
    };
    let groups: Vec<String> = (0..8).map(group).collect();
    assert!(!soft(&format!(r#"{{"type":"object","allOf":[{}]}}"#, groups.join(","))));
    // A string in which it takes too long to find a text.
    let patterns: Vec<String> =
        [7, 11, 13, 17, 19, 23].iter().map(|n| format!(r#"{{"pattern":"^(.{{{n}}})*$"}}"#)).collect();
    assert!(soft(&format!(r#"{{"type":"string","minLength":1,"allOf":[{}]}}"#, patterns.join(","))));
}
