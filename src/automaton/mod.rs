//! Recognisers: what may come next, byte by byte.
//!
//! A [`Recognizer`] is what the rest of the engine needs to know of a language: whoever drives one needs no other
//! knowledge of what the language is, so a schema, a list of choices and a machine made by hand are all the same to it.

use std::{fmt::Debug, hash::Hash};

use crate::budget::Overrun;

mod any;
pub mod chart;
pub mod json;
pub mod lexical;
pub mod sql;

pub use any::{Automaton, Mark, State};

/// A language as an automaton over bytes, without dead ends as far as it can tell.
///
/// States are small values: equal states have the same continuations, and a state stays valid until what was added
/// since an earlier [`Recognizer::mark`] is forgotten.
pub trait Recognizer {
    type State: Copy + Eq + Hash + Debug;
    /// A point in what the recogniser has found out.
    type Mark;

    /// Before the first byte.
    fn start(&mut self) -> Self::State;

    /// One byte further. None: no text of the language goes on like this.
    fn step(&mut self, state: Self::State, byte: u8) -> Option<Self::State>;

    /// Reads a text as far as the language takes it, the state moving along. Returns how many bytes that are.
    fn read(&mut self, state: &mut Self::State, text: &[u8]) -> usize {
        for (count, byte) in text.iter().enumerate() {
            match self.step(*state, *byte) {
                Some(next) => *state = next,
                None => return count,
            }
        }
        text.len()
    }

    /// The state behind a whole text. None: no text of the language goes on so.
    fn behind(&mut self, mut state: Self::State, text: &[u8]) -> Option<Self::State> {
        (self.read(&mut state, text) == text.len()).then_some(state)
    }

    /// A token of the model's ends here. None: none may.
    fn token_ends(&mut self, state: Self::State) -> Option<Self::State> {
        Some(state)
    }

    /// The text may end here.
    fn accepts(&mut self, state: Self::State) -> bool;

    /// All that every text of the language begins with, by somebody's order, was read.
    fn is_free(&self, _state: Self::State) -> bool {
        true
    }

    /// Text that completes what is being read or what must come at once: the rest of a token, or a value that is due.
    /// None where that is nothing, or not known.
    fn finish(&mut self, _state: Self::State) -> Option<Vec<u8>> {
        None
    }

    /// Text from between two parts of what is open innermost to behind its end, its last byte being the closing one.
    fn close(&mut self, _state: Self::State) -> Option<Vec<u8>> {
        None
    }

    /// The byte that must come next, where there is only one and the text may not end. Other spellings of the same
    /// character do not count as a choice.
    fn forced(&mut self, state: Self::State) -> Option<(u8, Self::State)> {
        if self.accepts(state) {
            return None;
        }
        let mut found = None;
        for byte in 0..=u8::MAX {
            match (self.step(state, byte), found) {
                (None, _) => {}
                (Some(next), None) => found = Some((byte, next)),
                (Some(_), Some(_)) => return None,
            }
        }
        found
    }

    /// Gives the steps of one more piece of work.
    fn begin(&mut self) {}

    /// The limit that was passed: nothing that was said since counts.
    fn fault(&self) -> Option<Overrun> {
        None
    }

    fn mark(&mut self) -> Self::Mark;

    /// Forgets what was only needed since the mark; states from then must not be used again.
    fn forget_since(&mut self, mark: Self::Mark);
}
