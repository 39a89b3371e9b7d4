//! SQL that a database accepts against a catalog.
//!
//! | file | what |
//! |---|---|
//! | `network` | the rules of a dialect as a network of nodes |
//! | `lex` | bytes to tokens, and the states of the whole |
//! | `machine` | sets of readings: what they offer, and how a token moves them |
//! | `scope` | what is known at a place: tables, columns, what is owed |
//! | `act`, `admit`, `bind` | what acts of the rules, names and the end of FROM do to that |
//! | `offered` | which names may come, for generation |
//! | `home` | a short text that completes a query |
//! | `why` | refusals in words |
//!
//! Nouns: a reading is a node of the rules, the rules that it returns to, and an environment; a scope is a query that is being
//! read. A column that is named before FROM is *owed*: alias a must come to have columns c1 to cn, a bare c must be found in
//! exactly one relation. FROM may end where nothing is owed that neither it nor a query around supplies.
//!
//! Everything is interned, so a state is two small numbers, equal states have equal continuations, and forks cost nothing.
//! Nearly always one reading is left behind a token; a name that may be a column, a qualifier or a function has three.
//!
//! Two ways to use a plan: *wide* takes whatever the database takes and looks names up when it takes them; *narrow*, for
//! generation, offers only names of the catalog (before FROM also qualifiers of any name), takes no table that leaves
//! something owed ambiguous, writes no comments, no unknown quoted names, no row values and no parameters, and keeps within
//! the stack of the database's parser. Names it gives are plain ASCII.
//!
//! Cost: a known token is a look-up, a new one some 10 us; in narrow use the names of a place are listed once.
//!
//! Tried and refused: one grammar with names as terminals, a copy for each catalog: it cannot say that a column must be in a
//! table that comes later. Stars in parts whose width is already fixed: they could only be judged when FROM ends.

mod act;
mod admit;
mod bind;
mod class;
mod home;
mod intern;
mod lex;
mod machine;
mod network;
mod offered;
mod plan;
mod scope;
mod why;

pub use intern::Names;
pub use lex::{State, Stay};
pub use machine::Sql;
pub use network::Network;
pub use plan::{Dialect, Function, Kind, Plan, Table};
pub use why::Why;

use super::Recognizer;
use crate::budget::Overrun;

impl Recognizer for Sql {
    type State = State;
    type Mark = ();

    fn start(&mut self) -> State {
        State { set: self.start, lex: lex::Lex::Gap(0) }
    }

    fn step(&mut self, state: State, byte: u8) -> Option<State> {
        self.step_byte(state, byte)
    }

    fn accepts(&mut self, state: State) -> bool {
        self.accepts_at(state)
    }

    fn begin(&mut self) {
        self.budget.refill();
    }

    fn fault(&self) -> Option<Overrun> {
        self.budget.overrun().cloned()
    }

    fn mark(&mut self) {}

    fn forget_since(&mut self, (): ()) {}
}
