//! Ollama's own chat protocol as a provider speaks it: requests written, answers read.
//!
//! What differs from OpenAI's: sampling stands in `options`; arguments are objects, and a call comes whole; a stream is lines
//! of JSON; no tool can be forced. Sources: the project's OpenAPI document and server, 2026-08.

mod encode;
mod read;

pub use encode::{Ask, Form, encode};
pub use read::Reader;
