//! Real schemas with instances that are known to be valid or not.

use std::{collections::BTreeMap, io::Read};

use espalier::frontend::{Constraint, DiagnosticKind, Policy};
use serde_json::Value;

use super::{bytes_engine, judge, ratchet, ratchet::Counts, shared};

#[test]
fn maskbench_verdicts() {
    let Some(path) = shared("data/maskbench/maskbench-open.jsonl.gz") else {
        println!("SKIPPED: no MaskBench cases");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let engine = bytes_engine();
    let (mut schemas, mut instances, mut unsatisfiable) = (Counts::default(), Counts::default(), Counts::default());
    let (mut valid_rejected, mut invalid_accepted) = (Vec::new(), Vec::new());
    let mut reasons = BTreeMap::<String, usize>::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let id = case["id"].as_str().unwrap();
        let started = std::time::Instant::now();
        let program = match engine.compile(&Constraint::JsonSchema(case["schema"].to_string().into()), Policy::LENIENT)
        {
            Ok(program) => Some(program),
            // Judged like a schema that accepts nothing; counted apart, since few of them come with instances.
            Err(refusal) if refusal.kind == DiagnosticKind::Unsatisfiable => {
                println!("unsatisfiable {id}");
                unsatisfiable.not_compiled += 1;
                None
            }
            Err(refusal) => {
                schemas.not_compiled += 1;
                instances.not_compiled += case["tests"].as_array().unwrap().len() as u64;
                *reasons.entry(refusal.message.chars().take(60).collect()).or_default() += 1;
                continue;
            }
        };
        let mut verdicts = Counts::default();
        for test in case["tests"].as_array().unwrap() {
            let text = test["text"].as_str().unwrap();
            let (accepted, taken) = program.as_ref().map_or((false, 0), |program| judge(program, text));
            if accepted == test["valid"].as_bool().unwrap() {
                verdicts.pass += 1;
                continue;
            }
            let (count, list) = match accepted {
                true => (&mut verdicts.wrongly_accepted, &mut invalid_accepted),
                false => (&mut verdicts.wrongly_refused, &mut valid_rejected),
            };
            *count += 1;
            list.push(format!("{id}: {} at {taken} of {}", test["description"], text.len()));
        }
        instances.add(verdicts);
        schemas.pass += u64::from(verdicts.pass == verdicts.total() && program.is_some());
        schemas.wrongly_accepted += u64::from(verdicts.wrongly_accepted > 0);
        schemas.wrongly_refused += u64::from(verdicts.wrongly_refused > 0);
        let took = started.elapsed();
        if took.as_millis() > 200 {
            println!("slow {id}: {took:?}");
        }
    }
    println!("schemas {schemas:?}\nunsatisfiable {}\ninstances {instances:?}", unsatisfiable.not_compiled);
    for (list, what) in [(&valid_rejected, "valid rejected"), (&invalid_accepted, "invalid accepted")] {
        println!("{} {what}:\n{}", list.len(), list[..list.len().min(25)].join("\n"));
    }
    println!("not compiled, by reason: {reasons:#?}");
    let counts = [("schemas", schemas), ("unsatisfiable schemas", unsatisfiable), ("instances", instances)];
    ratchet::hold("MaskBench-open", &counts.map(|(name, counts)| (name.to_owned(), counts)).into_iter().collect());
}
