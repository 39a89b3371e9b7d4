//! Tests that need more than one room, or a judge from outside.

#[cfg(feature = "providers")]
mod cloud;
mod formats;
mod grammars;
mod home;
mod masks;
mod reading;
mod references;
mod refusals;
#[cfg(feature = "server")]
mod server;
mod shared;
mod tokenizer_json;
mod verdicts;
