//! OpenAI's chat protocol as a provider speaks it: requests written, answers read.
//!
//! Nouns: a [`Shape`] is what one host takes and how it names it; [`encode`] writes a request; a [`Reader`] turns what
//! comes back, whole or in chunks, into [`Event`]s.
//!
//! Invariants: a choice is finished only when the host said so; an end without a reason, an error within a stream and a
//! reason that is not known are failures. Text that came with an answer's refusal is no answer.
//!
//! [`Event`]: crate::inference::Event

mod encode;
mod fault;
mod read;

pub use encode::{Ask, Shape, encode};
pub use fault::{failure_of, fault};
pub use read::Reader;
