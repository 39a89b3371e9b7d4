//! Constraints that are written in a language of their own.

use std::sync::Arc;

use super::{Diagnostic, DiagnosticKind, bnf, builtin, choice, lark, regex, structural_tag, where_clause};
use crate::grammar::Grammar;

pub use super::regex::Dialect;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notation {
    /// A regular expression, which matches the whole answer.
    Regex(Dialect),
    /// A JSON array of the texts to choose from.
    Choice,
    Lark,
    /// llama.cpp's grammars.
    Gbnf,
    /// XGrammar's grammars.
    Ebnf,
    /// XGrammar's JSON for free text with constrained parts.
    StructuralTag,
    /// A condition on the answer, as LMQL writes it.
    Where,
}

/// A text in some notation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Written {
    pub notation: Notation,
    pub text: Arc<str>,
    /// The first rule, where that is not the one that the notation begins with.
    pub start: Option<Arc<str>>,
}

impl Notation {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regex(_) => "regular expression",
            Self::Choice => "choice",
            Self::Lark => "Lark grammar",
            Self::Gbnf => "GBNF grammar",
            Self::Ebnf => "EBNF grammar",
            Self::StructuralTag => "structural tag",
            Self::Where => "where-constraint",
        }
    }
}

impl Written {
    /// A text in a notation. In Lark's, `@` and a name stand for a grammar that comes along.
    pub fn new(notation: Notation, text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let named = if notation == Notation::Lark { builtin::name_in(&text).and_then(builtin::find) } else { None };
        Self { notation, text: named.map_or(text, Arc::from), start: None }
    }

    /// See [`super::Constraint::may_count_tokens`].
    pub(super) fn may_count_tokens(&self) -> bool {
        match self.notation {
            Notation::Regex(_) | Notation::Choice | Notation::Gbnf => false,
            Notation::Lark | Notation::Ebnf | Notation::StructuralTag => self.text.contains("tokens"),
            Notation::Where => self.text.contains('('),
        }
    }

    /// Reads the text.
    ///
    /// # Errors
    /// What is malformed or cannot be enforced is refused, with line and column.
    pub fn read(&self) -> Result<Grammar, Diagnostic> {
        let has_rules = matches!(self.notation, Notation::Lark | Notation::Gbnf | Notation::Ebnf);
        if let (Some(start), false) = (&self.start, has_rules) {
            let message = format!("a {} has no rules, so it cannot begin with {start:?}", self.notation.name());
            return Err(Diagnostic::new(DiagnosticKind::Invalid, message));
        }
        match self.notation {
            Notation::Regex(dialect) => regex::grammar(&self.text, dialect),
            Notation::Choice => choice::grammar(&texts(&self.text)?),
            Notation::Gbnf => bnf::read(&self.text, bnf::Dialect::Gbnf, self.start.as_deref().unwrap_or(bnf::ROOT)),
            Notation::Ebnf => bnf::read(&self.text, bnf::Dialect::Ebnf, self.start.as_deref().unwrap_or(bnf::ROOT)),
            Notation::StructuralTag => structural_tag::read(&self.text),
            Notation::Where => where_clause::read(&self.text),
            Notation::Lark => match builtin::name_in(&self.text) {
                Some(name) => Err(builtin::unknown(name)),
                None => lark::read(&self.text, self.start.as_deref().unwrap_or(lark::START)),
            },
        }
    }
}

fn texts(json: &str) -> Result<Vec<String>, Diagnostic> {
    serde_json::from_str(json).map_err(|error| {
        let message = format!("a choice is a JSON array of texts: {error}");
        let position = Some((error.line() as u32, error.column() as u32));
        Diagnostic { position, ..Diagnostic::new(DiagnosticKind::Invalid, message) }
    })
}
