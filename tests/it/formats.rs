//! Formats against the official suite and against a validator that is not ours.

use std::sync::Arc;

use espalier::{
    frontend::{Constraint, Formats, Policy},
    matcher::{Engine, Program},
    vocab::{Token, TokenKind, Vocabulary},
};
use serde_json::{Value, json};

use crate::shared;

fn engine() -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("bytes", tokens)))
}

fn compile(engine: &Arc<Engine>, schema: &Value) -> Result<Arc<Program>, String> {
    let constraint = Constraint::JsonSchema(schema.to_string().into());
    engine.compile(&constraint, Policy::LENIENT).map_err(|refusal| refusal.to_string())
}

fn accepts(program: &Arc<Program>, value: &Value) -> bool {
    let text = value.to_string();
    let mut matcher = program.matcher();
    matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting()
}

/// The files of a tar archive, by name.
fn untar(mut archive: &[u8]) -> Vec<(String, &[u8])> {
    let mut files = Vec::new();
    while let Some((head, rest)) = archive.split_at_checked(512) {
        let field = |from: usize, to: usize| {
            let bytes = head[from..to].split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(bytes).trim().to_owned()
        };
        let Ok(size) = usize::from_str_radix(&field(124, 136), 8) else { break };
        let prefix = field(345, 500);
        let name = if prefix.is_empty() { field(0, 100) } else { format!("{prefix}/{}", field(0, 100)) };
        files.push((name, &rest[..size]));
        archive = &rest[size.next_multiple_of(512)..];
    }
    files
}

#[test]
fn the_official_suite() {
    let Some(archive) = shared::data("json-schema-test-suite.tar.gz") else { return };
    let engine = engine();
    let mut right = 0;
    for (name, content) in untar(&archive) {
        let drafts = ["draft4", "draft6", "draft7", "draft2019-09", "draft2020-12"];
        let inside =
            |draft: &&str| name.trim_start_matches("./").starts_with(&format!("tests/{draft}/optional/format/"));
        if !drafts.iter().any(inside) || !name.ends_with(".json") {
            continue;
        }
        let groups: Vec<Value> = serde_json::from_slice(content).unwrap();
        for group in groups {
            let format = group["schema"]["format"].as_str().unwrap_or_default().to_owned();
            let program = compile(&engine, &group["schema"]).unwrap();
            for test in group["tests"].as_array().unwrap() {
                let expected = test["valid"].as_bool().unwrap();
                assert_eq!(accepts(&program, &test["data"]), expected, "{name}: {format}: {}", test["data"]);
                right += 1;
            }
        }
    }
    assert!(right > 1_800, "the suite was read: {right}");
}

/// A small generator, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Whether the `jsonschema` crate is known to judge such a text otherwise, and why that is no fault here.
fn judge_differs(format: &str, text: &str) -> bool {
    let (local, domain) = text.rsplit_once('@').unwrap_or(("", text));
    // It decodes Punycode, and takes two hyphens in third place for it.
    let hyphens = domain.split('.').any(|label| label.get(2..4) == Some("--"));
    match format {
        "hostname" => hyphens,
        // It bounds what the Mailbox rule does not, and lets the double colon stand for one group.
        "email" | "idn-email" => {
            let long = domain.split('.').any(|label| label.len() > 63);
            hyphens || local.len() > 64 || domain.len() > 253 || long || domain.starts_with('[')
        }
        _ => false,
    }
}

const FORMATS: &[&str] = &[
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uuid",
    "uri-template",
    "json-pointer",
    "relative-json-pointer",
];

/// A text that the format admits, by a walk through the masks; it is ended when it may end, now and then.
fn walk(program: &Arc<Program>, dice: &mut Dice) -> Option<String> {
    let mut matcher = program.matcher();
    let mut bytes = Vec::new();
    for step in 0..400 {
        let allowed: Vec<u32> = matcher.mask().iter().collect();
        assert!(!allowed.is_empty(), "stuck after {}", String::from_utf8_lossy(&bytes));
        let closing = [256, 34].iter().find(|id| allowed.contains(id));
        let token = match closing {
            Some(token) if step > 100 || dice.roll(6) == 0 => *token,
            _ => allowed[dice.roll(allowed.len())],
        };
        matcher.accept(token).unwrap();
        if matcher.is_finished() {
            return Some(serde_json::from_slice(&bytes).expect("a finished answer is JSON"));
        }
        bytes.push(token as u8);
    }
    None
}

#[test]
fn walks_and_their_neighbours_are_judged_alike() {
    let engine = engine();
    let mut dice = Dice(5);
    for format in FORMATS {
        let schema = json!({"type": "string", "format": format});
        let judge = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let program = compile(&engine, &schema).unwrap();
        let constraint = Constraint::JsonSchema(schema.to_string().into());
        let walking = engine.compile(&constraint, Policy::default()).unwrap();
        let (mut ended, mut valid, mut invalid) = (0, 0, 0);
        for _ in 0..150 {
            let Some(text) = walk(&walking, &mut dice) else { continue };
            ended += 1;
            let value = Value::String(text.clone());
            assert!(judge.is_valid(&value) || judge_differs(format, &text), "{format}: {text:?} was generated");
            // Texts that differ from it in a place or two.
            for _ in 0..20 {
                let mut chars: Vec<char> = text.chars().collect();
                for _ in 0..=dice.roll(2) {
                    let pool: Vec<char> = text.chars().chain("0129:.-+/@%[]~aZTPé \"{}".chars()).collect();
                    let (place, new) = (dice.roll(chars.len() + 1), pool[dice.roll(pool.len())]);
                    match dice.roll(3) {
                        0 => chars.insert(place, new),
                        1 if place < chars.len() => chars[place] = new,
                        _ if place < chars.len() => drop(chars.remove(place)),
                        _ => {}
                    }
                }
                let text: String = chars.into_iter().collect();
                let value = Value::String(text.clone());
                let expected = judge.is_valid(&value);
                if judge_differs(format, &text) {
                    continue;
                }
                assert_eq!(accepts(&program, &value), expected, "{format}: {text:?}");
                *if expected { &mut valid } else { &mut invalid } += 1;
            }
        }
        println!("{format}: {ended} walks ended; {valid} neighbours valid, {invalid} not");
        assert!(ended > 100 && valid > 50 && invalid > 50, "{format}: {ended} {valid} {invalid}");
    }
}

#[test]
fn plain_forms_are_part_of_their_formats() {
    let engine = engine();
    let mut dice = Dice(3);
    for format in ["email", "hostname", "idn-hostname", "idn-email", "regex"] {
        let schema = json!({"type": "string", "format": format, "maxLength": 40});
        let constraint = Constraint::JsonSchema(schema.to_string().into());
        let plain = engine.compile(&constraint, Policy::default()).unwrap();
        let whole = compile(&engine, &schema).unwrap();
        let ended = (0..100).filter_map(|_| walk(&plain, &mut dice)).map(|text| {
            assert!(accepts(&whole, &json!(text)), "{format}: {text:?}");
        });
        assert!(ended.count() > 60, "{format}");
    }
    // What is left out of the plain form is there where it is demanded.
    for (schema, text) in [
        (json!({"type": "string", "format": "hostname", "pattern": "^xn--b"}), "xn--bcher-kva"),
        (json!({"type": "string", "format": "hostname", "enum": ["xn--bcher-kva", "a"]}), "xn--bcher-kva"),
        (json!({"type": "string", "format": "regex", "pattern": "<year>"}), "(?<year>[0-9]{4})"),
    ] {
        let plain = engine.compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::default()).unwrap();
        assert!(accepts(&plain, &json!(text)), "{schema}");
    }
    let schema = json!({"type": "string", "format": "hostname"});
    let plain = engine.compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::default()).unwrap();
    assert!(accepts(&plain, &json!("a--b.example")) && !accepts(&plain, &json!("xn--bcher-kva")));
}

#[test]
fn formats_meet_other_keywords_and_may_be_annotations() {
    let engine = engine();
    let schema = json!({"type": "string", "format": "date", "pattern": "^2024", "not": {"enum": ["2024-02-29"]}});
    let program = compile(&engine, &schema).unwrap();
    for (text, valid) in [("2024-02-28", true), ("2024-02-29", false), ("2023-02-28", false), ("2024-02-30", false)] {
        assert_eq!(accepts(&program, &json!(text)), valid, "{text}");
    }
    assert!(compile(&engine, &json!({"type": "string", "format": "ipv4", "maxLength": 6})).is_err());
    assert!(compile(&engine, &json!({"allOf": [{"type": "string", "format": "date"}, {"format": "time"}]})).is_err());

    let schema = json!({"properties": {"a": {"format": "date"}, "b": {"format": "colour"}}});
    let constraint = Constraint::JsonSchema(schema.to_string().into());
    let asserted = engine.compile(&constraint, Policy::LENIENT).unwrap();
    assert_eq!(asserted.annotations(), ["/properties/b/format"]);
    assert!(!accepts(&asserted, &json!({"a": "x"})) && accepts(&asserted, &json!({"a": 1, "b": "x"})));
    let policy = Policy { formats: Formats::Annotate, ..Policy::LENIENT };
    let annotated = engine.compile(&constraint, policy).unwrap();
    assert_eq!(annotated.annotations(), ["/properties/a/format", "/properties/b/format"]);
    assert!(accepts(&annotated, &json!({"a": "x"})));
}
