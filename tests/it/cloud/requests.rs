//! What arrives at a provider, and what is refused before it does.

use serde_json::{Value, json};

use super::{
    setup::{CHAT, KEY, ask, ask_person, format, in_front_of, person},
    upstream::{Upstream, answer},
};

async fn sent(kind: &'static str, body: Value) -> (Value, Vec<(String, String)>) {
    let upstream = Upstream::start(|seen| answer(seen, r#"{"name":"Ann","age":3}"#, "stop")).await;
    let server = in_front_of(&upstream, kind).await;
    server.json(CHAT, body).await;
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.path, "/v1/chat/completions");
    (seen.body, seen.headers)
}

#[tokio::test]
async fn each_host_gets_its_own_words() {
    let asked = ask(json!({"max_tokens": 7, "temperature": 0.5, "stop": ["x"], "messages": [
        {"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "ann"}]}));
    let (body, headers) = sent("openai", asked.clone()).await;
    let messages = json!([
        {"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "ann"}]);
    let expected = json!({
        "model": "m", "messages": messages, "max_completion_tokens": 7, "stop": ["x"], "temperature": 0.5});
    assert_eq!(body, expected);
    let header = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    assert_eq!((header("authorization"), header("x-team")), (Some(&*format!("Bearer {KEY}")), Some("a")));
    let (body, headers) = sent("azure_openai", asked.clone()).await;
    assert_eq!(body["max_completion_tokens"], 7);
    assert!(headers.contains(&("api-key".to_owned(), KEY.to_owned())));
    assert!(headers.iter().all(|(name, _)| name != "authorization"));
    let mut seeded = asked.clone();
    seeded["seed"] = 4.into();
    let (body, _) = sent("mistral", seeded).await;
    assert_eq!((&body["max_tokens"], &body["random_seed"]), (&json!(7), &json!(4)));
    assert_eq!(body["messages"][0]["role"], "system");
    assert!(body.get("stream_options").is_none() && body.get("seed").is_none());
    let (body, _) = sent("openrouter", asked.clone()).await;
    assert_eq!(body["provider"]["require_parameters"], true);
    let (body, _) = sent("deepseek", asked).await;
    assert_eq!(body["thinking"]["type"], "disabled");
    let (body, _) = sent("vllm", ask(json!({"top_k": 3, "min_p": 0.5}))).await;
    assert_eq!((&body["top_k"], &body["min_p"]), (&json!(3), &json!(0.5)));
    let (body, _) = sent("llama_server", ask(json!({}))).await;
    assert_eq!(body["temperature"], 1.0, "its own default is another one");
}

#[tokio::test]
async fn schemas_are_sent_lowered() {
    let (body, _) = sent("openai", ask_person(false)).await;
    let inner = &body["response_format"]["json_schema"];
    assert_eq!((&inner["strict"], &inner["name"]), (&json!(true), &json!("answer")));
    let name = json!({"type": "string", "description": "(maxLength: 8)"});
    assert_eq!(inner["schema"]["properties"]["name"], name);
    let map = json!({"type": "object", "additionalProperties": {"type": ["string", "integer"]}});
    let (body, _) = sent("openai", ask(json!({"response_format": format(&map)}))).await;
    assert_eq!(body["response_format"], json!({"type": "json_object"}), "a map has no closed form");
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("additionalProperties"));
    let (body, _) = sent("litellm", ask(json!({"response_format": {"type": "json_object"}}))).await;
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("JSON object"));
}

#[tokio::test]
async fn what_a_cloud_model_cannot_do_is_refused_by_name() {
    let upstream = Upstream::start(|_| panic!("a provider was asked")).await;
    let server = in_front_of(&upstream, "openai").await;
    for (field, more) in [
        ("top_k", json!({"top_k": 4})),
        ("min_p", json!({"min_p": 0.5})),
        ("logprobs", json!({"logprobs": true})),
        ("n", json!({"n": 2, "response_format": format(&person())})),
    ] {
        let error = server.refused(CHAT, ask(more), 400).await;
        assert_eq!((&error["param"], &error["code"]), (&json!(field), &json!("unsupported_parameter")), "{error}");
    }
    let text = json!({"model": "smart", "prompt": "Hi"});
    assert_eq!(server.refused("/v1/completions", text, 400).await["param"], "prompt");
    let broken = json!({"type": "object", "properties": {"a": {"type": "nonsense"}}});
    let error = server.refused(CHAT, ask(json!({"response_format": format(&broken)})), 400).await;
    assert_eq!(error["code"], "invalid_constraint");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn models_are_listed_under_their_public_names() {
    let upstream = Upstream::start(|seen| answer(seen, "x", "stop")).await;
    let server = in_front_of(&upstream, "mistral").await;
    let list: Value = server.get("/v1/models").await.json().await.unwrap();
    let smart = list["data"].as_array().unwrap().iter().find(|model| model["id"] == "smart").unwrap();
    assert_eq!(smart["owned_by"], "mistral");
    assert!(smart.get("max_model_len").is_none(), "it is not known");
}
