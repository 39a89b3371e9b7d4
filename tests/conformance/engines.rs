//! What the tests of other engines hold of schemas and patterns, where it follows from the schema or the pattern.
//!
//! A schema's case tells which of its texts are policy of its engine: key order, white space, lax formats; those are left
//! out. A pattern must match the whole text; patterns in dialects of other languages are read as ECMA 262, and what means
//! something else there is left out by [`OTHER_MEANING`].

use std::{collections::BTreeMap, io::Read, path::Path};

use espalier::frontend::{Constraint, DiagnosticKind, Policy};
use serde::Deserialize;
use serde_json::json;

use super::{bytes_engine, judge, ratchet, ratchet::Counts, shared};

#[derive(Deserialize)]
struct Case {
    id: String,
    source: String,
    kind: String,
    grammar: String,
    #[serde(default)]
    accepts: Vec<String>,
    #[serde(default)]
    rejects: Vec<String>,
    /// Engine policy: texts that are no valid instances, and valid instances that it refuses.
    #[serde(default)]
    accepts_schema_invalid: Vec<String>,
    #[serde(default)]
    rejects_schema_valid: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    options: serde_json::Value,
}

/// Spellings that other dialects read otherwise, or alone: anchors and classes of Python and Rust, flags, nested classes,
/// a bracket that is the first of its class, a repeat without its lower bound.
const OTHER_MEANING: &[&str] = &[
    "\\A",
    "\\z",
    "\\Z",
    "(?P",
    "(?i",
    "(?s",
    "(?m",
    "(?x",
    "(?u",
    "(?-",
    "(?a",
    "(?R",
    "(?U",
    "(?#",
    "[[",
    "&&",
    "\\h",
    "--",
    "~~",
    "[:",
    "[]",
    "[^]",
    "{,",
    "\\b{",
    "\\pL",
    "\\pN",
    "gcb=",
    "wb=",
    "sentence_break=",
];

/// Cases of Rust's whose `\w` and `\d` are those of Unicode, and one whose dot takes a carriage return.
const OF_RUST: &[&str] = &[
    "rust-regex/bytes/perl-word-unicode#1",
    "rust-regex/bytes/perl-decimal-unicode#1",
    "rust-regex/no-unicode/word-unicode#1",
    "rust-regex/unicode/perl1#1",
    "rust-regex/unicode/perl4#1",
    "rust-regex/regression/alt-in-alt-200#1",
];

fn cases(path: &Path) -> Vec<Case> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The schema of a case, and its texts as instances with what is held of them.
fn reading(case: &Case) -> Option<(String, Vec<(String, bool)>)> {
    match case.kind.as_str() {
        "json_schema" => {
            if case.options.to_string().contains("xml") || case.features.iter().any(|feature| feature == "xml_style") {
                return None;
            }
            let accepts = case.accepts.iter().filter(|text| !case.accepts_schema_invalid.contains(text));
            let rejects = case.rejects.iter().filter(|text| !case.rejects_schema_valid.contains(text));
            let texts = accepts.map(|text| (text.clone(), true)).chain(rejects.map(|text| (text.clone(), false)));
            Some((case.grammar.clone(), texts.collect()))
        }
        "regex" if OF_RUST.contains(&case.id.as_str()) => None,
        "regex" if !OTHER_MEANING.iter().any(|spelling| case.grammar.contains(spelling)) => {
            let schema = json!({"type": "string", "pattern": format!("^(?:{})$", case.grammar)}).to_string();
            let quoted = |text: &String, valid: bool| (json!(text).to_string(), valid);
            let accepts = case.accepts.iter().map(|text| quoted(text, true));
            Some((schema, accepts.chain(case.rejects.iter().map(|text| quoted(text, false))).collect()))
        }
        _ => None,
    }
}

#[test]
fn cases_of_other_engines() {
    let Some(folder) = shared("data/grammars") else {
        println!("SKIPPED: no cases of other engines");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".jsonl.gz") && !path.to_string_lossy().contains("relations"));
    files.sort_unstable();
    let engine = bytes_engine();
    let mut counts = BTreeMap::<String, Counts>::new();
    let (mut wrong, mut reasons) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for case in files.iter().flat_map(|path| cases(path)) {
        let Some((schema, texts)) = reading(&case) else { continue };
        let count = counts.entry(format!("{} {}", case.source, case.kind)).or_default();
        let program = match engine.compile(&Constraint::JsonSchema(schema.into()), Policy::LENIENT) {
            Ok(program) => Some(program),
            Err(refusal) if refusal.kind == DiagnosticKind::Unsatisfiable => None,
            Err(refusal) => {
                count.not_compiled += texts.len() as u64;
                reasons.entry(refusal.message.chars().take(80).collect()).or_default().push(case.id);
                continue;
            }
        };
        for (text, valid) in texts {
            let accepted = program.as_ref().is_some_and(|program| judge(program, &text).0);
            match (accepted, valid) {
                (true, false) => count.wrongly_accepted += 1,
                (false, true) => count.wrongly_refused += 1,
                _ => count.pass += 1,
            }
            if accepted != valid {
                let verdict = if accepted { "wrongly accepted" } else { "wrongly refused" };
                let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
                wrong.push(format!("{}: {verdict}: {} | {}", case.id, cut(&text, 120), cut(&case.grammar, 200)));
            }
        }
    }
    for (name, count) in &counts {
        println!("{name}: {count:?}");
    }
    println!("not compiled: {reasons:#?}\n{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    ratchet::hold("other engines", &counts);
}
