//! The flags for a constraint and for a vocabulary, the same for every command.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use espalier::{
    budget::Limits,
    frontend::{Constraint, Diagnostic, Documents, Formats, JsonSchema, Policy},
    guard::Repairer,
    matcher::{Engine, Program},
    vocab::{TokenizerOptions, Vocabulary, byte_vocabulary},
};

use super::Problem;

/// What the text must satisfy.
#[derive(Args)]
pub(super) struct ConstraintFlags {
    /// A file with a JSON Schema
    #[arg(long, value_name = "FILE", required = true)]
    json_schema: Option<PathBuf>,
    /// Whether the formats of JSON Schema are enforced or demand nothing
    #[arg(long, value_name = "HOW", default_value = "assert", value_parser = ["assert", "annotate"])]
    formats: String,
    /// A document that the schema may refer to by this URI; may be given several times. Nothing is fetched
    #[arg(long = "document", value_name = "URI=FILE", value_parser = document)]
    documents: Vec<(String, PathBuf)>,
}

/// `URI=FILE`; a URI may have `=` in its query, so the last one parts them.
fn document(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (uri, file) = text.rsplit_once('=').ok_or("expected URI=FILE")?;
    Ok((uri.to_owned(), file.into()))
}

/// Which tokens there are.
#[derive(Args)]
pub(super) struct VocabularyFlags {
    /// A tokenizer.json to take the tokens from; by default every byte is a token
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// A GGUF model to take the tokens from
    #[cfg(feature = "llama")]
    #[arg(long, value_name = "GGUF", conflicts_with = "tokenizer")]
    model: Option<PathBuf>,
}

impl ConstraintFlags {
    /// Compiles the constraint.
    pub fn compile(&self, engine: &Arc<Engine>, policy: Policy) -> Result<Arc<Program>, Problem> {
        let constraint = self.constraint()?;
        engine.compile(&constraint, Policy { formats: self.formats(), ..policy }).map_err(|why| self.refused(&why))
    }

    /// The constraint for texts that are to be repaired; any JSON value where a command does not require one.
    pub fn repairer(&self) -> Result<Repairer, Problem> {
        let policy = Policy { formats: self.formats(), ..Policy::LENIENT };
        let repairer = Repairer::within(&self.constraint()?, policy, Limits::default(), &Arc::default());
        repairer.map_err(|why| self.refused(&why))
    }

    fn refused(&self, why: &Diagnostic) -> Problem {
        let file = self.json_schema.as_deref().unwrap_or(Path::new("-"));
        Problem::refused(format!("{}: {why}", file.display()))
    }

    fn formats(&self) -> Formats {
        if self.formats == "annotate" { Formats::Annotate } else { Formats::Assert }
    }

    fn constraint(&self) -> Result<Constraint, Problem> {
        let mut documents = Vec::new();
        for (uri, path) in &self.documents {
            documents.push((uri, read_text(path)?));
        }
        let text = self.json_schema.as_deref().map_or(Ok("{}".to_owned()), read_text)?.into();
        Ok(Constraint::JsonSchema(JsonSchema { text, documents: Documents::new(documents) }))
    }
}

impl VocabularyFlags {
    pub fn engine(&self) -> Result<Arc<Engine>, Problem> {
        #[cfg(feature = "llama")]
        if let Some(path) = &self.model {
            return super::serve::vocabulary_of(path);
        }
        let Some(path) = &self.tokenizer else { return Ok(byte_engine()) };
        let json = fs::read(path).map_err(|error| unreadable(path, &error))?;
        let name = path.display().to_string();
        let vocabulary = Vocabulary::from_tokenizer_json(&name, &json, &TokenizerOptions::default())
            .map_err(|error| Problem::new(format!("{name}: {error}")))?;
        Ok(Engine::new(Arc::new(vocabulary)))
    }
}

/// For commands that look at text only.
pub(super) fn byte_engine() -> Arc<Engine> {
    Engine::new(Arc::new(byte_vocabulary()))
}

/// A file's text; `-` is standard input.
pub(super) fn read_text(path: &Path) -> Result<String, Problem> {
    let text = match path.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => fs::read_to_string(path),
    };
    text.map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("cannot read {}: {error}", path.display()))
}
