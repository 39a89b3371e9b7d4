//! `espalier serve`

use std::{collections::BTreeMap, io, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use espalier::{
    backend::Backend,
    config::{self, Config, LogFormat},
    frontend::Documents,
    gateway::{self, Gateway},
    server::{ApiKeys, App, Metrics},
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use super::{Problem, configuration, constraint::read_text, deployments, store::Store};

#[derive(Args)]
pub(super) struct Serve {
    /// A GGUF file, or the name of a fetched model; by default those of the configuration, else the default model
    #[arg(long, value_name = "PATH|ID")]
    model: Option<String>,
    /// 0 takes any free port [default: 8080]
    #[arg(long)]
    port: Option<u16>,
    /// A name or an address [default: 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// The configuration file; by default ./espalier.toml, if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Tokens of context that all sequences share [default: what the model was trained for, at most 8192]
    #[arg(long, value_name = "TOKENS")]
    context: Option<std::num::NonZeroU32>,
    /// Answers that are decoded at the same time [default: 4]
    #[arg(long)]
    sequences: Option<std::num::NonZeroU32>,
    /// Threads of a forward pass [default: one a core]
    #[arg(long)]
    threads: Option<std::num::NonZeroU32>,
    /// Sample every token, also where the constraint leaves no choice (for measurements)
    #[arg(long)]
    no_fast_forward: bool,
    #[command(flatten)]
    store: Store,
}

/// Starts this program anew with a bound on how long llama.cpp's threads spin at a barrier (the OpenMP library reads it
/// when it is loaded). By default they spin for milliseconds: as soon as anything else wants one of the cores, each of
/// the hundreds of barriers in a forward pass waits for the scheduler, and decoding becomes tens of times slower.
#[cfg(all(feature = "llama", target_os = "linux"))]
fn wait_briefly() {
    use std::os::unix::process::CommandExt;
    const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "3000");
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set(SPINS.0) || is_set("OMP_WAIT_POLICY") {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // It returns only if it failed; then all goes on as it would have.
        let error = std::process::Command::new(program).args(std::env::args_os().skip(1)).env(SPINS.0, SPINS.1).exec();
        tracing::debug!(%error, "the server could not be started with shorter waits");
    }
}

#[cfg(not(all(feature = "llama", target_os = "linux")))]
fn wait_briefly() {}

impl Serve {
    pub fn run(self) -> Result<ExitCode, Problem> {
        wait_briefly();
        let mut config = configuration::load(self.config.as_deref())?;
        self.override_values(&mut config)?;
        start_log(&config.log);
        let keys = keys(&config.server.api_key_env)?;
        let runtime = tokio::runtime::Runtime::new().map_err(Problem::new)?;
        // The port first: whether it is free is known at once, a model takes its time.
        let listener = runtime.block_on(listen(&config.server))?;
        let address = listener.local_addr().map_err(Problem::new)?;
        let backends = config.models.iter().map(|model| load(model, &config.limits, !self.no_fast_forward));
        let backends = backends.collect::<Result<Vec<_>, _>>()?;
        let routes = deployments::routes(&config, &backends)?;
        let documents = documents(&config.schemas)?;
        let app = Arc::new(App {
            gateway: Gateway::new(backends, limits(&config.limits)).with_routes(routes).with_documents(documents),
            metrics: Metrics::new(),
            keys: ApiKeys::new(keys.iter().map(String::as_str)),
            body_limit: config.limits.body_bytes.get() as usize,
        });
        greet(&app, &format!("http://{address}"), config.server.api_key_env.first());
        let grace = Duration::from_secs(config.server.shutdown_grace_seconds.into());
        // Before the first request is read: from then on a signal ends the server in good order.
        let signals = runtime.block_on(async { Signals::new() });
        let served = runtime.block_on(espalier::server::serve(listener, app.clone(), asked_to_end(signals), grace));
        served.map_err(|error| Problem::new(format!("the server failed: {error}")))?;
        app.gateway.close();
        // Connections that are silent would hold the runtime up.
        runtime.shutdown_background();
        Ok(ExitCode::SUCCESS)
    }

    fn override_values(&self, config: &mut Config) -> Result<(), Problem> {
        if let Some(model) = &self.model {
            config.models = vec![config::Model::new(self.store.find(model)?)];
        } else if config.models.is_empty() && config.deployments.is_empty() {
            config.models = vec![config::Model::new(self.store.default_model()?)];
        }
        for model in &mut config.models {
            model.context = self.context.or(model.context);
            model.sequences = self.sequences.unwrap_or(model.sequences);
            model.threads = self.threads.or(model.threads);
        }
        config.server.port = self.port.unwrap_or(config.server.port);
        if let Some(host) = &self.host {
            config.server.host.clone_from(host);
        }
        Ok(())
    }
}

async fn listen(server: &config::Server) -> Result<TcpListener, Problem> {
    let config::Server { host, port, .. } = server;
    TcpListener::bind((host.as_str(), *port)).await.map_err(|error| {
        Problem::new(match error.kind() {
            io::ErrorKind::AddrInUse => format!("port {port} on {host} is in use; choose another with --port"),
            _ => format!("cannot listen on {host}, port {port}: {error}"),
        })
    })
}

fn keys(names: &[String]) -> Result<Vec<String>, Problem> {
    let key = |name: &String| match std::env::var(name) {
        Ok(key) if !key.trim().is_empty() => Ok(key.trim().to_owned()),
        _ => Err(Problem::new(format!("the environment variable {name} shall hold an API key, and is empty"))),
    };
    names.iter().map(key).collect()
}

fn documents(files: &BTreeMap<String, PathBuf>) -> Result<Documents, Problem> {
    let read = |(uri, path): (&String, &PathBuf)| Ok((uri.clone(), read_text(path)?));
    Ok(Documents::new(files.iter().map(read).collect::<Result<Vec<_>, Problem>>()?))
}

fn limits(limits: &config::Limits) -> gateway::Limits {
    gateway::Limits {
        constraint_bytes: limits.constraint_bytes.get() as usize,
        compile: Duration::from_secs(limits.compile_seconds.get().into()),
        queue: limits.queue.get() as usize,
        answer: Duration::from_secs(limits.answer_seconds.get().into()),
        programs: limits.constraints_kept.get() as usize,
        ..gateway::Limits::default()
    }
}

/// RUST_LOG, if it is there, wins over the configuration.
fn start_log(log: &config::Log) {
    let level = format!("{:?}", log.level).to_lowercase();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

/// What is served, where, and how to see a constrained answer.
fn greet(app: &App, url: &str, key: Option<&String>) {
    let models = app.gateway.models();
    for model in &models {
        match &model.path {
            Some(file) => println!("Serving {} ({file}, {} tokens of context)", model.id, model.context_length),
            None => println!("Serving {} ({})", model.id, model.owned_by),
        }
    }
    println!("Listening on {url}; Ctrl-C ends it. A constrained answer:\n");
    let model = models.first().map_or("", |model| &model.id);
    let body = serde_json::json!({
        "model": model,
        "messages": [{"role": "user", "content": "Make up a person."}],
        "max_tokens": 100,
        "response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "age": {"type": "integer", "minimum": 18, "maximum": 99},
                "plan": {"enum": ["free", "basic", "premium"]}},
            "required": ["name", "age", "plan"],
            "additionalProperties": false}}}
    });
    // Within single quotes of a shell, only a single quote needs care.
    let body = body.to_string().replace('\'', r"'\''");
    let key = key.map_or(String::new(), |name| format!(" -H \"authorization: Bearer ${name}\""));
    println!("curl -s {url}/v1/chat/completions -H 'content-type: application/json'{key} -d '{body}'\n");
}

/// Ready at the first Ctrl-C or SIGTERM; a second one ends the process at once.
async fn asked_to_end(mut signals: Signals) {
    signals.next().await;
    eprintln!("Ending: running answers may finish; Ctrl-C again ends at once");
    tokio::spawn(async move {
        signals.next().await;
        // Without destructors: the threads of a forward pass may be at work, and would find their data gone.
        signal_hook::low_level::exit(130);
    });
}

/// SIGTERM and Ctrl-C, as far as the system lets us listen to them.
struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Signals {
    fn new() -> Self {
        Self { terminate: signal(SignalKind::terminate()).ok(), interrupt: signal(SignalKind::interrupt()).ok() }
    }

    /// Ready when one has come.
    async fn next(&mut self) {
        async fn one(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        let Self { terminate, interrupt } = self;
        tokio::select! {
            () = one(terminate) => {}
            () = one(interrupt) => {}
        }
    }
}

#[cfg(feature = "llama")]
fn load(model: &config::Model, limits: &config::Limits, fast_forward: bool) -> Result<Arc<dyn Backend>, Problem> {
    use espalier::backend::llama::{KvType, LlamaBackend, LlamaOptions};
    eprintln!("Loading {}", model.path.display());
    let options = LlamaOptions {
        id: Some(model.id()),
        threads: model.threads.map(Into::into),
        context: model.context.map(Into::into),
        sequences: model.sequences.into(),
        kv: match model.kv {
            config::Kv::F32 => KvType::F32,
            config::Kv::F16 => KvType::F16,
            config::Kv::Q8_0 => KvType::Q8,
            config::Kv::Q4_0 => KvType::Q4,
        },
        queue: limits.queue.into(),
        fast_forward,
        ..LlamaOptions::default()
    };
    Ok(LlamaBackend::load(&model.path, options).map_err(Problem::new)?)
}

#[cfg(not(feature = "llama"))]
fn load(model: &config::Model, _limits: &config::Limits, _fast_forward: bool) -> Result<Arc<dyn Backend>, Problem> {
    Err(Problem::new(format!("cannot load {}: this build has no local models (feature `llama`)", model.path.display())))
}

/// The engine over a model's vocabulary, for commands that do not generate.
#[cfg(feature = "llama")]
pub(super) fn vocabulary_of(path: &std::path::Path) -> Result<Arc<espalier::matcher::Engine>, Problem> {
    let backend = load(&config::Model::new(path.to_owned()), &config::Limits::default(), true)?;
    backend.engine().cloned().ok_or_else(|| Problem::new("the model has no vocabulary"))
}
