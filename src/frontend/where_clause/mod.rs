//! Conditions on the answer, as LMQL's `where` has them: `len(ANSWER) < 120 and STOPS_AT(ANSWER, ".")`.
//!
//! A clause becomes a regular expression: no answer comes that breaks it, and none begins that cannot be completed. Names
//! of answers stand for the answer itself; a clause about several is compiled for one of them.
//!
//! | condition | answers |
//! |---|---|
//! | `X == "s"`, `X in ["a", "b"]`, `X in "text"`, `"s" in X`, each with `not`, `!=` | as Python has it |
//! | `len(X)`, `len(WORDS(X))`, `len(SENTENCES(X))` | characters, words between whitespace, sentences up to a full stop |
//! | `len(TOKENS(X))` | tokens of the model, as they were generated |
//! | `INT(X)`, `FLOAT(X)` | decimal digits, with a blank or a sign before them; compared by value |
//! | `REGEX(X, r"..")`, `STARTS_WITH`, `ENDS_WITH` | whole match of Python's `re`; a text or a list of texts |
//! | `STOPS_AT(X, "s")` | ends with the first s at which everything else that is demanded beside it holds |
//! | `STOPS_BEFORE(X, "s")` | has no s behind a beginning for which everything else holds |
//! | `<`, `<=`, `>`, `>=`, `==`, `!=`, in a row; `and`, `or`, `not`, `True`, `False` | as Python has it |
//!
//! `len(TOKENS(X))` counts the model's tokens, so such a clause is for models with a known vocabulary. With a least number
//! of them beside STOPS_AT or STOPS_BEFORE, phrases count from there on; the tokens before are whole characters.
//!
//! Refused by name: that together with conditions on the text; ESCAPED
//! and ERASE, which change an answer afterwards; types, functions and names of values that are not in the clause.
//!
//! Sources: LMQL's documentation of constraints.

mod compile;
mod demand;
mod lex;
mod number;
mod parse;
mod shape;

use super::{Diagnostic, DiagnosticKind};
use crate::grammar::{Builder, Grammar};

/// A clause that was read.
#[derive(Clone, Debug)]
pub struct Clause<'a> {
    source: &'a str,
    condition: parse::Node<'a>,
}

impl<'a> Clause<'a> {
    /// # Errors
    /// It is malformed, with line and column.
    pub fn read(source: &'a str) -> Result<Self, Diagnostic> {
        Ok(Self { source, condition: parse::read(source)? })
    }

    /// The answers that it is about, in the order in which they are named.
    pub fn answers(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        compile::names(&self.condition, &mut names);
        names
    }

    /// What is demanded of one answer: what the clause says of others beside it does not count.
    ///
    /// # Errors
    /// Something in it cannot be held to, or it hangs on several answers at once; with line and column.
    pub fn grammar(&self, answer: &str) -> Result<Grammar, Diagnostic> {
        let body = compile::Compiler::new(self.source, answer).whole(&self.condition)?;
        let mut builder = Builder::default();
        let start = builder.rule(answer);
        builder.define(start, body);
        Ok(builder.finish(start))
    }
}

/// The answers that satisfy a clause, which is about one answer.
///
/// # Errors
/// As [`Clause::read`] and [`Clause::grammar`]; or it is about several.
pub fn read(source: &str) -> Result<Grammar, Diagnostic> {
    let clause = Clause::read(source)?;
    match clause.answers()[..] {
        [] => clause.grammar("answer"),
        [answer] => clause.grammar(answer),
        [first, second, ..] => {
            let message = format!("the clause is about \"{first}\" and \"{second}\", and there is one answer");
            Err(refused(DiagnosticKind::Invalid, message, source, 0))
        }
    }
}

fn refused(kind: DiagnosticKind, message: impl Into<String>, source: &str, at: usize) -> Diagnostic {
    Diagnostic::new(kind, message).at(source, at)
}

#[cfg(test)]
mod tests;
