//! The grammars that come along: each says in its head what it accepts and what it rejects.

use std::sync::Arc;

use espalier::{
    frontend::{Constraint, JsonSchema, Notation, Policy, Written},
    guard::Repairer,
    matcher::Engine,
    vocab::byte_vocabulary,
};

/// The texts behind a word at the beginning of a comment.
fn texts(grammar: &str, word: &str) -> Vec<String> {
    let lines = grammar.lines().filter_map(|line| line.strip_prefix("// ")?.strip_prefix(word)?.strip_prefix(' '));
    lines.map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))).collect()
}

#[test]
fn grammars_do_what_their_heads_say() {
    let engine = Engine::new(Arc::new(byte_vocabulary()));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/grammars/lark");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        // By its name, so each can be had so.
        let written = Written::new(Notation::Lark, format!("@{name}"));
        let program = match engine.compile(&Constraint::Written(written), Policy::default()) {
            Ok(program) => program,
            Err(refusal) => {
                wrong.push(format!("{name}: {refusal}"));
                continue;
            }
        };
        let (accepts, rejects) = (texts(&text, "accepts"), texts(&text, "rejects"));
        assert!(accepts.len() >= 3 && rejects.len() >= 3, "{name} says too little");
        for (text, expected) in accepts.iter().map(|text| (text, true)).chain(rejects.iter().map(|text| (text, false)))
        {
            let mut matcher = program.matcher();
            let taken = matcher.accept_bytes(text.as_bytes());
            let accepted = taken == text.len() && matcher.is_accepting();
            if accepted != expected {
                wrong.push(format!("{name}: {text:?} should be {expected}; {taken} bytes were taken"));
            }
            if expected {
                // Whatever begins a text can be completed.
                let mut matcher = program.matcher();
                matcher.accept_bytes(&text.as_bytes()[..text.len() / 2]);
                let home = matcher.home().unwrap_or_else(|| panic!("{name}: no way home within {text:?}"));
                assert_eq!(matcher.accept_bytes(&home), home.len(), "{name}");
                assert!(matcher.is_accepting(), "{name}");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn texts_of_grammars_within_strings_are_checked_and_repaired() {
    let sum = r#"{"type":"object","properties":{"sum":{"type":"string","x-espalier":{"lark":"start: /[0-9]+/ | start \"+\" start | \"(\" start \")\""}}},"required":["sum"],"additionalProperties":false}"#;
    let mut repairer = Repairer::new(&Constraint::JsonSchema(JsonSchema::from(sum))).unwrap();
    for (text, repaired) in [
        (r#"{"sum": "(1+2)+3"}"#, r#"{"sum": "(1+2)+3"}"#),
        (r#"{'sum': '(1+2)',}"#, r#"{"sum": "(1+2)"}"#),
        (r#"{"sum": "(1\u002b2)"}"#, r#"{"sum": "(1\u002b2)"}"#),
    ] {
        assert_eq!(repairer.repair(text).unwrap_or_else(|why| panic!("{text}: {why:?}")).text, repaired);
    }
    assert!(repairer.violation(r#"{"sum": "(1+2))"}"#).is_some_and(|violation| violation.offset == 14));
    assert!(repairer.violation(r#"{"sum": "1"}"#).is_none());
}
