//! What a single string or number may be: boolean products of lazily built automata.

mod expr;
mod number;

pub use expr::Expr;
pub use number::{NumberAtom, NumberClass, NumberError, NumberLanguage, NumberState};
