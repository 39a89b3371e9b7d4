//! Why a constraint is refused, in words for the person who wrote it.

/// Whose words the refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiagnosticKind {
    /// The constraint is not well-formed.
    Invalid,
    /// Well-formed, but something in it cannot be enforced exactly.
    Unsupported,
    /// No answer can satisfy it.
    Unsatisfiable,
    /// It needs more than a limit allows.
    TooLarge,
}

/// A refusal with its place, its cause and a way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}{}", place(self), hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct Diagnostic {
    pub kind: DiagnosticKind,
    /// What is wrong, without the place.
    pub message: String,
    /// JSON pointer into the constraint's document (`""` is the whole), where it is JSON; behind the URI of the document
    /// if that is one that the constraint refers to.
    pub pointer: Option<String>,
    /// Line and column, from 1, where the constraint is text.
    pub position: Option<(u32, u32)>,
    /// What to do instead.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn new(kind: DiagnosticKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), pointer: None, position: None, hint: None }
    }

    /// A constraint that counts tokens, for texts of which no tokens are known.
    pub fn uncountable() -> Self {
        let message = "the constraint counts a model's tokens, which a text alone does not tell";
        Self::new(DiagnosticKind::Unsupported, message).hinted("count characters or words, or use a local model")
    }

    /// A constraint that asks for a special token that the vocabulary of this name does not have.
    pub fn unknown_token(token: &str, vocabulary: &str) -> Self {
        let message = format!("the vocabulary of {vocabulary} has no special token \"{token}\"");
        Self::new(DiagnosticKind::Invalid, message).hinted("write it between quotes, if its text is meant")
    }

    /// With the place of a byte of the constraint's text.
    pub(super) fn at(self, source: &str, offset: usize) -> Self {
        Self { position: Some(position(source, offset)), ..self }
    }

    /// With a way out.
    pub(super) fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Line and column, from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

fn place(diagnostic: &Diagnostic) -> String {
    let pointer = diagnostic.pointer.as_ref().map(|pointer| format!(" at \"{pointer}\"")).unwrap_or_default();
    let position = diagnostic.position.map(|(line, column)| format!(" (line {line}, column {column})"));
    pointer + &position.unwrap_or_default()
}
