//! Answers from a provider, whole and streamed: what is passed on, and what a receipt says.

use serde_json::{Value, json};

use super::{
    setup::{CHAT, Cloud, Streamed, ask, ask_person, format, in_front_of, person, policy, serve},
    upstream::{Act, Upstream, answer, chunk, message, piece, saying, stream, stream_end, stream_head},
};
use espalier::backend::provider::Structured;

const ANN: &str = r#"{"name":"Änn","age":3}"#;

#[tokio::test]
async fn a_whole_answer_with_its_receipt() {
    let upstream = Upstream::start(|seen| answer(seen, ANN, "stop")).await;
    let server = in_front_of(&upstream, "openai").await;
    let response = server.post(CHAT, ask_person(false)).await;
    assert_eq!(response.headers()["x-espalier-method"], "native");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["model"], "smart");
    assert_eq!(body["choices"][0]["message"]["content"], ANN);
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["total_tokens"], 14);
    let receipt = &body["espalier"];
    assert_eq!((&receipt["verdict"], &receipt["method"]), (&json!("satisfied"), &json!("native")));
    assert_eq!(receipt["backend"], "smart");
    let attempt = &receipt["attempts"][0];
    assert_eq!((&attempt["backend"], &attempt["provider"]), (&json!("first"), &json!("openai")));
    assert_eq!(attempt["tokens"]["cached_tokens"], 4);
    assert_eq!(attempt["not_told"], json!(["/properties/name/maxLength"]));
    // 5 fresh and 4 cached tokens of the prompt, 5 of the answer.
    let cost = attempt["cost"].as_f64().unwrap();
    assert!((cost - 17e-6).abs() < 1e-12, "{cost}");
    assert_eq!(receipt["cost"], attempt["cost"]);
    assert_eq!(receipt["constraint"].as_str().unwrap().len(), 16);
    assert!(attempt["times"]["prefill_us"].as_u64().unwrap() > 0);
    let metrics = server.get("/metrics").await.text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("espalier_attempts_total")).unwrap();
    for word in
        ["backend=\"first\"", "provider=\"openai\"", "method=\"native\"", "outcome=\"satisfied\"", "constraint=\""]
    {
        assert!(line.contains(word), "{line}");
    }
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes() {
    let upstream = Upstream::start(|seen| answer(seen, ANN, "stop")).await;
    let server = in_front_of(&upstream, "openai").await;
    for constrained in [true, false] {
        let asked = if constrained { ask_person(true) } else { ask(json!({"stream": true})) };
        let streamed = Streamed::new(&server.events(CHAT, asked).await);
        assert!(streamed.done);
        assert_eq!((streamed.text().as_str(), streamed.reason()), (ANN, Some("stop")));
        assert!(streamed.chunks.len() > 5, "in pieces");
        assert_eq!(streamed.chunks[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(streamed.receipt()["verdict"], if constrained { "satisfied" } else { "unconstrained" });
    }
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let streamed = Streamed::new(&server.events(CHAT, ask(options)).await);
    assert_eq!(streamed.chunks.last().unwrap()["usage"]["completion_tokens"], 5);
    assert!(upstream.seen().iter().all(|seen| seen.body["stream_options"]["include_usage"] == true));
}

#[tokio::test]
async fn the_first_word_does_not_wait_for_the_last() {
    let upstream = Upstream::start(|_| {
        let mut acts = vec![stream_head()];
        acts.push(piece(format!("data: {}\n\n", chunk(json!({"content": "{\"name\":"}), None)).as_bytes()));
        acts.push(Act::Hang);
        acts
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    let mut response = server.post(CHAT, ask_person(true)).await;
    let mut text = String::new();
    while !text.contains("name") {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    drop(response);
    let begun = std::time::Instant::now();
    while upstream.open() > 0 {
        assert!(begun.elapsed().as_secs() < 5, "whoever leaves ends the request at the provider");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn pieces_and_line_ends_of_every_kind() {
    for (end, width) in [("\n", 1), ("\r\n", 1), ("\r", 3), ("\n", 7), ("\r\n", 1000)] {
        let upstream = Upstream::start(move |_| {
            let text = format!("\u{FEFF}: hello{end}{end}");
            let events = saying(ANN, "stop").into_iter().map(|data| format!("data: {data}{end}{end}"));
            let bytes = text + &events.collect::<String>() + end;
            let mut acts = vec![stream_head()];
            acts.extend(bytes.as_bytes().chunks(width).map(piece));
            acts.push(stream_end());
            acts
        })
        .await;
        let server = in_front_of(&upstream, "openai").await;
        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
        assert_eq!((streamed.text().as_str(), streamed.done), (ANN, true), "{end:?} {width}");
    }
}

#[tokio::test]
async fn refusals_are_refusals() {
    let upstream = Upstream::start(|seen| match seen.streams() {
        false => message(&json!({"role": "assistant", "content": null, "refusal": "No, thanks."}), "stop"),
        true => stream([
            chunk(json!({"role": "assistant", "content": "", "refusal": "No, "}), None),
            chunk(json!({"refusal": "thanks."}), None),
            chunk(json!({}), Some("stop")),
            "[DONE]".to_owned(),
        ]),
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    let body = server.json(CHAT, ask_person(false)).await;
    let message = &body["choices"][0]["message"];
    assert_eq!((&message["content"], &message["refusal"]), (&Value::Null, &json!("No, thanks.")));
    assert_eq!(body["espalier"]["verdict"], "refused");
    let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
    let refusal: String =
        streamed.chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["refusal"].as_str()).collect();
    assert_eq!((refusal.as_str(), streamed.text().as_str()), ("No, thanks.", ""));
    assert_eq!(streamed.receipt()["verdict"], "refused");
    assert_eq!(upstream.seen().len(), 2, "a refusal is an answer");
}

#[tokio::test]
async fn what_was_cut_stays_cut() {
    for reason in ["length", "content_filter"] {
        let upstream = Upstream::start(move |seen| answer(seen, "{\"name\":\"An", reason)).await;
        let server = in_front_of(&upstream, "openai").await;
        let body = server.json(CHAT, ask_person(false)).await;
        assert_eq!(body["choices"][0]["message"]["content"], "{\"name\":\"An");
        assert_eq!(body["choices"][0]["finish_reason"], reason);
        let verdict = if reason == "length" { "truncated" } else { "filtered" };
        assert_eq!(body["espalier"]["verdict"], verdict);
        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
        assert_eq!((streamed.text().as_str(), streamed.reason()), ("{\"name\":\"An", Some(reason)));
        assert_eq!(upstream.seen().len(), 2);
    }
}

#[tokio::test]
async fn lowered_schemas_are_undone_in_the_answer() {
    let optional = json!({
        "type": "object", "required": ["a"],
        "properties": {"a": {"type": ["null", "integer"]}, "b": {"type": "string"}, "c": {"type": "string"}}});
    let list = json!({"type": "array", "items": {"type": "integer"}});
    for (schema, said, expected, edits) in [
        (&optional, r#"{"a":null,"b":null,"c":"x"}"#, r#"{"a":null,"c":"x"}"#, 1),
        (&optional, r#"{"a":1, "b":"null","c":null }"#, r#"{"a":1, "b":"null" }"#, 1),
        (&list, r#"{"value": [1,2]}"#, " [1,2]", 0),
        (&list, "[1,2]", "[1,2]", 0),
    ] {
        let said = said.to_owned();
        let upstream = Upstream::start(move |seen| answer(seen, &said, "stop")).await;
        let server = in_front_of(&upstream, "openai").await;
        for stream in [false, true] {
            let asked = ask(json!({"response_format": format(schema), "stream": stream}));
            let (text, receipt) = match stream {
                false => {
                    let body = server.json(CHAT, asked).await;
                    let text = body["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
                    (text, body["espalier"].clone())
                }
                true => {
                    let streamed = Streamed::new(&server.events(CHAT, asked).await);
                    (streamed.text(), streamed.receipt().clone())
                }
            };
            assert_eq!((text.as_str(), &receipt["method"]), (expected, &json!("native")));
            assert_eq!(receipt["edits"].as_array().unwrap().len(), edits, "{receipt}");
        }
    }
}

#[tokio::test]
async fn another_server_of_this_kind_as_the_provider() {
    let masked = crate::server::harness::saying(ANN).await;
    let cloud = Cloud { model: crate::server::harness::MODEL, ..Cloud::of("espalier") };
    let server = serve(vec![cloud.at("first", &format!("{}/v1", masked.url))], policy()).await;
    let map = json!({"type": "object", "additionalProperties": {"type": ["string", "integer"]}});
    for schema in [person(), map] {
        let body = server.json(CHAT, ask(json!({"response_format": format(&schema)}))).await;
        assert_eq!(
            (&body["choices"][0]["message"]["content"], &body["espalier"]["method"]),
            (&json!(ANN), &json!("native"))
        );
        let streamed =
            Streamed::new(&server.events(CHAT, ask(json!({"response_format": format(&schema), "stream": true}))).await);
        assert_eq!((streamed.text().as_str(), streamed.done), (ANN, true));
        assert_eq!(streamed.receipt()["attempts"][0]["tokens"]["forced_tokens"], 0);
    }
}

#[tokio::test]
async fn a_forced_call_that_was_taken_for_a_wish() {
    let upstream = Upstream::start(|seen| answer(seen, ANN, "stop")).await;
    let cloud = Cloud { structured: Structured::ForcedTool, ..Cloud::default() };
    let server = serve(vec![cloud.at("first", &upstream.url)], policy()).await;
    let body = server.json(CHAT, ask_person(false)).await;
    assert_eq!(body["choices"][0]["message"]["content"], ANN);
    assert_eq!(Streamed::new(&server.events(CHAT, ask_person(true)).await).text(), ANN);
}

#[tokio::test]
async fn ways_to_a_structured_answer() {
    let call = |arguments: &str| {
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "answer", "arguments": arguments}}]})
    };
    let upstream = Upstream::start(move |seen| match (seen.body.get("tools"), seen.streams()) {
        (None, _) => answer(seen, ANN, "stop"),
        (Some(_), false) => message(&call(ANN), "stop"),
        (Some(_), true) => {
            let function = json!({"name": "answer", "arguments": ANN});
            let first = json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]});
            stream([chunk(first, None), chunk(json!({}), Some("tool_calls")), "[DONE]".to_owned()])
        }
    })
    .await;
    for (kind, structured, method) in [
        ("openai", Structured::Native, "native"),
        ("openai", Structured::ForcedTool, "forced_tool"),
        ("openai", Structured::Prompted, "prompted"),
        ("deepseek", Structured::Auto, "forced_tool"),
        ("tokenmix", Structured::Auto, "prompted"),
        ("vllm", Structured::Auto, "native"),
    ] {
        let cloud = Cloud { structured, ..Cloud::of(kind) };
        let server = serve(vec![cloud.at("first", &upstream.url)], policy()).await;
        let body = server.json(CHAT, ask_person(false)).await;
        assert_eq!(body["espalier"]["method"], method, "{kind}");
        assert_eq!(
            (&body["choices"][0]["message"]["content"], &body["choices"][0]["finish_reason"]),
            (&json!(ANN), &json!("stop"))
        );
        assert!(body["choices"][0]["message"].get("tool_calls").is_none());
        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
        assert_eq!((streamed.text().as_str(), streamed.reason()), (ANN, Some("stop")), "{kind}");
        let seen = upstream.seen().pop().unwrap().body;
        let system = seen["messages"][0]["content"].as_str().unwrap();
        assert_eq!(system.contains("maxLength"), method == "prompted" || kind == "vllm", "{system}");
        match method {
            "native" => assert_eq!(seen["response_format"]["type"], "json_schema"),
            "forced_tool" => assert_eq!(seen["tool_choice"]["function"]["name"], "answer"),
            _ => assert!(seen.get("tools").is_none()),
        }
        if kind == "vllm" {
            assert_eq!(seen["response_format"]["json_schema"]["schema"], person());
        }
    }
}
