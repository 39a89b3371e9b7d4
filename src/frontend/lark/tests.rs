//! Grammars against texts, and what is refused, with its place.

use super::*;
use crate::frontend::membership::accepts;

fn check(source: &str, yes: &[&str], no: &[&str]) {
    let grammar = read(source, START).unwrap_or_else(|why| panic!("{source}: {why}"));
    for text in yes {
        assert!(accepts(&grammar, text.as_bytes()), "{text:?} should be of\n{source}");
    }
    for text in no {
        assert!(!accepts(&grammar, text.as_bytes()), "{text:?} should not be of\n{source}");
    }
}

fn refused(source: &str, place: Place) -> Diagnostic {
    let why = read(source, START).err().unwrap_or_else(|| panic!("{source} should be refused"));
    assert_eq!(why.position, Some(place), "{source}: {why}");
    why
}

#[test]
fn rules_repeats_and_aliases() {
    check("start: (\"a\" | \"b\") [\"c\"] -> x\n", &["a", "bc"], &["", "abc"]);
    check("!start: item~2..3\n?item: \"x\"\n | \"(\" item \")\"\n", &["xx", "x(x)((x))"], &["x", "xxxx"]);
    check("start: \"a\"{2,} \"b\"{,1} \"c\"{1}", &["aac", "aaabc"], &["ac", "aabbc"]);
    check("start: /[0-9]+/.. \"x\"".replace(".. ", " ").as_str(), &["1x"], &["x"]);
    check("start: e\ne: e \"+\" e | /[0-9]/\n", &["1", "1+2+3"], &["1+"]);
}

#[test]
fn texts_ranges_and_regexes() {
    check(r#"start: "\x41\u00e4\U0001F600\"" "Yes"i "a".."c""#, &["Aä😀\"yESb"], &["Aä😀\"yesd"]);
    check("start: /a.b/s / c # d\n e/x /k/i", &["a\nbceK"], &["acbc eK"]);
    check("start: STRING\nSTRING: /\"[^\"]*\"/ /(?!x)[a-z]/", &["\"\"y"], &["\"\"x"]);
    // What stands before a piece counts, not what stands before it in its own slashes.
    check(
        r#"start: T
T: "\"" /.*?/ /(?<!\\)(\\\\)*?/ "\"""#,
        &["\"a\"", "\"a\\\\\"", "\"a\\\"b\""],
        &["\"a\\\""],
    );
}

#[test]
fn terminals_with_and_and_not() {
    check("start: ST\nST: /[ab]+/ | /[cd]+/ & /[def]+/", &["ab", "dd"], &["c", "e"]);
    check("start: L\nL: /[a-z\\n]*/ & ~/(?s:.*)\\n\\n(?s:.*)/", &["a\nb"], &["a\n\nb"]);
    check("start: \"x\" | N\nN: ~(\"a\" | \"b\") & /[a-c]{1,2}/", &["c", "ab"], &["a", "b"]);
}

#[test]
fn layouts_of_json() {
    let schema =
        r#""type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{"type":"string"}}"#;
    let with = |options: &str| format!("start: \"<\" %json {{{schema},\"x-guidance\":{{{options}}}}} \">\"");
    let tight = with(r#""whitespace_flexible":false,"item_separator":", ","key_separator":": ""#);
    check(
        &tight,
        &[r#"<{"a": [1, 2], "b": ", :"}>"#, "<{}>", r#"<{"a": []}>"#],
        &[r#"<{"a":[1, 2]}>"#, r#"<{"a": [1,2]}>"#, r#"<{"a": [1 , 2]}>"#, "<{ }>", r#"<{"a": [1, ]}>"#],
    );
    let flexible = with(r#""item_separator":"; ?","key_separator":"_ ""#);
    check(
        &flexible,
        &["<{\n\"a\"_  [ 1;2 ; 3\n]\t}>", r#"<{"b" _ "x"; "a"_ []}>"#],
        &[r#"<{"a"_[1]}>"#, r#"<{"a": [1]}>"#, r#"<{"a"_ [1,2]}>"#, r#"<{ "a"_ [1;]}>"#],
    );
    let bounded = with(r#""whitespace_pattern":" {1,2}""#);
    check(&bounded, &[r#"<{"a":[1,2]}>"#, r#"<{  "a"  :  [1  ,  2]  }>"#], &[r#"<{   "a":[1]}>"#, "<{\"b\":\"\"   }>"]);
    let minus = with(r#""item_separator":"-","whitespace_flexible":false"#);
    check(&minus, &[r#"<{"a":[1-2--3]}>"#], &[r#"<{"a":[1,2]}>"#, r#"<{"a":[-]}>"#]);
    check(&with(r#""coerce_one_of":true,"lenient":true"#), &[r#"<{ "a" : [ 1 , 2 ] }>"#], &[]);
    for (options, kind) in [
        (r#""item_separater":",""#, DiagnosticKind::Invalid),
        (r#""item_separator":"(""#, DiagnosticKind::Invalid),
        (r#""json_allowed_escapes":"nt""#, DiagnosticKind::Unsupported),
    ] {
        assert_eq!(refused(&with(options), (1, 12)).kind, kind, "{options}");
    }
}

#[test]
fn rules_without_tokens_are_empty() {
    check("start: \"1\" r \"a\"\nr[max_tokens=0]: /b+/", &["1a"], &["1ba"]);
}

#[test]
fn what_is_ignored() {
    let source = "%import common.WS\n%ignore WS\nstart: \"a\" B? \"c\"\nB: \"b\"+";
    check(source, &["ac", "a b c", "abb c"], &[" ac", "ac ", "ab b c"]);
    check("%ignore \" \"\nstart: \"a\" /b*/", &["a", "a b"], &["a ", " a"]);
    check("%llguidance {\"allow_initial_skip\": true}\n%ignore \"b\"\nstart: \"a\"*", &["bbabba"], &["ab"]);
    check("%llguidance {\"skip_repetition\": \"once\"}\n%ignore / {1,2}/\nstart: \"a\" \"b\"", &["a  b"], &["a   b"]);
    check("start: \"[\" %lark {\n %ignore \" \"\n start: \"a\" \"b\"\n} \"]\"", &["[a b]"], &["[ab ]"]);
}

#[test]
fn lazy_stop_and_suffix() {
    check("start: \"<\" r \">\"\nr[lazy]: /[a-z]+/", &["<a>"], &["<ab>"]);
    check("start: r \"z\"\nr[suffix=\"b\", capture=\"x\"]: /[a-z]*/", &["aabz"], &["abbz", "az"]);
    // The stop is no part of the answer.
    check("start: r \"z\"\nr[stop=\"b\"]: /[a-z]*/", &["aaz", "z", "yzz"], &["abz"]);
    check("start: r\nr[stop=END]: /(.|\\n)*/\nEND: \"!!\" | \"?\"+", &["a!b", ""], &["a!!", "a?"]);
    check("start: r \"x\"\nr[stop=\"\"]: /[0-9]+/", &["12x"], &["x"]);
    refused("start: r\nr[max_tokens=\"3\"]: /a/", (2, 14));
    refused("start: r::1\nr::_[max_tokens=3]: \"a\"", (2, 1));
    refused("start: r\nr[lazy, lazy]: /a/", (2, 9));
    refused("start: r\nr[budget=3]: /a/", (2, 3));
}

#[test]
fn templates_and_imports() {
    let list = "start: \"[\" sep{NUMBER, \",\"} \"]\"\nsep{item, delim}: item (delim item)*\nNUMBER: /\\d+/";
    check(list, &["[1,2,3]"], &["[]", "[1,]"]);
    check("start: a{b}\na{t}: t{\"x\"}\nb{x}: x x", &["xx"], &["x"]);
    check(
        "%import common (INT, FLOAT)\n%import common.CNAME -> N\nstart: INT \":\" FLOAT \":\" N",
        &["1:.5e3:_a"],
        &["1:2:a"],
    );
    check("%import common.FLOAT\n%import common.INT\n%override INT: /[01]+/\nstart: FLOAT", &["1.0"], &["2.0"]);
    check("%import common.INT\n%extend INT: \"x\"\nstart: INT", &["12", "x"], &["y"]);
    check("%import python (NAME, STRING)\nstart: NAME \"=\" STRING", &["é_1=rb'a\\'b'"], &["1=''", "a='\n'"]);
    assert_eq!(refused("start: a{\"x\"}\na{t}: t a{a{t}}", (2, 9)).kind, DiagnosticKind::TooLarge);
    assert_eq!(refused("start: a{\"x\"}\na{t}: t | a{b{t}}\nb{t}: t", (2, 11)).kind, DiagnosticKind::TooLarge);
    refused("%import common.BLAH\nstart: BLAH", (1, 9));
    refused("%import .other.x\nstart: x", (1, 9));
}

#[test]
fn rules_with_a_number() {
    let permutation = "start: p::0x0\np::_: \"\" %if is_ones([0:2])\n | \"a\" p::set_bit(0) %if bit_clear(0)\n \
                       | \"b\" p::set_bit(1) %if not(bit_set(1))";
    check(permutation, &["ab", "ba"], &["a", "aa", ""]);
    check("start: a::0\na::_: \"x\" a::incr(_) %if lt(_, 3)\n | \"\"", &["", "xxx"], &["xxxx"]);
    refused("start: foo\nfoo:: \"a\"", (2, 7));
    refused("start: foo::1\nfoo: \"a\"", (1, 8));
    refused("start: foo::1\nfoo::_: \"a\"", (2, 1));
    let endless = "start: a::0\na::_: \"x\" a::incr(_) | \"\"";
    assert_eq!(refused(endless, (2, 11)).kind, DiagnosticKind::TooLarge);
}

#[test]
fn embedded_values() {
    check("start: \"J\" %json {\"type\": \"array\"} \"E\"", &["J[1, 2]E"], &["J{}E"]);
    let words = "start: \"A\" %regex {\"substring_words\": \"foo bar. baz\"} \"B\"";
    check(words, &["AB", "AfooB", "Abar. B", "A bazB"], &["AfoB", "Afoo.B"]);
    check(
        "start: S\nS: \"A\" %regex {\"substring_chunks\": [\"ab\", \"\", \"c\"]}",
        &["A", "Aabc", "Ac"],
        &["Aa", "Acab"],
    );
    refused("start: %regex {\"substring_words\": true}", (1, 15));
    refused("start: %json []", (1, 14));
    refused("start: A\nA: %json {}", (2, 4));
    refused("start: <[100-200-300]>", (1, 8));
    refused("start: <[^*]>", (1, 8));
}

#[test]
fn refusals_have_places_and_hints() {
    let why = refused("start: itm\nitem: \"a\"", (1, 8));
    assert_eq!(why.hint.as_deref(), Some("did you mean \"item\"?"));
    refused("start: \"a\"\nstart: \"b\"", (2, 1));
    refused("start: A\nA: \"b\" B\nB: A", (3, 4));
    refused("start: A & B\nA: \"a\"\nB: \"b\"", (1, 8));
    refused("item: \"a\"", (1, 1));
    refused("start: (\"a\"", (1, 12));
    refused("start: \"open\n", (1, 8));
    refused("start: / \"a\"\n", (1, 8));
    refused("start: \"a\"{3,2}", (1, 11));
    refused("start: \"a\"{-1,}", (1, 12));
    refused("start: \"z\"..\"a\"", (1, 8));
    refused("start: /a(/", (1, 8));
    refused("start: A\nA: b\nb: \"x\"", (2, 4));
    refused("%ignore B\nstart: \"a\"", (1, 9));
    refused("%declare T\nstart: T", (1, 1));
    refused("start: Foo", (1, 8));
    refused("start: \"\\xZZ\"", (1, 9));
}

#[test]
fn large_and_deep_grammars() {
    let deep = format!("start: {}\"a\"{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(read(&deep, START).expect_err("it is too deep").kind, DiagnosticKind::TooLarge);
    let chain: String = (0..50_000).map(|at| format!("T{at}: \"x\" T{}\n", at + 1)).collect();
    let chain = format!("start: T0\n{chain}T50000: \"x\"\n");
    assert_eq!(read(&chain, START).expect_err("it is too deep").kind, DiagnosticKind::TooLarge);
    let doubled: String = (0..60).map(|at| format!("T{at}: T{0} T{0}\n", at + 1)).collect();
    let doubled = format!("start: T0\n{doubled}T60: \"x\"\n");
    assert!(read(&doubled, START).is_err());
    let many: String = (0..100_000).map(|at| format!("r{at}: \"x\" r{} | \"y\"\n", at + 1)).collect();
    let many = format!("start: r0\n{many}r100000: \"z\"\n");
    assert_eq!(read(&many, START).expect("it is only long").rules().len(), 100_002);
}

#[test]
fn words_do_not_run_together() {
    let words = r#"
        start: (LET NAME "=" (NAME | NUMBER) ";"?)+
        LET: /let\b/
        NAME: /[a-z][a-z0-9]*(?![a-z0-9])/ & ~("let")
        NUMBER: /[0-9]+(?![a-z0-9.])/ | /[0-9]+\.[0-9]+(?![a-z0-9])/
        %ignore " "
    "#;
    check(
        words,
        &["let a=b let b=1", "let a=b;let b=1", "let a=1.5;", "let letter=x"],
        &["leta=b", "let a=blet b=1", "let a=1let b=1", "let a=1.", "let let=1"],
    );
    // An operator that is the beginning of another.
    check("start: A (/<(?!=)/ | \"<=\") A\nA: /=?a/", &["a<a", "a<=a", "a<==a"], &["a<"]);
    // A condition that is not about one character sees the text of its terminal, and so do all where one is before it.
    check("start: /\\b[a-z]+\\b/+", &["ab"], &[""]);
    check("start: /a(?!bc)/ \"b\"", &["ab"], &["a"]);
}

#[test]
fn free_text_ends_where_a_lazy_lexeme_does() {
    // As llguidance's documentation has it.
    let calls = r#"
        start: ( f_foo | f_bar )* f_end
        f_end: TEXT
        TEXT: /(.|\n)*/
        f_foo_hd[lazy]: TEXT "<function"
        f_foo: f_foo_hd "=foo>" %json {"type":"integer"} "</function>"
        f_bar_hd[lazy]: TEXT "<function"
        f_bar: f_bar_hd "=bar>" /[0-9]+/ "</function>"
    "#;
    check(
        calls,
        &[
            "",
            "free <functio n",
            "a<function=foo>-1</function>b",
            "<function=bar>1</function><function=foo>2</function>",
        ],
        &["<function", "a<function=baz>", "<function=bar>x</function>", "<function=foo>-1</function>b<function"],
    );
    // Another lazy lexeme that ends first, in its own text or as a part of another.
    let two = "start: (a | b)\na[lazy]: TEXT \"<a>\"\nb: h \"!\"\nh[lazy]: TEXT \"<b>\"\nTEXT: /.*/";
    check(two, &["x<a>", "x<b>!"], &["x<b>", "x<a><b>!", "x<b><a>", "x<b>"]);
    // A part that may be left out: behind it, text may have its mark.
    let optional = "start: think? answer\nthink[suffix=\"</t>\"]: TEXT\nanswer: TEXT\nTEXT: /[^!]*/";
    check(optional, &["", "a", "a</t>b", "a</t>b</t>c"], &["!"]);
    let repeated = "start: think~1..2 answer\nthink[suffix=\"|\"]: TEXT\nanswer: TEXT \"!\"\nTEXT: /[^!]*/";
    check(repeated, &["|!", "a|b|c!"], &["a!", "!"]);
    // What does not begin in the same place is not touched.
    check("start: a TEXT\na[lazy]: /x+|y/\nTEXT: /.*/", &["x", "xy", "yxx"], &["", "ax"]);
    // In recursion, and with what is ignored.
    let list = "start: item (\",\" item)* \".\"\nitem: WORD | h NUMBER\nh[lazy]: WORD \":\"\nWORD: /[a-z:]+/\nNUMBER: /[0-9]+/\n%ignore \" \"";
    check(list, &["ab.", "a:1.", "a: 1 ,b,c:2."], &["a:.", "a:b.", "a:b:1."]);
}

#[test]
fn characters_are_counted() {
    let short = "start: think \">\"\nthink[max_chars=2]: TEXT\nTEXT: /(\\n|.)*/";
    check(short, &[">", "a>", "中文>", ">>>"], &["中文a>", "abc>"]);
    check("start: v \"!\"\nv[max_chars=2, suffix=\">\"]: /[a-z]*/", &["a>!", ">!", "ab!"], &["ab>!", "a!", "!"]);
    check("start: o \">\"\no[max_chars=3]: \"x\" i\ni[max_chars=5]: /[a-z]*/", &["x>", "xab>"], &["xabc>", ">"]);
    check("start: \"<\" v \">\"\nv[max_chars=2]: /[a-z]*/\n%ignore \" \"", &["< ab>", "<>"], &["<abc>", "<a b>"]);
    assert_eq!(refused("start: v\nv[max_chars=2]: A\nA: /a*/ & ~/aa/", (2, 1)).kind, DiagnosticKind::Unsupported);
    assert_eq!(refused("start: v\nv[max_chars=2]: \"(\" v \")\" | \"x\"", (2, 1)).kind, DiagnosticKind::Unsupported);
    refused("start[max_chars=-1]: \"a\"", (1, 17));
}

#[test]
fn several_grammars() {
    let list = r#"{"grammars": [
        {"lark_grammar": "start: \"<\" @item \",\" @item \">\" | @nested\n%ignore \" \""},
        {"name": "item", "json_schema": {"type": "integer"}},
        {"name": "nested", "lark_grammar": "start: \"(\" @nested? \")\""}
    ]}"#;
    check(list, &["<1,2>", "< 1 , 2 >", "()", "((()))"], &["<a,1>", "( )", "(()"]);
    check(r#"{"grammars": [{"json_schema": {"type": "null"}}]}"#, &["null"], &["1"]);
    for (list, reason) in [
        (r#"{"grammars": []}"#, "at least one"),
        (r#"{"grammars": [{"name": "a b", "lark_grammar": "start: \"x\""}]}"#, "name has letters"),
        (r#"{"grammars": [{"lark_grammar": "start: @other"}]}"#, "no grammar \"@other\""),
        (r#"{"grammars": [{"lark_grammar": "start: @b"}, {"name": "b", "lark_grammar": "start: c"}]}"#, "\"@b\""),
        (r#"{"grammars": [{"name": "a"}]}"#, "either lark_grammar or json_schema"),
        (r#"{"grammars": [{"lark_grammar": "start: \"x\""}], "max_tokens": 3}"#, "max_tokens"),
    ] {
        let why = read(list, START).expect_err(list);
        assert!(why.message.contains(reason), "{list}: {why}");
    }
}

#[test]
fn grammars_that_come_along_have_names() {
    check("start: \"on \" @iso-date (\", \" @iso_date)*", &["on 2024-02-29, 2024-03-01"], &["on 2023-02-29", "on "]);
    let refused = read("start: @cvs", START).expect_err("there is none");
    assert!(refused.position.is_some() && refused.to_string().contains("@csv"), "{refused}");
}
