//! The automaton of whatever a caller may demand.

use super::{
    Recognizer,
    chart::{self, Chart},
    json::{self, Machine},
    sql::{self, Sql},
};
use crate::budget::{Budget, Overrun};

/// JSON and SQL have automata of their own; everything else is a grammar.
pub enum Automaton {
    Json(Box<Machine>),
    Chart(Box<Chart>),
    Sql(Box<Sql>),
}

/// A state of an [`Automaton`]; to no other does it mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Json(json::State),
    Chart(chart::StateId),
    Sql(sql::State),
}

/// A point in what an [`Automaton`] has found out.
pub enum Mark {
    Json(json::Mark),
    Other,
}

const FOREIGN: &str = "a state goes back to the automaton that it came from";

impl Automaton {
    /// What was spent so far, and the overrun that ends everything.
    pub fn budget(&self) -> &Budget {
        match self {
            Self::Json(machine) => machine.budget(),
            Self::Chart(chart) => chart.budget(),
            Self::Sql(sql) => sql.budget(),
        }
    }

    /// To be called when a piece of work is done: what is held is measured.
    pub fn settle(&mut self) {
        match self {
            Self::Json(machine) => machine.settle(),
            Self::Chart(chart) => chart.settle(),
            Self::Sql(sql) => sql.settle(),
        }
    }

    /// About the memory held, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Json(machine) => machine.size(),
            Self::Chart(chart) => chart.size(),
            Self::Sql(sql) => sql.size(),
        }
    }

    /// Forgets what was only of interest to texts that were read: no state but that of the start may be used again.
    pub fn forget_texts(&mut self) {
        if let Self::Json(machine) = self {
            machine.forget_texts();
        }
    }

    /// It has grown so far that the next answer had better begin with a new one.
    pub fn is_worn(&self) -> bool {
        match self {
            Self::Json(machine) => machine.is_worn(),
            Self::Chart(chart) => chart.is_worn(),
            Self::Sql(sql) => sql.is_worn(),
        }
    }

    /// The state by which what may come next is known: others with the same continuations share it.
    pub fn alike(&self, state: State) -> State {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => State::Json(machine.alike(state)),
            (_, state) => state,
        }
    }

    /// The state of all readings of two states.
    pub fn both(&mut self, a: State, b: State) -> State {
        match (self, a, b) {
            (Self::Chart(chart), State::Chart(a), State::Chart(b)) => State::Chart(chart.both(a, b)),
            (_, a, _) => a,
        }
    }

    /// Tokens are counted: a text alone does not tell whether it is of the language.
    pub fn counts_tokens(&self) -> bool {
        matches!(self, Self::Chart(chart) if chart.counts_tokens())
    }

    /// How many tokens the whole has is bounded.
    pub fn bounds_tokens(&self) -> bool {
        matches!(self, Self::Chart(chart) if chart.bounds_tokens())
    }

    /// The state of all texts that come here, however their tokens end: for texts whose tokens are not known.
    pub fn loosened(&mut self, state: State) -> State {
        match (self, state) {
            (Self::Chart(chart), State::Chart(state)) => State::Chart(chart.loosened(state)),
            (_, state) => state,
        }
    }

    /// Some liveness was assumed: there may be dead ends.
    pub fn is_soft(&self) -> bool {
        match self {
            Self::Json(machine) => machine.tables.is_soft(),
            Self::Chart(chart) => chart.is_soft(),
            // That every place has a way home is tried out, not proven.
            Self::Sql(_) => true,
        }
    }

    /// Text that completes what was read, of about the least cost there is; None if none is known.
    pub fn home(&mut self, state: State, cost: json::Cost) -> Option<Vec<u8>> {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => machine.home(state, cost),
            (Self::Chart(chart), State::Chart(state)) => chart.home(state),
            (Self::Sql(sql), State::Sql(state)) => sql.home(state),
            _ => unreachable!("{FOREIGN}"),
        }
    }
}

impl Recognizer for Automaton {
    type State = State;
    type Mark = Mark;

    fn start(&mut self) -> State {
        match self {
            Self::Json(machine) => State::Json(Machine::start(machine)),
            Self::Chart(chart) => State::Chart(chart.start()),
            Self::Sql(sql) => State::Sql(sql.start()),
        }
    }

    #[inline]
    fn step(&mut self, state: State, byte: u8) -> Option<State> {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => Machine::step(machine, state, byte).map(State::Json),
            (Self::Chart(chart), State::Chart(state)) => chart.step(state, byte).map(State::Chart),
            (Self::Sql(sql), State::Sql(state)) => sql.step(state, byte).map(State::Sql),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    fn read(&mut self, state: &mut State, text: &[u8]) -> usize {
        match (self, &mut *state) {
            (Self::Json(machine), State::Json(state)) => machine.read(state, text),
            (Self::Chart(chart), State::Chart(state)) => chart.read(state, text),
            (Self::Sql(sql), State::Sql(state)) => sql.read(state, text),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    fn token_ends(&mut self, state: State) -> Option<State> {
        match (self, state) {
            (Self::Chart(chart), State::Chart(state)) => chart.token_ends(state).map(State::Chart),
            (_, state) => Some(state),
        }
    }

    fn accepts(&mut self, state: State) -> bool {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => Machine::accepts(machine, state),
            (Self::Chart(chart), State::Chart(state)) => chart.accepts(state),
            (Self::Sql(sql), State::Sql(state)) => sql.accepts(state),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    fn finish(&mut self, state: State) -> Option<Vec<u8>> {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => machine.finish(state),
            (Self::Chart(chart), State::Chart(state)) => chart.finish(state),
            (Self::Sql(_), _) => None,
            _ => unreachable!("{FOREIGN}"),
        }
    }

    fn close(&mut self, state: State) -> Option<Vec<u8>> {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => machine.close(state),
            (Self::Chart(chart), State::Chart(state)) => chart.close(state),
            (Self::Sql(_), _) => None,
            _ => unreachable!("{FOREIGN}"),
        }
    }

    fn forced(&mut self, state: State) -> Option<(u8, State)> {
        match (self, state) {
            (Self::Json(machine), State::Json(state)) => {
                machine.forced(state).map(|(byte, state)| (byte, State::Json(state)))
            }
            (Self::Chart(chart), State::Chart(state)) => {
                chart.forced(state).map(|(byte, state)| (byte, State::Chart(state)))
            }
            (Self::Sql(sql), State::Sql(state)) => sql.forced(state).map(|(byte, state)| (byte, State::Sql(state))),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    fn begin(&mut self) {
        match self {
            Self::Json(machine) => Machine::begin(machine),
            Self::Chart(chart) => chart.begin(),
            Self::Sql(sql) => sql.begin(),
        }
    }

    fn fault(&self) -> Option<Overrun> {
        match self {
            Self::Json(machine) => Machine::fault(machine).cloned(),
            Self::Chart(chart) => chart.fault(),
            Self::Sql(sql) => sql.fault(),
        }
    }

    fn mark(&mut self) -> Mark {
        match self {
            Self::Json(machine) => Mark::Json(Machine::mark(machine)),
            Self::Chart(_) | Self::Sql(_) => Mark::Other,
        }
    }

    fn forget_since(&mut self, mark: Mark) {
        if let (Self::Json(machine), Mark::Json(mark)) = (self, mark) {
            Machine::forget_since(machine, mark);
        }
    }
}
