//! Tools: what goes out, what comes back, and how calls are held to their parameters.

use serde_json::{Value, json};

use super::{
    setup::{CHAT, Streamed, ask, format, in_front_of, person},
    upstream::{Act, Seen, Upstream, answer, chunk, message, stream},
};

fn tools() -> Value {
    let city = json!({
        "type": "object", "properties": {"city": {"type": "string", "maxLength": 6}},
        "required": ["city"], "additionalProperties": false});
    json!([
        {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": city}},
        {"type": "function", "function": {"name": "time"}}])
}

/// An answer with these calls: names and arguments.
pub fn calling(seen: &Seen, calls: &[(&str, &str)]) -> Vec<Act> {
    let call = |(index, (name, arguments)): (usize, &(&str, &str))| json!({"index": index, "id": format!("c{index}"), "type": "function", "function": {"name": name, "arguments": arguments}});
    if !seen.streams() {
        let calls: Vec<Value> = calls.iter().enumerate().map(call).collect();
        return message(&json!({"role": "assistant", "content": null, "tool_calls": calls}), "tool_calls");
    }
    let mut data = vec![chunk(json!({"role": "assistant", "content": null}), None)];
    for (index, (name, arguments)) in calls.iter().enumerate() {
        data.push(chunk(json!({"tool_calls": [call((index, &(name, "")))]}), None));
        for part in arguments.as_bytes().chunks(5) {
            let part = std::str::from_utf8(part).unwrap();
            data.push(chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}), None));
        }
    }
    data.extend([chunk(json!({}), Some("tool_calls")), "[DONE]".to_owned()]);
    stream(data)
}

/// The calls of a stream, put together as clients do.
fn gathered(streamed: &Streamed) -> Vec<Value> {
    let mut calls: Vec<Value> = Vec::new();
    for chunk in &streamed.chunks {
        for piece in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = piece["index"].as_u64().unwrap() as usize;
            if index == calls.len() {
                assert!(
                    piece["id"].is_string() && piece["type"] == "function" && piece["function"]["name"].is_string()
                );
                let mut call = piece.clone();
                call.as_object_mut().unwrap().remove("index");
                calls.push(call);
            } else {
                assert!(piece.get("id").is_none() && piece["function"].get("name").is_none(), "{piece}");
                let all = calls[index]["function"]["arguments"].as_str().unwrap().to_owned();
                calls[index]["function"]["arguments"] = (all + piece["function"]["arguments"].as_str().unwrap()).into();
            }
        }
    }
    calls
}

#[tokio::test]
async fn calls_in_one_piece_and_streamed() {
    let upstream = Upstream::start(|seen| calling(seen, &[("weather", r#"{"city":"Oslo"}"#), ("time", "{}")])).await;
    let server = in_front_of(&upstream, "openai").await;
    let body = server.json(CHAT, ask(json!({"tools": tools()}))).await;
    let expected = json!([
        {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}},
        {"id": "c1", "type": "function", "function": {"name": "time", "arguments": "{}"}}]);
    let choice = &body["choices"][0];
    assert_eq!((&choice["message"]["tool_calls"], &choice["message"]["content"]), (&expected, &Value::Null));
    assert_eq!((&choice["finish_reason"], &body["espalier"]["verdict"]), (&json!("tool_calls"), &json!("satisfied")));
    assert_eq!(body["espalier"]["cross_check"], "agreed", "the arguments of all calls");
    assert!(body["espalier"].get("constraint").is_none(), "nothing was demanded but by the tools");
    let streamed = Streamed::new(&server.events(CHAT, ask(json!({"tools": tools(), "stream": true}))).await);
    assert_eq!(
        (Value::from(gathered(&streamed)), streamed.reason(), streamed.done),
        (expected, Some("tool_calls"), true)
    );
    let sent = &upstream.seen()[0].body;
    assert_eq!(sent["tools"][1], json!({"type": "function", "function": {"name": "time"}}));
    assert_eq!(sent["tools"][0]["function"]["strict"], true, "its parameters have a strict form");
    assert!(sent.get("tool_choice").is_none() && sent.get("parallel_tool_calls").is_none());
}

#[tokio::test]
async fn broken_calls_are_asked_for_again_and_never_pass() {
    for broken in [
        &[("weather", r#"{"city":"Copenhagen"}"#)][..],
        &[("weather", "{}")],
        &[("weather", "not JSON")],
        &[("whether", r#"{"city":"Oslo"}"#)],
        &[("time", r#"{"zone":1}"#)],
        &[("time", "{}"), ("weather", "[]")],
    ] {
        let broken: Vec<(String, String)> = broken.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let upstream = Upstream::start(move |seen| {
            let broken: Vec<(&str, &str)> = broken.iter().map(|(a, b)| (&**a, &**b)).collect();
            match seen.number {
                0 => calling(seen, &broken),
                1 => calling(seen, &[("weather", r#"{"city":"Oslo"}"#)]),
                _ => calling(seen, &broken),
            }
        })
        .await;
        let server = in_front_of(&upstream, "litellm").await;
        let body = server.json(CHAT, ask(json!({"tools": tools()}))).await;
        let call = &body["choices"][0]["message"]["tool_calls"][0];
        assert_eq!(call["function"]["arguments"], "{\"city\":\"Oslo\"}");
        let told = upstream.seen()[1].body["messages"][1]["content"].as_str().unwrap().to_owned();
        assert!(told.contains("not taken"), "{told}");
        assert_eq!(server.refused(CHAT, ask(json!({"tools": tools()})), 422).await["code"], "constraint_not_met");
        let response = server.post(CHAT, ask(json!({"tools": tools(), "stream": true}))).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(text.contains("constraint_not_met") && !text.contains("\"tool_calls\",\""), "{status} {text}");
        assert!(!text.contains("finish_reason\":\"tool_calls"), "{text}");
    }
}

#[tokio::test]
async fn arguments_within_a_text_and_missing_ones_are_mended_and_listed() {
    let upstream = Upstream::start(|seen| match seen.body["messages"][0]["content"].as_str() {
        Some("quoted") => calling(seen, &[("weather", r#""{\"city\":\"Oslo\"}""#)]),
        _ => calling(seen, &[("time", "")]),
    })
    .await;
    let server = in_front_of(&upstream, "litellm").await;
    for (word, expected) in [("quoted", "{\"city\":\"Oslo\"}"), ("missing", "{}")] {
        for streams in [false, true] {
            let mut asked = ask(json!({"tools": tools(), "stream": streams}));
            asked["messages"][0]["content"] = word.into();
            let (arguments, receipt) = if streams {
                let streamed = Streamed::new(&server.events(CHAT, asked).await);
                (gathered(&streamed)[0]["function"]["arguments"].clone(), streamed.receipt().clone())
            } else {
                let body = server.json(CHAT, asked).await;
                let call = &body["choices"][0]["message"]["tool_calls"][0];
                (call["function"]["arguments"].clone(), body["espalier"].clone())
            };
            assert_eq!(arguments, expected);
            assert_eq!(receipt["edits"][0]["at"], "tool_calls[0].function.arguments");
            assert_eq!(receipt["edits"][0]["after"], expected);
        }
    }
}

#[tokio::test]
async fn choices_are_kept() {
    let named = json!({"type": "function", "function": {"name": "time"}});
    for (choice, said, fits) in [
        (json!("required"), None, false),
        (json!("required"), Some("time"), true),
        (json!("none"), None, true),
        (named.clone(), Some("time"), true),
        (named.clone(), Some("weather"), false),
        (json!("auto"), None, true),
    ] {
        let upstream = Upstream::start(move |seen| match said {
            None => answer(seen, "Hello", "stop"),
            Some("time") => calling(seen, &[("time", "{}")]),
            Some(_) => calling(seen, &[("weather", r#"{"city":"Oslo"}"#)]),
        })
        .await;
        let server = in_front_of(&upstream, "openai").await;
        let asked = ask(json!({"tools": tools(), "tool_choice": choice}));
        match fits {
            true => drop(server.json(CHAT, asked).await),
            false => drop(server.refused(CHAT, asked, 422).await),
        }
        let sent = upstream.seen()[0].body["tool_choice"].clone();
        assert_eq!(sent, if choice == "auto" { Value::Null } else { choice });
    }
    let upstream = Upstream::start(|seen| calling(seen, &[("time", "{}"), ("time", "{}")])).await;
    let server = in_front_of(&upstream, "openai").await;
    let asked = ask(json!({"tools": tools(), "parallel_tool_calls": false}));
    server.refused(CHAT, asked, 422).await;
    assert_eq!(upstream.seen()[0].body["parallel_tool_calls"], false);
    let upstream = Upstream::start(|seen| calling(seen, &[("time", "{}")])).await;
    let server = in_front_of(&upstream, "mistral").await;
    server.json(CHAT, ask(json!({"tools": tools(), "tool_choice": named}))).await;
    let sent = &upstream.seen()[0].body;
    assert_eq!((&sent["tool_choice"], sent["tools"].as_array().unwrap().len()), (&json!("any"), 1));
}

#[tokio::test]
async fn a_call_or_a_conforming_answer() {
    let upstream = Upstream::start(|seen| match seen.body["messages"].to_string() {
        text if text.contains("call") => calling(seen, &[("time", "{}")]),
        text if text.contains("conform") => answer(seen, r#"{"name":"Ann","age":3}"#, "stop"),
        _ => answer(seen, "Hello", "stop"),
    })
    .await;
    let server = in_front_of(&upstream, "openai").await;
    for (word, reason) in [("call", Some("tool_calls")), ("conform", Some("stop")), ("break", None)] {
        let mut asked = ask(json!({"tools": tools(), "response_format": format(&person())}));
        asked["messages"][0]["content"] = word.into();
        match reason {
            Some(reason) => {
                let body = server.json(CHAT, asked).await;
                assert_eq!(body["choices"][0]["finish_reason"], reason);
            }
            None => drop(server.refused(CHAT, asked, 422).await),
        }
    }
}

#[tokio::test]
async fn the_conversation_goes_out_with_its_calls() {
    let upstream = Upstream::start(|seen| answer(seen, "Cold.", "stop")).await;
    let server = in_front_of(&upstream, "openai").await;
    let call =
        json!({"id": "c0", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}});
    let messages = json!([
        {"role": "user", "content": "Oslo?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "content": "4 C", "tool_call_id": "c0"}]);
    server.json(CHAT, ask(json!({"messages": messages, "tools": tools()}))).await;
    assert_eq!(upstream.seen()[0].body["messages"], messages);
}

#[tokio::test]
async fn parameters_that_cannot_be_enforced() {
    let upstream = Upstream::start(|seen| calling(seen, &[("f", r#"{"any":"thing"}"#)])).await;
    let server = in_front_of(&upstream, "openai").await;
    let tool = |strict: bool| {
        let parameters = json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/none"}}});
        json!([{"type": "function", "function": {"name": "f", "strict": strict, "parameters": parameters}}])
    };
    let error = server.refused(CHAT, ask(json!({"tools": tool(true)})), 400).await;
    assert_eq!(error["param"], "tools[0].function.parameters");
    let body = server.json(CHAT, ask(json!({"tools": tool(false)}))).await;
    assert!(body["espalier"]["annotations"][0].as_str().unwrap().starts_with("tools[0].function.parameters"));
}
