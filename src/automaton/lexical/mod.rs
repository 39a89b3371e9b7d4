//! What a single string or number may be: boolean products of lazily built automata.

mod expr;

pub use expr::Expr;
