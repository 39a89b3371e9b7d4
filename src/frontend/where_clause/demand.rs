//! What is demanded of an answer: a filter, and where it stops.

use super::{super::regex, shape::any_of};
use crate::grammar::Regex;

/// More nodes than this an expression does not have: where an answer stops says everything else more than once.
const MAX_WEIGHT: u64 = 200_000;

/// What is demanded: a filter, and where the answer stops.
pub struct Demand {
    pub filter: Regex,
    pub at: Vec<String>,
    pub before: Vec<String>,
}

impl Demand {
    pub fn new(filter: Regex) -> Self {
        Self { filter, at: Vec::new(), before: Vec::new() }
    }

    pub fn and(self, other: Self) -> Self {
        let filter = match (self.filter, other.filter) {
            (all, part) if part == Regex::anything() => all,
            (all, part) if all == Regex::anything() => part,
            (Regex::And(mut all), part) => {
                all.push(part);
                Regex::And(all)
            }
            (all, part) => Regex::And(vec![all, part]),
        };
        Self { filter, at: [self.at, other.at].concat(), before: [self.before, other.before].concat() }
    }

    /// The answers: a phrase counts where the filter holds, be it up to its end or up to its beginning.
    ///
    /// None: that is too much to say.
    pub fn language(self) -> Option<Regex> {
        if self.at.is_empty() && self.before.is_empty() {
            return Some(self.filter);
        }
        if regex::weight(&self.filter) > MAX_WEIGHT {
            return None;
        }
        let phrases = |texts: &[String]| any_of(texts.iter().map(|text| &**text).collect());
        let behind = |first: Regex| Regex::Concat(vec![first, Regex::anything()]);
        let stopped = Regex::And(vec![self.filter.clone(), Regex::Concat(vec![Regex::anything(), phrases(&self.at)])]);
        let mut all = vec![self.filter.clone()];
        if !self.before.is_empty() {
            let passed = behind(Regex::Concat(vec![self.filter, phrases(&self.before)]));
            all.push(Regex::Not(Box::new(passed)));
        }
        let mut ends = Vec::new();
        if !self.at.is_empty() {
            ends.push(Regex::Shortest(Box::new(stopped.clone())));
        }
        if !self.before.is_empty() {
            ends.push(if self.at.is_empty() { Regex::anything() } else { Regex::Not(Box::new(behind(stopped))) });
        }
        all.push(Regex::alternation(ends));
        Some(Regex::And(all))
    }
}
