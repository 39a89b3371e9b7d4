//! Regular expressions in three dialects, each of which must match the whole answer.
//!
//! | dialect | as in |
//! |---|---|
//! | [`Dialect::Ecma`] | JSON Schema's `pattern`: ECMA 262 in Unicode mode |
//! | [`Dialect::Rust`] | the `regex` crate |
//! | [`Dialect::Python`] | Python's `re`, for text |
//!
//! A whole match is what counts, so greedy and lazy quantifiers are the same, and groups leave no trace. Anchors are
//! taken out where their place decides them. What is left of conditions on the text around (word boundaries, lookarounds)
//! is given to the automata of JSON Schema's patterns, which take them exactly. Back-references are refused: what they
//! match is not regular.

mod anchors;
mod ecma;
mod python;
mod rust;
pub mod xgrammar;

pub use anchors::decided;
pub use ecma::print;

use super::{Diagnostic, DiagnosticKind};
use crate::grammar::{Builder, CharSet, Expr, Grammar, Regex};

/// How a regular expression is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    #[default]
    Ecma,
    Rust,
    Python,
}

/// More nodes than this, counted repeats multiplied, an expression does not have.
const MAX_WEIGHT: u64 = 1_000_000;
/// Groups within groups.
const MAX_DEPTH: usize = 200;

/// Reads an expression.
///
/// # Errors
/// It is malformed, not regular or too large, with the place.
pub fn read(pattern: &str, dialect: Dialect) -> Result<Regex, Diagnostic> {
    undecided(pattern, dialect).map(decided)
}

/// Reads a part of an expression: its anchors are left as they are, since it is not known what stands beside them.
///
/// # Errors
/// As [`read`].
pub fn undecided(pattern: &str, dialect: Dialect) -> Result<Regex, Diagnostic> {
    let regex = match dialect {
        Dialect::Ecma => ecma::read(pattern)?,
        Dialect::Rust => rust::read(pattern)?,
        Dialect::Python => python::read(pattern)?,
    };
    let weight = weight(&regex);
    if weight > MAX_WEIGHT {
        let message = format!("the expression has about {weight} parts, of which {MAX_WEIGHT} are allowed");
        return Err(Diagnostic::new(DiagnosticKind::TooLarge, message));
    }
    Ok(regex)
}

/// The texts that an expression matches as a whole.
///
/// # Errors
/// It has conditions on the text around that cannot be enforced together with what else is in it.
pub fn whole(regex: Regex) -> Result<Expr, Diagnostic> {
    if !regex.has_look() {
        return Ok(Expr::Lexeme(regex));
    }
    ecma::print(&regex).map(|text| Expr::Pattern(text.into()))
}

/// An expression as a grammar of one rule.
///
/// # Errors
/// As [`read`] and [`whole`].
pub fn grammar(pattern: &str, dialect: Dialect) -> Result<Grammar, Diagnostic> {
    let mut builder = Builder::default();
    let start = builder.rule("regex");
    builder.define(start, whole(read(pattern, dialect)?)?);
    Ok(builder.finish(start))
}

/// Nodes, those in a counted repeat as often as it says.
pub fn weight(regex: &Regex) -> u64 {
    let sum = |parts: &[Regex]| parts.iter().map(weight).fold(1, u64::saturating_add);
    match regex {
        Regex::Empty | Regex::Class(_) | Regex::Bytes(..) | Regex::Look(_) => 1,
        Regex::Concat(parts) | Regex::Alternation(parts) | Regex::And(parts) => sum(parts),
        Regex::Not(body) | Regex::Shortest(body) => weight(body).saturating_add(1),
        // A repeat of one thing is a counter; within others it multiplies.
        Regex::Repeat { body, min, max } => match weight(body) {
            1 => 2,
            once => once.saturating_mul(u64::from(max.unwrap_or(min.saturating_add(1)).max(1))),
        },
    }
}

/// `\w` as Unicode has it.
fn unicode_word() -> CharSet {
    let known = |name| CharSet::property(name).expect("the tables have it");
    let names = ["Alphabetic", "M", "Nd", "Pc", "Join_Control"];
    names.into_iter().map(known).fold(CharSet::default(), |all, set| all.union(&set))
}

/// A refusal with its place.
fn refused(kind: DiagnosticKind, message: impl Into<String>, pattern: &str, offset: usize) -> Diagnostic {
    Diagnostic::new(kind, message).at(pattern, offset)
}

#[cfg(test)]
mod tests;
