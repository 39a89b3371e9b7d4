//! What is tried after a failure: the same deployment told what was wrong, after a wait, in a weaker way; then the next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use espalier::{
    backend::{Backend, scripted::Scripted},
    inference::FinishReason,
    matcher::Engine,
    route::{Breaker, Deployment, Policy},
    vocab::byte_vocabulary,
};
use serde_json::{Value, json};

use super::{
    setup::{CHAT, Cloud, Streamed, ask, ask_person, in_front_of, policy, serve},
    upstream::{Act, Upstream, answer, json_reply, reply},
};
use crate::server::harness;

const ANN: &str = r#"{"name":"Ann","age":3}"#;

fn fault(status: u16, message: &str) -> Vec<Act> {
    json_reply(status, &json!({"error": {"message": message, "type": "x", "param": null, "code": null}}))
}

/// A masked local model that says this.
fn local(text: &'static str) -> (Deployment, Arc<dyn Backend>) {
    let engine = Engine::new(Arc::new(byte_vocabulary()));
    let backend = Scripted::new("local", Some(engine), move |job| Ok(harness::answer(job, text, FinishReason::Stop)));
    (Deployment { order: 9, ..Deployment::new("local") }, Arc::new(backend))
}

fn outcomes(receipt: &Value) -> Vec<(String, String)> {
    let attempts = receipt["attempts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    attempts.map(|attempt| (text(&attempt["backend"]), text(&attempt["outcome"]))).collect()
}

fn expected(outcomes: &[(&str, &str)]) -> Vec<(String, String)> {
    outcomes.iter().map(|(backend, outcome)| ((*backend).to_owned(), (*outcome).to_owned())).collect()
}

#[tokio::test]
async fn a_broken_answer_is_asked_for_again_with_the_reason() {
    let upstream = Upstream::start(|seen| match seen.number {
        0 => answer(seen, r#"{"name":"Ann","age":-1}"#, "stop"),
        _ => answer(seen, ANN, "stop"),
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    let body = server.json(CHAT, ask_person(false)).await;
    assert_eq!(body["choices"][0]["message"]["content"], ANN);
    assert_eq!(outcomes(&body["espalier"]), expected(&[("first", "violated"), ("first", "satisfied")]));
    assert!(body["espalier"]["attempts"][0]["error"].as_str().unwrap().contains("/age"));
    assert_eq!(body["usage"]["total_tokens"], 28, "all that was paid for");
    let seen = upstream.seen();
    let messages = seen[1].body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1], json!({"role": "assistant", "content": r#"{"name":"Ann","age":-1}"#}));
    let told = messages[2]["content"].as_str().unwrap();
    assert!(messages[2]["role"] == "user" && told.contains("/age") && told.contains("expected"), "{told}");
    // A stream that is held back can be asked for again, too.
    let upstream = Upstream::start(|seen| match seen.number {
        0 => answer(seen, "Sure! ```json", "stop"),
        _ => answer(seen, ANN, "stop"),
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    let mut asked = ask_person(true);
    asked["espalier"] = json!({"stream_mode": "buffered"});
    let streamed = Streamed::new(&server.events(CHAT, asked).await);
    assert_eq!((streamed.text().as_str(), streamed.done), (ANN, true));
    assert_eq!(outcomes(streamed.receipt()), expected(&[("first", "violated"), ("first", "satisfied")]));
}

#[tokio::test]
async fn a_strict_stream_begins_again_as_long_as_nothing_was_sent() {
    let upstream = Upstream::start(|seen| match seen.number {
        0 => answer(seen, "Here it is: {}", "stop"),
        1 => answer(seen, ANN, "stop"),
        _ => answer(seen, r#"{"name":"Ann","age":"old"}"#, "stop"),
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
    assert_eq!((streamed.text().as_str(), streamed.done), (ANN, true));
    // Bytes that were sent cannot be taken back: the stream ends with an error, the receipt, and no reason.
    let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
    assert_eq!((streamed.text().as_str(), streamed.reason(), streamed.done), (r#"{"name":"Ann","age":"#, None, false));
    assert_eq!(streamed.error()["code"], "constraint_not_met");
    assert_eq!(outcomes(streamed.receipt()), expected(&[("first", "violated")]));
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn the_next_deployment_and_last_a_masked_one() {
    let first = Upstream::start(|seen| answer(seen, "nonsense", "stop")).await;
    let second = Upstream::start(|_| fault(500, "broken")).await;
    let deployments = || {
        let second = Cloud { order: 1, ..Cloud::default() }.at("second", &second.url);
        vec![Cloud::default().at("first", &first.url), second, local(ANN)]
    };
    let server = serve(deployments(), policy()).await;
    let chain = [
        ("first", "violated"),
        ("first", "violated"),
        ("second", "failed"),
        ("second", "failed"),
        ("local", "satisfied"),
    ];
    let body = server.json(CHAT, ask_person(false)).await;
    assert_eq!(body["choices"][0]["message"]["content"], ANN);
    assert_eq!(body["espalier"]["method"], "masked");
    assert_eq!(outcomes(&body["espalier"]), expected(&chain));
    let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
    assert_eq!((streamed.text().as_str(), streamed.done), (ANN, true));
    assert_eq!(outcomes(streamed.receipt()), expected(&chain));
    let mut few = ask_person(false);
    few["espalier"] = json!({"max_attempts": 2});
    let response = server.post(CHAT, few).await;
    assert_eq!(response.status(), 422);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "constraint_not_met");
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(outcomes(&body["espalier"]), expected(&chain[..2]));
    assert_eq!(body["espalier"]["verdict"], "failed");
}

#[tokio::test]
async fn waits_are_kept_and_long_ones_are_not_waited_for() {
    let upstream = Upstream::start(|seen| match seen.number {
        0 => reply(
            429,
            &[("content-type", "application/json"), ("retry-after-ms", "40")],
            r#"{"error":{"message":"slow"}}"#,
        ),
        1 => answer(seen, "Hello", "stop"),
        _ => reply(429, &[("retry-after", "7")], "slow"),
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    let begun = Instant::now();
    let body = server.json(CHAT, ask(json!({}))).await;
    assert!(begun.elapsed() >= Duration::from_millis(40));
    assert_eq!(outcomes(&body["espalier"]), expected(&[("first", "failed"), ("first", "unconstrained")]));
    let begun = Instant::now();
    let response = server.post(CHAT, ask(json!({"stream": true}))).await;
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(harness::error_of(response, 429, "429").await["code"], "rate_limit_exceeded");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn a_schema_that_is_refused_is_put_into_the_prompt_from_then_on() {
    let upstream = Upstream::start(|seen| match seen.body["response_format"]["type"] == "json_schema" {
        true => fault(400, "Invalid schema for response_format 'answer': In context=()"),
        false => answer(seen, ANN, "stop"),
    })
    .await;
    let server = in_front_of(&upstream, "litellm").await;
    let body = server.json(CHAT, ask_person(false)).await;
    assert_eq!(outcomes(&body["espalier"]), expected(&[("first", "failed"), ("first", "satisfied")]));
    assert_eq!(body["espalier"]["method"], "prompted");
    let body = server.json(CHAT, ask_person(false)).await;
    assert_eq!(outcomes(&body["espalier"]).len(), 1, "it is remembered");
}

#[tokio::test]
async fn what_the_caller_got_wrong_is_the_callers() {
    for (status, message, code, expected) in [
        (400, "this model's maximum context length is 9", "context_length_exceeded", 400),
        (400, "bad temperature", "null", 400),
        (401, "Incorrect API key provided: sk-loopback", "upstream_refused", 502),
        (404, "no such model", "upstream_refused", 502),
        (503, "busy", "overloaded", 503),
        (529, "busy", "overloaded", 503),
        (500, "broken", "upstream_error", 502),
        (504, "late", "timeout", 504),
    ] {
        let upstream = Upstream::start(move |_| fault(status, message)).await;
        let server = in_front_of(&upstream, "openai").await;
        let error = server.refused(CHAT, ask_person(false), expected).await;
        assert_eq!(error["code"].as_str().unwrap_or("null"), code, "{error}");
        assert!(!error["message"].as_str().unwrap().contains("sk-loopback"), "{error}");
    }
}

#[tokio::test]
async fn a_deployment_that_fails_is_passed_over() {
    let first = Upstream::start(|seen| answer(seen, "nonsense", "stop")).await;
    let second = Upstream::start(|seen| answer(seen, ANN, "stop")).await;
    let breaker = Breaker { failures: 2, cooldown: Duration::from_millis(300) };
    let deployments = vec![
        Cloud::default().at("first", &first.url),
        Cloud { order: 1, ..Cloud::default() }.at("second", &second.url),
    ];
    let server = serve(deployments, Policy { breaker, ..policy() }).await;
    server.json(CHAT, ask_person(false)).await;
    assert_eq!(first.seen().len(), 2, "an answer that breaks its schema counts as a failure");
    let body = server.json(CHAT, ask_person(false)).await;
    assert_eq!(outcomes(&body["espalier"]), expected(&[("second", "satisfied")]));
    tokio::time::sleep(Duration::from_millis(350)).await;
    server.json(CHAT, ask_person(false)).await;
    assert_eq!(first.seen().len(), 4, "it is tried again after the cooldown");
}

#[tokio::test]
async fn money_and_tokens_bound_the_attempts() {
    for policy in [Policy { tokens: Some(20), ..policy() }, Policy { cost: Some(20e-6), ..policy() }] {
        let upstream = Upstream::start(|seen| answer(seen, "nonsense", "stop")).await;
        let deployments =
            (0..4).map(|order| Cloud { order, ..Cloud::default() }.at(&format!("d{order}"), &upstream.url));
        let server = serve(deployments.collect(), policy).await;
        server.refused(CHAT, ask_person(false), 422).await;
        assert_eq!(upstream.seen().len(), 2, "14 tokens and 17 millionths each");
    }
}
