//! Real schemas with instances that are known to be valid or not, through the same compile that the server uses.
//!
//! The cases lie outside the repository (`ESPALIER_SHARED`, or `../shared`); without them the test says that it skipped.

use std::{io::Read, path::PathBuf, sync::Arc};

use espalier::{
    frontend::{Constraint, DiagnosticKind, Policy},
    matcher::Engine,
    vocab::{Token, TokenKind, Vocabulary},
};
use serde_json::Value;

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ESPALIER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(path);
    path.exists().then_some(path)
}

fn bytes_engine() -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("bytes", tokens)))
}

#[test]
fn maskbench_verdicts() {
    let Some(path) = shared("data/maskbench/maskbench-open.jsonl.gz") else {
        println!("SKIPPED: no MaskBench cases");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let engine = bytes_engine();
    let (mut total, mut passing, mut refused, mut unsatisfiable) = (0, 0, 0, 0);
    let (mut valid_rejected, mut invalid_accepted) = (Vec::new(), Vec::new());
    let mut reasons = std::collections::BTreeMap::<String, usize>::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        total += 1;
        let id = case["id"].as_str().unwrap();
        let started = std::time::Instant::now();
        let program = match engine.compile(&Constraint::JsonSchema(case["schema"].to_string().into()), Policy::LENIENT)
        {
            Ok(program) => program,
            Err(refusal) => {
                if refusal.kind == DiagnosticKind::Unsatisfiable {
                    unsatisfiable += 1;
                    println!("unsatisfiable {id}");
                } else {
                    refused += 1;
                    *reasons.entry(refusal.message.chars().take(60).collect()).or_default() += 1;
                }
                continue;
            }
        };
        let mut good = true;
        for test in case["tests"].as_array().unwrap() {
            let text = test["text"].as_str().unwrap();
            let mut matcher = program.matcher();
            let taken = matcher.accept_bytes(text.as_bytes());
            let accepted = taken == text.len() && matcher.is_accepting();
            if accepted != test["valid"].as_bool().unwrap() {
                good = false;
                let list = if accepted { &mut invalid_accepted } else { &mut valid_rejected };
                list.push(format!("{id}: {} at {taken} of {}", test["description"], text.len()));
            }
        }
        passing += usize::from(good);
        let took = started.elapsed();
        if took.as_millis() > 200 {
            println!("slow {id}: {took:?}");
        }
    }
    println!("{total} schemas: {passing} passing, {refused} refused, {unsatisfiable} unsatisfiable");
    println!(
        "{} valid instances rejected:\n{}",
        valid_rejected.len(),
        valid_rejected[..valid_rejected.len().min(25)].join("\n")
    );
    println!(
        "{} invalid instances accepted:\n{}",
        invalid_accepted.len(),
        invalid_accepted[..invalid_accepted.len().min(25)].join("\n")
    );
    println!("{reasons:#?}");
}
