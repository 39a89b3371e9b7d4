//! Recognisers: what may come next, byte by byte.

pub mod json;
pub mod lexical;
