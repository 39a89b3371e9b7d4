//! MaskBench's valid instances: as they are, they come back byte for byte, through the guard too; damaged in one of
//! twenty ways, what comes back satisfies the schema, by our own check and by a validator that is not ours, or there is
//! an explicit refusal. `ESPALIER_MEASURE=1`: all instances, and 100,000 damaged ones, with times; `ESPALIER_DAMAGE`:
//! only damage whose name has this part.

use std::time::Instant;

use espalier::{
    frontend::Constraint,
    guard::{BOUNDS, End, Guard, Hopeless, Options, Repairer, Verdict},
};
use serde::Deserialize;
use serde_json::Value;

use super::shared;

#[derive(Deserialize)]
struct Entry {
    id: String,
    schema: Box<serde_json::value::RawValue>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    valid: bool,
    text: String,
}

fn entries() -> Option<Vec<Entry>> {
    let text = shared::data("maskbench/maskbench-open.jsonl.gz")?;
    let lines = std::str::from_utf8(&text).unwrap().lines();
    Some(lines.map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn measures() -> bool {
    std::env::var_os("ESPALIER_MEASURE").is_some()
}

fn repairer(entry: &Entry) -> Option<Repairer> {
    Repairer::new(&Constraint::JsonSchema(entry.schema.get().into())).ok()
}

#[test]
fn valid_instances_come_back_byte_for_byte() {
    let Some(entries) = entries() else { return };
    let stride = if measures() { 1 } else { 29 };
    let (mut same, mut steps, mut nanoseconds) = (0, 0u64, 0u64);
    let mut kept: Option<Guard>;
    for entry in entries.iter().step_by(stride) {
        let Some(mut repairer) = repairer(entry) else { continue };
        for test in entry.tests.iter().filter(|test| test.valid) {
            match repairer.repair(&test.text) {
                Ok(repair) => {
                    assert!(repair.text == test.text && repair.edits.is_empty() && repair.cost == 0, "{}", entry.id);
                }
                Err(Hopeless::Overrun(_)) => continue,
                Err(refusal) => panic!("{}: {refusal}", entry.id),
            }
            let mut guard = Guard::new(repairer, Options::default());
            let mut sent = String::new();
            let mut cut = 0;
            // Pieces about as long as tokens, on the borders of characters.
            while cut < test.text.len() {
                let next = (cut + 4..).find(|at| *at >= test.text.len() || test.text.is_char_boundary(*at)).unwrap();
                let next = next.min(test.text.len());
                let begun = Instant::now();
                let out = guard.push(&test.text.as_bytes()[cut..next]);
                nanoseconds += begun.elapsed().as_nanos() as u64;
                assert_eq!(out, test.text[cut..next], "{}: it is passed on at once", entry.id);
                sent += &out;
                steps += 1;
                cut = next;
            }
            assert_eq!(guard.finish(End::Done), (String::new(), Verdict::Satisfied), "{}", entry.id);
            assert_eq!(sent, test.text);
            kept = Some(guard);
            repairer = kept.take().unwrap().into_repairer();
            same += 1;
        }
    }
    println!(
        "{same} valid instances byte for byte; guard: {} ns a piece of 4 bytes ({steps} pieces)",
        nanoseconds / steps
    );
}

/// Ways to damage a document, each at a random place.
const KINDS: [&str; 20] = [
    "trailing comma",
    "missing comma",
    "single quotes",
    "keys without quotes",
    "words of Python",
    "cut",
    "fence",
    "prose before",
    "prose behind",
    "missing closing bracket",
    "bracket too many",
    "missing quote",
    "raw line break in a string",
    "quote in a string",
    "comment",
    "number in a string",
    "double comma",
    "missing colon",
    "wrong bracket",
    "JSON in a string",
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    /// One of the places where `what` stands outside of strings, or inside of them.
    fn place(&mut self, text: &str, inside: bool, what: &[u8]) -> Option<usize> {
        let mut places = Vec::new();
        let (mut quoted, mut escaped) = (false, false);
        for (at, byte) in text.bytes().enumerate() {
            let quote = byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
            if quoted == inside && !escaped && what.contains(&byte) {
                places.push(at);
            }
            quoted ^= quote;
        }
        (!places.is_empty()).then(|| places[self.below(places.len())])
    }
}

fn damaged(text: &str, kind: usize, random: &mut Random) -> Option<String> {
    let without = |at: usize| format!("{}{}", &text[..at], &text[at + 1..]);
    let with = |at: usize, what: &str| format!("{}{what}{}", &text[..at], &text[at..]);
    Some(match KINDS[kind] {
        "trailing comma" => with(random.place(text, false, b"}]")?, ","),
        "missing comma" => without(random.place(text, false, b",")?),
        "single quotes" if !text.contains(['\'', '\\']) => text.replace('"', "'"),
        "keys without quotes" => {
            let colon = random.place(text, false, b":")?;
            let close = text[..colon].rfind('"')?;
            let open = text[..close].rfind('"')?;
            format!("{}{}{}", &text[..open], &text[open + 1..close], &text[close + 1..])
        }
        "words of Python" => text.replace("true", "True").replace("false", "False").replace("null", "None"),
        "cut" => text[..(0..=random.below(text.len())).rev().find(|at| text.is_char_boundary(*at))?].to_owned(),
        "fence" => format!("```json\n{text}\n```"),
        "prose before" => format!("Here is what you asked for: {text}"),
        "prose behind" => format!("{text}\n\nLet me know if you need anything else!"),
        "missing closing bracket" => without(random.place(text, false, b"}]")?),
        "bracket too many" => with(random.place(text, false, b"}]")?, if random.below(2) == 0 { "}" } else { "]" }),
        "missing quote" => without(random.place(text, true, b"\"")?),
        "raw line break in a string" => with(random.place(text, true, b" aeiou")?, "\n"),
        "quote in a string" => with(random.place(text, true, b" aeiou")?, "\""),
        "comment" => with(random.place(text, false, b",}]")?, " // as discussed\n"),
        "number in a string" => {
            let at = random.place(text, false, b"0123456789")?;
            let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'e' | b'E' | b'+');
            let from = (0..at).rev().take_while(|at| part(text.as_bytes()[*at])).last().unwrap_or(at);
            let to = (at..text.len()).find(|at| !part(text.as_bytes()[*at])).unwrap_or(text.len());
            format!("{}\"{}\"{}", &text[..from], &text[from..to], &text[to..])
        }
        "double comma" => with(random.place(text, false, b",")?, ","),
        "missing colon" => without(random.place(text, false, b":")?),
        "wrong bracket" => {
            let at = random.place(text, false, b"}]")?;
            let other = if text.as_bytes()[at] == b'}' { "]" } else { "}" };
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        }
        "JSON in a string" => Value::from(text).to_string(),
        _ => return None,
    })
}

#[derive(Default, Clone)]
struct Count {
    all: usize,
    restored: usize,
    refused: usize,
    out_of_steps: usize,
    /// Microseconds a kilobyte, per case, and of the same text once more: with a schema and a search that are in use.
    times: Vec<f64>,
    again: Vec<f64>,
    longest: f64,
}

#[test]
fn damaged_instances_are_valid_or_refused() {
    let Some(entries) = entries() else { return };
    let wanted = if measures() { 100_000 } else { 2_000 };
    let mut random = Random(0x853c_49e6_748f_ea9b);
    let mut counts = vec![Count::default(); KINDS.len()];
    let (mut cases, mut unjudged, mut violated) = (0, 0, Vec::new());
    let only = std::env::var("ESPALIER_DAMAGE").unwrap_or_default();
    let kinds: Vec<usize> = (0..KINDS.len()).filter(|kind| KINDS[*kind].contains(&only)).collect();
    let mut rounds = 0;
    while cases < wanted && rounds < 60 {
        rounds += 1;
        let stride = if measures() { 1 } else { 11 };
        for entry in entries.iter().skip(rounds - 1).step_by(stride) {
            if cases >= wanted {
                break;
            }
            let valid: Vec<&Test> = entry.tests.iter().filter(|test| test.valid).collect();
            if valid.is_empty() {
                continue;
            }
            let Some(mut repairer) = repairer(entry) else { continue };
            let schema: Value = serde_json::from_str(entry.schema.get()).unwrap();
            let Ok(judge) = jsonschema::validator_for(&schema) else { continue };
            let believed = valid.iter().all(|test| judge.is_valid(&serde_json::from_str(&test.text).unwrap()));
            for _ in 0..8 {
                let test = valid[random.below(valid.len())];
                let kind = kinds[random.below(kinds.len())];
                let Some(text) = damaged(&test.text, kind, &mut random) else { continue };
                cases += 1;
                let count = &mut counts[kind];
                count.all += 1;
                // The schema has been used before: what is timed is the repair.
                assert!(repairer.violation(&test.text).is_none());
                let begun = Instant::now();
                let repair = repairer.repair(&text);
                let time = begun.elapsed().as_secs_f64();
                let kilobytes = (text.len() as f64 / 1e3).max(0.05);
                count.times.push(time * 1e6 / kilobytes);
                count.longest = count.longest.max(time * 1e3);
                if measures() {
                    let begun = Instant::now();
                    let again = repairer.repair(&text);
                    let overrun = matches!(repair, Err(Hopeless::Overrun(_)));
                    assert!(overrun || again == repair, "what was found out changes nothing: {again:?}, {repair:?}");
                    count.again.push(begun.elapsed().as_secs_f64() * 1e6 / kilobytes);
                }
                match repair {
                    Ok(repair) => {
                        assert!(repairer.violation(&repair.text).is_none(), "{}: {text}", entry.id);
                        // A number may be larger than the validator's numbers are.
                        let Ok(value) = serde_json::from_str::<Value>(&repair.text) else {
                            unjudged += 1;
                            continue;
                        };
                        count.restored += usize::from(serde_json::from_str::<Value>(&test.text).unwrap() == value);
                        match believed {
                            false => unjudged += 1,
                            true if !judge.is_valid(&value) => violated.push(format!("{}: {}", entry.id, repair.text)),
                            true => {}
                        }
                    }
                    Err(refusal) => {
                        count.refused += 1;
                        count.out_of_steps += usize::from(matches!(refusal, Hopeless::OutOfSteps { .. }));
                    }
                }
            }
        }
    }
    println!(
        "| damage | cases | restored | other repair | refused | of these out of steps | us/kB p50 | again | p99 | longest, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut all = Count::default();
    for (name, count) in KINDS.iter().zip(&mut counts) {
        shown(name, count);
        all.all += count.all;
        all.restored += count.restored;
        all.refused += count.refused;
        all.out_of_steps += count.out_of_steps;
        all.longest = all.longest.max(count.longest);
        all.times.append(&mut count.times);
        all.again.append(&mut count.again);
    }
    shown("all", &mut all);
    println!("limits: cost {}, steps {}; the validator was not asked in {unjudged} cases", BOUNDS.cost, BOUNDS.steps);
    assert!(all.restored * 10 > all.all * 6, "most damage can be undone");
    assert!(violated.is_empty(), "{} of {} violate their schema:\n{}", violated.len(), all.all, violated.join("\n"));
}

fn shown(name: &str, count: &mut Count) {
    count.times.sort_by(f64::total_cmp);
    count.again.sort_by(f64::total_cmp);
    let of = |times: &[f64], part: f64| times.get(((times.len() as f64 - 1.0) * part) as usize).copied().unwrap_or(0.0);
    println!(
        "| {name} | {} | {} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.1} |",
        count.all,
        count.restored,
        count.all - count.restored - count.refused,
        count.refused,
        count.out_of_steps,
        of(&count.times, 0.5),
        of(&count.again, 0.5),
        of(&count.times, 0.99),
        count.longest
    );
}
