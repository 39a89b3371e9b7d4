//! Context-free grammars: all readings of a text at once, byte by byte.
//!
//! | file | what |
//! |---|---|
//! | `lexeme` | regular expressions by derivatives, complements and intersections included |
//! | `stay` | characters with which a lexeme may go on for long |
//! | `follow` | by which bytes reading may go on behind something |
//! | `build`, `network` | the rules as small deterministic automata whose edges read lexemes or call rules |
//! | `stack` | where calls return to, shared by all readings and by all places with the same continuations |
//! | `machine` | states: what is being read, and where that returns to |
//! | `part` | what is no grammar: JSON values, patterns with conditions around them |
//! | `layout` | JSON values with other signs and whitespace than JSON's between their parts |
//! | `count` | the tokens of a rule, counted in its return |
//! | `home` | the shortest way to an end |
//!
//! Nouns: a [`Plan`] is a grammar as a network; a [`Chart`] is its automaton with everything that it found out; a
//! [`Place`] is what is being read in one reading; a return is where reading goes on behind it.
//!
//! A state is a set of places, each with its return. Nothing in it tells where in the text it is, so a text that comes
//! back to the same surroundings comes back to the same state: repeats and recursion to either side keep a state finite,
//! and what is known about it (steps, masks) is known wherever it occurs. Ambiguous readings that meet are one.
//!
//! Invariants: a state is never a dead end, unless [`Chart::is_soft`]: rules without a text are left out, and what is
//! left of a lexeme always matches something.
//!
//! Cost: a known step is a look-up. A new one costs the places of its state, about 0.1 us each, and what is called there;
//! for unambiguous grammars that does not depend on the text before.
//!
//! Tried and refused: returns that name the state from which a rule was called, as Earley's items do: then states with
//! the same continuations differ by where they were reached, and nothing can be known about them before. Lexers that
//! take the longest match: they lose readings that the grammar has.

mod build;
mod count;
mod follow;
mod form;
mod home;
mod layout;
mod lexeme;
mod machine;
mod network;
mod part;
mod stack;
mod stay;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

pub use build::{ENDING, MARK, SPECIAL, TEXT, spelling};
pub use form::Form;
pub use layout::{Laid, Signs};
pub use lexeme::{ByteSet, contains};
pub use machine::{Chart, Expanded, Place, Reading, StateId};
pub use network::NodeId;
pub use part::{Embedded, Part};
pub use stack::{BEYOND, END, ReturnId};
pub use stay::Stay;

use crate::{
    budget::{Budget, Limits, Overrun},
    grammar::{Grammar, RuleId},
};
use lexeme::Lexemes;
use network::Network;

/// A grammar that was read: what its automata are made from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Plan {
    network: Arc<Network>,
    lexemes: Arc<Lexemes>,
}

impl Plan {
    /// Cost: about linear in the grammar.
    ///
    /// # Errors
    /// The grammar takes more than the limits allow.
    pub fn new(grammar: &Grammar, limits: Limits) -> Result<Self, Overrun> {
        let budget = Budget::new(limits);
        let mut lexemes = Lexemes::new(budget.clone());
        let network = Network::new(grammar, &mut lexemes, &budget);
        budget.hold(lexemes.bytes() + network.bytes());
        match budget.overrun() {
            Some(overrun) => Err(overrun.clone()),
            None => Ok(Self { network: Arc::new(network), lexemes: Arc::new(lexemes) }),
        }
    }

    /// Rules without any text, in the order of the grammar; without its first rule, there is no text at all.
    pub fn unproductive(&self) -> &[RuleId] {
        &self.network.unproductive
    }

    /// Tokens are counted: texts alone do not tell what is of the grammar.
    pub fn counts_tokens(&self) -> bool {
        !self.network.counts.is_empty()
    }

    /// A rule whose tokens are counted begins with itself: how many there are would hang on the reading.
    pub fn counts_in_circles(&self) -> bool {
        self.network.counts.keys().any(|rule| self.network.circle_of[rule.0 as usize].is_some())
    }

    /// What is embedded: [`Plan::chart`] wants an automaton for each.
    pub fn embedded(&self) -> &[Embedded] {
        &self.network.parts
    }

    /// An automaton that knows nothing yet; `parts` are the automata of what is embedded.
    pub fn chart(&self, parts: Vec<Part>, limits: Limits) -> Chart {
        Chart::new(self, parts, limits)
    }
}
