//! Espalier: structured output that holds.
//!
//! | room | what is in it |
//! |---|---|
//! | [`vocab`] | tokens, the token trie, sets of tokens |
//! | [`budget`] | limits on the work for one constraint |
//! | [`schema`] | JSON Schema, and exact numbers |
//! | [`automaton`] | recognisers: what may come next, byte by byte |
//! | [`frontend`] | what a caller may demand, and how it becomes an automaton |
//! | [`matcher`] | an automaton against a vocabulary: which tokens may come next |
//! | [`inference`] | requests, messages, events: plain data |
//! | [`backend`] | what answers a request |

pub mod automaton;
#[cfg(feature = "server")]
pub mod backend;
pub mod budget;
pub mod frontend;
pub mod inference;
pub mod matcher;
pub mod schema;
pub mod vocab;
