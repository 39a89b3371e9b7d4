//! Recognisers: what may come next, byte by byte.

pub mod lexical;
