//! Tools on models that write calls into their text.

use espalier::{
    frontend::tools::Family,
    inference::{FinishReason, Reasoning, ToolForm},
};
use serde_json::{Value, json};

use super::harness::{MODEL, Server, Setup, answer, error_of};

const CHAT: &str = "/v1/chat/completions";

fn form(family: &str) -> ToolForm {
    let family = Family::named(family).expect("it is known");
    let reasoning = family.thought_mark().map_or(Reasoning::None, |_| Reasoning::Optional);
    ToolForm { family, reasoning }
}

async fn saying(family: &str, text: &'static str) -> Server {
    cut(family, text, FinishReason::Stop).await
}

async fn cut(family: &str, text: &'static str, reason: FinishReason) -> Server {
    let setup = Setup { tools: Some(form(family)), ..Setup::default() };
    setup.serve(move |job| Ok(answer(job, text, reason))).await
}

fn ask(more: Value) -> Value {
    let town = json!({"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]});
    let tools = json!([
        {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": town}},
        {"type": "function", "function": {"name": "now"}},
    ]);
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "tools": tools});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

const CALL: &str = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\":\"Oslo\"}}\n</tool_call>";
const TWO: &str = "I look.<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\":\"Oslo\"}}\n</tool_call>\n\
                   <tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";

fn functions(message: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let calls = message["tool_calls"].as_array().unwrap();
    calls.iter().map(|call| (text(&call["function"]["name"]), text(&call["function"]["arguments"]))).collect()
}

#[tokio::test]
async fn calls_in_one_piece() {
    let body = saying("hermes", CALL).await.json(CHAT, ask(json!({}))).await;
    let choice = &body["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &Value::Null));
    assert_eq!(functions(&choice["message"]), [("weather".to_owned(), "{\"town\":\"Oslo\"}".to_owned())]);
    assert!(choice["message"]["tool_calls"][0]["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!((&body["espalier"]["method"], &body["espalier"]["verdict"]), (&json!("masked"), &json!("satisfied")));
    let body = saying("hermes", TWO).await.json(CHAT, ask(json!({}))).await;
    let message = &body["choices"][0]["message"];
    assert_eq!((&message["content"], functions(message).len()), (&json!("I look."), 2));
    let body = saying("hermes", "No call.").await.json(CHAT, ask(json!({}))).await;
    let choice = &body["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("stop"), &json!("No call.")));
    assert!(choice["message"].get("tool_calls").is_none());
}

#[tokio::test]
async fn calls_in_a_stream() {
    let server = saying("hermes", TWO).await;
    let events = server.events(CHAT, ask(json!({"stream": true}))).await;
    let chunks: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let (mut text, mut calls, mut reason) = (String::new(), Vec::<(String, String)>::new(), Value::Null);
    for chunk in &chunks {
        let choice = &chunk["choices"][0];
        text += choice["delta"]["content"].as_str().unwrap_or_default();
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            if let Some(name) = function["name"].as_str() {
                assert_eq!(call["index"], calls.len());
                assert!(call["id"].is_string() && call["type"] == "function", "{call}");
                calls.push((name.to_owned(), String::new()));
            }
            calls.last_mut().unwrap().1 += function["arguments"].as_str().unwrap();
        }
        if !choice["finish_reason"].is_null() {
            reason = choice["finish_reason"].clone();
        }
    }
    assert_eq!((text.as_str(), &reason), ("I look.", &json!("tool_calls")));
    let expected = [("weather", "{\"town\":\"Oslo\"}"), ("now", "{}")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(calls, expected);
}

#[tokio::test]
async fn what_is_asked_of_tools_holds_for_the_text() {
    let defect = async |text: &'static str, more: Value| {
        error_of(saying("hermes", text).await.post(CHAT, ask(more)).await, 500, text).await;
    };
    defect("no call", json!({"tool_choice": "required"})).await;
    defect(CALL, json!({"tool_choice": {"type": "function", "function": {"name": "now"}}})).await;
    defect(TWO, json!({"parallel_tool_calls": false})).await;
    defect("<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\":1}}\n</tool_call>", json!({})).await;
    defect("<tool_call>\n{\"name\": \"rain\", \"arguments\": {}}\n</tool_call>", json!({})).await;
    let none = saying("hermes", CALL).await.json(CHAT, ask(json!({"tool_choice": "none"}))).await;
    assert_eq!(none["choices"][0]["message"]["content"], CALL, "no tools are offered, so it is text");
}

#[tokio::test]
async fn a_call_or_a_conforming_answer() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    let form = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}});
    for family in ["hermes", "llama3"] {
        let body = saying(family, "{\"ok\":true}").await.json(CHAT, ask(form.clone())).await;
        let choice = &body["choices"][0];
        assert_eq!(
            (&choice["finish_reason"], &choice["message"]["content"]),
            (&json!("stop"), &json!("{\"ok\":true}"))
        );
    }
    let body = saying("hermes", CALL).await.json(CHAT, ask(form.clone())).await;
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    error_of(saying("hermes", "{\"ok\":1}").await.post(CHAT, ask(form)).await, 500, "breaks the schema").await;
}

#[tokio::test]
async fn thoughts_stand_apart() {
    let text = "<think>\nHm.</think>\n\nHello";
    let body = saying("hermes", text).await.json(CHAT, ask(json!({}))).await;
    let message = &body["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("Hello"), &json!("\nHm.")));
    let events = saying("hermes", text).await.events(CHAT, ask(json!({"stream": true}))).await;
    let chunks = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let delta = |chunk: Value| chunk["choices"][0]["delta"]["reasoning_content"].as_str().map(str::to_owned);
    assert_eq!(chunks.filter_map(delta).collect::<String>(), "\nHm.");
}

#[tokio::test]
async fn thoughts_before_a_constrained_answer() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    let more = json!({"tools": [], "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}});
    let plain = Setup::default().serve(|job| Ok(answer(job, "{\"ok\":true}", FinishReason::Stop))).await;
    let digest = plain.json(CHAT, ask(more.clone())).await["espalier"]["constraint"].clone();
    for (family, text, thought) in [
        ("hermes", "<think>\nHm.</think>\n\n{\"ok\":true}", json!("\nHm.")),
        ("hermes", "{\"ok\":true}", Value::Null),
        (
            "harmony",
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{\"ok\":true}",
            json!("Hm."),
        ),
    ] {
        let body = saying(family, text).await.json(CHAT, ask(more.clone())).await;
        let message = &body["choices"][0]["message"];
        assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("{\"ok\":true}"), &thought), "{text}");
        assert_eq!(body["espalier"]["constraint"], digest, "the receipt names what was asked for");
    }
    error_of(saying("hermes", "<think>Hm.</think>{\"ok\":1}").await.post(CHAT, ask(more)).await, 500, "breaks it")
        .await;
}

#[tokio::test]
async fn calls_that_are_cut_off() {
    let text = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\":\"Os";
    let body = cut("hermes", text, FinishReason::Length).await.json(CHAT, ask(json!({}))).await;
    let choice = &body["choices"][0];
    assert_eq!((&choice["finish_reason"], &body["espalier"]["verdict"]), (&json!("length"), &json!("truncated")));
    assert_eq!(functions(&choice["message"]), [("weather".to_owned(), "{\"town\":\"Os".to_owned())]);
}

#[tokio::test]
async fn parameters_that_cannot_be_enforced() {
    let odd = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "(a)\\1"}}});
    let tools = |strict: bool| json!({"tools": [{"type": "function", "function": {"name": "odd", "parameters": odd, "strict": strict}}]});
    let text = "<tool_call>\n{\"name\": \"odd\", \"arguments\": {\"b\":1}}\n</tool_call>";
    let body = saying("hermes", text).await.json(CHAT, ask(tools(false))).await;
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    assert!(body["espalier"]["annotations"].to_string().contains("tools[0].function.parameters"), "{body}");
    let error = error_of(saying("hermes", text).await.post(CHAT, ask(tools(true))).await, 400, "strict").await;
    assert_eq!(error["param"], "tools[0].function.parameters");
}

#[tokio::test]
async fn models_without_a_form_for_calls_refuse_tools() {
    let server = Setup::default().serve(move |job| Ok(answer(job, "x", FinishReason::Stop))).await;
    let error = error_of(server.post(CHAT, ask(json!({}))).await, 400, "no form").await;
    assert_eq!((&error["param"], &error["code"]), (&json!("tools"), &json!("unsupported_parameter")));
}

fn custom(more: Value) -> Value {
    let grammar = json!({"syntax": "lark", "definition": "start: NUMBER (\"+\" NUMBER)*\nNUMBER: /[0-9]+|\"é\\n\"/"});
    let tools = json!([
        {"type": "custom", "custom": {"name": "sum", "description": "Adds", "format": {"type": "grammar", "grammar": grammar}}},
    ]);
    let choice = json!({"type": "custom", "custom": {"name": "sum"}});
    let mut body = json!({
        "model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "tools": tools, "tool_choice": choice});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

const SUM: &str =
    "<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"input\":\"1+\\\"\\u00e9\\n\\\"+23\"}}\n</tool_call>";

#[tokio::test]
async fn custom_tools_take_a_text() {
    let server = saying("hermes", SUM).await;
    let body = server.json(CHAT, custom(json!({}))).await;
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{body}");
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!((&call["type"], call.get("function")), (&json!("custom"), None));
    assert_eq!(call["custom"], json!({"name": "sum", "input": "1+\"é\n\"+23"}));
    let events = server.events(CHAT, custom(json!({"stream": true}))).await;
    let chunks: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let calls: Vec<Value> = chunks
        .iter()
        .flat_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array().cloned().unwrap_or_default())
        .collect();
    assert_eq!((&calls[0]["type"], &calls[0]["custom"]["name"]), (&json!("custom"), &json!("sum")));
    let input: String = calls.iter().map(|call| call["custom"]["input"].as_str().unwrap()).collect();
    assert_eq!(input, "1+\"é\n\"+23");
    // A text that is none of the grammar's does not get out.
    let wrong = "<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"input\":\"1+\"}}\n</tool_call>";
    let answer = saying("hermes", wrong).await.post(CHAT, custom(json!({}))).await;
    assert!(!answer.status().is_success());
    let bad = json!([{"type": "custom", "custom": {"name": "sum", "format": {
        "type": "grammar", "grammar": {"syntax": "lark", "definition": "start: a"}}}}]);
    let answer = server.post(CHAT, custom(json!({"tools": bad}))).await;
    assert_eq!(answer.status(), 400);
}
