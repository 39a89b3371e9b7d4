//! The server over a real socket, with scripts in place of models.

mod bad_input;
mod chat;
mod commands;
mod completions;
mod configuration;
mod engine;
pub mod harness;
mod lifecycle;
mod tools;
