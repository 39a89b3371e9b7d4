//! Opens a model file, with errors in plain words.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use llama_cpp_2::{
    context::{
        LlamaContext,
        params::{KvCacheType, LlamaContextParams},
    },
    llama_backend::LlamaBackend as Native,
    model::{LlamaModel, params::LlamaModelParams},
};

use super::{KvType, LlamaOptions, log};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("there is no model file {path}")]
    Missing { path: PathBuf },
    #[error("the model file {path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is no GGUF model: it begins with {start:?} instead of \"GGUF\"{hint}")]
    NotGguf { path: PathBuf, start: String, hint: &'static str },
    #[error("the model file {path} is damaged, cut short or of a kind that llama.cpp cannot read: {detail}")]
    Corrupt { path: PathBuf, detail: String },
    #[error("{path} holds a model of the kind {architecture:?}, which does not continue text")]
    NotGenerative { path: PathBuf, architecture: String },
    #[error("the option {option} is {value}: {wanted}")]
    Option { option: &'static str, value: String, wanted: String },
    #[error("no context of {cells} tokens can be made for the model; a smaller one may fit the memory: {detail}")]
    Context { cells: u32, detail: String },
    #[error("llama.cpp cannot be started: {0}")]
    Library(String),
    #[error("no thread can be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// The library, started once in a process.
pub(super) fn native() -> Result<&'static Native, LoadError> {
    static NATIVE: OnceLock<Result<Native, String>> = OnceLock::new();
    let native = NATIVE.get_or_init(|| {
        log::install();
        Native::init().map_err(|error| error.to_string())
    });
    native.as_ref().map_err(|why| LoadError::Library(why.clone()))
}

/// Reads the file. `progress` is told the part that is loaded, 0 to 1.
pub(super) fn open(
    path: &Path,
    options: &LlamaOptions,
    mut progress: impl FnMut(f32) + 'static,
) -> Result<Arc<LlamaModel>, LoadError> {
    // One at a time: the log of llama.cpp, which says what is wrong with a file, is the process's.
    static ONE: Mutex<()> = Mutex::new(());
    let native = native()?;
    check_start(path)?;
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    log::forget();
    let mut parameters = LlamaModelParams::default().with_progress_callback(move |part| {
        progress(part);
        true
    });
    if let Some(layers) = options.gpu_layers {
        parameters = parameters.with_n_gpu_layers(layers);
    }
    let corrupt = |_| LoadError::Corrupt { path: path.to_owned(), detail: log::complaints() };
    let model = LlamaModel::load_from_file(native, path, &parameters).map_err(corrupt)?;
    let architecture = model.meta_val_str("general.architecture").unwrap_or_default();
    let is_encoder = architecture.contains("bert") || architecture.contains("t5") || architecture.contains("-embed");
    if is_encoder || model.n_vocab() <= 0 {
        return Err(LoadError::NotGenerative { path: path.to_owned(), architecture });
    }
    Ok(Arc::new(model))
}

fn check_start(path: &Path) -> Result<(), LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(LoadError::Missing { path: path.to_owned() });
        }
        metadata => metadata.map_err(unreadable)?,
    };
    if !metadata.is_file() {
        let source = std::io::Error::other("it is not a file");
        return Err(LoadError::Unreadable { path: path.to_owned(), source });
    }
    let mut start = Vec::new();
    File::open(path).map_err(unreadable)?.take(4).read_to_end(&mut start).map_err(unreadable)?;
    if start == b"GGUF" {
        return Ok(());
    }
    let hint = match start.as_slice() {
        b"" => " (the file is empty)",
        b"vers" => " (a pointer of Git LFS: fetch the file itself)",
        [b'<', ..] => " (a web page: the download went wrong)",
        b"PK\x03\x04" => " (a zip archive: unpack it first)",
        _ => "",
    };
    Err(LoadError::NotGguf { path: path.to_owned(), start: String::from_utf8_lossy(&start).into_owned(), hint })
}

/// Most tokens of one sequence, and cells of the whole cache.
pub(super) fn context_size(model: &LlamaModel, options: &LlamaOptions) -> (u32, u32) {
    /// What fits a small machine's memory for any model that does.
    const DEFAULT: u32 = 8192;
    let trained = model.n_ctx_train();
    let cells = options.context.unwrap_or(trained.min(DEFAULT));
    (cells.min(trained), cells)
}

/// Makes the context; `cells` are shared by all sequences.
pub(super) fn context<'model>(
    model: &'model LlamaModel,
    options: &LlamaOptions,
    cells: u32,
) -> Result<LlamaContext<'model>, LoadError> {
    let kv = match options.kv {
        KvType::F32 => KvCacheType::F32,
        KvType::F16 => KvCacheType::F16,
        KvType::Q8 => KvCacheType::Q8_0,
        KvType::Q4 => KvCacheType::Q4_0,
    };
    let threads = options.threads() as i32;
    let parameters = LlamaContextParams::default()
        .with_n_ctx(std::num::NonZeroU32::new(cells))
        .with_n_batch(options.batch)
        .with_n_ubatch(options.batch.min(512))
        .with_n_seq_max(options.sequences)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(kv)
        .with_type_v(kv)
        // Otherwise the cells are split evenly among the sequences.
        .with_kv_unified(true)
        .with_no_perf(true);
    let context = model.new_context(native()?, parameters);
    context.map_err(|_| LoadError::Context { cells, detail: log::complaints() })
}
