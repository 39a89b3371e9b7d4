//! JSON Schema as a constraint.

use std::sync::Arc;

use super::{Diagnostic, DiagnosticKind};
use crate::automaton::json::Conflict;
use crate::automaton::lexical::PatternError;
use crate::budget::Overrun;
use crate::schema::{Documents, SchemaError, SchemaErrorKind, SchemaSet};

/// A schema as it was given: its text, and what it may refer to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonSchema {
    pub text: Arc<str>,
    pub documents: Documents,
}

impl From<Arc<str>> for JsonSchema {
    fn from(text: Arc<str>) -> Self {
        Self { text, documents: Documents::default() }
    }
}

impl From<&str> for JsonSchema {
    fn from(text: &str) -> Self {
        Arc::<str>::from(text).into()
    }
}

impl From<String> for JsonSchema {
    fn from(text: String) -> Self {
        Arc::<str>::from(text).into()
    }
}

impl JsonSchema {
    /// Bytes of all texts.
    pub fn size(&self) -> usize {
        self.text.len() + self.documents.size()
    }

    /// Reads the schema; every keyword that cannot be enforced is refused with its place.
    ///
    /// # Errors
    /// A [`Diagnostic`] with the JSON pointer of the offending keyword, or line and column where the text is not JSON.
    pub fn read(&self) -> Result<SchemaSet, Diagnostic> {
        SchemaSet::parse_with(&self.text, &self.documents).map_err(Diagnostic::from)
    }
}

impl From<SchemaError> for Diagnostic {
    fn from(error: SchemaError) -> Self {
        let kind = match error.kind {
            SchemaErrorKind::Invalid => DiagnosticKind::Invalid,
            SchemaErrorKind::Unsupported => DiagnosticKind::Unsupported,
            SchemaErrorKind::TooLarge => DiagnosticKind::TooLarge,
        };
        Self { kind, message: error.message, pointer: error.pointer, position: error.position, hint: error.hint }
    }
}

impl From<Conflict> for Diagnostic {
    fn from(Conflict { pointer, keywords, is_false }: Conflict) -> Self {
        let quoted: Vec<String> = keywords.iter().map(|keyword| format!("\"{keyword}\"")).collect();
        let why = match &quoted[..] {
            [] if is_false => ": it is false".to_owned(),
            [] => String::new(),
            [only] => format!(": {only} excludes every value"),
            [others @ .., last] => format!(": {} and {last} exclude each other", others.join(", ")),
        };
        let (kind, message) = (DiagnosticKind::Unsatisfiable, format!("no value satisfies this schema{why}"));
        Self { kind, message, pointer: Some(pointer), position: None, hint: None }
    }
}

/// A schema that takes more than it may, where that is known.
pub fn too_large(overrun: &Overrun, pointer: Option<String>) -> Diagnostic {
    Diagnostic {
        kind: DiagnosticKind::TooLarge,
        message: format!("the schema cannot be enforced within its limits: {overrun}"),
        pointer: Some(pointer.unwrap_or_default()),
        position: None,
        hint: None,
    }
}

/// A format that has no exact form, at its place.
pub fn format_refused(name: &str, reason: &str, pointer: String) -> Diagnostic {
    Diagnostic {
        kind: DiagnosticKind::Unsupported,
        message: format!("the format {name:?} cannot be enforced: {reason}"),
        pointer: Some(pointer + "/format"),
        position: None,
        hint: Some("with formats: annotate, formats demand nothing".into()),
    }
}

/// A pattern that is malformed or too large, at its place.
pub fn pattern_refused(error: &PatternError, pointer: String) -> Diagnostic {
    Diagnostic {
        kind: DiagnosticKind::Unsupported,
        message: format!("the pattern cannot be enforced: {error}"),
        pointer: Some(pointer),
        position: None,
        hint: None,
    }
}
