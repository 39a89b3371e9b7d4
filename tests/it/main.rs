//! Tests that need more than one room, or a judge from outside.

mod shared;
mod tokenizer_json;
