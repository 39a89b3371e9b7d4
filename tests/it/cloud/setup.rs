//! Deployments at scripted providers, and servers in front of them.

use std::{sync::Arc, time::Duration};

use espalier::{
    backend::{
        Backend,
        provider::{Provider, Secret, Settings, Structured, Tokens},
    },
    gateway::Route,
    inference::{FinishReason, Timeouts},
    route::{Deployment, Policy, Prices},
};
use serde_json::{Value, json};

use super::upstream::Upstream;
use crate::server::harness::{Server, Setup, answer};

pub const CHAT: &str = "/v1/chat/completions";
pub const KEY: &str = "sk-loopback";

/// What a test sets about a deployment.
pub struct Cloud {
    pub kind: &'static str,
    pub model: &'static str,
    pub structured: Structured,
    pub timeouts: Timeouts,
    pub order: u32,
    pub answer_bytes: usize,
    pub prefill: Option<bool>,
    pub tokens: Option<Arc<Tokens>>,
    pub api_version: Option<&'static str>,
}

impl Default for Cloud {
    fn default() -> Self {
        let ms = Duration::from_millis;
        let timeouts =
            Timeouts { connect: ms(500), first_token: ms(300), between_tokens: ms(200), total: Duration::from_secs(5) };
        let structured = Structured::Auto;
        Self {
            kind: "openai",
            model: "m",
            structured,
            timeouts,
            order: 0,
            answer_bytes: 1 << 20,
            prefill: None,
            tokens: None,
            api_version: None,
        }
    }
}

impl Cloud {
    pub fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    pub fn at(self, id: &str, url: &str) -> (Deployment, Arc<dyn Backend>) {
        let settings = Settings {
            id: id.to_owned(),
            model: self.model.to_owned(),
            base_url: url.to_owned(),
            key: Some(Secret::new(KEY)).filter(|_| self.tokens.is_none()),
            tokens: self.tokens,
            api_version: self.api_version.map(str::to_owned),
            headers: vec![("x-team".to_owned(), "a".to_owned())],
            structured: self.structured,
            connect: self.timeouts.connect,
            answer_bytes: self.answer_bytes,
            prefill: self.prefill,
            aws: None,
        };
        let prices = Some(Prices { input: 1.0, cached_input: 0.5, output: 2.0 });
        let deployment =
            Deployment { order: self.order, timeouts: self.timeouts, prices, ..Deployment::new(id.to_owned()) };
        (deployment, Arc::new(Provider::new(self.kind, settings).unwrap()))
    }
}

/// Quick to try again.
pub fn policy() -> Policy {
    let ms = Duration::from_millis;
    Policy { backoff: ms(5), longest_wait: ms(50), ..Policy::default() }
}

/// A server with one public name, `smart`.
pub async fn serve(deployments: Vec<(Deployment, Arc<dyn Backend>)>, policy: Policy) -> Server {
    let routes = vec![Route::new("smart", policy, deployments)];
    Setup { routes, ..Setup::default() }.serve(|job| Ok(answer(job, "unused", FinishReason::Stop))).await
}

/// A server in front of one provider of this kind.
pub async fn in_front_of(upstream: &Upstream, kind: &'static str) -> Server {
    serve(vec![Cloud::of(kind).at("first", &upstream.url)], policy()).await
}

pub fn ask(more: Value) -> Value {
    let mut body = json!({"model": "smart", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub fn person() -> Value {
    json!({
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": false
    })
}

pub fn format(schema: &Value) -> Value {
    json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": schema}})
}

/// Asks for a person.
pub fn ask_person(stream: bool) -> Value {
    ask(json!({"response_format": format(&person()), "stream": stream}))
}

/// Parsed chunks of a stream and its last word.
pub struct Streamed {
    pub chunks: Vec<Value>,
    pub done: bool,
}

impl Streamed {
    pub fn new(events: &[String]) -> Self {
        let done = events.last().is_some_and(|last| last == "[DONE]");
        let chunks = events.iter().filter(|event| *event != "[DONE]");
        Self { chunks: chunks.map(|chunk| serde_json::from_str(chunk).unwrap()).collect(), done }
    }

    pub fn text(&self) -> String {
        self.chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
    }

    pub fn reason(&self) -> Option<&str> {
        self.chunks.iter().find_map(|chunk| chunk["choices"][0]["finish_reason"].as_str())
    }

    pub fn receipt(&self) -> &Value {
        self.chunks.iter().rev().map(|chunk| &chunk["espalier"]).find(|receipt| !receipt.is_null()).unwrap()
    }

    pub fn error(&self) -> &Value {
        &self.chunks.last().unwrap()["error"]
    }
}
