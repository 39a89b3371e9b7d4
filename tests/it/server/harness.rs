//! A server on a free port, and what the tests ask it.

use std::{sync::Arc, time::Duration};

use espalier::{
    backend::{
        Backend, Job,
        scripted::{Scripted, Step},
    },
    gateway::{Gateway, Limits, Route},
    inference::{Event, Failure, FinishReason, Times, TokenLogprob, ToolForm, Usage},
    matcher::Engine,
    server::{ApiKeys, App, Metrics, serve},
    vocab::byte_vocabulary,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub const MODEL: &str = "scripted";

pub struct Server {
    pub url: String,
    pub address: std::net::SocketAddr,
    pub backend: Arc<Scripted>,
    pub app: Arc<App>,
    pub client: reqwest::Client,
    shutdown: Option<oneshot::Sender<()>>,
    pub running: JoinHandle<std::io::Result<()>>,
}

pub struct Setup {
    pub limits: Limits,
    pub body_limit: usize,
    pub keys: Vec<&'static str>,
    pub grace: Duration,
    pub masks: bool,
    /// How the model writes calls of tools, if it does.
    pub tools: Option<ToolForm>,
    pub routes: Vec<Route>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            body_limit: 1 << 20,
            keys: Vec::new(),
            grace: Duration::from_millis(200),
            masks: true,
            tools: None,
            routes: Vec::new(),
        }
    }
}

impl Setup {
    pub async fn serve(self, script: impl Fn(&Job) -> Result<Vec<Step>, Failure> + Send + Sync + 'static) -> Server {
        let engine = self.masks.then(|| Engine::new(Arc::new(byte_vocabulary())));
        let backend = Scripted::new(MODEL, engine, script);
        let backend = Arc::new(match self.tools {
            Some(form) => backend.with_tools(form),
            None => backend,
        });
        let app = Arc::new(App {
            gateway: Gateway::new(vec![backend.clone() as Arc<dyn Backend>], self.limits).with_routes(self.routes),
            metrics: Metrics::new(),
            keys: ApiKeys::new(self.keys),
            body_limit: self.body_limit,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = oneshot::channel();
        let shutdown = async move {
            receiver.await.ok();
        };
        let running = tokio::spawn(serve(listener, app.clone(), shutdown, self.grace));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Server { url: format!("http://{address}"), address, backend, app, client, shutdown: Some(sender), running }
    }
}

/// A server that always answers with this text, in two pieces.
pub async fn saying(text: &'static str) -> Server {
    Setup::default().serve(move |job| Ok(answer(job, text, FinishReason::Stop))).await
}

/// What a well-behaved backend says, for every choice.
pub fn answer(job: &Job, text: &str, reason: FinishReason) -> Vec<Step> {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap();
    let mut steps = vec![Step::Say(Event::Started { prompt_tokens: 7 })];
    for choice in 0..job.request.output.choices {
        for (token, part) in [&text[..middle], &text[middle..]].into_iter().enumerate() {
            let token = token as u32;
            let bytes = part.as_bytes().to_vec();
            let top = vec![(token, bytes.clone(), -0.5), (9, b"x".to_vec(), f32::NEG_INFINITY)];
            let logprobs = match job.request.output.logprobs {
                None => Vec::new(),
                Some(count) => {
                    let top = top.into_iter().take(count.into()).collect();
                    vec![TokenLogprob { token, bytes, logprob: -0.5, top }]
                }
            };
            steps.push(Step::Say(Event::Text { choice, text: part.to_owned(), logprobs }));
        }
        steps.push(Step::Say(Event::Finished { choice, reason }));
    }
    steps.push(Step::Say(done(job)));
    steps
}

pub fn done(job: &Job) -> Event {
    let completion_tokens = 2 * job.request.output.choices;
    let usage = Usage { prompt_tokens: 7, completion_tokens, cached_tokens: 3, forced_tokens: 1, reasoning_tokens: 0 };
    let times = Times { queued_us: 1, prefill_us: 2, decode_us: 3, mask_us: 4 };
    Event::Done { usage, times }
}

impl Server {
    pub async fn post(&self, path: &str, body: impl ToString) -> reqwest::Response {
        let request = self.client.post(self.url.clone() + path).header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url.clone() + path).send().await.unwrap()
    }

    /// Posts, and expects OpenAI's error body with this status; gives the error object.
    pub async fn refused(&self, path: &str, body: impl ToString, status: u16) -> Value {
        let body = body.to_string();
        let response = self.post(path, &body).await;
        error_of(response, status, &body[..body.len().min(200)]).await
    }

    pub async fn json(&self, path: &str, body: impl ToString) -> Value {
        let response = self.post(path, body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The data of all events of a stream.
    pub async fn events(&self, path: &str, body: impl ToString) -> Vec<String> {
        let response = self.post(path, body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert!(response.headers()["x-espalier-id"].to_str().unwrap().contains("cmpl-"));
        events(&response.text().await.unwrap())
    }

    pub fn shut_down(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }
}

pub async fn error_of(response: reqwest::Response, status: u16, what: &str) -> Value {
    let found = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json", "{what}");
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{what}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("{what}: {text}"));
    assert_eq!(error.keys().collect::<Vec<_>>(), ["message", "type", "param", "code"], "{what}");
    assert!(!error["message"].as_str().unwrap().is_empty());
    body["error"].clone()
}

pub fn events(text: &str) -> Vec<String> {
    let lines = text.split("\n\n").filter(|part| !part.is_empty() && !part.starts_with(':'));
    lines
        .map(|event| event.strip_prefix("data: ").unwrap_or_else(|| panic!("not an event: {event:?}")).to_owned())
        .collect()
}
