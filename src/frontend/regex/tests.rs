//! Expressions against the texts that they match as a whole.

use super::*;
use crate::frontend::membership::accepts;

fn check(dialect: Dialect, pattern: &str, yes: &[&str], no: &[&str]) {
    let grammar = grammar(pattern, dialect).unwrap_or_else(|why| panic!("{pattern}: {why}"));
    for text in yes {
        assert!(accepts(&grammar, text.as_bytes()), "{pattern} should match {text:?}");
    }
    for text in no {
        assert!(!accepts(&grammar, text.as_bytes()), "{pattern} should not match {text:?}");
    }
}

#[test]
fn anchors_and_boundaries() {
    for dialect in [Dialect::Ecma, Dialect::Rust, Dialect::Python] {
        check(dialect, "^ab$", &["ab"], &["a", "abb", "ab\n"]);
        check(dialect, "(^a|b)c$|^$", &["ac", "bc", ""], &["a", "c"]);
        check(dialect, r"a\b-?b", &["a-b"], &["ab"]);
        check(dialect, r"\w+\b \b\w+", &["ab cd"], &["ab  cd", "ab "]);
        check(dialect, "x^y|z$w|q", &["q"], &["xy", "zw"]);
        check(dialect, "(?:a|b){2,3}?", &["ab", "bab"], &["a", "abab"]);
    }
    check(Dialect::Python, "a$\n?", &["a", "a\n"], &["a\n\n"]);
    check(Dialect::Python, r"a\Z\n?", &["a"], &["a\n"]);
    check(Dialect::Python, "(?m)a$\n^b$", &["a\nb"], &["ab"]);
    check(Dialect::Rust, "(?m)a$\n^b$", &["a\nb"], &["ab"]);
}

#[test]
fn lookarounds() {
    for dialect in [Dialect::Ecma, Dialect::Python] {
        check(dialect, "(?=.*[0-9])[a-z0-9]{3}", &["ab1", "1ab"], &["abc"]);
        check(dialect, "(?!foo)[a-z]+", &["bar", "fo"], &["foo", "foobar"]);
        check(dialect, "(?:a(?=b)|b)+", &["ab", "bab", "b"], &["aab", "ba"]);
        check(dialect, "[a-z]+(?<!s)", &["cat"], &["cats"]);
        check(dialect, "((?=ab)...)*", &["", "abc", "abcabd"], &["xbc"]);
    }
}

#[test]
fn python() {
    let d = Dialect::Python;
    check(d, "(?i)stra(?-i:ß)e", &["STRAßE", "straße"], &["STRASSE"]);
    check(d, "(?x) a  b # c\n c", &["abc"], &["ab"]);
    check(d, "(?P<n>a)(?#note)b{,2}", &["a", "abb"], &["abbb"]);
    check(d, r"[]a-c\]-]+", &["]a-", "b"], &["d"]);
    check(d, r"a{x}{", &["a{x}{"], &["ax"]);
    check(d, r"\x41\u00e4\101\0", &["AäA\0"], &["A"]);
    check(d, r"\w\d\s", &["ä٣\u{1c}"], &["\u{301}1 "]);
    check(d, r"(?a)\w\d\s", &["a1 "], &["ä1 "]);
    check(d, "[^a]", &["b", "\n"], &["a", ""]);
    for malformed in [
        "a**",
        "*a",
        "(a",
        "a)",
        "[a",
        "[b-a]",
        r"\q",
        "(?P<1>a)",
        "(?P<a>x)(?P<a>y)",
        "(?<=a*)b",
        "a{3,2}",
        "a(?i)b",
        r"\xg",
    ] {
        assert!(read(malformed, d).is_err(), "{malformed}");
    }
    for unsupported in [r"(a)\1", "(?P<a>x)(?P=a)", "(?>a)", "a*+b", "(a)?(?(1)b|c)", r"\N{BULLET}"] {
        let why = read(unsupported, d).expect_err("it is refused");
        assert_eq!(why.kind, DiagnosticKind::Unsupported, "{unsupported}: {why}");
    }
}

#[test]
fn rust() {
    let d = Dialect::Rust;
    check(d, r"\p{Greek}+", &["αβ"], &["ab"]);
    check(d, r"(?i)k", &["k", "K", "\u{212A}"], &["x"]);
    check(d, r"[a-z&&[^aeiou]]+", &["xyz"], &["a"]);
    check(d, r"(?s-u:.)b", &["ab"], &["b"]);
    check(d, r"(?-u)\b\w+\b|\B$", &["ab", ""], &["a-", "-"]);
    assert!(read(r"(a)\1", d).is_err());
    assert!(read("(?=a)", d).is_err());
    let why = read("a(b", d).expect_err("it is malformed");
    assert_eq!(why.position, Some((1, 2)));
}

#[test]
fn what_is_too_much_is_refused() {
    for pattern in ["((((((a{99}){99}){99}){99}){99}){99}){99}", "(a{1,1000}b){1000000}"] {
        let why = read(pattern, Dialect::Python).expect_err("it is too large");
        assert_eq!(why.kind, DiagnosticKind::TooLarge);
    }
    let nested = "(".repeat(5_000) + &")".repeat(5_000);
    for dialect in [Dialect::Rust, Dialect::Python] {
        assert!(read(&nested, dialect).is_err());
    }
}
