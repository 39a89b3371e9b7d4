//! Regular expressions of ECMA 262, read into a tree.
//!
//! The dialect is the one JSON Schema asks for: Unicode mode (a pattern is about code points, `\p{..}` is a property),
//! with the leniency of Annex B where a reading is not in doubt: `\-`, `\_` and other escaped punctuation, `[\w-.]`,
//! a lone `]` or `}`, a `{` that opens no counted repeat. Where the same text means different things in different
//! dialects (`\Z`, `\A`, `\h`, an octal escape, `\1` without a group) it is refused by name instead of guessed.
//!
//! `\d` and `\w` are ASCII, `\s` is ECMA's list, `.` excludes the four line ends, `^` and `$` are the ends of the text.
//! Lazy quantifiers are read as greedy ones: they choose between matches, not between languages. Groups leave no trace.
//! Back-references are refused (the language is not regular), inline flags too.
//!
//! Cost: linear in the pattern, times the size of the classes that it names.
//!
//! Sources: ECMA 262, sections 22.2 and B.1.2; <https://tc39.es/ecma262/#sec-patterns>.

mod class;
mod parse;
pub mod property;

pub use parse::parse;

use super::charset::CharSet;

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {offset} of the pattern)")]
pub struct PatternError {
    pub message: String,
    /// Byte offset in the pattern.
    pub offset: usize,
}

impl PatternError {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), offset }
    }
}

/// A pattern's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ast {
    /// The empty text.
    Empty,
    Class(CharSet),
    /// `^`
    Start,
    /// `$`
    End,
    /// `\b`, or `\B` if negated.
    Boundary {
        negated: bool,
    },
    Concat(Vec<Ast>),
    Alternation(Vec<Ast>),
    Repeat {
        body: Box<Ast>,
        min: u32,
        max: Option<u32>,
    },
    /// `(?=body)`, or `(?!body)` if negated.
    Ahead {
        body: Box<Ast>,
        negated: bool,
    },
    /// `(?<=body)`, or `(?<!body)` if negated. The body holds no assertion but `^`.
    Behind {
        body: Box<Ast>,
        negated: bool,
    },
}

impl Ast {
    pub fn concat(mut parts: Vec<Ast>) -> Ast {
        parts.retain(|part| *part != Ast::Empty);
        match parts.len() {
            0 => Ast::Empty,
            1 => parts.remove(0),
            _ => Ast::Concat(parts),
        }
    }

    /// About how many automaton states the tree compiles to; saturates.
    pub fn weight(&self) -> u64 {
        match self {
            Ast::Empty => 0,
            Ast::Class(_) | Ast::Start | Ast::End | Ast::Boundary { .. } => 1,
            Ast::Concat(parts) => parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.weight())),
            Ast::Alternation(parts) => parts.iter().fold(1, |sum: u64, part| sum.saturating_add(part.weight())),
            Ast::Repeat { body, min, max } => {
                let one = body.weight().saturating_add(1);
                one.saturating_mul(u64::from(max.unwrap_or(min.saturating_add(1))))
            }
            Ast::Ahead { body, .. } | Ast::Behind { body, .. } => body.weight().saturating_add(2),
        }
    }

    /// The number of code points in every match, if it is the same for all and there is no assertion inside.
    pub fn width(&self) -> Option<u32> {
        match self {
            Ast::Empty => Some(0),
            Ast::Class(_) => Some(1),
            Ast::Concat(parts) => parts.iter().try_fold(0u32, |sum, part| sum.checked_add(part.width()?)),
            Ast::Alternation(parts) => {
                let mut widths = parts.iter().map(Ast::width);
                let first = widths.next()??;
                widths.all(|width| width == Some(first)).then_some(first)
            }
            Ast::Repeat { body, min, max } if Some(*min) == *max => body.width()?.checked_mul(*min),
            _ => None,
        }
    }
}
