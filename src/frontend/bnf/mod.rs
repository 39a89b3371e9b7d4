//! Grammars in Backus-Naur form, in two dialects of one notation.
//!
//! | dialect | as in | its own |
//! |---|---|---|
//! | [`Dialect::Gbnf`] | llama.cpp | `.`, empty alternatives, special tokens `<name>`, `<[id]>`, `!<name>` |
//! | [`Dialect::Ebnf`] | XGrammar | macros (`Regex`, `Substring`, `TagDispatch`, `Token`, ...), attributes, look-ahead |
//!
//! In GBNF a line's end is the end of a rule, unless it stands in parentheses or next to a `|`; in EBNF a rule goes on until
//! the next one begins. What those engines refuse for their own sake (left recursion, large repeats) is taken.
//!
//! What says nothing about texts is read and left at that: names of captures, temperatures, and look-ahead, which is a
//! hint to that engine. A rule with `max_tokens` ends where so many of the model's tokens have come, if it has not before.
//! What limits texts and cannot be held to is refused by name: `lazy` and `max_chars` on a rule that calls itself in any
//! way but as the last part of its alternatives, or that calls a rule with `max_tokens`.
//!
//! | file | what |
//! |---|---|
//! | `cursor` | places in the source, blanks, refusals |
//! | `body` | rules, alternatives, sequences, repeats |
//! | `literal` | texts, character classes, escapes |
//! | `macros` | macros of EBNF |
//! | `attribute` | attributes of EBNF, and what they make of a rule |
//!
//! Sources: llama.cpp's `grammars/README.md`, XGrammar's documentation of its EBNF.

mod attribute;
mod body;
mod cursor;
mod literal;
mod macros;

use super::Diagnostic;
use crate::grammar::Grammar;

/// How a grammar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    Gbnf,
    Ebnf,
}

/// The rule that a grammar begins with, if no other is asked for.
pub const ROOT: &str = "root";

/// Parentheses within parentheses.
const MAX_DEPTH: usize = 200;

/// Reads a grammar whose first rule is the one of this name.
///
/// # Errors
/// It is malformed, a rule is missing or there twice, or it asks for what cannot be held to; with line and column.
pub fn read(source: &str, dialect: Dialect, root: &str) -> Result<Grammar, Diagnostic> {
    let rules = body::Parser::new(source, dialect).rules()?;
    attribute::applied(rules, source, root)
}

#[cfg(test)]
mod tests;
