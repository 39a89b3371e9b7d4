//! String languages against brute force and against validators that are not ours.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};

use super::super::Expr;
use super::*;

type Formula = Expr<StringAtom>;

fn pattern(text: &str) -> Formula {
    Expr::Atom(StringAtom::Pattern(text.into()))
}

fn literals(texts: &[&str]) -> Formula {
    Expr::Atom(StringAtom::Literals(texts.iter().map(|text| Box::from(*text)).collect()))
}

fn length(min: u32, max: Option<u32>) -> Formula {
    Expr::Atom(StringAtom::Length(LengthBounds { min, max }))
}

fn not(formula: Formula) -> Formula {
    Expr::Not(Box::new(formula))
}

/// A small generator of numbers, so that failures repeat.
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

fn walk(dfa: &mut StringDfa, text: &str) -> Option<StrState> {
    let start = dfa.start()?;
    text.bytes().try_fold(start, |state, byte| dfa.step(state, byte))
}

fn matches(dfa: &mut StringDfa, text: &str) -> bool {
    walk(dfa, text).is_some_and(|state| dfa.accepts(state))
}

/// What a script prints as JSON when it reads the question as JSON. None, and a word about it, if there is no node.
pub(super) fn ask_node<A: DeserializeOwned>(script: &str, question: &(impl Serialize + ?Sized)) -> Option<A> {
    let child = Command::new("node").args(["-e", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: node is not installed");
        return None;
    };
    let question = serde_json::to_vec(question).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Beside the reading: the pipes hold less than a question and its answer.
    let writer = std::thread::spawn(move || stdin.write_all(&question).unwrap());
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    Some(serde_json::from_str(&answer).unwrap())
}

/// For each pattern and each of its texts what node's regular expressions say: in Unicode mode if node takes the pattern
/// so, else in the lenient mode, and then texts beyond the basic plane are not judged. `None` if there is no node.
fn node(questions: &[(String, Vec<String>)]) -> Option<Vec<Vec<Option<bool>>>> {
    const SCRIPT: &str = "
        const questions = JSON.parse(require('fs').readFileSync(0));
        console.log(JSON.stringify(questions.map(([p, texts]) => {
            let r, unicode = true;
            try { r = new RegExp(p, 'u') } catch { unicode = false; try { r = new RegExp(p) } catch { return null } }
            return texts.map(t => unicode || !/[\\ud800-\\udfff]/.test(t) ? r.test(t) : null);
        })));";
    let answer: Vec<Option<Vec<Option<bool>>>> = ask_node(SCRIPT, questions)?;
    let refused: Vec<&String> =
        questions.iter().zip(&answer).filter(|(_, answer)| answer.is_none()).map(|(question, _)| &question.0).collect();
    assert!(refused.is_empty(), "node refuses {refused:?}");
    Some(answer.into_iter().flatten().collect())
}

/// Texts near the language: walks through it, and small changes to them.
fn samples(dfa: &mut StringDfa, random: &mut Random, walks: usize) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let Some(start) = dfa.start() else { return texts };
    for _ in 0..walks {
        let (mut bytes, mut state) = (Vec::new(), start);
        let steps = random.below(24);
        for _ in 0..steps {
            let live: Vec<(u8, StrState)> =
                (0..=255).filter_map(|byte| dfa.step(state, byte).map(|next| (byte, next))).collect();
            let Some(&(byte, next)) = live.get(random.below(live.len().max(1))) else { break };
            bytes.push(byte);
            state = next;
        }
        bytes.extend(dfa.shortest(state).expect("a live state has a completion"));
        let text = String::from_utf8(bytes).expect("a text of the language is UTF-8");
        let mut chars: Vec<char> = text.chars().collect();
        texts.insert(text);
        if !chars.is_empty() {
            let place = random.below(chars.len());
            match random.below(4) {
                0 => drop(chars.remove(place)),
                1 => chars.insert(place, *random.pick(&['a', '0', '-', '/', ' ', '\n', 'é', '😀', '_'])),
                2 => chars.truncate(place),
                _ => chars.swap(place, 0),
            }
            texts.insert(chars.into_iter().collect());
        }
    }
    texts
}

/// Compares the languages of patterns with node's opinion; gives the number of verdicts and how many were matches.
fn compare_with_node(patterns: &[String], walks: usize) -> Option<(usize, usize)> {
    let cache = StringCache::default();
    let mut random = Random(3);
    let fixed = [
        "",
        "a",
        "abc",
        "A1_",
        "foo-bar",
        "12",
        "-1.5e3",
        " ",
        "a b",
        "\n",
        "a\nb",
        "é",
        "😀",
        "x\u{2028}y",
        "--",
        "_",
    ];
    let mut questions = Vec::new();
    let mut ours = Vec::new();
    for text in patterns {
        let language = cache.language(&pattern(text), &[]).unwrap_or_else(|e| panic!("{text}: {e}"));
        let mut dfa = language.lock();
        let mut texts = samples(&mut dfa, &mut random, walks);
        texts.extend(fixed.iter().map(|text| text.to_string()));
        ours.push(texts.iter().map(|text| matches(&mut dfa, text)).collect::<Vec<bool>>());
        assert!(!dfa.is_soft() && dfa.overrun().is_none(), "{text}");
        questions.push((text.clone(), texts.into_iter().collect::<Vec<_>>()));
    }
    let theirs = node(&questions)?;
    let (mut verdicts, mut matched) = (0, 0);
    for (((text, texts), ours), theirs) in questions.iter().zip(&ours).zip(&theirs) {
        for ((string, ours), theirs) in texts.iter().zip(ours).zip(theirs) {
            if let Some(theirs) = theirs {
                assert_eq!(ours, theirs, "pattern {text:?}, text {string:?}");
                verdicts += 1;
                matched += usize::from(*theirs);
            }
        }
    }
    Some((verdicts, matched))
}

#[test]
fn hand_picked_patterns_match_what_node_matches() {
    let patterns = [
        "",
        "^",
        "$",
        "^$",
        "a",
        "^a",
        "a$",
        "a$b",
        "^a$|^b",
        "(^a|b)c",
        "a^b",
        "a|",
        "[]",
        "[^]",
        "a[]|b",
        ".",
        "^.*$",
        "^[^x]*$",
        "\\d",
        "\\D+$",
        "^\\w+$",
        "\\W",
        "\\s",
        "^\\S*$",
        "\\bfoo\\b",
        "\\Boo",
        "^\\b$",
        "^\\B$",
        "a\\b-",
        "a\\bb",
        "\\b\\b",
        "^(?:-|\\b|a)+$",
        "\\cJ",
        "\\x41",
        "\\u0041",
        "\\u{1F600}",
        "\\u{1f600}|é",
        "[\\ud83d\\ude00]",
        "^\\ud83d\\ude00$",
        "[\\0-\\x1f]",
        "\\/",
        "\\-",
        "a\\_b",
        "[\\w-.]",
        "[a-]",
        "[-a]",
        "[--/]",
        "[\\b]",
        "x{2}",
        "x{2,}",
        "^x{2,3}$",
        "^(x{2,3}){2}$",
        "{",
        "a{",
        "a{,2}",
        "}",
        "]",
        "a{1",
        "^(?:a|aa)*b$",
        "(a*)*b",
        "(a*)+$",
        "a??",
        "^a*?$",
        "(?<name>a)b",
        "(?:a|b)c",
        "^\\p{Lu}",
        "\\P{L}",
        "[\\p{Zs}\\p{Nd}]",
        "^\\p{Script=Greek}+$",
        "\\p{sc=Han}",
        "\\p{gc=Lu}",
        "\\p{Emoji}",
        "\\p{ASCII}",
        "^[\\s\\S]$",
        "(?=a)",
        "^(?=a).b",
        "(?!a)",
        "^(?!a)",
        "^(?!.*--)[-a-z]+$",
        "^(?=.*\\d)(?=.*[a-z]).{4,8}$",
        "(?=a$)",
        "^(?!a$)",
        "a(?!b)",
        "a(?=b)",
        "(?<=a)b",
        "(?<!a)b",
        "^(?<!a)b",
        "(?<=^a)b",
        "(?<=a|bc)d",
        "^(?:(?!ab).)*$",
        "(?=(?!a)b)",
        "(?!(?=a)(?!ab))a",
        "(?<=\\d{2})-",
        "^(?!(foo|bar)$).+$",
        "(?=\\b)a",
        "a(?=\\b)",
        "(?!^)a",
        "(?:(?=a)a)+b",
        "^(?:(?=a)|b)*$",
        "\\v|\\f",
        "[\\d-x]+$",
        "^[^\\d\\s]+$",
        "😀",
        "^.$",
        "^.{2}$",
        "(a|b|)c",
        "^(([a-z]+)\\.?)+$",
        "[a-z]{3,}$",
        "^[a-c]{3,5}x?$",
        "^[^:]{1,5}:[a-z]{2,3}$",
        "^-?(0|[1-9]\\d*)(\\.\\d+)?$",
        "^(?:[01]\\d|2[0-3]):[0-5]\\d$",
    ]
    .map(String::from);
    if let Some((verdicts, matched)) = compare_with_node(&patterns, 60) {
        assert!(verdicts > 4_000 && matched > 1_500 && verdicts - matched > 1_500, "{verdicts} {matched}");
    }
}

#[test]
fn real_patterns_match_what_node_matches() {
    let shared = std::env::var("ESPALIER_SHARED").unwrap_or(format!("{}/../shared", env!("CARGO_MANIFEST_DIR")));
    let Ok(file) = std::fs::File::open(format!("{shared}/data/maskbench/maskbench-open.jsonl.gz")) else {
        eprintln!("skipped: no MaskBench under {shared}");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        collect_patterns(&case["schema"], &mut found);
    }
    let cache = StringCache::default();
    let (good, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(|text| cache.check_pattern(text).is_ok());
    let reasons: Vec<_> =
        refused.iter().map(|text| (text, cache.check_pattern(text).unwrap_err().to_string())).collect();
    let backreferences = reasons.iter().filter(|(_, reason)| reason.contains("back-reference")).count();
    assert!(refused.len() <= 1 && backreferences == refused.len(), "{reasons:?}");
    // Each opens thousands of live threads; they are tried for time elsewhere.
    if let Some((verdicts, matched)) = compare_with_node(&good, 8) {
        assert!(verdicts > 40_000 && matched > 10_000, "{verdicts} {matched}");
    }
}

fn collect_patterns(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(members) => {
            found.extend(members.get("pattern").and_then(|p| p.as_str()).map(str::to_owned));
            if let Some(keys) = members.get("patternProperties").and_then(|p| p.as_object()) {
                found.extend(keys.keys().cloned());
            }
            members.values().for_each(|value| collect_patterns(value, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_patterns(item, found)),
        _ => {}
    }
}

/// A random pattern over a small alphabet.
fn random_pattern(random: &mut Random, depth: usize) -> String {
    let atoms = ["a", "b", "-", ".", "[ab]", "[^a]", "é", "a", "b", "", "^", "$", "\\b", "\\B"];
    if depth == 0 {
        return random.pick(&atoms).to_string();
    }
    let one = random_pattern(random, depth - 1);
    match random.below(12) {
        0 | 1 => format!("{one}|{}", random_pattern(random, depth - 1)),
        2..=5 => format!("{one}{}", random_pattern(random, depth - 1)),
        6 => format!("(?:{one}){}", random.pick(&["*", "+", "?", "{2}", "{1,2}", "{2,}"])),
        7 => format!("^(?:{one})$"),
        8 => format!("(?={one})"),
        9 => format!("(?!{one})"),
        10 => format!("(?:{one}){}", random_pattern(random, depth - 1)),
        _ => format!(
            "{}{}",
            random.pick(&["(?<=a)", "(?<!b)", "(?<=^|a-)", "(?<![^a])"]),
            random_pattern(random, depth - 1)
        ),
    }
}

/// A random formula over patterns, given by number, and other atoms.
fn random_formula(random: &mut Random, patterns: &[String], depth: usize) -> Formula {
    if depth == 0 {
        return match random.below(6) {
            0 => literals(&["", "a", "ab", "b-a", "éa"][random.below(4)..]),
            1 => length(random.below(3) as u32, Some(2 + random.below(3) as u32)),
            2 => length(random.below(4) as u32, None),
            _ => pattern(&patterns[random.below(patterns.len())]),
        };
    }
    let parts =
        |random: &mut Random| (0..2 + random.below(2)).map(|_| random_formula(random, patterns, depth - 1)).collect();
    match random.below(5) {
        0 | 1 => Expr::And(parts(random)),
        2 => Expr::Or(parts(random)),
        3 => Expr::One(parts(random)),
        _ => not(random_formula(random, patterns, depth - 1)),
    }
}

/// All texts over the alphabet up to a length.
fn universe(longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut last = texts.clone();
    for _ in 0..longest {
        last = last.iter().flat_map(|text| ["a", "b", "-", "é"].map(|c| format!("{text}{c}"))).collect();
        texts.extend(last.iter().cloned());
    }
    texts
}

/// The language of a formula against direct evaluation, where `truth` tells whether a pattern matches a text.
fn check_formula(formula: &Formula, watch: &Formula, texts: &[String], truth: &dyn Fn(&str, usize) -> bool) {
    let direct = |formula: &Formula, number: usize| {
        formula.eval(&mut |atom| match atom {
            StringAtom::Pattern(pattern) => truth(pattern, number),
            StringAtom::Literals(list) => list.iter().any(|text| **text == texts[number]),
            StringAtom::Length(bounds) => bounds.contains(texts[number].chars().count() as u32),
            other => unreachable!("{other:?} is not among the atoms that this test makes"),
        })
    };
    let cache = StringCache::default();
    let language = cache.language(formula, std::slice::from_ref(watch)).unwrap();
    let mut dfa = language.lock();
    let mut live: BTreeSet<&[u8]> = BTreeSet::new();
    for (number, text) in texts.iter().enumerate() {
        let expected = direct(formula, number);
        assert_eq!(matches(&mut dfa, text), expected, "{formula:?} on {text:?}");
        if expected {
            let end = walk(&mut dfa, text).unwrap();
            assert_eq!(dfa.verdicts(end).holds(0), direct(watch, number), "{watch:?} on {text:?}");
            live.extend((0..=text.len()).map(|end| &text.as_bytes()[..end]));
        }
    }
    assert!(!dfa.is_soft());
    // A live prefix is found live; a prefix that is found live has a completion, and that is accepted.
    let mut checked = BTreeSet::new();
    for text in texts {
        let Some(mut state) = dfa.start() else { break };
        for (i, byte) in text.bytes().enumerate() {
            if checked.insert(state) {
                let rest = dfa.shortest(state).expect("a live state has a completion");
                let end = rest.iter().try_fold(state, |state, &byte| dfa.step(state, byte));
                assert!(end.is_some_and(|end| dfa.accepts(end)), "{formula:?}: {text:?} to {i} and {rest:?}");
            }
            match dfa.step(state, byte) {
                Some(next) => state = next,
                None => {
                    assert!(!live.contains(&text.as_bytes()[..=i]), "{formula:?}: {text:?} dies at {i}");
                    break;
                }
            }
        }
    }
    if dfa.start().is_none() {
        assert!(live.is_empty(), "{formula:?} is not empty");
    }
}

#[test]
fn random_formulas_agree_with_direct_evaluation() {
    let mut random = Random(5);
    let patterns: Vec<String> = (0..400).map(|_| random_pattern(&mut random, 3)).collect();
    // What only the lenient mode of node takes means the same here, as there is nothing beyond the basic plane.
    let cache = StringCache::default();
    let patterns: Vec<String> = patterns.into_iter().filter(|text| cache.check_pattern(text).is_ok()).collect();
    assert!(patterns.len() > 250, "{}", patterns.len());
    let texts = universe(4);
    let questions: Vec<(String, Vec<String>)> = patterns.iter().map(|text| (text.clone(), texts.clone())).collect();
    let Some(answers) = node(&questions) else { return };
    let truth = |pattern: &str, number: usize| {
        let place = patterns.iter().position(|text| text == pattern).unwrap();
        answers[place][number].unwrap()
    };
    for text in &patterns {
        check_formula(&pattern(text), &Expr::True, &texts, &truth);
    }
    for i in 0..600 {
        let depth = 1 + i % 2;
        let formula = random_formula(&mut random, &patterns, depth);
        let watch = random_formula(&mut random, &patterns, 1);
        check_formula(&formula, &watch, &texts, &truth);
    }
}

#[test]
fn emptiness_is_found() {
    let cache = StringCache::default();
    let empty = [
        Expr::And(vec![pattern("^(ab)*$"), length(3, Some(3))]),
        Expr::And(vec![pattern("^(ab)*$"), length(1, Some(1))]),
        Expr::And(vec![pattern("^(?:abc){2,}$"), length(7, Some(8))]),
        Expr::And(vec![pattern("^a+$"), pattern("^b+$")]),
        Expr::And(vec![pattern("^\\d{3}-\\d{4}$"), length(12, None)]),
        Expr::And(vec![pattern("^[a-z]{2,5}$"), length(6, None)]),
        Expr::And(vec![literals(&["a", "bb"]), pattern("c")]),
        Expr::And(vec![literals(&["a", "bb"]), length(3, None)]),
        Expr::And(vec![not(literals(&["a", "b"])), pattern("^[ab]$")]),
        Expr::And(vec![pattern("x"), not(pattern("[w-z]"))]),
        Expr::One(vec![pattern("^a$"), literals(&["a"])]),
        pattern("a$b"),
        pattern("a^b"),
        pattern("a\\bb"),
        pattern("^(?!a)a"),
        pattern("(?<=b)^"),
        pattern("[\\ud800-\\udfff]"),
        length(2, Some(1)),
    ];
    for formula in &empty {
        let language = cache.language(formula, &[]).unwrap();
        assert_eq!(language.lock().start(), None, "{formula:?}");
        assert!(!language.lock().is_soft());
    }
    let language = cache.language(&Expr::And(vec![pattern("^(ab)*$"), length(3, Some(5))]), &[]).unwrap();
    let mut dfa = language.lock();
    let start = dfa.start().unwrap();
    assert_eq!(dfa.shortest(start), Some(b"abab".to_vec()));
    assert_eq!(dfa.forced(start), Some(b'a'));
    assert_eq!(walk(&mut dfa, "ababa"), None);
}

#[test]
fn shapes_loops_and_forced_bytes() {
    let cache = StringCache::default();
    let shape = |formula: Formula, text: &str| {
        let language = cache.language(&formula, &[]).unwrap();
        let mut dfa = language.lock();
        let state = walk(&mut dfa, text).unwrap();
        dfa.shape(state)
    };
    assert_eq!(shape(Expr::True, ""), Shape::Universal);
    assert_eq!(shape(pattern("x"), ""), Shape::Universal);
    assert_eq!(shape(pattern("x"), "ax"), Shape::Universal);
    assert_eq!(shape(pattern("^x"), ""), Shape::Other);
    assert_eq!(shape(pattern("^x"), "x"), Shape::Universal);
    assert_eq!(shape(not(literals(&["name", "id"])), "na"), Shape::Universal);
    assert_eq!(shape(Expr::And(vec![not(literals(&["name", "id"])), pattern("^x-")]), "x-"), Shape::Universal);
    assert_eq!(shape(Expr::And(vec![pattern("x"), pattern("y")]), ""), Shape::Universal);
    assert_eq!(shape(length(0, Some(9)), "éa"), Shape::UpTo(7));
    assert_eq!(shape(length(2, Some(9)), ""), Shape::UpTo(9));
    assert_eq!(shape(length(3, None), ""), Shape::Universal);
    assert_eq!(shape(pattern("^.{1,255}$"), "a"), Shape::Other);
    assert_eq!(shape(pattern("^[^]{1,255}$"), "a"), Shape::UpTo(254));
    assert_eq!(shape(not(pattern("x")), ""), Shape::Other);
    assert_eq!(shape(Expr::And(vec![pattern("^x"), length(0, Some(5))]), "xx"), Shape::UpTo(3));

    let stays = |formula: Formula, text: &str| {
        let language = cache.language(&formula, &[]).unwrap();
        let mut dfa = language.lock();
        let state = walk(&mut dfa, text).unwrap();
        dfa.stays_on(state)
    };
    assert!(stays(pattern("^x"), "x") && stays(not(literals(&["name", "id"])), "nb"));
    assert!(!stays(pattern("^x"), "") && !stays(pattern("x$"), "x") && !stays(not(literals(&["name", "id"])), "na"));
    assert!(!stays(length(3, None), "ab") && stays(length(3, None), "abc") && !stays(pattern("^[^\\u00e9]*$"), "x"));

    let language = cache.language(&pattern("^[a-z]{2,9}-[0-9]{2}$"), &[]).unwrap();
    let mut dfa = language.lock();
    let state = walk(&mut dfa, "abc").unwrap();
    let loops = dfa.loops_on(state);
    assert_eq!(loops, Loops { ascii: ((1 << 26) - 1) << b'a', others: 0 });
    assert_eq!(walk(&mut dfa, "abcdefghij"), None);
    let state = walk(&mut dfa, "abcdefghi").unwrap();
    assert_eq!(dfa.forced(state), Some(b'-'));
    let loops = |text: &str| {
        let language = cache.language(&pattern(text), &[]).unwrap();
        let mut dfa = language.lock();
        let state = walk(&mut dfa, "a").unwrap();
        dfa.loops_on(state)
    };
    // Characters begin with C2 to F4; those with C3 hold U+00C0 to U+00FF.
    let leads = ((1 << (0xF5 - 0xC2)) - 1) << 2;
    assert_eq!(loops("^[^/]+$"), Loops { ascii: !(1 << b'/'), others: leads });
    assert_eq!(loops("^[^/\\u00e9]+$"), Loops { ascii: !(1 << b'/'), others: leads & !(1 << 3) });
    assert_eq!(loops("^[a-z]+/[^]*$"), Loops { ascii: ((1 << 26) - 1) << b'a', others: 0 });
}

#[test]
fn hostile_and_large_inputs_end_soon() {
    let cache = StringCache::default();
    let begun = Instant::now();
    let within = |what: &str| {
        let time = begun.elapsed();
        assert!(time < Duration::from_secs(20), "{what}: {time:?}");
        eprintln!("{what}: {time:?} so far");
    };
    for text in
        ["(a|aa)*b", "(.*a){30}", "^.{0,32767}$", "[^x]{1,10000}y", "^([01]*1[01]{18})$", "((a{1,20}){1,20}){1,20}$"]
    {
        let language = cache.language(&pattern(text), &[]).unwrap();
        let mut dfa = language.lock();
        let mut state = dfa.start().unwrap();
        for i in 0..2_000 {
            let byte = if i % 7 == 0 { b'1' } else { b'a' };
            match dfa.step(state, byte).or_else(|| dfa.step(state, b'0')) {
                Some(next) => state = next,
                None => break,
            }
        }
        assert_eq!(dfa.overrun(), None, "{text}");
        assert!(dfa.shortest(state).is_some());
        within(text);
    }
    for text in ["((a{0,1000}){0,1000}){0,1000}", "(?:a{4294967295}){4294967295}"] {
        let error = cache.language(&pattern(text), &[]).unwrap_err();
        assert!(error.message.contains("automaton states"), "{error}");
        assert_eq!(cache.check_pattern(text).unwrap_err(), error);
    }
    let names: Vec<Box<str>> = (0..20_000).map(|i| format!("name-{i:07}-é").into()).collect();
    let language = cache.language(&Expr::Atom(StringAtom::Literals(names.into())), &[]).unwrap();
    let mut dfa = language.lock();
    let start = dfa.start().unwrap();
    assert_eq!(dfa.forced(start), Some(b'n'));
    assert!(matches(&mut dfa, "name-0012345-é") && !matches(&mut dfa, "name-0020000-é"));
    within("20,000 literals");
    let long = cache.language(&length(1_000_000_000, None), &[]).unwrap();
    assert!(long.lock().start().is_some());
    let bounded = Expr::And(vec![pattern("^(ab)*$"), length(5_000, Some(6_000))]);
    let language = cache.language(&bounded, &[]).unwrap();
    let mut dfa = language.lock();
    let start = dfa.start().unwrap();
    assert_eq!(dfa.shortest(start).map(|rest| rest.len()), Some(5_000));
    within("lengths");
}

#[test]
fn an_automaton_that_outgrows_its_memory_says_so() {
    let cache = StringCache::default();
    let language = cache.language(&pattern("^(?:[01]*1[01]{400}2|[01]*)$"), &[]).unwrap();
    let mut random = Random(1);
    let mut state = language.lock().start().unwrap();
    let mut walk = |steps: usize, language: &StringLanguage| {
        let mut dfa = language.lock();
        for _ in 0..steps {
            match dfa.step(state, b'0' + random.below(2) as u8) {
                Some(next) => state = next,
                None => return,
            }
        }
    };
    (0..20_000).for_each(|_| walk(100, &language));
    let overrun = language.overrun().expect("it has outgrown its memory");
    assert!(overrun.bytes > 64 << 20 && overrun.bytes < 100 << 20, "{overrun}");
    assert!(language.is_worn());
    // Who asks anew gets another; and one walk alone may not take so much.
    let language = cache.language(&pattern("^(?:[01]*1[01]{400}2|[01]*)$"), &[]).unwrap();
    assert!(language.overrun().is_none() && !language.is_worn());
    let mut state = language.lock().start().unwrap();
    let mut dfa = language.lock();
    let mut random = Random(1);
    while let Some(next) = dfa.step(state, b'0' + random.below(2) as u8) {
        state = next;
    }
    let overrun = dfa.overrun().expect("it has taken all its steps");
    assert!(overrun.bytes < 64 << 20 && overrun.steps > 1_000_000, "{overrun}");
    drop(dfa);
    // Who asks next gets a new one.
    let again = cache.language(&pattern("^(?:[01]*1[01]{400}2|[01]*)$"), &[]).unwrap();
    assert!(!Arc::ptr_eq(&language, &again) && matches(&mut again.lock(), &"01".repeat(300)));
}

#[test]
fn what_is_not_supported_is_named() {
    let cache = StringCache::default();
    for (text, message, offset) in [
        ("(a)\\1", "back-reference", 3),
        ("(?<x>a)\\k<x>", "back-reference", 7),
        ("a\\Z", "\\Z is not an escape", 1),
        ("(?i)a", "(?i is not supported", 0),
        ("(?P<x>a)", "(?P is not supported", 0),
        ("a(b", "not closed", 1),
        ("a)b", "unmatched", 1),
        ("[a", "not closed", 0),
        ("*a", "nothing to repeat", 0),
        ("a**", "nothing to repeat", 2),
        ("^*", "nothing to repeat", 0),
        ("[z-a]", "out of order", 1),
        ("a{3,2}", "out of order", 6),
        ("\\p{Nope}", "no Unicode property", 0),
        ("\\01", "octal", 0),
        ("a\\", "backslash", 1),
        ("\\u{110000}", "code point", 0),
        ("(?<=a$)", "inside a lookbehind", 5),
        ("(?=(?<=a)b)", "inside a lookahead", 3),
    ] {
        let error = cache.check_pattern(text).unwrap_err();
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(cache.language(&pattern(text), &[]).is_err());
    }
    let deep = "(".repeat(100_000);
    assert!(cache.check_pattern(&deep).unwrap_err().message.contains("nested"));
}

#[test]
fn equal_content_is_one_language() {
    let cache = StringCache::default();
    let formula = Expr::And(vec![pattern("^a"), length(1, None)]);
    let first = cache.language(&formula, &[]).unwrap();
    assert!(Arc::ptr_eq(&first, &cache.language(&formula.clone(), &[]).unwrap()));
    assert!(!Arc::ptr_eq(&first, &cache.language(&formula, &[pattern("b")]).unwrap()));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let language = Arc::clone(&first);
            std::thread::spawn(move || matches(&mut language.lock(), "abc"))
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}
