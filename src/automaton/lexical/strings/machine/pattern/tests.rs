//! Against brute force, and against node.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::*;
use crate::automaton::lexical::{ecma, strings::tests::ask_node};

fn walk(patterns: &mut Patterns, text: &str) -> u32 {
    text.bytes().fold(patterns.start(), |state, byte| if state == DEAD { DEAD } else { patterns.step(state, byte) })
}

fn takes(patterns: &mut Patterns, text: &str) -> bool {
    let end = walk(patterns, text);
    end != DEAD && patterns.accepts(end)
}

/// Which of the texts node takes as patterns in Unicode mode; `None` if there is no node.
fn node(texts: &[String]) -> Option<Vec<bool>> {
    const SCRIPT: &str = "
        const texts = JSON.parse(require('fs').readFileSync(0));
        console.log(JSON.stringify(texts.map(t => { try { new RegExp(t, 'u'); return true } catch { return false } })));";
    ask_node(SCRIPT, texts)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

#[test]
fn hand_picked_texts() {
    let mut patterns = Patterns::new(true);
    for text in [
        "",
        "a",
        "([abc])+\\s+$",
        "^$",
        "a|b|",
        "(?:)",
        "(?=a)b",
        "(?<=a|b)c",
        "(?<!x)",
        "\\3(a)(b)(c)",
        "\\k<n>(?<n>a)",
        "(?<n>a)\\k<n>",
        "[z-]",
        "[\\d-]",
        "[+--]",
        "[a\\-z]",
        "[\\b]",
        "\\0",
        "\\cJ",
        "\\x41",
        "\\u0041",
        "\\u{000041}",
        "\\ud83d\\ude00",
        "[\\ud83d\\ude00-\\u{1F601}]",
        "[\\u{d900}-\\ud83d\\ude00]",
        "\\p{Lu}",
        "\\P{Script=Greek}",
        "\\p{scx=Deva}",
        "a{2}",
        "a{2,}",
        "a{2,3}?",
        "a{007,10}",
        "[]",
        "[^]",
        "[^^]",
        "(?<$\u{e9}_1>x)",
        "(?<\\u0061b>x)",
        "(?<\\ud835\\udc00>x)",
        "(?<a\\u{62}>x)\\k<ab>",
        "é",
        "[é-😀]",
        "\\/",
        "a{99999999999999999999}",
    ] {
        assert!(takes(&mut patterns, text), "{text:?} is a pattern");
    }
    for text in [
        "^(abc]",
        "\\Z",
        "\\a",
        "^\\S(|(.|\\n)*\\S)\\Z",
        "(",
        ")",
        "a)",
        "*",
        "a**",
        "^*",
        "(?=a)*",
        "(?<=a)+",
        "\\b*",
        "]",
        "}",
        "{",
        "a{",
        "a{,2}",
        "a{3,2}",
        "a{10,9}",
        "a{1",
        "a{ 1}",
        "[",
        "[z-a]",
        "[\\d-z]",
        "[a-\\d]",
        "[\\1]",
        "[\\B]",
        "[\\k]",
        "\\1",
        "\\2(a)",
        "\\k<n>",
        "\\k",
        "(?<n>a)(?<n>b)",
        "(?<>a)",
        "(?<1>a)",
        "(?<a-b>a)",
        "(?i)a",
        "(?i:a)",
        "(?P<a>b)",
        "(?#a)",
        "\\01",
        "\\00",
        "\\c1",
        "\\c",
        "\\x4",
        "\\u004",
        "\\u{110000}",
        "\\u{}",
        "\\p{greek}",
        "\\p{Script=greek}",
        "\\p",
        "\\p{",
        "\\pL",
        "\\-",
        "\\_",
        "a\\",
        "\\ud83d*{",
        "[\\udbff-\\ud800]",
        "[\\ude00-\\ud83d]",
        "(?<\\ud835>x)",
    ] {
        assert!(!takes(&mut patterns, text), "{text:?} is no pattern");
    }
}

/// Pieces that patterns, and nearly patterns, are made of.
const PIECES: &[&str] = &[
    "a",
    "b",
    "(",
    ")",
    "(?:",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?<n>",
    "(?<m>",
    "\\k<n>",
    "\\k<m>",
    "\\k<",
    "(?<",
    ">",
    "*",
    "+",
    "?",
    "{",
    "}",
    "{2}",
    "{2,3}",
    "{3,2}",
    "{10,9}",
    "{2,",
    "{02,1",
    "0",
    "1",
    "9",
    ",",
    "[",
    "]",
    "[^",
    "-",
    "^",
    "$",
    "|",
    ".",
    "\\",
    "\\d",
    "\\b",
    "\\B",
    "\\1",
    "\\2",
    "\\0",
    "\\x4",
    "\\x41",
    "\\u",
    "\\u00",
    "\\u0041",
    "\\u{",
    "\\u{41}",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\ude00",
    "\\cA",
    "\\c",
    "\\-",
    "\\]",
    "\\/",
    "\\n",
    "\\p{",
    "\\p{Lu}",
    "\\P{sc=Greek}",
    "é",
    "😀",
    "\\a",
    "d",
    "u",
    "=",
    "!",
    ":",
    "<",
    "n",
    " ",
    "\u{d7ff}",
    "\\p{L",
    "\\ud83d-",
    "[\\ud83d-",
    "z-",
    "[b-",
];

#[test]
fn texts_are_judged_as_node_and_our_parser_judge_them() {
    let mut patterns = Patterns::new(true);
    let mut random = Random(7);
    let mut texts = BTreeSet::new();
    for _ in 0..60_000 {
        let length = 1 + random.below(9);
        texts.insert((0..length).map(|_| *random.pick(PIECES)).collect::<String>());
    }
    // Walks through the states, each ended by its shortest completion.
    for _ in 0..6_000 {
        let (mut text, mut state) = (String::new(), patterns.start());
        for _ in 0..random.below(12) {
            let piece = *random.pick(PIECES);
            let next = piece.bytes().fold(state, |s, byte| if s == DEAD { DEAD } else { patterns.step(s, byte) });
            if next != DEAD {
                text.push_str(piece);
                state = next;
            }
        }
        text.push_str(&completion(&mut patterns, state));
        texts.insert(text);
    }
    let texts: Vec<String> = texts.into_iter().collect();
    let ours: Vec<bool> = texts.iter().map(|text| takes(&mut patterns, text)).collect();
    for (text, ours) in texts.iter().zip(&ours) {
        // Our parser is more lenient, but refuses what is not regular.
        match ecma::parse(text) {
            Ok(_) => {}
            Err(error) => assert!(!ours || error.message.contains("support"), "{text:?}: {error}"),
        }
    }
    let Some(theirs) = node(&texts) else { return };
    for ((text, ours), theirs) in texts.iter().zip(&ours).zip(&theirs) {
        assert_eq!(ours, theirs, "{text:?}");
    }
    let good = theirs.iter().filter(|good| **good).count();
    println!("{} texts, {good} patterns, {} states", texts.len(), patterns.configs.len());
    assert!(good > 6_000 && texts.len() > good * 2);
}

/// A shortest completion, down the costs.
fn completion(patterns: &mut Patterns, mut state: u32) -> String {
    let mut text = String::new();
    while !patterns.accepts(state) {
        let cost = patterns.measure(state).min;
        let names: Vec<char> = patterns.texts.items().iter().flat_map(|text| text.chars()).collect();
        let low = match patterns.configs[state].place {
            Place::Dash(low) => char::from_u32(low),
            _ => None,
        };
        let pool = (' '..='~').chain(names).chain(low).chain(['\u{10FFFF}', '\u{10400}']);
        let step = pool.into_iter().find_map(|c| {
            let mut buffer = [0; 4];
            let next = walk_from(patterns, state, c.encode_utf8(&mut buffer));
            (next != DEAD && patterns.measure(next).min + 1 == cost).then_some((c, next))
        });
        let (c, next) = step.unwrap_or_else(|| panic!("{:?} has no way of {cost}", patterns.configs[state]));
        text.push(c);
        state = next;
    }
    text
}

fn walk_from(patterns: &mut Patterns, state: u32, text: &str) -> u32 {
    text.bytes().fold(state, |state, byte| if state == DEAD { DEAD } else { patterns.step(state, byte) })
}

#[test]
fn costs_are_what_a_search_finds() {
    let alphabet: Vec<char> = "a}){(?<>=:\\[]-,01u9DFCdkxn".chars().collect();
    for text in [
        "",
        "(",
        "((?",
        "(?<",
        "(?<n",
        "\\k<n",
        "\\k<n>",
        "\\k<n>(",
        "\\k<n>(?<",
        "\\k<n>(?<n",
        "\\1",
        "\\2(",
        "\\2(a)",
        "a{",
        "a{1",
        "a{19,",
        "a{19,1",
        "a{19,2",
        "a{9,0",
        "a{90,00",
        "[",
        "[z-",
        "[z-\\",
        "[\\0-\\u",
        "[z-\\u00",
        "[\\u{1}-\\x",
        "[\\udbff-\\ud800",
        "[\\udbff-\\ud8",
        "[\\d-",
        "\\u{1",
        "(?<n>)(?<n",
        "(?<n>)(?<",
        "\\k<n>\\k<a>",
        "\\k<n>\\3",
        "\\k<\\u",
        "(?<\\u006",
        "\\p",
        "\\c",
        "\\x",
        "[\\",
    ] {
        let mut patterns = Patterns::new(true);
        let start = walk(&mut patterns, text);
        assert_ne!(start, DEAD, "{text:?}");
        let claimed = patterns.measure(start).min;
        // Breadth first, as far as it takes little.
        let mut seen = HashMap::from([(start, 0)]);
        let mut queue = VecDeque::from([start]);
        let mut found = None;
        while let Some(state) = queue.pop_front() {
            let distance = seen[&state];
            if patterns.accepts(state) {
                found = Some(distance);
                break;
            }
            if distance >= 5 {
                continue;
            }
            for c in &alphabet {
                let next = patterns.step(state, *c as u8);
                if next != DEAD && !seen.contains_key(&next) {
                    assert!(patterns.measure(next).min + 1 >= patterns.measure(state).min, "{text:?} {c:?}");
                    seen.insert(next, distance + 1);
                    queue.push_back(next);
                }
            }
        }
        match found {
            Some(distance) => assert_eq!(claimed, distance, "{text:?}"),
            None => assert!(claimed > 5 || text.contains("\\p"), "{text:?}: {claimed}"),
        }
    }
}
