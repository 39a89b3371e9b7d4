//! Answers from elsewhere: the only HTTP client of the house.
//!
//! Nouns: a [`Provider`] is one deployment, a model at a host with a key; a `Vendor` is what differs between hosts, one
//! file each: which ways there are, how a request is written, how an answer is read; a [`Host`] is what differs between
//! hosts of the same protocol, as data.
//!
//! Invariants:
//! - keys are never in a message, a log line or a debug print, and never follow a redirect (none is followed);
//! - a status, a content type, a page of HTML, a stream that breaks off: whatever is no answer becomes a
//!   [`Failure`] whose kind says what may help;
//! - no wait is unbounded, and no answer is taken beyond a number of bytes;
//! - dropping the receiver ends the request at the provider.
//!
//! Cost: one connection pool for each deployment; a chunk is parsed once, out of the buffer it arrived in. Schemas are
//! lowered once and kept, a few hundred of them.
//!
//! Sources: the providers' published descriptions and official clients; see the files of the vendors.

mod anthropic;
mod bedrock;
mod drive;
mod frames;
mod gemini;
mod google;
mod hosts;
mod ollama;
mod openai_compatible;
mod openai_responses;
mod seam;
mod ways;

pub use google::Tokens;
pub use hosts::{HOSTS, Home, Host, Prefill, home};

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{Backend, Job, Way};
use crate::{
    inference::{Event, Failure, FailureKind, Method, ModelInfo, Request},
    matcher::Engine,
};

/// A key, which shows nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Which of the ways to a structured answer may be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Structured {
    /// The strongest that the host is known to have.
    #[default]
    Auto,
    Native,
    ForcedTool,
    Prompted,
}

/// One deployment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in receipts.
    pub id: String,
    /// The model's name at the provider.
    pub model: String,
    pub base_url: String,
    pub key: Option<Secret>,
    /// Where keys come from that do not last.
    pub tokens: Option<Arc<Tokens>>,
    /// The version of an address that has one: Azure's older ones.
    pub api_version: Option<String>,
    /// Headers that every request carries.
    pub headers: Vec<(String, String)>,
    pub structured: Structured,
    pub connect: Duration,
    /// Most bytes of an answer.
    pub answer_bytes: usize,
    /// Whether the model goes on with the beginning of an answer; without a word, what is known of it counts.
    pub prefill: Option<bool>,
    /// Keys of an AWS account, for providers that take signatures.
    pub aws: Option<Aws>,
}

/// Keys of an AWS account.
#[derive(Clone, Debug)]
pub struct Aws {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
    pub region: String,
}

/// A request as HTTP.
pub(super) struct Call {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// How a stream is cut into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Sse,
    /// A JSON value on each line.
    Lines,
    /// AWS's binary frames.
    EventStream,
}

/// Reads one answer.
pub(super) trait Reader: Send {
    /// One event of a stream.
    fn event(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure>;
    /// Nothing more is to come.
    fn is_done(&self) -> bool;
    /// The stream ended.
    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure>;
    /// An answer in one piece.
    fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure>;
}

/// What differs between hosts.
pub(super) trait Vendor: Send + Sync {
    fn kind(&self) -> &'static str;
    /// See [`Backend::ways`].
    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure>;
    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure>;
    fn reader(&self, job: &Job) -> Box<dyn Reader>;
    fn framing(&self) -> Framing;
    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure;
    /// Whether the model goes on with the beginning of an answer, and how; none if it does not.
    fn prefill(&self, _settings: &Settings) -> Option<Prefill> {
        None
    }
    /// The provider did not take the schema of this request in this way: it is not tried again.
    fn refused(&self, job: &Job);
}

/// One deployment as a backend.
pub struct Provider {
    settings: Arc<Settings>,
    vendor: Arc<dyn Vendor>,
    client: reqwest::Client,
}

impl Provider {
    /// # Errors
    /// A host that is not known, an address that is none, a client that cannot be made.
    pub fn new(kind: &str, settings: Settings) -> Result<Self, Failure> {
        let wrong = |message: String| Failure::new(FailureKind::Misconfigured, message);
        let vendor = vendor(kind).ok_or_else(|| wrong(format!("there is no provider {kind:?}")))?;
        reqwest::Url::parse(&settings.base_url)
            .map_err(|error| wrong(format!("{}: {:?} is no URL: {error}", settings.id, settings.base_url)))?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("espalier/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(60))
            .build()
            .map_err(|error| wrong(format!("{}: no HTTP client can be made: {error}", settings.id)))?;
        Ok(Self { settings: Arc::new(settings), vendor, client })
    }
}

/// Who speaks the protocol of this kind of provider.
fn vendor(kind: &str) -> Option<Arc<dyn Vendor>> {
    Some(match kind {
        "anthropic" => Arc::new(anthropic::Anthropic::new(false)),
        "vertex_anthropic" => Arc::new(anthropic::Anthropic::new(true)),
        "gemini" => Arc::new(gemini::Gemini::new(false)),
        "vertex_gemini" => Arc::new(gemini::Gemini::new(true)),
        "ollama" => Arc::new(ollama::Ollama::new()),
        "bedrock" => Arc::new(bedrock::Bedrock::new()),
        "openai_responses" => Arc::new(openai_responses::OpenAiResponses::new()),
        kind => Arc::new(openai_compatible::OpenAiCompatible::new(hosts::find(kind)?)),
    })
}

impl Backend for Provider {
    fn models(&self) -> Vec<ModelInfo> {
        vec![ModelInfo {
            id: self.settings.id.clone(),
            created: 0,
            owned_by: self.vendor.kind().to_owned(),
            context_length: 0,
            vocabulary_size: 0,
            path: None,
        }]
    }

    fn engine(&self) -> Option<&Arc<Engine>> {
        None
    }

    fn provider(&self) -> Option<&'static str> {
        Some(self.vendor.kind())
    }

    fn ways(&self, request: &Request) -> Result<Vec<Way>, Failure> {
        ways::check(request)?;
        self.vendor.ways(&self.settings, request)
    }

    /// In the prompt: a provider's structured mode would begin anew.
    fn continues(&self) -> Option<Way> {
        self.vendor.prefill(&self.settings).map(|_| Way::new(Method::Prompted))
    }

    fn start(&self, job: Job) -> Result<mpsc::UnboundedReceiver<Event>, Failure> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let run = drive::Run {
            client: self.client.clone(),
            settings: self.settings.clone(),
            vendor: self.vendor.clone(),
            job,
            sender,
        };
        tokio::spawn(run.run());
        Ok(receiver)
    }
}
