//! A provider on a free port of this machine that answers by script: any status, any pieces, any way to fail.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As JSON, or as text if it is none.
    pub body: Value,
    /// How many came before it.
    pub number: usize,
}

impl Seen {
    pub fn streams(&self) -> bool {
        self.body["stream"] == true
    }
}

/// A step of a reply.
#[derive(Clone, Debug)]
pub enum Act {
    Write(Vec<u8>),
    Wait(Duration),
    /// Nothing more until the other side leaves.
    Hang,
    /// The connection is torn down, not closed.
    Reset,
}

/// The first requests, and how many came.
type Kept = (Vec<Seen>, usize);

/// A long run shall measure the server's memory, not ours.
const MOST_KEPT: usize = 100;

type Script = dyn Fn(&Seen) -> Vec<Act> + Send + Sync;

pub struct Upstream {
    pub url: String,
    seen: Arc<Mutex<Kept>>,
    open: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Upstream {
    pub async fn start(script: impl Fn(&Seen) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (seen, open) = (Arc::new(Mutex::new((Vec::new(), 0))), Arc::new(AtomicUsize::new(0)));
        let script: Arc<Script> = Arc::new(script);
        let (kept, counted) = (seen.clone(), open.clone());
        let running = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (script, kept, counted) = (script.clone(), kept.clone(), counted.clone());
                tokio::spawn(async move {
                    counted.fetch_add(1, SeqCst);
                    serve(socket, &*script, &kept).await;
                    counted.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { url, seen, open, running }
    }

    /// The first requests.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().0.clone()
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }
}

async fn serve(mut socket: TcpStream, script: &Script, kept: &Mutex<Kept>) {
    let mut buffer = Vec::new();
    socket.set_nodelay(true).ok();
    while let Some((path, headers, body)) = request(&mut socket, &mut buffer).await {
        let seen = {
            let text = || String::from_utf8_lossy(&body).into_owned().into();
            let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
            let mut kept = kept.lock().unwrap();
            let seen = Seen { path, headers, body, number: kept.1 };
            kept.1 += 1;
            if kept.0.len() < MOST_KEPT {
                kept.0.push(seen.clone());
            }
            seen
        };
        for act in script(&seen) {
            match act {
                Act::Write(bytes) => {
                    if socket.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Act::Wait(time) => tokio::time::sleep(time).await,
                Act::Hang => {
                    let mut rest = [0; 64];
                    while socket.read(&mut rest).await.is_ok_and(|read| read > 0) {}
                    return;
                }
                Act::Reset => {
                    socket.set_zero_linger().ok();
                    return;
                }
            }
        }
    }
}

/// The next request of a connection: path, headers, body.
async fn request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<(String, String)>, Vec<u8>)> {
    let mut piece = [0; 8192];
    let end = loop {
        match buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            Some(end) => break end,
            None => match socket.read(&mut piece).await {
                Ok(read) if read > 0 => buffer.extend_from_slice(&piece[..read]),
                _ => return None,
            },
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(pair).collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < end + 4 + length {
        match socket.read(&mut piece).await {
            Ok(read) if read > 0 => buffer.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
    let body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some((path, headers, body))
}

/// A reply in one piece.
pub fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<Act> {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    vec![Act::Write((head + "\r\n" + body).into_bytes())]
}

pub fn json_reply(status: u16, body: &Value) -> Vec<Act> {
    reply(status, &[("content-type", "application/json")], &body.to_string())
}

/// A piece of a body that comes in pieces.
pub fn piece(bytes: &[u8]) -> Act {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    Act::Write(framed)
}

pub fn stream_head() -> Act {
    Act::Write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())
}

pub fn stream_end() -> Act {
    Act::Write(b"0\r\n\r\n".to_vec())
}

/// An event stream with these data.
pub fn stream(data: impl IntoIterator<Item = String>) -> Vec<Act> {
    let mut acts = vec![stream_head()];
    acts.extend(data.into_iter().map(|data| piece(format!("data: {data}\n\n").as_bytes())));
    acts.push(stream_end());
    acts
}

/// A chunk of a chat with this delta.
pub fn chunk(delta: Value, reason: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason});
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], "usage": null})
        .to_string()
}

pub fn usage() -> Value {
    json!({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 4}})
}

/// The data of the events with which a well-behaved provider says this text.
pub fn saying(text: &str, reason: &str) -> Vec<String> {
    let mut data = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
    let letters: Vec<char> = text.chars().collect();
    data.extend(letters.chunks(4).map(|part| chunk(json!({"content": part.iter().collect::<String>()}), None)));
    data.push(chunk(json!({}), Some(reason)));
    data.push(json!({"id": "c", "choices": [], "usage": usage()}).to_string());
    data.push("[DONE]".to_owned());
    data
}

/// How a well-behaved provider answers, streamed or whole.
pub fn answer(seen: &Seen, text: &str, reason: &str) -> Vec<Act> {
    if seen.streams() {
        return stream(saying(text, reason));
    }
    message(&json!({"role": "assistant", "content": text, "refusal": null}), reason)
}

/// A whole answer with this message.
pub fn message(message: &Value, reason: &str) -> Vec<Act> {
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": reason});
    json_reply(
        200,
        &json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage()}),
    )
}
