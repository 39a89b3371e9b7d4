//! How much work and memory one constraint may cost.
//!
//! [`Limits`] says how much of each there is; a [`Budget`] is what is left of one of them while something is spent on
//! it. Running out is an error that names the limit with its number, before generation starts; nothing is cut short
//! silently. A limit is on our work, not on what callers mean, so each is meant to lie far above what real constraints
//! need.

use std::fmt;

/// The limits on one constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Bytes of a schema's text.
    pub schema_bytes: usize,
    /// How deep a schema's values may be nested.
    pub schema_nesting: usize,
    /// How deep an answer's values may be nested.
    pub answer_nesting: usize,
    /// Steps of compiling: about one for each keyword looked at, and again for each branch it is looked at in.
    pub compile_steps: u64,
    /// Automaton states built for one pattern or string condition.
    pub pattern_states: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            schema_bytes: 4 << 20,
            schema_nesting: 512,
            answer_nesting: 4_096,
            compile_steps: 2_000_000,
            pattern_states: 200_000,
        }
    }
}

/// What is left of one limit.
///
/// ```
/// use espalier::budget::Budget;
/// let mut steps = Budget::new("steps to compile", 10);
/// assert!(steps.spend(7).is_ok());
/// assert_eq!(steps.spend(7).unwrap_err().to_string(), "needs more than 10 steps to compile");
/// ```
#[derive(Clone, Debug)]
pub struct Budget {
    what: &'static str,
    limit: u64,
    left: u64,
}

/// A limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Exhausted {
    /// What there was not enough of, in the plural.
    pub what: &'static str,
    pub limit: u64,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "needs more than {} {}", self.limit, self.what)
    }
}

impl Budget {
    /// `limit` of `what`, a noun in the plural that completes "needs more than 10 ...".
    pub fn new(what: &'static str, limit: u64) -> Self {
        Self { what, limit, left: limit }
    }

    /// Takes `amount` away.
    ///
    /// # Errors
    /// If less is left; then nothing is left, so that whoever goes on in spite of the error fails again.
    pub fn spend(&mut self, amount: u64) -> Result<(), Exhausted> {
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exhausted { what: self.what, limit: self.limit })
            }
        }
    }

    /// How much was taken.
    pub fn spent(&self) -> u64 {
        self.limit - self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_gone() {
        let mut budget = Budget::new("states", 5);
        assert_eq!(budget.spend(5), Ok(()));
        assert_eq!(budget.spent(), 5);
        assert_eq!(budget.spend(1), Err(Exhausted { what: "states", limit: 5 }));
        assert_eq!(Budget::new("states", 5).spend(6).unwrap_err().to_string(), "needs more than 5 states");
    }

    #[test]
    fn after_an_error_nothing_is_left() {
        let mut budget = Budget::new("states", 5);
        assert!(budget.spend(6).is_err());
        assert!(budget.spend(1).is_err());
    }
}
