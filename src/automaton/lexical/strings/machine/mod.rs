//! Components written by hand, for languages that no pattern covers.
//!
//! Each has states that are numbers, handed out as they are met; state 0 is dead. A step never leads to another state from
//! which nothing is accepted, and the lengths of what is accepted from a state on are known exactly. So a machine may have
//! any number of states: what a walk does not meet costs nothing, and a language that meets too many ends as an overrun.

mod domain;
mod intern;
mod leap;
mod pattern;

use super::nfa::Measure;
pub use domain::DomainKind;
use domain::Domains;
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
}

impl Machine {
    pub fn new(kind: MachineKind) -> Self {
        match kind {
            MachineKind::LeapSecond { skip } => Self::Leap { skip },
            MachineKind::Pattern { named } => Self::Pattern(Box::new(Patterns::new(named))),
            MachineKind::Domain(kind) => Self::Domain(Box::new(Domains::new(kind))),
        }
    }

    pub fn start(&self) -> u32 {
        match self {
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
        }
    }

    /// Whether a text that ends here is in the language.
    pub fn accepts(&self, state: u32) -> bool {
        match self {
            _ if state == DEAD => false,
            Self::Leap { .. } => leap::accepts(state),
            Self::Pattern(patterns) => patterns.accepts(state),
            Self::Domain(domains) => domains.accepts(state),
        }
    }

    /// The lengths of the continuations that are accepted.
    pub fn measure(&self, state: u32) -> Measure {
        match self {
            _ if state == DEAD => Measure::NONE,
            Self::Leap { .. } => leap::measure(state),
            Self::Pattern(patterns) => patterns.measure(state),
            Self::Domain(domains) => domains.measure(state),
        }
    }

    /// Marks the bytes that begin a new class of indistinguishable bytes.
    pub fn mark_boundaries(&self, starts: &mut [bool; 257]) {
        match self {
            Self::Leap { .. } => leap::mark_boundaries(starts),
            Self::Domain(domains) if domains.is_ascii() => starts[..=0x80].fill(true),
            Self::Pattern(_) | Self::Domain(_) => starts[..256].fill(true),
        }
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
        }
    }
}
