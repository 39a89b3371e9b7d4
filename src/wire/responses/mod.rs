//! OpenAI's Responses protocol as a provider speaks it: requests written, answers read.
//!
//! What differs from chat: the conversation is a list of items, calls among them; the schema stands in `text.format`; a
//! stream has named events, and its end says whether the answer is complete. Source: OpenAI's OpenAPI document 2.3.

mod encode;
mod read;

pub use encode::{Ask, LEAST_TOKENS, encode};
pub use read::Reader;
