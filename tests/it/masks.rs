//! Masks against the definition of what they are, and verdicts against a validator that is not ours.

use std::{path::PathBuf, sync::Arc};

use espalier::{
    frontend::{Constraint, KeyOrder, Policy, Whitespace},
    matcher::{Engine, Matcher, Program},
    vocab::{Token, TokenKind, TokenizerOptions, Vocabulary},
};
use serde_json::Value;

use crate::shared;

struct Case {
    id: String,
    schema: Value,
    valid: Vec<String>,
    invalid: Vec<String>,
}

fn own_cases() -> Vec<Case> {
    let strings = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let lines = include_str!("../cases/schemas.jsonl").lines();
    let case = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        Case {
            id: case["id"].as_str().unwrap().into(),
            schema: case["schema"].clone(),
            valid: strings(&case["valid"]),
            invalid: strings(&case["invalid"]),
        }
    };
    lines.map(case).collect()
}

/// Every so many of MaskBench's cases, if they are there.
fn real_cases(every: usize) -> Vec<Case> {
    let Some(lines) = shared::data("maskbench/maskbench-open.jsonl.gz") else { return Vec::new() };
    let lines = String::from_utf8(lines).unwrap();
    let case = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        let texts = |valid: bool| {
            let tests = case["tests"].as_array().unwrap().iter().filter(|test| test["valid"] == valid);
            tests.map(|test| test["text"].as_str().unwrap().to_owned()).collect()
        };
        Case {
            id: case["id"].as_str().unwrap().into(),
            schema: case["schema"].clone(),
            valid: texts(true),
            invalid: texts(false),
        }
    };
    lines.lines().step_by(every).map(case).collect()
}

fn bytes_engine() -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("bytes", tokens)))
}

/// The vocabularies that are on this machine.
fn engines() -> Vec<Arc<Engine>> {
    let mut engines = Vec::new();
    for file in ["llama-3.1", "qwen3"] {
        if let Some(json) = shared::data(&format!("tokenizers/{file}.tokenizer.json.gz")) {
            let vocabulary = Vocabulary::from_tokenizer_json(file, &json, &TokenizerOptions::default()).unwrap();
            engines.push(Engine::new(Arc::new(vocabulary)));
        }
    }
    engines.extend(model_engines());
    engines
}

#[cfg(feature = "llama")]
fn model_engines() -> Vec<Arc<Engine>> {
    use espalier::backend::{
        Backend,
        llama::{LlamaBackend, LlamaOptions},
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".espalier/models");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no models in .espalier/models");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    let load = |path: &PathBuf| {
        let options = LlamaOptions { context: Some(512), ..LlamaOptions::default() };
        let backend = LlamaBackend::load(path, options).unwrap();
        let vocabulary = backend.engine().unwrap().vocabulary().clone();
        backend.shutdown(std::time::Duration::ZERO);
        Engine::new(vocabulary)
    };
    paths.iter().map(load).collect()
}

#[cfg(not(feature = "llama"))]
fn model_engines() -> Vec<Arc<Engine>> {
    let _: Option<PathBuf> = None;
    eprintln!("SKIPPED: vocabularies of GGUF models, which need the feature llama");
    Vec::new()
}

fn compile(engine: &Arc<Engine>, schema: &Value, policy: Policy) -> Option<Arc<Program>> {
    engine.compile(&Constraint::JsonSchema(schema.to_string().into()), policy).ok()
}

fn accepts(program: &Arc<Program>, text: &str) -> bool {
    let mut matcher = program.matcher();
    matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting()
}

/// A small generator, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn assert_mask(matcher: &mut Matcher, what: &str) {
    let vocabulary = matcher.program().engine().vocabulary().clone();
    let (fast, slow) = (matcher.mask(), matcher.oracle());
    if *fast == slow {
        return;
    }
    let show = |id: u32| String::from_utf8_lossy(vocabulary.bytes(id)).into_owned();
    let more: Vec<String> = fast.iter().filter(|id| !slow.contains(*id)).take(10).map(show).collect();
    let less: Vec<String> = slow.iter().filter(|id| !fast.contains(*id)).take(10).map(show).collect();
    panic!("{what} ({}): the mask has {more:?} too many and lacks {less:?}", vocabulary.name());
}

#[test]
fn verdicts_agree_with_a_validator() {
    let engine = bytes_engine();
    for case in own_cases() {
        let judge = jsonschema::validator_for(&case.schema).unwrap();
        let program = compile(&engine, &case.schema, Policy::LENIENT).unwrap_or_else(|| panic!("{}: refused", case.id));
        for (texts, valid) in [(&case.valid, true), (&case.invalid, false)] {
            for text in texts {
                assert_eq!(accepts(&program, text), valid, "{}: {text}", case.id);
                // Duplicate keys are nothing that the judge could see.
                let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
                let duplicate =
                    text.contains("\"a\":2}") || text.contains("\\u0061\":2}") || text.contains("\"b\":null,\"b\"");
                assert!(judge.is_valid(&value) == valid || duplicate, "{}: the judge differs on {text}", case.id);
            }
        }
    }
}

/// Tokens that spell a text, longest first: not a tokenizer's way, but some way.
fn spell(vocabulary: &Vocabulary, text: &[u8]) -> Vec<u32> {
    let trie = vocabulary.trie();
    let (mut at, mut tokens) = (0, Vec::new());
    while at < text.len() {
        let (mut node, mut best, mut depth) = (0u32, None, 0);
        while let Some(here) = trie.nodes().get(node as usize) {
            if usize::from(here.depth) != depth + 1 {
                break;
            }
            if text.get(at + depth) == Some(&here.byte) {
                depth += 1;
                best = trie.tokens_at(node).first().map(|token| (*token, depth)).or(best);
                node += 1;
            } else {
                node = here.next;
            }
        }
        let (token, len) = best.expect("every byte is a token");
        tokens.push(token);
        at += len;
    }
    tokens
}

#[test]
fn masks_equal_the_oracle() {
    let generate = Policy::default();
    let spaced = Policy { key_order: KeyOrder::Schema, whitespace: Whitespace::Flexible, ..Policy::default() };
    let indented = Policy { whitespace: Whitespace::Indented, ..Policy::default() };
    let own = own_cases();
    let real = real_cases(600);
    for engine in engines() {
        let vocabulary = engine.vocabulary().clone();
        let mut dice = Dice(7);
        let mut compared = 0;
        for (index, case) in own.iter().chain(&real).enumerate() {
            let policy = [Policy::LENIENT, generate, spaced, indented][index % 4];
            let Some(program) = compile(&engine, &case.schema, policy) else { continue };
            // Along an instance, as far as it goes under this policy.
            let texts = case.valid.iter().chain(&case.invalid).filter(|_| dice.roll(3) == 0).collect::<Vec<_>>();
            for text in texts.into_iter().take(3) {
                let mut matcher = program.matcher();
                for token in spell(&vocabulary, text.as_bytes()).into_iter().take(60) {
                    if dice.roll(if index < own.len() { 3 } else { 8 }) == 0 {
                        assert_mask(&mut matcher, &case.id);
                        compared += 1;
                    }
                    if matcher.accept(token).is_err() {
                        break;
                    }
                }
            }
            // Along the mask itself.
            let mut matcher = program.matcher();
            for _ in 0..12 {
                let mask = matcher.mask();
                let allowed: Vec<u32> = mask.iter().collect();
                assert!(!allowed.is_empty(), "{}: nothing may come next", case.id);
                matcher.accept(allowed[dice.roll(allowed.len())]).unwrap();
                if matcher.is_finished() {
                    break;
                }
                if dice.roll(4) == 0 {
                    assert_mask(&mut matcher, &case.id);
                    compared += 1;
                }
            }
        }
        println!("{}: {} tokens, {compared} masks compared", vocabulary.name(), vocabulary.len());
    }
}

/// Places in patterns, and in patterns with other bounds, that tokens cannot tell apart, and some that differ in little.
#[test]
fn places_that_are_alike_have_masks_of_their_own() {
    let strings = serde_json::json!([
        {"pattern": "^(?:\\S+\\s+){0,5}\\S+$"},
        {"pattern": "^(?:\\S+\\s+){0,7}\\S+$"},
        {"pattern": "^(?:\\S+\\s+){0,7}\\S+$", "maxLength": 24},
        {"pattern": "^(?:\\S+\\s+){0,6}\\S+$", "maxLength": 27},
        {"pattern": "^[a-z ]{1,24}$"},
        {"pattern": "^[a-z ]{1,40}$"},
        {"pattern": "^[a-z\u{e9} ]{1,40}$"},
        {"pattern": "^[a-z ]+$"},
        {"pattern": "^[a-z]+( [a-z]+)*$", "not": {"const": "one two"}},
        {"pattern": "^[a-z]+( [a-z]+)*$"},
    ]);
    let count = strings.as_array().map_or(0, Vec::len);
    let schema = serde_json::json!({"type": "array", "prefixItems": strings, "items": false});
    let text = format!("[{}]", vec!["\"one two three four five\""; count].join(","));
    for engine in engines() {
        let program = compile(&engine, &schema, Policy::default()).unwrap();
        let mut matcher = program.matcher();
        for token in spell(engine.vocabulary(), text.as_bytes()) {
            assert_mask(&mut matcher, "alike");
            matcher.accept(token).unwrap();
        }
    }
}

/// A vocabulary of what is hard for masks: tokens that hold escapes, parts of characters, several quotes.
fn pieces_engine() -> Arc<Engine> {
    let pieces: [&[u8]; 36] = [
        b"a",
        b"b",
        b"ab",
        b"x-",
        b"z",
        b"1",
        b"0",
        b"23",
        b".",
        b"-",
        b"e",
        b" ",
        b"  ",
        b"\n",
        b"\"",
        b"\":",
        b"\",",
        b", ",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"\\",
        b"\\u",
        b"\\n",
        b"\\\"",
        b"00",
        b"61",
        b"d83d",
        b"\xc3",
        b"\xa9",
        "\u{e9}".as_bytes(),
        "\u{1f600}".as_bytes(),
        b"\xf0\x9f",
        b"true",
    ];
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    let mut dice = Dice(5);
    for _ in 0..4_000 {
        let count = 2 + dice.roll(4);
        let bytes: Vec<u8> = (0..count).flat_map(|_| pieces[dice.roll(pieces.len())]).copied().collect();
        tokens.push(Token { bytes: bytes.into(), kind: TokenKind::Text });
    }
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("pieces", tokens)))
}

/// Schemas that take every short cut, and documents along which masks are compared at every byte.
const SHORT_CUTS: [(&str, &str); 28] = [
    (r#"{"pattern":"^[a-z]{1,9}$"}"#, r#""abzabzab""#),
    (r#"{"pattern":"^[a-z0-9-]{3,40}$"}"#, r#""a1-b\u0061ab1""#),
    (r#"{"pattern":"^[^/]+$","maxLength":6}"#, "\"a\u{e9}\\n\u{1f600}\\ud83d\\ude00\""),
    (r#"{"pattern":"^\\S+( \\S+){0,3}$"}"#, "\"ab \u{e9}z 1 x-\""),
    (r#"{"pattern":"b","minLength":3}"#, "\"a\\u00e9b\u{e9}\""),
    (r#"{"pattern":"b","maxLength":3}"#, "\"a\u{e9}b\""),
    (r#"{"minLength":2,"maxLength":5}"#, "\"a\\n\u{e9}\u{1f600}b\""),
    (r#"{"not":{"enum":["a","ab","abz"]}}"#, r#""ab1""#),
    (r#"{"anyOf":[{"minLength":4},{"pattern":"^a"},{"maxLength":1}]}"#, r#""bab1""#),
    (r#"{"items":{"anyOf":[{"pattern":"^a"},{"maxLength":2}]},"uniqueItems":true}"#, r#"["ab","ab1","b","23"]"#),
    (r#"{"items":{"type":"string"},"uniqueItems":true}"#, r#"["ab", "a", "\u0061b1"]"#),
    (r#"{"items":{"type":"integer","minimum":0},"uniqueItems":true}"#, r#"[1, 10, 0, 23]"#),
    (r#"{"items":{"type":"number","maximum":100}}"#, r#"[1.5, -23, 100, 1e1]"#),
    (r#"{"multipleOf":0.5}"#, r#"230.5"#),
    (r#"{"type":"integer"}"#, r#"-1230"#),
    (r#"{"oneOf":[{"multipleOf":2},{"multipleOf":3}]}"#, r#"2310"#),
    (r#"{"patternProperties":{"^x-":{"type":"integer"}},"additionalProperties":false}"#, r#"{"x-a":1,"x-ab":23}"#),
    (
        r#"{"properties":{"a":{"const":1},"x-a":true},"patternProperties":{"^x":{"type":"integer"}}}"#,
        r#"{"a":1,"x-a":2,"x-\u0061b":0,"z":"1"}"#,
    ),
    (r#"{"propertyNames":{"pattern":"^[a-b1]{1,4}$"},"properties":{"ab":{"type":"integer"}}}"#, r#"{"ab":1,"a1":"b"}"#),
    (r#"{"propertyNames":{"maxLength":2},"minProperties":1}"#, "{\"\u{e9}a\":1,\"\\n1\":{\"abc\":[]}}"),
    (
        r#"{"properties":{"a":{"type":"integer"},"ab":{"type":"string"}},"required":["ab"]}"#,
        r#"{"a":1,"z":[],"ab":"1"}"#,
    ),
    (
        r#"{"properties":{"a":{"type":"integer"},"a1":{},"ab\"":{}},"additionalProperties":false}"#,
        r#"{"a1" : true, "ab\"":-1 , "a":23}"#,
    ),
    (
        r#"{"items":{"properties":{"a":{}},"additionalProperties":{"type":"integer"}},"uniqueItems":true}"#,
        r#"[{"a":1},{"b":1,"a":1}]"#,
    ),
    (r#"{"items":{"enum":["ab","a1"]},"uniqueItems":true}"#, r#"["ab","a1"]"#),
    (
        r#"{"items":{"properties":{"a":{"type":"string"},"b":{"items":{"type":"string"},"uniqueItems":true}}},"uniqueItems":true}"#,
        r#"[{"a":"ab","b":["a","b"]},{"b":["a","b","1"],"a":"ab"}]"#,
    ),
    (r#"{"items":{"items":{"type":"string"}},"uniqueItems":true}"#, r#"[["a","b"],["a","b1"],["ab"]]"#),
    (r#"{"items":{"type":"number","enum":[1,12,0.5]},"uniqueItems":true}"#, r#"[1,12,0.5]"#),
    (r#"{"enum":["ab","a\u00e9",1,12,{"a":[1,true]}]}"#, r#"{"a":[1,true]}"#),
];

#[test]
fn short_cuts_equal_the_oracle_at_every_byte() {
    let policies = [
        Policy::LENIENT,
        Policy::default(),
        Policy { plain: true, ..Policy::LENIENT },
        Policy { key_order: KeyOrder::Schema, whitespace: Whitespace::Flexible, ..Policy::default() },
        Policy { whitespace: Whitespace::Indented, ..Policy::default() },
    ];
    let mut engines = engines();
    engines.insert(0, pieces_engine());
    for (number, engine) in engines.into_iter().enumerate() {
        let mut dice = Dice(13);
        let mut compared = 0;
        for (schema, text) in SHORT_CUTS {
            let schema: Value = serde_json::from_str(schema).unwrap();
            for policy in policies {
                let program = compile(&engine, &schema, policy).unwrap_or_else(|| panic!("{schema} is refused"));
                let mut matcher = program.matcher();
                for (index, byte) in text.bytes().enumerate() {
                    if number == 0 || dice.roll(12) == 0 {
                        assert_mask(&mut matcher, &format!("{schema} before {:?}", &text.as_bytes()[index..]));
                        compared += 1;
                    }
                    if matcher.accept_bytes(&[byte]) == 0 {
                        break;
                    }
                }
            }
        }
        println!("{}: {compared} masks compared", engine.vocabulary().name());
    }
}

#[test]
fn walks_through_masks_end_in_valid_documents() {
    let engine = bytes_engine();
    let mut cases = own_cases();
    cases.extend(real_cases(40));
    let mut dice = Dice(11);
    let (mut walks, mut ended) = (0, 0);
    for case in &cases {
        let Some(program) = compile(&engine, &case.schema, Policy::default()) else { continue };
        let judge = jsonschema::options().should_validate_formats(true).build(&case.schema).ok();
        for _ in 0..5 {
            let mut matcher = program.matcher();
            let mut text = Vec::new();
            walks += 1;
            for step in 0..3000 {
                let mask = matcher.mask();
                let allowed: Vec<u32> = mask.iter().collect();
                let shown = String::from_utf8_lossy(&text).into_owned();
                assert!(!allowed.is_empty(), "{}: stuck after {shown}", case.id);
                // Towards the end, closing comes before anything else.
                let closing = [256, 34, 125, 93].iter().find(|id| allowed.contains(id));
                let token = match closing {
                    Some(token) if step > 60 || dice.roll(4) == 0 => *token,
                    _ => allowed[dice.roll(allowed.len())],
                };
                matcher.accept(token).unwrap();
                if matcher.is_finished() {
                    break;
                }
                text.push(token as u8);
            }
            if !matcher.is_finished() {
                println!("{} does not end: {}", case.id, String::from_utf8_lossy(&text[..text.len().min(150)]));
                continue;
            }
            ended += 1;
            let text = String::from_utf8(text).expect("a finished answer is UTF-8");
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {text}: {error}", case.id));
            if let Some(judge) = &judge {
                assert!(judge.is_valid(&value), "{}: {text}", case.id);
            }
        }
    }
    println!("{walks} walks, {ended} ended");
    assert!(ended * 10 > walks * 9, "most walks end");
}

#[test]
fn rollback_and_forks_come_back_to_the_same_masks() {
    let engine = bytes_engine();
    for case in own_cases() {
        let program = compile(&engine, &case.schema, Policy::default()).unwrap();
        let mut dice = Dice(3);
        let mut matcher = program.matcher();
        let mut before = Vec::new();
        while before.len() < 20 && !matcher.is_finished() {
            before.push(matcher.mask());
            let allowed: Vec<u32> = before[before.len() - 1].iter().collect();
            matcher.accept(allowed[dice.roll(allowed.len())]).unwrap();
        }
        let mut fork = matcher.clone();
        let steps = before.len();
        for back in (0..steps).rev() {
            fork.rollback(1);
            assert_eq!(*fork.mask(), *before[back], "{}", case.id);
        }
        assert_eq!(matcher.accepted(), steps, "the original stays where it was");
    }
}
