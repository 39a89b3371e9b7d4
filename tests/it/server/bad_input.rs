//! Whatever is wrong with a request is said in OpenAI's error body, with the field.

use espalier::{gateway::Limits, inference::FinishReason};
use serde_json::{Value, json};

use super::harness::{MODEL, Server, Setup, answer, error_of, saying};

const CHAT: &str = "/v1/chat/completions";

async fn server() -> Server {
    saying("{}").await
}

async fn refused(server: &Server, more: Value) -> Value {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.refused(CHAT, body, 400).await
}

#[tokio::test]
async fn malformed_json() {
    let server = server().await;
    let error = server.refused(CHAT, "{\"model\": \"m\",\n \"messages\": [}", 400).await;
    assert!(error["message"].as_str().unwrap().contains("line 2 column 15"), "{error}");
    assert_eq!(error["code"], "invalid_json");
    for body in ["", "null", "[]", "7", "{", "{}{}", "{\"a\":1,\"a\":2}"] {
        assert_eq!(server.refused(CHAT, body, 400).await["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn wrong_types_and_ranges_name_the_field() {
    let server = server().await;
    for (field, bad) in [
        ("temperature", json!("hot")),
        ("temperature", json!(2.1)),
        ("temperature", json!(-0.1)),
        ("top_p", json!(1.5)),
        ("top_k", json!(0.5)),
        ("min_p", json!(-1)),
        ("presence_penalty", json!(3)),
        ("frequency_penalty", json!([])),
        ("repetition_penalty", json!(0)),
        ("seed", json!("x")),
        ("n", json!(0)),
        ("n", json!(129)),
        ("max_tokens", json!(0)),
        ("max_tokens", json!(1.5)),
        ("max_completion_tokens", json!(-1)),
        ("stop", json!(1)),
        ("stop", json!("")),
        ("stop", json!(vec!["a"; 17])),
        ("stop[1]", json!(["a", 1])),
        ("logit_bias", json!({"x": 1})),
        ("logit_bias", json!({"1": 101})),
        ("logit_bias", json!({"257": 1})),
        ("logprobs", json!(5)),
        ("top_logprobs", json!(2)),
        ("top_logprobs", json!(21)),
        ("stream", json!("yes")),
        ("model", json!(7)),
        ("messages", json!([])),
        ("messages", json!("Hi")),
        ("messages", json!(null)),
        ("messages[0].role", json!([{"role": 1, "content": "x"}])),
        ("messages[0].role", json!([{"role": "wizard", "content": "x"}])),
        ("messages[0].role", json!([{"role": "tool", "content": "x", "tool_call_id": "a"}])),
        ("messages[0].content", json!([{"role": "user"}])),
        ("messages[0].content", json!([{"role": "user", "content": 5}])),
        ("messages[0].content[0]", json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}])),
        ("messages[0].content[0]", json!([{"role": "user", "content": [{"type": "text"}]}])),
        ("messages[0].tool_calls", json!([{"role": "assistant", "tool_calls": [{"id": "a"}]}])),
        (
            "messages[0].tool_calls",
            json!([{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}]),
        ),
        ("messages[0].tool_call_id", json!([{"role": "tool", "content": "x"}])),
        ("tools", json!([{"type": "function", "function": {"name": "f"}}])),
        ("functions", json!([{"name": "f"}])),
        ("modalities", json!(["text", "audio"])),
    ] {
        let name = field.split(['[', '.']).next().unwrap();
        let error = refused(&server, json!({name: bad})).await;
        assert_eq!(error["param"], field, "{name}: {bad}: {error}");
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
        assert!(error["code"].is_string());
    }
    let both = json!({"max_tokens": 5, "max_completion_tokens": 6});
    assert_eq!(refused(&server, both).await["param"], "max_tokens");
    server
        .json(CHAT, json!({"messages": [{"role": "user", "content": "a"}], "tools": [{}], "tool_choice": "none"}))
        .await;
}

#[tokio::test]
async fn constraints_that_are_unknown_not_built_or_two() {
    let server = server().await;
    for (more, code, param) in [
        (json!({"guided_jsn": {}}), "unknown_constraint", "guided_jsn"),
        (json!({"respons_format": {}}), "unknown_constraint", "respons_format"),
        (json!({"response_format": {"type": "sound"}}), "unknown_constraint", "response_format.type"),
        (
            json!({"response_format": {"type": "types", "language": "go", "source": "", "root": "A"}}),
            "unsupported_constraint",
            "response_format.type",
        ),
        (json!({"response_format": {"type": "regex", "regex": "a("}}), "invalid_constraint", "response_format"),
        (json!({"guided_regex": r"(a)\1"}), "invalid_constraint", "guided_regex"),
        (json!({"regex": "a[]"}), "unsatisfiable_constraint", "regex"),
        (json!({"structured_outputs": {"choice": []}}), "unsatisfiable_constraint", "structured_outputs"),
        (json!({"guided_choice": "a"}), "invalid_type", "guided_choice"),
        (json!({"guided_json": {}, "format": "json"}), "conflicting_constraints", "format"),
        (json!({"espalier": {"speed": 9}}), "unknown_parameter", "espalier.speed"),
        (json!({"espalier": {"stream_mode": "x"}}), "invalid_value", "espalier.stream_mode"),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {}, "scheme": {}}}}),
            "unknown_parameter",
            "response_format.json_schema.scheme",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}),
            "missing_required_parameter",
            "response_format.json_schema.schema",
        ),
    ] {
        let error = refused(&server, more.clone()).await;
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{more}");
    }
    assert_eq!(server.backend.abandoned(), 0);
}

#[tokio::test]
async fn unknown_models() {
    let server = server().await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    let error = server.refused(CHAT, body, 404).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("model_not_found"), &json!("model")));
    assert!(error["message"].as_str().unwrap().contains(MODEL), "the models that exist are named");
}

#[tokio::test]
async fn unknown_paths_methods_and_content_types() {
    let server = server().await;
    assert_eq!(error_of(server.get("/v1/nowhere").await, 404, "path").await["code"], "not_found");
    assert_eq!(error_of(server.get(CHAT).await, 405, "method").await["code"], "method_not_allowed");
    let request = server.client.post(server.url.clone() + CHAT).header("content-type", "text/plain").body("{}");
    let error = error_of(request.send().await.unwrap(), 415, "content type").await;
    assert!(error["message"].as_str().unwrap().contains("text/plain"));
    let body = r#"{"messages":[{"role":"user","content":"a"}]}"#;
    for content_type in [None, Some("application/json; charset=utf-8")] {
        let request = server.client.post(server.url.clone() + CHAT).body(body);
        let request = content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
        assert_eq!(request.send().await.unwrap().status(), 200, "{content_type:?}");
    }
}

#[tokio::test]
async fn large_bodies_and_large_schemas() {
    let server = server().await;
    let error = server.refused(CHAT, format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20)), 413).await;
    assert_eq!(error["code"], "request_too_large");
    let setup = Setup {
        body_limit: 16 << 20,
        limits: Limits { constraint_bytes: 1 << 20, ..Limits::default() },
        ..Setup::default()
    };
    let server = setup.serve(|job| Ok(answer(job, "{}", FinishReason::Stop))).await;
    let large = json!({"guided_json": {"enum": ["x".repeat(10 << 20)]}});
    let error = refused(&server, large).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("constraint_too_large"), &json!("guided_json")));
}

#[tokio::test]
async fn deep_nesting_breaks_nothing() {
    let server = server().await;
    let deep = format!("{}{}", "{\"a\":".repeat(50_000), "1".to_owned() + &"}".repeat(50_000));
    let body = format!(r#"{{"messages":[{{"role":"user","content":"a","x":{deep}}}],"metadata":{deep}}}"#);
    assert_eq!(server.post(CHAT, body).await.status(), 200);
    let body = format!(r#"{{"messages":{deep}}}"#);
    assert_eq!(server.refused(CHAT, body, 400).await["param"], "messages");
}
