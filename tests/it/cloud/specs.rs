//! Requests held against the providers' own descriptions. OpenAI's is checked here; with `ESPALIER_SENT` all requests are
//! written to that file, a line each, for `tests/clients/specs/run.py`, which has the descriptions that need Python.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    setup::{CHAT, Cloud, ask, format, person, policy, serve},
    upstream::{Upstream, chunk, json_reply, piece, stream_end, stream_head},
};
use crate::shared;

const KINDS: &[&str] = &[
    "openai",
    "azure_openai",
    "mistral",
    "deepseek",
    "openrouter",
    "tokenmix",
    "vllm",
    "sglang",
    "llama_server",
    "litellm",
    "openai_compatible",
    "openai_responses",
    "anthropic",
    "vertex_anthropic",
    "gemini",
    "vertex_gemini",
    "ollama",
    "bedrock",
];

/// Requests with all that one may have.
fn requests(kind: &str) -> Vec<Value> {
    let city = json!({
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false});
    let tools = json!([
        {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": city, "strict": true}},
        {"type": "function", "function": {"name": "time"}}]);
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}});
    let messages = json!([
        {"role": "developer", "content": "Be terse."},
        {"role": "user", "content": "Oslo?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call("call_1"), call("call_2")]},
        {"role": "tool", "content": "4 C", "tool_call_id": "call_1"},
        {"role": "tool", "content": "{\"c\": 4}", "tool_call_id": "call_2"},
        {"role": "user", "content": "And?"}]);
    let named = json!({"type": "function", "function": {"name": "weather"}});
    let nested = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {
            "a": {"oneOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "b": {"type": "array", "items": {"$ref": "#/$defs/leaf"}, "maxItems": 3},
            "c": {"const": "x"}},
        "$defs": {"leaf": {"type": "object", "properties": {"n": {"type": "number", "minimum": 0}}, "required": ["n"]}}});
    let mut all = vec![
        ask(json!({"max_tokens": 200, "temperature": 0.5, "top_p": 0.9})),
        ask(json!({"messages": messages, "tools": tools, "parallel_tool_calls": false})),
        ask(json!({"response_format": format(&person())})),
        ask(json!({"response_format": format(&nested)})),
        ask(json!({"response_format": format(&json!({"type": "array", "items": {"type": "string"}}))})),
        ask(json!({"response_format": {"type": "json_object"}})),
    ];
    if kind != "ollama" {
        all.push(ask(json!({"messages": messages, "tools": tools, "tool_choice": named})));
        all.push(ask(json!({"messages": messages, "tools": tools, "tool_choice": "required"})));
    }
    all.push(ask(json!({"messages": messages, "tools": tools, "tool_choice": "none"})));
    if kind != "openai_responses" {
        all.push(ask(json!({"stop": ["END"]})));
    }
    for at in 0..2 {
        let mut streamed = all[at].clone();
        streamed["stream"] = true.into();
        all.push(streamed);
    }
    all
}

/// Everything that a kind of provider is sent.
async fn sent(kind: &'static str) -> Vec<Value> {
    let upstream = Upstream::start(|_| json_reply(404, &json!({"error": {"message": "nobody is here"}}))).await;
    let server = serve(vec![Cloud::of(kind).at("first", &upstream.url)], policy()).await;
    for request in requests(kind) {
        let response = server.post(CHAT, &request).await;
        let status = response.status();
        assert_eq!(status, 502, "{kind}: {request}: {}", response.text().await.unwrap());
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), requests(kind).len(), "{kind}");
    seen.into_iter().map(|seen| seen.body).collect()
}

/// What a kind of provider is sent when it is to go on with an answer that was begun.
async fn continued(kind: &'static str) -> Value {
    let first = Upstream::start(|_| {
        let begun = chunk(json!({"content": "{\"name\":\"Ann\", "}), None);
        vec![stream_head(), piece(format!("data: {begun}\n\n").as_bytes()), stream_end()]
    })
    .await;
    let second = Upstream::start(|_| json_reply(404, &json!({"error": {"message": "nobody is here"}}))).await;
    let cloud = Cloud { order: 1, prefill: Some(true), ..Cloud::of(kind) };
    let deployments = vec![Cloud::default().at("first", &first.url), cloud.at("second", &second.url)];
    let server = serve(deployments, policy()).await;
    server.events(CHAT, ask(json!({"response_format": format(&person()), "stream": true}))).await;
    let seen = second.seen();
    assert_eq!(seen.len(), 1, "{kind}");
    assert_eq!(seen[0].body["messages"].as_array().unwrap().last().unwrap()["role"], "assistant");
    seen[0].body.clone()
}

/// OpenAI's document says 3.1 and writes `nullable` as 3.0 does; and where its `oneOf` has overlapping branches it means
/// `anyOf`.
fn mended(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mended),
        Value::Object(object) => {
            object.values_mut().for_each(mended);
            if let Some(branches) = object.remove("oneOf") {
                object.insert("anyOf".to_owned(), branches);
            }
            if object.remove("nullable") == Some(Value::Bool(true)) {
                let inner = Value::Object(std::mem::take(object));
                object.insert("anyOf".to_owned(), json!([inner, {"type": "null"}]));
            }
            object.remove("discriminator");
        }
        _ => {}
    }
}

#[tokio::test]
async fn requests_fit_the_descriptions() {
    let mut all = BTreeMap::new();
    for kind in KINDS {
        all.insert(*kind, sent(kind).await);
    }
    for kind in ["anthropic", "vertex_anthropic", "mistral", "openrouter", "deepseek", "openai_compatible"] {
        all.get_mut(kind).expect("one of them").push(continued(kind).await);
    }
    if let Some(file) = std::env::var_os("ESPALIER_SENT") {
        let lines =
            all.iter().flat_map(|(kind, bodies)| bodies.iter().map(move |body| json!({"kind": kind, "body": body})));
        let text: String = lines.map(|line| line.to_string() + "\n").collect();
        std::fs::write(file, text).unwrap();
    }
    let Some(document) = shared::data("specs/openai.openapi.json.gz") else { return };
    let mut document: Value = serde_json::from_slice(&document).unwrap();
    mended(&mut document);
    for (kind, name) in [
        ("openai", "CreateChatCompletionRequest"),
        ("azure_openai", "CreateChatCompletionRequest"),
        ("openai_compatible", "CreateChatCompletionRequest"),
        ("openai_responses", "CreateResponse"),
    ] {
        let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema).unwrap();
        assert!(!validator.is_valid(&json!({"model": 7})), "it says no to what is wrong");
        for body in &all[kind] {
            let errors: Vec<String> = validator.iter_errors(body).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{kind}: {body}: {errors:?}");
        }
    }
}
