//! `unevaluatedProperties` and `unevaluatedItems`, and conditions that hang together so that a careless mask leads into a
//! dead end, against a validator that is not ours: every small instance, keys in every order, and what walks through the
//! masks come to.

use std::sync::Arc;

use espalier::{
    frontend::{Constraint, DiagnosticKind, KeyOrder, Policy, Whitespace},
    matcher::{Engine, Program},
    vocab::{Token, TokenKind, Vocabulary},
};
use serde_json::{Value, json};

fn cases() -> Vec<(String, Value)> {
    let case = |line: &str| {
        let mut case: Value = serde_json::from_str(line).unwrap();
        (case["id"].as_str().unwrap().to_owned(), case["schema"].take())
    };
    let files = [include_str!("../cases/unevaluated.jsonl"), include_str!("../cases/dead-ends.jsonl")];
    files.into_iter().flat_map(str::lines).map(case).collect()
}

fn engine() -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("bytes", tokens)))
}

/// None: no value satisfies the schema.
fn compile(engine: &Arc<Engine>, schema: &Value, policy: Policy) -> Option<Arc<Program>> {
    match engine.compile(&Constraint::JsonSchema(schema.to_string().into()), policy) {
        Ok(program) => Some(program),
        Err(refusal) if refusal.kind == DiagnosticKind::Unsatisfiable => None,
        Err(refusal) => panic!("{refusal}"),
    }
}

/// How much of a text is taken; None if all of it and it may end there.
fn refused_at(program: &Arc<Program>, text: &str) -> Option<usize> {
    let mut matcher = program.matcher();
    let taken = matcher.accept_bytes(text.as_bytes());
    (taken < text.len() || !matcher.is_accepting()).then_some(taken)
}

/// Every order of every choice of `keys`, each with every one of `values`.
fn objects(keys: &[&str], values: &[&str]) -> Vec<String> {
    let mut all = vec![Vec::<(String, String)>::new()];
    let mut at = 0;
    while at < all.len() {
        for key in keys {
            if all[at].iter().all(|(known, _)| known != key) {
                for value in values {
                    let mut more = all[at].clone();
                    more.push(((*key).into(), (*value).into()));
                    all.push(more);
                }
            }
        }
        at += 1;
    }
    let text = |members: &Vec<(String, String)>| {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    all.iter().map(text).collect()
}

/// Every array of up to `len` of these values.
fn arrays(values: &[&str], len: usize) -> Vec<String> {
    let mut all = vec![Vec::<&str>::new()];
    let mut at = 0;
    while at < all.len() {
        if all[at].len() < len {
            for value in values {
                let more = all[at].iter().copied().chain([*value]).collect();
                all.push(more);
            }
        }
        at += 1;
    }
    all.iter().map(|items| format!("[{}]", items.join(","))).collect()
}

#[test]
fn verdicts_on_all_small_instances_are_a_validators() {
    let engine = engine();
    let mut texts = objects(&["a", "b", "c"], &["1", "\"s\"", "null"]);
    texts.extend(objects(&["a", "b", "d"], &["1", "{}", "{\"c\":1}", "{\"d\":2,\"b\":1}"]));
    texts.extend(objects(&["b", "ab", "c", "bb"], &["1", "\"s\""]));
    texts.extend(arrays(&["1", "\"s\"", "null"], 4));
    texts.extend(["1", "null", "\"s\""].map(String::from));
    let (mut valid, mut wrong) = (0, Vec::new());
    for (id, schema) in cases() {
        let judge = jsonschema::validator_for(&schema).unwrap();
        let program = compile(&engine, &schema, Policy::LENIENT).unwrap();
        for text in &texts {
            let expected = judge.is_valid(&serde_json::from_str(text).unwrap());
            valid += usize::from(expected);
            let refused = refused_at(&program, text);
            if refused.is_none() != expected {
                wrong.push(format!("{id}: {text} should be {expected}, refused at {refused:?}"));
            }
        }
    }
    println!("{} texts for each schema, {valid} verdicts of valid", texts.len());
    assert!(wrong.is_empty(), "{} wrong verdicts, such as\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

/// A small generator, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// A document by a walk through the masks: at random first, then towards its end, by keys that the schemas speak of.
fn walk(program: &Arc<Program>, dice: &mut Dice, what: &str) -> String {
    let mut matcher = program.matcher();
    let (mut text, mut inside, mut len): (Vec<u8>, _, _) = (Vec::new(), false, 0);
    for step in 0..2000 {
        let allowed: Vec<u32> = matcher.mask().iter().collect();
        assert!(!allowed.is_empty(), "{what}: nothing may follow {}", String::from_utf8_lossy(&text));
        let wanted: &[&[u8]] = match (inside, dice.roll(4)) {
            (_, roll) if step < 60 && roll < 2 => &[],
            (true, 0..=2) if len == 0 => &[b"abcd"],
            (true, _) => &[b"\"", b"abcd", b"s1"],
            (false, 0) => &[b",:", b"1n{["],
            (false, _) => &[b"}]:\n", b"\"1tn{["],
        };
        let of = |bytes: &&[u8]| {
            let found: Vec<u32> = allowed.iter().copied().filter(|id| bytes.contains(&(*id as u8))).collect();
            (!found.is_empty()).then_some(found)
        };
        let from = match allowed.contains(&256) && dice.roll(2) == 0 {
            true => vec![256],
            false => wanted.iter().find_map(of).unwrap_or_else(|| allowed.clone()),
        };
        let token = from[dice.roll(from.len())];
        matcher.accept(token).unwrap();
        if matcher.is_finished() {
            return String::from_utf8(text).unwrap();
        }
        let escapes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
        let quote = token == u32::from(b'"') && escapes % 2 == 0;
        (inside, len) = (inside != quote, if quote { 0 } else { len + 1 });
        text.push(token as u8);
    }
    panic!("{what}: no end after {}", String::from_utf8_lossy(&text));
}

#[test]
fn contains_evaluates_nothing_in_2019_09() {
    let engine = engine();
    let rest = json!({"items": [true], "contains": {"type": "string"}, "unevaluatedItems": {"type": "number"}});
    for (draft, expected) in [("2019-09", false), ("2020-12", true)] {
        let mut schema = rest.clone();
        schema["$schema"] = format!("https://json-schema.org/draft/{draft}/schema").into();
        if expected {
            schema["prefixItems"] = schema["items"].take();
            schema.as_object_mut().unwrap().remove("items");
        }
        let program = compile(&engine, &schema, Policy::LENIENT).unwrap();
        for (text, valid) in [("[1,\"s\"]", expected), ("[\"s\",\"s\",2]", expected), ("[\"s\",2]", true)] {
            assert_eq!(refused_at(&program, text).is_none(), valid, "{draft}: {text}");
        }
    }
}

#[test]
fn walks_end_in_documents_that_a_validator_takes() {
    let engine = engine();
    for (id, schema) in cases() {
        let judge = jsonschema::validator_for(&schema).unwrap();
        let any_order = Policy { key_order: KeyOrder::Any, ..Policy::default() };
        let indented = Policy { whitespace: Whitespace::Indented, ..any_order };
        for (round, policy) in [Policy::default(), any_order, indented].into_iter().enumerate() {
            for (kind, typed) in [json!("null"), json!("object"), json!("array")].into_iter().enumerate() {
                let mut schema = schema.clone();
                schema["type"] = typed.clone();
                let Some(program) = compile(&engine, &schema, policy) else { continue };
                let mut dice = Dice(5 + round as u64 * 10 + kind as u64);
                for _ in 0..40 {
                    let text = walk(&program, &mut dice, &format!("{id} as {typed}, {policy:?}"));
                    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{id}: {text}"));
                    assert!(judge.is_valid(&value), "{id}: {text}");
                    if policy.whitespace == Whitespace::Indented {
                        assert_eq!(text, as_indented(&text), "{id}");
                    }
                }
            }
        }
    }
}

/// A JSON text as it should be indented.
fn as_indented(text: &str) -> String {
    let (mut out, mut depth, mut inside, mut escaped) = (String::new(), 0, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str("  "));
    };
    let mut before = ' ';
    for letter in text.chars() {
        if inside {
            (escaped, inside) = (letter == '\\' && !escaped, letter != '"' || escaped);
            out.push(letter);
        } else if !letter.is_whitespace() {
            let closes = matches!(letter, '}' | ']');
            depth -= usize::from(closes);
            let opened = matches!(before, '{' | '[');
            if before == ',' || closes != opened && (closes || opened) {
                line(&mut out, depth);
            }
            out.push(letter);
            if letter == ':' {
                out.push(' ');
            }
            depth += usize::from(matches!(letter, '{' | '['));
            inside = letter == '"';
        } else {
            continue;
        }
        before = letter;
    }
    out
}

#[test]
fn many_branches_with_many_keys_stay_small() {
    let branch = |index: usize| {
        let mut properties = serde_json::Map::new();
        for key in 0..6 {
            properties.insert(format!("k{index}_{key}"), json!({"type": ["string", "number"]}));
        }
        json!({"properties": properties, "required": [format!("k{index}_0")]})
    };
    let branches: Vec<Value> = (0..6).map(branch).collect();
    let (engine, mut dice) = (engine(), Dice(9));
    for combinator in ["anyOf", "oneOf"] {
        let schema = json!({"type": "object", combinator: branches, "unevaluatedProperties": false});
        let judge = jsonschema::validator_for(&schema).unwrap();
        let program = compile(&engine, &schema, Policy { key_order: KeyOrder::Any, ..Policy::default() }).unwrap();
        for _ in 0..30 {
            let text = walk(&program, &mut dice, combinator);
            assert!(judge.is_valid(&serde_json::from_str(&text).unwrap()), "{text}");
        }
    }
}

#[test]
fn what_has_too_many_classes_is_refused_by_name() {
    let pattern = |index: usize| json!({"patternProperties": {format!("^{index}"): true}});
    let branches: Vec<Value> = (0..20).map(pattern).collect();
    let schema = json!({"properties": {"a": {"anyOf": branches, "unevaluatedProperties": false}}});
    let refusal = engine().compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::default());
    let Err(refusal) = refusal else { panic!("not refused") };
    assert_eq!(refusal.kind, DiagnosticKind::TooLarge);
    assert_eq!(refusal.pointer.as_deref(), Some("/properties/a/unevaluatedProperties"));
}

/// `x-espalier` in strings: a language of its own, in every spelling that JSON has for it, beside other keywords.
#[test]
fn strings_hold_what_they_are_said_to_hold() {
    let cases: &[(Value, &[&str], &[&str])] = &[
        (
            json!({"x-espalier": {"regex": "a|b+"}}),
            &[r#""a""#, r#""bbb""#, r#""\u0061""#, "1", "{}"],
            &[r#""ab""#, r#""""#, r#""xa""#, r#""a\n""#],
        ),
        (
            json!({"type": "string", "x-espalier": {"regex": "[0-9]+", "regex_syntax": "ecma"}, "maxLength": 2, "not": {"const": "7"}}),
            &[r#""12""#, r#""8""#],
            &[r#""123""#, r#""7""#, r#""\u0037""#, "12"],
        ),
        (
            json!({"type": "array", "items": {"type": "string", "x-espalier": {"choice": ["a.b", "(x|y)", "tab\there", "\u{e9}\\"]}}}),
            &[r#"["a.b","(x|y)","tab\there"]"#, r#"["\u00E9\\"]"#, r#"["\u0061\u002eb"]"#],
            &[r#"["axb"]"#, r#"["x"]"#, r#"["a.b "]"#],
        ),
        (
            json!({"properties": {"k": {"anyOf": [{"x-espalier": {"choice": ["on", "off"]}, "type": "string"}, {"type": "null"}]}}}),
            &[r#"{"k":"on"}"#, r#"{"k":null}"#],
            &[r#"{"k":"o"}"#, r#"{"k":1}"#],
        ),
    ];
    let engine = engine();
    for (schema, valid, invalid) in cases {
        let program = compile(&engine, schema, Policy::LENIENT).expect("some value satisfies it");
        for text in *valid {
            assert_eq!(refused_at(&program, text), None, "{schema}: {text}");
        }
        for text in *invalid {
            assert!(refused_at(&program, text).is_some(), "{schema}: {text}");
        }
        let home = program.matcher().home().expect("there are no dead ends");
        assert_eq!(refused_at(&program, &String::from_utf8(home).unwrap()), None, "{schema}");
    }
    let refused: &[(Value, &str)] = &[
        (json!({"x-espalier": {"sql": {}}}), "sql"),
        (json!({"x-espalier": {"regexp": "a"}}), "regexp"),
        (json!({"x-espalier": {"regex": "a)|(b"}}), ""),
        (json!({"x-espalier": {"choice": []}}), ""),
        (json!({"x-espalier": {"choice": ["a"], "regex": "a"}}), ""),
        (json!({"x-espalier": "a"}), ""),
    ];
    for (schema, words) in refused {
        let refusal = engine.compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::LENIENT);
        let refusal = refusal.err().unwrap_or_else(|| panic!("{schema} is taken"));
        assert!(refusal.to_string().contains(words), "{schema}: {refusal}");
        let pointer = refusal.pointer.as_deref().unwrap_or_default();
        assert!(pointer.starts_with("/x-espalier"), "{schema}: {refusal}");
    }
}
