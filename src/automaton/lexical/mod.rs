//! What a single string or number may be: boolean products of lazily built automata.

mod body;
mod charset;
pub mod ecma;
mod expr;
mod number;
mod strings;
pub mod unescape;

pub use body::{BodyState, BodyStep, body_step};
pub use ecma::PatternError;
pub use expr::Expr;
pub use number::{NumberAtom, NumberClass, NumberError, NumberLanguage, NumberState};
pub use strings::{
    LengthBounds, Loops, Overrun, Shape, StrState, StringAtom, StringCache, StringDfa, StringDfaGuard, StringLanguage,
    Verdicts,
};
