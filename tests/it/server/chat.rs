//! Chat answers, in one piece and streamed, as OpenAI's clients read them.

use espalier::inference::{Event, Failure, FailureKind, FinishReason, Prompt};
use serde_json::{Value, json};

use super::harness::{MODEL, Setup, answer, error_of, events, saying};
use espalier::backend::scripted::Step;

const CHAT: &str = "/v1/chat/completions";

fn ask(more: Value) -> Value {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn schema() -> Value {
    json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": {"type": "object"}}})
}

#[tokio::test]
async fn one_piece() {
    let server = saying(r#"{"a":1}"#).await;
    let response = server.post(CHAT, ask(json!({"response_format": schema()}))).await;
    let headers = response.headers().clone();
    let body: Value = response.json().await.unwrap();
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(headers["x-espalier-id"], body["id"].as_str().unwrap());
    assert_eq!(headers["x-espalier-method"], "masked");
    assert_eq!(headers["x-espalier-verdict"], "satisfied");
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], MODEL);
    assert!(body["created"].as_u64().unwrap() > 1_700_000_000);
    assert!(body["system_fingerprint"].as_str().unwrap().starts_with("fp_"));
    let choice = &body["choices"][0];
    let message = json!({"role": "assistant", "content": "{\"a\":1}", "refusal": null, "annotations": []});
    assert_eq!(*choice, json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}));
    assert_eq!(body["usage"]["prompt_tokens"], 7);
    assert_eq!(body["usage"]["total_tokens"], 9);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 0);
    let receipt = &body["espalier"];
    assert_eq!(receipt["id"], body["id"]);
    assert_eq!(receipt["method"], "masked");
    assert_eq!(receipt["verdict"], "satisfied");
    assert_eq!(receipt["edits"], json!([]));
    assert_eq!(receipt["attempts"][0]["outcome"], "satisfied");
    assert_eq!(receipt["attempts"][0]["backend"], MODEL);
    assert_eq!(receipt["attempts"][0]["times"]["mask_us"], 4);
    assert_eq!(receipt["attempts"][0]["tokens"]["forced_tokens"], 1);
}

#[tokio::test]
async fn answers_in_other_languages_than_json() {
    for more in [
        json!({"response_format": {"type": "regex", "regex": "[A-Z][a-z]+"}}),
        json!({"guided_regex": "[A-Z][a-z]+"}),
        json!({"guided_choice": ["Oslo", "Bergen"]}),
        json!({"response_format": {"type": "choice", "choice": ["Oslo", "Bergen"]}}),
    ] {
        let body = saying("Oslo").await.json(CHAT, ask(more.clone())).await;
        assert_eq!(
            (&body["choices"][0]["message"]["content"], &body["espalier"]["verdict"]),
            (&json!("Oslo"), &json!("satisfied")),
            "{more}"
        );
        // Masked text that does not fit is a defect, and withheld.
        let error = error_of(saying("oslo").await.post(CHAT, ask(more)).await, 500, "defect").await;
        assert_eq!(error["code"], "internal_error");
    }
}

#[tokio::test]
async fn free_answers_and_cut_ones_say_so() {
    let server = saying("Hello").await;
    let body = server.json(CHAT, ask(json!({}))).await;
    assert_eq!(body["espalier"]["method"], "free");
    assert_eq!(body["espalier"]["verdict"], "unconstrained");
    let server = Setup::default().serve(|job| Ok(answer(job, "{\"a", FinishReason::Length))).await;
    let body = server.json(CHAT, ask(json!({"response_format": schema()}))).await;
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["choices"][0]["message"]["content"], "{\"a");
    assert_eq!(body["espalier"]["verdict"], "truncated");
}

#[tokio::test]
async fn a_stream_has_the_shape_that_clients_expect() {
    let server = saying("{\"ä\":1}").await;
    let events = server.events(CHAT, ask(json!({"stream": true, "response_format": schema()}))).await;
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!(chunk["choices"].as_array().unwrap().len(), 1, "no chunk without choices");
        assert!(chunk.get("usage").is_none());
        assert_eq!(chunk["choices"][0]["logprobs"], Value::Null);
    }
    let delta = |index: usize| &chunks[index]["choices"][0]["delta"];
    assert_eq!(*delta(0), json!({"role": "assistant", "content": "", "refusal": null}));
    let text: String = (1..chunks.len() - 1).map(|index| delta(index)["content"].as_str().unwrap()).collect();
    assert_eq!(text, "{\"ä\":1}");
    let end = chunks.last().unwrap();
    assert_eq!(end["choices"][0]["delta"], json!({}));
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(end["espalier"]["verdict"], "satisfied");
    assert!(
        chunks[..chunks.len() - 1]
            .iter()
            .all(|chunk| { chunk["choices"][0]["finish_reason"].is_null() && chunk.get("espalier").is_none() })
    );
}

#[tokio::test]
async fn usage_comes_last_and_only_if_asked_for() {
    let server = saying("Hello").await;
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let events = server.events(CHAT, ask(options)).await;
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let (usage, rest) = chunks.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 2);
    assert!(rest.iter().all(|chunk| chunk.as_object().unwrap()["usage"].is_null()));
    let error = server.refused(CHAT, ask(json!({"stream_options": {"include_usage": true}})), 400).await;
    assert_eq!(error["param"], "stream_options");
}

#[tokio::test]
async fn several_choices_and_their_logprobs() {
    let server = saying("Hello").await;
    let asked = json!({"n": 3, "logprobs": true, "top_logprobs": 2});
    let body = server.json(CHAT, ask(asked.clone())).await;
    let choices = body["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3);
    for (index, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], index);
        let tokens = choice["logprobs"]["content"].as_array().unwrap();
        let text: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
        assert_eq!(text, "Hello");
        assert_eq!(tokens[0]["bytes"], json!([72, 101]));
        assert_eq!(tokens[0]["top_logprobs"][1], json!({"token": "x", "logprob": -9999.0, "bytes": [120]}));
        assert_eq!(choice["logprobs"]["refusal"], Value::Null);
    }
    let mut streamed = asked;
    streamed["stream"] = true.into();
    let events = server.events(CHAT, ask(streamed)).await;
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    for index in 0..3 {
        let of_choice: Vec<_> =
            chunks.iter().map(|chunk| &chunk["choices"][0]).filter(|c| c["index"] == index).collect();
        assert_eq!(of_choice[0]["delta"]["role"], "assistant");
        let text: String = of_choice.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!(text, "Hello");
        assert_eq!(of_choice[1]["logprobs"]["content"][0]["token"], "He");
        assert_eq!(of_choice.last().unwrap()["finish_reason"], "stop");
    }
    assert_eq!(
        chunks.iter().filter(|chunk| chunk.get("espalier").is_some()).count(),
        1,
        "one receipt, on the last end"
    );
    assert!(chunks.last().unwrap().get("espalier").is_some());
}

#[tokio::test]
async fn what_arrives_at_the_backend() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = seen.clone();
    let server = Setup::default()
        .serve(move |job| {
            *keep.lock().unwrap() = Some(job.request.clone());
            Ok(answer(job, "x", FinishReason::Stop))
        })
        .await;
    let body = json!({
        "messages": [
            {"role": "developer", "content": "Be brief", "name": "dev"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": null},
            {"role": "user", "content": "c"}],
        "temperature": 0.5, "top_p": 0.9, "top_k": -1, "min_p": 0.05, "presence_penalty": 1, "frequency_penalty": -1,
        "repetition_penalty": 1.1, "seed": 42, "logit_bias": {"65": -100}, "stop": "\n", "max_completion_tokens": 5,
        "n": 2, "user": "u", "metadata": {"a": 1}, "store": false, "tools": [], "service_tier": "auto"});
    server.json(CHAT, body).await;
    let request = seen.lock().unwrap().take().unwrap();
    let Prompt::Chat(messages) = &request.prompt else { panic!("not a chat") };
    let contents: Vec<_> = messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(contents, ["Be brief", "ab", "", "c"]);
    assert_eq!(messages[0].name.as_deref(), Some("dev"));
    assert_eq!(request.model, MODEL, "a server with one model fills it in");
    let sampling = &request.sampling;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p), (0.5, 0.9, 0, 0.05));
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty, sampling.repeat_penalty), (1.0, -1.0, 1.1));
    assert_eq!((sampling.seed, &sampling.logit_bias[..]), (Some(42), &[(65, -100.0)][..]));
    assert_eq!((request.output.max_tokens, request.output.choices), (Some(5), 2));
    assert_eq!(request.output.stop, ["\n"]);
}

#[tokio::test]
async fn failures_before_and_in_the_middle_of_a_stream() {
    let too_long = || Failure::new(FailureKind::ContextLength, "the prompt has 9000 tokens, the context 4096");
    let server = Setup::default().serve(move |_| Ok(vec![Step::Say(Event::Failed(too_long()))])).await;
    for stream in [false, true] {
        let error = server.refused(CHAT, ask(json!({"stream": stream})), 400).await;
        assert_eq!(error["code"], "context_length_exceeded");
        assert_eq!(error["type"], "invalid_request_error");
    }
    let server = Setup::default()
        .serve(|job| {
            let mut steps = answer(job, "Hello", FinishReason::Stop);
            steps.truncate(2);
            steps.push(Step::Say(Event::Failed(Failure::new(FailureKind::Internal, "decode failed"))));
            Ok(steps)
        })
        .await;
    let response = server.post(CHAT, ask(json!({"stream": true}))).await;
    assert_eq!(response.status(), 200);
    let events = events(&response.text().await.unwrap());
    let error: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(error["error"]["message"], "decode failed");
    assert_eq!(error["espalier"]["verdict"], "failed");
    assert_eq!(error["espalier"]["attempts"][0]["error"], "decode failed");
    assert!(events.iter().all(|event| !event.contains("\"stop\"") && event != "[DONE]"));
    assert_eq!(server.refused(CHAT, ask(json!({})), 500).await["code"], "internal_error");
}

#[tokio::test]
async fn backends_that_break_the_protocol_are_our_fault() {
    let steps: [fn(&espalier::backend::Job) -> Vec<Step>; 3] = [
        |_| vec![Step::Say(Event::Started { prompt_tokens: 1 })],
        |job| {
            answer(job, "x", FinishReason::Stop)
                .into_iter()
                .filter(|s| !matches!(s, Step::Say(Event::Finished { .. })))
                .collect()
        },
        |_| vec![Step::Say(Event::Text { choice: 3, text: "x".into(), logprobs: vec![] })],
    ];
    for script in steps {
        let server = Setup::default().serve(move |job| Ok(script(job))).await;
        assert_eq!(server.refused(CHAT, ask(json!({})), 500).await["type"], "server_error");
    }
}

#[tokio::test]
async fn a_backend_without_masks_takes_no_constraint() {
    let setup = Setup { masks: false, ..Setup::default() };
    let server = setup.serve(|job| Ok(answer(job, "x", FinishReason::Stop))).await;
    let error = server.refused(CHAT, ask(json!({"response_format": {"type": "json_object"}})), 400).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("unsupported_constraint"), &json!("response_format")));
}

#[tokio::test]
async fn keys_guard_the_api_and_nothing_else() {
    let setup = Setup { keys: vec!["sesame"], ..Setup::default() };
    let server = setup.serve(|job| Ok(answer(job, "x", FinishReason::Stop))).await;
    let error = server.refused(CHAT, ask(json!({})), 401).await;
    assert_eq!(error["code"], "invalid_api_key");
    let models = || server.client.get(server.url.clone() + "/v1/models");
    error_of(models().bearer_auth("wrong").send().await.unwrap(), 401, "wrong key").await;
    assert_eq!(models().bearer_auth("sesame").send().await.unwrap().status(), 200);
    assert_eq!(server.get("/health").await.status(), 200);
}
