//! Grammars in Lark's notation, as llguidance publishes its reading of it, and plain Lark files.
//!
//! | of llguidance's | of Lark's |
//! |---|---|
//! | `%json {..}`, `%regex {..}`, `%lark {..}`, `<special>`, `<[1-5]>`, `&`, `~`, `{n,m}` | templates, priorities, `%override`, `%extend` |
//! | `name[lazy]`, `[stop=..]`, `[suffix=..]`, rules with a number (`name::_`, `%if`) | `!rule`, `?rule`, `_rule`, aliases, flags of regexes |
//!
//! A grammar means its texts: a lexeme may end wherever it has matched, and priorities, captures, aliases and
//! temperatures change nothing. A rule with `stop` has what comes before the first stop, which is itself no part of the
//! answer; with `suffix` the suffix is. What is ignored may stand before each lexeme but the first, and not behind the
//! last, unless `allow_initial_skip` is set.
//!
//! Regular expressions are read as the `regex` crate does; what it does not take (lookarounds, for one) as Python does.
//! Conditions on the text around a match see the text of the whole terminal and nothing beyond, but for one kind: at a
//! terminal's end, `\b` and `(?!..)` over a class of characters are about the character that comes next in the answer, so
//! that words do not run together where no lexer takes the longest match.
//!
//! A rule with `max_tokens` ends where so many of the model's tokens have come, wherever it is, if it has not ended before;
//! a token that lies in it only in part counts.
//!
//! With `max_chars`, one of XGrammar's attributes, it ends where so many characters have come; that is for rules that are
//! regular.
//!
//! Where a lazy lexeme may stand, nothing else goes on past its end (`lazy`): so free text up to a trigger, and what must
//! follow that, is written as llguidance writes it.
//!
//! A text that begins with `{` is llguidance's list of grammars, the first of which may refer to the others as `@name`.
//!
//! `@name` is also a grammar that comes along (`super::builtin`), nested as by `%lark`.
//!
//! Refused by name: `%declare`, imports from files, references to grammars that there are none of.
//!
//! | file | what |
//! |---|---|
//! | `scan`, `parse`, `attributes`, `special` | the notation |
//! | `syntax`, `parametric` | the tree |
//! | `list` | several grammars |
//! | `module` | which name means what: imports, overrides, nested grammars |
//! | `rules`, `terminals`, `edges`, `substring`, `stop`, `lazy`, `layout` | from the tree to the grammar |
//! | `library/` | terminals to import |
//!
//! Sources: llguidance's `docs/syntax.md` and `docs/parametric.md`, Lark's reference of its grammar.

mod attributes;
mod edges;
mod layout;
mod lazy;
mod list;
mod module;
mod parametric;
mod parse;
mod rules;
mod scan;
mod special;
mod stop;
mod substring;
mod syntax;
mod terminals;

use rustc_hash::FxHashMap;

use super::{Diagnostic, DiagnosticKind};
use crate::grammar::Grammar;

/// The rule that a grammar begins with, if no other is asked for.
pub const START: &str = "start";

/// Brackets within brackets.
const MAX_DEPTH: usize = 100;

/// Line and column.
type Place = (u32, u32);
type Parsed<T> = Result<T, Diagnostic>;

/// Reads a grammar whose first rule is the one of this name.
///
/// # Errors
/// It is malformed, a name is missing or there twice, or it asks for what cannot be held to; with line and column.
pub fn read(source: &str, start: &str) -> Result<Grammar, Diagnostic> {
    if source.trim_start().starts_with('{') {
        return list::read(source, start);
    }
    let document = parse::parse(source)?;
    rules::grammar(&document, start, FxHashMap::default())
}

fn refusal(kind: DiagnosticKind, place: Place, message: String) -> Diagnostic {
    Diagnostic { position: Some(place), ..Diagnostic::new(kind, message) }
}

fn invalid(place: Place, message: impl Into<String>) -> Diagnostic {
    refusal(DiagnosticKind::Invalid, place, message.into())
}

fn unsupported(place: Place, message: impl Into<String>) -> Diagnostic {
    refusal(DiagnosticKind::Unsupported, place, message.into())
}

fn too_large(place: Place, message: impl Into<String>) -> Diagnostic {
    refusal(DiagnosticKind::TooLarge, place, message.into())
}

fn hinted(diagnostic: Diagnostic, hint: impl Into<String>) -> Diagnostic {
    Diagnostic { hint: Some(hint.into()), ..diagnostic }
}

#[cfg(test)]
mod tests;
