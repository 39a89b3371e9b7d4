//! The second judge: answers of the served model, stored by `tests/clients/judge/run.py`, validated by the `jsonschema`
//! crate.
//!
//! `ESPALIER_JUDGE_ANSWERS` names the file. `make test` writes it and sets the variable; without it there is nothing to
//! judge and the test says so.

use serde_json::{Value, json};

/// Why a text does not satisfy a schema, if it does not.
fn fault(schema: &Value, text: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return Some(format!("not JSON: {error}")),
    };
    let judge = jsonschema::validator_for(schema).expect("the schema is one that the judge knows");
    judge.validate(&value).err().map(|error| format!("at {:?}: {error}", error.instance_path().to_string()))
}

#[test]
fn stored_answers_satisfy_their_schemas() {
    let Ok(path) = std::env::var("ESPALIER_JUDGE_ANSWERS") else {
        println!("SKIPPED the second judge: ESPALIER_JUDGE_ANSWERS is not set (`make test` sets it)");
        return;
    };
    let lines = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut judged = 0;
    let mut faults = Vec::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("a line of the file is JSON");
        if record["finish_reason"] != "stop" {
            continue;
        }
        judged += 1;
        if let Some(fault) = fault(&record["schema"], record["text"].as_str().expect("a finished answer has a text")) {
            faults.push(format!("{} seed {}: {fault}\n  {}", record["id"], record["seed"], record["text"]));
        }
    }
    println!("{judged} finished answers judged");
    assert!(judged > 0, "no finished answer in {path}");
    assert!(faults.is_empty(), "{} of {judged} do not satisfy their schema:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_judge_can_say_no() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}}, "required": ["a"]});
    assert_eq!(fault(&schema, r#"{"a": 3}"#), None);
    for wrong in [r#"{"a": 4}"#, r#"{"b": 3}"#, r#"{"a": 3"#, r#"{"a": "3"}"#] {
        assert!(fault(&schema, wrong).is_some(), "{wrong}");
    }
}
