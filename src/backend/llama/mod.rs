//! Local models: GGUF files through llama.cpp, decoded under the constraint's mask.
//!
//! Nouns: a [`LlamaBackend`] is one loaded model with one context; a *sequence* is one of the context's places, with
//! its part of the KV cache; a *choice* is one answer in the making (a request with `n` has `n` of them), which needs a
//! sequence while it runs; a *step* is one forward pass over all that run.
//!
//! Threads: callers hand a [`Job`] over and get a channel. The *intake* thread renders the chat template, tokenises and
//! starts the constraint; the *worker* thread owns the context and runs the steps; the *masks* thread makes the masks of
//! the next draws while the forward pass runs. Dropping the receiver frees the sequence at the next step.
//!
//! Invariants
//! - A token that the mask forbids is never sampled; without a mask nothing is sampled in a constrained answer.
//! - Forced text is tokenised as the tokenizer would have done it (see `fast_forward.rs`).
//! - Calls of tools are text that the constraint is about; special tokens in a constrained answer are spelled out in it.
//! - An answer that was begun elsewhere is gone on with in the tokens that the tokenizer would have cut (see `seam.rs`).
//! - No text of a caller becomes a control token in a chat (see `template.rs`); in a raw prompt control tokens mean
//!   themselves.
//! - What is drawn depends on the request, its seed and the logits only. llama.cpp's logits differ in their last bits
//!   with the make-up of a batch and with what of the prompt came from the cache, so an answer at a temperature can
//!   still change with the company it is decoded in; an answer by itself is reproduced exactly.
//! - An answer never ends in garbage: an empty mask, a refused token or a failed pass is a
//!   [`Failure`] of the kind `Internal` that names the place.
//!
//! Cost: the worker adds some tens of microseconds to a forward pass; masks run beside it. The KV cache is allocated
//! once: SmolLM2-135M takes 23 kB a token.
//!
//! Refused: apply_chat_template (it knows some templates by heart and is not Jinja), llama.cpp's samplers (they copy the
//! whole vocabulary), its grammars.
//!
//! Sources: llama.cpp's `llama.h`, `llama-sampling.cpp` (order of samplers, penalties) and server (slots, cache reuse).

mod cache;
mod choice;
mod date;
mod fast_forward;
mod intake;
mod job;
mod load;
mod log;
mod masks;
mod prompt;
mod sampler;
mod seam;
mod softmax;
mod stop;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod tokenizer;
mod tools;
mod worker;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant, UNIX_EPOCH},
};

use llama_cpp_2::model::LlamaModel;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::{
    cache::Cache,
    choice::Model,
    intake::{Intake, Order},
    job::Ticket,
    masks::Masker,
    template::ChatTemplate,
    tokenizer::Tokenizer,
    worker::{Pace, Worker},
};
pub use self::{load::LoadError, template::TemplateOrigin};
use super::{Backend, Job};
use crate::{
    inference::{Event, Failure, FailureKind, ModelInfo, ToolForm},
    matcher::Engine,
    vocab::TokenId,
};

/// How the KV cache stores its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvType {
    F32,
    #[default]
    F16,
    Q8,
    Q4,
}

/// How a model is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlamaOptions {
    /// The model's name towards callers; without one, the file's name without its ending.
    pub id: Option<String>,
    /// Threads of a forward pass; without a number, one per core that the process may use.
    pub threads: Option<u32>,
    /// Tokens that the KV cache holds, shared by all sequences; one sequence holds at most what the model was trained
    /// for. Without a number, that, at most 8192.
    pub context: Option<u32>,
    /// How many choices are decoded at the same time.
    pub sequences: u32,
    /// Most tokens in one forward pass.
    pub batch: u32,
    /// Most tokens of prompts in one forward pass while other choices are being answered.
    pub chunk: u32,
    pub kv: KvType,
    /// Layers on the GPU, where there is one; without a number, all.
    pub gpu_layers: Option<u32>,
    /// How many requests may wait for a sequence; more are refused as [`FailureKind::Overloaded`].
    pub queue: u32,
    /// Forced text is not sampled.
    pub fast_forward: bool,
    /// The beginning of a prompt that is still in the KV cache is not read again.
    pub reuse: bool,
}

impl Default for LlamaOptions {
    fn default() -> Self {
        Self {
            id: None,
            threads: None,
            context: None,
            sequences: 4,
            batch: 512,
            chunk: 128,
            kv: KvType::default(),
            gpu_layers: None,
            queue: 64,
            fast_forward: true,
            reuse: true,
        }
    }
}

impl LlamaOptions {
    fn threads(&self) -> u32 {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        self.threads.unwrap_or_else(cores)
    }

    fn check(&self) -> Result<(), LoadError> {
        let within = |option, value: u32, least: u32, most: u32| match (least..=most).contains(&value) {
            true => Ok(()),
            false => {
                let wanted = format!("it must be {least} to {most}");
                Err(LoadError::Option { option, value: value.to_string(), wanted })
            }
        };
        within("threads", self.threads(), 1, 512)?;
        within("context", self.context.unwrap_or(64), 64, 1 << 24)?;
        within("sequences", self.sequences, 1, 64)?;
        within("batch", self.batch, self.sequences.max(8), 16_384)?;
        within("chunk", self.chunk, 1, self.batch)
    }
}

/// One local model, loaded and running.
pub struct LlamaBackend {
    info: ModelInfo,
    engine: Arc<Engine>,
    template: TemplateOrigin,
    tool_form: ToolForm,
    orders: Mutex<mpsc::Sender<Order>>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
    closing: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl LlamaBackend {
    /// Loads a GGUF file: seconds, and about the file's size in memory (mapped) beside the KV cache.
    ///
    /// ```no_run
    /// use espalier::backend::{Backend, llama::{LlamaBackend, LlamaOptions}};
    /// let backend = LlamaBackend::load("SmolLM2-135M-Instruct.Q4_1.gguf", LlamaOptions::default())?;
    /// assert_eq!(backend.models()[0].id, "SmolLM2-135M-Instruct.Q4_1");
    /// # Ok::<(), espalier::backend::llama::LoadError>(())
    /// ```
    ///
    /// # Errors
    /// In plain words: no such file, not a model, damaged, not enough memory, an option out of its range.
    pub fn load(path: impl AsRef<Path>, options: LlamaOptions) -> Result<Arc<Self>, LoadError> {
        Self::load_with_progress(path, options, |_| ())
    }

    /// As [`LlamaBackend::load`]; `progress` is told the part of the file that is loaded, 0 to 1.
    ///
    /// # Errors
    /// As [`LlamaBackend::load`].
    pub fn load_with_progress(
        path: impl AsRef<Path>,
        options: LlamaOptions,
        progress: impl FnMut(f32) + 'static,
    ) -> Result<Arc<Self>, LoadError> {
        let path = path.as_ref();
        options.check()?;
        let native = load::open(path, &options, progress)?;
        let (limit, cells) = load::context_size(&native, &options);
        let id = options.id.clone().unwrap_or_else(|| stem(path));
        let vocabulary = Arc::new(tokenizer::vocabulary(&native, &id));
        let tokenizer = Tokenizer::new(native.clone(), vocabulary.clone());
        let template = chat_template(&native, &tokenizer);
        let (origin, tool_form) = (template.origin(), template.tool_form());
        let info = ModelInfo {
            created: created(path),
            owned_by: "local".to_owned(),
            context_length: limit,
            vocabulary_size: vocabulary.len() as u32,
            path: Some(path.to_string_lossy().into()),
            id,
        };
        let suppressed = native.vocab().suppress_tokens().iter().map(|token| token.0 as TokenId).collect();
        let fast_forward = options.fast_forward;
        let model = Arc::new(Model { tokenizer, suppressed, context: limit as usize, fast_forward });
        let queue = options.queue as usize;
        let (to_worker, inbox) = mpsc::channel();
        let worker = start_worker(native, model.clone(), options, cells, inbox)?;
        let (orders, incoming) = mpsc::channel();
        let intake = Intake { model, template, orders: incoming, worker: to_worker };
        let intake = std::thread::Builder::new().name("intake".to_owned()).spawn(move || intake.run())?;
        Ok(Arc::new(Self {
            info,
            engine: Engine::new(vocabulary),
            template: origin,
            tool_form,
            orders: Mutex::new(orders),
            waiting: Arc::new(AtomicUsize::new(0)),
            queue,
            closing: AtomicBool::new(false),
            threads: Mutex::new(vec![intake, worker]),
        }))
    }

    /// Where the chat template comes from.
    pub fn template_origin(&self) -> TemplateOrigin {
        self.template
    }

    /// Requests that wait for a sequence.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Refuses new requests, lets those that were taken finish within `grace`, and fails the rest with
    /// [`FailureKind::ShuttingDown`]. Blocks until nothing runs any more: at most `grace` and one forward pass.
    pub fn shutdown(&self, grace: Duration) {
        self.closing.store(true, Ordering::Release);
        self.order(Order::Shutdown(Instant::now() + grace));
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!(model = self.info.id, "a thread of the local model had panicked");
            }
        }
    }

    /// False if nobody takes orders any more.
    fn order(&self, order: Order) -> bool {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order).is_ok()
    }
}

impl Backend for LlamaBackend {
    fn models(&self) -> Vec<ModelInfo> {
        vec![self.info.clone()]
    }

    fn engine(&self) -> Option<&Arc<Engine>> {
        Some(&self.engine)
    }

    fn tool_form(&self) -> Option<ToolForm> {
        Some(self.tool_form)
    }

    fn start(&self, job: Job) -> Result<UnboundedReceiver<Event>, Failure> {
        let closing = || Failure::new(FailureKind::ShuttingDown, "the server is going down");
        if self.closing.load(Ordering::Acquire) {
            return Err(closing());
        }
        let Some(ticket) = Ticket::draw(&self.waiting, self.queue) else {
            let message = format!("{} requests wait for the model {} already", self.queue, self.info.id);
            return Err(Failure::new(FailureKind::Overloaded, message));
        };
        let (events, receiver) = unbounded_channel();
        if !self.order(Order::Answer { job, events, ticket }) {
            return Err(match self.closing.load(Ordering::Acquire) {
                true => closing(),
                false => Failure::new(FailureKind::Internal, "the local model has stopped working; see the log"),
            });
        }
        Ok(receiver)
    }

    fn close(&self) {
        self.shutdown(Duration::ZERO);
    }
}

impl Drop for LlamaBackend {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

/// Starts the thread that owns the context, and waits until it has one.
fn start_worker(
    native: Arc<LlamaModel>,
    model: Arc<Model>,
    options: LlamaOptions,
    cells: u32,
    inbox: mpsc::Receiver<worker::Message>,
) -> Result<JoinHandle<()>, LoadError> {
    let (ready, told) = mpsc::channel();
    let work = move || {
        let masker = Masker::new().map_err(LoadError::from);
        let made = masker.and_then(|masker| Ok((masker, load::context(&native, &options, cells)?)));
        let (masker, context) = match made {
            Ok(made) => made,
            Err(error) => {
                // Whoever loads waits for this; if not, there is nobody to tell.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        let reuse = options.reuse && !native.is_recurrent() && !native.is_hybrid();
        let sequences = options.sequences as usize;
        let cache = Cache::new(context, sequences, reuse);
        let pace = Pace { batch: options.batch as usize, chunk: options.chunk as usize, cells: cells as usize };
        Worker::new(model, cache, sequences, pace, masker, inbox).run();
    };
    let thread = std::thread::Builder::new().name("llama".to_owned()).spawn(work)?;
    match told.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(mpsc::RecvError) => Err(LoadError::Library("it panicked while the context was made".to_owned())),
    }
}

fn chat_template(native: &LlamaModel, tokenizer: &Tokenizer) -> ChatTemplate {
    let source = native.chat_template(None).ok().and_then(|template| template.to_string().ok());
    let vocab = native.vocab();
    let written = |token: i32| {
        let known = TokenId::try_from(token).ok().filter(|id| (*id as usize) < tokenizer.vocabulary().len());
        known.map_or(String::new(), |id| String::from_utf8_lossy(tokenizer.vocabulary().bytes(id)).into_owned())
    };
    ChatTemplate::new(source.as_deref(), written(vocab.bos().0), written(vocab.eos().0), tokenizer.vocabulary())
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "local".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// When the file was written, in Unix seconds; 0 if nobody knows.
fn created(path: &Path) -> u64 {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs())
}
