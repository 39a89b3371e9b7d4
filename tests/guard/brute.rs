//! Minimality against brute force: the same cost model, searched without anything that makes the search fast.
//!
//! [`least`] is Dijkstra over (position, mode, text written so far). It does not know that two texts may have the same
//! continuations, reads every text from the start, lists all moves of all tiers at once, and looks no further than the
//! costs. What it shares with the search is the declaration of the moves and the recogniser.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use espalier::{
    automaton::{Automaton, Recognizer},
    budget::Limits,
    frontend::{Blueprint, Constraint, Policy},
    guard::{
        bytes::Bytes,
        json::Reading,
        model::{Emit, Model, When},
        search::{Bounds, Goal, Hopeless, Origin, cheapest},
    },
};

/// The cost of the cheapest repair, or none up to the limit. The last value says that it gave up for its size.
fn least<R: Recognizer, M: Model>(recognizer: &mut R, model: &mut M, limit: u32) -> Result<Option<u32>, ()> {
    let (at, mode) = model.start();
    let mut known: HashMap<(u32, M::Mode, Vec<u8>), u32> = HashMap::new();
    let mut queue = BinaryHeap::new();
    let mut entries = vec![(at, mode, Vec::new())];
    known.insert(entries[0].clone(), 0);
    queue.push((Reverse(0u32), 0usize));
    let mut moves = Vec::new();
    while let Some((Reverse(cost), index)) = queue.pop() {
        if entries.len() > 400_000 {
            return Err(());
        }
        let (at, mode, text) = entries[index].clone();
        if known[&(at, mode, text.clone())] < cost {
            continue;
        }
        recognizer.begin();
        let Some(state) = read(recognizer, &text) else { unreachable!("only what can be read is queued") };
        if model.ends(at, mode) && recognizer.accepts(state) {
            return Ok(Some(cost));
        }
        moves.clear();
        for tier in 0..M::TIERS.len() {
            model.moves(at, mode, tier, &mut moves);
        }
        let goes_on = model.next_byte(at, mode).is_some_and(|byte| recognizer.step(state, byte).is_some());
        for one in &moves {
            let here = match one.when {
                When::Always => true,
                When::Stuck => !goes_on,
                When::Accepted => recognizer.accepts(state),
            };
            if !here {
                continue;
            }
            let Some((written, extra)) = written(recognizer, model, state, one) else { continue };
            let total = cost + one.cost + extra;
            let mut longer = text.clone();
            longer.extend_from_slice(&written);
            if total > limit || read(recognizer, &longer).is_none() {
                continue;
            }
            let entry = (one.to, one.mode, longer);
            let before = known.get(&entry).copied().unwrap_or(u32::MAX);
            if total < before {
                known.insert(entry.clone(), total);
                entries.push(entry);
                queue.push((Reverse(total), entries.len() - 1));
            }
        }
    }
    Ok(None)
}

fn read<R: Recognizer>(recognizer: &mut R, text: &[u8]) -> Option<R::State> {
    let start = recognizer.start();
    text.iter().try_fold(start, |state, byte| recognizer.step(state, *byte))
}

/// What a move writes here, and what its material costs.
fn written<R: Recognizer, M: Model>(
    recognizer: &mut R,
    model: &M,
    state: R::State,
    one: &espalier::guard::model::Move<M::Mode>,
) -> Option<(Vec<u8>, u32)> {
    let text = match &one.emit {
        Emit::Nothing => return Some((Vec::new(), 0)),
        Emit::Byte(byte) => return Some((vec![*byte], 0)),
        Emit::Fixed(text) => return Some((text.as_bytes().to_vec(), 0)),
        Emit::Text(text) => return Some((text.to_vec(), 0)),
        Emit::Finish => recognizer.finish(state)?,
        Emit::Close => recognizer.close(state)?,
        Emit::Due => {
            let text = recognizer.close(state)?;
            text[..text.len() - 1].to_vec()
        }
        Emit::Forced => {
            let next = model.next_byte(one.to, one.mode);
            let (mut at, mut text, mut whole) = (state, Vec::new(), 0);
            while let Some((byte, after)) = recognizer.forced(at) {
                at = after;
                text.push(byte);
                if model.settled(&text) == text.len() {
                    whole = text.len();
                    if next.is_some_and(|next| recognizer.step(at, next).is_some()) {
                        break;
                    }
                }
                if text.len() >= 4096 {
                    break;
                }
            }
            text.truncate(whole);
            text
        }
    };
    if text.is_empty() {
        return None;
    }
    let price = model.price(recognizer, state, &text)?;
    Some((text, price))
}

const SCHEMAS: &[&str] = &[
    "{}",
    r#"{"type": "integer", "maximum": 20}"#,
    r#"{"type": "string", "maxLength": 2}"#,
    r#"{"type": "array", "items": {"type": "integer"}}"#,
    r#"{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}"#,
    r#"{"type": "object", "additionalProperties": {"type": "string"}}"#,
    r#"{"enum": ["a", "A1", 1]}"#,
    r#"{"type": ["null", "boolean"]}"#,
    r#"{"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"const": {"a": 1}}]}"#,
    r#"{"type": "array", "items": {"type": ["array", "integer"]}, "maxItems": 2, "uniqueItems": true}"#,
];

const ALPHABET: &[u8; 10] = b"{}[]\",:a1 ";

/// Costs up to which the two are compared: one content byte would be 200, and brute force cannot go there.
const LIMIT: u32 = 130;

fn machine(schema: &str) -> Automaton {
    let constraint = Constraint::JsonSchema(schema.into());
    Blueprint::new(&constraint, Policy::LENIENT, Limits::default(), &Default::default()).unwrap().1
}

struct Tally {
    compared: usize,
    repaired: usize,
    too_large: usize,
}

fn compare(machine: &mut Automaton, text: &[u8], limit: u32, tally: &mut Tally) {
    let mark = machine.mark();
    let mut reading = Reading::new(text);
    let (at, mode) = reading.start();
    let state = machine.start();
    let origin = Origin { at, mode, state };
    let found = match cheapest(
        machine,
        &mut reading,
        origin,
        Bounds { cost: limit, faithful: false, steps: 10_000_000 },
        Goal::Answer,
    ) {
        Ok(way) => {
            assert_eq!(way.cost, way.steps.iter().map(|step| step.cost).sum::<u32>());
            let end = read(machine, &way.text).expect("a repair can be read");
            assert!(machine.accepts(end));
            Some(way.cost)
        }
        Err(Hopeless::TooDear { .. }) => None,
        Err(other) => panic!("{other}"),
    };
    let mut reading = Reading::new(text);
    match least(machine, &mut reading, limit) {
        Ok(wanted) => {
            assert_eq!(found, wanted, "{:?}", String::from_utf8_lossy(text));
            tally.compared += 1;
            tally.repaired += usize::from(found.is_some());
        }
        Err(()) => tally.too_large += 1,
    }
    machine.forget_since(mark);
}

fn word(mut number: usize, length: usize) -> Vec<u8> {
    let mut text = vec![0; length];
    for byte in &mut text {
        *byte = ALPHABET[number % ALPHABET.len()];
        number /= ALPHABET.len();
    }
    text
}

/// Every text up to length 3 under every schema, and a sample of longer ones. `ESPALIER_MEASURE=1`: all up to length 5,
/// and 100,000 of length 6 to 8 under 50 schemas.
#[test]
fn repairs_are_minimal() {
    let measure = std::env::var_os("ESPALIER_MEASURE").is_some();
    let mut tally = Tally { compared: 0, repaired: 0, too_large: 0 };
    for schema in SCHEMAS {
        let mut automaton = machine(schema);
        for length in 0..=5 {
            let all = ALPHABET.len().pow(length);
            let stride = if measure || length <= 3 { 1 } else { all / 500 + 7 };
            for number in (0..all).step_by(stride) {
                compare(&mut automaton, &word(number, length as usize), LIMIT, &mut tally);
            }
        }
    }
    println!(
        "up to length 5: {} equal, {} of them repaired, {} too large",
        tally.compared, tally.repaired, tally.too_large
    );
    assert_eq!(tally.too_large, 0);

    let mut tally = Tally { compared: 0, repaired: 0, too_large: 0 };
    let schemas = more_schemas();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let each = if measure { 2_000 } else { 10 };
    for schema in &schemas {
        let mut automaton = machine(schema);
        for _ in 0..each {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let length = 6 + (random % 3) as usize;
            compare(&mut automaton, &word((random >> 8) as usize % 100_000_000, length), LIMIT, &mut tally);
        }
    }
    println!(
        "length 6 to 8: {} equal, {} of them repaired, {} too large",
        tally.compared, tally.repaired, tally.too_large
    );
    assert!(tally.too_large * 1000 <= tally.compared, "{} were too large for brute force", tally.too_large);
}

/// Fifty schemas: the ten, each alone, in a list, as a member, optional in a closed object, and beside null.
fn more_schemas() -> Vec<String> {
    let mut schemas = Vec::new();
    for schema in SCHEMAS {
        schemas.push((*schema).to_owned());
        schemas.push(format!(r#"{{"type": "array", "items": {schema}}}"#));
        schemas.push(format!(r#"{{"type": "object", "properties": {{"a": {schema}}}}}"#));
        schemas.push(format!(
            r#"{{"type": "object", "properties": {{"1": {schema}, "a": {{}}}}, "additionalProperties": false}}"#
        ));
        schemas.push(format!(r#"{{"anyOf": [{schema}, {{"type": "null"}}]}}"#));
    }
    schemas
}

/// One of several texts, as a machine made by hand: the state is what was read.
struct Choice {
    texts: Vec<&'static [u8]>,
}

impl Recognizer for Choice {
    /// The texts that are left, as bits, and how much of them was read.
    type State = (u32, u32);
    type Mark = ();

    fn start(&mut self) -> (u32, u32) {
        ((1 << self.texts.len()) - 1, 0)
    }

    fn step(&mut self, (left, at): (u32, u32), byte: u8) -> Option<(u32, u32)> {
        let goes = |index: &usize| left >> index & 1 == 1 && self.texts[*index].get(at as usize) == Some(&byte);
        let left = (0..self.texts.len()).filter(goes).map(|index| 1 << index).sum();
        (left != 0).then_some((left, at + 1))
    }

    fn accepts(&mut self, (left, at): (u32, u32)) -> bool {
        (0..self.texts.len()).any(|index| left >> index & 1 == 1 && self.texts[index].len() == at as usize)
    }

    fn mark(&mut self) {}

    fn forget_since(&mut self, (): ()) {}
}

/// Words over `a` and `b` with an even number of `b`, in brackets that match: a counter and a parity.
struct Even;

impl Recognizer for Even {
    type State = (u8, bool);
    type Mark = ();

    fn start(&mut self) -> (u8, bool) {
        (0, true)
    }

    fn step(&mut self, (depth, even): (u8, bool), byte: u8) -> Option<(u8, bool)> {
        match byte {
            b'a' => Some((depth, even)),
            b'b' => Some((depth, !even)),
            b'(' => Some((depth.checked_add(1)?, even)),
            b')' => Some((depth.checked_sub(1)?, even)),
            _ => None,
        }
    }

    fn accepts(&mut self, state: (u8, bool)) -> bool {
        state == (0, true)
    }

    fn mark(&mut self) {}

    fn forget_since(&mut self, (): ()) {}
}

fn nearest<R: Recognizer>(recognizer: &mut R, text: &str, limit: u32) -> Option<(String, u32)> {
    let mut bytes = Bytes::new(text.as_bytes());
    let (at, mode) = bytes.start();
    let origin = Origin { at, mode, state: recognizer.start() };
    let way = cheapest(
        recognizer,
        &mut bytes,
        origin,
        Bounds { cost: limit, faithful: false, steps: 1_000_000 },
        Goal::Answer,
    )
    .ok()?;
    Some((String::from_utf8(way.text).unwrap(), way.cost))
}

#[test]
fn any_automaton_will_do() {
    let mut choice = Choice { texts: vec![b"yes", b"no", b"not sure"] };
    let mut cost = |text| nearest(&mut choice, text, 180);
    assert_eq!(cost("yes"), Some(("yes".into(), 0)));
    assert_eq!(cost("Yes."), Some(("yes".into(), 13)));
    assert_eq!(cost("The answer is: **NO**, thanks"), Some(("no".into(), 40 + 6 + 40)));
    assert_eq!(cost("not  sure"), Some(("not sure".into(), 4)));
    assert_eq!(cost("nt sure"), Some(("not sure".into(), 100)));
    assert_eq!(cost("perhaps"), None);
    assert_eq!(nearest(&mut Even, "(ab", 400), Some(("a".into(), 50)));
    assert_eq!(nearest(&mut Even, "(abb)a", 400), Some(("(abb)a".into(), 0)));

    let mut compared = 0;
    for number in 0..4usize.pow(5) {
        let text: Vec<u8> = (0..5).map(|place| b"ab()"[number / 4usize.pow(place) % 4]).collect();
        let text = String::from_utf8(text).unwrap();
        let wanted = least(&mut Even, &mut Bytes::new(text.as_bytes()), 100).unwrap();
        assert_eq!(nearest(&mut Even, &text, 100).map(|(_, cost)| cost), wanted, "{text}");
        compared += 1;
    }
    assert_eq!(compared, 1024);
}
