//! Clauses against answers, and the clauses of LMQL's tests and documentation.

use std::io::Read;

use super::*;
use crate::frontend::membership;

/// Whether the text is an answer; None if it is not even the beginning of one.
fn verdict(clause: &str, text: &str) -> Option<bool> {
    membership::verdict(&read(clause).unwrap_or_else(|why| panic!("{clause}: {why}")), text.as_bytes())
}

#[track_caller]
fn check(clause: &str, yes: &[&str], begun: &[&str], dead: &[&str]) {
    for (texts, expected) in [(yes, Some(true)), (begun, Some(false)), (dead, None)] {
        for text in texts {
            assert_eq!(verdict(clause, text), expected, "{clause}: {text:?}");
        }
    }
}

#[test]
fn texts() {
    check("X == \"a\\n\"", &["a\n"], &["a"], &["b"]);
    check("X != 'ab'", &["", "a", "abc"], &["ab"], &[]);
    check("X in ['cat', \"car\", 'cat']", &["cat", "car"], &["ca", ""], &["cats", "d"]);
    check("X in set(['a'])", &["a"], &[""], &["b"]);
    check("X not in ['a', 'ab']", &["", "b", "abc"], &["a", "ab"], &[]);
    check("X in 'abc'", &["", "bc", "abc"], &[], &["ac"]);
    check("'ab' in X", &["ab", "xabx"], &["", "a"], &[]);
    check("not '\\n' in X", &["", "ab"], &[], &["a\n"]);
    check("'\\n' not in X and X != ''", &["a"], &[""], &["\n"]);
    check("STARTS_WITH(X, ['a', 'bc']) and ENDS_WITH(X, '.')", &["a.", "bc x."], &["b", "a"], &["c"]);
    check("REGEX(X, r'[0-9]{2}/\\d')", &["12/3"], &["12"], &["1/"]);
    check("REGEX(X, r'(?=.*1)[a-z0-9]+')", &["a1"], &["a"], &["-"]);
    check("True and not False", &["anything"], &[], &[]);
}

#[test]
fn sizes() {
    check("len(X) < 3", &["", "äö"], &[], &["abc"]);
    check("1 < len(X) <= 3", &["ab", "abc"], &["a"], &["abcd"]);
    check("len(X) != 2 and len(X) < 2.5", &["a"], &[], &["ab"]);
    check("len(X) > -1", &[""], &[], &[]);
    check("len(X) < 2 or len(X) > 3", &["a", "abcd"], &["ab", "abc"], &[]);
    check("len(WORDS(X)) == 2", &["a b", " a\n b "], &["", "a"], &["a b c"]);
    check("len(words(X)) >= 1", &["a", "a b"], &["", " "], &[]);
    check("len(WORDS(X)) == 0", &["", " "], &[], &["a"]);
    check("len(SENTENCES(X)) == 2", &["A. B.", "A. B", "..", ". "], &["", "A.", "A"], &["A. B. C"]);
}

#[test]
fn numbers() {
    check("INT(X)", &["0", " 12", "-3"], &["", "-"], &["1.", "a", "  1"]);
    check("FLOAT(X)", &["1", " -0.5"], &["1."], &["1.5.", ".5"]);
    check("INT(X) < 12", &["11", "2", "007", "-5", "-0"], &["-"], &["12", "200"]);
    check("INT(X) >= 100 and INT(X) <= 205", &["100", "205", "0150"], &["1", "20"], &["206", "1000", "-"]);
    check("INT(X) == -7", &["-7", "-07"], &["-"], &["7"]);
    check("INT(X) != 7", &["6", "70", "-7"], &["7"], &[]);
    check("INT(X) > 0", &["1", "10"], &["0"], &["-"]);
    check("0.25 <= FLOAT(X) < 1.5", &["0.25", "0.250", "1", "1.49", "01.4999"], &["0.2"], &["1.5", "2", "-", "0.24"]);
    check("FLOAT(X) > 1.5", &["1.51", "1.6", "2", "10", "1.5001"], &["1", "1.5", "0"], &["-"]);
    check("FLOAT(X) <= -1.5", &["-1.5", "-1.50", "-2"], &["-1"], &["1", "-1.4"]);
    check("X > 5", &["6", "5.1"], &["5"], &["a"]);
    check("FLOAT(X) == 0", &["0", "-0", "0.0", "-0.00"], &[], &["1", "0.1"]);
}

/// Every comparison, on every short number, against the numbers themselves.
#[test]
fn comparisons_equal_arithmetic() {
    let written: Vec<String> = [
        "0", "1", "7", "9", "10", "11", "19", "20", "99", "100", "101", "110", "007", "0.5", "1.0", "1.05", "1.5",
        "9.95", "10.01",
    ]
    .iter()
    .flat_map(|text| [(*text).to_owned(), format!("-{text}")])
    .collect();
    for limit in ["0", "1", "10", "-10", "19", "100", "1.05", "-0.5", "9.9"] {
        for how in ["<", "<=", "==", "!=", ">=", ">"] {
            let clause = format!("FLOAT(X) {how} {limit}");
            for text in &written {
                let (a, b): (f64, f64) = (text.parse().expect("digits"), limit.parse().expect("digits"));
                let holds = match how {
                    "<" => a < b,
                    "<=" => a <= b,
                    "==" => a == b,
                    "!=" => a != b,
                    ">=" => a >= b,
                    _ => a > b,
                };
                assert_eq!(verdict(&clause, text) == Some(true), holds, "{clause}: {text}");
            }
        }
    }
}

#[test]
fn stops() {
    check("STOPS_AT(X, '.')", &["a."], &["", "a"], &["a.b", "a.."]);
    check("STOPS_AT(X, 'abc her')", &["abc her"], &["abc he"], &["abc here"]);
    check("STOPS_AT(X, '.') and STOPS_AT(X, '\\n')", &["a.", "\n"], &["a"], &[".\n"]);
    check("len(X) < 4 and STOPS_AT(X, '?')", &["a?", "ab?"], &["ab"], &["abc", "a?b"]);
    // The phrase counts only where the rest holds.
    check("len(X) > 3 and STOPS_AT(X, '?')", &["abc?", "a?b?"], &["a?", "a??"], &["abc?d", "abc??"]);
    check("stops_before(X, '\\n')", &["", "ab"], &[], &["a\n"]);
    check("len(X) > 1 and STOPS_BEFORE(X, ' ')", &["ab", " a"], &["", "a", " "], &["ab "]);
    check("STOPS_BEFORE(X, ' ') and STOPS_AT(X, 'Un')", &["Un", "aUn", "a"], &[], &["Una", "a "]);
    check("X == 'ab' or STOPS_AT(X, '.')", &["ab", "ab."], &["a"], &["a.b"]);
}

#[test]
fn several_answers() {
    let clause = Clause::read("len(A) < 2 and B in ['x'] and STOPS_AT(A, '.')").expect("it is well-formed");
    assert_eq!(clause.answers(), ["A", "B"]);
    assert!(clause.grammar("A").is_ok() && clause.grammar("B").is_ok());
    assert_eq!(read("len(A) < 2 and len(B) < 3").expect_err("two answers").kind, DiagnosticKind::Invalid);
    let clause = Clause::read("len(A) < 2 or len(B) < 3").expect("it is well-formed");
    assert_eq!(clause.grammar("A").expect_err("they hang together").kind, DiagnosticKind::Unsupported);
}

#[test]
fn refusals() {
    use DiagnosticKind::{Invalid, TooLarge, Unsupported};
    for (clause, kind, place) in [
        ("len(TOKENS(X)) > 3 and STOPS_AT(X, '.') and len(X) < 9", Unsupported, (1, 24)),
        ("TOKENS(X)", Invalid, (1, 1)),
        ("X in choices", Unsupported, (1, 6)),
        ("STOPS_AT(X, nl)", Unsupported, (1, 13)),
        ("mood(X, 'kind')", Unsupported, (1, 1)),
        ("type(X) is Person", Unsupported, (1, 1)),
        ("len(X) < 3 and\n ERASE(X)", Unsupported, (2, 2)),
        ("not STOPS_AT(X, '.')", Unsupported, (1, 1)),
        ("X", Invalid, (1, 1)),
        ("len(X)", Invalid, (1, 1)),
        ("X == 'a", Invalid, (1, 6)),
        ("len(X) <", Invalid, (1, 9)),
        ("(len(X) < 3", Invalid, (1, 12)),
        ("X == 'a' X", Invalid, (1, 10)),
        ("X ~ 3", Invalid, (1, 3)),
        ("'a' < X", Invalid, (1, 1)),
        ("REGEX(X, '(')", Invalid, (1, 10)),
        ("STOPS_AT(X, '')", Invalid, (1, 13)),
        ("len(X) < 99999999999", TooLarge, (1, 1)),
    ] {
        let why = read(clause).expect_err(clause);
        assert_eq!((why.kind, why.position), (kind, Some(place)), "{clause}: {why}");
    }
    let deep = "(".repeat(5_000) + "X == 'a'" + &")".repeat(5_000);
    assert_eq!(read(&deep).expect_err("too deep").kind, TooLarge);
}

/// The clauses of LMQL's own tests, documentation and library: each is taken, for each answer it is about, or refused
/// for what it hangs on.
#[test]
fn clauses_of_lmql() {
    let shared = std::env::var("ESPALIER_SHARED").unwrap_or(format!("{}/../shared", env!("CARGO_MANIFEST_DIR")));
    let path = format!("{shared}/data/where/lmql-where-clauses.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("SKIPPED: {path} is not there (set ESPALIER_SHARED)");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is packed text");
    let (mut taken, mut refused) = (0, 0);
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        let source = case["where"].as_str().expect("a clause");
        let clause = Clause::read(source).unwrap_or_else(|why| panic!("{source}: {why}"));
        let answers = clause.answers();
        assert!(!answers.is_empty(), "{source}");
        let why: Vec<Diagnostic> = answers.iter().filter_map(|answer| clause.grammar(answer).err()).collect();
        for why in &why {
            assert_eq!(why.kind, DiagnosticKind::Unsupported, "{source}: {why}");
            let reason =
                ["has no value here", "is a function of the program", "changes the answer", "types are no part"];
            assert!(reason.iter().any(|reason| why.message.contains(reason)), "{source}: {why}");
        }
        if why.is_empty() {
            taken += 1
        } else {
            refused += 1
        }
        // TOKENS aside, what LMQL's own operators say is taken.
        let opaque = ["TOKENS", "type(", "inline_", "mood(", "foo_bar(", "ERASE(", "ESCAPED("];
        let named = ["nl)", "choices", "songs", "backpack", "DELIMITER", "== s ", "== n "];
        if !opaque.iter().chain(&named).any(|part| source.contains(part)) {
            assert!(why.is_empty(), "{source}: {}", why[0]);
        }
    }
    assert_eq!((taken, refused), (103, 16));
}

#[test]
fn stops_within_stops_are_refused_when_they_are_too_many() {
    let clause = (0..40).fold("X != 'x'".to_owned(), |clause, at| {
        format!("(({clause}) and STOPS_AT(X, '{at}') and STOPS_BEFORE(X, 'b{at}') or X == '{at}')")
    });
    assert_eq!(read(&clause).expect_err("too large").kind, DiagnosticKind::TooLarge);
}
