//! Names against brute force; whole formats are tried by the official suite and by the examples of the file.

use std::collections::{HashMap, VecDeque};

use super::*;

fn walk(domains: &mut Domains, text: &str) -> u32 {
    text.bytes().fold(domains.start(), |state, byte| if state == DEAD { DEAD } else { domains.step(state, byte) })
}

fn takes(domains: &mut Domains, text: &str) -> bool {
    let end = walk(domains, text);
    end != DEAD && domains.accepts(end)
}

#[test]
fn lengths_are_those_in_ascii() {
    let mut names = Domains::new(DomainKind::International);
    let label = |octets: usize| "a".repeat(octets);
    assert!(takes(&mut names, &label(63)) && !takes(&mut names, &label(64)));
    let long = [label(63), label(63), label(63), label(61)].join(".");
    assert!(takes(&mut names, &long) && !takes(&mut names, &format!("{long}a")));
    // As many octets in Unicode: xn--...
    let u = |count: usize| "ü".repeat(count);
    let octets = |text: &str| 4 + punycode::encode(&text.chars().collect::<Vec<_>>()).unwrap().len();
    let most = (1..63).rev().find(|count| octets(&u(*count)) <= 63).unwrap();
    assert!(takes(&mut names, &u(most)) && !takes(&mut names, &u(most + 1)));
    let rest = 253 - 3 * 64;
    let fits = (1..63).rev().find(|count| octets(&u(*count)) <= rest).unwrap();
    let begun = format!("{}\u{3002}{}.{}。", label(63), label(63), label(63));
    assert!(
        takes(&mut names, &format!("{begun}{}", u(fits))) && !takes(&mut names, &format!("{begun}{}", u(fits + 1)))
    );
}

#[test]
fn every_letter_makes_a_label_or_none() {
    // The rules of RFC 5892 on some characters whose values its appendix B.1 lists.
    for (c, allowed) in [
        ('ß', true),
        ('à', true),
        ('À', false),
        ('×', false),
        ('ł', true),
        ('ŀ', false),
        ('ς', true),
        ('σ', true),
        ('Σ', false),
        ('\u{345}', false),
        ('\u{483}', true),
        ('\u{5BF}', true),
        ('\u{640}', false),
        ('\u{200B}', false),
        ('\u{1F70}', true),
        ('\u{1F71}', false),
        ('\u{3400}', true),
        ('\u{F900}', false),
        ('\u{FA0E}', true),
        ('\u{1D165}', false),
        ('😀', false),
        ('\u{10428}', true),
        ('\u{10400}', false),
        ('_', false),
        ('A', false),
        ('\u{AC00}', true),
        ('\u{1100}', false),
    ] {
        assert_eq!(label::is_allowed(c), allowed, "{c:?}");
    }
}

/// All A-labels of up to so many characters behind their beginning, by brute force.
#[test]
fn a_labels_are_completed_as_a_search_completes_them() {
    const DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-";
    let sound = |text: &str| {
        let label = punycode::decode(text)?;
        let sound = !label.iter().all(char::is_ascii) && punycode::encode(&label)? == text;
        Some(sound && label::judge(&label).verdict == Verdict::Valid)
    };
    let mut random = 5u64;
    for case in 0..60 {
        let mut below = |bound: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as usize % bound
        };
        let text: String = (0..case % 9).map(|_| char::from(DIGITS[below(37)])).collect();
        let mut domains = Domains::new(DomainKind::Host);
        let state = walk(&mut domains, &format!("xn--{text}"));
        let mut level = vec![text.clone()];
        let found = (0..=2u32).find(|_| {
            let found = level.iter().any(|text| sound(text) == Some(true));
            level =
                level.iter().flat_map(|text| DIGITS.iter().map(move |c| format!("{text}{}", char::from(*c)))).collect();
            found
        });
        let claimed = domains.measure(state).min;
        match found {
            Some(found) => assert_eq!(claimed, found, "{text:?}"),
            None => assert!(claimed > 2 && claimed <= 5, "{text:?}: {claimed}"),
        }
    }
    // At the end of the room for a label.
    for begun in ["", "b", "tda", "a-"] {
        let mut domains = Domains::new(DomainKind::Host);
        let mut state = walk(&mut domains, &format!("xn--{begun}"));
        let mut length = 4 + begun.len();
        while state != DEAD {
            let left = domains.measure(state).min;
            assert!(length + left as usize <= LABEL, "{begun}: {length}");
            state = domains.step(state, b'a');
            length += 1;
        }
        assert!(length > 56, "{begun}: {length}");
    }
}

#[test]
fn every_state_is_completed_as_soon_as_it_says() {
    for kind in [DomainKind::International, DomainKind::Mailbox, DomainKind::Host] {
        for text in [
            "",
            "a",
            "a-",
            "ab-",
            "l·",
            "α͵",
            "・",
            "・l·",
            "ب\u{200c}",
            "ܐܒ\u{200c}",
            "ᠠ\u{200c}",
            "א",
            "א-",
            "א1",
            "0.",
            "א.a",
            "क्",
            "a.",
            "e",
            "é",
            "ü-",
            "x@",
            "\"",
            "\"\\",
            "x.",
            "x@é-",
            "x@l·",
            "ᄒ",
            "x@ᄒ",
        ] {
            let mut domains = Domains::new(kind);
            let start = walk(&mut domains, text);
            if start == DEAD {
                continue;
            }
            let claimed = domains.measure(start).min;
            let mut seen = HashMap::from([(start, 0)]);
            let mut queue = VecDeque::from([start]);
            let found = loop {
                let state = queue.pop_front().unwrap_or_else(|| panic!("{kind:?} {text:?} is never complete"));
                if domains.accepts(state) {
                    break seen[&state];
                }
                for c in "al1-.αあبא\"@ᠠ\u{1161}丈".chars() {
                    let mut buffer = [0; 4];
                    let bytes = c.encode_utf8(&mut buffer).bytes();
                    let next =
                        bytes.fold(state, |state, byte| if state == DEAD { DEAD } else { domains.step(state, byte) });
                    if next != DEAD && !seen.contains_key(&next) {
                        seen.insert(next, seen[&state] + 1);
                        queue.push_back(next);
                    }
                }
            };
            assert_eq!(claimed, found, "{kind:?} {text:?}");
        }
    }
}
