//! Structural tags against texts of theirs and others.

use super::*;
use crate::{
    automaton::chart::{ENDING, SPECIAL, spelling},
    frontend::{DiagnosticKind, membership::accepts},
};

#[track_caller]
fn check(format: &str, yes: &[&str], no: &[&str]) {
    let source = format!(r#"{{"type":"structural_tag","format":{format}}}"#);
    let grammar = read(&source).unwrap_or_else(|why| panic!("{source}: {why}"));
    for text in yes {
        assert!(accepts(&grammar, text.as_bytes()), "{source} should take {text:?}");
    }
    for text in no {
        assert!(!accepts(&grammar, text.as_bytes()), "{source} should not take {text:?}");
    }
}

#[track_caller]
fn refused(source: &str, kind: DiagnosticKind, pointer: Option<&str>) {
    let why = read(source).expect_err(source);
    assert_eq!((why.kind, why.pointer.as_deref()), (kind, pointer), "{source}: {why}");
}

#[test]
fn parts() {
    check(r#"{"type":"const_string","value":"é\n"}"#, &["é\n"], &["é", ""]);
    check(r#"{"type":"regex","pattern":"^\\d+.$"}"#, &["12\n"], &["٣x", "1"]);
    check(r#"{"type":"grammar","grammar":"root ::= x \"!\"\nx ::= \"(\" x \")\" | \"\""}"#, &["(())!"], &["(()!"]);
    check(r#"{"type":"json_schema","json_schema":{"type":"integer","maximum":9}}"#, &["7"], &["10", "x"]);
    check(r#"{"type":"any_text","excludes":["ab"],"max_chars":3}"#, &["", "aüb"], &["xab", "aaaa"]);
    let part = r#"{"type":"const_string","value":"a"}"#;
    check(&format!(r#"{{"type":"sequence","elements":[{part},{part}]}}"#), &["aa"], &["a"]);
    check(
        &format!(r#"{{"type":"or","elements":[{part},{{"type":"const_string","value":"b"}}]}}"#),
        &["a", "b"],
        &["ab"],
    );
    check(&format!(r#"{{"type":"optional","content":{part}}}"#), &["", "a"], &["aa"]);
    check(&format!(r#"{{"type":"plus","content":{part}}}"#), &["a", "aa"], &[""]);
    check(&format!(r#"{{"type":"repeat","min":2,"max":-1,"content":{part}}}"#), &["aa", "aaa"], &["a"]);
    check(&format!(r#"{{"type":"repeat","min":0,"max":2,"content":{part}}}"#), &["", "aa"], &["aaa"]);
}

#[test]
fn free_text_and_tags() {
    let tags = r#"[{"begin":"<f=a>","content":{"type":"json_schema","json_schema":{"type":"integer"}},"end":"</f>"},
        {"begin":"<f=b>","content":{"type":"any_text"},"end":["</f>","</g>"]}]"#;
    let with = |flags: &str| format!(r#"{{"type":"triggered_tags","triggers":["<f="],"tags":{tags}{flags}}}"#);
    check(
        &with(""),
        &["", "text <f", "x<f=a>1</f>y<f=b>no <f=a> here</g>", "<<f=a>1</f>"],
        &["<f=", "<f=c>", "<f=a>x</f>", "<f=a>1"],
    );
    check(&with(r#","at_least_one":true"#), &["<f=a>1</f>", "<f=a>1</f>x"], &["", "x<f=a>1</f>"]);
    check(&with(r#","stop_after_first":true"#), &["", "x<f=a>1</f>"], &["<f=a>1</f>x"]);
    check(&with(r#","at_least_one":true,"stop_after_first":true"#), &["<f=a>1</f>"], &["", "<f=a>1</f>x"]);
    check(&with(r#","excludes":["no"]"#), &["n<f=b>no</f>"], &["no<f=a>1</f>"]);
    let inside = format!(r#"{{"type":"tag","begin":"[","content":{},"end":"]"}}"#, with(""));
    check(&inside, &["[]", "[x<f=b>]</f>]"], &["[]]", "[x"]);
    let separated = |flags: &str| format!(r#"{{"type":"tags_with_separator","separator":",","tags":{tags}{flags}}}"#);
    check(&separated(""), &["", "<f=a>1</f>,<f=a>2</f>"], &["<f=a>1</f>,", "<f=a>1</f><f=a>2</f>"]);
    check(
        &separated(r#","at_least_one":true,"stop_after_first":true"#),
        &["<f=a>1</f>"],
        &["", "<f=a>1</f>,<f=a>1</f>"],
    );
    let rules =
        r#"{"type":"dispatch","rules":[["t1",{"type":"const_string","value":"x"}]],"loop":false,"excludes":["q"]}"#;
    check(rules, &["", "at", "at1x"], &["t1", "t1xx", "q"]);
}

#[test]
fn the_older_form() {
    let source = r#"{"structures":[{"begin":"<f=a>","schema":{"type":"integer"},"end":"</f>"}],"triggers":["<f="]}"#;
    let grammar = read(source).expect("it is well-formed");
    assert!(accepts(&grammar, b"so <f=a>1</f> it is"));
    assert!(!accepts(&grammar, b"so <f=a>x</f> it is"));
}

#[test]
fn tokens() {
    let tag = r#"{"type":"tag","begin":{"type":"token","token":"<t>"},"content":{"type":"any_tokens","exclude_tokens":[5]},
        "end":{"type":"token","token":7}}"#;
    let source = format!(
        r#"{{"format":{{"type":"token_triggered_tags","trigger_tokens":["<t>"],"tags":[{tag}],"exclude_tokens":["<no>"]}}}}"#
    );
    let grammar = read(&source).expect("it is well-formed");
    let special = |id: u32, name: &str| spelling(SPECIAL, id, name.as_bytes());
    let open = special(1, "<t>");
    assert!(accepts(
        &grammar,
        &[b"so".to_vec(), open.clone(), b"x".to_vec(), special(7, "<e>"), b"y".to_vec()].concat()
    ));
    assert!(accepts(&grammar, &special(9, "<other>")));
    assert!(!accepts(&grammar, &spelling(ENDING, 9, b"<end>")));
    for no in [[open.clone(), special(5, "<five>")].concat(), special(3, "<no>"), open] {
        assert!(!accepts(&grammar, &no));
    }
}

#[test]
fn parameters() {
    let schema = r##"{"type":"object","properties":{"s":{"type":"string"},"n":{"$ref":"#/$defs/n"}},"required":["s"],
        "additionalProperties":false,"$defs":{"n":{"type":"integer","minimum":2}}}"##;
    let with =
        |style: &str, more: &str| format!(r#"{{"type":"json_schema","style":"{style}","json_schema":{schema}{more}}}"#);
    check(
        &with("qwen_xml", ""),
        &["<parameter=s>a<b\n</parameter>", "\n<parameter=s>1</parameter><parameter=n>\t2\n</parameter>"],
        &["", "<parameter=n>2</parameter>", "<parameter=s>x</parameter><parameter=n>1</parameter>"],
    );
    check(
        &with("qwen_xml", r#","any_order":true"#),
        &["<parameter=n>2</parameter><parameter=s>x</parameter>"],
        &["<parameter=n>2</parameter>", "<parameter=s>x</parameter><parameter=s>x</parameter>"],
    );
    check(&with("minimax_xml", ""), &["<parameter name=\"s\">x</parameter>"], &["<parameter=s>x</parameter>"]);
    check(&with("glm_xml", ""), &["<arg_key>s</arg_key><arg_value>x</arg_value>"], &["<arg_key>s</arg_key>"]);
    let deepseek = |kind: &str| format!("<｜DSML｜parameter name=\"s\" string=\"{kind}\">x</｜DSML｜parameter>");
    check(&with("deepseek_xml", ""), &[&deepseek("true")], &[&deepseek("false")]);
    let kimi = |kind: &str| format!("<|open|>argument key=\"s\" type=\"{kind}\"<|sep|>x<|close|>argument<|sep|>");
    check(&with("kimi_k3_xml", ""), &[&kimi("string")], &[&kimi("number")]);
    let nested = r#"{"type":"json_schema","style":"cohere_xml","json_schema":{"properties":{"c":{"type":"object",
        "properties":{"m":{"enum":["a",1]}}},"l":{"type":"array","items":{"type":"string"},"maxItems":1},"x":true}}}"#;
    let value =
        |name: &str, kind: &str, text: &str| format!("<cofl:value name=\"{name}\" type=\"{kind}\">{text}</cofl:value>");
    let item = "<cofl:value type=\"raw\">i</cofl:value>";
    check(
        nested,
        &[
            &value("c", "dict", &value("m", "raw", "a")),
            &value("c", "dict", &value("m", "json", "1")),
            &value("l", "list", item),
            &value("x", "dict", &value("any", "list", &value("", "list", "").replace(" name=\"\"", ""))),
            &value("other", "json", "null"),
        ],
        &[
            &value("c", "dict", &value("m", "json", "\"a\"")),
            &value("l", "list", &item.repeat(2)),
            &value("c", "json", "{}"),
        ],
    );
    let pattern = r#"{"type":"json_schema","style":"qwen_xml","json_schema":{"properties":{"p":{"type":"string",
        "pattern":"^a+$","maxLength":2},"c":{"const":null}},"patternProperties":{"^n_":{"type":"number"}},"additionalProperties":false}}"#;
    check(
        pattern,
        &["<parameter=p>aa</parameter><parameter=c>null</parameter><parameter=n_1>1.5</parameter>", ""],
        &[
            "<parameter=p>aaa</parameter>",
            "<parameter=p>ab</parameter>",
            "<parameter=m_1>1</parameter>",
            "<parameter=n_1>x</parameter>",
        ],
    );
}

#[test]
fn refusals() {
    use DiagnosticKind::{Invalid, TooLarge, Unsupported};
    refused("{\"type\":", Invalid, None);
    refused("[]", Invalid, Some(""));
    refused(r#"{"type":"structural_tag"}"#, Invalid, Some(""));
    refused(r#"{"type":"other","format":{}}"#, Invalid, Some("/type"));
    for (format, kind, pointer) in [
        (r#"{"type":"other"}"#, Invalid, "/format/type"),
        (r#"{"type":"const_string"}"#, Invalid, "/format"),
        (r#"{"type":"const_string","value":"x","more":1}"#, Unsupported, "/format/more"),
        (r#"{"type":"sequence","elements":[]}"#, Invalid, "/format/elements"),
        (r#"{"type":"any_text","max_chars":-1}"#, Invalid, "/format/max_chars"),
        (r#"{"type":"tag","begin":"a","content":{"type":"any_text"},"end":""}"#, Invalid, "/format/end"),
        (r#"{"type":"tag","begin":"a","content":{"type":"any_text"},"end":[]}"#, Invalid, "/format/end"),
        (r#"{"type":"repeat","min":3,"max":2,"content":{"type":"any_text"}}"#, Invalid, "/format/max"),
        (
            r#"{"type":"triggered_tags","triggers":["a","ab"],"tags":[{"begin":"abc","content":{"type":"any_text"},"end":"."}]}"#,
            Invalid,
            "/format/tags/0",
        ),
        (r#"{"type":"grammar","grammar":"root ::= a"}"#, Invalid, "/format/grammar"),
        (
            r#"{"type":"json_schema","json_schema":{"minProperties":1},"style":"qwen_xml"}"#,
            Unsupported,
            "/format/json_schema/minProperties",
        ),
        (
            r##"{"type":"json_schema","json_schema":{"$ref":"#"},"style":"qwen_xml"}"##,
            Unsupported,
            "/format/json_schema/$ref",
        ),
    ] {
        refused(&format!(r#"{{"format":{format}}}"#), kind, Some(pointer));
    }
    let deep = r#"{"type":"star","content":"#.repeat(100) + r#"{"type":"any_text"}"# + &"}".repeat(100);
    assert_eq!(read(&format!(r#"{{"format":{deep}}}"#)).expect_err("too deep").kind, TooLarge);
}

#[test]
fn schemas_that_double_are_refused() {
    let defs: String = (0..30)
        .map(|at| {
            format!(r##""d{at}":{{"anyOf":[{{"$ref":"#/$defs/d{}"}},{{"$ref":"#/$defs/d{}"}}]}},"##, at + 1, at + 1)
        })
        .collect();
    let schema = format!(r##"{{"properties":{{"p":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{defs}"d30":true}}}}"##);
    let source = format!(r#"{{"format":{{"type":"json_schema","style":"qwen_xml","json_schema":{schema}}}}}"#);
    let why = read(&source).expect_err("too many ways");
    assert!(matches!(why.kind, DiagnosticKind::TooLarge | DiagnosticKind::Unsupported), "{why}");
}
