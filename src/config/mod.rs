//! The configuration file: as written, with a default for every value.
//!
//! Nouns: a [`Config`] is the whole file, one TOML document; its tables are [`Server`], [`Model`]s, [`Limits`],
//! [`Log`], the documents that schemas may refer to, and [`Deployment`]s with their [`Routing`].
//!
//! Invariants: unknown keys and values out of range are errors with their line; what JSON Schema can say about the file
//! is said in `schemas/config.schema.json`, exactly (a test holds the two together); secrets are never in the file, only
//! the names of the environment variables that hold them. Command-line flags override the file; that is done by the
//! command line.

mod deployment;

pub use deployment::{Deployment, Price, ProviderKind, Routing, Structured, Timeouts};

use std::{
    collections::{BTreeMap, HashSet},
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    /// Without any, and without deployments, the default model is served if it is there.
    pub models: Vec<Model>,
    /// Models that are elsewhere.
    pub deployments: Vec<Deployment>,
    pub routing: Routing,
    pub limits: Limits,
    pub log: Log,
    /// Documents that schemas may refer to: a file for each URI. Nothing is fetched.
    pub schemas: BTreeMap<String, PathBuf>,
}

/// Where the server listens, and for whom.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// A name or an address.
    pub host: String,
    /// 0 takes any free port.
    pub port: u16,
    /// Names of environment variables that hold a key each. With none, no key is asked for.
    pub api_key_env: Vec<String>,
    /// Time for running answers when the server is asked to end.
    pub shutdown_grace_seconds: u32,
}

/// A local model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name that requests use; by default the file's name without `.gguf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A GGUF file.
    pub path: PathBuf,
    /// Tokens of context that all sequences share; by default what the model was trained for, within reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<NonZeroU32>,
    /// Answers that are decoded at the same time.
    #[serde(default = "four")]
    pub sequences: NonZeroU32,
    /// Threads; by default one a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<NonZeroU32>,
    /// How keys and values are kept.
    #[serde(default)]
    pub kv: Kv,
}

/// Precision of the KV cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kv {
    F32,
    #[default]
    F16,
    Q8_0,
    Q4_0,
}

/// What one request may take.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes: NonZeroU32,
    /// Bytes of a constraint's text.
    pub constraint_bytes: NonZeroU32,
    /// Time to compile a constraint.
    pub compile_seconds: NonZeroU32,
    /// Compiled constraints that are kept.
    pub constraints_kept: NonZeroU32,
    /// Requests that may wait; more are turned away.
    pub queue: NonZeroU32,
    /// Time from a request to the end of its answer.
    pub answer_seconds: NonZeroU32,
}

/// What is logged, on standard error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: Level,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Names the line, the column and the key.
    #[error("{path}: {message}")]
    Invalid { path: PathBuf, message: String },
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is not TOML, has unknown keys or values that are out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })
    }

    /// Reads a file's text; the error is a message.
    ///
    /// ```
    /// use espalier::config::Config;
    /// let config = Config::parse("[server]\nport = 9000").unwrap();
    /// assert_eq!(config.server.port, 9000);
    /// assert!(Config::parse("[server]\nprot = 9000").unwrap_err().contains("line 2"));
    /// ```
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut ids = HashSet::new();
        if let Some(id) = config.models.iter().map(Model::id).find(|id| !ids.insert(id.clone())) {
            return Err(format!("two models have the id {id:?}; give one of them another"));
        }
        if let Some(taken) =
            config.deployments.iter().map(|deployment| &deployment.name).find(|name| ids.contains(*name))
        {
            return Err(format!("a deployment has the name {taken:?}, which is a local model's id; give it another"));
        }
        let mut own = HashSet::new();
        match config.deployments.iter().map(Deployment::id).find(|id| !own.insert(id.clone())) {
            Some(id) => Err(format!("two deployments have the id {id:?}; give one of them another")),
            None => Ok(config),
        }
    }
}

impl Model {
    /// With defaults for all but the file.
    pub fn new(path: PathBuf) -> Self {
        Self { id: None, path, context: None, sequences: four(), threads: None, kv: Kv::default() }
    }

    /// The name that requests use.
    pub fn id(&self) -> String {
        let name = || self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.id.clone().unwrap_or_else(|| name().trim_end_matches(".gguf").to_owned())
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 8080, api_key_env: Vec::new(), shutdown_grace_seconds: 30 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: at_least_one(16 << 20),
            constraint_bytes: at_least_one(4 << 20),
            compile_seconds: at_least_one(10),
            constraints_kept: at_least_one(256),
            queue: at_least_one(256),
            answer_seconds: at_least_one(600),
        }
    }
}

fn four() -> NonZeroU32 {
    at_least_one(4)
}

fn at_least_one(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}
