//! Anthropic's Messages protocol as a provider speaks it: requests written, answers read.
//!
//! What differs from OpenAI's: system messages stand apart; `max_tokens` must be there; arguments of tools are objects;
//! answers of tools are parts of a user's message; a stream has named events and no last word. Sources: the types of the
//! official Python client 2.12, the documentation of structured outputs.

mod encode;
mod read;

pub use encode::{Ask, Spoken, encode};
pub use read::Reader;
