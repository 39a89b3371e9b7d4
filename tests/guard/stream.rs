//! The guard: what is let through when, and how it ends.

use std::{sync::Arc, time::Instant};

use espalier::{
    frontend::{Constraint, Policy},
    guard::{End, Guard, Options, Release, Repairer, Verdict},
    matcher::Engine,
    vocab::Vocabulary,
};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"},
    "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["name", "age"]}"#;

fn guard(schema: &str, options: Options) -> Guard {
    Guard::new(Repairer::new(&Constraint::JsonSchema(schema.into())).unwrap(), options)
}

/// What was passed on after each piece, the rest, and the verdict.
fn run(guard: &mut Guard, pieces: &[&[u8]], end: End) -> (Vec<String>, String, Verdict) {
    let sent: Vec<String> = pieces.iter().map(|piece| guard.push(piece)).collect();
    let (rest, verdict) = guard.finish(end);
    (sent, rest, verdict)
}

/// Runs a text through in pieces of some size. What was sent is checked to be a beginning of the whole at each point.
fn in_pieces(text: &str, size: usize, options: Options) -> (String, Verdict) {
    let mut guard = guard(SCHEMA, options);
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
    let (sent, rest, verdict) = run(&mut guard, &pieces, End::Done);
    (sent.concat() + &rest, verdict)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn valid_text_goes_straight_through() {
    let text = "{\"name\": \"Zoë 😀\",\n \"age\": 3, \"tags\": []} ";
    for size in 1..text.len() {
        let mut guard = guard(SCHEMA, Options::default());
        let mut sent = String::new();
        let mut given = 0;
        for piece in text.as_bytes().chunks(size) {
            sent += &guard.push(piece);
            given += piece.len();
            let whole = (0..=given).rev().find(|end| text.is_char_boundary(*end)).unwrap();
            assert_eq!(sent, text[..whole], "everything that is a whole character, at once");
        }
        assert_eq!(guard.finish(End::Done), (String::new(), Verdict::Satisfied));
        assert_eq!(sent, text);
    }
}

#[test]
fn wrapping_is_taken_off() {
    let answer = r#"{"name": "Ada Lovelace, of London", "age": 36, "tags": ["poetry", "machines"]}"#;
    let texts = [
        format!("```json\n{answer}\n```"),
        format!("Here is the person you asked for:\n\n{answer}\n\nIs there anything else?"),
        format!("<think>\nA name and an age {{so much}} is needed.\n</think>\n{answer}"),
        format!("<think>hm</think>\nSure!\n```json\n{answer}\n```\nDone."),
    ];
    for text in &texts {
        for size in [1, 3, 7, 40, 1000] {
            for release in [Release::Strict, Release::Buffered] {
                let (sent, verdict) = in_pieces(text, size, Options { release, ..Options::default() });
                assert_eq!(sent.trim(), answer, "{text} in pieces of {size}");
                assert!(matches!(&verdict, Verdict::Repaired { edits, .. } if !edits.is_empty()), "{verdict:?}");
            }
        }
    }
}

#[test]
fn what_was_released_stays() {
    let text = r#"{"name": "Ada", "age": "36", tags: ['poetry', 'machines',], "note": "long enough to be believed"}"#;
    let wanted =
        json!({"name": "Ada", "age": 36, "tags": ["poetry", "machines"], "note": "long enough to be believed"});
    for size in [1, 2, 5, 11, 200] {
        let mut guard = guard(SCHEMA, Options::default());
        let mut sent = String::new();
        for piece in text.as_bytes().chunks(size) {
            sent += &guard.push(piece);
            let quote = sent.matches('"').count();
            assert!(wanted_beginning(&sent), "{sent:?} with {quote} quotes");
        }
        let (rest, verdict) = guard.finish(End::Done);
        assert_eq!(value(&(sent + &rest)), wanted);
        let Verdict::Repaired { edits, .. } = verdict else { panic!("{verdict:?}") };
        let age = edits.iter().find(|edit| edit.pointer.as_deref() == Some("/age")).unwrap();
        assert_eq!((&age.before[..], &age.after[..]), ("\"36\"", "36"));
    }
}

/// Some valid answer begins so.
fn wanted_beginning(text: &str) -> bool {
    let mut guard = guard(SCHEMA, Options::default());
    guard.push(text.as_bytes()) == text
}

#[test]
fn a_text_that_was_cut_is_not_completed() {
    let text = "{\"name\": \"Ada\", \"age\": 3";
    let mut strict = guard(SCHEMA, Options::default());
    let (sent, rest, verdict) = run(&mut strict, &[text.as_bytes()], End::Cut);
    assert_eq!((sent.concat() + &rest, verdict), (text.to_owned(), Verdict::Truncated { edits: Vec::new() }));

    let mut completing = guard(SCHEMA, Options { allow_completion: true, ..Options::default() });
    let (sent, rest, verdict) = run(&mut completing, &[text.as_bytes()], End::Cut);
    assert_eq!(sent.concat() + &rest, format!("{text}}}"));
    assert!(matches!(verdict, Verdict::Repaired { .. }));

    let whole = "{\"name\": \"Ada\", \"age\": 3}";
    let mut strict = guard(SCHEMA, Options::default());
    assert_eq!(run(&mut strict, &[whole.as_bytes()], End::Cut).2, Verdict::Satisfied, "nothing was missing");
    let mut number = guard("{}", Options::default());
    assert_eq!(run(&mut number, &[b"12"], End::Cut).2, Verdict::Truncated { edits: Vec::new() }, "it could be 123");
}

#[test]
fn hopeless_texts_are_known_before_they_end() {
    let mut strict = guard(SCHEMA, Options::default());
    strict.push(b"{\"name\": \"Ada\", \"age\": ");
    assert!(strict.hopeless().is_none());
    let mut pieces = 0;
    while strict.hopeless().is_none() && pieces < 100 {
        strict.push(format!("[{{\"x\": {{\"y\": [\"thirty\"]}}}}, {{\"z\": {pieces}}}], ").as_bytes());
        pieces += 1;
    }
    assert!(strict.hopeless().is_some(), "no age comes of this");
    let (rest, verdict) = strict.finish(End::Cut);
    let Verdict::Violated { violation, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!((rest.as_str(), &violation.pointer[..], violation.offset), ("", "/age", 23));
    assert!(violation.expected.contains("a number"), "{violation}");
}

#[test]
fn the_violation_says_what_is_missing() {
    let mut strict = guard(SCHEMA, Options::default());
    let (_, _, verdict) = run(&mut strict, &[b"{\"name\": \"Ada\"}"], End::Done);
    let Verdict::Violated { violation, .. } = verdict else { panic!("an age was invented: {verdict:?}") };
    assert_eq!(violation.found, "\"}\"");
    assert!(violation.expected.contains("\"age\""), "{violation}");
}

/// What answers before found out about a constraint serves the next ones, and changes nothing in what comes out.
#[test]
fn automata_go_from_answer_to_answer() {
    let schema = r#"{"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"},
        "tags": {"type": "array", "items": {"enum": ["red", "green"]}}}, "required": ["id", "name"]}"#;
    let engine = Engine::new(Arc::new(Vocabulary::new("none", Vec::new())));
    let program = engine.compile(&Constraint::JsonSchema(schema.into()), Policy::LENIENT).unwrap();
    let text = r#"{"id": 7, "name": "Ada", "tags": ["red", "green"]}"#;
    let damaged = "```json\n{'id': \"7\", 'name': 'Ada', 'tags': ['red', 'green',]}\n```";
    let answer = |machine| {
        let repairer = Repairer::of(program.blueprint(), machine);
        let mut guard = Guard::new(repairer, Options::default());
        assert_eq!(guard.push(text.as_bytes()), text);
        assert_eq!(guard.finish(End::Done).1, Verdict::Satisfied);
        let mut repairer = guard.into_repairer();
        assert_eq!(serde_json::from_str::<Value>(&repairer.repair(damaged).unwrap().text).unwrap()["id"], 7);
        repairer.into_machine()
    };
    program.keep(answer(program.automaton()));
    let held = program.automaton().size();
    for _ in 0..20 {
        program.keep(answer(program.automaton()));
    }
    let last = answer(program.automaton());
    assert_eq!(last.size(), held, "it does not grow with the answers");
    let time = |lent: bool| {
        let begun = Instant::now();
        for _ in 0..200 {
            let machine = if lent { program.automaton() } else { program.blueprint().automaton() };
            let mut guard = Guard::new(Repairer::of(program.blueprint(), machine), Options::default());
            guard.push(text.as_bytes());
            let machine = guard.into_repairer().into_machine();
            if lent {
                program.keep(machine);
            }
        }
        begun.elapsed().as_secs_f64() * 1e6 / 200.0
    };
    println!(
        "an answer of {} bytes: {:.1} us with an automaton of its own, {:.1} us with a kept one",
        text.len(),
        time(false),
        time(true)
    );
}
