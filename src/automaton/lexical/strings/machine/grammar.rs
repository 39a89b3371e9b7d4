//! The texts of a grammar as a component: the chart's states by their numbers.
//!
//! A chart is a deterministic automaton that is built where a walk goes, and none of its states is dead; so what a string
//! holds may be of any grammar, and goes into products with patterns, lists and lengths like everything else. How many
//! characters are still needed is what the shortest way home tells, exactly, unless something is embedded.

use std::{
    cell::{Cell, RefCell},
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use rustc_hash::FxHashMap;

use super::super::nfa::{Measure, NEVER};
use super::DEAD;
use crate::{
    automaton::{
        Recognizer,
        chart::{Chart, Part, Plan},
    },
    budget::Limits,
};

/// Makes the automata of what is embedded in a grammar.
type Parts = dyn Fn() -> Vec<Part> + Send + Sync;

/// A grammar whose texts a string may hold. Cheap to clone; two are equal if they were written in the same way.
#[derive(Clone)]
pub struct TextGrammar {
    /// All that its texts hang on.
    written: Arc<str>,
    plan: Plan,
    parts: Arc<Parts>,
    limits: Limits,
}

impl TextGrammar {
    /// `written` tells it from all others.
    pub fn new(
        written: impl Into<Arc<str>>,
        plan: Plan,
        parts: impl Fn() -> Vec<Part> + Send + Sync + 'static,
        limits: Limits,
    ) -> Self {
        Self { written: written.into(), plan, parts: Arc::new(parts), limits }
    }
}

impl PartialEq for TextGrammar {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for TextGrammar {}

impl Hash for TextGrammar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.written.hash(state);
    }
}

impl fmt::Debug for TextGrammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextGrammar").field(&self.written).finish()
    }
}

/// The states of a grammar that have been met: those of its chart, each one higher.
pub struct Texts {
    // A question may make the chart grow as a step does.
    chart: RefCell<Chart>,
    measures: RefCell<FxHashMap<u32, Option<Measure>>>,
    work: Cell<u64>,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Texts {
    pub fn new(grammar: &TextGrammar) -> Self {
        let mut chart = grammar.plan.chart((grammar.parts)(), grammar.limits);
        chart.count_characters();
        Self { chart: RefCell::new(chart), measures: RefCell::default(), work: Cell::new(0) }
    }

    /// What is asked of the chart, its steps counted.
    fn ask<T>(&self, of: impl FnOnce(&mut Chart) -> T) -> T {
        let mut chart = self.chart.borrow_mut();
        let before = chart.budget().left();
        let answer = of(&mut chart);
        self.work.set(self.work.get() + before.saturating_sub(chart.budget().left()));
        answer
    }

    pub fn start(&self) -> u32 {
        self.ask(Recognizer::start) + 1
    }

    pub fn step(&self, state: u32, byte: u8) -> u32 {
        self.ask(|chart| chart.step(state - 1, byte)).map_or(DEAD, |next| next + 1)
    }

    pub fn accepts(&self, state: u32) -> bool {
        self.ask(|chart| chart.accepts(state - 1))
    }

    /// The least number of characters that are missing. None: what is embedded tells a short text, not the shortest.
    pub fn measure(&self, state: u32) -> Option<Measure> {
        if let Some(known) = self.measures.borrow().get(&state) {
            return *known;
        }
        let shortest = self.ask(|chart| if chart.has_parts() { None } else { chart.home(state - 1) });
        let length = |text: Vec<u8>| text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let min = shortest.and_then(|text| u32::try_from(length(text)).ok());
        let measure = min.map(|min| Measure { min, stretch: NEVER });
        self.measures.borrow_mut().insert(state, measure);
        measure
    }

    pub fn completion(&self, state: u32) -> Option<Vec<u8>> {
        self.ask(|chart| chart.home(state - 1))
    }

    /// Marks the bytes that begin a new class of indistinguishable bytes.
    pub fn mark_boundaries(&self, starts: &mut [bool; 257]) {
        let chart = self.chart.borrow();
        for byte in 1..=u8::MAX {
            starts[usize::from(byte)] |= chart.class_of(byte) != chart.class_of(byte - 1);
        }
    }

    pub fn begin(&mut self) {
        let chart = self.chart.get_mut();
        chart.settle();
        chart.begin();
    }

    pub fn work(&self) -> u64 {
        self.work.get()
    }

    /// See [`super::Machine::trouble`].
    pub fn trouble(&self) -> (bool, bool) {
        let chart = self.chart.borrow();
        (chart.is_soft(), chart.fault().is_some())
    }

    pub fn bytes(&self) -> usize {
        self.chart.borrow().size() + self.measures.borrow().len() * 24
    }
}
