//! What a constraint may cost: steps and bytes, counted where the work is done.
//!
//! Nouns: [`Limits`] are set once; a [`Budget`] counts against them, and its clones count together; an [`Overrun`] is
//! the first limit that was passed, with its numbers.
//!
//! Invariants: whoever is told that the budget is spent ends soon and may return anything: its results, and whatever
//! was remembered since, are worthless. So an overrun is final, and whoever asked for the work looks for it before the
//! result is used. Steps are counted, not timed: the same constraint gets the same verdict on every machine.
//!
//! Cost: a load, a subtraction and a store without a lock. One budget is spent by one thread at a time.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// How much a constraint may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps to compile. A step is about the work of a look-up: some 10 to 50 nanoseconds.
    pub compile_steps: u64,
    /// Steps of one mask, or of one accepted token.
    pub answer_steps: u64,
    /// Memory for all that was found out about a constraint, about, in bytes.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { compile_steps: 4_000_000, answer_steps: 4_000_000, bytes: 96 << 20 }
    }
}

/// A limit that was passed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overrun {
    #[error("it takes more than {limit} steps")]
    Steps { limit: u64 },
    #[error("its tables take {bytes} bytes, of which {limit} are allowed")]
    Bytes { bytes: usize, limit: usize },
    /// A part that has limits of its own.
    #[error("{0}")]
    Part(String),
}

/// What is left of the limits. A clone counts with the original.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Meter>);

#[derive(Debug)]
struct Meter {
    limits: Limits,
    /// Steps left, of as many as were given last.
    left: AtomicU64,
    given: AtomicU64,
    bytes: AtomicUsize,
    overrun: OnceLock<Overrun>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Budget {
    /// With the steps of a compile.
    pub fn new(limits: Limits) -> Self {
        let steps = limits.compile_steps;
        let (left, given) = (AtomicU64::new(steps), AtomicU64::new(steps));
        Self(Arc::new(Meter { limits, left, given, bytes: AtomicUsize::new(0), overrun: OnceLock::new() }))
    }

    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Takes steps. False: they are spent, and whatever is being worked out must end.
    #[inline]
    pub fn spend(&self, steps: usize) -> bool {
        let left = self.0.left.load(Relaxed);
        match left.checked_sub(steps as u64) {
            Some(left) => {
                self.0.left.store(left, Relaxed);
                true
            }
            None => {
                self.out_of_steps();
                false
            }
        }
    }

    #[cold]
    fn out_of_steps(&self) {
        self.fail(Overrun::Steps { limit: self.0.given.load(Relaxed) });
    }

    /// The steps of one mask or token, whatever was left before.
    pub fn refill(&self) {
        if !self.is_spent() {
            self.0.left.store(self.0.limits.answer_steps, Relaxed);
            self.0.given.store(self.0.limits.answer_steps, Relaxed);
        }
    }

    /// So many more bytes are held.
    pub fn grow(&self, bytes: usize) {
        self.hold(self.bytes().saturating_add(bytes));
    }

    /// So many bytes are held, all in all.
    pub fn hold(&self, bytes: usize) {
        self.0.bytes.store(bytes, Relaxed);
        let limit = self.0.limits.bytes;
        if bytes > limit {
            self.fail(Overrun::Bytes { bytes, limit });
        }
    }

    /// Bytes that are held, about.
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Relaxed)
    }

    /// Nothing more may be spent; the first reason counts.
    #[cold]
    pub fn fail(&self, overrun: Overrun) {
        self.0.overrun.get_or_init(|| overrun);
        self.0.left.store(0, Relaxed);
    }

    /// Whether some limit was passed.
    pub fn is_spent(&self) -> bool {
        self.0.overrun.get().is_some()
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.0.left.load(Relaxed)
    }

    /// Whether half of the steps are gone: what is not needed had better be left.
    pub fn is_half_spent(&self) -> bool {
        self.0.left.load(Relaxed) < self.0.given.load(Relaxed) / 2
    }

    /// The limit that was passed first.
    pub fn overrun(&self) -> Option<&Overrun> {
        self.0.overrun.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Budget {
        Budget::new(Limits { compile_steps: 10, answer_steps: 3, bytes: 100 })
    }

    #[test]
    fn steps_run_out_for_good() {
        let budget = small();
        assert!(budget.clone().spend(10), "as many as there are");
        assert!(!budget.spend(1));
        assert_eq!(budget.overrun(), Some(&Overrun::Steps { limit: 10 }));
        budget.refill();
        assert!(!budget.spend(1), "an overrun is final");
    }

    #[test]
    fn every_token_has_steps_of_its_own() {
        let budget = small();
        for _ in 0..5 {
            budget.refill();
            assert!(budget.spend(3));
        }
        assert!(!budget.spend(1));
        assert_eq!(budget.overrun(), Some(&Overrun::Steps { limit: 3 }));
    }

    #[test]
    fn bytes_run_out_with_their_number() {
        let budget = small();
        budget.grow(60);
        budget.hold(90);
        budget.grow(10);
        assert!(!budget.is_spent());
        budget.grow(1);
        assert_eq!(budget.overrun(), Some(&Overrun::Bytes { bytes: 101, limit: 100 }));
        budget.hold(0);
        budget.fail(Overrun::Part("later".into()));
        assert!(matches!(budget.overrun(), Some(Overrun::Bytes { .. })), "the first reason counts");
        assert!(!budget.spend(1));
    }
}
