//! Vendors with a protocol of their own: what is sent, and answers in the forms of `tests/wire`, whole and streamed.

use std::path::PathBuf;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

use super::{
    setup::{CHAT, Cloud, Streamed, ask, ask_person, format, person, policy, serve},
    upstream::{Act, Seen, Upstream, piece, reply, stream_end},
};

const ANN: &str = r#"{"name":"Ann","age":3}"#;

/// A protocol: the kind of provider, the folder of its answers, the type of its streams and the end of their files' names.
struct Protocol(&'static str, &'static str, &'static str, &'static str);

const PROTOCOLS: &[Protocol] = &[
    Protocol("anthropic", "anthropic", "text/event-stream", "sse"),
    Protocol("vertex_anthropic", "anthropic", "text/event-stream", "sse"),
    Protocol("gemini", "gemini", "text/event-stream", "sse"),
    Protocol("vertex_gemini", "gemini", "text/event-stream", "sse"),
    Protocol("ollama", "ollama", "application/x-ndjson", "ndjson"),
    Protocol("bedrock", "bedrock", "application/vnd.amazon.eventstream", "frames"),
    Protocol("openai_responses", "responses", "text/event-stream", "sse"),
];

impl Protocol {
    fn file(&self, name: &str) -> Option<String> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(self.1).join(name);
        std::fs::read_to_string(path).ok()
    }

    /// The reply with this answer, as the request wants it.
    fn reply(&self, seen: &Seen, name: &str) -> Vec<Act> {
        let streams = seen.streams() || seen.path.contains("tream");
        if !streams {
            let text = self.file(&format!("{name}.json")).unwrap_or_else(|| panic!("{}/{name}", self.1));
            return reply(200, &[("content-type", "application/json")], &text);
        }
        let text = self.file(&format!("{name}.{}", self.3)).unwrap_or_else(|| panic!("{}/{name}", self.1));
        let bytes = if self.3 == "frames" { frames(&text) } else { text.into_bytes() };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n", self.2);
        let mut acts = vec![Act::Write(head.into_bytes())];
        acts.extend(bytes.chunks(37).map(piece));
        acts.push(stream_end());
        acts
    }
}

/// Lines of names and payloads as binary frames.
fn frames(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let (name, payload) = line.split_once(' ').unwrap();
        let header = |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
        let message = Message::new(payload.as_bytes().to_vec());
        let message = match name.strip_prefix('!') {
            None => message.add_header(header(":message-type", "event")).add_header(header(":event-type", name)),
            Some(name) => {
                message.add_header(header(":message-type", "exception")).add_header(header(":exception-type", name))
            }
        };
        write_message_to(&message, &mut bytes).unwrap();
    }
    bytes
}

async fn playing(protocol: &'static Protocol, name: &'static str) -> (Upstream, crate::server::harness::Server) {
    let upstream = Upstream::start(move |seen| protocol.reply(seen, name)).await;
    let cloud = Cloud::of(protocol.0).at("first", upstream.url.trim_end_matches("/v1"));
    let server = serve(vec![cloud], policy()).await;
    (upstream, server)
}

fn tools() -> Value {
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false});
    json!([
        {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": city}},
        {"type": "function", "function": {"name": "time"}}])
}

#[tokio::test]
async fn answers_whole_and_streamed() {
    for protocol in PROTOCOLS {
        let (upstream, server) = playing(protocol, "plain").await;
        let body = server.json(CHAT, ask_person(false)).await;
        assert_eq!(body["choices"][0]["message"]["content"], ANN, "{}", protocol.0);
        assert_eq!(
            (&body["choices"][0]["finish_reason"], &body["espalier"]["verdict"]),
            (&json!("stop"), &json!("satisfied"))
        );
        assert_eq!(body["espalier"]["attempts"][0]["provider"], protocol.0);
        let tokens = &body["espalier"]["attempts"][0]["tokens"];
        assert_eq!((&tokens["prompt_tokens"], &tokens["completion_tokens"]), (&json!(9), &json!(5)), "{}", protocol.0);
        if protocol.1 != "ollama" {
            assert_eq!(tokens["cached_tokens"], 4);
        }
        drop(upstream);
        let (_upstream, server) = playing(protocol, "stream").await;
        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
        assert_eq!(
            (streamed.text().as_str(), streamed.reason(), streamed.done),
            (ANN, Some("stop"), true),
            "{}",
            protocol.0
        );
        assert_eq!(streamed.receipt()["attempts"][0]["tokens"]["prompt_tokens"], 9);
    }
}

#[tokio::test]
async fn calls_whole_and_streamed() {
    for protocol in PROTOCOLS {
        for streams in [false, true] {
            let (_upstream, server) = playing(protocol, "call").await;
            let asked = ask(json!({"tools": tools(), "stream": streams}));
            let calls: Vec<(String, String)> = match streams {
                false => {
                    let body = server.json(CHAT, asked).await;
                    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls", "{}", protocol.0);
                    let calls = body["choices"][0]["message"]["tool_calls"].as_array().unwrap().iter();
                    assert!(calls.clone().all(|call| !call["id"].as_str().unwrap().is_empty()));
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    calls.map(|call| (text(&call["function"]["name"]), text(&call["function"]["arguments"]))).collect()
                }
                true => {
                    let streamed = Streamed::new(&server.events(CHAT, asked).await);
                    assert_eq!((streamed.reason(), streamed.done), (Some("tool_calls"), true), "{}", protocol.0);
                    let mut calls: Vec<(String, String)> = Vec::new();
                    for chunk in &streamed.chunks {
                        let Some(call) = chunk["choices"][0]["delta"]["tool_calls"].get(0) else { continue };
                        let index = call["index"].as_u64().unwrap() as usize;
                        if let Some(name) = call["function"]["name"].as_str() {
                            assert_eq!(index, calls.len());
                            calls.push((name.to_owned(), String::new()));
                        }
                        calls[index].1 += call["function"]["arguments"].as_str().unwrap();
                    }
                    calls
                }
            };
            let pair = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
            assert_eq!(calls, [pair("weather", r#"{"city":"Oslo"}"#), pair("time", "{}")], "{}", protocol.0);
        }
    }
}

#[tokio::test]
async fn ends_of_every_kind() {
    for protocol in PROTOCOLS {
        for (name, reason, verdict) in [("length", "length", "truncated"), ("filtered", "content_filter", "filtered")] {
            for streams in [false, true] {
                let file = if streams { format!("{name}.{}", protocol.3) } else { format!("{name}.json") };
                if protocol.file(&file).is_none() {
                    continue;
                }
                let (_upstream, server) = playing(protocol, name).await;
                let (found, receipt) = match streams {
                    false => {
                        let body = server.json(CHAT, ask_person(false)).await;
                        (body["choices"][0]["finish_reason"].clone(), body["espalier"].clone())
                    }
                    true => {
                        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
                        (streamed.reason().into(), streamed.receipt().clone())
                    }
                };
                assert_eq!((&found, &receipt["verdict"]), (&json!(reason), &json!(verdict)), "{} {file}", protocol.0);
            }
        }
        if protocol.file("refusal.json").is_some() {
            let (_upstream, server) = playing(protocol, "refusal").await;
            let body = server.json(CHAT, ask_person(false)).await;
            let message = &body["choices"][0]["message"];
            assert!(message["content"].is_null() && !message["refusal"].as_str().unwrap().is_empty(), "{message}");
            let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
            assert_eq!((streamed.receipt()["verdict"].as_str(), streamed.text().as_str()), (Some("refused"), ""));
        }
    }
}

#[tokio::test]
async fn failures_of_every_kind() {
    for protocol in PROTOCOLS {
        let (_upstream, server) = playing(protocol, "pause").await;
        assert_eq!(server.refused(CHAT, ask_person(false), 502).await["code"], "upstream_error", "{}", protocol.0);
        for (name, asked) in [("error", ask_person(true)), ("cut", ask(json!({"stream": true})))] {
            let (_upstream, server) = playing(protocol, name).await;
            let response = server.post(CHAT, asked).await;
            let (status, text) = (response.status(), response.text().await.unwrap());
            assert!(
                text.contains("\"error\"") && text.contains("\"verdict\":\"failed\""),
                "{} {status} {text}",
                protocol.0
            );
            assert!(!text.contains("[DONE]") && !text.contains("\"finish_reason\":\"stop\""), "{} {text}", protocol.0);
        }
        // Behind a constrained answer to which nothing can be added, an end is not missed; the attempt has failed all the same.
        let (_upstream, server) = playing(protocol, "cut").await;
        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
        assert_eq!(streamed.done, streamed.text() == ANN, "{}", protocol.0);
        assert!(ANN.starts_with(&streamed.text()));
        assert_eq!(streamed.receipt()["attempts"][0]["outcome"], "failed");
        let error = protocol.file("error.json").unwrap();
        let upstream = Upstream::start(move |_| reply(429, &[("content-type", "application/json")], &error)).await;
        let server = serve(vec![Cloud::of(protocol.0).at("first", &upstream.url)], policy()).await;
        let response = server.post(CHAT, ask_person(false)).await;
        let wait = response.headers()["retry-after"].to_str().unwrap().to_owned();
        assert_eq!(wait, if protocol.1 == "gemini" { "7" } else { "1" });
        let error = crate::server::harness::error_of(response, 429, protocol.0).await;
        assert!(error["message"].as_str().unwrap().contains("slow down"), "{error}");
    }
}

/// One conversation with all that a request may have, as each vendor gets it.
fn conversation() -> Value {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}});
    ask(json!({"max_tokens": 200, "temperature": 0.5, "tools": tools(), "tool_choice": "auto", "messages": [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Oslo?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "content": "4 C", "tool_call_id": "call_1"}]}))
}

/// What each vendor was sent: for the conversation, and for a schema.
async fn sent(protocol: &'static Protocol) -> (Seen, Seen) {
    let (upstream, server) = playing(protocol, "plain").await;
    server.json(CHAT, conversation()).await;
    server.json(CHAT, ask_person(false)).await;
    let mut seen = upstream.seen();
    (seen.remove(0), seen.remove(0))
}

#[tokio::test]
async fn requests_in_each_protocol() {
    let (seen, schema) = sent(&PROTOCOLS[0]).await;
    assert_eq!(seen.path, "/messages");
    assert!(seen.headers.contains(&("x-api-key".to_owned(), super::setup::KEY.to_owned())));
    assert!(seen.headers.contains(&("anthropic-version".to_owned(), "2023-06-01".to_owned())));
    let messages = json!([
        {"role": "user", "content": [{"type": "text", "text": "Oslo?"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "4 C"}]}]);
    assert_eq!((&seen.body["messages"], &seen.body["system"]), (&messages, &json!("Be terse.")));
    assert_eq!((&seen.body["max_tokens"], &seen.body["tools"][0]["strict"]), (&json!(200), &json!(true)));
    assert_eq!(schema.body["output_config"]["format"]["schema"]["properties"]["age"]["description"], "(minimum: 0)");
    let (seen, schema) = sent(&PROTOCOLS[1]).await;
    assert_eq!(seen.path, "/publishers/anthropic/models/m:rawPredict");
    assert!(seen.body["anthropic_version"].is_string() && seen.body.get("model").is_none());
    assert!(schema.body.get("output_config").is_none(), "it is off there unless it is asked for");
    let (seen, schema) = sent(&PROTOCOLS[2]).await;
    assert_eq!(seen.path, "/models/m:generateContent");
    let turns: Vec<&str> =
        seen.body["contents"].as_array().unwrap().iter().map(|turn| turn["role"].as_str().unwrap()).collect();
    assert_eq!(turns, ["user", "model", "user"]);
    let answer = json!({"name": "weather", "response": {"result": "4 C"}});
    assert_eq!(seen.body["contents"][2]["parts"][0]["functionResponse"], answer);
    assert_eq!(schema.body["generationConfig"]["responseMimeType"], "application/json");
    assert_eq!(schema.body["generationConfig"]["responseJsonSchema"]["properties"]["age"]["minimum"], 0);
    let (seen, schema) = sent(&PROTOCOLS[4]).await;
    assert_eq!(seen.path, "/api/chat");
    assert_eq!(seen.body["messages"][3], json!({"role": "tool", "content": "4 C", "tool_name": "weather"}));
    assert_eq!((&seen.body["options"]["num_predict"], &schema.body["format"]), (&json!(200), &person()));
    let (seen, schema) = sent(&PROTOCOLS[5]).await;
    assert_eq!(seen.path, "/model/m/converse");
    assert_eq!(seen.body["messages"][1]["content"][0]["toolUse"]["input"], json!({"city": "Oslo"}));
    let text = schema.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap()["required"], json!(["name", "age"]));
    let (seen, schema) = sent(&PROTOCOLS[6]).await;
    assert_eq!(seen.path, "/responses");
    assert_eq!(seen.body["input"][3], json!({"type": "function_call_output", "call_id": "call_1", "output": "4 C"}));
    assert_eq!((&seen.body["store"], &schema.body["text"]["format"]["type"]), (&json!(false), &json!("json_schema")));
}

#[tokio::test]
async fn what_a_protocol_lacks_is_refused_by_name() {
    for (kind, more, param) in [
        ("anthropic", json!({"seed": 1}), "seed"),
        ("anthropic", json!({"temperature": 1.5}), "temperature"),
        ("gemini", json!({"n": 2}), "n"),
        ("ollama", json!({"tools": tools(), "tool_choice": "required"}), "tool_choice"),
        ("bedrock", json!({"presence_penalty": 1}), "presence_penalty"),
        ("openai_responses", json!({"stop": "x"}), "stop"),
        ("openai_responses", json!({"max_tokens": 5, "response_format": format(&person())}), "max_tokens"),
    ] {
        let server = serve(vec![Cloud::of(kind).at("first", "http://127.0.0.1:9")], policy()).await;
        assert_eq!(server.refused(CHAT, ask(more), 400).await["param"], param, "{kind}");
    }
}
