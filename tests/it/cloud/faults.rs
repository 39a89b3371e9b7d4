//! Every way to fail, streamed and not: a finished answer is valid, any other end is an explicit error with a receipt, and
//! nothing is left behind. `ESPALIER_FAULT_REQUESTS` makes the run as long as one likes.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use espalier::{gateway::Route, inference::Timeouts, route::Breaker};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    setup::{CHAT, Cloud, Streamed, ask_person, person, policy},
    upstream::{
        Act, Seen, Upstream, answer, chunk, json_reply, message, piece, reply, saying, stream_end, stream_head,
    },
};
use crate::server::harness::{Server, Setup, events};

const ANN: &str = r#"{"name":"Ann","age":3}"#;

const FAULTS: [&str; 21] = [
    "none",
    "429 with retry-after",
    "429 without",
    "500",
    "503",
    "529",
    "connection refused",
    "reset within the answer",
    "stall",
    "half a code point",
    "stream that breaks off",
    "wrong content type",
    "page of HTML",
    "no JSON",
    "JSON that breaks the schema",
    "prose around",
    "chunks twice",
    "empty answer",
    "refusal",
    "cut by length",
    "huge answer, slowly",
];

fn error(status: u16, headers: &[(&str, &str)]) -> Vec<Act> {
    let body = json!({"error": {"message": "no", "type": "x", "param": null, "code": null}}).to_string();
    reply(status, &[headers, &[("content-type", "application/json")]].concat(), &body)
}

/// A good stream up to this share of its bytes, then what follows.
fn partly(share: usize, then: Vec<Act>) -> Vec<Act> {
    let events: String = saying(ANN, "stop").into_iter().map(|data| format!("data: {data}\n\n")).collect();
    let bytes = events.as_bytes();
    let mut acts = vec![stream_head(), piece(&bytes[..bytes.len() * share / 100])];
    acts.extend(then);
    acts
}

fn act(seen: &Seen, fault: &str) -> Vec<Act> {
    let ms = Duration::from_millis;
    let share = 20 + seen.number % 60;
    match fault {
        "none" => answer(seen, ANN, "stop"),
        "429 with retry-after" => error(429, &[("retry-after-ms", "10")]),
        "429 without" => error(429, &[]),
        "500" => error(500, &[]),
        "503" => error(503, &[]),
        "529" => error(529, &[]),
        "reset within the answer" if seen.streams() => partly(share, vec![Act::Wait(ms(2)), Act::Reset]),
        "reset within the answer" => {
            vec![Act::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()), Act::Reset]
        }
        "stall" if seen.streams() => partly(share, vec![Act::Hang]),
        "stall" => vec![Act::Hang],
        "half a code point" => {
            let data = chunk(json!({"content": "{\"name\":\"\u{e4}"}), None);
            let bytes = format!("data: {data}");
            let half = bytes.find('\u{e4}').unwrap() + 1;
            vec![stream_head(), piece(&bytes.as_bytes()[..half]), piece(b"\n\n"), stream_end()]
        }
        "stream that breaks off" => partly(share, vec![stream_end()]),
        "wrong content type" => reply(200, &[("content-type", "text/plain")], "data: {}\n\n"),
        "page of HTML" => reply(200, &[("content-type", "text/html")], "<!doctype html><title>Sign in</title>"),
        "no JSON" if seen.streams() => vec![stream_head(), piece(b"data: {\"choices\":[{\n\n"), stream_end()],
        "no JSON" => reply(200, &[("content-type", "application/json")], "{\"choices\":"),
        "JSON that breaks the schema" => {
            let broken = [r#"{"name":"Ann","age":-1}"#, r#"{"name":7}"#, "[]", r#"{"name":"Ann","age":3,"x":1}"#];
            answer(seen, broken[seen.number % broken.len()], "stop")
        }
        "prose around" => answer(seen, &format!("Here you are:\n```json\n{ANN}\n```"), "stop"),
        "chunks twice" if seen.streams() => {
            let mut acts = vec![stream_head()];
            for data in saying(ANN, "stop") {
                let event = format!("data: {data}\n\n");
                acts.push(piece(event.repeat(2).as_bytes()));
            }
            acts.push(stream_end());
            acts
        }
        "chunks twice" => answer(seen, &ANN.repeat(2), "stop"),
        "empty answer" => answer(seen, "", "stop"),
        "refusal" => message(&json!({"role": "assistant", "content": null, "refusal": "No."}), "stop"),
        "cut by length" => answer(seen, &ANN[..ANN.len() * share / 100], "length"),
        "huge answer, slowly" => {
            let mut acts = vec![stream_head()];
            for _ in 0..40 {
                let data = chunk(json!({"content": " ".repeat(4000)}), None);
                acts.extend([piece(format!("data: {data}\n\n").as_bytes()), Act::Wait(ms(5))]);
            }
            acts
        }
        other => json_reply(500, &json!({"error": format!("no such fault: {other}")})),
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Finished,
    Cut,
    Refused,
    Error,
    BrokenOff,
}

fn check_receipt(receipt: &Value) {
    let attempts = receipt["attempts"].as_array().unwrap_or_else(|| panic!("no receipt: {receipt}"));
    assert!(!attempts.is_empty() && receipt["verdict"].is_string(), "{receipt}");
}

fn check_error(body: &Value) {
    assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert!(body["error"]["code"].is_string() || body["error"]["type"].is_string());
    check_receipt(&body["espalier"]);
}

async fn one(server: &Server, validator: &jsonschema::Validator, mut body: Value, mode: usize) -> End {
    let valid =
        |text: &str| validator.is_valid(&serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text:?}")));
    body["stream"] = (mode > 0).into();
    if mode == 2 {
        body["espalier"] = json!({"stream_mode": "buffered"});
    }
    let response = server.post(CHAT, &body).await;
    let status = response.status();
    let streams = response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream");
    let text = response.text().await.unwrap();
    if !status.is_success() {
        check_error(&serde_json::from_str(&text).unwrap());
        return End::Error;
    }
    let (content, reason, receipt) = if streams {
        let streamed = Streamed::new(&events(&text));
        if !streamed.done {
            check_error(streamed.chunks.last().unwrap());
            assert_eq!(streamed.reason(), None, "an answer that broke off has no reason");
            return End::BrokenOff;
        }
        (streamed.text(), streamed.reason().map(str::to_owned), streamed.receipt().clone())
    } else {
        let body: Value = serde_json::from_str(&text).unwrap();
        let choice = &body["choices"][0];
        let content = choice["message"]["content"].as_str().unwrap_or_default().to_owned();
        (content, choice["finish_reason"].as_str().map(str::to_owned), body["espalier"].clone())
    };
    check_receipt(&receipt);
    match (reason.as_deref(), receipt["verdict"].as_str()) {
        (Some("stop"), Some("satisfied")) => {
            assert!(valid(&content), "{content:?}");
            End::Finished
        }
        (Some("stop"), Some("refused")) if content.is_empty() => End::Refused,
        (Some("length"), Some("truncated")) => {
            assert!(ANN.starts_with(&content), "{content:?}");
            End::Cut
        }
        other => panic!("{other:?}: {text}"),
    }
}

/// Bytes of memory that the process holds.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

async fn server(upstream: &Upstream) -> Server {
    let ms = Duration::from_millis;
    let timeouts = Timeouts { connect: ms(500), first_token: ms(400), between_tokens: ms(150), total: ms(800) };
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cloud = || Cloud { timeouts, answer_bytes: 100_000, ..Cloud::default() };
    // Circuits would end the run: nearly everything fails here.
    let breaker = Breaker { failures: u32::MAX, cooldown: ms(1) };
    let route = |name: &str, url: &str| {
        let policy = espalier::route::Policy { breaker, ..policy() };
        Route::new(name, policy, vec![cloud().at(name, url)])
    };
    let routes = vec![route("smart", &upstream.url), route("nowhere", &format!("http://{nowhere}/v1"))];
    Setup { routes, ..Setup::default() }.serve(|_| Ok(Vec::new())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_an_answer_is_valid_or_an_error() {
    let requests: usize = std::env::var("ESPALIER_FAULT_REQUESTS").map_or(630, |count| count.parse().unwrap());
    let upstream = Upstream::start(|seen| {
        let first = seen.body["messages"][0]["content"].as_str().unwrap();
        // The first attempt meets the fault, a later one mostly none.
        let retried = seen.body["messages"].as_array().unwrap().len() > 1 || seen.number % 3 == 0;
        let fault = if retried && seen.number % 2 == 0 { "none" } else { first };
        act(seen, fault)
    })
    .await;
    let server = Arc::new(server(&upstream).await);
    let validator = Arc::new(jsonschema::validator_for(&person()).unwrap());
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (begun, mut running, mut ends) = (Instant::now(), JoinSet::new(), BTreeMap::new());
    let (mut next, mut before) = (0, 0);
    while next < requests || !running.is_empty() {
        while next < requests && running.len() < 48 {
            let (fault, mode) = (FAULTS[next % FAULTS.len()], next / FAULTS.len() % 3);
            let mut body = ask_person(false);
            body["messages"] = json!([{"role": "user", "content": fault}]);
            if fault == "connection refused" {
                body["model"] = "nowhere".into();
            }
            let (server, validator) = (server.clone(), validator.clone());
            running.spawn(async move { (fault, one(&server, &validator, body, mode).await) });
            next += 1;
        }
        let (fault, end) = running.join_next().await.unwrap().unwrap();
        *ends.entry((fault, end)).or_insert(0usize) += 1;
        if before == 0 && next >= requests / 4 {
            before = memory();
        }
    }
    let after = memory();
    println!("{requests} requests in {:?}; memory {before} -> {after} bytes", begun.elapsed());
    for ((fault, end), count) in &ends {
        println!("{fault:30} {end:?} {count}");
    }
    let count = |fault, end| ends.get(&(fault, end)).copied().unwrap_or(0);
    let asked = |fault| (0..requests).filter(|number| FAULTS[number % FAULTS.len()] == fault).count();
    assert_eq!(count("none", End::Finished), asked("none"), "what does not fail is finished");
    assert_eq!(count("connection refused", End::Error), asked("connection refused"));
    for fault in ["500", "JSON that breaks the schema", "no JSON"] {
        assert!(count(fault, End::Error) > 0 && count(fault, End::Finished) > 0, "{fault}");
    }
    assert!(count("cut by length", End::Cut) > 0 && count("refusal", End::Refused) > 0);
    // What is left is what was there before, and the pool's idle connections.
    let begun = Instant::now();
    let idle = |server: &Server| server.app.gateway.load().requests() == 0;
    while !idle(&server) || tokio::runtime::Handle::current().metrics().num_alive_tasks() > tasks + 4 * 48 {
        assert!(begun.elapsed() < Duration::from_secs(10), "something goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Other tests share the process; only a long run tells.
    assert!(requests < 10_000 || after < before + (128 << 20), "memory grew from {before} to {after} bytes");
}
