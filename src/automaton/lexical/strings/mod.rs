//! String languages: what a JSON Schema admits where a string stands.
//!
//! A language is a boolean formula over [`StringAtom`]s: patterns, lists of literals, bounds on the length. It becomes a
//! deterministic automaton over the *decoded* UTF-8 bytes of the string ([`StringDfa`]), built only where a walk goes,
//! that never enters a state from which no text of the language can be reached. `escape` puts JSON's escapes on top.
//!
//! | file | what |
//! |---|---|
//! | `utf8` | classes of code points as byte automata |
//! | `nfa` | a pattern as a nondeterministic automaton, with distances to acceptance |
//! | `subset` | its lazy determinisation, lookarounds included |
//! | `machine` | languages by hand: leap seconds, patterns, names of hosts |
//! | `literals` | all literal texts of a language in one component |
//! | `product` | the tuple of all components, over byte classes |
//! | `formula` | formulas without lengths; what the components tell about them |
//! | `dfa`, `liveness`, `paths` | the table, from where acceptance can be reached, and how |
//! | `counted` | `^[a-z]{1,64}$` as a loop and a length |
//! | `build`, `cache` | from a formula to a language; languages by content, for all threads |
//!
//! Invariants: a step never gives a dead state (unless [`StringDfa::is_soft`]); a state number means the same as long as
//! its language lives; the same content gives the same language as long as the cache holds it.
//!
//! Cost: a step is one table look-up where the cell is known. An unknown cell costs the threads of its patterns, about
//! 0.2 to 2 us for usual ones. A state takes 4 bytes a byte class (5 to 40 classes) and its threads.
//!
//! Tried and refused: derivatives of regular expressions (slow on counted repeats, and lookbehinds do not fit);
//! determinising over code points with bytes below (two tables a step, and literals in many scripts make thousands of
//! classes); one product over NFA states for everything (no use of what single components know about liveness).

mod build;
mod cache;
mod counted;
mod dfa;
mod formula;
mod literals;
mod liveness;
mod machine;
mod nfa;
mod paths;
mod product;
mod subset;
mod utf8;

#[cfg(test)]
mod tests;

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

pub use cache::StringCache;
pub use dfa::StringDfa;
pub use machine::{DomainKind, MachineKind, TextGrammar};
pub use paths::Loops;

/// Bounds on a length in code points, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LengthBounds {
    pub min: u32,
    /// `None`: no bound.
    pub max: Option<u32>,
}

impl LengthBounds {
    pub fn contains(&self, length: u32) -> bool {
        self.min <= length && self.max.is_none_or(|max| length <= max)
    }
}

/// A condition on a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StringAtom {
    /// An ECMA 262 pattern matches somewhere in the text.
    Pattern(Arc<str>),
    /// The text is one of these.
    Literals(Arc<[Box<str>]>),
    /// The text has so many code points.
    Length(LengthBounds),
    /// A format of JSON Schema, by its name; see [`super::Formats`].
    Format(Arc<str>),
    /// The text is of a language that is written by hand.
    Machine(MachineKind),
    /// The text is one of a grammar's.
    Grammar(TextGrammar),
}

/// A place in a text of a language. Means something only to the language that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StrState {
    pub dfa: u32,
    /// Code points begun so far, as long as the number matters; 0 where it never does. With [`StrState::AFLOAT`] in it,
    /// so many more than an unknown number.
    pub len: u32,
}

impl StrState {
    /// A bit of `len`: the text began before an unknown number of code points. Whatever could be live behind some
    /// number of them is live; [`StringDfa::settle`] tells what is once the number is known. Lengths are therefore told
    /// apart up to 2^31.
    pub const AFLOAT: u32 = 1 << 31;

    fn is_afloat(self) -> bool {
        self.len & Self::AFLOAT != 0
    }
}

/// How the mask of a plain string relates to the mask in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Every continuation stays live.
    Universal,
    /// Every continuation of at most this many more code points stays live, every longer one dies.
    UpTo(u32),
    Other,
}

/// The truth of each watched formula.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verdicts {
    first: u64,
    /// Formulas 64 and up.
    rest: Vec<u64>,
}

impl Verdicts {
    pub(super) fn new(truths: impl Iterator<Item = bool>) -> Self {
        let mut verdicts = Self::default();
        for (i, truth) in truths.enumerate() {
            if i >= 64 && i % 64 == 0 {
                verdicts.rest.push(0);
            }
            let word = verdicts.rest.last_mut().unwrap_or(&mut verdicts.first);
            *word |= u64::from(truth) << (i % 64);
        }
        verdicts
    }

    /// Whether watched formula number `i` holds; false for a number that there is not.
    pub fn holds(&self, i: usize) -> bool {
        let word = if i < 64 { Some(&self.first) } else { self.rest.get(i / 64 - 1) };
        word.is_some_and(|word| word >> (i % 64) & 1 == 1)
    }

    /// The bits of formulas 0 to 63.
    pub fn first_word(&self) -> u64 {
        self.first
    }
}

/// A language outgrew the memory that one language may take, or the work that it may take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the automaton of a string constraint has grown to {states} states and {bytes} bytes and took {steps} steps at \
     once, more than it may take"
)]
pub struct Overrun {
    pub states: usize,
    pub bytes: usize,
    pub steps: u64,
}

/// What may be asked of a language without waiting for a walk to end.
#[derive(Debug, Default)]
struct Signs {
    soft: AtomicBool,
    /// It has grown so far that whoever begins anew should have a fresh one.
    worn: AtomicBool,
    bytes: AtomicUsize,
    /// Steps that nobody was charged for yet.
    work: AtomicU64,
    overrun: OnceLock<Overrun>,
}

/// A compiled language, shared by all that use it.
#[derive(Debug)]
pub struct StringLanguage {
    plain: bool,
    counts: bool,
    watched: usize,
    signs: Arc<Signs>,
    dfa: Mutex<StringDfa>,
}

impl StringLanguage {
    fn new(dfa: StringDfa) -> Self {
        let (plain, counts, watched) = (dfa.is_plain(), dfa.counts(), dfa.rule.watch.len());
        Self { plain, counts, watched, signs: Arc::clone(&dfa.signs), dfa: Mutex::new(dfa) }
    }

    /// See [`StringDfa::is_soft`].
    pub fn is_soft(&self) -> bool {
        self.signs.soft.load(Relaxed)
    }

    /// It has grown so far that whoever begins anew should have a fresh one.
    pub fn is_worn(&self) -> bool {
        self.signs.worn.load(Relaxed)
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.signs.bytes.load(Relaxed)
    }

    /// Steps that were taken since this was asked last, by anybody.
    pub fn take_work(&self) -> u64 {
        if self.signs.work.load(Relaxed) == 0 { 0 } else { self.signs.work.swap(0, Relaxed) }
    }

    /// See [`StringDfa::overrun`].
    pub fn overrun(&self) -> Option<Overrun> {
        self.signs.overrun.get().copied()
    }

    /// Whether every string is allowed and nothing is watched: then the automaton need not be asked.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The state with the number of code points before it left open, if the language counts them.
    pub fn afloat(&self, state: StrState) -> StrState {
        if self.counts { StrState { len: StrState::AFLOAT, ..state } } else { state }
    }

    /// Number of watched formulas.
    pub fn watched(&self) -> usize {
        self.watched
    }

    /// The automaton. It grows as it is walked, so walks of one language exclude each other; hold the guard for a walk.
    /// What one walk may cost is bounded; a new one begins here.
    pub fn lock(&self) -> StringDfaGuard<'_> {
        let mut dfa = self.dfa.lock().unwrap_or_else(PoisonError::into_inner);
        dfa.refill();
        dfa
    }
}

/// Exclusive use of a language's automaton.
pub type StringDfaGuard<'a> = MutexGuard<'a, StringDfa>;
