//! Espalier: structured output that holds.
//!
//! | room | what is in it |
//! |---|---|
//! | [`vocab`] | tokens, the token trie, sets of tokens |
//! | [`automaton`] | recognisers: what may come next, byte by byte |
//! | [`frontend`] | what a caller may demand, and how it becomes an automaton |
//! | [`matcher`] | an automaton against a vocabulary: which tokens may come next |
//! | [`inference`] | requests, messages, events: plain data |
//! | [`backend`] | what answers a request |

pub mod automaton;
#[cfg(any(feature = "server", feature = "llama"))]
pub mod backend;
pub mod frontend;
pub mod inference;
pub mod matcher;
pub mod vocab;
