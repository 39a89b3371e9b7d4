//! JSON Schema: a document read into keywords that mean one thing each.
//!
//! Nouns: a [`Document`] is the text as a tree; [`Documents`] are what it may refer to, by URI; a [`Dialect`] says which
//! keywords mean something; a [`SchemaSet`] holds every subschema that the root can reach, by [`SchemaId`], each as a
//! list of [`Keyword`]s in normal form: legacy spellings are gone (`items` as a list, `dependencies`, boolean
//! `exclusiveMinimum`), references point at ids, composite constants have become schemas, `unevaluatedProperties` and
//! `unevaluatedItems` are said in other keywords. Where the meaning of a
//! reference depends on the way that led to it (`$dynamicRef`, `$recursiveRef`), the subschema is there once for each
//! such way.
//!
//! Invariants: a keyword that is not enforced is an error that names it and its JSON pointer, never silence; what
//! demands nothing (titles, unknown words) is listed in [`SchemaSet::annotations`]. References that lead back to
//! themselves without a step into the value are refused, so every later walk through in-place keywords ends.
//!
//! Cost: one pass over what the root can reach, linear in its size; `$defs` that nobody refers to are not looked at,
//! unless something in the document has a name of its own (`$id`, `$anchor`).
//!
//! Sources: the JSON Schema specifications, drafts 4 to 2020-12.

mod cycle;
pub mod decimal;
mod dialect;
mod draft;
mod inside;
mod json;
mod keyword;
mod metaschema;
mod read;
mod resource;
mod scope;
mod unevaluated;
mod uri;

pub use decimal::Decimal;
pub use dialect::Dialect;
pub use draft::Draft;
pub use inside::{Inner, Inside};
pub use json::{Document, MAX_DEPTH, Value, ValueId, escape_pointer};
pub use keyword::{KeySet, Keyword, Literals, Schema, SchemaId, SchemaSet, TypeSet};
pub use resource::Documents;

/// What is wrong with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaErrorKind {
    Invalid,
    Unsupported,
    TooLarge,
}

/// A schema that is refused, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    pub kind: SchemaErrorKind,
    pub message: String,
    /// JSON pointer of the offending keyword, where the text is JSON; behind the document's URI where it is not the first.
    pub pointer: Option<String>,
    /// Line and column from 1, where it is not.
    pub position: Option<(u32, u32)>,
    pub hint: Option<String>,
}

impl SchemaError {
    pub fn new(kind: SchemaErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), pointer: None, position: None, hint: None }
    }

    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
