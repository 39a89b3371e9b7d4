//! What a single string or number may be: boolean products of lazily built automata.
//!
//! | part | what |
//! |---|---|
//! | [`Expr`] | a boolean formula over conditions |
//! | [`ecma`] | patterns of ECMA 262, read into a tree |
//! | [`StringCache`], [`StringLanguage`], [`StringDfa`] | the texts that a formula admits, byte by byte, without dead ends |
//! | [`Formats`] | the formats of JSON Schema as such formulas |
//! | [`NumberLanguage`] | the number texts that a formula admits |
//! | [`unescape`] | the body of a JSON string that may hold any text, decoded |
//! | [`escape`] | the body of a JSON string, escapes included, over such a language |
//!
//! Invariants: an automaton never gives a state from which nothing is accepted, or says that it could not tell (soft);
//! its states are numbers that stay valid while the language lives. Text is always UTF-8, and whole characters count.
//!
//! Cost: compiling is about linear in the patterns and lists; everything else happens on the first walk through a state.

mod body;
use crate::grammar::charset;
pub mod ecma;
pub mod escape;
mod expr;
mod formats;
mod number;
mod strings;
pub mod unescape;

pub use body::body_step;
pub use ecma::PatternError;
pub use escape::{BodyState, BodyStep};
pub use expr::Expr;
pub use formats::{Formats, Known};
pub use number::{NumberAtom, NumberCache, NumberClass, NumberError, NumberLanguage, NumberState};
pub use strings::{
    DomainKind, LengthBounds, Loops, MachineKind, Overrun, Shape, StrState, StringAtom, StringCache, StringDfa,
    StringDfaGuard, StringLanguage, TextGrammar, Verdicts,
};
