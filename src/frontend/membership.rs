//! Whether a text is of a grammar: what the tests of all front ends ask.

use std::sync::Arc;

use super::{Blueprint, Constraint, Policy};
use crate::{automaton::Recognizer, budget::Limits, grammar::Grammar};

/// Whether the text is of the grammar; None if no text of the grammar begins so.
///
/// # Panics
/// If the grammar is refused, or takes more than its limits.
pub fn verdict(grammar: &Grammar, text: &[u8]) -> Option<bool> {
    let constraint = Constraint::Built(Arc::new(grammar.clone()));
    let compiled = Blueprint::new(&constraint, Policy::LENIENT, Limits::default(), &Arc::default());
    let (_, mut automaton) = compiled.unwrap_or_else(|why| panic!("{why}"));
    let start = automaton.start();
    let state = automaton.behind(start, text);
    let verdict = state.map(|state| automaton.accepts(state));
    assert!(automaton.fault().is_none());
    verdict
}

pub fn accepts(grammar: &Grammar, text: &[u8]) -> bool {
    verdict(grammar, text) == Some(true)
}
