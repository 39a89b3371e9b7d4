//! Components written by hand, for languages that no pattern covers, and grammars.
//!
//! Each has states that are numbers, handed out as they are met; state 0 is dead. A step never leads to another state from
//! which nothing is accepted, and the lengths of what is accepted from a state on are known exactly, but of some grammars.
//! So a machine may have any number of states: what a walk does not meet costs nothing, and a language that meets too many
//! ends as an overrun.

mod domain;
mod grammar;
mod intern;
mod leap;
mod pattern;

use super::nfa::Measure;
pub use domain::DomainKind;
use domain::Domains;
pub use grammar::TextGrammar;
use grammar::Texts;
use pattern::Patterns;

/// The state from which nothing is accepted.
pub const DEAD: u32 = 0;

/// A language by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MachineKind {
    /// Behind so many ASCII characters, a time `hh:mm:60` with an offset that makes it 23:59:60 in UTC.
    LeapSecond { skip: u8 },
    /// Patterns of ECMA 262 in Unicode mode; whether groups may have names.
    Pattern { named: bool },
    /// Names of hosts.
    Domain(DomainKind),
}

/// The states of one such language that have been met.
#[derive(Debug)]
pub enum Machine {
    Leap { skip: u8 },
    Pattern(Box<Patterns>),
    Domain(Box<Domains>),
    Grammar(Box<Texts>),
}

impl Machine {
    pub fn new(kind: MachineKind) -> Self {
        match kind {
            MachineKind::LeapSecond { skip } => Self::Leap { skip },
            MachineKind::Pattern { named } => Self::Pattern(Box::new(Patterns::new(named))),
            MachineKind::Domain(kind) => Self::Domain(Box::new(Domains::new(kind))),
        }
    }

    /// The states of a grammar.
    pub fn of_grammar(grammar: &TextGrammar) -> Self {
        Self::Grammar(Box::new(Texts::new(grammar)))
    }

    pub fn start(&self) -> u32 {
        match self {
            Self::Grammar(texts) => texts.start(),
            Self::Leap { skip } => leap::start(*skip),
            Self::Pattern(patterns) => patterns.start(),
            Self::Domain(domains) => domains.start(),
        }
    }

    /// The state behind one more byte of a text that is UTF-8.
    pub fn step(&mut self, state: u32, byte: u8) -> u32 {
        match self {
            _ if state == DEAD => DEAD,
            Self::Leap { .. } => leap::step(state, byte),
            Self::Pattern(patterns) => patterns.step(state, byte),
            Self::Domain(domains) => domains.step(state, byte),
            Self::Grammar(texts) => texts.step(state, byte),
        }
    }

    /// Whether a text that ends here is in the language.
    pub fn accepts(&self, state: u32) -> bool {
        match self {
            _ if state == DEAD => false,
            Self::Leap { .. } => leap::accepts(state),
            Self::Pattern(patterns) => patterns.accepts(state),
            Self::Domain(domains) => domains.accepts(state),
            Self::Grammar(texts) => texts.accepts(state),
        }
    }

    /// The lengths of the continuations that are accepted; None if they are not known.
    pub fn measure(&self, state: u32) -> Option<Measure> {
        match self {
            _ if state == DEAD => Some(Measure::NONE),
            Self::Leap { .. } => Some(leap::measure(state)),
            Self::Pattern(patterns) => Some(patterns.measure(state)),
            Self::Domain(domains) => Some(domains.measure(state)),
            Self::Grammar(texts) => texts.measure(state),
        }
    }

    /// Marks the bytes that begin a new class of indistinguishable bytes.
    pub fn mark_boundaries(&self, starts: &mut [bool; 257]) {
        match self {
            Self::Leap { .. } => leap::mark_boundaries(starts),
            Self::Domain(domains) if domains.is_ascii() => starts[..=0x80].fill(true),
            Self::Pattern(_) | Self::Domain(_) => starts[..256].fill(true),
            Self::Grammar(texts) => texts.mark_boundaries(starts),
        }
    }

    /// Every state but the dead one has a continuation that is accepted.
    pub fn is_live(&self, state: u32) -> bool {
        state != DEAD
    }

    /// A completion that is about the shortest; None where others know that better.
    pub fn completion(&self, state: u32) -> Option<Vec<u8>> {
        match self {
            Self::Grammar(texts) if state != DEAD => texts.completion(state),
            _ => None,
        }
    }

    /// Another walk begins.
    pub fn begin(&mut self) {
        if let Self::Grammar(texts) = self {
            texts.begin();
        }
    }

    /// Steps that were taken within the machine, where that is more than moving from state to state.
    pub fn work(&self) -> u64 {
        if let Self::Grammar(texts) = self { texts.work() } else { 0 }
    }

    /// Whether some state may be dead after all; and whether a limit was passed, so that nothing counts any more.
    pub fn trouble(&self) -> (bool, bool) {
        if let Self::Grammar(texts) = self { texts.trouble() } else { (false, false) }
    }

    /// Whether the text is in the language.
    pub fn matches(&mut self, text: &str) -> bool {
        let end = text.bytes().fold(self.start(), |state, byte| self.step(state, byte));
        self.accepts(end)
    }

    /// Approximate memory held, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Leap { .. } => 0,
            Self::Pattern(patterns) => patterns.bytes(),
            Self::Domain(domains) => domains.bytes(),
            Self::Grammar(texts) => texts.bytes(),
        }
    }
}
