//! Gemini's generateContent as a provider speaks it: requests written, answers read.
//!
//! What differs from OpenAI's: the model's turns have the role `model`; arguments and answers of tools are objects, and an
//! answer names its tool; a stream has no last word; a blocked prompt is an answer without candidates. Sources: the
//! discovery document of Vertex AI, the types of the official Python client 3.4.

mod encode;
mod read;

pub use encode::{Ask, encode};
pub use read::Reader;
