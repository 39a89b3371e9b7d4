//! Vendors' protocols as data: what they send becomes an [`inference::Request`](crate::inference::Request), what a
//! backend answers becomes what their clients read.
//!
//! Nouns: a [`Fields`] is one JSON object of a request, read field by field; a [`Dialect`](openai::Dialect) is one
//! endpoint's way to read a request and to write an answer.
//!
//! Invariants: the text of a constraint (order of keys, digits of numbers) reaches the engine unchanged, so schemas are
//! kept as raw text and never become a tree here. A demand on the answer is understood or refused, never dropped:
//! whatever looks like a constraint and is not known is an error. Nothing here does input or output, and nothing
//! decides on HTTP status codes.
//!
//! Cost: one pass over the body, then one over each field that is read. Nesting costs no stack: raw values are skipped
//! without recursion.
//!
//! Why no derived structs for whole requests: flattened or untagged serde types lose the exact text of numbers, one
//! struct for all of a request has fifty fields, and errors shall name the field in plain words.

pub mod anthropic;
pub mod bedrock;
mod fields;
pub mod gemini;
pub mod lower;
pub mod ollama;
pub mod openai;
pub mod responses;
pub mod sse;

pub use fields::Fields;
