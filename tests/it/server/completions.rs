//! The older completions endpoint, models, health and metrics.

use espalier::inference::{FinishReason, Prompt};
use serde_json::{Value, json};

use super::harness::{MODEL, Setup, answer, error_of, saying};

const COMPLETIONS: &str = "/v1/completions";

#[tokio::test]
async fn one_piece_with_logprobs() {
    let server = saying("Hällo").await;
    let body = server.json(COMPLETIONS, json!({"model": MODEL, "prompt": "Say", "logprobs": 2})).await;
    assert!(body["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(body["object"], "text_completion");
    let choice = &body["choices"][0];
    assert_eq!((&choice["text"], &choice["finish_reason"]), (&json!("Hällo"), &json!("stop")));
    let logprobs = &choice["logprobs"];
    assert_eq!(logprobs["tokens"], json!(["Hä", "llo"]));
    assert_eq!(logprobs["token_logprobs"], json!([-0.5, -0.5]));
    assert_eq!(logprobs["text_offset"], json!([0, 2]));
    assert_eq!(logprobs["top_logprobs"][0], json!({"Hä": -0.5, "x": -9999.0}));
    assert_eq!(body["usage"]["total_tokens"], 9);
    let body = server.json(COMPLETIONS, json!({"prompt": "Say"})).await;
    assert_eq!(body["choices"][0]["logprobs"], Value::Null);
}

#[tokio::test]
async fn a_stream() {
    let server = saying("Hällo").await;
    let asked = json!({"prompt": "Say", "stream": true, "logprobs": 0, "stream_options": {"include_usage": true}});
    let events = server.events(COMPLETIONS, asked).await;
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, "Hällo");
    assert!(chunks.iter().all(|chunk| chunk["object"] == "text_completion"));
    assert_eq!(chunks[1]["choices"][0]["logprobs"]["text_offset"], json!([2]));
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[2]["espalier"]["verdict"], "unconstrained");
    assert_eq!(chunks[3]["choices"], json!([]));
    assert_eq!(chunks[3]["usage"]["prompt_tokens"], 7);
}

#[tokio::test]
async fn forms_of_the_prompt() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = seen.clone();
    let server = Setup::default()
        .serve(move |job| {
            *keep.lock().unwrap() = Some(job.request.prompt.clone());
            Ok(answer(job, "x", FinishReason::Stop))
        })
        .await;
    for (prompt, expected) in [
        (json!("a"), Prompt::Text("a".into())),
        (json!(["a"]), Prompt::Text("a".into())),
        (json!([1, 2]), Prompt::Tokens(vec![1, 2])),
        (json!([[1, 2]]), Prompt::Tokens(vec![1, 2])),
    ] {
        server.json(COMPLETIONS, json!({"prompt": prompt})).await;
        assert_eq!(seen.lock().unwrap().take(), Some(expected));
    }
    for prompt in [json!([]), json!(["a", "b"]), json!([1, "a"]), json!({}), json!([257]), json!([-1]), json!(null)] {
        let error = server.refused(COMPLETIONS, json!({"prompt": prompt}), 400).await;
        assert!(error["param"].as_str().unwrap().starts_with("prompt"), "{error}");
    }
    let echo = json!({"prompt": "a", "echo": true, "response_format": {"type": "json_object"}});
    assert_eq!(server.refused(COMPLETIONS, echo, 400).await["param"], "echo");
    assert_eq!(server.refused(COMPLETIONS, json!({"prompt": "a", "best_of": 3}), 400).await["param"], "best_of");
    assert_eq!(server.refused(COMPLETIONS, json!({"prompt": "a", "suffix": "b"}), 400).await["param"], "suffix");
}

#[tokio::test]
async fn models_and_health() {
    let server = saying("x").await;
    let list: Value = server.get("/v1/models").await.json().await.unwrap();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], MODEL);
    assert_eq!(list["data"][0]["object"], "model");
    let model: Value = server.get("/v1/models/scripted").await.json().await.unwrap();
    assert_eq!(model, list["data"][0]);
    let error = error_of(server.get("/v1/models/gpt%2D4/large").await, 404, "unknown model").await;
    assert_eq!(error["code"], "model_not_found");
    error_of(server.get("/v1/models/%ff").await, 404, "not UTF-8").await;
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "ok");
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = saying("{}").await;
    let asked = json!({"prompt": "a", "response_format": {"type": "json_object"}});
    server.json(COMPLETIONS, asked).await;
    server.refused(COMPLETIONS, "{", 400).await;
    server.get("/nowhere").await;
    let text = server.get("/metrics").await.text().await.unwrap();
    for line in [
        r#"espalier_requests_total{route="/v1/completions",status="200"} 1"#,
        r#"espalier_requests_total{route="/v1/completions",status="400"} 1"#,
        r#"espalier_requests_total{route="other",status="404"} 1"#,
        "espalier_prompt_tokens_total 7",
        "espalier_completion_tokens_total 2",
        "espalier_forced_tokens_total 1",
        "espalier_requests_waiting 0",
        "espalier_sequences_running 0",
        "espalier_time_to_first_token_seconds_count 1",
        "espalier_mask_seconds_count 1",
        "espalier_mask_seconds_bucket{le=\"0.0001\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
