//! Answers that are nearly right: repaired, with every edit on the receipt, or asked for again.

use serde_json::{Value, json};

use super::{
    setup::{CHAT, Streamed, ask, ask_person, in_front_of},
    tools::calling,
    upstream::{Upstream, answer},
};

const ANN: &str = r#"{"name":"Ann","age":3}"#;

fn edits(receipt: &Value) -> Vec<&str> {
    receipt["edits"].as_array().unwrap().iter().map(|edit| edit["what"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_stands_around_an_answer_and_how_it_is_spelt_is_mended() {
    for (written, expected) in [
        ("Here you are:\n```json\n{\"name\":\"Ann\",\"age\":3}\n```\nAnything else?", ANN),
        ("<think>She is {3}.</think>{\"name\":\"Ann\",\"age\":3}", ANN),
        ("{'name': 'Ann', 'age': 3,}", "{\"name\": \"Ann\", \"age\": 3}"),
        ("{\"name\":\"Ann\",\"age\":\"3\"}", ANN),
        ("{\"name\":\"Ann\",\"age\":3", ANN),
    ] {
        let upstream = Upstream::start(move |seen| answer(seen, written, "stop")).await;
        let server = in_front_of(&upstream, "openai").await;
        let body = server.json(CHAT, ask_person(false)).await;
        let content = body["choices"][0]["message"]["content"].as_str().unwrap();
        assert_eq!(content.trim(), expected, "{written}");
        assert_eq!((&body["espalier"]["verdict"], upstream.seen().len()), (&json!("satisfied"), 1));
        assert!(!edits(&body["espalier"]).is_empty());
        let streamed = Streamed::new(&server.events(CHAT, ask_person(true)).await);
        assert_eq!((streamed.text().trim(), streamed.reason(), streamed.done), (expected, Some("stop"), true));
        assert!(!edits(streamed.receipt()).is_empty());
    }
}

#[tokio::test]
async fn what_is_valid_has_no_edits() {
    let upstream = Upstream::start(|seen| answer(seen, "{ \"age\" : 3.0, \"name\": \"A\\u006en\" }\n", "stop")).await;
    let body = in_front_of(&upstream, "openai").await.json(CHAT, ask_person(false)).await;
    assert_eq!(body["choices"][0]["message"]["content"], "{ \"age\" : 3.0, \"name\": \"A\\u006en\" }\n");
    assert!(edits(&body["espalier"]).is_empty());
}

#[tokio::test]
async fn content_is_neither_dropped_nor_made_up() {
    for broken in [
        r#"{"name":"Ann","age":-1}"#,
        r#"{"name":"Ann"}"#,
        r#"{"name":"A name that is too long","age":3}"#,
        r#"{"name":"Ann","age":3,"secret":true}"#,
        r#"{"nome":"Ann","age":3}"#,
        "I cannot tell.",
    ] {
        let upstream =
            Upstream::start(move |seen| answer(seen, if seen.number == 0 { broken } else { ANN }, "stop")).await;
        let body = in_front_of(&upstream, "openai").await.json(CHAT, ask_person(false)).await;
        assert_eq!((&body["choices"][0]["message"]["content"], upstream.seen().len()), (&json!(ANN), 2), "{broken}");
        assert_eq!(body["espalier"]["attempts"][0]["outcome"], "violated");
        assert!(edits(&body["espalier"]).is_empty());
    }
}

#[tokio::test]
async fn a_cut_answer_is_not_completed() {
    let upstream = Upstream::start(|seen| answer(seen, "{\"name\":\"Ann\",\"age\":3", "length")).await;
    let body = in_front_of(&upstream, "openai").await.json(CHAT, ask_person(false)).await;
    let choice = &body["choices"][0];
    assert_eq!((&choice["finish_reason"], &body["espalier"]["verdict"]), (&json!("length"), &json!("truncated")));
    assert_eq!(choice["message"]["content"], "{\"name\":\"Ann\",\"age\":3");
}

#[tokio::test]
async fn arguments_of_a_call_are_repaired_too() {
    let upstream = Upstream::start(|seen| calling(seen, &[("weather", "{city: 'Oslo'")])).await;
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": city}}]);
    let body = in_front_of(&upstream, "litellm").await.json(CHAT, ask(json!({"tools": tools}))).await;
    let call = &body["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"city\": \"Oslo\"}");
    assert!(edits(&body["espalier"]).len() >= 2);
}

#[tokio::test]
async fn answers_that_are_not_json() {
    let choice = json!({"type": "choice", "choice": ["low", "high"]});
    let regex = json!({"type": "regex", "regex": "[0-9]{2}-[A-Z]"});
    for (format, written, expected, edited) in [
        (&choice, "low", "low", false),
        (&choice, "The risk is: High.", "high", true),
        (&choice, "```\nlow\n```", "low", true),
        (&regex, "12-A", "12-A", false),
        (&regex, "Code: 12-A", "12-A", true),
    ] {
        let upstream = Upstream::start(move |seen| answer(seen, written, "stop")).await;
        let server = in_front_of(&upstream, "openai").await;
        let body = server.json(CHAT, ask(json!({"response_format": format}))).await;
        assert_eq!(body["choices"][0]["message"]["content"], expected, "{written}");
        assert_eq!(body["espalier"]["method"], "prompted");
        assert_eq!(!edits(&body["espalier"]).is_empty(), edited, "{written}");
        let sent = upstream.seen()[0].body.to_string();
        assert!(sent.contains("and with nothing else"), "{sent}");
        let streamed =
            Streamed::new(&server.events(CHAT, ask(json!({"response_format": format, "stream": true}))).await);
        assert_eq!((&*streamed.text(), streamed.reason()), (expected, Some("stop")), "{written}");
    }
    let upstream = Upstream::start(|seen| answer(seen, if seen.number == 0 { "medium" } else { "low" }, "stop")).await;
    let body = in_front_of(&upstream, "openai").await.json(CHAT, ask(json!({"response_format": choice}))).await;
    assert_eq!((&body["choices"][0]["message"]["content"], upstream.seen().len()), (&json!("low"), 2));
}

#[tokio::test]
async fn tokens_of_a_model_that_is_not_here_cannot_be_counted() {
    let upstream = Upstream::start(|seen| answer(seen, "a", "stop")).await;
    let server = in_front_of(&upstream, "openai").await;
    // The last one hides the word, so it is only found out when it is compiled.
    let hidden = r#"{"type":"structural_tag","format":{"type":"any_text","max_\u0074okens":3}}"#;
    for more in [
        json!({"response_format": {"type": "where", "where": "len(TOKENS(X)) < 5"}}),
        json!({"response_format": {"type": "grammar", "syntax": "lark", "grammar": "start[max_tokens=3]: /a+/"}}),
        json!({"structural_tag": hidden}),
    ] {
        let error = server.refused(CHAT, ask(more.clone()), 400).await;
        assert_eq!(error["code"], "unsupported_constraint", "{more}");
        assert!(error["message"].as_str().unwrap().contains("tokens"), "{error}");
    }
    assert!(upstream.seen().is_empty());
}
