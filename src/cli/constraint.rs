//! The flags for a constraint and for a vocabulary, the same for every command.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{ArgGroup, Args};
use espalier::{
    budget::Limits,
    frontend::{
        Constraint, Diagnostic, Dialect, Documents, Formats, JsonSchema, Notation, Policy, SqlDemand, Written, builtin,
    },
    guard::Repairer,
    matcher::{Engine, Program},
    vocab::{TokenizerOptions, Vocabulary, byte_vocabulary},
};

use super::Problem;

/// What the text must satisfy.
#[derive(Args)]
#[command(group = ArgGroup::new("demand").required(true).multiple(false))]
pub(super) struct ConstraintFlags {
    /// A file with a JSON Schema
    #[arg(long, value_name = "FILE", group = "demand")]
    json_schema: Option<PathBuf>,
    /// A regular expression that matches the whole text
    #[arg(long, value_name = "REGEX", group = "demand", allow_hyphen_values = true)]
    regex: Option<String>,
    /// How the regular expression is written
    #[arg(long, value_name = "DIALECT", default_value = "ecma", value_parser = ["ecma", "rust", "python"], requires = "regex",
        conflicts_with_all = ["json_schema", "choice", "lark", "gbnf", "ebnf", "structural_tag", "condition", "sql"])]
    regex_syntax: String,
    /// A file of texts to choose from: a line each, or a JSON array if its name ends with .json
    #[arg(long, value_name = "FILE", group = "demand")]
    choice: Option<PathBuf>,
    /// A file with a grammar in Lark's notation, or @ and the name of one that comes along, as @csv
    #[arg(long, value_name = "FILE", group = "demand")]
    lark: Option<PathBuf>,
    /// A file with a grammar in llama.cpp's notation
    #[arg(long, value_name = "FILE", group = "demand")]
    gbnf: Option<PathBuf>,
    /// A file with a grammar in XGrammar's notation
    #[arg(long, value_name = "FILE", group = "demand")]
    ebnf: Option<PathBuf>,
    /// A file with a structural tag: free text with constrained parts
    #[arg(long, value_name = "FILE", group = "demand")]
    structural_tag: Option<PathBuf>,
    /// A condition on the text
    #[arg(long = "where", value_name = "EXPRESSION", group = "demand")]
    condition: Option<String>,
    /// A dialect of SQL: the text is one SELECT that the database accepts against the catalog
    #[arg(long, value_name = "DIALECT", group = "demand", requires = "catalog")]
    sql: Option<String>,
    /// A file of CREATE TABLE and CREATE VIEW statements
    #[arg(long, value_name = "FILE", requires = "sql")]
    catalog: Option<PathBuf>,
    /// The rule that a grammar begins with, if it is not the usual one
    #[arg(long, value_name = "RULE")]
    start: Option<String>,
    /// Whether the formats of JSON Schema are enforced or demand nothing
    #[arg(long, value_name = "HOW", default_value = "assert", value_parser = ["assert", "annotate"])]
    formats: String,
    /// A document that the schema may refer to by this URI; may be given several times. Nothing is fetched
    #[arg(long = "document", value_name = "URI=FILE", value_parser = document, requires = "json_schema",
        conflicts_with_all = ["regex", "choice", "lark", "gbnf", "ebnf", "structural_tag", "condition", "sql"])]
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

    /// Compiles the constraint for texts of which no tokens are known: a special token stands in them as it is spelled.
    pub fn compile_for_text(&self) -> Result<Arc<Program>, Problem> {
        let policy = Policy { formats: self.formats(), ..Policy::LENIENT };
        let compiled = byte_engine().compile(&self.constraint_on_text()?, policy);
        let program = compiled.map_err(|why| self.refused(&why))?;
        if program.counts_tokens() {
            return Err(self.refused(&Diagnostic::uncountable()));
        }
        Ok(program)
    }

    fn constraint_on_text(&self) -> Result<Constraint, Problem> {
        let constraint = self.constraint()?;
        let spelled = constraint.spelled(None).map_err(|why| self.refused(&why))?;
        Ok(spelled.unwrap_or(constraint))
    }

    /// The constraint for texts that are to be repaired; any JSON value where a command does not require one.
    pub fn repairer(&self) -> Result<Repairer, Problem> {
        let policy = Policy { formats: self.formats(), ..Policy::LENIENT };
        let repairer = Repairer::within(&self.constraint_on_text()?, policy, Limits::default(), &Arc::default());
        repairer.map_err(|why| self.refused(&why))
    }

    fn refused(&self, why: &Diagnostic) -> Problem {
        let files =
            [&self.json_schema, &self.choice, &self.lark, &self.gbnf, &self.ebnf, &self.structural_tag, &self.catalog];
        let place = match files.into_iter().flatten().next() {
            Some(file) => file.display().to_string(),
            None if self.regex.is_some() => "--regex".to_owned(),
            None if self.condition.is_some() => "--where".to_owned(),
            None => "-".to_owned(),
        };
        Problem::refused(format!("{place}: {why}"))
    }

    fn formats(&self) -> Formats {
        if self.formats == "annotate" { Formats::Annotate } else { Formats::Assert }
    }

    fn constraint(&self) -> Result<Constraint, Problem> {
        if let Some(written) = self.written()? {
            return Ok(Constraint::Written(written));
        }
        if let (Some(dialect), Some(catalog)) = (&self.sql, &self.catalog) {
            let catalog = read_text(catalog)?.into();
            return Ok(Constraint::Sql(SqlDemand { dialect: dialect.as_str().into(), catalog }));
        }
        let mut documents = Vec::new();
        for (uri, path) in &self.documents {
            documents.push((uri, read_text(path)?));
        }
        let text = self.json_schema.as_deref().map_or(Ok("{}".to_owned()), read_text)?.into();
        Ok(Constraint::JsonSchema(JsonSchema { text, documents: Documents::new(documents) }))
    }

    /// What is demanded in a language of its own.
    fn written(&self) -> Result<Option<Written>, Problem> {
        let dialect = match &*self.regex_syntax {
            "rust" => Dialect::Rust,
            "python" => Dialect::Python,
            _ => Dialect::Ecma,
        };
        let texts = [(&self.regex, Notation::Regex(dialect)), (&self.condition, Notation::Where)];
        let files = [
            (&self.choice, Notation::Choice),
            (&self.lark, Notation::Lark),
            (&self.gbnf, Notation::Gbnf),
            (&self.ebnf, Notation::Ebnf),
            (&self.structural_tag, Notation::StructuralTag),
        ];
        let inline = texts.into_iter().find_map(|(text, notation)| Some((text.clone()?, notation)));
        let (text, notation) = match inline {
            Some(inline) => inline,
            None => match files.into_iter().find_map(|(file, notation)| Some((file.as_deref()?, notation))) {
                None => return Ok(None),
                Some((file, Notation::Choice)) => (choices(file)?, Notation::Choice),
                Some((name, Notation::Lark)) if is_name(name) => (name.display().to_string(), Notation::Lark),
                Some((file, notation)) => (read_text(file)?, notation),
            },
        };
        let start = self.start.as_deref().map(Into::into);
        Ok(Some(Written { start, ..Written::new(notation, text) }))
    }
}

/// The name of a grammar that comes along, unless a file is called so.
fn is_name(path: &Path) -> bool {
    path.to_str().and_then(builtin::name_in).is_some() && !path.exists()
}

/// A list of texts as JSON: as it stands, or from lines.
fn choices(path: &Path) -> Result<String, Problem> {
    let text = read_text(path)?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return Ok(text);
    }
    let lines: Vec<&str> = text.lines().collect();
    serde_json::to_string(&lines).map_err(Problem::new)
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
