//! Espalier: structured output that holds.
//!
//! | room | what is in it |
//! |---|---|
//! | [`budget`] | what a constraint may cost |
//! | [`vocab`] | tokens, the token trie, sets of tokens |
//! | [`schema`] | JSON Schema, and exact numbers |
//! | [`grammar`] | context-free grammars, and regular expressions as trees |
//! | [`automaton`] | recognisers: what may come next, byte by byte |
//! | [`frontend`] | what a caller may demand, and how it becomes an automaton |
//! | [`guard`] | text that was not masked: checked as it comes, repaired with every edit listed |
//! | [`matcher`] | an automaton against a vocabulary: which tokens may come next |
//! | [`inference`] | requests, messages, events: plain data |
//! | [`route`] | which deployment answers next: pure decisions |
//! | `backend` | what answers a request |
//! | `wire` | vendors' protocols as data |
//! | `gateway` | the life of one request |
//! | `config` | the configuration file |
//! | `server` | the HTTP server |

pub mod automaton;
#[cfg(any(feature = "server", feature = "llama"))]
pub mod backend;
pub mod budget;
#[cfg(feature = "server")]
pub mod config;
pub mod frontend;
#[cfg(feature = "server")]
pub mod gateway;
pub mod grammar;
pub mod guard;
pub mod inference;
pub mod matcher;
pub mod route;
pub mod schema;
#[cfg(feature = "server")]
pub mod server;
pub mod vocab;
#[cfg(feature = "server")]
pub mod wire;
