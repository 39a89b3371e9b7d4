//! Grammars against texts of theirs and others.

use super::*;
use crate::{
    automaton::chart::{ENDING, SPECIAL, TEXT, spelling},
    frontend::{DiagnosticKind, membership::accepts},
};

fn check(dialect: Dialect, source: &str, yes: &[&str], no: &[&str]) {
    let grammar = read(source, dialect, ROOT).unwrap_or_else(|why| panic!("{source}: {why}"));
    for text in yes {
        assert!(accepts(&grammar, text.as_bytes()), "{source} should take {text:?}");
    }
    for text in no {
        assert!(!accepts(&grammar, text.as_bytes()), "{source} should not take {text:?}");
    }
}

fn gbnf(source: &str, yes: &[&str], no: &[&str]) {
    check(Dialect::Gbnf, source, yes, no);
}

fn ebnf(source: &str, yes: &[&str], no: &[&str]) {
    check(Dialect::Ebnf, source, yes, no);
}

#[track_caller]
fn refused(dialect: Dialect, source: &str, place: (u32, u32)) -> Diagnostic {
    let why = read(source, dialect, ROOT).expect_err(source);
    assert_eq!(why.position, Some(place), "{source}: {why}");
    why
}

#[test]
fn both_have_the_same_body() {
    for dialect in [Dialect::Gbnf, Dialect::Ebnf] {
        check(
            dialect,
            "root ::= \"a\" [b-d]+ (\"x\" | [^x])? # note\n",
            &["ab", "abcdx", "aby"],
            &["a", "axx", "abxx"],
        );
        check(
            dialect,
            "root ::= x{2} y{1,} z{0,2}\nx ::= \"x\"\ny ::= \"y\"\nz ::= \"z\"",
            &["xxyzz", "xxyy"],
            &["xy", "xxz"],
        );
        check(dialect, "# head\n\n  root ::= (\n \"a\" # one\n \"b\"\n) \"c\" |\n  \"d\"", &["abc", "d"], &["ab", "c"]);
        check(dialect, r#"root ::= "\x41\u00e4\U0001F600\n\"\\" [\]\\\-x]"#, &["Aä😀\n\"\\]", "Aä😀\n\"\\-"], &["A"]);
        check(dialect, "root ::= [a-] [-b] [^-c]", &["a-x", "--a"], &["a--", "b-x"]);
        check(dialect, "root ::= root \"a\" | \"b\"", &["b", "baa"], &["a", ""]);
        check(dialect, "root ::= \"(\" root? \")\"", &["()", "((()))"], &["(()", ""]);
        check(dialect, "root ::= \"é\" ()", &["é"], &[]);
        check(dialect, "root ::= [x]{0,70000} y\ny ::= \"y\"", &["y", "xxxy"], &["x"]);
    }
}

#[test]
fn gbnf_as_llama_cpp_has_it() {
    gbnf("root ::= | \" \" | \"\\n\"{1,2} [ \\t]{0,20}\n", &["", " ", "\n\n\t"], &["  ", "\n\n\n"]);
    gbnf("root ::= ... \"a\"\r\nother ::= \"b\"\r\n", &["xyza", "\nü\u{1F600}a"], &["xya"]);
    gbnf("root ::= \"a\"**\n", &["", "aa"], &["b"]);
    gbnf("root ::= rule-1 rule_2\nrule-1 ::= \"1\"\nrule_2 ::= \"two\nlines\"", &["1two\nlines"], &["1"]);
    gbnf("root ::= \"a\\-b\" ( )", &["a-b"], &["ab"]);
    gbnf("root ::= \"a\"\n  | \"b\"\n", &["a", "b"], &["ab"]);
    let why = refused(Dialect::Gbnf, "root ::= \"a\"\n \"b\"", (2, 2));
    assert!(why.hint.is_some());
    refused(Dialect::Gbnf, "root ::= a\na ::= b \"x\"", (2, 7));
    refused(Dialect::Gbnf, "a ::= \"x\"", (1, 1));
    refused(Dialect::Gbnf, "root ::= \"x\"\nroot ::= \"y\"", (2, 1));
    refused(Dialect::Gbnf, "root ::= (\"x\"", (1, 14));
    refused(Dialect::Gbnf, "root ::= \"x", (1, 10));
    refused(Dialect::Gbnf, "root ::= [a", (1, 10));
    refused(Dialect::Gbnf, "root ::= [z-a]", (1, 11));
    refused(Dialect::Gbnf, "root ::= \"x\"{,3}", (1, 14));
    refused(Dialect::Gbnf, "root ::= \"x\"{3,2}", (1, 13));
    refused(Dialect::Gbnf, r#"root ::= "\q""#, (1, 11));
    refused(Dialect::Gbnf, r#"root ::= "\x4""#, (1, 11));
    refused(Dialect::Gbnf, "root ::= \"x\" )", (1, 14));
    let deep = format!("root ::= {}\"x\"{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(read(&deep, Dialect::Gbnf, ROOT).expect_err("too deep").kind, DiagnosticKind::TooLarge);
    let other = read("a ::= \"x\"", Dialect::Gbnf, "a").expect("it is asked for");
    assert!(accepts(&other, b"x"));
}

#[test]
fn gbnf_tokens() {
    let special = |id: u32, name: &str| spelling(SPECIAL, id, name.as_bytes());
    let source = "root ::= <think> (!</think>)* </think> <[7]> !<[8]>";
    let grammar = read(source, Dialect::Gbnf, ROOT).expect("it is well-formed");
    let text = |last: Vec<u8>| {
        let thought = [special(1, "<think>"), b"so".to_vec(), special(3, "<other>"), special(2, "</think>")].concat();
        [thought, spelling(TEXT, 7, b""), last].concat()
    };
    assert!(accepts(&grammar, &text(special(9, "<end>"))));
    assert!(accepts(&grammar, &text(b"x".to_vec())));
    // One token is one, however long its text is.
    assert!(accepts(&grammar, &text(spelling(TEXT, 9, b""))) && !accepts(&grammar, &text(spelling(TEXT, 8, b""))));
    assert!(!accepts(&grammar, &text(b"xy".to_vec())));
    assert!(!accepts(&grammar, &text(special(8, "<end>"))));
    // What ends an answer comes only where it is asked for.
    assert!(!accepts(&grammar, &text(spelling(ENDING, 9, b"<end>"))));
    assert!(!accepts(&grammar, &[special(1, "<think>"), spelling(TEXT, 7, b"")].concat()));
    refused(Dialect::Gbnf, "root ::= <think", (1, 10));
    refused(Dialect::Gbnf, "root ::= <[x]>", (1, 12));
    refused(Dialect::Gbnf, "root ::= !\"x\"", (1, 10));
}

#[test]
fn ebnf_as_xgrammar_has_it() {
    ebnf("root ::= a\n  b\na ::= \"\" | \"x\" b ::= \"y\"".replace(" b ::=", "\nb ::=").as_str(), &["y", "xy"], &["x"]);
    ebnf("root::=\"a\" \"b\" (\"c\"\"d\"\n\"e\") |\n\n\"f\"", &["abcde", "f"], &["abcd"]);
    ebnf(r#"root ::= "\x1F600\e\0\'\/" [\^\.\d-\x7a]"#.replace("\\d", "d").as_str(), &["😀\u{1B}\0'/^"], &[]);
    ebnf("root ::= x{2, -1}\nx ::= \"x\" (=\"x\" [a-z])", &["xx", "xxx"], &["x"]);
    ebnf("root ::= a.b [^]\na.b ::= \"(\"", &["(\n"], &["("]);
    refused(Dialect::Ebnf, "root ::= \"a\" |", (1, 15));
    refused(Dialect::Ebnf, "root ::= \"a\"++", (1, 14));
    refused(Dialect::Ebnf, "root ::= \"a\" b ::= \"b\"", (1, 14));
    refused(Dialect::Ebnf, "root ::= [\\w]", (1, 11));
    refused(Dialect::Ebnf, "root ::= [a\n]", (1, 10));
    refused(Dialect::Ebnf, "root ::= . \"a\"", (1, 10));
    refused(Dialect::Ebnf, "root ::= \"a\" (=\"a\" | \"b\")", (1, 20));
}

#[test]
fn ebnf_attributes() {
    ebnf("root ::= \"<\" r \">\"\nr[lazy] ::= [a-z] [a-z]*", &["<a>"], &["<ab>", "<>"]);
    ebnf("root ::= \"<\" r \">\"\nr[lazy, capture=\"x\"] ::= s\ns ::= ([a-z] s | [0-9])", &["<1>", "<ab1>"], &["<ab>"]);
    ebnf("root ::= v \">\"\nv[max_chars=2, temperature=0.5] ::= [^]*", &["ä>>", ">"], &["abc>"]);
    assert!(read("root[max_tokens=3] ::= \"a\"*", Dialect::Ebnf, ROOT).expect("it is taken").counts_tokens());
    let within = "root ::= r\nr[max_chars=9] ::= [a-z]* s\ns[max_tokens=3] ::= [a-z]*";
    for source in [within, "root[lazy] ::= \"(\" root \")\" | \"x\""] {
        assert_eq!(
            refused(
                Dialect::Ebnf,
                source,
                read(source, Dialect::Ebnf, ROOT).expect_err(source).position.expect("a place")
            )
            .kind,
            DiagnosticKind::Unsupported
        );
    }
    for source in ["root[temperature=1e999] ::= \"a\"", "root[temperature=abc] ::= \"a\"", "root[sticky] ::= \"a\""] {
        assert_eq!(read(source, Dialect::Ebnf, ROOT).expect_err(source).kind, DiagnosticKind::Invalid);
    }
}

#[test]
fn ebnf_macros() {
    ebnf(
        r#"root ::= Regex("(?i)a.\\d\\u{43}|[^]$]")"#.replace("[^]$]", "[$]").as_str(),
        &["A\n7C", "a_1c", "$"],
        &["a_٣C"],
    );
    ebnf(r#"root ::= Regex("a.b", flags="i") | Regex("(?<n>x)\\cA", flags="s")"#, &["A_B", "x\u{1}"], &["a\nb"]);
    ebnf(r#"root ::= Regex(".+", json_string=true)"#, &["ab"], &["a\"", "a\tb", "\\"]);
    ebnf(r#"root ::= Substring("ab", "a", "", "b") "." "#, &[".", "aba.", "ab.", "b."], &["a b.", "ba.", "aa."]);
    let source = "root ::= d \"</s>\"\nd ::= TagDispatch((\"<t>\", x), (\"<tt>\", y), excludes=(\"</s>\",))\nx ::= \"1\"+\ny ::= \"2\"";
    ebnf(source, &["</s>", "a<t</s>", "<t>11b<tt>2</s>", "<<t>1</s>"], &["<t></s>", "<tt>1</s>", "a</s></s>"]);
    let source = "root ::= TagDispatch((\"aa\", x), (\"baa\", y), loop_after_dispatch=false)\nx ::= \"1\"\ny ::= \"2\"";
    // The first end of a trigger counts, and it may be one of two triggers.
    ebnf(source, &["", "a", "aa1", "baa1", "baa2", "xaa1"], &["aaa1", "aa1b", "aa", "aa2"]);
    for (source, place) in [
        ("root ::= Regex(\"a\", \"b\")", (1, 10)),
        ("root ::= Regex(\"(a)\\\\1\")", (1, 10)),
        ("root ::= Regex(\"a\", flags=\"l\")", (1, 10)),
        ("root ::= Regex(\"a\", json_string=1)", (1, 10)),
        ("root ::= Substring(\"a\", 1)", (1, 10)),
        ("root ::= TagDispatch((\"\", root))", (1, 10)),
        ("root ::= TagDispatch((\"a\", b))", (1, 10)),
        ("root ::= TagDispatch((\"a\" root))", (1, 27)),
        ("root ::= TagDispatch((\"ab\", root), excludes=(\"a\"))", (1, 10)),
        ("root ::= TagDispatch((\"a\", root), stop=true)", (1, 10)),
        ("root ::= TokenTagDispatch((3, root), excludes=(3,))", (1, 10)),
        ("root ::= Token()", (1, 10)),
        ("root ::= \"a\" (=Substring(\"b\"))", (1, 16)),
    ] {
        refused(Dialect::Ebnf, source, place);
    }
    let source = "root ::= TokenTagDispatch((3, x), excludes=(4,))\nx ::= Token(5, 6) \"!\"";
    let grammar = read(source, Dialect::Ebnf, ROOT).expect("it is well-formed");
    let marked = |id: u32| spelling(SPECIAL, id, b"<tool>");
    assert!(accepts(&grammar, &[b"free".to_vec(), marked(3), marked(6), b"!".to_vec(), marked(9)].concat()));
    assert!(!accepts(&grammar, &[marked(3), marked(7), b"!".to_vec()].concat()));
    assert!(!accepts(&grammar, &marked(4)));
}

#[test]
fn what_is_too_much_is_refused_or_quick() {
    let many: String = (0..20_000).map(|at| format!("r{at} ::= \"x\" r{} | \"\"\n", at + 1)).collect();
    let many = format!("root ::= r0\n{many}r20000 ::= \"y\"\n");
    assert!(read(&many, Dialect::Gbnf, ROOT).is_ok() && read(&many, Dialect::Ebnf, ROOT).is_ok());
    let doubled: String = (0..60).map(|at| format!("r{at} ::= r{} r{}\n", at + 1, at + 1)).collect();
    let doubled = format!("root[lazy] ::= r0\n{doubled}r60 ::= \"y\"\n");
    assert_eq!(read(&doubled, Dialect::Ebnf, ROOT).expect_err("too large").kind, DiagnosticKind::Unsupported);
    let tags: String = (0..2_000).map(|at| format!("(\"a{at}a\", root), ")).collect();
    let why = read(&format!("root ::= TagDispatch({tags})"), Dialect::Ebnf, ROOT).expect_err("too large");
    assert_eq!(why.kind, DiagnosticKind::TooLarge);
    let tags: String = (0..2_000).map(|at| format!("(\"<a{at}>\", root), ")).collect();
    assert!(read(&format!("root ::= TagDispatch({tags})"), Dialect::Ebnf, ROOT).is_ok());
    let empty = "\"\", ".repeat(10_000);
    ebnf(&format!("root ::= Substring({empty} \"a\")"), &["", "a"], &["b"]);
}
