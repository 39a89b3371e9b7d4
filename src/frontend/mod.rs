//! What a caller may demand of an answer, and how it becomes an automaton.
//!
//! Nouns: a [`Constraint`] is the demand as written; a [`Policy`] says how generation chooses among answers that all
//! satisfy it, and whether formats are enforced; a [`Diagnostic`] is why a
//! demand is refused.

mod automaton;
pub mod bnf;
pub mod builtin;
pub mod choice;
mod diagnostic;
mod dispatch;
mod inside;
pub mod json_schema;
pub mod lark;
#[cfg(test)]
mod membership;
pub mod regex;
mod regular;
mod spelled;
pub mod sql;
pub mod structural_tag;
pub mod tools;
pub mod where_clause;
mod written;

use std::sync::Arc;

use crate::grammar::{Builder, Expr, Grammar};
pub use crate::schema::Documents;
pub use automaton::Blueprint;
pub use diagnostic::{Diagnostic, DiagnosticKind};
pub use json_schema::JsonSchema;
pub use sql::SqlDemand;
pub use written::{Dialect, Notation, Written};

/// The demand on one answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// Any JSON object.
    JsonObject,
    /// A value that satisfies this JSON Schema. Made from a text alone by `into`, where it refers to nothing outside.
    JsonSchema(JsonSchema),
    /// A text that a constraint in a language of its own admits.
    Written(Written),
    /// A text of a grammar that was built, not written.
    Built(Arc<Grammar>),
    /// A statement that a database accepts.
    Sql(SqlDemand),
}

impl Constraint {
    /// The demand as a grammar, to stand beside other forms of an answer.
    ///
    /// # Errors
    /// What is malformed or cannot be enforced is refused, and a schema with documents of its own: a grammar has none.
    pub fn grammar(&self) -> Result<Grammar, Diagnostic> {
        let json = |schema: &str| {
            let mut builder = Builder::default();
            let start = builder.unnamed("answer");
            builder.define(start, Expr::Json(schema.into()));
            builder.finish(start)
        };
        match self {
            Self::JsonObject => Ok(json(r#"{"type":"object"}"#)),
            Self::JsonSchema(schema) if schema.documents.is_empty() => Ok(json(&schema.text)),
            Self::JsonSchema(_) => {
                let message = "a schema with documents of its own cannot stand beside tools of a local model";
                Err(Diagnostic::new(DiagnosticKind::Unsupported, message))
            }
            Self::Written(written) => written.read(),
            Self::Built(grammar) => Ok((**grammar).clone()),
            Self::Sql(_) => {
                let message = "SQL cannot stand beside tools of a local model";
                Err(Diagnostic::new(DiagnosticKind::Unsupported, message))
            }
        }
    }

    /// Whether it counts a model's tokens, so that a text alone does not tell whether it is satisfied. Cost: that of reading
    /// the constraint, where it might.
    pub fn counts_tokens(&self) -> bool {
        self.may_count_tokens()
            && match self {
                Self::JsonObject | Self::JsonSchema(_) | Self::Sql(_) => false,
                Self::Written(written) => written.read().is_ok_and(|grammar| grammar.counts_tokens()),
                Self::Built(grammar) => grammar.counts_tokens(),
            }
    }

    /// False: it counts none, as a glance at it tells.
    pub fn may_count_tokens(&self) -> bool {
        match self {
            Self::JsonObject | Self::JsonSchema(_) | Self::Sql(_) => false,
            Self::Written(written) => written.may_count_tokens(),
            Self::Built(_) => true,
        }
    }
}

/// In which order a generated object has its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyOrder {
    /// The declared keys in the order of the schema, then all others.
    #[default]
    Schema,
    Any,
}

/// Whitespace between the parts of a generated value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Whitespace {
    /// None.
    #[default]
    Compact,
    /// Whatever JSON allows.
    Flexible,
    /// Each member and item on a line of its own, two spaces a level: as Python's `json.dumps(value, indent=2)`.
    Indented,
}

/// What `format` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Formats {
    /// The formats of the specifications are enforced; others demand nothing.
    #[default]
    Assert,
    /// No format demands anything.
    Annotate,
}

/// How a constraint is read, and how generation chooses among valid answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    pub key_order: KeyOrder,
    pub whitespace: Whitespace,
    /// Characters are escaped only where they must be, numbers have no exponent where one can be avoided, and a few
    /// formats, where nothing but their length is demanded besides, are written in their plain form: host names without
    /// A-labels, patterns without names for groups. Numbers are within 64 bits where that leaves any.
    pub plain: bool,
    /// The one part that decides what is valid.
    pub formats: Formats,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            key_order: KeyOrder::default(),
            whitespace: Whitespace::default(),
            plain: true,
            formats: Formats::default(),
        }
    }
}

impl Policy {
    /// Accepts every valid text: what a check uses.
    pub const LENIENT: Self =
        Self { key_order: KeyOrder::Any, whitespace: Whitespace::Flexible, plain: false, formats: Formats::Assert };

    /// Accepts every text that is valid under this policy.
    pub fn lenient(self) -> Self {
        Self { formats: self.formats, ..Self::LENIENT }
    }
}
