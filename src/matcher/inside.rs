//! Grammars within strings: verdicts against the grammar on its own, masks against the oracle, no dead ends.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{Engine, Matcher};
use crate::{
    frontend::{Constraint, JsonSchema, Notation, Policy, Written},
    vocab::{Token, TokenId, TokenKind, Vocabulary},
};

const SUM: &str =
    "start: term (\"+\" term)*\nterm: /[0-9]+/ | \"(\" start \")\" | \"\\\"\" /[^\"\\\\(-+]{0,3}/ \"\\\"\"";

fn engine() -> Arc<Engine> {
    let pieces = [
        "1",
        "12",
        "1+",
        "(1",
        "))",
        ")\"",
        "((",
        "+(",
        "\\u0028",
        "\\u00",
        "28",
        "\\\"",
        "\\\"é",
        "é",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\ude00",
        "\"}",
        "{\"a\":\"",
        "\":",
        "\"a",
        "a",
        "ab",
        "b\"",
        ",\"",
        "\"b\":\"",
        "1\",",
        "😀",
        "\"]",
        "[\"",
        "\",\"",
        "]",
        "1)\"}",
        "\\n",
        "\\\\",
        "null",
    ];
    let token = |bytes: &[u8]| Token { bytes: bytes.into(), kind: TokenKind::Text };
    let mut tokens: Vec<Token> = pieces.iter().map(|text| token(text.as_bytes())).collect();
    tokens.extend((0..=u8::MAX).map(|byte| token(&[byte])));
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("pieces", tokens)))
}

fn schema(value: serde_json::Value) -> Constraint {
    Constraint::JsonSchema(JsonSchema::from(value.to_string()))
}

fn accepts(constraint: &Constraint, text: &str) -> bool {
    let program = engine().compile(constraint, Policy::LENIENT).unwrap_or_else(|why| panic!("{why}"));
    let mut matcher = program.matcher();
    let taken = matcher.accept_bytes(text.as_bytes());
    assert!(matcher.fault().is_none());
    taken == text.len() && matcher.is_accepting()
}

/// Schemas with grammars in them, beside all kinds of other keywords.
fn schemas() -> Vec<serde_json::Value> {
    let sum = json!({"lark": SUM});
    let string = |mut more: serde_json::Value| {
        more["type"] = json!("string");
        more["x-espalier"] = sum.clone();
        more
    };
    let odd = "root ::= \"a\" root \"b\" | \"é\" | [x-z]*";
    vec![
        string(json!({})),
        string(json!({"maxLength": 7})),
        string(json!({"minLength": 4, "maxLength": 6})),
        string(json!({"pattern": "^[(]"})),
        string(json!({"enum": ["1", "1+1", "(1", "a"]})),
        string(json!({"not": {"pattern": "[0-9]"}})),
        json!({"type": "string", "not": {"x-espalier": sum}, "maxLength": 5}),
        json!({"anyOf": [string(json!({"minLength": 3})), {"type": "string", "x-espalier": {"gbnf": odd}}, {"type": "null"}]}),
        json!({"oneOf": [{"type": "string", "x-espalier": {"gbnf": odd}}, {"type": "string", "maxLength": 2}]}),
        json!({"type": "object", "properties": {"a": string(json!({})), "b": {"x-espalier": {"regex": "(?i)ab+", "regex_syntax": "rust"}, "type": "string"}}, "required": ["a"]}),
        json!({"type": "array", "items": {"type": "string", "x-espalier": {"choice": ["a", "ab", "é\"\n"]}}, "uniqueItems": true, "maxItems": 2}),
        json!({"type": "array", "items": {"type": "string", "x-espalier": {"choice": ["a", "ab"]}}, "uniqueItems": true}),
        json!({"type": "array", "items": string(json!({"maxLength": 3})), "uniqueItems": true, "maxItems": 3}),
        json!({"type": "object", "propertyNames": {"x-espalier": {"gbnf": odd}}, "additionalProperties": {"type": "null"}}),
        json!({"type": "string", "x-espalier": {"where": "len(ANSWER) < 5 and not (\"a\" in ANSWER)"}}),
        json!({"type": "string", "x-espalier": {"regex": "[ab]+é?", "regex_syntax": "rust"}}),
        json!({"type": "string", "x-espalier": {"lark": "start: \"<\" %json {\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"additionalProperties\":false} \">\""}}),
        json!({"type": "string", "x-espalier": {"lark": "@arithmetic"}, "maxLength": 9}),
    ]
}

#[test]
fn the_decoded_text_is_what_counts() {
    let sum = schema(json!({"type": "string", "x-espalier": {"lark": SUM}}));
    let own = Constraint::Written(Written::new(Notation::Lark, SUM));
    for text in ["1", "(1+2)+3", "(1", "1+", "\"é\"+1", "\"😀\"", "", "((((12))))", "\"\n\"", "1)"] {
        let expected = accepts(&own, text);
        let quoted = json!(text).to_string();
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let short = quoted.replace('/', "\\/");
        for form in [quoted, format!("\"{escaped}\""), short] {
            assert_eq!(accepts(&sum, &form), expected, "{form}");
        }
    }
    assert!(!accepts(&sum, "1") && !accepts(&sum, r#""\ud83d""#));
}

#[test]
fn it_is_one_condition_among_others() {
    let all = schemas();
    for (number, text, expected) in [
        (1, r#""(1+2)+3""#, true),
        (1, r#""(1+22)+3""#, false),
        (2, r#""1+1""#, false),
        (2, r#""1+1+1""#, true),
        (3, r#""1""#, false),
        (3, r#""(1)""#, true),
        (4, r#""1+1""#, true),
        (4, r#""(1""#, false),
        (5, r#""\"\"+\"x\"""#, true),
        (5, r#""1""#, false),
        (6, r#""1+""#, true),
        (6, r#""1+1""#, false),
        (7, r#""aébb""#, false),
        (7, r#""aaébb""#, true),
        (7, "null", true),
        (8, r#""aéb""#, true),
        (8, r#""é""#, false),
        (8, r#""q""#, true),
        (9, r#"{"a":"1","b":"aBb"}"#, true),
        (9, r#"{"a":"1","b":"a"}"#, false),
        (10, r#"["a","a"]"#, false),
        (10, r#"["a","é\"\n"]"#, true),
        (13, r#"{"aéb":null}"#, true),
        (13, r#"{"aé":null}"#, false),
        (14, r#""bcd""#, true),
        (14, r#""bad""#, false),
        (16, r#""<{\"a\":1}>""#, true),
        (16, r#""<{\"a\":\"1\"}>""#, false),
        (17, r#""1+2*(3)""#, true),
    ] {
        assert_eq!(accepts(&schema(all[number].clone()), text), expected, "{} {text}", all[number]);
    }
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (value, pointer, word) in [
        (json!({"x-espalier": {"sql": {"dialect": "sqlite"}}}), "/x-espalier/sql", "sql"),
        (json!({"x-espalier": {"larkk": ""}}), "/x-espalier/larkk", "larkk"),
        (json!({"x-espalier": {}}), "/x-espalier", "names no language"),
        (json!({"x-espalier": 1}), "/x-espalier", "object"),
        (json!({"x-espalier": {"lark": "start: \"a\"", "regex": "a"}}), "/x-espalier/regex", "two demands"),
        (json!({"x-espalier": {"lark": "start: b"}}), "/x-espalier/lark", "b"),
        (json!({"x-espalier": {"lark": "start: <tool>"}}), "/x-espalier/lark", "special tokens"),
        (json!({"x-espalier": {"lark": "start: /a+/\nb[max_tokens=3]: \"a\""}}), "/x-espalier/lark", ""),
        (json!({"x-espalier": {"regex": "a", "regex_syntax": "perl"}}), "/x-espalier/regex", "perl"),
        (json!({"x-espalier": {"choice": []}}), "/x-espalier/choice", "nothing to choose"),
        (json!({"x-espalier": {"lark": "start: \"a\" start"}}), "/x-espalier/lark", "no text"),
        (json!({"x-espalier": {"lark": "@jsn"}}), "/x-espalier/lark", "@json"),
    ] {
        let Err(why) = engine().compile(&schema(value.clone()), Policy::default()) else {
            assert_eq!(word, "", "{value}");
            continue;
        };
        assert_eq!(why.pointer.as_deref(), Some(pointer), "{value}: {why}");
        assert!(why.to_string().contains(word), "{value}: {why}");
    }
    let short = schema(
        json!({"type": "string", "maxLength": 3, "x-espalier": {"gbnf": "root ::= \"aaaa\" | \"é\" root \"é\""}}),
    );
    let why = engine().compile(&short, Policy::default()).err().expect("all texts are longer").to_string();
    assert!(why.contains("x-espalier") && why.contains("maxLength"), "{why}");
}

fn check(matcher: &mut Matcher) {
    let (mask, oracle) = (matcher.mask(), matcher.oracle());
    assert!(matcher.fault().is_none());
    assert_eq!(*mask, oracle);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn equals_the_oracle(
        number in 0..schemas().len(),
        lenient: bool,
        choices in prop::collection::vec(any::<prop::sample::Index>(), 20),
    ) {
        let value = schemas()[number].clone();
        let policy = if lenient { Policy::LENIENT } else { Policy::default() };
        let program = engine().compile(&schema(value.clone()), policy).unwrap_or_else(|why| panic!("{value}: {why}"));
        let mut matcher = program.matcher();
        check(&mut matcher);
        for choice in &choices {
            let allowed: Vec<TokenId> = matcher.mask().iter().collect();
            prop_assert!(!allowed.is_empty(), "a dead end in {value}");
            matcher.accept(allowed[choice.index(allowed.len())]).expect("the mask allows it");
            if matcher.is_finished() {
                break;
            }
            check(&mut matcher);
            let home = matcher.home();
            prop_assert!(home.is_some(), "no way home in {value}");
            let (home, mut fork) = (home.unwrap_or_default(), matcher.clone());
            prop_assert_eq!(fork.accept_bytes(&home), home.len());
            prop_assert!(fork.is_accepting());
        }
    }
}
