//! What a string's text must be of, by `x-espalier`: from a notation to a condition on strings.
//!
//! A list and a regular expression are conditions that strings know; everything else is a grammar, whose automaton runs
//! inside the string. Where a model's tokens count, or stand in the grammar, a string has no place for them.

use std::sync::Arc;

use super::{
    Diagnostic, DiagnosticKind, Dialect, Notation, Policy, Written,
    automaton::{Planned, parts_of},
    regex,
};
use crate::{
    automaton::lexical::{StringAtom, StringCache, TextGrammar},
    budget::Limits,
    grammar::Grammar,
    schema::{Inner, Inside},
};

/// The condition on a string.
///
/// # Errors
/// As for the same text as a constraint of its own, with its place in the schema.
pub fn atom(
    inside: &Inside,
    policy: Policy,
    limits: Limits,
    strings: &Arc<StringCache>,
) -> Result<StringAtom, Diagnostic> {
    let read = || match &inside.inner {
        Inner::Choice(texts) if texts.is_empty() => {
            Err(Diagnostic::new(DiagnosticKind::Unsatisfiable, "there is nothing to choose from"))
        }
        Inner::Choice(texts) => Ok(StringAtom::Literals(texts.to_vec().into())),
        Inner::Lark(text) => of_grammar(inside, Notation::Lark, text, policy, limits, strings),
        Inner::Gbnf(text) => of_grammar(inside, Notation::Gbnf, text, policy, limits, strings),
        Inner::Ebnf(text) => of_grammar(inside, Notation::Ebnf, text, policy, limits, strings),
        Inner::Where(text) => of_grammar(inside, Notation::Where, text, policy, limits, strings),
        Inner::Regex(text, syntax) => {
            let dialect = dialect(syntax.as_deref())?;
            match pattern(text, dialect, strings) {
                Some(pattern) => Ok(StringAtom::Pattern(pattern.into())),
                None => of_grammar(inside, Notation::Regex(dialect), text, policy, limits, strings),
            }
        }
    };
    read().map_err(|why| Diagnostic { pointer: Some(inside.pointer.clone()), ..why })
}

fn dialect(syntax: Option<&str>) -> Result<Dialect, Diagnostic> {
    match syntax {
        None | Some("ecma") => Ok(Dialect::Ecma),
        Some("rust") => Ok(Dialect::Rust),
        Some("python") => Ok(Dialect::Python),
        Some(other) => {
            let why = Diagnostic::new(DiagnosticKind::Invalid, format!("there is no regex_syntax \"{other}\""));
            Err(why.hinted("ecma, rust or python"))
        }
    }
}

/// The expression as strings take patterns, if it has such a form.
fn pattern(text: &str, dialect: Dialect, strings: &StringCache) -> Option<String> {
    let pattern = regex::print(&regex::read(text, dialect).ok()?).ok()?;
    strings.check_pattern(&pattern).ok()?;
    Some(pattern)
}

fn of_grammar(
    inside: &Inside,
    notation: Notation,
    text: &str,
    policy: Policy,
    limits: Limits,
    strings: &Arc<StringCache>,
) -> Result<StringAtom, Diagnostic> {
    let start = inside.start.as_deref().map(Arc::from);
    let written = Written { start, ..Written::new(notation, text) };
    let grammar = written.read()?;
    refuse_tokens(&grammar)?;
    let Planned { plan, sources } = Planned::new(&grammar, policy, limits, strings)?;
    let mut key = format!("{notation:?} {:?} {text}", inside.start);
    if !sources.is_empty() {
        // How values are written that stand in it is the policy's to say.
        key = format!("{policy:?} {key}");
    }
    let parts = move || parts_of(&sources, limits);
    Ok(StringAtom::Grammar(TextGrammar::new(key, plan, parts, limits)))
}

fn refuse_tokens(grammar: &Grammar) -> Result<(), Diagnostic> {
    let refused = |what: &str| {
        let message = format!("a grammar within a string has no {what}: the string's text is made of characters");
        Err(Diagnostic::new(DiagnosticKind::Unsupported, message))
    };
    if grammar.has_tokens() {
        return refused("special tokens");
    }
    if grammar.counts_tokens() {
        return refused("numbers of tokens");
    }
    Ok(())
}
