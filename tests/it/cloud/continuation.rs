//! Streams that break off, or break their constraint, after bytes were sent: another attempt goes on with what was sent, or
//! the stream ends in an error. What the caller got is always the beginning of a valid answer, and a whole one is valid.

use std::sync::{Arc, Mutex};

use espalier::{
    backend::{
        Backend, Job,
        scripted::{Scripted, Step},
    },
    inference::{Event, FinishReason},
    matcher::Engine,
    route::{Breaker, Deployment, Policy},
    vocab::byte_vocabulary,
};
use serde_json::{Value, json};

use super::{
    setup::{CHAT, Cloud, Streamed, ask, ask_person, format, person, policy, serve},
    upstream::{Act, Seen, Upstream, answer, chunk, piece, saying, stream, stream_end, stream_head},
};
use crate::server::harness::{self, Server};

const ANN: &str = r#"{"name":"Änn","age":31}"#;

fn valid(text: &str) -> bool {
    jsonschema::validator_for(&person()).unwrap().is_valid(&serde_json::from_str(text).unwrap_or(Value::Null))
}

/// Says the text and breaks off: the connection ends, is torn down, or the stream ends without a reason.
fn breaks_off(text: &str, how: usize) -> Vec<Act> {
    let mut acts = vec![stream_head()];
    acts.push(piece(format!("data: {}\n\n", chunk(json!({"content": text}), None)).as_bytes()));
    match how % 3 {
        0 => acts.push(stream_end()),
        // What was written shall arrive before the end does.
        1 => acts.extend([Act::Wait(std::time::Duration::from_millis(20)), Act::Reset]),
        _ => acts.extend([piece(b"data: [DONE]\n\n"), stream_end()]),
    }
    acts
}

/// What the model is given as the beginning of its answer.
fn begun(seen: &Seen) -> String {
    let last = seen.body["messages"].as_array().unwrap().last().unwrap();
    let text = if last["role"] == "assistant" { &last["content"] } else { &Value::Null };
    match text {
        Value::Array(parts) => parts[0]["text"].as_str().unwrap().to_owned(),
        text => text.as_str().unwrap_or_default().to_owned(),
    }
}

/// A model that goes on with what it is given, towards one of these texts.
fn going_on(seen: &Seen, texts: &[&str]) -> Option<String> {
    let begun = begun(seen);
    texts.iter().find_map(|text| text.strip_prefix(&begun)).map(str::to_owned)
}

/// A masked local model that goes on with what it is given, towards this text; it keeps what it was given.
fn local(text: &'static str, given: Arc<Mutex<Vec<String>>>) -> (Deployment, Arc<dyn Backend>) {
    let engine = Engine::new(Arc::new(byte_vocabulary()));
    let script = move |job: &Job| {
        let prefix = job.prefix.clone().unwrap_or_default();
        given.lock().unwrap().push(prefix.to_string());
        let rest = text.strip_prefix(&*prefix).unwrap_or("}").to_owned();
        let mut steps = vec![Step::Say(Event::Started { prompt_tokens: 7 })];
        if !rest.is_empty() {
            steps.push(Step::Say(Event::Text { choice: 0, text: rest, logprobs: Vec::new() }));
        }
        steps.push(Step::Say(Event::Finished { choice: 0, reason: FinishReason::Stop }));
        steps.push(Step::Say(harness::done(job)));
        Ok(steps)
    };
    let backend = Scripted::new("local", Some(engine), script);
    (Deployment { order: 9, ..Deployment::new("local") }, Arc::new(backend))
}

fn outcomes(receipt: &Value) -> Vec<(&str, &str)> {
    let attempts = receipt["attempts"].as_array().unwrap().iter();
    attempts.map(|attempt| (attempt["backend"].as_str().unwrap(), attempt["outcome"].as_str().unwrap())).collect()
}

/// Asks, and checks what holds whatever happens.
async fn streamed(server: &Server, asked: Value) -> Streamed {
    let streamed = Streamed::new(&server.events(CHAT, asked).await);
    match streamed.done {
        true => assert!(valid(&streamed.text()), "{:?}", streamed.text()),
        false => assert_eq!((streamed.reason(), streamed.error().is_object()), (None, true)),
    }
    let roles = streamed.chunks.iter().filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string()).count();
    assert!(roles <= 1, "a stream begins once");
    streamed
}

fn once(policy: Policy) -> Policy {
    Policy { retries: 0, reasks: 0, ..policy }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_stream_breaks_off_another_model_goes_on() {
    for kind in ["anthropic", "vllm", "mistral", "sglang", "llama_server", "deepseek"] {
        for at in (0..=ANN.len()).filter(|at| ANN.is_char_boundary(*at)) {
            let first = Upstream::start(move |_| breaks_off(&ANN[..at], at)).await;
            let second = Upstream::start(move |seen| {
                // White space at the end is refused there, and none of the texts has any.
                let rest = going_on(seen, &[ANN]).unwrap_or_default();
                let again = if kind == "mistral" { begun(seen) } else { String::new() };
                match kind {
                    "anthropic" => messages(&rest),
                    _ => answer(seen, &(again + &rest), "stop"),
                }
            })
            .await;
            let cloud = Cloud { order: 1, model: "claude-haiku-4-5", ..Cloud::of(kind) };
            let url = if kind == "deepseek" { second.url.replace("/v1", "/beta") } else { second.url.clone() };
            let deployments = vec![Cloud::default().at("first", &first.url), cloud.at("second", &url)];
            let server = serve(deployments, once(policy())).await;
            let streamed = streamed(&server, ask_person(true)).await;
            assert_eq!((streamed.text().as_str(), streamed.done), (ANN, true), "{kind} {at}");
            let receipt = streamed.receipt();
            assert_eq!(receipt["verdict"], "satisfied");
            let whole = at == ANN.len();
            assert_eq!(receipt["cross_check"], "agreed");
            match at {
                0 => assert_eq!(
                    (&receipt["continued"], receipt["attempts"].as_array().unwrap().len()),
                    (&Value::Null, 2)
                ),
                _ if whole => assert_eq!(outcomes(receipt), [("first", "failed")], "nothing was missing"),
                _ => {
                    assert_eq!(outcomes(receipt), [("first", "failed"), ("second", "satisfied")]);
                    assert_eq!((&receipt["continued"], &receipt["method"]), (&json!(true), &json!("prompted")));
                    assert_eq!(receipt["attempts"][1]["continued_at"], at);
                    let seen = &second.seen()[0].body;
                    let last = seen["messages"].as_array().unwrap().last().unwrap();
                    assert!(seen.get("response_format").is_none(), "a structured mode would begin anew: {seen}");
                    match kind {
                        "mistral" | "deepseek" => assert_eq!(last["prefix"], true),
                        "vllm" => assert_eq!(
                            (&seen["continue_final_message"], &seen["add_generation_prompt"]),
                            (&json!(true), &json!(false))
                        ),
                        "sglang" => assert_eq!(seen["continue_final_message"], true),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Anthropic's stream of a text.
fn messages(text: &str) -> Vec<Act> {
    let event = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let usage = json!({"input_tokens": 9, "output_tokens": 1});
    let mut events =
        event(json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
        "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}}));
    events += &event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}));
    events += &event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}));
    events += &event(json!({"type": "content_block_stop", "index": 0}));
    events += &event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": 5}}));
    events += &event(json!({"type": "message_stop"}));
    vec![stream_head(), piece(events.as_bytes()), stream_end()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_model_goes_on_and_usage_adds_up() {
    for at in (1..ANN.len()).filter(|at| ANN.is_char_boundary(*at)) {
        let upstream = Upstream::start(move |_| {
            let mut acts = breaks_off(&ANN[..at], 0);
            let spent = json!({"id": "c", "choices": [], "usage": super::upstream::usage()});
            acts.insert(1, piece(format!("data: {spent}\n\n").as_bytes()));
            acts
        })
        .await;
        let given = Arc::new(Mutex::new(Vec::new()));
        let deployments = vec![Cloud::default().at("first", &upstream.url), local(ANN, given.clone())];
        let server = serve(deployments, once(policy())).await;
        let mut asked = ask_person(true);
        asked["stream_options"] = json!({"include_usage": true});
        let streamed = streamed(&server, asked).await;
        assert_eq!((streamed.text().as_str(), streamed.reason()), (ANN, Some("stop")), "{at}");
        assert_eq!(*given.lock().unwrap(), [&ANN[..at]]);
        let receipt = streamed.receipt();
        assert_eq!(outcomes(receipt), [("first", "failed"), ("local", "satisfied")]);
        assert_eq!((&receipt["method"], &receipt["cross_check"]), (&json!("masked"), &json!("agreed")));
        let usage = &streamed.chunks.last().unwrap()["usage"];
        assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(9 + 7), &json!(5 + 2)));
    }
}

#[tokio::test]
async fn what_breaks_the_constraint_is_gone_on_with_too() {
    let broken = r#"{"name":"Ann","age":"old"}"#;
    let upstream = Upstream::start(move |seen| answer(seen, broken, "stop")).await;
    let text = r#"{"name":"Ann","age":7}"#;
    let second = Upstream::start(move |seen| answer(seen, &going_on(seen, &[text]).unwrap(), "stop")).await;
    let deployments = || {
        vec![
            Cloud::default().at("first", &upstream.url),
            Cloud { order: 1, ..Cloud::of("vllm") }.at("second", &second.url),
        ]
    };
    let server = serve(deployments(), policy()).await;
    let done = streamed(&server, ask_person(true)).await;
    assert_eq!((done.text().as_str(), done.done), (text, true));
    assert_eq!(outcomes(done.receipt()), [("first", "violated"), ("second", "satisfied")], "OpenAI takes no beginning");
    // Unless the caller bounds the attempts.
    let mut few = ask_person(true);
    few["espalier"] = json!({"max_attempts": 1});
    let failed = streamed(&server, few).await;
    assert_eq!((failed.text().as_str(), failed.done), (r#"{"name":"Ann","age":"#, false));
    assert_eq!(failed.error()["code"], "constraint_not_met");
    // What comes behind a whole answer is not dropped in silence.
    let twice = Upstream::start(|seen| answer(seen, &ANN.repeat(2), "stop")).await;
    let mut behind = deployments();
    behind[0] = Cloud::default().at("first", &twice.url);
    let got = streamed(&serve(behind, policy()).await, ask_person(true)).await;
    assert_eq!(got.text(), ANN);
    assert!(!got.done || !got.receipt()["edits"].as_array().unwrap().is_empty(), "{}", got.receipt());
    // A model that goes on wrongly is one more attempt; one that says nothing, too.
    for said in [r#""old"}"#, "", r#"{"name":"Ann"}"#] {
        let wrong = Upstream::start(move |seen| answer(seen, said, "stop")).await;
        let mut deployments = deployments();
        deployments.insert(1, Cloud { order: 1, ..Cloud::of("sglang") }.at("wrong", &wrong.url));
        let (mut last, _) = deployments.pop().unwrap();
        last.order = 2;
        let last = (last, Cloud { order: 2, ..Cloud::of("vllm") }.at("second", &second.url).1);
        deployments.push(last);
        let server = serve(deployments, once(policy())).await;
        let done = streamed(&server, ask_person(true)).await;
        assert_eq!((done.text().as_str(), done.done), (text, true), "{said:?}");
        assert_eq!(done.receipt()["attempts"].as_array().unwrap().len(), 3, "{said:?}");
    }
}

#[tokio::test]
async fn the_same_deployment_goes_on_after_a_fault_that_passes() {
    let upstream = Upstream::start(|seen| match seen.number {
        0 => breaks_off(&ANN[..9], 1),
        1 => breaks_off("Änn\",", 1),
        _ => stream(saying(&going_on(seen, &[ANN]).unwrap(), "stop")),
    })
    .await;
    let policy = Policy { retries: 2, ..policy() };
    let server = serve(vec![Cloud::of("vllm").at("first", &upstream.url)], policy).await;
    let done = streamed(&server, ask_person(true)).await;
    assert_eq!((done.text().as_str(), done.done), (ANN, true));
    assert_eq!(outcomes(done.receipt()), [("first", "failed"), ("first", "failed"), ("first", "satisfied")]);
    let places: Vec<u64> =
        done.receipt()["attempts"].as_array().unwrap().iter().filter_map(|a| a["continued_at"].as_u64()).collect();
    assert_eq!(places, [9, 15]);
}

#[tokio::test]
async fn what_cannot_be_gone_on_with_ends_in_an_error() {
    let cut = r#"{"name":"Ann","ag"#;
    let upstream = Upstream::start(move |_| breaks_off(cut, 0)).await;
    let deployment = |kind: &'static str, prefill: Option<bool>, model: &'static str| {
        let second = Cloud { order: 1, prefill, model, ..Cloud::of(kind) };
        vec![Cloud::default().at("first", &upstream.url), second.at("second", "http://127.0.0.1:9/v1")]
    };
    for (kind, prefill, model) in [
        ("openai", None, "m"),
        ("anthropic", None, "claude-opus-4-6"),
        ("openrouter", None, "openai/gpt-5"),
        ("vllm", Some(false), "m"),
        ("deepseek", None, "m"),
        ("gemini", None, "m"),
    ] {
        let server = serve(deployment(kind, prefill, model), policy()).await;
        let failed = streamed(&server, ask_person(true)).await;
        assert_eq!((failed.text().as_str(), failed.done), (cut, false), "{kind}");
        assert_eq!(outcomes(failed.receipt()), [("first", "failed")], "{kind}");
    }
    for (kind, prefill, model) in
        [("openai_compatible", Some(true), "m"), ("openrouter", None, "anthropic/claude-3.5-haiku")]
    {
        let server = serve(deployment(kind, prefill, model), once(policy())).await;
        let failed = streamed(&server, ask_person(true)).await;
        assert_eq!(outcomes(failed.receipt()), [("first", "failed"), ("second", "failed")], "{kind}");
    }
}

#[tokio::test]
async fn edits_of_the_beginning_stay_on_the_receipt() {
    // The fence was taken off before the stream broke off.
    let said = "```json\n{\"name\": \"Ann\", \"age\": 30000000000000000000000000000000000000000000, ";
    let upstream = Upstream::start(move |_| breaks_off(said, 0)).await;
    let second = Upstream::start(|seen| answer(seen, "\"x\": [1]}", "stop")).await;
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}});
    let deployments = vec![
        Cloud::default().at("first", &upstream.url),
        Cloud { order: 1, ..Cloud::of("vllm") }.at("second", &second.url),
    ];
    let server = serve(deployments, once(policy())).await;
    let asked = ask(json!({"response_format": format(&schema), "stream": true}));
    let done = Streamed::new(&server.events(CHAT, asked).await);
    assert!(done.done, "{:?}", done.chunks.last());
    let whole: Value = serde_json::from_str(&done.text()).unwrap();
    assert_eq!(whole["x"], json!([1]));
    let edits = done.receipt()["edits"].as_array().unwrap();
    assert!(edits.iter().any(|edit| edit["before"].as_str().unwrap().contains("```")), "{edits:?}");
}

#[tokio::test]
async fn an_answer_that_was_cut_is_completed_where_the_caller_wants_it() {
    let cut = r#"{"name":"Ann","age":3"#;
    for (text, completed) in [(cut, Some(r#"{"name":"Ann","age":3}"#)), (r#"{"name":"An"#, None)] {
        for (by_length, streams) in [(true, false), (true, true), (false, true)] {
            let upstream = Upstream::start(move |seen| match by_length {
                true => answer(seen, text, "length"),
                false => breaks_off(text, 0),
            })
            .await;
            let server = serve(vec![Cloud::default().at("first", &upstream.url)], once(policy())).await;
            for allowed in [true, false] {
                let mut asked = ask_person(streams);
                asked["espalier"] = json!({"allow_completion": allowed});
                let (got, reason, receipt) = match streams {
                    false => {
                        let body = server.json(CHAT, asked).await;
                        let choice = &body["choices"][0];
                        let text = choice["message"]["content"].as_str().unwrap().to_owned();
                        (text, choice["finish_reason"].as_str().map(str::to_owned), body["espalier"].clone())
                    }
                    true => {
                        let streamed = Streamed::new(&server.events(CHAT, asked).await);
                        (streamed.text(), streamed.reason().map(str::to_owned), streamed.receipt().clone())
                    }
                };
                let expected = completed.filter(|_| allowed);
                assert_eq!(got, expected.unwrap_or(text), "{by_length} {streams} {allowed}");
                let verdict = match (expected, by_length) {
                    (Some(_), _) => "completed",
                    (None, true) => "truncated",
                    (None, false) => "failed",
                };
                assert_eq!(receipt["verdict"], verdict, "{by_length} {streams} {allowed}");
                let cut = by_length || expected.is_some();
                assert_eq!(reason.as_deref(), cut.then_some("length"), "whoever wrote it had more to say");
                if expected.is_some() {
                    let edits = receipt["edits"].as_array().unwrap();
                    assert_eq!((edits.len(), &edits[0]["after"]), (1, &json!("}")), "{edits:?}");
                    assert_eq!(receipt["cross_check"], "agreed");
                }
            }
        }
    }
}

/// Not only between characters: the connection ends after any byte of what the provider writes.
#[tokio::test(flavor = "multi_thread")]
async fn after_any_byte_on_the_wire_another_model_goes_on() {
    let events: String = saying(ANN, "stop").into_iter().map(|data| format!("data: {data}\n\n")).collect();
    let bytes = Arc::new(events.into_bytes());
    let count = bytes.len();
    let first =
        Upstream::start(move |seen| vec![stream_head(), piece(&bytes[..=seen.number % count]), stream_end()]).await;
    let second = Upstream::start(|seen| answer(seen, &going_on(seen, &[ANN]).unwrap(), "stop")).await;
    let deployments = vec![
        Cloud::default().at("first", &first.url),
        Cloud { order: 1, ..Cloud::of("vllm") }.at("second", &second.url),
    ];
    let breaker = Breaker { failures: u32::MAX, ..Breaker::default() };
    let server = serve(deployments, Policy { breaker, ..once(policy()) }).await;
    let mut continued = 0;
    for at in 0..count {
        let done = streamed(&server, ask_person(true)).await;
        assert_eq!((done.text().as_str(), done.done), (ANN, true), "cut at byte {at}");
        continued += usize::from(done.receipt()["continued"] == true);
    }
    assert!(continued > count / 2, "{continued} of {count}");
}

#[tokio::test]
async fn answers_that_are_no_json_are_gone_on_with() {
    let choice = json!({"type": "choice", "choice": ["yes", "yes, surely", "no"]});
    let regex = json!({"type": "regex", "regex": "[a-z]{3}-[0-9]{2,3}"});
    for (constraint, begun, said, whole, attempts) in [
        (&choice, "ye", "s", "yes", 2),
        // It could go on, and need not.
        (&choice, "yes", "", "yes", 2),
        (&choice, "yes", ", surely", "yes, surely", 2),
        (&choice, "no", "nonsense", "no", 1),
        (&regex, "abc-", "12", "abc-12", 2),
        (&regex, "abc-1", "23", "abc-123", 2),
        (&regex, "abc-123", "4", "abc-123", 1),
    ] {
        let first = Upstream::start(move |_| breaks_off(begun, 0)).await;
        let second = Upstream::start(move |seen| answer(seen, said, "stop")).await;
        let deployments = vec![
            Cloud::default().at("first", &first.url),
            Cloud { order: 1, ..Cloud::of("vllm") }.at("second", &second.url),
        ];
        let server = serve(deployments, once(policy())).await;
        let asked = ask(json!({"response_format": constraint, "stream": true}));
        let done = Streamed::new(&server.events(CHAT, asked).await);
        assert_eq!((done.text().as_str(), done.reason()), (whole, Some("stop")), "{begun:?} {said:?}");
        assert_eq!(done.receipt()["attempts"].as_array().unwrap().len(), attempts, "{begun:?} {said:?}");
    }
}

#[tokio::test]
async fn beside_tools_an_answer_stays_one() {
    let first = Upstream::start(|_| breaks_off(&ANN[..9], 0)).await;
    let tool = json!({"type": "function", "function": {"name": "time"}});
    let call = json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "time", "arguments": "{}"}}]});
    let second = Upstream::start(move |seen| match seen.number {
        0 => stream([chunk(call.clone(), None), chunk(json!({}), Some("tool_calls")), "[DONE]".to_owned()]),
        _ => answer(seen, &going_on(seen, &[ANN]).unwrap(), "stop"),
    })
    .await;
    let deployments = vec![
        Cloud::default().at("first", &first.url),
        Cloud { order: 1, ..Cloud::of("vllm") }.at("second", &second.url),
    ];
    let server = serve(deployments, policy()).await;
    let mut asked = ask_person(true);
    asked["tools"] = json!([tool]);
    let done = streamed(&server, asked.clone()).await;
    assert_eq!((done.text().as_str(), done.done), (ANN, true));
    let outcomes = outcomes(done.receipt());
    assert_eq!(outcomes.last(), Some(&("second", "satisfied")));
    assert!(outcomes.contains(&("second", "violated")), "a call is no end of an answer: {outcomes:?}");
    assert!(second.seen().iter().all(|seen| seen.body["tool_choice"] == "none"));
    // Where a tool must be called, there is no answer to go on with.
    asked["tool_choice"] = "required".into();
    assert!(!streamed(&server, asked).await.done);
}

/// The model of this machine, where there is one: `ESPALIER_MODEL`, or the first in `.espalier/models`.
#[cfg(feature = "llama")]
fn local_model() -> Option<Arc<dyn Backend>> {
    use espalier::backend::llama::{LlamaBackend, LlamaOptions};
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".espalier/models");
    let path = std::env::var_os("ESPALIER_MODEL").map(std::path::PathBuf::from).or_else(|| {
        let mut files: Vec<_> = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "gguf"));
        files.sort();
        files.into_iter().next()
    })?;
    let options = LlamaOptions { context: Some(2048), threads: Some(1), ..LlamaOptions::default() };
    Some(LlamaBackend::load(path, options).expect("the model loads"))
}

#[cfg(feature = "llama")]
#[tokio::test(flavor = "multi_thread")]
async fn the_local_model_goes_on() {
    let Some(model) = local_model() else {
        return eprintln!("SKIPPED: no model (set ESPALIER_MODEL or put one into .espalier/models)");
    };
    // As the mask would have it, and as it would not: with white space, and in another order.
    for whole in [ANN, "{ \"age\": 31,\n  \"name\": \"\\u00c4nn\"}"] {
        for at in (1..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            let upstream = Upstream::start(move |_| breaks_off(&whole[..at], at)).await;
            let last = Deployment { order: 9, ..Deployment::new("local") };
            let deployments = vec![Cloud::default().at("first", &upstream.url), (last, model.clone())];
            let server = serve(deployments, once(policy())).await;
            let mut asked = ask_person(true);
            asked["max_tokens"] = 200.into();
            let done = streamed(&server, asked).await;
            assert!(done.done && done.text().starts_with(&whole[..at]), "{:?} {:?}", &whole[..at], done.chunks.last());
            let receipt = done.receipt();
            assert_eq!(outcomes(receipt), [("first", "failed"), ("local", "satisfied")]);
            // Numbers that doubles do not tell apart are not the crate's to judge.
            let checked = receipt["cross_check"].as_str().unwrap();
            assert!(receipt["continued"] == true && (checked == "agreed" || checked.contains("doubles")), "{receipt}");
        }
    }
}
