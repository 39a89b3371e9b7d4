//! Answers of every family, with and without calls.

use super::*;
use crate::{
    automaton::chart::{SPECIAL, spelling},
    frontend::{choice, membership::accepts},
};

const TOOLS: [Tool; 2] = [
    Tool {
        name: "find",
        parameters: r#"{"type":"object","properties":{"q":{"type":"string"}},"required":["q"],"additionalProperties":false}"#,
    },
    Tool { name: "now", parameters: r#"{"type":"object","additionalProperties":false}"# },
];

/// A call of `find`, as each family writes it.
pub(super) const CALLS: [(&str, &str, &str); 10] = [
    ("hermes", "<tool_call>\n{\"name\": \"find\", \"arguments\": {\"q\": \"x\"}}\n</tool_call>", "\n"),
    ("llama3", "{\"name\": \"find\", \"parameters\": {\"q\": \"x\"}}", ""),
    ("mistral", "[TOOL_CALLS][{\"name\": \"find\", \"arguments\": {\"q\": \"x\"}, \"id\": \"aB3dE6gH9\"}]", ""),
    ("mistral_args", "[TOOL_CALLS]find[ARGS]{\"q\": \"x\"}", ""),
    (
        "deepseek_r1",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>find\n```json\n{\"q\": \"x\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
    ),
    (
        "deepseek_v3_1",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>find<｜tool▁sep｜>{\"q\": \"x\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
    ),
    (
        "kimi",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.find:0<|tool_call_argument_begin|>{\"q\": \"x\"}<|tool_call_end|><|tool_calls_section_end|>",
        "",
    ),
    ("harmony", "<|channel|>commentary to=functions.find <|constrain|>json<|message|>{\"q\": \"x\"}<|call|>", ""),
    ("qwen3_coder", "<tool_call>\n<function=find>\n<parameter=q>x</parameter>\n</function>\n</tool_call>", "\n"),
    ("glm", "<tool_call>find\n<arg_key>q</arg_key><arg_value>x</arg_value>\n</tool_call>", "\n"),
];

#[test]
fn calls_of_every_family() {
    assert_eq!(CALLS.map(|(name, ..)| name), Family::all().iter().map(|family| family.name).collect::<Vec<_>>()[..]);
    for (name, call, _) in CALLS {
        let family = Family::named(name).expect("it is known");
        let with = |choice, parallel| {
            let request = Request { tools: &TOOLS, choice, parallel, ..Request::default() };
            family.grammar(&request).unwrap_or_else(|why| panic!("{name}: {why}"))
        };
        let (auto, required) = (with(Choice::Auto, true), with(Choice::Required, false));
        let free = format!("{}hello", family.answer);
        for (grammar, may_be_free) in [(&auto, true), (&required, false)] {
            assert!(accepts(grammar, call.as_bytes()), "{name}: {call}");
            assert_eq!(accepts(grammar, free.as_bytes()), may_be_free, "{name}");
            assert!(!accepts(grammar, call.replace("find", "lose").as_bytes()), "{name}");
            assert!(!accepts(grammar, call.replace('q', "r").as_bytes()), "{name}");
        }
        assert!(!accepts(&with(Choice::Named("now"), false), call.as_bytes()), "{name}");
        assert!(accepts(&with(Choice::Named("find"), false), call.as_bytes()), "{name}");
        let none = with(Choice::None, true);
        assert!(accepts(&none, free.as_bytes()) && !accepts(&none, call.as_bytes()), "{name}");
    }
}

#[test]
fn one_call_or_several() {
    for (name, call, separator) in CALLS {
        let family = Family::named(name).expect("it is known");
        if family.single || !family.open.is_empty() {
            continue;
        }
        let twice = [call, call].join(separator);
        for parallel in [false, true] {
            let request = Request { tools: &TOOLS, choice: Choice::Required, parallel, ..Request::default() };
            let grammar = family.grammar(&request).expect("it can be held to");
            assert_eq!(accepts(&grammar, twice.as_bytes()), parallel, "{name}");
        }
    }
    let mistral = Family::named("mistral").expect("it is known");
    let request = Request { tools: &TOOLS, parallel: true, ..Request::default() };
    let grammar = mistral.grammar(&request).expect("it can be held to");
    let two = "[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}, {\"name\": \"now\", \"arguments\": {}}]";
    assert!(accepts(&grammar, two.as_bytes()));
}

#[test]
fn markers_come_as_tokens_or_as_text() {
    let family = Family::of_model("Qwen/Qwen3-8B").expect("it is known");
    assert_eq!(family.name, "hermes");
    let request = Request { tools: &TOOLS, choice: Choice::Required, ..Request::default() };
    let grammar = family.grammar(&request).expect("it can be held to");
    let token = |id: u32, name: &str| spelling(SPECIAL, id, name.as_bytes());
    let body = b"\n{\"name\": \"now\", \"arguments\": {}}\n";
    assert!(accepts(&grammar, &[token(1, "<tool_call>"), body.to_vec(), token(2, "</tool_call>")].concat()));
    assert!(!accepts(&grammar, &[token(1, "<other>"), body.to_vec(), token(2, "</tool_call>")].concat()));
}

#[test]
fn reasoning_and_then_a_constraint() {
    let family = Family::named("hermes").expect("it is known");
    let answer = choice::grammar(&["yes", "no"]).expect("there are some");
    let with = |reasoning| {
        let request = Request { reasoning, answer: Some(&answer), ..Request::default() };
        family.grammar(&request).expect("it can be held to")
    };
    let (optional, open) = (with(Reasoning::Optional), with(Reasoning::Open));
    assert!(accepts(&optional, b"<think>hm yes</think>\n\nno") && accepts(&optional, b"no"));
    assert!(!accepts(&optional, b"<think>hm") && !accepts(&optional, b"hm</think>no"));
    assert!(accepts(&open, b"hm</think>\n\nno") && !accepts(&open, b"no"));
    let llama = Family::named("llama3").expect("it is known");
    let request = Request { reasoning: Reasoning::Open, ..Request::default() };
    assert_eq!(llama.grammar(&request).expect_err("it has none").kind, DiagnosticKind::Unsupported);
}

#[test]
fn families_of_models() {
    for (model, family) in [
        ("gpt-oss-20b", Some("harmony")),
        ("openai/gpt-oss-120b", Some("harmony")),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", Some("qwen3_coder")),
        ("deepseek-ai/DeepSeek-V3.1", Some("deepseek_v3_1")),
        ("deepseek-ai/DeepSeek-V3", Some("deepseek_r1")),
        ("unheard-of", None),
    ] {
        assert_eq!(Family::of_model(model).map(|family| family.name), family, "{model}");
    }
    let family = Family::named("hermes").expect("it is known");
    for choice in [Choice::Required, Choice::Named("find")] {
        assert!(family.grammar(&Request { choice, ..Request::default() }).is_err());
    }
}
