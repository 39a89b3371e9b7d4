//! Bedrock's Converse as a provider speaks it: requests written, answers read.
//!
//! What differs from OpenAI's: every part of a message is a tagged block; the schema is a text within the JSON; a stream is
//! binary frames with the name of each event in a header. Source: the service model in Python's botocore 1.44.

mod encode;
mod read;

pub use encode::{Ask, encode};
pub use read::Reader;
