//! What a single string or number may be: boolean products of lazily built automata.

mod charset;
pub mod ecma;
mod expr;
mod strings;

pub use ecma::PatternError;
pub use expr::Expr;
pub use strings::{
    LengthBounds, Loops, Overrun, Shape, StrState, StringAtom, StringCache, StringDfa, StringDfaGuard, StringLanguage,
    Verdicts,
};
