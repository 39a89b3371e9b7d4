//! Escapes against the plain text that they stand for.

use std::sync::Arc;

use super::super::{Expr, LengthBounds, StringAtom, StringCache, StringDfa};
use super::*;

fn pattern(text: &str) -> Expr<StringAtom> {
    Expr::Atom(StringAtom::Pattern(text.into()))
}

fn accepts(dfa: &mut StringDfa, body: &[u8]) -> bool {
    let Some(mut state) = BodyState::start(dfa) else { return false };
    for (i, &byte) in body.iter().enumerate() {
        match step(dfa, state, byte) {
            BodyStep::Stay(next) => state = next,
            BodyStep::Close(_) => return i + 1 == body.len(),
            BodyStep::Dead => return false,
        }
    }
    false
}

/// A small generator of numbers, so that failures repeat.
fn random(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*seed >> 33) as usize
}

#[test]
fn a_plain_body_is_what_serde_json_reads() {
    let cache = StringCache::default();
    let plain = cache.language(&Expr::True, &[]).unwrap();
    // The same language, but asked through the automaton.
    let watched = cache.language(&Expr::True, &[pattern("x")]).unwrap();
    assert!(plain.is_plain() && !watched.is_plain());
    let pieces: Vec<Vec<u8>> = [
        "a",
        "é",
        "€",
        "😀",
        "\u{7F}",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\n",
        "\\u00e9",
        "\\uD83D\\uDE00",
        "\\ud83d",
        "\\ude00",
        "\\uD7ff",
        "\\uE000",
        "\\u12",
        "\\x",
        "\\",
        "\"",
        "\n",
        "\\udbff\\udfff",
        "\\ud800\\u0041",
        "\\uD83d\\",
    ]
    .iter()
    .map(|piece| piece.as_bytes().to_vec())
    .chain([vec![0xC3], vec![0x80], vec![0xED, 0xA0, 0x80], vec![0xF4, 0x90, 0x80, 0x80], vec![0xE0, 0x9F, 0x80]])
    .collect();
    let mut seed = 7;
    let (mut good, mut bad) = (0, 0);
    for _ in 0..20_000 {
        let mut body = Vec::new();
        for _ in 0..random(&mut seed) % 4 {
            body.extend_from_slice(&pieces[random(&mut seed) % pieces.len()]);
        }
        body.push(b'"');
        let expected = serde_json::from_slice::<String>(&[b"\"", &body[..]].concat()).is_ok();
        assert_eq!(accepts(&mut plain.lock(), &body), expected, "{:?}", String::from_utf8_lossy(&body));
        assert_eq!(accepts(&mut watched.lock(), &body), expected, "{:?}", String::from_utf8_lossy(&body));
        if expected { good += 1 } else { bad += 1 }
    }
    assert!(good > 3_000 && bad > 3_000, "{good} {bad}");
}

#[test]
fn random_walks_over_raw_bytes_end_in_texts_of_the_language() {
    let words: Arc<[Box<str>]> = ["é", "\"q\"", "a\\b", "😀", "\u{1}", "\u{FFFF}", "tab\there"].map(Box::from).into();
    let formulas = [
        Expr::Atom(StringAtom::Literals(words)),
        pattern("^[\\u{1F600}-\\u{1F64F}]{2,3}$"),
        pattern("^[\\u{10FC00}-\\u{10FFFF}\\ud7f0-\\ue00f]*$"),
        Expr::And(vec![
            Expr::Not(Box::new(pattern("[^\\u0100-\\u0fff]"))),
            Expr::Atom(StringAtom::Length(LengthBounds { min: 2, max: Some(4) })),
        ]),
        pattern("^[\\x00-\\x1f\"\\\\]+$"),
    ];
    let cache = StringCache::default();
    let mut seed = 11;
    for formula in &formulas {
        let language = cache.language(formula, &[]).unwrap();
        let mut dfa = language.lock();
        for _ in 0..300 {
            let mut state = BodyState::start(&mut dfa).unwrap();
            let mut body = vec![b'"'];
            loop {
                let rest = completion(&mut dfa, state, Spelling::Any).unwrap();
                let whole = String::from_utf8([&body[..], &rest].concat()).unwrap();
                let text: String = serde_json::from_str(&whole).unwrap_or_else(|e| panic!("{whole}: {e}"));
                let end = text.bytes().try_fold(dfa.start().unwrap(), |at, byte| dfa.step(at, byte));
                assert!(end.is_some_and(|end| dfa.accepts(end)), "{formula:?} {whole}");
                let live: Vec<(u8, BodyStep)> = (0..=255)
                    .map(|byte| (byte, step(&mut dfa, state, byte)))
                    .filter(|(_, step)| *step != BodyStep::Dead)
                    .collect();
                // Escapes are rare among the bytes, so that they are preferred here.
                let escapes: Vec<_> = live.iter().filter(|(byte, _)| *byte == b'\\' || state.phase() > 7).collect();
                let all: Vec<_> = live.iter().collect();
                let from = if !escapes.is_empty() && random(&mut seed).is_multiple_of(2) { escapes } else { all };
                let &(byte, next) = from[random(&mut seed) % from.len()];
                body.push(byte);
                match next {
                    BodyStep::Stay(next) => state = next,
                    _ => break,
                }
                if body.len() > 60 {
                    break;
                }
            }
        }
    }
}

#[test]
fn every_spelling_of_a_text_is_accepted() {
    let cache = StringCache::default();
    let language = cache.language(&pattern("^é😀\"$"), &[]).unwrap();
    let mut dfa = language.lock();
    for body in ["é😀\\\"", "\\u00E9\\uD83D\\uDE00\\u0022", "\\u00e9\\ud83d\\ude00\\\"", "é\\uD83d\\udE00\\u0022"] {
        assert!(accepts(&mut dfa, format!("{body}\"").as_bytes()), "{body}");
    }
    for dead in ["\\n", "\\u1", "\\u00e8", "é\\ud83e", "é\\ud83d\\ude01", "é\\ue", "\"", "é😀\\\"\\u"] {
        let mut state = BodyState::start(&mut dfa).unwrap();
        let (last, before) = dead.as_bytes().split_last().unwrap();
        for &byte in before {
            match step(&mut dfa, state, byte) {
                BodyStep::Stay(next) => state = next,
                other if dead == "é😀\\\"\\u" => return assert_eq!(other, BodyStep::Dead),
                other => panic!("{dead}: {other:?}"),
            }
        }
        assert_eq!(step(&mut dfa, state, *last), BodyStep::Dead, "{dead}");
    }
}
