//! Text that is read in one go leads to where the same bytes lead to one by one.

use std::sync::Arc;

use espalier::{
    automaton::Recognizer,
    budget::Limits,
    frontend::{Blueprint, Constraint, Policy},
};

const CASES: &[(&str, &[&str])] = &[
    (
        "{}",
        &[r#"{"a\u0041é":"x\"y\\ü\ud83d\ude00 plain text","b":[1,true,null,"",{}]}"#, "{\"a\":\"\u{1}\"}", "\"\\x\""],
    ),
    (
        r#"{"properties":{"name":{"type":"string","maxLength":5},"names":{"pattern":"^[a-z]+$"},"n":{"type":"integer"}},
            "required":["name"],"additionalProperties":false}"#,
        &[
            r#"{"name":"Ann","names":"abc","n":3}"#,
            r#"{"nam":1}"#,
            r#"{"names":"aB"}"#,
            r#"{"name":"Annabel"}"#,
            r#"{"name":"Ann","name":"Ann"}"#,
            r#"{ "nam\u0065" : "\u0041nn" , "names" : "abc" }"#,
            r#"{"n":1"#,
        ],
    ),
    (
        r#"{"patternProperties":{"^x-":{"type":"string"}},"properties":{"x-a":{"minLength":2},"y":{}},
            "propertyNames":{"maxLength":4},"maxProperties":3}"#,
        &[r#"{"x-a":"ab","x-b":"c","y":1}"#, r#"{"x-a":"a"}"#, r#"{"x-abc":""}"#, r#"{"q":1,"r":2,"s":3,"t":4}"#],
    ),
    (
        r#"{"uniqueItems":true,"items":{"properties":{"key":{}}}}"#,
        &[r#"[{"key":"ab","other":1},{"key":"ac"},"ab","ab"]"#, r#"[{"other":"x"},{"other":"x"}]"#],
    ),
    (r#"{"enum":["alpha","alphabet",{"alpha":1}]}"#, &[r#""alphabet""#, r#""alphab""#, r#"{"alpha":1}"#, r#"{"alp"#]),
    (
        r#"{"oneOf":[{"properties":{"kind":{"const":"a"},"v":{"type":"string"}},"required":["kind","v"]},
            {"properties":{"kind":{"const":"ab"},"v":{"type":"number"}},"required":["kind","v"]}]}"#,
        &[r#"{"kind":"a","v":"x"}"#, r#"{"v":1,"kind":"ab"}"#, r#"{"kind":"ab","v":"x"}"#],
    ),
];

#[test]
fn in_one_go_and_byte_by_byte_are_the_same() {
    let indented = Policy { whitespace: espalier::frontend::Whitespace::Indented, ..Policy::default() };
    for (schema, texts) in CASES {
        for policy in [Policy::LENIENT, Policy::default(), indented] {
            let constraint = Constraint::JsonSchema((*schema).into());
            let (_, mut machine) =
                Blueprint::new(&constraint, policy, Limits::default(), &Arc::default()).expect("it is a schema");
            for text in *texts {
                let text = text.as_bytes();
                let mut state = machine.start();
                for from in 0..text.len() {
                    let mut slow = state;
                    let steps = text[from..].iter().take_while(|byte| match machine.step(slow, **byte) {
                        Some(next) => {
                            slow = next;
                            true
                        }
                        None => false,
                    });
                    let steps = steps.count();
                    for to in from..=text.len() {
                        let mut fast = state;
                        let read = machine.read(&mut fast, &text[from..to]);
                        assert_eq!(read, steps.min(to - from), "{schema}: {:?}", String::from_utf8_lossy(text));
                        if read == steps {
                            assert_eq!(fast, slow, "{schema}: {:?} from {from}", String::from_utf8_lossy(text));
                        }
                    }
                    match machine.step(state, text[from]) {
                        Some(next) => state = next,
                        None => break,
                    }
                }
            }
        }
    }
}
