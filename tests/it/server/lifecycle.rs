//! Clients that leave, queues that are full, time that is up, and the end of the server.

use std::time::{Duration, Instant};

use espalier::{
    backend::scripted::Step,
    gateway::Limits,
    inference::{Event, FinishReason},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::harness::{Server, Setup, answer, done, events};

const CHAT: &str = "/v1/chat/completions";

fn ask(stream: bool) -> String {
    json!({"messages": [{"role": "user", "content": "Hi"}], "stream": stream}).to_string()
}

/// Says one word and then nothing.
async fn hanging(setup: Setup) -> Server {
    let word = || Step::Say(Event::Text { choice: 0, text: "word".into(), logprobs: vec![] });
    setup.serve(move |_| Ok(vec![Step::Say(Event::Started { prompt_tokens: 1 }), word(), Step::Hang])).await
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn clients_that_leave_free_what_they_held() {
    let server = hanging(Setup::default()).await;
    let response = server.post(CHAT, ask(true)).await;
    let mut stream = response.bytes_stream();
    assert!(stream.next().await.unwrap().unwrap().starts_with(b"data: "));
    assert_eq!(server.app.gateway.load().sequences(), 1);
    drop(stream);
    until("a stream is abandoned", || server.backend.abandoned() == 1).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let body = ask(false);
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    socket.write_all((head + &body).as_bytes()).await.unwrap();
    until("the request runs", || server.app.gateway.load().sequences() == 1).await;
    drop(socket);
    until("an answer in one piece is abandoned", || server.backend.abandoned() == 2).await;
    until("nothing is left", || server.app.gateway.load().requests() == 0).await;
}

#[tokio::test]
async fn a_full_queue_turns_requests_away() {
    let setup = Setup { limits: Limits { queue: 1, ..Limits::default() }, ..Setup::default() };
    let server = setup.serve(|_| Ok(vec![Step::Hang])).await;
    let waiting = server.client.post(server.url.clone() + CHAT).body(ask(false)).send();
    let waiting = tokio::spawn(waiting);
    until("one waits", || server.app.gateway.load().waiting() == 1).await;
    let response = server.post(CHAT, ask(true)).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(super::harness::error_of(response, 503, "full").await["code"], "overloaded");
    waiting.abort();
    until("it left", || server.app.gateway.load().waiting() == 0).await;
}

#[tokio::test]
async fn answers_have_a_time_limit() {
    let limits = Limits { answer: Duration::from_millis(150), ..Limits::default() };
    let server = hanging(Setup { limits, ..Setup::default() }).await;
    assert_eq!(server.refused(CHAT, ask(false), 504).await["code"], "timeout");
    let events = server.events(CHAT, ask(true)).await;
    assert_eq!(serde_json::from_str::<Value>(events.last().unwrap()).unwrap()["error"]["code"], "timeout");
    until("the backend is free", || server.backend.abandoned() == 2).await;
}

#[tokio::test]
async fn shutting_down_lets_short_answers_finish() {
    let setup = Setup { grace: Duration::from_secs(10), ..Setup::default() };
    let mut server = setup
        .serve(|job| {
            let mut steps = answer(job, "Hello", FinishReason::Stop);
            steps.insert(2, Step::Wait(Duration::from_millis(300)));
            Ok(steps)
        })
        .await;
    let response = server.post(CHAT, ask(true)).await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    server.shut_down();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is accepted");
    let events = events(&response.text().await.unwrap());
    assert_eq!(events.last().unwrap(), "[DONE]");
    let ended = tokio::time::timeout(Duration::from_secs(3), &mut server.running).await;
    ended.expect("a silent connection holds nothing up").unwrap().unwrap();
    drop(silent);
}

#[tokio::test]
async fn shutting_down_ends_long_answers_with_an_error_event() {
    let mut server = hanging(Setup::default()).await;
    let streams = [server.post(CHAT, ask(true)).await, server.post(CHAT, ask(true)).await];
    server.shut_down();
    for response in streams {
        let events = events(&response.text().await.unwrap());
        let error: Value = serde_json::from_str(events.last().unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "shutting_down");
        assert_eq!(error["espalier"]["verdict"], "failed");
    }
    tokio::time::timeout(Duration::from_secs(5), &mut server.running).await.unwrap().unwrap().unwrap();
    assert_eq!(server.backend.abandoned(), 2);
}

#[tokio::test]
async fn a_handler_that_panics_answers_all_the_same() {
    let server = Setup::default().serve(|job| panic!("{:?}", done(job))).await;
    let error = server.refused(CHAT, ask(false), 500).await;
    assert_eq!(error["code"], "internal_error");
    assert_eq!(server.get("/health").await.status(), 200);
    until("its place is free", || server.app.gateway.load().requests() == 0).await;
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_a_broken_one_none() {
    let server = hanging(Setup::default()).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket
        .write_all(
            b"GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket
        .write_all(format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{").as_bytes())
        .await
        .unwrap();
    drop(socket);
    assert_eq!(server.get("/health").await.status(), 200);
}
